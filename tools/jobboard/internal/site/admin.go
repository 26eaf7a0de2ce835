package site

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func (s *Site) routesAdmin() {
	s.routesCaptcha()
	s.mux.HandleFunc("GET /_board/health", func(w http.ResponseWriter, _ *http.Request) { s.reply(w, http.StatusOK, obj{"status": "ok"}) })
	s.mux.HandleFunc("GET /_board/jobs", s.adminJobs)
	s.mux.HandleFunc("POST /_board/jobs", s.adminMoreJobs)
	s.mux.HandleFunc("GET /_board/submissions", s.adminSubmissions)
	s.mux.HandleFunc("GET /_board/submissions/{id}", func(w http.ResponseWriter, r *http.Request) {
		found := s.store.find(func(x *Submission) bool { return x.ID == r.PathValue("id") })
		if len(found) == 0 {
			notFound(w)
			return
		}
		s.reply(w, http.StatusOK, found[0])
	})
	s.mux.HandleFunc("GET /_board/requests", s.adminRequests)
	s.mux.HandleFunc("GET /_board/modes", func(w http.ResponseWriter, _ *http.Request) { s.reply(w, http.StatusOK, s.modes.list()) })
	s.mux.HandleFunc("PUT /_board/modes", s.adminSetModes)
	s.mux.HandleFunc("DELETE /_board/modes", func(w http.ResponseWriter, _ *http.Request) {
		s.modes.reset()
		s.reply(w, http.StatusOK, s.modes.list())
	})
	s.mux.HandleFunc("GET /_board/codes", func(w http.ResponseWriter, r *http.Request) {
		codes := s.store.codesOf(r.URL.Query().Get("email"))
		s.reply(w, http.StatusOK, obj{"items": codes, "total": len(codes)})
	})
	s.mux.HandleFunc("POST /_board/answers", s.adminAnswer)
	s.mux.HandleFunc("POST /_board/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.store.reset()
		s.modes.reset()
		s.countMu.Lock()
		clear(s.counts)
		s.countMu.Unlock()
		s.reply(w, http.StatusOK, obj{"status": "reset"})
	})
}

// jobView is a posting as tests want to know it.
type jobView struct {
	Key         string       `json:"key"`
	Platform    string       `json:"platform"`
	Board       string       `json:"board"`
	ID          string       `json:"id"`
	Title       string       `json:"title"`
	Company     string       `json:"company"`
	Language    string       `json:"language"`
	Location    string       `json:"location"`
	City        string       `json:"city"`
	CountryCode string       `json:"countryCode"`
	Workplace   string       `json:"workplace"`
	PageURL     string       `json:"pageUrl"`
	ApplyURL    string       `json:"applyUrl"`
	APIURL      string       `json:"apiUrl"`
	ListingURL  string       `json:"listingUrl"`
	Modes       []string     `json:"modes"`
	Traps       []string     `json:"traps"`
	DuplicateOf string       `json:"duplicateOf,omitempty"`
	Closed      bool         `json:"closed"`
	Pages       int          `json:"pages"`
	Fields      []form.Field `json:"fields"`
}

func (s *Site) jobView(r *http.Request, j *posting.Job) jobView {
	v := jobView{Key: j.Key, Platform: j.Platform, Board: j.Board, ID: j.ID, Title: j.Title, Company: j.Company.Name, Language: j.Lang,
		Location: j.Location, City: j.Places[0].City, CountryCode: j.Places[0].CountryCode, Workplace: j.Workplace,
		PageURL: base(r) + j.PagePath(), ApplyURL: base(r) + j.ApplyPath(), Modes: append([]string{}, s.modes.of(j)...),
		Traps: append([]string{}, j.Traps...), DuplicateOf: j.DuplicateOf, Closed: s.closed(j), Fields: []form.Field{}}
	v.ListingURL, v.APIURL = apiURLs(base(r), j)
	if j.OriginalURL == "" {
		f := s.form(j)
		v.Fields, v.Pages = f.Fields, f.Pages
	}
	return v
}

// apiURLs gives the address of the listing that holds a posting and of the posting's own document, where there is one.
func apiURLs(base string, j *posting.Job) (listing, own string) {
	switch j.Platform {
	case posting.Greenhouse:
		listing = base + "/greenhouse/api/v1/boards/" + j.Board + "/jobs"
		return listing, listing + "/" + j.ID
	case posting.Lever:
		listing = base + "/" + j.LeverHost() + "/api/v0/postings/" + j.Board
		return listing, listing + "/" + j.ID
	case posting.Ashby:
		return base + "/ashby/api/posting-api/job-board/" + j.Board, base + "/ashby/jobs/api/non-user-graphql"
	case posting.Workable:
		return base + "/workable/api/v1/widget/accounts/" + j.Board, base + "/workable/api/v1/jobs/" + j.ID + "/form"
	case posting.SmartRecruiters:
		listing = base + "/smartrecruiters/api/v1/companies/" + j.Board + "/postings"
		return listing, listing + "/" + j.ID
	case posting.Recruitee:
		return base + "/recruitee/" + j.Board + "/api/offers/", ""
	case posting.Personio:
		return base + "/personio/" + j.Board + "/xml", ""
	case posting.Careers:
		return base + "/careers/" + j.Board + "/sitemap.xml", base + j.PagePath()
	case posting.RemoteOK:
		return base + "/remoteok/api", ""
	case posting.Remotive:
		return base + "/remotive/api/remote-jobs", ""
	}
	return base + "/arbeitnow/api/job-board-api", ""
}

func (s *Site) adminJobs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	is := func(name, value string) bool { return q.Get(name) == "" || q.Get(name) == value }
	items := []jobView{}
	for _, j := range s.board().Jobs {
		if !is("platform", j.Platform) || !is("board", j.Board) || !is("key", j.Key) || q.Get("trap") != "" && !j.Has(q.Get("trap")) {
			continue
		}
		if m := q.Get("mode"); m != "" && m != "none" && !s.modes.has(j, m) || m == "none" && len(s.modes.of(j)) > 0 {
			continue
		}
		items = append(items, s.jobView(r, j))
	}
	s.reply(w, http.StatusOK, obj{"items": items, "total": len(items)})
}

// adminMoreJobs has every company publish one posting more, and lists these.
func (s *Site) adminMoreJobs(w http.ResponseWriter, r *http.Request) {
	s.growMu.Lock()
	defer s.growMu.Unlock()
	before := s.board()
	b, err := s.More(len(before.Companies[0].Jobs) + 1)
	if err != nil {
		s.reply(w, http.StatusConflict, obj{"error": err.Error()})
		return
	}
	s.offer.Store(newOffer(b))
	items := []jobView{}
	for _, j := range b.Jobs {
		if before.Job(j.Key) == nil {
			items = append(items, s.jobView(r, j))
		}
	}
	s.reply(w, http.StatusCreated, obj{"items": items, "total": len(items)})
}

func (s *Site) adminSubmissions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	outcome := q.Get("outcome")
	if outcome == "" {
		outcome = accepted
	}
	items := s.store.find(func(x *Submission) bool {
		return (outcome == "all" || x.Outcome == outcome) && (q.Get("job") == "" || x.Job == q.Get("job")) &&
			(q.Get("email") == "" || strings.EqualFold(x.Email, q.Get("email"))) && (q.Get("platform") == "" || x.Platform == q.Get("platform"))
	})
	s.reply(w, http.StatusOK, obj{"items": items, "total": len(items)})
}

func (s *Site) adminRequests(w http.ResponseWriter, _ *http.Request) {
	s.countMu.Lock()
	boards := make(map[string]map[string]int, len(s.counts))
	for name, c := range s.counts {
		boards[name] = maps.Clone(c)
	}
	s.countMu.Unlock()
	out := obj{"robotsViolations": boards["robots"]["violations"], "robotsRead": boards["robots"]["read"],
		"notModified": boards["conditional"]["notModified"], "blocked": boards[posting.Workable]["blocked"]}
	delete(boards, "robots")
	delete(boards, "conditional")
	out["boards"] = boards
	s.reply(w, http.StatusOK, out)
}

func (s *Site) adminSetModes(w http.ResponseWriter, r *http.Request) {
	var set setting
	if !s.read(w, r, &set) {
		return
	}
	if set.Job != "" && s.board().Job(set.Job) == nil {
		s.reply(w, http.StatusNotFound, obj{"error": "no job has the key " + set.Job + "; GET /_board/jobs lists them"})
		return
	}
	if err := s.modes.set(set); err != nil {
		s.reply(w, http.StatusUnprocessableEntity, obj{"error": err.Error()})
		return
	}
	s.reply(w, http.StatusOK, s.modes.list())
}

// read decodes a request's JSON strictly, or answers 400.
func (s *Site) read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		s.reply(w, http.StatusBadRequest, obj{"error": "cannot read the request: " + err.Error()})
		return false
	}
	return true
}

// adminAnswer plays the employer who answers an application by mail.
func (s *Site) adminAnswer(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Submission, Job, Email, Kind, Subject, Text string
	}
	if !s.read(w, r, &q) {
		return
	}
	found := s.store.find(func(x *Submission) bool {
		if q.Submission != "" {
			return x.ID == q.Submission
		}
		return x.Outcome == accepted && x.Job == q.Job && strings.EqualFold(x.Email, q.Email)
	})
	if len(found) == 0 {
		s.reply(w, http.StatusNotFound, obj{"error": "no such application; GET /_board/submissions lists them"})
		return
	}
	x := found[len(found)-1]
	j := s.board().Job(x.Job)
	subject, text, ok := answer(q.Kind, j.Lang, j.Company.Name, j.Title)
	if !ok {
		s.reply(w, http.StatusUnprocessableEntity, obj{"error": fmt.Sprintf("kind %q is unknown; use interview, rejection or offer", q.Kind)})
		return
	}
	if q.Subject != "" {
		subject = q.Subject
	}
	if q.Text != "" {
		text = q.Text
	}
	m := mail{From: "people@" + strings.ToLower(j.Board) + ".example", FromName: j.Company.Name, To: x.Email, Subject: subject, Text: text}
	if s.SMTPURL == "" {
		s.reply(w, http.StatusServiceUnavailable, obj{"error": "no mail server: start the board with SMTP_URL=smtp://host:port"})
		return
	}
	if err := m.send(r.Context(), s.SMTPURL, s.Now()); err != nil {
		s.reply(w, http.StatusBadGateway, obj{"error": "mail was not taken: " + err.Error()})
		return
	}
	s.reply(w, http.StatusOK, obj{"to": m.To, "from": m.From, "subject": m.Subject, "text": m.Text})
}

package walk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// posting is a job as the local job site knows it, with what its form asks.
type posting struct {
	Key, Platform, Board, ID, Title, Company, Language string
	Modes, Traps                                       []string
	DuplicateOf                                        string
	Fields                                             []struct {
		Meaning, About string
		Required       bool
	}
}

// application is one that the user made.
type application struct {
	id      string
	posting posting
	job     job
}

// state is what the walk sees of an application.
type state struct {
	Application struct {
		State, Reason, Platform string
		OpenQuestions           int
	}
	Timeline    []struct{ From, To, By string }
	Screenshots []struct{ ID, Shows string }
}

// platforms that applications are sent on, by the job site's names.
var platforms = []struct{ name, title string }{
	{"greenhouse", "Greenhouse"}, {"lever", "Lever"}, {"ashby", "Ashby"}, {"workable", "Workable"}, {"careers", "a career page"},
}

// answerBank is what the user knows to say.
var answerBank = []struct {
	key   string
	value any
}{
	{"authorized_to_work", true}, {"requires_sponsorship", false}, {"over_18", true}, {"highest_degree", "master"},
	{"how_did_you_hear", "Job board"}, {"notice_period", "1 month"}, {"earliest_start_date", time.Now().AddDate(0, 2, 0).Format(time.DateOnly)},
	{"willing_to_relocate", true}, {"willing_to_commute", true}, {"willing_to_travel", true}, {"worked_here_before", false},
	{"expected_salary", map[string]any{"amount": 75000, "currency": "GBP", "period": "year"}}, {"english_level", "C2"}, {"years_of_experience", 8}, {"privacy_consent", true}, {"future_contact_consent", false},
}

// answered are the meanings of fields that profile and answer bank have a value for.
var answered = []string{
	"name.full", "name.first", "name.last", "email", "phone", "resume", "location", "country", "url.linkedin", "url.github", "url.portfolio",
	"work_authorization", "sponsorship", "source", "adult", "start_date", "notice_period", "relocation", "onsite", "travel", "education.level",
	"consent.privacy", "employed_before", "current.company", "current.title",
}

func (w *Walk) applicationSteps() []Step {
	steps := []Step{
		{"fill the answer bank", w.fillAnswerBank},
		{"say how applications are to be sent", w.saveSettings},
		{"apply to nine jobs", w.apply},
	}
	for _, p := range platforms {
		steps = append(steps, Step{"see it sent on " + p.title, func(ctx context.Context) (string, error) { return w.awaitSent(ctx, w.sent[p.name]) }})
	}
	return append(steps,
		Step{"ask for one a second time", w.applyTwice},
		Step{"review one and approve it", w.reviewOne},
		Step{"answer a question, so that one goes on", w.answerOne},
		Step{"find one parked at a CAPTCHA", w.parkedOne},
		Step{"find one closed", w.closedOne},
		Step{"compare with what the employers received", w.received},
		Step{"fetch receipts and screenshots", w.receipts},
	)
}

func (w *Walk) fillAnswerBank(ctx context.Context) (string, error) {
	for _, a := range answerBank {
		if err := w.user.call(ctx, http.MethodPut, "/api/v1/users/me/answers/"+a.key, 200, map[string]any{"value": a.value}, nil); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d answers", len(answerBank)), nil
}

func (w *Walk) saveSettings(ctx context.Context) (string, error) {
	return "not reviewed unless asked for; a cover letter where one is required", w.user.call(ctx, http.MethodPost, "/api/v1/auto-apply/settings", 200, map[string]any{
		"reviewBeforeSending": false, "maxPerDay": 50, "maxPerCompany": 10, "maxPerPlatformPerDay": 50, "minScore": 0.5, "coverLetter": "when_required",
	}, nil)
}

// apply chooses nine postings by what their forms ask and applies to all.
func (w *Walk) apply(ctx context.Context) (string, error) {
	board := w.client(w.Board)
	var all struct{ Items []posting }
	if err := board.get(ctx, "/_board/jobs", &all); err != nil {
		return "", err
	}
	// Jobs for engineers come first: the resume is one's.
	slices.SortStableFunc(all.Items, func(a, b posting) int { return rank(a) - rank(b) })
	used := map[string]bool{}
	request := func(why string, review bool, fits func(posting) bool, before func(posting) error) (application, error) {
		for _, p := range all.Items {
			if used[p.Key] || p.DuplicateOf != "" || p.Language != "en" || len(p.Traps) > 0 || !w.gathers(p) || !fits(p) {
				continue
			}
			j, ok, err := w.find(ctx, p)
			if err != nil {
				return application{}, err
			}
			if !ok {
				continue // seen elsewhere first, or not gathered
			}
			used[p.Key] = true
			if before != nil {
				if err := before(p); err != nil {
					return application{}, err
				}
			}
			a := application{posting: p, job: j}
			a.id, err = w.request(ctx, j, review)
			return a, err
		}
		return application{}, fmt.Errorf("no posting of the job site %s; start it anew with more postings (JOBBOARD_JOBS)", why)
	}
	plain := func(p posting) bool { return len(p.Modes) == 0 && len(p.unknown()) == 0 }
	w.sent = map[string]application{}
	var err error
	for _, p := range platforms {
		if w.sent[p.name], err = request("can be filled on "+p.name, false, func(x posting) bool { return x.Platform == p.name && plain(x) }, nil); err != nil {
			return "", err
		}
	}
	if w.reviewed, err = request("is left to review", true, func(p posting) bool { return plain(p) && p.Platform == "lever" }, nil); err != nil {
		return "", err
	}
	if w.asked, err = request("asks for a text of one's own alone", false, func(p posting) bool {
		u := p.unknown()
		return len(p.Modes) == 0 && len(u) == 1 && u[0] == "motivation"
	}, func(posting) error { w.user.trace = w.Trace; return nil }); err != nil {
		return "", err
	}
	w.user.trace = ""
	if w.parked, err = request("has a CAPTCHA", false, func(p posting) bool {
		return slices.Equal(p.Modes, []string{"captcha"}) && len(p.unknown()) == 0
	}, nil); err != nil {
		return "", err
	}
	if w.closed, err = request("is left to be closed", false, plain, func(p posting) error {
		return board.call(ctx, http.MethodPut, "/_board/modes", 200, map[string]any{"job": p.Key, "modes": []string{"closed"}}, nil)
	}); err != nil {
		return "", err
	}
	said := "all accepted, under way in the background"
	for _, p := range platforms {
		said += fmt.Sprintf("\n%-14s %s", p.name, w.sent[p.name].job)
	}
	for _, x := range []struct {
		why string
		a   application
	}{{"to review", w.reviewed}, {"with question", w.asked}, {"with CAPTCHA", w.parked}, {"closed", w.closed}} {
		said += fmt.Sprintf("\n%-14s %s", x.why, x.a.job)
	}
	return said, nil
}

// request asks for an application and returns its id.
func (w *Walk) request(ctx context.Context, j job, review bool) (string, error) {
	var made struct{ ID string }
	err := w.user.call(ctx, http.MethodPost, "/api/v1/applications", 201, map[string]any{"jobId": j.ID, "resumeId": w.resume.id, "review": review}, &made)
	if err == nil || done(err) != nil {
		return made.ID, err
	}
	var list struct{ Items []struct{ ID, JobID string } }
	if err := w.user.get(ctx, "/api/v1/applications?limit=50", &list); err != nil {
		return "", err
	}
	for _, a := range list.Items {
		if a.JobID == j.ID {
			return a.ID, nil
		}
	}
	return "", err
}

func rank(p posting) int {
	for _, word := range []string{"Backend", "Developer", "Engineer"} {
		if strings.Contains(p.Title, word) {
			return 0
		}
	}
	return 1
}

// unknown are the meanings of required fields that nothing is known for.
func (p posting) unknown() (list []string) {
	for _, f := range p.Fields {
		known := slices.Contains(answered, f.Meaning) || f.Meaning == "salary" && f.About == "GBP" || f.Meaning == "language.level" && f.About == "English"
		if f.Required && !known {
			list = append(list, f.Meaning)
		}
	}
	return list
}

// gathers says whether the posting's board is one of the walk's sources.
func (w *Walk) gathers(p posting) bool {
	return slices.ContainsFunc(boardSources, func(s Source) bool { return platformOf(p) == s.Platform && p.Board == s.Token })
}

// platformOf is the job service's name of a posting's platform.
func platformOf(p posting) string {
	if p.Platform == "careers" {
		return "schemaorg"
	}
	return p.Platform
}

// find looks a posting of the job site up in the job service.
func (w *Walk) find(ctx context.Context, p posting) (job, bool, error) {
	var list found
	if err := w.user.get(ctx, "/api/v1/jobs"+query("title", p.Title, "platform", platformOf(p), "facets", "false", "limit", "50"), &list); err != nil {
		return job{}, false, err
	}
	for _, j := range list.Items {
		if j.Title != p.Title {
			continue
		}
		var full struct {
			Sources []struct{ Platform, Board, ExternalID, URL string }
		}
		if err := w.user.get(ctx, "/api/v1/jobs/"+j.ID, &full); err != nil {
			return job{}, false, err
		}
		for _, s := range full.Sources {
			if s.Platform == platformOf(p) && s.Board == p.Board && (s.ExternalID == p.ID || strings.HasSuffix(s.URL, "/"+p.ID)) {
				return j, true, nil
			}
		}
	}
	return job{}, false, nil
}

// ended are the states in which nothing more happens by itself.
var ended = []string{"needs_review", "needs_answers", "needs_captcha", "submitted", "unconfirmed", "failed", "closed", "withdrawn", "cancelled"}

// awaitState waits, by what comes over the WebSocket, until an application is in a
// state, and fails when it ends up in another; it may have been parked in past. In a
// patient walk one that was to be sent may end as unconfirmed.
func (w *Walk) awaitState(ctx context.Context, a application, want, past string) (s state, err error) {
	var e struct{ ApplicationID, To, Reason string }
	last := ""
	_, err = w.stream.await(ctx, "auto-apply.application.changed", &e, func() bool {
		if e.ApplicationID == a.id {
			last = e.To
		}
		return e.ApplicationID == a.id && (e.To == want || slices.Contains(ended, e.To) && e.To != past)
	})
	if err != nil {
		return s, fmt.Errorf("%s, last seen %s: %w", a.job, last, err)
	}
	if err := w.user.get(ctx, "/api/v1/applications/"+a.id, &s); err != nil {
		return s, err
	}
	if w.Patience > 0 && want == "submitted" && e.To == "unconfirmed" {
		w.unconfirmed[a.id] = true
		return s, nil
	}
	if e.To != want {
		var q struct {
			Items []struct{ Question, Reason string }
		}
		_ = w.user.get(ctx, "/api/v1/applications/"+a.id+"/questions", &q)
		return s, fmt.Errorf("%s (%s) is %s instead of %s: %s %v", a.job, a.posting.Key, e.To, want, s.Application.Reason, q.Items)
	}
	return s, nil
}

func (w *Walk) awaitSent(ctx context.Context, a application) (string, error) {
	s, err := w.awaitState(ctx, a, "submitted", "")
	if err != nil {
		return "", err
	}
	if len(s.Screenshots) == 0 && !w.unconfirmed[a.id] {
		return "", fmt.Errorf("%s was sent without a picture", a.job)
	}
	var way []string
	for _, t := range s.Timeline {
		way = append(way, t.To)
	}
	return a.job.String() + "\n" + strings.Join(way, " → "), nil
}

func (w *Walk) applyTwice(ctx context.Context) (string, error) {
	a := w.sent["greenhouse"]
	return "refused: already_applied", w.user.refused(ctx, http.MethodPost, "/api/v1/applications", map[string]any{"jobId": a.job.ID}, 409, "already_applied")
}

// filled is a form as it is sent.
type filled struct {
	Fields []struct {
		Label, Source string
		Values        []string
	}
	Files []struct {
		Field, Name string
		Size        int
	}
}

func (w *Walk) reviewOne(ctx context.Context) (string, error) {
	if _, err := w.awaitState(ctx, w.reviewed, "needs_review", ""); err != nil {
		return "", err
	}
	path := "/api/v1/applications/" + w.reviewed.id
	var f filled
	if err := w.user.get(ctx, path+"/review", &f); err != nil {
		return "", err
	}
	said := ""
	for _, x := range f.Fields {
		if len(x.Values) > 0 {
			said += fmt.Sprintf("\n%-34s %-8s %s", cut(x.Label, 34), x.Source, cut(strings.Join(x.Values, ", "), 60))
		}
	}
	for _, x := range f.Files {
		said += fmt.Sprintf("\n%-34s %-8s %s, %d KiB", x.Field, "file", x.Name, x.Size/1024)
	}
	if err := done(w.user.call(ctx, http.MethodPost, path+"/review/approve", 200, nil, nil)); err != nil {
		return "", err
	}
	_, err := w.awaitState(ctx, w.reviewed, "submitted", "needs_review")
	return w.reviewed.job.String() + said, err
}

func (w *Walk) answerOne(ctx context.Context) (string, error) {
	if _, err := w.awaitState(ctx, w.asked, "needs_answers", ""); err != nil {
		return "", err
	}
	path := "/api/v1/applications/" + w.asked.id
	var list struct {
		Items []struct {
			ID, Question string
			Options      []string
			AnsweredAt   *time.Time
		}
	}
	if err := w.user.get(ctx, path+"/questions", &list); err != nil {
		return "", err
	}
	const answer = "I have planned rotas for sixty hospitals with software and would like to do the same for your customers."
	var answers []map[string]any
	said := w.asked.job.String()
	for _, q := range list.Items {
		if q.AnsweredAt != nil {
			continue
		}
		value := answer
		if len(q.Options) > 0 {
			value = q.Options[0]
		}
		answers = append(answers, map[string]any{"questionId": q.ID, "values": []string{value}})
		said += "\nasked:    " + q.Question + "\nanswered: " + value
	}
	if err := done(w.user.call(ctx, http.MethodPost, path+"/questions", 200, map[string]any{"answers": answers}, nil)); err != nil {
		return "", err
	}
	_, err := w.awaitState(ctx, w.asked, "submitted", "needs_answers")
	return said, err
}

func (w *Walk) parkedOne(ctx context.Context) (string, error) {
	s, err := w.awaitState(ctx, w.parked, "needs_captcha", "")
	return strings.TrimSuffix(w.parked.job.String()+"\n"+s.Application.Reason, "\n"), err
}

func (w *Walk) closedOne(ctx context.Context) (string, error) {
	s, err := w.awaitState(ctx, w.closed, "closed", "")
	if err != nil {
		return "", err
	}
	return w.closed.job.String() + "\n" + s.Application.Reason, w.client(w.Board).call(ctx, http.MethodPut, "/_board/modes", 200,
		map[string]any{"job": w.closed.posting.Key, "modes": []string{}}, nil)
}

// made are the applications that were to be sent.
func (w *Walk) made() []application {
	var list []application
	for _, p := range platforms {
		list = append(list, w.sent[p.name])
	}
	return append(list, w.reviewed, w.asked)
}

// Told are the states, submitted or unconfirmed, that the user was told of
// applications that were to be sent, by the job site's keys.
func (w *Walk) Told() map[string]string {
	told := map[string]string{}
	for _, a := range w.made() {
		told[a.posting.Key] = "submitted"
		if w.unconfirmed[a.id] {
			told[a.posting.Key] = "unconfirmed"
		}
	}
	return told
}

func (w *Walk) received(ctx context.Context) (string, error) {
	var list struct {
		Items []struct {
			Job, Outcome string
			Tries        int
			Repeat       bool
			Honeypots    []string
			Files        []struct{ ContentType string }
		}
	}
	if err := w.client(w.Board).get(ctx, "/_board/submissions?email="+url.QueryEscape(w.email), &list); err != nil {
		return "", err
	}
	got := map[string]int{}
	for _, x := range list.Items {
		got[x.Job]++
		if x.Repeat || len(x.Honeypots) > 0 || len(x.Files) == 0 {
			return "", fmt.Errorf("the employer of %s received something odd: %+v", x.Job, x)
		}
	}
	known := 0
	for _, a := range w.made() {
		n := got[a.posting.Key]
		if known += n; n > 1 || n == 0 && !w.unconfirmed[a.id] {
			return "", fmt.Errorf("the employer of %s received it %d times: %v", a.posting.Key, n, got)
		}
	}
	if len(list.Items) != known {
		return "", fmt.Errorf("employers received what was not sent to them: %v", got)
	}
	return fmt.Sprintf("%d sent, %d of them unconfirmed, %d received, each once and with the resume", len(w.made()), len(w.unconfirmed), known), nil
}

func (w *Walk) receipts(ctx context.Context) (string, error) {
	pictures, fields := 0, 0
	for _, a := range append(w.made(), w.parked) {
		path := "/api/v1/applications/" + a.id
		name := a.posting.Platform + "-" + strings.ToLower(strings.Join(strings.FieldsFunc(a.posting.Title, func(r rune) bool { return r == ' ' || r == ',' || r == '/' }), "-"))
		var s state
		if err := w.user.get(ctx, path, &s); err != nil {
			return "", err
		}
		for i, p := range s.Screenshots {
			picture, err := w.user.file(ctx, path+"/screenshots/"+p.ID)
			if err != nil {
				return "", err
			}
			pictures++
			if err := w.save(fmt.Sprintf("%s-%d-%s.jpg", name, i+1, p.Shows), picture); err != nil {
				return "", err
			}
		}
		if a.id == w.parked.id || w.unconfirmed[a.id] { // one whose worker died has no receipt
			continue
		}
		var r struct {
			Form             filled
			Outcome          string
			ConfirmationText string
		}
		if err := w.user.get(ctx, path+"/receipt", &r); err != nil {
			return "", err
		}
		if fields += len(r.Form.Fields); r.Outcome != "submitted" || len(r.Form.Fields) == 0 || len(r.Form.Files) == 0 || r.ConfirmationText == "" {
			return "", fmt.Errorf("the receipt of %s says too little: %+v", a.job, r)
		}
		raw, err := w.user.file(ctx, path+"/receipt")
		if err := errors.Join(err, w.save(name+"-receipt.json", raw)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d receipts of %d fields, %d pictures", len(w.made())-len(w.unconfirmed), fields, pictures), nil
}

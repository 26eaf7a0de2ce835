// Package site speaks HTTP as the job platforms do: their listings, their pages and forms, and a way to look at what
// arrived. The README of the command holds the addresses.
package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// Options configure a Site.
type Options struct {
	Board   *posting.Board                             // at first
	More    func(postings int) (*posting.Board, error) // the board with so many postings for each company
	Today   time.Time                                  // the day on which the board was made
	SMTPURL string                                     // smtp://host:port; empty: no mail can be sent
	Now     func() time.Time
	Log     *slog.Logger
	Place   time.Duration // latency of place completion; 300 ms unless set
}

// Site is the job board: an http.Handler with a memory.
type Site struct {
	Options
	mux      *http.ServeMux
	pages    *pages
	store    *store
	modes    *modes
	offer    atomic.Pointer[offer]
	growMu   sync.Mutex
	workable atomic.Int32 // API requests under way

	countMu sync.Mutex
	counts  map[string]map[string]int
}

// offer is everything that is on offer at a time. It is not changed, only replaced.
type offer struct {
	*posting.Board
	companies map[string]*posting.Company // by platform and token
	// by path, without a slash at the end: pages of boards, of postings and of forms
	boards        map[string]*posting.Company
	byPath, forms map[string]*posting.Job
}

func newOffer(b *posting.Board) *offer {
	o := &offer{b, map[string]*posting.Company{}, map[string]*posting.Company{}, map[string]*posting.Job{}, map[string]*posting.Job{}}
	for _, j := range b.Jobs {
		o.byPath[strings.TrimSuffix(j.PagePath(), "/")] = j
		if j.OriginalURL == "" {
			o.forms[strings.TrimSuffix(j.ApplyPath(), "/")] = j
		}
	}
	for _, c := range b.Companies {
		o.companies[c.Platform+"/"+strings.ToLower(c.Token)] = c
		o.boards[strings.TrimSuffix(boardPath(c), "/")] = c
	}
	return o
}

func (s *Site) board() *offer { return s.offer.Load() }

// obj is a JSON object.
type obj = map[string]any

// New makes a site of a board.
func New(o Options) (*Site, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Place == 0 {
		o.Place = 300 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p, err := readPages()
	if err != nil {
		return nil, err
	}
	s := &Site{Options: o, mux: http.NewServeMux(), pages: p, store: newStore(o.Now), modes: newModes(),
		counts: map[string]map[string]int{}}
	s.offer.Store(newOffer(o.Board))
	s.routesGreenhouse()
	s.routesLever()
	s.routesAshby()
	s.routesWorkable()
	s.routesGeneral()
	s.routesFeeds()
	s.routesCareers()
	s.routesPages()
	s.routesAdmin()
	return s, nil
}

// maxBody bounds a request: two files of the largest size and their fields.
const maxBody = 12 << 20

func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if s.disallowed(r.URL.Path) {
		s.count("robots", "violations")
	}
	s.mux.ServeHTTP(w, r)
}

// handle serves a pattern and counts its requests by board and kind.
func (s *Site) handle(pattern, platform, kind string, h http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		board := platform
		if t := r.PathValue("token"); t != "" {
			board += "/" + t
		}
		s.count(board, kind)
		h(w, r)
	})
}

// maxBoards bounds what unknown tokens can make the counters hold.
const maxBoards = 500

func (s *Site) count(board, kind string) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	c := s.counts[board]
	if c == nil {
		if len(s.counts) >= maxBoards {
			board = "other"
		}
		if c = s.counts[board]; c == nil {
			c = map[string]int{}
			s.counts[board] = c
		}
	}
	c[kind]++
}

// company finds the board that a request names, or answers 404.
func (s *Site) company(w http.ResponseWriter, r *http.Request, platform string) *posting.Company {
	c := s.board().companies[platform+"/"+strings.ToLower(r.PathValue("token"))]
	if c == nil {
		notFound(w)
	}
	return c
}

// listed gives the postings that a board lists: all but those that are gone.
func (s *Site) listed(jobs []*posting.Job) []*posting.Job {
	var out []*posting.Job
	for _, j := range jobs {
		if !s.modes.has(j, posting.ModeDelisted) {
			out = append(out, j)
		}
	}
	return out
}

// open finds a posting that is still open by its id, or nil.
func (s *Site) open(c *posting.Company, id string) *posting.Job {
	i := slices.IndexFunc(c.Jobs, func(j *posting.Job) bool { return j.ID == id })
	if i < 0 || s.closed(c.Jobs[i]) {
		return nil
	}
	return c.Jobs[i]
}

func (s *Site) closed(j *posting.Job) bool {
	return s.modes.has(j, posting.ModeClosed) || s.modes.has(j, posting.ModeClosedRedirect) ||
		s.modes.has(j, posting.ModeDelisted)
}

// form builds the form of a posting as its modes have it now.
func (s *Site) form(j *posting.Job) *form.Form { return form.Build(j, s.modes.of(j)) }

// base is the address under which the client reached this site.
func base(r *http.Request) string { return "http://" + r.Host }

func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"status":404,"error":"Not found"}` + "\n"))
}

// delay waits as long as the modes say, or until the client goes.
func (s *Site) delay(ctx context.Context, j *posting.Job) {
	if d := s.modes.delay(j); d > 0 {
		wait(ctx, d)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// newest is the last change among postings; dates in the future do not count.
func (s *Site) newest(jobs ...*posting.Job) time.Time {
	t := time.Unix(0, 0)
	for _, j := range jobs {
		if j.Updated.After(t) && !j.Updated.After(s.Today) {
			t = j.Updated
		}
	}
	return t
}

// listing answers with JSON that lists postings.
func (s *Site) listing(w http.ResponseWriter, r *http.Request, jobs []*posting.Job, v any) {
	s.delay(r.Context(), nil)
	s.json(w, r, s.newest(jobs...), v)
}

// json answers with a document that clients may ask for again under a condition.
func (s *Site) json(w http.ResponseWriter, r *http.Request, changed time.Time, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		s.Log.Error("encode", "path", r.URL.Path, "error", err)
		http.Error(w, "cannot encode", http.StatusInternalServerError)
		return
	}
	s.content(w, r, "application/json; charset=utf-8", changed, b.Bytes())
}

// content answers with a document of any type, or 304.
func (s *Site) content(w http.ResponseWriter, r *http.Request, kind string, changed time.Time, body []byte) {
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "max-age=0, must-revalidate")
	counted := &statusWriter{ResponseWriter: w}
	http.ServeContent(counted, r, "", changed, bytes.NewReader(body))
	if counted.status == http.StatusNotModified {
		s.count("conditional", "notModified")
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

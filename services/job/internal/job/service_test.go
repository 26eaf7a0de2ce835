package job

import (
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/job/internal/clients"
	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// fixture is a Service on a schema, an index prefix and boards of its own, with a
// clock that the test moves.
type fixture struct {
	*Service
	t      testing.TB
	pool   *pgxpool.Pool
	boards *boards
	ahead  atomic.Int64
	asked  atomic.Int64
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureOn(t, testkit.Env(t, "SEARCH_URL"))
}

func newFixtureOn(t testing.TB, searchURL string) *fixture {
	t.Helper()
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/job"), boards: newBoards(t)}
	client, prefix := testkit.Redis(t)
	index := "test-" + strings.ToLower(uuid.NewString()) + "-"
	engine, err := search.Open(search.Options{URL: searchURL, Prefix: index})
	must(t, err)
	t.Cleanup(func() { dropIndices(t, index) })
	peers, err := clients.Dial(http.DefaultClient, f.boards.url, f.boards.url, f.boards.url)
	must(t, err)
	f.Service, err = New(Deps{
		Pool: f.pool, Redis: client, Engine: engine, CachePrefix: prefix, Peers: peers, SourceBaseURL: f.boards.url,
		Fetcher: fetch.New(fetch.Options{UserAgent: "JobPilotBot/1.0 (test)", Allow: []string{f.boards.host()}, Parallel: 1, MaxWait: time.Second}),
		Log:     slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) },
	})
	must(t, err)
	return f
}

func dropIndices(t testing.TB, prefix string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodDelete, testkit.Env(t, "SEARCH_URL")+"/"+prefix+"*", http.NoBody)
	must(t, err)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		_ = resp.Body.Close()
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails the test unless err is the error of that code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !errs.Is(err, code) {
		t.Fatalf("error is %v, want %s", err, code)
	}
}

func (f *fixture) advance(d time.Duration) { f.ahead.Add(int64(d)) }

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	must(f.t, f.pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

func (f *fixture) outbox(typ string) int {
	f.t.Helper()
	return f.count("SELECT count(*) FROM outbox WHERE type = $1", typ)
}

// add makes a source of a board.
func (f *fixture) add(platform, token string) uuid.UUID {
	f.t.Helper()
	s, err := f.AddSource(f.t.Context(), source.Board{Platform: platform, Token: token, Name: "Brightwater"}, DefaultEvery)
	must(f.t, err)
	return s.ID
}

// gather reads a source to its end and returns its part of the run.
func (f *fixture) gather(id uuid.UUID) GatheringSource {
	f.t.Helper()
	g, err := f.StartGathering(f.t.Context(), []uuid.UUID{id}, "test")
	must(f.t, err)
	must(f.t, f.GatherSource(f.t.Context(), g.ID, id))
	g, err = f.GetGathering(f.t.Context(), g.ID)
	must(f.t, err)
	if g.Finished == nil || len(g.Sources) != 1 {
		f.t.Fatalf("the run is %+v", g)
	}
	if e := g.Sources[0].Error; e != nil {
		f.t.Log(*e)
	}
	return g.Sources[0]
}

// index brings the search engine up to date.
func (f *fixture) index() {
	f.t.Helper()
	must(f.t, f.ensureIndex(f.t.Context()))
	for {
		n, err := f.indexSome(f.t.Context())
		must(f.t, err)
		if n == 0 {
			break
		}
	}
	must(f.t, f.Engine.Refresh(f.t.Context()))
}

func (f *fixture) search(q search.Query) Found {
	f.t.Helper()
	r, err := f.Search(f.t.Context(), uuid.Nil, q, search.Page{Sort: search.ByRelevance, Limit: 20 + int(f.asked.Add(1)), Facets: true, Highlight: true}) // none is in the cache
	must(f.t, err)
	return r
}

func titles(f Found) (out []string) {
	for _, j := range f.Jobs {
		out = append(out, j.Title)
	}
	return out
}

// boards is a host with boards in the shapes of Greenhouse and Arbeitnow, and
// whatever else a test hangs there.
type boards struct {
	url string
	mu  sync.Mutex
	// jobs by board, as they are listed.
	jobs map[string][]posted
	on   map[string]http.HandlerFunc
	down func()
}

type posted struct {
	ID, Title, Company, Place, HTML, Apply string
}

func newBoards(t testing.TB) *boards {
	t.Helper()
	b := &boards{jobs: map[string][]posted{}, on: map[string]http.HandlerFunc{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	b.url, b.down = s.URL, s.Close
	return b
}

func (b *boards) host() string { u, _ := url.Parse(b.url); return u.Host }

func (b *boards) set(board string, jobs ...posted) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs[board] = jobs
}

func (b *boards) handle(path string, h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on[path] = h
}

// ServeHTTP answers as the platforms do.
func (b *boards) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.on[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	reply := func(v any) { w.Header().Set("Content-Type", "application/json"); _ = json.NewEncoder(w).Encode(v) }
	rest, ok := strings.CutPrefix(r.URL.Path, "/greenhouse/api/v1/boards/")
	board, rest, _ := strings.Cut(rest, "/")
	switch {
	case ok && rest == "jobs" && b.jobs[board] != nil:
		var list []any
		for _, p := range b.jobs[board] {
			list = append(list, map[string]any{"id": json.Number(p.ID), "title": p.Title, "company_name": p.Company, "location": map[string]any{"name": p.Place},
				"absolute_url": b.page(board, p.ID), "content": html.EscapeString(p.HTML), "first_published": "2026-03-01T00:00:00Z"})
		}
		reply(map[string]any{"jobs": list})
	case ok && strings.HasPrefix(rest, "jobs/"):
		for _, p := range b.jobs[board] {
			if "jobs/"+p.ID == rest {
				reply(map[string]any{"id": p.ID})
				return
			}
		}
		http.NotFound(w, r)
	case strings.HasPrefix(r.URL.Path, "/page/"):
		fmt.Fprint(w, "<h1>A job</h1>")
	case r.URL.Path == "/arbeitnow/api/job-board-api":
		list := []any{}
		if r.URL.Query().Get("page") == "1" {
			for _, p := range b.jobs["arbeitnow"] {
				list = append(list, map[string]any{"slug": p.ID, "title": p.Title, "company_name": p.Company, "location": p.Place, "url": b.page("arbeitnow", p.ID),
					"description": p.HTML, "remote": false, "created_at": 1772323200})
			}
		}
		reply(map[string]any{"data": list})
	default:
		http.NotFound(w, r)
	}
}

func (b *boards) page(board, id string) string { return b.url + "/page/" + board + "/" + id }

func text(what string) string {
	return "<h2>About us</h2><p>Brightwater builds bridges over rivers of data for cities that grow. We are sixty people in four countries.</p><h2>The work</h2><ul><li>" + what +
		"</li><li>You talk to the people who use what you build and keep it running with us.</li><li>You write down what you decide and why.</li></ul><p>We look forward to meeting you. Salary: €70,000 – €90,000 per year.</p>"
}

var goJob = posted{ID: "1", Title: "Senior Go Engineer (m/f/d)", Company: "Brightwater GmbH", Place: "Berlin, Germany", HTML: text("You design services in Go and PostgreSQL that move millions of measurements a minute without losing one of them.")}
var cook = posted{ID: "2", Title: "Cook", Company: "Brightwater GmbH", Place: "Hamburg, Germany", HTML: text("You cook lunch for sixty people every day, with vegetables from the farm next door and no waste at all.")}

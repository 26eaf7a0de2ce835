package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/resume/internal/browser"
	"github.com/jobpilot/jobpilot/services/resume/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

// printer is shared by all tests, as a browser takes a second to start.
var printer *browser.Pool

func TestMain(m *testing.M) {
	code := m.Run()
	if printer != nil {
		printer.Close()
	}
	os.Exit(code)
}

var startPrinter sync.Once

func thePrinter(tb testing.TB) *browser.Pool {
	tb.Helper()
	startPrinter.Do(func() {
		printer = browser.New(browser.Options{
			DriverDir: testkit.Env(tb, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(tb, "CHROMIUM_PATH"), Workers: 2, Idle: time.Minute, Log: slog.New(slog.DiscardHandler),
		})
	})
	return printer
}

// fixture is the service behind its edge, on a schema and buckets of its own.
type fixture struct {
	*resume.Service
	t       testing.TB
	api     *testkit.API
	pool    *pgxpool.Pool
	files   *blob.Store
	exports *blob.Store
	ai      *adviser
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/resume"), files: testkit.Bucket(t), exports: testkit.Bucket(t), ai: &adviser{}}
	peer := httptest.NewServer(f.ai)
	t.Cleanup(peer.Close)
	client, err := ai.NewCaller(peer.URL, http.DefaultClient)
	must(t, err)
	check, err := NewCheck()
	must(t, err)
	keys := testkit.SealKeys(t)
	f.Service = resume.New(resume.Deps{
		Pool: f.pool, Keys: keys, Files: f.files, Exports: f.exports, AI: client, Browser: thePrinter(t), Check: check, Log: slog.New(slog.DiscardHandler),
	})
	cursors, err := httpx.NewCursors([]byte("a key of thirty-two bytes or more"))
	must(t, err)
	server := &Server{Resumes: f.Service, Cursors: cursors}
	f.api = testkit.NewAPI(t, httpx.Options{Spec: Spec, Access: Access, Routes: server.Routes, Idempotency: httpx.NewIdempotency(f.pool, keys)})
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) user() *testkit.Caller { return f.api.User(f.t, uuid.Nil) }

// create makes a resume of who.
func (f *fixture) create(who *testkit.Caller, content string) (r StoredResume) {
	f.t.Helper()
	who.Do(f.t, http.MethodPost, "/api/v1/resumes", json.RawMessage(`{"title":"Engineer","resume":`+content+`}`)).Want(http.StatusCreated).JSON(&r)
	return r
}

// patch changes a resume.
func (f *fixture) patch(who *testkit.Caller, id uuid.UUID, body string, headers ...string) *testkit.Reply {
	f.t.Helper()
	return who.Do(f.t, http.MethodPatch, at(id), json.RawMessage(body), headers...)
}

func at(id uuid.UUID, more ...any) string {
	path := "/api/v1/resumes/" + id.String()
	for _, m := range more {
		path += "/" + fmt.Sprint(m)
	}
	return path
}

// events returns the payloads of a type that wait to be published, oldest first.
func (f *fixture) events(typ string) (list []map[string]any) {
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), "SELECT body FROM outbox WHERE type = $1 ORDER BY id", typ)
	must(f.t, err)
	defer rows.Close()
	for rows.Next() {
		var body string
		must(f.t, rows.Scan(&body))
		var e struct {
			Data map[string]any `json:"data"`
		}
		must(f.t, json.Unmarshal([]byte(body), &e))
		list = append(list, e.Data)
	}
	must(f.t, rows.Err())
	return list
}

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	must(f.t, f.pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

// adviser stands for ai: it answers as it is told to, and keeps what it was asked.
type adviser struct {
	mu     sync.Mutex
	status int
	body   any
	block  chan struct{} // closed: go on; nil: answer at once
	asked  [][]byte
}

func (a *adviser) answers(status int, body any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.body = status, body
}

// parses makes it read every file as the given resume.
func (a *adviser) parses(r string, warnings ...string) {
	list := []map[string]any{}
	for _, w := range warnings {
		list = append(list, map[string]any{"code": "w", "message": w})
	}
	a.answers(http.StatusOK, map[string]any{
		"resume": json.RawMessage(r), "format": "pdf", "pages": 1, "language": "de", "text": "x", "fields": []any{}, "warnings": list,
		"engine": map[string]any{"name": "builtin", "model": "m", "cached": false},
	})
}

func (a *adviser) refuses(status int, code string) {
	a.answers(status, map[string]any{"type": "about:blank", "title": "x", "status": status, "code": code, "detail": "No.", "requestId": "r"})
}

func (a *adviser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	a.mu.Lock()
	a.asked = append(a.asked, raw)
	status, body, block := a.status, a.body, a.block
	a.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-r.Context().Done():
			return
		}
	}
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	if status >= http.StatusBadRequest {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !errs.Is(err, code) {
		t.Fatalf("error is %v, want %s", err, code)
	}
}

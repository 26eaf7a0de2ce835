package httpx_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func sealKeys(tb testing.TB, version int) *seal.Keys {
	tb.Helper()
	keys, err := seal.ParseKeys(fmt.Sprintf("%d:%s", version, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(version)}, 32))))
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// idempotent is a service whose createThing counts how often it ran.
func idempotent(t *testing.T, handle http.HandlerFunc) (*service, *pgxpool.Pool, *atomic.Int32) {
	t.Helper()
	pool := testkit.Schema(t, httpx.IdempotencySchema)
	var runs atomic.Int32
	if handle == nil {
		handle = func(w http.ResponseWriter, r *http.Request) {
			n := runs.Load()
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", fmt.Sprintf("/api/v1/things/%d", n))
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
			http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"run":%d,"got":%s,"secret":"hunter2"}`, n, body)
		}
	}
	counted := func(w http.ResponseWriter, r *http.Request) { runs.Add(1); handle(w, r) }
	s := newService(t, map[string]http.HandlerFunc{"createThing": counted, "echo": counted},
		func(o *httpx.Options) { o.Idempotency = httpx.NewIdempotency(pool, sealKeys(t, 1)) })
	return s, pool, &runs
}

const thing, otherThing = `{"name":"ab","kind":"big"}`, `{"name":"cd","kind":"big"}`

func TestIdempotencyReplays(t *testing.T) {
	t.Parallel()
	s, pool, runs := idempotent(t, nil)
	token, key := s.as(t, "user"), uuid.NewString()
	post := func(token, path, body string, keys ...string) *httptest.ResponseRecorder {
		t.Helper()
		headers := []string{"Content-Type", "application/json", "Authorization", token}
		for _, k := range keys {
			headers = append(headers, "Idempotency-Key", k)
		}
		return s.call(t, "POST", path, body, headers...)
	}
	first := post(token, "/api/v1/things", thing, key)
	text := first.Body.String()
	if first.Code != 201 || first.Header().Get("Idempotency-Replayed") != "" {
		t.Fatal(first.Code, text)
	}
	for range 2 {
		again := post(token, "/api/v1/things", thing, key)
		if got := again.Body.String(); again.Code != 201 || got != text || again.Header().Get("Location") != "/api/v1/things/1" ||
			again.Header().Get("Idempotency-Replayed") != "true" || len(again.Header()["Set-Cookie"]) != 2 || again.Header().Get("Content-Type") != "application/json" {
			t.Fatal(again.Code, got, again.Header())
		}
		if again.Header().Get("X-Request-Id") == first.Header().Get("X-Request-Id") {
			t.Error("a replay is a request of its own")
		}
	}
	if n := runs.Load(); n != 1 {
		t.Fatalf("ran %d times", n)
	}
	for name, r := range map[string]*httptest.ResponseRecorder{
		"other body":    post(token, "/api/v1/things", otherThing, key),
		"other address": post(token, "/api/v1/things?x=1", thing, key),
	} {
		if got := r.Body.String(); r.Code != 422 || !strings.Contains(got, "idempotency_key_reused") || !strings.Contains(got, "#/header/Idempotency-Key") {
			t.Errorf("%s: %d %s", name, r.Code, got)
		}
	}
	for name, r := range map[string]*httptest.ResponseRecorder{
		"other caller":    post(s.as(t, "user"), "/api/v1/things", thing, key),
		"other operation": post(token, "/api/v1/echo", thing, key),
		"other key":       post(token, "/api/v1/things", thing, uuid.NewString()),
		"no key":          post(token, "/api/v1/things", thing),
	} {
		if r.Code != 201 || r.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: %d", name, r.Code)
		}
	}
	if n := runs.Load(); n != 5 {
		t.Fatalf("ran %d times", n)
	}
	for name, keys := range map[string][]string{"empty": {""}, "long": {strings.Repeat("k", 256)}, "two": {"a", "b"}, "space": {"a b"}, "not ASCII": {"schlüssel"}} {
		if r := post(token, "/api/v1/things", thing, keys...); r.Code != 400 {
			t.Errorf("%s: %d", name, r.Code)
		}
	}
	// What is bad input is told before the key counts.
	if r := post(token, "/api/v1/things", `{}`, uuid.NewString()); r.Code != 422 || runs.Load() != 5 {
		t.Error(r.Code)
	}

	var plain int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM idempotency_keys WHERE position('hunter2'::bytea IN response) > 0`).Scan(&plain); err != nil || plain != 0 {
		t.Error("an answer is kept in the clear:", plain, err)
	}
}

// Strangers who chose the same key are told apart by their cookies.
func TestIdempotencyOfStrangers(t *testing.T) {
	t.Parallel()
	s, _, runs := idempotent(t, nil)
	post := func(cookie string) string {
		headers := []string{"Content-Type", "application/json", "Idempotency-Key", "1"}
		if cookie != "" {
			headers = append(headers, "Cookie", cookie)
		}
		return s.call(t, "POST", "/api/v1/echo", `{}`, headers...).Body.String()
	}
	answers := map[string]string{}
	for _, cookie := range []string{"", "refresh=a", "refresh=b"} {
		first := post(cookie)
		if again := post(cookie); again != first {
			t.Errorf("%q: %s, then %s", cookie, first, again)
		}
		answers[first] = cookie
	}
	if len(answers) != 3 || runs.Load() != 3 {
		t.Errorf("ran %d times: %v", runs.Load(), answers)
	}
}

// Twenty at once: one runs, the others are told that it does.
func TestIdempotencyInFlight(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	s, _, runs := idempotent(t, func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-finish
		w.WriteHeader(http.StatusNoContent)
	})
	token, key := s.as(t, "user"), uuid.NewString()
	post := func() int {
		w := s.call(t, "POST", "/api/v1/things", thing, "Content-Type", "application/json", "Authorization", token, "Idempotency-Key", key)
		if w.Code == 409 {
			wantProblem(t, w, 409, "idempotency_in_flight")
			if w.Header().Get("Retry-After") != "1" {
				t.Error(w.Header())
			}
		}
		return w.Code
	}
	var all sync.WaitGroup
	all.Go(func() {
		if code := post(); code != 204 {
			t.Error(code)
		}
	})
	<-started
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			if code := post(); code != 409 {
				t.Error(code)
			}
		})
	}
	others.Wait()
	close(finish)
	all.Wait()
	if code := post(); code != 204 || runs.Load() != 1 {
		t.Error(code, runs.Load())
	}
}

// What a repetition may change is not kept: the same key works anew.
func TestIdempotencyAfterFailure(t *testing.T) {
	t.Parallel()
	outcomes := []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, r *http.Request) { httpx.Fail(w, r, io.ErrUnexpectedEOF) },
		func(http.ResponseWriter, *http.Request) { panic("halfway") },
		func(w http.ResponseWriter, r *http.Request) {
			httpx.Fail(w, r, errs.New(errs.Unavailable, "broker_down", "Later."))
		},
		func(w http.ResponseWriter, r *http.Request) {
			httpx.Fail(w, r, errs.New(errs.RateLimited, "slow", "Later."))
		},
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 2<<20)) }, // too large to keep
		func(w http.ResponseWriter, r *http.Request) {
			httpx.Fail(w, r, errs.New(errs.Conflict, "taken", "Taken."))
		},
		func(http.ResponseWriter, *http.Request) { panic("must not run") },
	}
	var turn atomic.Int32
	s, _, _ := idempotent(t, func(w http.ResponseWriter, r *http.Request) { outcomes[turn.Add(1)-1](w, r) })
	token, key := s.as(t, "user"), uuid.NewString()
	for i, want := range []int{500, 500, 503, 429, 200, 409, 409} {
		w := s.call(t, "POST", "/api/v1/things", thing, "Content-Type", "application/json", "Authorization", token, "Idempotency-Key", key)
		if w.Code != want {
			t.Fatalf("try %d: got %d, want %d: %.200s", i, w.Code, want, w.Body)
		}
		if i == 6 && (w.Header().Get("Idempotency-Replayed") != "true" || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Error(w.Header())
		}
	}
	if n := strings.Count(s.log.String(), `"problem":"internal"`); n != 2 {
		t.Errorf("the access log tells %d of 2 failures: %s", n, s.log)
	}
}

// A request that failed because the database went away gives its key back when the
// database returns, not after a minute.
func TestIdempotencyAfterOutage(t *testing.T) {
	t.Parallel()
	direct := testkit.Schema(t, httpx.IdempotencySchema)
	proxy, through := testkit.ProxyURL(t, direct.Config().ConnString())
	pool, err := pg.Open(t.Context(), through, pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var runs atomic.Int32
	s := newService(t, map[string]http.HandlerFunc{"createThing": func(w http.ResponseWriter, r *http.Request) {
		if runs.Add(1) == 1 {
			proxy.Down()
			httpx.Fail(w, r, errs.New(errs.Unavailable, "database_unavailable", "Later."))
		}
	}}, func(o *httpx.Options) { o.Idempotency = httpx.NewIdempotency(pool, sealKeys(t, 1)) })
	token, key := s.as(t, "user"), uuid.NewString()
	post := func(body string) int {
		return s.call(t, "POST", "/api/v1/things", body, "Content-Type", "application/json", "Authorization", token, "Idempotency-Key", key).Code
	}
	if code := post(thing); code != 503 {
		t.Fatal(code)
	}
	proxy.Up()
	testkit.Eventually(t, "the key works again", func() bool { return post(thing) == 200 })
	if n := runs.Load(); n != 2 {
		t.Error("ran", n, "times")
	}
	if code := post(otherThing); code != 422 {
		t.Error("the key still means the first body:", code)
	}
}

// A server that died leaves its lock; after a minute a repetition takes over, and
// what the frozen one then tells is not kept.
func TestIdempotencyTakesOver(t *testing.T) {
	t.Parallel()
	var turn atomic.Int32
	frozen, thaw := make(chan struct{}), make(chan struct{})
	s, pool, _ := idempotent(t, func(w http.ResponseWriter, _ *http.Request) {
		n := turn.Add(1)
		if n == 1 {
			close(frozen)
			<-thaw
		}
		fmt.Fprintf(w, "answer %d", n)
	})
	token, key := s.as(t, "user"), uuid.NewString()
	post := func(body string) (int, string) {
		w := s.call(t, "POST", "/api/v1/things", body, "Content-Type", "application/json", "Authorization", token, "Idempotency-Key", key)
		return w.Code, w.Body.String()
	}
	age := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); post(thing) }()
	<-frozen
	age(`UPDATE idempotency_keys SET locked_until = now() - interval '1 s'`)
	if code, _ := post(otherThing); code != 422 {
		t.Error("the key still means the first body:", code)
	}
	if _, text := post(thing); text != "answer 2" {
		t.Error(text)
	}
	close(thaw)
	<-done
	if _, text := post(thing); text != "answer 2" {
		t.Error("the frozen server's answer was kept:", text)
	}
	age(`UPDATE idempotency_keys SET expires_at = now() - interval '1 s'`)
	if _, text := post(otherThing); text != "answer 3" {
		t.Error("after 24 h the key is free:", text)
	}
}

// Kept answers are bound to their place: one that was moved to another caller's
// row does not open.
func TestIdempotencyIsSealed(t *testing.T) {
	t.Parallel()
	s, pool, _ := idempotent(t, nil)
	post := func(token, key string) int {
		return s.call(t, "POST", "/api/v1/things", thing, "Content-Type", "application/json", "Authorization", token, "Idempotency-Key", key).Code
	}
	ada, bob := s.as(t, "user"), s.as(t, "user")
	if post(ada, "1") != 201 || post(bob, "2") != 201 {
		t.Fatal("not created")
	}
	if _, err := pool.Exec(t.Context(), `UPDATE idempotency_keys k SET response = (SELECT response FROM idempotency_keys o WHERE o.id <> k.id)`); err != nil {
		t.Fatal(err)
	}
	if code := post(ada, "1"); code != 500 {
		t.Fatal("an answer from another row:", code)
	}
}

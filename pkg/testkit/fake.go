package testkit

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Request is what a [Fake] was sent.
type Request struct {
	Method, Path string
	Query        map[string][]string
	Header       http.Header
	Body         []byte
}

// Fake stands for a third party's HTTP API. It answers what the test has routed
// and fails the test for anything else that it is sent.
type Fake struct {
	URL string

	mu       sync.Mutex
	requests []Request
}

// NewFake serves until the test ends. Routes are patterns of [http.ServeMux]
// ("POST /v3/mail/send"); their handlers check what they get and report with t.
func NewFake(tb testing.TB, routes map[string]http.HandlerFunc) *Fake {
	tb.Helper()
	f := &Fake{}
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.HandleFunc(pattern, handler)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("fake: read %s %s: %v", r.Method, r.URL.Path, err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.mu.Lock()
		f.requests = append(f.requests, Request{r.Method, r.URL.Path, r.URL.Query(), r.Header.Clone(), body})
		f.mu.Unlock()
		if _, pattern := mux.Handler(r); pattern == "" {
			tb.Errorf("fake: unexpected request %s %s\n%s", r.Method, r.URL, body)
			http.Error(w, "the test expects no such request", http.StatusNotImplemented)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	f.URL = server.URL
	return f
}

// Requests lists what was sent so far.
func (f *Fake) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

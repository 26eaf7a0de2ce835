package httpx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

// peer is another service that answers in turn.
func peer(t *testing.T, answers ...http.HandlerFunc) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// do calls, and reads the answer.
func do(ctx context.Context, t *testing.T, c *http.Client, method, url, body string, header ...string) (status int, text string, err error) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

func TestClientSaysWhoCalls(t *testing.T) {
	t.Parallel()
	newObs(t, io.Discard)
	got := make(chan http.Header, 1)
	url, _ := peer(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	ctx := obs.WithRequestID(t.Context(), "req-1")
	ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	if _, _, err := do(ctx, t, httpx.NewClient("jps_user_1", 0), "GET", url, ""); err != nil {
		t.Fatal(err)
	}
	h := <-got
	if h.Get("X-Service-Key") != "jps_user_1" || h.Get("X-Request-ID") != "req-1" || !strings.HasPrefix(h.Get("Traceparent"), "00-01000000000000000000000000000000-") {
		t.Fatal(h)
	}
	if strings.HasSuffix(h.Get("Traceparent"), "-0200000000000000-00") {
		t.Error("the call is a span of its own")
	}
}

func TestClientRetries(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	body := func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); string(b) != "payload" {
			w.WriteHeader(http.StatusTeapot)
		}
	}
	after := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for name, c := range map[string]struct {
		method, body string
		header       []string
		answers      []http.HandlerFunc
		status       int // 0: an error
		asked        int32
	}{
		"good":                     {"GET", "", nil, []http.HandlerFunc{status(200)}, 200, 1},
		"once unavailable":         {"GET", "", nil, []http.HandlerFunc{status(503), status(200)}, 200, 2},
		"Retry-After is bounded":   {"GET", "", nil, []http.HandlerFunc{after, status(200)}, 200, 2},
		"gateway":                  {"DELETE", "", nil, []http.HandlerFunc{status(502), status(504), status(204)}, 204, 3},
		"still unavailable":        {"GET", "", nil, []http.HandlerFunc{status(503)}, 503, 3},
		"cut off":                  {"GET", "", nil, []http.HandlerFunc{cut, status(200)}, 200, 2},
		"always cut off":           {"PUT", "payload", nil, []http.HandlerFunc{cut}, 0, 3},
		"body again":               {"PUT", "payload", nil, []http.HandlerFunc{status(503), body}, 200, 2},
		"POST":                     {"POST", "payload", nil, []http.HandlerFunc{status(503)}, 503, 1},
		"PATCH cut off":            {"PATCH", "payload", nil, []http.HandlerFunc{cut}, 0, 1},
		"POST with key":            {"POST", "payload", []string{"Idempotency-Key", "k"}, []http.HandlerFunc{status(503), body}, 200, 2},
		"a fault is no outage":     {"GET", "", nil, []http.HandlerFunc{status(500)}, 500, 1},
		"refused":                  {"GET", "", nil, []http.HandlerFunc{status(404)}, 404, 1},
		"redirect is not followed": {"GET", "", nil, []http.HandlerFunc{http.RedirectHandler("http://evil.example/", http.StatusFound).ServeHTTP}, 302, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, asked := peer(t, c.answers...)
			got, _, err := do(t.Context(), t, httpx.NewClient("", 0), c.method, url, c.body, c.header...)
			if (err != nil) != (c.status == 0) || got != c.status {
				t.Fatal(got, err)
			}
			if n := asked.Load(); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
		})
	}
}

func TestClientGivesUp(t *testing.T) {
	t.Parallel()
	url, asked := peer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	begun := time.Now()
	if _, _, err := do(t.Context(), t, httpx.NewClient("", 20*time.Millisecond), "GET", url, ""); err == nil || asked.Load() > 3 {
		t.Fatal(err, asked.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := do(ctx, t, httpx.NewClient("", time.Minute), "GET", url, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestClientBoundsAnswers(t *testing.T) {
	t.Parallel()
	url, _ := peer(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 5 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, _, err := do(t.Context(), t, httpx.NewClient("", 0), "GET", url, ""); !errors.Is(err, httpx.ErrResponseTooLarge) {
		t.Fatal(err)
	}
}

func TestResponseError(t *testing.T) {
	t.Parallel()
	if err := httpx.ResponseError(204, "", nil); err != nil {
		t.Error(err)
	}
	err := httpx.ResponseError(409, "application/problem+json", []byte(`{"type":"about:blank","status":409,"code":"taken","detail":"Taken.","errors":[{"pointer":"#/a","code":"x","message":"y"}]}`))
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Conflict || e.Code != "taken" || e.Message != "Taken." || len(e.Fields) != 1 {
		t.Errorf("%+v", e)
	}
	for _, body := range []string{`<html>`, `{}`} {
		if err := httpx.ResponseError(502, "application/json", []byte(body)); !errs.Is(err, "upstream") || errs.KindOf(err) != errs.Unavailable {
			t.Error(err)
		}
	}
}

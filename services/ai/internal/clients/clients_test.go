// Package clients_test holds the providers' clients against servers that check
// what they are sent.
package clients_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/anthropic"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/openai"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/peers"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/wire"
)

var prompt = ai.Prompt{Instructions: "Be honest.", Material: "<m>\nr1 x\n</m>", Name: "letter", Schema: json.RawMessage(`{"type":"object"}`), MaxTokens: 50}

// server answers at path by fail, as long as it has answers, and then by body.
func server(t *testing.T, path string, check func(*http.Request, map[string]any), body string, fail ...func(http.ResponseWriter)) (string, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1))
		raw, _ := io.ReadAll(r.Body)
		var sent map[string]any
		if r.URL.Path != path || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(raw, &sent) != nil {
			t.Errorf("asked %s %s with %s", r.Method, r.URL, raw)
		}
		check(r, sent)
		if n <= len(fail) {
			fail[n-1](w)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, &calls
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if len(header) == 2 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"error":{"message":"secret text of the request"}}`)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("%s is %s, want %s", what, a, b)
	}
}

func checkOpenAI(t *testing.T) func(*http.Request, map[string]any) {
	t.Helper()
	return func(r *http.Request, sent map[string]any) {
		equal(t, "authorization", r.Header.Get("Authorization"), "Bearer key")
		equal(t, "model", sent["model"], "m")
		equal(t, "messages", sent["messages"], []map[string]string{{"role": "system", "content": prompt.Instructions}, {"role": "user", "content": prompt.Material}})
		equal(t, "max_tokens", sent["max_tokens"], prompt.MaxTokens)
		equal(t, "response_format", sent["response_format"], map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "letter", "strict": true, "schema": prompt.Schema}})
	}
}

func newOpenAI(url string) *openai.Provider {
	return openai.New(openai.Config{BaseURL: url + "/v1/", Key: "key", Model: "m", EmbeddingModel: "e", HTTP: wire.NewHTTP(), Backoff: time.Millisecond})
}

func TestOpenAI(t *testing.T) {
	t.Parallel()
	url, calls := server(t, "/v1/chat/completions", checkOpenAI(t),
		`{"choices":[{"message":{"content":"{\"a\":1}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}`,
		status(429, "Retry-After", "1"), status(503))
	begun := time.Now()
	raw, spent, err := newOpenAI(url).Complete(t.Context(), prompt)
	if err != nil || string(raw) != `{"a":1}` || spent != (ai.Spent{Input: 7, Output: 3}) || calls.Load() != 3 {
		t.Errorf("%s, %+v, %v after %d calls", raw, spent, err, calls.Load())
	}
	if time.Since(begun) < time.Second {
		t.Error("it did not wait as long as Retry-After says")
	}
	for body, cause := range map[string]error{
		`{"choices":[]}`: ai.ErrRefused, `{"choices":[{"message":{"refusal":"no"}}]}`: ai.ErrRefused,
		`{"choices":[{"message":{"content":"{"},"finish_reason":"length"}]}`: ai.ErrRefused, `<html>`: wire.ErrRejected,
	} {
		url, _ := server(t, "/v1/chat/completions", checkOpenAI(t), body)
		if _, _, err := newOpenAI(url).Complete(t.Context(), prompt); !errors.Is(err, cause) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestOpenAIEmbeddings(t *testing.T) {
	t.Parallel()
	url, _ := server(t, "/v1/embeddings", func(_ *http.Request, sent map[string]any) {
		equal(t, "request", sent, map[string]any{"model": "e", "input": []string{"a", "b"}, "encoding_format": "float"})
	}, `{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}],"usage":{"prompt_tokens":2}}`)
	v, _, err := newOpenAI(url).Embed(t.Context(), []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "vectors", v, [][]float32{{.6, .8}, {0, 1}})
}

func TestAnthropic(t *testing.T) {
	t.Parallel()
	check := func(r *http.Request, sent map[string]any) {
		equal(t, "key", r.Header.Get("X-Api-Key"), "key")
		equal(t, "version", r.Header.Get("Anthropic-Version"), "2023-06-01")
		equal(t, "system", sent["system"], prompt.Instructions)
		equal(t, "messages", sent["messages"], []map[string]string{{"role": "user", "content": prompt.Material}})
		equal(t, "tool_choice", sent["tool_choice"], map[string]string{"type": "tool", "name": "letter"})
		equal(t, "tools", sent["tools"], []map[string]any{{"name": "letter", "description": "Gives the answer.", "input_schema": prompt.Schema}})
		equal(t, "max_tokens", sent["max_tokens"], prompt.MaxTokens)
	}
	ask := func(body string, fail ...func(http.ResponseWriter)) (string, ai.Spent, error) {
		url, _ := server(t, "/v1/messages", check, body, fail...)
		p := anthropic.New(anthropic.Config{BaseURL: url, Key: "key", Model: "m", HTTP: wire.NewHTTP(), Backoff: time.Millisecond})
		raw, spent, err := p.Complete(t.Context(), prompt)
		return string(raw), spent, err
	}
	raw, spent, err := ask(`{"content":[{"type":"text"},{"type":"tool_use","name":"letter","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":7,"output_tokens":3}}`, status(529))
	if err != nil || raw != `{"a":1}` || spent != (ai.Spent{Input: 7, Output: 3}) {
		t.Errorf("%s, %+v, %v", raw, spent, err)
	}
	for _, body := range []string{`{"content":[{"type":"text"}]}`, `{"content":[{"type":"tool_use","name":"letter","input":{}}],"stop_reason":"max_tokens"}`} {
		if _, _, err := ask(body); !errors.Is(err, ai.ErrRefused) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// What cannot get better is not tried again, nor what would take too long; and
// what the provider wrote is in no error, since it may quote the request.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		fail  func(http.ResponseWriter)
		calls int32
		cause error
	}{
		{status(401), 1, wire.ErrRejected}, {status(400), 1, wire.ErrRejected}, {status(302, "Location", "/elsewhere"), 1, wire.ErrRejected},
		{status(500), 3, wire.ErrBusy}, {status(429, "Retry-After", "3600"), 1, wire.ErrBusy},
	} {
		url, calls := server(t, "/v1/chat/completions", checkOpenAI(t), "", x.fail, x.fail, x.fail)
		_, _, err := newOpenAI(url).Complete(t.Context(), prompt)
		if !errors.Is(err, x.cause) || calls.Load() != x.calls || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v after %d calls, want %v after %d", err, calls.Load(), x.cause, x.calls)
		}
	}
}

func TestPeers(t *testing.T) {
	t.Parallel()
	user, resume, job := uuid.New(), uuid.New(), uuid.New()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/internal/v1/users/" + user.String() + "/profile":
			_, _ = io.WriteString(w, `{"entitlements":{"aiRequestsPerDay":50}}`)
		case "/internal/v1/resumes/" + resume.String():
			_, _ = io.WriteString(w, `{"userId":"`+user.String()+`","resume":{"basics":{"name":"Ada"}}}`)
		case "/internal/v1/jobs/" + job.String():
			_, _ = io.WriteString(w, `{"job":{"title":"Engineer","company":{"name":"Acme"},"location":{"country":"DE"},"requiredSkills":["Go"],"niceSkills":["Rust"]}}`)
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":"not_found","detail":"x","status":404}`)
		}
	}))
	t.Cleanup(s.Close)
	p := &peers.Peers{HTTP: s.Client(), UserURL: s.URL, ResumeURL: s.URL, JobURL: s.URL}
	if n, err := p.RequestsPerDay(t.Context(), user); err != nil || n != 50 {
		t.Errorf("%d, %v", n, err)
	}
	if owner, r, err := p.Resume(t.Context(), resume); err != nil || owner != user || r.Basics.Name != "Ada" {
		t.Errorf("%v, %+v, %v", owner, r, err)
	}
	if j, err := p.Job(t.Context(), job); err != nil || j.Title != "Engineer" || j.CompanyName != "Acme" || j.Location.CountryCode != "DE" || len(j.Skills) != 2 {
		t.Errorf("%+v, %v", j, err)
	}
	if _, _, err := p.Resume(t.Context(), uuid.New()); !errs.Is(err, "resume_not_found") {
		t.Error(err)
	}
	s.Close()
	if _, err := p.Job(t.Context(), job); !errs.Is(err, "dependency_unavailable") {
		t.Error(err)
	}
}

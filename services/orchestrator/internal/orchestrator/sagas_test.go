package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// house stands for the other services: it answers what they would and remembers
// what it was asked.
type house struct {
	mu     sync.Mutex
	asked  []string // "service METHOD path"
	fails  string   // of what contains it, for good
	held   int64    // what a footprint tells the first time
	closed bool     // of the job
}

func (h *house) ask(_ context.Context, method, url string, body []byte, _ map[string]string) (int, io.ReadCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	call := strings.Replace(strings.TrimPrefix(url, "test://"), "/", " "+method+" /", 1)
	h.asked = append(h.asked, call)
	answer := func(status int, format string, args ...any) (int, io.ReadCloser, error) {
		return status, io.NopCloser(strings.NewReader(fmt.Sprintf(format, args...))), nil
	}
	switch {
	case h.fails != "" && strings.Contains(call, h.fails):
		return answer(422, `{"code":"told_to_fail"}`)
	case strings.HasSuffix(call, "/footprint"):
		held := h.held
		h.held = 0
		return answer(200, `{"total":%d}`, held)
	case strings.HasSuffix(call, "/check"):
		return answer(200, `{"live":%t,"reason":"gone"}`, !h.closed)
	case strings.HasSuffix(call, "/matches"):
		return answer(200, `{"items":[{"jobId":"j","score":0.9}]}`)
	case strings.Contains(call, "resume GET"):
		return answer(200, `{"version":3,"resume":{"basics":{"name":"Ada"}}}`)
	case strings.HasSuffix(call, "/proposals") && !bytes.Contains(body, []byte(`"resume":{"basics":{"name":"Ada"}}`)):
		return answer(400, `{"code":"no_resume"}`)
	case strings.HasSuffix(call, "/gatherings"):
		return answer(202, `{"id":"g","state":"running"}`)
	case strings.Contains(call, "/gatherings/g"):
		return answer(200, `{"id":"g","state":"done"}`)
	}
	return answer(204, "")
}

func (h *house) saw(what string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, call := range h.asked {
		if strings.Contains(call, what) {
			n++
		}
	}
	return n
}

func newHouse(t *testing.T) (*house, *Peers) {
	t.Helper()
	h, urls := &house{}, map[string]string{}
	for _, name := range []string{"auth", "user", "resume", "job", "auto-apply", "analytics", "notification", "ai", "orchestrator"} {
		urls[name] = "test://" + name
	}
	return h, NewPeers(urls, h.ask)
}

// tell applies an event as the consumer does.
func (f *fixture) tell(typ string, data map[string]any) {
	f.t.Helper()
	raw, err := json.Marshal(data)
	must(f.t, err)
	must(f.t, pg.InTx(f.t.Context(), f.pool, func(tx pgx.Tx) error {
		return f.Apply(f.t.Context(), tx, rabbit.Event{ID: uuid.New(), Type: typ, Time: time.Now(), Data: raw})
	}))
}

// story is a saga from the event that begins it, with the events that it waits for.
type story struct {
	kind   string
	begin  string
	events []string
	data   map[string]any
	// failures are parts of calls, each of a step, and the state that comes of it.
	failures map[string]string
}

func stories() []story {
	id := func() string { return uuid.NewString() }
	return []story{
		{KindOnboarding, "auth.user.registered", []string{"user.profile.created", "auth.user.verified"}, map[string]any{"userId": id()}, nil},
		{KindResumeIntake, "resume.document.uploaded", []string{"resume.document.parsed"}, map[string]any{"documentId": id(), "resumeId": id(), "userId": id(), "version": 3},
			map[string]string{"resume GET": "failed", "/proposals": "failed"}},
		{KindApplication, "auto-apply.application.requested", []string{"auto-apply.application.changed"}, map[string]any{"applicationId": id(), "jobId": id(), "userId": id(), "to": "submitted"},
			map[string]string{"/check": "compensated", "/dispatch": "compensated"}},
		{KindAutoApplyRun, "auto-apply.run.started", []string{"auto-apply.run.finished"}, map[string]any{"runId": id(), "userId": id()},
			map[string]string{"/matches": "compensated", "/plan": "compensated"}},
		{KindAccountDeletion, "user.deletion.requested", nil, map[string]any{"userId": id()},
			map[string]string{
				"auto-apply DELETE": "failed", "job DELETE": "failed", "resume DELETE": "failed", "ai DELETE": "failed", "user DELETE": "failed", "auth DELETE": "failed",
				"notification DELETE": "failed", "analytics DELETE": "failed", "orchestrator DELETE": "failed", "analytics GET": "failed",
			}},
	}
}

func (f *fixture) play(s story) uuid.UUID {
	f.t.Helper()
	f.tell(s.begin, s.data)
	for _, e := range s.events {
		f.tell(e, s.data)
	}
	var id uuid.UUID
	must(f.t, f.pool.QueryRow(f.t.Context(), "SELECT id FROM workflows WHERE kind = $1 ORDER BY created_at DESC LIMIT 1", s.kind).Scan(&id))
	return id
}

func TestEverySagaCompletes(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	f := newFixture(t)
	f.run(Sagas(peers)...)
	for _, s := range stories() {
		id := f.play(s)
		w, timeline := f.ends(id, "completed")
		if s.kind != KindAccountDeletion {
			continue
		}
		if w.UserID != nil || strings.Contains(w.Key, s.data["userId"].(string)) {
			t.Errorf("the deletion says whose it was: %+v", w)
		}
		if !strings.HasSuffix(timeline, "step_completed:proof completed:proof") || h.saw("DELETE") != len(deletion) {
			t.Errorf("%d deletions; %s", h.saw("DELETE"), timeline)
		}
	}
	var welcomes int
	must(t, f.pool.QueryRow(t.Context(), "SELECT count(*) FROM outbox WHERE body LIKE '%user.welcome%' AND queue = 'notifications'").Scan(&welcomes))
	if welcomes != 1 || h.saw("/dispatch") != 1 || h.saw("/plan") != 1 || h.saw("/proposals") != 1 || h.saw("/cancel") != 0 {
		t.Errorf("%d welcomes; asked: %v", welcomes, h.asked)
	}
}

// Each step of each saga fails for good.
func TestEveryStepMayFailForGood(t *testing.T) {
	t.Parallel()
	for _, s := range stories() {
		for failing, state := range s.failures {
			t.Run(s.kind+" "+failing, func(t *testing.T) {
				t.Parallel()
				h, peers := newHouse(t)
				h.fails = failing
				f := newFixture(t)
				f.run(Sagas(peers)...)
				w, timeline := f.ends(f.play(s), state)
				if !strings.Contains(w.Error, "told_to_fail") {
					t.Errorf("%q; %s", w.Error, timeline)
				}
				if strings.Contains(failing, "/dispatch") && h.saw("/cancel") != 1 || strings.Contains(failing, "/plan") && h.saw("/stop") != 1 {
					t.Errorf("not undone: %v", h.asked)
				}
				if state != "failed" {
					return
				}
				h.mu.Lock()
				h.fails = ""
				h.mu.Unlock()
				_, err := f.RetryWorkflow(t.Context(), w.ID)
				must(t, err)
				f.ends(w.ID, "completed")
			})
		}
	}
}

func TestAClosedJobIsNotAppliedTo(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	h.closed = true
	f := newFixture(t)
	f.run(Sagas(peers)...)
	f.ends(f.play(stories()[2]), "completed")
	if h.saw("/close") != 1 || h.saw("/dispatch") != 0 {
		t.Errorf("asked: %v", h.asked)
	}
}

func TestAnUnreadableResumeEndsItsIntake(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	f := newFixture(t)
	f.run(Sagas(peers)...)
	s := stories()[1]
	s.events = []string{"resume.document.failed"}
	f.ends(f.play(s), "completed")
	if h.saw("/proposals") != 0 {
		t.Errorf("asked: %v", h.asked)
	}
}

// What comes after a service forgot the user is found by the proof, and deleted.
func TestWhatComesLateIsDeletedToo(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	h.held = 2
	f := newFixture(t)
	f.run(Sagas(peers)...)
	_, timeline := f.ends(f.play(stories()[4]), "completed")
	if h.saw("DELETE") != len(deletion)+1 || !strings.Contains(timeline, "step_failed:proof step_completed:proof") {
		t.Errorf("%d deletions; %s", h.saw("DELETE"), timeline)
	}
}

func TestGatheringIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	_, peers := newHouse(t)
	f := newFixture(t)
	f.run(Sagas(peers)...)
	f.ends(f.start(KindJobAggregation), "completed")
}

// A service that fails again and again is left alone for a while.
func TestBreaker(t *testing.T) {
	t.Parallel()
	calls := 0
	p := NewPeers(map[string]string{"job": "test://job"}, func(context.Context, string, string, []byte, map[string]string) (int, io.ReadCloser, error) {
		calls++
		return 500, io.NopCloser(strings.NewReader("")), nil
	})
	for range 2 * breakerTrips {
		if err := p.Call(t.Context(), "job", "GET", "/x", "", nil, nil); err == nil || isFatal(err) {
			t.Fatal(err)
		}
	}
	if h := p.ListServices(); calls != breakerTrips || h[0].Breaker != "open" || h[0].State != "unknown" {
		t.Errorf("%d calls, %+v", calls, h)
	}
	if err := p.Call(t.Context(), "nobody", "GET", "/x", "", nil, nil); !isFatal(err) {
		t.Error(err)
	}
}

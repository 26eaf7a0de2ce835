package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	calls  []call
	held   int64 // what a footprint tells the first time
	closed bool  // of the job
	polled bool  // the gathering is done when it is asked for again
	// instead, if not nil, answers in the place of the others unless it passes.
	instead func(ctx context.Context, answer string) (status int, body string, err error)
}

// call is what a service was asked for: "service METHOD path", the idempotency key
// and the body.
type call struct{ what, key, body string }

// errPass is what house.instead returns to have the service answer.
var errPass = errors.New("the service answers")

func (h *house) ask(ctx context.Context, method, url string, body []byte, header map[string]string) (int, io.ReadCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	what := strings.Replace(strings.TrimPrefix(url, "test://"), "/", " "+method+" /", 1)
	h.calls = append(h.calls, call{what, header["Idempotency-Key"], string(body)})
	status, answer := h.answer(what, body)
	if h.instead != nil {
		if s, a, err := h.instead(ctx, answer); !errors.Is(err, errPass) {
			return s, io.NopCloser(strings.NewReader(a)), err
		}
	}
	return status, io.NopCloser(strings.NewReader(answer)), nil
}

func (h *house) answer(what string, body []byte) (int, string) {
	switch {
	case strings.HasSuffix(what, "/footprint"):
		held := h.held
		h.held = 0
		return 200, fmt.Sprintf(`{"total":%d,"items":[{"place":"table things","count":%d}]}`, held, held)
	case strings.HasSuffix(what, "/check"):
		return 200, fmt.Sprintf(`{"live":%t,"reason":"gone"}`, !h.closed)
	case strings.HasSuffix(what, "/matches"):
		return 200, `{"items":[{"jobId":"j","score":0.9}]}`
	case strings.Contains(what, "resume GET"):
		if !strings.Contains(what, "&fields=true") {
			return 400, `{"code":"fields_not_asked_for"}`
		}
		return 200, `{"version":3,"resume":{"basics":{"name":"Ada"}},"fields":[{"pointer":"/basics/name","confidence":0.9,"page":1,"text":"Ada"}]}`
	case strings.HasSuffix(what, "/proposals") && !bytes.Contains(body, []byte(`"fields":[{"pointer":"/basics/name","confidence":0.9,"page":1,"text":"Ada"}]`)),
		strings.HasSuffix(what, "/proposals") && !bytes.Contains(body, []byte(`"resume":{"basics":{"name":"Ada"}}`)):
		return 400, `{"code":"no_resume"}`
	case strings.HasSuffix(what, "/gatherings"):
		return 202, `{"id":"g","state":"running"}`
	case strings.Contains(what, "/gatherings/g"):
		polled := h.polled
		if h.polled = true; !polled {
			return 200, `{"id":"g","state":"running"}`
		}
		return 200, `{"id":"g","state":"done"}`
	}
	return 204, ""
}

func (h *house) saw(what string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if strings.Contains(c.what, what) {
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
	return h, newPeers(urls, h.ask, time.Nanosecond)
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
	begin  string // empty: it is started
	events []string
	data   map[string]any
}

func stories() map[string]story {
	id := func() string { return uuid.NewString() }
	list := []story{
		{KindOnboarding, "auth.user.registered", []string{"user.profile.created", "auth.user.verified"}, map[string]any{"userId": id()}},
		{KindResumeIntake, "resume.document.uploaded", []string{"resume.document.parsed"}, map[string]any{"documentId": id(), "resumeId": id(), "userId": id(), "version": 3}},
		{KindJobAggregation, "", nil, nil},
		{KindApplication, "auto-apply.application.requested", []string{"auto-apply.application.changed"}, map[string]any{"applicationId": id(), "jobId": id(), "userId": id(), "to": "submitted"}},
		{KindAutoApplyRun, "auto-apply.run.started", []string{"auto-apply.run.finished"}, map[string]any{"runId": id(), "userId": id()}},
		{KindAccountDeletion, "user.deletion.requested", nil, map[string]any{"userId": id()}},
	}
	byKind := map[string]story{}
	for _, s := range list {
		byKind[s.kind] = s
	}
	return byKind
}

func (f *fixture) play(s story) uuid.UUID {
	f.t.Helper()
	if s.begin == "" {
		return f.start(s.kind)
	}
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
		if !strings.HasSuffix(timeline, strings.Repeat("noted:proof ", len(deletion))+"step_completed:proof completed:proof") || h.saw("DELETE") != len(deletion) {
			t.Errorf("%d deletions; %s", h.saw("DELETE"), timeline)
		}
	}
	var welcomes int
	must(t, f.pool.QueryRow(t.Context(), "SELECT count(*) FROM outbox WHERE body LIKE '%user.welcome%' AND queue = 'notifications'").Scan(&welcomes))
	if welcomes != 1 || h.saw("/dispatch") != 1 || h.saw("/plan") != 1 || h.saw("/proposals") != 1 || h.saw("/cancel") != 0 {
		t.Errorf("%d welcomes; asked: %v", welcomes, h.calls)
	}
}

func TestAClosedJobIsNotAppliedTo(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	h.closed = true
	f := newFixture(t)
	f.run(Sagas(peers)...)
	f.ends(f.play(stories()[KindApplication]), "completed")
	if h.saw("/close") != 1 || h.saw("/dispatch") != 0 {
		t.Errorf("asked: %v", h.calls)
	}
}

func TestAnUnreadableResumeEndsItsIntake(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	f := newFixture(t)
	f.run(Sagas(peers)...)
	s := stories()[KindResumeIntake]
	s.events = []string{"resume.document.failed"}
	f.ends(f.play(s), "completed")
	if h.saw("/proposals") != 0 {
		t.Errorf("asked: %v", h.calls)
	}
}

// What comes after a service forgot the user is found by the proof, and deleted.
func TestWhatComesLateIsDeletedToo(t *testing.T) {
	t.Parallel()
	h, peers := newHouse(t)
	h.held = 2
	f := newFixture(t)
	f.run(Sagas(peers)...)
	_, timeline := f.ends(f.play(stories()[KindAccountDeletion]), "completed")
	if h.saw("DELETE") != len(deletion)+1 || strings.Count(timeline, "step_failed:proof") != 1 || !strings.Contains(timeline, "noted:proof step_completed:proof") {
		t.Errorf("%d deletions; %s", h.saw("DELETE"), timeline)
	}
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

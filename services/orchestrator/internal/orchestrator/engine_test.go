package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/db"
)

// diary is what steps did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, " ")
}

// fixture is a service with tables of its own, which works once it runs.
type fixture struct {
	*Service
	diary
	t    testing.TB
	pool *pgxpool.Pool
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/orchestrator")}
	var err error
	f.Service, err = New(Deps{Pool: f.pool, Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond})
	must(t, err)
	return f
}

// run works on workflows of the definitions until the test ends.
func (f *fixture) run(definitions ...Definition) {
	f.t.Helper()
	f.Definitions = definitions
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Jobs(ctx) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) start(kind string) uuid.UUID {
	f.t.Helper()
	w, err := f.StartWorkflow(f.t.Context(), kind, uuid.NewString(), nil)
	must(f.t, err)
	return w.ID
}

var admin = authn.Principal{Kind: authn.KindUser, UserID: uuid.New(), Roles: []authn.Role{authn.RoleAdmin}}

// ends waits for a workflow to end in a state and returns its timeline.
func (f *fixture) ends(id uuid.UUID, state string) (Workflow, string) {
	f.t.Helper()
	f.reaches(id, state)
	w, events, err := f.GetWorkflow(f.t.Context(), admin, id)
	must(f.t, err)
	var line []string
	for i, e := range events {
		if int(e.Seq) != i+1 {
			f.t.Errorf("event %d has the number %d", i+1, e.Seq)
		}
		line = append(line, strings.TrimSuffix(e.Type+":"+e.Step, ":"))
	}
	return w, strings.Join(line, " ")
}

func (f *fixture) reaches(id uuid.UUID, state string) {
	f.t.Helper()
	var last Workflow
	testkit.Eventually(f.t, "the workflow is "+state, func() bool {
		w, _, err := f.GetWorkflow(f.t.Context(), admin, id)
		must(f.t, err)
		last = w
		return w.State == state
	})
	_ = last
}

// event applies an event of another service.
func (f *fixture) event(typ, key string) {
	f.t.Helper()
	must(f.t, pg.InTx(f.t.Context(), f.pool, func(tx pgx.Tx) error {
		return f.wake(f.t.Context(), tx, db.Signal{Type: typ, Key: key, EventID: uuid.New(), At: f.now(), Data: json.RawMessage(`{"a":1}`)})
	}))
}

// does is a step that notes that it is done and undone, and fails as often as told.
func (f *fixture) does(name string, failures ...error) Step {
	var tries atomic.Int32
	return Step{
		Name: name,
		Do: func(context.Context, *Run) (Outcome, error) {
			if n := int(tries.Add(1)); n <= len(failures) {
				f.note(name + "✗")
				return Outcome{}, failures[n-1]
			}
			f.note(name)
			return Done(name), nil
		},
		Undo: func(context.Context, *Run) error { f.note("-" + name); return nil },
	}
}

var errBroken = errors.New("broken")

func TestStepsAreDoneInOrderAndTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run([]Definition{{Kind: "k", Version: 1, Steps: []Step{f.does("a"), f.does("b"), {Name: "c", Do: func(_ context.Context, r *Run) (Outcome, error) {
		var b string
		if err := r.Output("b", &b); err != nil || b != "b" {
			return Outcome{}, Fatal(fmt.Errorf("the output of b is %q, %w", b, err))
		}
		r.Send(outbox.Message{Type: "test.thing.done", Source: source, Subject: r.ID.String(), Data: map[string]string{}})
		return Done(nil), nil
	}}}}}...)
	id := f.start("k")
	w, timeline := f.ends(id, "completed")
	if f.String() != "a b" || w.Percent != 100 || w.EndedAt == nil {
		t.Errorf("done: %s; %+v", f.String(), w)
	}
	if timeline != "started:a step_completed:a step_completed:b step_completed:c completed:c" {
		t.Errorf("timeline: %s", timeline)
	}
	rows, err := f.pool.Query(t.Context(), "SELECT type FROM outbox WHERE body LIKE '%' || $1 || '%' ORDER BY id", id.String())
	must(t, err)
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	want := []string{"orchestrator.workflow.started", "orchestrator.workflow.progressed", "orchestrator.workflow.progressed", "test.thing.done", "orchestrator.workflow.completed"}
	if !slices.Equal(types, want) {
		t.Errorf("told: %v", types)
	}
}

func TestAStepThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run([]Definition{{Kind: "k", Version: 1, Steps: []Step{f.does("a", errBroken), f.does("b")}}}...)
	_, timeline := f.ends(f.start("k"), "completed")
	if f.String() != "a✗ a b" || !strings.Contains(timeline, "step_failed:a step_completed:a") {
		t.Errorf("%s; %s", f.String(), timeline)
	}
}

func TestWhatWasDoneIsUndoneInReverseOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.does("c", Fatal(errBroken))
	nothing := f.does("n")
	nothing.Undo = nil
	last := f.does("z", errBroken)
	last.Tries = 1
	f.run([]Definition{
		{Kind: "fatal", Version: 1, Steps: []Step{f.does("a"), nothing, f.does("b"), c, f.does("d")}},
		{Kind: "tries", Version: 1, Steps: []Step{f.does("y"), last}},
	}...)
	w, timeline := f.ends(f.start("fatal"), "compensated")
	if f.String() != "a n b c✗ -c -b -a" || w.Error != "broken" {
		t.Errorf("%s; %+v", f.String(), w)
	}
	if !strings.HasSuffix(timeline, "step_failed:c compensating:c step_undone:c step_undone:b step_undone:a compensated:a") {
		t.Errorf("timeline: %s", timeline)
	}
	f.ends(f.start("tries"), "compensated")
	if !strings.HasSuffix(f.String(), "y z✗ -z -y") {
		t.Error(f.String())
	}
}

func TestWhatFailsForGoodCanBeRetried(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	undo := f.does("b", Fatal(errBroken))
	var undone atomic.Bool
	a := f.does("a")
	a.Undo = func(context.Context, *Run) error {
		if !undone.Swap(true) {
			return Fatal(errBroken)
		}
		f.note("-a")
		return nil
	}
	f.run([]Definition{
		{Kind: "forward", Version: 1, Forward: true, Steps: []Step{f.does("x", Fatal(errBroken)), f.does("y")}},
		{Kind: "back", Version: 1, Steps: []Step{a, undo}},
	}...)
	forward, back := f.start("forward"), f.start("back")
	f.ends(forward, "failed")
	f.ends(back, "failed")
	if _, err := f.RetryWorkflow(t.Context(), uuid.New()); !errs.Is(err, "workflow_not_found") {
		t.Error(err)
	}
	for _, id := range []uuid.UUID{forward, back} {
		_, err := f.RetryWorkflow(t.Context(), id)
		must(t, err)
	}
	f.ends(forward, "completed")
	f.ends(back, "compensated")
	if _, err := f.RetryWorkflow(t.Context(), forward); !errs.Is(err, "workflow_not_failed") {
		t.Error(err)
	}
}

// waiting is a step that waits for the event "go" about the workflow.
func (f *fixture) waiting(within time.Duration) Step {
	return Step{
		Name: "wait",
		Do:   func(_ context.Context, r *Run) (Outcome, error) { return Await(within, Wait{"go", r.Key}), nil },
		Resume: func(_ context.Context, _ *Run, s *Signal) (Outcome, error) {
			if s == nil {
				f.note("late")
				return Outcome{}, Fatal(errBroken)
			}
			f.note("went")
			return Done(nil), nil
		},
		Undo: func(context.Context, *Run) error { f.note("-wait"); return nil },
	}
}

func TestAnEventCountsWheneverItComes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run([]Definition{{Kind: "k", Version: 1, Steps: []Step{f.waiting(time.Hour), f.does("b")}}}...)
	t.Run("before", func(t *testing.T) {
		key := uuid.NewString()
		f.event("go", key)
		w, err := f.StartWorkflow(t.Context(), "k", key, nil)
		must(t, err)
		f.ends(w.ID, "completed")
	})
	t.Run("after", func(t *testing.T) {
		key := uuid.NewString()
		w, err := f.StartWorkflow(t.Context(), "k", key, nil)
		must(t, err)
		f.reaches(w.ID, "waiting")
		f.event("go", uuid.NewString()) // about something else
		f.event("stop", key)
		f.reaches(w.ID, "waiting")
		f.event("go", key)
		_, timeline := f.ends(w.ID, "completed")
		if timeline != "started:wait waiting:wait signalled:wait step_completed:wait step_completed:b completed:b" {
			t.Errorf("timeline: %s", timeline)
		}
	})
	t.Run("at the same time", func(t *testing.T) {
		var ids []uuid.UUID
		var all sync.WaitGroup
		for range 20 {
			key := uuid.NewString()
			w, err := f.StartWorkflow(t.Context(), "k", key, nil)
			must(t, err)
			ids = append(ids, w.ID)
			all.Go(func() { f.event("go", key) })
		}
		all.Wait()
		for _, id := range ids {
			f.ends(id, "completed")
		}
	})
}

func TestWaitingEndsWithItsTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run([]Definition{{Kind: "k", Version: 1, Steps: []Step{f.does("a"), f.waiting(time.Second)}}}...)
	_, timeline := f.ends(f.start("k"), "compensated")
	if f.String() != "a late -wait -a" || !strings.Contains(timeline, "waiting:wait timed_out:wait step_failed:wait") {
		t.Errorf("%s; %s", f.String(), timeline)
	}
}

// A step is told of each event once, in their order, until it has enough.
func TestAStepMayWaitAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var seen atomic.Int32
	wait := func(r *Run) Outcome { return Await(time.Hour, Wait{"go", r.Key}) }
	f.run([]Definition{{Kind: "k", Version: 1, Steps: []Step{{
		Name: "wait",
		Do:   func(_ context.Context, r *Run) (Outcome, error) { return wait(r), nil },
		Resume: func(_ context.Context, r *Run, _ *Signal) (Outcome, error) {
			if seen.Add(1) < 3 {
				return wait(r), nil
			}
			return Done(nil), nil
		},
	}}}}...)
	key := uuid.NewString()
	f.event("go", key)
	w, err := f.StartWorkflow(t.Context(), "k", key, nil)
	must(t, err)
	f.reaches(w.ID, "waiting")
	f.event("go", key)
	testkit.Eventually(t, "the second event is seen", func() bool { return seen.Load() == 2 })
	f.reaches(w.ID, "waiting")
	f.event("go", key)
	f.ends(w.ID, "completed")
	if seen.Load() != 3 {
		t.Errorf("%d events were seen", seen.Load())
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	begun, goOn := make(chan bool), make(chan bool)
	slow := f.does("slow")
	slow.Do = func(context.Context, *Run) (Outcome, error) {
		begun <- true
		<-goOn
		f.note("slow")
		return Done(nil), nil
	}
	f.run([]Definition{
		{Kind: "wait", Version: 1, Cancellable: true, Steps: []Step{f.does("a"), f.waiting(time.Hour)}},
		{Kind: "work", Version: 1, Cancellable: true, Steps: []Step{f.does("b"), slow, f.does("c")}},
		{Kind: "fixed", Version: 1, Steps: []Step{f.waiting(time.Hour)}},
	}...)
	user := uuid.New()
	w, err := f.StartWorkflow(t.Context(), "wait", "1", map[string]string{"userId": user.String()})
	must(t, err)
	f.reaches(w.ID, "waiting")
	stranger := authn.Principal{Kind: authn.KindUser, UserID: uuid.New(), Roles: []authn.Role{authn.RoleUser}}
	if _, err := f.CancelWorkflow(t.Context(), stranger, w.ID); !errs.Is(err, "workflow_not_found") {
		t.Errorf("a stranger cancels: %v", err)
	}
	owner := stranger
	owner.UserID = user
	_, err = f.CancelWorkflow(t.Context(), owner, w.ID)
	must(t, err)
	if got, _ := f.ends(w.ID, "compensated"); got.Error != "cancelled" || f.String() != "a -wait -a" {
		t.Errorf("%+v; %s", got, f.String())
	}
	if _, err := f.CancelWorkflow(t.Context(), owner, w.ID); !errs.Is(err, "workflow_ended") {
		t.Errorf("cancelled again: %v", err)
	}
	id := f.start("work")
	<-begun
	_, err = f.CancelWorkflow(t.Context(), admin, id)
	must(t, err)
	goOn <- true
	f.ends(id, "compensated")
	if !strings.HasSuffix(f.String(), "b slow -slow -b") {
		t.Error(f.String())
	}
	fixed := f.start("fixed")
	f.reaches(fixed, "waiting")
	if _, err := f.CancelWorkflow(t.Context(), admin, fixed); !errs.Is(err, "not_cancellable") {
		t.Error(err)
	}
}

// A worker froze in the middle of a step, and another took its workflow over: when
// it wakes, nothing that it brings counts.
func TestAFrozenWorkerChangesNothing(t *testing.T) {
	t.Parallel()
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/orchestrator")}
	frozen, thaw := make(chan bool), make(chan bool)
	var first atomic.Bool
	var err error
	f.Service, err = New(Deps{Pool: f.pool, Log: slog.New(slog.DiscardHandler), Definitions: []Definition{{Kind: "k", Version: 1, Steps: []Step{{
		Name: "a", Do: func(_ context.Context, r *Run) (Outcome, error) {
			if !first.Swap(true) {
				frozen <- true
				<-thaw
				r.Send(outbox.Message{Type: "test.thing.frozen", Source: source, Data: struct{}{}})
				return Done("frozen"), nil
			}
			return Done("other"), nil
		},
	}}}}})
	must(t, err)
	w, err := f.StartWorkflow(t.Context(), "k", "1", nil)
	must(t, err)
	done := make(chan error)
	go func() { done <- f.work(t.Context(), w.ID) }()
	<-frozen
	must(t, f.work(t.Context(), w.ID))
	thaw <- true
	must(t, <-done)
	row, err := f.q.WorkflowGet(t.Context(), w.ID)
	must(t, err)
	if row.State != "completed" || !strings.Contains(string(row.Outputs), "other") {
		t.Errorf("%s: %s", row.State, row.Outputs)
	}
	var n int
	must(t, f.pool.QueryRow(t.Context(), "SELECT count(*) FROM outbox WHERE type = 'test.thing.frozen'").Scan(&n))
	if n != 0 {
		t.Error("the frozen worker's message goes out")
	}
}

func TestOneKeyIsOneWorkflow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run([]Definition{{Kind: "k", Version: 1, Steps: []Step{f.does("a")}}, {Kind: "k", Version: 2, Steps: []Step{f.does("b")}}}...)
	var all sync.WaitGroup
	ids := make([]uuid.UUID, 10)
	for i := range ids {
		all.Go(func() {
			w, err := f.StartWorkflow(t.Context(), "k", "same", nil)
			if err != nil {
				t.Error(err)
			}
			ids[i] = w.ID
		})
	}
	all.Wait()
	w, _ := f.ends(ids[0], "completed")
	if w.Version != 2 || f.String() != "b" {
		t.Errorf("version %d, done: %s", w.Version, f.String())
	}
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("one key began %v", ids)
		}
	}
	if _, err := f.StartWorkflow(t.Context(), "other", "x", nil); !errs.Is(err, "unknown_kind") {
		t.Error(err)
	}
}

func TestSchedulesStartOnceInTheirTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Definitions = []Definition{{Kind: KindJobAggregation, Version: 1, Steps: []Step{f.does("a")}}}
	now := time.Now().Add(2 * time.Hour)
	f.Now = func() time.Time { return now }
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if err := f.startDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	started := func() (n int) {
		must(t, f.pool.QueryRow(t.Context(), "SELECT count(*) FROM workflows WHERE created_at = $1", f.now()).Scan(&n))
		return n
	}
	if started() != 1 {
		t.Fatalf("%d were started", started())
	}
	off, every := false, int32(30)
	s, err := f.UpdateSchedule(t.Context(), "gather_jobs", &every, &off)
	must(t, err)
	if s.Every != 30*time.Minute || s.Enabled {
		t.Errorf("%+v", s)
	}
	now = now.Add(time.Hour)
	must(t, f.startDue(t.Context()))
	if started() != 0 {
		t.Error("a schedule that is off starts")
	}
	if _, err := f.UpdateSchedule(t.Context(), "nothing", nil, &off); !errs.Is(err, "schedule_not_found") {
		t.Error(err)
	}
}

func TestBadEventsAreRefusedForGood(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Definitions = Sagas(nil)
	for _, data := range []string{`[]`, `{}`, `{"userId":7}`, `x`} {
		err := pg.InTx(t.Context(), f.pool, func(tx pgx.Tx) error {
			return f.Apply(t.Context(), tx, rabbit.Event{ID: uuid.New(), Type: "user.deletion.requested", Time: time.Now(), Data: json.RawMessage(data)})
		})
		if err == nil {
			t.Errorf("%s is taken", data)
		}
	}
}

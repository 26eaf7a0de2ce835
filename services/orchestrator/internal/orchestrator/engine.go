package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/db"
)

const (
	source       = "orchestrator"
	sagaQueue    = "sagas"
	sagaTimeout  = 40 * time.Second // of a job; steps that take longer in all go on in another
	inlineTime   = 10 * time.Second // how long a job goes on with the next step
	maxErrorText = 1000
)

// advance is the job that works on a workflow. There is one for each that runs.
type advance struct {
	ID uuid.UUID `json:"id"`
}

// Kind names the jobs in River's table.
func (advance) Kind() string { return "saga_advance" }

// expire is the job that ends a wait, unless something else happened since.
type expire struct {
	ID     uuid.UUID `json:"id"`
	Events int32     `json:"events"`
}

// Kind names the jobs in River's table.
func (expire) Kind() string { return "saga_expire" }

// transition is a change of a workflow in the transaction that it is part of.
type transition struct {
	*db.Queries
	tx  pgx.Tx
	s   *Service
	w   db.Workflow
	def Definition
	now time.Time
}

// change runs fn on the locked workflow and stores what it made of it.
func (s *Service) change(ctx context.Context, id uuid.UUID, fn func(t *transition) error) (db.Workflow, error) {
	var w db.Workflow
	err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.WorkflowLock(ctx, id)
		if err != nil {
			return err
		}
		t := &transition{Queries: q, tx: tx, s: s, w: row, now: s.now()}
		var ok bool
		if t.def, ok = s.definition(row.Kind, row.Version); !ok {
			return fmt.Errorf("orchestrator: no definition of %s, version %d", row.Kind, row.Version)
		}
		if err := fn(t); err != nil {
			return err
		}
		w = t.w
		return t.store(ctx)
	})
	return w, storeError(err)
}

func (t *transition) store(ctx context.Context) error {
	w := t.w
	return t.WorkflowSet(ctx, db.WorkflowSetParams{
		ID: w.ID, Outputs: w.Outputs, State: w.State, Step: w.Step, Attempt: w.Attempt, Fence: w.Fence, Events: w.Events,
		Undoing: w.Undoing, Cancelling: w.Cancelling, Signal: w.Signal, SignalAt: w.SignalAt, Error: w.Error, NextTryAt: w.NextTryAt,
		Now: t.now, EndedAt: w.EndedAt,
	})
}

// step is the one that the workflow is at.
func (t *transition) step() Step { return t.def.Steps[t.w.Step] }

// record adds to the timeline.
func (t *transition) record(ctx context.Context, typ, detail string, output *json.RawMessage) error {
	t.w.Events++
	return t.WorkflowEventInsert(ctx, db.WorkflowEventInsertParams{
		WorkflowID: t.w.ID, Seq: t.w.Events, At: t.now, Type: typ, Step: t.step().Name, Attempt: t.w.Attempt, Detail: clip(detail), Output: output,
	})
}

// tell publishes where the workflow is.
func (t *transition) tell(ctx context.Context, what string) error {
	data := map[string]any{"workflowId": t.w.ID, "kind": t.w.Kind, "step": t.step().Name, "percent": percent(t.w, t.def), "at": t.now}
	if t.w.UserID != nil {
		data["userId"] = *t.w.UserID
	}
	if t.w.Error != "" && (what == "failed" || what == "compensated") {
		data["reason"] = t.w.Error
	}
	return outbox.Append(ctx, t.tx, outbox.Message{
		Type: "orchestrator.workflow." + what, Source: source, Subject: t.w.ID.String(), Time: t.now, Data: data,
	})
}

// enqueue has the workflow worked on, at a time or now.
func (t *transition) enqueue(ctx context.Context, at *time.Time) error {
	opts := &river.InsertOpts{Queue: sagaQueue}
	if at != nil {
		opts.ScheduledAt = *at
	}
	_, err := t.s.jobs.InsertTx(ctx, t.tx, advance{t.w.ID}, opts)
	return err
}

func (t *transition) end(ctx context.Context, state string) error {
	t.w.State, t.w.EndedAt, t.w.NextTryAt = state, &t.now, nil
	if err := t.record(ctx, state, t.w.Error, nil); err != nil {
		return err
	}
	if err := t.tell(ctx, state); err != nil || !t.def.Forgets || state != "completed" {
		return err
	}
	t.w.Outputs = json.RawMessage("{}")
	return t.WorkflowForget(ctx, t.w.ID)
}

// undo begins to take back what was done, from the present step on: what it did may
// have counted although it failed.
func (t *transition) undo(ctx context.Context, why string) error {
	t.w.State, t.w.Undoing, t.w.Cancelling, t.w.Attempt, t.w.Signal, t.w.NextTryAt = "compensating", true, false, 1, nil, nil
	if err := t.WaitsClear(ctx, t.w.ID); err != nil {
		return err
	}
	return t.record(ctx, "compensating", why, nil)
}

// work advances a workflow as far as it goes in the time of a job.
func (s *Service) work(ctx context.Context, id uuid.UUID) error {
	until := time.Now().Add(inlineTime)
	w, err := s.q.WorkflowClaim(ctx, db.WorkflowClaimParams{ID: id, Now: s.now()})
	for {
		if pg.IsNotFound(err) {
			return nil // ended, or waiting
		}
		if err != nil {
			return err
		}
		def, ok := s.definition(w.Kind, w.Version)
		if !ok { // of a newer version of this service, which another replica has
			return fmt.Errorf("orchestrator: no definition of %s, version %d", w.Kind, w.Version)
		}
		r, outcome, tried := s.try(ctx, w, def)
		if ctx.Err() != nil {
			return ctx.Err() // stopping, or the job took too long: it is done again
		}
		goOn := false
		w, err = s.change(ctx, id, func(t *transition) error {
			if t.w.Fence != w.Fence {
				return errFenced
			}
			if tried == nil {
				if err := t.keep(ctx, r); err != nil {
					return err
				}
			}
			if err := t.settle(ctx, outcome, tried); err != nil {
				return err
			}
			if t.w.State != "running" && t.w.State != "compensating" {
				return nil
			}
			if goOn = t.w.NextTryAt == nil && time.Now().Before(until); goOn {
				return nil
			}
			return t.enqueue(ctx, t.w.NextTryAt)
		})
		if errors.Is(err, errFenced) {
			s.Log.WarnContext(ctx, "another worker took the workflow over", slog.String("workflow", id.String()))
			return nil
		}
		if err != nil || !goOn {
			return err
		}
	}
}

// keep sends and notes what a try left to be sent and noted.
func (t *transition) keep(ctx context.Context, r *Run) error {
	for _, m := range r.messages {
		m.Time = t.now
		if err := outbox.Append(ctx, t.tx, m); err != nil {
			return err
		}
	}
	for _, text := range r.notes {
		if err := t.record(ctx, "noted", text, nil); err != nil {
			return err
		}
	}
	return nil
}

// timeIsUp is kept instead of an event when none came.
var timeIsUp = json.RawMessage("{}")

var errFenced = errors.New("orchestrator: fenced")

// try does the step that the workflow is at, or undoes it.
func (s *Service) try(ctx context.Context, w db.Workflow, def Definition) (r *Run, outcome Outcome, err error) {
	r = &Run{ID: w.ID, Key: w.Key, CreatedAt: w.CreatedAt}
	if w.UserID != nil {
		r.UserID = *w.UserID
	}
	if err := errors.Join(json.Unmarshal(w.Input, &r.Input), json.Unmarshal(w.Outputs, &r.outputs)); err != nil {
		return r, outcome, Fatal(err)
	}
	step := def.Steps[w.Step]
	if w.Cancelling {
		return r, outcome, nil // settled without a try
	}
	ctx, cancel := context.WithTimeout(ctx, step.timeout())
	defer cancel()
	begun := time.Now()
	defer func() { s.steps.WithLabelValues(w.Kind, step.Name).Observe(time.Since(begun).Seconds()) }()
	switch {
	case w.Undoing && step.Undo == nil:
		return r, outcome, nil
	case w.Undoing:
		return r, outcome, step.Undo(ctx, r)
	case w.Signal != nil:
		var signal *Signal
		if err := json.Unmarshal(*w.Signal, &signal); err != nil {
			return r, outcome, Fatal(err)
		}
		if signal.Type == "" {
			signal = nil
		}
		outcome, err = step.Resume(ctx, r, signal)
	default:
		outcome, err = step.Do(ctx, r)
	}
	return r, outcome, err
}

// settle makes the transition that a try comes to.
func (t *transition) settle(ctx context.Context, o Outcome, tried error) error {
	t.w.NextTryAt = nil
	switch {
	case t.w.Cancelling:
		if err := t.undo(ctx, "cancelled"); err != nil {
			return err
		}
		t.w.Error = "cancelled"
		return nil
	case tried != nil:
		return t.failed(ctx, tried)
	case t.w.Undoing:
		return t.undone(ctx)
	case len(o.waits) > 0:
		return t.wait(ctx, o)
	case o.after > 0:
		at := t.now.Add(o.after)
		t.w.NextTryAt, t.w.Signal = &at, nil
		return nil
	}
	raw, err := json.Marshal(o.output)
	if err != nil {
		return err
	}
	output := json.RawMessage(raw)
	if t.w.Outputs, err = with(t.w.Outputs, t.step().Name, output); err != nil {
		return err
	}
	if err := t.record(ctx, "step_completed", "", &output); err != nil {
		return err
	}
	t.w.Error, t.w.Signal, t.w.Attempt = "", nil, 1
	if o.end || int(t.w.Step) == len(t.def.Steps)-1 {
		return t.end(ctx, "completed")
	}
	t.w.Step++
	return t.tell(ctx, "progressed")
}

func (t *transition) failed(ctx context.Context, tried error) error {
	t.w.Error = clip(tried.Error())
	typ := "step_failed"
	if t.w.Undoing {
		typ = "undo_failed"
	}
	if err := t.record(ctx, typ, t.w.Error, nil); err != nil {
		return err
	}
	t.s.failures.WithLabelValues(t.w.Kind, t.step().Name).Inc()
	if !isFatal(tried) && int(t.w.Attempt) < t.step().tries() {
		at := t.now.Add(backoff(int(t.w.Attempt)))
		t.w.NextTryAt = &at
		t.w.Attempt++
		return nil
	}
	t.s.Log.WarnContext(ctx, "a step failed for good", slog.String("workflow", t.w.ID.String()), slog.String("kind", t.w.Kind),
		slog.String("step", t.step().Name), slog.Any("error", tried))
	if t.w.Undoing || t.def.Forward {
		return t.end(ctx, "failed")
	}
	return t.undo(ctx, t.w.Error)
}

func (t *transition) undone(ctx context.Context) error {
	if t.step().Undo != nil {
		if err := t.record(ctx, "step_undone", "", nil); err != nil {
			return err
		}
	}
	t.w.Attempt = 1
	if t.w.Step == 0 {
		return t.end(ctx, "compensated")
	}
	t.w.Step--
	return nil
}

// wait puts the workflow to sleep until an event comes, unless it has come already.
func (t *transition) wait(ctx context.Context, o Outcome) error {
	var first *db.Signal
	for _, w := range o.waits {
		if err := t.SignalLock(ctx, db.SignalLockParams(w)); err != nil {
			return err
		}
		rows, err := t.SignalNext(ctx, db.SignalNextParams{Type: w.Type, Key: w.Key, After: t.w.SignalAt})
		if err != nil {
			return err
		}
		if len(rows) > 0 && (first == nil || rows[0].At.Before(first.At)) {
			first = &rows[0]
		}
	}
	if first != nil {
		return t.signal(ctx, *first)
	}
	t.w.State, t.w.Signal = "waiting", nil
	for _, w := range o.waits {
		if err := t.WaitInsert(ctx, db.WaitInsertParams{WorkflowID: t.w.ID, Type: w.Type, Key: w.Key}); err != nil {
			return err
		}
	}
	if err := t.record(ctx, "waiting", o.waits[0].Type, nil); err != nil {
		return err
	}
	_, err := t.s.jobs.InsertTx(ctx, t.tx, expire{t.w.ID, t.w.Events}, &river.InsertOpts{Queue: sagaQueue, ScheduledAt: t.now.Add(o.within)})
	return err
}

// signal gives an event to the step, which is resumed with it.
func (t *transition) signal(ctx context.Context, s db.Signal) error {
	raw, err := json.Marshal(Signal{s.Type, s.At, s.Data})
	if err != nil {
		return err
	}
	message := json.RawMessage(raw)
	t.w.State, t.w.Signal, t.w.SignalAt = "running", &message, &s.At
	if err := t.WaitsClear(ctx, t.w.ID); err != nil {
		return err
	}
	return t.record(ctx, "signalled", s.Type, nil)
}

// expired resumes a step whose time to wait is up, if nothing happened since.
func (s *Service) expired(ctx context.Context, e expire) error {
	_, err := s.change(ctx, e.ID, func(t *transition) error {
		if t.w.State != "waiting" || t.w.Events != e.Events {
			return nil
		}
		t.w.State, t.w.Signal = "running", &timeIsUp
		if err := t.WaitsClear(ctx, t.w.ID); err != nil {
			return err
		}
		if err := t.record(ctx, "timed_out", "", nil); err != nil {
			return err
		}
		return t.enqueue(ctx, nil)
	})
	if pg.IsNotFound(err) {
		return nil // purged
	}
	return err
}

func with(outputs json.RawMessage, step string, output json.RawMessage) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(outputs, &all); err != nil {
		return nil, err
	}
	all[step] = output
	return json.Marshal(all)
}

func clip(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText]
	}
	return string([]rune(s))
}

// percent is how far a workflow has come.
func percent(w db.Workflow, def Definition) int {
	if w.State == "completed" {
		return 100
	}
	return 100 * int(w.Step) / len(def.Steps)
}

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
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/db"
)

var (
	errNotFound = errs.New(errs.NotFound, "workflow_not_found", "There is no such workflow of this account.")
	errEnded    = errs.New(errs.Conflict, "workflow_ended", "The workflow has ended, so there is nothing to cancel.")
	errForward  = errs.New(errs.Conflict, "not_cancellable", "A workflow of this kind goes on to its end; it cannot be cancelled.")
	errNoRetry  = errs.New(errs.Conflict, "workflow_not_failed", "Only a workflow that failed can be tried again.")
	errUser     = errs.New(errs.Unprocessable, "validation_failed", "The userId of the input is not one.").WithFields(errs.Field{Pointer: "#/input/userId", Code: "format", Message: "is no UUID"})
	errDeleted  = errs.New(errs.Conflict, "account_deleted", "This account was deleted; no workflow is begun for it.")
	errWhose    = errs.New(errs.Forbidden, "forbidden", "Only administrators may list the workflows of others.")
)

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool        *pgxpool.Pool
	Peers       *Peers
	Definitions []Definition // of all versions that workflows still follow; the last of a kind is for new ones
	Log         *slog.Logger
	Metrics     prometheus.Registerer // nil: not counted
	Poll        time.Duration         // how often River looks for jobs; zero is 200 ms
	Workers     int                   // workflows that one replica works on at once; zero is 16
	Now         func() time.Time      // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q        *db.Queries
	jobs     *jobs.Client
	steps    *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

// New makes a Service. Its Jobs must run for workflows to go on.
func New(d Deps) (*Service, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Poll == 0 {
		d.Poll = 200 * time.Millisecond
	}
	if d.Workers == 0 {
		d.Workers = 16
	}
	s := &Service{Deps: d, q: db.New(d.Pool),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orchestrator_step_seconds", Help: "How long a try of a step took.", Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"kind", "step"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orchestrator_step_failures_total", Help: "Tries of steps that failed."}, []string{"kind", "step"}),
	}
	if d.Metrics != nil {
		d.Metrics.MustRegister(s.steps, s.failures)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, j *river.Job[advance]) error { return s.work(ctx, j.Args.ID) }))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, j *river.Job[expire]) error { return s.expired(ctx, j.Args) }))
	var err error
	s.jobs, err = jobs.New(d.Pool, jobs.Options{
		Log: d.Log, Poll: d.Poll, Timeout: sagaTimeout, Workers: workers, Queues: map[string]int{sagaQueue: d.Workers},
		Duties: map[string]jobs.Duty{
			"schedules": {Every: time.Minute, Do: s.startDue},
			"purge":     {Every: time.Hour, Do: s.purge},
		},
	})
	return s, err
}

// Jobs works on workflows; it is a worker for app.Run.
func (s *Service) Jobs(ctx context.Context) error { return s.jobs.Run(ctx) }

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) definition(kind string, version int32) (Definition, bool) {
	for _, d := range s.Definitions {
		if d.Kind == kind && d.Version == int(version) {
			return d, true
		}
	}
	return Definition{}, false
}

// newest is the definition that new workflows of a kind follow.
func (s *Service) newest(kind string) (Definition, bool) {
	for i := len(s.Definitions) - 1; i >= 0; i-- {
		if s.Definitions[i].Kind == kind {
			return s.Definitions[i], true
		}
	}
	return Definition{}, false
}

// StartWorkflow begins a workflow, or returns the one that was begun with this key.
func (s *Service) StartWorkflow(ctx context.Context, kind, key string, input map[string]string) (w Workflow, err error) {
	var row db.Workflow
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		row, err = s.startTx(ctx, tx, kind, key, input)
		return err
	})
	return s.workflow(row), storeError(err)
}

func (s *Service) startTx(ctx context.Context, tx pgx.Tx, kind, key string, input map[string]string) (db.Workflow, error) {
	def, ok := s.newest(kind)
	if !ok {
		return db.Workflow{}, errs.New(errs.Unprocessable, "unknown_kind", "There is no such kind of workflow.")
	}
	var user *uuid.UUID
	if text := input["userId"]; text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			return db.Workflow{}, errUser.With(err)
		}
		user = &id
		gone, err := db.New(tx).UserDeleted(ctx, id)
		if err != nil {
			return db.Workflow{}, err
		}
		if gone {
			return db.Workflow{}, errDeleted
		}
	}
	if input == nil {
		input = map[string]string{}
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return db.Workflow{}, err
	}
	q, now := db.New(tx), s.now()
	id := uuid.Must(uuid.NewV7())
	n, err := q.WorkflowInsert(ctx, db.WorkflowInsertParams{ID: id, Kind: kind, Version: int32(def.Version), Key: key, UserID: user, Input: raw, Now: now})
	if err != nil {
		return db.Workflow{}, err
	}
	if n == 0 {
		return q.WorkflowByKey(ctx, db.WorkflowByKeyParams{Kind: kind, Key: key})
	}
	row, err := q.WorkflowLock(ctx, id)
	if err != nil {
		return row, err
	}
	t := &transition{Queries: q, tx: tx, s: s, w: row, def: def, now: now}
	err = t.record(ctx, "started", "", nil)
	if err == nil {
		err = t.tell(ctx, "started")
	}
	if err == nil {
		err = t.enqueue(ctx, nil)
	}
	if err == nil {
		err = t.store(ctx)
	}
	return t.w, err
}

// Workflow is a workflow for those who watch it.
type Workflow struct {
	ID                   uuid.UUID
	Kind, Key            string
	Version              int
	UserID               *uuid.UUID
	State, Step          string
	Percent              int
	Error                string
	NextTryAt            *time.Time
	CreatedAt, UpdatedAt time.Time
	EndedAt              *time.Time
}

func (s *Service) workflow(w db.Workflow) Workflow {
	out := Workflow{
		ID: w.ID, Kind: w.Kind, Key: w.Key, Version: int(w.Version), UserID: w.UserID, State: w.State, Error: w.Error,
		NextTryAt: w.NextTryAt, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, EndedAt: w.EndedAt,
	}
	if def, ok := s.definition(w.Kind, w.Version); ok && int(w.Step) < len(def.Steps) {
		out.Step, out.Percent = def.Steps[w.Step].Name, percent(w, def)
	}
	return out
}

// Event is a line of a workflow's timeline.
type Event struct {
	Seq     int32
	At      time.Time
	Type    string
	Step    string
	Attempt int32
	Detail  string
}

// Filter chooses workflows; what is zero does not filter.
type Filter struct {
	UserID      *uuid.UUID
	Kind, State string
}

// Position is a place in a list of workflows, newest first.
type Position struct {
	At time.Time
	ID uuid.UUID
}

// ListWorkflows lists workflows: for users their own, for administrators those of
// all or of the user they name.
func (s *Service) ListWorkflows(ctx context.Context, p authn.Principal, f Filter, from *Position, limit int) (list []Workflow, more bool, err error) {
	if !p.HasRole(authn.RoleAdmin) {
		if f.UserID != nil && *f.UserID != p.UserID {
			return nil, false, errWhose
		}
		f.UserID = &p.UserID
	}
	q := db.WorkflowListParams{UserID: f.UserID, Kind: f.Kind, State: f.State, MaxRows: int32(limit + 1)}
	if from != nil {
		q.Before, q.BeforeID = &from.At, from.ID
	}
	rows, err := s.q.WorkflowList(ctx, q)
	if err != nil {
		return nil, false, storeError(err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, r := range rows {
		list = append(list, s.workflow(r))
	}
	return list, more, nil
}

// mine refuses what is another's as if it were not there.
func mine(p authn.Principal, w db.Workflow) error {
	if p.HasRole(authn.RoleAdmin) || w.UserID != nil && *w.UserID == p.UserID {
		return nil
	}
	return errNotFound
}

// GetWorkflow returns a workflow and its timeline.
func (s *Service) GetWorkflow(ctx context.Context, p authn.Principal, id uuid.UUID) (Workflow, []Event, error) {
	row, err := s.q.WorkflowGet(ctx, id)
	if err != nil {
		return Workflow{}, nil, notFound(err)
	}
	if err := mine(p, row); err != nil {
		return Workflow{}, nil, err
	}
	rows, err := s.q.WorkflowEvents(ctx, id)
	if err != nil {
		return Workflow{}, nil, storeError(err)
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event(r)
	}
	return s.workflow(row), events, nil
}

// CancelWorkflow has a workflow undone. What is at work ends first.
func (s *Service) CancelWorkflow(ctx context.Context, p authn.Principal, id uuid.UUID) (Workflow, error) {
	row, err := s.change(ctx, id, func(t *transition) error {
		if err := mine(p, t.w); err != nil {
			return err
		}
		switch {
		case t.w.EndedAt != nil:
			return errEnded
		case !t.def.Cancellable:
			return errForward
		case t.w.Undoing || t.w.Cancelling:
			return nil
		}
		if err := t.record(ctx, "cancelled", "", nil); err != nil {
			return err
		}
		if t.w.State == "running" {
			t.w.Cancelling = true // its job sees to it
			return nil
		}
		if err := t.undo(ctx, "cancelled"); err != nil {
			return err
		}
		t.w.Error = "cancelled"
		return t.enqueue(ctx, nil)
	})
	return s.workflow(row), notFound(err)
}

// RetryWorkflow has a workflow that failed begin the step that failed again, to
// wait anew if it waits for events.
func (s *Service) RetryWorkflow(ctx context.Context, id uuid.UUID) (Workflow, error) {
	row, err := s.change(ctx, id, func(t *transition) error {
		if t.w.State != "failed" {
			return errNoRetry
		}
		t.w.State, t.w.Attempt, t.w.EndedAt, t.w.Error, t.w.Signal, t.w.SignalAt = "running", 1, nil, "", nil, nil
		if t.w.Undoing {
			t.w.State = "compensating"
		}
		if err := t.record(ctx, "retried", "", nil); err != nil {
			return err
		}
		return t.enqueue(ctx, nil)
	})
	return s.workflow(row), notFound(err)
}

// Place is somewhere that something of a user may be, and how much is there.
type Place struct {
	Name  string
	Count int64
}

// DeleteUserWorkflows ends the workflows of a user, but for the deletion itself,
// and forgets whose they were. What they did in other services is deleted there.
func (s *Service) DeleteUserWorkflows(ctx context.Context, user uuid.UUID) error {
	return storeError(pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		q, now := db.New(tx), s.now()
		// First, so that nothing is begun for the user from here on.
		if err := q.UserDelete(ctx, db.UserDeleteParams{UserID: user, Now: now}); err != nil {
			return err
		}
		ids, err := q.WorkflowsLive(ctx, &user)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.abandon(ctx, tx, q, id, now); err != nil {
				return err
			}
		}
		if err := q.WorkflowsForget(ctx, &user); err != nil {
			return err
		}
		return q.SignalsForget(ctx, user)
	}))
}

// abandon ends a workflow where it is, and fences whoever works on it.
func (s *Service) abandon(ctx context.Context, tx pgx.Tx, q *db.Queries, id uuid.UUID, now time.Time) error {
	row, err := q.WorkflowLock(ctx, id)
	if err != nil || row.EndedAt != nil {
		return err
	}
	t := &transition{Queries: q, tx: tx, s: s, w: row, now: now}
	var ok bool
	if t.def, ok = s.definition(row.Kind, row.Version); !ok {
		return fmt.Errorf("orchestrator: no definition of %s, version %d", row.Kind, row.Version)
	}
	t.w.Fence++
	t.w.State, t.w.Error, t.w.EndedAt, t.w.NextTryAt = "failed", "the account was deleted", &now, nil
	return errors.Join(t.WaitsClear(ctx, id), t.record(ctx, "failed", t.w.Error, nil), t.store(ctx))
}

// GetWorkflowsFootprint is what is still held of a user, but for the deletion
// itself, which forgets its user when it is completed.
func (s *Service) GetWorkflowsFootprint(ctx context.Context, user uuid.UUID) ([]Place, error) {
	row, err := s.q.WorkflowsFootprint(ctx, &user)
	return []Place{{"table workflows", row.Workflows}, {"table signals", row.Signals}}, storeError(err)
}

func (s *Service) purge(ctx context.Context) error {
	return jobs.Purge(ctx, s.Pool, s.Log, s.now(), jobs.Inbox, jobs.IdempotencyKeys,
		jobs.Leftover{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
		jobs.Leftover{Table: "signals", Key: "type, key, event_id", Old: "at < $1", Keep: 40 * 24 * time.Hour}, // longer than any wait
		jobs.Leftover{Table: "workflows", Key: "id", Old: "ended_at < $1", Keep: 90 * 24 * time.Hour})
}

func notFound(err error) error {
	if pg.IsNotFound(err) {
		return errNotFound
	}
	return storeError(err)
}

// storeError gives database errors that reach the edge their kind; every other
// error passes.
func storeError(err error) error {
	var known *errs.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case pg.IsUnavailable(err):
		return errs.New(errs.Unavailable, "database_unavailable", "The service cannot reach its data. Try again in a few seconds.").
			With(err).WithRetryAfter(2 * time.Second)
	}
	return err
}

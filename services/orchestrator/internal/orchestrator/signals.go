package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/db"
)

// triggers are the events that begin a workflow: its kind, and the field of the
// event that is its key and its input.
var triggers = map[string]struct{ kind, key string }{
	"auth.user.registered":             {KindOnboarding, "userId"},
	"resume.document.uploaded":         {KindResumeIntake, "documentId"},
	"auto-apply.application.requested": {KindApplication, "applicationId"},
	"auto-apply.run.started":           {KindAutoApplyRun, "runId"},
	"user.deletion.requested":          {KindAccountDeletion, "userId"},
}

// subjects are the fields that say what an event is about, for those that
// workflows wait for.
var subjects = map[string]string{
	"auth.user.verified":             "userId",
	"user.profile.created":           "userId",
	"resume.document.parsed":         "documentId",
	"resume.document.failed":         "documentId",
	"auto-apply.application.changed": "applicationId",
	"auto-apply.run.finished":        "runId",
}

// Apply takes in an event: it may begin a workflow, and wake those that wait for
// it. It is an outbox.Apply of the queue orchestrator-events.
func (s *Service) Apply(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
	var data map[string]any
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return rabbit.Permanent(fmt.Errorf("orchestrator: %s: %w", e.Type, err))
	}
	if text, ok := data["userId"].(string); ok {
		if user, err := uuid.Parse(text); err == nil {
			if gone, err := db.New(tx).UserDeleted(ctx, user); err != nil || gone {
				return err // late
			}
		}
	}
	if t, ok := triggers[e.Type]; ok {
		input := map[string]string{}
		for name, v := range data {
			if text, ok := v.(string); ok && inputs[name] {
				input[name] = text
			}
		}
		key := input[t.key]
		if key == "" {
			return rabbit.Permanent(fmt.Errorf("orchestrator: %s has no %s", e.Type, t.key))
		}
		if _, err := s.startTx(ctx, tx, t.kind, key, input); err != nil {
			return err
		}
	}
	subject, ok := subjects[e.Type]
	if !ok {
		return nil
	}
	key, _ := data[subject].(string)
	if key == "" { // such as a message to an address without an account: nobody can wait for it
		return nil
	}
	return s.wake(ctx, tx, db.Signal{Type: e.Type, Key: key, EventID: e.ID, At: e.Time.UTC(), Data: e.Data})
}

// inputs are the fields of events that workflows are begun with.
var inputs = map[string]bool{"userId": true, "documentId": true, "resumeId": true, "applicationId": true, "jobId": true, "runId": true, "locale": true}

// wake keeps an event and gives it to the workflows that wait for it.
func (s *Service) wake(ctx context.Context, tx pgx.Tx, signal db.Signal) error {
	q := db.New(tx)
	if err := q.SignalLock(ctx, db.SignalLockParams{Type: signal.Type, Key: signal.Key}); err != nil {
		return err
	}
	if err := q.SignalInsert(ctx, db.SignalInsertParams(signal)); err != nil {
		return err
	}
	ids, err := q.WaitsFor(ctx, db.WaitsForParams{Type: signal.Type, Key: signal.Key})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.wakeOne(ctx, tx, q, id, signal); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) wakeOne(ctx context.Context, tx pgx.Tx, q *db.Queries, id uuid.UUID, signal db.Signal) error {
	row, err := q.WorkflowLock(ctx, id)
	if err != nil || row.State != "waiting" {
		return err
	}
	t := &transition{Queries: q, tx: tx, s: s, w: row, now: s.now()}
	var ok bool
	if t.def, ok = s.definition(row.Kind, row.Version); !ok {
		return fmt.Errorf("orchestrator: no definition of %s, version %d", row.Kind, row.Version)
	}
	return errors.Join(t.signal(ctx, signal), t.enqueue(ctx, nil), t.store(ctx))
}

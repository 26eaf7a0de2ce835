package autoapply

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
)

// DeleteUser deletes all that is held of a user, and keeps late messages from
// bringing them back. Doing it again changes nothing.
func (s *Service) DeleteUser(ctx context.Context, userID uuid.UUID) error {
	// The tombstone comes first: from then on nothing is added, and no worker goes on.
	err := s.inTx(ctx, func(t *tx) error {
		if err := t.UserLock(ctx, userID); err != nil {
			return err
		}
		return t.TombstoneSet(ctx, db.TombstoneSetParams{UserID: userID, Now: t.now})
	})
	if err != nil {
		return err
	}
	keys, err := s.q.ScreenshotsOfUser(ctx, userID)
	if err != nil {
		return storeError(err)
	}
	for _, key := range keys {
		if err := s.Files.Delete(ctx, key); err != nil {
			return errStorage.With(err)
		}
	}
	return s.inTx(ctx, func(t *tx) error { return t.UserPurge(ctx, userID) })
}

// Place is where something of a user is held, and how much.
type Place struct {
	Name  string
	Count int64
}

// Footprint counts what is held of a user. Each file has a row.
func (s *Service) Footprint(ctx context.Context, userID uuid.UUID) ([]Place, error) {
	n, err := s.q.Footprint(ctx, userID)
	if err != nil {
		return nil, storeError(err)
	}
	return []Place{
		{"table applications", n.Applications}, {"table application_history", n.History}, {"table application_questions", n.Questions},
		{"table application_papers", n.Papers}, {"table application_screenshots, bucket user-uploads", n.Screenshots},
		{"table auto_apply_settings", n.Settings}, {"table auto_apply_runs", n.Runs},
	}, nil
}

// Hear does what messages of other services call for.
func (s *Service) Hear(ctx context.Context, m *rabbit.Message) error {
	if m.Type != TypeAuthUserDeleted {
		return nil
	}
	var gone AuthUserDeleted
	if err := m.Decode(&gone); err != nil {
		return err
	}
	return s.DeleteUser(ctx, gone.UserID)
}

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

const partitionsAhead = 3 // months

// NewMaintenance does what is due again and again.
func NewMaintenance(s *Service) (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{Log: s.Log, Duties: map[string]jobs.Duty{
		"purge":      {Every: time.Hour, Do: func(ctx context.Context) error { return jobs.Purge(ctx, s.Pool, s.Log, s.now(), leftovers...) }},
		"partitions": {Every: 24 * time.Hour, Do: func(ctx context.Context) error { return s.q.HistoryPartitions(ctx, partitionsAhead) }},
		"rescue":     {Every: time.Minute, Do: s.rescue},
		"release":    {Every: time.Minute, Do: s.release},
	}})
}

// rescue looks after applications whose worker is gone: those that may have been
// sent are unconfirmed, the others are taken up again.
func (s *Service) rescue(ctx context.Context) error {
	ids, err := s.q.Stuck(ctx, s.now().Add(-sendLimit))
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.inTx(ctx, func(t *tx) error {
			a, err := t.ApplicationLock(ctx, id)
			limit := WorkTimeout
			if a.State == Submitting {
				limit = sendLimit
			}
			if err != nil || a.UpdatedAt.After(t.now.Add(-limit)) {
				return err
			}
			a.Attempt++
			if a.State == Submitting {
				return t.move(ctx, &a, Unconfirmed, ByMachine, lostReason)
			}
			if err := t.move(ctx, &a, Queued, ByMachine, ""); err != nil {
				return err
			}
			return t.enqueue(ctx, &a)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// release sends applications of runs that waited for their hours or a pause's end.
func (s *Service) release(ctx context.Context) error {
	held, err := s.q.Held(ctx)
	if err != nil {
		return err
	}
	for _, h := range held {
		err := s.inTx(ctx, func(t *tx) error {
			settings, err := t.settings(ctx, h.UserID)
			if err != nil || !settings.Hours.Open(t.now) {
				return err
			}
			a, err := t.ApplicationLock(ctx, h.ID)
			if err != nil || !a.Held || a.State != Queued {
				return err
			}
			return t.enqueue(ctx, &a)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

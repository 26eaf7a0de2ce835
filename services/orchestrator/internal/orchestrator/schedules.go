package orchestrator

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/db"
)

var errSchedule = errs.New(errs.NotFound, "schedule_not_found", "There is no such schedule; list them to see their names.")

// Schedule starts a workflow again and again.
type Schedule struct {
	Name, Kind    string
	Every         time.Duration // whole minutes
	Enabled       bool
	LastStartedAt *time.Time
}

func schedule(r db.Schedule) Schedule {
	return Schedule{r.Name, r.Kind, time.Duration(r.EveryMinutes) * time.Minute, r.Enabled, r.LastStartedAt}
}

// ListSchedules lists all schedules.
func (s *Service) ListSchedules(ctx context.Context) ([]Schedule, error) {
	rows, err := s.q.ScheduleList(ctx)
	out := make([]Schedule, len(rows))
	for i, r := range rows {
		out[i] = schedule(r)
	}
	return out, storeError(err)
}

// UpdateSchedule changes what is not nil.
func (s *Service) UpdateSchedule(ctx context.Context, name string, everyMinutes *int32, enabled *bool) (Schedule, error) {
	r, err := s.q.ScheduleUpdate(ctx, db.ScheduleUpdateParams{Name: name, EveryMinutes: everyMinutes, Enabled: enabled})
	if pg.IsNotFound(err) {
		return Schedule{}, errSchedule
	}
	return schedule(r), storeError(err)
}

// startDue starts what is due. The time is part of the key, so that a schedule
// starts once in its time.
func (s *Service) startDue(ctx context.Context) error {
	return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		q, now := db.New(tx), s.now()
		rows, err := q.SchedulesDue(ctx, &now)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := s.startTx(ctx, tx, r.Kind, r.Name+" "+now.Format(time.RFC3339), nil); err != nil {
				return err
			}
			if err := q.ScheduleStarted(ctx, db.ScheduleStartedParams{Name: r.Name, Now: &now}); err != nil {
				return err
			}
		}
		return nil
	})
}

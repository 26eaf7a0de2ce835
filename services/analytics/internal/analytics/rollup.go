package analytics

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/services/analytics/internal/db"
)

const (
	rollupEvery = 5 * time.Minute
	// An event is seen when its transaction commits, which is at most this long
	// after it was received; the role's statement limit is far shorter.
	commitSlack    = 5 * time.Minute
	hoursAtOnce    = 48
	partitionAhead = 3 // months
)

// Maintenance counts events by hour and day, makes and drops partitions and
// deletes leftovers, in one of the replicas.
func (s *Service) Maintenance() (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{Log: s.Log, Duties: map[string]jobs.Duty{
		"rollup":     {Every: rollupEvery, Do: s.Rollup},
		"partitions": {Every: 24 * time.Hour, Do: s.partitions},
		"purge":      {Every: time.Hour, Do: s.purge},
	}})
}

// Rollup counts the hours that are over, those that events came to late once more,
// and the days that they belong to, some hours in a transaction.
func (s *Service) Rollup(ctx context.Context) error {
	now := s.now()
	for after := (time.Time{}); ; {
		last, more, err := s.rollupFrom(ctx, after, now)
		if err != nil || !more {
			return err
		}
		after = last.Add(time.Hour)
	}
}

// rollupFrom counts up to hoursAtOnce hours from after on. The row that it locks
// keeps two replicas from counting the same.
func (s *Service) rollupFrom(ctx context.Context, after, now time.Time) (last time.Time, more bool, err error) {
	thisHour := now.Truncate(time.Hour)
	err = s.inTx(ctx, func(_ pgx.Tx, q *db.Queries) error {
		received, err := q.RollupLock(ctx)
		if err != nil {
			return err
		}
		hours, err := q.HoursTouched(ctx, db.HoursTouchedParams{After: after, Before: thisHour, ReceivedSince: received.Add(-commitSlack), MaxRows: hoursAtOnce})
		if err != nil {
			return err
		}
		days := map[time.Time]bool{}
		for _, hour := range hours {
			if err := q.MetricsClear(ctx, db.MetricsClearParams{Period: "hour", StartsAt: hour}); err != nil {
				return err
			}
			if err := q.HourRollup(ctx, hour); err != nil {
				return err
			}
			days[hour.UTC().Truncate(24*time.Hour)] = true
		}
		for day := range days {
			if err := q.MetricsClear(ctx, db.MetricsClearParams{Period: "day", StartsAt: day}); err != nil {
				return err
			}
			if err := q.DayRollup(ctx, day); err != nil {
				return err
			}
		}
		if more = len(hours) == hoursAtOnce; more {
			last = hours[len(hours)-1]
			return nil
		}
		return q.RollupSet(ctx, db.RollupSetParams{UpTo: thisHour, ReceivedUpTo: now})
	})
	return last, more, err
}

func (s *Service) partitions(ctx context.Context) error {
	if err := s.q.EventsPartitions(ctx, partitionAhead); err != nil {
		return storeError(err)
	}
	dropped, err := s.q.EventsDrop(ctx, s.now().AddDate(0, -s.EventMonths, 0))
	if dropped > 0 {
		s.Log.InfoContext(ctx, "old events dropped", slog.Int("months", int(dropped)))
	}
	return storeError(err)
}

func (s *Service) purge(ctx context.Context) error {
	return jobs.Purge(ctx, s.Pool, s.Log, s.now(), jobs.Inbox, jobs.IdempotencyKeys,
		jobs.Leftover{Table: "tracked_types", Key: "user_id, day, type", Old: "day < $1", Keep: 48 * time.Hour},
		// Jobs closed long ago count in no figure.
		jobs.Leftover{Table: "jobs", Key: "id", Old: "closed_at < $1", Keep: 400 * 24 * time.Hour},
		jobs.Leftover{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
		// What partitions, which are dropped whole, do not hold: replays from long ago.
		jobs.Leftover{Table: "events_default", Key: "id, at", Old: "at < $1", Keep: time.Duration(s.EventMonths) * 31 * 24 * time.Hour},
		jobs.Leftover{Table: "metrics", Key: "period, starts_at, user_id, type, detail", Old: "period = 'hour' AND user_id IS NOT NULL AND starts_at < $1", Keep: 400 * 24 * time.Hour})
}

package job

import (
	"context"
	"errors"
	"time"

	"github.com/jobpilot/jobpilot/pkg/jobs"
)

const keepClosed = 180 * 24 * time.Hour // jobs that are closed and that nobody saved

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "gatherings", Key: "id", Old: "started_at < $1", Keep: 30 * 24 * time.Hour},
	{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
	{Table: "alert_matches", Key: "alert_id, job_id", Old: "told AND matched_at < $1", Keep: 90 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

// NewMaintenance makes what is due again and again.
func NewMaintenance(s *Service) (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{
		Log: s.Log, Poll: time.Second,
		Duties: map[string]jobs.Duty{
			"gather":  {Every: time.Minute, Do: s.GatherDue, Timeout: time.Minute},
			"alerts":  {Every: 5 * time.Second, Do: s.MatchAlerts, Timeout: 10 * time.Minute},
			"digests": {Every: 10 * time.Minute, Do: s.SendDigests},
			"enrich":  {Every: 15 * time.Second, Do: s.Enrich, Timeout: 2 * time.Minute},
			"close":   {Every: time.Hour, Do: s.CloseOld},
			"purge":   {Every: time.Hour, Do: s.purge},
		},
	})
}

// purge deletes what is of no more use, in bounded steps.
func (s *Service) purge(ctx context.Context) error {
	err := jobs.Purge(ctx, s.Pool, s.Log, s.now(), leftovers...)
	for ctx.Err() == nil {
		n, failed := s.q.JobsPurge(ctx, s.now().Add(-keepClosed))
		if failed != nil || n == 0 {
			return errors.Join(err, failed)
		}
	}
	return errors.Join(err, ctx.Err())
}

package user

import (
	"context"
	"time"

	"github.com/jobpilot/jobpilot/pkg/jobs"
)

const auditMonthsAhead = 12

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

// NewMaintenance makes the worker that does what is due again and again.
func NewMaintenance(s *Service) (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{
		Log: s.Log,
		Duties: map[string]jobs.Duty{
			"purge": {Every: time.Hour, Do: func(ctx context.Context) error {
				return jobs.Purge(ctx, s.Pool, s.Log, s.now(), leftovers...)
			}},
			"dropped_files": {Every: 10 * time.Minute, Do: func(ctx context.Context) error { return s.sweep(ctx, nil) }},
			"audit_partitions": {Every: 24 * time.Hour, Do: func(ctx context.Context) error {
				return storeError(s.q.AuditPartitions(ctx, auditMonthsAhead))
			}},
		},
	})
}

package notification

import (
	"context"
	"time"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

const (
	monthsAhead = 3
	dueEvery    = time.Minute
)

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "stream_tickets", Key: "hash", Old: "expires_at < $1"},
	{Table: "stream_events", Key: "user_id, seq", Old: "at < $1", Keep: streamKept},
	{Table: "deliveries", Key: "id", Old: "created_at < $1", Keep: 30 * 24 * time.Hour},
	{Table: "message_keys", Key: "key", Old: "created_at < $1", Keep: 30 * 24 * time.Hour},
	{Table: "suppressions", Key: "target_hash", Old: "expires_at < $1"},
	{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

// NewMaintenance makes the worker for what is due again and again. Notifications are
// kept for so many months.
func NewMaintenance(s *Service, monthsKept int) (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{
		Log: s.Log,
		Duties: map[string]jobs.Duty{
			"due":   {Every: dueEvery, Do: s.SendDue},
			"purge": {Every: time.Hour, Do: func(ctx context.Context) error { return jobs.Purge(ctx, s.Pool, s.Log, s.now(), leftovers...) }},
			"partitions": {Every: 24 * time.Hour, Do: func(ctx context.Context) error {
				return storeError(s.q.NotificationPartitions(ctx, db.NotificationPartitionsParams{MonthsAhead: monthsAhead, MonthsKept: int32(monthsKept)}))
			}},
		},
	})
}

package resume

import (
	"context"
	"errors"
	"time"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/jobs"
)

// oldFiles is how long a deleted or replaced file can be had back by an operator.
const oldFiles = 7 * 24 * time.Hour

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

// NewMaintenance does what is due again and again.
func NewMaintenance(s *Service) (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{Log: s.Log, Duties: map[string]jobs.Duty{
		"purge":  {Every: time.Hour, Do: s.purge},
		"rescue": {Every: time.Minute, Do: s.rescue},
		// What was deleted stays as an old version in a bucket that keeps versions.
		"buckets": {Every: 24 * time.Hour, Do: s.keepBuckets},
	}})
}

// keepBuckets sees to it that the buckets drop what was deleted.
func (s *Service) keepBuckets(ctx context.Context) error {
	for _, bucket := range []*blob.Store{s.Files, s.Exports} {
		lacking, err := bucket.EnsureBucket(ctx, blob.Policy{ExpireOld: oldFiles})
		if err != nil {
			return err
		}
		if len(lacking) > 0 {
			s.Log.WarnContext(ctx, "the S3 server does not do all that is asked of a bucket", "lacking", lacking)
		}
	}
	return nil
}

// purge deletes what is of no more use, in bounded steps. What fails does not
// keep it from the rest.
func (s *Service) purge(ctx context.Context) error {
	err := jobs.Purge(ctx, s.Pool, s.Log, s.now(), leftovers...)
	for ctx.Err() == nil {
		keys, failed := s.q.RendersOld(ctx, s.now().Add(-renderKeep))
		if failed == nil && len(keys) > 0 {
			failed = s.dropRenders(ctx, keys)
		}
		if failed != nil || len(keys) == 0 {
			return errors.Join(err, failed)
		}
	}
	return errors.Join(err, ctx.Err())
}

package job

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/job/internal/clients"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

const (
	jobTTL    = time.Hour        // of a job in the cache
	searchTTL = 20 * time.Second // of a page of results
)

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool    *pgxpool.Pool
	Redis   redis.UniversalClient
	Engine  *search.Engine
	Fetcher *fetch.Fetcher
	Peers   clients.Peers
	// SourceBaseURL is where all platforms are that have no address of their own: the
	// local job site. Empty: at their public addresses.
	SourceBaseURL string
	CachePrefix   string // of keys in Redis
	Metrics       prometheus.Registerer
	Log           *slog.Logger
	Now           func() time.Time // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q        *db.Queries
	jobs     *cache.Cache[Job]
	searches *cache.Cache[found]
	metrics  *metrics
	gazette  *gazetteer
	wake     chan struct{} // the indexer has work
}

// New makes a Service.
func New(d Deps) (*Service, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	s := &Service{Deps: d, q: db.New(d.Pool), wake: make(chan struct{}, 1), gazette: newGazetteer(d.Pool)}
	var err error
	if s.jobs, err = cache.New[Job](d.Redis, cache.Options{Name: d.CachePrefix + "job:job:1", TTL: jobTTL, MaxBytes: 512 << 10, Metrics: d.Metrics}); err != nil {
		return nil, err
	}
	if s.searches, err = cache.New[found](d.Redis, cache.Options{Name: d.CachePrefix + "job:search:1", TTL: searchTTL, Metrics: d.Metrics}); err != nil {
		return nil, err
	}
	s.metrics, err = newMetrics(d.Metrics, s)
	return s, err
}

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// newID is a UUIDv7: ids in order of creation keep index pages warm.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// tx is a transaction of a use case: the queries, one time for all its rows, and
// the jobs whose copies in the cache are old once it is committed.
type tx struct {
	*db.Queries
	x       pgx.Tx
	s       *Service
	now     time.Time
	changed []uuid.UUID
}

// inTx runs fn in a transaction. When it is committed, the cache forgets the jobs
// that changed and the indexer hears of them.
func (s *Service) inTx(ctx context.Context, fn func(t *tx) error) error {
	var t *tx
	err := pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		t = &tx{Queries: db.New(x), x: x, s: s, now: s.now()}
		return fn(t)
	})
	if err != nil {
		return storeError(err)
	}
	if len(t.changed) > 0 {
		s.forget(ctx, t.changed)
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// forget drops jobs from the cache. Without Redis nothing was served from it, and
// what it still holds is at most an hour old.
func (s *Service) forget(ctx context.Context, ids []uuid.UUID) {
	for len(ids) > 0 {
		n := min(len(ids), 500)
		keys := make([]string, n)
		for i, id := range ids[:n] {
			keys[i] = id.String()
		}
		if err := s.jobs.Delete(ctx, keys...); err != nil && !errors.Is(err, cache.ErrDown) {
			s.Log.WarnContext(ctx, "jobs stay in the cache", slog.Any("error", err))
		}
		ids = ids[n:]
	}
}

// touch records that jobs changed: they are to be indexed anew.
func (t *tx) touch(ctx context.Context, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	t.changed = append(t.changed, ids...)
	return t.IndexEnqueue(ctx, ids)
}

// source names this service in its messages.
const sourceName = "job"

// event is an event of this transaction; subject is the id of what it is about.
func (t *tx) event(typ string, subject uuid.UUID, data any) outbox.Message {
	return outbox.Message{Type: typ, Source: sourceName, Subject: subject.String(), Time: t.now, Data: data}
}

// emit appends an event to the outbox.
func (t *tx) emit(ctx context.Context, typ string, subject uuid.UUID, data any) error {
	return outbox.Append(ctx, t.x, t.event(typ, subject, data))
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

// notFound turns a missing row into the given error.
func notFound(err error, missing *errs.Error) error {
	if pg.IsNotFound(err) {
		return missing
	}
	return storeError(err)
}

var (
	errJobNotFound     = errs.New(errs.NotFound, "job_not_found", "There is no such job; it may have been removed. Search again.")
	errSourceNotFound  = errs.New(errs.NotFound, "source_not_found", "There is no such source; list them to see their ids.")
	errRunNotFound     = errs.New(errs.NotFound, "gathering_not_found", "There is no such run; runs are kept for 30 days.")
	errAlertNotFound   = errs.New(errs.NotFound, "alert_not_found", "There is no such alert; list yours to see their ids.")
	errCompanyNotFound = errs.New(errs.NotFound, "company_not_found", "There is no such company; search for it by name.")
	errReportNotFound  = errs.New(errs.NotFound, "report_not_found", "There is no such report.")
	errUserGone        = errs.New(errs.Conflict, "account_deleted", "This account has been deleted.")
)

// Page is where a page of a list begins, newest first.
type Page struct {
	Limit    int
	Before   *time.Time
	BeforeID *uuid.UUID
}

// more cuts a list that was read with one row beyond its limit.
func more[T any](list []T, limit int) ([]T, bool) {
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

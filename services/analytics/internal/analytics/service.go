package analytics

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

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/analytics/internal/db"
)

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool        *pgxpool.Pool
	Redis       redis.UniversalClient // counters of the running hour
	KeyPrefix   string                // of the counters; may be empty
	Log         *slog.Logger
	Metrics     prometheus.Registerer // nil: not counted
	EventMonths int                   // how long single events are kept
	Now         func() time.Time      // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q      *db.Queries
	stored *prometheus.CounterVec // events by where they came from
}

// New makes a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	s := &Service{Deps: d, q: db.New(d.Pool), stored: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_events_stored_total", Help: "Events stored for the first time, by source: client or service.",
	}, []string{"source"})}
	if d.Metrics != nil {
		d.Metrics.MustRegister(s.stored)
	}
	return s
}

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) inTx(ctx context.Context, fn func(tx pgx.Tx, q *db.Queries) error) error {
	return storeError(pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error { return fn(tx, db.New(tx)) }))
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

// Place is somewhere that something of a user may be, and how much is there.
type Place struct {
	Name  string
	Count int64
}

// DeleteUserEvents deletes what is known of a user. Counts of all users stay: they
// tell nobody apart.
func (s *Service) DeleteUserEvents(ctx context.Context, user uuid.UUID) error {
	err := s.inTx(ctx, func(_ pgx.Tx, q *db.Queries) error {
		if err := q.DeletedUserInsert(ctx, db.DeletedUserInsertParams{UserID: user, Now: s.now()}); err != nil {
			return err
		}
		return q.UserForget(ctx, user)
	})
	if err == nil {
		s.forgetLive(ctx, user)
	}
	return err
}

// GetEventsFootprint is what is still held of a user.
func (s *Service) GetEventsFootprint(ctx context.Context, user uuid.UUID) ([]Place, error) {
	row, err := s.q.UserFootprint(ctx, &user)
	if err != nil {
		return nil, storeError(err)
	}
	live, err := s.liveFootprint(ctx, user)
	return []Place{
		{"table events", row.Events}, {"table metrics", row.Metrics}, {"table tracked_types", row.TrackedTypes},
		{"table applications", row.Applications}, {"counters of the running hour", live},
	}, err
}

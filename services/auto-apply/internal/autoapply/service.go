package autoapply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

// source names this service in its messages.
const source = "auto-apply"

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool    *pgxpool.Pool
	Keys    *seal.Keys  // seals columns
	Files   *blob.Store // screenshots
	Jobs    job.ClientWithResponsesInterface
	Users   user.ClientWithResponsesInterface
	Resumes resume.ClientWithResponsesInterface
	AI      ai.ClientWithResponsesInterface
	Sites   *site.Sites
	Limiter *cache.Limiter // of each platform; nil: no limit
	// PerMinute bounds the applications to one platform's host, over all users.
	PerMinute int
	Metrics   prometheus.Registerer // nil: none
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q        *db.Queries
	outcomes *prometheus.CounterVec
	seconds  prometheus.Histogram
	held     codes
}

// New makes a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	s := &Service{Deps: d, q: db.New(d.Pool),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "applications_total", Help: "Attempts by platform and the state they led to."}, []string{"platform", "state"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "application_seconds", Help: "Time of an attempt in the browser.", Buckets: []float64{.25, .5, 1, 2, 4, 8, 15, 30, 60, 120}}),
	}
	if d.Metrics != nil {
		d.Metrics.MustRegister(s.outcomes, s.seconds)
	}
	return s
}

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// tx is a transaction of a use case: the queries, and one time for all its rows.
type tx struct {
	*db.Queries
	x   pgx.Tx
	s   *Service
	now time.Time
}

func (s *Service) inTx(ctx context.Context, fn func(t *tx) error) error {
	return storeError(pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		return fn(&tx{Queries: db.New(x), x: x, s: s, now: s.now()})
	}))
}

var (
	errUnavailable = errs.New(errs.Unavailable, "database_unavailable", "The service cannot reach its data. Try again in a few seconds.")
	errPeer        = errs.New(errs.Unavailable, "service_unavailable", "A part of JobPilot that is needed for this does not answer. Try again in a minute.")
	errGone        = errs.New(errs.Conflict, "account_deleted", "This account was deleted; nothing can be stored for it any more.")
	errNotFound    = errs.New(errs.NotFound, "application_not_found", "There is no such application of yours.")
)

// storeError gives database errors that reach the edge their kind; every other
// error passes.
func storeError(err error) error {
	var known *errs.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case pg.IsUnavailable(err):
		return errUnavailable.With(err).WithRetryAfter(2 * time.Second)
	}
	return err
}

// missing turns the absence of a row into the error that says so.
func missing(err error, as *errs.Error) error {
	if pg.IsNotFound(err) {
		return as
	}
	return storeError(err)
}

// alive locks the user's applications against concurrent additions, and refuses
// users that were deleted.
func (t *tx) alive(ctx context.Context, user uuid.UUID) error {
	if err := t.UserLock(ctx, user); err != nil {
		return err
	}
	gone, err := t.TombstoneExists(ctx, user)
	if err == nil && gone {
		err = errGone
	}
	return err
}

// newID is a UUIDv7: ids in order of creation keep index pages warm.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (s *Service) seal(table, column string, row, owner fmt.Stringer, v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.Keys.Seal(raw, seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()}), nil
}

func (s *Service) open(table, column string, row, owner fmt.Stringer, sealed []byte, v any) error {
	if sealed == nil {
		return nil
	}
	raw, err := s.Keys.Open(sealed, seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()})
	if err != nil {
		return fmt.Errorf("auto-apply: %s.%s of %s: %w", table, column, row, err)
	}
	return json.Unmarshal(raw, v)
}

// emit appends an event to the outbox. Events of one application or run are
// published in their order.
func (t *tx) emit(ctx context.Context, typ string, subject uuid.UUID, data any) error {
	return outbox.Append(ctx, t.x, outbox.Message{Type: typ, Source: source, Subject: subject.String(), Time: t.now, Data: data})
}

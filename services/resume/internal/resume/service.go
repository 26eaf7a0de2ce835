package resume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/resume/internal/browser"
	"github.com/jobpilot/jobpilot/services/resume/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
)

// Limits of what one user can have.
const (
	maxResumes   = 50
	maxDocuments = 200
	maxContent   = 256 << 10 // bytes of a resume as JSON
	keepVersions = 500       // without a name, of one resume
)

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool    *pgxpool.Pool
	Keys    *seal.Keys  // seals columns
	Files   *blob.Store // uploaded files
	Exports *blob.Store // rendered documents, to be had again
	AI      *ai.Caller
	Browser *browser.Pool // prints PDF
	// Check holds a resume against the contract, for what did not pass its edge:
	// the results of merge patches and what ai read.
	Check func(tree map[string]any) []errs.Field
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q *db.Queries
}

// New makes a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Service{Deps: d, q: db.New(d.Pool)}
}

// Page is a part of a list newest first.
type Page struct {
	Limit    int
	Before   time.Time // zero: from the newest
	BeforeID uuid.UUID
}

func (p Page) before() (*time.Time, *uuid.UUID) {
	if p.Before.IsZero() {
		return nil, nil
	}
	return &p.Before, &p.BeforeID
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
	errGone        = errs.New(errs.Conflict, "account_deleted", "This account was deleted; nothing can be stored for it any more.")
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

// alive locks the user's resumes against concurrent change, and refuses users
// that were deleted.
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

func place(table, column string, row, owner fmt.Stringer) seal.Place {
	return seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()}
}

// opened opens a sealed column.
func (s *Service) opened(value []byte, at seal.Place) ([]byte, error) {
	plain, err := s.Keys.Open(value, at)
	if err != nil {
		return nil, fmt.Errorf("resume: %s.%s of %s: %w", at.Table, at.Column, at.Row, err)
	}
	return plain, nil
}

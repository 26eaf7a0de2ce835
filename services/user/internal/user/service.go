package user

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

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// CacheTTL is how long a profile stays in Redis.
const CacheTTL = 30 * time.Minute

// maxCached is the largest sealed profile that is kept in Redis, in bytes.
const maxCached = 512 << 10

// CacheOptions are those of the cache in [Deps].
var CacheOptions = cache.Options{Name: "user:profile:1", TTL: CacheTTL, MaxBytes: maxCached}

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool  *pgxpool.Pool
	Keys  *seal.Keys           // seals columns
	Files *blob.Store          // the bucket of photos
	Cache *cache.Cache[[]byte] // of sealed profiles, with CacheOptions
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q      *db.Queries
	photos chan struct{} // bounds the photos decoded at once
}

// New makes a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Service{Deps: d, q: db.New(d.Pool), photos: make(chan struct{}, photosAtOnce)}
}

var (
	errNotFound = errs.New(errs.NotFound, "profile_not_found",
		"There is no such profile. A new account has its profile a moment after registration; try again then.")
	errLeaving = errs.New(errs.Conflict, "account_being_deleted", "This account is being deleted; nothing of it can be changed any more.")
	errInvalid = errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.")
	errStale   = errs.New(errs.Precondition, "precondition_failed",
		"It was changed meanwhile. Read it again, and repeat the change with its new ETag in If-Match.")
)

// invalid is a fault in one field of the request.
func invalid(pointer, code, message string) error {
	return errInvalid.WithFields(errs.Field{Pointer: pointer, Code: code, Message: message})
}

// Check compares the version that a change is based on with the present one; the
// edge makes it of If-Match.
type Check func(version int64) error

func (c Check) ok(version int64) error {
	if c == nil || c(version) == nil {
		return nil
	}
	return errStale
}

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// tx is a transaction of a use case that changes one user: the queries, one time
// for all rows, the locked row, and what changed.
type tx struct {
	*db.Queries
	x       pgx.Tx
	s       *Service
	now     time.Time
	user    uuid.UUID
	row     db.UserProfile
	changed []string // fields of user.profile.updated
	files   bool     // some were dropped
}

// change runs fn in a transaction that holds the user's row, tells others what it
// changed, and drops the cached profile.
func (s *Service) change(ctx context.Context, user uuid.UUID, fn func(t *tx) error) error {
	var t *tx
	err := pg.InTx(ctx, s.Pool, func(x pgx.Tx) (err error) {
		if t, err = s.begin(ctx, x, user); err != nil {
			return err
		}
		return t.run(ctx, fn)
	})
	if err != nil {
		return storeError(err)
	}
	s.forget(ctx, user)
	if t.files {
		_ = s.sweep(ctx, &user) // it has logged what fails, and the duty tries again
	}
	return nil
}

// begin locks the user's row; the error for one that is not there is errNotFound.
func (s *Service) begin(ctx context.Context, x pgx.Tx, user uuid.UUID) (*tx, error) {
	t := &tx{Queries: db.New(x), x: x, s: s, now: s.now(), user: user}
	var err error
	if t.row, err = t.ProfileLock(ctx, user); pg.IsNotFound(err) {
		return nil, errNotFound
	}
	return t, err
}

func (t *tx) run(ctx context.Context, fn func(t *tx) error) error {
	if t.row.DeletionRequestedAt != nil {
		return errLeaving
	}
	if err := fn(t); err != nil || len(t.changed) == 0 {
		return err
	}
	return t.emit(ctx, TypeProfileUpdated, ProfileUpdated{UserID: t.user, Fields: t.changed, UpdatedAt: t.now})
}

// forget drops the cached profile. It is bound to the past even if the request is over.
func (s *Service) forget(ctx context.Context, user uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.Cache.Delete(ctx, user.String()); err != nil {
		s.Log.WarnContext(ctx, "a changed profile may be served as it was, until its copy expires", slog.Any("error", err))
	}
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

// newID is a UUIDv7: ids in order of creation keep index pages warm.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// sealed seals a document for a column of a row of the user's.
func (s *Service) sealed(table, column, row string, user uuid.UUID, document any) ([]byte, error) {
	raw, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("user: encode %s.%s: %w", table, column, err)
	}
	return s.Keys.Seal(raw, seal.Place{Table: table, Column: column, Row: row, Owner: user.String()}), nil
}

// open is the inverse of sealed.
func (s *Service) open(table, column, row string, user uuid.UUID, sealed []byte, into any) error {
	raw, err := s.Keys.Open(sealed, seal.Place{Table: table, Column: column, Row: row, Owner: user.String()})
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("user: %s.%s of %s: %w", table, column, row, err)
	}
	return nil
}

// merge applies a JSON Merge Patch (RFC 7396) to a document.
func merge[T any](document T, patch json.RawMessage) (merged T, err error) {
	var target, change map[string]any
	raw, err := json.Marshal(document)
	if err == nil {
		err = errors.Join(json.Unmarshal(raw, &target), json.Unmarshal(patch, &change))
	}
	if err == nil {
		mergeObject(target, change)
		if raw, err = json.Marshal(target); err == nil {
			err = json.Unmarshal(raw, &merged)
		}
	}
	if err != nil {
		return merged, fmt.Errorf("user: merge patch: %w", err)
	}
	return merged, nil
}

func mergeObject(target, patch map[string]any) {
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			inner, ok := target[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
			}
			mergeObject(inner, value)
			target[name] = inner
		default:
			target[name] = value
		}
	}
}

// names are the fields that a merge patch sets.
func names(patch json.RawMessage) []string {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(patch, &fields) // merge has read it
	return sortedKeys(fields)
}

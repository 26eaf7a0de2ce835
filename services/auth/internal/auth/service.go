package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// How long things live. An access token's life is authn.AccessTokenTTL.
const (
	refreshTTL      = 7 * 24 * time.Hour  // a refresh token, and so a session that is not used
	sessionMaxAge   = 90 * 24 * time.Hour // a session, however much it is used
	verifyTTL       = 48 * time.Hour
	resetTTL        = time.Hour
	emailChangeTTL  = 24 * time.Hour
	maxSessions     = 50 // of an account; the oldest end
	maxMailsPerHour = 5  // of one kind to one account
)

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool        *pgxpool.Pool
	Keys        *seal.Keys   // seals columns
	Lookup      *seal.Lookup // hashes what sealed columns are found by
	Hasher      *Hasher
	Policy      *PasswordPolicy
	Signer      *Signer
	Revocations *authn.Revocations
	Webauthn    *webauthn.WebAuthn
	Oauth       *Oauth // nil: no sign-in with providers
	PublicURL   string // where people reach JobPilot; links in mails begin with it
	Log         *slog.Logger
	Now         func() time.Time // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q      *db.Queries
	keyUse chan uuid.UUID // API keys whose use is to be recorded; see KeepKeyUse
}

// New makes a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Service{Deps: d, q: db.New(d.Pool), keyUse: make(chan uuid.UUID, keyUseWaiting)}
}

// Client is where a request comes from, as far as the edge can tell.
type Client struct {
	IP         netip.Addr
	UserAgent  string
	DeviceName string // as the client calls itself
	RequestID  string
}

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// inTx runs fn in a transaction. What fn revokes is refused everywhere before
// inTx returns.
func (s *Service) inTx(ctx context.Context, fn func(t *tx) error) error {
	var t *tx
	err := pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		t = &tx{Queries: db.New(x), x: x, s: s, now: s.now()}
		return fn(t)
	})
	if err != nil {
		return storeError(err)
	}
	if len(t.revoked) > 0 {
		s.push(ctx, t.revoked)
	}
	return nil
}

// tx is a transaction of a use case: the queries, one time for all its rows, and
// the revocations to be pushed once it is committed.
type tx struct {
	*db.Queries
	x       pgx.Tx
	s       *Service
	now     time.Time
	revoked []authn.Revocation
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

// sealed seals a value for a column of a user's row.
func (s *Service) sealed(table, column string, row fmt.Stringer, owner uuid.UUID, value string) []byte {
	return s.Keys.Seal([]byte(value), seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()})
}

// opened is the inverse of sealed; nil is the empty string.
func (s *Service) opened(table, column string, row fmt.Stringer, owner uuid.UUID, value []byte) (string, error) {
	if value == nil {
		return "", nil
	}
	plain, err := s.Keys.Open(value, seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()})
	if err != nil {
		return "", fmt.Errorf("auth: %s.%s of %s: %w", table, column, row, err)
	}
	return string(plain), nil
}

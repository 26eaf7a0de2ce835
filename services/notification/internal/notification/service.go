package notification

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/push"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// source names this service in its messages.
const source = "notification"

// Mailer carries mails: an SMTP server or SendGrid.
type Mailer interface {
	// Send hands over a mail. Errors: mail.ErrRejected, mail.ErrRefused; others may
	// pass.
	Send(ctx context.Context, m mail.Message) error
}

// Profile is what the user service knows of a user that matters here.
type Profile struct{ Locale, TimeZone string }

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool      *pgxpool.Pool
	Keys      *seal.Keys   // seals columns
	Lookup    *seal.Lookup // hashes addresses and tokens, signs unsubscribe links
	Mailer    Mailer
	WebPush   *push.WebPush    // nil: no push messages to browsers
	FCM       *push.FCM        // nil: none to telephones
	Webhook   *mail.WebhookKey // nil: nothing is taken from SendGrid
	PublicURL string           // where people reach JobPilot; links begin with it
	MailHost  string           // right of the @ in Message-IDs
	// Profile asks the user service, which may know language and time zone. Nil: it
	// is not asked. A user it does not know is errs.NotFound.
	Profile func(ctx context.Context, user uuid.UUID) (Profile, error)
	// Woken is called when a user's stream has grown. Nil: nobody listens.
	Woken   func(user uuid.UUID)
	Metrics prometheus.Registerer // nil: none
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q         *db.Queries
	templates templates
	metrics   *metrics
}

// New makes a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	metrics := d.Metrics
	if metrics == nil {
		metrics = prometheus.NewRegistry()
	}
	return &Service{Deps: d, q: db.New(d.Pool), metrics: newMetrics(metrics)}
}

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// inTx runs fn in a transaction.
func (s *Service) inTx(ctx context.Context, fn func(t *tx) error) error {
	return storeError(pg.InTx(ctx, s.Pool, func(x pgx.Tx) error { return fn(s.tx(x)) }))
}

// tx is a transaction of a use case: the queries, and one time for all its rows.
type tx struct {
	*db.Queries
	x   pgx.Tx
	s   *Service
	now time.Time
}

func (s *Service) tx(x pgx.Tx) *tx { return &tx{Queries: db.New(x), x: x, s: s, now: s.now()} }

// emit appends an event about a message to the outbox.
func (t *tx) emit(ctx context.Context, typ string, message uuid.UUID, data any) error {
	return outbox.Append(ctx, t.x, outbox.Message{Type: typ, Source: source, Subject: message.String(), Time: t.now, Data: data})
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

var errNotFound = errs.New(errs.NotFound, "not_found", "There is no such resource; check the address.")

// newID is a UUIDv7: ids in order of creation keep index pages warm.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// present is nil for the zero UUID, which stands for nobody.
func present(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// sealed seals a value for a column of a user's row; the empty string is nil.
func (s *Service) sealed(table, column string, row, owner uuid.UUID, value string) []byte {
	if value == "" {
		return nil
	}
	return s.Keys.Seal([]byte(value), seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()})
}

// opened is the inverse of sealed.
func (s *Service) opened(table, column string, row, owner uuid.UUID, value []byte) (string, error) {
	if value == nil {
		return "", nil
	}
	plain, err := s.Keys.Open(value, seal.Place{Table: table, Column: column, Row: row.String(), Owner: owner.String()})
	if err != nil {
		return "", fmt.Errorf("notification: %s.%s of %s: %w", table, column, row, err)
	}
	return string(plain), nil
}

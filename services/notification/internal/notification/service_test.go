package notification

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
)

// fixture is a Service on a schema of its own, with a clock that the test moves and
// a mail server that only remembers.
type fixture struct {
	*Service
	t     testing.TB
	pool  *pgxpool.Pool
	ahead atomic.Int64
	mails *outgoing
}

// outgoing is a Mailer that keeps what it is given, or fails as it is told.
type outgoing struct {
	mu   sync.Mutex
	sent []mail.Message
	fail error
}

func (o *outgoing) Send(_ context.Context, m mail.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.sent = append(o.sent, m)
	return nil
}

func (o *outgoing) failWith(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = err
}

func (o *outgoing) all() []mail.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]mail.Message(nil), o.sent...)
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	lookup, err := seal.NewLookup(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("l", 32))))
	must(t, err)
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/notification"), mails: &outgoing{}}
	f.Service = New(Deps{
		Pool: f.pool, Keys: testkit.SealKeys(t), Lookup: lookup, Mailer: f.mails, PublicURL: "https://jobpilot.test",
		MailHost: "jobpilot.test", Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) },
	})
	return f
}

func (f *fixture) advance(d time.Duration) { f.ahead.Add(int64(d)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails the test unless err is the error of that code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !errs.Is(err, code) {
		t.Fatalf("error is %v, want %s", err, code)
	}
}

// event makes an event as the broker hands it over.
func event(t testing.TB, typ string, data any) rabbit.Event {
	t.Helper()
	raw, err := json.Marshal(data)
	must(t, err)
	return rabbit.Event{ID: newID(), Source: "test", Type: typ, Time: time.Now(), Data: raw}
}

// handle hands a message of the queue to the service, as its attempt-th try.
func (f *fixture) handle(m MessageSend) error {
	f.t.Helper()
	return f.Handle(f.t.Context(), &rabbit.Message{Event: event(f.t, TypeMessageSend, m), Attempt: 1})
}

// apply hands an event to the service.
func (f *fixture) apply(typ string, data any) rabbit.Event {
	f.t.Helper()
	e := event(f.t, typ, data)
	must(f.t, pg.InTx(f.t.Context(), f.pool, func(x pgx.Tx) error { return f.Apply(f.t.Context(), x, e) }))
	return e
}

// user registers and verifies somebody.
func (f *fixture) user(locale string) (id uuid.UUID, email string) {
	f.t.Helper()
	id = newID()
	email = id.String() + "@example.com"
	f.apply(TypeAuthUserRegistered, AuthUserRegistered{UserID: id, Email: email, DisplayName: "Ada", Locale: locale, RegisteredAt: time.Now()})
	f.apply(TypeAuthUserVerified, AuthUserVerified{UserID: id, Email: email, VerifiedAt: time.Now()})
	return id, email
}

func (f *fixture) exec(query string, args ...any) {
	f.t.Helper()
	_, err := f.pool.Exec(f.t.Context(), query, args...)
	must(f.t, err)
}

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	must(f.t, f.pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

// queued are the messages to our own queue that wait in the outbox.
func (f *fixture) queued() (list []MessageSend) {
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), "SELECT body FROM outbox WHERE type = $1 ORDER BY id", TypeMessageSend)
	must(f.t, err)
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(f.t, err)
	for _, body := range bodies {
		var e struct{ Data MessageSend }
		must(f.t, json.Unmarshal([]byte(body), &e))
		list = append(list, e.Data)
	}
	return list
}

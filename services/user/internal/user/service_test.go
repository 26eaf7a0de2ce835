package user

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// fixture is a Service on a schema and a bucket of its own.
type fixture struct {
	*Service
	t    testing.TB
	pool *pgxpool.Pool
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	client, prefix := testkit.Redis(t)
	options := CacheOptions
	options.Name = prefix + options.Name
	profiles, err := cache.New[[]byte](client, options)
	must(t, err)
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/user")}
	f.Service = New(Deps{
		Pool: f.pool, Keys: testkit.SealKeys(t), Files: testkit.Bucket(t), Cache: profiles, Log: slog.New(slog.DiscardHandler),
	})
	return f
}

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

// wantField fails the test unless err names a fault of that code at the pointer.
func wantField(t testing.TB, err error, pointer, code string) {
	t.Helper()
	var e *errs.Error
	if !asError(err, &e) || len(e.Fields) == 0 || e.Fields[0].Pointer != pointer || e.Fields[0].Code != code {
		t.Fatalf("error is %v (%+v), want %s at %s", err, e, code, pointer)
	}
}

// tell applies a message as the consumer does.
func (f *fixture) tell(typ string, data any) {
	f.t.Helper()
	raw, err := json.Marshal(data)
	must(f.t, err)
	must(f.t, pg.InTx(f.t.Context(), f.pool, func(x pgx.Tx) error {
		return f.Apply(f.t.Context(), x, rabbit.Event{ID: uuid.New(), Type: typ, Data: raw})
	}))
}

// registered is a new user, of whom auth has told.
func (f *fixture) registered() uuid.UUID {
	f.t.Helper()
	id := newID()
	f.tell(TypeAuthUserRegistered, AuthUserRegistered{UserID: id, Email: "ada@example.com", DisplayName: "Ada", Locale: "de", RegisteredAt: time.Now()})
	return id
}

// told returns the payloads of a type that wait to be published, oldest first.
func told[T any](f *fixture, typ string) (list []T) {
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), "SELECT body::jsonb->'data' FROM outbox WHERE type = $1 ORDER BY id", typ)
	must(f.t, err)
	raw, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
	must(f.t, err)
	for _, r := range raw {
		var v T
		must(f.t, json.Unmarshal(r, &v))
		list = append(list, v)
	}
	return list
}

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	must(f.t, f.pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

const goodPassword = "correct horse battery staple"

var home = Client{IP: netip.MustParseAddr("198.51.100.7"), UserAgent: "test", RequestID: "test"}

// fixture is a Service on a schema of its own, with a clock that the test moves.
type fixture struct {
	*Service
	t     testing.TB
	pool  *pgxpool.Pool
	clock *clock
}

// clock starts at the present, since Redis expires keys by its own, and only
// moves forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func newFixture(t testing.TB) *fixture {
	t.Helper()
	pool := testkit.DB(t, "migrations/auth")
	keys, err := seal.ParseKeys("1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32))))
	must(t, err)
	lookup, err := seal.NewLookup(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("l", 32))))
	must(t, err)
	hasher, err := newHasher([]byte(strings.Repeat("p", 32)), 4, 4)
	must(t, err)
	policy, err := NewPasswordPolicy("")
	must(t, err)
	options, err := redis.ParseURL(testkit.Env(t, "REDIS_URL"))
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	f := &fixture{t: t, pool: pool, clock: &clock{}}
	signer, err := NewSigner(t.Context(), pool, keys, "https://jobpilot.test", f.clock.now)
	must(t, err)
	revocations := authn.NewRevocations(client, func(ctx context.Context, p authn.Principal) error { return f.CheckRevoked(ctx, p) })
	f.Service = New(Deps{
		Pool: pool, Keys: keys, Lookup: lookup, Hasher: hasher, Policy: policy, Signer: signer, Revocations: revocations,
		PublicURL: "https://jobpilot.test", Log: slog.New(slog.DiscardHandler), Now: f.clock.now,
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

// mail returns the data of the newest mail of a kind to an address.
func (f *fixture) mail(kind NotificationMessageSendKind, to string) map[string]string {
	f.t.Helper()
	mails := f.mails(kind, to)
	if len(mails) == 0 {
		f.t.Fatalf("no mail %s to %s", kind, to)
	}
	return mails[len(mails)-1]
}

func (f *fixture) mails(kind NotificationMessageSendKind, to string) (data []map[string]string) {
	f.t.Helper()
	for _, raw := range f.outbox(TypeNotificationMessageSend) {
		var m NotificationMessageSend
		must(f.t, json.Unmarshal(raw, &m))
		if m.Kind == kind && m.Email == to {
			data = append(data, m.Data)
		}
	}
	return data
}

// outbox returns the payloads of a type that wait to be published, oldest first.
func (f *fixture) outbox(typ string) (list []json.RawMessage) {
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), "SELECT body FROM outbox WHERE type = $1 ORDER BY id", typ)
	must(f.t, err)
	defer rows.Close()
	for rows.Next() {
		var body string
		must(f.t, rows.Scan(&body))
		var e struct {
			Data json.RawMessage `json:"data"`
		}
		must(f.t, json.Unmarshal([]byte(body), &e))
		list = append(list, e.Data)
	}
	must(f.t, rows.Err())
	return list
}

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	must(f.t, f.pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

// register makes a verified account and returns its id.
func (f *fixture) register(email string) uuid.UUID {
	f.t.Helper()
	must(f.t, f.Register(f.t.Context(), Registration{Email: email, Password: goodPassword, Locale: "en"}, home))
	must(f.t, f.VerifyEmail(f.t.Context(), f.mail(NotificationMessageSendKindAuthVerifyEmail, email)["token"], home))
	var id uuid.UUID
	must(f.t, f.pool.QueryRow(f.t.Context(), "SELECT id FROM users WHERE email_hash = $1", f.Lookup.Hash("users.email", email)).Scan(&id))
	return id
}

// login signs in without a second factor.
func (f *fixture) login(email string) Tokens {
	f.t.Helper()
	res, err := f.Login(f.t.Context(), email, goodPassword, home)
	must(f.t, err)
	if res.Tokens == nil {
		f.t.Fatal("sign-in asks for a second factor")
	}
	return *res.Tokens
}

// signedIn registers and signs in.
func (f *fixture) signedIn(email string) (authn.Principal, Tokens) {
	f.t.Helper()
	f.register(email)
	tokens := f.login(email)
	return f.principal(tokens.Access), tokens
}

// principal is what every service makes of an access token.
func (f *fixture) principal(access string) authn.Principal {
	f.t.Helper()
	p, err := authn.NewVerifier("https://jobpilot.test", f.Signer, f.clock.now).Verify(f.t.Context(), access)
	must(f.t, err)
	return p
}

// failUntilDelayed fails attempts until the next has to wait for more than a
// minute, far longer than what the test does meanwhile takes. It returns how
// long.
func (f *fixture) failUntilDelayed(attempt func()) time.Duration {
	f.t.Helper()
	for n := 0; ; n++ {
		attempt()
		d := scopePair.delay(n + 1)
		if d > time.Minute {
			return d
		}
		f.clock.advance(d + time.Millisecond)
	}
}

// refused reports whether every service would refuse the token now.
func (f *fixture) refused(access string) bool {
	f.t.Helper()
	err := f.Revocations.Check(f.t.Context(), f.principal(access), nil)
	if err != nil && errs.KindOf(err) != errs.Unauthenticated {
		f.t.Fatal(err)
	}
	return err != nil
}

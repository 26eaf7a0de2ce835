package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func (f *fixture) maintenance() *Maintenance {
	f.t.Helper()
	m, err := NewMaintenance(f.Service, 30*24*time.Hour)
	must(f.t, err)
	return m
}

// tables counts the rows of the tables that are purged.
func (f *fixture) tables() map[string]int {
	f.t.Helper()
	counts := map[string]int{}
	for _, l := range leftovers {
		counts[l.Table] = f.count("SELECT count(*) FROM " + l.Table)
	}
	return counts
}

func TestPurgeDeletesWhatIsOfNoMoreUseAndNothingElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	_, last := f.apiKey(p, "account:read")
	// For each table a row that just became useless, and one that is not yet.
	now := f.now()
	for i, l := range leftovers {
		for j, at := range []time.Time{now.Add(-l.Keep - time.Second), now.Add(-l.Keep + time.Hour)} {
			key := fmt.Sprintf("%d-%d", i, j)
			var err error
			switch l.Table {
			case "one_time_tokens":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO one_time_tokens (hash, purpose, created_at, expires_at) VALUES (sha256($1::text::bytea), 'x', $2, $2)", key, at)
			case "ceremonies":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO ceremonies VALUES ($1, NULL, 'login', '{}', $2)", newID(), at)
			case "oauth_flows":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO oauth_flows (state_hash, provider, code_challenge, redirect_uri, secrets_sealed, expires_at) VALUES (sha256($1::text::bytea), 'google', '', '', '', $2)", key, at)
			case "login_delays":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO login_delays VALUES ('pair', sha256($1::text::bytea), 1, $2, $2)", key, at)
			case "login_sprays":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO login_sprays VALUES (sha256($1::text::bytea), '', $2)", key, at)
			case "revocations":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO revocations VALUES ('session', $1, $2)", newID(), at)
			case "tokens": // of the sessions
			case "sessions":
				for k, columns := range []string{"'infinity', $3", "$3, NULL"} { // revoked, or expired
					id := newID()
					_, err = f.pool.Exec(t.Context(), "INSERT INTO sessions (id, user_id, method, network, auth_time, created_at, last_used_at, expires_at, revoked_at) VALUES ($1, $2, 'password', '', $3, $3::timestamptz - interval '9 days', $3, "+columns+")", id, p.UserID, at)
					must(t, err)
					_, err = f.pool.Exec(t.Context(), "INSERT INTO tokens SELECT sha256(($1::text || n)::bytea), $2, $3, $3, $3 FROM generate_series(1, $4) n", key+fmt.Sprint(k), id, at, 1000)
				}
			case "api_keys":
				for k, columns := range []string{"'infinity', $3::timestamptz", "$3::timestamptz, NULL"} {
					_, err = f.pool.Exec(t.Context(), "INSERT INTO api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at, revoked_at) SELECT $1, $2, 'x', 'x', sha256($4::text::bytea), '{}', $3, "+columns, newID(), p.UserID, at, key+fmt.Sprint(k))
					must(t, err)
				}
			case "service_keys":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO service_keys VALUES ($1, 'user', sha256($2::text::bytea), $3, $3)", newID(), key, at)
			case "idempotency_keys":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO idempotency_keys (id, fingerprint, locked_until, expires_at) VALUES ($1::text::bytea, '', $2, $2)", key, at)
			case "inbox":
				_, err = f.pool.Exec(t.Context(), "INSERT INTO inbox VALUES ('x', $1, $2)", newID(), at)
			default:
				t.Fatalf("no rows for %s", l.Table)
			}
			must(t, err)
		}
	}
	f.serviceKey("job", 0) // without an end
	before := f.tables()
	must(t, f.maintenance().purge(t.Context()))
	gone := map[string]int{"tokens": 2 * 1000, "sessions": 2, "api_keys": 2}
	for table, n := range f.tables() {
		want := gone[table]
		if want == 0 {
			want = 1
		}
		if before[table]-n != want {
			t.Errorf("%s: %d rows of %d deleted, want %d", table, before[table]-n, before[table], want)
		}
	}
	if f.count("SELECT count(*) FROM api_keys WHERE id = $1", last.ID) != 1 {
		t.Error("a live key is deleted")
	}
	f.login("ada@example.com")
}

func TestAccountsThatNobodyVerifiesAreDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("verified@example.com")
	for i := range expireBatch + 1 {
		must(t, f.Register(t.Context(), Registration{Email: fmt.Sprintf("old%d@example.com", i), Password: goodPassword}, home))
	}
	must(t, f.Register(t.Context(), Registration{Email: "linked@example.com", Password: goodPassword}, home))
	f.clock.advance(30 * 24 * time.Hour)
	must(t, f.Register(t.Context(), Registration{Email: "new@example.com", Password: goodPassword}, home))
	must(t, f.ResendVerification(t.Context(), "linked@example.com", home))
	f.clock.advance(time.Hour)
	must(t, f.maintenance().purge(t.Context()))
	if n := f.count("SELECT count(*) FROM users"); n != 3 {
		t.Fatalf("%d accounts are left, want the verified one, the new one, and the one whose link is under way", n)
	}
	if n := len(f.outbox(TypeUserDeleted)); n != expireBatch+1 {
		t.Fatalf("%d events", n)
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'user.expired' AND actor_kind = 'system' AND user_id IS NOT NULL"); n != expireBatch+1 {
		t.Fatalf("%d audit entries", n)
	}
	if n := len(f.mails(NotificationMessageSendKindAuthAccountDeleted, "old0@example.com")); n != 0 {
		t.Fatal("a stranger may have been mailed")
	}
}

func TestAnOldSigningKeyIsReplacedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.maintenance()
	for _, c := range []struct {
		after time.Duration
		keys  int
	}{{signingKeyAge - time.Hour, 1}, {24 * time.Hour, 2}, {24 * time.Hour, 2}} {
		f.clock.advance(c.after)
		must(t, m.rotateSigningKey(t.Context()))
		if n := f.count("SELECT count(*) FROM signing_keys"); n != c.keys {
			t.Fatalf("%d keys", n)
		}
	}
}

// complaints remembers what was logged as a warning or worse.
type complaints struct {
	slog.Handler
	mu   sync.Mutex
	list []string
}

func (c *complaints) Enabled(context.Context, slog.Level) bool { return true }
func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	c.list = append(c.list, line)
	return nil
}
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c *complaints) WithGroup(string) slog.Handler      { return c }

// As the service's role, through PgBouncer in transaction mode.
func TestMaintenanceDoesItsDuties(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	log := &complaints{}
	f.Log = slog.New(log)
	_, err := f.owner().Exec(t.Context(), `INSERT INTO login_sprays VALUES ('', '', now() - interval '2 days'); DROP TABLE audit_log_`+f.now().Format("2006_01"))
	must(t, err)
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	m := f.maintenance()
	wg.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	testkit.Eventually(t, "all duties are done", func() bool {
		return f.count("SELECT count(*) FROM river_job WHERE state = 'completed'") == 3
	})
	if f.count("SELECT count(*) FROM login_sprays") != 0 {
		t.Error("nothing was purged")
	}
	f.entries(1) // needs this month's partition
	stop()
	wg.Wait()
	if len(log.list) > 0 {
		t.Errorf("complaints: %q", log.list)
	}
}

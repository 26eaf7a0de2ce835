package authn_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// ledger stands for auth's tables: what was revoked, and whether it can be asked.
type ledger struct {
	mu      sync.Mutex
	revoked []entry
	down    bool
	asked   atomic.Int32
}

type entry struct {
	authn.Revocation
	at time.Time
}

var errDown = errors.New("postgres is away")

func (l *ledger) record(r authn.Revocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revoked = append(l.revoked, entry{r, time.Now()})
}

func (l *ledger) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

func (l *ledger) load(_ context.Context, since time.Time) (out []authn.Revocation, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errDown
	}
	for _, e := range l.revoked {
		if !e.at.Before(since) {
			out = append(out, e.Revocation)
		}
	}
	return out, nil
}

func (l *ledger) check(_ context.Context, p authn.Principal) error {
	l.asked.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errDown
	}
	for _, e := range l.revoked {
		if e.SessionID == p.SessionID && e.SessionID != uuid.Nil || e.UserID == p.UserID && p.IssuedAt.Before(e.Before) {
			return authn.ErrUnauthenticated
		}
	}
	return nil
}

// keep runs auth's worker until the test ends or stop is called.
func keep(t *testing.T, r *authn.Revocations, l *ledger) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Keep(ctx, l.load); err != nil {
			t.Errorf("Keep: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func ready(t *testing.T, c *redis.Client) {
	t.Helper()
	testkit.Eventually(t, "auth marks the revocations ready", func() bool {
		return c.Exists(context.Background(), "{auth}:rev:ready").Val() == 1
	})
}

func user() authn.Principal {
	return authn.Principal{Kind: authn.KindUser, UserID: uuid.New(), SessionID: uuid.New(), IssuedAt: time.Now().Truncate(time.Millisecond)}
}

func TestRevocationIsSeenAtOnceEverywhere(t *testing.T) {
	t.Parallel()
	server, l := testkit.StartRedis(t), &ledger{}
	auth := authn.NewRevocations(server.Client(), l.check)
	// Another service, which cannot ask: Redis alone must tell it.
	other := authn.NewRevocations(server.Client(), func(context.Context, authn.Principal) error { return errDown })
	keep(t, auth, l)
	ready(t, server.Client())
	ctx := t.Context()

	p, q := user(), user()
	q.UserID = p.UserID
	if err := other.Check(ctx, p, nil); err != nil {
		t.Fatal(err)
	}
	if err := auth.Revoke(ctx, authn.Revocation{SessionID: p.SessionID}); err != nil {
		t.Fatal(err)
	}
	if err := other.Check(ctx, p, nil); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Fatal("revoked session:", err)
	}
	if err := other.Check(ctx, q, nil); err != nil {
		t.Fatal("another session of the same user:", err)
	}

	changed := q.IssuedAt.Add(300 * time.Microsecond)
	if err := auth.Revoke(ctx, authn.Revocation{UserID: q.UserID, Before: changed}); err != nil {
		t.Fatal(err)
	}
	if err := other.Check(ctx, q, nil); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Fatal("issued in the same millisecond, before the change:", err)
	}
	q.IssuedAt = authn.IssuedAtLeast(changed)
	if err := other.Check(ctx, q, nil); err != nil {
		t.Fatal("issued after the change:", err)
	}
	// A write that comes late takes nothing back.
	if err := auth.Revoke(ctx, authn.Revocation{UserID: q.UserID, Before: changed.Add(time.Hour)}, authn.Revocation{UserID: q.UserID, Before: changed}); err != nil {
		t.Fatal(err)
	}
	if err := other.Check(ctx, q, nil); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Fatal("the earlier time must not replace the later:", err)
	}
	if l.asked.Load() != 0 {
		t.Fatal("nobody needed to be asked")
	}
}

func TestRevocationsLiveAsLongAsTokens(t *testing.T) {
	t.Parallel()
	c := testkit.StartRedis(t).Client()
	r := authn.NewRevocations(c, (&ledger{}).check)
	p := user()
	if err := r.Revoke(t.Context(), authn.Revocation{SessionID: p.SessionID, UserID: p.UserID, KeyID: uuid.New(), Before: time.Now()}); err != nil {
		t.Fatal(err)
	}
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		if ttl := c.PTTL(t.Context(), key).Val(); ttl < authn.AccessTokenTTL || ttl > authn.AccessTokenTTL+time.Minute {
			t.Errorf("%s lives %v", key, ttl)
		}
	}
}

// Without the marker Redis is not believed, even where it is silent; and what
// nobody knows is refused.
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	server, l := testkit.StartRedis(t), &ledger{}
	r := authn.NewRevocations(server.Client(), l.check)
	p, revoked := user(), user()
	l.record(authn.Revocation{SessionID: revoked.SessionID})

	judge := func(state string) {
		t.Helper()
		l.setDown(false)
		if err := r.Check(t.Context(), p, nil); err != nil {
			t.Fatalf("%s: a good session: %v", state, err)
		}
		if err := r.Check(t.Context(), revoked, nil); !errors.Is(err, authn.ErrUnauthenticated) {
			t.Fatalf("%s: a revoked session: %v", state, err)
		}
		l.setDown(true)
		for _, p := range []authn.Principal{p, revoked} {
			if err := r.Check(t.Context(), p, nil); !errors.Is(err, authn.ErrUnavailable) {
				t.Fatalf("%s: nobody knows, got %v", state, err)
			}
		}
	}
	judge("Redis is empty")
	server.Stop()
	judge("Redis is down")
}

// A Redis that lost its data must be filled before it is believed again.
func TestRestartedRedis(t *testing.T) {
	t.Parallel()
	server, l := testkit.StartRedis(t), &ledger{}
	client := server.Client()
	r := authn.NewRevocations(client, l.check)
	keep(t, r, l)
	ready(t, client)
	p := user()
	l.record(authn.Revocation{SessionID: p.SessionID})
	if err := r.Revoke(t.Context(), authn.Revocation{SessionID: p.SessionID}); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := r.Check(t.Context(), p, nil); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Fatal("while Redis is down:", err)
	}
	// As if a snapshot from before the revocation had been loaded, marker included.
	server.Start()
	client.Set(t.Context(), "{auth}:rev:ready", 1, 2*time.Second)
	testkit.Eventually(t, "the revocation is back in Redis", func() bool {
		return client.Exists(context.Background(), "{auth}:rev:s:"+p.SessionID.String()).Val() == 1
	})
	ready(t, client)
	l.setDown(true)
	testkit.Eventually(t, "Redis is asked again", func() bool {
		return errors.Is(r.Check(t.Context(), p, nil), authn.ErrUnauthenticated)
	})
}

// A replica that cannot reach Redis revokes in Postgres; another one carries it over.
func TestWriteThatFailedIsMadeUpFor(t *testing.T) {
	t.Parallel()
	server, l := testkit.StartRedis(t), &ledger{}
	r := authn.NewRevocations(server.Client(), l.check)
	keep(t, r, l)
	ready(t, server.Client())
	p := user()
	l.record(authn.Revocation{SessionID: p.SessionID}) // and not written to Redis
	begun := time.Now()
	testkit.Eventually(t, "the revocation reaches Redis", func() bool {
		return errors.Is(r.Check(t.Context(), p, nil), authn.ErrUnauthenticated)
	})
	if took := time.Since(begun); took > 2*time.Second {
		t.Fatalf("took %v", took)
	}
}

// When auth is gone, so is its word: the marker lapses.
func TestMarkerLapses(t *testing.T) {
	t.Parallel()
	server, l := testkit.StartRedis(t), &ledger{}
	c := server.Client()
	stop := keep(t, authn.NewRevocations(c, l.check), l)
	ready(t, c)
	stop()
	if ttl := c.PTTL(t.Context(), "{auth}:rev:ready").Val(); ttl <= 0 || ttl > 2*time.Second {
		t.Fatalf("the marker lives %v", ttl)
	}
	// And it is not renewed while Postgres cannot be read.
	l.setDown(true)
	keep(t, authn.NewRevocations(c, l.check), l)
	testkit.Eventually(t, "the marker lapses", func() bool { return c.Exists(context.Background(), "{auth}:rev:ready").Val() == 0 })
}

// What is queued joins the round trip.
func TestPiggyback(t *testing.T) {
	t.Parallel()
	server, l := testkit.StartRedis(t), &ledger{}
	r := authn.NewRevocations(server.Client(), l.check)
	keep(t, r, l)
	ready(t, server.Client())
	var count *redis.IntCmd
	queue := func(pipe redis.Pipeliner) { count = pipe.Incr(context.Background(), "hits") }
	if err := r.Check(t.Context(), user(), queue); err != nil {
		t.Fatal(err)
	}
	if n, err := count.Result(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	// A queued command that fails is its owner's business.
	if err := r.Check(t.Context(), user(), func(pipe redis.Pipeliner) { pipe.LPush(context.Background(), "hits", 1) }); err != nil {
		t.Fatal(err)
	}
}

func request(t *testing.T, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://service.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	return r
}

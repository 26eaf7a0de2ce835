package authn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// Redis keys of revocations. The braces keep them in one hash slot, so that one
// MGET reads them in a cluster too.
const (
	readyKey   = "{auth}:rev:ready" // present while Redis is known to hold every revocation
	sessionKey = "{auth}:rev:s:"    // + session: it has ended
	userKey    = "{auth}:rev:u:"    // + user: what was issued before this unix time in ms is void
	apiKey     = "{auth}:rev:k:"    //nolint:gosec // the name of a Redis key; + API key: look it up again
)

const (
	// revocationTTL is how long a revocation is kept: as long as a token that it
	// voids could still pass, with leeway for clocks that differ.
	revocationTTL = AccessTokenTTL + 2*leeway
	// readyTTL bounds how long readers trust Redis when auth can no longer write to it.
	readyTTL = 2 * time.Second
	// roundTrips is how many checks of revocations are under way at once, and
	// roundTripTimeout how long one may take.
	roundTrips       = 2
	roundTripTimeout = time.Second
	// keepEvery is how often Keep renews; keepOverlap is how far back it reads
	// each time, for rows that become visible late.
	keepEvery   = 500 * time.Millisecond
	keepOverlap = 10 * time.Second
)

// Fallback decides without Redis whether a credential still holds: auth asks
// Postgres, other services ask auth. It returns nil, ErrUnauthenticated, or any
// other error when it cannot know.
type Fallback func(ctx context.Context, p Principal) error

// Revocations knows which tokens were withdrawn before they expired. Each
// authenticated request reads three keys in one round trip, so a revocation
// counts from the moment it is written, on every service.
//
// Redis may be down, restarted empty or cut off from auth: then the marker under
// readyKey is missing and Fallback decides; if that fails too, the request is
// refused with ErrUnavailable. See docs/adr/0020-revocation.md.
type Revocations struct {
	redis    redis.UniversalClient
	fallback Fallback
	now      func() time.Time

	mu    sync.Mutex
	next  *batch        // the round trip that is being gathered; nil: none
	turns chan struct{} // a place for each round trip under way
}

// batch is a round trip that several checks share: while one is under way the
// next gathers, so that under load many checks cost one write and one read.
type batch struct {
	pipe redis.Pipeliner
	done chan struct{} // closed when every command has its answer
}

// NewRevocations makes a reader and writer of revocations. A request waits for
// the client, so it should be one of cache.Open, which knows when not to.
func NewRevocations(client redis.UniversalClient, fallback Fallback) *Revocations {
	return &Revocations{redis: client, fallback: fallback, now: time.Now, turns: make(chan struct{}, roundTrips)}
}

// Check returns nil if the principal's credential still holds, else
// ErrUnauthenticated or ErrUnavailable. queue, if not nil, may add commands to
// the same round trip; it is not called when Redis is left out.
func (r *Revocations) Check(ctx context.Context, p Principal, queue func(redis.Pipeliner)) error {
	switch err := r.inRedis(ctx, p, queue); {
	case err == nil, errors.Is(err, ErrUnauthenticated):
		return err
	default:
		return r.ask(ctx, p, err)
	}
}

// ask lets the fallback decide.
func (r *Revocations) ask(ctx context.Context, p Principal, because error) error {
	err := r.fallback(ctx, p)
	if err == nil || errors.Is(err, ErrUnauthenticated) {
		return err
	}
	return ErrUnavailable.With(errors.Join(because, err))
}

var errNotReady = errors.New("authn: Redis does not hold the revocations")

// inRedis checks with Redis alone; an error other than ErrUnauthenticated means
// that Redis does not know.
func (r *Revocations) inRedis(ctx context.Context, p Principal, queue func(redis.Pipeliner)) error {
	own := sessionKey + p.SessionID.String()
	if p.Kind != KindUser {
		own = apiKey + p.KeyID.String()
	}
	var read *redis.SliceCmd
	if err := r.roundTrip(ctx, func(pipe redis.Pipeliner) {
		read = pipe.MGet(ctx, readyKey, own, userKey+p.UserID.String())
		if queue != nil {
			queue(pipe)
		}
	}); err != nil {
		return err
	}
	values, err := read.Result()
	if err != nil {
		return fmt.Errorf("authn: read revocations: %w", err)
	}
	if values[1] != nil {
		return ErrUnauthenticated.With(errors.New("revoked"))
	}
	if values[2] != nil {
		text, _ := values[2].(string)
		before, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("authn: read revocations: %w", err)
		}
		if p.IssuedAt.UnixMilli() < before {
			return ErrUnauthenticated.With(errors.New("revoked: issued before a change of the user"))
		}
	}
	if values[0] == nil {
		return errNotReady
	}
	return nil
}

// roundTrip sends what add queues, together with what other callers queue
// meanwhile. The error is the caller's own context's; those of Redis are in the
// commands.
func (r *Revocations) roundTrip(ctx context.Context, add func(redis.Pipeliner)) error {
	r.mu.Lock()
	b, first := r.next, false
	if b == nil {
		b, first = &batch{r.redis.Pipeline(), make(chan struct{})}, true
		r.next = b
	}
	add(b.pipe)
	r.mu.Unlock()
	if first {
		go r.send(context.WithoutCancel(ctx), b) // others wait for it: it outlives its first caller
	}
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Revocations) send(ctx context.Context, b *batch) {
	ctx, cancel := context.WithTimeout(ctx, roundTripTimeout)
	defer cancel()
	r.turns <- struct{}{}
	r.mu.Lock()
	r.next = nil // gathered until here
	r.mu.Unlock()
	_, _ = b.pipe.Exec(ctx) // the error of any command; each caller reads its own
	<-r.turns
	close(b.done)
}

// Revocation is one withdrawal, as auth keeps it in Postgres: of a session, of a
// key, or of everything that a user was given before a time.
type Revocation struct {
	SessionID uuid.UUID
	KeyID     uuid.UUID
	UserID    uuid.UUID
	Before    time.Time // with UserID
}

// raise sets a key to the larger of its value and ARGV[1], so that a late write
// of an earlier time takes nothing back.
var raise = redis.NewScript(`
local has = tonumber(redis.call('GET', KEYS[1]) or '0')
if has < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`)

// Revoke writes revocations. They must be committed in Postgres first: if Redis
// cannot be written, the error may be logged and passed over, because Keep of
// any replica writes them, and until then the marker lapses within 2 s.
//
// Times of users are rounded up to the millisecond. A token that shall outlive
// its user's revocation must have IssuedAt at or after Before so rounded, see
// IssuedAtLeast.
func (r *Revocations) Revoke(ctx context.Context, list ...Revocation) error {
	if len(list) == 0 {
		return nil
	}
	_, err := r.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, v := range list {
			if v.SessionID != uuid.Nil {
				pipe.Set(ctx, sessionKey+v.SessionID.String(), 1, revocationTTL)
			}
			if v.KeyID != uuid.Nil {
				pipe.Set(ctx, apiKey+v.KeyID.String(), 1, revocationTTL)
			}
			if v.UserID != uuid.Nil {
				raise.Eval(ctx, pipe, []string{userKey + v.UserID.String()}, IssuedAtLeast(v.Before).UnixMilli(), revocationTTL.Milliseconds())
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("authn: write revocations: %w", err)
	}
	return nil
}

// IssuedAtLeast is the least IssuedAt of a token that stays valid after
// everything before t was revoked: t rounded up to the millisecond.
func IssuedAtLeast(t time.Time) time.Time {
	return t.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
}

// mark renews the marker if this still is the Redis run that the writer means,
// and returns which run it is: a restarted or promoted server may have lost what
// was written before. The run id is read where the key lives, so it works in a
// cluster.
var mark = redis.NewScript(`
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if run == ARGV[1] then redis.call('SET', KEYS[1], 1, 'PX', ARGV[2]) end
return run`)

// Load returns the revocations that were recorded at or after since.
type Load func(ctx context.Context, since time.Time) ([]Revocation, error)

// Keep runs in every replica of auth until ctx ends: twice a second it writes to
// Redis what Postgres has recorded lately, then renews the marker, which lapses
// after 2 s. So a write to Redis that failed is made up for, whoever made it, and
// a Redis that lost data is filled again before it is believed for longer. It is
// a worker for app.Run.
func (r *Revocations) Keep(ctx context.Context, load Load) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	var k keeper
	for failed := false; ; {
		switch err := r.keep(ctx, load, &k); {
		case err == nil:
			failed = false
		case ctx.Err() == nil && !failed:
			failed = true
			slog.WarnContext(ctx, "revocations cannot be kept in Redis; until they can, services ask auth", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keeper is what Keep knows: the Redis run it has filled, and up to when.
type keeper struct {
	run  string
	upTo time.Time
}

func (r *Revocations) keep(ctx context.Context, load Load, k *keeper) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		begun, since := r.now(), k.upTo.Add(-keepOverlap)
		if oldest := begun.Add(-revocationTTL); since.Before(oldest) {
			since = oldest
		}
		list, err := load(ctx, since)
		if err != nil {
			return fmt.Errorf("authn: load revocations: %w", err)
		}
		if err := r.Revoke(ctx, list...); err != nil {
			return err
		}
		run, err := mark.Eval(ctx, r.redis, []string{readyKey}, k.run, readyTTL.Milliseconds()).Text()
		if err != nil {
			return fmt.Errorf("authn: mark revocations ready: %w", err)
		}
		if run == k.run {
			k.upTo = begun
			return nil
		}
		*k = keeper{run: run} // the first round, or another Redis than before: fill it from the beginning
	}
}

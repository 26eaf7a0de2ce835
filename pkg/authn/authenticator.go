package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// Headers that carry keys, and how keys begin.
const (
	HeaderAPIKey     = "X-API-Key"     //nolint:gosec // a header's name
	HeaderServiceKey = "X-Service-Key" // service key, "jps_<service>_…"
	APIKeyPrefix     = "jpk_"
	ServiceKeyPrefix = "jps_"
)

const (
	maxKeyBytes = 256
	keyCacheTTL = 5 * time.Second
	keyCacheMax = 10_000
)

// Introspector looks up an API key or a service key: auth in its own tables,
// other services by a call to auth. A key that is unknown, expired or revoked is
// ErrUnauthenticated; any other error means that it could not be looked up.
type Introspector func(ctx context.Context, key string) (Principal, error)

// Authenticator turns a request into a Principal and checks the operation's Rule.
type Authenticator struct {
	tokens      *Verifier
	revocations *Revocations
	keys        keyCache
	now         func() time.Time
}

// New makes an Authenticator. introspect looks up both kinds of keys; nil
// refuses all keys.
func New(tokens *Verifier, revocations *Revocations, introspect Introspector) *Authenticator {
	a := &Authenticator{tokens: tokens, revocations: revocations, now: tokens.now}
	a.keys = keyCache{introspect: introspect, now: tokens.now, known: newRecent[[sha256.Size]byte, Principal](keyCacheMax)}
	return a
}

// Authenticate decides whether the sender of r may do what rule guards.
//
// For a public operation credentials are not looked at, so that an expired token
// does not keep its owner from logging in. Otherwise there must be exactly one
// credential, of a kind that the operation takes. A token's rule is checked before
// Redis is asked. queue, if not nil, is called with the caller and may add
// commands to the round trip that reads revocations; it is not called when there
// is none, so the caller must then do its part alone.
//
// Errors: ErrUnauthenticated, ErrForbidden, ErrScope, ErrStepUpRequired, ErrUnavailable.
func (a *Authenticator) Authenticate(r *http.Request, rule Rule, queue func(redis.Pipeliner, Principal)) (Principal, error) {
	if rule.Public() {
		return Principal{}, nil
	}
	ctx := r.Context()
	kind, secret, err := credential(r.Header)
	if err != nil {
		return Principal{}, err
	}
	piggyback := func(p Principal) func(redis.Pipeliner) {
		if queue == nil {
			return nil
		}
		return func(pipe redis.Pipeliner) { queue(pipe, p) }
	}
	switch kind {
	case KindUser:
		p, err := a.tokens.Verify(ctx, secret)
		if err != nil {
			return Principal{}, err
		}
		if err := rule.Check(p, a.now()); err != nil {
			return p, err
		}
		return p, a.revocations.Check(ctx, p, piggyback(p))
	case KindAPIKey, KindService:
		p, fresh, err := a.keys.get(ctx, kind, secret, time.Time{})
		if err == nil && !fresh && a.revocations.inRedis(ctx, p, piggyback(p)) != nil {
			// What is remembered of the key may no longer hold; its source knows.
			p, _, err = a.keys.get(ctx, kind, secret, a.now())
		}
		if err != nil {
			return Principal{}, err
		}
		return p, rule.Check(p, a.now())
	case KindAnonymous:
	}
	return Principal{}, ErrUnauthenticated.With(errors.New("no credential"))
}

// credential finds the one credential of a request. Two at once are refused:
// which of them counts must not depend on who reads the request.
func credential(h http.Header) (Kind, string, error) {
	bearer, apiKeys, serviceKeys := h["Authorization"], h[http.CanonicalHeaderKey(HeaderAPIKey)], h[http.CanonicalHeaderKey(HeaderServiceKey)]
	if n := len(bearer) + len(apiKeys) + len(serviceKeys); n == 0 {
		return KindAnonymous, "", nil
	} else if n > 1 {
		return KindAnonymous, "", ErrUnauthenticated.With(errors.New("more than one credential"))
	}
	switch {
	case len(bearer) == 1:
		scheme, token, _ := strings.Cut(bearer[0], " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return KindAnonymous, "", ErrUnauthenticated.With(errors.New("not a bearer token"))
		}
		return KindUser, token, nil
	case len(apiKeys) == 1 && wellFormed(apiKeys[0], APIKeyPrefix):
		return KindAPIKey, apiKeys[0], nil
	case len(serviceKeys) == 1 && wellFormed(serviceKeys[0], ServiceKeyPrefix):
		return KindService, serviceKeys[0], nil
	}
	return KindAnonymous, "", ErrUnauthenticated.With(errors.New("not a key"))
}

// wellFormed spares auth a call for what cannot be a key.
func wellFormed(key, prefix string) bool {
	if len(key) > maxKeyBytes || len(key) <= len(prefix) || !strings.HasPrefix(key, prefix) {
		return false
	}
	for _, c := range []byte(key) {
		if !isWord(c) {
			return false
		}
	}
	return true
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// keyCache remembers looked-up keys for 5 s, under their hash, so that the
// secret itself is not kept in memory.
type keyCache struct {
	introspect Introspector
	now        func() time.Time
	flight     singleflight.Group
	known      *recent[[sha256.Size]byte, Principal] // IssuedAt: when it was looked up
}

// get returns the key's principal, and whether it was looked up just now. With
// since it is always looked up, at that time or later.
func (c *keyCache) get(ctx context.Context, kind Kind, key string, since time.Time) (Principal, bool, error) {
	if c.introspect == nil {
		return Principal{}, false, ErrUnauthenticated.With(errors.New("keys are not taken here"))
	}
	hash, now := sha256.Sum256([]byte(key)), c.now()
	if p, ok := c.known.get(hash); ok && since.IsZero() && now.Sub(p.IssuedAt) < keyCacheTTL {
		return p, false, nil
	}
	p, err := c.lookUp(ctx, kind, key, hash)
	if err == nil && p.IssuedAt.Before(since) { // joined a look-up that had begun too early
		p, err = c.lookUp(ctx, kind, key, hash)
	}
	switch {
	case err == nil:
		return p, true, nil
	case errs.KindOf(err) == errs.Unauthenticated:
		c.known.remove(hash)
		return Principal{}, false, ErrUnauthenticated.With(err)
	}
	return Principal{}, false, ErrUnavailable.With(err)
}

func (c *keyCache) lookUp(ctx context.Context, kind Kind, key string, hash [sha256.Size]byte) (Principal, error) {
	v, err, _ := c.flight.Do(string(hash[:]), func() (any, error) {
		asked := c.now() // before the look-up: a revocation during it counts
		// Callers share this look-up, so it must outlive the first of them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		p, err := c.introspect(ctx, key)
		if err != nil {
			return Principal{}, err
		}
		if p.Kind != kind {
			return Principal{}, fmt.Errorf("authn: introspection of a key of kind %s gave kind %s", kind, p.Kind)
		}
		p.IssuedAt = asked
		c.known.put(hash, p)
		return p, nil
	})
	return v.(Principal), err
}

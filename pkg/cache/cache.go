// Package cache keeps copies in Redis of what can be had elsewhere, and counts
// requests there. Redis may be down: then values are loaded from their source
// and limits fall back to a small allowance per process. [Open] gives the client
// that makes this quick: it stops asking a Redis that does not answer.
package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
)

// ErrNotFound is returned by a [Loader] for what does not exist, and by
// [Cache.Get] for what is known not to exist.
var ErrNotFound = errors.New("cache: not found")

// Loader reads a value from its source.
type Loader[T any] func(ctx context.Context) (T, error)

// Options of [New].
type Options struct {
	// Name is the prefix of the cache's keys and its label in metrics. Add a
	// version when the form of the values changes: "auth:user:2".
	Name string
	// TTL of a value; each lives up to a tenth shorter, so that what was stored
	// together does not expire together.
	TTL time.Duration
	// NegativeTTL is how long it is remembered that something does not exist.
	// Zero: not at all.
	NegativeTTL time.Duration
	// MaxBytes of an encoded value; larger ones are not kept. Default 64 KiB.
	MaxBytes int
	// Metrics, if set, counts requests by result.
	Metrics prometheus.Registerer
}

// Cache keeps values of one type, encoded as JSON. Safe for concurrent use.
type Cache[T any] struct {
	redis    redis.UniversalClient
	opts     Options
	flight   singleflight.Group
	requests *prometheus.CounterVec
}

const (
	// A stored value is its JSON with one byte before it.
	markValue    = 'v'
	markNegative = 'n'
	markDeleted  = 'd'
	// deletedFor is how long a deleted key refuses what a load, begun before the
	// deletion, found in the source.
	deletedFor = 5 * time.Second
	loadTime   = 10 * time.Second
)

// New makes a cache on client, which [Open] made.
func New[T any](client redis.UniversalClient, opts Options) (*Cache[T], error) {
	if opts.Name == "" || opts.TTL <= 0 {
		return nil, errors.New("cache: Name and TTL are needed")
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 64 << 10
	}
	c := &Cache[T]{redis: client, opts: opts, requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_requests_total", ConstLabels: prometheus.Labels{"cache": opts.Name},
		Help: "Reads by result: hit, negative (known not to exist), miss, bypass (Redis did not answer).",
	}, []string{"result"})}
	if opts.Metrics != nil {
		if err := opts.Metrics.Register(c.requests); err != nil {
			return nil, fmt.Errorf("cache: register metrics of %s: %w", opts.Name, err)
		}
	}
	return c, nil
}

// Get returns the value of key, from Redis or else from load, whose result it
// keeps. Callers of this process that miss the same key at once share one load,
// and its result: do not change it. The error is load's own, [ErrNotFound] or
// ctx's; faults of Redis are only counted.
func (c *Cache[T]) Get(ctx context.Context, key string, load Loader[T]) (T, error) {
	var zero T
	raw, err := c.redis.Get(ctx, c.key(key)).Bytes()
	result, store := "miss", true
	switch {
	case err == nil && len(raw) > 0 && raw[0] == markValue:
		var v T
		if json.Unmarshal(raw[1:], &v) == nil {
			c.requests.WithLabelValues("hit").Inc()
			return v, nil
		}
	case err == nil && len(raw) > 0 && raw[0] == markNegative:
		c.requests.WithLabelValues("negative").Inc()
		return zero, ErrNotFound
	case err != nil && !errors.Is(err, redis.Nil):
		if ctx.Err() != nil {
			return zero, ctx.Err()
		}
		result, store = "bypass", false
	}
	c.requests.WithLabelValues(result).Inc()

	flight := c.flight.DoChan(key, func() (any, error) {
		// One caller giving up must not fail the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
		defer cancel()
		v, err := load(ctx)
		if store {
			c.keep(ctx, key, v, err)
		}
		return v, err
	})
	select {
	case <-ctx.Done():
		return zero, ctx.Err()
	case r := <-flight:
		if r.Err != nil {
			return zero, r.Err
		}
		return r.Val.(T), nil
	}
}

// keep stores what a load gave, unless something newer was written meanwhile.
func (c *Cache[T]) keep(ctx context.Context, key string, v T, err error) {
	entry, ttl := []byte{markNegative}, c.opts.NegativeTTL
	switch {
	case err == nil:
		var ok bool
		if entry, ok = c.encode(v); !ok {
			return
		}
		ttl = c.jitter()
	case !errors.Is(err, ErrNotFound) || ttl == 0:
		return
	}
	_ = c.redis.SetNX(ctx, c.key(key), entry, ttl).Err()
}

// Put writes through: after v was committed to the source it replaces the cached
// value. An error means that the old one may be served until it expires.
func (c *Cache[T]) Put(ctx context.Context, key string, v T) error {
	entry, ok := c.encode(v)
	if !ok {
		return c.Delete(ctx, key)
	}
	if err := c.redis.Set(ctx, c.key(key), entry, c.jitter()).Err(); err != nil {
		return fmt.Errorf("cache: put %s: %w", c.opts.Name, err)
	}
	return nil
}

// Delete forgets keys, after the source changed. What other callers load at this
// moment is not kept: it may be older than the change. An error means that the
// old values may be served until they expire.
func (c *Cache[T]) Delete(ctx context.Context, keys ...string) error {
	_, err := c.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Set(ctx, c.key(key), []byte{markDeleted}, deletedFor)
		}
		return nil
	})
	for _, key := range keys {
		c.flight.Forget(key) // whoever asks from now on must not be given what a load from before the change finds
	}
	if err != nil {
		return fmt.Errorf("cache: delete from %s: %w", c.opts.Name, err)
	}
	return nil
}

func (c *Cache[T]) key(key string) string { return c.opts.Name + ":" + key }

func (c *Cache[T]) encode(v T) ([]byte, bool) {
	b, err := json.Marshal(v)
	if err != nil || len(b) > c.opts.MaxBytes {
		return nil, false
	}
	return append([]byte{markValue}, b...), true
}

func (c *Cache[T]) jitter() time.Duration {
	return c.opts.TTL - rand.N(c.opts.TTL/10+1) //nolint:gosec // spreads load, guards nothing
}

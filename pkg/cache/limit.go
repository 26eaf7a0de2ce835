package cache

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Limiter counts requests with the generic cell rate algorithm (GCRA, ITU-T
// I.371): a quota of n in a window refills evenly, and may be used at once. The
// count is shared by all processes through Redis; while Redis is down each
// process grants a quarter of the quota on its own. Safe for concurrent use.
type Limiter struct {
	redis  redis.UniversalClient
	local  localLimits
	taken  *prometheus.CounterVec
	prefix string
}

// NewLimiter counts under keys "<name>:rate:…"; name is the service as a rule.
// Metrics may be nil.
func NewLimiter(client redis.UniversalClient, name string, metrics prometheus.Registerer) (*Limiter, error) {
	l := &Limiter{redis: client, prefix: name + ":rate:", local: localLimits{tat: map[string]time.Time{}},
		taken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rate_limit_total", Help: "Requests counted, by outcome and by who counted: redis, or local while it is down.",
		}, []string{"outcome", "by"})}
	if metrics != nil {
		if err := metrics.Register(l.taken); err != nil {
			return nil, fmt.Errorf("cache: register metrics: %w", err)
		}
	}
	return l, nil
}

// gcra keeps the theoretical arrival time (TAT), in µs of the server's clock,
// until it is past. It answers {left, reset, retry after}, times in µs; retry
// after 0 means that the request may go on.
var gcra = redis.NewScript(`
local window, cost = tonumber(ARGV[1]), tonumber(ARGV[1]) / tonumber(ARGV[2])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local new = tat + cost
if new - now > window + 0.5 then
	return {0, math.ceil(tat - now), math.ceil(new - now - window)}
end
redis.call('SET', KEYS[1], string.format('%.0f', new), 'PX', math.max(1, math.ceil((new - now) / 1000)))
return {math.floor((window - (new - now)) / cost + 0.001), math.ceil(new - now), 0}
`)

// Take takes one request from the quota of key: requests in each window. With a
// pipe it adds its command to it and reads the outcome when the returned
// function is called, which must be after the pipe was executed; with nil it
// asks by itself. left is what remains of the quota, reset how long until it is
// whole again; retryAfter is zero if the request may go on, else how long to
// wait. err is always nil: there is an answer without Redis too.
func (l *Limiter) Take(ctx context.Context, pipe redis.Pipeliner, key string, requests int, window time.Duration) func() (left int, reset, retryAfter time.Duration, err error) {
	keys, args := []string{l.prefix + key}, []any{window.Microseconds(), requests}
	var queued *redis.Cmd
	if pipe != nil {
		queued = gcra.EvalSha(ctx, pipe, keys, args...)
	}
	return func() (int, time.Duration, time.Duration, error) {
		cmd := queued
		if cmd == nil || redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			cmd = gcra.Run(ctx, l.redis, keys, args...)
		}
		by := "redis"
		var left int
		var reset, retry time.Duration
		if v, err := cmd.Int64Slice(); err == nil && len(v) == 3 {
			left, reset, retry = int(v[0]), time.Duration(v[1])*time.Microsecond, time.Duration(v[2])*time.Microsecond
		} else {
			by = "local"
			left, reset, retry = l.local.take(key, max(1, requests/4), window, time.Now())
		}
		outcome := "allowed"
		if retry > 0 {
			outcome = "refused"
		}
		l.taken.WithLabelValues(outcome, by).Inc()
		return left, reset, retry, nil
	}
}

// localLimits is the same algorithm in memory.
type localLimits struct {
	mu  sync.Mutex
	tat map[string]time.Time
}

const localKeys = 50_000 // bounds memory to some megabytes

func (l *localLimits) take(key string, requests int, window time.Duration, now time.Time) (left int, reset, retryAfter time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tat) >= localKeys {
		for k, tat := range l.tat {
			if tat.Before(now) {
				delete(l.tat, k)
			}
		}
		if len(l.tat) >= localKeys {
			clear(l.tat) // more callers than a process without Redis can tell apart
		}
	}
	cost := window / time.Duration(requests)
	tat := l.tat[key]
	if tat.Before(now) {
		tat = now
	}
	next := tat.Add(cost)
	used := next.Sub(now)
	if used > window {
		return 0, tat.Sub(now), used - window
	}
	l.tat[key] = next
	return int(math.Floor(float64(window-used) / float64(cost))), used, 0
}

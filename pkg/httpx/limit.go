package httpx

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
)

// Limit is a quota of requests in a window. The zero value is no limit.
type Limit struct {
	Requests int
	Window   time.Duration
}

// Limiter counts requests against quotas, across all replicas.
type Limiter interface {
	// Take takes one request from the quota of key: requests in each window. With
	// a pipe it adds its commands to it and reads their outcome when the returned
	// function is called, after the pipe was executed; with nil it asks by itself.
	// left is what remains, reset how long until the quota is whole again,
	// retryAfter is zero if the request may go on and else how long to wait.
	Take(ctx context.Context, pipe redis.Pipeliner, key string, requests int, window time.Duration) func() (left int, reset, retryAfter time.Duration, err error)
}

var errRateLimited = errs.New(errs.RateLimited, "rate_limited", "Too many requests. Wait for the time in Retry-After, then try again.")

// admit decides who calls, whether they may, and whether not too often. Reading
// revocations and counting the request are one round trip to Redis.
func (s *server) admit(w http.ResponseWriter, r *http.Request, op *operation) (authn.Principal, error) {
	if op.rule.Public() {
		return authn.Principal{}, nil
	}
	ctx := r.Context()
	limited := s.Limiter != nil && op.limit.Requests > 0
	var taken func() (int, time.Duration, time.Duration, error)
	take := func(pipe redis.Pipeliner, p authn.Principal) {
		taken = s.Limiter.Take(ctx, pipe, op.class+":"+p.ID(), op.limit.Requests, op.limit.Window)
	}
	var queue func(redis.Pipeliner, authn.Principal)
	if limited {
		queue = take
	}
	p, err := s.Auth.Authenticate(r, op.rule, queue)
	if err != nil || !limited {
		return p, err
	}
	if taken == nil { // there was no round trip to join
		take(nil, p)
	}
	left, reset, retryAfter, err := taken()
	if err != nil { // a limiter that cannot count must not stop the service
		s.Obs.Log.WarnContext(ctx, "requests are not counted", "error", err)
		return p, nil
	}
	// Fields of draft-ietf-httpapi-ratelimit-headers-10, in structured field syntax (RFC 9651).
	h := w.Header()
	h["Ratelimit-Policy"] = []string{op.policy}
	h["Ratelimit"] = []string{`"` + op.class + `";r=` + strconv.Itoa(left) + `;t=` + seconds(reset)}
	if retryAfter > 0 {
		return p, errRateLimited.WithRetryAfter(retryAfter)
	}
	return p, nil
}

// policy words a limit for the RateLimit-Policy field.
func (l Limit) policy(class string) string {
	return `"` + class + `";q=` + strconv.Itoa(l.Requests) + `;w=` + seconds(l.Window)
}

// seconds rounds up: who comes back when told must not be too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

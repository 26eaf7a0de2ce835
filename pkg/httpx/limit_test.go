package httpx_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/httpx"
)

// quota is a Limiter in memory: so many requests, then no more.
type quota struct {
	mu     sync.Mutex
	used   map[string]int
	broken bool
}

func (q *quota) Take(_ context.Context, _ redis.Pipeliner, key string, n int, window time.Duration) func() (int, time.Duration, time.Duration, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used[key]++
	left, retry := n-q.used[key], time.Duration(0)
	if left < 0 {
		left, retry = 0, window/time.Duration(n)
	}
	err := error(nil)
	if q.broken {
		err = errors.New("cannot count")
	}
	return func() (int, time.Duration, time.Duration, error) { return left, window - time.Millisecond, retry, err }
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	q := &quota{used: map[string]int{}}
	s := newService(t, nil, func(o *httpx.Options) {
		o.Limiter, o.Limits = q, map[string]httpx.Limit{"read": {Requests: 2, Window: time.Minute}}
	})
	ada, bob := s.as(t, "user"), s.as(t, "user")
	for i, want := range []string{`"read";r=1;t=60`, `"read";r=0;t=60`, `"read";r=0;t=60`} {
		w := s.call(t, "GET", "/api/v1/things", "", "Authorization", ada)
		if got := w.Header()["Ratelimit"]; len(got) != 1 || got[0] != want {
			t.Errorf("request %d: RateLimit %q, want %q", i, got, want)
		}
		if got := w.Header().Get("RateLimit-Policy"); got != `"read";q=2;w=60` {
			t.Errorf("RateLimit-Policy %q", got)
		}
		if i < 2 {
			if w.Code != 204 {
				t.Fatal(w.Code, w.Body)
			}
			continue
		}
		wantProblem(t, w, 429, "rate_limited")
		if got := w.Header().Get("Retry-After"); got != "30" {
			t.Errorf("Retry-After %q", got)
		}
	}
	for name, header := range map[string][]string{"another user": {"Authorization", bob}, "API key": {"X-API-Key", "jpk_reader"}} {
		if w := s.call(t, "GET", "/api/v1/things", "", header...); w.Code != 204 {
			t.Errorf("%s has a quota of its own: %d", name, w.Code)
		}
	}
	if w := s.call(t, "POST", "/api/v1/things", "{}", "Authorization", ada); w.Code == 429 || w.Header().Get("RateLimit") != "" {
		t.Error("a class without a limit:", w.Code, w.Header())
	}
	if w := s.call(t, "GET", "/api/v1/things", ""); w.Code != 401 || w.Header().Get("RateLimit") != "" {
		t.Error("strangers are refused, not counted:", w.Code)
	}
	q.broken = true
	if w := s.call(t, "GET", "/api/v1/things", "", "Authorization", ada); w.Code != 204 {
		t.Error("a limiter that cannot count must not stop the service:", w.Code)
	}
}

// The house's limiter, with Redis down: its allowance in the process.
func TestRateLimitWithoutRedis(t *testing.T) {
	t.Parallel()
	limiter, err := cache.NewLimiter(downRedis(t), "things:", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, nil, func(o *httpx.Options) {
		o.Limiter, o.Limits = limiter, map[string]httpx.Limit{"read": {Requests: 8, Window: time.Hour}}
	})
	token, passed := s.as(t, "user"), 0
	var last int
	for range 8 {
		if last = s.call(t, "GET", "/api/v1/things", "", "Authorization", token).Code; last == 204 {
			passed++
		}
	}
	if passed != 2 || last != 429 {
		t.Fatalf("%d passed, then %d", passed, last)
	}
}

// Overload: what cannot be answered in time is refused at once, and what is let
// in is answered. When the load is gone, so is the refusing.
func TestShedding(t *testing.T) {
	t.Parallel()
	const slots = 4
	release := make(chan struct{})
	s := newService(t, map[string]http.HandlerFunc{
		"ping": func(w http.ResponseWriter, r *http.Request) {
			<-release
			w.WriteHeader(http.StatusNoContent)
		},
	}, func(o *httpx.Options) { o.MaxInFlight = slots })
	var all sync.WaitGroup
	codes := make(chan int, 100)
	for range 100 {
		all.Go(func() {
			w := s.call(t, "POST", "/api/v1/ping", "")
			if w.Code == 503 {
				wantProblem(t, w, 503, "overloaded")
				if w.Header().Get("Retry-After") != "1" {
					t.Error(w.Header())
				}
			}
			codes <- w.Code
		})
	}
	for range 100 - slots { // these come back although nothing was finished
		if code := <-codes; code != 503 {
			t.Fatalf("got %d while all slots are taken", code)
		}
	}
	// The queue has been full for an interval: now refusing is quick.
	const more = 10 // the machine may be busy at one of them
	soonest := time.Hour
	for range more {
		begun := time.Now()
		if w := s.call(t, "POST", "/api/v1/findings", ""); w.Code != 503 {
			t.Fatal(w.Code)
		}
		soonest = min(soonest, time.Since(begun))
	}
	if soonest > 80*time.Millisecond {
		t.Errorf("refusing took %v", soonest)
	}
	close(release)
	all.Wait()
	close(codes)
	for code := range codes {
		if code != 204 {
			t.Errorf("one that was let in got %d", code)
		}
	}
	if w := s.call(t, "POST", "/api/v1/ping", ""); w.Code != 204 {
		t.Errorf("after the load: %d", w.Code)
	}
	families, err := s.obs.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "http_requests_shed_total" && f.GetMetric()[0].GetCounter().GetValue() != 96+more {
			t.Error(f)
		}
		if f.GetName() == "http_requests_in_flight" && f.GetMetric()[0].GetGauge().GetValue() != 0 {
			t.Error(f)
		}
	}
	if n := strings.Count(s.log.String(), `"problem":"overloaded"`); n != 96+more {
		t.Errorf("%d of %d logged", n, 96+more)
	}
}

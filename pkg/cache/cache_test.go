package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

type user struct{ Name string }

func users(tb testing.TB, client redis.UniversalClient, opts cache.Options) *cache.Cache[user] {
	tb.Helper()
	if opts.TTL == 0 {
		opts.TTL = time.Minute
	}
	c, err := cache.New[user](client, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// source is where values come from; it counts its loads.
type source struct {
	loads atomic.Int32
	value atomic.Pointer[user]
}

func (s *source) load(context.Context) (user, error) {
	s.loads.Add(1)
	if u := s.value.Load(); u != nil {
		return *u, nil
	}
	return user{}, cache.ErrNotFound
}

func TestAside(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	registry := prometheus.NewRegistry()
	c := users(t, client, cache.Options{Name: prefix + "users", Metrics: registry})
	var s source
	s.value.Store(&user{"Ada"})
	for range 3 {
		if u, err := c.Get(t.Context(), "1", s.load); err != nil || u.Name != "Ada" {
			t.Fatalf("%+v, %v", u, err)
		}
	}
	if n := s.loads.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
	if ttl := client.PTTL(t.Context(), prefix+"users:1").Val(); ttl > time.Minute || ttl < 53*time.Second {
		t.Errorf("TTL %v", ttl)
	}
	want := fmt.Sprintf(`
		# HELP cache_requests_total Reads by result: hit, negative (known not to exist), miss, bypass (Redis did not answer).
		# TYPE cache_requests_total counter
		cache_requests_total{cache="%[1]susers",result="hit"} 2
		cache_requests_total{cache="%[1]susers",result="miss"} 1
	`, prefix)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestWriteThroughAndDelete(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	c := users(t, client, cache.Options{Name: prefix + "users"})
	var s source
	if err := c.Put(t.Context(), "1", user{"Ada"}); err != nil {
		t.Fatal(err)
	}
	if u, err := c.Get(t.Context(), "1", s.load); err != nil || u.Name != "Ada" || s.loads.Load() != 0 {
		t.Errorf("after Put: %+v, %v", u, err)
	}
	s.value.Store(&user{"Grace"})
	if err := c.Delete(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if u, err := c.Get(t.Context(), "1", s.load); err != nil || u.Name != "Grace" {
		t.Errorf("after Delete: %+v, %v", u, err)
	}
}

// A load that began before a change and ends after its Delete must not bring
// the old value back, nor be shared with who asks after the Delete.
func TestDeleteWinsOverALoadUnderWay(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	c := users(t, client, cache.Options{Name: prefix + "users"})
	loading, deleted := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		_, err := c.Get(t.Context(), "1", func(context.Context) (user, error) {
			close(loading)
			<-deleted
			return user{"old"}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-loading
	if err := c.Delete(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	var s source
	s.value.Store(&user{"new"})
	check := func() {
		t.Helper()
		if u, err := c.Get(t.Context(), "1", s.load); err != nil || u.Name != "new" {
			t.Errorf("%+v, %v", u, err)
		}
	}
	check() // is not given the load that is still under way
	close(deleted)
	reading.Wait()
	check()
}

func TestNegativeEntries(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	for name, ttl := range map[string]time.Duration{"remembered": time.Minute, "not": 0} {
		c := users(t, client, cache.Options{Name: prefix + name, NegativeTTL: ttl})
		var s source
		for range 3 {
			if _, err := c.Get(t.Context(), "1", s.load); !errors.Is(err, cache.ErrNotFound) {
				t.Fatal(err)
			}
		}
		want := int32(3)
		if ttl > 0 {
			want = 1
		}
		if n := s.loads.Load(); n != want {
			t.Errorf("%s: %d loads, want %d", name, n, want)
		}
	}
}

func TestOneLoadForManyCallers(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	registry := prometheus.NewRegistry()
	c := users(t, client, cache.Options{Name: prefix + "users", Metrics: registry})
	var loads atomic.Int32
	release := make(chan struct{})
	var callers sync.WaitGroup
	const n = 50
	for range n {
		callers.Go(func() {
			u, err := c.Get(t.Context(), "1", func(context.Context) (user, error) {
				loads.Add(1)
				<-release
				return user{"Ada"}, nil
			})
			if err != nil || u.Name != "Ada" {
				t.Errorf("%+v, %v", u, err)
			}
		})
	}
	allMissed := fmt.Sprintf(`
		# HELP cache_requests_total Reads by result: hit, negative (known not to exist), miss, bypass (Redis did not answer).
		# TYPE cache_requests_total counter
		cache_requests_total{cache="%susers",result="miss"} %d
	`, prefix, n)
	testkit.Eventually(t, "all have missed", func() bool {
		return testutil.GatherAndCompare(registry, strings.NewReader(allMissed)) == nil
	})
	close(release)
	callers.Wait()
	// One that was counted, but had not joined when the load ended, loads again.
	if got := loads.Load(); got > 3 {
		t.Errorf("%d loads for %d callers", got, n)
	}
}

func TestTooLargeIsNotKept(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	c := users(t, client, cache.Options{Name: prefix + "users", MaxBytes: 20})
	var s source
	s.value.Store(&user{strings.Repeat("x", 30)})
	for range 2 {
		if _, err := c.Get(t.Context(), "1", s.load); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.loads.Load(); n != 2 {
		t.Errorf("%d loads", n)
	}
}

func TestWithoutRedisValuesAreLoadedAtOnce(t *testing.T) {
	t.Parallel()
	proxy, url := testkit.ProxyURL(t, testkit.Env(t, "REDIS_URL"))
	_, prefix := testkit.Redis(t)
	client, err := cache.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c := users(t, client, cache.Options{Name: prefix + "users"})
	var s source
	s.value.Store(&user{"Ada"})
	proxy.Down()
	began := time.Now()
	const n = 200
	for range n {
		if u, err := c.Get(t.Context(), "1", s.load); err != nil || u.Name != "Ada" {
			t.Fatalf("%+v, %v", u, err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("%d reads without Redis took %v", n, took)
	}
	if !errors.Is(c.Put(t.Context(), "1", user{}), cache.ErrDown) {
		t.Error("Put does not tell that Redis is down")
	}
	proxy.Up()
	testkit.Eventually(t, "Redis is used again", func() bool {
		before := s.loads.Load()
		_, err := c.Get(t.Context(), "1", s.load)
		return err == nil && s.loads.Load() == before
	})
}

func take(tb testing.TB, l *cache.Limiter, key string, n int, window time.Duration) (left int, reset, retry time.Duration) {
	tb.Helper()
	left, reset, retry, err := l.Take(tb.Context(), nil, key, n, window)()
	if err != nil {
		tb.Fatal(err)
	}
	return left, reset, retry
}

func limiter(tb testing.TB, client redis.UniversalClient, prefix string) *cache.Limiter {
	tb.Helper()
	l, err := cache.NewLimiter(client, prefix, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func TestLimit(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	l := limiter(t, client, prefix)
	const quota, window = 5, time.Hour
	for i := range quota {
		left, reset, retry := take(t, l, "a", quota, window)
		if left != quota-1-i || retry != 0 || reset <= 0 || reset > window {
			t.Errorf("request %d: left %d, reset %v, retry after %v", i, left, reset, retry)
		}
	}
	left, reset, retry := take(t, l, "a", quota, window)
	if left != 0 || retry <= 11*time.Minute || retry > window/quota || reset < 59*time.Minute {
		t.Errorf("over the quota: left %d, reset %v, retry after %v", left, reset, retry)
	}
	if left, _, retry := take(t, l, "b", quota, window); left != quota-1 || retry != 0 {
		t.Error("one caller uses up another's quota")
	}
}

func TestLimitRefills(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	l := limiter(t, client, prefix)
	for range 2 {
		take(t, l, "a", 2, 200*time.Millisecond)
	}
	testkit.Eventually(t, "the quota refills", func() bool {
		_, _, retry := take(t, l, "a", 2, 200*time.Millisecond)
		return retry == 0
	})
}

func TestLimitInOneRoundTripWithOthers(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	l := limiter(t, client, prefix)
	for i := range 2 { // the script may have to be sent first
		pipe := client.Pipeline()
		other := pipe.Set(t.Context(), prefix+"other", 1, time.Minute)
		outcome := l.Take(t.Context(), pipe, "a", 10, time.Hour)
		_, _ = pipe.Exec(t.Context())
		left, _, retry, err := outcome()
		if err != nil || retry != 0 || left != 9-i || other.Err() != nil {
			t.Errorf("left %d, retry %v, %v, %v", left, retry, err, other.Err())
		}
	}
}

// Exactly the quota is granted however many ask at once.
func TestLimitUnderConcurrency(t *testing.T) {
	t.Parallel()
	client, prefix := testkit.Redis(t)
	l := limiter(t, client, prefix)
	var granted atomic.Int32
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if _, _, retry := take(t, l, "a", 20, time.Hour); retry == 0 {
				granted.Add(1)
			}
		})
	}
	callers.Wait()
	if n := granted.Load(); n != 20 {
		t.Errorf("%d granted", n)
	}
}

func TestLimitWithoutRedis(t *testing.T) {
	t.Parallel()
	proxy, url := testkit.ProxyURL(t, testkit.Env(t, "REDIS_URL"))
	proxy.Down()
	client, err := cache.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	l := limiter(t, client, "")
	granted := 0
	for range 100 {
		if _, _, retry := take(t, l, "a", 20, time.Hour); retry == 0 {
			granted++
		}
	}
	if granted != 5 {
		t.Errorf("%d granted without Redis, want a quarter of the quota", granted)
	}
	pipe := client.Pipeline()
	outcome := l.Take(t.Context(), pipe, "b", 20, time.Hour)
	_, _ = pipe.Exec(t.Context())
	if left, _, retry, err := outcome(); left != 4 || retry != 0 || err != nil {
		t.Errorf("in a pipe: left %d, retry %v, %v", left, retry, err)
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	if _, err := cache.Open("http://:secret@x", nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

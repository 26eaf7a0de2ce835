package httpx_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// BenchmarkRead is one read of a row through PgBouncer, over HTTP: by a bare chi
// handler, and by the same handler behind everything that New puts before it,
// with Redis for revocations and limits. The second must reach 70 % of the first.
func BenchmarkRead(b *testing.B) {
	pool := testkit.Schema(b, `CREATE TABLE things (id uuid PRIMARY KEY, name text NOT NULL)`)
	id := uuid.New()
	if _, err := pool.Exec(b.Context(), `INSERT INTO things VALUES ($1, 'a thing')`, id); err != nil {
		b.Fatal(err)
	}
	read := func(w http.ResponseWriter, r *http.Request) {
		var thing struct{ ID, Name string }
		if err := pool.QueryRow(r.Context(), `SELECT id, name FROM things WHERE id = $1`, chi.URLParam(r, "thingId")).Scan(&thing.ID, &thing.Name); err != nil {
			httpx.Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(thing)
	}
	bare := chi.NewRouter()
	bare.Get("/api/v1/things/{thingId}", read)

	s := newService(b, nil) // whose Redis is down; this one's holds the revocations
	redis := testkit.StartRedis(b).Client()
	revocations := authn.NewRevocations(redis, func(context.Context, authn.Principal) error { b.Error("asked"); return nil })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_ = revocations.Keep(ctx, func(context.Context, time.Time) ([]authn.Revocation, error) { return nil, nil })
	}()
	testkit.Eventually(b, "revocations are ready", func() bool { return redis.Exists(ctx, "{auth}:rev:ready").Val() == 1 })
	limiter, err := cache.NewLimiter(redis, "things:", nil)
	if err != nil {
		b.Fatal(err)
	}
	full := newService(b, map[string]http.HandlerFunc{"getThing": read}, func(o *httpx.Options) {
		o.Limiter, o.Limits = limiter, map[string]httpx.Limit{"": {Requests: 1 << 30, Window: time.Hour}}
		o.Obs = newObs(b, io.Discard)
		o.Auth = authn.New(authn.NewVerifier(issuer, authn.Keyset{"k1": &s.signer.Key.PublicKey}, nil), revocations, nil)
	})
	token := s.as(b, "user")

	bareServer, fullServer := httptest.NewServer(bare), httptest.NewServer(full)
	defer bareServer.Close()
	defer fullServer.Close()
	// In turns, so that whatever else the machine does slows both alike.
	const each, atOnce = 400, 16
	var bareTime, fullTime time.Duration
	burst := func(server *httptest.Server) time.Duration {
		client := server.Client()
		client.Transport.(*http.Transport).MaxIdleConnsPerHost = atOnce
		begun := time.Now()
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				for range each / atOnce {
					r, err := http.NewRequest(http.MethodGet, server.URL+"/api/v1/things/"+id.String(), nil)
					if err != nil {
						b.Error(err)
						return
					}
					r.Header.Set("Authorization", token)
					resp, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						b.Errorf("status %d", resp.StatusCode)
						return
					}
				}
			})
		}
		all.Wait()
		return time.Since(begun)
	}
	burst(bareServer)
	burst(fullServer)
	rounds := 0
	for b.Loop() {
		bareTime += burst(bareServer)
		fullTime += burst(fullServer)
		rounds++
	}
	b.ReportMetric(float64(rounds*each)/bareTime.Seconds(), "bare/s")
	b.ReportMetric(float64(rounds*each)/fullTime.Seconds(), "full/s")
	b.ReportMetric(100*float64(bareTime)/float64(fullTime), "%")
}

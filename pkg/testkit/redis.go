package testkit

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/cache"
)

// Redis gives the test a client and a key prefix of its own; keys under the
// prefix are removed when the test ends.
func Redis(tb testing.TB) (client redis.UniversalClient, prefix string) {
	tb.Helper()
	// On a busy machine a test waits rather than takes Redis for dead.
	client, err := cache.Open(Env(tb, "REDIS_URL")+"?dial_timeout=10s&read_timeout=10s&write_timeout=10s&pool_timeout=10s", nil)
	if err != nil {
		tb.Fatal(err)
	}
	if err := client.Ping(context.Background()).Err(); err != nil {
		tb.Fatalf("Redis does not answer: %v; %s", err, startServers)
	}
	prefix = unique() + ":"
	tb.Cleanup(func() {
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			client.Del(ctx, keys.Val())
		}
		if err := keys.Err(); err != nil {
			tb.Errorf("remove the test's keys: %v", err)
		}
	})
	return client, prefix
}

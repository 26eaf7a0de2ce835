package cache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func ExampleCache() {
	tb, end := testkit.Example()
	defer end()
	ctx := context.Background()
	client, prefix := testkit.Redis(tb)
	names, err := cache.New[string](client, cache.Options{Name: prefix + "names", TTL: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	for range 2 {
		name, err := names.Get(ctx, "42", func(context.Context) (string, error) {
			fmt.Println("asked the database")
			return "Ada", nil
		})
		fmt.Println(name, err)
	}
	// Output:
	// asked the database
	// Ada <nil>
	// Ada <nil>
}

func ExampleLimiter() {
	tb, end := testkit.Example()
	defer end()
	client, prefix := testkit.Redis(tb)
	limiter, err := cache.NewLimiter(client, prefix, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for range 3 {
		left, _, retryAfter, err := limiter.Take(context.Background(), nil, "user:42", 2, time.Hour)()
		fmt.Println(left, retryAfter > 0, err)
	}
	// Output:
	// 1 false <nil>
	// 0 false <nil>
	// 0 true <nil>
}

package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// A duty is done by one replica, once in its period.
func Example() {
	tb, end := testkit.Example()
	defer end()
	pool := testkit.DB(tb, "pkg/jobs/testdata")

	done := make(chan string)
	client, err := jobs.New(pool, jobs.Options{Log: slog.New(slog.DiscardHandler), Duties: map[string]jobs.Duty{
		"greet": {Every: time.Hour, Do: func(context.Context) error { done <- "good morning"; return nil }},
	}})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- client.Run(ctx) }()
	fmt.Println(<-done)
	stop()
	fmt.Println(<-ended)
	// Output:
	// good morning
	// <nil>
}

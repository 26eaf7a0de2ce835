package orchestrator

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// bare is a River job that does nothing.
type bare struct{}

func (bare) Kind() string { return "bare" }

// BenchmarkSagas works off sagas of three steps and, on the same tables in turn, as
// many bare River jobs as there are steps. It reports both and their ratio.
func BenchmarkSagas(b *testing.B) {
	const steps, workers, poll = 3, 16, 20 * time.Millisecond
	f := newFixture(b)
	var done atomic.Int64
	nothing := func(context.Context, *Run) (Outcome, error) { done.Add(1); return Done(nil), nil }
	f.Definitions = []Definition{{Kind: "k", Version: 1, Steps: []Step{{Name: "a", Do: nothing}, {Name: "b", Do: nothing}, {Name: "c", Do: nothing}}}}
	list := river.NewWorkers()
	river.AddWorker(list, river.WorkFunc(func(context.Context, *river.Job[bare]) error { done.Add(1); return nil }))
	pool := testkit.DB(b, "migrations/orchestrator")
	reference, err := jobs.New(pool, jobs.Options{Log: slog.New(slog.DiscardHandler), Poll: poll, Workers: list, Queues: map[string]int{sagaQueue: workers}})
	must(b, err)

	for range b.N {
		must(b, pg.InTx(b.Context(), f.pool, func(tx pgx.Tx) error {
			_, err := f.startTx(b.Context(), tx, "k", uuid.NewString(), nil)
			return err
		}))
	}
	many := make([]river.InsertManyParams, steps*b.N)
	for i := range many {
		many[i] = river.InsertManyParams{Args: bare{}, InsertOpts: &river.InsertOpts{Queue: sagaQueue}}
	}
	_, err = reference.InsertMany(b.Context(), many)
	must(b, err)

	drain := func(run func(context.Context) error) time.Duration {
		done.Store(0)
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		begun := time.Now()
		go func() { ended <- run(ctx) }()
		testkit.Eventually(b, "all is done", func() bool { return done.Load() == int64(steps*b.N) })
		took := time.Since(begun)
		stop()
		must(b, <-ended)
		return took
	}
	b.ResetTimer()
	sagas := drain(f.Jobs)
	b.StopTimer()
	plain := drain(reference.Run)
	b.ReportMetric(float64(b.N)/sagas.Seconds(), "sagas/s")
	b.ReportMetric(float64(b.N*steps)/plain.Seconds(), "river-jobs/s")
	b.ReportMetric(100*plain.Seconds()/sagas.Seconds(), "%ofRiver")
}

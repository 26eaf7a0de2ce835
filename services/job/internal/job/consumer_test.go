package job

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// broker runs what the service has at the broker in a vhost of its own, and counts
// the events that come out by their type. gather handles job-aggregation.
func (f *fixture) broker(gather func(ctx context.Context, m *rabbit.Message) error) (told func() map[string]int) {
	f.t.Helper()
	raw, err := os.ReadFile(filepath.Join(testkit.Root(f.t), "services/job/topology.gen.json"))
	must(f.t, err)
	topology, err := rabbit.ParseTopology(raw)
	must(f.t, err)
	for i := range topology.Queues {
		topology.Queues[i].Delays = []rabbit.Duration{rabbit.Duration(10 * time.Millisecond)}
	}
	conn, err := rabbit.Open(testkit.Rabbit(f.t), rabbit.Options{Name: "job-test", Topology: topology, Log: slog.New(slog.DiscardHandler)})
	must(f.t, err)
	relay, err := outbox.NewRelay(f.pool, conn, outbox.RelayOptions{Log: slog.New(slog.DiscardHandler)})
	must(f.t, err)
	var mu sync.Mutex
	events := map[string]int{}
	ctx, stop := context.WithCancel(f.t.Context())
	var running sync.WaitGroup
	for _, run := range []func() error{
		func() error { return relay.Run(ctx) },
		func() error {
			return conn.Consume(ctx, rabbit.Consumer{Queue: QueueJobAggregation, Timeout: GatherTimeout, Handler: rabbit.Each(gather)})
		},
		func() error {
			return conn.Consume(ctx, rabbit.Consumer{Queue: QueueJobEvents, Handler: outbox.Handler(f.pool, QueueJobEvents, f.Apply)})
		},
		func() error { // which is bound to all events
			return conn.Consume(ctx, rabbit.Consumer{Queue: "analytics", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
				mu.Lock()
				defer mu.Unlock()
				events[m.Type]++
				return nil
			})})
		},
	} {
		running.Go(func() {
			if err := run(); err != nil {
				f.t.Error(err)
			}
		})
	}
	f.t.Cleanup(func() { stop(); running.Wait(); _ = conn.Close() })
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(events)
	}
}

// From the broker to the broker: the work comes out of its queue, the jobs are
// stored, the events go out; work that is delivered again changes nothing.
func TestGatheringByTheBroker(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook)
	source := f.add("greenhouse", "brightwater")
	var mu sync.Mutex
	deliveries := 0
	told := f.broker(func(ctx context.Context, m *rabbit.Message) error {
		err := f.HandleGather(ctx, m)
		mu.Lock()
		defer mu.Unlock()
		if deliveries++; deliveries == 1 && err == nil {
			return errors.New("the process dies after its work and before its answer")
		}
		return err
	})
	done := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return deliveries == n }
	}
	run, err := f.StartGathering(t.Context(), []uuid.UUID{source}, "test")
	must(t, err)
	testkit.Eventually(t, "the work is delivered twice", done(2))
	g, err := f.GetGathering(t.Context(), run.ID)
	must(t, err)
	if g.Finished == nil || g.Sources[0].State != "done" || g.Sources[0].Created != 2 || g.Sources[0].Unchanged != 0 {
		t.Fatalf("%+v", g)
	}
	want := map[string]int{TypeJobPublished: 2, TypeSourceGathered: 1}
	testkit.Eventually(t, "the events are out", func() bool { return maps.Equal(told(), want) })

	// The next run finds the same, and so does one that nobody knows of.
	_, err = f.StartGathering(t.Context(), []uuid.UUID{source}, "test")
	must(t, err)
	must(t, pg.InTx(t.Context(), f.pool, func(x pgx.Tx) error {
		return outbox.Append(t.Context(), x, outbox.Message{Type: TypeSourceGather, Queue: QueueJobAggregation, Source: sourceName, Data: SourceGather{RunID: newID(), SourceID: newID()}})
	}))
	testkit.Eventually(t, "both are handled", done(4))
	want[TypeSourceGathered] = 2
	testkit.Eventually(t, "the second run is told of", func() bool { return maps.Equal(told(), want) })
	if n := f.count("SELECT count(*) FROM jobs"); n != 2 {
		t.Errorf("%d jobs", n)
	}
	if n := f.count("SELECT count(*) FROM job_sources"); n != 2 {
		t.Errorf("%d listings", n)
	}
}

func TestADeletedAccountArrivesByTheBroker(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.broker(f.HandleGather)
	f.boards.set("brightwater", cook)
	f.gather(f.add("greenhouse", "brightwater"))
	var job uuid.UUID
	must(t, f.pool.QueryRow(t.Context(), "SELECT id FROM jobs").Scan(&job))
	gone, stays := newID(), newID()
	must(t, f.SaveJob(t.Context(), gone, job))
	must(t, f.SaveJob(t.Context(), stays, job))
	for range 2 { // told twice is told once
		must(t, pg.InTx(t.Context(), f.pool, func(x pgx.Tx) error {
			return outbox.Append(t.Context(), x, outbox.Message{Type: TypeAuthUserDeleted, Source: "auth", Subject: gone.String(), Data: AuthUserDeleted{UserID: gone}})
		}))
	}
	testkit.Eventually(t, "both are applied", func() bool { return f.count("SELECT count(*) FROM inbox") == 2 })
	if n := f.count("SELECT count(*) FROM saved_jobs WHERE user_id = $1", gone); n != 0 {
		t.Errorf("%d saved jobs of an account that is gone", n)
	}
	if n := f.count("SELECT count(*) FROM saved_jobs WHERE user_id = $1", stays); n != 1 {
		t.Errorf("%d saved jobs of another account", n)
	}
}

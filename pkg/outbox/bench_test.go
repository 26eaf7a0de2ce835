package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// path is the whole way of messages: outbox, relay, broker, consumer, inbox.
type path struct {
	send    func(msgs ...outbox.Message)
	applied atomic.Int64
	arrived func(rabbit.Event) // called in the consumer's transaction
}

func newPath(b *testing.B) *path {
	b.Helper()
	db := testkit.Schema(b, outbox.Schema)
	conn := connect(b, testkit.Rabbit(b))
	relay(b, db, conn, nil)
	p := &path{arrived: func(rabbit.Event) {}}
	p.send = func(msgs ...outbox.Message) {
		err := pg.InTx(context.Background(), db, func(tx pgx.Tx) error { return outbox.Append(context.Background(), tx, msgs...) })
		if err != nil {
			b.Error(err)
		}
	}
	consume(b, db, conn, rabbit.Consumer{Concurrency: 2, Batch: 100}, func(_ context.Context, tx pgx.Tx, e rabbit.Event) error {
		pg.AfterCommit(tx, func() { p.arrived(e); p.applied.Add(1) })
		return nil
	})
	return p
}

// BenchmarkThroughput counts messages from append to the inbox, appended by
// eight writers in transactions of the given size.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{1, 10} {
		b.Run(fmt.Sprintf("per_tx=%d", size), func(b *testing.B) {
			p := newPath(b)
			const writers = 8
			b.ResetTimer()
			var next atomic.Int64
			var writing sync.WaitGroup
			for range writers {
				writing.Go(func() {
					for {
						from := next.Add(int64(size)) - int64(size)
						if from >= int64(b.N) {
							return
						}
						msgs := make([]outbox.Message, min(size, b.N-int(from)))
						for i := range msgs {
							msgs[i] = thing(fmt.Sprint(from+int64(i)), i)
						}
						p.send(msgs...)
					}
				})
			}
			writing.Wait()
			for p.applied.Load() < int64(b.N) {
				time.Sleep(time.Millisecond)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLatency measures from before the append to after the commit of the
// inbox, at 500 messages a second.
func BenchmarkLatency(b *testing.B) {
	const rate = 500
	p := newPath(b)
	var mu sync.Mutex
	sent := map[uuid.UUID]time.Time{}
	var took []time.Duration
	p.arrived = func(e rabbit.Event) {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(sent[e.ID]))
	}
	n := max(b.N, 2*rate)
	b.ResetTimer()
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	var sending sync.WaitGroup
	for i := range n {
		<-tick.C
		m := thing(fmt.Sprint(i), i)
		m.ID = uuid.Must(uuid.NewV7())
		mu.Lock()
		sent[m.ID] = time.Now()
		mu.Unlock()
		sending.Go(func() { p.send(m) })
	}
	sending.Wait()
	for p.applied.Load() < int64(n) {
		time.Sleep(time.Millisecond)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[n/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[n*99/100].Milliseconds()), "p99-ms")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(0, "ns/op")
}

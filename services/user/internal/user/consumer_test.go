package user

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// From the broker to the profile: what auth tells goes through the queue that the
// catalogue of messages declares.
func TestRegistrationArrivesByTheBroker(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	raw, err := os.ReadFile(filepath.Join(testkit.Root(t), "services/user/topology.gen.json"))
	must(t, err)
	topology, err := rabbit.ParseTopology(raw)
	must(t, err)
	broker, err := rabbit.Open(testkit.Rabbit(t), rabbit.Options{Name: "user-test", Topology: topology, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	relay, err := outbox.NewRelay(f.pool, broker, outbox.RelayOptions{Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	ended := make(chan error, 2)
	go func() { ended <- relay.Run(ctx) }()
	go func() {
		ended <- broker.Consume(ctx, rabbit.Consumer{Queue: QueueUserEvents, Batch: 20, Handler: outbox.Handler(f.pool, QueueUserEvents, f.Apply)})
	}()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		_ = broker.Close()
	})
	id := newID()
	must(t, pg.InTx(ctx, f.pool, func(x pgx.Tx) error {
		return outbox.Append(ctx, x, outbox.Message{Type: TypeAuthUserRegistered, Source: "auth", Subject: id.String(),
			Data: AuthUserRegistered{UserID: id, Email: "ada@example.com", Locale: "en", RegisteredAt: time.Now()}})
	}))
	testkit.Eventually(t, "the profile is there", func() bool {
		_, _, err := f.GetProfile(ctx, id)
		return err == nil
	})
}

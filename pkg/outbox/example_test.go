package outbox_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func Example() {
	tb, end := testkit.Example()
	defer end()
	db, conn := testkit.Schema(tb, outbox.Schema), connect(tb, testkit.Rabbit(tb))
	ctx, stop := context.WithCancel(context.Background())
	relay, err := outbox.NewRelay(db, conn, outbox.RelayOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = relay.Run(ctx) })
	running.Go(func() {
		_ = conn.Consume(ctx, rabbit.Consumer{Queue: "reader", Handler: outbox.Handler(db, "example",
			func(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
				pg.AfterCommit(tx, func() { fmt.Println("applied", e.Type, string(e.Data)); stop() })
				return nil // what is written through tx is written once
			})})
	})

	err = pg.InTx(ctx, db, func(tx pgx.Tx) error {
		// … what the message tells of …
		return outbox.Append(ctx, tx, outbox.Message{
			Type: "test.thing.made", Source: "test", Subject: "42", Data: map[string]string{"name": "lamp"},
		})
	})
	if err != nil {
		tb.Fatal(err)
	}
	running.Wait()
	// Output: applied test.thing.made {"name":"lamp"}
}

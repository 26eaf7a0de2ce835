package rabbit_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func Example() {
	tb, end := testkit.Example()
	defer end()
	conn, err := rabbit.Open(testkit.Rabbit(tb), rabbit.Options{
		Name: "example", Log: slog.New(slog.DiscardHandler),
		Topology: &rabbit.Topology{Exchange: "shop.events", Queues: []rabbit.Queue{
			{Name: "mails", Tries: 1, Bindings: []rabbit.Binding{{Key: "test.thing.*"}}},
		}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()

	ctx, stop := context.WithCancel(context.Background())
	// Events come from the outbox as a rule; see there.
	if err := conn.Publish(ctx, event("shop.events", "test.thing.made", 7))[0]; err != nil {
		tb.Fatal(err)
	}
	err = conn.Consume(ctx, rabbit.Consumer{Queue: "mails", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		fmt.Println(m.Type, m.Subject, string(m.Data))
		stop()
		return nil
	})})
	if err != nil {
		tb.Fatal(err)
	}
	// Output: test.thing.made 1 {"n":7}
}

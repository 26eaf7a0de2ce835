package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// A message that cannot be handled waits in the dead-letter queue, comes back when
// it is replayed and is gone when dropped.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	topology, err := readTopology(repo(t).source(topologyFile))
	if err != nil {
		t.Fatal(err)
	}
	url := testkit.Rabbit(t)
	conn, err := rabbit.Open(url, rabbit.Options{Name: t.Name(), Topology: topology})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	handled := make(chan uuid.UUID, 10)
	go func() {
		ended <- conn.Consume(ctx, rabbit.Consumer{Queue: "notifications", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
			if string(m.Data) == `"poison"` {
				return rabbit.Permanent(errors.New("cannot be handled"))
			}
			handled <- m.ID
			return nil
		})})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	send := func(data string) string {
		t.Helper()
		event := rabbit.Event{ID: uuid.New(), Source: "test", Type: "notification.message.send", Time: time.Now(), Data: json.RawMessage(data)}
		body, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Publish(ctx, rabbit.Publication{Key: "notifications", ID: event.ID, Type: event.Type, Body: body})[0]; err != nil {
			t.Fatal(err)
		}
		return event.ID.String()
	}
	dead := func(ids ...string) (found []string) {
		t.Helper()
		_, err := eachDead(ctx, conn, "notifications", ids, func(d rabbit.Dead) rabbit.Verdict {
			found = append(found, d.ID.String())
			return rabbit.Keep
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}

	poison := send(`"poison"`)
	if fine := send(`"fine"`); (<-handled).String() != fine {
		t.Error("another message was handled")
	}

	testkit.Eventually(t, "the message is dead", func() bool { return len(dead()) == 1 })
	if err := judgeDead(ctx, conn, "notifications", []string{poison}, rabbit.Replay, "replayed"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the replayed message is dead again", func() bool { return len(dead()) == 1 })
	if err := judgeDead(ctx, conn, "notifications", []string{uuid.NewString()}, rabbit.Drop, "dropped"); err == nil {
		t.Error("dropping a message that is not there succeeded")
	}
	if err := judgeDead(ctx, conn, "notifications", []string{"all"}, rabbit.Drop, "dropped"); err != nil {
		t.Fatal(err)
	}
	if found := dead(); len(found) != 0 {
		t.Errorf("still dead: %v", found)
	}
}

package rabbit

import (
	"context"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// waiting is a session with n deliveries in each half.
func waiting(n, batch int) *session {
	bulk, urgent := make(chan amqp.Delivery, n), make(chan amqp.Delivery, n)
	for range n {
		bulk <- amqp.Delivery{ConsumerTag: "bulk"}
		urgent <- amqp.Delivery{ConsumerTag: "urgent"}
	}
	s := &session{cons: Consumer{Batch: batch}, queue: Queue{Name: "bulk"}, bulk: bulk, urgent: urgent, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

func TestUrgentFirstAndBulkItsShare(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 3, 50} {
		s := waiting(100, batch)
		var order []string
		for len(order) < 200 {
			for _, d := range s.next(t.Context()) {
				order = append(order, d.ConsumerTag)
			}
		}
		for i, half := range order {
			// Four urgent for one of the bulk, until the urgent ones run out.
			want := "urgent"
			if i%5 == 4 || i >= 125 {
				want = "bulk"
			}
			if half != want {
				t.Fatalf("batch %d: message %d is %s", batch, i, half)
			}
		}
	}
}

func TestNextEndsWithContextAndChannel(t *testing.T) {
	t.Parallel()
	s := waiting(0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.next(ctx) != nil {
		t.Error("a batch after the end")
	}
	gone := make(chan amqp.Delivery)
	close(gone)
	s.urgent = gone
	if s.next(t.Context()) != nil {
		t.Error("a batch of a lost channel")
	}
}

package rabbit

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Dead is a message in a dead-letter queue.
type Dead struct {
	Failure
	ID   uuid.UUID
	Type string
	Body []byte // CloudEvents 1.0 JSON, unless that was what is wrong with it
}

// Verdict is what becomes of a dead message.
type Verdict int

// Verdicts.
const (
	Keep   Verdict = iota // it stays
	Replay                // it goes back to the queue it was taken from, as if it were new
	Drop                  // it is deleted
)

// Judge shows judge every message in the dead-letter queue of a queue set, oldest
// first, and does what it says. It is for an operator's tool:
// while it runs, nobody else sees the messages. A message that cannot be
// replayed stays, and the error tells why.
func (c *Conn) Judge(ctx context.Context, queue string, judge func(Dead) Verdict) error {
	set, ok := c.topology.queue(queue)
	if !ok {
		return fmt.Errorf("rabbit: queue %q is not in the topology", queue)
	}
	conn, err := c.sub.wait(ctx)
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("rabbit: %w", err)
	}
	defer ch.Close() // gives back what was kept
	var faults []error
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(faults, err)...)
		}
		d, ok, err := ch.Get(set.dead(), false)
		if err != nil {
			return fmt.Errorf("rabbit: read %s: %w", set.dead(), err)
		}
		if !ok {
			return errors.Join(faults...)
		}
		if err := c.execute(ctx, set, &d, judge); err != nil {
			faults = append(faults, err)
		}
	}
}

func (c *Conn) execute(ctx context.Context, set Queue, d *amqp.Delivery, judge func(Dead) Verdict) error {
	dead := Dead{Failure: FailureOf(d.Headers), Type: d.Type, Body: d.Body}
	dead.ID, _ = uuid.Parse(d.MessageId)
	switch judge(dead) {
	case Replay:
		half := dead.Half
		if half != set.urgent() {
			half = set.Name
		}
		parent, _ := d.Headers["traceparent"].(string)
		again := Publication{Key: half, ID: dead.ID, Type: d.Type, Traceparent: parent, Body: d.Body}
		if err := c.Publish(ctx, again)[0]; err != nil {
			return fmt.Errorf("replay %s: %w", dead.ID, err)
		}
		return d.Ack(false)
	case Drop:
		return d.Ack(false)
	}
	return nil
}

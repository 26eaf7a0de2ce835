package rabbit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DeliveryLimit is how often the broker delivers a message that is never
// answered before it dead-letters it: each time the consumer crashed or lost its
// connection.
const DeliveryLimit = 20

// Topology is what exists on the broker; `tools/gen` derives it from the event
// catalogue.
type Topology struct {
	// Exchange is the topic exchange of events. Two direct exchanges beside it,
	// <Exchange>.retry and <Exchange>.due, lead messages into and out of the
	// delay queues.
	Exchange string  `json:"exchange"`
	Queues   []Queue `json:"queues"`
}

// Queue is a set of queues for one kind of work or one subscription.
type Queue struct {
	Name string `json:"name"`
	// Tries is how often a message is handled before it is dead; at least 1.
	Tries int `json:"tries"`
	// Delays before the second, third … try. The last one repeats.
	Delays []Duration `json:"delays,omitempty"`
	// Bindings to events; none for a pure work queue.
	Bindings []Binding `json:"bindings,omitempty"`
}

// Binding subscribes a queue to events.
type Binding struct {
	// Key is an event type or a topic pattern ("auth.user.*").
	Key string `json:"key"`
	// Urgent leads the events to the urgent half.
	Urgent bool `json:"urgent,omitempty"`
}

// Duration is a [time.Duration] written as in Go ("15s", "2m").
type Duration time.Duration

// UnmarshalText reads a duration as [time.ParseDuration] does.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes it back.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Names of the queues of a set.
func (q Queue) urgent() string      { return q.Name + ".urgent" }
func (q Queue) dead() string        { return q.Name + ".dlq" }
func (q Queue) retry(n int) string  { return q.Name + ".retry." + strconv.Itoa(n) }
func (t *Topology) retryIn() string { return t.Exchange + ".retry" }
func (t *Topology) retryDue() string {
	return t.Exchange + ".due"
}

// delayKey is the routing key into the nth delay queue and, when the delay is
// over, back to the half (Q or Q.urgent) that the message came from.
func delayKey(n int, half string) string { return strconv.Itoa(n) + "." + half }

// ParseTopology reads and checks the JSON form.
func ParseTopology(b []byte) (*Topology, error) {
	var t Topology
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("rabbit: topology: %w", err)
	}
	return &t, t.check()
}

func (t *Topology) check() error {
	if t.Exchange == "" {
		return errors.New("rabbit: topology: exchange is missing")
	}
	seen := map[string]bool{}
	for _, q := range t.Queues {
		switch {
		case q.Name == "" || seen[q.Name]:
			return fmt.Errorf("rabbit: topology: queue %q: the name is missing or used twice", q.Name)
		case q.Tries < 1:
			return fmt.Errorf("rabbit: topology: queue %s: tries must be at least 1", q.Name)
		case q.Tries > 1 && len(q.Delays) == 0:
			return fmt.Errorf("rabbit: topology: queue %s: %d tries need delays", q.Name, q.Tries)
		}
		for _, d := range q.Delays {
			if time.Duration(d) < time.Millisecond {
				return fmt.Errorf("rabbit: topology: queue %s: a delay is shorter than 1ms", q.Name)
			}
		}
		seen[q.Name] = true
	}
	return nil
}

func (t *Topology) queue(name string) (Queue, bool) {
	for _, q := range t.Queues {
		if q.Name == name {
			return q, true
		}
	}
	return Queue{}, false
}

// declare makes what is missing. What exists with the same arguments stays as it
// is; what exists with others is an error that tells what to do.
func (t *Topology) declare(conn *amqp.Connection) error {
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("rabbit: declare: %w", err)
	}
	defer ch.Close()
	for name, kind := range map[string]string{t.Exchange: "topic", t.retryIn(): "direct", t.retryDue(): "direct"} {
		if err := ch.ExchangeDeclare(name, kind, true, false, false, false, nil); err != nil {
			return declareError("exchange", name, err)
		}
	}
	for _, q := range t.Queues {
		if err := t.declareSet(ch, q); err != nil {
			return err
		}
	}
	return nil
}

func (t *Topology) declareSet(ch *amqp.Channel, q Queue) error {
	// At-least-once dead lettering keeps a message until its new queue has
	// confirmed it, and needs overflow=reject-publish.
	quorum := func(deadLetterExchange string, args amqp.Table) amqp.Table {
		args["x-queue-type"] = "quorum"
		args["x-overflow"] = "reject-publish"
		args["x-dead-letter-strategy"] = "at-least-once"
		args["x-dead-letter-exchange"] = deadLetterExchange
		return args
	}
	queues := []struct {
		name string
		args amqp.Table
	}{
		// The dead stay until somebody decides. Looking at them is a delivery
		// too, and RabbitMQ 4 would drop them after 20.
		{q.dead(), amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": int32(1_000_000)}},
		{q.Name, quorum("", amqp.Table{"x-dead-letter-routing-key": q.dead(), "x-delivery-limit": int32(DeliveryLimit)})},
		{q.urgent(), quorum("", amqp.Table{"x-dead-letter-routing-key": q.dead(), "x-delivery-limit": int32(DeliveryLimit)})},
	}
	for i, d := range q.Delays {
		queues = append(queues, struct {
			name string
			args amqp.Table
		}{q.retry(i + 1), quorum(t.retryDue(), amqp.Table{"x-message-ttl": time.Duration(d).Milliseconds()})})
	}
	for _, d := range queues {
		if _, err := ch.QueueDeclare(d.name, true, false, false, false, d.args); err != nil {
			return declareError("queue", d.name, err)
		}
	}

	bind := func(queue, key, exchange string) error {
		if err := ch.QueueBind(queue, key, exchange, false, nil); err != nil {
			return fmt.Errorf("rabbit: bind %s to %s with %q: %w", queue, exchange, key, err)
		}
		return nil
	}
	for i := range q.Delays {
		for _, half := range []string{q.Name, q.urgent()} {
			key := delayKey(i+1, half)
			if err := errors.Join(bind(q.retry(i+1), key, t.retryIn()), bind(half, key, t.retryDue())); err != nil {
				return err
			}
		}
	}
	for _, b := range q.Bindings {
		half := q.Name
		if b.Urgent {
			half = q.urgent()
		}
		if err := bind(half, b.Key, t.Exchange); err != nil {
			return err
		}
	}
	return nil
}

func declareError(kind, name string, err error) error {
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.PreconditionFailed {
		return fmt.Errorf("rabbit: %s %s exists with other arguments: stop its publishers, let it run empty, remove it "+
			"(`rabbitmqctl delete_queue --vhost VHOST %s`, or the management page) and start again: %s", kind, name, name, e.Reason)
	}
	return fmt.Errorf("rabbit: declare %s %s: %w", kind, name, err)
}

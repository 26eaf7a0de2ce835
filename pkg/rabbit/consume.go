package rabbit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// urgentShare is how many urgent messages are taken for one of the bulk while
// both wait.
const urgentShare = 4

// Handler handles a batch: one message unless [Consumer.Batch] says otherwise.
// The result is nil or has one entry for each message. A nil entry acknowledges
// it; an error tries the message again later or, by [Permanent] and after the
// last try, moves it to the dead-letter queue; [NotReady] has the batch handled
// again after a pause.
type Handler func(ctx context.Context, batch []*Message) []error

// Each makes a handler of a function for one message.
func Each(fn func(ctx context.Context, m *Message) error) Handler {
	return func(_ context.Context, batch []*Message) []error {
		errs := make([]error, len(batch))
		for i, m := range batch {
			errs[i] = fn(m.Context(), m)
		}
		return errs
	}
}

// Consumer says how to consume a queue set.
type Consumer struct {
	// Queue is the name of a queue set of the topology. Its urgent half is
	// preferred four to one.
	Queue   string
	Handler Handler
	// Concurrency is how many handlers run at once. Default 4. With 1 (and
	// while nothing is retried) messages are handled in the queue's order.
	Concurrency int
	// Batch is how many messages a handler is given at most; one that is not full
	// waits gatherTime for more. Default 1.
	Batch int
	// Timeout of one handler call. Default 30 s.
	Timeout time.Duration
}

const (
	// drainTime is how long handlers may go on after the consumer was told to
	// stop; what is not done by then is delivered to another.
	drainTime = 10 * time.Second
	// gatherTime is how long a batch waits for more, from its first message on.
	gatherTime   = 10 * time.Millisecond
	pauseFirst   = 100 * time.Millisecond // doubles up to pauseMost, with jitter
	pauseMost    = 5 * time.Second
	answerAtMost = 10 * time.Second // to move a failed message
)

// Consume handles messages until ctx ends, then lets the running handlers
// finish, for ten seconds at most. It reconnects by itself; an error is a fault
// in cons.
func (c *Conn) Consume(ctx context.Context, cons Consumer) error {
	if c.topology == nil {
		return errors.New("rabbit: consume: the connection has no topology; set Options.Topology")
	}
	queue, ok := c.topology.queue(cons.Queue)
	if !ok {
		return fmt.Errorf("rabbit: consume: queue %q is not in the topology; add it to api/asyncapi/events.yaml and regenerate", cons.Queue)
	}
	if cons.Concurrency == 0 {
		cons.Concurrency = 4
	}
	cons.Batch = max(cons.Batch, 1)
	if cons.Timeout == 0 {
		cons.Timeout = 30 * time.Second
	}

	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopDrain := context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })
	defer stopDrain()

	pause := pauseFirst
	for ctx.Err() == nil {
		s := &session{conn: c, cons: cons, queue: queue}
		began := time.Now()
		if err := s.run(ctx, handling); err != nil && ctx.Err() == nil {
			c.log.Warn("consuming was interrupted", "queue", cons.Queue, "error", err)
		}
		if time.Since(began) > pauseMost {
			pause = pauseFirst
		}
		sleep(ctx, pause)
		pause = min(2*pause, pauseMost)
	}
	return nil
}

// session consumes over one channel until it is lost.
type session struct {
	conn         *Conn
	cons         Consumer
	queue        Queue
	ch           *amqp.Channel
	bulk, urgent <-chan amqp.Delivery

	turn   chan struct{} // held by the worker that takes the next batch
	streak int           // urgent messages taken in a row; owned by the holder of turn
}

func (s *session) run(ctx, handling context.Context) error {
	conn, err := s.conn.sub.wait(ctx)
	if err != nil {
		return err
	}
	if s.ch, err = conn.Channel(); err != nil {
		return err
	}
	defer s.ch.Close()
	// Two batches for each worker: one in its hands, one waiting.
	prefetch := 2 * s.cons.Concurrency * s.cons.Batch
	if err := s.ch.Qos(prefetch, 0, false); err != nil {
		return err
	}
	if s.urgent, err = s.consume(s.queue.urgent(), prefetch); err != nil {
		return err
	}
	if s.bulk, err = s.consume(s.queue.Name, prefetch); err != nil {
		return err
	}
	lost := s.ch.NotifyClose(make(chan *amqp.Error, 1))
	// stopping ends the taking of batches: the session is over, or ctx.
	stopping, stop := context.WithCancel(ctx)
	defer stop()

	s.turn = make(chan struct{}, 1)
	s.turn <- struct{}{}
	var workers sync.WaitGroup
	for range s.cons.Concurrency {
		workers.Go(func() {
			for {
				batch := s.next(stopping)
				if batch == nil {
					stop() // one half was cancelled by the broker: begin anew
					return
				}
				s.handle(stopping, handling, batch)
			}
		})
	}
	workers.Wait()
	select {
	case err := <-lost:
		if err != nil {
			return err
		}
		return amqp.ErrClosed
	default:
		return nil
	}
}

// consume buffers what the broker sends ahead, so that a worker can see without
// waiting whether there is more.
func (s *session) consume(queue string, prefetch int) (<-chan amqp.Delivery, error) {
	// The queue's name is the consumer's tag too: it comes with each delivery.
	in, err := s.ch.Consume(queue, queue, false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	out := make(chan amqp.Delivery, prefetch)
	go func() {
		defer close(out)
		for d := range in {
			out <- d
		}
	}()
	return out, nil
}

// next waits for a message and takes what else is there, up to a batch. It
// returns nil when ctx or the session is over.
func (s *session) next(ctx context.Context) []amqp.Delivery {
	select {
	case <-ctx.Done():
		return nil
	case <-s.turn:
	}
	defer func() { s.turn <- struct{}{} }()

	batch := make([]amqp.Delivery, 0, s.cons.Batch)
	var full <-chan time.Time
	for len(batch) < s.cons.Batch {
		first, second := s.urgent, s.bulk
		if s.streak >= urgentShare {
			first, second = second, first
		}
		d, ok, timeUp := pick(ctx, first, second, full)
		if timeUp {
			return batch
		}
		if !ok {
			return nil // over; what is in batch is delivered again
		}
		if s.streak++; d.ConsumerTag == s.queue.Name {
			s.streak = 0
		}
		if batch = append(batch, d); full == nil && s.cons.Batch > 1 {
			full = time.After(gatherTime)
		}
	}
	return batch
}

// pick prefers first to second, and waits for either. ok is false when ctx is
// over or the channel is lost.
func pick(ctx context.Context, first, second <-chan amqp.Delivery, full <-chan time.Time) (d amqp.Delivery, ok, timeUp bool) {
	select {
	case d, ok = <-first:
		return d, ok, false
	default:
	}
	select {
	case d, ok = <-second:
		return d, ok, false
	default:
	}
	select {
	case <-ctx.Done():
		return d, false, false
	case <-full:
		return d, false, true
	case d, ok = <-first:
		return d, ok, false
	case d, ok = <-second:
		return d, ok, false
	}
}

// handle calls the handler and answers every delivery.
func (s *session) handle(stopping, handling context.Context, batch []amqp.Delivery) {
	msgs := make([]*Message, 0, len(batch))
	var broken []*failed
	for i := range batch {
		m, err := s.read(handling, &batch[i])
		if err != nil {
			broken = append(broken, &failed{m, Permanent(err)})
			continue
		}
		msgs = append(msgs, m)
	}
	s.settle(handling, broken)

	pause := pauseFirst
	for len(msgs) > 0 {
		errs := s.call(handling, msgs)
		var again []*Message
		var fails []*failed
		for i, m := range msgs {
			var err error
			if errs != nil {
				err = errs[i]
			}
			var wait *notReadyError
			switch {
			case err == nil:
				m.end(nil)
				s.count("ok")
				s.answer(m.delivery.Ack(false))
			case errors.As(err, &wait):
				again = append(again, m)
			default:
				fails = append(fails, &failed{m, err})
			}
		}
		s.settle(handling, fails)
		if msgs = again; len(msgs) == 0 {
			return
		}
		s.count("waiting")
		s.conn.log.Warn("handler is not ready; the messages wait", "queue", s.queue.Name, "messages", len(msgs), "again_in", pause)
		if !sleep(stopping, pause) || s.ch.IsClosed() {
			return // unanswered: delivered again
		}
		pause = min(2*pause, pauseMost)
	}
}

// call runs the handler under its time limit and turns a panic into an error.
func (s *session) call(ctx context.Context, msgs []*Message) (errs []error) {
	ctx, cancel := context.WithTimeout(ctx, s.cons.Timeout)
	defer cancel()
	for _, m := range msgs {
		m.begin(ctx)
	}
	began := time.Now()
	defer func() {
		s.conn.metrics.duration.WithLabelValues(s.queue.Name).Observe(time.Since(began).Seconds())
		if p := recover(); p != nil {
			errs = make([]error, len(msgs))
			for i := range errs {
				errs[i] = fmt.Errorf("handler panicked: %v", p)
			}
		}
	}()
	errs = s.cons.Handler(ctx, msgs)
	if errs != nil && len(errs) != len(msgs) {
		panic(fmt.Sprintf("%d results for %d messages", len(errs), len(msgs)))
	}
	return errs
}

func (s *session) count(result string) {
	s.conn.metrics.handled.WithLabelValues(s.queue.Name, result).Inc()
}

// answer logs that an acknowledgement did not leave: the message comes again,
// and the inbox knows it.
func (s *session) answer(err error) {
	if err != nil {
		s.conn.log.Debug("acknowledgement not sent; the message is delivered again", "queue", s.queue.Name, "error", err)
	}
}

// jitter is between half of d and one and a half of it, so that those who failed
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // spreads load, guards nothing
}

// sleep waits d, with jitter, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(jitter(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

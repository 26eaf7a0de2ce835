package rabbit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/google/uuid"
)

// Publication is a message on its way to the broker. The message is persistent.
type Publication struct {
	Exchange string // empty: the default exchange, which leads to the queue named Key
	Key      string
	ID       uuid.UUID
	Type     string
	// Traceparent is the W3C trace context the message belongs to. Empty: that
	// of the context it is published with.
	Traceparent string
	Headers     map[string]any
	Body        []byte // CloudEvents 1.0 JSON
}

const instrumentation = "github.com/jobpilot/jobpilot/pkg/rabbit"

// Publish sends all messages without waiting in between and returns when the
// broker has answered for each, or ctx ends. The result has one entry for each
// message: nil once a queue has it safely, else [ErrUnroutable], [ErrRefused] or
// [ErrUnconfirmed]. While the broker cannot be reached or takes nothing, Publish
// waits. Messages of one call to one queue arrive in order.
func (c *Conn) Publish(ctx context.Context, msgs ...Publication) []error {
	errs := make([]error, len(msgs))
	waits := make([]*answer, len(msgs))
	spans := make([]trace.Span, len(msgs))
	pubs := make([]amqp.Publishing, len(msgs))
	for i := range msgs {
		pubs[i], spans[i] = msgs[i].prepare(ctx)
	}
	if err := c.sender.send(ctx, msgs, pubs, waits); err != nil {
		for i := range waits {
			if waits[i] == nil {
				errs[i] = err
			}
		}
	}
	for i, w := range waits {
		if w != nil {
			select {
			case <-w.done:
				errs[i] = w.err
			case <-ctx.Done():
				errs[i] = fmt.Errorf("%w: %w", ErrUnconfirmed, ctx.Err())
			}
		}
		result := "confirmed"
		switch {
		case errors.Is(errs[i], ErrUnroutable):
			result = "returned"
		case errors.Is(errs[i], ErrRefused):
			result = "refused"
		case errs[i] != nil:
			result = "unconfirmed"
		}
		c.metrics.published.WithLabelValues(result).Inc()
		if errs[i] != nil {
			spans[i].SetStatus(codes.Error, errs[i].Error())
		}
		spans[i].End()
	}
	return errs
}

// prepare starts the message's span and puts its context into the headers.
// Without a sampled parent there is no span, and the parent's context is passed
// on as it is.
func (m *Publication) prepare(ctx context.Context) (amqp.Publishing, trace.Span) {
	headers := amqp.Table{}
	for k, v := range m.Headers {
		headers[k] = v
	}
	if m.Traceparent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": m.Traceparent})
	}
	span := trace.SpanFromContext(context.Background())
	if trace.SpanContextFromContext(ctx).IsSampled() {
		ctx, span = otel.Tracer(instrumentation).Start(ctx, "publish "+m.Type,
			trace.WithSpanKind(trace.SpanKindProducer),
			trace.WithAttributes(
				attribute.String("messaging.system", "rabbitmq"),
				attribute.String("messaging.destination.name", m.Exchange),
				attribute.String("messaging.rabbitmq.destination.routing_key", m.Key),
				attribute.String("messaging.message.id", m.ID.String())))
	}
	propagation.TraceContext{}.Inject(ctx, tableCarrier(headers))
	return amqp.Publishing{
		Headers:      headers,
		ContentType:  ContentType,
		DeliveryMode: amqp.Persistent,
		MessageId:    m.ID.String(),
		Type:         m.Type,
		Timestamp:    time.Now(),
		Body:         m.Body,
	}, span
}

// tableCarrier carries a trace context in AMQP headers.
type tableCarrier amqp.Table

func (t tableCarrier) Get(key string) string {
	s, _ := t[key].(string)
	return s
}
func (t tableCarrier) Set(key, value string) { t[key] = value }
func (t tableCarrier) Keys() []string        { return nil }

// sender publishes on one channel, which it opens again after it was lost.
type sender struct {
	conn *Conn
	mu   sync.Mutex // held while writing to the channel
	ch   *confirmed
}

// send writes msgs and fills waits for those that were written. The error is
// for the others.
func (s *sender) send(ctx context.Context, msgs []Publication, pubs []amqp.Publishing, waits []*answer) error {
	conn, err := s.conn.pub.wait(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil || s.ch.IsClosed() {
		if s.ch, err = openConfirmed(conn); err != nil {
			return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
		}
	}
	for i, m := range msgs {
		if waits[i], err = s.ch.publish(m.Exchange, m.Key, pubs[i]); err != nil {
			return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
		}
	}
	return nil
}

// answer is what the broker said to one message; err is set before done is
// closed.
type answer struct {
	done     chan struct{}
	returned bool
	err      error
}

// confirmed is a channel in confirm mode with its unanswered messages.
type confirmed struct {
	*amqp.Channel
	mu   sync.Mutex
	open map[uint64]*answer // by delivery tag
	lost error              // set when the channel is gone
}

func openConfirmed(conn *amqp.Connection) (*confirmed, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		ch.Close()
		return nil, err
	}
	c := &confirmed{Channel: ch, open: map[uint64]*answer{}}
	// Unbuffered and read by one goroutine: a return is worked off before the
	// confirm that follows it is taken.
	returns := ch.NotifyReturn(make(chan amqp.Return))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation))
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	go c.follow(returns, confirms, closed)
	return c, nil
}

func (c *confirmed) follow(returns <-chan amqp.Return, confirms <-chan amqp.Confirmation, closed <-chan *amqp.Error) {
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			if tag, err := strconv.ParseUint(r.CorrelationId, 10, 64); err == nil {
				c.mu.Lock()
				if a := c.open[tag]; a != nil {
					a.returned = true
				}
				c.mu.Unlock()
			}
		case a, ok := <-confirms:
			if !ok {
				c.fail(<-closed)
				return
			}
			c.settle(a)
		}
	}
}

func (c *confirmed) settle(a amqp.Confirmation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.open[a.DeliveryTag]
	delete(c.open, a.DeliveryTag)
	switch {
	case w == nil:
		return
	case !a.Ack:
		w.err = ErrRefused
	case w.returned:
		w.err = ErrUnroutable
	}
	close(w.done)
}

func (c *confirmed) fail(cause *amqp.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = fmt.Errorf("%w: connection lost", ErrUnconfirmed)
	if cause != nil {
		c.lost = fmt.Errorf("%w: %w", ErrUnconfirmed, cause)
	}
	for tag, w := range c.open {
		delete(c.open, tag)
		w.err = c.lost
		close(w.done)
	}
}

// publish is called by one goroutine at a time.
func (c *confirmed) publish(exchange, key string, p amqp.Publishing) (*answer, error) {
	// The answer can be there before Publish returns, so it is expected before.
	tag := c.GetNextPublishSeqNo()
	p.CorrelationId = strconv.FormatUint(tag, 10) // comes back with a return, which has no tag
	w := &answer{done: make(chan struct{})}
	c.mu.Lock()
	if c.lost != nil {
		c.mu.Unlock()
		return nil, c.lost
	}
	c.open[tag] = w
	c.mu.Unlock()
	if err := c.Publish(exchange, key, true, false, p); err != nil {
		c.mu.Lock()
		delete(c.open, tag)
		c.mu.Unlock()
		return nil, err
	}
	return w, nil
}

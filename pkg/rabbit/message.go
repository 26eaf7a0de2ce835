package rabbit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/google/uuid"
)

// Headers of a message that failed, in a delay queue or the dead-letter queue.
const (
	headerAttempts    = "x-attempts"        // times it was handled
	headerError       = "x-error"           // of the last time
	headerFirstFailed = "x-first-failed-at" // RFC 3339
	headerLastFailed  = "x-last-failed-at"
	headerHalf        = "x-half" // Q or Q.urgent
)

const maxErrorText = 1024 // bytes of x-error

// Message is an event in a handler's hands.
type Message struct {
	Event
	// Attempt is 1 the first time the message is handled.
	Attempt int

	delivery *amqp.Delivery
	half     string // queue it was taken from
	parent   context.Context
	ctx      context.Context
	span     trace.Span
}

// Context carries the message's trace and the handler's time limit.
func (m *Message) Context() context.Context { return m.ctx }

// read decodes a delivery. With an error the message is returned all the same,
// to be moved.
func (s *session) read(ctx context.Context, d *amqp.Delivery) (*Message, error) {
	m := &Message{delivery: d, Attempt: headerInt(d.Headers, headerAttempts) + 1, half: d.ConsumerTag, ctx: ctx, parent: ctx}
	if err := json.Unmarshal(d.Body, &m.Event); err != nil {
		return m, fmt.Errorf("not a message of ours: %w", err)
	}
	m.parent = propagation.TraceContext{}.Extract(ctx, tableCarrier(d.Headers))
	return m, nil
}

// begin starts the message's span within ctx; a handler that was not ready has
// it begun again.
func (m *Message) begin(ctx context.Context) {
	if parent := trace.SpanContextFromContext(m.parent); parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	m.ctx = ctx
	if m.span == nil && trace.SpanContextFromContext(ctx).IsSampled() {
		//nolint:spancheck // ended by end
		m.ctx, m.span = otel.Tracer(instrumentation).Start(ctx, "process "+m.Type,
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(
				attribute.String("messaging.system", "rabbitmq"),
				attribute.String("messaging.destination.name", m.half),
				attribute.String("messaging.message.id", m.ID.String()),
				attribute.Int("messaging.delivery_attempt", m.Attempt)))
	}
	if m.span != nil {
		m.ctx = trace.ContextWithSpan(ctx, m.span)
	}
}

func (m *Message) end(err error) {
	if m.span == nil {
		return
	}
	if err != nil {
		m.span.SetStatus(codes.Error, err.Error())
	}
	m.span.End()
}

// failed is a message with the error of its handler.
type failed struct {
	*Message
	err error
}

// settle moves failed messages to a delay queue or the dead-letter queue. Each
// is acknowledged once its copy is confirmed: a crash in between leaves both,
// and the inbox tells them apart.
func (s *session) settle(ctx context.Context, fails []*failed) {
	if len(fails) == 0 {
		return
	}
	copies := make([]Publication, len(fails))
	results := make([]string, len(fails))
	for i, f := range fails {
		copies[i], results[i] = s.redirect(f)
		level := s.conn.log.Warn
		if results[i] == "dead" {
			level = s.conn.log.Error
		}
		level("message failed", "queue", s.queue.Name, "type", f.Type, "id", f.ID, "attempt", f.Attempt,
			"result", results[i], "error", f.err)
		f.end(f.err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerAtMost)
	defer cancel()
	for i, err := range s.conn.Publish(ctx, copies...) {
		if err != nil {
			// Back to the queue at once, and counted by the broker.
			s.conn.log.Error("failed message could not be moved; it stays in its queue",
				"queue", s.queue.Name, "id", fails[i].ID, "error", err)
			s.answer(fails[i].delivery.Reject(true))
			continue
		}
		s.count(results[i])
		s.answer(fails[i].delivery.Ack(false))
	}
}

func (s *session) redirect(f *failed) (p Publication, result string) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	d := f.delivery
	headers := map[string]any{
		headerAttempts: int32(f.Attempt), headerHalf: f.half,
		headerError:       strings.ToValidUTF8(f.err.Error()[:min(len(f.err.Error()), maxErrorText)], ""),
		headerFirstFailed: now, headerLastFailed: now,
	}
	if first, ok := d.Headers[headerFirstFailed].(string); ok {
		headers[headerFirstFailed] = first
	}
	parent, _ := d.Headers["traceparent"].(string)
	id, err := uuid.Parse(d.MessageId)
	if err != nil {
		id = f.ID
	}
	p = Publication{Key: s.queue.dead(), ID: id, Type: d.Type, Traceparent: parent, Headers: headers, Body: d.Body}
	var permanent *permanentError
	if errors.As(f.err, &permanent) || f.Attempt >= s.queue.Tries {
		return p, "dead"
	}
	p.Exchange = s.conn.topology.retryIn()
	p.Key = delayKey(min(f.Attempt, len(s.queue.Delays)), f.half)
	return p, "retried"
}

// Failure tells why a message is in a dead-letter queue.
type Failure struct {
	Half     string // queue it was taken from: Q or Q.urgent
	Attempts int
	Error    string // of the last attempt
	First    time.Time
	Last     time.Time
}

// FailureOf reads it from the headers of a dead message: those of a [Consumer],
// or the broker's own when it gave up delivering.
func FailureOf(headers map[string]any) Failure {
	at := func(name string) time.Time {
		s, _ := headers[name].(string)
		t, _ := time.Parse(time.RFC3339Nano, s)
		return t
	}
	f := Failure{Attempts: headerInt(headers, headerAttempts), First: at(headerFirstFailed), Last: at(headerLastFailed)}
	f.Half, _ = headers[headerHalf].(string)
	f.Error, _ = headers[headerError].(string)
	deaths, _ := headers["x-death"].([]any)
	for _, d := range deaths {
		death, ok := d.(amqp.Table)
		if reason, _ := death["reason"].(string); !ok || reason != "delivery_limit" {
			continue
		}
		f.Half, _ = death["queue"].(string)
		f.Last, _ = death["time"].(time.Time)
		if f.First.IsZero() {
			f.First = f.Last
		}
		f.Attempts += DeliveryLimit
		f.Error = fmt.Sprintf("delivered %d times and never answered: its consumer crashed or lost its connection each time", DeliveryLimit)
	}
	return f
}

func headerInt(headers map[string]any, name string) int {
	switch v := headers[name].(type) {
	case int32:
		return int(v)
	case int64:
		return int(v)
	}
	return 0
}

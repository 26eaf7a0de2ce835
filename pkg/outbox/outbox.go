// Package outbox joins a database transaction to messages: what a service tells
// others is written beside what it changed, and what it is told is applied once.
//
// # Sending
//
// [Append] writes messages to the table outbox in the caller's transaction. A
// [Relay] in every replica publishes them with publisher confirms and deletes
// them in the transaction that read them. There is no leader and no cursor:
// rows are split by a hash of their aggregate into lanes, a replica holds a
// lane's advisory lock while it works on it, and reads what is there. A crash
// between confirm and commit publishes again; the consumer's inbox notices.
//
// # Receiving
//
// [Handler] makes a [rabbit.Handler] that applies a message and its inbox row in
// one transaction, many messages at a time when they queue up.
//
// # Tables
//
// [Schema] is the DDL of outbox and inbox; each service's migrations carry it.
package outbox

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/propagation"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// Schema is the DDL of the tables outbox and inbox, to be copied into the
// migrations of a service.
//
//go:embed schema.sql
var Schema string

// Message is an event, or work for a queue.
type Message struct {
	// ID identifies the message to consumers. Default: a new UUIDv7.
	ID uuid.UUID
	// Type is "<service>.<entity>.<verb>"; the routing key of an event.
	Type string
	// Queue, if set, makes this work for that queue instead of an event for
	// whoever subscribed. Work that cannot be delivered is kept and tried again.
	Queue string
	// Urgent sends work to the queue's urgent half.
	Urgent bool
	// Source is the service that speaks, e.g. "auth".
	Source string
	// Subject is the id of what the message is about (the aggregate). Messages
	// of one subject are published in the order they were appended in, one at a
	// time, as long as the transactions that append them exclude each other.
	// Empty: no order.
	Subject string
	// Time of what the message tells. Default: now.
	Time time.Time
	// Data is encoded as JSON.
	Data any
}

// Append writes messages to the outbox in tx. If tx comes from [pg.InTx], the
// relays of this process wake as soon as it is committed; otherwise, and in
// other processes, the relay finds the messages when it next looks.
func Append(ctx context.Context, tx pgx.Tx, msgs ...Message) error {
	if len(msgs) == 0 {
		return nil
	}
	var trace carrier
	propagation.TraceContext{}.Inject(ctx, &trace)

	n := len(msgs)
	ids, aggregates, queues := make([]string, n), make([]string, n), make([]string, n)
	types, bodies := make([]string, n), make([]string, n)
	for i, m := range msgs {
		if m.Type == "" || m.Source == "" {
			return errors.New("outbox: a message needs Type and Source")
		}
		if m.Urgent && m.Queue == "" {
			return fmt.Errorf("outbox: %s is urgent but no work for a queue; what is urgent about an event is each subscriber's choice", m.Type)
		}
		if m.ID == uuid.Nil {
			m.ID = uuid.Must(uuid.NewV7())
		}
		if m.Time.IsZero() {
			m.Time = time.Now()
		}
		data, err := json.Marshal(m.Data)
		if err != nil {
			return fmt.Errorf("outbox: encode data of %s: %w", m.Type, err)
		}
		body, err := json.Marshal(rabbit.Event{ID: m.ID, Source: m.Source, Type: m.Type, Subject: m.Subject, Time: m.Time, Data: data})
		if err != nil {
			return fmt.Errorf("outbox: encode %s: %w", m.Type, err)
		}
		ids[i], types[i], bodies[i] = m.ID.String(), m.Type, string(body)
		if queues[i] = m.Queue; m.Urgent {
			queues[i] += ".urgent"
		}
		if aggregates[i] = m.Subject; m.Subject == "" {
			aggregates[i] = ids[i]
		}
	}
	var err error
	if n == 1 { // the usual case, and cheaper to plan
		_, err = tx.Exec(ctx, `
			INSERT INTO outbox (message_id, aggregate, queue, type, traceparent, body)
			VALUES ($1::text::uuid, $2, $3, $4, $5, $6)`,
			ids[0], aggregates[0], queues[0], types[0], trace.parent, bodies[0])
	} else {
		_, err = tx.Exec(ctx, `
			INSERT INTO outbox (message_id, aggregate, queue, type, traceparent, body)
			SELECT m.id::uuid, m.aggregate, m.queue, m.type, $6, m.body
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
				AS m (id, aggregate, queue, type, body, n)
			ORDER BY m.n`,
			ids, aggregates, queues, types, bodies, trace.parent)
	}
	if err != nil {
		return fmt.Errorf("outbox: append: %w", err)
	}
	pg.AfterCommit(tx, appended.notify)
	return nil
}

// carrier takes the traceparent header; tracestate is not carried.
type carrier struct{ parent string }

func (c *carrier) Get(string) string { return "" }
func (c *carrier) Keys() []string    { return nil }
func (c *carrier) Set(key, value string) {
	if key == "traceparent" {
		c.parent = value
	}
}

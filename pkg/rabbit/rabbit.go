// Package rabbit publishes to and consumes from RabbitMQ 3.10 to 4.x so that
// nothing is lost: connections come back by themselves, every publication is
// mandatory and confirmed, every delivery is acknowledged after it was handled.
//
// # Queues
//
// A queue Q of the [Topology] is a set:
//
//	Q            quorum queue of the work
//	Q.urgent     the same for work that must not wait behind Q
//	Q.retry.<n>  what failed for the nth time, until its delay is over
//	Q.dlq        what failed finally, with cause, attempts and times
//
// A failed message is published to the delay queue of its attempt and comes
// back to the half it was taken from. The broker itself counts deliveries that
// were never answered (the consumer crashed) and dead-letters after
// [DeliveryLimit] of them. Where a message goes back at once it is rejected, not
// nacked: only that is counted by every version.
//
// Messages are CloudEvents 1.0 documents in structured mode ([Event]); the trace
// context travels in the header traceparent.
package rabbit

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ContentType of every message.
const ContentType = "application/cloudevents+json"

// Errors of [Conn.Publish], for one message each.
var (
	// ErrUnroutable means that no queue takes the message; it was not kept.
	ErrUnroutable = errors.New("rabbit: no queue is bound for the message")
	// ErrRefused means that the broker did not take the message (a full queue,
	// an internal fault); it may be published again.
	ErrRefused = errors.New("rabbit: the broker refused the message")
	// ErrUnconfirmed means that the connection was lost or the context ended
	// before the broker answered: it may have the message or not.
	ErrUnconfirmed = errors.New("rabbit: not confirmed")
)

// Event is a CloudEvents 1.0 document,
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
type Event struct {
	ID      uuid.UUID
	Source  string
	Type    string
	Subject string
	Time    time.Time
	Data    json.RawMessage
}

type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              uuid.UUID       `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
}

// MarshalJSON writes the document in structured mode.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(envelope{"1.0", e.ID, e.Source, e.Type, e.Subject, e.Time.UTC(), "application/json", e.Data})
}

// UnmarshalJSON reads a document in structured mode.
func (e *Event) UnmarshalJSON(b []byte) error {
	var v envelope
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.SpecVersion != "1.0" || v.ID == uuid.Nil || v.Type == "" || v.Source == "" {
		return errors.New("rabbit: not a CloudEvents 1.0 document with specversion, id, source and type")
	}
	*e = Event{v.ID, v.Source, v.Type, v.Subject, v.Time, v.Data}
	return nil
}

// Decode reads the data into v. Its error is [Permanent]: the message will not
// get better.
func (e *Event) Decode(v any) error {
	if err := json.Unmarshal(e.Data, v); err != nil {
		return Permanent(fmt.Errorf("data of %s: %w", e.Type, err))
	}
	return nil
}

// Permanent marks a handler's error as one that trying again cannot help: the
// message goes to the dead-letter queue at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// NotReady marks a handler's error as no fault of the message: what the handler
// needs (a database, a mail server) cannot be reached. The handler is called
// again with the same message after a pause, without counting an attempt, until
// it gives another answer.
func NotReady(err error) error {
	if err == nil {
		return nil
	}
	return &notReadyError{err}
}

type notReadyError struct{ err error }

func (e *notReadyError) Error() string { return e.err.Error() }
func (e *notReadyError) Unwrap() error { return e.err }

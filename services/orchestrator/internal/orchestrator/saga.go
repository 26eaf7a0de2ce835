package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/outbox"
)

// Definition is a saga.
type Definition struct {
	Kind    string
	Version int
	Steps   []Step
	// Forward is set where nothing is undone: a step that fails for good leaves the
	// workflow failed, to be retried.
	Forward bool
	// Forgets is set where a completed workflow must not say whose it was.
	Forgets bool
	// Cancellable is set where its user may cancel it.
	Cancellable bool
}

// Step is one thing that one service does.
type Step struct {
	Name string
	// Do does it; it may be called again after it succeeded.
	Do func(ctx context.Context, r *Run) (Outcome, error)
	// Resume is called instead of Do with an event that the step waited for, and with
	// nil when none came in time.
	Resume func(ctx context.Context, r *Run, s *Signal) (Outcome, error)
	// Undo takes back what Do may have done; nil where there is nothing to.
	Undo func(ctx context.Context, r *Run) error
	// Tries are how often it is tried before it fails for good; zero is 8, over some
	// four minutes.
	Tries int
	// Timeout of one try; zero is 15 s.
	Timeout time.Duration
}

const (
	defaultTries   = 8
	defaultTimeout = 15 * time.Second
	backoffFirst   = time.Second
	backoffMost    = time.Hour
)

func (s Step) tries() int {
	if s.Tries == 0 {
		return defaultTries
	}
	return s.Tries
}

func (s Step) timeout() time.Duration {
	if s.Timeout == 0 {
		return defaultTimeout
	}
	return s.Timeout
}

// backoff is the wait after a try failed: 1 s, doubled each time, up to an hour.
func backoff(attempt int) time.Duration {
	return min(backoffFirst<<min(attempt-1, 12), backoffMost)
}

// Run is a workflow as a step sees it.
type Run struct {
	ID        uuid.UUID
	Key       string // of the workflow's beginning
	UserID    uuid.UUID
	Input     map[string]string
	CreatedAt time.Time

	outputs  map[string]json.RawMessage
	messages []outbox.Message
	notes    []string
}

// Output reads what a step before gave.
func (r *Run) Output(step string, v any) error {
	raw, ok := r.outputs[step]
	if !ok {
		return Fatal(fmt.Errorf("orchestrator: step %s gave nothing", step))
	}
	return json.Unmarshal(raw, v)
}

// Send sends a message when the step's outcome counts, and only then.
func (r *Run) Send(m outbox.Message) { r.messages = append(r.messages, m) }

// Note adds to the timeline when the step's outcome counts, and only then.
func (r *Run) Note(text string) { r.notes = append(r.notes, text) }

// Signal is an event of another service.
type Signal struct {
	Type string          `json:"type"`
	At   time.Time       `json:"at"`
	Data json.RawMessage `json:"data"`
}

// Wait is an event that a step waits for: its type, and the id of what it is about.
type Wait struct{ Type, Key string }

// Outcome is what came of a try.
type Outcome struct {
	output any
	end    bool
	after  time.Duration
	waits  []Wait
	within time.Duration
}

// Done ends the step. output, which may be nil, is kept for later steps.
func Done(output any) Outcome { return Outcome{output: output} }

// End ends the workflow, completed.
func End(output any) Outcome { return Outcome{output: output, end: true} }

// Again has Do called again after a time; it is no failure.
func Again(after time.Duration) Outcome { return Outcome{after: after} }

// Await waits for the first of the events, for a time.
func Await(within time.Duration, waits ...Wait) Outcome {
	return Outcome{waits: waits, within: within}
}

// fatal is an error that no further try can mend.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// Fatal marks an error as final: the step is not tried again.
func Fatal(err error) error { return fatal{err} }

func isFatal(err error) bool {
	var f fatal
	return errors.As(err, &f)
}

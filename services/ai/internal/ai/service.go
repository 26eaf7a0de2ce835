package ai

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/ai/internal/db"
)

// Deps are what a Service works with; all are required unless said otherwise.
type Deps struct {
	Pool *pgxpool.Pool
	Keys *seal.Keys // seals kept answers
	// Engines in the order they are asked.
	Engines []Engine
	// Budget is what a user may spend in a day.
	Budget func(ctx context.Context, user uuid.UUID) (Budget, error)
	// Resume and Job read what a request names by id. The owner of a resume is
	// checked here.
	Resume func(ctx context.Context, id uuid.UUID) (owner uuid.UUID, r *Resume, err error)
	Job    func(ctx context.Context, id uuid.UUID) (*Posting, error)
	// KeepAnswers is how long answers of paid engines are kept; zero keeps none.
	KeepAnswers time.Duration
	Log         *slog.Logger
	Metrics     prometheus.Registerer // nil: not counted
	Now         func() time.Time      // nil: time.Now
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	Deps
	q        *db.Queries
	circuits []circuit
	calls    *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// New makes a Service.
func New(d Deps) (*Service, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	s := &Service{
		Deps: d, q: db.New(d.Pool), circuits: make([]circuit, len(d.Engines)),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ai_engine_calls_total", Help: "Calls to engines by task and outcome: answered, cached, refused, failed, budget_exhausted, circuit_open.",
		}, []string{"engine", "task", "outcome"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ai_statements_dropped_total", Help: "Statements of engines left out since the texts do not say what they claim.",
		}, []string{"engine", "task"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ai_engine_seconds", Help: "Time of calls to engines.", Buckets: []float64{.001, .005, .025, .1, .5, 1, 2.5, 5, 10, 20, 40},
		}, []string{"engine", "task"}),
	}
	if d.Metrics != nil {
		for _, c := range []prometheus.Collector{s.calls, s.dropped, s.seconds} {
			if err := d.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("ai: register metrics: %w", err)
			}
		}
	}
	return s, nil
}

// Caller is for whom something is asked; zero is nobody in particular, for whom
// only free engines work.
type Caller struct{ UserID uuid.UUID }

// now is the time to the microsecond, which is what Postgres keeps.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

var errEngines = errs.New(errs.Unavailable, "engines_unavailable",
	"None of the engines could answer. Try again in a minute.").WithRetryAfter(time.Minute)

// inquiry is a task that engines are asked in turn.
type inquiry[T any] struct {
	task   Task
	caller Caller
	input  any    // all that the answer depends on, for the key of kept answers
	shared bool   // nothing of a person is in it: the answer is kept for everybody
	only   Engine // nil: all are asked
	size   int    // characters of input, for the estimate
	ask    func(context.Context, Engine) (T, Spent, error)
	// check keeps what stands, says how many statements it dropped, and returns
	// ErrRefused when too little is left.
	check func(*T) (dropped int, err error)
}

// answer asks the engines in their order until one's answer stands.
func answer[T any](ctx context.Context, s *Service, q inquiry[T]) (T, EngineUse, error) {
	var zero T
	var passed []PassedOver
	var broke error
	for i, e := range s.Engines {
		info := e.Info()
		if q.only != nil && q.only != e || !slices.Contains(info.Tasks, q.task) || !info.Free && q.caller.UserID == uuid.Nil {
			continue
		}
		out, cached, err := askOne(ctx, s, i, q)
		if err == nil {
			return out, EngineUse{Name: info.Name, Model: info.Model, Cached: cached, PassedOver: passed}, nil
		}
		if ctx.Err() != nil {
			return zero, EngineUse{}, ctx.Err()
		}
		var known *errs.Error
		reason := "failed"
		switch {
		case errors.Is(err, ErrRefused):
			reason = "refused"
		case errors.Is(err, errCircuit):
			reason = "circuit_open"
		case errors.Is(err, errBudget):
			reason, broke = "budget_exhausted", err
		case info.Free && errors.As(err, &known): // the request's own fault
			return zero, EngineUse{}, err
		}
		if reason == "failed" {
			s.Log.WarnContext(ctx, "an engine failed", slog.String("engine", info.Name), slog.String("task", string(q.task)), slog.Any("error", err))
		}
		s.calls.WithLabelValues(info.Name, string(q.task), reason).Inc()
		passed = append(passed, PassedOver{info.Name, reason})
	}
	if broke != nil {
		return zero, EngineUse{}, broke
	}
	return zero, EngineUse{}, errEngines
}

var errCircuit = errors.New("ai: the engine is left alone for a while")

// askOne asks engine i, within the budget if it costs.
func askOne[T any](ctx context.Context, s *Service, i int, q inquiry[T]) (out T, cached bool, err error) {
	e, info := s.Engines[i], s.Engines[i].Info()
	if info.Free {
		out, _, err = timed(ctx, s, e, q)
		if err == nil {
			err = s.checked(q.task, info, func() (int, error) { return q.check(&out) })
		}
		return out, false, err
	}
	owner := q.caller.UserID
	if q.shared {
		owner = uuid.Nil
	}
	key, err := keyOf(q.task, info, q.input)
	if err != nil {
		return out, false, err
	}
	if ok, err := s.kept(ctx, owner, key, &out); err != nil || ok {
		if ok {
			s.calls.WithLabelValues(info.Name, string(q.task), "cached").Inc()
		}
		return out, ok, err
	}
	if !s.circuits[i].enter(s.now()) {
		return out, false, errCircuit
	}
	r, err := s.reserve(ctx, q.caller.UserID, info, q.size)
	if err != nil {
		s.circuits[i].leave(s.now(), context.Canceled) // it was not asked
		return out, false, err
	}
	begun := s.now()
	out, spent, err := timed(ctx, s, e, q)
	if err == nil {
		err = s.checked(q.task, info, func() (int, error) { return q.check(&out) })
	}
	s.circuits[i].leave(s.now(), err)
	s.settle(ctx, r, call{task: q.task, info: info, spent: spent, took: s.now().Sub(begun), err: err})
	if err == nil {
		s.keep(ctx, owner, key, out)
	}
	return out, false, err
}

func timed[T any](ctx context.Context, s *Service, e Engine, q inquiry[T]) (T, Spent, error) {
	begun := time.Now()
	out, spent, err := q.ask(ctx, e)
	s.seconds.WithLabelValues(e.Info().Name, string(q.task)).Observe(time.Since(begun).Seconds())
	return out, spent, err
}

func (s *Service) checked(task Task, info EngineInfo, check func() (int, error)) error {
	dropped, err := check()
	if dropped > 0 {
		s.dropped.WithLabelValues(info.Name, string(task)).Add(float64(dropped))
	}
	if err == nil {
		s.calls.WithLabelValues(info.Name, string(task), "answered").Inc()
	}
	return err
}

// keyOf is the key of a kept answer: a hash of all that the answer depends on.
func keyOf(task Task, info EngineInfo, input any) ([]byte, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n", task, info.Name, info.Model, promptVersion)
	if err := json.NewEncoder(h).Encode(input); err != nil {
		return nil, fmt.Errorf("ai: hash the request: %w", err)
	}
	return h.Sum(nil), nil
}

func answerPlace(owner uuid.UUID, key []byte) seal.Place {
	return seal.Place{Table: "answers", Column: "body_sealed", Row: hex.EncodeToString(key), Owner: owner.String()}
}

// kept reads a kept answer. One that cannot be opened any more is none.
func (s *Service) kept(ctx context.Context, owner uuid.UUID, key []byte, out any) (bool, error) {
	if s.KeepAnswers <= 0 {
		return false, nil
	}
	sealed, err := s.q.AnswerGet(ctx, db.AnswerGetParams{UserID: owner, Key: key, Now: s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, storeError(err)
	}
	body, err := s.Keys.Open(sealed, answerPlace(owner, key))
	if err != nil {
		s.Log.WarnContext(ctx, "a kept answer cannot be opened", slog.Any("error", err))
		return false, nil
	}
	return json.NewDecoder(bytes.NewReader(body)).Decode(out) == nil, nil
}

// keep keeps an answer; that it fails costs only the next call.
func (s *Service) keep(ctx context.Context, owner uuid.UUID, key []byte, out any) {
	if s.KeepAnswers <= 0 {
		return
	}
	body, err := json.Marshal(out)
	if err == nil {
		err = s.q.AnswerPut(ctx, db.AnswerPutParams{
			UserID: owner, Key: key, BodySealed: s.Keys.Seal(body, answerPlace(owner, key)), ExpiresAt: s.now().Add(s.KeepAnswers),
		})
	}
	if err != nil {
		s.Log.WarnContext(ctx, "an answer could not be kept", slog.Any("error", err))
	}
}

// storeError gives database errors that reach the edge their kind; every other
// error passes.
func storeError(err error) error {
	var known *errs.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case pg.IsUnavailable(err):
		return errs.New(errs.Unavailable, "database_unavailable", "The service cannot reach its data. Try again in a few seconds.").
			With(err).WithRetryAfter(2 * time.Second)
	}
	return err
}

func requestID(ctx context.Context) string { return obs.RequestID(ctx) }

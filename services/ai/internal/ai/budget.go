package ai

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/db"
)

// Budget is what a user may spend on paid engines in a day (UTC).
type Budget struct {
	Calls      int64
	Tokens     int64
	CostMicros int64 // millionths of a US dollar
}

var errBudget = errs.New(errs.RateLimited, "ai_budget_exhausted", "")

// maxOutput is the most tokens that a provider is asked to write.
const maxOutput = 4000

// reservation is what a call took from the budget before it began.
type reservation struct {
	user         uuid.UUID
	day          time.Time
	tokens, cost int64
}

func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// reserve takes the estimate of a call from the user's budget of the day: a token
// for every three characters that go in, and as many out as may be written.
func (s *Service) reserve(ctx context.Context, user uuid.UUID, info EngineInfo, size int) (reservation, error) {
	now := s.now()
	in := int64(size/3 + 500) // 500 for the instructions
	r := reservation{user, day(now), in + maxOutput, cost(info, Spent{in, maxOutput})}
	limit, err := s.Budget(ctx, user)
	if err != nil {
		return r, fmt.Errorf("ai: read the budget: %w", err)
	}
	_, err = s.q.BudgetReserve(ctx, db.BudgetReserveParams{
		UserID: user, Day: r.day, Tokens: r.tokens, CostMicros: r.cost, MaxTokens: limit.Tokens, MaxCostMicros: limit.CostMicros, MaxCalls: limit.Calls,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		e := *errBudget
		resets := r.day.Add(24 * time.Hour)
		e.Message = fmt.Sprintf("Today's budget for this is spent. It begins anew at %s.", resets.Format(time.RFC3339))
		return r, e.WithRetryAfter(resets.Sub(now))
	}
	return r, storeError(err)
}

func cost(info EngineInfo, n Spent) int64 {
	return (n.Input*info.InputCost + n.Output*info.OutputCost + 999) / 1000
}

// call is a call to a paid engine that has ended.
type call struct {
	task  Task
	info  EngineInfo
	spent Spent
	took  time.Duration
	err   error
}

// settle corrects the reservation by what was spent and records the call. It goes
// on when the request was given up: what was spent is spent.
func (s *Service) settle(ctx context.Context, r reservation, c call) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	spent := c.spent
	if c.err != nil && spent == (Spent{}) && errors.Is(c.err, context.DeadlineExceeded) {
		// The provider may have written all of it, and asks to be paid.
		spent = Spent{Input: r.tokens - maxOutput, Output: maxOutput}
	}
	outcome, reason := "answered", ""
	switch {
	case errors.Is(c.err, ErrRefused):
		outcome, reason = "refused", "unsupported"
	case c.err != nil:
		outcome, reason = "failed", failure(c.err)
	}
	err := errors.Join(
		s.q.BudgetCorrect(ctx, db.BudgetCorrectParams{
			UserID: r.user, Day: r.day, Tokens: spent.Input + spent.Output - r.tokens, CostMicros: cost(c.info, spent) - r.cost,
		}),
		s.q.CallInsert(ctx, db.CallInsertParams{
			ID: uuid.Must(uuid.NewV7()), UserID: r.user, Task: string(c.task), Engine: c.info.Name, Model: c.info.Model,
			Outcome: outcome, Reason: reason, InputTokens: spent.Input, OutputTokens: spent.Output, CostMicros: cost(c.info, spent),
			Ms: c.took.Milliseconds(), RequestID: requestID(ctx), Day: r.day, CreatedAt: s.now(),
		}))
	if err != nil { // the estimate stays: rather too much than too little
		s.Log.ErrorContext(ctx, "a call could not be recorded", slog.Any("error", err))
	}
}

// failure is the code of an error for the audit: never its text, which may quote.
func failure(err error) string {
	var e *errs.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &e):
		return e.Code
	}
	return "failed"
}

// TaskUsage is what was spent on a task.
type TaskUsage struct {
	Task       string `json:"task"`
	Tokens     int64  `json:"tokens"`
	CostMicros int64  `json:"costMicros"`
	Calls      int64  `json:"calls"`
}

// Usage is what a user has used of the day's budget. Used counts calls that are
// under way by their estimate; Tasks only those that have ended.
type Usage struct {
	Day      time.Time
	ResetsAt time.Time
	Limit    Budget
	Used     TaskUsage
	Tasks    []TaskUsage
}

// GetUsage reads the user's usage of today.
func (s *Service) GetUsage(ctx context.Context, user uuid.UUID) (*Usage, error) {
	d := day(s.now())
	u := &Usage{Day: d, ResetsAt: d.Add(24 * time.Hour), Tasks: []TaskUsage{}}
	var err error
	if u.Limit, err = s.Budget(ctx, user); err != nil {
		return nil, err
	}
	used, err := s.q.BudgetDay(ctx, db.BudgetDayParams{UserID: user, Day: d})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, storeError(err)
	}
	u.Used = TaskUsage{Tokens: used.Tokens, CostMicros: used.CostMicros, Calls: used.Calls}
	rows, err := s.q.CallsByTask(ctx, db.CallsByTaskParams{UserID: user, Day: d})
	if err != nil {
		return nil, storeError(err)
	}
	for _, r := range rows {
		u.Tasks = append(u.Tasks, TaskUsage{r.Task, r.Tokens, r.CostMicros, r.Calls})
	}
	return u, nil
}

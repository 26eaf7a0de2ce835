package user

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// Entitlements are what a plan allows; counts are upper bounds.
type Entitlements struct {
	ApplicationsPerDay int32 `json:"applicationsPerDay"`
	Resumes            int32 `json:"resumes"`
	Alerts             int32 `json:"alerts"`
	AIRequestsPerDay   int32 `json:"aiRequestsPerDay"`
	AutoApply          bool  `json:"autoApply"`
}

// Plan is what a user can subscribe to.
type Plan struct {
	Code         string       `json:"code"`
	Name         string       `json:"name"`
	Rank         int32        `json:"rank"` // order from the smallest
	Entitlements Entitlements `json:"entitlements"`
}

// Subscription is the plan of a user.
type Subscription struct {
	Plan         string       `json:"plan"`
	Status       string       `json:"status"`
	StartedAt    time.Time    `json:"startedAt"`
	EndsAt       *time.Time   `json:"endsAt,omitempty"`
	Entitlements Entitlements `json:"entitlements"`
}

func readSubscription(ctx context.Context, q *db.Queries, snap *snapshot) error {
	r, err := q.SubscriptionGet(ctx, snap.UserID)
	if err != nil {
		return err
	}
	snap.Subscription = Subscription{Plan: r.Plan, Status: r.Status, StartedAt: r.StartedAt.UTC(), EndsAt: r.EndsAt}
	err = json.Unmarshal(r.Entitlements, &snap.Subscription.Entitlements)
	snap.Entitlements = snap.Subscription.Entitlements
	return err
}

// GetSubscription returns the plan of a user and what it entitles to.
func (s *Service) GetSubscription(ctx context.Context, user uuid.UUID) (Subscription, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Subscription{}, err
	}
	return snap.Subscription, nil
}

// ListPlans returns all plans, the smallest first.
func (s *Service) ListPlans(ctx context.Context) ([]Plan, error) {
	rows, err := s.q.Plans(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	plans := make([]Plan, len(rows))
	for i, r := range rows {
		plans[i] = Plan{Code: r.Code, Name: r.Name, Rank: r.Rank}
		if err := json.Unmarshal(r.Entitlements, &plans[i].Entitlements); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

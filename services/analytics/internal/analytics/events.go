package analytics

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/analytics/internal/db"
)

// kept are the properties of services' events that are stored: ids, states and
// figures, nothing that a person wrote or can be reached by.
var kept = []string{
	"applicationId", "jobId", "companyId", "resumeId", "resumeVersion", "version", "documentId", "runId", "sourceId",
	"workflowId", "alertId", "questionId", "proposalId", "messageId",
	"kind", "channel", "platform", "from", "to", "stage", "step", "percent", "reason", "code",
	"country", "remote", "seniority", "employmentType", "language", "locale", "plan", "roles", "fields",
	"found", "created", "updated", "closed", "failed", "score",
}

const (
	maxKeptText = 256 // bytes
	maxKeptList = 50
)

// Apply stores an event of a service and brings the projections up to date. It is
// an outbox.Apply of the queue analytics.
func (s *Service) Apply(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
	var data map[string]json.RawMessage
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return rabbit.Permanent(fmt.Errorf("analytics: %s: %w", e.Type, err))
	}
	// A clock that is ahead must not decide over what comes after.
	if now := s.now(); e.Time.After(now.Add(maxEarly)) {
		e.Time = now
	}
	q := db.New(tx)
	row := event{id: e.ID, at: e.Time.UTC().Truncate(time.Microsecond), typ: e.Type}
	if raw, ok := data["userId"]; ok {
		if err := json.Unmarshal(raw, &row.user); err != nil {
			return rabbit.Permanent(fmt.Errorf("analytics: %s: userId: %w", e.Type, err))
		}
		if gone, err := q.UserDeleted(ctx, row.user); err != nil || gone {
			return err
		}
	}
	var err error
	if row.properties, err = keep(data); err != nil {
		return rabbit.Permanent(fmt.Errorf("analytics: %s: %w", e.Type, err))
	}
	if _, err := s.insert(ctx, tx, q, "service", []event{row}); err != nil {
		return err
	}
	return project(ctx, q, e)
}

// keep encodes the properties that are kept.
func keep(data map[string]json.RawMessage) ([]byte, error) {
	out := map[string]any{}
	for _, name := range kept {
		raw, ok := data[name]
		if !ok {
			continue
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		switch v := v.(type) {
		case string:
			out[name] = clip(v)
		case float64, bool:
			out[name] = v
		case []any:
			var list []string
			for _, item := range v[:min(len(v), maxKeptList)] {
				if text, ok := item.(string); ok {
					list = append(list, clip(text))
				}
			}
			out[name] = list
		}
	}
	return json.Marshal(out)
}

func clip(s string) string {
	if len(s) <= maxKeptText {
		return s
	}
	s = s[:maxKeptText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// States of an application, as auto-apply names them, that tell of the employer.
var (
	answeredStates  = []string{"in_review", "interview", "offer", "rejected", "hired"}
	interviewStates = []string{"interview", "offer", "hired"}
	offerStates     = []string{"offer", "hired"}
	endedStates     = []string{"rejected", "hired", "failed", "closed", "withdrawn", "cancelled"}
)

// project applies the events that projections are made of.
func project(ctx context.Context, q *db.Queries, e rabbit.Event) error {
	at := e.Time.UTC()
	switch e.Type {
	case "auto-apply.application.requested":
		var p struct{ ApplicationID, UserID, JobID uuid.UUID }
		if err := decode(e, &p); err != nil {
			return err
		}
		return q.ApplicationRequested(ctx, db.ApplicationRequestedParams{ID: p.ApplicationID, UserID: p.UserID, JobID: present(p.JobID), At: at})
	case "auto-apply.application.changed":
		var p struct {
			ApplicationID, UserID, JobID, ResumeID uuid.UUID
			CompanyName, Platform, To              string
			ResumeVersion                          int64
		}
		if err := decode(e, &p); err != nil {
			return err
		}
		when := func(states []string) *time.Time {
			if slices.Contains(states, p.To) {
				return &at
			}
			return nil
		}
		return q.ApplicationChanged(ctx, db.ApplicationChangedParams{
			ID: p.ApplicationID, UserID: p.UserID, JobID: present(p.JobID), Company: clip(p.CompanyName), Platform: clip(p.Platform),
			ResumeID: present(p.ResumeID), ResumeVersion: present(p.ResumeVersion), State: clip(p.To), At: at,
			SubmittedAt: when([]string{"submitted"}), AnsweredAt: when(answeredStates), InterviewAt: when(interviewStates),
			OfferAt: when(offerStates), RejectedAt: when([]string{"rejected"}),
		})
	case "job.job.published", "job.job.updated":
		return projectJob(ctx, q, e, at)
	case "job.job.closed":
		var p struct{ JobID uuid.UUID }
		if err := decode(e, &p); err != nil {
			return err
		}
		return q.JobClosed(ctx, db.JobClosedParams{ID: p.JobID, At: at})
	}
	return nil
}

// yearly is how often a year holds a pay period; an hour counts as one of 2,080.
var yearly = map[string]float64{"year": 1, "month": 12, "week": 52, "day": 260, "hour": 2080}

func projectJob(ctx context.Context, q *db.Queries, e rabbit.Event, at time.Time) error {
	var p JobJobPublished // what is updated has the same form
	if err := decode(e, &p); err != nil {
		return err
	}
	row := db.JobChangedParams{
		ID: p.JobID, Title: clip(p.Title), Company: clip(p.CompanyName), Country: clip(p.Country), Remote: clip(p.Remote),
		Skills: []string{}, PublishedAt: at, At: at,
	}
	if !p.PostedAt.IsZero() && p.PostedAt.Before(at) {
		row.PublishedAt = p.PostedAt.UTC()
	}
	for _, skill := range p.Skills[:min(len(p.Skills), maxKeptList)] {
		if skill = strings.ToLower(clip(skill)); !slices.Contains(row.Skills, skill) {
			row.Skills = append(row.Skills, skill)
		}
	}
	low, high := p.PayMin, p.PayMax
	if low == 0 {
		low = high
	}
	if high == 0 {
		high = low
	}
	if middle := (low + high) / 2 * yearly[p.PayPeriod]; middle > 0 {
		row.Pay, row.Currency = &middle, clip(p.PayCurrency)
	}
	return q.JobChanged(ctx, row)
}

func decode(e rabbit.Event, v any) error {
	if err := json.Unmarshal(e.Data, v); err != nil {
		return rabbit.Permanent(fmt.Errorf("analytics: %s: %w", e.Type, err))
	}
	return nil
}

// present is a pointer to v, nil for the zero value.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

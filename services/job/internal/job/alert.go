package job

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

const (
	maxAlerts   = 50  // of a user
	alertBatch  = 500 // jobs that alerts are held against at once
	alertPage   = 200 // alerts read at once
	settle      = 2 * time.Second
	toldJobs    = 100 // ids in one message
	toldTitles  = 10
	matchesShow = 7 * 24 * time.Hour
	digestAfter = 24*time.Hour - 30*time.Minute // so that a digest does not drift later every day
)

// Frequencies of alerts.
const (
	Instant = "instant"
	Daily   = "daily"
)

// Alert is a search whose new results a user is told about.
type Alert struct {
	ID         uuid.UUID
	Name       string
	Frequency  string
	Query      search.Query
	Enabled    bool
	Created    time.Time
	LastMatch  *time.Time
	NewMatches int64
}

var (
	errTooManyAlerts = errs.New(errs.Conflict, "too_many_alerts", fmt.Sprintf("You have %d alerts, which is the most; delete one first.", maxAlerts))
	errEmptyAlert    = errs.New(errs.Unprocessable, "alert_too_wide", "An alert needs something to look for: words, a title, a place, a company or a skill.").
				WithFields(errs.Field{Pointer: "#/query", Code: "required", Message: "must name something to look for"})
)

// checkAlert completes the query of an alert as a search is.
func (s *Service) checkAlert(ctx context.Context, a *Alert) error {
	if a.Name = line(a.Name, 100); a.Name == "" {
		return errs.New(errs.Unprocessable, "validation_failed", "Give the alert a name.").
			WithFields(errs.Field{Pointer: "#/name", Code: "required", Message: "must have visible characters"})
	}
	if err := s.complete(ctx, &a.Query, search.ByDate); err != nil {
		return err
	}
	if a.Query.Empty() {
		return errEmptyAlert
	}
	return nil
}

// CreateAlert makes an alert.
func (s *Service) CreateAlert(ctx context.Context, user uuid.UUID, a Alert) (Alert, error) {
	if err := s.checkAlert(ctx, &a); err != nil {
		return Alert{}, err
	}
	raw, err := json.Marshal(a.Query)
	if err != nil {
		return Alert{}, err
	}
	a.ID = newID()
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.forUser(ctx, user); err != nil {
			return err
		}
		if err := t.AlertInsert(ctx, db.AlertInsertParams{ID: a.ID, UserID: user, Name: a.Name, Frequency: a.Frequency, Query: raw, Enabled: a.Enabled, Now: t.now}); err != nil {
			return err
		}
		n, err := t.AlertCount(ctx, user)
		if err == nil && n > maxAlerts {
			err = errTooManyAlerts
		}
		return err
	})
	if err != nil {
		return Alert{}, err
	}
	return s.GetAlert(ctx, user, a.ID)
}

// ReplaceAlert changes an alert. What matched before stays.
func (s *Service) ReplaceAlert(ctx context.Context, user, id uuid.UUID, a Alert) (Alert, error) {
	if err := s.checkAlert(ctx, &a); err != nil {
		return Alert{}, err
	}
	raw, err := json.Marshal(a.Query)
	if err != nil {
		return Alert{}, err
	}
	n, err := s.q.AlertReplace(ctx, db.AlertReplaceParams{Name: a.Name, Frequency: a.Frequency, Query: raw, Enabled: a.Enabled, ID: id, UserID: user})
	if err == nil && n == 0 {
		err = errAlertNotFound
	}
	if err != nil {
		return Alert{}, storeError(err)
	}
	return s.GetAlert(ctx, user, id)
}

// DeleteAlert deletes an alert with its matches.
func (s *Service) DeleteAlert(ctx context.Context, user, id uuid.UUID) error {
	n, err := s.q.AlertDelete(ctx, db.AlertDeleteParams{ID: id, UserID: user})
	if err == nil && n == 0 {
		err = errAlertNotFound
	}
	return storeError(err)
}

// GetAlert returns an alert of a user.
func (s *Service) GetAlert(ctx context.Context, user, id uuid.UUID) (Alert, error) {
	list, err := s.alerts(ctx, user, &id)
	if err == nil && len(list) == 0 {
		err = errAlertNotFound
	}
	if err != nil {
		return Alert{}, err
	}
	return list[0], nil
}

// ListAlerts lists the alerts of a user, newest first.
func (s *Service) ListAlerts(ctx context.Context, user uuid.UUID) ([]Alert, error) {
	return s.alerts(ctx, user, nil)
}

func (s *Service) alerts(ctx context.Context, user uuid.UUID, id *uuid.UUID) ([]Alert, error) {
	rows, err := s.q.AlertsOfUser(ctx, db.AlertsOfUserParams{Since: s.since(matchesShow), UserID: user, ID: id})
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]Alert, len(rows))
	for i, r := range rows {
		list[i] = Alert{ID: r.JobAlert.ID, Name: r.JobAlert.Name, Frequency: r.JobAlert.Frequency, Enabled: r.JobAlert.Enabled, Created: r.JobAlert.CreatedAt, NewMatches: r.NewMatches}
		if r.LastMatchAt.Unix() > 0 {
			list[i].LastMatch = &r.LastMatchAt
		}
		if err := json.Unmarshal(r.JobAlert.Query, &list[i].Query); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ListAlertMatches lists what an alert found, newest first.
func (s *Service) ListAlertMatches(ctx context.Context, user, id uuid.UUID, p Page) ([]Dated, bool, error) {
	if _, err := s.GetAlert(ctx, user, id); err != nil {
		return nil, false, err
	}
	rows, err := s.q.AlertMatches(ctx, db.AlertMatchesParams{AlertID: id, UserID: user, BeforeAt: p.Before, BeforeID: p.BeforeID, MaxRows: int32(p.Limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	list := make([]Dated, len(rows))
	for i, r := range rows {
		list[i] = Dated{summary(r.Job), r.MatchedAt}
	}
	list, rest := more(list, p.Limit)
	return list, rest, nil
}

// MatchAlerts holds the jobs that are new since the last time against all alerts:
// each alert's search runs over these jobs alone. It works the same with every
// engine and without one; percolation, which only full servers have, would save
// work from some ten thousands of alerts on.
//
// The jobs leave the queue in the transaction that stores the matches, so a crash
// repeats them, and the matches' key keeps each from being told twice.
func (s *Service) MatchAlerts(ctx context.Context) error {
	for {
		n := 0
		err := s.inTx(ctx, func(t *tx) error {
			ids, err := t.AlertQueueTake(ctx, db.AlertQueueTakeParams{Before: t.now.Add(-settle), MaxRows: alertBatch})
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			for after := uuid.Nil; ; {
				alerts, err := t.AlertsEnabled(ctx, db.AlertsEnabledParams{After: after, MaxRows: alertPage})
				if err != nil {
					return err
				}
				for _, a := range alerts {
					after = a.ID
					if err := t.matchAlert(ctx, a, ids); err != nil {
						return err
					}
				}
				if len(alerts) < alertPage {
					return nil
				}
			}
		})
		if err != nil || n < alertBatch {
			return err
		}
	}
}

func (t *tx) matchAlert(ctx context.Context, a db.JobAlert, ids []uuid.UUID) error {
	var q search.Query
	if err := json.Unmarshal(a.Query, &q); err != nil {
		t.s.Log.WarnContext(ctx, "an alert cannot be read", slog.String("alert", a.ID.String()), slog.Any("error", err))
		return nil
	}
	q.IDs = ids
	f, err := t.s.find(ctx, q, search.Page{Sort: search.ByDate, Limit: alertBatch}, false)
	if err != nil {
		return err
	}
	if len(f.Result.Hits) == 0 {
		return nil
	}
	p := db.AlertMatchesInsertParams{Now: t.now, Told: false, AlertID: a.ID}
	for _, h := range f.Result.Hits {
		p.JobIds = append(p.JobIds, h.ID)
	}
	fresh, err := t.AlertMatchesInsert(ctx, p)
	if err != nil || len(fresh) == 0 || a.Frequency != Instant {
		return err
	}
	return t.tellAlert(ctx, a)
}

// tellAlert tells the user of an alert of all that was not told yet and is open.
func (t *tx) tellAlert(ctx context.Context, a db.JobAlert) error {
	rows, err := t.AlertTell(ctx, a.ID)
	if err != nil {
		return err
	}
	e := AlertMatched{AlertID: a.ID, UserID: a.UserID, Name: a.Name, Frequency: AlertMatchedFrequency(a.Frequency), At: t.now}
	for _, r := range rows {
		if !r.Open {
			continue
		}
		if e.Total++; len(e.JobIds) < toldJobs {
			e.JobIds = append(e.JobIds, r.JobID)
		}
		if len(e.Titles) < toldTitles {
			e.Titles = append(e.Titles, r.Title+" · "+r.CompanyName)
		}
	}
	if e.Total == 0 {
		return nil
	}
	if err := t.AlertTold(ctx, db.AlertToldParams{Now: t.now, ID: a.ID}); err != nil {
		return err
	}
	return t.emit(ctx, TypeAlertMatched, a.ID, e)
}

// SendDigests tells users of what their daily alerts found, a day after the last
// time.
func (s *Service) SendDigests(ctx context.Context) error {
	for {
		n := 0
		err := s.inTx(ctx, func(t *tx) error {
			alerts, err := t.AlertsToDigest(ctx, t.now.Add(-digestAfter))
			if n = len(alerts); err != nil {
				return err
			}
			for _, a := range alerts {
				if err := t.tellAlert(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

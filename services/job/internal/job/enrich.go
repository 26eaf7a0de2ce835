package job

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/job/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
)

const (
	enrichBatch    = 100
	enrichParallel = 4
	enrichRest     = 2 * time.Minute // while the ai service is away
	enrichRun      = 50 * time.Second
)

// Enrich has the ai service read the texts of jobs that it has not read: skills,
// and what the posting leaves open. Each job is tried again later and later, and
// with a new text anew; while the service is away all wait.
func (s *Service) Enrich(ctx context.Context) error {
	until := time.Now().Add(enrichRun)
	for time.Now().Before(until) && ctx.Err() == nil {
		n, away, err := s.enrichSome(ctx)
		if err != nil || away || n < enrichBatch {
			return err
		}
	}
	return ctx.Err()
}

func (s *Service) enrichSome(ctx context.Context) (n int, away bool, err error) {
	var rows []db.JobsToEnrichRow
	ids := []uuid.UUID{}
	// The try is counted first: a text that fells whoever reads it is not read for
	// ever.
	err = s.inTx(ctx, func(t *tx) error {
		if rows, err = t.JobsToEnrich(ctx, db.JobsToEnrichParams{Now: t.now, MaxRows: enrichBatch}); err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		return t.JobEnrichTried(ctx, db.JobEnrichTriedParams{Now: t.now, Ids: ids})
	})
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	answers := make([]*ai.ExtractedJob, len(rows))
	failed := make([]bool, len(rows))
	var mu sync.Mutex
	var group sync.WaitGroup
	for w := range enrichParallel {
		group.Go(func() {
			for i := w; i < len(rows); i += enrichParallel {
				mu.Lock()
				stop := away
				mu.Unlock()
				if stop {
					failed[i] = true
					continue
				}
				answer, gone, err := s.extract(ctx, rows[i])
				answers[i], failed[i] = answer, gone
				if gone {
					mu.Lock()
					if !away {
						s.Log.InfoContext(ctx, "the ai service does not read postings", slog.Any("error", err))
					}
					away = true
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	var later []uuid.UUID
	for i := range rows {
		if failed[i] {
			later = append(later, rows[i].ID)
		}
	}
	err = s.inTx(ctx, func(t *tx) error {
		if len(later) > 0 {
			if err := t.JobsEnrichLater(ctx, db.JobsEnrichLaterParams{After: t.now.Add(enrichRest), Ids: later}); err != nil {
				return err
			}
		}
		for i, a := range answers {
			if a == nil {
				continue
			}
			if err := t.enriched(ctx, rows[i], a); err != nil {
				return err
			}
		}
		return nil
	})
	return len(rows), away, err
}

// extract asks the ai service about one posting. away means that it cannot be
// asked; an answer of neither is a text that it does not take.
func (s *Service) extract(ctx context.Context, r db.JobsToEnrichRow) (answer *ai.ExtractedJob, away bool, err error) {
	text := r.Title + "\n\n" + cut(r.Plain, 50_000)
	resp, err := s.Peers.AI.ExtractJobInternallyWithResponse(ctx, nil, ai.ExtractJobRequest{
		Text: text, Format: some(ai.ExtractJobRequestFormat("text")), Title: &r.Title, CompanyName: some(r.CompanyName),
	})
	switch {
	case err != nil:
		return nil, true, err
	case resp.JSON200 != nil:
		return resp.JSON200, false, nil
	}
	status := resp.StatusCode()
	err = aiError(status)
	s.metrics.enriched.WithLabelValues("failed").Inc()
	switch kind := errs.KindOfStatus(status); kind {
	case errs.RateLimited, errs.Unauthenticated, errs.Forbidden:
		return nil, true, err
	}
	return nil, status >= 500, err
}

func (t *tx) enriched(ctx context.Context, r db.JobsToEnrichRow, a *ai.ExtractedJob) error {
	p := db.JobEnrichedParams{ID: r.ID, TextHash: r.TextHash, Required: []string{}, Nice: []string{}, Now: t.now}
	for _, k := range a.Skills {
		name := line(k.Name, 200)
		if name == "" || len(p.Required)+len(p.Nice) >= 100 || contains(p.Required, name) || contains(p.Nice, name) {
			continue
		}
		if k.Requirement == "required" {
			p.Required = append(p.Required, name)
		} else {
			p.Nice = append(p.Nice, name)
		}
	}
	if a.Seniority != nil {
		p.Seniority = string(a.Seniority.Value)
	}
	if a.EmploymentType != nil {
		p.EmploymentType = string(a.EmploymentType.Value)
	}
	if a.Remote != nil {
		p.Remote = string(a.Remote.Value)
	}
	if a.Language != nil {
		p.Language = languageOf(*a.Language, "")
	}
	rows, err := t.JobEnriched(ctx, p)
	if err != nil || len(rows) == 0 {
		return err
	}
	t.s.metrics.enriched.WithLabelValues("ok").Inc()
	j := rows[0]
	if err := t.emit(ctx, TypeJobUpdated, j.ID, JobUpdated{
		JobID: j.ID, CompanyID: j.CompanyID, Title: j.Title, CompanyName: j.CompanyName, Country: j.Country, Remote: j.Remote, Platforms: j.Platforms,
		Skills: append(p.Required, p.Nice...), PayMin: deref(j.PayMin), PayMax: deref(j.PayMax), PayCurrency: j.PayCurrency, PayPeriod: j.PayPeriod,
		PostedAt: j.PostedAt, At: t.now,
	}); err != nil {
		return err
	}
	return t.touch(ctx, r.ID)
}

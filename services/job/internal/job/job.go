package job

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
)

// Summary is a job without its text.
type Summary struct {
	ID             uuid.UUID
	Version        int64
	Title          string
	CompanyID      uuid.UUID
	Company        string
	Place          Place
	Remote         string
	Employment     string
	Seniority      string
	Pay            *Pay
	RequiredSkills []string
	NiceSkills     []string
	Language       string
	Posted         time.Time
	Until          *time.Time
	Closed         *time.Time
	ClosedReason   string
	Hidden         bool
}

// Job is a job with its text and its listings.
type Job struct {
	Summary
	HTML, Text string
	Listings   []Origin
}

// Origin is one place where a job is listed.
type Origin struct {
	ID, SourceID        uuid.UUID
	Platform, Board     string
	BaseURL             string // of the platform; empty: its public address
	BoardName           string
	ExternalID          string
	URL, ApplyURL       string
	Live, Primary       bool
	FirstSeen, LastSeen time.Time
}

// Skills are all skills of a job, the required ones first.
func (s *Summary) Skills() []string {
	return append(append(make([]string, 0, len(s.RequiredSkills)+len(s.NiceSkills)), s.RequiredSkills...), s.NiceSkills...)
}

func summary(r db.Job) Summary {
	s := Summary{
		ID: r.ID, Version: r.Version, Title: r.Title, CompanyID: r.CompanyID, Company: r.CompanyName,
		Place:  Place{Text: r.Location, Country: r.Country, Region: r.Region, City: r.City, Latitude: r.Latitude, Longitude: r.Longitude},
		Remote: r.Remote, Employment: r.EmploymentType, Seniority: r.Seniority, RequiredSkills: r.RequiredSkills, NiceSkills: r.NiceSkills,
		Language: r.Language, Posted: r.PostedAt, Until: r.ValidThrough, Closed: r.ClosedAt, ClosedReason: r.ClosedReason, Hidden: r.Hidden,
	}
	if r.PayCurrency != "" {
		s.Pay = &Pay{Currency: r.PayCurrency, Period: r.PayPeriod}
		if r.PayMin != nil {
			s.Pay.Min = *r.PayMin
		}
		if r.PayMax != nil {
			s.Pay.Max = *r.PayMax
		}
	}
	return s
}

// job reads a job by way of the cache; hidden ones do not exist.
func (s *Service) job(ctx context.Context, id uuid.UUID) (Job, error) {
	j, err := s.jobs.Get(ctx, id.String(), func(ctx context.Context) (Job, error) { return s.load(ctx, s.q, id) })
	switch {
	case errors.Is(err, cache.ErrNotFound), err == nil && j.Hidden:
		return Job{}, errJobNotFound
	}
	return j, storeError(err)
}

func (s *Service) load(ctx context.Context, q *db.Queries, id uuid.UUID) (Job, error) {
	row, err := q.JobByID(ctx, id)
	if pg.IsNotFound(err) {
		return Job{}, cache.ErrNotFound
	}
	if err != nil {
		return Job{}, err
	}
	text, err := q.JobText(ctx, id)
	if err != nil {
		return Job{}, err
	}
	listings, err := q.JobListings(ctx, id)
	if err != nil {
		return Job{}, err
	}
	j := Job{Summary: summary(row), HTML: text.Html, Text: text.Plain}
	for _, l := range listings {
		j.Listings = append(j.Listings, Origin{
			ID: l.JobSource.ID, SourceID: l.JobSource.SourceID, Platform: l.JobSource.Platform, Board: l.Token, BaseURL: l.BaseUrl, BoardName: l.SourceName,
			ExternalID: l.JobSource.ExternalID, URL: l.JobSource.Url, ApplyURL: l.JobSource.ApplyUrl, Live: l.JobSource.Live, Primary: l.JobSource.Primary,
			FirstSeen: l.JobSource.FirstSeenAt, LastSeen: l.JobSource.LastSeenAt,
		})
	}
	return j, nil
}

// GetJob returns a job. The view is told of, for recommendations and figures.
func (s *Service) GetJob(ctx context.Context, user, id uuid.UUID) (Job, error) {
	j, err := s.job(ctx, id)
	if err != nil || user == uuid.Nil {
		return j, err
	}
	return j, s.inTx(ctx, func(t *tx) error {
		return t.emit(ctx, TypeJobViewed, id, JobViewed{JobID: id, UserID: user, At: t.now})
	})
}

// GetJobForApply returns a job with the listing that it is best applied at: one
// that is live, of the company's own board before an aggregator's.
func (s *Service) GetJobForApply(ctx context.Context, id uuid.UUID) (Job, Origin, error) {
	j, err := s.job(ctx, id)
	if err != nil {
		return Job{}, Origin{}, err
	}
	best := -1
	for i, l := range j.Listings {
		if best < 0 || rank(l) > rank(j.Listings[best]) {
			best = i
		}
	}
	if best < 0 {
		return Job{}, Origin{}, errJobNotFound
	}
	l := j.Listings[best]
	if l.BaseURL == "" {
		l.BaseURL = s.SourceBaseURL
	}
	if l.ApplyURL == "" {
		l.ApplyURL = l.URL
	}
	return j, l, nil
}

func rank(l Origin) int {
	n := 0
	if l.Live {
		n += 2
	}
	if !aggregator(l.Platform) {
		n++
	}
	return n
}

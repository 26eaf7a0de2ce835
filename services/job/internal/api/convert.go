package api

import (
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/job/internal/job"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// present is the inverse: nil for the zero value, which leaves a field out.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// list leaves out an empty list.
func list[T any](l []T) *[]T {
	if len(l) == 0 {
		return nil
	}
	return &l
}

// texts and kinds convert between enumerations and text.
func texts[T ~string](l *[]T) []string {
	out := make([]string, len(value(l)))
	for i, v := range value(l) {
		out[i] = string(v)
	}
	return out
}

func kinds[T ~string](l []string) *[]T {
	out := make([]T, len(l))
	for i, v := range l {
		out[i] = T(v)
	}
	return list(out)
}

// full is a list that is never null.
func full(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

func limit(n *int32) int {
	if n == nil {
		return 20
	}
	return int(*n)
}

// position is what a cursor of a list newest first carries.
type position struct {
	At int64     `json:"t"` // microseconds, as Postgres keeps them
	ID uuid.UUID `json:"i"`
}

// page reads limit and cursor of a list; name binds the cursor to it.
func (s *Server) page(name string, n *int32, cursor *Cursor) (job.Page, error) {
	p := job.Page{Limit: limit(n)}
	if cursor == nil {
		return p, nil
	}
	var at position
	if err := s.Cursors.Decode(name, *cursor, &at); err != nil {
		return p, err
	}
	t := time.UnixMicro(at.At).UTC()
	p.Before, p.BeforeID = &t, &at.ID
	return p, nil
}

func (s *Server) next(name string, at time.Time, id uuid.UUID) (*Cursor, error) {
	c, err := s.Cursors.Encode(name, position{at.UnixMicro(), id})
	return &c, err
}

func found(jobs []job.FoundJob) []JobSummary {
	out := make([]JobSummary, len(jobs))
	for i, j := range jobs {
		out[i] = summary(j)
	}
	return out
}

func summary(j job.FoundJob) JobSummary {
	s := JobSummary{
		ID: j.ID, Title: j.Title, Company: JobCompany{ID: j.CompanyID, Name: j.Company}, Location: location(j.Place), Remote: present(RemoteKind(j.Remote)),
		EmploymentType: present(EmploymentType(j.Employment)), Seniority: present(Seniority(j.Seniority)), Pay: pay(j.Pay), Skills: full(j.Skills()),
		Language: present(j.Language), Status: JobSummaryStatusOpen, PostedAt: j.Posted, ValidThrough: j.Until, Saved: j.Saved,
		Highlights: list(j.Highlights), DistanceKm: j.DistanceKm,
	}
	if j.Closed != nil {
		s.Status, s.ClosedAt, s.ClosedReason = JobSummaryStatusClosed, j.Closed, present(j.ClosedReason)
	}
	return s
}

func location(p job.Place) JobLocation {
	return JobLocation{Text: p.Text, Country: present(p.Country), Region: present(p.Region), City: present(p.City), Latitude: p.Latitude, Longitude: p.Longitude}
}

func pay(p *job.Pay) *Pay {
	if p == nil {
		return nil
	}
	return &Pay{Min: present(p.Min), Max: present(p.Max), Currency: p.Currency, Period: PayPeriod(p.Period)}
}

func detail(j job.Job, saved bool) Job {
	s := summary(job.FoundJob{Summary: j.Summary, Saved: saved})
	out := Job{
		ID: s.ID, Title: s.Title, Company: s.Company, Location: s.Location, Remote: s.Remote, EmploymentType: s.EmploymentType, Seniority: s.Seniority,
		Pay: s.Pay, Skills: s.Skills, Language: s.Language, Status: JobStatus(s.Status), ClosedAt: s.ClosedAt, ClosedReason: s.ClosedReason,
		PostedAt: s.PostedAt, ValidThrough: s.ValidThrough, Saved: s.Saved, Description: j.Text, DescriptionHTML: j.HTML,
		RequiredSkills: full(j.RequiredSkills), NiceSkills: full(j.NiceSkills), Sources: make([]JobPosting, len(j.Listings)),
	}
	for i, l := range j.Listings {
		out.Sources[i] = JobPosting{
			ID: l.ID, Platform: Platform(l.Platform), Board: l.Board, ExternalID: l.ExternalID, URL: l.URL, ApplyURL: present(l.ApplyURL), Live: l.Live,
			FirstSeenAt: l.FirstSeen, LastSeenAt: l.LastSeen,
		}
	}
	return out
}

func facet(l []search.Facet) *FacetValues {
	out := make(FacetValues, len(l))
	for i, f := range l {
		out[i] = FacetValue{Value: f.Value, Count: f.Count}
	}
	return &out
}

func reasons(l []job.Reason) []MatchReason {
	out := make([]MatchReason, len(l))
	for i, r := range l {
		out[i] = MatchReason{Kind: r.Kind, Text: r.Text}
	}
	return out
}

func company(c job.Company) Company {
	return Company{ID: c.ID, Name: c.Name, Website: present(c.Website), OpenJobs: c.OpenJobs}
}

func jobSource(x job.Source) JobSource {
	return JobSource{
		ID: x.ID, Platform: Platform(x.Platform), Token: x.Token, Name: x.Name, BaseURL: present(x.BaseUrl), Enabled: x.Enabled, EveryMinutes: x.EveryMinutes,
		LastRunAt: x.LastRunAt, LastSuccessAt: x.LastSuccessAt, NextRunAt: &x.NextRunAt, LastError: x.LastError, Failures: x.Failures, LiveJobs: x.LiveJobs, CreatedAt: x.CreatedAt,
	}
}

func gathering(g job.Gathering) Gathering {
	out := Gathering{ID: g.ID, State: GatheringStateRunning, StartedAt: g.Started, FinishedAt: g.Finished, Sources: make([]GatheringSource, len(g.Sources))}
	if g.Finished != nil {
		out.State = GatheringStateDone
	}
	for i, x := range g.Sources {
		out.Sources[i] = GatheringSource{
			SourceID: x.SourceID, Platform: Platform(x.Platform), Token: x.Token, State: GatheringSourceState(x.State), Found: x.Found, Created: x.Created,
			Updated: x.Updated, Unchanged: x.Unchanged, Closed: x.Closed, Failed: x.Failed, Problems: full(x.Problems), Error: x.Error,
			StartedAt: x.StartedAt, FinishedAt: x.FinishedAt,
		}
	}
	return out
}

func report(r job.Report) JobReport {
	return JobReport{
		ID: r.ID, JobID: r.JobID, JobTitle: r.JobTitle, Reason: ReportReason(r.Reason), Comment: present(r.Comment), State: JobReportState(r.State),
		Note: present(r.Note), CreatedAt: r.CreatedAt, ResolvedAt: r.ResolvedAt,
	}
}

package analytics

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/analytics/internal/db"
)

var errPeriod = errs.New(errs.Unprocessable, "invalid_period", "The period must end on or after its first day and have at most 731 days.")

const maxPeriod = 731 * 24 * time.Hour

// Counts are what a user did and what came of it.
type Counts struct {
	Answers, Applications, Interviews, JobsSaved, JobsViewed, Offers, QuestionsAnswered, Rejections int64
}

// add counts something that happened n times.
func (c *Counts) add(typ, detail string, n int64) {
	switch typ {
	case "auto-apply.application.changed":
		switch detail {
		case "submitted":
			c.Applications += n
		case "interview":
			c.Interviews += n
		case "offer":
			c.Offers += n
		case "rejected":
			c.Rejections += n
		}
		if slices.Contains(answeredStates, detail) {
			c.Answers += n
		}
	case "job.job.viewed":
		c.JobsViewed += n
	case "job.job.saved":
		c.JobsSaved += n
	case "auto-apply.question.answered":
		c.QuestionsAnswered += n
	}
}

// Day is what happened on one.
type Day struct {
	Date time.Time // midnight UTC of the date
	Counts
}

// Dashboard is what a user did in a period, and in the one before.
type Dashboard struct {
	From, To                   time.Time // dates, both in the period
	Totals, Previous, ThisHour Counts
	Series                     []Day
	Funnel                     []Stage
	Open                       map[string]int64
	GeneratedAt                time.Time
}

// GetDashboard makes the dashboard of the last days, which begin at midnight in
// zone. Hours that are counted already belong to the day they began in, so in
// zones off by half an hour the edge of a day is that much off.
func (s *Service) GetDashboard(ctx context.Context, user uuid.UUID, days int, zone *time.Location) (Dashboard, error) {
	now := s.now()
	local := now.In(zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	d := Dashboard{From: today.AddDate(0, 0, 1-days), To: today, GeneratedAt: now, Open: map[string]int64{}, Series: make([]Day, days)}
	for i := range d.Series {
		d.Series[i].Date = d.From.AddDate(0, 0, i)
	}
	first := d.From.AddDate(0, 0, -days)
	since := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, zone)
	upTo, err := s.q.RollupGet(ctx)
	if err != nil {
		return d, storeError(err)
	}
	rows, err := s.q.UserSeries(ctx, db.UserSeriesParams{UserID: &user, Since: since.UTC(), UpTo: upTo, TimeZone: zone.String()})
	if err != nil {
		return d, storeError(err)
	}
	for _, r := range rows {
		date, err := time.Parse(time.DateOnly, r.Day)
		if err != nil {
			return d, err
		}
		if i := int(date.Sub(d.From).Hours() / 24); i >= 0 && i < days && !date.Before(d.From) {
			d.Series[i].add(r.Type, r.Detail, r.Count)
			d.Totals.add(r.Type, r.Detail, r.Count)
		} else if date.Before(d.From) {
			d.Previous.add(r.Type, r.Detail, r.Count)
		}
	}
	live, err := s.live(ctx, user)
	if err != nil {
		return d, err
	}
	for _, c := range live {
		d.ThisHour.add(c.typ, c.detail, c.n)
	}
	states, err := s.q.ApplicationStates(ctx, user)
	if err != nil {
		return d, storeError(err)
	}
	for _, r := range states {
		if !slices.Contains(endedStates, r.State) {
			d.Open[r.State] = r.Count
		}
	}
	m, err := s.funnel(ctx, user, since.AddDate(0, 0, days).UTC(), now.Add(maxEarly))
	d.Funnel = m.Funnel
	return d, err
}

// Rate is a share of Of, with its 95 % interval.
type Rate struct {
	Value, Low, High float64
	Of               int64
}

// newRate is Wilson's score interval with z = 1.96, and nil without anything to be
// a share of.
func newRate(k, n int64) *Rate {
	if n <= 0 {
		return nil
	}
	const z = 1.959964
	p, count := float64(min(k, n))/float64(n), float64(n)
	middle := (p + z*z/(2*count)) / (1 + z*z/count)
	half := z / (1 + z*z/count) * math.Sqrt(p*(1-p)/count+z*z/(4*count*count))
	return &Rate{p, max(0, middle-half), min(1, middle+half), n}
}

// Stage is a step that applications reach.
type Stage struct {
	Name  string
	Count int64
	Rate  *Rate // of the stage before; nil where that is empty
}

// Spread is how long something took, in days.
type Spread struct {
	Median, P90 float64
	Of          int64
}

// Group is what became of some of the applications.
type Group struct {
	Key                                     string
	Submitted, Answered, Interviews, Offers int64
	AnswerRate                              *Rate
}

// ApplicationMetrics is the funnel of a period's applications.
type ApplicationMetrics struct {
	Funnel       []Stage
	DaysToAnswer *Spread // nil without an answer
	Groups       []Group
}

// Period is days from From to To, both in it; zero values are the last 90 days.
type Period struct{ From, To time.Time }

// bounds are the first moment of the period and the first after it.
func (s *Service) bounds(p Period) (since, before time.Time, err error) {
	today := s.now().Truncate(24 * time.Hour)
	if p.To.IsZero() {
		p.To = today
	}
	if p.From.IsZero() {
		p.From = p.To.AddDate(0, 0, -90)
	}
	if p.To.Before(p.From) || p.To.Sub(p.From) >= maxPeriod {
		return since, before, errPeriod
	}
	return p.From.UTC(), p.To.UTC().AddDate(0, 0, 1), nil
}

// GetApplicationMetrics is the funnel of the applications requested in a period, by
// group if one is named: platform, company, week or outcome.
func (s *Service) GetApplicationMetrics(ctx context.Context, user uuid.UUID, p Period, groupBy string) (ApplicationMetrics, error) {
	since, before, err := s.bounds(p)
	if err != nil {
		return ApplicationMetrics{}, err
	}
	m, err := s.funnel(ctx, user, since, before)
	if err != nil || groupBy == "" {
		return m, err
	}
	rows, err := s.q.ApplicationGroups(ctx, db.ApplicationGroupsParams{GroupBy: groupBy, UserID: user, Since: since, Before: before})
	if err != nil {
		return m, storeError(err)
	}
	for _, r := range rows {
		m.Groups = append(m.Groups, Group{r.Key, r.Submitted, r.Answered, r.Interviews, r.Offers, newRate(r.Answered, r.Submitted)})
	}
	return m, nil
}

func (s *Service) funnel(ctx context.Context, user uuid.UUID, since, before time.Time) (m ApplicationMetrics, err error) {
	r, err := s.q.ApplicationFunnel(ctx, db.ApplicationFunnelParams{UserID: user, Since: since, Before: before})
	if err != nil {
		return m, storeError(err)
	}
	ahead := r.Requested
	for _, stage := range []Stage{{"requested", r.Requested, nil}, {"submitted", r.Submitted, nil}, {"answered", r.Answered, nil}, {"interview", r.Interviews, nil}, {"offer", r.Offers, nil}} {
		stage.Rate = newRate(stage.Count, ahead)
		m.Funnel, ahead = append(m.Funnel, stage), stage.Count
	}
	if r.Timed > 0 {
		const day = 24 * 60 * 60
		m.DaysToAnswer = &Spread{r.MedianSeconds / day, r.P90Seconds / day, r.Timed}
	}
	return m, nil
}

// ResumeOutcome is what became of the applications with one version of a resume.
type ResumeOutcome struct {
	ResumeID                                         uuid.UUID
	Version, Submitted, Answered, Interviews, Offers int64
	AnswerRate                                       *Rate
}

// GetResumeOutcomes compares the versions of resumes that were sent in a period.
// best is the one with the highest rate of answers if that is more than chance: its
// interval lies above that of another version; else nil.
func (s *Service) GetResumeOutcomes(ctx context.Context, user uuid.UUID, p Period) (list []ResumeOutcome, best *ResumeOutcome, err error) {
	since, before, err := s.bounds(p)
	if err != nil {
		return nil, nil, err
	}
	rows, err := s.q.ResumeOutcomes(ctx, db.ResumeOutcomesParams{UserID: user, Since: &since, Before: &before})
	if err != nil {
		return nil, nil, storeError(err)
	}
	lowest := 1.0
	for _, r := range rows {
		o := ResumeOutcome{r.ResumeID, r.ResumeVersion, r.Submitted, r.Answered, r.Interviews, r.Offers, newRate(r.Answered, r.Submitted)}
		list = append(list, o)
		lowest = min(lowest, o.AnswerRate.High)
		if best == nil || o.AnswerRate.Value > best.AnswerRate.Value {
			best = &o
		}
	}
	if best != nil && best.AnswerRate.Low <= lowest {
		best = nil
	}
	return list, best, nil
}

// MarketFilter chooses jobs; what is empty does not filter.
type MarketFilter struct{ Title, Country, Skill, Remote string }

// Bucket is how often a key occurs.
type Bucket struct {
	Key   string
	Count int64
}

// Pay is a year's pay as advertised, in quartiles.
type Pay struct {
	Currency          string
	Of                int64
	Low, Median, High float64
}

// JobMarket is figures of the jobs published in a period.
type JobMarket struct {
	Open, Published, Closed int64
	MedianDaysOpen          *float64
	By                      map[string][]Bucket // week, country, remote, skill, company
	Pay                     []Pay
}

// GetJobMarket is the figures of the last weeks.
func (s *Service) GetJobMarket(ctx context.Context, f MarketFilter, weeks int) (JobMarket, error) {
	m := JobMarket{By: map[string][]Bucket{}}
	since := s.now().AddDate(0, 0, -7*weeks)
	title := ""
	if f.Title != "" {
		title = "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Title) + "%"
	}
	totals, err := s.q.MarketTotals(ctx, db.MarketTotalsParams{Since: since, Title: title, Country: f.Country, Remote: f.Remote, Skill: f.Skill})
	if err != nil {
		return m, storeError(err)
	}
	m.Open, m.Published, m.Closed = totals.Open, totals.Published, totals.Closed
	if m.Closed > 0 {
		days := totals.MedianOpenSeconds / (24 * 60 * 60)
		m.MedianDaysOpen = &days
	}
	buckets, err := s.q.MarketBuckets(ctx, db.MarketBucketsParams{Since: since, Title: title, Country: f.Country, Remote: f.Remote, Skill: f.Skill})
	if err != nil {
		return m, storeError(err)
	}
	for _, b := range buckets {
		m.By[b.Kind] = append(m.By[b.Kind], Bucket{b.Key, b.N})
	}
	pay, err := s.q.MarketPay(ctx, db.MarketPayParams{Since: since, Title: title, Country: f.Country, Remote: f.Remote, Skill: f.Skill})
	for _, p := range pay {
		m.Pay = append(m.Pay, Pay{p.Currency, p.N, p.Low, p.Median, p.High})
	}
	return m, storeError(err)
}

// PlatformDay is what all users did on a day (UTC).
type PlatformDay struct {
	Date        time.Time
	ActiveUsers int64
	Events      map[string]int64
}

// PlatformMetrics is figures of all users.
type PlatformMetrics struct {
	RolledUpTo time.Time
	ThisHour   map[string]int64
	Series     []PlatformDay // newest first
}

// GetPlatformMetrics is the figures of the last days, as far as they are rolled up.
func (s *Service) GetPlatformMetrics(ctx context.Context, days int) (PlatformMetrics, error) {
	m := PlatformMetrics{ThisHour: map[string]int64{}}
	upTo, err := s.q.RollupGet(ctx)
	if err != nil {
		return m, storeError(err)
	}
	m.RolledUpTo = upTo
	rows, err := s.q.PlatformSeries(ctx, s.now().Truncate(24*time.Hour).AddDate(0, 0, 1-days))
	if err != nil {
		return m, storeError(err)
	}
	for _, r := range rows {
		if n := len(m.Series); n == 0 || !m.Series[n-1].Date.Equal(r.StartsAt) {
			m.Series = append(m.Series, PlatformDay{Date: r.StartsAt, Events: map[string]int64{}})
		}
		day := &m.Series[len(m.Series)-1]
		if r.Type == "active_users" {
			day.ActiveUsers = r.Count
			continue
		}
		day.Events[name(r.Type, r.Detail)] += r.Count
	}
	live, err := s.live(ctx, uuid.Nil)
	for _, c := range live {
		m.ThisHour[name(c.typ, c.detail)] += c.n
	}
	return m, err
}

// name is a type, with what an application changed to in place of "changed".
func name(typ, detail string) string {
	if detail == "" {
		return typ
	}
	return strings.TrimSuffix(typ, "changed") + detail
}

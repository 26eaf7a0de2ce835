package job

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sort"
	"strings"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/job/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// candidates is how many jobs are found by words before they are scored.
const candidates = 100

var (
	errAI            = errs.New(errs.Unavailable, "ai_unavailable", "The service that judges jobs does not answer. Try again in a minute.")
	errProfile       = errs.New(errs.Unavailable, "profile_unavailable", "Your profile cannot be read just now. Try again in a minute.")
	errResume        = errs.New(errs.Unavailable, "resume_unavailable", "Your resume cannot be read just now. Try again in a minute.")
	errResumeMissing = errs.New(errs.Conflict, "resume_missing", "You have no resume yet. Upload or write one first.")
	errNoSuchResume  = errs.New(errs.NotFound, "resume_not_found", "You have no such resume.")
)

// Reason is why a job fits, or does not.
type Reason struct{ Kind, Text string }

// Match is a job with how well it fits.
type Match struct {
	FoundJob
	Score   float64 // 0 to 1
	Reasons []Reason
}

// Matches are jobs that fit, the best first.
type Matches struct {
	List []Match
	ByAI bool // else by words in common only
}

// MatchOptions choose among jobs that fit.
type MatchOptions struct {
	Limit    int
	MinScore float64
	Exclude  []uuid.UUID
	Filters  search.Query
}

// wanted is what a user looks for.
type wanted struct {
	titles, skills []string
	filters        search.Query
	preferences    ai.MatchPreferences
}

// FindMatches finds open jobs that fit a user: by words first, then as the ai
// service scores them with the default resume. While that is away, or there is no
// resume, the words in common are counted.
func (s *Service) FindMatches(ctx context.Context, id uuid.UUID, o MatchOptions) (Matches, error) {
	w, err := s.wanted(ctx, id)
	if err != nil {
		return Matches{}, err
	}
	q := o.Filters
	if err := s.complete(ctx, &q, search.ByRelevance); err != nil {
		return Matches{}, err
	}
	narrow(&q, w.filters)
	q.AnyOf, q.NotIDs = append(append([]string{}, w.titles...), w.skills...), o.Exclude
	if len(q.AnyOf) > 60 {
		q.AnyOf = q.AnyOf[:60]
	}
	found, err := s.Search(ctx, id, q, search.Page{Sort: search.ByRelevance, Limit: candidates})
	if err != nil || len(found.Jobs) == 0 {
		return Matches{}, err
	}
	var out Matches
	resumeID, err := s.defaultResume(ctx, id)
	if err == nil {
		out.List, err = s.score(ctx, id, resumeID, found.Jobs, &w.preferences)
		out.ByAI = err == nil
	}
	switch {
	case err != nil && !errs.Is(err, errAI.Code) && !errs.Is(err, errResumeMissing.Code) && !errs.Is(err, errResume.Code):
		return Matches{}, err
	case err != nil:
		out.List = byWords(found.Jobs, w)
	}
	sort.SliceStable(out.List, func(i, j int) bool { return out.List[i].Score > out.List[j].Score })
	for i, m := range out.List {
		if m.Score < o.MinScore || i == o.Limit {
			out.List = out.List[:i]
			break
		}
	}
	return out, nil
}

// narrow adds hard filters of the user's preferences where the query has none of
// the kind.
func narrow(q *search.Query, f search.Query) {
	if len(q.Countries) == 0 && q.Lat == nil {
		q.Countries = f.Countries
	}
	if len(q.Remote) == 0 {
		q.Remote = f.Remote
	}
	if len(q.Employment) == 0 {
		q.Employment = f.Employment
	}
	if len(q.Languages) == 0 {
		q.Languages = f.Languages
	}
	q.NotCompanies = append(q.NotCompanies, f.NotCompanies...)
}

// wanted reads what a user looks for from the profile.
func (s *Service) wanted(ctx context.Context, id uuid.UUID) (w wanted, err error) {
	resp, err := s.Peers.Users.GetFullProfileWithResponse(ctx, id)
	if err != nil {
		return w, errProfile.With(err)
	}
	if resp.JSON200 == nil {
		if errs.KindOfStatus(resp.StatusCode()) == errs.NotFound {
			return w, errs.New(errs.Conflict, "profile_missing", "There is no profile yet. Finish your registration first.")
		}
		return w, errProfile.With(fmt.Errorf("user answered %s", resp.Status()))
	}
	p := resp.JSON200
	add := func(list *[]string, words ...string) {
		for _, x := range words {
			if x = line(x, 150); x != "" && !contains(*list, x) {
				*list = append(*list, x)
			}
		}
	}
	wishes, filters := p.Preferences.Wishes, p.Preferences.Filters
	add(&w.titles, deref(wishes.Titles)...)
	add(&w.titles, deref(p.Profile.Headline))
	for i, e := range p.Experiences {
		if i < 3 {
			add(&w.titles, e.Title)
		}
	}
	for _, k := range p.Skills {
		add(&w.skills, k.Name)
	}
	add(&w.skills, deref(wishes.Skills)...)
	for _, r := range deref(filters.RemoteKinds) {
		w.filters.Remote = append(w.filters.Remote, string(r))
	}
	for _, t := range deref(filters.EmploymentTypes) {
		w.filters.Employment = append(w.filters.Employment, string(t))
	}
	for _, l := range deref(filters.Languages) {
		if base, _, _ := strings.Cut(l, "-"); len(base) == 2 {
			add(&w.filters.Languages, strings.ToLower(base))
		}
	}
	for _, at := range deref(filters.Places) {
		add(&w.filters.Countries, at.CountryCode)
	}
	w.filters.NotCompanies = append(w.filters.NotCompanies, deref(filters.BlockedCompanies)...)
	w.preferences = ai.MatchPreferences{Titles: clipped(w.titles, 20), BlockedCompanies: clipped(w.filters.NotCompanies, 200), CountryCodes: clipped(w.filters.Countries, 50), NeedsVisaSponsorship: filters.NeedsVisaSponsorship}
	if m := filters.MinimumPay; m != nil {
		w.preferences.MinSalary = &ai.Pay{Amount: float64(m.Amount), Currency: m.Currency, Period: ai.PayPeriod(m.Period)}
	}
	return w, nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func clipped[T any](list []T, n int) *[]T {
	if len(list) == 0 {
		return nil
	}
	list = list[:min(len(list), n)]
	return &list
}

// defaultResume is the id of a user's default resume.
func (s *Service) defaultResume(ctx context.Context, id uuid.UUID) (uuid.UUID, error) {
	resp, err := s.Peers.Resumes.GetDefaultResumeWithResponse(ctx, id)
	switch {
	case err != nil:
		return uuid.Nil, errResume.With(err)
	case resp.JSON200 != nil:
		return resp.JSON200.ResumeID, nil
	case errs.KindOfStatus(resp.StatusCode()) == errs.NotFound:
		return uuid.Nil, errResumeMissing
	}
	return uuid.Nil, errResume.With(fmt.Errorf("resume answered %s", resp.Status()))
}

// score has the ai service score jobs against a resume of a user. Jobs that break
// what the user insists on are left out.
func (s *Service) score(ctx context.Context, id, resumeID uuid.UUID, jobs []FoundJob, preferences *ai.MatchPreferences) ([]Match, error) {
	ids := make([]uuid.UUID, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	texts, err := s.q.JobTexts(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	text := make(map[uuid.UUID]string, len(texts))
	for _, t := range texts {
		text[t.JobID] = t.Plain
	}
	postings := make([]ai.Posting, len(jobs))
	for i := range jobs {
		postings[i] = posting(&jobs[i].Summary, cut(text[jobs[i].ID], 8000))
	}
	resp, err := s.Peers.AI.MatchJobsInternallyWithResponse(ctx, &ai.MatchJobsInternallyParams{UserID: &id}, ai.MatchJobsRequest{ResumeID: &resumeID, Jobs: &postings, Preferences: preferences})
	if err != nil {
		return nil, errAI.With(err)
	}
	if resp.JSON200 == nil {
		return nil, aiError(resp.StatusCode())
	}
	var out []Match
	for _, m := range resp.JSON200.Items {
		if int(m.Index) >= len(jobs) || len(m.Dealbreakers) > 0 && preferences != nil {
			continue
		}
		x := Match{FoundJob: jobs[m.Index], Score: min(max(m.Score, 0), 1)}
		for _, r := range m.Reasons {
			x.Reasons = append(x.Reasons, Reason{r.Kind, line(r.Text, 500)})
		}
		for i, k := range m.Missing {
			if i < 5 {
				x.Reasons = append(x.Reasons, Reason{"missing", "Asks for " + line(k.Skill, 200) + ", which your resume does not show"})
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// aiError is what a failed answer of the ai service means to the caller.
func aiError(status int) error {
	cause := fmt.Errorf("ai answered %d", status)
	if errs.KindOfStatus(status) == errs.NotFound {
		return errNoSuchResume.With(cause)
	}
	return errAI.With(cause)
}

func posting(j *Summary, text string) ai.Posting {
	id := j.ID.String()
	p := ai.Posting{ID: &id, Title: j.Title, CompanyName: &j.Company, Description: &text}
	if j.Place.City != "" || j.Place.Country != "" {
		p.Location = &ai.Place{City: some(j.Place.City), Region: some(j.Place.Region), CountryCode: some(j.Place.Country)}
	}
	p.Remote, p.EmploymentType, p.Seniority = some(ai.RemoteKind(j.Remote)), some(ai.EmploymentType(j.Employment)), some(ai.Seniority(j.Seniority))
	if j.Pay != nil {
		p.Salary = &ai.PayRange{Min: some(j.Pay.Min), Max: some(j.Pay.Max), Currency: j.Pay.Currency, Period: ai.PayPeriod(j.Pay.Period)}
	}
	var skills []ai.PostingSkill
	for i, name := range j.Skills() {
		need := ai.Requirement("required")
		if i >= len(j.RequiredSkills) {
			need = "nice_to_have"
		}
		skills = append(skills, ai.PostingSkill{Name: name, Requirement: &need})
	}
	p.Skills = clipped(skills, 100)
	return p
}

// some is nil for the zero value.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// byWords scores jobs by the wishes that they name: half for the title, half for
// skills.
func byWords(jobs []FoundJob, w wanted) []Match {
	out := make([]Match, len(jobs))
	for i, j := range jobs {
		m := Match{FoundJob: j}
		title, best := titleWords(j.Title, j.Place), 0.0
		for _, t := range w.titles {
			words, common := titleWords(t, Place{}), 0
			for _, x := range words {
				if contains(title, x) {
					common++
				}
			}
			if share := 2 * float64(common) / float64(len(words)+len(title)); share > best {
				best = share
				if share >= 0.5 {
					m.Reasons = []Reason{{"title", "Is like " + t + ", which you look for"}}
				}
			}
		}
		hits := 0
		for _, k := range j.Skills() {
			if contains(w.skills, k) {
				if hits++; hits <= 5 {
					m.Reasons = append(m.Reasons, Reason{"skill", "Asks for " + k + ", which you have"})
				}
			}
		}
		m.Score = best / 2
		if n := len(j.Skills()); n > 0 {
			m.Score += float64(hits) / float64(n) / 2
		}
		m.Score = math.Round(m.Score*1000) / 1000
		out[i] = m
	}
	return out
}

// ScoreJobMatch scores one job against a resume of the user; a zero resume is the
// default one.
func (s *Service) ScoreJobMatch(ctx context.Context, id, jobID, resumeID uuid.UUID) (Match, error) {
	j, err := s.job(ctx, jobID)
	if err != nil {
		return Match{}, err
	}
	if resumeID == uuid.Nil {
		if resumeID, err = s.defaultResume(ctx, id); err != nil {
			return Match{}, err
		}
	}
	list, err := s.score(ctx, id, resumeID, []FoundJob{{Summary: j.Summary}}, nil)
	if err == nil && len(list) == 0 {
		err = errAI.With(fmt.Errorf("job: no score for %s", jobID))
	}
	if err != nil {
		return Match{}, err
	}
	return list[0], nil
}

// Question is one that an interview may bring.
type Question struct{ Question, Kind, Hint string }

// InterviewQuestions are made by the ai service from the posting.
func (s *Service) InterviewQuestions(ctx context.Context, id, jobID uuid.UUID, count int32) ([]Question, error) {
	j, err := s.job(ctx, jobID)
	if err != nil {
		return nil, err
	}
	p := posting(&j.Summary, cut(j.Text, 50_000))
	body := ai.GenerateQuestionsRequest{Job: &p, Count: &count}
	if j.Language == "de" || j.Language == "en" {
		body.Language = some(ai.TextLanguage(j.Language))
	}
	resp, err := s.Peers.AI.GenerateQuestionsInternallyWithResponse(ctx, &ai.GenerateQuestionsInternallyParams{UserID: &id}, body)
	if err != nil {
		return nil, errAI.With(err)
	}
	if resp.JSON200 == nil {
		return nil, aiError(resp.StatusCode())
	}
	var out []Question
	for _, q := range resp.JSON200.Items {
		out = append(out, Question{cut(q.Question, 1000), string(q.Kind), cut(strings.Join(q.GoodAnswer, "\n"), 1900)})
	}
	return out, nil
}

// Estimate is what a job probably pays a year: four in five such jobs pay between
// Low and High.
type Estimate struct {
	Median, Low, High float64
	Currency, Period  string
}

// JobSalary is what a job pays as posted, and as the ai service estimates. When
// that is away, what is posted must do.
func (s *Service) JobSalary(ctx context.Context, jobID uuid.UUID) (*Pay, *Estimate, error) {
	j, err := s.job(ctx, jobID)
	if err != nil {
		return nil, nil, err
	}
	p := posting(&j.Summary, cut(j.Text, 50_000))
	p.Salary = nil // the estimate is not to repeat it
	resp, err := s.Peers.AI.PredictSalaryInternallyWithResponse(ctx, nil, ai.PredictSalaryRequest{Job: &p})
	if err == nil && resp.JSON200 == nil {
		err = aiError(resp.StatusCode())
	}
	if err != nil {
		if j.Pay == nil {
			return nil, nil, errAI.With(err)
		}
		s.Log.InfoContext(ctx, "no estimate of pay", slog.Any("error", err))
		return j.Pay, nil, nil
	}
	e := resp.JSON200
	return j.Pay, &Estimate{e.Median.Amount, e.Low.Amount, e.High.Amount, e.Median.Currency, string(e.Median.Period)}, nil
}

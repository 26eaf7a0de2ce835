package ai

import (
	"context"
	"fmt"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/salary"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

const modelSalary = "jobpilot-salary-1"

// SalaryRequest asks what a job pays.
type SalaryRequest struct {
	Ref
	ExperienceYears *float64
	Rate            *salary.Rate // for amounts in another currency than US dollars
}

// SalaryPrediction is the estimate, with what it rests on and how far it is off.
type SalaryPrediction struct {
	Median   Pay            `json:"median"`
	Low      Pay            `json:"low"`
	High     Pay            `json:"high"`
	Coverage float64        `json:"coverage"`
	Factors  []SalaryFactor `json:"factors"`
	Support  SalarySupport  `json:"support"`
	Error    SalaryError    `json:"error"`
	Warnings []Warning      `json:"warnings"`
	Engine   EngineUse      `json:"engine"`
}

// SalaryFactor is something the estimate was made from, as it was taken.
type SalaryFactor struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// SalarySupport is how many salaries of the survey are like the one asked for.
type SalarySupport struct {
	Exact   int `json:"exact"`
	Title   int `json:"title"`
	Country int `json:"country"`
}

// SalaryError is how far the model was off on salaries it had not seen, and how
// far the median of title and level was.
type SalaryError struct {
	Metric   string  `json:"metric"`
	Value    float64 `json:"value"`
	Baseline float64 `json:"baseline"`
	Rows     int     `json:"rows"`
	Currency string  `json:"currency"`
}

var (
	errSalaryTitle   = salary.ErrTitle.WithFields(errs.Field{Pointer: "#/job/title", Code: "unknown", Message: "is no title of the survey, nor near one"})
	errSalaryCountry = salary.ErrCountry.WithFields(errs.Field{Pointer: "#/job/location/countryCode", Code: "required", Message: "is needed for an estimate"})
)

// fewRows is how many salaries an estimate should rest on.
const fewRows = 20

// PredictSalary estimates what a job pays. Without a level in title or posting it
// follows from the years of work.
func (s *Service) PredictSalary(ctx context.Context, c Caller, q *SalaryRequest) (*SalaryPrediction, error) {
	_, job, err := s.resolve(ctx, c, q.Ref, need{job: true})
	if err != nil {
		return nil, err
	}
	ask := salary.Question{Title: job.Title, Seniority: levelOf(job.Seniority)}
	if job.Location != nil {
		ask.Company = job.Location.CountryCode
	}
	if title := taxonomy.Load().Occupation(job.Title); ask.Seniority == taxonomy.Unstated && title.Seniority == taxonomy.Unstated && q.ExperienceYears != nil {
		switch y := *q.ExperienceYears; {
		case y < 2:
			ask.Seniority = taxonomy.Junior
		case y < 6:
			ask.Seniority = taxonomy.Middle
		default:
			ask.Seniority = taxonomy.Senior
		}
	}
	ask.Remote = map[string]int{"remote": 100, "hybrid": 50}[job.Remote]
	ask.Employment = map[string]salary.Employment{"contract": salary.Contract, "temporary": salary.Contract, "part_time": salary.PartTime}[job.EmploymentType]
	e, err := salary.Load().Estimate(ask, q.Rate)
	switch {
	case errs.Is(err, salary.ErrTitle.Code):
		return nil, errSalaryTitle
	case errs.Is(err, salary.ErrCountry.Code):
		return nil, errSalaryCountry
	case err != nil:
		return nil, err
	}
	amounts := e.USD
	if e.Local != nil {
		amounts = *e.Local
	}
	year := func(amount float64) Pay { return Pay{amount, amounts.Currency, "year"} }
	out := &SalaryPrediction{
		Median: year(amounts.Median), Low: year(amounts.Low), High: year(amounts.High), Coverage: e.Interval,
		Factors: []SalaryFactor{{"title", e.Title}, {"level", e.Level}, {"country", ask.Company}},
		Support: SalarySupport{e.Support.Exact, e.Support.Title, e.Support.Country},
		Error:   SalaryError{"mean_absolute_error", e.Measured.Error, e.Measured.Baseline, e.Measured.Rows, "USD"},
		Engine:  EngineUse{Name: "builtin", Model: modelSalary}, Warnings: hints(jobPassages(job)),
	}
	if e.Support.Exact < fewRows {
		out.Warnings = append(out.Warnings, Warning{
			Code:    "few_salaries",
			Message: fmt.Sprintf("Only %d salaries of this title and level in this country are known; the estimate rests on similar ones.", e.Support.Exact),
		})
	}
	return out, nil
}

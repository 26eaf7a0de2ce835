package autoapply

import (
	"encoding/json"
	"strings"

	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// facts are what the user has said, in the form package's words. The name of an
// account is used where the profile has none that is taken apart.
func facts(p *user.FullProfile, j *job.JobForApply, letter string) form.Facts {
	x := form.Facts{
		GivenName: value(p.Profile.GivenName), FamilyName: value(p.Profile.FamilyName), Email: string(p.Profile.Email), Phone: value(p.Profile.Phone),
		Links: map[string]string{}, Authorizations: map[string]string{}, Languages: map[string]string{}, Skills: map[string]float64{},
		Answers: map[string]json.RawMessage{}, Questions: map[string]string{}, CoverLetter: letter, JobCompany: j.Job.Company.Name, JobCountry: value(j.Job.Location.Country),
	}
	if at := p.Profile.Place; at != nil {
		x.Street, x.PostalCode, x.City, x.Region, x.CountryCode = value(at.Street), value(at.PostalCode), value(at.City), value(at.Region), value(at.CountryCode)
	}
	for _, l := range value(p.Profile.Links) {
		x.Links[string(l.Kind)] = l.URL
	}
	for _, w := range value(p.Profile.WorkAuthorizations) {
		x.Authorizations[w.CountryCode] = string(w.Status)
	}
	for _, l := range value(p.Profile.Languages) {
		code, _, _ := strings.Cut(l.Code, "-")
		x.Languages[code] = string(value(l.Level))
	}
	for _, s := range p.Skills {
		x.Skills[s.Name] = -1
		if s.Years != nil {
			x.Skills[s.Name] = *s.Years
		}
	}
	for _, e := range p.Experiences {
		x.Employers = append(x.Employers, e.Employer)
		if e.EndDate == nil && x.CurrentCompany == "" {
			x.CurrentCompany, x.CurrentTitle = e.Employer, e.Title
		}
	}
	for _, a := range p.Answers {
		x.Answers[a.Key] = a.Value
		if a.Question != nil {
			x.Questions[form.QuestionKey(*a.Question, x.JobCompany)] = a.Key
		}
	}
	return x
}

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

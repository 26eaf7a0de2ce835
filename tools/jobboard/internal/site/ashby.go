package site

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func (s *Site) routesAshby() {
	s.handle("GET /ashby/api/posting-api/job-board/{token}", posting.Ashby, "listing", func(w http.ResponseWriter, r *http.Request) {
		c := s.company(w, r, posting.Ashby)
		if c == nil {
			return
		}
		jobs := []obj{}
		for _, j := range s.listed(c.Jobs) {
			jobs = append(jobs, ashbyJob(r, j, r.URL.Query().Get("includeCompensation") == "true"))
		}
		s.listing(w, r, c.Jobs, obj{"jobs": jobs, "apiVersion": "1"})
	})
	s.handle("POST /ashby/jobs/api/non-user-graphql", posting.Ashby, "form", s.ashbyGraphQL)
}

func ashbyJob(r *http.Request, j *posting.Job, compensation bool) obj {
	p := j.Places[0]
	secondary := []obj{}
	for _, q := range j.Places[1:] {
		secondary = append(secondary, obj{"location": q.Name(), "address": ashbyAddress(q)})
	}
	published := "2006-01-02T15:04:05.000-07:00"
	o := obj{
		"id": j.ID, "title": j.Title, "department": j.Department, "team": j.Department, "location": j.Location,
		"employmentType":     map[string]string{"full": "FullTime", "part": "PartTime", "contract": "Contract", "intern": "Intern"}[j.Employment],
		"secondaryLocations": secondary, "publishedAt": j.Published.Format(published), "isListed": true,
		"isRemote":      j.Workplace != "onsite", // also hybrid ones: workplaceType tells
		"workplaceType": map[string]string{"remote": "Remote", "hybrid": "Hybrid", "onsite": "OnSite"}[j.Workplace],
		"address":       ashbyAddress(p), "jobUrl": base(r) + j.PagePath(), "applyUrl": base(r) + j.ApplyPath(),
		"descriptionHtml": j.Description(), "descriptionPlain": j.Plain(),
		"shouldDisplayCompensationOnJobPostings": j.Pay != nil && !j.Pay.Hidden,
	}
	if !compensation {
		return o
	}
	c := obj{"compensationTierSummary": nil, "scrapeableCompensationSalarySummary": nil, "compensationTiers": []obj{},
		"summaryComponents": []obj{}}
	if j.Pay != nil && !j.Pay.Hidden {
		interval := "1 " + strings.ToUpper(j.Pay.Period)
		component := obj{"id": form.Mangle(j.Key), "summary": j.Pay.String(), "compensationType": "Salary", "interval": interval,
			"currencyCode": j.Pay.Currency, "minValue": j.Pay.Min, "maxValue": j.Pay.Max}
		c["compensationTierSummary"], c["scrapeableCompensationSalarySummary"] = j.Pay.String(), j.Pay.String()
		c["compensationTiers"] = []obj{{"id": form.Mangle(j.ID), "tierSummary": j.Pay.String(), "title": "Range",
			"additionalInformation": nil, "components": []obj{component}}}
		c["summaryComponents"] = []obj{component}
	}
	o["compensation"] = c
	return o
}

func ashbyAddress(p posting.Place) obj {
	return obj{"postalAddress": obj{"addressRegion": p.Region, "addressCountry": p.Country, "addressLocality": p.City}}
}

// ashbyGraphQL answers the one question that pages ask without a user: the posting with its form. What is not there, or
// no longer, is null with status 200.
func (s *Site) ashbyGraphQL(w http.ResponseWriter, r *http.Request) {
	var q struct {
		OperationName string `json:"operationName"`
		Query         string `json:"query"`
		Variables     struct {
			Org string `json:"organizationHostedJobsPageName"`
			Job string `json:"jobPostingId"`
		} `json:"variables"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.OperationName != "ApiJobPosting" || q.Query == "" {
		s.reply(w, http.StatusBadRequest, obj{"errors": []obj{{"message": "send operationName ApiJobPosting, its variables and a query"}}})
		return
	}
	var posted any
	if c := s.board().companies[posting.Ashby+"/"+strings.ToLower(q.Variables.Org)]; c != nil {
		if j := s.open(c, q.Variables.Job); j != nil {
			s.delay(r.Context(), j)
			posted = s.ashbyPosting(j)
		}
	}
	s.reply(w, http.StatusOK, obj{"data": obj{"jobPosting": posted}})
}

var ashbyTypes = map[form.Kind]string{form.Text: "String", form.Email: "Email", form.URL: "String", form.Tel: "Phone",
	form.Number: "Number", form.Date: "Date", form.Textarea: "LongText", form.Select: "ValueSelect", form.Multi: "MultiValueSelect",
	form.YesNo: "Boolean", form.Checkbox: "Boolean", form.File: "File", form.Location: "Location"}

func (s *Site) ashbyPosting(j *posting.Job) obj {
	var system, custom []obj
	for _, d := range s.form(j).Fields {
		if d.Group == form.Trap {
			continue
		}
		field := obj{"__autoSerializationID": ashbyTypes[d.Kind] + "Field", "id": form.Mangle(d.Name), "path": d.Name, "title": d.Label,
			"type": ashbyTypes[d.Kind], "isNullable": !d.Required, "humanReadablePath": d.Label}
		if len(d.Options) > 0 && d.Kind != form.Checkbox && d.Kind != form.YesNo {
			values := []obj{}
			for _, option := range d.Options {
				values = append(values, obj{"label": option.Label, "value": option.Value, "isArchived": false})
			}
			field["selectableValues"] = values
		}
		entry := obj{"id": form.Mangle(j.ID + d.Name), "isRequired": d.Required, "isHidden": false, "descriptionHtml": nil, "field": field}
		if d.Group == form.Custom {
			custom = append(custom, entry)
		} else {
			system = append(system, entry)
		}
	}
	sections := []obj{{"title": nil, "descriptionHtml": nil, "isHidden": false, "fieldEntries": system}}
	if len(custom) > 0 {
		sections = append(sections, obj{"title": "Questions", "descriptionHtml": nil, "isHidden": false, "fieldEntries": custom})
	}
	return obj{"id": j.ID, "title": j.Title, "departmentName": j.Department, "locationName": j.Location,
		"employmentType":  map[string]string{"full": "FullTime", "part": "PartTime", "contract": "Contract", "intern": "Intern"}[j.Employment],
		"workplaceType":   map[string]string{"remote": "Remote", "hybrid": "Hybrid", "onsite": "OnSite"}[j.Workplace],
		"descriptionHtml": j.Description(), "isListed": true,
		"applicationForm": obj{"id": form.Mangle(j.Key), "sections": sections}, "surveyForms": []obj{}}
}

// reply answers with JSON that is made for this request only.
func (s *Site) reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

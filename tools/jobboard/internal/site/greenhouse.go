package site

import (
	"fmt"
	"hash/crc32"
	"html"
	"net/http"
	"strconv"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func (s *Site) routesGreenhouse() {
	const api = "GET /greenhouse/api/v1/boards/{token}"
	s.handle(api, posting.Greenhouse, "board", func(w http.ResponseWriter, r *http.Request) {
		if c := s.company(w, r, posting.Greenhouse); c != nil {
			s.listing(w, r, c.Jobs, obj{"name": c.Name, "content": "<p>" + html.EscapeString(c.About) + "</p>"})
		}
	})
	s.handle(api+"/jobs", posting.Greenhouse, "listing", func(w http.ResponseWriter, r *http.Request) {
		c := s.company(w, r, posting.Greenhouse)
		if c == nil {
			return
		}
		jobs := []obj{}
		for _, j := range s.listed(c.Jobs) {
			jobs = append(jobs, greenhouseJob(r, j, r.URL.Query().Get("content") == "true"))
		}
		s.listing(w, r, c.Jobs, obj{"jobs": jobs, "meta": obj{"total": len(jobs)}})
	})
	s.handle(api+"/jobs/{id}", posting.Greenhouse, "job", s.greenhouseDetail)
	s.handle(api+"/offices", posting.Greenhouse, "offices", s.greenhouseOffices)
	s.handle(api+"/departments", posting.Greenhouse, "departments", func(w http.ResponseWriter, r *http.Request) {
		if c := s.company(w, r, posting.Greenhouse); c != nil {
			s.listing(w, r, c.Jobs, obj{"departments": s.greenhouseDepartments(r, c, func(*posting.Job) bool { return true })})
		}
	})
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// nameID makes the number by which a platform would know a name.
func nameID(s string) int64 { return 4000000000 + int64(crc32.ChecksumIEEE([]byte(s))%1000000000) }

func greenhouseTime(t time.Time) string {
	return t.In(time.FixedZone("", -5*3600)).Format(time.RFC3339)
}

func greenhouseJob(r *http.Request, j *posting.Job, content bool) obj {
	employment := map[string]string{"full": "Full-time", "part": "Part-time", "contract": "Contract", "intern": "Intern"}
	o := obj{
		"absolute_url": base(r) + j.PagePath(), "internal_job_id": number(j.ID) - 2000000000,
		"location": obj{"name": j.Location}, "id": number(j.ID), "updated_at": greenhouseTime(j.Updated),
		"requisition_id": fmt.Sprintf("R-%d", number(j.ID)%100000), "title": j.Title, "company_name": j.Company.Name,
		"first_published": greenhouseTime(j.Published), "language": j.Lang, "application_deadline": nil,
		"metadata": []obj{{"id": nameID("employment " + j.Board), "name": "Employment Type", "value": employment[j.Employment],
			"value_type": "single_select"}},
		"data_compliance": []obj{{"type": "gdpr", "requires_consent": j.Places[0].CountryCode != "US",
			"requires_processing_consent": false, "requires_retention_consent": false, "retention_period": nil,
			"demographic_data_consent_applies": false}},
	}
	if content {
		o["content"] = html.EscapeString(j.Description())
		o["departments"] = []obj{{"id": nameID(j.Board + j.Department), "name": j.Department, "child_ids": []int{}, "parent_id": nil}}
		offices := []obj{}
		for _, p := range j.Places {
			offices = append(offices, obj{"id": nameID(j.Board + p.City), "name": p.City, "location": p.Name(),
				"child_ids": []int{}, "parent_id": nil})
		}
		o["offices"] = offices
	}
	return o
}

func (s *Site) greenhouseDepartments(r *http.Request, c *posting.Company, in func(*posting.Job) bool) []obj {
	out, at := []obj{}, map[string]int{}
	for _, j := range s.listed(c.Jobs) {
		i, ok := at[j.Department]
		if !ok {
			i = len(out)
			at[j.Department] = i
			out = append(out, obj{"id": nameID(j.Board + j.Department), "name": j.Department, "jobs": []obj{}, "parent_id": nil,
				"child_ids": []int{}})
		}
		if in(j) {
			jobs, _ := out[i]["jobs"].([]obj)
			out[i]["jobs"] = append(jobs, greenhouseJob(r, j, false))
		}
	}
	return out
}

func (s *Site) greenhouseOffices(w http.ResponseWriter, r *http.Request) {
	c := s.company(w, r, posting.Greenhouse)
	if c == nil {
		return
	}
	offices := []obj{}
	for _, p := range c.Places {
		offices = append(offices, obj{"id": nameID(c.Token + p.City), "name": p.City, "location": p.Name(), "parent_id": nil,
			"child_ids": []int{}, "departments": s.greenhouseDepartments(r, c, func(j *posting.Job) bool {
				for _, q := range j.Places {
					if q.City == p.City {
						return true
					}
				}
				return false
			})})
	}
	s.listing(w, r, c.Jobs, obj{"offices": offices})
}

func (s *Site) greenhouseDetail(w http.ResponseWriter, r *http.Request) {
	c := s.company(w, r, posting.Greenhouse)
	if c == nil {
		return
	}
	j := s.open(c, r.PathValue("id"))
	if j == nil {
		notFound(w)
		return
	}
	s.delay(r.Context(), j)
	o := greenhouseJob(r, j, true)
	if r.URL.Query().Get("questions") == "true" {
		s.greenhouseQuestions(j, o)
	}
	if r.URL.Query().Get("pay_transparency") == "true" {
		ranges := []obj{}
		if j.Pay != nil && !j.Pay.Hidden {
			ranges = append(ranges, obj{"min_cents": j.Pay.Min * 100, "max_cents": j.Pay.Max * 100,
				"currency_type": j.Pay.Currency, "title": "Pay range (" + j.Pay.Period + ")", "blurb": ""})
		}
		o["pay_input_ranges"] = ranges
	}
	s.json(w, r, s.newest(j), o)
}

// greenhouseQuestions adds the form. Values of options are numbers, or strings where they are not numbers.
func (s *Site) greenhouseQuestions(j *posting.Job, o obj) {
	questions, eeo, survey := []obj{}, []obj{}, []obj{}
	for _, d := range s.form(j).Fields {
		if d.Group == form.Trap || d.Group == form.Consent {
			continue
		}
		values := []obj{}
		for _, option := range d.Options {
			var v any = option.Value
			if n, err := strconv.ParseInt(option.Value, 10, 64); err == nil {
				v = n
			}
			values = append(values, obj{"value": v, "label": option.Label})
		}
		kind := map[form.Kind]string{form.Textarea: "textarea", form.File: "input_file", form.Select: "multi_value_single_select",
			form.YesNo: "multi_value_single_select", form.Multi: "multi_value_multi_select"}[d.Kind]
		if kind == "" {
			kind = "input_text"
		}
		if d.Kind == form.Location {
			hidden := func(label, name, kind string) obj {
				return obj{"label": label, "required": d.Required, "fields": []obj{{"name": name, "type": kind, "values": []obj{}}}}
			}
			o["location_questions"] = []obj{hidden("Location", "location", "input_text"),
				hidden("Latitude", "latitude", "input_hidden"), hidden("Longitude", "longitude", "input_hidden")}
			continue
		}
		fields := []obj{{"name": d.Name, "type": kind, "values": values}}
		if d.Kind == form.File {
			fields = append(fields, obj{"name": d.Name + "_text", "type": "textarea", "values": []obj{}})
		}
		q := obj{"label": d.Label, "required": d.Required, "description": nil, "fields": fields}
		if d.Group == form.EEO && j.Company.Variant == "react" {
			survey = append(survey, demographicQuestion(d))
			continue
		}
		if d.Group == form.EEO {
			eeo = append(eeo, q)
			continue
		}
		questions = append(questions, q)
	}
	o["questions"] = questions
	o["compliance"], o["demographic_questions"] = nil, nil
	if len(eeo) > 0 {
		o["compliance"] = []obj{{"type": "eeoc", "description": "<p>Answering is voluntary.</p>", "questions": eeo}}
	}
	if len(survey) > 0 {
		o["demographic_questions"] = obj{"header": "Voluntary survey", "questions": survey,
			"description": "<p>" + html.EscapeString(j.Company.Name) + " asks to see whom it reaches. Answering is voluntary.</p>"}
	}
}

// demographicQuestion is a question of the survey: a form names its field demographic_answers[id].
func demographicQuestion(d form.Field) obj {
	options := []obj{}
	for i, option := range d.Options {
		options = append(options, obj{"id": number(option.Value), "label": option.Label, "free_form": false,
			"decline_to_answer": i == len(d.Options)-1})
	}
	return obj{"id": d.Number, "label": d.Label, "required": d.Required, "type": "multi_value_single_select", "answer_options": options}
}

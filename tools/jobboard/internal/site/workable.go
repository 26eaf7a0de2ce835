package site

import (
	"net/http"
	"strconv"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func (s *Site) routesWorkable() {
	s.handle("GET /workable/api/v1/widget/accounts/{token}", posting.Workable, "listing", s.oneAtATime(func(w http.ResponseWriter, r *http.Request) {
		c := s.company(w, r, posting.Workable)
		if c == nil {
			return
		}
		jobs := []obj{}
		for _, j := range s.listed(c.Jobs) {
			for _, p := range j.Places { // a posting with two places is listed twice
				jobs = append(jobs, workableJob(r, j, p, r.URL.Query().Get("details") == "true"))
			}
		}
		s.listing(w, r, c.Jobs, obj{"name": c.Name, "description": c.About, "jobs": jobs})
	}))
	s.handle("GET /workable/api/v1/jobs/{id}/form", posting.Workable, "form", s.oneAtATime(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range s.board().Companies {
			if c.Platform != posting.Workable {
				continue
			}
			if j := s.open(c, r.PathValue("id")); j != nil {
				s.delay(r.Context(), j)
				s.json(w, r, s.newest(j), s.workableForm(j))
				return
			}
		}
		notFound(w)
	}))
}

// oneAtATime refuses requests that come while another is answered. An answer takes a moment, so that they can meet.
func (s *Site) oneAtATime(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer s.workable.Add(-1)
		if s.workable.Add(1) > 1 {
			s.count(posting.Workable, "blocked")
			w.Header().Set("Retry-After", "1")
			s.reply(w, http.StatusTooManyRequests, obj{"error": "Too many requests"})
			return
		}
		wait(r.Context(), 15*time.Millisecond)
		h(w, r)
	}
}

func workableJob(r *http.Request, j *posting.Job, p posting.Place, details bool) obj {
	link := base(r) + j.PagePath()
	o := obj{
		"title": j.Title, "shortcode": j.ID, "code": "", "telecommuting": j.Workplace == "remote", "department": j.Department,
		"employment_type": map[string]string{"full": "Full-time", "part": "Part-time", "contract": "Contract", "intern": "Internship"}[j.Employment],
		"url":             link, "shortlink": link, "application_url": base(r) + j.ApplyPath(),
		"published_on": j.Published.Format(time.DateOnly), "created_at": j.Published.Format(time.DateOnly),
		"country": p.Country, "city": p.City, "state": p.Region, "education": "", "experience": "", "function": "", "industry": "",
		"locations": []obj{{"country": p.Country, "countryCode": p.CountryCode, "city": p.City, "region": p.Region, "hidden": false}},
	}
	if j.Location == "Hybrid" {
		o["city"], o["state"] = "", ""
	}
	if details {
		o["description"] = j.Description()
	}
	return o
}

// workableForm lists the form. An option's name is its id and its value is its label, the reverse of what one expects.
func (s *Site) workableForm(j *posting.Job) []obj {
	kinds := map[form.Kind]string{form.Textarea: "paragraph", form.Select: "dropdown", form.Multi: "multiple", form.YesNo: "boolean",
		form.Checkbox: "boolean", form.Email: "email", form.Tel: "phone", form.Date: "date", form.Number: "number", form.File: "file"}
	var personal, details []obj
	for _, d := range s.form(j).Fields {
		if d.Group == form.Trap {
			continue
		}
		kind := kinds[d.Kind]
		if kind == "" {
			kind = "text"
		}
		o := obj{"id": d.Name, "label": d.Label, "type": kind, "required": d.Required}
		if kind == "dropdown" || kind == "multiple" {
			options := []obj{}
			for _, option := range d.Options {
				options = append(options, obj{"name": option.Value, "value": option.Label})
			}
			o["options"] = options
			o["singleOption"] = kind == "dropdown"
		}
		if kind == "file" {
			o["supportedFileTypes"] = []string{".pdf", ".doc", ".docx", ".rtf", ".txt"}
			o["maxFileSize"] = strconv.Itoa(form.MaxFile)
		}
		if d.Group == form.Standard && d.Kind != form.File {
			personal = append(personal, o)
		} else {
			details = append(details, o)
		}
	}
	return []obj{{"name": "Personal information", "fields": personal}, {"name": "Details", "fields": details}}
}

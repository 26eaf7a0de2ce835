package site

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// arbeitnowPage is the number of postings on a page.
const arbeitnowPage = 20

// routesFeeds serves the boards that repeat the postings of others.
func (s *Site) routesFeeds() {
	s.handle("GET /remoteok/api", posting.RemoteOK, "listing", func(w http.ResponseWriter, r *http.Request) {
		jobs := s.listed(s.board().Of(posting.RemoteOK))
		out := []obj{{"last_updated": s.newest(jobs...).Unix(),
			"legal": "Terms: link back to the posting on this board, without nofollow, and name the board as your source."}}
		for _, j := range jobs {
			link := base(r) + j.PagePath()
			o := obj{"slug": j.Slug, "id": j.ID, "epoch": j.Published.Unix(), "date": j.Published.Format("2006-01-02T15:04:05-07:00"),
				"company": j.Company.Name, "company_logo": "", "position": j.Title, "tags": tags(j), "description": j.Description(),
				"location": j.Location, "apply_url": link, "url": link, "salary_min": 0, "salary_max": 0, "logo": ""}
			if j.Pay != nil && !j.Pay.Hidden && j.Pay.Period == "year" && j.Pay.Currency == "USD" {
				o["salary_min"], o["salary_max"] = j.Pay.Min, j.Pay.Max
			}
			out = append(out, o)
		}
		s.listing(w, r, jobs, out)
	})
	s.handle("GET /remotive/api/remote-jobs", posting.Remotive, "listing", func(w http.ResponseWriter, r *http.Request) {
		jobs := s.listed(s.board().Of(posting.Remotive))
		out := []obj{}
		for _, j := range jobs {
			out = append(out, obj{"id": number(j.ID), "url": base(r) + j.PagePath(), "title": j.Title, "company_name": j.Company.Name,
				"company_logo": "", "company_logo_url": "", "category": j.Department, "tags": tags(j),
				"job_type":         map[string]string{"full": "full_time", "part": "part_time", "contract": "contract", "intern": "internship"}[j.Employment],
				"publication_date": j.Published.Format("2006-01-02T15:04:05"), "candidate_required_location": j.Places[0].Country,
				"salary": remotivePay(j.Pay), "description": j.Description()})
		}
		s.listing(w, r, jobs, obj{"0-legal-notice": "Link back to the posting on this board and name it as your source.",
			"job-count": len(out), "total-job-count": len(out), "jobs": out})
	})
	s.handle("GET /arbeitnow/api/job-board-api", posting.Arbeitnow, "listing", s.arbeitnow)
}

func tags(j *posting.Job) []string {
	out := []string{}
	for _, skill := range j.Skills {
		out = append(out, strings.ToLower(skill))
	}
	return out
}

// remotivePay writes pay as people type it: "$90k - $105k", "EUR 4200-5000 / month".
func remotivePay(p *posting.Pay) string {
	switch {
	case p == nil || p.Hidden:
		return ""
	case p.Currency == "USD" && p.Period == "year":
		return fmt.Sprintf("$%dk - $%dk", p.Min/1000, p.Max/1000)
	}
	return fmt.Sprintf("%s %d-%d / %s", p.Currency, p.Min, p.Max, p.Period)
}

func (s *Site) arbeitnow(w http.ResponseWriter, r *http.Request) {
	jobs := s.listed(s.board().Of(posting.Arbeitnow))
	page := max(1, atLeast(r.URL.Query().Get("page"), 1))
	last := max(1, (len(jobs)+arbeitnowPage-1)/arbeitnowPage)
	from := min((page-1)*arbeitnowPage, len(jobs))
	data := []obj{}
	for _, j := range jobs[from:min(from+arbeitnowPage, len(jobs))] {
		types := []string{}
		if j.Employment != "full" {
			types = append(types, map[string]string{"part": "Teilzeit", "contract": "befristet", "intern": "Praktikum"}[j.Employment])
		}
		data = append(data, obj{"slug": j.Slug, "company_name": j.Company.Name, "title": j.Title, "description": html.EscapeString(j.Description()),
			"remote": j.Workplace == "remote", "url": base(r) + j.PagePath(), "tags": []string{j.Department}, "job_types": types,
			"location": j.Location, "created_at": j.Published.Unix()})
	}
	// The link to the next page never ends: after the last page it leads to an empty one, and so on.
	link := func(n int) string { return fmt.Sprintf("%s/arbeitnow/api/job-board-api?page=%d", base(r), n) }
	s.listing(w, r, jobs, obj{"data": data,
		"links": obj{"first": link(1), "last": nil, "prev": nil, "next": link(page%(last+1) + 1)},
		"meta": obj{"current_page": page, "from": from + 1, "to": from + len(data), "per_page": arbeitnowPage, "path": base(r) + r.URL.Path,
			"terms": "Link back to the posting on this board.", "info": "Sorted by date."}})
}

package site

import (
	"html"
	"net/http"
	"strconv"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func (s *Site) routesLever() {
	for _, host := range []string{"lever", "lever-eu"} {
		api := "GET /" + host + "/api/v0/postings/{token}"
		s.handle(api, host, "listing", func(w http.ResponseWriter, r *http.Request) {
			c := s.leverSite(w, r, host)
			if c == nil {
				return
			}
			jobs := s.listed(c.Jobs)
			skip, limit := atLeast(r.URL.Query().Get("skip"), 0), atLeast(r.URL.Query().Get("limit"), len(jobs))
			skip = min(skip, len(jobs))
			jobs = jobs[skip:min(skip+limit, len(jobs))]
			out := []obj{}
			for _, j := range jobs {
				out = append(out, leverJob(r, j))
			}
			s.listing(w, r, c.Jobs, out)
		})
		s.handle(api+"/{id}", host, "job", func(w http.ResponseWriter, r *http.Request) {
			c := s.leverSite(w, r, host)
			if c == nil {
				return
			}
			j := s.open(c, r.PathValue("id"))
			if j == nil {
				leverMissing(w)
				return
			}
			s.delay(r.Context(), j)
			s.json(w, r, s.newest(j), leverJob(r, j))
		})
	}
}

// atLeast reads a number that is not negative, or takes the other.
func atLeast(s string, otherwise int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return otherwise
	}
	return min(n, 1<<20)
}

func leverMissing(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"ok":false,"error":"Document not found"}`))
}

// leverSite finds a site in its region; in the other it is as if it did not exist.
func (s *Site) leverSite(w http.ResponseWriter, r *http.Request, host string) *posting.Company {
	c := s.board().companies[posting.Lever+"/"+r.PathValue("token")]
	if c == nil || c.Jobs[0].LeverHost() != host {
		leverMissing(w)
		return nil
	}
	return c
}

func leverJob(r *http.Request, j *posting.Job) obj {
	commitment := map[string]string{"full": "Full-time", "part": "Part-time", "contract": "Contract", "intern": "Internship"}
	workplace := map[string]string{"remote": "remote", "hybrid": "hybrid", "onsite": "on-site"}
	all := []string{j.Location}
	for _, p := range j.Places[1:] {
		all = append(all, p.Name())
	}
	lists := []obj{}
	for _, sec := range j.Sections() {
		if sec.List {
			content := j.HTML(sec)
			lists = append(lists, obj{"text": sec.Title, "content": content[len("<ul>") : len(content)-len("</ul>\n")]})
		}
	}
	opening, body := j.Plain("about"), j.Plain("role")
	o := obj{
		"id": j.ID, "text": j.Title, "country": j.Places[0].CountryCode,
		"categories": obj{"location": j.Location, "commitment": commitment[j.Employment], "team": j.Department,
			"department": j.Department, "allLocations": all},
		"opening": j.Render("about"), "openingPlain": opening, "descriptionBody": j.Render("role"), "descriptionBodyPlain": body,
		"description": j.Render("about", "role"), "descriptionPlain": opening + "\n\n" + body,
		"lists": lists, "additional": j.Render("closing"), "additionalPlain": j.Plain("closing"),
		"hostedUrl": base(r) + j.PagePath(), "applyUrl": base(r) + j.ApplyPath(), "createdAt": j.Published.UnixMilli(),
		"workplaceType": workplace[j.Workplace],
	}
	if j.Pay != nil && !j.Pay.Hidden {
		o["salaryRange"] = obj{"min": j.Pay.Min, "max": j.Pay.Max, "currency": j.Pay.Currency,
			"interval": map[string]string{"year": "per-year-salary", "month": "per-month-salary", "day": "per-day-wage",
				"hour": "per-hour-wage"}[j.Pay.Period]}
		o["salaryDescription"] = "<p>" + html.EscapeString(j.Pay.String()) + "</p>"
		o["salaryDescriptionPlain"] = j.Pay.String()
	}
	return o
}

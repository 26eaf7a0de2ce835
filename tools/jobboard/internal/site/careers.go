package site

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

const robots = `# A local job site. Company career pages only; boards have their APIs.
User-agent: *
Disallow: /careers/*/drafts/
Disallow: /careers/stillwater/
Allow: /careers/stillwater/jobs/open-day
Crawl-delay: 0

User-agent: GreedyBot
Disallow: /
`

// disallowed reports whether robots.txt keeps everyone away from a path.
func (s *Site) disallowed(path string) bool {
	rest, ok := strings.CutPrefix(path, "/careers/")
	if !ok {
		return false
	}
	company, rest, _ := strings.Cut(rest, "/")
	return strings.HasPrefix(rest, "drafts/") || company == "stillwater" && rest != "robots.txt" && !strings.HasPrefix(rest, "jobs/open-day")
}

func (s *Site) routesCareers() {
	s.mux.HandleFunc("GET /robots.txt", func(w http.ResponseWriter, r *http.Request) {
		s.count("robots", "read")
		text := robots
		for _, c := range s.board().Companies {
			if c.Platform == posting.Careers {
				text += fmt.Sprintf("Sitemap: %s/careers/%s/sitemap.xml\n", base(r), c.Token)
			}
		}
		s.content(w, r, "text/plain; charset=utf-8", s.Today, []byte(text))
	})
	s.handle("GET /careers/{token}/robots.txt", posting.Careers, "robots", func(w http.ResponseWriter, r *http.Request) {
		if c := s.company(w, r, posting.Careers); c != nil {
			s.content(w, r, "text/plain; charset=utf-8", s.Today,
				[]byte("User-agent: *\nDisallow: /drafts/\nSitemap: "+base(r)+"/careers/"+c.Token+"/sitemap.xml\n"))
		}
	})
	s.handle("GET /careers/{token}/sitemap.xml", posting.Careers, "sitemap", s.sitemap)
	s.handle("GET /careers/{token}/drafts/{any...}", posting.Careers, "drafts", func(w http.ResponseWriter, r *http.Request) {
		if c := s.company(w, r, posting.Careers); c != nil {
			s.page(w, r, http.StatusOK, "message.html", message{Company: c, Title: "Draft", Text: "Not published. Robots were asked to stay away."})
		}
	})
}

type sitemapURL struct {
	XMLName xml.Name `xml:"url"`
	Loc     string   `xml:"loc"`
	LastMod string   `xml:"lastmod,omitempty"`
}

func (s *Site) sitemap(w http.ResponseWriter, r *http.Request) {
	c := s.company(w, r, posting.Careers)
	if c == nil {
		return
	}
	urls := []sitemapURL{{Loc: base(r) + "/careers/" + c.Token + "/"}, {Loc: base(r) + "/careers/" + c.Token + "/drafts/next-year"}}
	for _, j := range s.listed(c.Jobs) {
		urls = append(urls, sitemapURL{Loc: base(r) + j.PagePath(), LastMod: j.Updated.Format(time.DateOnly)})
	}
	out, err := xml.Marshal(urls)
	if err != nil {
		http.Error(w, "cannot encode", http.StatusInternalServerError)
		return
	}
	body := xml.Header + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + string(out) + "</urlset>\n"
	s.content(w, r, "application/xml; charset=utf-8", s.newest(c.Jobs...), []byte(body))
}

// jobPosting is the posting as schema.org knows it. How much of it a page has depends on the company; url, which is
// optional, only some have.
func jobPosting(r *http.Request, j *posting.Job) template.JS {
	p := j.Places[0]
	place := func(q posting.Place) obj {
		return obj{"@type": "Place", "address": obj{"@type": "PostalAddress", "addressLocality": q.City, "addressRegion": q.Region,
			"addressCountry": q.CountryCode}, "geo": obj{"@type": "GeoCoordinates", "latitude": q.Lat, "longitude": q.Lon}}
	}
	o := obj{
		"@context": "https://schema.org/", "@type": "JobPosting", "title": j.Title, "description": j.Description(),
		"datePosted": j.Published.Format(time.DateOnly), "validThrough": j.Published.AddDate(0, 2, 0).Format(time.RFC3339),
		"employmentType":     map[string]string{"full": "FULL_TIME", "part": "PART_TIME", "contract": "CONTRACTOR", "intern": "INTERN"}[j.Employment],
		"hiringOrganization": obj{"@type": "Organization", "name": j.Company.Name, "sameAs": base(r) + "/careers/" + j.Board + "/"},
		"identifier":         obj{"@type": "PropertyValue", "name": j.Company.Name, "value": j.ID},
		"jobLocation":        place(p), "directApply": true,
	}
	if len(j.Places) > 1 {
		o["jobLocation"] = []obj{place(p), place(j.Places[1])}
	}
	if j.Workplace == "remote" {
		o["jobLocationType"] = "TELECOMMUTE"
		o["applicantLocationRequirements"] = obj{"@type": "Country", "name": p.Country}
	}
	if len(j.Slug)%2 == 0 {
		o["url"] = base(r) + j.PagePath()
	}
	if j.Pay != nil && !j.Pay.Hidden {
		o["baseSalary"] = obj{"@type": "MonetaryAmount", "currency": j.Pay.Currency, "value": obj{"@type": "QuantitativeValue",
			"minValue": j.Pay.Min, "maxValue": j.Pay.Max,
			"unitText": map[string]string{"year": "YEAR", "month": "MONTH", "day": "DAY", "hour": "HOUR"}[j.Pay.Period]}}
	}
	var v any = o
	switch j.Company.Variant { // sites write it in different ways
	case "placeholder":
		v = obj{"@context": "https://schema.org", "@graph": []obj{{"@type": "WebSite", "name": j.Company.Name}, o}}
	case "aria":
		v = []obj{o}
	}
	out, err := json.Marshal(v) // escapes <, > and & so that no text can end the script element
	if err != nil {
		return "{}"
	}
	return template.JS(out) //nolint:gosec // JSON from json.Marshal, safe inside a script element
}

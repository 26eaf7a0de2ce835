package site

import (
	"encoding/json"
	"encoding/xml"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func TestCareers(t *testing.T) {
	b := start(t)
	for _, c := range b.site.board().Companies {
		if c.Platform != posting.Careers {
			continue
		}
		var sitemap struct {
			URLs []struct {
				Loc string `xml:"loc"`
			} `xml:"url"`
		}
		if err := xml.Unmarshal([]byte(b.get("/careers/"+c.Token+"/sitemap.xml")), &sitemap); err != nil {
			t.Fatal(err)
		}
		postings := 0
		for _, u := range sitemap.URLs {
			path := strings.TrimPrefix(u.Loc, b.url)
			status, _, page := b.do(http.MethodGet, path, nil, nil)
			_, after, found := strings.Cut(page, `<script type="application/ld+json">`)
			if status != http.StatusOK || !found {
				continue
			}
			data, _, _ := strings.Cut(after, "</script>")
			var v any
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if !strings.Contains(data, `"JobPosting"`) || !strings.Contains(data, `"hiringOrganization"`) {
				t.Errorf("%s: %s", path, data)
			}
			postings++
		}
		if postings < 10 {
			t.Errorf("%s: %d pages with a JobPosting", c.Token, postings)
		}
	}
}

func TestRobots(t *testing.T) {
	b := start(t)
	if text := b.get("/robots.txt"); !strings.Contains(text, "Disallow: /careers/*/drafts/") || !strings.Contains(text, "/careers/wattwerk/sitemap.xml") {
		t.Error(text)
	}
	b.get("/careers/wattwerk/")
	b.get("/careers/wattwerk/drafts/next-year")
	b.get("/careers/stillwater/")
	var r struct {
		RobotsViolations, RobotsRead, NotModified, Blocked int
		Boards                                             map[string]map[string]int
	}
	b.getJSON("/_board/requests", &r)
	if r.RobotsViolations != 2 || r.RobotsRead != 1 || r.Boards["careers/wattwerk"]["board page"] != 1 {
		t.Errorf("%+v", r)
	}
}

func TestConditionalRequests(t *testing.T) {
	b := start(t)
	for _, path := range []string{"/greenhouse/api/v1/boards/fernhill/jobs", "/personio/sonnenberg/xml", "/careers/wattwerk/", "/remoteok/api",
		b.job(posting.Careers, "none").PagePath(), "/careers/wattwerk/sitemap.xml"} {
		_, header, _ := b.do(http.MethodGet, path, nil, nil)
		for name, value := range map[string]string{"If-None-Match": header.Get("ETag"), "If-Modified-Since": header.Get("Last-Modified")} {
			if status, _, text := b.do(http.MethodGet, path, http.Header{name: {value}}, nil); status != http.StatusNotModified || text != "" {
				t.Errorf("%s with %s %q: %d", path, name, value, status)
			}
		}
		if status, _, _ := b.do(http.MethodGet, path, http.Header{"If-None-Match": {`"other"`}}, nil); status != http.StatusOK {
			t.Errorf("%s with another ETag: %d", path, status)
		}
	}
}

func TestSameSeedSameAnswers(t *testing.T) {
	a, b := start(t), start(t)
	for _, path := range []string{"/greenhouse/api/v1/boards/fernhill/jobs?content=true", "/lever/api/v0/postings/tidepool", "/personio/sonnenberg/xml",
		"/_board/jobs?platform=workable", "/arbeitnow/api/job-board-api"} {
		if strings.ReplaceAll(a.get(path), a.url, "") != strings.ReplaceAll(b.get(path), b.url, "") {
			t.Errorf("%s differs between two runs", path)
		}
	}
}

// TestTrapsReachTheBoards sees that what is hostile in a text is so on the wire, and harmless on our own pages.
func TestTrapsReachTheBoards(t *testing.T) {
	b := start(t)
	for _, j := range b.site.board().Jobs {
		if j.Has(posting.TrapHTMLInTitle) {
			if page := b.get(j.PagePath()); strings.Contains(page, "<script>document.title") {
				t.Errorf("%s: the title runs on the page", j.Key)
			} else if !strings.Contains(page, html.EscapeString("<b>")) {
				t.Errorf("%s: the title is not on the page", j.Key)
			}
		}
	}
}

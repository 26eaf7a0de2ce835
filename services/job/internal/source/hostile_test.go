package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

// listings are where each platform's listing is, and how a job is put into it.
var listings = map[string]struct{ token, at, around, id, title, url string }{
	"greenhouse":      {"acme", "/greenhouse/api/v1/boards/acme/jobs?content=true", `{"jobs": [%s]}`, "id", "title", "absolute_url"},
	"lever":           {"acme", "/lever/api/v0/postings/acme?mode=json&skip=0&limit=100", `[%s]`, "id", "text", "hostedUrl"},
	"lever-eu":        {"acme", "/lever-eu/api/v0/postings/acme?mode=json&skip=0&limit=100", `[%s]`, "id", "text", "hostedUrl"},
	"ashby":           {"acme", "/ashby/api/posting-api/job-board/acme?includeCompensation=true", `{"jobs": [%s]}`, "id", "title", "jobUrl"},
	"workable":        {"acme", "/workable/api/v1/widget/accounts/acme?details=true", `{"jobs": [%s]}`, "shortcode", "title", "url"},
	"smartrecruiters": {"acme", "/smartrecruiters/api/v1/companies/acme/postings?limit=100&offset=0", `{"content": [%s]}`, "id", "name", "postingUrl"},
	"recruitee":       {"acme", "/recruitee/acme/api/offers/", `{"offers": [%s]}`, "id", "title", "careers_url"},
	"remoteok":        {"", "/remoteok/api", `[{"legal": "x"}, %s]`, "id", "position", "url"},
	"remotive":        {"", "/remotive/api/remote-jobs", `{"jobs": [%s]}`, "id", "title", "url"},
	"arbeitnow":       {"", "/arbeitnow/api/job-board-api?page=1", `{"data": [%s]}`, "slug", "title", "url"},
}

// known are the fields that adapters read.
var known = strings.Fields(greenhouseFields + " " + leverFields + " " + ashbyFields + " " + workableFields + " " + smartFields + " " + recruiteeFields + " " + remoteokFields + " " + remotiveFields + " " + arbeitnowFields)

// Values of every wrong type in every field: the posting is counted as failed, or
// read without them, and the one beside it is read.
func TestWrongTypesDoNoHarm(t *testing.T) {
	t.Parallel()
	for platform, l := range listings {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			for _, value := range []string{`null`, `true`, `-1e999`, `1e308`, `""`, `"\u0000\u202e"`, `[]`, `{}`, `[null, 1, "x", [], {}]`, `{"name": [], "min": {}, "value": {"text": []}}`, `[[[[[[[[[[]]]]]]]]]]`} {
				fields := make([]string, 0, len(known))
				for _, f := range known {
					fields = append(fields, fmt.Sprintf("%q: %s", f, value))
				}
				odd := "{" + strings.Join(fields, ", ") + "}"
				good := fmt.Sprintf(`{%q: "good", %q: "Welder", %q: "https://acme.example/1"}`, l.id, l.title, l.url)
				answers := map[string]string{l.at: fmt.Sprintf(l.around, strings.Join([]string{"null", "1", `"x"`, "[]", odd, good}, ", ")), "/arbeitnow/api/job-board-api?page=2": `{"data": []}`}
				answers[strings.Split(l.at, "?")[0]+"/good"] = good // SmartRecruiters' detail
				list, report, err := read(t, Board{Platform: platform, Token: l.token}, answers)
				if err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				if len(list) == 0 || list[len(list)-1].ExternalID != "good" {
					t.Errorf("%s: the good one is not read: %+v %+v", value, list, report)
				}
				for _, p := range list {
					if p.ExternalID == "" || p.Title == "" || !webURL(p.URL) {
						t.Errorf("%s: %+v", value, p)
					}
				}
			}
		})
	}
}

// An answer that is no listing at all is an error of the run, never an empty board:
// that would close its jobs.
func TestAnAnswerThatIsNoListing(t *testing.T) {
	t.Parallel()
	for platform, l := range listings {
		for _, body := range []string{"", "<html>Please log in</html>", "null", "1", `"x"`, `{"error": "gone"}`, "{", `[]{}`, strings.Repeat("[", 100_000), strings.Repeat(`{"jobs":`, 100_000)} {
			_, report, err := read(t, Board{Platform: platform, Token: l.token}, map[string]string{l.at: body})
			if err == nil || report.Complete {
				t.Errorf("%s: %.40q is taken for a listing: %+v", platform, body, report)
			}
		}
		if _, _, err := read(t, Board{Platform: platform, Token: l.token}, nil); !errors.Is(err, fetch.ErrGone) {
			t.Errorf("%s: a board that is not there: %v", platform, err)
		}
	}
	for _, body := range []string{"", "<html/>", "<workzag-jobs>", "<!DOCTYPE x [<!ENTITY a \"b\">]><workzag-jobs>&a;</workzag-jobs>", strings.Repeat("<a>", 100_000)} {
		if _, report, err := read(t, Board{Platform: "personio", Token: "acme"}, map[string]string{"/personio/acme/xml": body}); err == nil || report.Complete {
			t.Errorf("personio: %.40q is taken for a listing", body)
		}
		if _, report, err := read(t, Board{Platform: "schemaorg", Token: "acme"}, map[string]string{"/careers/acme/sitemap.xml": body}); err == nil || report.Complete {
			t.Errorf("schemaorg: %.40q is taken for a sitemap", body)
		}
	}
}

// Pages are read to the last, and no further.
func TestPages(t *testing.T) {
	t.Parallel()
	page := func(from, n int, one func(i int) map[string]any) string {
		list := []any{}
		for i := from; i < from+n; i++ {
			list = append(list, one(i))
		}
		raw, _ := json.Marshal(list) //nolint:errchkjson // strings and numbers
		return string(raw)
	}
	posting := func(i int) map[string]any {
		return map[string]any{"id": fmt.Sprint(i), "text": "Welder", "hostedUrl": fmt.Sprintf("https://acme.example/%d", i)}
	}
	answers := map[string]string{}
	for i, n := range []int{100, 100, 1} {
		answers[fmt.Sprintf("/lever/api/v0/postings/acme?mode=json&skip=%d&limit=100", i*100)] = page(i*100, n, posting)
		answers[fmt.Sprintf("/smartrecruiters/api/v1/companies/acme/postings?limit=100&offset=%d", i*100)] = fmt.Sprintf(`{"totalFound": 201, "content": %s}`, page(i*100, n, posting))
	}
	for i := range 201 {
		answers[fmt.Sprintf("/smartrecruiters/api/v1/companies/acme/postings/%d", i)] = `{"name": "Welder"}`
	}
	for _, platform := range []string{"lever", "smartrecruiters"} {
		list, report, err := read(t, Board{Platform: platform, Token: "acme"}, answers)
		if err != nil || len(list) != 201 || !report.Complete || list[200].ExternalID != "200" {
			t.Errorf("%s: %d postings, %+v, %v", platform, len(list), report, err)
		}
	}
}

func TestOwnerIn(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Acme": "Acme", "Acme Jobs": "Acme", "Acme - Jobs": "Acme", "Acme | Careers": "Acme", "Jobs at Acme & Sons": "Acme & Sons", "Careers at Acme GmbH": "Acme GmbH", "Open positions at Acme": "Acme",
		"Acme &amp; Sons Job Board": "Acme & Sons", "Jobs": "", "Careers": "", "": "", "404 Not Found": "", "Just a moment...": "", "Jobs for the Blind": "Jobs for the Blind", strings.Repeat("x", 200): "",
	} {
		if got := ownerIn([]byte("<html><head><title data-x='1'>" + title + "</title></head>")); got != want {
			t.Errorf("%q is of %q, want %q", title, got, want)
		}
	}
	for token, want := range map[string]string{"acme": "Acme", "acme-labs_north": "Acme Labs North", "écran": "Écran", "": "", "-": ""} {
		if got := spoken(token); got != want {
			t.Errorf("%q is spoken %q", token, got)
		}
	}
}

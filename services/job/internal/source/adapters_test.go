package source

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

// platform serves answers by their address, with BASE in them standing for its own.
func platform(t *testing.T, answers map[string]string) (*fetch.Fetcher, string) {
	t.Helper()
	var base string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.RequestURI()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, strings.ReplaceAll(body, "BASE", base))
	}))
	t.Cleanup(s.Close)
	base = s.URL
	return fetch.New(fetch.Options{UserAgent: "JobPilotBot/1.0 (test)", Allow: []string{strings.TrimPrefix(base, "http://")}}), base
}

// read reads a board to its end.
func read(t *testing.T, b Board, answers map[string]string) (list []Posting, r Report, err error) {
	t.Helper()
	f, base := platform(t, answers)
	b.BaseURL = base
	r, err = Gather(t.Context(), f, b, nil, Sink{
		Posting: func(_ context.Context, p Posting) error {
			p.URL, p.ApplyURL, p.Page = strings.ReplaceAll(p.URL, base, "BASE"), strings.ReplaceAll(p.ApplyURL, base, "BASE"), strings.ReplaceAll(p.Page, base, "BASE")
			list = append(list, p)
			return nil
		},
		Unchanged: func(context.Context, string) error { return nil },
	})
	return list, r, err
}

func day(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

func TestAdapters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		board    Board
		answers  map[string]string
		want     []Posting
		failed   int
		partial  bool // the listing is not known to be complete
		problems []string
	}{
		"greenhouse: escaped twice, place from offices, no company in the job": {
			board: Board{Platform: "greenhouse", Token: "acme"},
			answers: map[string]string{
				"/greenhouse/api/v1/boards/acme": `{"name": "Acme Ltd", "content": ""}`,
				"/greenhouse/api/v1/boards/acme/jobs?content=true": `{"meta": {"total": 3}, "jobs": [
					{"id": 9007199254740993, "title": "Welder", "updated_at": "2026-02-03T01:00:00+01:00", "location": {"name": "Hybrid"}, "absolute_url": "https://acme.example/1",
					 "content": "&lt;p&gt;Steel &amp;amp; fire&lt;/p&gt;", "language": "en", "metadata": [{"name": "Employment Type", "value": "Full-time"}, {"name": "Level", "value": null}],
					 "pay_input_ranges": [{"min_cents": 5000000, "max_cents": 6000050, "currency_type": "EUR"}]},
					{"id": 2, "title": "Buyer", "first_published": "2026-02-04T00:00:00Z", "location": {"name": "Remote"}, "absolute_url": "https://acme.example/2", "content": "x", "offices": [{"name": "Paris", "location": "Paris, France"}]},
					{"id": 3, "title": "Clerk", "company_name": "Acme Iberia", "updated_at": "not a time", "location": null, "absolute_url": "javascript:alert(1)", "content": null, "surprise": true}]}`,
				"/greenhouse/api/v1/boards/acme/offices": `{"offices": [{"name": "Lyon", "location": null, "departments": [{"jobs": [{"id": 9007199254740993}]}]}]}`,
			},
			want: []Posting{
				{ExternalID: "9007199254740993", Title: "Welder", Company: "Acme Ltd", URL: "https://acme.example/1", HTML: "<p>Steel &amp; fire</p>", Language: "en", Posted: day(2, 3),
					Places: []Place{{Text: "Lyon"}}, Remote: "hybrid", Employment: "Full-time", Pay: &Pay{Min: 50000, Max: 60000.5, Currency: "EUR"}},
				{ExternalID: "2", Title: "Buyer", Company: "Acme Ltd", URL: "https://acme.example/2", HTML: "x", Posted: day(2, 4), Places: []Place{{Text: "Paris, France"}}, Remote: "remote"},
			},
			failed:   1,
			problems: []string{`job has an unknown field "surprise" (1)`, "job.updated_at is not a time (1)", "job.content is missing (1)", "a posting without a usable id, title or URL (1)"},
		},
		"lever: milliseconds, lists, several places, the company from the board's page": {
			board: Board{Platform: "lever", Token: "acme-labs"},
			answers: map[string]string{
				"/jobs/acme-labs": "<html><head>\n<title>\n Acme &amp; Sons </title></head></html>",
				"/lever/api/v0/postings/acme-labs?mode=json&skip=0&limit=100": `[
					{"id": "a", "text": "Welder", "categories": {"commitment": "Full-time", "location": "Berlin", "allLocations": ["Berlin", "Hamburg"]}, "country": "DE", "createdAt": 1770076800000,
					 "description": "<p>Weld.</p>", "lists": [{"text": "You & we", "content": "<li>torch</li>"}], "additional": "<p>More.</p>", "hostedUrl": "BASE/jobs/acme-labs/a", "applyUrl": "BASE/jobs/acme-labs/a/apply",
					 "workplaceType": "hybrid", "salaryRange": {"min": 50000, "max": 60000, "currency": "EUR", "interval": "per-year-salary"}},
					{"id": "b", "text": "Buyer", "categories": {"location": "Paris"}, "createdAt": 99999999999999999999, "descriptionPlain": "Buy.", "hostedUrl": "BASE/jobs/acme-labs/b", "workplaceType": "unspecified"}]`,
			},
			want: []Posting{
				{ExternalID: "a", Title: "Welder", Company: "Acme & Sons", URL: "BASE/jobs/acme-labs/a", ApplyURL: "BASE/jobs/acme-labs/a/apply", HTML: "<p>Weld.</p><h3>You &amp; we</h3><ul><li>torch</li></ul><p>More.</p>",
					Places: []Place{{Text: "Berlin", Country: "DE"}, {Text: "Hamburg", Country: "DE"}}, Remote: "hybrid", Employment: "Full-time", Posted: day(2, 3),
					Pay: &Pay{Min: 50000, Max: 60000, Currency: "EUR", Period: "per-year-salary"}},
				{ExternalID: "b", Title: "Buyer", Company: "Acme & Sons", URL: "BASE/jobs/acme-labs/b", Text: "Buy.", Places: []Place{{Text: "Paris"}}, Remote: "unspecified"},
			},
		},
		"lever-eu: a region of its own; a board's page that says nothing": {
			board: Board{Platform: "lever-eu", Token: "acme_labs"},
			answers: map[string]string{
				"/jobs/acme_labs": "<title>Jobs</title>",
				"/lever-eu/api/v0/postings/acme_labs?mode=json&skip=0&limit=100": `[{"id": "a", "text": "Welder", "categories": {}, "descriptionPlain": "Weld.", "hostedUrl": "BASE/jobs/acme_labs/a"}]`,
			},
			want:     []Posting{{ExternalID: "a", Title: "Welder", Company: "Acme Labs", URL: "BASE/jobs/acme_labs/a", Text: "Weld.", Places: []Place{{}}}},
			problems: []string{"posting.categories.location is missing (1)"},
		},
		"ashby: workplaceType over isRemote, what is not listed, tiers of pay": {
			board: Board{Platform: "ashby", Token: "acme"},
			answers: map[string]string{
				"/jobs/acme": "<title>Acme Aerospace Jobs</title>",
				"/ashby/api/posting-api/job-board/acme?includeCompensation=true": `{"apiVersion": "1", "jobs": [
					{"id": "a", "title": "Welder", "location": "Berlin", "address": {"postalAddress": {"addressLocality": "Berlin", "addressRegion": "Berlin", "addressCountry": "Germany"}},
					 "secondaryLocations": [{"location": "Remote", "address": null}, {"location": "Wien", "address": {"postalAddress": {"addressCountry": "Austria"}}}], "jobUrl": "BASE/jobs/acme/a", "applyUrl": "BASE/jobs/acme/a/application",
					 "publishedAt": "2026-02-03T00:00:00.000+00:00", "descriptionHtml": "<p>Weld.</p>", "isRemote": true, "workplaceType": "Hybrid", "employmentType": "FullTime", "isListed": true,
					 "compensation": {"compensationTiers": [{"components": [{"compensationType": "EquityPercentage", "minValue": 0.1, "maxValue": 0.2}, {"compensationType": "Salary", "interval": "1 YEAR", "currencyCode": "EUR", "minValue": 50000, "maxValue": null}]}]}},
					{"id": "b", "title": "Buyer", "location": "Anywhere", "jobUrl": "BASE/jobs/acme/b", "isRemote": true, "workplaceType": null, "descriptionPlain": "Buy."},
					{"id": "c", "title": "Secret", "isListed": false}]}`,
			},
			want: []Posting{
				{ExternalID: "a", Title: "Welder", Company: "Acme Aerospace", URL: "BASE/jobs/acme/a", ApplyURL: "BASE/jobs/acme/a/application", HTML: "<p>Weld.</p>",
					Places: []Place{{Text: "Berlin", City: "Berlin", Region: "Berlin", Country: "Germany"}, {Text: "Remote"}, {Text: "Wien", Country: "Austria"}}, Remote: "Hybrid", Employment: "FullTime", Posted: day(2, 3),
					Pay: &Pay{Min: 50000, Currency: "EUR", Period: "1 YEAR"}},
				{ExternalID: "b", Title: "Buyer", Company: "Acme Aerospace", URL: "BASE/jobs/acme/b", Text: "Buy.", Places: []Place{{Text: "Anywhere"}}, Remote: "Remote"},
			},
		},
		"workable: a job once for each place": {
			board: Board{Platform: "workable", Token: "acme"},
			answers: map[string]string{"/workable/api/v1/widget/accounts/acme?details=true": `{"name": "Acme", "description": null, "jobs": [
				{"title": "Welder", "shortcode": "A1", "shortlink": "https://apply.example/j/A1", "city": "Berlin", "state": "Berlin", "country": "Germany", "telecommuting": false, "published_on": "2026-02-03", "employment_type": "Full-time", "experience": "Entry level", "description": "<p>Weld.</p>"},
				{"title": "Welder", "shortcode": "A1", "shortlink": "https://apply.example/j/A1", "city": "Hamburg", "state": "", "country": "Germany", "published_on": "2026-02-03", "description": "<p>Weld.</p>"},
				{"title": "Buyer", "shortcode": "B2", "url": "https://apply.example/j/B2", "application_url": "mailto:x@example.com", "telecommuting": true, "created_at": "2026-02-04", "description": ""}]}`},
			want: []Posting{
				{ExternalID: "A1", Title: "Welder", Company: "Acme", URL: "https://apply.example/j/A1", HTML: "<p>Weld.</p>", Employment: "Full-time", Seniority: "Entry level", Posted: day(2, 3),
					Places: []Place{{City: "Berlin", Region: "Berlin", Country: "Germany"}, {City: "Hamburg", Country: "Germany"}}},
				{ExternalID: "B2", Title: "Buyer", Company: "Acme", URL: "https://apply.example/j/B2", Remote: "remote", Posted: day(2, 4), Places: []Place{{}}},
			},
			problems: []string{"an apply URL that is none (1)"},
		},
		"smartrecruiters: the text is in the detail; one is closed since, one is broken": {
			board: Board{Platform: "smartrecruiters", Token: "acme-corp"},
			answers: map[string]string{
				"/smartrecruiters/api/v1/companies/acme-corp/postings?limit=100&offset=0": `{"offset": 0, "limit": 100, "totalFound": 4, "content": [{"id": "a", "name": "Welder"}, {"id": "gone", "name": "Gone"}, {"id": "bad", "name": "Bad"}, {"id": "b", "name": "Buyer"}]}`,
				"/smartrecruiters/api/v1/companies/acme-corp/postings/a": `{"id": "a", "name": "Welder", "company": {"name": "Acme Corp"}, "releasedDate": "2026-02-03T00:00:00.000Z", "postingUrl": "https://acme.example/a", "applyUrl": "https://acme.example/a/apply",
					"location": {"city": "Berlin", "region": "BE", "country": "de", "remote": true, "hybrid": true}, "typeOfEmployment": {"label": "Full-time"}, "experienceLevel": {"label": "Associate"}, "language": {"code": "en-GB"},
					"jobAd": {"sections": {"companyDescription": {"title": "Us", "text": "<p>Us.</p>"}, "jobDescription": {"title": "The <job>", "text": "<p>Weld.</p>"}, "videos": {"urls": []}}}}`,
				"/smartrecruiters/api/v1/companies/acme-corp/postings/bad": `<html>`,
				"/smartrecruiters/api/v1/companies/acme-corp/postings/b":   `{"id": "b", "name": "Buyer", "location": {"remote": true}}`,
			},
			want: []Posting{
				{ExternalID: "a", Title: "Welder", Company: "Acme Corp", URL: "https://acme.example/a", ApplyURL: "https://acme.example/a/apply", Page: "BASE/smartrecruiters/api/v1/companies/acme-corp/postings/a",
					HTML: "<h3>Us</h3><p>Us.</p><h3>The &lt;job&gt;</h3><p>Weld.</p>", Places: []Place{{City: "Berlin", Region: "BE", Country: "de"}}, Remote: "hybrid", Employment: "Full-time", Seniority: "Associate", Language: "en-GB", Posted: day(2, 3)},
				{ExternalID: "b", Title: "Buyer", Company: "Acme Corp", URL: "https://jobs.smartrecruiters.com/acme-corp/b", Page: "BASE/smartrecruiters/api/v1/companies/acme-corp/postings/b", Places: []Place{{}}, Remote: "remote"},
			},
			failed:   1,
			problems: []string{"a posting is listed and has no detail (1)", "posting.jobAd.sections is missing (1)"},
		},
		"recruitee: the form is in the listing, a draft is no job": {
			board: Board{Platform: "recruitee", Token: "acme"},
			answers: map[string]string{"/recruitee/acme/api/offers/": `{"offers": [
				{"id": 1, "title": "Welder", "status": "published", "company_name": "Acme BV", "careers_url": "https://acme.example/o/welder", "careers_apply_url": "https://acme.example/o/welder/c/new", "description": "<p>Weld.</p>", "requirements": "<p>Torch.</p>",
				 "city": "Utrecht", "country": "Netherlands", "country_code": "NL", "state_name": "Utrecht", "location": "Utrecht, Netherlands", "locations": [{"name": "Utrecht"}, {"name": "Gent", "city": "Gent", "country": "Belgium"}],
				 "remote": true, "hybrid": true, "on_site": false, "employment_type_code": "fulltime_permanent", "experience_code": "entry_level", "published_at": "2026-02-03 00:00:00 UTC", "close_at": "2026-09-01T00:00:00Z",
				 "salary": {"min": "3000", "max": 4000, "currency": "EUR", "period": "month"}, "open_questions": [{"kind": "video"}], "options_cv": "required"},
				{"id": 2, "title": "Draft", "status": "draft"},
				{"id": 3, "title": "Buyer", "careers_url": "https://acme.example/o/buyer", "description": "", "salary": {"min": null, "max": null}, "created_at": "2026-02-04T00:00:00Z"}]}`},
			want: []Posting{
				{ExternalID: "1", Title: "Welder", Company: "Acme BV", URL: "https://acme.example/o/welder", ApplyURL: "https://acme.example/o/welder/c/new", HTML: "<p>Weld.</p><p>Torch.</p>",
					Places: []Place{{Text: "Utrecht, Netherlands", City: "Utrecht", Region: "Utrecht", Country: "NL"}, {Text: "Gent", City: "Gent", Country: "Belgium"}}, Remote: "hybrid", Employment: "fulltime_permanent", Seniority: "entry_level",
					Posted: day(2, 3), Until: day(9, 1), Pay: &Pay{Min: 3000, Max: 4000, Currency: "EUR", Period: "month"}},
				{ExternalID: "3", Title: "Buyer", Company: "Acme", URL: "https://acme.example/o/buyer", Places: []Place{{}}, Posted: day(2, 4)},
			},
			problems: []string{"offer.description is missing (1)"},
		},
		"personio: one for each office, no such company in the feed": {
			board: Board{Platform: "personio", Token: "acme-gmbh"},
			answers: map[string]string{"/personio/acme-gmbh/xml": `<?xml version="1.0" encoding="UTF-8"?><workzag-jobs>
				<position><id>1</id><subcompany>Acme GmbH &amp; Co. KG</subcompany><office>Berlin</office><additionalOffices><office>Wien</office></additionalOffices><name>Welder</name>
				 <jobDescriptions><jobDescription><name>You &lt;3</name><value><![CDATA[<p>Weld.</p>]]></value></jobDescription></jobDescriptions>
				 <employmentType>permanent</employmentType><seniority>experienced</seniority><schedule>full-time</schedule><createdAt>2026-02-03T00:00:00+00:00</createdAt></position>
				<position><id>1</id><office>Wien</office><name>Welder</name></position>
				<position><id>2</id><name>Buyer</name><employmentType>intern</employmentType><schedule>part-time</schedule><createdAt>yesterday</createdAt><perks/></position>
				<banner/></workzag-jobs>`},
			want: []Posting{
				{ExternalID: "1", Title: "Welder", Company: "Acme GmbH & Co. KG", URL: "BASE/personio/acme-gmbh/job/1", Places: []Place{{Text: "Berlin"}, {Text: "Wien"}}, HTML: "<h3>You &lt;3</h3><p>Weld.</p>", Employment: "full-time", Seniority: "experienced", Posted: day(2, 3)},
				{ExternalID: "2", Title: "Buyer", Company: "Acme Gmbh", URL: "BASE/personio/acme-gmbh/job/2", Places: []Place{{}}, Employment: "intern"},
			},
			problems: []string{`position has an unknown field "perks" (1)`, `an unknown element "banner" (1)`, "position.createdAt is missing or not a time (1)", "position.jobDescriptions is missing (1)"},
		},
		"remoteok: the first element is a notice, pay of zero is unknown": {
			board: Board{Platform: "remoteok"},
			answers: map[string]string{"/remoteok/api": `[{"last_updated": 1770076800, "legal": "Link back."},
				{"id": "1", "slug": "welder", "position": "Welder", "company": "Acme", "location": "", "description": "<p>Weld.</p>", "url": "https://board.example/1", "apply_url": "https://acme.example/1", "date": "2026-02-03T00:00:00+00:00", "salary_min": 50000, "salary_max": 0, "tags": []},
				{"id": 2, "position": "Buyer", "company": "", "location": "Worldwide", "description": "Buy.", "url": "https://board.example/2", "date": "2026-02-04T00:00:00+00:00", "salary_min": 0, "salary_max": 0}]`},
			want: []Posting{
				{ExternalID: "1", Title: "Welder", Company: "Acme", URL: "https://board.example/1", ApplyURL: "https://acme.example/1", HTML: "<p>Weld.</p>", Remote: "remote", Places: []Place{{}}, Posted: day(2, 3), Pay: &Pay{Min: 50000, Currency: "USD", Period: "year"}},
				{ExternalID: "2", Title: "Buyer", URL: "https://board.example/2", HTML: "Buy.", Remote: "remote", Places: []Place{{Text: "Worldwide"}}, Posted: day(2, 4)},
			},
			partial:  true,
			problems: []string{"job.company is missing (1)"},
		},
		"remotive: pay in words": {
			board: Board{Platform: "remotive"},
			answers: map[string]string{"/remotive/api/remote-jobs": `{"0-legal-notice": "Link back.", "job-count": 1, "jobs": [
				{"id": 1, "title": "Welder", "company_name": "Acme", "url": "https://board.example/1", "description": "<p>Weld.</p>", "job_type": "full_time", "salary": "$50k - $60k", "candidate_required_location": "USA Only", "publication_date": "2026-02-03T00:00:00"}]}`},
			want:    []Posting{{ExternalID: "1", Title: "Welder", Company: "Acme", URL: "https://board.example/1", HTML: "<p>Weld.</p>", Remote: "remote", Employment: "full_time", PayText: "$50k - $60k", Places: []Place{{Text: "USA Only"}}, Posted: day(2, 3)}},
			partial: true,
		},
		"arbeitnow: seconds, pages to an empty one, links.next that leads in a circle": {
			board: Board{Platform: "arbeitnow"},
			answers: map[string]string{
				"/arbeitnow/api/job-board-api?page=1": `{"data": [{"slug": "welder-1", "company_name": "Acme", "title": "Welder", "description": "&lt;p&gt;Weld.&lt;/p&gt;", "remote": false, "url": "https://board.example/1", "job_types": ["Vollzeit", "befristet"], "location": "Berlin", "created_at": 1770076800}], "links": {"next": "BASE/arbeitnow/api/job-board-api?page=1"}}`,
				"/arbeitnow/api/job-board-api?page=2": `{"data": [{"slug": "welder-1", "title": "Welder"}, {"slug": "buyer-2", "company_name": "Acme", "title": "Buyer", "description": "<p>Buy.</p>", "remote": true, "url": "https://board.example/2", "job_types": "none", "location": "", "created_at": "1770163200"}]}`,
				"/arbeitnow/api/job-board-api?page=3": `{"data": []}`,
			},
			want: []Posting{
				{ExternalID: "welder-1", Title: "Welder", Company: "Acme", URL: "https://board.example/1", HTML: "<p>Weld.</p>", Places: []Place{{Text: "Berlin"}}, Employment: "Vollzeit befristet", Posted: day(2, 3)},
				{ExternalID: "buyer-2", Title: "Buyer", Company: "Acme", URL: "https://board.example/2", HTML: "<p>Buy.</p>", Remote: "remote", Places: []Place{{}}, Posted: day(2, 4)},
			},
			partial:  true,
			problems: []string{"job.job_types is a string, not an array (1)"},
		},
		"schemaorg: lists, graphs, a page with two, one without": {
			board: Board{Platform: "schemaorg", Token: "acme"},
			answers: map[string]string{
				"/careers/acme/sitemap.xml": `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>BASE/careers/acme/1</loc></url><url><loc>BASE/careers/acme/2</loc></url><url><loc>BASE/careers/acme/2</loc></url><url><loc>https://elsewhere.example/3</loc></url><url><loc>BASE/careers/acme/gone</loc></url></urlset>`,
				"/careers/acme/1": `<script type="application/ld+json">{"@context": "https://schema.org", "@type": "JobPosting", "title": "Welder", "description": "&lt;p&gt;Weld.&lt;/p&gt;", "datePosted": "2026-02-03", "validThrough": "2026-09-01T00:00", "employmentType": ["FULL_TIME", "TEMPORARY"],
					"hiringOrganization": {"@type": "Organization", "name": "Acme"}, "identifier": {"@type": "PropertyValue", "value": 17}, "jobLocation": [{"@type": "Place", "address": {"addressLocality": "Berlin", "addressCountry": {"name": "DE"}}}, {"address": "Wien, Austria"}],
					"baseSalary": {"currency": "EUR", "value": {"minValue": "50000", "maxValue": 60000, "unitText": "YEAR"}}}</script>`,
				"/careers/acme/2": `<script type="application/ld+json">{oops</script><script>{"@type": "JobPosting", "title": "Not JSON-LD"}</script>
					<script type="application/ld+json">{"@graph": [{"@type": "WebSite"}, {"@type": ["JobPosting"], "title": "Buyer", "url": "https://acme.example/buyer", "description": "<p>Buy.</p>", "hiringOrganization": "Acme", "identifier": "B", "jobLocationType": "TELECOMMUTE", "applicantLocationRequirements": {"name": "Austria"}, "baseSalary": {"currency": "EUR", "value": 20}},
					{"@type": "JobPosting", "title": "Clerk", "description": "<p>File.</p>", "hiringOrganization": [{"name": "Acme"}], "identifier": "C", "url": "javascript:alert(1)", "baseSalary": {"currency": "EUR", "value": {"value": 21, "unitText": "HOUR"}}}]}</script>`,
			},
			want: []Posting{
				{ExternalID: "17", Title: "Welder", Company: "Acme", URL: "BASE/careers/acme/1", Page: "BASE/careers/acme/1", HTML: "<p>Weld.</p>", Places: []Place{{City: "Berlin", Country: "DE"}, {Text: "Wien, Austria"}}, Employment: "FULL_TIME TEMPORARY",
					Posted: day(2, 3), Until: day(9, 1), Pay: &Pay{Min: 50000, Max: 60000, Currency: "EUR", Period: "YEAR"}},
				{ExternalID: "B", Title: "Buyer", Company: "Acme", URL: "https://acme.example/buyer", Page: "BASE/careers/acme/2", HTML: "<p>Buy.</p>", Remote: "remote", Places: []Place{{Text: "Austria"}}, Pay: &Pay{Min: 20, Max: 20, Currency: "EUR"}},
				{ExternalID: "C", Title: "Clerk", Company: "Acme", URL: "BASE/careers/acme/2", Page: "BASE/careers/acme/2", HTML: "<p>File.</p>", Pay: &Pay{Min: 21, Max: 21, Currency: "EUR", Period: "HOUR"}},
			},
			problems: []string{"JSON-LD that is not JSON (1)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, report, err := read(t, c.board, c.answers)
			if err != nil {
				t.Fatal(err)
			}
			for i := range max(len(got), len(c.want)) {
				if i >= len(got) || i >= len(c.want) || !reflect.DeepEqual(got[i], c.want[i]) {
					t.Fatalf("posting %d of %d, want %d:\n%+v\n%+v", i, len(got), len(c.want), got[min(i, len(got)):], c.want[min(i, len(c.want)):])
				}
			}
			if report.Failed != c.failed || report.Complete == c.partial {
				t.Errorf("%+v", report)
			}
			for _, p := range c.problems {
				if !slices.Contains(report.Problems, p) {
					t.Errorf("%q is not among the problems: %q", p, report.Problems)
				}
			}
		})
	}
}

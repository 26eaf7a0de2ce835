package site

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// The types below are what an adapter may rely on: decoding is strict, so that a name more or less is noticed.

type greenhousePosting struct {
	AbsoluteURL         string `json:"absolute_url"`
	InternalJobID       int64  `json:"internal_job_id"`
	Location            struct{ Name string }
	ID                  int64
	UpdatedAt           time.Time `json:"updated_at"`
	RequisitionID       string    `json:"requisition_id"`
	Title               string
	CompanyName         string    `json:"company_name"`
	FirstPublished      time.Time `json:"first_published"`
	Language            string
	ApplicationDeadline *string `json:"application_deadline"`
	Metadata            []struct {
		ID        int64
		Name      string
		Value     string
		ValueType string `json:"value_type"`
	}
	DataCompliance []map[string]any `json:"data_compliance"`
	Content        string
	Departments    []greenhouseUnit
	Offices        []greenhouseUnit
	Questions      []greenhouseQuestion
	Location_      []greenhouseQuestion `json:"location_questions"`
	Compliance     []struct {
		Type, Description string
		Questions         []greenhouseQuestion
	}
	Demographic *struct {
		Header, Description string
		Questions           []struct {
			ID            int64
			Label, Type   string
			Required      bool
			AnswerOptions []struct {
				ID       int64
				Label    string
				FreeForm bool `json:"free_form"`
				Decline  bool `json:"decline_to_answer"`
			} `json:"answer_options"`
		}
	} `json:"demographic_questions"`
	Pay []struct {
		MinCents     int    `json:"min_cents"`
		MaxCents     int    `json:"max_cents"`
		CurrencyType string `json:"currency_type"`
		Title, Blurb string
	} `json:"pay_input_ranges"`
}

type greenhouseUnit struct {
	ID       int64
	Name     string
	Location string
	ParentID *int64  `json:"parent_id"`
	ChildIDs []int64 `json:"child_ids"`
	Jobs     []greenhousePosting
	Units    []greenhouseUnit `json:"departments"`
}

type greenhouseQuestion struct {
	Label, Description string
	Required           bool
	Fields             []struct {
		Name, Type string
		Values     []struct {
			Value any
			Label string
		}
	}
}

func TestGreenhouse(t *testing.T) {
	b := start(t)
	const root = "/greenhouse/api/v1/boards/quarrystone"
	var list struct {
		Jobs []greenhousePosting
		Meta struct{ Total int }
	}
	b.getJSON(root+"/jobs?content=true", &list)
	if len(list.Jobs) != list.Meta.Total || len(list.Jobs) != posting.MinJobs {
		t.Errorf("%d postings, %d said", len(list.Jobs), list.Meta.Total)
	}
	for _, j := range list.Jobs {
		if !strings.HasPrefix(j.Content, "&lt;") || len(j.Offices) == 0 {
			t.Errorf("%s: content is not escaped, or there is no office", j.Title)
		}
	}
	var one greenhousePosting
	b.getJSON(fmt.Sprintf("%s/jobs/%d?questions=true&pay_transparency=true", root, list.Jobs[0].ID), &one)
	if len(one.Questions) < 6 || one.Questions[0].Fields[0].Name != "first_name" || !one.Questions[0].Required {
		t.Errorf("questions: %+v", one.Questions)
	}
	surveys, compliance := 0, 0
	for _, j := range b.site.board().Jobs {
		if j.Platform == posting.Greenhouse && !b.site.closed(j) && j.Places[0].CountryCode == "US" {
			var one greenhousePosting
			_, path := apiURLs("", j)
			b.getJSON(path+"?questions=true", &one)
			if one.Demographic != nil {
				surveys += len(one.Demographic.Questions)
			}
			compliance += len(one.Compliance)
		}
	}
	if surveys == 0 || compliance == 0 {
		t.Errorf("%d questions of a survey, %d of the law", surveys, compliance)
	}
	var units struct{ Offices, Departments []greenhouseUnit }
	b.getJSON(root+"/offices", &units)
	n := 0
	for _, office := range units.Offices {
		for _, department := range office.Units {
			n += len(department.Jobs)
		}
	}
	if n < len(list.Jobs) {
		t.Errorf("offices hold %d postings of %d", n, len(list.Jobs))
	}
	b.getJSON(root+"/departments", &units)
	for _, path := range []string{"/greenhouse/api/v1/boards/nobody/jobs", root + "/jobs/1"} {
		if status, _, _ := b.do(http.MethodGet, path, nil, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	hybrid := slices.ContainsFunc(b.site.board().Jobs, func(j *posting.Job) bool { return j.Platform == posting.Greenhouse && j.Location == "Hybrid" })
	if !hybrid {
		t.Error(`no posting has only "Hybrid" for a location`)
	}
}

type leverPosting struct {
	ID, Text, Country                                               string
	Opening, OpeningPlain, Description, DescriptionPlain            string
	DescriptionBody, DescriptionBodyPlain                           string
	Additional, AdditionalPlain, HostedURL, ApplyURL, WorkplaceType string
	CreatedAt                                                       int64
	Categories                                                      struct {
		Location, Commitment, Team, Department string
		AllLocations                           []string
	}
	Lists                                     []struct{ Text, Content string }
	SalaryDescription, SalaryDescriptionPlain string
	SalaryRange                               *struct {
		Min, Max           int
		Currency, Interval string
	}
}

func TestLever(t *testing.T) {
	b := start(t)
	var all, page []leverPosting
	b.getJSON("/lever/api/v0/postings/tidepool?mode=json", &all)
	for skip := 0; ; skip += 5 {
		var some []leverPosting
		b.getJSON(fmt.Sprintf("/lever/api/v0/postings/tidepool?mode=json&skip=%d&limit=5", skip), &some)
		if len(some) == 0 {
			break
		}
		page = append(page, some...)
	}
	if len(all) < 10 || len(page) != len(all) || page[7].ID != all[7].ID {
		t.Errorf("%d postings at once, %d by page", len(all), len(page))
	}
	if time.UnixMilli(all[0].CreatedAt).Year() < 2020 || len(all[0].Lists) != 3 || !strings.HasPrefix(all[0].Lists[0].Content, "<li>") {
		t.Errorf("%+v", all[0])
	}
	var one leverPosting
	b.getJSON("/lever/api/v0/postings/tidepool/"+all[0].ID, &one)
	var eu []leverPosting
	b.getJSON("/lever-eu/api/v0/postings/lindenhof?mode=json", &eu)
	for _, path := range []string{"/lever/api/v0/postings/lindenhof", "/lever-eu/api/v0/postings/tidepool", "/lever/api/v0/postings/nobody"} {
		if status, _, text := b.do(http.MethodGet, path, nil, nil); status != http.StatusNotFound || !strings.Contains(text, `"ok":false`) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

type ashbyAddressType struct {
	PostalAddress struct{ AddressRegion, AddressCountry, AddressLocality string }
}

func TestAshby(t *testing.T) {
	b := start(t)
	type component struct {
		ID, Summary, CompensationType, Interval, CurrencyCode string
		MinValue, MaxValue                                    int
	}
	var list struct {
		APIVersion string
		Jobs       []struct {
			ID, Title, Department, Team, EmploymentType, Location, WorkplaceType, JobURL, ApplyURL, DescriptionHTML, DescriptionPlain string
			PublishedAt                                                                                                               time.Time
			IsListed, IsRemote, ShouldDisplayCompensationOnJobPostings                                                                bool
			Address                                                                                                                   ashbyAddressType
			SecondaryLocations                                                                                                        []struct {
				Location string
				Address  ashbyAddressType
			}
			Compensation struct {
				CompensationTierSummary, ScrapeableCompensationSalarySummary *string
				CompensationTiers                                            []struct {
					ID, TierSummary, Title string
					AdditionalInformation  *string
					Components             []component
				}
				SummaryComponents []component
			}
		}
	}
	b.getJSON("/ashby/api/posting-api/job-board/cobaltlane?includeCompensation=true", &list)
	remoteThatIsNot, paid := false, false
	for _, j := range list.Jobs {
		remoteThatIsNot = remoteThatIsNot || j.IsRemote && j.WorkplaceType != "Remote"
		paid = paid || len(j.Compensation.CompensationTiers) > 0
	}
	if !remoteThatIsNot || !paid {
		t.Error("no posting is hybrid and yet called remote, or none says its pay")
	}
	type entry struct {
		ID                   string
		IsRequired, IsHidden bool
		DescriptionHTML      *string
		Field                struct {
			Serialization                            string `json:"__autoSerializationID"`
			ID, Path, Title, Type, HumanReadablePath string
			IsNullable                               bool
			SelectableValues                         []struct {
				Label, Value string
				IsArchived   bool
			}
		}
	}
	var answer struct {
		Data struct {
			JobPosting *struct {
				ID, Title, DepartmentName, LocationName, EmploymentType, WorkplaceType, DescriptionHTML string
				IsListed                                                                                bool
				ApplicationForm                                                                         struct {
					ID       string
					Sections []struct {
						Title, DescriptionHTML *string
						IsHidden               bool
						FieldEntries           []entry
					}
				}
				SurveyForms []any
			}
		}
	}
	ask := func(org, id string) {
		t.Helper()
		status, text := b.send(http.MethodPost, "/ashby/jobs/api/non-user-graphql?op=ApiJobPosting", obj{"operationName": "ApiJobPosting",
			"query": "query ApiJobPosting { jobPosting { id } }", "variables": obj{"organizationHostedJobsPageName": org, "jobPostingId": id}})
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		answer.Data.JobPosting = nil
		strict(t, "GraphQL", text, &answer)
	}
	ask("cobaltlane", list.Jobs[0].ID)
	paths := map[string]string{}
	for _, section := range answer.Data.JobPosting.ApplicationForm.Sections {
		for _, e := range section.FieldEntries {
			paths[e.Field.Path] = e.Field.Type
		}
	}
	if paths["_systemfield_name"] != "String" || paths["_systemfield_resume"] != "File" || len(paths) < 8 {
		t.Errorf("fields: %v", paths)
	}
	ask("cobaltlane", "00000000-0000-4000-8000-000000000000")
	if answer.Data.JobPosting != nil {
		t.Error("an unknown posting has a form")
	}
	if status, _ := b.send(http.MethodPost, "/ashby/jobs/api/non-user-graphql", obj{"operationName": "ApiUsers"}); status != http.StatusBadRequest {
		t.Errorf("another operation: %d", status)
	}
}

func TestWorkable(t *testing.T) {
	b := start(t)
	var list struct {
		Name, Description string
		Jobs              []struct {
			Title, Shortcode, Code, Department, URL, Shortlink, Country, City, State, Education, Experience, Function, Industry string
			EmploymentType                                                                                                      string `json:"employment_type"`
			ApplicationURL                                                                                                      string `json:"application_url"`
			PublishedOn                                                                                                         string `json:"published_on"`
			CreatedAt                                                                                                           string `json:"created_at"`
			Telecommuting                                                                                                       bool
			Description                                                                                                         string
			Locations                                                                                                           []struct {
				Country, CountryCode, City, Region string
				Hidden                             bool
			}
		}
	}
	b.getJSON("/workable/api/v1/widget/accounts/velora?details=true", &list)
	var groups []struct {
		Name   string
		Fields []struct {
			ID, Label, Type    string
			Required           bool
			Options            []struct{ Name, Value string }
			SingleOption       bool
			SupportedFileTypes []string
			MaxFileSize        string
		}
	}
	code := list.Jobs[0].Shortcode
	b.getJSON("/workable/api/v1/jobs/"+code+"/form", &groups)
	f := b.site.form(b.site.board().Job("workable/velora/" + code))
	for _, g := range groups {
		for _, field := range g.Fields {
			d := f.Field(field.ID)
			if d == nil || d.Required != field.Required {
				t.Errorf("%s is not as on the page", field.ID)
				continue
			}
			for i, o := range field.Options {
				if o.Name != d.Options[i].Value || o.Value != d.Options[i].Label {
					t.Errorf("option %+v is not inverted", o)
				}
			}
		}
	}
}

func TestWorkableTakesOneRequestAtATime(t *testing.T) {
	b := start(t)
	var wg sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		wg.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/workable/api/v1/widget/accounts/velora", nil)
			if err != nil {
				return
			}
			if answer, err := b.client.Do(r); err == nil {
				statuses[i] = answer.StatusCode
				_ = answer.Body.Close()
			}
		})
	}
	wg.Wait()
	if !slices.Contains(statuses, http.StatusTooManyRequests) || !slices.Contains(statuses, http.StatusOK) {
		t.Errorf("twenty at once: %v", statuses)
	}
}

func TestSmartRecruiters(t *testing.T) {
	b := start(t)
	type named struct{ ID, Label string }
	type posted struct {
		ID, Name, UUID, JobAdID, RefNumber, Visibility, Ref string
		DefaultJobAd, Active                                bool
		Company                                             struct{ Identifier, Name string }
		ReleasedDate                                        time.Time
		Location                                            struct {
			City, Region, Country, FullLocation, Latitude, Longitude string
			Remote, Hybrid                                           bool
		}
		Industry, Department, Function, TypeOfEmployment, ExperienceLevel named
		CustomField                                                       []any
		Creator                                                           struct{ Name string }
		Language                                                          struct{ Code, Label, LabelNative string }
		PostingURL, ApplyURL                                              string
		JobAd                                                             *struct {
			Sections map[string]struct {
				Title, Text string
				URLs        []string
			}
		}
		Compensation *struct {
			Min, Max         int
			Currency, Period string
		}
	}
	seen := map[string]bool{}
	for total, offset := 1, 0; offset < total; offset += 5 {
		var list struct {
			Offset, Limit, TotalFound int
			Content                   []posted
		}
		b.getJSON(fmt.Sprintf("/smartrecruiters/api/v1/companies/Northgate/postings?limit=5&offset=%d", offset), &list)
		total = list.TotalFound
		for _, p := range list.Content {
			seen[p.ID] = true
			if p.JobAd != nil {
				t.Error("the listing has descriptions")
			}
		}
	}
	if len(seen) != posting.MinJobs {
		t.Errorf("%d postings by offset", len(seen))
	}
	for id := range seen {
		var one posted
		b.getJSON("/smartrecruiters/api/v1/companies/Northgate/postings/"+id, &one)
		if one.JobAd == nil || !strings.Contains(one.JobAd.Sections["jobDescription"].Text, "<li>") {
			t.Errorf("%s has no description", id)
		}
		b.get(strings.TrimPrefix(one.ApplyURL, b.url))
		break
	}
	if text := b.get("/smartrecruiters/api/v1/companies/nobody/postings"); !strings.Contains(text, `"totalFound":0`) {
		t.Errorf("an unknown company: %s", text)
	}
}

func TestRecruiteeHasTheFormInItsListing(t *testing.T) {
	b := start(t)
	var list struct{ Offers []map[string]any }
	b.getJSON("/recruitee/werkraum/api/offers/", &list)
	questions := 0
	for _, o := range list.Offers {
		for _, name := range []string{"title", "careers_url", "careers_apply_url", "city", "country", "country_code", "remote", "description",
			"options_cv", "options_phone", "options_cover_letter", "options_photo", "created_at"} {
			if _, ok := o[name]; !ok {
				t.Errorf("an offer has no %s", name)
			}
		}
		all, _ := o["open_questions"].([]any)
		questions += len(all)
		url, _ := o["careers_apply_url"].(string)
		b.get(strings.TrimPrefix(url, b.url))
	}
	if questions == 0 {
		t.Error("no questions")
	}
}

func TestPersonio(t *testing.T) {
	b := start(t)
	var feed struct {
		XMLName   xml.Name `xml:"workzag-jobs"`
		Positions []struct {
			ID        int64     `xml:"id"`
			Name      string    `xml:"name"`
			Office    string    `xml:"office"`
			CreatedAt time.Time `xml:"createdAt"`
			Texts     []struct {
				Name  string `xml:"name"`
				Value string `xml:"value"`
			} `xml:"jobDescriptions>jobDescription"`
		} `xml:"position"`
	}
	if err := xml.Unmarshal([]byte(b.get("/personio/sonnenberg/xml")), &feed); err != nil {
		t.Fatal(err)
	}
	if len(feed.Positions) != posting.MinJobs || len(feed.Positions[0].Texts) != 6 || !strings.HasPrefix(feed.Positions[0].Texts[2].Value, "<ul>") {
		t.Errorf("%d positions: %+v", len(feed.Positions), feed.Positions[0])
	}
	b.get(fmt.Sprintf("/personio/sonnenberg/job/%d", feed.Positions[0].ID))
	if status, _, _ := b.do(http.MethodGet, "/personio/kranich/xml", nil, nil); status != http.StatusNotFound {
		t.Errorf("the tenant that has gone: %d", status)
	}
}

func TestFeeds(t *testing.T) {
	b := start(t)
	var ok []map[string]any
	b.getJSON("/remoteok/api", &ok)
	if ok[0]["legal"] == nil || ok[0]["position"] != nil || ok[1]["position"] == nil || len(ok[1]) != 15 {
		t.Errorf("RemoteOK: %v", ok[:2])
	}
	var remotive struct {
		Notice string `json:"0-legal-notice"`
		Count  int    `json:"job-count"`
		Total  int    `json:"total-job-count"`
		Jobs   []struct {
			ID                           int64
			URL, Title, Category, Salary string
			CompanyName                  string `json:"company_name"`
			CompanyLogo                  string `json:"company_logo"`
			CompanyLogoURL               string `json:"company_logo_url"`
			Tags                         []string
			JobType                      string `json:"job_type"`
			PublicationDate              string `json:"publication_date"`
			Place                        string `json:"candidate_required_location"`
			Description                  string
		}
	}
	b.getJSON("/remotive/api/remote-jobs", &remotive)
	if remotive.Count != len(remotive.Jobs) || len(remotive.Jobs) == 0 {
		t.Errorf("Remotive: %d of %d", len(remotive.Jobs), remotive.Count)
	}
	seen := 0
	for page := 1; page < 20; page++ {
		var a struct {
			Data []struct {
				Slug, Title, Description, URL, Location string
				CompanyName                             string `json:"company_name"`
				Remote                                  bool
				Tags                                    []string
				JobTypes                                []string `json:"job_types"`
				CreatedAt                               int64    `json:"created_at"`
			}
			Links map[string]*string
			Meta  map[string]any
		}
		b.getJSON(fmt.Sprintf("/arbeitnow/api/job-board-api?page=%d", page), &a)
		if a.Links["next"] == nil {
			t.Fatal("the links end, which they should not")
		}
		if len(a.Data) == 0 {
			break
		}
		seen += len(a.Data)
		if !strings.HasPrefix(a.Data[0].Description, "&lt;") {
			t.Error("Arbeitnow's text is not escaped")
		}
		b.get(strings.TrimPrefix(a.Data[0].URL, b.url))
	}
	if want := len(b.site.board().Of(posting.Arbeitnow)); seen != want {
		t.Errorf("Arbeitnow: %d postings by page, want %d", seen, want)
	}
}

// TestEveryCompanyPublishesAnother asks for more postings while the board is read.
func TestEveryCompanyPublishesAnother(t *testing.T) {
	b := start(t)
	type jobs struct {
		Total int
		Items []jobView
	}
	var before, more, after jobs
	b.getJSON("/_board/jobs?platform=ashby", &before)
	status, answer := b.send("POST", "/_board/jobs", nil)
	if err := json.Unmarshal([]byte(answer), &more); err != nil || status != http.StatusCreated {
		t.Fatal(status, err, answer)
	}
	b.getJSON("/_board/jobs?platform=ashby", &after)
	companies := len(b.site.board().Companies)
	if more.Total < companies || after.Total != before.Total+4 {
		t.Fatalf("%d postings more of %d companies; Ashby had %d and has %d", more.Total, companies, before.Total, after.Total)
	}
	for _, j := range more.Items {
		if j.Platform != posting.Ashby {
			continue
		}
		if listing := b.get(strings.TrimPrefix(j.ListingURL, b.url)); !strings.Contains(listing, j.ID) {
			t.Errorf("%s is not in its listing", j.Key)
		}
		b.get(strings.TrimPrefix(j.PageURL, b.url))
		b.get(strings.TrimPrefix(j.ApplyURL, b.url))
	}
}

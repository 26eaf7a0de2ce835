package site

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// routesGeneral serves the platforms with an API of their own and the general form.
func (s *Site) routesGeneral() {
	const smart = "GET /smartrecruiters/api/v1/companies/{token}/postings"
	s.handle(smart, posting.SmartRecruiters, "listing", s.smartListing)
	s.handle(smart+"/{id}", posting.SmartRecruiters, "job", s.smartDetail)
	s.handle("GET /recruitee/{token}/api/offers/", posting.Recruitee, "listing", func(w http.ResponseWriter, r *http.Request) {
		c := s.company(w, r, posting.Recruitee)
		if c == nil {
			return
		}
		offers := []obj{}
		for i, j := range s.listed(c.Jobs) {
			offers = append(offers, s.recruiteeOffer(r, j, i))
		}
		s.listing(w, r, c.Jobs, obj{"offers": offers})
	})
	s.handle("GET /personio/{token}/xml", posting.Personio, "listing", s.personioXML)
}

// smartPage is the largest number of postings that SmartRecruiters gives at once.
const smartPage = 100

func (s *Site) smartListing(w http.ResponseWriter, r *http.Request) {
	c := s.board().companies[posting.SmartRecruiters+"/"+strings.ToLower(r.PathValue("token"))]
	if c == nil { // an unknown company has no postings, and no error either
		s.reply(w, http.StatusOK, obj{"offset": 0, "limit": smartPage, "totalFound": 0, "content": []obj{}})
		return
	}
	jobs := s.listed(c.Jobs)
	offset := min(atLeast(r.URL.Query().Get("offset"), 0), len(jobs))
	limit := min(atLeast(r.URL.Query().Get("limit"), 10), smartPage)
	content := []obj{}
	for _, j := range jobs[offset:min(offset+limit, len(jobs))] {
		content = append(content, smartJob(r, j))
	}
	s.listing(w, r, c.Jobs, obj{"offset": offset, "limit": limit, "totalFound": len(jobs), "content": content})
}

func smartJob(r *http.Request, j *posting.Job) obj {
	p := j.Places[0]
	levels := map[string]string{"intern": "Internship", "junior": "Entry Level", "mid": "Associate", "senior": "Mid-Senior Level", "lead": "Director"}
	types := map[string]string{"full": "Full-time", "part": "Part-time", "contract": "Contract", "intern": "Intern"}
	slug := func(s string) string { return strings.ReplaceAll(posting.Slug(s), "-", "_") }
	full := p.Name()
	if j.Location == "Hybrid" {
		full = "Hybrid"
	}
	return obj{
		"id": j.ID, "name": j.Title, "uuid": fmt.Sprintf("00000000-0000-4000-8000-%012d", number(j.ID)%1000000000000),
		"jobAdId": fmt.Sprintf("00000000-0000-4000-9000-%012d", number(j.ID)%1000000000000), "defaultJobAd": true,
		"refNumber": fmt.Sprintf("REF%dX", number(j.ID)%10000), "company": obj{"identifier": j.Board, "name": j.Company.Name},
		"releasedDate": j.Published.Format("2006-01-02T15:04:05.000Z"),
		"location": obj{"city": p.City, "region": p.Region, "country": strings.ToLower(p.CountryCode), "remote": j.Workplace == "remote",
			"hybrid": j.Workplace == "hybrid", "fullLocation": full, "latitude": fmt.Sprint(p.Lat), "longitude": fmt.Sprint(p.Lon)},
		"industry": obj{"id": "services", "label": "Services"}, "department": obj{"id": fmt.Sprint(nameID(j.Department)), "label": j.Department},
		"function":         obj{"id": slug(j.Department), "label": j.Department},
		"typeOfEmployment": obj{"id": posting.Slug(types[j.Employment]), "label": types[j.Employment]},
		"experienceLevel":  obj{"id": slug(levels[j.Level]), "label": levels[j.Level]},
		"customField":      []obj{}, "visibility": "PUBLIC", "creator": obj{"name": "People team"},
		"ref":      base(r) + "/smartrecruiters/api/v1/companies/" + j.Board + "/postings/" + j.ID,
		"language": obj{"code": j.Lang, "label": languageName[j.Lang], "labelNative": languageName[j.Lang]},
	}
}

var languageName = map[string]string{"en": "English", "de": "German", "fr": "French", "es": "Spanish"}

func (s *Site) smartDetail(w http.ResponseWriter, r *http.Request) {
	c := s.company(w, r, posting.SmartRecruiters)
	if c == nil {
		return
	}
	j := s.open(c, r.PathValue("id"))
	if j == nil {
		notFound(w)
		return
	}
	s.delay(r.Context(), j)
	o := smartJob(r, j)
	o["active"] = true
	o["postingUrl"], o["applyUrl"] = base(r)+j.PagePath(), base(r)+j.ApplyPath()
	o["jobAd"] = obj{"sections": obj{
		"companyDescription":    obj{"title": "Company Description", "text": j.Render("about")},
		"jobDescription":        obj{"title": "Job Description", "text": j.Render("role", "do")},
		"qualifications":        obj{"title": "Qualifications", "text": j.Render("need")},
		"additionalInformation": obj{"title": "Additional Information", "text": j.Render("offer", "closing")},
		"videos":                obj{"urls": []string{}},
	}}
	if j.Pay != nil && !j.Pay.Hidden {
		o["compensation"] = obj{"min": j.Pay.Min, "max": j.Pay.Max, "currency": j.Pay.Currency,
			"period": map[string]string{"year": "YEARLY", "month": "MONTHLY", "day": "DAILY", "hour": "HOURLY"}[j.Pay.Period]}
	}
	s.json(w, r, s.newest(j), o)
}

// recruiteeOffer has the form in the listing. Titles, texts and questions come once more by language.
func (s *Site) recruiteeOffer(r *http.Request, j *posting.Job, i int) obj {
	const stamp = "2006-01-02 15:04:05 UTC"
	p := j.Places[0]
	asked := map[string]string{"resume": "off", "cover_letter": "off", "phone": "off"}
	questions := []obj{}
	for _, d := range s.form(j).Fields {
		state := map[bool]string{true: "required", false: "optional"}[d.Required]
		switch d.Meaning {
		case "resume", "phone", "cover_letter":
			asked[d.Meaning] = state
		}
		if d.Meaning == "cover_letter.text" {
			asked["cover_letter"] = state
		}
		if d.Group != form.Custom && d.Group != form.Consent {
			continue
		}
		kind := map[form.Kind]string{form.YesNo: "boolean", form.Textarea: "text", form.Select: "single_choice", form.Multi: "multi_choice",
			form.Number: "number", form.Date: "date", form.Checkbox: "legal", form.URL: "string", form.Text: "string"}[d.Kind]
		options := []obj{}
		if d.Kind == form.Select || d.Kind == form.Multi {
			for k, option := range d.Options {
				options = append(options, obj{"id": d.Number*10 + k, "body": option.Label, "position": k + 1,
					"translations": obj{j.Lang: obj{"body": option.Label}}})
			}
		}
		questions = append(questions, obj{"id": d.Number, "position": len(questions) + 1, "options": obj{}, "required": d.Required,
			"body": d.Label, "kind": kind, "translations": obj{j.Lang: obj{"body": d.Label}}, "open_question_options": options})
	}
	locations := []obj{}
	for _, q := range j.Places {
		locations = append(locations, obj{"id": nameID(q.City) % 100000, "name": q.City, "state": q.Region, "country": q.Country,
			"city": q.City, "country_code": q.CountryCode, "state_code": "", "postal_code": "", "street": "", "note": nil,
			"translations": obj{j.Lang: obj{"name": q.City, "city": q.City}}})
	}
	text, needs := j.Render("about", "role", "do"), j.Render("need", "offer", "closing")
	o := obj{
		"id": number(j.ID), "guid": form.Mangle(j.ID), "slug": j.Slug, "position": i + 1, "status": "published", "title": j.Title,
		"description": text, "requirements": needs, "highlight": nil, "company_name": j.Company.Name, "department": j.Department,
		"translations": obj{j.Lang: obj{"title": j.Title, "description": text, "requirements": needs, "highlight": nil}},
		"location":     p.City + ", " + p.Region + ", " + p.Country, "city": p.City, "state_name": p.Region, "state_code": "",
		"country": p.Country, "country_code": p.CountryCode, "postal_code": "", "locations": locations,
		"remote": j.Workplace == "remote", "hybrid": j.Workplace == "hybrid", "on_site": j.Workplace == "onsite",
		"employment_type_code": map[string]string{"full": "fulltime_permanent", "part": "parttime_permanent",
			"contract": "fulltime_fixed_term", "intern": "internship"}[j.Employment],
		"experience_code": map[string]string{"intern": "student_school", "junior": "entry_level", "mid": "mid_level",
			"senior": "experienced", "lead": "manager"}[j.Level],
		"education_code": "vocational", "category_code": posting.Slug(j.Department), "min_hours": 20, "max_hours": 40,
		"min_hours_per_week": "20", "max_hours_per_week": "40", "tags": []string{}, "cover_image": nil, "dynamic_fields": []obj{},
		"careers_url": base(r) + j.PagePath(), "careers_apply_url": base(r) + j.ApplyPath(),
		"mailbox_email": "job." + form.Mangle(j.ID) + "@" + j.Board + ".example", "created_at": j.Published.Format(stamp),
		"published_at": j.Published.Format(stamp), "updated_at": j.Updated.Format(stamp), "close_at": nil,
		"options_cv": asked["resume"], "options_cover_letter": asked["cover_letter"], "options_phone": asked["phone"],
		"options_photo": "off", "options_salutation": "off", "options_title": "off", "open_questions": questions,
		"locations_question": nil, "locations_question_required": false, "locations_question_type": "multiple_choice",
		"location_question_visible": false, "sharing_title": "We are hiring: " + j.Title, "sharing_description": j.Intro, "sharing_image": nil,
		"salary": nil,
	}
	if j.Pay != nil && !j.Pay.Hidden {
		o["salary"] = obj{"min": fmt.Sprint(j.Pay.Min), "max": fmt.Sprint(j.Pay.Max), "currency": j.Pay.Currency, "period": j.Pay.Period}
	}
	return o
}

// personioPosition is a posting in Personio's feed.
type personioPosition struct {
	XMLName            xml.Name       `xml:"position"`
	ID                 string         `xml:"id"`
	Subcompany         string         `xml:"subcompany"`
	Office             string         `xml:"office"`
	AdditionalOffices  []string       `xml:"additionalOffices>office,omitempty"`
	Department         string         `xml:"department"`
	RecruitingCategory string         `xml:"recruitingCategory"`
	Name               string         `xml:"name"`
	JobDescriptions    []personioText `xml:"jobDescriptions>jobDescription"`
	EmploymentType     string         `xml:"employmentType"`
	Seniority          string         `xml:"seniority"`
	Schedule           string         `xml:"schedule"`
	Keywords           string         `xml:"keywords,omitempty"`
	Occupation         string         `xml:"occupation"`
	OccupationCategory string         `xml:"occupationCategory"`
	CreatedAt          string         `xml:"createdAt"`
}

type personioText struct {
	Name  string        `xml:"name"`
	Value personioValue `xml:"value"`
}

type personioValue struct {
	Text string `xml:",cdata"`
}

func (s *Site) personioXML(w http.ResponseWriter, r *http.Request) {
	c := s.board().companies[posting.Personio+"/"+r.PathValue("token")]
	if c == nil || c.Token == "kranich" {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	s.delay(r.Context(), nil)
	var b bytes.Buffer
	b.WriteString(xml.Header + "<workzag-jobs>\n")
	var positions []personioPosition
	for _, j := range s.listed(c.Jobs) {
		p := personioPosition{ID: j.ID, Subcompany: c.Name, Office: j.Location, Department: j.Department, RecruitingCategory: j.Department,
			Name: j.Title, Keywords: strings.Join(j.Skills, ","), Occupation: j.Profession, OccupationCategory: posting.Slug(j.Department),
			EmploymentType: map[string]string{"full": "permanent", "part": "permanent", "contract": "temporary", "intern": "intern"}[j.Employment],
			Seniority:      map[string]string{"intern": "student", "junior": "entry-level", "mid": "experienced", "senior": "experienced", "lead": "executive"}[j.Level],
			Schedule:       map[string]string{"part": "part-time"}[j.Employment], CreatedAt: j.Published.Format(time.RFC3339)}
		if p.Schedule == "" {
			p.Schedule = "full-time"
		}
		if j.Workplace != "remote" && j.Location != "Hybrid" {
			p.Office = j.Places[0].City
		}
		for _, q := range j.Places[1:] {
			p.AdditionalOffices = append(p.AdditionalOffices, q.City)
		}
		for _, sec := range j.Sections() {
			t := personioText{Name: sec.Title, Value: personioValue{j.HTML(sec)}}
			if t.Name == "" {
				t.Name = c.Name
			}
			p.JobDescriptions = append(p.JobDescriptions, t)
		}
		positions = append(positions, p)
	}
	if err := xml.NewEncoder(&b).Encode(positions); err != nil {
		s.Log.Error("encode", "path", r.URL.Path, "error", err)
		http.Error(w, "cannot encode", http.StatusInternalServerError)
		return
	}
	b.WriteString("</workzag-jobs>\n")
	s.content(w, r, "application/xml; charset=utf-8", s.newest(c.Jobs...), b.Bytes())
}

package source

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

const smartFields = "company creator customField defaultJobAd department experienceLevel function id industry jobAdId language location name ref refNumber releasedDate typeOfEmployment uuid visibility active jobAd applyUrl postingUrl referralUrl compensation internal externalId jobId videoUrl"

func smartrecruiters(ctx context.Context, r *Run) error {
	const limit = 100
	base := r.Base() + "/v1/companies/" + url.PathEscape(r.Token) + "/postings"
	for n := range maxPages {
		v, err := r.json(ctx, fmt.Sprintf("%s?limit=%d&offset=%d", base, limit, n*limit), false)
		if err != nil {
			return err
		}
		answer := r.object("answer", v, "offset limit totalFound content")
		if !answer.has("content") {
			return errShape
		}
		list := answer.list("content")
		for _, item := range list {
			if err := r.smartPosting(ctx, base, r.object("posting", item, smartFields)); err != nil {
				return err
			}
		}
		if len(list) < limit || float64((n+1)*limit) >= answer.number("totalFound") {
			return nil
		}
	}
	r.partial = true
	return nil
}

// smartPosting reads the detail of a posting, where its text is.
func (r *Run) smartPosting(ctx context.Context, base string, listed object) error {
	id := listed.need("id")
	if id == "" {
		return r.emit(ctx, Posting{})
	}
	page := base + "/" + url.PathEscape(id)
	v, err := r.json(ctx, page, true)
	o := r.object("posting", v, smartFields)
	switch {
	case errors.Is(err, fetch.ErrNotModified):
		return r.sink.Unchanged(ctx, page)
	case errors.Is(err, fetch.ErrGone):
		r.problem("a posting is listed and has no detail")
		return nil // closed since
	case errors.Is(err, errShape), isStatus(err), errors.Is(err, fetch.ErrTooLarge):
		r.problem("a detail cannot be read: %v", err)
		r.report.Failed++
		return r.sink.Unchanged(ctx, page) // it is still listed
	case err != nil:
		return err
	}
	location := o.object("location")
	p := Posting{
		ExternalID: id, Title: o.need("name"), Company: o.object("company").str("name"), URL: o.str("postingUrl"), ApplyURL: o.str("applyUrl"), Page: page,
		Places:     []Place{{Text: location.str("fullLocation"), City: location.str("city"), Region: location.str("region"), Country: location.str("country")}},
		Employment: o.object("typeOfEmployment").str("label"), Seniority: o.object("experienceLevel").str("label"),
		Language: o.object("language").str("code"), Posted: o.time("releasedDate"),
	}
	if p.URL == "" {
		p.URL = "https://jobs.smartrecruiters.com/" + url.PathEscape(r.Token) + "/" + url.PathEscape(id)
	}
	switch {
	case location.flag("hybrid"):
		p.Remote = "hybrid"
	case location.flag("remote"):
		p.Remote = "remote"
	}
	var text strings.Builder
	sections := o.object("jobAd").object("sections")
	for _, name := range []string{"companyDescription", "jobDescription", "qualifications", "additionalInformation"} {
		s := sections.object(name)
		if body := s.str("text"); body != "" {
			text.WriteString("<h3>" + html.EscapeString(s.str("title")) + "</h3>" + body)
		}
	}
	if p.HTML = text.String(); p.HTML == "" {
		r.problem("posting.jobAd.sections is missing")
	}
	if pay := o.object("compensation"); pay.has("min") {
		p.Pay = &Pay{Min: pay.number("min"), Max: pay.number("max"), Currency: pay.str("currency"), Period: pay.str("period")}
	}
	return r.emit(ctx, p)
}

func smartrecruitersOne(r *Run, id string) string {
	return r.Base() + "/v1/companies/" + url.PathEscape(r.Token) + "/postings/" + url.PathEscape(id)
}

func isStatus(err error) bool {
	var status *fetch.StatusError
	return errors.As(err, &status)
}

const recruiteeFields = "careers_apply_url careers_url category_code city close_at company_name country country_code cover_image created_at department description dynamic_fields education_code employment_type_code experience_code guid highlight hybrid id location location_question_visible locations locations_question locations_question_required locations_question_type mailbox_email max_hours max_hours_per_week min_hours min_hours_per_week on_site open_questions options_cover_letter options_cv options_phone options_photo options_salutation options_title position postal_code published_at remote requirements salary sharing_description sharing_image sharing_title slug state_code state_name status tags title translations updated_at"

func recruitee(ctx context.Context, r *Run) error {
	v, err := r.json(ctx, r.Base()+"/api/offers/", true)
	if err != nil {
		return err
	}
	answer := r.object("answer", v, "offers")
	if !answer.has("offers") {
		return errShape
	}
	for _, item := range answer.list("offers") {
		o := r.object("offer", item, recruiteeFields)
		if s := o.str("status"); s != "" && s != "published" {
			continue
		}
		p := Posting{
			ExternalID: o.need("id"), Title: o.need("title"), Company: o.str("company_name"), URL: o.need("careers_url"), ApplyURL: o.str("careers_apply_url"),
			HTML: o.need("description") + o.str("requirements"), Employment: o.str("employment_type_code"), Seniority: o.str("experience_code"),
			Posted: o.time("published_at", "created_at"), Until: o.time("close_at"),
		}
		country := o.str("country_code")
		if country == "" {
			country = o.str("country")
		}
		p.Places = []Place{{Text: o.str("location"), City: o.str("city"), Region: o.str("state_name"), Country: country}}
		for i, l := range o.objects("locations") {
			if i > 0 {
				p.Places = append(p.Places, Place{Text: l.str("name"), City: l.str("city"), Region: l.str("state"), Country: l.str("country")})
			}
		}
		switch {
		case o.flag("hybrid"):
			p.Remote = "hybrid"
		case o.flag("remote"):
			p.Remote = "remote"
		case o.flag("on_site"):
			p.Remote = "onsite"
		}
		if s := o.object("salary"); s.has("min") || s.has("max") {
			p.Pay = &Pay{Min: s.number("min"), Max: s.number("max"), Currency: s.str("currency"), Period: s.str("period")}
		}
		if err := r.emit(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// element is any XML element; fields that Personio adds are so noticed.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func (e element) child(name string) element {
	for _, c := range e.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	return element{}
}

func (e element) str(name string) string { return strings.TrimSpace(e.child(name).Text) }

const personioFields = " id subcompany office additionalOffices department recruitingCategory name jobDescriptions employmentType seniority schedule yearsOfExperience keywords occupation occupationCategory createdAt salary salaryInformation "

func personio(ctx context.Context, r *Run) error {
	at := r.Base() + "/xml"
	page, err := r.page(ctx, at, true)
	if err != nil {
		return err
	}
	var root element
	if err := unmarshalXML(page.Body, &root); err != nil || root.XMLName.Local != "workzag-jobs" {
		delete(r.report.Validators, at)
		return fmt.Errorf("%w: %w", errShape, errors.Join(err))
	}
	seen := map[string]bool{}
	for _, e := range root.Children {
		if e.XMLName.Local != "position" {
			r.problem("an unknown element %q", clip(e.XMLName.Local, 60))
			continue
		}
		for _, c := range e.Children {
			if !strings.Contains(personioFields, " "+c.XMLName.Local+" ") {
				r.problem("position has an unknown field %q", clip(c.XMLName.Local, 60))
			}
		}
		id := e.str("id")
		if seen[id] && id != "" {
			continue // tenants list a position once for each office
		}
		seen[id] = true
		p := Posting{
			ExternalID: id, Title: e.str("name"), Company: e.str("subcompany"), URL: r.Base() + "/job/" + url.PathEscape(id),
			Places: []Place{{Text: e.str("office")}}, Employment: e.str("schedule"), Seniority: e.str("seniority"),
		}
		if kind := e.str("employmentType"); kind != "" && kind != "permanent" {
			p.Employment = kind // intern, trainee, temporary, freelance say more than full-time
		}
		for _, office := range e.child("additionalOffices").Children {
			p.Places = append(p.Places, Place{Text: strings.TrimSpace(office.Text)})
		}
		if t, ok := parseTime(e.str("createdAt")); ok {
			p.Posted = t
		} else {
			r.problem("position.createdAt is missing or not a time")
		}
		var text strings.Builder
		for _, d := range e.child("jobDescriptions").Children {
			text.WriteString("<h3>" + html.EscapeString(d.str("name")) + "</h3>" + d.child("value").Text)
		}
		if p.HTML = text.String(); p.HTML == "" {
			r.problem("position.jobDescriptions is missing")
		}
		if err := r.emit(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

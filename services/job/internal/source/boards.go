package source

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

const greenhouseFields = "absolute_url ai_disclaimer ai_opt_out_request_url application_deadline company_name content data_compliance departments first_published id include_ai_disclaimer internal_job_id language location metadata offices requisition_id title updated_at pay_input_ranges questions location_questions compliance demographic_questions education"

func greenhouse(ctx context.Context, r *Run) error {
	base := r.Base() + "/v1/boards/" + url.PathEscape(r.Token)
	v, err := r.json(ctx, base+"/jobs?content=true", true)
	if err != nil {
		return err
	}
	jobs := r.object("answer", v, "jobs meta")
	if !jobs.has("jobs") {
		return errShape
	}
	var offices map[string][]Place
	company := sync.OnceValue(func() string {
		if r.Name != "" {
			return r.Name
		}
		board, err := r.json(ctx, base, false)
		if err != nil {
			return ""
		}
		return r.object("board", board, "").str("name")
	})
	for _, item := range jobs.list("jobs") {
		o := r.object("job", item, greenhouseFields)
		p := Posting{
			ExternalID: o.need("id"), Title: o.need("title"), Company: o.str("company_name"), URL: o.need("absolute_url"),
			HTML:     html.UnescapeString(o.need("content")), // is escaped once more than HTML is
			Language: o.str("language"), Posted: o.time("first_published", "updated_at"), Until: o.time("application_deadline"),
		}
		if p.Company == "" {
			p.Company = company()
		}
		place := o.object("location").need("name")
		p.Places = []Place{{Text: place}}
		switch kind := strings.ToLower(strings.TrimSpace(place)); kind {
		case "", "hybrid", "remote", "onsite", "on-site", "in-office", "distributed":
			p.Remote = kind // and the place is that of the offices
			own := officesOf(o)
			if len(own) == 0 {
				if offices == nil {
					offices = r.greenhouseOffices(ctx, base)
				}
				own = offices[p.ExternalID]
			}
			if len(own) > 0 {
				p.Places = own
			}
		}
		for _, m := range o.objects("metadata") {
			switch name := strings.ToLower(m.str("name")); {
			case strings.Contains(name, "employment type"), strings.Contains(name, "time type"):
				if s, ok := m.fields["value"].(string); ok {
					p.Employment = s
				}
			case strings.Contains(name, "workplace"), strings.Contains(name, "remote"):
				if s, ok := m.fields["value"].(string); ok && p.Remote == "" {
					p.Remote = s
				}
			}
		}
		if ranges := o.objects("pay_input_ranges"); len(ranges) > 0 {
			p.Pay = &Pay{Min: ranges[0].number("min_cents") / 100, Max: ranges[0].number("max_cents") / 100, Currency: ranges[0].str("currency_type")}
		}
		if err := r.emit(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func officesOf(o object) (places []Place) {
	for _, office := range o.objects("offices") {
		text := office.str("location")
		if text == "" {
			text = office.str("name")
		}
		if text != "" {
			places = append(places, Place{Text: text})
		}
	}
	return places
}

// greenhouseOffices reads which jobs are at which office.
func (r *Run) greenhouseOffices(ctx context.Context, base string) map[string][]Place {
	found := map[string][]Place{}
	v, err := r.json(ctx, base+"/offices", false)
	if err != nil {
		r.problem("the offices cannot be read: %v", err)
		return found
	}
	for _, office := range r.object("answer", v, "").objects("offices") {
		text := office.str("location")
		if text == "" {
			text = office.str("name")
		}
		for _, department := range office.objects("departments") {
			for _, job := range department.objects("jobs") {
				found[job.str("id")] = append(found[job.str("id")], Place{Text: text})
			}
		}
	}
	return found
}

func greenhouseOne(r *Run, id string) string {
	return r.Base() + "/v1/boards/" + url.PathEscape(r.Token) + "/jobs/" + url.PathEscape(id)
}

const leverFields = "additional additionalPlain applyUrl categories country createdAt description descriptionBody descriptionBodyPlain descriptionPlain hostedUrl id lists opening openingPlain text workplaceType salaryRange salaryDescription salaryDescriptionPlain"

func lever(ctx context.Context, r *Run) error {
	const limit = 100
	for n := range maxPages {
		v, err := r.json(ctx, fmt.Sprintf("%s/v0/postings/%s?mode=json&skip=%d&limit=%d", r.Base(), url.PathEscape(r.Token), n*limit, limit), false)
		if errors.Is(err, fetch.ErrGone) {
			return fmt.Errorf("%w: there is no such site in this region of Lever; it may be in the other", err)
		}
		if err != nil {
			return err
		}
		list, ok := v.([]any)
		if !ok {
			return errShape
		}
		for _, item := range list {
			o := r.object("posting", item, leverFields)
			categories := o.object("categories")
			p := Posting{
				ExternalID: o.need("id"), Title: o.need("text"), URL: o.need("hostedUrl"), ApplyURL: o.str("applyUrl"),
				Remote: o.str("workplaceType"), Employment: categories.str("commitment"), Posted: o.unix("createdAt", time.Millisecond),
			}
			p.Company = r.companyAt(ctx, p.URL)
			var text strings.Builder
			text.WriteString(o.str("description"))
			for _, l := range o.objects("lists") {
				text.WriteString("<h3>" + html.EscapeString(l.str("text")) + "</h3><ul>" + l.str("content") + "</ul>")
			}
			text.WriteString(o.str("additional"))
			text.WriteString(o.str("salaryDescription"))
			if p.HTML = text.String(); p.HTML == "" {
				p.Text = o.need("descriptionPlain")
			}
			places := categories.list("allLocations")
			if len(places) == 0 {
				places = []any{categories.need("location")}
			}
			for _, place := range places {
				if s, ok := place.(string); ok {
					p.Places = append(p.Places, Place{Text: s, Country: o.str("country")})
				}
			}
			if o.has("salaryRange") {
				s := o.object("salaryRange")
				p.Pay = &Pay{Min: s.number("min"), Max: s.number("max"), Currency: s.str("currency"), Period: s.str("interval")}
			}
			if err := r.emit(ctx, p); err != nil {
				return err
			}
		}
		if len(list) < limit {
			return nil
		}
	}
	r.partial = true
	return nil
}

func leverOne(r *Run, id string) string {
	return r.Base() + "/v0/postings/" + url.PathEscape(r.Token) + "/" + url.PathEscape(id)
}

const ashbyFields = "address applyUrl compensation department descriptionHtml descriptionPlain employmentType id isListed isRemote jobUrl location publishedAt secondaryLocations shouldDisplayCompensationOnJobPostings team title workplaceType"

func ashby(ctx context.Context, r *Run) error {
	v, err := r.json(ctx, r.Base()+"/posting-api/job-board/"+url.PathEscape(r.Token)+"?includeCompensation=true", true)
	if err != nil {
		return err
	}
	answer := r.object("answer", v, "jobs apiVersion")
	if !answer.has("jobs") {
		return errShape
	}
	for _, item := range answer.list("jobs") {
		o := r.object("job", item, ashbyFields)
		if o.has("isListed") && !o.flag("isListed") {
			continue
		}
		p := Posting{
			ExternalID: o.need("id"), Title: o.need("title"), URL: o.need("jobUrl"), ApplyURL: o.str("applyUrl"),
			HTML: o.str("descriptionHtml"), Remote: o.str("workplaceType"), Employment: o.str("employmentType"), Posted: o.time("publishedAt"),
		}
		p.Company = r.companyAt(ctx, p.URL)
		if p.HTML == "" {
			p.Text = o.need("descriptionPlain")
		}
		if p.Remote == "" && o.flag("isRemote") { // of the two, isRemote is also set for hybrid jobs
			p.Remote = "Remote"
		}
		p.Places = append(p.Places, ashbyPlace(o.need("location"), o.object("address")))
		for _, other := range o.objects("secondaryLocations") {
			p.Places = append(p.Places, ashbyPlace(other.str("location"), other.object("address")))
		}
		for _, tier := range o.object("compensation").objects("compensationTiers") {
			for _, c := range tier.objects("components") {
				if p.Pay == nil && strings.EqualFold(c.str("compensationType"), "Salary") {
					p.Pay = &Pay{Min: c.number("minValue"), Max: c.number("maxValue"), Currency: c.str("currencyCode"), Period: c.str("interval")}
				}
			}
		}
		if err := r.emit(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func ashbyPlace(text string, address object) Place {
	a := address.object("postalAddress")
	return Place{Text: text, City: a.str("addressLocality"), Region: a.str("addressRegion"), Country: a.str("addressCountry")}
}

const workableFields = "city country created_at department locations published_on shortcode shortlink state telecommuting title url application_url code description education employment_type experience function industry workplace_type"

func workable(ctx context.Context, r *Run) error {
	v, err := r.json(ctx, r.Base()+"/api/v1/widget/accounts/"+url.PathEscape(r.Token)+"?details=true", true)
	if err != nil {
		return err
	}
	answer := r.object("answer", v, "")
	if !answer.has("jobs") {
		return errShape
	}
	// A job in several places is listed once for each.
	var order []string
	byID := map[string]*Posting{}
	for _, item := range answer.list("jobs") {
		o := r.object("job", item, workableFields)
		id := o.need("shortcode")
		place := Place{City: o.str("city"), Region: o.str("state"), Country: o.str("country")}
		if p := byID[id]; p != nil && id != "" {
			p.Places = append(p.Places, place)
			continue
		}
		p := &Posting{
			ExternalID: id, Title: o.need("title"), Company: answer.str("name"), URL: o.str("shortlink"), ApplyURL: o.str("application_url"), Places: []Place{place},
			HTML: o.str("description"), Remote: o.str("workplace_type"), Employment: o.str("employment_type"), Seniority: o.str("experience"), Posted: o.time("published_on", "created_at"),
		}
		if p.URL == "" {
			p.URL = o.need("url")
		}
		if p.Remote == "" && o.flag("telecommuting") {
			p.Remote = "remote"
		}
		byID[id] = p
		order = append(order, id)
	}
	for _, id := range order {
		if err := r.emit(ctx, *byID[id]); err != nil {
			return err
		}
	}
	return nil
}

func workableOne(r *Run, id string) string {
	return r.Base() + "/api/v1/jobs/" + url.PathEscape(id) + "/form"
}

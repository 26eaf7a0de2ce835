package source

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const remoteokFields = "apply_url company company_logo date description epoch id last_updated legal location logo position salary_max salary_min slug tags url original verified"

func remoteok(ctx context.Context, r *Run) error {
	v, err := r.json(ctx, r.Base()+"/api", true)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		return errShape
	}
	for i, item := range list {
		o := r.object("job", item, remoteokFields)
		if i == 0 && !o.has("position") {
			continue // the terms of use
		}
		p := Posting{
			ExternalID: o.need("id"), Title: o.need("position"), Company: o.need("company"), URL: o.need("url"), ApplyURL: o.str("apply_url"),
			HTML: o.need("description"), Remote: "remote", Places: []Place{{Text: o.str("location")}}, Posted: o.time("date"),
		}
		if lo, hi := o.number("salary_min"), o.number("salary_max"); lo > 0 || hi > 0 {
			p.Pay = &Pay{Min: lo, Max: hi, Currency: "USD", Period: "year"} // as the site shows them
		}
		if err := r.emit(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

const remotiveFields = "candidate_required_location category company_logo company_logo_url company_name description id job_type publication_date salary tags title url"

func remotive(ctx context.Context, r *Run) error {
	v, err := r.json(ctx, r.Base()+"/api/remote-jobs", true)
	if err != nil {
		return err
	}
	answer := r.object("answer", v, "")
	if !answer.has("jobs") {
		return errShape
	}
	for _, item := range answer.list("jobs") {
		o := r.object("job", item, remotiveFields)
		if err := r.emit(ctx, Posting{
			ExternalID: o.need("id"), Title: o.need("title"), Company: o.need("company_name"), URL: o.need("url"), HTML: o.need("description"),
			Remote: "remote", Employment: o.str("job_type"), PayText: o.str("salary"), Places: []Place{{Text: o.str("candidate_required_location")}},
			Posted: o.time("publication_date"),
		}); err != nil {
			return err
		}
	}
	return nil
}

const arbeitnowFields = "company_name created_at description job_types location remote slug tags title url"

// arbeitnow counts pages, since links.next can lead in a circle.
func arbeitnow(ctx context.Context, r *Run) error {
	const pages = 20
	seen := map[string]bool{}
	for n := 1; n <= pages; n++ {
		v, err := r.json(ctx, fmt.Sprintf("%s/api/job-board-api?page=%d", r.Base(), n), false)
		if err != nil {
			return err
		}
		answer := r.object("answer", v, "")
		if !answer.has("data") {
			return errShape
		}
		fresh := 0
		for _, item := range answer.list("data") {
			o := r.object("job", item, arbeitnowFields)
			slug := o.need("slug")
			if seen[slug] && slug != "" {
				continue
			}
			seen[slug] = true
			fresh++
			p := Posting{
				ExternalID: slug, Title: o.need("title"), Company: o.need("company_name"), URL: o.need("url"), HTML: o.need("description"),
				Places: []Place{{Text: o.str("location")}}, Posted: o.unix("created_at", time.Second),
			}
			if strings.HasPrefix(strings.TrimSpace(p.HTML), "&lt;") { // some are escaped once more
				p.HTML = unescape(p.HTML)
			}
			if o.flag("remote") {
				p.Remote = "remote"
			}
			for _, t := range o.list("job_types") {
				if s, ok := t.(string); ok {
					p.Employment = strings.TrimSpace(p.Employment + " " + s)
				}
			}
			if err := r.emit(ctx, p); err != nil {
				return err
			}
		}
		if fresh == 0 {
			return nil
		}
	}
	return nil
}

// unmarshalXML reads XML of a stranger: no external entities (Go reads none), no
// deep nesting, any charset that is UTF-8 or says it is.
func unmarshalXML(body []byte, v any) error {
	depth := 0
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.RawToken()
		if token == nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return errors.New("nested too deeply")
			}
		case xml.EndElement:
			depth--
		}
	}
	return xml.Unmarshal(body, v)
}

package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"

	xhtml "golang.org/x/net/html"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

const (
	maxSitemaps  = 50
	maxSitePages = 5000
	maxScripts   = 20 // JSON-LD blocks of a page
)

type sitemap struct {
	XMLName  xml.Name
	Sitemaps []struct {
		Loc string `xml:"loc"`
	} `xml:"sitemap"`
	URLs []struct {
		Loc string `xml:"loc"`
	} `xml:"url"`
}

// schemaorg reads the pages that a site's sitemap names, and in them JobPosting as
// JSON-LD (schema.org/JobPosting).
func schemaorg(ctx context.Context, r *Run) error {
	at := r.Base()
	if r.BaseURL != "" {
		at += "/sitemap.xml"
	}
	home, err := url.Parse(at)
	if err != nil {
		return err
	}
	pages, err := r.sitemapPages(ctx, at, home.Host)
	if err != nil {
		return err
	}
	for _, page := range pages {
		body, err := r.page(ctx, page, true)
		switch {
		case errors.Is(err, fetch.ErrNotModified):
			if err := r.sink.Unchanged(ctx, page); err != nil {
				return err
			}
			continue
		case errors.Is(err, fetch.ErrForbidden), errors.Is(err, fetch.ErrGone):
			continue
		case isStatus(err), errors.Is(err, fetch.ErrTooLarge), errors.Is(err, fetch.ErrAddress):
			r.problem("a page cannot be read: %v", err)
			r.report.Failed++
			if err := r.sink.Unchanged(ctx, page); err != nil { // not known to be gone
				return err
			}
			continue
		case err != nil:
			return err
		}
		if err := r.jsonLD(ctx, page, body.Body); err != nil {
			return err
		}
	}
	return nil
}

// sitemapPages lists the pages of a sitemap and of those it refers to
// (sitemaps.org/protocol.html), as far as they are on the same host.
func (r *Run) sitemapPages(ctx context.Context, first, host string) (pages []string, err error) {
	queue, seen := []string{first}, map[string]bool{first: true}
	same := func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && fetch.CheckURL(u) == nil && strings.EqualFold(u.Host, host) && !seen[s]
	}
	for i := 0; i < len(queue); i++ {
		page, err := r.page(ctx, queue[i], false)
		if err != nil {
			if i == 0 {
				return nil, err
			}
			r.partial = true
			r.problem("a sitemap cannot be read: %v", err)
			continue
		}
		body := page.Body
		if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			if body, err = gunzip(body, r.fetcher.MaxBytes); err != nil {
				return nil, err
			}
		}
		var m sitemap
		if err := unmarshalXML(body, &m); err != nil || (m.XMLName.Local != "urlset" && m.XMLName.Local != "sitemapindex") {
			if i == 0 {
				return nil, fmt.Errorf("%w: not a sitemap", errShape)
			}
			r.partial = true
			r.problem("a sitemap that is none")
			continue
		}
		for _, s := range m.Sitemaps {
			if loc := strings.TrimSpace(s.Loc); same(loc) && len(queue) < maxSitemaps {
				seen[loc] = true
				queue = append(queue, loc)
			}
		}
		for _, u := range m.URLs {
			if loc := strings.TrimSpace(u.Loc); same(loc) {
				seen[loc] = true
				if len(pages) == maxSitePages {
					r.partial = true
					r.problem("more than %d pages; the rest is left out", maxSitePages)
					return pages, nil
				}
				pages = append(pages, loc)
			}
		}
	}
	return pages, nil
}

func gunzip(body []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = fetch.ErrTooLarge
	}
	return out, err
}

// jsonLD emits the postings of a page.
func (r *Run) jsonLD(ctx context.Context, page string, body []byte) error {
	z := xhtml.NewTokenizer(bytes.NewReader(body))
	for scripts := 0; scripts < maxScripts; {
		switch z.Next() {
		case xhtml.ErrorToken:
			return nil
		case xhtml.StartTagToken:
			if name, more := z.TagName(); string(name) != "script" || !more || !isJSONLD(z) {
				continue
			}
			scripts++
			if z.Next() != xhtml.TextToken {
				continue
			}
			v, err := decode(z.Text())
			if err != nil {
				r.problem("JSON-LD that is not JSON")
				continue
			}
			for _, item := range jobPostings(v, nil, 0) {
				if err := r.emitLD(ctx, page, r.object("JobPosting", item, "")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func isJSONLD(z *xhtml.Tokenizer) bool {
	for {
		key, value, more := z.TagAttr()
		if string(key) == "type" && strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(value))), "application/ld+json") {
			return true
		}
		if !more {
			return false
		}
	}
}

// jobPostings finds the objects of type JobPosting in v: alone, in a list, in @graph.
func jobPostings(v any, found []any, depth int) []any {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			if depth < 4 && len(found) < 100 {
				found = jobPostings(e, found, depth+1)
			}
		}
	case map[string]any:
		if isType(x["@type"], "JobPosting") {
			return append(found, x)
		}
		for _, key := range []string{"@graph", "mainEntity", "itemListElement", "item"} {
			if x[key] != nil && depth < 4 {
				found = jobPostings(x[key], found, depth+1)
			}
		}
	}
	return found
}

func isType(v any, name string) bool {
	switch x := v.(type) {
	case string:
		return strings.TrimPrefix(strings.TrimPrefix(x, "https://schema.org/"), "http://schema.org/") == name
	case []any:
		for _, e := range x {
			if isType(e, name) {
				return true
			}
		}
	}
	return false
}

// first is a value, or the first of a list of them.
func first(v any) any {
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return nil
		}
		return list[0]
	}
	return v
}

// named is text, or the name of an object.
func named(r *Run, v any) string {
	if m, ok := first(v).(map[string]any); ok {
		return object{m, r, "object"}.str("name")
	}
	s, _ := first(v).(string)
	return s
}

func (r *Run) emitLD(ctx context.Context, page string, o object) error {
	p := Posting{
		Title: o.need("title"), Company: named(r, o.fields["hiringOrganization"]), URL: page, Page: page, HTML: o.need("description"),
		Posted: o.time("datePosted"), Until: o.time("validThrough"), Seniority: "", Language: o.str("inLanguage"),
	}
	if p.Company == "" {
		p.Company = r.Name
	}
	if u := o.str("url"); webURL(u) {
		p.URL = u
	}
	if strings.Contains(p.HTML, "&lt;") && !strings.Contains(p.HTML, "<") {
		p.HTML = unescape(p.HTML)
	}
	switch id := first(o.fields["identifier"]).(type) {
	case map[string]any:
		p.ExternalID = object{id, r, "identifier"}.str("value")
	case string:
		p.ExternalID = id
	}
	for _, t := range listOf(o.fields["employmentType"]) {
		if s, ok := t.(string); ok {
			p.Employment = strings.TrimSpace(p.Employment + " " + s)
		}
	}
	for _, l := range listOf(o.fields["jobLocation"]) {
		place := r.object("jobLocation", l, "")
		if text, ok := place.fields["address"].(string); ok {
			p.Places = append(p.Places, Place{Text: text})
			continue
		}
		a := place.object("address")
		p.Places = append(p.Places, Place{City: a.str("addressLocality"), Region: a.str("addressRegion"), Country: named(r, a.fields["addressCountry"])})
	}
	if strings.EqualFold(o.str("jobLocationType"), "TELECOMMUTE") {
		p.Remote = "remote"
		for _, l := range listOf(o.fields["applicantLocationRequirements"]) {
			if len(p.Places) == 0 {
				p.Places = append(p.Places, Place{Text: named(r, l)})
			}
		}
	}
	if m, ok := first(o.fields["baseSalary"]).(map[string]any); ok {
		salary := object{m, r, "baseSalary"}
		p.Pay = &Pay{Currency: salary.str("currency")}
		if v, ok := salary.fields["value"].(map[string]any); ok {
			value := object{v, r, "baseSalary.value"}
			p.Pay.Min, p.Pay.Max, p.Pay.Period = value.number("minValue"), value.number("maxValue"), value.str("unitText")
			if single := value.number("value"); single > 0 && p.Pay.Max == 0 {
				p.Pay.Min, p.Pay.Max = single, single
			}
		} else if single := salary.number("value"); single > 0 {
			p.Pay.Min, p.Pay.Max = single, single
		}
	}
	if p.ExternalID == "" { // the page's address is no identity: a page may hold several, a posting may have several
		sum := sha256.New()
		fmt.Fprint(sum, strings.Join([]string{strings.ToLower(p.Title), p.Company, o.str("datePosted")}, "\x00"), p.Places)
		p.ExternalID = "sha256:" + hex.EncodeToString(sum.Sum(nil)[:16])
	}
	return r.emit(ctx, p)
}

func listOf(v any) []any {
	switch x := v.(type) {
	case nil:
		return nil
	case []any:
		return x[:min(len(x), 50)]
	}
	return []any{v}
}

func unescape(s string) string { return html.UnescapeString(s) }

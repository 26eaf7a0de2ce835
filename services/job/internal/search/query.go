package search

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Query is a search for jobs. What is empty does not filter; several values of one
// filter are alternatives, except for skills.
type Query struct {
	Text         string      `json:"q,omitempty"`
	Title        string      `json:"title,omitempty"`
	Companies    []string    `json:"company,omitempty"`
	CompanyIDs   []uuid.UUID `json:"companyId,omitempty"`
	Countries    []string    `json:"country,omitempty"`
	Cities       []string    `json:"city,omitempty"`
	Near         string      `json:"near,omitempty"` // a place that Center is found by
	Lat          *float64    `json:"lat,omitempty"`
	Lon          *float64    `json:"lon,omitempty"`
	RadiusKm     float64     `json:"radiusKm,omitempty"`
	Remote       []string    `json:"remote,omitempty"`
	Employment   []string    `json:"employmentType,omitempty"`
	Seniority    []string    `json:"seniority,omitempty"`
	Skills       []string    `json:"skill,omitempty"`
	Languages    []string    `json:"language,omitempty"`
	Platforms    []string    `json:"platform,omitempty"`
	PayMin       float64     `json:"payMin,omitempty"` // a year
	PayCurrency  string      `json:"payCurrency,omitempty"`
	PostedSince  *time.Time  `json:"postedSince,omitempty"`
	IDs          []uuid.UUID `json:"-"` // only these
	NotIDs       []uuid.UUID `json:"-"`
	NotCompanies []string    `json:"-"`
	// AnyOf are words of which any will do, the more the better: for recommendations.
	AnyOf []string `json:"-"`
	// Like is a text that results should be like.
	Like string `json:"-"`
}

// Sorts.
const (
	ByRelevance = "relevance"
	ByDate      = "date"
	ByPay       = "pay"
	ByDistance  = "distance"
)

// Page says which part of the results is wanted.
type Page struct {
	Sort   string
	Limit  int
	After  []any // Last of the page before
	Facets bool
	// Highlight asks for the pieces of text that were found.
	Highlight bool
}

// Hit is a job that was found.
type Hit struct {
	ID         uuid.UUID
	Score      float64
	DistanceKm *float64
	Highlights []string
}

// Facet is how many results have a value.
type Facet struct {
	Value string
	Count int64
}

// Result is a page of hits.
type Result struct {
	Hits   []Hit
	Total  int64
	Facets map[string][]Facet
	Last   []any // where the next page begins; nil at the end
}

// FacetFields are the facets, by the name of their filter.
var FacetFields = []string{"country", "remote", "employmentType", "seniority", "company", "skill", "language", "platform"}

// field of the index that a facet counts.
func field(facet string) string {
	switch facet {
	case "company":
		return "company.raw"
	case "skill":
		return "skills.raw"
	}
	return facet
}

const facetSize = 30

// Search runs a query.
func (e *Engine) Search(ctx context.Context, q Query, p Page) (Result, error) {
	body, err := json.Marshal(Body(q, p))
	if err != nil {
		return Result{}, err
	}
	var a answer
	if err := e.do(ctx, http.MethodPost, "/"+e.Alias()+"/_search?filter_path=hits.total.value,hits.hits._id,hits.hits._score,hits.hits.sort,hits.hits.highlight,aggregations", body, searchTimeout, &a); err != nil {
		return Result{}, unanswered(err)
	}
	return a.result(p), nil
}

// unanswered says of the failure of a query whether somebody else is to be asked.
func unanswered(err error) error {
	switch status(err) {
	case http.StatusNotFound: // no index yet
		return ErrAway
	case http.StatusBadRequest:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

type answer struct {
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []struct {
			ID        uuid.UUID           `json:"_id"`
			Score     *float64            `json:"_score"`
			Sort      []any               `json:"sort"`
			Highlight map[string][]string `json:"highlight"`
		} `json:"hits"`
	} `json:"hits"`
	Aggregations map[string]struct {
		Values struct {
			Buckets []struct {
				Key   string `json:"key"`
				Count int64  `json:"doc_count"`
			} `json:"buckets"`
		} `json:"values"`
	} `json:"aggregations"`
}

func (a *answer) result(p Page) Result {
	r := Result{Total: a.Hits.Total.Value}
	for i, h := range a.Hits.Hits {
		if i == p.Limit {
			break
		}
		hit := Hit{ID: h.ID}
		if h.Score != nil {
			hit.Score = *h.Score
		}
		for _, name := range []string{"title", "description"} {
			hit.Highlights = append(hit.Highlights, h.Highlight[name]...)
		}
		if p.Sort == ByDistance && len(h.Sort) > 0 {
			if km, ok := h.Sort[0].(float64); ok && !math.IsInf(km, 0) && km < 1e6 {
				hit.DistanceKm = &km
			}
		}
		r.Hits = append(r.Hits, hit)
	}
	if len(a.Hits.Hits) > p.Limit {
		r.Last = a.Hits.Hits[p.Limit-1].Sort
	}
	if p.Facets {
		r.Facets = map[string][]Facet{}
		for name, agg := range a.Aggregations {
			for _, b := range agg.Values.Buckets {
				r.Facets[name] = append(r.Facets[name], Facet{b.Key, b.Count})
			}
		}
	}
	return r
}

// Body is the request for a query. It is exported for measuring the engine by
// itself.
func Body(q Query, p Page) map[string]any {
	facetFilters := q.facetFilters()
	filter := q.filters()
	body := m{"size": p.Limit + 1, "_source": false, "track_total_hits": true, "sort": q.sort(p.Sort)}
	if p.After != nil {
		body["search_after"] = p.After
	}
	must, should := q.text()
	query := m{}
	if len(must) > 0 {
		query["must"] = must
	}
	if len(should) > 0 {
		query["should"] = should
		if len(must) == 0 && (len(q.AnyOf) > 0 || q.Like != "") {
			query["minimum_should_match"] = 1
		}
	}
	// With facets, filters that have one are applied after counting, so that a facet
	// shows what choosing another of its values would give.
	if p.Facets && len(facetFilters) > 0 {
		var all []m
		for _, f := range facetFilters {
			all = append(all, f)
		}
		body["post_filter"] = m{"bool": m{"filter": all}}
	} else {
		for _, name := range FacetFields {
			if f, ok := facetFilters[name]; ok {
				filter = append(filter, f)
			}
		}
	}
	if len(filter) > 0 {
		query["filter"] = filter
	}
	if not := q.not(); len(not) > 0 {
		query["must_not"] = not
	}
	body["query"] = m{"bool": query}
	if len(query) == 0 {
		body["query"] = m{"match_all": m{}}
	}
	if p.Facets {
		aggs := m{}
		for _, name := range FacetFields {
			var others []m
			for other, f := range facetFilters {
				if other != name {
					others = append(others, f)
				}
			}
			aggs[name] = m{"filter": m{"bool": m{"filter": others}}, "aggs": m{"values": m{"terms": m{"field": field(name), "size": facetSize}}}}
			if len(others) == 0 {
				aggs[name] = m{"filter": m{"match_all": m{}}, "aggs": m{"values": m{"terms": m{"field": field(name), "size": facetSize}}}}
			}
		}
		body["aggs"] = aggs
	}
	if p.Highlight && (q.Text != "" || q.Title != "") {
		body["highlight"] = m{
			"encoder": "html", "pre_tags": []string{"<em>"}, "post_tags": []string{"</em>"},
			"fields": m{"title": m{"number_of_fragments": 0}, "description": m{"fragment_size": 160, "number_of_fragments": 2}},
		}
	}
	return body
}

var fields = []string{"title^6", "skills^3", "company^3", "location^1.5", "description"}

// text makes clauses of the words. All words of a short query must be found, in
// whichever fields, each with a typing error or two; of a longer one most.
func (q *Query) text() (must, should []m) {
	if t := strings.TrimSpace(q.Text); t != "" {
		must = append(must, m{"bool": m{"minimum_should_match": 1, "should": []m{
			{"multi_match": m{"query": t, "type": "cross_fields", "fields": fields, "operator": "and", "analyzer": "words_search", "boost": 2}},
			{"multi_match": m{"query": t, "type": "best_fields", "fields": []string{"title.plain^6", "skills.plain^3", "company.plain^3", "location"}, "operator": "and", "fuzziness": "AUTO:4,8", "prefix_length": 1, "max_expansions": 30, "tie_breaker": 0.3}},
			{"multi_match": m{"query": t, "type": "most_fields", "fields": []string{"title.plain^3", "company.plain", "skills.plain"}, "minimum_should_match": "3<-1 6<70%", "fuzziness": "AUTO:5,9", "prefix_length": 2, "max_expansions": 20, "boost": 0.5}},
		}}})
		should = append(should, m{"match_phrase": m{"title": m{"query": t, "slop": 2, "boost": 4}}})
	}
	if t := strings.TrimSpace(q.Title); t != "" {
		must = append(must, m{"multi_match": m{"query": t, "fields": []string{"title^2", "title.plain"}, "operator": "and", "fuzziness": "AUTO:4,8", "prefix_length": 1}})
	}
	for _, w := range q.AnyOf {
		should = append(should, m{"multi_match": m{"query": w, "type": "best_fields", "fields": []string{"title^4", "skills^3", "description"}, "operator": "and"}})
	}
	if q.Like != "" {
		should = append(should, m{"more_like_this": m{"fields": []string{"title", "description"}, "like": q.Like, "min_term_freq": 1, "min_doc_freq": 1, "max_query_terms": 25, "minimum_should_match": "20%"}})
	}
	return must, should
}

// facetFilters are the filters that have a facet, by its name.
func (q *Query) facetFilters() map[string]m {
	out := map[string]m{}
	terms := func(name, f string, values []string) {
		if len(values) > 0 {
			out[name] = m{"terms": m{f: values}}
		}
	}
	terms("country", "country", q.Countries)
	terms("remote", "remote", q.Remote)
	terms("employmentType", "employmentType", q.Employment)
	terms("seniority", "seniority", q.Seniority)
	terms("language", "language", q.Languages)
	terms("platform", "platform", q.Platforms)
	terms("company", "company.folded", q.Companies)
	if len(q.Skills) > 0 {
		var all []m
		for _, s := range q.Skills {
			all = append(all, m{"term": m{"skills.folded": s}})
		}
		out["skill"] = m{"bool": m{"filter": all}}
	}
	return out
}

func (q *Query) filters() (out []m) {
	if len(q.Cities) > 0 {
		out = append(out, m{"terms": m{"city": q.Cities}})
	}
	if len(q.CompanyIDs) > 0 {
		out = append(out, m{"terms": m{"companyId": q.CompanyIDs}})
	}
	if len(q.IDs) > 0 {
		out = append(out, m{"ids": m{"values": q.IDs}})
	}
	if q.Lat != nil && q.Lon != nil && q.RadiusKm > 0 {
		out = append(out, m{"geo_distance": m{"distance": q.RadiusKm * 1000, "point": Point{*q.Lat, *q.Lon}}})
	}
	if q.PayCurrency != "" {
		out = append(out, m{"term": m{"payCurrency": q.PayCurrency}})
	}
	if q.PayMin > 0 {
		out = append(out, m{"range": m{"payYearMax": m{"gte": q.PayMin}}})
	}
	if q.PostedSince != nil {
		out = append(out, m{"range": m{"postedAt": m{"gte": q.PostedSince.UTC().Format(time.RFC3339)}}})
	}
	return out
}

func (q *Query) not() (out []m) {
	if len(q.NotIDs) > 0 {
		out = append(out, m{"ids": m{"values": q.NotIDs}})
	}
	if len(q.NotCompanies) > 0 {
		out = append(out, m{"terms": m{"company.folded": q.NotCompanies}})
	}
	return out
}

// sort is a total order: ties are broken by the id.
func (q *Query) sort(by string) []m {
	date, id := m{"postedAt": m{"order": "desc"}}, m{"id": m{"order": "desc"}}
	switch {
	case by == ByPay:
		return []m{{"payYearMax": m{"order": "desc", "missing": "_last"}}, date, id}
	case by == ByDistance && q.Lat != nil && q.Lon != nil:
		return []m{{"_geo_distance": m{"point": Point{*q.Lat, *q.Lon}, "order": "asc", "unit": "km"}}, date, id}
	case by == ByDate, q.Text == "" && q.Title == "" && len(q.AnyOf) == 0 && q.Like == "":
		return []m{date, id}
	}
	return []m{{"_score": m{"order": "desc"}}, date, id}
}

// kinds of completions and their fields.
var kinds = map[string]string{"title": "title", "company": "company", "skill": "skills"}

// Suggest completes what was typed of a title, company or skill.
func (e *Engine) Suggest(ctx context.Context, kind, typed string, limit int) ([]Facet, error) {
	name := kinds[kind]
	terms := m{"field": name + ".raw", "size": limit}
	if kind == "skill" { // a job has many, of which only those that were typed are wanted
		terms["include"] = "(.*[^a-zA-Z0-9])?" + anyCase(typed) + ".*"
	}
	body, err := json.Marshal(m{
		"size": 0, "track_total_hits": false, "query": m{"match": m{name + ".start": m{"query": typed, "operator": "and"}}},
		"aggs": m{"found": m{"filter": m{"match_all": m{}}, "aggs": m{"values": m{"terms": terms}}}},
	})
	if err != nil {
		return nil, err
	}
	var a answer
	if err := e.do(ctx, http.MethodPost, "/"+e.Alias()+"/_search?filter_path=aggregations", body, searchTimeout, &a); err != nil {
		return nil, unanswered(err)
	}
	var out []Facet
	for _, b := range a.Aggregations["found"].Values.Buckets {
		out = append(out, Facet{b.Key, b.Count})
	}
	return out, nil
}

// anyCase is a pattern in the engine's syntax for text in whichever case.
func anyCase(s string) string {
	var b strings.Builder
	for _, c := range s {
		lower, upper := strings.ToLower(string(c)), strings.ToUpper(string(c))
		if lower != upper && len(lower) == 1 && len(upper) == 1 {
			b.WriteString("[" + lower + upper + "]")
			continue
		}
		b.WriteString(special.ReplaceAllString(string(c), `\$0`))
	}
	return b.String()
}

var special = regexp.MustCompile(`[^a-zA-Z0-9 \x{80}-\x{10ffff}]`)

// Empty reports whether a query filters nothing.
func (q *Query) Empty() bool {
	raw, err := json.Marshal(q)
	return err == nil && slices.Equal(raw, []byte("{}"))
}

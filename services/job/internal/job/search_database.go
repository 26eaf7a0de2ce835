package job

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// databaseLimit is how many matches the database ranks by words: more would keep it
// from what only it can do.
const databaseLimit = 2000

// databaseMark begins the place of a page that the database gave: the engine sorts
// by other values.
const databaseMark = "database"

func inDatabase(after []any) bool { return len(after) == 3 && after[0] == databaseMark }

// conditions builds the WHERE of a search in the database.
type conditions struct {
	where []string
	args  []any
}

// add takes a condition in which ? stands for the value.
func (c *conditions) add(condition string, value any) {
	c.args = append(c.args, value)
	c.where = append(c.where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(c.args))))
}

func (c *conditions) text() string { return strings.Join(c.where, " AND ") }

const distance = `(2 * 6371 * asin(sqrt(least(1, sin(radians(j.latitude - %[1]f) / 2) ^ 2 +
	cos(radians(%[1]f)) * cos(radians(j.latitude)) * sin(radians(j.longitude - %[2]f) / 2) ^ 2))))`

// filters are those of a query, without the facet that is counted.
func filters(q search.Query, facet string) *conditions {
	c := &conditions{where: []string{"j.closed_at IS NULL", "NOT j.hidden"}}
	words := strings.TrimSpace(q.Text + " " + q.Title)
	if words != "" {
		c.add("t.words @@ websearch_to_tsquery('simple', ?)", strings.ToLower(words))
	} else if len(q.AnyOf) > 0 {
		c.add("t.words @@ to_tsquery('simple', ?)", anyWord(q.AnyOf))
	}
	lower := func(list []string) (out []string) {
		for _, s := range list {
			out = append(out, strings.ToLower(s))
		}
		return out
	}
	for _, f := range []struct {
		name, condition string
		values          []string
	}{
		{"country", "j.country = ANY(?)", q.Countries}, {"remote", "j.remote = ANY(?)", q.Remote}, {"employmentType", "j.employment_type = ANY(?)", q.Employment},
		{"seniority", "j.seniority = ANY(?)", q.Seniority}, {"language", "j.language = ANY(?)", q.Languages}, {"platform", "j.platforms && ?", q.Platforms},
		{"company", "lower(j.company_name) = ANY(?)", lower(q.Companies)}, {"", "lower(j.city) = ANY(?)", lower(q.Cities)},
		{"", "lower(j.company_name) <> ALL(?)", lower(q.NotCompanies)},
	} {
		if len(f.values) > 0 && (f.name != facet || f.name == "") {
			c.add(f.condition, f.values)
		}
	}
	if len(q.Skills) > 0 && facet != "skill" {
		c.add("(SELECT array_agg(lower(x)) FROM unnest(j.required_skills || j.nice_skills) x) @> ?", lower(q.Skills))
	}
	if len(q.CompanyIDs) > 0 {
		c.add("j.company_id = ANY(?)", q.CompanyIDs)
	}
	if len(q.IDs) > 0 {
		c.add("j.id = ANY(?)", q.IDs)
	}
	if len(q.NotIDs) > 0 {
		c.add("j.id <> ALL(?)", q.NotIDs)
	}
	if q.PayCurrency != "" {
		c.add("j.pay_currency = ?", q.PayCurrency)
	}
	if q.PayMin > 0 {
		c.add("j.pay_year_max >= ?", q.PayMin)
	}
	if q.PostedSince != nil {
		c.add("j.posted_at >= ?", *q.PostedSince)
	}
	if q.Lat != nil && q.Lon != nil && q.RadiusKm > 0 {
		c.add("j.latitude IS NOT NULL AND "+fmt.Sprintf(distance, *q.Lat, *q.Lon)+" <= ?", q.RadiusKm)
	}
	return c
}

// anyWord is a tsquery of alternatives, each of which must be found whole.
func anyWord(list []string) string {
	var out []string
	for _, s := range list {
		if words := strings.Fields(strings.Map(func(c rune) rune {
			if strings.ContainsRune(`'&|!():*<>\`, c) {
				return ' '
			}
			return c
		}, fold(s))); len(words) > 0 {
			out = append(out, "("+strings.Join(words, " & ")+")")
		}
	}
	return strings.Join(out, " | ")
}

// searchDatabase answers a search with Postgres: words as they are, no typing
// errors, no highlights; facets and filters as with the engine.
func (s *Service) searchDatabase(ctx context.Context, q search.Query, p search.Page) (search.Result, error) {
	var r search.Result
	c := filters(q, "")
	words := strings.TrimSpace(q.Text + " " + q.Title)
	from := "FROM jobs j"
	if words != "" || len(q.AnyOf) > 0 {
		from += " JOIN job_texts t ON t.job_id = j.id"
	}
	if err := s.Pool.QueryRow(ctx, "SELECT count(*) "+from+" WHERE "+c.text(), c.args...).Scan(&r.Total); err != nil {
		return r, err
	}
	if p.Facets {
		var err error
		if r.Facets, err = s.countFacets(ctx, q, from); err != nil {
			return r, err
		}
	}
	// The order is total: by a number, downwards, and by id.
	order := "extract(epoch FROM j.posted_at)"
	switch {
	case p.Sort == search.ByPay:
		order = "coalesce(j.pay_year_max, -1)"
	case p.Sort == search.ByDistance && q.Lat != nil:
		order = "-coalesce(" + fmt.Sprintf(distance, *q.Lat, *q.Lon) + ", 1e9)"
	case p.Sort != search.ByDate && words != "" && r.Total <= databaseLimit:
		c.args = append(c.args, strings.ToLower(words))
		order = fmt.Sprintf("ts_rank(t.words, websearch_to_tsquery('simple', $%d))", len(c.args))
	case p.Sort != search.ByDate && words == "" && len(q.AnyOf) > 0 && r.Total <= databaseLimit:
		c.args = append(c.args, anyWord(q.AnyOf))
		order = fmt.Sprintf("ts_rank(t.words, to_tsquery('simple', $%d))", len(c.args))
	}
	order = "(" + order + ")::double precision"
	if inDatabase(p.After) {
		c.args = append(c.args, p.After[1], p.After[2])
		c.where = append(c.where, fmt.Sprintf("(%s, j.id) < ($%d::double precision, $%d::uuid)", order, len(c.args)-1, len(c.args)))
	}
	rows, err := s.Pool.Query(ctx, fmt.Sprintf("SELECT j.id, %s AS by %s WHERE %s ORDER BY by DESC, j.id DESC LIMIT %d", order, from, c.text(), p.Limit+1), c.args...)
	if err != nil {
		return r, err
	}
	defer rows.Close()
	var last float64
	for rows.Next() {
		var id uuid.UUID
		var by float64
		if err := rows.Scan(&id, &by); err != nil {
			return r, err
		}
		if len(r.Hits) == p.Limit {
			r.Last = []any{databaseMark, last, r.Hits[p.Limit-1].ID.String()}
			continue
		}
		last = by
		r.Hits = append(r.Hits, search.Hit{ID: id, Score: by})
	}
	return r, rows.Err()
}

var facetColumns = map[string]string{
	"country": "j.country", "remote": "j.remote", "employmentType": "j.employment_type", "seniority": "j.seniority", "company": "j.company_name",
	"language": "j.language", "platform": "unnest(j.platforms)", "skill": "unnest(j.required_skills || j.nice_skills)",
}

func (s *Service) countFacets(ctx context.Context, q search.Query, from string) (map[string][]search.Facet, error) {
	out := map[string][]search.Facet{}
	for _, name := range search.FacetFields {
		c := filters(q, name)
		list, err := s.count(ctx, "SELECT v, count(*) FROM (SELECT "+facetColumns[name]+" AS v "+from+" WHERE "+c.text()+") x WHERE v <> '' GROUP BY v ORDER BY 2 DESC, 1 LIMIT 30", c.args...)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			out[name] = list
		}
	}
	return out, nil
}

func (s *Service) count(ctx context.Context, query string, args ...any) (list []search.Facet, err error) {
	rows, err := s.Pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var f search.Facet
		if err := rows.Scan(&f.Value, &f.Count); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// suggestDatabase completes words with Postgres, from the newest jobs.
func (s *Service) suggestDatabase(ctx context.Context, kind, typed string, limit int) ([]search.Facet, error) {
	column := map[string]string{"title": "j.title", "company": "j.company_name", "skill": "unnest(j.required_skills || j.nice_skills)"}[kind]
	pattern := likeText(typed)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := s.count(ctx, `SELECT v, count(*) FROM (SELECT `+column+` AS v FROM (SELECT * FROM jobs WHERE closed_at IS NULL AND NOT hidden ORDER BY posted_at DESC LIMIT 20000) j) x
		WHERE lower(v) LIKE $1 OR lower(v) LIKE $2 GROUP BY v ORDER BY 2 DESC, 1 LIMIT $3`, pattern+"%", "% "+pattern+"%", limit)
	return list, storeError(err)
}

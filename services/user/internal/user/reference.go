package user

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/pg"
)

// Suggest asks for suggestions: the names that begin with what was typed, then
// those with a word that does, then those that resemble it.
type Suggest struct {
	Typed   string
	Limit   int
	Lang    string // of names that have several
	Country string // of places; empty: any
}

// Suggestions of the reference data in schema common.
type (
	// SkillSuggestion is an entry of the ESCO taxonomy.
	SkillSuggestion struct {
		ID      uuid.UUID `json:"id"`
		Name    string    `json:"name"`
		Matched string    `json:"matched,omitempty"` // the name that was found, where it is another
		Kind    string    `json:"kind"`
	}
	// OccupationSuggestion is an entry of the ESCO taxonomy.
	OccupationSuggestion struct {
		ID      uuid.UUID `json:"id"`
		Name    string    `json:"name"`
		Matched string    `json:"matched,omitempty"`
		ISCO    string    `json:"isco"`
	}
	// PlaceSuggestion is a city.
	PlaceSuggestion struct {
		ID          int32   `json:"id"` // of GeoNames
		Name        string  `json:"name"`
		Matched     string  `json:"matched,omitempty"`
		Region      string  `json:"region,omitempty"`
		CountryCode string  `json:"countryCode"`
		Country     string  `json:"country"`
		Latitude    float64 `json:"latitude"`
		Longitude   float64 `json:"longitude"`
		Population  int32   `json:"population"`
		TimeZone    string  `json:"timeZone"`
	}
	// CountrySuggestion is a country of ISO 3166-1.
	CountrySuggestion struct {
		Code     string `json:"code"`
		Alpha3   string `json:"alpha3"`
		Name     string `json:"name"`
		Currency string `json:"currency,omitempty"`
	}
	// CurrencySuggestion is a currency of ISO 4217.
	CurrencySuggestion struct {
		Code       string `json:"code"`
		Name       string `json:"name"`
		Symbol     string `json:"symbol"`
		MinorUnits int32  `json:"minorUnits"`
	}
	// LanguageSuggestion is a language by its BCP 47 tag.
	LanguageSuggestion struct {
		Code   string `json:"code"`
		Name   string `json:"name"`
		Native string `json:"native,omitempty"`
	}
)

// matches finds names in a table of them. In three steps, each taken only while
// there are too few: the first two are answered by indexes alone, the third
// compares trigrams. {table} has {key}, name, folded and weight; {where} is a
// further condition.
const matches = `
WITH typed AS MATERIALIZED (SELECT common.fold($1) AS q),
prefix AS MATERIALIZED (
	SELECT n.{key} AS key, n.name, n.weight + 2 + CASE WHEN n.folded = typed.q THEN 2 ELSE 0 END AS score
	FROM typed, common.{table} n
	WHERE typed.q <> '' AND n.folded ~>=~ typed.q AND n.folded ~<~ (typed.q || U&'\+10FFFF') {where}
	ORDER BY score DESC LIMIT 40 + 3 * $2
), words AS MATERIALIZED (
	SELECT n.{key} AS key, n.name, n.weight AS score
	FROM typed, common.{table} n
	WHERE length(typed.q) > 2 AND (SELECT count(DISTINCT key) FROM prefix) < $2 AND n.folded LIKE '% ' || typed.q || '%' {where}
	ORDER BY score DESC LIMIT 40 + 3 * $2
), alike AS MATERIALIZED (
	SELECT n.{key} AS key, n.name, n.weight / 4 + 6 * (common.word_similarity(typed.q, n.folded) + common.similarity(typed.q, n.folded)) - 8 AS score
	FROM typed, LATERAL ( -- of the thousands of names with a common word the first, which are those that matter most
		SELECT * FROM common.{table} n WHERE typed.q OPERATOR(common.<%) n.folded {where} LIMIT 300
	) n
	WHERE length(typed.q) > 2 AND (SELECT count(DISTINCT key) FROM (SELECT key FROM prefix UNION ALL SELECT key FROM words) sure) < least($2, 3)
	ORDER BY score DESC LIMIT 40 + 3 * $2
)
SELECT DISTINCT ON (key) key, name, score FROM (
	SELECT * FROM prefix UNION ALL SELECT * FROM words UNION ALL SELECT * FROM alike
) found ORDER BY key, score DESC`

func matching(table, key, where string) string {
	return strings.NewReplacer("{table}", table, "{key}", key, "{where}", where).Replace(matches)
}

// similar is how alike two names must be at least (pg_trgm's word similarity).
const similar = "SELECT set_config('pg_trgm.word_similarity_threshold', '0.45', true)"

// suggest runs a lookup with the threshold of similarity set.
func suggest[T any](ctx context.Context, s *Service, sql string, args ...any) (list []T, err error) {
	err = pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		if _, err := x.Exec(ctx, similar); err != nil {
			return err
		}
		rows, err := x.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	})
	return list, storeError(err)
}

var (
	skillSuggestions = "SELECT s.id, s.name, CASE WHEN m.name <> s.name THEN m.name ELSE '' END, s.kind FROM (" +
		matching("skill_names", "skill_id", "") + ") m JOIN common.skills s ON s.id = m.key ORDER BY m.score DESC, s.name LIMIT $2"
	occupationSuggestions = "SELECT o.id, o.name, CASE WHEN m.name <> o.name THEN m.name ELSE '' END, o.isco FROM (" +
		matching("occupation_names", "occupation_id", "") + ") m JOIN common.occupations o ON o.id = m.key ORDER BY m.score DESC, o.name LIMIT $2"
	placeSuggestions = "SELECT p.id, p.name, CASE WHEN m.name <> p.name THEN m.name ELSE '' END, coalesce(p.region, ''), p.country_code, " +
		"coalesce(c.names->>$3, c.names->>'en', p.country_code), p.latitude::numeric::float8, p.longitude::numeric::float8, p.population, p.time_zone FROM (" +
		matching("place_names", "place_id", "AND ($4 = '' OR EXISTS (SELECT FROM common.places p WHERE p.id = n.place_id AND p.country_code = $4))") +
		") m JOIN common.places p ON p.id = m.key LEFT JOIN common.countries c ON c.code = p.country_code ORDER BY m.score DESC, p.population DESC LIMIT $2"
)

// SuggestSkills suggests skills of the taxonomy.
func (s *Service) SuggestSkills(ctx context.Context, q Suggest) ([]SkillSuggestion, error) {
	return suggest[SkillSuggestion](ctx, s, skillSuggestions, q.Typed, q.Limit)
}

// SuggestOccupations suggests occupations of the taxonomy.
func (s *Service) SuggestOccupations(ctx context.Context, q Suggest) ([]OccupationSuggestion, error) {
	return suggest[OccupationSuggestion](ctx, s, occupationSuggestions, q.Typed, q.Limit)
}

// SuggestPlaces suggests cities, large ones first.
func (s *Service) SuggestPlaces(ctx context.Context, q Suggest) ([]PlaceSuggestion, error) {
	return suggest[PlaceSuggestion](ctx, s, placeSuggestions, q.Typed, q.Limit, q.Lang, q.Country)
}

// named finds rows of a small table by code or by name in any language; with
// nothing typed it gives all, by name.
func named(table, columns string) string {
	return fmt.Sprintf(`
		SELECT %s FROM common.%s c, common.fold($1) AS q,
		LATERAL (SELECT coalesce(c.names->>$3, c.names->>'en') AS name) l,
		LATERAL (
			SELECT max(CASE WHEN q = '' THEN 1 WHEN lower(c.code) = q THEN 5 WHEN f = q THEN 4 WHEN starts_with(f, q) THEN 3
				WHEN position(' ' || q IN f) > 0 THEN 2 ELSE common.word_similarity(q, f) END) AS score
			FROM unnest(c.folded) AS f
		) m
		WHERE m.score >= 0.45 ORDER BY m.score DESC, l.name LIMIT $2`, columns, table)
}

var (
	countrySuggestions  = named("countries", "c.code, c.alpha3, l.name, coalesce(c.currency, '')")
	currencySuggestions = named("currencies", "c.code, l.name, c.symbol, c.minor_units::int")
	languageSuggestions = named("languages", "c.code, l.name, coalesce(c.native, '')")
)

// SuggestCountries suggests countries.
func (s *Service) SuggestCountries(ctx context.Context, q Suggest) ([]CountrySuggestion, error) {
	return suggest[CountrySuggestion](ctx, s, countrySuggestions, q.Typed, q.Limit, q.Lang)
}

// SuggestCurrencies suggests currencies.
func (s *Service) SuggestCurrencies(ctx context.Context, q Suggest) ([]CurrencySuggestion, error) {
	return suggest[CurrencySuggestion](ctx, s, currencySuggestions, q.Typed, q.Limit, q.Lang)
}

// SuggestLanguages suggests languages.
func (s *Service) SuggestLanguages(ctx context.Context, q Suggest) ([]LanguageSuggestion, error) {
	return suggest[LanguageSuggestion](ctx, s, languageSuggestions, q.Typed, q.Limit, q.Lang)
}

// known checks that codes, by the pointers they came from, are in a table of
// schema common.
func (t *tx) known(ctx context.Context, table string, codes map[string]string) error {
	if len(codes) == 0 {
		return nil
	}
	rows, err := t.x.Query(ctx, "SELECT code FROM common."+pgx.Identifier{table}.Sanitize()+" WHERE code = ANY($1::text[])", slices.Collect(maps.Values(codes)))
	if err != nil {
		return err
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, pointer := range sortedKeys(codes) {
		if !slices.Contains(there, codes[pointer]) {
			return invalid(pointer, "unknown", "is not one of the "+table+" that there are")
		}
	}
	return nil
}

// place finds a city by its id.
func (t *tx) place(ctx context.Context, id int32, pointer string) (PlaceSuggestion, error) {
	rows, err := t.x.Query(ctx, `SELECT id, name, '', coalesce(region, ''), country_code, '', latitude::numeric::float8, longitude::numeric::float8, population, time_zone
		FROM common.places WHERE id = $1`, id)
	if err != nil {
		return PlaceSuggestion{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[PlaceSuggestion])
	if pg.IsNotFound(err) {
		return p, invalid(pointer, "unknown", "is not a place that there is; take one from the suggestions")
	}
	return p, err
}

// at makes a JSON Pointer of names and indexes.
func at(steps ...any) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, step := range steps {
		fmt.Fprintf(&b, "/%v", step)
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

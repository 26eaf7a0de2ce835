package job

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// gazetteer finds places by the names of schema common. What was found, or not, is
// remembered, up to a number of names.
type gazetteer struct {
	pool *pgxpool.Pool
	mu   sync.Mutex
	seen map[placeKey]*located
}

type placeKey struct{ name, country string } // folded; country may be empty

type located struct {
	Name, Region, Country string
	Latitude, Longitude   float64
}

const maxPlaces = 20_000

func newGazetteer(pool *pgxpool.Pool) *gazetteer {
	return &gazetteer{pool: pool, seen: map[placeKey]*located{}}
}

// locate gives listings the coordinates of their city, and the country where the
// posting does not name it: that of the largest city of the name. Postings whose
// city is not known to be one keep what they say.
func (g *gazetteer) locate(ctx context.Context, list []prepared) error {
	wanted := map[placeKey]bool{}
	for i := range list {
		if k, ok := keyOf(&list[i].Place); ok {
			wanted[k] = true
		}
	}
	found, err := g.find(ctx, wanted)
	if err != nil {
		return err
	}
	for i := range list {
		p := &list[i].Place
		k, ok := keyOf(p)
		if !ok {
			continue
		}
		if at := found[k]; at != nil {
			lat, lon := at.Latitude, at.Longitude
			p.City, p.Country, p.Latitude, p.Longitude = at.Name, at.Country, &lat, &lon
			p.Region = firstOf(p.Region, at.Region)
		}
	}
	return nil
}

func keyOf(p *Place) (placeKey, bool) {
	name := fold(p.City)
	return placeKey{name, p.Country}, name != "" && len(name) < 100
}

// find looks places up, those that are not remembered in one query.
func (g *gazetteer) find(ctx context.Context, wanted map[placeKey]bool) (map[placeKey]*located, error) {
	out := make(map[placeKey]*located, len(wanted))
	var names, codes []string
	g.mu.Lock()
	for k := range wanted {
		if at, ok := g.seen[k]; ok {
			out[k] = at
			continue
		}
		names, codes = append(names, k.name), append(codes, k.country)
	}
	g.mu.Unlock()
	if len(names) == 0 {
		return out, nil
	}
	rows, err := g.pool.Query(ctx, `SELECT w.name, w.country, p.name, coalesce(p.region, ''), p.country_code, p.latitude, p.longitude
		FROM (SELECT unnest($1::text[]) AS name, unnest($2::text[]) AS country) w
		CROSS JOIN LATERAL (SELECT p.* FROM common.place_names n JOIN common.places p ON p.id = n.place_id
			WHERE n.folded = w.name AND (w.country = '' OR p.country_code = w.country) ORDER BY p.population DESC LIMIT 1) p`, names, codes)
	if err != nil {
		return out, withoutPlaces(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k placeKey
		at := &located{}
		if err := rows.Scan(&k.name, &k.country, &at.Name, &at.Region, &at.Country, &at.Latitude, &at.Longitude); err != nil {
			return nil, err
		}
		out[k] = at
	}
	if err := rows.Err(); err != nil {
		return out, withoutPlaces(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.seen)+len(names) > maxPlaces {
		clear(g.seen)
	}
	for i := range names {
		k := placeKey{names[i], codes[i]}
		g.seen[k] = out[k]
	}
	return out, nil
}

// withoutPlaces forgives a database that has no reference data (yet): it knows no
// places.
func withoutPlaces(err error) error {
	var p *pgconn.PgError
	if errors.As(err, &p) && (p.Code == pgerrcodeUndefinedTable || p.Code == pgerrcodeUndefinedSchema) {
		return nil
	}
	return err
}

// https://www.postgresql.org/docs/15/errcodes-appendix.html
const (
	pgerrcodeUndefinedTable  = "42P01"
	pgerrcodeUndefinedSchema = "3F000"
)

// place finds one place that a user named, such as "Berlin" or "Springfield, US".
func (g *gazetteer) place(ctx context.Context, text string) (*located, error) {
	p := parsePlaces([]source.Place{{Text: text}})
	k, ok := keyOf(&p)
	if !ok {
		return nil, nil
	}
	found, err := g.find(ctx, map[placeKey]bool{k: true})
	return found[k], err
}

package job

import (
	"context"
	"encoding/hex"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
)

// writes are the rows of a batch. They go to the database as one JSON parameter for
// each statement, which costs one round trip however many they are.
type writes struct {
	platform        string
	source          uuid.UUID
	seen            []uuid.UUID // listings
	created         []row
	changed         []row
	newListings     []listingRow
	changedListings []listingRow
	joined          []uuid.UUID // jobs that got a listing more
	demoted         []uuid.UUID // jobs that show another listing from now on
	revived         []uuid.UUID // jobs that are listed again
}

func (w *writes) job(p *prepared, id, company uuid.UUID) row {
	r := row{
		ID: id, CompanyID: company, CompanyName: p.companyName(), Title: p.Title, HTML: p.HTML, Plain: p.Text, Language: p.Language,
		Location: p.Place.Text, Country: p.Place.Country, Region: p.Place.Region, City: p.Place.City, Latitude: p.Place.Latitude, Longitude: p.Place.Longitude,
		Remote: p.Remote, EmploymentType: p.Employment, Seniority: p.Seniority, Platform: w.platform, PostedAt: p.Posted, ValidThrough: p.Until,
		TextHashHex: hex.EncodeToString(p.textHash[:]),
	}
	if r.Location == "" && p.Remote == "remote" {
		r.Location = "Remote"
	}
	if pay := p.Pay; pay != nil {
		year := pay.YearMax()
		r.PayCurrency, r.PayPeriod, r.PayYearMax = pay.Currency, pay.Period, &year
		if pay.Min > 0 {
			r.PayMin = &pay.Min
		}
		if pay.Max > 0 {
			r.PayMax = &pay.Max
		}
	}
	return r
}

func (w *writes) listing(p *prepared, id, job uuid.UUID, primary bool) listingRow {
	return listingRow{
		ID: id, JobID: job, ExternalID: p.ExternalID, URL: p.URL, ApplyURL: p.ApplyURL, Page: p.Page, Content: p.content,
		ContentHash: hex.EncodeToString(p.contentHash[:]), Sketch: hex.EncodeToString(p.sketch.bytes()), Primary: primary,
	}
}

const (
	jobColumns = `id uuid, company_id uuid, company_name text, title text, language text, location text, country text, region text,
		city text, latitude double precision, longitude double precision, remote text, employment_type text, seniority text, pay_min double precision,
		pay_max double precision, pay_currency text, pay_period text, pay_year_max double precision, platform text, posted_at timestamptz,
		valid_through timestamptz, text_hash text`
	textColumns    = `id uuid, company_name text, title text, location text, html text, plain text`
	listingColumns = `id uuid, job_id uuid, external_id text, url text, apply_url text, page text, content jsonb, content_hash text, sketch text, "primary" boolean`

	insertJobs = `INSERT INTO jobs (id, company_id, company_name, title, language, location, country, region, city, latitude, longitude, remote, employment_type,
			seniority, pay_min, pay_max, pay_currency, pay_period, pay_year_max, platforms, posted_at, valid_through, text_hash, created_at, updated_at, enrich_after)
		SELECT id, company_id, company_name, title, language, location, country, region, city, latitude, longitude, remote, employment_type,
			seniority, pay_min, pay_max, pay_currency, pay_period, pay_year_max, ARRAY[platform], posted_at, valid_through, decode(text_hash, 'hex'), $2, $2, $2
		FROM json_to_recordset($1::json) AS t(` + jobColumns + `)`

	// What the text filled in for the posting stays while the text does.
	updateJobs = `UPDATE jobs j SET company_id = t.company_id, company_name = t.company_name, title = t.title, location = t.location,
			country = t.country, region = t.region, city = t.city, latitude = t.latitude, longitude = t.longitude,
			language = CASE WHEN t.language <> '' OR decode(t.text_hash, 'hex') <> j.text_hash THEN t.language ELSE j.language END,
			remote = CASE WHEN t.remote <> '' OR decode(t.text_hash, 'hex') <> j.text_hash THEN t.remote ELSE j.remote END,
			employment_type = CASE WHEN t.employment_type <> '' OR decode(t.text_hash, 'hex') <> j.text_hash THEN t.employment_type ELSE j.employment_type END,
			seniority = CASE WHEN t.seniority <> '' OR decode(t.text_hash, 'hex') <> j.text_hash THEN t.seniority ELSE j.seniority END,
			pay_min = t.pay_min, pay_max = t.pay_max, pay_currency = t.pay_currency, pay_period = t.pay_period, pay_year_max = t.pay_year_max,
			posted_at = least(j.posted_at, t.posted_at), valid_through = t.valid_through, text_hash = decode(t.text_hash, 'hex'),
			enrich_attempts = 0, enrich_after = $2, version = j.version + 1, updated_at = $2
		FROM json_to_recordset($1::json) AS t(` + jobColumns + `) WHERE j.id = t.id`

	putTexts = `INSERT INTO job_texts (job_id, html, plain, words)
		SELECT id, html, plain, setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', company_name), 'B') ||
			setweight(to_tsvector('simple', location), 'C') || setweight(to_tsvector('simple', left(plain, 20000)), 'D')
		FROM json_to_recordset($1::json) AS t(` + textColumns + `)
		ON CONFLICT (job_id) DO UPDATE SET html = excluded.html, plain = excluded.plain, words = excluded.words`

	insertListings = `INSERT INTO job_sources (id, job_id, source_id, platform, external_id, url, apply_url, page, content, content_hash, sketch, "primary",
			first_seen_at, last_seen_at)
		SELECT id, job_id, $3, $4, external_id, url, apply_url, page, content, decode(content_hash, 'hex'), decode(sketch, 'hex'), "primary", $2, $2
		FROM json_to_recordset($1::json) AS t(` + listingColumns + `)`

	updateListings = `UPDATE job_sources s SET url = t.url, apply_url = t.apply_url, page = t.page, content = t.content, content_hash = decode(t.content_hash, 'hex'),
			sketch = decode(t.sketch, 'hex'), last_seen_at = $2, missed = 0, live = true
		FROM json_to_recordset($1::json) AS t(` + listingColumns + `) WHERE s.id = t.id`
)

// write writes a batch and tells of it.
func (t *tx) write(ctx context.Context, w *writes) error {
	put := func(statement string, rows any, n int, more ...any) error {
		if n == 0 {
			return nil
		}
		raw, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		_, err = t.x.Exec(ctx, statement, append([]any{string(raw), t.now}, more...)...)
		return err
	}
	texts := make([]textRow, 0, len(w.created)+len(w.changed))
	for _, list := range [][]row{w.created, w.changed} {
		for _, r := range list {
			texts = append(texts, textRow{r.ID, r.CompanyName, r.Title, r.Location, r.HTML, r.Plain})
		}
	}
	if len(w.demoted) > 0 {
		if _, err := t.x.Exec(ctx, `UPDATE job_sources SET "primary" = false WHERE job_id = ANY($1)`, w.demoted); err != nil {
			return err
		}
	}
	for _, step := range []func() error{
		func() error { return put(insertJobs, w.created, len(w.created)) },
		func() error { return put(updateJobs, w.changed, len(w.changed)) },
		func() error {
			if len(texts) == 0 {
				return nil
			}
			raw, err := json.Marshal(texts)
			if err != nil {
				return err
			}
			_, err = t.x.Exec(ctx, putTexts, string(raw))
			return err
		},
		func() error { return put(insertListings, w.newListings, len(w.newListings), w.source, w.platform) },
		func() error { return put(updateListings, w.changedListings, len(w.changedListings)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(w.seen) > 0 {
		if err := t.ListingsSeen(ctx, db.ListingsSeenParams{Now: t.now, Ids: w.seen}); err != nil {
			return err
		}
	}
	return t.tell(ctx, w)
}

// tell puts the changes of a batch where they are waited for: the search index,
// alerts, other services.
func (t *tx) tell(ctx context.Context, w *writes) error {
	relisted := append(append([]uuid.UUID{}, w.joined...), w.revived...)
	if len(w.revived) > 0 {
		if _, err := t.x.Exec(ctx, `UPDATE jobs SET closed_at = NULL, closed_reason = '' WHERE id = ANY($1) AND closed_at IS NOT NULL`, w.revived); err != nil {
			return err
		}
	}
	if len(relisted) > 0 {
		if err := t.JobsPlatforms(ctx, db.JobsPlatformsParams{Ids: relisted, Now: t.now}); err != nil {
			return err
		}
	}
	touched := relisted
	var fresh []uuid.UUID
	var told []outbox.Message // one round trip for all
	for _, r := range w.created {
		fresh = append(fresh, r.ID)
		told = append(told, t.event(TypeJobPublished, r.ID, JobPublished{JobID: r.ID, CompanyID: r.CompanyID, Title: r.Title, CompanyName: r.CompanyName,
			Country: r.Country, Remote: r.Remote, Platforms: []string{r.Platform}, PayMin: deref(r.PayMin), PayMax: deref(r.PayMax),
			PayCurrency: r.PayCurrency, PayPeriod: r.PayPeriod, PostedAt: r.PostedAt, At: t.now}))
	}
	for _, r := range w.changed {
		touched = append(touched, r.ID)
		told = append(told, t.event(TypeJobUpdated, r.ID, JobUpdated{JobID: r.ID, CompanyID: r.CompanyID, Title: r.Title, CompanyName: r.CompanyName,
			Country: r.Country, Remote: r.Remote, Platforms: []string{r.Platform}, PayMin: deref(r.PayMin), PayMax: deref(r.PayMax),
			PayCurrency: r.PayCurrency, PayPeriod: r.PayPeriod, PostedAt: r.PostedAt, At: t.now}))
	}
	if err := outbox.Append(ctx, t.x, told...); err != nil {
		return err
	}
	if len(fresh) > 0 {
		if err := t.AlertQueueAdd(ctx, fresh); err != nil {
			return err
		}
	}
	return t.touch(ctx, append(touched, fresh...)...)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	searchWarm     = 20  // searches of each side that do not count
	searchPairs    = 200 // that do
	searchAccounts = 8   // share the searches, so that nobody reaches a limit
)

// madeUp is the company of the jobs that are searched. Whatever has its id was
// made here.
var madeUp = uuid.MustParse("01900000-0000-7000-8000-0000000010ad")

// lexicon is words that nobody uses, so that nothing else finds these jobs: as
// many levels, fields, trades and ordinary words as real postings show.
type lexicon struct {
	r                              *rand.Rand
	levels, fields, trades, common []string
}

func newLexicon() *lexicon {
	l := &lexicon{r: rand.New(rand.NewPCG(3, 4))}
	seen := map[string]bool{}
	words := func(n int) []string {
		list := make([]string, 0, n)
		for len(list) < n {
			var w strings.Builder
			for range 2 + l.r.IntN(2) {
				w.WriteString([]string{"b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "st", "tr"}[l.r.IntN(17)])
				w.WriteString([]string{"a", "e", "i", "o", "u", "au", "ei"}[l.r.IntN(7)])
			}
			if word := "zq" + w.String(); !seen[word] {
				seen[word] = true
				list = append(list, word)
			}
		}
		return list
	}
	l.levels, l.fields, l.trades, l.common = words(5), words(15), words(15), words(400)
	return l
}

func (l *lexicon) title() string {
	return l.levels[l.r.IntN(len(l.levels))] + " " + l.fields[l.r.IntN(len(l.fields))] + " " + l.trades[l.r.IntN(len(l.trades))]
}

// text is of 250 words, of which some are much more frequent than others.
func (l *lexicon) text() string {
	words := make([]string, 250)
	for i := range words {
		words[i] = l.common[int(float64(len(l.common))*l.r.Float64()*l.r.Float64())]
	}
	return strings.Join(words, " ") + "."
}

// searchQuery is a search, as the API's parameters and as the service's own type.
// No two are alike, since answers are kept for a moment.
type searchQuery struct {
	Text     string   `json:"q"`
	Country  []string `json:"country,omitempty"`
	Currency string   `json:"payCurrency"`
	PayMin   int      `json:"payMin"`
}

func (l *lexicon) query() searchQuery {
	q := searchQuery{Text: l.title(), Currency: "EUR", PayMin: 1 + l.r.IntN(90_000)}
	if l.r.IntN(2) == 0 {
		q.Country = []string{"DE"}
	}
	return q
}

func (q searchQuery) path() string {
	v := url.Values{"q": {q.Text}, "country": q.Country, "payCurrency": {q.Currency}, "payMin": {fmt.Sprint(q.PayMin)}}
	return "/api/v1/jobs?" + v.Encode()
}

// corpus is the made-up jobs in the instance: rows in the database, documents in
// the index.
type corpus struct {
	db    *pgx.Conn
	index string // URL of the alias that is searched
}

// searches compares a search through gateway and service with the same request to
// the engine, over 100,000 jobs. Both take turns, one request at a time.
func (b *bench) searches(ctx context.Context) (err error) {
	db, err := pgx.Connect(ctx, b.env["POSTGRES_ADMIN_URL"])
	if err != nil {
		return fmt.Errorf("POSTGRES_ADMIN_URL: %w", err)
	}
	c := &corpus{db, strings.TrimSuffix(b.env["SEARCH_URL"], "/") + "/" + b.env["SEARCH_PREFIX"] + "jobs"}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		err = errors.Join(err, c.remove(ctx), db.Close(ctx))
	}()
	if err := c.remove(ctx); err != nil { // of a run that was killed
		return err
	}
	words := newLexicon()
	if err := c.fill(ctx, words, b.jobs); err != nil {
		return err
	}
	p, err := b.startService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	clients, closeAll := newClients(p.addr, 1)
	defer closeAll()
	accounts, remove, err := b.register(ctx, clients[0], searchAccounts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	tokens := make([]string, len(accounts))
	for i, a := range accounts {
		t, err := clients[0].login(a)
		if err != nil {
			return err
		}
		tokens[i] = t.AccessToken
	}
	queries := make([]searchQuery, 2*(searchWarm+searchPairs))
	for i := range queries {
		queries[i] = words.query()
	}
	bodies, err := engineBodies(ctx, queries)
	if err != nil {
		return err
	}
	var service, engine []float64
	for i := range searchWarm + searchPairs {
		for k := range 2 {
			n := 2*i + k
			if k == i%2 {
				ms, err := searchService(ctx, b.env["GATEWAY_PLAIN_URL"]+queries[n].path(), tokens[i%len(tokens)])
				if err != nil {
					return err
				}
				service = append(service, ms)
				continue
			}
			ms, _, err := timed(ctx, http.MethodPost, c.index+"/_search", "", bodies[n])
			if err != nil {
				return err
			}
			engine = append(engine, ms)
		}
	}
	s, e := median(service[searchWarm:]), median(engine[searchWarm:])
	b.rows = append(b.rows, row{fmt.Sprintf("search of %d jobs, gateway and service", b.jobs), fmt.Sprintf("%.1f ms", s), fmt.Sprintf("engine alone: %.1f ms", e),
		fmt.Sprintf("× %.2f", s/e), "≤ × 1.2", s/e <= 1.2})
	return nil
}

func searchService(ctx context.Context, url, token string) (float64, error) {
	ms, answer, err := timed(ctx, http.MethodGet, url, token, nil)
	if err != nil {
		return 0, err
	}
	var found struct{ Degraded bool }
	if err := json.Unmarshal(answer, &found); err != nil {
		return 0, err
	}
	if found.Degraded {
		return 0, errors.New("the service answered from the database: it could not ask the engine")
	}
	return ms, nil
}

// engineBodies are the requests that the service sends to the engine for searches.
func engineBodies(ctx context.Context, queries []searchQuery) ([]json.RawMessage, error) {
	var in bytes.Buffer
	for _, q := range queries {
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./services/job/internal/search/body")
	cmd.Stdin = &in
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	var bodies []json.RawMessage
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var body json.RawMessage
		if err := lines.Decode(&body); err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	if len(bodies) != len(queries) {
		return nil, fmt.Errorf("%d requests for %d searches", len(bodies), len(queries))
	}
	return bodies, nil
}

// timed sends a request and returns how many milliseconds the whole answer took.
func timed(ctx context.Context, method, url, token string, body []byte) (float64, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s answered %d: %.500s", method, url, resp.StatusCode, answer)
	}
	return float64(took.Microseconds()) / 1000, answer, err
}

// fill makes n jobs as rows and has the service index them.
func (c *corpus) fill(ctx context.Context, words *lexicon, n int) error {
	if _, err := c.db.Exec(ctx, `INSERT INTO job.companies (id, key, name, created_at) VALUES ($1, 'load measurement', 'Load measurement', now())`, madeUp); err != nil {
		return err
	}
	for done := 0; done < n; {
		size := min(1000, n-done)
		ids, titles, texts, companies, countries, remote := make([]uuid.UUID, size), make([]string, size), make([]string, size), make([]string, size), make([]string, size), make([]string, size)
		pay := make([]float64, size)
		for i := range size {
			id, err := uuid.NewV7()
			if err != nil {
				return err
			}
			ids[i], titles[i], texts[i] = id, words.title(), words.text()
			companies[i] = fmt.Sprintf("%s %d", words.fields[0], words.r.IntN(2000))
			countries[i] = []string{"DE", "DE", "GB", "US", "FR"}[words.r.IntN(5)]
			remote[i] = []string{"remote", "hybrid", "onsite"}[words.r.IntN(3)]
			pay[i] = float64(60_000 + words.r.IntN(60_000))
		}
		// Their texts count as read, so that the service does not have them read.
		_, err := c.db.Exec(ctx, `WITH made AS (
				INSERT INTO job.jobs (id, company_id, company_name, title, language, location, country, region, city, remote, employment_type, seniority,
					pay_max, pay_currency, pay_period, pay_year_max, platforms, posted_at, text_hash, enrich_hash, created_at, updated_at)
				SELECT id, $1::uuid, company, title, 'en', '', country, '', '', remote, 'full_time', 'senior', pay, 'EUR', 'year', pay, '{greenhouse}', now(), '\x00', '\x00', now(), now()
				FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[]) AS t(id, title, company, country, remote, pay)
				RETURNING id
			), written AS (
				INSERT INTO job.job_texts (job_id, html, plain, words) SELECT id, '', plain, '' FROM unnest($2::uuid[], $8::text[]) AS t(id, plain)
			)
			INSERT INTO job.index_queue (job_id) SELECT id FROM made`, madeUp, ids, titles, companies, countries, remote, pay, texts)
		if err != nil {
			return err
		}
		done += size
	}
	most, grew := 0, time.Now()
	for {
		found, err := c.indexed(ctx)
		if err != nil || found == n {
			return err
		}
		if found > most {
			most, grew = found, time.Now()
		} else if time.Since(grew) > time.Minute {
			return fmt.Errorf("%d of %d jobs are indexed, and no more for a minute; see the log of job", found, n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// indexed is how many of the jobs the engine has.
func (c *corpus) indexed(ctx context.Context) (int, error) {
	if _, _, err := timed(ctx, http.MethodPost, c.index+"/_refresh", "", nil); err != nil {
		return 0, err
	}
	_, answer, err := timed(ctx, http.MethodPost, c.index+"/_count", "", ofCompany)
	if err != nil {
		return 0, err
	}
	var a struct{ Count int }
	return a.Count, json.Unmarshal(answer, &a)
}

var ofCompany = fmt.Appendf(nil, `{"query":{"term":{"companyId":%q}}}`, madeUp)

// remove takes all jobs of the company out of database and index. The rows go
// first: what the service is writing meanwhile, it has written when they are gone.
func (c *corpus) remove(ctx context.Context) error {
	tag, err := c.db.Exec(ctx, `WITH ours AS (SELECT id FROM job.jobs WHERE company_id = $1), waiting AS (DELETE FROM job.index_queue WHERE job_id IN (SELECT id FROM ours))
		DELETE FROM job.jobs WHERE company_id = $1`, madeUp)
	if err != nil {
		return err
	}
	if _, err := c.db.Exec(ctx, `DELETE FROM job.companies WHERE id = $1`, madeUp); err != nil {
		return err
	}
	if n, err := c.indexed(ctx); err != nil || n == 0 && tag.RowsAffected() == 0 {
		return err
	}
	if _, err := c.db.Exec(ctx, `VACUUM job.jobs, job.job_texts, job.index_queue`); err != nil {
		return err
	}
	if _, _, err := timed(ctx, http.MethodPost, c.index+"/_delete_by_query?refresh=true&conflicts=proceed", "", ofCompany); err != nil {
		return err
	}
	// What was deleted is merged away once it is flushed.
	for _, path := range []string{"/_flush", "/_forcemerge?only_expunge_deletes=true"} {
		if _, _, err := timed(ctx, http.MethodPost, c.index+path, "", nil); err != nil {
			return err
		}
	}
	n, err := c.indexed(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d made-up jobs are still in the index; measure search again, which removes them first", n)
	}
	return err
}

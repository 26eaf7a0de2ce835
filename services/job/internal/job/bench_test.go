package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

var (
	benchTitles = []string{"Engineer", "Nurse", "Cook", "Electrician", "Accountant", "Analyst", "Driver", "Teacher", "Designer", "Buyer", "Welder", "Pharmacist", "Architect", "Planner", "Baker"}
	benchLevels = []string{"", "Senior ", "Junior ", "Lead ", "Principal "}
	benchFields = []string{"Backend", "Night", "Regional", "Field", "Data", "Clinical", "Industrial", "Digital", "Retail", "Platform", "Mobile", "Cloud", "Rail", "Solar", "Marine"}
	benchPlaces = []string{"Berlin, Germany", "Hamburg, Germany", "Munich, Germany", "London, UK", "Vienna, Austria", "Chicago, IL", "Paris, France", "Remote", "Zurich, Switzerland", "Madrid, Spain"}
)

// generate makes n postings of a board that differ as real ones do: 2 to 4 KB.
func generate(r *rand.Rand, board string, n int) []posted {
	words := strings.Fields("we you team build work customers product quality people plan service system data care support project manage design develop improve measure write speak travel learn teach safety process machine tool report budget partner market field office site river bridge house school hospital kitchen garden forest")
	out := make([]posted, n)
	for i := range out {
		title := benchLevels[r.IntN(len(benchLevels))] + benchFields[r.IntN(len(benchFields))] + " " + benchTitles[r.IntN(len(benchTitles))]
		var b strings.Builder
		b.WriteString("<h2>" + title + "</h2><p>")
		for k := range 350 + r.IntN(250) {
			b.WriteString(words[r.IntN(len(words))] + " ")
			if k%60 == 59 {
				b.WriteString("</p><p>")
			}
		}
		fmt.Fprintf(&b, "</p><p>Salary: €%d,000 – €%d,000 per year.</p>", 40+r.IntN(30), 70+r.IntN(40))
		out[i] = posted{ID: fmt.Sprint(i + 1), Title: title, Company: fmt.Sprintf("Company %s", board), Place: benchPlaces[r.IntN(len(benchPlaces))], HTML: b.String()}
	}
	return out
}

// BenchmarkGather reads generated boards over HTTP, two at a time, and indexes what
// they list: jobs/s from the first request to the last document.
func BenchmarkGather(b *testing.B) {
	const each, n = 500, 6
	for b.Loop() {
		f := newFixture(b)
		r := rand.New(rand.NewPCG(1, 2))
		var ids []uuid.UUID
		for i := range n {
			name := fmt.Sprintf("board%d", i)
			f.boards.set(name, generate(r, name, each)...)
			ids = append(ids, f.add("greenhouse", name))
		}
		must(b, f.ensureIndex(b.Context()))
		g, err := f.StartGathering(b.Context(), ids, "bench")
		must(b, err)
		begun := time.Now()
		var group sync.WaitGroup
		work := make(chan uuid.UUID, n)
		for _, id := range ids {
			work <- id
		}
		close(work)
		for range 2 {
			group.Go(func() {
				for id := range work {
					if err := f.GatherSource(b.Context(), g.ID, id); err != nil {
						b.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { group.Wait(); close(done) }()
		for ended := false; ; {
			k, err := f.indexSome(b.Context())
			must(b, err)
			if k > 0 {
				continue
			}
			if ended {
				break
			}
			select {
			case <-done:
				ended = true
			case <-f.wake:
			}
		}
		took := time.Since(begun)
		if got := f.count("SELECT count(*) FROM jobs"); got != n*each {
			b.Fatalf("%d jobs, want %d", got, n*each)
		}
		b.ReportMetric(float64(n*each)/took.Seconds(), "jobs/s")
	}
}

// BenchmarkSearch compares searches through the service with the same requests to
// the engine itself, taking turns; none is in the cache. JOB_BENCH_JOBS sets how
// many jobs there are.
func BenchmarkSearch(b *testing.B) {
	const jobs = 100_000
	f := newFixture(b)
	r := rand.New(rand.NewPCG(3, 4))
	fillDatabase(b, f, r, jobs)
	must(b, f.ensureIndex(b.Context()))
	must(b, f.Engine.Refresh(b.Context()))
	user := newID()
	at := testkit.Env(b, "SEARCH_URL") + "/" + f.Engine.Alias() + "/_search"
	var service, engine []time.Duration
	query := func() search.Query {
		q := search.Query{Text: strings.ToLower(benchLevels[1+r.IntN(4)] + benchFields[r.IntN(len(benchFields))] + " " + benchTitles[r.IntN(len(benchTitles))])}
		if r.IntN(2) == 0 {
			q.Countries = []string{"DE"}
		}
		q.PayCurrency, q.PayMin = "EUR", float64(r.IntN(90_000)) // no two alike
		return q
	}
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		for k := range 2 {
			q, p := query(), search.Page{Sort: search.ByRelevance, Limit: 20, Facets: true, Highlight: true}
			if (i+k)%2 == 0 {
				begun := time.Now()
				res, err := f.Search(b.Context(), user, q, p)
				must(b, err)
				if res.Degraded {
					b.Fatal("the engine is away")
				}
				service = append(service, time.Since(begun))
				continue
			}
			body, err := json.Marshal(search.Body(q, p))
			must(b, err)
			begun := time.Now()
			resp, err := http.Post(at, "application/json", bytes.NewReader(body))
			must(b, err)
			_, err = io.Copy(io.Discard, resp.Body)
			must(b, err)
			must(b, resp.Body.Close())
			engine = append(engine, time.Since(begun))
		}
	}
	if len(service) == 0 || len(engine) == 0 {
		return
	}
	slices.Sort(service)
	slices.Sort(engine)
	s, e := service[len(service)/2], engine[len(engine)/2]
	b.ReportMetric(float64(s.Microseconds())/1000, "service-ms")
	b.ReportMetric(float64(e.Microseconds())/1000, "engine-ms")
	b.ReportMetric(float64(s)/float64(e), "ratio")
}

// fillDatabase makes jobs without gathering them.
func fillDatabase(b *testing.B, f *fixture, r *rand.Rand, n int) {
	b.Helper()
	company := newID()
	_, err := f.pool.Exec(b.Context(), "INSERT INTO companies (id, key, name, created_at) VALUES ($1, 'bench', 'Bench', now())", company)
	must(b, err)
	for done := 0; done < n; {
		var rows []row
		var texts []textRow
		for _, p := range generate(r, "bench", min(1000, n-done)) {
			country := []string{"DE", "DE", "GB", "US", "FR"}[r.IntN(5)]
			top := float64(60_000 + r.IntN(60_000))
			rows = append(rows, row{ID: newID(), CompanyID: company, CompanyName: fmt.Sprintf("Company %d", r.IntN(2000)), Title: p.Title, Language: "en",
				Location: p.Place, Country: country, Remote: []string{"remote", "hybrid", "onsite"}[r.IntN(3)], EmploymentType: "full_time", Seniority: "senior",
				PayMax: &top, PayCurrency: "EUR", PayPeriod: "year", PayYearMax: &top, Platform: "greenhouse", PostedAt: time.Now().Add(-time.Duration(r.IntN(1e6)) * time.Second), TextHashHex: "00"})
			texts = append(texts, textRow{ID: rows[len(rows)-1].ID, Plain: p.HTML})
		}
		raw, err := json.Marshal(rows)
		must(b, err)
		_, err = f.pool.Exec(b.Context(), insertJobs, string(raw), time.Now())
		must(b, err)
		raw, err = json.Marshal(texts)
		must(b, err)
		_, err = f.pool.Exec(b.Context(), "INSERT INTO job_texts (job_id, html, plain, words) SELECT id, '', plain, '' FROM json_to_recordset($1::json) AS t("+textColumns+")", string(raw))
		must(b, err)
		done += len(rows)
	}
}

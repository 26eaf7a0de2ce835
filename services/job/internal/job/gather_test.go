package job

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

func TestGatherStoresTellsAndFinds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook, posted{ID: "3", Title: "", Place: "x", HTML: "no title"})
	id := f.add("greenhouse", "brightwater")
	g := f.gather(id)
	if g.State != "done" || g.Found != 2 || g.Created != 2 || g.Failed != 1 || len(g.Problems) == 0 {
		t.Fatalf("%+v", g)
	}
	if n := f.outbox(TypeJobPublished); n != 2 {
		t.Fatalf("%d events", n)
	}
	if n := f.outbox(TypeSourceGathered); n != 1 {
		t.Fatalf("%d events", n)
	}
	f.index()
	r := f.search(search.Query{Text: "senor go enginer"}) // two typing errors
	if len(r.Jobs) != 1 || r.Jobs[0].Title != "Senior Go Engineer" || r.Degraded || r.Total != 1 {
		t.Fatalf("%+v", r)
	}
	j := r.Jobs[0]
	if j.Company != "Brightwater GmbH" || j.Place.Country != "DE" || j.Place.City != "Berlin" || j.Seniority != "senior" || j.Pay == nil || j.Pay.Max != 90000 || j.Language != "en" {
		t.Fatalf("%+v", j)
	}
	if r = f.search(search.Query{Text: "measurements"}); len(r.Jobs) != 1 || len(r.Jobs[0].Highlights) == 0 || !strings.Contains(r.Jobs[0].Highlights[0], "<em>measurements</em>") {
		t.Fatalf("%+v", r)
	}
	// The facet of a filter counts what choosing another value would give.
	r = f.search(search.Query{Seniority: []string{"senior"}, Countries: []string{"DE"}})
	if len(r.Jobs) != 1 || r.Facets["country"][0].Count != 1 || len(r.Facets["company"]) != 1 {
		t.Fatalf("%+v", r)
	}
	// Again: nothing is new, nothing is told.
	if g := f.gather(id); g.Unchanged != 2 || g.Created+g.Updated+g.Closed != 0 {
		t.Fatalf("%+v", g)
	}
	if f.outbox(TypeJobPublished) != 2 || f.outbox(TypeJobUpdated) != 0 {
		t.Fatal("events without news")
	}
	// Changed.
	changed := goJob
	changed.Title = "Principal Go Engineer"
	f.boards.set("brightwater", changed, cook)
	if g := f.gather(id); g.Updated != 1 || f.outbox(TypeJobUpdated) != 1 {
		t.Fatalf("%+v", g)
	}
	f.index()
	if r = f.search(search.Query{Text: "principal"}); len(r.Jobs) != 1 || r.Jobs[0].Seniority != "principal" {
		t.Fatalf("%+v", r)
	}
}

func TestAJobIsClosedWhenItIsMissingTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook)
	id := f.add("greenhouse", "brightwater")
	f.gather(id)
	f.index()
	f.boards.set("brightwater", cook)
	if g := f.gather(id); g.Closed != 0 {
		t.Fatal("closed at once")
	}
	// A reading that fails makes nothing missing.
	f.boards.handle("/greenhouse/api/v1/boards/brightwater/jobs", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if g := f.gather(id); g.State != "failed" || g.Error == nil {
		t.Fatalf("%+v", g)
	}
	f.boards.handle("/greenhouse/api/v1/boards/brightwater/jobs", nil)
	if n := f.count("SELECT count(*) FROM jobs WHERE closed_at IS NOT NULL"); n != 0 {
		t.Fatal("closed by a failure")
	}
	if g := f.gather(id); g.Closed != 1 || f.outbox(TypeJobClosed) != 1 {
		t.Fatalf("%+v", g)
	}
	f.index()
	if r := f.search(search.Query{}); len(r.Jobs) != 1 || r.Jobs[0].Title != "Cook" {
		t.Fatalf("%v", titles(r))
	}
	// Listed again, it is open again.
	f.boards.set("brightwater", goJob, cook)
	f.gather(id)
	f.index()
	if r := f.search(search.Query{}); len(r.Jobs) != 2 {
		t.Fatalf("%v", titles(r))
	}
}

func TestSourcesAreMergedAndSplit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook)
	copied := posted{ID: "go-berlin", Title: "Senior Go Engineer - Berlin", Company: "Brightwater", Place: "Berlin", HTML: goJob.HTML[:420]}
	other := posted{ID: "baker", Title: "Baker", Company: "Brightwater", Place: "Hamburg", HTML: text("You bake bread at night, which is quiet work for somebody who likes to be awake when others are not.")}
	f.boards.set("arbeitnow", copied, other)
	aggregatorID, board := f.add("arbeitnow", ""), f.add("greenhouse", "brightwater")
	// The aggregator first: the company's own board then takes the job over.
	f.gather(aggregatorID)
	if g := f.gather(board); g.Created != 1 || g.Updated != 1 {
		t.Fatalf("%+v", g)
	}
	var id uuid.UUID
	must(t, f.pool.QueryRow(t.Context(), "SELECT job_id FROM job_sources GROUP BY job_id HAVING count(*) = 2").Scan(&id))
	j, l, err := f.GetJobForApply(t.Context(), id)
	must(t, err)
	if len(j.Listings) != 2 || j.Title != "Senior Go Engineer" || l.Platform != "greenhouse" || l.Board != "brightwater" || l.ExternalID != "1" {
		t.Fatalf("%+v %+v", j, l)
	}
	var moved uuid.UUID
	for _, x := range j.Listings {
		if x.Platform == "arbeitnow" {
			moved = x.ID
		}
	}
	split, err := f.SplitListing(t.Context(), id, moved)
	must(t, err)
	if split.Title != "Senior Go Engineer - Berlin" || len(split.Listings) != 1 {
		t.Fatalf("%+v", split)
	}
	if j, err = f.job(t.Context(), id); err != nil || len(j.Listings) != 1 {
		t.Fatalf("%+v %v", j, err)
	}
	_, err = f.SplitListing(t.Context(), id, j.Listings[0].ID)
	wantCode(t, err, "only_listing")
	f.gather(aggregatorID)
	if n := f.count("SELECT count(*) FROM jobs"); n != 4 {
		t.Fatalf("%d jobs: the split did not last", n)
	}
}

func TestCheckAsksTheSource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook)
	f.gather(f.add("greenhouse", "brightwater"))
	ids := map[string]uuid.UUID{}
	f.index()
	for _, j := range f.search(search.Query{}).Jobs {
		ids[j.Title] = j.ID
	}
	l, err := f.CheckJobLive(t.Context(), ids["Cook"])
	must(t, err)
	if !l.Live {
		t.Fatalf("%+v", l)
	}
	f.boards.handle("/page/brightwater/1", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<p>This position has been\n <b>filled</b>.</p>"))
	})
	if l, err = f.CheckJobLive(t.Context(), ids["Senior Go Engineer"]); err != nil || l.Live || l.Reason == "" {
		t.Fatalf("%+v %v", l, err)
	}
	f.boards.set("brightwater", posted{ID: "9", Title: "x"})
	if l, err = f.CheckJobLive(t.Context(), ids["Cook"]); err != nil || l.Live {
		t.Fatalf("%+v %v", l, err)
	}
	if n := f.count("SELECT count(*) FROM jobs WHERE closed_at IS NOT NULL AND closed_reason <> ''"); n != 2 {
		t.Fatal(n)
	}
}

func TestSearchWithoutTheEngine(t *testing.T) {
	t.Parallel()
	f := newFixtureOn(t, "http://127.0.0.1:1")
	f.boards.set("brightwater", goJob, cook)
	f.gather(f.add("greenhouse", "brightwater"))
	r := f.search(search.Query{Text: "go engineer", Countries: []string{"DE"}})
	if !r.Degraded || len(r.Jobs) != 1 || r.Total != 1 || len(r.Facets["company"]) != 1 {
		t.Fatalf("%+v", r)
	}
	// Pages follow each other.
	seen := map[string]bool{}
	for page := (search.Page{Sort: search.ByDate, Limit: 1}); ; {
		r, err := f.Search(t.Context(), uuid.Nil, search.Query{}, page)
		must(t, err)
		for _, j := range r.Jobs {
			seen[j.Title] = true
		}
		if r.Last == nil {
			break
		}
		page.After = r.Last
	}
	if len(seen) != 2 {
		t.Fatal(seen)
	}
	list, err := f.Suggest(t.Context(), "title", "coo", 5)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := f.indexSome(t.Context()); !errors.Is(err, search.ErrAway) {
		t.Fatal(err)
	}
	if n := f.count("SELECT count(*) FROM index_queue"); n != 2 {
		t.Fatalf("%d jobs wait for the engine", n)
	}
}

func TestReindexAndPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook)
	f.gather(f.add("greenhouse", "brightwater"))
	f.index()
	before, err := f.Engine.Current(t.Context())
	must(t, err)
	must(t, f.Reindex(t.Context(), nil))
	after, err := f.Engine.Current(t.Context())
	must(t, err)
	if before == after || f.count("SELECT count(*) FROM search_indices") != 1 {
		t.Fatal(before, after)
	}
	for _, sort := range []string{search.ByDate, search.ByPay, search.ByDistance, search.ByRelevance} {
		lat, lon := 52.5, 13.4
		q := search.Query{PayCurrency: "EUR", Lat: &lat, Lon: &lon, RadiusKm: 20000}
		if sort != search.ByDistance {
			q.Lat, q.Lon = nil, nil
		}
		page, n := search.Page{Sort: sort, Limit: 1}, 0
		for {
			r, err := f.Search(t.Context(), uuid.Nil, q, page)
			must(t, err)
			n += len(r.Jobs)
			if r.Last == nil {
				break
			}
			page.After = r.Last
		}
		if n != 2 && sort != search.ByDistance { // without reference data there are no points
			t.Errorf("by %s: %d jobs", sort, n)
		}
	}
	for kind, typed := range map[string]string{"title": "senior g", "company": "bri"} {
		if list, err := f.Suggest(t.Context(), kind, typed, 5); err != nil || len(list) != 1 {
			t.Errorf("%s: %v %v", kind, list, err)
		}
	}
	list, err := f.ListSimilarJobs(t.Context(), uuid.Nil, f.search(search.Query{Text: "cook"}).Jobs[0].ID, 5)
	must(t, err)
	if len(list) != 1 {
		t.Errorf("%d similar", len(list))
	}
	_, err = f.Search(t.Context(), uuid.Nil, search.Query{}, search.Page{Sort: search.ByPay, Limit: 1})
	wantCode(t, err, "currency_needed")
	_, err = f.Search(t.Context(), uuid.Nil, search.Query{Near: "Nowhere at all"}, search.Page{Limit: 1})
	wantCode(t, err, "place_unknown")
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, other := newID(), newID()
	instant, err := f.CreateAlert(t.Context(), user, Alert{Name: "Go", Frequency: Instant, Enabled: true, Query: search.Query{Text: "go engineer"}})
	must(t, err)
	daily, err := f.CreateAlert(t.Context(), user, Alert{Name: "All in Germany", Frequency: Daily, Enabled: true, Query: search.Query{Countries: []string{"DE"}}})
	must(t, err)
	_, err = f.CreateAlert(t.Context(), user, Alert{Name: "x", Frequency: Daily, Enabled: true})
	wantCode(t, err, "alert_too_wide")
	f.boards.set("brightwater", goJob, cook)
	f.gather(f.add("greenhouse", "brightwater"))
	f.advance(settle + time.Second)
	must(t, f.MatchAlerts(t.Context())) // what the engine does not have yet is left
	if f.count("SELECT count(*) FROM alert_queue") != 2 {
		t.Fatal("matched before it was indexed")
	}
	f.index()
	for range 2 {
		must(t, f.MatchAlerts(t.Context()))
	}
	if n := f.outbox(TypeAlertMatched); n != 1 {
		t.Fatalf("%d events", n)
	}
	must(t, f.SendDigests(t.Context()))
	if n := f.outbox(TypeAlertMatched); n != 1 {
		t.Fatal("a digest before its day")
	}
	f.advance(25 * time.Hour)
	for range 2 {
		must(t, f.SendDigests(t.Context()))
	}
	if n := f.outbox(TypeAlertMatched); n != 2 {
		t.Fatalf("%d events", n)
	}
	list, more, err := f.ListAlertMatches(t.Context(), user, daily.ID, Page{Limit: 1})
	if err != nil || len(list) != 1 || !more {
		t.Fatal(list, more, err)
	}
	_, err = f.GetAlert(t.Context(), other, instant.ID)
	wantCode(t, err, "alert_not_found")
	// Gone with its owner, who does not come back.
	must(t, f.DeleteUserData(t.Context(), user))
	held, err := f.Footprint(t.Context(), user)
	must(t, err)
	for _, h := range held {
		if h.Count != 0 {
			t.Errorf("%+v", h)
		}
	}
	_, err = f.CreateAlert(t.Context(), user, Alert{Name: "x", Frequency: Daily, Query: search.Query{Text: "x"}})
	wantCode(t, err, "account_deleted")
}

func TestReportsHide(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob)
	f.gather(f.add("greenhouse", "brightwater"))
	f.index()
	id := f.search(search.Query{}).Jobs[0].ID
	user, admin := newID(), newID()
	for range 2 {
		must(t, f.ReportJob(t.Context(), user, id, "scam", "They ask\u202e for money"))
		must(t, f.SaveJob(t.Context(), user, id))
	}
	if saved, _, err := f.ListSavedJobs(t.Context(), user, Page{Limit: 5}); err != nil || len(saved) != 1 || f.outbox(TypeJobSaved) != 1 {
		t.Fatal(saved, err)
	}
	list, _, err := f.ListReports(t.Context(), "open", Page{Limit: 10})
	if err != nil || len(list) != 1 || list[0].Comment != "They ask for money" {
		t.Fatal(list, err)
	}
	r, err := f.ResolveReport(t.Context(), admin, list[0].ID, "upheld", "")
	if err != nil || r.State != "upheld" {
		t.Fatal(r, err)
	}
	_, err = f.ResolveReport(t.Context(), admin, list[0].ID, "dismissed", "")
	wantCode(t, err, "report_resolved")
	_, err = f.GetJob(t.Context(), user, id)
	wantCode(t, err, "job_not_found")
	f.index()
	if r := f.search(search.Query{}); len(r.Jobs) != 0 {
		t.Fatal("a hidden job is found")
	}
}

// A site that refuses connections is the source's failure, not a reason to do the
// work again and again.
func TestASiteThatIsDownFailsItsSource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.add("greenhouse", "brightwater")
	f.boards.down()
	if g := f.gather(id); g.State != "failed" || g.Error == nil {
		t.Errorf("%+v", g)
	}
}

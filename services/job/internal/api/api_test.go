package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/job/internal/clients"
	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
	"github.com/jobpilot/jobpilot/services/job/internal/job"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// newAPI is the edge on a service whose search engine and neighbours are away, and
// a board with one job on it.
func newAPI(t *testing.T) (*testkit.API, *job.Service) {
	t.Helper()
	board := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/boards/brightwater/jobs") {
			_ = json.NewEncoder(w).Encode(map[string]any{"jobs": []any{map[string]any{"id": 1, "title": "Go Engineer", "company_name": "Brightwater", "location": map[string]any{"name": "Berlin, Germany"},
				"absolute_url": "https://boards.example/1", "content": "&lt;p&gt;We build bridges of data, and you build them with us in Go every day.&lt;/p&gt;"}}})
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(board.Close)
	engine, err := search.Open(search.Options{URL: "http://127.0.0.1:1", Prefix: "none-"})
	if err != nil {
		t.Fatal(err)
	}
	client, prefix := testkit.Redis(t)
	pool := testkit.DB(t, "migrations/job")
	const away = "http://127.0.0.1:1"
	peers, err := clients.Dial(http.DefaultClient, away, away, away)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := job.New(job.Deps{
		Pool: pool, Redis: client, CachePrefix: prefix, Engine: engine, Peers: peers, SourceBaseURL: board.URL, Log: slog.New(slog.DiscardHandler),
		Fetcher: fetch.New(fetch.Options{UserAgent: "test", Allow: []string{strings.TrimPrefix(board.URL, "http://")}, Parallel: 1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	cursors, err := httpx.NewCursors(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{Jobs: jobs, Cursors: cursors}
	return testkit.NewAPI(t, httpx.Options{Spec: Spec, Access: Access, Routes: server.Routes, Idempotency: httpx.NewIdempotency(pool, testkit.SealKeys(t))}), jobs
}

// Every answer is held against the contract by testkit.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	a, jobs := newAPI(t)
	admin, ada, eve := a.User(t, uuid.Nil, authn.RoleAdmin), a.User(t, uuid.Nil), a.User(t, uuid.Nil)
	orchestrator, none := a.Service("orchestrator"), "/"+uuid.NewString()

	admin.Do(t, "POST", "/api/v1/jobs/sources", map[string]any{"platform": "greenhouse"}).WantProblem(422, "invalid_source")
	admin.Do(t, "POST", "/api/v1/jobs/sources", map[string]any{"platform": "schemaorg", "token": "http://169.254.169.254/sitemap.xml"}).WantProblem(422, "invalid_address")
	ada.Do(t, "POST", "/api/v1/jobs/sources", map[string]any{"platform": "greenhouse", "token": "brightwater"}).Want(403)
	var source JobSource
	admin.Do(t, "POST", "/api/v1/jobs/sources", map[string]any{"platform": "greenhouse", "token": "brightwater"}).Want(201).JSON(&source)
	admin.Do(t, "POST", "/api/v1/jobs/sources", map[string]any{"platform": "greenhouse", "token": "brightwater"}).WantProblem(409, "source_exists")
	at := "/api/v1/jobs/sources/" + source.ID.String()
	admin.Do(t, "PATCH", at, map[string]any{"enabled": false}).Want(200)
	admin.Do(t, "POST", at+"/gather", nil).WantProblem(409, "source_disabled")
	admin.Do(t, "PATCH", at, map[string]any{"enabled": true, "everyMinutes": 60}).Want(200)
	var run Gathering
	admin.Do(t, "POST", at+"/gather", nil).Want(202).JSON(&run)
	if err := jobs.GatherSource(t.Context(), run.ID, source.ID); err != nil {
		t.Fatal(err)
	}
	admin.Do(t, "GET", "/api/v1/jobs/gatherings/"+run.ID.String(), nil).Want(200).JSON(&run)
	if run.State != GatheringStateDone || run.Sources[0].Created != 1 {
		t.Fatalf("%+v", run)
	}
	admin.Do(t, "POST", "/api/v1/jobs/gatherings", nil).Want(202)
	admin.Do(t, "GET", "/api/v1/jobs/sources", nil).Want(200)
	orchestrator.Do(t, "POST", "/internal/v1/gatherings", map[string]any{}).Want(202).JSON(&run)
	orchestrator.Do(t, "GET", "/internal/v1/gatherings/"+run.ID.String(), nil).Want(200)
	orchestrator.Do(t, "GET", "/internal/v1/gatherings"+none, nil).WantProblem(404, "gathering_not_found")

	var found JobSearchResult
	ada.Do(t, "GET", "/api/v1/jobs?q=go&country=DE&limit=1", nil).Want(200).JSON(&found)
	if len(found.Items) != 1 || !found.Degraded {
		t.Fatalf("%+v", found)
	}
	a.Nobody().Do(t, "GET", "/api/v1/jobs", nil).Want(401)
	a.APIKey(ada.ID, "jobs:read").Do(t, "GET", "/api/v1/jobs", nil).Want(200)
	ada.Do(t, "GET", "/api/v1/jobs?sort=pay", nil).WantProblem(422, "currency_needed")
	ada.Do(t, "GET", "/api/v1/jobs?sort=distance", nil).WantProblem(422, "center_needed")
	ada.Do(t, "GET", "/api/v1/jobs?cursor=abc", nil).WantProblem(400, "invalid_cursor")
	ada.Do(t, "GET", "/api/v1/jobs/suggestions?kind=title&q=go", nil).Want(200)
	one := "/api/v1/jobs/" + found.Items[0].ID.String()
	tag := ada.Do(t, "GET", one, nil).Want(200).Header().Get("ETag")
	ada.Do(t, "GET", one, nil, "If-None-Match", tag).Want(304)
	ada.Do(t, "GET", "/api/v1/jobs"+none, nil).WantProblem(404, "job_not_found")
	ada.Do(t, "GET", one+"/similar", nil).Want(200)
	ada.Do(t, "POST", one+"/save", nil).Want(204)
	ada.Do(t, "POST", "/api/v1/jobs"+none+"/save", nil).Want(404)
	var saved SavedJobList
	ada.Do(t, "GET", "/api/v1/jobs/saved", nil).Want(200).JSON(&saved)
	if len(saved.Items) != 1 {
		t.Fatalf("%+v", saved)
	}
	ada.Do(t, "DELETE", one+"/save", nil).Want(204)
	// The neighbours are away, and it is said so.
	ada.Do(t, "POST", one+"/match-score", map[string]any{}).WantProblem(503, "resume_unavailable")
	ada.Do(t, "POST", one+"/match-score", map[string]any{"resumeId": uuid.NewString()}).WantProblem(503, "ai_unavailable")
	ada.Do(t, "POST", one+"/interview-questions", map[string]any{}).WantProblem(503, "ai_unavailable")
	ada.Do(t, "GET", one+"/salary", nil).WantProblem(503, "ai_unavailable")
	ada.Do(t, "GET", "/api/v1/jobs/recommendations", nil).WantProblem(503, "profile_unavailable")
	orchestrator.Do(t, "POST", "/internal/v1/users"+none+"/matches", map[string]any{}).WantProblem(503, "profile_unavailable")

	alert := map[string]any{"name": "Go", "frequency": "instant", "query": map[string]any{"q": "go"}}
	var made JobAlert
	ada.Do(t, "POST", "/api/v1/jobs/alerts", alert).Want(201).JSON(&made)
	ada.Do(t, "POST", "/api/v1/jobs/alerts", map[string]any{"name": "x", "frequency": "instant", "query": map[string]any{}}).WantProblem(422, "alert_too_wide")
	mine := "/api/v1/jobs/alerts/" + made.ID.String()
	ada.Do(t, "GET", mine, nil).Want(200)
	ada.Do(t, "GET", mine+"/matches", nil).Want(200)
	ada.Do(t, "GET", "/api/v1/jobs/alerts", nil).Want(200)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		var body any
		if method == "PUT" {
			body = alert
		}
		eve.Do(t, method, mine, body).WantProblem(404, "alert_not_found")
	}
	eve.Do(t, "GET", mine+"/matches", nil).Want(404)
	ada.Do(t, "PUT", mine, alert).Want(200)
	ada.Do(t, "DELETE", mine, nil).Want(204)

	company := "/api/v1/companies/" + found.Items[0].Company.ID.String()
	ada.Do(t, "GET", "/api/v1/companies?q=bri", nil).Want(200)
	ada.Do(t, "GET", company, nil).Want(200)
	ada.Do(t, "GET", company+"/jobs", nil).Want(200)
	ada.Do(t, "GET", "/api/v1/companies"+none, nil).WantProblem(404, "company_not_found")

	orchestrator.Do(t, "GET", "/internal/v1/jobs/"+found.Items[0].ID.String(), nil).Want(200)
	orchestrator.Do(t, "POST", "/internal/v1/jobs/"+found.Items[0].ID.String()+"/check", nil).Want(200)
	ada.Do(t, "POST", one+"/report", map[string]any{"reason": "scam"}).Want(204)
	var reports JobReportList
	admin.Do(t, "GET", "/api/v1/jobs/reports", nil).Want(200).JSON(&reports)
	resolve := "/api/v1/jobs/reports/" + reports.Items[0].ID.String() + "/resolve"
	ada.Do(t, "POST", resolve, map[string]any{"outcome": "upheld"}).Want(403)
	admin.Do(t, "POST", resolve, map[string]any{"outcome": "dismissed"}).Want(200)
	admin.Do(t, "POST", resolve, map[string]any{"outcome": "upheld"}).WantProblem(409, "report_resolved")
	admin.Do(t, "POST", one+"/sources"+none+"/split", nil).WantProblem(404, "listing_not_found")
	orchestrator.Do(t, "DELETE", "/internal/v1/users/"+ada.ID.String(), nil).Want(204)
	var held Footprint
	orchestrator.Do(t, "GET", "/internal/v1/users/"+ada.ID.String()+"/footprint", nil).Want(200).JSON(&held)
	if held.Total != 0 {
		t.Fatalf("%+v", held)
	}
	ada.Do(t, "POST", one+"/save", nil).WantProblem(409, "account_deleted")
}

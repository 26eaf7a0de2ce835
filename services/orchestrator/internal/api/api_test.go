package api

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/orchestrator"
)

type object = map[string]any

// newAPI is the service without workers: workflows stay as they were started.
func newAPI(t *testing.T) *testkit.API {
	t.Helper()
	pool := testkit.DB(t, "migrations/orchestrator")
	peers := orchestrator.NewPeers(map[string]string{"job": "http://job"}, nil)
	service, err := orchestrator.New(orchestrator.Deps{Pool: pool, Peers: peers, Definitions: orchestrator.Sagas(peers), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	key, _ := base64.StdEncoding.DecodeString(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("c", 32))))
	cursors, err := httpx.NewCursors(key)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Orchestrator: service, Cursors: cursors}
	return testkit.NewAPI(t, httpx.Options{Spec: Spec, Access: Access, Routes: s.Routes, Idempotency: httpx.NewIdempotency(pool, testkit.SealKeys(t))})
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, job, admin := a.User(t, uuid.Nil), a.Service("job"), a.User(t, uuid.Nil, authn.RoleAdmin)
	var w Workflow
	for i := range 3 {
		job.Do(t, "POST", "/internal/v1/workflows", object{"kind": "application", "key": string(rune('a' + i)), "userId": ada.ID, "input": object{"jobId": uuid.NewString()}}).Want(202).JSON(&w)
	}
	job.Do(t, "POST", "/internal/v1/workflows", object{"kind": "application", "key": "c", "userId": ada.ID}).Want(202)
	var page WorkflowList
	ada.Do(t, "GET", "/api/v1/workflows?limit=2&kind=application&state=running", nil).Want(200).JSON(&page)
	if len(page.Items) != 2 || page.NextCursor == nil || page.Items[0].ID != w.ID {
		t.Fatalf("%+v", page)
	}
	var rest WorkflowList
	ada.Do(t, "GET", "/api/v1/workflows?limit=2&kind=application&state=running&cursor="+*page.NextCursor, nil).Want(200).JSON(&rest)
	if len(rest.Items) != 1 || rest.NextCursor != nil {
		t.Fatalf("%+v", rest)
	}
	path := "/api/v1/workflows/" + w.ID.String()
	var d WorkflowDetail
	ada.Do(t, "GET", path, nil).Want(200).JSON(&d)
	if len(d.Timeline) != 1 || d.Workflow.State != "running" {
		t.Errorf("%+v", d)
	}
	stranger := a.User(t, uuid.Nil)
	stranger.Do(t, "GET", path, nil).WantProblem(404, "workflow_not_found")
	stranger.Do(t, "POST", path+"/cancel", nil).WantProblem(404, "workflow_not_found")
	stranger.Do(t, "GET", "/api/v1/workflows?userId="+ada.ID.String(), nil).WantProblem(403, "forbidden")
	admin.Do(t, "GET", "/api/v1/workflows?userId="+ada.ID.String(), nil).Want(200).JSON(&rest)
	if len(rest.Items) != 3 {
		t.Errorf("an administrator sees %d", len(rest.Items))
	}
	admin.Do(t, "POST", path+"/retry", nil).WantProblem(409, "workflow_not_failed")
	ada.Do(t, "POST", path+"/retry", nil).WantProblem(403, "forbidden")
	ada.Do(t, "POST", path+"/cancel", nil).Want(202)
	if got := admin.Do(t, "POST", "/api/v1/workflows", object{"kind": "job_aggregation"}).Want(202).JSON(&w); got.Header().Get("Location") != "/api/v1/workflows/"+w.ID.String() {
		t.Errorf("it is at %q", got.Header().Get("Location"))
	}
	admin.Do(t, "POST", "/api/v1/workflows", object{"kind": "account_deletion"}).WantProblem(422, "validation_failed")
	ada.Do(t, "POST", "/api/v1/workflows", object{"kind": "job_aggregation"}).WantProblem(403, "forbidden")
	job.Do(t, "POST", "/internal/v1/workflows", object{"kind": "application", "key": "d", "input": object{"userId": "nobody"}}).WantProblem(422, "validation_failed")
	a.Service("orchestrator").Do(t, "DELETE", "/internal/v1/users/"+ada.ID.String(), nil).Want(204)
	admin.Do(t, "GET", "/api/v1/workflows?userId="+ada.ID.String(), nil).Want(200).JSON(&rest)
	var forgotten WorkflowDetail
	admin.Do(t, "GET", path, nil).Want(200).JSON(&forgotten)
	if last := forgotten.Timeline[len(forgotten.Timeline)-1]; len(rest.Items) != 0 || forgotten.Workflow.State != "failed" || forgotten.Workflow.UserID != nil || last.Type != "failed" {
		t.Errorf("of a deleted user are left %d workflows and %+v", len(rest.Items), forgotten)
	}
	job.Do(t, "POST", "/internal/v1/workflows", object{"kind": "application", "key": "e", "userId": ada.ID}).WantProblem(409, "account_deleted")
	a.Service("ai").Do(t, "POST", "/internal/v1/workflows", object{"kind": "application", "key": "x"}).WantProblem(403, "forbidden")
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	admin := a.User(t, uuid.Nil, authn.RoleAdmin)
	var services ServiceList
	a.Nobody().Do(t, "GET", "/api/v1/orchestrator/services", nil).Want(200).JSON(&services)
	if len(services.Items) != 1 || services.Items[0].State != "unknown" || services.Items[0].Breaker != "closed" {
		t.Errorf("%+v", services)
	}
	var s Schedule
	merge := "application/merge-patch+json"
	admin.Do(t, "GET", "/api/v1/orchestrator/schedules", nil).Want(200)
	admin.Do(t, "PATCH", "/api/v1/orchestrator/schedules/gather_jobs", object{"enabled": false}, "Content-Type", merge).Want(200).JSON(&s)
	if s.Enabled || s.EveryMinutes != 60 {
		t.Errorf("%+v", s)
	}
	admin.Do(t, "PATCH", "/api/v1/orchestrator/schedules/gather_jobs", object{"everyMinutes": 1}, "Content-Type", merge).WantProblem(422, "validation_failed")
	admin.Do(t, "PATCH", "/api/v1/orchestrator/schedules/other", object{"enabled": true}, "Content-Type", merge).WantProblem(404, "schedule_not_found")
}

func TestFootprint(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	self, user := a.Service("orchestrator"), uuid.NewString()
	self.Do(t, "DELETE", "/internal/v1/users/"+user, nil).Want(204)
	var f Footprint
	self.Do(t, "GET", "/internal/v1/users/"+user+"/footprint", nil).Want(200).JSON(&f)
	if f.Total != 0 || len(f.Items) != 2 {
		t.Errorf("%+v", f)
	}
}

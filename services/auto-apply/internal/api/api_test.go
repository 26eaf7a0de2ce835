package api

import (
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/autoapply"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/boardtest"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
)

type object = map[string]any

type fixture struct {
	*testkit.API
	peers *boardtest.Peers
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newAPI(t *testing.T) *fixture {
	t.Helper()
	peers := boardtest.NewPeers(&boardtest.Board{URL: "http://127.0.0.1:1"})
	t.Cleanup(peers.Server.Close)
	pool, keys := testkit.DB(t, "migrations/auto-apply"), testkit.SealKeys(t)
	d := autoapply.Deps{Pool: pool, Keys: keys, Files: testkit.Bucket(t), Log: slog.New(slog.DiscardHandler)}
	var err error
	d.Jobs, err = job.NewClientWithResponses(peers.URL)
	must(t, err)
	d.Users, err = user.NewClientWithResponses(peers.URL)
	must(t, err)
	d.Resumes, err = resume.NewClientWithResponses(peers.URL)
	must(t, err)
	d.AI, err = ai.NewClientWithResponses(peers.URL)
	must(t, err)
	cursors, err := httpx.NewCursors([]byte("a key of thirty-two bytes or more"))
	must(t, err)
	s := &Server{Applications: autoapply.New(d), Cursors: cursors}
	return &fixture{testkit.NewAPI(t, httpx.Options{Spec: Spec, Access: Access, Routes: s.Routes, Idempotency: httpx.NewIdempotency(pool, keys)}), peers}
}

func (f *fixture) job(company string) uuid.UUID {
	return f.peers.Add(boardtest.Job{Platform: "greenhouse", Board: "b", ID: "1", Title: "Engineer", Company: company, ApplyURL: "https://example.org/apply", CountryCode: "DE"})
}

const applications = "/api/v1/applications"

func TestApplicationsThroughTheAPI(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	ada, eve, orchestrator := f.User(t, uuid.Nil), f.User(t, uuid.Nil), f.Service("orchestrator")
	id := f.job("Brightwater")
	var a Application
	ada.Do(t, "POST", applications, object{"jobId": id, "review": true}).Want(201).JSON(&a)
	if a.State != ApplicationStateQueued || a.CompanyName != "Brightwater" {
		t.Errorf("%+v", a)
	}
	ada.Do(t, "POST", applications, object{"jobId": id}).WantProblem(409, "already_applied")
	ada.Do(t, "POST", applications, object{"jobId": uuid.New()}).WantProblem(404, "job_not_found")
	ada.Do(t, "POST", applications, object{"jobId": f.job("Brightwater ")}).WantProblem(409, "company_cap")
	closed := f.job("Kite")
	f.peers.Close(closed)
	ada.Do(t, "POST", applications, object{"jobId": closed}).WantProblem(409, "job_closed")
	at := applications + "/" + a.ID.String()
	for _, path := range []string{"", "/questions", "/review", "/receipt", "/screenshots/" + uuid.NewString()} {
		eve.Do(t, "GET", at+path, nil).WantProblem(404, "application_not_found")
	}
	for _, path := range []string{"/cancel", "/review/approve", "/review/reject"} {
		eve.Do(t, "POST", at+path, nil).WantProblem(404, "application_not_found")
	}
	ada.Do(t, "GET", at+"/review", nil).WantProblem(404, "no_filled_form")
	ada.Do(t, "GET", at+"/receipt", nil).WantProblem(404, "no_receipt")
	ada.Do(t, "POST", at+"/review/approve", nil).WantProblem(409, "not_waiting_for_review")
	ada.Do(t, "POST", at+"/questions", object{"answers": []object{{"questionId": uuid.New(), "values": []string{"x"}}}}).WantProblem(404, "question_not_found")
	ada.Do(t, "PATCH", at, json.RawMessage(`{"state":"interview"}`)).WantProblem(409, "state_not_allowed")
	var d ApplicationDetails
	ada.Do(t, "PATCH", at, json.RawMessage(`{"notes":"Call them."}`)).Want(200).JSON(&d)
	if d.Application.Notes == nil || *d.Application.Notes != "Call them." {
		t.Errorf("notes: %+v", d.Application)
	}
	for range 2 {
		orchestrator.Do(t, "POST", "/internal/v1/applications/"+a.ID.String()+"/dispatch", nil).Want(204)
	}
	f.Service("job").Do(t, "POST", "/internal/v1/applications/"+a.ID.String()+"/dispatch", nil).WantProblem(403, "forbidden")
	orchestrator.Do(t, "POST", "/internal/v1/applications/"+uuid.NewString()+"/dispatch", nil).WantProblem(404, "application_not_found")
	var list ApplicationList
	ada.Do(t, "GET", applications+"?state=queued&platform=greenhouse&company=bright&limit=1", nil).Want(200).JSON(&list)
	if len(list.Items) != 1 {
		t.Errorf("list: %+v", list)
	}
	ada.Do(t, "GET", applications+"?state=hired", nil).Want(200).JSON(&list)
	if len(list.Items) != 0 {
		t.Errorf("list: %+v", list)
	}
	ada.Do(t, "POST", at+"/cancel", nil).Want(200).JSON(&d)
	if d.Application.State != ApplicationStateCancelled || len(d.Timeline) != 2 {
		t.Errorf("%+v", d)
	}
	var left Footprint
	orchestrator.Do(t, "GET", "/internal/v1/users/"+ada.ID.String()+"/footprint", nil).Want(200).JSON(&left)
	if left.Total == 0 {
		t.Error("nothing to delete")
	}
	orchestrator.Do(t, "DELETE", "/internal/v1/users/"+ada.ID.String(), nil).Want(204)
	orchestrator.Do(t, "GET", "/internal/v1/users/"+ada.ID.String()+"/footprint", nil).Want(200).JSON(&left)
	if left.Total != 0 {
		t.Errorf("left: %+v", left)
	}
	ada.Do(t, "POST", applications, object{"jobId": f.job("Late")}).WantProblem(409, "account_deleted")
}

func TestRunsThroughTheAPI(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	ada, orchestrator := f.User(t, uuid.Nil), f.Service("orchestrator")
	const base = "/api/v1/auto-apply/"
	ada.Do(t, "POST", base+"pause", nil).WantProblem(409, "no_run")
	settings := object{"reviewBeforeSending": false, "maxPerDay": 2, "maxPerCompany": 1, "maxPerPlatformPerDay": 5, "minScore": 0.5, "coverLetter": "never",
		"hours": object{"from": 0, "to": 24, "timeZone": "Mars/Olympus", "days": []int{1}}}
	ada.Do(t, "POST", base+"settings", settings).WantProblem(422, "invalid_time_zone")
	settings["hours"] = object{"from": 0, "to": 24, "timeZone": "Europe/Berlin", "days": []int{1, 2, 3, 4, 5, 6, 7}}
	ada.Do(t, "POST", base+"settings", settings).Want(200)
	var r AutoApplyRun
	ada.Do(t, "POST", base+"start", nil).Want(202).JSON(&r)
	ada.Do(t, "POST", base+"start", nil).WantProblem(409, "run_active")
	plan := "/internal/v1/runs/" + r.ID.String()
	items := []object{{"jobId": f.job("A"), "score": 0.9}, {"jobId": f.job("A"), "score": 0.8}, {"jobId": f.job("B"), "score": 0.7}, {"jobId": f.job("C"), "score": 0.6},
		{"jobId": f.job("D"), "score": 0.1}, {"jobId": uuid.New(), "score": 0.95}}
	for range 2 { // planned once
		orchestrator.Do(t, "POST", plan+"/plan", object{"items": items}).Want(200).JSON(&r)
		if r.Planned != 2 || r.Counts["queued"] != 2 || len(r.Skipped) != 4 {
			t.Fatalf("%+v", r)
		}
	}
	ada.Do(t, "POST", base+"pause", nil).Want(200).JSON(&r)
	ada.Do(t, "POST", base+"start", nil).Want(202).JSON(&r)
	if r.State != Running {
		t.Errorf("%+v", r)
	}
	ada.Do(t, "POST", base+"stop", nil).Want(200).JSON(&r)
	if r.State != Stopped || r.Counts["cancelled"] != 2 {
		t.Errorf("%+v", r)
	}
	orchestrator.Do(t, "POST", plan+"/stop", nil).Want(204)
	var st AutoApplyStatus
	ada.Do(t, "GET", base+"status", nil).Want(200).JSON(&st)
	if st.Run == nil || st.LeftToday != 2 {
		t.Errorf("%+v", st)
	}
}

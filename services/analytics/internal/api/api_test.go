package api

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/analytics/internal/analytics"
)

type object = map[string]any

func newAPI(t *testing.T) *testkit.API {
	t.Helper()
	client, prefix := testkit.Redis(t)
	pool := testkit.DB(t, "migrations/analytics")
	s := &Server{Analytics: analytics.New(analytics.Deps{Pool: pool, Redis: client, KeyPrefix: prefix, Log: slog.New(slog.DiscardHandler), EventMonths: 25})}
	return testkit.NewAPI(t, httpx.Options{Spec: Spec, Access: Access, Routes: s.Routes, Idempotency: httpx.NewIdempotency(pool, testkit.SealKeys(t))})
}

func TestTrackAndRead(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.User(t, uuid.Nil)
	var r TrackResult
	event := object{"id": uuid.NewString(), "type": "job.opened", "properties": object{"position": 3}}
	ada.Do(t, "POST", "/api/v1/analytics/track", event).Want(202).JSON(&r)
	ada.Do(t, "POST", "/api/v1/analytics/track/batch", object{"events": []object{{"type": "job.opened"}, {"type": "page.left"}}}).Want(202).JSON(&r)
	if r.Accepted != 2 || r.Duplicates != 0 {
		t.Errorf("%+v", r)
	}
	for range 2 {
		ada.Do(t, "POST", "/api/v1/analytics/track", object{"type": "twice"}, "Idempotency-Key", "k").Want(202)
	}
	for _, path := range []string{"dashboard", "dashboard?days=366&timeZone=Asia/Kolkata", "applications?groupBy=week", "resumes?from=2026-01-01&to=2026-02-01", "jobs?country=DE&weeks=52"} {
		ada.Do(t, "GET", "/api/v1/analytics/"+path, nil).Want(200)
	}
	var d Dashboard
	if ada.Do(t, "GET", "/api/v1/analytics/dashboard", nil).Want(200).JSON(&d); len(d.Series) != 30 || d.TimeZone != "UTC" {
		t.Errorf("by default %d days in %s", len(d.Series), d.TimeZone)
	}
	var m PlatformMetrics
	a.User(t, uuid.Nil, authn.RoleAdmin).Do(t, "GET", "/api/v1/analytics/platform", nil).Want(200).JSON(&m)
	if m.ThisHour["client"] != 4 || len(m.ThisHour) != 1 { // whatever clients call it
		t.Errorf("this hour: %v", m.ThisHour)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.User(t, uuid.Nil)
	for name, c := range map[string]struct {
		status int
		code   string
		do     func() *testkit.Reply
	}{
		"a type with a space": {422, "validation_failed", func() *testkit.Reply { return ada.Do(t, "POST", "/api/v1/analytics/track", object{"type": "a b"}) }},
		"a nested property": {422, "validation_failed", func() *testkit.Reply {
			return ada.Do(t, "POST", "/api/v1/analytics/track", object{"type": "a", "properties": object{"x": object{}}})
		}},
		"an empty batch": {422, "validation_failed", func() *testkit.Reply {
			return ada.Do(t, "POST", "/api/v1/analytics/track/batch", object{"events": []object{}})
		}},
		"an unknown zone": {422, "invalid_time_zone", func() *testkit.Reply {
			return ada.Do(t, "GET", "/api/v1/analytics/dashboard?timeZone=Mars/Olympus", nil)
		}},
		"the server's own zone": {422, "invalid_time_zone", func() *testkit.Reply { return ada.Do(t, "GET", "/api/v1/analytics/dashboard?timeZone=Local", nil) }},
		"a period turned round": {422, "invalid_period", func() *testkit.Reply {
			return ada.Do(t, "GET", "/api/v1/analytics/applications?from=2026-02-01&to=2026-01-01", nil)
		}},
		"all users' figures": {403, "forbidden", func() *testkit.Reply { return ada.Do(t, "GET", "/api/v1/analytics/platform", nil) }},
		"nobody":             {401, "unauthenticated", func() *testkit.Reply { return a.Nobody().Do(t, "GET", "/api/v1/analytics/dashboard", nil) }},
		"a key for reading only": {403, "scope_missing", func() *testkit.Reply {
			return a.APIKey(uuid.New(), "analytics:read").Do(t, "POST", "/api/v1/analytics/track", object{"type": "a"})
		}},
		"a service that may not": {403, "forbidden", func() *testkit.Reply {
			return a.Service("job").Do(t, "DELETE", "/internal/v1/users/"+uuid.NewString(), nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.do().WantProblem(c.status, c.code)
		})
	}
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, orchestrator := a.User(t, uuid.Nil), a.Service("orchestrator")
	ada.Do(t, "POST", "/api/v1/analytics/track", object{"type": "a"}).Want(202)
	var f Footprint
	orchestrator.Do(t, "GET", "/internal/v1/users/"+ada.ID.String()+"/footprint", nil).Want(200).JSON(&f)
	if f.Total == 0 {
		t.Fatal("nothing to delete")
	}
	orchestrator.Do(t, "DELETE", "/internal/v1/users/"+ada.ID.String(), nil).Want(204)
	orchestrator.Do(t, "GET", "/internal/v1/users/"+ada.ID.String()+"/footprint", nil).Want(200).JSON(&f)
	if f.Total != 0 {
		t.Errorf("left: %+v", f)
	}
}

package api_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
	"github.com/jobpilot/jobpilot/services/ai/internal/api"
	"github.com/jobpilot/jobpilot/services/ai/internal/document"
)

func TestMain(m *testing.M) {
	document.Worker()
	os.Exit(m.Run())
}

var (
	owner  = uuid.MustParse("0198c0de-7a11-7cc3-98c4-dc0c0c073990")
	stored = uuid.MustParse("0198c0de-7a11-7cc3-98c4-dc0c0c07398f")
)

// newAPI is the edge on the built-in engine; one resume, of owner, and one job
// can be named by id.
func newAPI(t *testing.T) *testkit.API {
	t.Helper()
	pool, keys := testkit.DB(t, "migrations/ai"), testkit.SealKeys(t)
	domain, err := ai.New(ai.Deps{
		Pool: pool, Keys: keys, Engines: []ai.Engine{&ai.Builtin{}}, Log: slog.New(slog.DiscardHandler),
		Budget: func(context.Context, uuid.UUID) (ai.Budget, error) {
			return ai.Budget{Calls: 50, Tokens: 1000, CostMicros: 1000}, nil
		},
		Resume: func(_ context.Context, id uuid.UUID) (uuid.UUID, *ai.Resume, error) {
			r := &ai.Resume{}
			r.Basics.Name = "Ada Example"
			r.Skills = append(r.Skills, skill("Go"))
			return owner, r, nil
		},
		Job: func(context.Context, uuid.UUID) (*ai.Posting, error) {
			return &ai.Posting{Title: "Go Engineer", Description: "Experience with Go."}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := domain.RegisterModels(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader := document.New(document.Config{Workers: 1})
	t.Cleanup(reader.Close)
	server := &api.Server{AI: domain, Documents: ai.NewDocuments(reader, 2, time.Minute)}
	return testkit.NewAPI(t, httpx.Options{Spec: api.Spec, Access: api.Access, Routes: server.Routes, Idempotency: httpx.NewIdempotency(pool, keys)})
}

type object = map[string]any

func resume() object {
	return object{
		"basics": object{"name": "Ada Example", "email": "ada@example.com"},
		"work": []object{{"name": "Example Systems", "position": "Backend Engineer", "startDate": "2021-03", "highlights": []string{
			"Cut the p99 latency of the Go payment API from 900 ms to 120 ms", "Responsible for managing the PostgreSQL clusters"}}},
		"skills": []object{{"name": "Go"}},
	}
}

func job() object {
	return object{"title": "Senior Backend Engineer", "companyName": "Acme", "location": object{"countryCode": "DE", "city": "Berlin"},
		"description": "<p>We build shops.</p><h3>Requirements</h3><ul><li>Experience with Go and PostgreSQL</li><li>Kubernetes</li></ul>"}
}

// Every task, asked by a user and by a service, gives the same answer.
func TestTasks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	both := object{"resume": resume(), "job": job()}
	for path, x := range map[string]struct {
		body object
		want []string // in the answer
	}{
		"match-jobs":            {object{"resume": resume(), "jobs": []object{job()}, "jobIds": []string{stored.String()}}, []string{`"score"`, "Responsible for managing the PostgreSQL", `"skill":"Kubernetes"`}},
		"skills-gap":            {both, []string{`"coverage"`, `"skill":"Kubernetes"`, `"/work/0/highlights/0"`}},
		"optimize-resume":       {both, []string{"Managed the PostgreSQL clusters", `"missing_keyword"`}},
		"generate-cover-letter": {both, []string{"Senior Backend Engineer at Acme", "900 ms to 120 ms", "Ada Example"}},
		"predict-salary":        {object{"job": object{"title": "Senior Data Engineer", "location": object{"countryCode": "US"}}}, []string{`"median"`, `"USD"`, `"baseline"`}},
		"generate-questions":    {object{"job": job(), "count": 3}, []string{`"goodAnswer"`, `"why"`}},
		"embeddings":            {object{"texts": []string{"Backend Engineer", "Cook"}}, []string{`"dimensions":256`}},
		"extract-job":           {object{"text": "<h1>Go Engineer</h1><p>You need experience with Go. Fully remote.</p>"}, []string{`"remote"`, `"Go"`}},
		"answer-question":       {object{"question": "Email address", "resume": resume()}, []string{"ada@example.com", `"answered"`}},
	} {
		public := a.User(t, uuid.Nil).Do(t, "POST", "/api/v1/ai/"+path, x.body).Want(200).Body.String()
		for _, want := range x.want {
			if !strings.Contains(public, want) {
				t.Errorf("%s: no %s in %s", path, want, public)
			}
		}
		internal := a.Service("job").Do(t, "POST", "/internal/v1/ai/"+path, x.body).Want(200).Body.String()
		if internal != public {
			t.Errorf("%s: a service is answered otherwise:\n%s\n%s", path, public, internal)
		}
		a.Nobody().Do(t, "POST", "/api/v1/ai/"+path, x.body).Want(401)
		a.Service("analytics").Do(t, "POST", "/internal/v1/ai/"+path, x.body).Want(403)
		a.User(t, uuid.Nil).Do(t, "POST", "/api/v1/ai/"+path, object{"unknown": 1}).WantProblem(422, "validation_failed")
	}
}

func TestResumesAreTheirOwners(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := object{"resumeId": stored, "jobId": stored}
	a.User(t, owner).Do(t, "POST", "/api/v1/ai/skills-gap", body).Want(200)
	a.User(t, uuid.Nil).Do(t, "POST", "/api/v1/ai/skills-gap", body).WantProblem(404, "resume_not_found")
	a.Service("job").Do(t, "POST", "/internal/v1/ai/skills-gap", body).WantProblem(404, "resume_not_found")
	a.Service("job").Do(t, "POST", "/internal/v1/ai/skills-gap?userId="+owner.String(), body).Want(200)
}

func TestExactlyOneOfBoth(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	u := a.User(t, owner)
	for path, body := range map[string]object{
		"skills-gap": {"resume": resume(), "resumeId": stored, "job": job()}, "generate-cover-letter": {"resume": resume()},
		"optimize-resume": {"job": job()}, "match-jobs": {"resume": resume()}, "predict-salary": {}, "generate-questions": {},
	} {
		u.Do(t, "POST", "/api/v1/ai/"+path, body).WantProblem(422, "validation_failed")
	}
	u.Do(t, "POST", "/api/v1/ai/predict-salary", object{"job": object{"title": "Data Engineer"}}).WantProblem(422, "salary_country_missing")
	u.Do(t, "POST", "/api/v1/ai/embeddings", object{"texts": []string{"a"}, "model": "other"}).WantProblem(422, "unknown_model")
}

const text = `Ada Example
Berlin, Germany
ada@example.com

Experience

Backend Engineer, Example Systems
March 2021 - Present
- Cut the p99 latency of the Go payment API from 900 ms to 120 ms

Skills
Go, PostgreSQL
`

func TestParseResume(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	u := a.User(t, uuid.Nil)
	var out api.ParsedResume
	u.Do(t, "POST", "/api/v1/ai/parse-resume", []byte(text), "Content-Type", "application/octet-stream").Want(200).JSON(&out)
	if out.Resume.Basics == nil || *out.Resume.Basics.Name != "Ada Example" || len(out.Fields) == 0 || out.Format != "text" {
		t.Fatalf("parsed %+v", out)
	}
	form := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cv.txt\"\r\nContent-Type: text/plain\r\n\r\n" + text + "\r\n--b--\r\n"
	a.Service("resume").Do(t, "POST", "/internal/v1/ai/parse-resume", []byte(form), "Content-Type", "multipart/form-data; boundary=b").Want(200)
	other := strings.Replace(form, `name="file"`, `name="other"`, 1)
	u.Do(t, "POST", "/api/v1/ai/parse-resume", []byte(other), "Content-Type", "multipart/form-data; boundary=b").WantProblem(422, "file_missing")
	u.Do(t, "POST", "/api/v1/ai/parse-resume", []byte("\x00\x01\x02"), "Content-Type", "application/octet-stream").Want(415)
	u.Do(t, "POST", "/api/v1/ai/parse-resume", make([]byte, ai.MaxDocument+1), "Content-Type", "application/octet-stream").Want(413)
	u.Do(t, "POST", "/api/v1/ai/parse-resume", object{}, "Content-Type", "application/json").Want(415)
}

func TestEnginesModelsUsageAndDeletion(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	u := a.User(t, owner)
	var engines api.EngineList
	u.Do(t, "GET", "/api/v1/ai/engines", nil).Want(200).JSON(&engines)
	if len(engines.Items) != 1 || engines.Items[0].Name != "builtin" || engines.Items[0].State != api.EngineStateReady {
		t.Errorf("engines: %+v", engines)
	}
	var models api.ModelList
	if u.Do(t, "GET", "/api/v1/ai/models", nil).Want(200).JSON(&models); len(models.Items) < 5 {
		t.Errorf("models: %+v", models)
	}
	var usage api.Usage
	if u.Do(t, "GET", "/api/v1/ai/usage", nil).Want(200).JSON(&usage); usage.Limit.Calls != 50 || usage.Used.Calls != 0 {
		t.Errorf("usage: %+v", usage)
	}
	path := "/internal/v1/users/" + owner.String()
	a.Service("orchestrator").Do(t, "DELETE", path, nil).Want(204)
	a.Service("orchestrator").Do(t, "DELETE", path, nil).Want(204)
	a.Service("job").Do(t, "DELETE", path, nil).Want(403)
	var footprint api.Footprint
	if a.Service("orchestrator").Do(t, "GET", path+"/footprint", nil).Want(200).JSON(&footprint); footprint.Total != 0 || len(footprint.Items) != 3 {
		t.Errorf("footprint: %+v", footprint)
	}
}

// What follows from a title that the caller stated has no passage to point at.
func TestExtractFromAStatedTitle(t *testing.T) {
	t.Parallel()
	var got struct {
		Seniority, Remote struct {
			Value  string
			Source any
		}
	}
	newAPI(t).User(t, owner).Do(t, "POST", "/api/v1/ai/extract-job", object{"text": "You write Go.", "title": "Senior Engineer (remote)"}).Want(200).JSON(&got)
	if got.Seniority.Value != "senior" || got.Remote.Value != "remote" || got.Seniority.Source != nil || got.Remote.Source != nil {
		t.Errorf("extracted %+v", got)
	}
}

package ai

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// fixture is a Service on a schema of its own, with a clock that the test moves.
type fixture struct {
	*Service
	t     testing.TB
	ahead atomic.Int64
	limit Budget
}

func newFixture(t testing.TB, engines ...Engine) *fixture {
	t.Helper()
	f := &fixture{t: t, limit: Budget{Calls: 100, Tokens: 1 << 30, CostMicros: 1 << 40}}
	var err error
	f.Service, err = New(Deps{
		Pool: testkit.DB(t, "migrations/ai"), Keys: testkit.SealKeys(t), Engines: engines, KeepAnswers: time.Hour, Log: slog.New(slog.DiscardHandler),
		Budget: func(context.Context, uuid.UUID) (Budget, error) { return f.limit, nil },
		Now:    func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) },
		Resume: func(context.Context, uuid.UUID) (uuid.UUID, *Resume, error) { return uuid.Nil, nil, errResumeOwner },
		Job: func(context.Context, uuid.UUID) (*Posting, error) {
			return nil, errs.New(errs.NotFound, "job_not_found", "There is no such job.")
		},
	})
	must(t, err)
	return f
}

func (f *fixture) advance(d time.Duration) { f.ahead.Add(int64(d)) }

func (f *fixture) count(query string, args ...any) (n int64) {
	f.t.Helper()
	must(f.t, f.Pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !errs.Is(err, code) {
		t.Fatalf("error is %v, want %s", err, code)
	}
}

func someone() Caller { return Caller{uuid.Must(uuid.NewV7())} }

// ada is the applicant of the tests.
func ada() *Resume {
	return &Resume{
		Basics: basics("Ada Example", "ada@example.com"),
		Work: []work{
			{Name: "Example Systems", Position: "Backend Engineer", StartDate: "2021-03", Highlights: []string{
				"Cut the p99 latency of the Go payment API from 900 ms to 120 ms",
				"Led a team of 4 engineers that moved 30 services to Kubernetes",
				"Responsible for managing the PostgreSQL clusters of the company",
			}},
			{Name: "Northwind Software", Position: "Junior Developer", StartDate: "2017-01", EndDate: "2020-01", Highlights: []string{
				"Built reporting tools in Python for the finance department",
			}},
		},
		Education: []education{{Institution: "TU Berlin", StudyType: "Bachelor of Science", Area: "Computer Science", StartDate: "2013-10", EndDate: "2016-09"}},
		Skills:    []skill{{Name: "Go"}, {Name: "PostgreSQL"}, {Name: "Python"}},
		Languages: []spoken{{Language: "German", Fluency: "native"}, {Language: "English", Fluency: "fluent"}},
	}
}

// acme is the posting of the tests.
func acme() *Posting {
	return &Posting{
		Title: "Senior Backend Engineer", CompanyName: "Acme", Location: &Place{City: "Berlin", CountryCode: "DE"},
		Description: "<p>Acme builds tools for shops.</p><h3>Requirements</h3><ul><li>5+ years of experience with Go</li><li>Experience with Kubernetes and PostgreSQL</li>" +
			"<li>You speak German</li></ul><h3>Nice to have</h3><ul><li>Rust</li></ul>",
	}
}

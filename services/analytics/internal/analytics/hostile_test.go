package analytics

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// Many accounts make up as many types and names as they may: what is kept of one
// grows by its own limit, what is kept of all together does not grow.
func TestMadeUpTypesAndNamesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	registry := prometheus.NewRegistry()
	deps := f.Deps
	deps.Metrics = registry
	f.Service = New(deps)
	const accounts = 5
	for a := range accounts {
		user := uuid.New()
		batch := make([]Tracked, maxTypes)
		for i := range batch {
			batch[i] = Tracked{Type: fmt.Sprintf("a%d.t%d", a, i), Properties: map[string]any{}}
			for n := range maxProperties {
				batch[i].Properties[fmt.Sprintf("p%d_%d_%d", a, i, n)] = "x"
			}
			if i%2 == 1 {
				batch[i].OccurredAt = f.at.Add(-2 * time.Hour)
			}
		}
		n, err := f.track(user, batch...)
		must(t, err)
		if n != maxTypes {
			t.Fatalf("%d events of %d are new", n, maxTypes)
		}
		if n := f.Redis.HLen(t.Context(), f.liveKey(f.at.Truncate(time.Hour), user)).Val(); n != maxTypes/2 {
			t.Errorf("%d counters of a user are in Redis, want %d", n, maxTypes/2)
		}
	}
	live, err := f.live(t.Context(), uuid.Nil)
	must(t, err)
	if len(live) != 1 || live[0] != (count{"client", "", accounts * maxTypes / 2}) {
		t.Errorf("the running hour of all has %d counters: %+v", len(live), live[:min(len(live), 3)])
	}
	must(t, f.Rollup(t.Context()))
	if n := f.count("SELECT count(*) FROM metrics WHERE user_id IS NULL AND type <> 'active_users'"); n != 2 {
		t.Errorf("%d rows count all users, want one for the hour and one for the day", n)
	}
	if n := f.count("SELECT sum(count) FROM metrics WHERE user_id IS NULL AND period = 'day' AND type = 'client'"); n != accounts*maxTypes/2 {
		t.Errorf("%d events of clients are counted", n)
	}
	if n := f.count("SELECT max(n) FROM (SELECT count(*) AS n FROM metrics WHERE period = 'hour' AND user_id IS NOT NULL GROUP BY user_id) AS u"); n > maxTypes {
		t.Errorf("%d rows count one user in an hour", n)
	}
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		if len(family.Metric) > 2 {
			t.Errorf("%s has %d series", family.GetName(), len(family.Metric))
		}
	}
}

// A clock that is ahead decides nothing over what comes after, and makes no
// partition impossible.
func TestEventsFromTheFutureAreOfNow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, app, job := uuid.New(), uuid.New(), uuid.New()
	changed := func(at time.Time, to string) {
		f.apply("auto-apply.application.changed", at, map[string]any{"applicationId": app, "userId": user, "to": to})
	}
	for _, ahead := range []time.Time{f.at.AddDate(0, 0, 2), f.at.AddDate(5, 0, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
		changed(ahead, "rejected")
		f.apply("job.job.closed", ahead, map[string]any{"jobId": job})
	}
	f.apply("job.job.published", f.at, map[string]any{"jobId": uuid.New(), "title": "Engineer", "postedAt": "9999-12-31T00:00:00Z"})
	f.at = f.at.Add(time.Minute)
	changed(f.at, "interview")
	f.apply("job.job.updated", f.at, map[string]any{"jobId": job, "title": "Engineer"})
	if n := f.count("SELECT count(*) FROM applications WHERE state = 'interview'"); n != 1 {
		t.Error("the state of an application is from a clock that was ahead")
	}
	if n := f.count("SELECT count(*) FROM jobs WHERE closed_at IS NULL AND title = 'Engineer' AND published_at <= $1", f.at); n != 2 {
		t.Errorf("%d of 2 jobs are open and published by now", n)
	}
	if n := f.count("SELECT count(*) FROM events_default"); n != 0 {
		t.Errorf("%d events are where partitions of later months belong", n)
	}
	must(t, f.partitions(t.Context()))
}

// Events at the edges of hours, days and months are in one partition and in one
// hour each, however often and late they come.
func TestEventsAtTheEdgesOfMonths(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	month := time.Date(f.at.Year(), f.at.Month(), 1, 0, 0, 0, 0, time.UTC)
	f.at = month.AddDate(0, 0, 1).Add(10 * time.Hour)
	edges := []rabbit.Event{}
	for _, at := range []time.Time{month.Add(-time.Microsecond), month, month.Add(time.Microsecond), month.Add(time.Hour), month.Add(time.Hour - time.Nanosecond)} {
		edges = append(edges, rabbit.Event{ID: uuid.New(), Type: "job.job.viewed", Time: at, Data: encode(map[string]any{"userId": user})})
	}
	for range 2 { // twice, the second time after they were counted
		for _, e := range edges {
			must(t, f.applyEvent(e))
		}
		must(t, f.Rollup(t.Context()))
	}
	for _, want := range []struct {
		table string
		n     int
	}{{"events_" + month.AddDate(0, -1, 0).Format("2006_01"), 1}, {"events_" + month.Format("2006_01"), 4}} {
		if n := f.count("SELECT count(*) FROM " + want.table); n != want.n {
			t.Errorf("%s holds %d events, want %d", want.table, n, want.n)
		}
	}
	for hour, want := range map[time.Time]int{month.Add(-time.Hour): 1, month: 3, month.Add(time.Hour): 1} {
		if n := f.count("SELECT coalesce(sum(count), 0) FROM metrics WHERE period = 'hour' AND user_id = $1 AND starts_at = $2", user, hour); n != want {
			t.Errorf("the hour %s counts %d, want %d", hour, n, want)
		}
	}
	if n := f.count("SELECT sum(count) FROM metrics WHERE period = 'day' AND user_id = $1", user); n != len(edges) {
		t.Errorf("the days count %d, want %d", n, len(edges))
	}
}

// A replay from long ago is stored and counted, and goes when its time is over.
func TestReplaysFromLongAgoAreNotKeptForEver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, job := uuid.New(), uuid.New()
	for _, at := range []time.Time{{}, time.Unix(0, 0), f.at.AddDate(-3, 0, 0), f.at.AddDate(0, -4, 0)} {
		f.apply("job.job.viewed", at, map[string]any{"userId": user, "jobId": job})
	}
	must(t, f.Rollup(t.Context()))
	if n := f.count("SELECT sum(count) FROM metrics WHERE period = 'day' AND user_id = $1", user); n != 4 {
		t.Errorf("%d of 4 are counted", n)
	}
	must(t, f.purge(t.Context()))
	if n := f.count("SELECT count(*) FROM events"); n != 1 {
		t.Errorf("%d events are left, want the one of four months ago", n)
	}
}

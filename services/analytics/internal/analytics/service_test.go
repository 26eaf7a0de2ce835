package analytics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// fixture is a service with tables of its own, at a time that the test sets.
type fixture struct {
	*Service
	t    testing.TB
	pool *pgxpool.Pool
	at   time.Time
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	client, prefix := testkit.Redis(t)
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/analytics"), at: time.Now().UTC().Truncate(24 * time.Hour).Add(10*time.Hour + 30*time.Minute)}
	f.Service = New(Deps{
		Pool: f.pool, Redis: client, KeyPrefix: prefix, Log: slog.New(slog.DiscardHandler), EventMonths: 25,
		Now: func() time.Time { return f.at },
	})
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	must(f.t, f.pool.QueryRow(f.t.Context(), query, args...).Scan(&n))
	return n
}

// apply applies an event of a service, as the consumer does.
func (f *fixture) apply(typ string, at time.Time, data map[string]any) {
	f.t.Helper()
	must(f.t, f.applyEvent(rabbit.Event{ID: uuid.New(), Type: typ, Time: at, Data: encode(data)}))
}

func (f *fixture) applyEvent(e rabbit.Event) error {
	return pg.InTx(f.t.Context(), f.pool, func(tx pgx.Tx) error { return f.Apply(f.t.Context(), tx, e) })
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func (f *fixture) track(user uuid.UUID, events ...Tracked) (int, error) {
	return f.TrackEvents(f.t.Context(), user, func(i int) string { return fmt.Sprintf("#/events/%d", i) }, events)
}

func TestAnEventSentAgainIsCountedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	e := Tracked{ID: uuid.New(), Type: "job.opened", OccurredAt: f.at.Add(-time.Minute), Properties: map[string]any{"list": "saved", "position": 3.0, "new": true}}
	for want, events := range map[int][]Tracked{1: {e, e}} {
		n, err := f.track(user, events...)
		must(t, err)
		if n != want {
			t.Errorf("%d new, want %d", n, want)
		}
	}
	n, err := f.track(user, e)
	must(t, err)
	if n != 0 || f.count("SELECT count(*) FROM events WHERE type = 'client.job.opened' AND properties->>'position' = '3'") != 1 {
		t.Errorf("%d new, %d events", n, f.count("SELECT count(*) FROM events"))
	}
	var wg sync.WaitGroup
	e.ID = uuid.New()
	for range 10 {
		wg.Go(func() {
			if _, err := f.track(user, e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := f.count("SELECT count(*) FROM events WHERE id = $1", e.ID); n != 1 {
		t.Errorf("sent ten times at once it is there %d times", n)
	}
	d, err := f.live(t.Context(), user)
	must(t, err)
	if len(d) != 1 || d[0].n != 2 {
		t.Errorf("the running hour: %+v", d)
	}
}

func TestWhatClientsMayTellIsLimited(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	deep := map[string]any{"a": map[string]any{"b": 1.0}}
	for name, c := range map[string]struct {
		event   Tracked
		pointer string
	}{
		"too old":       {Tracked{Type: "x", OccurredAt: f.at.Add(-maxLate - time.Second)}, "#/events/1/occurredAt"},
		"in the future": {Tracked{Type: "x", OccurredAt: f.at.Add(maxEarly + time.Second)}, "#/events/1/occurredAt"},
		"an object":     {Tracked{Type: "x", Properties: deep}, "#/events/1/properties/a"},
		"a list":        {Tracked{Type: "x", Properties: map[string]any{"a/b~": []any{1.0}}}, "#/events/1/properties/a~1b~0"},
		"a long text":   {Tracked{Type: "x", Properties: map[string]any{"a": strings.Repeat("ü", maxText+1)}}, "#/events/1/properties/a"},
		"a long name":   {Tracked{Type: "x", Properties: map[string]any{strings.Repeat("n", maxName+1): 1.0}}, "#/events/1/properties/" + strings.Repeat("n", maxName+1)},
		"no name":       {Tracked{Type: "x", Properties: map[string]any{"": 1.0}}, "#/events/1/properties/"},
		"a huge number": {Tracked{Type: "x", Properties: map[string]any{"a": 1e300}}, "#/events/1/properties/a"},
	} {
		_, err := f.track(uuid.New(), Tracked{Type: "fine"}, c.event)
		var e *errs.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: %v, want a fault at %s", name, err, c.pointer)
		}
	}
	if n := f.count("SELECT count(*) FROM events"); n != 0 {
		t.Errorf("of batches with a fault %d events were stored", n)
	}
	if _, err := f.track(uuid.New(), Tracked{Type: "x", Properties: map[string]any{"a": "=cmd|' /C calc'!A0"}}); err != nil {
		t.Error(err)
	}
}

func TestTypesOfOneUserAreLimited(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	for i := range maxTypes {
		_, err := f.track(user, Tracked{Type: fmt.Sprintf("thing.t%d", i)})
		must(t, err)
	}
	if _, err := f.track(user, Tracked{Type: "one.more"}); !errs.Is(err, "too_many_event_types") {
		t.Errorf("one type too many: %v", err)
	}
	_, err := f.track(user, Tracked{Type: "thing.t1"})
	must(t, err)
	_, err = f.track(uuid.New(), Tracked{Type: "one.more"})
	must(t, err)
	f.at = f.at.Add(24 * time.Hour)
	_, err = f.track(user, Tracked{Type: "one.more"})
	must(t, err)
}

func TestOnlyWhatIsAllowedIsKeptOfServicesEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	e := rabbit.Event{ID: uuid.New(), Type: "auth.user.registered", Time: f.at, Data: encode(map[string]any{
		"userId": user, "email": "ada@example.com", "displayName": "Ada", "locale": "en", "roles": []string{"user"}, "reason": strings.Repeat("ü", 200),
	})}
	for range 2 {
		must(t, f.applyEvent(e))
	}
	var raw string
	must(t, f.pool.QueryRow(t.Context(), "SELECT properties::text FROM events WHERE user_id = $1", user).Scan(&raw))
	if strings.Contains(raw, "ada") || strings.Contains(raw, "Ada") || !strings.Contains(raw, `"locale": "en"`) || !strings.Contains(raw, `"roles": ["user"]`) {
		t.Errorf("kept: %s", raw)
	}
	for _, data := range []string{`[]`, `"x"`, `{"userId":7}`, `{"userId":"x"}`, ``} {
		err := f.applyEvent(rabbit.Event{ID: uuid.New(), Type: "auth.user.registered", Time: f.at, Data: json.RawMessage(data)})
		if err == nil {
			t.Errorf("the payload %s is taken", data)
		}
	}
}

// Events of one application come in the wrong order, and twice.
func TestApplicationsFollowTheirEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, app, job, resume := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	at := func(days int) time.Time { return f.at.Add(time.Duration(days-20) * 24 * time.Hour) }
	changed := func(day int, to string) {
		f.apply("auto-apply.application.changed", at(day), map[string]any{
			"applicationId": app, "userId": user, "jobId": job, "companyName": "Acme", "platform": "lever", "from": "x", "to": to, "resumeId": resume, "resumeVersion": 3,
		})
	}
	changed(12, "interview")
	changed(2, "submitted")
	f.apply("auto-apply.application.requested", at(1), map[string]any{"applicationId": app, "userId": user, "jobId": job})
	changed(8, "in_review")
	changed(1, "filling")
	changed(2, "submitted")
	m, err := f.GetApplicationMetrics(t.Context(), user, Period{}, "platform")
	must(t, err)
	for i, want := range []int64{1, 1, 1, 1, 0} {
		if m.Funnel[i].Count != want {
			t.Errorf("%s: %d, want %d", m.Funnel[i].Name, m.Funnel[i].Count, want)
		}
	}
	if m.DaysToAnswer == nil || math.Abs(m.DaysToAnswer.Median-6) > 0.01 {
		t.Errorf("days to an answer: %+v, want 6", m.DaysToAnswer)
	}
	if len(m.Groups) != 1 || m.Groups[0].Key != "lever" || m.Groups[0].Answered != 1 {
		t.Errorf("groups: %+v", m.Groups)
	}
	if n := f.count("SELECT count(*) FROM applications WHERE state = 'interview' AND requested_at = $1", at(1)); n != 1 {
		t.Error("the state is not the newest event's, or the time not the oldest's")
	}
	other, err := f.GetApplicationMetrics(t.Context(), uuid.New(), Period{}, "")
	must(t, err)
	if other.Funnel[0].Count != 0 || other.Funnel[0].Rate != nil {
		t.Errorf("another user sees %+v", other.Funnel)
	}
	if _, err := f.GetApplicationMetrics(t.Context(), user, Period{From: f.at, To: f.at.Add(-48 * time.Hour)}, ""); !errs.Is(err, "invalid_period") {
		t.Errorf("a period that ends before it begins: %v", err)
	}
}

func TestVersionsAreRankedOnlyWhereItCanBeTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, resume := uuid.New(), uuid.New()
	send := func(version, sent, answered int) {
		for i := range sent {
			id := uuid.New()
			for _, to := range []string{"submitted", "in_review"}[:1+btoi(i < answered)] {
				f.apply("auto-apply.application.changed", f.at.Add(-time.Hour), map[string]any{"applicationId": id, "userId": user, "to": to, "resumeId": resume, "resumeVersion": version})
			}
		}
	}
	send(1, 6, 1)
	send(2, 4, 2)
	list, best, err := f.GetResumeOutcomes(t.Context(), user, Period{})
	must(t, err)
	if len(list) != 2 || list[0].Submitted != 6 || list[1].Answered != 2 || best != nil {
		t.Errorf("a few applications: %+v, best %+v", list, best)
	}
	send(1, 30, 0)
	send(2, 20, 12)
	if _, best, err = f.GetResumeOutcomes(t.Context(), user, Period{}); err != nil || best == nil || best.Version != 2 {
		t.Errorf("14 of 24 against 1 of 36: best %+v, %v", best, err)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Reference values: Wilson's interval as statsmodels' proportion_confint gives it.
func TestWilsonInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k, n      int64
		low, high float64
	}{{0, 10, 0, 0.277534}, {1, 3, 0.061490, 0.792345}, {5, 10, 0.236593, 0.763407}, {10, 10, 0.722466, 1}} {
		r := newRate(c.k, c.n)
		if math.Abs(r.Low-c.low) > 1e-5 || math.Abs(r.High-c.high) > 1e-5 {
			t.Errorf("%d of %d: %.6f to %.6f, want %.6f to %.6f", c.k, c.n, r.Low, r.High, c.low, c.high)
		}
	}
	if newRate(0, 0) != nil {
		t.Error("a share of nothing")
	}
}

// The same figures before the hours are rolled up, afterwards, and after an event
// that came late.
func TestDashboardIsTheSameBeforeAndAfterTheRollup(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	changed := func(at time.Time, to string) {
		f.apply("auto-apply.application.changed", at, map[string]any{"applicationId": uuid.New(), "userId": user, "to": to})
	}
	changed(f.at.Add(-3*24*time.Hour), "submitted")
	changed(f.at.Add(-26*time.Hour), "submitted")
	changed(f.at.Add(-25*time.Hour), "rejected")
	changed(f.at.Add(-8*24*time.Hour), "submitted") // in the period before
	f.apply("job.job.viewed", f.at.Add(-10*time.Minute), map[string]any{"jobId": uuid.New(), "userId": user})
	f.apply("job.job.viewed", f.at.Add(-10*time.Minute), map[string]any{"jobId": uuid.New(), "userId": uuid.New()})
	check := func(when string, submitted int64) {
		t.Helper()
		d, err := f.GetDashboard(t.Context(), user, 7, time.UTC)
		must(t, err)
		if d.Totals.Applications != submitted || d.Totals.Rejections != 1 || d.Totals.Answers != 1 || d.Totals.JobsViewed != 1 || d.Previous.Applications != 1 {
			t.Errorf("%s: totals %+v, previous %+v", when, d.Totals, d.Previous)
		}
		if len(d.Series) != 7 || d.Series[6].JobsViewed != 1 || d.Series[5].Rejections != 1 || d.Series[3].Applications != 1 {
			t.Errorf("%s: series %+v", when, d.Series)
		}
		if d.ThisHour.JobsViewed != 1 {
			t.Errorf("%s: this hour %+v", when, d.ThisHour)
		}
	}
	check("before", 2)
	must(t, f.Rollup(t.Context()))
	check("rolled up", 2)
	if f.count("SELECT count(*) FROM metrics WHERE user_id IS NULL AND period = 'day' AND type = 'active_users' AND count = 1") == 0 {
		t.Error("active users of a day are not counted")
	}
	must(t, f.Rollup(t.Context()))
	check("rolled up twice", 2)
	changed(f.at.Add(-26*time.Hour), "submitted")
	must(t, f.Rollup(t.Context()))
	check("after a late event", 3)
	f.Redis = redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialTimeout: 50 * time.Millisecond})
	check("without Redis", 3)
}

// More hours than one transaction takes.
func TestRollupTakesManyHours(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	for i := range 2*hoursAtOnce + 5 {
		f.apply("job.job.viewed", f.at.Add(-time.Duration(i+1)*time.Hour), map[string]any{"userId": user})
	}
	must(t, f.Rollup(t.Context()))
	if n := f.count("SELECT sum(count) FROM metrics WHERE period = 'hour' AND user_id = $1", user); n != 2*hoursAtOnce+5 {
		t.Errorf("%d events are counted", n)
	}
	if n := f.count("SELECT sum(count) FROM metrics WHERE period = 'day' AND user_id IS NULL AND type = 'job.job.viewed'"); n != 2*hoursAtOnce+5 {
		t.Errorf("%d events are counted by day", n)
	}
}

func TestDaysBeginInTheUsersZone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.at = f.at.Truncate(24 * time.Hour).Add(2 * time.Hour) // 02:00 UTC: still yesterday in New York
	user := uuid.New()
	f.apply("job.job.saved", f.at.Add(-time.Hour), map[string]any{"userId": user})
	zone, err := time.LoadLocation("America/New_York")
	must(t, err)
	d, err := f.GetDashboard(t.Context(), user, 2, zone)
	must(t, err)
	if !d.To.Equal(f.at.Truncate(24*time.Hour).Add(-24*time.Hour)) || d.Series[1].JobsSaved != 1 {
		t.Errorf("to %s, series %+v", d.To, d.Series)
	}
}

func TestJobMarket(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := uuid.New()
	for i := range 6 {
		id := uuid.New()
		if i == 0 {
			id = first
		}
		f.apply("job.job.published", f.at.Add(-48*time.Hour), map[string]any{
			"jobId": id, "title": "Go Engineer 100%", "companyName": "Acme", "country": "DE", "remote": "remote", "skills": []string{"Go", "go", "SQL"},
			"payMin": 5000, "payMax": 6000, "payCurrency": "EUR", "payPeriod": "month", "postedAt": f.at.Add(-48 * time.Hour),
		})
	}
	f.apply("job.job.closed", f.at.Add(-24*time.Hour), map[string]any{"jobId": first})
	f.apply("job.job.updated", f.at.Add(-36*time.Hour), map[string]any{"jobId": first, "title": "came late"})
	m, err := f.GetJobMarket(t.Context(), MarketFilter{Title: "engineer 100%", Skill: "GO", Country: "DE", Remote: "remote"}, 4)
	must(t, err)
	if m.Published != 6 || m.Open != 5 || m.Closed != 1 || m.MedianDaysOpen == nil || *m.MedianDaysOpen != 1 {
		t.Errorf("totals: %+v", m)
	}
	if len(m.By["skill"]) != 2 || m.By["skill"][0] != (Bucket{"go", 6}) || m.By["country"][0] != (Bucket{"DE", 6}) || len(m.By["week"]) != 1 {
		t.Errorf("buckets: %+v", m.By)
	}
	if len(m.Pay) != 1 || m.Pay[0].Median != 66000 || m.Pay[0].Of != 6 {
		t.Errorf("pay: %+v", m.Pay)
	}
	if m, err = f.GetJobMarket(t.Context(), MarketFilter{Title: "_"}, 4); err != nil || m.Published != 0 {
		t.Errorf("a pattern is taken for one: %+v, %v", m, err)
	}
}

func TestDeletionLeavesNothingAndLateEventsAreDropped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, other := uuid.New(), uuid.New()
	for _, u := range []uuid.UUID{user, other} {
		_, err := f.track(u, Tracked{Type: "x"})
		must(t, err)
		f.apply("auto-apply.application.requested", f.at.Add(-2*time.Hour), map[string]any{"applicationId": uuid.New(), "userId": u, "jobId": uuid.New()})
	}
	must(t, f.Rollup(t.Context()))
	total := func(u uuid.UUID) (n int64) {
		t.Helper()
		places, err := f.GetEventsFootprint(t.Context(), u)
		must(t, err)
		for _, p := range places {
			n += p.Count
		}
		return n
	}
	if total(user) < 5 {
		t.Fatalf("before: %d", total(user))
	}
	for range 2 {
		must(t, f.DeleteUserEvents(t.Context(), user))
	}
	f.apply("job.job.viewed", f.at, map[string]any{"userId": user})
	f.apply("auto-apply.application.requested", f.at, map[string]any{"applicationId": uuid.New(), "userId": user, "jobId": uuid.New()})
	if n, err := f.track(user, Tracked{Type: "x"}); n != 0 || err != nil {
		t.Errorf("a deleted user's event: %d, %v", n, err)
	}
	if n := total(user); n != 0 {
		t.Errorf("%d are left", n)
	}
	if total(other) < 5 {
		t.Error("another user's are gone")
	}
}

func TestMaintenanceKeepsPartitionsAheadAndDropsOldOnes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.partitions(t.Context()))
	ahead := "events_" + time.Now().UTC().AddDate(0, 3, 1-time.Now().UTC().Day()).Format("2006_01")
	if n := f.count("SELECT count(*) FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid)", ahead); n != 1 {
		t.Errorf("there is no %s", ahead)
	}
	f.EventMonths = 0
	if err := f.partitions(t.Context()); err == nil {
		t.Error("events of this month may be dropped")
	}
	must(t, f.purge(t.Context()))
	f.apply("job.job.viewed", f.at.AddDate(-3, 0, 0), map[string]any{"userId": uuid.New()}) // a replay from long ago
}

func TestPlatformMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		f.apply("auto-apply.application.changed", f.at.Add(-24*time.Hour), map[string]any{"applicationId": uuid.New(), "userId": uuid.New(), "to": "submitted"})
	}
	f.apply("job.job.closed", f.at, map[string]any{"jobId": uuid.New()})
	must(t, f.Rollup(t.Context()))
	m, err := f.GetPlatformMetrics(t.Context(), 7)
	must(t, err)
	if len(m.Series) != 1 || m.Series[0].ActiveUsers != 3 || m.Series[0].Events["auto-apply.application.submitted"] != 3 || m.ThisHour["job.job.closed"] != 1 {
		t.Errorf("%+v", m)
	}
}

// BenchmarkTrack takes events in, in batches of 100 from two clients at once.
func BenchmarkTrack(b *testing.B) {
	f := newFixture(b)
	batch := make([]Tracked, 100)
	for i := range batch {
		batch[i] = Tracked{Type: "job.opened", Properties: map[string]any{"jobId": uuid.NewString(), "position": float64(i)}}
	}
	b.SetParallelism(4)
	b.RunParallel(func(p *testing.PB) {
		user := uuid.New()
		for p.Next() {
			if _, err := f.TrackEvents(context.Background(), user, func(int) string { return "#" }, batch); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "events/s")
}

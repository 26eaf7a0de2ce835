package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"go.opentelemetry.io/otel/propagation"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// complaints counts what is logged as a warning or worse.
type complaints struct {
	slog.Handler
	n atomic.Int32
}

func (c *complaints) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (c *complaints) Handle(context.Context, slog.Record) error    { c.n.Add(1); return nil }
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler           { return c }
func (c *complaints) WithGroup(string) slog.Handler                { return c }
func things(t *testing.T) *pgxpool.Pool                            { t.Helper(); return testkit.DB(t, "pkg/jobs/testdata") }
func start(t *testing.T, c *Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// As a service's role, through PgBouncer in transaction mode.
func TestEachDutyIsDoneOnceInItsPeriod(t *testing.T) {
	t.Parallel()
	var hourly, failing atomic.Int32
	log := &complaints{}
	options := Options{Poll: 50 * time.Millisecond, Log: slog.New(log), Duties: map[string]Duty{
		"hourly": {Every: time.Hour, Do: func(context.Context) error { hourly.Add(1); return nil }},
		"failing": {Every: time.Hour, Do: func(context.Context) error {
			if failing.Add(1) == 1 {
				return fmt.Errorf("not this time")
			}
			return nil
		}},
	}}
	pool := things(t)
	c, err := New(pool, options)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, c)
	testkit.Eventually(t, "the duties are done, the failing one again", func() bool { return hourly.Load() == 1 && failing.Load() == 2 })
	stop()
	options.Workers = nil
	if c, err = New(pool, options); err != nil {
		t.Fatal(err)
	}
	res, err := c.Insert(t.Context(), duty{"hourly"}, &river.InsertOpts{Queue: dutyQueue, UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if !res.UniqueSkippedAsDuplicate {
		t.Error("a restart would do it again within the hour")
	}
}

type shout struct {
	Word string `json:"word"`
}

func (shout) Kind() string { return "shout" }

func TestJobsAreDoneIfTheirTransactionCommits(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 2)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, j *river.Job[shout]) error { heard <- j.Args.Word; return nil }))
	pool := things(t)
	c, err := New(pool, Options{Workers: workers, Queues: map[string]int{river.QueueDefault: 2}, Poll: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer start(t, c)()
	for _, word := range []string{"lost", "kept"} {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.InsertTx(t.Context(), tx, shout{word}, nil); err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if word == "kept" {
			end = tx.Commit
		}
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if word := <-heard; word != "kept" {
		t.Errorf("heard %q", word)
	}
}

// A job goes on with the trace of the transaction that called for it.
func TestJobsGoOnWithTheTrace(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	seen := make(chan string, 1)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[shout]) error {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		seen <- carrier["traceparent"]
		return nil
	}))
	c, err := New(things(t), Options{Workers: workers, Queues: map[string]int{river.QueueDefault: 1}, Poll: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer start(t, c)()
	traced := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": parent})
	for ctx, want := range map[context.Context]string{traced: parent, t.Context(): ""} {
		job, err := c.Insert(ctx, shout{"traced"}, &river.InsertOpts{Metadata: []byte(`{"of":"the caller"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != want {
			t.Errorf("the job works in the trace %q, not %q", got, want)
		}
		if !strings.Contains(string(job.Job.Metadata), `"of": "the caller"`) && !strings.Contains(string(job.Job.Metadata), `"of":"the caller"`) {
			t.Errorf("the job's metadata are %s", job.Job.Metadata)
		}
	}
}

func TestRunWaitsForPostgres(t *testing.T) {
	t.Parallel()
	cfg := things(t).Config().ConnConfig
	proxy := testkit.NewProxy(t, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))))
	proxy.Down()
	pool, err := pg.Open(t.Context(), fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", cfg.User, cfg.Password, proxy.Addr, cfg.Database), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	log, done := &complaints{}, make(chan bool, 1)
	c, err := New(pool, Options{Log: slog.New(log), Poll: 20 * time.Millisecond, Duties: map[string]Duty{
		"one": {Every: time.Hour, Do: func(context.Context) error { done <- true; return nil }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.retryIn = time.Millisecond
	defer start(t, c)()
	testkit.Eventually(t, "it says that it cannot start", func() bool { return log.n.Load() > 0 })
	proxy.Up()
	<-done
}

func TestPurgeGoesOnUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	pool := things(t)
	if _, err := pool.Exec(t.Context(), `INSERT INTO things SELECT n, CASE WHEN n <= $1 THEN now() - interval '2 days' ELSE now() END FROM generate_series(1, $1 + 3) n`, 2*purgeBatch+1); err != nil {
		t.Fatal(err)
	}
	err := Purge(t.Context(), pool, slog.New(slog.DiscardHandler), time.Now(),
		Leftover{Table: "nowhere", Key: "id", Old: "true"},
		Leftover{Table: "things", Key: "id", Old: "made_at < $1", Keep: 24 * time.Hour})
	if err == nil {
		t.Error("a table that is not there is no error")
	}
	var left int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM things").Scan(&left); err != nil || left != 3 {
		t.Fatalf("%d rows are left (%v), want the 3 young ones", left, err)
	}
}

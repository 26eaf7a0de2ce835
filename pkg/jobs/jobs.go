// Package jobs runs River in the schema of a service, for work that is due later
// or again and again: it survives restarts, is inserted in the transaction that
// calls for it, and is done by one replica at a time.
//
// Workers are polled for, since PgBouncer in transaction mode has no LISTEN.
package jobs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

const (
	dutyQueue   = "duties"
	startRetry  = 5 * time.Second
	defaultPoll = 5 * time.Second

	defaultTimeout = 10 * time.Minute
)

// Duty is something to be done once in a period by one of the replicas, and again
// when it failed.
type Duty struct {
	Every time.Duration
	Do    func(context.Context) error
	// Timeout of one run; zero is 10 minutes.
	Timeout time.Duration
}

// Options say what is worked on.
type Options struct {
	// Duties by name. Each is also done at the start, unless it was done in its
	// period already, so that restarts do not put it off for ever.
	Duties map[string]Duty
	// Workers of the service's own kinds of jobs; nil has none.
	Workers *river.Workers
	// Queues are how many jobs of each queue run at once in this replica.
	Queues map[string]int
	// Periodic are jobs of the service's own kinds that are due by a schedule.
	Periodic []*river.PeriodicJob
	// Timeout of one job of the service's own kinds; zero is 10 minutes. A job whose
	// worker died is done again when it is twice as old, by another.
	Timeout time.Duration
	// Poll is how often the queues are looked at; zero is 5 s.
	Poll time.Duration
	Log  *slog.Logger
	// Errors hears of failed jobs; nil only logs them.
	Errors river.ErrorHandler
}

// Client inserts jobs and works on them while Run runs.
type Client struct {
	*river.Client[pgx.Tx]
	log     *slog.Logger
	reopen  func() (*river.Client[pgx.Tx], error)
	retryIn time.Duration
}

// duty is the job of a Duty.
type duty struct {
	Name string `json:"name"`
}

// Kind names the jobs in River's table.
func (duty) Kind() string { return "duty" }

type dutyWorker struct {
	river.WorkerDefaults[duty]
	duties map[string]Duty
}

func (w *dutyWorker) Work(ctx context.Context, job *river.Job[duty]) error {
	d, ok := w.duties[job.Args.Name]
	if !ok { // of another version of the service
		return river.JobCancel(fmt.Errorf("jobs: no duty %q", job.Args.Name))
	}
	return d.Do(ctx)
}

func (w *dutyWorker) Timeout(job *river.Job[duty]) time.Duration {
	return cmp.Or(w.duties[job.Args.Name].Timeout, defaultTimeout)
}

// New makes a client on the tables of River in the pool's schema.
func New(pool *pgxpool.Pool, o Options) (*Client, error) {
	if o.Workers == nil {
		o.Workers = river.NewWorkers()
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	periodic := o.Periodic
	queues := map[string]river.QueueConfig{}
	for name, n := range o.Queues {
		queues[name] = river.QueueConfig{MaxWorkers: n}
	}
	if len(o.Duties) > 0 {
		if err := river.AddWorkerSafely(o.Workers, &dutyWorker{duties: o.Duties}); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		queues[dutyQueue] = river.QueueConfig{MaxWorkers: 1}
	}
	for name, d := range o.Duties {
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(d.Every), func() (river.JobArgs, *river.InsertOpts) {
			return duty{name}, &river.InsertOpts{Queue: dutyQueue, MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: d.Every}}
		}, &river.PeriodicJobOpts{ID: name, RunOnStart: true}))
	}
	config := river.Config{
		Queues: queues, Workers: o.Workers, PeriodicJobs: periodic,
		PollOnly: true, FetchPollInterval: o.Poll, FetchCooldown: min(o.Poll, 100*time.Millisecond),
		JobTimeout: o.Timeout, RescueStuckJobsAfter: 2 * o.Timeout, SoftStopTimeout: 5 * time.Second,
		ReindexerIndexNames: []string{}, // needs an owner's rights, and the tables stay small
		Logger:              o.Log, ErrorHandler: o.Errors,
		Middleware: []rivertype.Middleware{&tracing{}},
	}
	open := func() (*river.Client[pgx.Tx], error) {
		c := config // River changes what it is given
		client, err := river.NewClient(riverpgxv5.New(pool), &c)
		if err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		return client, nil
	}
	client, err := open()
	if err != nil {
		return nil, err
	}
	return &Client{Client: client, log: o.Log, reopen: open, retryIn: startRetry}, nil
}

// Run works until ctx ends, and waits for Postgres if it is not there yet. It is
// a worker for app.Run.
func (c *Client) Run(ctx context.Context) error {
	client := c.Client
	for {
		err := client.Start(ctx)
		if err == nil {
			<-client.Stopped()
			return nil
		}
		if ctx.Err() == nil {
			c.log.WarnContext(ctx, "jobs do not start yet; it is tried again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.retryIn):
		}
		if client, err = c.reopen(); err != nil { // one that failed to start cannot be started again
			return err
		}
	}
}

// Command job is the service of jobs: gathering, search and alerts; see README.md.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/job/internal/api"
	"github.com/jobpilot/jobpilot/services/job/internal/clients"
	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
	"github.com/jobpilot/jobpilot/services/job/internal/job"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

const usage = `job serve      run the service
job reindex    build a new search index from the database and put it in place of the old one`

// aiTimeout is longer than that of other services: models take their time.
const aiTimeout = 20 * time.Second

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "job:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || (args[0] != "serve" && args[0] != "reindex") {
		return errors.New("want one command:\n" + usage)
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "job", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	s.UseAuth(cfg.AuthConfig)
	boards, err := cfg.boards()
	if err != nil {
		return err
	}
	engine, err := search.Open(search.Options{URL: cfg.SearchURL, Flavor: cfg.SearchFlavor, Prefix: cfg.SearchPrefix})
	if err != nil {
		return err
	}
	fetcher := fetch.New(fetch.Options{UserAgent: cfg.FetchAgent, Allow: cfg.FetchAllow, PerSecond: cfg.FetchPerSecond, Parallel: 1, Metrics: s.Registry})
	peers, err := clients.Dial(httpx.NewClient(cfg.ServiceKey, aiTimeout), cfg.AIURL, cfg.UserURL, cfg.ResumeURL)
	if err != nil {
		return err
	}
	jobs, err := job.New(job.Deps{
		Pool: s.Pool, Redis: s.Redis, Engine: engine, Fetcher: fetcher, Peers: peers,
		SourceBaseURL: cfg.SourceBaseURL, Metrics: s.Registry, Log: s.Log,
	})
	if err != nil {
		return err
	}
	if args[0] == "reindex" {
		defer s.Close()
		return reindex(ctx, jobs)
	}
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	server := &api.Server{Jobs: jobs, Cursors: s.Cursors}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes})
	if err != nil {
		return err
	}
	maintenance, err := job.NewMaintenance(jobs)
	if err != nil {
		return err
	}
	gather := rabbit.Consumer{
		Queue: job.QueueJobAggregation, Concurrency: cfg.GatherParallel, Timeout: job.GatherTimeout, Handler: rabbit.Each(jobs.HandleGather),
	}
	// Redis, RabbitMQ, the search engine and other services do not decide readiness: without them this one goes on.
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"gathering":   s.ConsumeWith(gather),
		"events":      s.Consume(job.QueueJobEvents, jobs.Apply),
		"indexer":     jobs.Index,
		"renewal":     jobs.RenewIndex,
		"maintenance": maintenance.Run,
		"sources":     func(ctx context.Context) error { return jobs.KeepSources(ctx, boards) },
	}, nil)
}

// reindex is `job reindex`.
func reindex(ctx context.Context, jobs *job.Service) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	begun, total := time.Now(), 0
	err := jobs.Reindex(ctx, func(n int) {
		total = n
		fmt.Fprintf(os.Stderr, "\r%d jobs", n)
	})
	fmt.Fprintln(os.Stderr)
	if err == nil {
		fmt.Printf("%d jobs indexed in %s\n", total, time.Since(begun).Round(time.Millisecond))
	}
	return err
}

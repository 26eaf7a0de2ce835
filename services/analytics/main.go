// Command analytics is the service of events and figures; see README.md.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // images have no zones

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/analytics/internal/analytics"
	"github.com/jobpilot/jobpilot/services/analytics/internal/api"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "analytics:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "serve" {
		return errors.New("usage: analytics serve")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "analytics", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	s.UseAuth(cfg.AuthConfig)
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	service := analytics.New(analytics.Deps{Pool: s.Pool, Redis: s.Redis, Log: s.Log, Metrics: s.Registry, EventMonths: cfg.EventMonths})
	maintenance, err := service.Maintenance()
	if err != nil {
		return err
	}
	server := &api.Server{Analytics: service}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes})
	if err != nil {
		return err
	}
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"events": s.ConsumeWith(rabbit.Consumer{
			Queue: analytics.QueueAnalytics, Batch: 100, Concurrency: 2, Handler: outbox.Handler(s.Pool, analytics.QueueAnalytics, service.Apply),
		}),
		"maintenance": maintenance.Run,
	}, nil)
}

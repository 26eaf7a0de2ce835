// Command user is the service of profiles, preferences and reference data; see README.md.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // zones are checked wherever the service runs

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/services/user/internal/api"
	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "user:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "serve" {
		return errors.New("usage: user serve")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "user", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	s.UseAuth(cfg.AuthConfig)
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	files, err := blob.Open(cfg.bucket())
	if err != nil {
		return err
	}
	options := user.CacheOptions
	options.Metrics = s.Registry
	profiles, err := cache.New[[]byte](s.Redis, options)
	if err != nil {
		return err
	}
	users := user.New(user.Deps{Pool: s.Pool, Keys: s.Keys, Files: files, Cache: profiles, Log: s.Log})
	server := &api.Server{User: users, Cursors: s.Cursors}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes})
	if err != nil {
		return err
	}
	maintenance, err := user.NewMaintenance(users)
	if err != nil {
		return err
	}
	// Redis, RabbitMQ and the bucket do not decide readiness: without them most goes on.
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		user.QueueUserEvents: s.Consume(user.QueueUserEvents, users.Apply),
		"maintenance":        maintenance.Run,
	}, nil)
}

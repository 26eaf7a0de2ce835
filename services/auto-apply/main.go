// Command auto-apply is the service that sends applications; see README.md.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // images have no zones

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/api"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/autoapply"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "auto-apply:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	serve := len(args) == 1 && args[0] == "serve"
	if !serve && (len(args) != 2 || args[0] != "rebuild") {
		return errors.New("usage: auto-apply serve | rebuild <application id>")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "auto-apply", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	s.UseAuth(cfg.AuthConfig)
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	files, err := blob.Open(cfg.bucket(cfg.S3BucketUserUploads))
	if err != nil {
		return err
	}
	// A letter or a rendered resume takes its time; who waits for less says so by the context.
	peer := httpx.NewClient(cfg.ServiceKey, 20*time.Second)
	jobs, err := job.NewClientWithResponses(cfg.JobURL, job.WithHTTPClient(peer))
	if err != nil {
		return fmt.Errorf("JOB_URL: %w", err)
	}
	users, err := user.NewClientWithResponses(cfg.UserURL, user.WithHTTPClient(peer))
	if err != nil {
		return fmt.Errorf("USER_URL: %w", err)
	}
	resumes, err := resume.NewClientWithResponses(cfg.ResumeURL, resume.WithHTTPClient(peer))
	if err != nil {
		return fmt.Errorf("RESUME_URL: %w", err)
	}
	adviser, err := ai.NewClientWithResponses(cfg.AIURL, ai.WithHTTPClient(peer))
	if err != nil {
		return fmt.Errorf("AI_URL: %w", err)
	}
	limiter, err := cache.NewLimiter(s.Redis, "auto-apply:sites", nil)
	if err != nil {
		return err
	}
	browsers := browser.New(browser.Options{
		DriverDir: cfg.PlaywrightDriverDir, Chromium: cfg.ChromiumPath, Contexts: cfg.BrowserContexts, Idle: cfg.BrowserIdle, Allow: cfg.FetchAllow, Metrics: s.Registry, Log: s.Log,
	})
	defer browsers.Close()
	applications := autoapply.New(autoapply.Deps{
		Pool: s.Pool, Keys: s.Keys, Files: files, Jobs: jobs, Users: users, Resumes: resumes, AI: adviser, Limiter: limiter, PerMinute: cfg.PlatformPerMinute,
		Sites: &site.Sites{Browsers: browsers, Client: browser.NewClient(cfg.FetchAllow, 15*time.Second)}, Metrics: s.Registry, Log: s.Log,
	})
	if !serve {
		defer s.Close()
		id, err := uuid.Parse(args[1])
		if err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		return applications.Rebuild(ctx, id)
	}
	server := &api.Server{Applications: applications, Cursors: s.Cursors}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes, Timeout: time.Minute})
	if err != nil {
		return err
	}
	maintenance, err := autoapply.NewMaintenance(applications)
	if err != nil {
		return err
	}
	// Browser, files and the other services do not decide readiness: without them the rest goes on.
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"maintenance": maintenance.Run,
		"applications": s.ConsumeWith(rabbit.Consumer{
			Queue: autoapply.QueueApplications, Concurrency: cfg.BrowserContexts, Timeout: autoapply.WorkTimeout, Handler: rabbit.Each(applications.Apply),
		}),
		"events": s.ConsumeWith(rabbit.Consumer{Queue: autoapply.QueueAutoApplyEvents, Handler: rabbit.Each(applications.Hear)}),
	}, nil)
}

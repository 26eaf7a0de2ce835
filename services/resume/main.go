// Command resume is the service of resumes, their versions and documents; see
// README.md.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/resume/internal/api"
	"github.com/jobpilot/jobpilot/services/resume/internal/browser"
	"github.com/jobpilot/jobpilot/services/resume/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "resume:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "serve" {
		return fmt.Errorf("usage: resume serve")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "resume", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	s.UseAuth(cfg.AuthConfig)
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	// A scan of many pages takes ai its time; who waits for less says so by the context.
	adviser, err := ai.NewCaller(cfg.AIURL, httpx.NewClient(cfg.ServiceKey, resume.ReadTimeout))
	if err != nil {
		return fmt.Errorf("AI_URL: %w", err)
	}
	files, err := blob.Open(cfg.bucket(cfg.S3BucketResumes))
	if err != nil {
		return err
	}
	exports, err := blob.Open(cfg.bucket(cfg.S3BucketExports))
	if err != nil {
		return err
	}
	check, err := api.NewCheck()
	if err != nil {
		return err
	}
	printer := browser.New(browser.Options{
		DriverDir: cfg.PlaywrightDriverDir, Chromium: cfg.ChromiumPath, Workers: cfg.BrowserWorkers, Idle: cfg.BrowserIdle, Metrics: s.Registry, Log: s.Log,
	})
	defer printer.Close()
	resumes := resume.New(resume.Deps{
		Pool: s.Pool, Keys: s.Keys, Files: files, Exports: exports, AI: adviser, Browser: printer, Check: check, Log: s.Log,
	})
	server := &api.Server{Resumes: resumes, Cursors: s.Cursors}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes, Timeout: time.Minute})
	if err != nil {
		return err
	}
	maintenance, err := resume.NewMaintenance(resumes)
	if err != nil {
		return err
	}
	// Files, ai and the browser do not decide readiness: without them the rest goes on.
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"maintenance": maintenance.Run,
		"reading": s.ConsumeWith(rabbit.Consumer{
			Queue: resume.QueueResumeProcessing, Concurrency: cfg.ReadWorkers, Timeout: resume.ReadTimeout + 30*time.Second, Handler: rabbit.Each(resumes.ReadQueued),
		}),
	}, nil)
}

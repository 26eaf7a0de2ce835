// Command ai is the service that reads, compares and writes about resumes and
// postings; see README.md.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
	"github.com/jobpilot/jobpilot/services/ai/internal/api"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/anthropic"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/openai"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/peers"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/wire"
	"github.com/jobpilot/jobpilot/services/ai/internal/document"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	document.Worker() // a process that reads PDFs goes no further
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ai:", err)
		os.Exit(1)
	}
}

const (
	// requestTime bounds a request: engines are asked one after the other.
	requestTime = 55 * time.Second
	// readerWait is how long a resume waits for its turn to be read.
	readerWait = 5 * time.Second
	// planTTL is how long it is remembered what a plan allows.
	planTTL = 5 * time.Minute
)

// run is `ai serve`.
func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "serve" {
		return fmt.Errorf("usage: ai serve")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "ai", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	client := s.UseAuth(cfg.AuthConfig)
	s.Log.Info("configuration", "config", config.Dump(cfg))
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	p := &peers.Peers{HTTP: client, UserURL: cfg.UserURL, ResumeURL: cfg.ResumeURL, JobURL: cfg.JobURL}
	plans, err := cache.New[int64](s.Redis, cache.Options{Name: "ai:plan:1", TTL: planTTL, Metrics: s.Registry})
	if err != nil {
		return err
	}
	domain, err := ai.New(ai.Deps{
		Pool: s.Pool, Keys: s.Keys, Engines: engines(cfg), Resume: p.Resume, Job: p.Job, KeepAnswers: cfg.KeepAnswers, Log: s.Log, Metrics: s.Registry,
		Budget: func(ctx context.Context, user uuid.UUID) (ai.Budget, error) {
			calls, err := plans.Get(ctx, user.String(), func(ctx context.Context) (int64, error) { return p.RequestsPerDay(ctx, user) })
			return ai.Budget{Calls: calls, Tokens: calls * cfg.TokensPerRequest, CostMicros: cfg.CostPerDay}, err
		},
	})
	if err != nil {
		return err
	}
	cfg.CacheDir = cmp.Or(cfg.CacheDir, ownCache())
	reader := document.New(document.Config{Workers: cfg.PDFWorkers, CacheDir: cfg.CacheDir})
	defer reader.Close()
	server := &api.Server{AI: domain, Documents: ai.NewDocuments(reader, cfg.ParseParallel, readerWait)}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes, Timeout: requestTime})
	if err != nil {
		return err
	}
	maintenance, err := ai.NewMaintenance(domain)
	if err != nil {
		return err
	}
	return s.Run(ctx, handler, map[string]func(context.Context) error{"maintenance": maintenance.Run, "models": domain.KeepModels}, nil)
}

// ownCache is a folder that only this user can write to, for what would be loaded
// as code: below their home, else below the folder for temporary files. Empty
// when there is none.
func ownCache() string {
	var places []string
	if dir, err := os.UserCacheDir(); err == nil {
		places = append(places, filepath.Join(dir, "jobpilot"))
	}
	for _, dir := range append(places, filepath.Join(os.TempDir(), fmt.Sprintf("jobpilot-%d", os.Getuid()))) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			continue
		}
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
			continue
		}
		// A folder of somebody else cannot be given a mode.
		if os.Chmod(dir, 0o700) == nil {
			return dir
		}
	}
	return ""
}

// engines makes those that are configured, in their order.
func engines(cfg Config) (out []ai.Engine) {
	// A provider is asked for what needs words; numbers are ours to count.
	tasks := []ai.Task{ai.TaskOptimize, ai.TaskLetter, ai.TaskQuestions, ai.TaskExtract, ai.TaskAnswer}
	info := func(name string, p Provider) ai.EngineInfo {
		return ai.EngineInfo{Name: name, Kind: name, Model: p.Model, Tasks: slices.Clone(tasks), InputCost: p.InputCost, OutputCost: p.OutputCost}
	}
	for _, name := range cfg.Engines {
		switch name {
		case "openai":
			e := &ai.LLM{About: info(name, cfg.OpenAI), Timeout: cfg.EngineTimeout, Vectors: cfg.OpenAIEmbeddingModel, Provider: openai.New(openai.Config{
				BaseURL: cmp.Or(cfg.OpenAI.BaseURL, "https://api.openai.com/v1"), Key: cfg.OpenAI.APIKey.Reveal(), Model: cfg.OpenAI.Model,
				EmbeddingModel: cfg.OpenAIEmbeddingModel, HTTP: wire.NewHTTP(),
			})}
			if e.Vectors != "" {
				e.About.Tasks = append(e.About.Tasks, ai.TaskEmbeddings)
			}
			out = append(out, e)
		case "anthropic":
			out = append(out, &ai.LLM{About: info(name, cfg.Anthropic), Timeout: cfg.EngineTimeout, Provider: anthropic.New(anthropic.Config{
				BaseURL: cmp.Or(cfg.Anthropic.BaseURL, "https://api.anthropic.com"), Key: cfg.Anthropic.APIKey.Reveal(), Model: cfg.Anthropic.Model, HTTP: wire.NewHTTP(),
			})})
		default:
			out = append(out, &ai.Builtin{})
		}
	}
	return out
}

// Command orchestrator is the service of workflows; see README.md.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/api"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/orchestrator"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "orchestrator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "serve" {
		return errors.New("usage: orchestrator serve")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "orchestrator", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	peers := orchestrator.NewPeers(cfg.urls(), ask(s.UseAuth(cfg.AuthConfig)))
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	service, err := orchestrator.New(orchestrator.Deps{
		Pool: s.Pool, Peers: peers, Definitions: orchestrator.Sagas(peers), Log: s.Log, Metrics: s.Registry, Workers: cfg.SagaWorkers,
	})
	if err != nil {
		return err
	}
	server := &api.Server{Orchestrator: service, Cursors: s.Cursors}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes})
	if err != nil {
		return err
	}
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"events": s.Consume(orchestrator.QueueOrchestratorEvents, service.Apply),
		"sagas":  service.Jobs,
		"health": peers.Watch,
	}, nil)
}

// ask makes requests with the client that shows the service's key.
func ask(client *http.Client) orchestrator.Ask {
	return func(ctx context.Context, method, url string, body []byte, header map[string]string) (int, io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
		if err != nil {
			return 0, nil, err
		}
		for name, value := range header {
			req.Header.Set(name, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, nil, err
		}
		return resp.StatusCode, resp.Body, nil
	}
}

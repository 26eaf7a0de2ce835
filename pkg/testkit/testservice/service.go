// Package testservice is a small service on all of pkg: the proof that its
// packages fit together, and the shortest example of how a service is wired.
//
// A note comes in over HTTP, is sealed and written to Postgres with an event in
// the outbox; the service's own consumer takes the event from the broker and
// files a copy of the note in the bucket. Reads go through the cache.
package testservice

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
)

// Config is read from the environment.
type Config struct {
	obs.Config
	HTTPAddr    string        `env:"HTTP_ADDR,required" check:"addr"`
	AdminAddr   string        `env:"ADMIN_ADDR,required" check:"addr"`
	DatabaseURL config.Secret `env:"DATABASE_URL,required" check:"url=postgres"`
	RedisURL    config.Secret `env:"REDIS_URL,required" check:"url=redis"`
	RabbitURL   config.Secret `env:"RABBITMQ_URL,required" check:"url=amqp"`
	SealKeys    config.Secret `env:"SEAL_KEYS,required"`
	LookupKey   config.Secret `env:"LOOKUP_KEY,required"`
	S3Endpoint  string        `env:"S3_ENDPOINT,required" check:"url=http"`
	S3Bucket    string        `env:"S3_BUCKET,required"`
	S3KeyID     string        `env:"S3_ACCESS_KEY_ID,required"`
	S3Secret    config.Secret `env:"S3_SECRET_ACCESS_KEY,required"`
	CacheName   string        `env:"CACHE_NAME,required"`
}

// Spec is the contract of the service.
//
//go:embed openapi.yaml
var Spec []byte

// Schema is the DDL of the service's own table; outbox and inbox come with it.
//
//go:embed schema.sql
var Schema string

var topology = rabbit.Topology{Exchange: "test.events", Queues: []rabbit.Queue{{
	Name: "files", Tries: 3, Delays: []rabbit.Duration{rabbit.Duration(100 * time.Millisecond)},
	Bindings: []rabbit.Binding{{Key: noteCreated}},
}}}

// Run is the service from configuration to orderly stop.
func Run(ctx context.Context, vars map[string]string, output io.Writer) error {
	cfg, err := config.Parse[Config](vars)
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version, cfg.Output = "testservice", "test", output
	o, err := obs.Start(ctx, cfg.Config)
	if err != nil {
		return err
	}
	keys, err := seal.ParseKeys(cfg.SealKeys.Reveal())
	if err != nil {
		return fmt.Errorf("SEAL_KEYS: %w", err)
	}
	lookup, err := seal.NewLookup(cfg.LookupKey.Reveal())
	if err != nil {
		return fmt.Errorf("LOOKUP_KEY: %w", err)
	}
	db, err := pg.Open(ctx, cfg.DatabaseURL.Reveal(), pg.Options{Metrics: o.Registry})
	if err != nil {
		return err
	}
	redis, err := cache.Open(cfg.RedisURL.Reveal(), o.Registry)
	if err != nil {
		return err
	}
	copies, err := cache.New[note](redis, cache.Options{
		Name: cfg.CacheName, TTL: time.Minute, NegativeTTL: 5 * time.Second, Metrics: o.Registry,
	})
	if err != nil {
		return err
	}
	broker, err := rabbit.Open(cfg.RabbitURL.Reveal(), rabbit.Options{Name: "testservice", Topology: &topology, Metrics: o.Registry, Log: o.Log})
	if err != nil {
		return err
	}
	relay, err := outbox.NewRelay(db, broker, outbox.RelayOptions{Metrics: o.Registry, Log: o.Log})
	if err != nil {
		return err
	}
	files, err := blob.Open(blob.Config{Endpoint: cfg.S3Endpoint, Bucket: cfg.S3Bucket, AccessKeyID: cfg.S3KeyID, SecretAccessKey: cfg.S3Secret.Reveal()})
	if err != nil {
		return err
	}

	n := &notes{db: db, keys: keys, lookup: lookup, copies: copies, files: files}
	handler, err := httpx.New(httpx.Options{
		Obs: o, Spec: Spec,
		Access: map[string]authn.Rule{
			"createNote": {Role: authn.RoleNone}, "findNotes": {Role: authn.RoleNone}, "getNote": {Role: authn.RoleNone},
		},
		Routes: func(r chi.Router) {
			r.Post("/api/v1/notes", n.create)
			r.Get("/api/v1/notes", n.find)
			r.Get("/api/v1/notes/{noteId}", n.get)
		},
	})
	if err != nil {
		return err
	}
	return app.Run(ctx, app.Options{
		Obs: o, Addr: cfg.HTTPAddr, AdminAddr: cfg.AdminAddr, Handler: handler,
		Ready: map[string]func(context.Context) error{"postgres": db.Ping, "bucket": files.Ready},
		Workers: map[string]func(context.Context) error{
			"outbox relay": relay.Run,
			"files": func(ctx context.Context) error {
				return broker.Consume(ctx, rabbit.Consumer{Queue: "files", Batch: 20, Handler: outbox.Handler(db, "files", n.file)})
			},
		},
		Close: []func(){func() { _ = broker.Close() }, func() { _ = redis.Close() }, db.Close},
	})
}

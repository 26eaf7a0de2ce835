// Command auth is the service of accounts, sessions and credentials; see README.md.
package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/auth/internal/api"
	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "auth:", err)
		os.Exit(1)
	}
}

// run is `auth serve`, or one of the commands of command.go.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] != "serve" {
		return command(ctx, args, os.Stdin, os.Stdout)
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "auth", version
	o, err := obs.Start(ctx, cfg.Config)
	if err != nil {
		return err
	}
	o.Log.Info("configuration", "config", config.Dump(cfg))

	d, err := open(ctx, cfg, o)
	if err != nil {
		return err
	}
	topo, err := rabbit.ParseTopology(topology)
	if err != nil {
		return err
	}
	broker, err := rabbit.Open(cfg.RabbitURL.Reveal(), rabbit.Options{Name: "auth", Topology: topo, Metrics: o.Registry, Log: o.Log})
	if err != nil {
		return err
	}
	relay, err := outbox.NewRelay(d.pool, broker, outbox.RelayOptions{Metrics: o.Registry, Log: o.Log})
	if err != nil {
		return err
	}
	idempotency := httpx.NewIdempotency(d.pool, d.keys)
	maintenance := auth.NewMaintenance(d.service, auth.MaintenanceOptions{
		UnverifiedAge: time.Duration(cfg.UnverifiedDays) * 24 * time.Hour, Purge: idempotency.Purge,
	})
	handler, err := handler(cfg, o, d, idempotency)
	if err != nil {
		return err
	}
	return app.Run(ctx, app.Options{
		Obs: o, Addr: cfg.HTTPAddr, AdminAddr: cfg.AdminAddr, Handler: handler, Drain: cfg.Drain,
		// Redis and RabbitMQ are not in here: without them the service goes on.
		Ready: map[string]func(context.Context) error{"postgres": d.pool.Ping},
		Workers: map[string]func(context.Context) error{
			"outbox relay": relay.Run,
			"revocations":  func(ctx context.Context) error { return d.service.Revocations.Keep(ctx, d.service.LoadRevocations) },
			"signing keys": d.service.Signer.Keep,
			"key use":      d.service.KeepKeyUse,
			"maintenance":  maintenance.Run,
		},
		Close: []func(){func() { _ = broker.Close() }, func() { _ = d.redis.Close() }, d.pool.Close},
	})
}

// deps are what the domain works with, for the service and for the commands.
type deps struct {
	service *auth.Service
	pool    *pgxpool.Pool
	redis   redis.UniversalClient
	keys    *seal.Keys
}

// open prepares the domain. Only Postgres has to be there.
func open(ctx context.Context, cfg Config, o *obs.Obs) (*deps, error) {
	keys, err := seal.ParseKeys(cfg.SealKeys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("SEAL_KEYS: %w", err)
	}
	lookup, err := seal.NewLookup(cfg.LookupKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("LOOKUP_KEY: %w", err)
	}
	pepper, err := base64.StdEncoding.DecodeString(cfg.PasswordPepper.Reveal())
	if err != nil {
		return nil, fmt.Errorf("PASSWORD_PEPPER: want base64: %w", err)
	}
	parallel := cfg.HashingParallel
	if parallel == 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	hasher, err := auth.NewHasher(pepper, parallel)
	if err != nil {
		return nil, err
	}
	policy, err := auth.NewPasswordPolicy(cfg.BreachedPasswordsFile)
	if err != nil {
		return nil, fmt.Errorf("BREACHED_PASSWORDS_FILE: %w", err)
	}
	pool, err := pg.Open(ctx, cfg.DatabaseURL.Reveal(), pg.Options{MaxConns: cfg.DatabaseConns, Metrics: o.Registry})
	if err != nil {
		return nil, err
	}
	client, err := cache.Open(cfg.RedisURL.Reveal(), o.Registry)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	d := &deps{pool: pool, redis: client, keys: keys}
	webauthn, err := auth.NewWebauthn(cfg.PublicURL, cfg.AllowedOrigins)
	if err != nil {
		return nil, fmt.Errorf("PUBLIC_URL: %w", err)
	}
	redirects := cfg.OauthRedirects
	if len(redirects) == 0 {
		redirects = []string{cfg.PublicURL + "/signed-in"}
	}
	providers, err := auth.NewOauth(cfg.PublicURL, redirects, map[string]oauth.Config{
		"google": cfg.Google.oauth(), "linkedin": cfg.LinkedIn.oauth(), "github": cfg.GitHub.oauth(),
	}, oauth.Options{})
	if err != nil {
		return nil, err
	}
	signer, err := auth.NewSigner(ctx, pool, keys, cfg.TokenIssuer, time.Now)
	if err != nil {
		return nil, err
	}
	revocations := authn.NewRevocations(d.redis, func(ctx context.Context, p authn.Principal) error { return d.service.CheckRevoked(ctx, p) })
	d.service = auth.New(auth.Deps{
		Pool: pool, Keys: keys, Lookup: lookup, Hasher: hasher, Policy: policy, Signer: signer, Revocations: revocations,
		Webauthn: webauthn, Oauth: providers, PublicURL: cfg.PublicURL, Log: o.Log,
	})
	return d, nil
}

// handler is the HTTP edge over the domain.
func handler(cfg Config, o *obs.Obs, d *deps, idempotency *httpx.Idempotency) (http.Handler, error) {
	cursorKey, err := base64.StdEncoding.DecodeString(cfg.CursorKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("CURSOR_KEY: want base64: %w", err)
	}
	cursors, err := httpx.NewCursors(cursorKey)
	if err != nil {
		return nil, fmt.Errorf("CURSOR_KEY: %w", err)
	}
	limiter, err := cache.NewLimiter(d.redis, "auth", o.Registry)
	if err != nil {
		return nil, err
	}
	server := &api.Server{Auth: d.service, Cursors: cursors, PublicURL: cfg.PublicURL}
	perMinute := func(n int) httpx.Limit { return httpx.Limit{Requests: n, Window: time.Minute} }
	return httpx.New(httpx.Options{
		Obs: o, Spec: api.Spec, Access: api.Access, Routes: server.Routes,
		Auth:    authn.New(authn.NewVerifier(cfg.TokenIssuer, d.service.Signer, nil), d.service.Revocations, d.service.Introspect),
		Limiter: limiter,
		Limits: map[string]httpx.Limit{
			"read": perMinute(cfg.LimitRead), "write": perMinute(cfg.LimitWrite), "search": perMinute(cfg.LimitSearch), "login": perMinute(cfg.LimitLogin),
		},
		Idempotency: idempotency, TrustedProxies: cfg.TrustedProxies,
	})
}

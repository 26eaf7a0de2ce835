package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
)

// Config is the part of a service's environment that all services have.
type Config struct {
	obs.Config

	// HTTPAddr is where the API listens; only the gateway and other services reach it.
	HTTPAddr string `env:"HTTP_ADDR,required,notEmpty" check:"addr" example:"127.0.0.1:8001"`
	// AdminAddr serves /livez, /readyz, /metrics and pprof; never routed by the gateway.
	AdminAddr string `env:"ADMIN_ADDR,required,notEmpty" check:"addr" example:"127.0.0.1:9001"`
	// PublicURL is where people reach JobPilot; links to it begin so.
	PublicURL string `env:"PUBLIC_URL,required" check:"url=http|https" example:"https://jobpilot.example"`
	// TokenIssuer is the iss of access tokens; every service must have the same.
	TokenIssuer string `env:"TOKEN_ISSUER,required" check:"url=http|https" example:"https://jobpilot.example"`
	// TrustedProxies are the networks of the gateway, whose X-Real-IP is believed.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1/128" example:"10.0.0.0/8"`

	// DatabaseURL is Postgres, through PgBouncer in transaction mode, as the role of the service.
	DatabaseURL config.Secret `env:"DATABASE_URL,required,notEmpty" check:"url=postgres|postgresql" example:"postgres://jobpilot_auth:password@127.0.0.1:6432/jobpilot"`
	// DatabaseConns bounds the pool.
	DatabaseConns int32 `env:"DATABASE_CONNS" envDefault:"16" check:"min=2,max=200"`
	// RedisURL holds revocations, rate limits and caches; without Redis the service goes on, slower.
	RedisURL config.Secret `env:"REDIS_URL,required,notEmpty" check:"url=redis|rediss" example:"redis://:password@127.0.0.1:6379/0"`
	// RabbitURL is where messages go; without RabbitMQ they wait in the outbox.
	RabbitURL config.Secret `env:"RABBITMQ_URL,required,notEmpty" check:"url=amqp|amqps" example:"amqp://jobpilot:password@127.0.0.1:5672/jobpilot"`

	// SealKeys encrypt columns: "<version>:<base64 of 32 bytes>", separated by commas; the highest version seals.
	SealKeys config.Secret `env:"SEAL_KEYS,required,notEmpty" example:"1:<openssl rand -base64 32>"`
	// CursorKey signs the cursors of lists.
	CursorKey config.Secret `env:"CURSOR_KEY,required,notEmpty" check:"len=32" example:"<openssl rand -base64 32>"`

	// LimitRead, LimitWrite, LimitSearch and LimitLogin are requests a minute of one signed-in user or key.
	LimitRead   int `env:"LIMIT_READ" envDefault:"1200" check:"min=0"`
	LimitWrite  int `env:"LIMIT_WRITE" envDefault:"300" check:"min=0"`
	LimitSearch int `env:"LIMIT_SEARCH" envDefault:"300" check:"min=0"`
	LimitLogin  int `env:"LIMIT_LOGIN" envDefault:"30" check:"min=0"`
	// Drain is how long requests are still taken after readiness turned false.
	Drain time.Duration `env:"DRAIN" envDefault:"0s" check:"min=0s,max=60s"`
}

// Validate checks what tags cannot.
func (c *Config) Validate() error {
	var faults []error
	for _, p := range c.TrustedProxies {
		if p.Bits() == 0 {
			faults = append(faults, config.Fault{Key: "TRUSTED_PROXIES", Text: "must not hold every address; name the gateway's networks"})
		}
	}
	return errors.Join(faults...)
}

// AuthConfig is how a service other than auth asks auth who calls, and shows who
// it is itself.
type AuthConfig struct {
	// AuthURL is where the service reaches auth.
	AuthURL string `env:"AUTH_URL,required" check:"url=http|https" example:"http://127.0.0.1:8001"`
	// JWKSURL has the keys that access tokens are signed with.
	JWKSURL string `env:"JWKS_URL,required" check:"url=http|https" example:"http://127.0.0.1:8001/.well-known/jwks.json"`
	// ServiceKey is what the service shows to others; `auth service-key issue` makes one.
	ServiceKey config.Secret `env:"SERVICE_KEY,required,notEmpty" example:"jps_user_<random>"`
}

// Service is what a service stands on: its connections, and what its API and its
// workers have in common with all others.
type Service struct {
	*obs.Obs
	Name        string
	Pool        *pgxpool.Pool
	Redis       redis.UniversalClient
	Keys        *seal.Keys
	Cursors     *httpx.Cursors
	Idempotency *httpx.Idempotency
	// Auth identifies callers; UseAuth or the service itself sets it.
	Auth *authn.Authenticator

	cfg    Config
	broker *rabbit.Conn
}

// Open connects a service by its configuration, which must have name and version
// in it. Nothing has to answer yet.
func Open(ctx context.Context, cfg Config) (*Service, error) {
	o, err := obs.Start(ctx, cfg.Config)
	if err != nil {
		return nil, err
	}
	s := &Service{Obs: o, Name: cfg.Service, cfg: cfg}
	if s.Keys, err = seal.ParseKeys(cfg.SealKeys.Reveal()); err != nil {
		return nil, fmt.Errorf("SEAL_KEYS: %w", err)
	}
	cursorKey, err := base64.StdEncoding.DecodeString(cfg.CursorKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("CURSOR_KEY: want base64: %w", err)
	}
	if s.Cursors, err = httpx.NewCursors(cursorKey); err != nil {
		return nil, fmt.Errorf("CURSOR_KEY: %w", err)
	}
	if s.Pool, err = pg.Open(ctx, cfg.DatabaseURL.Reveal(), pg.Options{MaxConns: cfg.DatabaseConns, Metrics: o.Registry}); err != nil {
		return nil, err
	}
	if s.Redis, err = cache.Open(cfg.RedisURL.Reveal(), o.Registry); err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	s.Idempotency = httpx.NewIdempotency(s.Pool, s.Keys)
	return s, nil
}

// Close ends the connections of a service that does not Run.
func (s *Service) Close() {
	if s.broker != nil {
		_ = s.broker.Close()
	}
	_ = s.Redis.Close()
	s.Pool.Close()
}

// Connect opens the service's connection to RabbitMQ, with the queues of the
// topology that tools/gen makes of the catalogue of messages.
func (s *Service) Connect(topology []byte) (*rabbit.Conn, error) {
	t, err := rabbit.ParseTopology(topology)
	if err != nil {
		return nil, err
	}
	s.broker, err = rabbit.Open(s.cfg.RabbitURL.Reveal(), rabbit.Options{Name: s.Name, Topology: t, Metrics: s.Registry, Log: s.Log})
	return s.broker, err
}

// UseAuth makes auth the judge of who calls, and returns the client for calls to
// other services, which shows the service's key.
func (s *Service) UseAuth(c AuthConfig) *http.Client {
	client := httpx.NewClient(c.ServiceKey, 0)
	remote := authn.NewRemote(c.AuthURL, client)
	s.Auth = authn.New(authn.NewVerifier(s.cfg.TokenIssuer, authn.NewJWKS(c.JWKSURL, nil), nil),
		authn.NewRevocations(s.Redis, remote.CheckSession), remote.Introspect)
	return client
}

// API is what a service answers.
type API struct {
	Spec    []byte
	Access  map[string]authn.Rule
	Routes  func(chi.Router)
	Timeout time.Duration // of a request; zero is 30 s
}

// Handler puts an API behind all that a request has to pass.
func (s *Service) Handler(a API) (http.Handler, error) {
	limiter, err := cache.NewLimiter(s.Redis, s.Name, s.Registry)
	if err != nil {
		return nil, err
	}
	perMinute := func(n int) httpx.Limit { return httpx.Limit{Requests: n, Window: time.Minute} }
	return httpx.New(httpx.Options{
		Obs: s.Obs, Spec: a.Spec, Access: a.Access, Routes: a.Routes, Auth: s.Auth, Timeout: a.Timeout, Limiter: limiter,
		Limits: map[string]httpx.Limit{
			"read": perMinute(s.cfg.LimitRead), "write": perMinute(s.cfg.LimitWrite),
			"search": perMinute(s.cfg.LimitSearch), "login": perMinute(s.cfg.LimitLogin),
		},
		Idempotency: s.Idempotency, TrustedProxies: s.cfg.TrustedProxies,
	})
}

// Consume is a worker that applies the messages of a queue, each once, in one
// transaction with what apply changes. Connect comes first.
func (s *Service) Consume(queue string, apply outbox.Apply) func(context.Context) error {
	return s.ConsumeWith(rabbit.Consumer{Queue: queue, Batch: 20, Handler: outbox.Handler(s.Pool, queue, apply)})
}

// ConsumeWith is a worker for messages that are not applied in a transaction, such
// as those that call elsewhere.
func (s *Service) ConsumeWith(c rabbit.Consumer) func(context.Context) error {
	return func(ctx context.Context) error { return s.broker.Consume(ctx, c) }
}

// Run serves the handler and runs the workers, the outbox's relay among them,
// until a signal; see [Run]. Postgres decides readiness, with the further checks
// in ready: what the service cannot do without.
func (s *Service) Run(ctx context.Context, handler http.Handler, workers, ready map[string]func(context.Context) error) error {
	relay, err := outbox.NewRelay(s.Pool, s.broker, outbox.RelayOptions{Metrics: s.Registry, Log: s.Log})
	if err != nil {
		return err
	}
	checks := map[string]func(context.Context) error{"postgres": s.Pool.Ping}
	for name, check := range ready {
		checks[name] = check
	}
	all := map[string]func(context.Context) error{"outbox relay": relay.Run}
	for name, work := range workers {
		all[name] = work
	}
	return Run(ctx, Options{
		Obs: s.Obs, Addr: s.cfg.HTTPAddr, AdminAddr: s.cfg.AdminAddr, Handler: handler, Drain: s.cfg.Drain,
		Ready: checks, Workers: all, Close: []func(){s.Close},
	})
}

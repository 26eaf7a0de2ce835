// Command auth is the service of accounts, sessions and credentials; see README.md.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/config"
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
	s, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	s.Auth = authn.New(authn.NewVerifier(cfg.TokenIssuer, s.auth.Signer, nil), s.auth.Revocations, s.auth.Introspect)
	server := &api.Server{Auth: s.auth, Cursors: s.Cursors, PublicURL: cfg.PublicURL}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes})
	if err != nil {
		return err
	}
	maintenance, err := auth.NewMaintenance(s.auth, time.Duration(cfg.UnverifiedDays)*24*time.Hour)
	if err != nil {
		return err
	}
	// Redis and RabbitMQ do not decide readiness: without them the service goes on.
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"revocations":  func(ctx context.Context) error { return s.auth.Revocations.Keep(ctx, s.auth.LoadRevocations) },
		"signing keys": s.auth.Signer.Keep,
		"key use":      s.auth.KeepKeyUse,
		"maintenance":  maintenance.Run,
	}, nil)
}

// service is the domain and what it stands on, for `auth serve` and the commands.
type service struct {
	*app.Service
	auth *auth.Service
}

// open prepares the domain. Only Postgres has to be there.
func open(ctx context.Context, cfg Config) (*service, error) {
	base, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return nil, err
	}
	s := &service{Service: base}
	lookup, err := seal.NewLookup(cfg.LookupKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("LOOKUP_KEY: %w", err)
	}
	pepper, err := base64.StdEncoding.DecodeString(cfg.PasswordPepper.Reveal())
	if err != nil {
		return nil, fmt.Errorf("PASSWORD_PEPPER: want base64: %w", err)
	}
	hasher, err := auth.NewHasher(pepper, cmp.Or(cfg.HashingParallel, runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, err
	}
	policy, err := auth.NewPasswordPolicy(cfg.BreachedPasswordsFile)
	if err != nil {
		return nil, fmt.Errorf("BREACHED_PASSWORDS_FILE: %w", err)
	}
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
	signer, err := auth.NewSigner(ctx, s.Pool, s.Keys, cfg.TokenIssuer, time.Now)
	if err != nil {
		return nil, err
	}
	revocations := authn.NewRevocations(s.Redis, func(ctx context.Context, p authn.Principal) error { return s.auth.CheckRevoked(ctx, p) })
	s.auth = auth.New(auth.Deps{
		Pool: s.Pool, Keys: s.Keys, Lookup: lookup, Hasher: hasher, Policy: policy, Signer: signer, Revocations: revocations,
		Webauthn: webauthn, Oauth: providers, PublicURL: cfg.PublicURL, Log: s.Log,
	})
	return s, nil
}

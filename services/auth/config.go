package main

import (
	"errors"
	"net/netip"
	"time"

	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// Config is the environment of auth. Every fault in it is reported at start.
type Config struct {
	obs.Config

	// HTTPAddr is where the API listens; only the gateway and other services reach it.
	HTTPAddr string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8001" check:"addr" example:"127.0.0.1:8001"`
	// AdminAddr serves /livez, /readyz, /metrics and pprof; never routed by the gateway.
	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9001" check:"addr" example:"127.0.0.1:9001"`
	// PublicURL is where people reach JobPilot; links in mails begin with it.
	PublicURL string `env:"PUBLIC_URL,required" check:"url=http|https" example:"https://jobpilot.example"`
	// TokenIssuer is the iss of access tokens; every service must have the same.
	TokenIssuer string `env:"TOKEN_ISSUER,required" check:"url=http|https" example:"https://jobpilot.example"`
	// TrustedProxies are the networks of the gateway, whose X-Real-IP is believed.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1/128" example:"10.0.0.0/8"`
	// AllowedOrigins are the web clients: they may hold passkeys and be returned to after a provider sign-in.
	AllowedOrigins []string `env:"CORS_ORIGINS" example:"https://app.jobpilot.example"`

	// DatabaseURL is Postgres, through PgBouncer in transaction mode, as the role of auth.
	DatabaseURL config.Secret `env:"DATABASE_URL,required,notEmpty" check:"url=postgres|postgresql" example:"postgres://jobpilot_auth:password@127.0.0.1:6432/jobpilot"`
	// DatabaseConns bounds the pool.
	DatabaseConns int32 `env:"DATABASE_CONNS" envDefault:"16" check:"min=2,max=200"`
	// RedisURL holds revocations and rate limits; without Redis the service goes on, slower.
	RedisURL config.Secret `env:"REDIS_URL,required,notEmpty" check:"url=redis|rediss" example:"redis://:password@127.0.0.1:6379/0"`
	// RabbitURL is where events and mails go; without RabbitMQ they wait in the outbox.
	RabbitURL config.Secret `env:"RABBITMQ_URL,required,notEmpty" check:"url=amqp|amqps" example:"amqp://jobpilot:password@127.0.0.1:5672/jobpilot"`

	// SealKeys encrypt columns: "<version>:<base64 of 32 bytes>", separated by commas; the highest version seals.
	SealKeys config.Secret `env:"SEAL_KEYS,required,notEmpty" example:"1:<openssl rand -base64 32>"`
	// LookupKey hashes what sealed columns are found by. Changing it loses every account.
	LookupKey config.Secret `env:"LOOKUP_KEY,required,notEmpty" example:"<openssl rand -base64 32>"`
	// PasswordPepper goes into every password hash. Changing it voids every password.
	PasswordPepper config.Secret `env:"PASSWORD_PEPPER,required,notEmpty" check:"len=32" example:"<openssl rand -base64 32>"`
	// CursorKey signs the cursors of lists.
	CursorKey config.Secret `env:"CURSOR_KEY,required,notEmpty" check:"len=32" example:"<openssl rand -base64 32>"`
	// BreachedPasswordsFile is the Pwned Passwords list "SHA-1 ordered by hash", beside the built-in one.
	BreachedPasswordsFile string `env:"BREACHED_PASSWORDS_FILE" example:"/var/lib/jobpilot/pwned-passwords-sha1-ordered-by-hash.txt"`
	// HashingParallel is how many passwords are hashed at once; 0 is one for each core.
	HashingParallel int `env:"HASHING_PARALLEL" envDefault:"0" check:"min=0,max=256"`

	// Google, LinkedIn and GitHub are offered for sign-in when they have a client id. Register the client there
	// with PUBLIC_URL/api/v1/auth/oauth/<provider>/callback.
	Google   Provider `envPrefix:"OAUTH_GOOGLE_"`
	LinkedIn Provider `envPrefix:"OAUTH_LINKEDIN_"`
	GitHub   Provider `envPrefix:"OAUTH_GITHUB_"`
	// OauthRedirects are the pages of clients that a browser may be sent back to, exact; the first is the default.
	OauthRedirects []string `env:"OAUTH_REDIRECTS" example:"https://app.jobpilot.example/signed-in"`

	// UnverifiedDays is how long an account may wait for verification before it is deleted.
	UnverifiedDays int `env:"UNVERIFIED_DAYS" envDefault:"30" check:"min=1,max=3650"`

	// LimitRead, LimitWrite, LimitSearch and LimitLogin are requests a minute of one signed-in user or key.
	LimitRead   int `env:"LIMIT_READ" envDefault:"1200" check:"min=0"`
	LimitWrite  int `env:"LIMIT_WRITE" envDefault:"300" check:"min=0"`
	LimitSearch int `env:"LIMIT_SEARCH" envDefault:"300" check:"min=0"`
	LimitLogin  int `env:"LIMIT_LOGIN" envDefault:"30" check:"min=0"`
	// Drain is how long requests are still taken after readiness turned false.
	Drain time.Duration `env:"DRAIN" envDefault:"0s" check:"min=0s,max=60s"`
}

// Provider is how this installation is known to an OAuth provider.
type Provider struct {
	// ClientID from the provider; empty: not offered.
	ClientID string `env:"CLIENT_ID"`
	// ClientSecret from the provider.
	ClientSecret config.Secret `env:"CLIENT_SECRET"`
	// URL of the provider, where it is not the public one (GitHub Enterprise, tests).
	URL string `env:"URL" check:"url=http|https"`
	// APIURL of GitHub Enterprise.
	APIURL string `env:"API_URL" check:"url=http|https"`
}

func (p Provider) oauth() oauth.Config {
	return oauth.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret.Reveal(), URL: p.URL, APIURL: p.APIURL}
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

package main

import (
	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// Config is the environment of auth. Every fault in it is reported at start.
type Config struct {
	app.Config

	// AllowedOrigins are the web clients: they may hold passkeys and be returned to after a provider sign-in.
	AllowedOrigins []string `env:"CORS_ORIGINS" example:"https://app.jobpilot.example"`

	// LookupKey hashes what sealed columns are found by. Changing it loses every account.
	LookupKey config.Secret `env:"LOOKUP_KEY,required,notEmpty" example:"<openssl rand -base64 32>"`
	// PasswordPepper goes into every password hash. Changing it voids every password.
	PasswordPepper config.Secret `env:"PASSWORD_PEPPER,required,notEmpty" check:"len=32" example:"<openssl rand -base64 32>"`
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

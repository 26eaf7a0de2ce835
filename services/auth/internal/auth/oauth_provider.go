package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

const (
	providerTimeout   = 5 * time.Second // of a call, and of all calls of one sign-in
	providerMaxAnswer = 1 << 20         // bytes
	discoveryTTL      = time.Hour       // also how long a signing key that the provider withdrew is believed
	maxSubject        = 255             // OpenID Connect Core §2
)

// OauthConfig is how an installation is known to a provider, which it is
// registered with as <public URL>/api/v1/auth/oauth/<provider>/callback.
type OauthConfig struct {
	ClientID     string // empty: the provider is not offered
	ClientSecret string
	// URL is the issuer of Google or LinkedIn, or GitHub's site; empty: the public
	// one. Another is for tests and for GitHub Enterprise.
	URL string
	// APIURL is GitHub's API; empty: the public one. The others have none.
	APIURL string
}

// Oauth is the providers that an installation offers. A nil *Oauth offers none.
type Oauth struct {
	providers map[string]provider
	names     []string
	redirects []string
}

// provider is a place where people have an account that they can sign in with.
type provider interface {
	// authorize is where to send the browser.
	authorize(ctx context.Context, state string, f flowSecrets) (string, error)
	// identify redeems the code that the browser came back with. Its error is
	// errRefused when the provider or what it said cannot be trusted, and any
	// other when it cannot be reached. iss is the issuer that the browser named
	// (RFC 9207), possibly empty.
	identify(ctx context.Context, code, iss string, f flowSecrets) (identity, error)
}

// flowSecrets tie a provider's answer to the request it belongs to.
type flowSecrets struct {
	Nonce    string `json:"nonce"`    // comes back in the ID token
	Verifier string `json:"verifier"` // PKCE, between us and the provider
}

// identity is what a provider says of somebody. Only Subject names them for
// good; the rest is foreign text.
type identity struct {
	Subject       string `json:"subject"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"emailVerified,omitempty"`
	Name          string `json:"name,omitempty"`
	Locale        string `json:"locale,omitempty"`
}

var (
	errRefused     = errors.New("the provider's answer is refused")
	errProviderOff = errs.New(errs.NotFound, "provider_not_configured",
		"This installation does not offer sign-in with this provider. Choose one of /api/v1/auth/oauth/providers.")
	errRedirect = errs.New(errs.Unprocessable, "redirect_uri_not_allowed",
		"The redirect URI is not one that the installation allows. Leave it out for the default, or have it added.").
		WithFields(errs.Field{Pointer: "#/redirectUri", Code: "not_allowed", Message: "not an allowed redirect URI"})
)

var (
	providerNames = []string{"google", "linkedin", "github"}
	publicURLs    = map[string]string{
		"google": "https://accounts.google.com", "linkedin": "https://www.linkedin.com/oauth", "github": "https://github.com",
	}
)

// NewOauth prepares the providers, by name: google, linkedin, github. publicURL
// is where browsers reach the API. redirects are the pages of clients that a
// browser may be sent back to, each to be named exactly; the first is the
// default. No provider is called yet.
func NewOauth(publicURL string, redirects []string, configs map[string]OauthConfig) (*Oauth, error) {
	o := &Oauth{providers: map[string]provider{}, redirects: slices.Clone(redirects)}
	for name := range configs {
		if !slices.Contains(providerNames, name) {
			return nil, fmt.Errorf("auth: there is no provider %q; there are %s", name, strings.Join(providerNames, ", "))
		}
	}
	client := providerClient()
	for _, name := range providerNames {
		c := configs[name]
		if c.ClientID == "" {
			continue
		}
		if c.ClientSecret == "" {
			return nil, fmt.Errorf("auth: provider %s has a client id and no client secret", name)
		}
		c.URL = cmp.Or(c.URL, publicURLs[name])
		c.APIURL = cmp.Or(c.APIURL, "https://api.github.com")
		for _, u := range []string{c.URL, c.APIURL} {
			if err := checkURL(u); err != nil {
				return nil, fmt.Errorf("auth: provider %s: %w", name, err)
			}
		}
		app := oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: strings.TrimSuffix(publicURL, "/") + "/api/v1/auth/oauth/" + name + "/callback",
		}
		if name == "github" {
			o.providers[name] = newGithub(client, app, strings.TrimSuffix(c.URL, "/"), strings.TrimSuffix(c.APIURL, "/"))
		} else {
			app.Scopes = []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile}
			o.providers[name] = &oidcProvider{client: client, app: app, issuer: c.URL, binds: name != "linkedin"}
		}
		o.names = append(o.names, name)
	}
	if len(o.names) > 0 && len(redirects) == 0 {
		return nil, errors.New("auth: sign-in with a provider needs at least one redirect URI of a client")
	}
	for _, r := range redirects {
		if err := checkURL(r); err != nil || strings.Contains(r, "#") {
			return nil, fmt.Errorf("auth: redirect URI %q: must be an https URL without a fragment, or http on a loopback address", r)
		}
	}
	return o, nil
}

// provider finds one that is offered.
func (o *Oauth) provider(name string) (provider, error) {
	if o != nil {
		if p, ok := o.providers[name]; ok {
			return p, nil
		}
	}
	return nil, errProviderOff
}

// redirect is uri if it is allowed, and the default for an empty one.
func (o *Oauth) redirect(uri string) (string, error) {
	switch {
	case uri == "":
		return o.redirects[0], nil
	case slices.Contains(o.redirects, uri): // exactly: RFC 9700 §4.1.3
		return uri, nil
	}
	return "", errRedirect
}

// checkURL refuses what would send secrets in the clear.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not a URL with a host and without credentials", raw)
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (addr.IsLoopback() || u.Hostname() == "localhost") {
		return nil
	}
	return fmt.Errorf("%q must begin with https://", raw)
}

// providerClient makes the client for all providers. It follows no redirects:
// none of the endpoints has any, and following one would take codes, secrets and
// tokens to a place that nobody configured.
func providerClient() *http.Client {
	return &http.Client{
		Transport:     bounded{http.DefaultTransport.(*http.Transport).Clone()},
		Timeout:       providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded fails the reading of an answer that is too long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Accept") == "" { // without it GitHub's token endpoint answers with a form
		r = r.Clone(r.Context())
		r.Header.Set("Accept", "application/json")
	}
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, providerMaxAnswer)
	}
	return res, err
}

// redeem exchanges the code for the provider's tokens.
func redeem(ctx context.Context, client *http.Client, app *oauth2.Config, code string, opts ...oauth2.AuthCodeOption) (*oauth2.Token, error) {
	token, err := app.Exchange(oidc.ClientContext(ctx, client), code, opts...)
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response.StatusCode < 500 {
		return nil, fmt.Errorf("%w: code not redeemed: %s %s", errRefused, answer.Response.Status, answer.ErrorCode)
	}
	return token, err
}

// oidcProvider is an OpenID Connect provider, found by discovery at its first
// use.
type oidcProvider struct {
	client *http.Client
	app    oauth2.Config
	issuer string
	// binds tells that the provider ties a code to its request by PKCE and nonce.
	// LinkedIn does not: it fails a web application that sends code_verifier
	// (teamhanko/hanko#2405) and puts no nonce in its ID tokens (authlib/authlib#763).
	// There the state, the client's own PKCE and the secret at the token endpoint
	// have to do.
	binds bool

	flight singleflight.Group
	found  atomic.Pointer[discovered]
}

// discovered is what a provider says of itself.
type discovered struct {
	*oidc.Provider
	verifier *oidc.IDTokenVerifier
	namesIss bool // RFC 9207: it puts iss into every answer
	until    time.Time
}

func (p *oidcProvider) authorize(ctx context.Context, state string, f flowSecrets) (string, error) {
	_, app, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce)}
	if p.binds {
		opts = append(opts, oauth2.S256ChallengeOption(f.Verifier))
	}
	return app.AuthCodeURL(state, opts...), nil
}

func (p *oidcProvider) identify(ctx context.Context, code, iss string, f flowSecrets) (identity, error) {
	d, app, err := p.discover(ctx)
	if err != nil {
		return identity{}, err
	}
	if iss != p.issuer && (iss != "" || d.namesIss) {
		return identity{}, fmt.Errorf("%w: it comes from issuer %q", errRefused, clip(iss, 100))
	}
	var opts []oauth2.AuthCodeOption
	if p.binds {
		opts = append(opts, oauth2.VerifierOption(f.Verifier))
	}
	token, err := redeem(ctx, p.client, &app, code, opts...)
	if err != nil {
		return identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	var unreached *url.Error // while fetching keys
	switch {
	case errors.As(err, &unreached):
		return identity{}, err
	case err != nil:
		return identity{}, fmt.Errorf("%w: ID token: %w", errRefused, err)
	case id.Nonce != f.Nonce && (p.binds || id.Nonce != ""):
		return identity{}, fmt.Errorf("%w: ID token is for another request", errRefused)
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return identity{}, fmt.Errorf("%w: ID token without a usable sub", errRefused)
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return identity{}, fmt.Errorf("%w: ID token: %w", errRefused, err)
	}
	if c.AuthorizedParty != "" && c.AuthorizedParty != p.app.ClientID { // OpenID Connect Core §3.1.3.7
		return identity{}, fmt.Errorf("%w: ID token is for another client", errRefused)
	}
	if c.Email == "" && d.UserInfoEndpoint() != "" {
		info, err := d.UserInfo(oidc.ClientContext(ctx, p.client), oauth2.StaticTokenSource(token))
		if err != nil {
			return identity{}, fmt.Errorf("userinfo: %w", err)
		}
		if info.Subject != id.Subject { // OpenID Connect Core §5.3.2
			return identity{}, fmt.Errorf("%w: userinfo is of somebody else", errRefused)
		}
		if err := info.Claims(&c); err != nil {
			return identity{}, fmt.Errorf("%w: userinfo: %w", errRefused, err)
		}
	}
	locale, _ := c.Locale.(string)
	return identity{
		Subject: id.Subject, Email: c.Email, EmailVerified: c.EmailVerified == true || c.EmailVerified == "true", Name: c.Name, Locale: locale,
	}, nil
}

// claims are of an ID token or of userinfo. LinkedIn's have email_verified as
// text and locale as an object.
type claims struct {
	AuthorizedParty string `json:"azp"`
	Email           string `json:"email"`
	EmailVerified   any    `json:"email_verified"`
	Name            string `json:"name"`
	Locale          any    `json:"locale"`
}

// discover returns what is known of the provider, asking it when that is old;
// many callers ask once. While it does not answer, what was known goes on.
func (p *oidcProvider) discover(ctx context.Context) (*discovered, oauth2.Config, error) {
	d := p.found.Load()
	if d == nil || time.Now().After(d.until) {
		answer := p.flight.DoChan("", func() (any, error) {
			fresh, err := p.ask()
			if err != nil && d != nil {
				fresh, err = &discovered{d.Provider, d.verifier, d.namesIss, time.Now().Add(time.Minute)}, nil
			}
			if err == nil {
				p.found.Store(fresh)
			}
			return fresh, err
		})
		select {
		case <-ctx.Done():
			return nil, oauth2.Config{}, ctx.Err()
		case r := <-answer:
			if r.Err != nil {
				return nil, oauth2.Config{}, fmt.Errorf("discovery: %w", r.Err)
			}
			d = r.Val.(*discovered)
		}
	}
	app := p.app
	app.Endpoint = d.Endpoint()
	app.Endpoint.AuthStyle = oauth2.AuthStyleInParams // trying out the other one would spend the code
	return d, app, nil
}

func (p *oidcProvider) ask() (*discovered, error) {
	ctx, cancel := context.WithTimeout(context.Background(), providerTimeout)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.issuer)
	if err != nil {
		return nil, err
	}
	var meta struct {
		Jwks     string `json:"jwks_uri"`
		NamesIss bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&meta); err != nil {
		return nil, err
	}
	for _, endpoint := range []string{found.Endpoint().AuthURL, found.Endpoint().TokenURL, meta.Jwks} {
		if err := checkURL(endpoint); err != nil {
			return nil, err
		}
	}
	if u := found.UserInfoEndpoint(); u != "" {
		if err := checkURL(u); err != nil {
			return nil, err
		}
	}
	return &discovered{found, found.Verifier(&oidc.Config{ClientID: p.app.ClientID}), meta.NamesIss, time.Now().Add(discoveryTTL)}, nil
}

// github is GitHub, which is no OpenID Connect provider: who signed in is asked
// of its API.
// https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
type github struct {
	client *http.Client
	app    oauth2.Config
	issuer string
	api    string
}

func newGithub(client *http.Client, app oauth2.Config, site, api string) *github {
	app.Scopes = []string{"read:user", "user:email"}
	app.Endpoint = oauth2.Endpoint{
		AuthURL: site + "/login/oauth/authorize", TokenURL: site + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
	}
	return &github{client, app, site + "/login/oauth", api}
}

func (g *github) authorize(_ context.Context, state string, f flowSecrets) (string, error) {
	return g.app.AuthCodeURL(state, oauth2.S256ChallengeOption(f.Verifier)), nil
}

func (g *github) identify(ctx context.Context, code, iss string, f flowSecrets) (identity, error) {
	if iss != "" && iss != g.issuer {
		return identity{}, fmt.Errorf("%w: it comes from issuer %q", errRefused, clip(iss, 100))
	}
	token, err := redeem(ctx, g.client, &g.app, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return identity{}, err
	}
	var user struct {
		ID    int64  `json:"id"` // stays; a login can be given up and taken by somebody else
		Login string `json:"login"`
		Name  string `json:"name"`
	}
	if err := g.get(ctx, token, "/user", &user); err != nil {
		return identity{}, err
	}
	if user.ID <= 0 {
		return identity{}, fmt.Errorf("%w: user without an id", errRefused)
	}
	var emails []struct {
		Email             string
		Primary, Verified bool
	}
	if err := g.get(ctx, token, "/user/emails?per_page=100", &emails); err != nil {
		return identity{}, err
	}
	who := identity{Subject: strconv.FormatInt(user.ID, 10), Name: user.Name}
	if who.Name == "" {
		who.Name = user.Login
	}
	for _, e := range emails {
		if e.Primary {
			who.Email, who.EmailVerified = e.Email, e.Verified
		}
	}
	return who, nil
}

func (g *github) get(ctx context.Context, token *oauth2.Token, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	res, err := g.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

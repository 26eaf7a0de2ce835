package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	discoveryTTL = time.Hour // also how long a signing key that the provider withdrew is believed
	maxSubject   = 255       // OpenID Connect Core §2
)

// oidcProvider is an OpenID Connect provider, found by discovery at its first
// use.
type oidcProvider struct {
	client *http.Client
	app    oauth2.Config
	issuer string
	now    func() time.Time
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

func (p *oidcProvider) Authorize(ctx context.Context, state string, s Secrets) (string, error) {
	_, app, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(s.Nonce)}
	if p.binds {
		opts = append(opts, oauth2.S256ChallengeOption(s.Verifier))
	}
	return app.AuthCodeURL(state, opts...), nil
}

func (p *oidcProvider) Identify(ctx context.Context, code, iss string, s Secrets) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, p.client.Timeout)
	defer cancel()
	d, app, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	if iss != p.issuer && (iss != "" || d.namesIss) {
		return Identity{}, fmt.Errorf("%w: it comes from issuer %.100q", ErrRefused, iss)
	}
	var opts []oauth2.AuthCodeOption
	if p.binds {
		opts = append(opts, oauth2.VerifierOption(s.Verifier))
	}
	token, err := redeem(ctx, p.client, &app, code, opts...)
	if err != nil {
		return Identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	var unreached *url.Error // while fetching keys
	switch {
	case errors.As(err, &unreached), err != nil && ctx.Err() != nil:
		return Identity{}, err
	case err != nil:
		return Identity{}, fmt.Errorf("%w: ID token: %w", ErrRefused, err)
	case id.Nonce != s.Nonce && (p.binds || id.Nonce != ""):
		return Identity{}, fmt.Errorf("%w: ID token is for another request", ErrRefused)
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return Identity{}, fmt.Errorf("%w: ID token without a usable sub", ErrRefused)
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return Identity{}, fmt.Errorf("%w: ID token: %w", ErrRefused, err)
	}
	if c.AuthorizedParty != "" && c.AuthorizedParty != p.app.ClientID { // OpenID Connect Core §3.1.3.7
		return Identity{}, fmt.Errorf("%w: ID token is for another client", ErrRefused)
	}
	if c.Email == "" && d.UserInfoEndpoint() != "" {
		info, err := d.UserInfo(oidc.ClientContext(ctx, p.client), oauth2.StaticTokenSource(token))
		if err != nil {
			return Identity{}, fmt.Errorf("userinfo: %w", err)
		}
		if info.Subject != id.Subject { // OpenID Connect Core §5.3.2
			return Identity{}, fmt.Errorf("%w: userinfo is of somebody else", ErrRefused)
		}
		if err := info.Claims(&c); err != nil {
			return Identity{}, fmt.Errorf("%w: userinfo: %w", ErrRefused, err)
		}
	}
	locale, _ := c.Locale.(string)
	return Identity{
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
	if d == nil || !p.now().Before(d.until) {
		answer := p.flight.DoChan("", func() (any, error) {
			known := p.found.Load() // another caller may have asked meanwhile
			if known != nil && p.now().Before(known.until) {
				return known, nil
			}
			fresh, err := p.ask()
			if err != nil && known != nil {
				fresh, err = &discovered{known.Provider, known.verifier, known.namesIss, p.now().Add(time.Minute)}, nil
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
	ctx, cancel := context.WithTimeout(context.Background(), p.client.Timeout)
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
		if err := CheckURL(endpoint); err != nil {
			return nil, err
		}
	}
	if u := found.UserInfoEndpoint(); u != "" {
		if err := CheckURL(u); err != nil {
			return nil, err
		}
	}
	return &discovered{found, found.Verifier(&oidc.Config{ClientID: p.app.ClientID, Now: p.now}), meta.NamesIss, p.now().Add(discoveryTTL)}, nil
}

// Package oauth asks the providers that people sign in with who somebody is:
// Google and LinkedIn by OpenID Connect, GitHub by its API. What a provider says
// is foreign text, and nothing here knows what it is used for.
package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	defaultTimeout = 5 * time.Second
	maxAnswer      = 1 << 20 // bytes
)

// Config is how an installation is known to a provider, which it is registered
// with as <public URL>/api/v1/auth/oauth/<provider>/callback.
type Config struct {
	ClientID     string // empty: the provider is not offered
	ClientSecret string
	// URL is the issuer of Google or LinkedIn, or GitHub's site; empty: the public
	// one. Another is for tests and for GitHub Enterprise.
	URL string
	// APIURL is GitHub's API; empty: the public one. The others have none.
	APIURL string
}

// Options adjust all providers; the zero value serves.
type Options struct {
	// Timeout ends a call, and all calls of one sign-in together. Default: 5 s.
	Timeout time.Duration
	// Now is the clock that ID tokens and metadata expire by. Default: time.Now.
	Now func() time.Time
}

// Provider is a place where people have an account that they can sign in with.
type Provider interface {
	// Authorize is where to send the browser.
	Authorize(ctx context.Context, state string, s Secrets) (string, error)
	// Identify redeems the code that the browser came back with. Its error is
	// ErrRefused when the provider or what it said cannot be trusted, and any
	// other when it cannot be reached. iss is the issuer that the browser named
	// (RFC 9207), possibly empty.
	Identify(ctx context.Context, code, iss string, s Secrets) (Identity, error)
}

// Secrets tie a provider's answer to the request it belongs to.
type Secrets struct {
	Nonce    string `json:"nonce"`    // comes back in the ID token
	Verifier string `json:"verifier"` // PKCE, between us and the provider
}

// Identity is what a provider says of somebody. Only Subject names them for
// good; the rest is foreign text.
type Identity struct {
	Subject       string `json:"subject"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"emailVerified,omitempty"`
	Name          string `json:"name,omitempty"`
	Locale        string `json:"locale,omitempty"`
}

// ErrRefused says that an answer came and cannot be trusted.
var ErrRefused = errors.New("the provider's answer is refused")

var (
	providerNames = []string{"google", "linkedin", "github"}
	publicURLs    = map[string]string{
		"google": "https://accounts.google.com", "linkedin": "https://www.linkedin.com/oauth", "github": "https://github.com",
	}
)

// New prepares the providers that are configured with a client id, by name:
// google, linkedin, github. It returns them and their names in the order to
// offer them in. publicURL is where browsers reach the API. No provider is
// called yet.
func New(publicURL string, configs map[string]Config, o Options) (map[string]Provider, []string, error) {
	for name := range configs {
		if !slices.Contains(providerNames, name) {
			return nil, nil, fmt.Errorf("oauth: there is no provider %q; there are %s", name, strings.Join(providerNames, ", "))
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	client := newClient(cmp.Or(o.Timeout, defaultTimeout))
	providers, names := map[string]Provider{}, []string(nil)
	for _, name := range providerNames {
		c := configs[name]
		if c.ClientID == "" {
			continue
		}
		if c.ClientSecret == "" {
			return nil, nil, fmt.Errorf("oauth: provider %s has a client id and no client secret", name)
		}
		c.URL = cmp.Or(c.URL, publicURLs[name])
		c.APIURL = cmp.Or(c.APIURL, "https://api.github.com")
		for _, u := range []string{c.URL, c.APIURL} {
			if err := CheckURL(u); err != nil {
				return nil, nil, fmt.Errorf("oauth: provider %s: %w", name, err)
			}
		}
		app := oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: strings.TrimSuffix(publicURL, "/") + "/api/v1/auth/oauth/" + name + "/callback",
		}
		if name == "github" {
			providers[name] = newGithub(client, app, strings.TrimSuffix(c.URL, "/"), strings.TrimSuffix(c.APIURL, "/"))
		} else {
			app.Scopes = []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile}
			providers[name] = &oidcProvider{client: client, app: app, issuer: c.URL, now: o.Now, binds: name != "linkedin"}
		}
		names = append(names, name)
	}
	return providers, names, nil
}

// CheckURL refuses what would send secrets in the clear: all but https, and http
// on a loopback address.
func CheckURL(raw string) error {
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

// newClient makes the client for all providers. It follows no redirects: none of
// the endpoints has any, and following one would take codes, secrets and tokens
// to a place that nobody configured.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     bounded{http.DefaultTransport.(*http.Transport).Clone()},
		Timeout:       timeout,
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
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// redeem exchanges the code for the provider's tokens.
func redeem(ctx context.Context, client *http.Client, app *oauth2.Config, code string, opts ...oauth2.AuthCodeOption) (*oauth2.Token, error) {
	token, err := app.Exchange(oidc.ClientContext(ctx, client), code, opts...)
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response.StatusCode < 500 {
		return nil, fmt.Errorf("%w: code not redeemed: %s %s", ErrRefused, answer.Response.Status, answer.ErrorCode)
	}
	return token, err
}

package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// Oauth is the providers that an installation offers, and the pages that a
// browser may come back to. A nil *Oauth offers none.
type Oauth struct {
	providers map[string]oauth.Provider
	names     []string
	redirects []string
}

var (
	errProviderOff = errs.New(errs.NotFound, "provider_not_configured",
		"This installation does not offer sign-in with this provider. Choose one of /api/v1/auth/oauth/providers.")
	errRedirect = errs.New(errs.Unprocessable, "redirect_uri_not_allowed",
		"The redirect URI is not one that the installation allows. Leave it out for the default, or have it added.").
		WithFields(errs.Field{Pointer: "#/redirectUri", Code: "not_allowed", Message: "not an allowed redirect URI"})
)

// NewOauth prepares the providers, which oauth.New describes. redirects are the
// pages of clients that a browser may be sent back to, each to be named exactly;
// the first is the default. No provider is called yet.
func NewOauth(publicURL string, redirects []string, configs map[string]oauth.Config, o oauth.Options) (*Oauth, error) {
	providers, names, err := oauth.New(publicURL, configs, o)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 && len(redirects) == 0 {
		return nil, errors.New("auth: sign-in with a provider needs at least one redirect URI of a client")
	}
	for _, r := range redirects {
		if err := oauth.CheckURL(r); err != nil || strings.Contains(r, "#") {
			return nil, fmt.Errorf("auth: redirect URI %q: must be an https URL without a fragment, or http on a loopback address", r)
		}
	}
	return &Oauth{providers, names, slices.Clone(redirects)}, nil
}

// provider finds one that is offered.
func (o *Oauth) provider(name string) (oauth.Provider, error) {
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

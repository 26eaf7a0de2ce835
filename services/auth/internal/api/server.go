// Package api is the HTTP edge of auth: the generated server of api/openapi/auth.yaml
// and its handlers, each of which converts, makes one call to the domain package
// and converts back. What every request passes before a handler sees it
// (credential, rule, limits, validation) is pkg/httpx.
package api

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Auth      *auth.Service
	Cursors   *httpx.Cursors
	PublicURL string // the issuer, and where the discovery documents point
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

// client is where the request comes from.
func client(ctx context.Context, deviceName *string) auth.Client {
	return auth.Client{
		IP: httpx.ClientIP(ctx), UserAgent: httpx.UserAgent(ctx), DeviceName: value(deviceName), RequestID: obs.RequestID(ctx),
	}
}

func caller(ctx context.Context) authn.Principal { return authn.FromContext(ctx) }

// refreshCookie carries the refresh token of browser clients. The __Host- prefix
// makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
const refreshCookie = "__Host-jobpilot_refresh"

func setCookie(value string, maxAge int) *string {
	c := http.Cookie{
		Name: refreshCookie, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	text := c.String()
	return &text
}

func dropCookie() *string { return setCookie("", -1) }

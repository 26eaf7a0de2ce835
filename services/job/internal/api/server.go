// Package api is the HTTP edge of job: the generated server of api/openapi/job.yaml
// and its handlers, each of which converts, makes one call to the domain package
// and converts back. What every request passes before a handler sees it
// (credential, rule, limits, validation) is pkg/httpx.
package api

import (
	"context"
	_ "embed"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/job/internal/job"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Jobs    *job.Service
	Cursors *httpx.Cursors
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

// user is who calls.
func user(ctx context.Context) uuid.UUID { return authn.FromContext(ctx).UserID }

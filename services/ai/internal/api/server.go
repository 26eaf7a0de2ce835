// Package api is the HTTP edge of ai: the generated server of api/openapi/ai.yaml
// and its handlers. Each operation is there twice, for users and for services;
// both convert, make one call to the domain package and convert back. The
// domain's types have the contract's names, so JSON is the converter.
package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	AI        *ai.Service
	Documents *ai.Documents
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

// user is the caller of a public operation.
func user(ctx context.Context) ai.Caller { return ai.Caller{UserID: authn.FromContext(ctx).UserID} }

// behalf is the user for whom a service asks.
func behalf(id *uuid.UUID) ai.Caller { return ai.Caller{UserID: value(id)} }

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// into converts between a type of the contract and one of the domain.
func into[T any](v any) (out T, err error) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		err = fmt.Errorf("api: convert %T to %T: %w", v, out, err)
	}
	return out, err
}

// ref converts what a request names by content or by id.
func ref(resume *Resume, resumeID *ResumeID, job *Posting, jobID *JobID) (ai.Ref, error) {
	out := ai.Ref{ResumeID: resumeID, JobID: jobID}
	var err error
	if resume != nil {
		if out.Resume, err = into[*ai.Resume](resume); err != nil {
			return out, err
		}
	}
	if job != nil {
		out.Job, err = into[*ai.Posting](job)
	}
	return out, err
}

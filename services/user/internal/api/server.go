// Package api is the HTTP edge of user: the generated server of api/openapi/user.yaml
// and its handlers, each of which makes one call to the domain package. The
// domain's types are the contract's (overlay.yaml). What every request passes
// before a handler sees it (credential, rule, limits, validation) is pkg/httpx.
package api

import (
	"context"
	_ "embed"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	User    *user.Service
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

var errOthers = errs.New(errs.NotFound, "user_not_found", "There is no such user.")

// owner is the user that a path names, who must be the caller: what is another's
// does not exist.
func owner(ctx context.Context, path string) (uuid.UUID, error) {
	caller := authn.FromContext(ctx).UserID
	if path == "me" {
		return caller, nil
	}
	if id, err := uuid.Parse(path); err != nil || id != caller {
		return uuid.Nil, errOthers
	}
	return caller, nil
}

// check is If-Match, for the domain.
func check(header *string) user.Check {
	return func(version int64) error { return httpx.CheckIfMatch(header, version) }
}

func client(ctx context.Context) user.Client { return user.Client{RequestID: obs.RequestID(ctx)} }

// etag is the entity tag of a version.
func etag(version int64) *string {
	tag := httpx.ETag(version)
	return &tag
}

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// of finds the owner and makes the one call that most handlers are.
func of[T any](ctx context.Context, path string, call func(uuid.UUID) (T, error)) (v T, err error) {
	id, err := owner(ctx, path)
	if err != nil {
		return v, err
	}
	return call(id)
}

// versioned is [of] for what has a version; its entity tag comes with it.
func versioned[T any](ctx context.Context, path string, call func(uuid.UUID) (T, int64, error)) (v T, tag *string, err error) {
	id, err := owner(ctx, path)
	if err != nil {
		return v, nil, err
	}
	v, version, err := call(id)
	return v, etag(version), err
}

// position is what a cursor of a list newest first carries.
type position struct {
	At int64     `json:"t"` // microseconds, as Postgres keeps them
	ID uuid.UUID `json:"i"`
}

// errNoPart is a form without the field that it is sent for.
var errNoPart = errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.").
	WithFields(errs.Field{Pointer: "#/photo", Code: "required", Message: "is required"})

var errForm = errs.New(errs.Unprocessable, "malformed_form", "The form cannot be read. Send multipart/form-data with the picture in the field photo.")

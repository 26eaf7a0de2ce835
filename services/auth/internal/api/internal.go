package api

import (
	"context"
	"errors"

	"github.com/jobpilot/jobpilot/pkg/authn"
)

// IntrospectAPIKey tells another service whose an API key is.
func (s *Server) IntrospectAPIKey(ctx context.Context, r IntrospectAPIKeyRequestObject) (IntrospectAPIKeyResponseObject, error) {
	p, err := s.Auth.IntrospectAPIKey(ctx, r.Body.Key)
	switch {
	case errors.Is(err, authn.ErrUnauthenticated):
		return IntrospectAPIKey200JSONResponse{Active: false}, nil
	case err != nil:
		return nil, err
	}
	names := make([]Role, len(p.Roles))
	for i, role := range p.Roles {
		names[i] = Role(role.String())
	}
	return IntrospectAPIKey200JSONResponse{Active: true, KeyID: &p.KeyID, UserID: &p.UserID, Roles: &names, Scopes: &p.Scopes}, nil
}

// IntrospectServiceKey tells another service which service a key belongs to.
func (s *Server) IntrospectServiceKey(ctx context.Context, r IntrospectServiceKeyRequestObject) (IntrospectServiceKeyResponseObject, error) {
	p, err := s.Auth.IntrospectServiceKey(ctx, r.Body.Key)
	switch {
	case errors.Is(err, authn.ErrUnauthenticated):
		return IntrospectServiceKey200JSONResponse{Active: false}, nil
	case err != nil:
		return nil, err
	}
	return IntrospectServiceKey200JSONResponse{Active: true, Service: &p.Service}, nil
}

// GetSessionStatus tells another service whether a session is live.
func (s *Server) GetSessionStatus(ctx context.Context, r GetSessionStatusRequestObject) (GetSessionStatusResponseObject, error) {
	st, err := s.Auth.SessionStatus(ctx, r.SessionID)
	return GetSessionStatus200JSONResponse{Active: st.Active, NotBefore: st.NotBefore}, err
}

// DeleteUser deletes an account as a step of the deletion workflow.
func (s *Server) DeleteUser(ctx context.Context, r DeleteUserRequestObject) (DeleteUserResponseObject, error) {
	return DeleteUser204Response{}, s.Auth.DeleteAccount(ctx, caller(ctx), r.UserID, client(ctx, nil))
}

// GetAccountFootprint counts what is still held of a user.
func (s *Server) GetAccountFootprint(ctx context.Context, r GetAccountFootprintRequestObject) (GetAccountFootprintResponseObject, error) {
	items, err := s.Auth.Footprint(ctx, r.UserID)
	out := Footprint{Items: make([]FootprintItem, len(items))}
	for i, item := range items {
		out.Items[i] = FootprintItem{Place: item.Place, Count: item.Count}
		out.Total += item.Count
	}
	return GetAccountFootprint200JSONResponse(out), err
}

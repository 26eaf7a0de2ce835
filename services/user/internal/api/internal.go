package api

import (
	"context"

	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// GetFullProfile gives another service everything of a user.
func (s *Server) GetFullProfile(ctx context.Context, r GetFullProfileRequestObject) (GetFullProfileResponseObject, error) {
	full, err := s.User.GetFullProfile(ctx, r.UserID)
	return GetFullProfile200JSONResponse(full), err
}

// EnsureProfile makes a profile, as a step of the onboarding.
func (s *Server) EnsureProfile(ctx context.Context, r EnsureProfileRequestObject) (EnsureProfileResponseObject, error) {
	p, err := s.User.EnsureProfile(ctx, r.UserID, user.Newcomer{
		Email: r.Body.Email, DisplayName: value(r.Body.DisplayName), Locale: value(r.Body.Locale),
	})
	return EnsureProfile200JSONResponse(p), err
}

// CreateProposal proposes what a parsed resume says.
func (s *Server) CreateProposal(ctx context.Context, r CreateProposalRequestObject) (CreateProposalResponseObject, error) {
	p, err := s.User.CreateProposal(ctx, r.UserID, r.Body.ResumeID, r.Body.ResumeVersion, r.Body.Resume, value(r.Body.Fields))
	return CreateProposal200JSONResponse(p), err
}

// DeleteUserProfile deletes a user's data, as a step of the deletion workflow.
func (s *Server) DeleteUserProfile(ctx context.Context, r DeleteUserProfileRequestObject) (DeleteUserProfileResponseObject, error) {
	return DeleteUserProfile204Response{}, s.User.DeleteUserProfile(ctx, r.UserID)
}

// GetProfileFootprint counts what is still held of a user.
func (s *Server) GetProfileFootprint(ctx context.Context, r GetProfileFootprintRequestObject) (GetProfileFootprintResponseObject, error) {
	items, err := s.User.Footprint(ctx, r.UserID)
	out := Footprint{Items: make([]FootprintItem, len(items))}
	for i, item := range items {
		out.Items[i] = FootprintItem{Place: item.Place, Count: item.Count}
		out.Total += item.Count
	}
	return GetProfileFootprint200JSONResponse(out), err
}

package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// GetPreferences returns the caller's preferences.
func (s *Server) GetPreferences(ctx context.Context, r GetPreferencesRequestObject) (GetPreferencesResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Preferences, int64, error) { return s.User.GetPreferences(ctx, id) })
	return GetPreferences200JSONResponse{Body: v, Headers: GetPreferences200ResponseHeaders{ETag: tag}}, err
}

// UpdatePreferences changes the caller's preferences.
func (s *Server) UpdatePreferences(ctx context.Context, r UpdatePreferencesRequestObject) (UpdatePreferencesResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Preferences, int64, error) {
		return s.User.UpdatePreferences(ctx, id, *r.Body, check(r.Params.IfMatch))
	})
	return UpdatePreferences200JSONResponse{Body: v, Headers: UpdatePreferences200ResponseHeaders{ETag: tag}}, err
}

// GetSettings returns the caller's settings.
func (s *Server) GetSettings(ctx context.Context, r GetSettingsRequestObject) (GetSettingsResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Settings, int64, error) { return s.User.GetSettings(ctx, id) })
	return GetSettings200JSONResponse{Body: v, Headers: GetSettings200ResponseHeaders{ETag: tag}}, err
}

// UpdateSettings changes the caller's settings.
func (s *Server) UpdateSettings(ctx context.Context, r UpdateSettingsRequestObject) (UpdateSettingsResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Settings, int64, error) {
		return s.User.UpdateSettings(ctx, id, *r.Body, check(r.Params.IfMatch))
	})
	return UpdateSettings200JSONResponse{Body: v, Headers: UpdateSettings200ResponseHeaders{ETag: tag}}, err
}

// ListAnswers lists the caller's answers.
func (s *Server) ListAnswers(ctx context.Context, r ListAnswersRequestObject) (ListAnswersResponseObject, error) {
	list, err := of(ctx, r.UserID, func(id uuid.UUID) ([]user.Answer, error) { return s.User.ListAnswers(ctx, id) })
	return ListAnswers200JSONResponse{Items: list}, err
}

// SaveAnswer saves an answer of the caller.
func (s *Server) SaveAnswer(ctx context.Context, r SaveAnswerRequestObject) (SaveAnswerResponseObject, error) {
	source := "user"
	if r.Body.Source != nil {
		source = string(*r.Body.Source)
	}
	a, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Answer, error) {
		return s.User.SaveAnswer(ctx, id, r.Key, value(r.Body.Question), source, r.Body.Value)
	})
	return SaveAnswer200JSONResponse(a), err
}

// RemoveAnswer removes an answer of the caller.
func (s *Server) RemoveAnswer(ctx context.Context, r RemoveAnswerRequestObject) (RemoveAnswerResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err == nil {
		err = s.User.RemoveAnswer(ctx, id, r.Key)
	}
	return RemoveAnswer204Response{}, err
}

// ListAnswerKeys returns the catalogue of questions.
func (s *Server) ListAnswerKeys(context.Context, ListAnswerKeysRequestObject) (ListAnswerKeysResponseObject, error) {
	return ListAnswerKeys200JSONResponse{Items: user.AnswerKeys}, nil
}

// ListProposals lists the caller's proposals.
func (s *Server) ListProposals(ctx context.Context, r ListProposalsRequestObject) (ListProposalsResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err != nil {
		return nil, err
	}
	page, status := user.Page{Limit: 20}, string(value(r.Params.Status))
	if r.Params.Limit != nil {
		page.Limit = int(*r.Params.Limit)
	}
	kind := "proposals:" + id.String() + ":" + status // a cursor is good for the list it came from
	if r.Params.Cursor != nil {
		var from position
		if err := s.Cursors.Decode(kind, *r.Params.Cursor, &from); err != nil {
			return nil, err
		}
		before := time.UnixMicro(from.At).UTC()
		page.Before, page.BeforeID = &before, from.ID
	}
	list, more, err := s.User.ListProposals(ctx, id, status, page)
	if err != nil {
		return nil, err
	}
	out := ListProposals200JSONResponse{Items: list}
	if list == nil {
		out.Items = []Proposal{}
	}
	if more {
		last := list[len(list)-1]
		next, err := s.Cursors.Encode(kind, position{last.CreatedAt.UnixMicro(), last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

// GetProposal returns a proposal of the caller's.
func (s *Server) GetProposal(ctx context.Context, r GetProposalRequestObject) (GetProposalResponseObject, error) {
	p, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Proposal, error) { return s.User.GetProposal(ctx, id, r.ProposalID) })
	return GetProposal200JSONResponse(p), err
}

// DecideProposal accepts and rejects changes of a proposal.
func (s *Server) DecideProposal(ctx context.Context, r DecideProposalRequestObject) (DecideProposalResponseObject, error) {
	b := r.Body
	p, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Proposal, error) {
		return s.User.DecideProposal(ctx, id, r.ProposalID, user.Decision{
			Accept: value(b.Accept), Reject: value(b.Reject), Rest: string(value(b.Rest)), Overwrite: value(b.Overwrite),
		})
	})
	return DecideProposal200JSONResponse(p), err
}

package api

import (
	"context"

	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// ListAPIKeys lists the caller's API keys.
func (s *Server) ListAPIKeys(ctx context.Context, _ ListAPIKeysRequestObject) (ListAPIKeysResponseObject, error) {
	list, err := s.Auth.ListAPIKeys(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	out := ListAPIKeys200JSONResponse{Items: make([]APIKey, len(list))}
	for i, k := range list {
		out.Items[i] = apiKey(k)
	}
	return out, nil
}

// CreateAPIKey makes an API key of the caller.
func (s *Server) CreateAPIKey(ctx context.Context, r CreateAPIKeyRequestObject) (CreateAPIKeyResponseObject, error) {
	scopes := make([]string, len(r.Body.Scopes))
	for i, scope := range r.Body.Scopes {
		scopes[i] = string(scope)
	}
	secret, key, err := s.Auth.CreateAPIKey(ctx, caller(ctx), r.Body.Name, scopes, r.Body.ExpiresAt, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return CreateAPIKey201JSONResponse{Key: secret, APIKey: apiKey(key)}, nil
}

// RevokeAPIKey ends one of the caller's API keys.
func (s *Server) RevokeAPIKey(ctx context.Context, r RevokeAPIKeyRequestObject) (RevokeAPIKeyResponseObject, error) {
	return RevokeAPIKey204Response{}, s.Auth.RevokeAPIKey(ctx, caller(ctx), r.APIKeyID, client(ctx, nil))
}

func apiKey(k auth.APIKey) APIKey {
	out := APIKey{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: make([]APIKeyScope, len(k.Scopes)),
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt,
	}
	for i, scope := range k.Scopes {
		out.Scopes[i] = APIKeyScope(scope)
	}
	return out
}

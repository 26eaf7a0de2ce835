package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

const (
	apiKeyTTL     = 365 * 24 * time.Hour     // unless its owner chooses
	apiKeyMaxTTL  = 2 * 365 * 24 * time.Hour // the owner's choice
	apiKeyShown   = 8                        // characters of a key that its owner recognises it by
	maxAPIKeys    = 50                       // of an account
	keyUseEvery   = time.Minute              // how exactly the last use is known
	keyUseWaiting = 1024
)

// APIKeyScopes are what API keys can be allowed to do: the scopes that
// operations of any service name in their contracts.
var APIKeyScopes = []string{"account:read", "sessions:read", "jobs:read", "jobs:write", "analytics:read", "analytics:write", "resumes:read", "resumes:write", "profile:read", "notifications:read", "applications:read", "applications:write"}

// APIKey is a personal API key, without its secret.
type APIKey struct {
	ID                   uuid.UUID
	Name                 string
	Prefix               string // the beginning of the secret
	Scopes               []string
	CreatedAt, ExpiresAt time.Time
	LastUsedAt           *time.Time // to the minute; nil: never
}

var (
	errAPIKeyName = errs.New(errs.Unprocessable, "invalid_name", "Give the key a name of 1 to 100 characters.").
			WithFields(errs.Field{Pointer: "#/name", Code: "invalid", Message: "must be 1 to 100 characters, not only spaces"})
	errAPIKeyScopes = errs.New(errs.Unprocessable, "invalid_scopes", "Choose at least one of the scopes "+strings.Join(APIKeyScopes, ", ")+".").
			WithFields(errs.Field{Pointer: "#/scopes", Code: "invalid", Message: "must be scopes that exist"})
	errAPIKeyExpiry = errs.New(errs.Unprocessable, "invalid_expiry", "An API key has to end in the future, at most two years from now.").
			WithFields(errs.Field{Pointer: "#/expiresAt", Code: "invalid", Message: "must be in the future, at most two years from now"})
	errAPIKeysMany    = errs.New(errs.Conflict, "too_many_api_keys", "There are 50 API keys. Revoke one that is not used any more, then try again.")
	errAPIKeyNotFound = errs.New(errs.NotFound, "api_key_not_found", "There is no such API key of this account.")
)

// CreateAPIKey makes a key of the caller and returns its secret, which is shown
// this once. Without expiresAt it lives a year.
func (s *Service) CreateAPIKey(ctx context.Context, p authn.Principal, name string, scopes []string, expiresAt *time.Time, c Client) (secret string, key APIKey, err error) {
	now := s.now()
	secret = newSecret(prefixAPIKey)
	key = APIKey{
		ID: newID(), Name: strings.TrimSpace(name), Prefix: secret[:apiKeyShown], Scopes: slices.Compact(slices.Sorted(slices.Values(scopes))),
		CreatedAt: now, ExpiresAt: now.Add(apiKeyTTL),
	}
	if expiresAt != nil {
		key.ExpiresAt = expiresAt.UTC().Truncate(time.Microsecond)
	}
	switch {
	case key.Name == "" || len([]rune(key.Name)) > 100:
		return "", APIKey{}, errAPIKeyName
	case len(key.Scopes) == 0 || slices.ContainsFunc(key.Scopes, func(scope string) bool { return !slices.Contains(APIKeyScopes, scope) }):
		return "", APIKey{}, errAPIKeyScopes
	case !key.ExpiresAt.After(now) || key.ExpiresAt.Sub(now) > apiKeyMaxTTL:
		return "", APIKey{}, errAPIKeyExpiry
	}
	err = s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID) // so that concurrent requests are counted
		if err != nil {
			return s.notFound(err)
		}
		n, err := t.APIKeyCount(ctx, u.ID)
		if err != nil {
			return err
		}
		if n >= maxAPIKeys {
			return errAPIKeysMany
		}
		if err := t.APIKeyInsert(ctx, db.APIKeyInsertParams{
			ID: key.ID, UserID: u.ID, Name: key.Name, Prefix: key.Prefix, Hash: hashSecret(secret), Scopes: key.Scopes, Now: now, ExpiresAt: key.ExpiresAt,
		}); err != nil {
			return err
		}
		a, err := s.account(u)
		if err != nil {
			return err
		}
		if err := t.notice(ctx, a, NotificationMessageSendKindAuthMFAChanged, map[string]string{"change": "api_key_created"}); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(p), "api_key.created", &u.ID, c, map[string]string{"keyId": key.ID.String(), "scopes": strings.Join(key.Scopes, " ")})
	})
	if err != nil {
		return "", APIKey{}, err
	}
	return secret, key, nil
}

// ListAPIKeys lists the caller's keys that are not revoked, expired ones too,
// newest first.
func (s *Service) ListAPIKeys(ctx context.Context, p authn.Principal) ([]APIKey, error) {
	rows, err := s.q.APIKeyList(ctx, p.UserID)
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]APIKey, len(rows))
	for i, r := range rows {
		list[i] = APIKey{r.ID, r.Name, r.Prefix, r.Scopes, r.CreatedAt, r.ExpiresAt, r.LastUsedAt}
	}
	return list, nil
}

// RevokeAPIKey ends a key of the caller, on every service at once.
func (s *Service) RevokeAPIKey(ctx context.Context, p authn.Principal, id uuid.UUID, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		n, err := t.APIKeyRevoke(ctx, db.APIKeyRevokeParams{Now: t.now, ID: id, UserID: p.UserID})
		if err != nil {
			return err
		}
		if n == 0 {
			return errAPIKeyNotFound
		}
		if err := t.revoke(ctx, revokeKey, id); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(p), "api_key.revoked", &p.UserID, c, map[string]string{"keyId": id.String()})
	})
}

// Introspect tells whose a key is, of either kind; authn.ErrUnauthenticated for
// one that is unknown, expired or revoked. It is auth's own authn.Introspector.
func (s *Service) Introspect(ctx context.Context, key string) (authn.Principal, error) {
	if strings.HasPrefix(key, prefixService) {
		return s.IntrospectServiceKey(ctx, key)
	}
	return s.IntrospectAPIKey(ctx, key)
}

// IntrospectAPIKey is Introspect for API keys alone. The roles are those that
// the owner has at this moment; a disabled owner's key is as good as unknown.
func (s *Service) IntrospectAPIKey(ctx context.Context, key string) (authn.Principal, error) {
	if !hasPrefix(key, prefixAPIKey) {
		return authn.Principal{}, authn.ErrUnauthenticated
	}
	now := s.now()
	row, err := s.q.APIKeyIntrospect(ctx, db.APIKeyIntrospectParams{Hash: hashSecret(key), Now: now})
	switch {
	case pg.IsNotFound(err):
		return authn.Principal{}, authn.ErrUnauthenticated
	case err != nil:
		return authn.Principal{}, storeError(err)
	}
	if row.LastUsedAt == nil || now.Sub(*row.LastUsedAt) >= keyUseEvery {
		select {
		case s.keyUse <- row.ID:
		default: // its next use is recorded instead
		}
	}
	p := authn.Principal{Kind: authn.KindAPIKey, UserID: row.UserID, KeyID: row.ID, Scopes: row.Scopes}
	for _, name := range row.Roles {
		if role, ok := authn.ParseRole(name); ok {
			p.Roles = append(p.Roles, role)
		}
	}
	return p, nil
}

// KeepKeyUse records when keys are used, outside of the requests that use them,
// until ctx ends. It is a worker for app.Run.
func (s *Service) KeepKeyUse(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-s.keyUse:
			if err := s.recordKeyUse(ctx, id); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "last use of API keys not recorded; their next use will be", "error", err)
			}
		}
	}
}

// recordKeyUse records the use of one key and of all that wait by now.
func (s *Service) recordKeyUse(ctx context.Context, first uuid.UUID) error {
	ids := []uuid.UUID{first}
	for {
		select {
		case id := <-s.keyUse:
			ids = append(ids, id)
			continue
		default:
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		now := s.now()
		return s.q.APIKeysTouch(ctx, db.APIKeysTouchParams{Now: now, Ids: ids, Since: now.Add(-keyUseEvery)})
	}
}

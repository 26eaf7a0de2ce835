package api

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// present is the inverse: nil for the zero value, which leaves a field out.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func roles(names []string) []Role {
	out := make([]Role, len(names))
	for i, n := range names {
		out[i] = Role(n)
	}
	return out
}

// tokens converts tokens, and moves the refresh token into a cookie if the
// client asked for that.
func (s *Server) tokens(t auth.Tokens, delivery *TokenDelivery) (Tokens, *string) {
	out := Tokens{
		AccessToken: t.Access, TokenType: TokensTokenTypeBearer, ExpiresIn: int(t.AccessExpires.Seconds()),
		RefreshExpiresIn: max(1, int(t.RefreshExpires.Seconds())), SessionID: t.SessionID,
	}
	if value(delivery) != Cookie {
		out.RefreshToken = &t.Refresh
		return out, nil
	}
	csrf := s.Auth.CSRFToken(t.Refresh)
	out.CsrfToken = &csrf
	return out, setCookie(t.Refresh, out.RefreshExpiresIn)
}

// loginResult converts the outcome of a sign-in.
func (s *Server) loginResult(r auth.LoginResult, delivery *TokenDelivery) (LoginResult, *string) {
	if r.Challenge != nil {
		return LoginResult{Status: LoginResultStatusMfaRequired, Challenge: challenge(r.Challenge)}, nil
	}
	tokens, cookie := s.tokens(*r.Tokens, delivery)
	return LoginResult{Status: LoginResultStatusAuthenticated, Tokens: &tokens}, cookie
}

func challenge(c *auth.Challenge) *MfaChallenge {
	out := &MfaChallenge{ChallengeToken: c.Token, ExpiresAt: c.ExpiresAt}
	for _, m := range c.Methods {
		out.Methods = append(out.Methods, MfaChallengeMethods(m))
	}
	return out
}

// position is what a cursor of a list newest first carries.
type position struct {
	At int64     `json:"t"` // microseconds, as Postgres keeps them
	ID uuid.UUID `json:"i"`
}

// page reads limit and cursor of a list; kind and owner bind the cursor to the
// list it came from.
func (s *Server) page(kind string, limit *int32, cursor *string) (auth.Page, error) {
	p := auth.Page{Limit: 20}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if cursor == nil {
		return p, nil
	}
	var at position
	if err := s.Cursors.Decode(kind, *cursor, &at); err != nil {
		return p, err
	}
	p.Before, p.BeforeID = microTime(at.At), at.ID
	return p, nil
}

// sessionList converts a page of sessions, of which read gives those of user.
func (s *Server) sessionList(ctx context.Context, read func(context.Context, uuid.UUID, auth.Page) ([]auth.Session, bool, error),
	kind string, user, current uuid.UUID, limit *int32, cursor *string) (SessionList, error) {
	page, err := s.page(kind, limit, cursor)
	if err != nil {
		return SessionList{}, err
	}
	list, more, err := read(ctx, user, page)
	if err != nil {
		return SessionList{}, err
	}
	out := SessionList{Items: make([]Session, len(list))}
	for i, x := range list {
		out.Items[i] = Session{
			ID: x.ID, Current: x.ID == current, DeviceName: present(x.DeviceName), UserAgent: present(x.UserAgent), IP: present(x.IP),
			Country: present(x.Country), Method: SessionMethod(x.Method), CreatedAt: x.CreatedAt, LastUsedAt: x.LastUsedAt, ExpiresAt: x.ExpiresAt,
		}
	}
	if more {
		last := list[len(list)-1]
		next, err := s.Cursors.Encode(kind, position{last.CreatedAt.UnixMicro(), last.ID})
		if err != nil {
			return SessionList{}, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

var errRefreshMissing = errs.New(errs.Invalid, "refresh_token_missing",
	"Send the refresh token in the body, or as the cookie that the sign-in set.").
	WithFields(errs.Field{Pointer: "#/refreshToken", Code: "required", Message: "missing, and there is no cookie"})

// jwks converts the key set by way of its standard JSON form.
func (s *Server) jwks() (out Jwks, err error) {
	raw, err := json.Marshal(s.Auth.Signer.Public())
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

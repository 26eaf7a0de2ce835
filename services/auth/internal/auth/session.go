package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// Tokens are what a sign-in or a refresh gives.
type Tokens struct {
	Access         string
	AccessExpires  time.Duration
	Refresh        string
	RefreshExpires time.Duration
	SessionID      uuid.UUID
}

// Session is a place where an account is signed in.
type Session struct {
	ID                               uuid.UUID
	Method                           string
	DeviceName, UserAgent            string
	IP                               string // of the sign-in
	Country                          string // ISO 3166-1 alpha-2 or empty
	CreatedAt, LastUsedAt, ExpiresAt time.Time
}

var (
	errRefresh = errs.New(errs.Unauthenticated, "invalid_refresh_token",
		"The refresh token is not valid any more. Sign in again.")
	errCSRF = errs.New(errs.Forbidden, "csrf_token_invalid",
		"Send the csrfToken of the last sign-in or refresh as X-CSRF-Token.")
	errSessionNotFound = errs.New(errs.NotFound, "session_not_found", "There is no such session of this account.")
)

// openSession signs the account in: a session with its first refresh token. The
// oldest sessions over the limit end.
func (t *tx) openSession(ctx context.Context, u db.User, method string, c Client) (Tokens, error) {
	id := newID()
	over, err := t.SessionsOverLimit(ctx, db.SessionsOverLimitParams{UserID: u.ID, Now: t.now, Keep: maxSessions - 1})
	if err != nil {
		return Tokens{}, err
	}
	for _, old := range over {
		if _, err := t.endSessions(ctx, u.ID, which{only: &old}, SessionRevokedReasonLimit); err != nil {
			return Tokens{}, err
		}
	}
	p := db.SessionInsertParams{
		ID: id, UserID: u.ID, Method: method, DeviceName: c.DeviceName, UserAgent: clip(c.UserAgent, 512),
		Network: t.s.network(c.IP), Country: CountryOf(c.IP), Now: t.now, ExpiresAt: t.now.Add(refreshTTL),
	}
	if c.IP.IsValid() {
		p.IpSealed = t.s.sealed("sessions", "ip_sealed", id, u.ID, c.IP.String())
	}
	if err := t.SessionInsert(ctx, p); err != nil {
		return Tokens{}, err
	}
	refresh := newSecret(prefixRefresh)
	if err := t.TokenInsert(ctx, db.TokenInsertParams{Hash: hashSecret(refresh), SessionID: id, Now: t.now, ExpiresAt: p.ExpiresAt}); err != nil {
		return Tokens{}, err
	}
	access, err := t.s.accessToken(u.ID, id, u.Roles, t.now)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{access, authn.AccessTokenTTL, refresh, refreshTTL, id}, nil
}

// accessToken signs one. It is not earlier than any revocation of the user that
// is committed by now.
func (s *Service) accessToken(user, session uuid.UUID, roles []string, authTime time.Time) (string, error) {
	at := authn.IssuedAtLeast(s.now())
	return s.Signer.sign(authn.Claims{
		UserID: user, SessionID: session, TokenID: newID(), Roles: roles,
		AuthTime: authTime, IssuedAt: at, ExpiresAt: at.Add(authn.AccessTokenTTL),
	})
}

// Refresh spends a refresh token for new tokens. A token that was spent before
// ends its session: either its owner or a thief holds a copy, and it cannot be
// known which (RFC 9700 §4.14.2).
func (s *Service) Refresh(ctx context.Context, token string, c Client) (Tokens, error) {
	if !hasPrefix(token, prefixRefresh) {
		return Tokens{}, errRefresh
	}
	hash, refresh := hashSecret(token), newSecret(prefixRefresh)
	var out Tokens
	err := s.inTx(ctx, func(t *tx) error {
		row, err := t.TokenSpend(ctx, db.TokenSpendParams{Now: t.now, Hash: hash})
		if err != nil {
			return err
		}
		expires := t.now.Add(refreshTTL)
		if end := row.CreatedAt.Add(sessionMaxAge); end.Before(expires) {
			expires = end
		}
		n, err := t.TokenSucceed(ctx, db.TokenSucceedParams{Now: t.now, ExpiresAt: expires, SessionID: row.ID, Hash: hashSecret(refresh)})
		if err == nil && n == 0 { // the session ended after TokenSpend saw it live
			return errRefresh
		}
		if err != nil {
			return err
		}
		// Signed while TokenSpend's lock on the account is held: a change of roles
		// is either in it, or later than it and so revokes it.
		access, err := s.accessToken(row.UserID, row.ID, row.Roles, row.AuthTime)
		out = Tokens{access, authn.AccessTokenTTL, refresh, expires.Sub(t.now), row.ID}
		return err
	})
	switch {
	case pg.IsNotFound(err):
		return Tokens{}, s.refuseRefresh(ctx, hash, c)
	case err != nil:
		return Tokens{}, err
	}
	return out, nil
}

// refuseRefresh finds out why a token could not be spent, and ends the session
// if it had been spent before.
func (s *Service) refuseRefresh(ctx context.Context, hash []byte, c Client) error {
	err := s.inTx(ctx, func(t *tx) error {
		row, err := t.TokenSession(ctx, hash)
		if pg.IsNotFound(err) {
			return nil
		}
		if err != nil || row.UsedAt == nil {
			return err
		}
		ended, err := t.endSessions(ctx, row.UserID, which{only: &row.SessionID}, SessionRevokedReasonReuse)
		if err != nil || ended == 0 {
			return err
		}
		return t.audit(ctx, actor{kind: "anonymous"}, "session.reuse_detected", &row.UserID, c, map[string]string{"sessionId": row.SessionID.String()})
	})
	if err != nil {
		return err
	}
	return errRefresh
}

// CSRFToken is what a browser client proves with that it, and not another site,
// sends the refresh cookie: a keyed hash of the token, which that site cannot
// read.
func (s *Service) CSRFToken(refresh string) string {
	return base64.RawURLEncoding.EncodeToString(s.Lookup.Hash("csrf", refresh))
}

// CheckCSRF compares in constant time.
func (s *Service) CheckCSRF(refresh, csrf string) error {
	if subtle.ConstantTimeCompare([]byte(s.CSRFToken(refresh)), []byte(csrf)) != 1 {
		return errCSRF
	}
	return nil
}

// Logout ends the caller's session.
func (s *Service) Logout(ctx context.Context, p authn.Principal, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		if _, err := t.endSessions(ctx, p.UserID, which{only: &p.SessionID}, SessionRevokedReasonLogout); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(p), "session.logout", &p.UserID, c, nil)
	})
}

// LogoutAll ends every session of the caller.
func (s *Service) LogoutAll(ctx context.Context, p authn.Principal, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		if _, err := t.endSessions(ctx, p.UserID, which{}, SessionRevokedReasonLogout); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(p), "session.logout_all", &p.UserID, c, nil)
	})
}

// RevokeSession ends one session of the caller.
func (s *Service) RevokeSession(ctx context.Context, p authn.Principal, id uuid.UUID, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		ended, err := t.endSessions(ctx, p.UserID, which{only: &id}, SessionRevokedReasonUser)
		if err != nil {
			return err
		}
		if ended == 0 {
			return errSessionNotFound
		}
		return t.audit(ctx, actorOf(p), "session.revoked", &p.UserID, c, map[string]string{"sessionId": id.String()})
	})
}

// Page is where in a list ordered by time and id, newest first, to go on; the
// zero value is the beginning.
type Page struct {
	Before   time.Time
	BeforeID uuid.UUID
	Limit    int
}

func (p Page) bounds() (*time.Time, *uuid.UUID) {
	if p.BeforeID == uuid.Nil {
		return nil, nil
	}
	return &p.Before, &p.BeforeID
}

// ListSessions lists a user's live sessions, the most recently started first.
// more says that there are some after the page.
func (s *Service) ListSessions(ctx context.Context, user uuid.UUID, page Page) (list []Session, more bool, err error) {
	before, beforeID := page.bounds()
	rows, err := s.q.SessionList(ctx, db.SessionListParams{
		UserID: user, Now: s.now(), BeforeCreatedAt: before, BeforeID: beforeID, MaxRows: int32(page.Limit + 1),
	})
	if err != nil {
		return nil, false, storeError(err)
	}
	if more = len(rows) > page.Limit; more {
		rows = rows[:page.Limit]
	}
	for _, r := range rows {
		ip, err := s.opened("sessions", "ip_sealed", r.ID, user, r.IpSealed)
		if err != nil {
			return nil, false, err
		}
		list = append(list, Session{r.ID, r.Method, r.DeviceName, r.UserAgent, ip, r.Country, r.CreatedAt, r.LastUsedAt, r.ExpiresAt})
	}
	return list, more, nil
}

// clip shortens foreign text to at most n bytes, at a rune's edge.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// Kinds of revocation: what its id names.
const (
	revokeSession = "session"
	revokeKey     = "key"
	revokeUser    = "user" // everything the user was given before
)

// which sessions of a user endSessions ends; the zero value is all of them.
type which struct{ only, except *uuid.UUID }

// endSessions ends sessions, revokes their access tokens and tells of it. It
// returns how many there were.
func (t *tx) endSessions(ctx context.Context, user uuid.UUID, w which, reason SessionRevokedReason) (int, error) {
	ids, err := t.SessionsRevoke(ctx, db.SessionsRevokeParams{Now: t.now, Reason: string(reason), UserID: user, ID: w.only, KeepID: w.except})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := t.revoke(ctx, revokeSession, ids...); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := t.emit(ctx, TypeSessionRevoked, user, SessionRevoked{UserID: user, SessionID: id, Reason: reason, RevokedAt: t.now}); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// revoke records revocations; inTx writes them to Redis after the commit.
func (t *tx) revoke(ctx context.Context, kind string, ids ...uuid.UUID) error {
	for _, id := range ids {
		t.revoked = append(t.revoked, revocation(kind, id, t.now))
	}
	return t.RevocationsUpsert(ctx, db.RevocationsUpsertParams{Kind: kind, Ids: ids, Now: t.now})
}

func revocation(kind string, id uuid.UUID, at time.Time) authn.Revocation {
	switch kind {
	case revokeSession:
		return authn.Revocation{SessionID: id}
	case revokeKey:
		return authn.Revocation{KeyID: id}
	default:
		return authn.Revocation{UserID: id, Before: at}
	}
}

// push writes revocations to Redis before the caller is answered. A failure is
// not the caller's: Revocations.Keep makes up for it, and services ask Postgres
// through auth until it has.
func (s *Service) push(ctx context.Context, revoked []authn.Revocation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.Revocations.Revoke(ctx, revoked...); err != nil {
		s.Log.WarnContext(ctx, "revocation not in Redis yet; it is written again", slog.Any("error", err))
	}
}

// LoadRevocations returns what was revoked at or after since; for
// authn.Revocations.Keep.
func (s *Service) LoadRevocations(ctx context.Context, since time.Time) ([]authn.Revocation, error) {
	rows, err := s.q.RevocationsSince(ctx, since)
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]authn.Revocation, len(rows))
	for i, r := range rows {
		list[i] = revocation(r.Kind, r.ID, r.RevokedAt)
	}
	return list, nil
}

// CheckRevoked decides from Postgres whether a caller's credential still holds,
// while Redis does not know: nil, authn.ErrUnauthenticated, or the reason why it
// cannot tell.
func (s *Service) CheckRevoked(ctx context.Context, p authn.Principal) error {
	if p.Kind != authn.KindUser {
		return nil // keys are looked up in Postgres to begin with
	}
	st, err := s.SessionStatus(ctx, p.SessionID)
	switch {
	case err != nil:
		return err
	case !st.Active, st.NotBefore != nil && p.IssuedAt.Before(authn.IssuedAtLeast(*st.NotBefore)):
		return authn.ErrUnauthenticated
	}
	return nil
}

// SessionStatus is what another service asks about a session.
type SessionStatus struct {
	Active    bool
	NotBefore *time.Time // access tokens of its user that were issued before are refused
}

// SessionStatus tells whether a session is live; an unknown one is not.
func (s *Service) SessionStatus(ctx context.Context, id uuid.UUID) (SessionStatus, error) {
	row, err := s.q.SessionStatus(ctx, db.SessionStatusParams{Now: s.now(), ID: id})
	switch {
	case pg.IsNotFound(err):
		return SessionStatus{}, nil
	case err != nil:
		return SessionStatus{}, storeError(err)
	}
	return SessionStatus{Active: row.Active && row.DisabledAt == nil, NotBefore: row.TokensNotBefore}, nil
}

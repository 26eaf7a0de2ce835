package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

const (
	expireBatch      = 50 // accounts that one transaction deletes
	auditMonthsAhead = 12
	signingKeyAge    = 90 * 24 * time.Hour
)

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "one_time_tokens", Key: "hash", Old: "expires_at < $1"},
	{Table: "ceremonies", Key: "id", Old: "expires_at < $1"},
	{Table: "oauth_flows", Key: "state_hash", Old: "expires_at < $1"},
	{Table: "login_delays", Key: "scope, key", Old: "failed_at < $1", Keep: 24 * time.Hour},
	{Table: "login_sprays", Key: "network, account", Old: "at < $1", Keep: 24 * time.Hour},
	{Table: "revocations", Key: "kind, id", Old: "revoked_at < $1", Keep: time.Hour}, // access tokens live shorter
	// A session that ended before began before, which lets an index find it. Its
	// tokens go first: a cascade over the thousands of a session has no bound.
	{Table: "tokens", Key: "hash", Old: "session_id IN (SELECT id FROM sessions WHERE " + endedSession + ")", Keep: 30 * 24 * time.Hour},
	{Table: "sessions", Key: "id", Old: endedSession, Keep: 30 * 24 * time.Hour},
	{Table: "api_keys", Key: "id", Old: "revoked_at < $1 OR expires_at < $1", Keep: 30 * 24 * time.Hour},
	{Table: "service_keys", Key: "id", Old: "expires_at < $1", Keep: 30 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

const endedSession = "created_at < $1 AND (revoked_at < $1 OR expires_at < $1)"

// Maintenance does what is due again and again.
type Maintenance struct {
	*jobs.Client
	s             *Service
	unverifiedAge time.Duration
}

// NewMaintenance makes the maintenance of a service. An account that nobody
// verified within unverifiedAge is deleted.
func NewMaintenance(s *Service, unverifiedAge time.Duration) (*Maintenance, error) {
	m := &Maintenance{s: s, unverifiedAge: unverifiedAge}
	var err error
	m.Client, err = jobs.New(s.Pool, jobs.Options{
		Log: s.Log,
		Duties: map[string]jobs.Duty{
			"purge":            {Every: time.Hour, Do: m.purge},
			"audit_partitions": {Every: 24 * time.Hour, Do: m.auditPartitions},
			"signing_key":      {Every: 24 * time.Hour, Do: m.rotateSigningKey},
		},
	})
	return m, err
}

// purge deletes what is of no more use, in bounded steps. What fails does not
// keep it from the rest.
func (m *Maintenance) purge(ctx context.Context) error {
	now := m.s.now()
	err := jobs.Purge(ctx, m.s.Pool, m.s.Log, now, leftovers...)
	for n := int64(expireBatch); n >= expireBatch && ctx.Err() == nil; {
		var failed error
		if n, failed = m.s.expireUsers(ctx, now.Add(-m.unverifiedAge)); failed != nil {
			return errors.Join(err, failed)
		}
		if n > 0 {
			m.s.Log.InfoContext(ctx, "purged", slog.String("what", "unverified accounts"), slog.Int64("count", n))
		}
	}
	return errors.Join(err, ctx.Err())
}

// expireUsers deletes some of the accounts that were registered before and never
// verified. Nobody is told: the address may be a stranger's.
func (s *Service) expireUsers(ctx context.Context, before time.Time) (int64, error) {
	var ids []uuid.UUID
	err := s.inTx(ctx, func(t *tx) (err error) {
		if ids, err = t.UsersExpire(ctx, db.UsersExpireParams{Before: before, Now: t.now, MaxRows: expireBatch}); err != nil {
			return err
		}
		for _, id := range ids {
			if err := t.emit(ctx, TypeUserDeleted, id, UserDeleted{UserID: id, DeletedAt: t.now}); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if err := t.audit(ctx, system, "user.expired", &id, Client{}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return int64(len(ids)), err
}

// auditPartitions makes the partitions that the audit trail needs next.
func (m *Maintenance) auditPartitions(ctx context.Context) error {
	return storeError(m.s.q.AuditPartitions(ctx, auditMonthsAhead))
}

// rotateSigningKey replaces the key that signs access tokens when it is old.
func (m *Maintenance) rotateSigningKey(ctx context.Context) error {
	newest, err := m.s.q.SigningKeyNewest(ctx)
	if err != nil || m.s.now().Sub(newest) < signingKeyAge {
		return storeError(err)
	}
	kid, from, err := m.s.Signer.Rotate(ctx)
	if err == nil {
		m.s.Log.InfoContext(ctx, "signing key rotated", slog.String("kid", kid), slog.Time("signs_from", from))
	}
	return err
}

package notification

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// ownedTables hold rows of users, by user_id. What only keeps a message from being
// taken twice (message_keys) is made nobody's instead of deleted.
var ownedTables = []string{
	"notifications", "deliveries", "message_keys", "contacts", "notification_preferences", "device_tokens", "stream_events",
	"stream_heads", "stream_tickets",
}

// DeleteUser deletes everything that is held of a user, as a step of the deletion
// workflow. Doing it again changes nothing.
func (s *Service) DeleteUser(ctx context.Context, user uuid.UUID) error {
	return s.inTx(ctx, func(t *tx) error { return t.deleteUser(ctx, user) })
}

func (t *tx) deleteUser(ctx context.Context, user uuid.UUID) error {
	if err := t.UserBury(ctx, db.UserBuryParams{UserID: user, Now: t.now}); err != nil {
		return err
	}
	// The mail that says that the account is gone still goes out, to an address that is
	// in the message alone.
	for _, statement := range []string{
		"UPDATE deliveries SET user_id = NULL WHERE user_id = $1 AND kind = 'auth.account_deleted' AND status IN ('pending', 'sending')",
		"UPDATE message_keys SET user_id = NULL WHERE user_id = $1",
	} {
		if _, err := t.x.Exec(ctx, statement, user); err != nil {
			return err
		}
	}
	for _, table := range ownedTables {
		if _, err := t.x.Exec(ctx, "DELETE FROM "+pgx.Identifier{table}.Sanitize()+" WHERE user_id = $1", user); err != nil {
			return err
		}
	}
	return nil
}

// Footprint is how many rows a table holds of a user.
type Footprint struct {
	Table string
	Count int64
}

// GetFootprint counts what is held of a user.
func (s *Service) GetFootprint(ctx context.Context, user uuid.UUID) (list []Footprint, total int64, err error) {
	for _, table := range ownedTables {
		f := Footprint{Table: table}
		query := "SELECT count(*) FROM " + pgx.Identifier{table}.Sanitize() + " WHERE user_id = $1"
		if err := s.Pool.QueryRow(ctx, query, user).Scan(&f.Count); err != nil {
			return nil, 0, storeError(err)
		}
		list, total = append(list, f), total+f.Count
	}
	return list, total, nil
}

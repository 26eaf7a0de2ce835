package user

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// source names this service in its messages.
const source = "user"

// emit appends an event about the user to the outbox; data is the payload of the
// type in events.gen.go.
func (t *tx) emit(ctx context.Context, typ string, data any) error {
	return outbox.Append(ctx, t.x, outbox.Message{Type: typ, Source: source, Subject: t.user.String(), Time: t.now, Data: data})
}

// Apply does what messages of other services call for; for app.Service.Consume.
func (s *Service) Apply(ctx context.Context, x pgx.Tx, e rabbit.Event) error {
	var user uuid.UUID
	var err error
	switch e.Type {
	case TypeAuthUserRegistered:
		var m AuthUserRegistered
		if err = decode(e, &m); err == nil {
			user, err = m.UserID, s.create(ctx, x, m.UserID, Newcomer{Email: m.Email, DisplayName: m.DisplayName, Locale: m.Locale})
		}
	case TypeAuthUserEmailChanged:
		var m AuthUserEmailChanged
		if err = decode(e, &m); err == nil {
			user, err = m.UserID, s.followEmail(ctx, x, m)
		}
	case TypeAuthUserDeleted:
		var m AuthUserDeleted
		if err = decode(e, &m); err == nil {
			user, err = m.UserID, s.erase(ctx, x, m.UserID)
		}
	}
	if err == nil {
		pg.AfterCommit(x, func() { s.forget(ctx, user) })
	}
	return err
}

func decode(e rabbit.Event, into any) error {
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("user: read %s: %w", e.Type, err)
	}
	return nil
}

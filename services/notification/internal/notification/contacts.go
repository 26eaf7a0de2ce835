package notification

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// profileTimeout bounds the question to the user service: a message rather goes
// out in English than late.
const profileTimeout = time.Second

// person is the receiver of a message.
type person struct {
	id                        uuid.UUID // zero: an address without an account
	email, name, locale, zone string
	verified                  bool
}

// contact is what changed about a user; what is empty stays.
type contact struct {
	user                      uuid.UUID
	email, name, locale, zone string
	verified                  bool
	refreshed                 *time.Time
}

func (t *tx) putContact(ctx context.Context, c contact) error {
	if gone, err := t.UserDeleted(ctx, c.user); err != nil || gone {
		return err
	}
	return t.ContactPut(ctx, db.ContactPutParams{
		UserID: c.user, EmailSealed: t.s.sealed("contacts", "email_sealed", c.user, c.user, c.email),
		DisplayNameSealed: t.s.sealed("contacts", "display_name_sealed", c.user, c.user, c.name),
		Locale:            c.locale, TimeZone: c.zone, Verified: c.verified, RefreshedAt: c.refreshed, Now: t.now,
	})
}

// receiver is who a message is for. What the message itself says counts before
// what is known of the user; ask says whether the user service may be asked.
func (s *Service) receiver(ctx context.Context, m MessageSend, ask bool) (person, error) {
	p := person{id: m.UserID, email: m.Email, name: m.DisplayName, locale: m.Locale, verified: m.Email != ""}
	if m.UserID == uuid.Nil {
		return p, nil
	}
	row, err := s.q.ContactGet(ctx, m.UserID)
	if err != nil && !pg.IsNotFound(err) {
		return p, storeError(err)
	}
	if ask && row.RefreshedAt == nil && s.Profile != nil {
		if fresh, ok := s.refresh(ctx, m.UserID); ok {
			row = fresh
		}
	}
	known := person{locale: row.Locale, zone: row.TimeZone}
	if known.email, err = s.opened("contacts", "email_sealed", m.UserID, m.UserID, row.EmailSealed); err != nil {
		return p, err
	}
	if known.name, err = s.opened("contacts", "display_name_sealed", m.UserID, m.UserID, row.DisplayNameSealed); err != nil {
		return p, err
	}
	if p.email == "" {
		p.email, p.verified = known.email, row.Verified
	}
	if p.name == "" {
		p.name = known.name
	}
	if p.locale == "" {
		p.locale = known.locale
	}
	p.zone = known.zone
	return p, nil
}

// refresh asks the user service for language and time zone and keeps the answer.
// Without an answer the next message asks again.
func (s *Service) refresh(ctx context.Context, user uuid.UUID) (row db.Contact, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, profileTimeout)
	defer cancel()
	profile, err := s.Profile(ctx, user)
	if err != nil && errs.KindOf(err) != errs.NotFound {
		s.Log.WarnContext(ctx, "the user service was not heard", "error", err)
		return row, false
	}
	now := s.now()
	err = s.inTx(ctx, func(t *tx) (err error) {
		if err := t.putContact(ctx, contact{user: user, locale: profile.Locale, zone: profile.TimeZone, refreshed: &now}); err != nil {
			return err
		}
		row, err = t.ContactGet(ctx, user)
		return err
	})
	if err != nil && !pg.IsNotFound(err) && !errors.Is(err, context.DeadlineExceeded) {
		s.Log.WarnContext(ctx, "a contact was not kept", "error", err)
	}
	return row, err == nil
}

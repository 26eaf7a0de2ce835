package notification

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// How much one target gets at most, so that nobody's mailbox is filled by a fault
// or an attack: of what concerns the safety of the account, and of all else.
const (
	mandatoryPerHour = 60
	optionalPerHour  = 20
	optionalPerDay   = 100
)

// maxTries is how often the queue hands over a message (events.yaml).
const maxTries = 6

// Handle takes a message from the queue "notifications": accepts it, unless it was
// accepted before, and sends what is to be sent now.
func (s *Service) Handle(ctx context.Context, msg *rabbit.Message) error {
	var m MessageSend
	if err := msg.Decode(&m); err != nil {
		return err
	}
	id, err := s.accept(ctx, msg.Event, m)
	if err != nil {
		return unready(err)
	}
	open, err := s.q.DeliveriesOpen(ctx, id)
	if err != nil {
		return unready(storeError(err))
	}
	var failures []error
	for _, d := range open {
		failures = append(failures, s.deliver(ctx, delivery{
			id: d.ID, message: d.MessageID, user: d.UserID, kind: d.Kind, channel: d.Channel, device: d.DeviceID, target: d.TargetHash,
		}, m, msg.Time))
	}
	err = errors.Join(failures...)
	if errors.Is(err, errDown) && msg.Attempt >= maxTries {
		return rabbit.NotReady(err) // a mail server that is away for hours loses no mail
	}
	return err
}

// unready marks an error that is the database's: no fault of the message.
func unready(err error) error {
	if err != nil && errs.KindOf(err) == errs.Unavailable {
		return rabbit.NotReady(err)
	}
	return err
}

// accept records a message with what is to be delivered, and returns its id. One of
// a key that came before changes nothing.
func (s *Service) accept(ctx context.Context, e rabbit.Event, m MessageSend) (uuid.UUID, error) {
	k := kindByName[string(m.Kind)]
	if k == nil {
		return uuid.Nil, rabbit.Permanent(fmt.Errorf("there is no kind %q of messages; add it to kinds.go and templates/", m.Kind))
	}
	if m.UserID == uuid.Nil && m.Email == "" {
		return uuid.Nil, rabbit.Permanent(fmt.Errorf("message %s of kind %s is for nobody", e.ID, m.Kind))
	}
	to, err := s.receiver(ctx, m, !k.Mandatory)
	if err != nil {
		return uuid.Nil, err
	}
	link := s.link(k, m.Data)
	words, err := s.write(ctx, k.Name, language(to.locale), link, "", m.Data)
	if err != nil {
		return uuid.Nil, fmt.Errorf("notification: write %s: %w", k.Name, err)
	}
	id := e.ID
	if id.Version() != 7 {
		id = newID()
	}
	err = s.inTx(ctx, func(t *tx) error {
		a := acceptance{tx: t, kind: k, message: m, to: to, id: id}
		if to.id != uuid.Nil {
			gone, err := t.UserDeleted(ctx, to.id)
			if err != nil {
				return err
			}
			if gone { // their own address may still be told that the account is gone
				if a.to.id = uuid.Nil; m.Email == "" || !k.Mandatory {
					return nil
				}
			}
		}
		key := sha256.Sum256([]byte(to.id.String() + "\x00" + strings.ToLower(m.Email) + "\x00" + m.DedupeKey))
		first, err := t.MessageClaim(ctx, db.MessageClaimParams{Key: key[:], MessageID: id, UserID: present(a.to.id), Now: t.now})
		if err != nil || !first.Fresh {
			id = first.MessageID
			return err
		}
		return a.record(ctx, words, link)
	})
	if err != nil {
		return uuid.Nil, err
	}
	return id, nil
}

// acceptance is a message that is being accepted.
type acceptance struct {
	*tx
	kind    *Kind
	message MessageSend
	to      person
	id      uuid.UUID
}

// record writes the notification, the frame of the stream and the deliveries.
func (a acceptance) record(ctx context.Context, words Written, link string) error {
	prefs := Preferences{}
	channels := a.kind.Default
	if a.to.id == uuid.Nil {
		channels = mailOnly
	} else if !a.kind.Mandatory {
		var err error
		if prefs, err = a.s.preferencesOf(ctx, a.Queries, a.to.id); err != nil {
			return err
		}
		channels = prefs.Kinds[a.kind.Name]
	}
	if err := a.notify(ctx, channels.InApp, words, link); err != nil {
		return err
	}
	if channels.Email {
		if err := a.planMail(ctx, prefs); err != nil {
			return err
		}
	}
	if channels.Push && a.to.id != uuid.Nil {
		return a.planPush(ctx, prefs)
	}
	return nil
}

func (a acceptance) notify(ctx context.Context, inApp bool, words Written, link string) error {
	n := Notification{ID: a.id, Kind: a.kind.Name, Data: map[string]string{}, CreatedAt: a.now}
	if inApp {
		n.Title, n.Body, n.Link = words.Subject, words.Body, link
		if !a.kind.Mandatory { // their data may hold secrets
			for k, v := range a.message.Data {
				if k != "link" && k != "subject" && k != "text" {
					n.Data[k] = printable(v, true) // Postgres takes no NUL
				}
			}
		} else if n.Link = ""; a.kind.path != "" {
			n.Link = a.s.PublicURL + a.kind.path
		}
	}
	data, err := json.Marshal(n.Data)
	if err != nil {
		return err
	}
	if err := a.NotificationInsert(ctx, db.NotificationInsertParams{
		ID: n.ID, UserID: present(a.to.id), Kind: n.Kind, InApp: inApp, Title: n.Title, Body: n.Body, Link: n.Link, Data: data, Now: a.now,
	}); err != nil || !inApp {
		return err
	}
	return a.stream(ctx, a.to.id, frameNotification, a.now, n)
}

// planMail makes the delivery of a mail, if there is an address that takes it.
func (a acceptance) planMail(ctx context.Context, prefs Preferences) error {
	if !writable(a.to.email) || !a.to.verified && !a.kind.Mandatory {
		a.s.metrics.done(channelEmail, "skipped")
		return nil
	}
	target := a.s.mailTarget(a.to.email)
	d := db.DeliveryInsertParams{Channel: channelEmail, TargetHash: target}
	dead, err := a.SuppressionGet(ctx, db.SuppressionGetParams{TargetHash: target, Now: a.now})
	if err != nil {
		return err
	}
	if dead {
		d.Status, d.Reason = statusSkipped, "suppressed"
	}
	return a.plan(ctx, d, prefs)
}

func writable(address string) bool {
	_, err := mail.ParseAddress(address)
	return err == nil
}

// planPush makes a delivery for each of the user's devices.
func (a acceptance) planPush(ctx context.Context, prefs Preferences) error {
	devices, err := a.DevicesOf(ctx, a.to.id)
	if err != nil {
		return err
	}
	for _, device := range devices {
		if !a.s.reaches(device.Type) {
			continue
		}
		if err := a.plan(ctx, db.DeliveryInsertParams{Channel: channelPush, DeviceID: &device.ID, TargetHash: device.TargetHash}, prefs); err != nil {
			return err
		}
	}
	return nil
}

// plan decides when a delivery goes out, and whether.
func (a acceptance) plan(ctx context.Context, d db.DeliveryInsertParams, prefs Preferences) error {
	d.ID, d.MessageID, d.UserID, d.Kind, d.Now = newID(), a.id, present(a.to.id), a.kind.Name, a.now
	if d.Status == "" {
		over, err := a.overLimit(ctx, d.TargetHash)
		if err != nil {
			return err
		}
		if over {
			d.Status, d.Reason = statusSkipped, "limited"
		}
	}
	if d.Status == "" {
		d.Status = statusPending
		if at, digest := prefs.sendAt(a.kind, d.Channel == channelEmail, a.now); at.After(a.now) {
			d.Status, d.Digest, d.NotBefore = statusHeld, digest, &at
			payload, err := json.Marshal(a.message)
			if err != nil {
				return err
			}
			d.PayloadSealed = a.s.sealed("deliveries", "payload_sealed", d.ID, a.to.id, string(payload))
		}
	}
	if d.Status == statusSkipped {
		a.s.metrics.done(d.Channel, statusSkipped)
	}
	return a.DeliveryInsert(ctx, d)
}

func (a acceptance) overLimit(ctx context.Context, target []byte) (bool, error) {
	limits := []struct {
		n    int64
		back time.Duration
	}{{optionalPerHour, time.Hour}, {optionalPerDay, 24 * time.Hour}}
	if a.kind.Mandatory {
		limits = limits[:1]
		limits[0].n = mandatoryPerHour
	}
	for _, l := range limits {
		n, err := a.DeliveriesOfTarget(ctx, db.DeliveriesOfTargetParams{TargetHash: target, Since: a.now.Add(-l.back)})
		if err != nil || n >= l.n {
			return true, err
		}
	}
	return false, nil
}

// preferencesOf is what is in force for a user, read in a transaction.
func (s *Service) preferencesOf(ctx context.Context, q *db.Queries, user uuid.UUID) (Preferences, error) {
	row, err := q.PreferencesGet(ctx, user)
	if err != nil && !pg.IsNotFound(err) {
		return Preferences{}, err
	}
	return s.preferences(ctx, q, user, row)
}

// link is the page that a message leads to: what its data says, or the page of its
// kind.
func (s *Service) link(k *Kind, data map[string]string) string {
	if l := webLink(data["link"]); l != "" {
		return l
	}
	switch {
	case k.path == "":
		return ""
	case k.idKey == "":
		return s.PublicURL + k.path
	case data[k.idKey] == "":
		return s.PublicURL + "/notifications"
	}
	id, err := uuid.Parse(data[k.idKey])
	if err != nil {
		return s.PublicURL + "/notifications"
	}
	return s.PublicURL + fmt.Sprintf(k.path, id)
}

// mailTarget is the keyed hash of an address, without regard to case.
func (s *Service) mailTarget(address string) []byte {
	return s.Lookup.Hash("email", strings.ToLower(address))
}

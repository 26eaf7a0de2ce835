package notification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/push"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// Channels and states of a delivery, as the table has them.
const (
	channelEmail = "email"
	channelPush  = "push"

	statusPending = "pending"
	statusHeld    = "held"
	statusSent    = "sent"
	statusFailed  = "failed"
	statusSkipped = "skipped"
)

const (
	// leaseFor is how long a delivery is left alone that somebody is sending: longer
	// than sending can take.
	leaseFor = mail.SendTimeout + 3*time.Second
	// recordWithin is how long the record of what was sent waits for a database that is
	// away: without it, the message would be sent again. It is below the time limit
	// of a message.
	recordWithin = 20 * time.Second
	// bounceFor is how long an address that was refused for good gets no mail; then it
	// is tried again, since addresses come back. A complaint counts longer.
	bounceFor    = 30 * 24 * time.Hour
	complaintFor = 5 * 365 * 24 * time.Hour
	// heldTries is how often a held delivery is tried.
	heldTries = 10
	dueBatch  = 200
)

var (
	errDown   = mail.ErrDown
	errLeased = errors.New("notification: the delivery is being sent elsewhere, or its sender crashed a moment ago")
)

// delivery is a mail or a push message to be sent.
type delivery struct {
	id, message uuid.UUID
	user        *uuid.UUID
	kind        string
	channel     string
	device      *uuid.UUID
	target      []byte
}

// reaches reports whether devices of a type can be sent to.
func (s *Service) reaches(deviceType string) bool {
	return deviceType == deviceWebPush && s.WebPush != nil || deviceType == deviceFCM && s.FCM != nil
}

// deliver sends one delivery of a message that was accepted at a time. An error
// means that it is to be tried again.
func (s *Service) deliver(ctx context.Context, d delivery, m MessageSend, accepted time.Time) error {
	if err := s.lease(ctx, d.id); err != nil {
		return err
	}
	err := s.carry(ctx, d, m)
	retry, settleErr := s.settle(ctx, []delivery{d}, err, nil)
	if settleErr != nil {
		return settleErr
	}
	if err == nil {
		s.metrics.took(d.channel, s.now().Sub(accepted))
	}
	return retry
}

// lease takes a delivery for this process.
func (s *Service) lease(ctx context.Context, id uuid.UUID) error {
	now := s.now()
	until := now.Add(leaseFor)
	n, err := s.q.DeliveryLease(ctx, db.DeliveryLeaseParams{ID: id, Until: &until, Now: now})
	if err == nil && n == 0 {
		err = errLeased
	}
	return storeError(err)
}

// settle records the outcome of sending: nil for success, what will never be, or
// what may pass, which it returns for trying again. next is when a held delivery is
// tried again. The record is kept even when the caller gives up meanwhile, and the
// database is waited for.
func (s *Service) settle(ctx context.Context, list []delivery, outcome error, next *time.Time) (retry, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	status, reason := statusSent, ""
	switch {
	case outcome == nil:
	case errors.Is(outcome, mail.ErrRejected):
		status, reason = statusFailed, "rejected"
	case errors.Is(outcome, push.ErrGone):
		status, reason = statusFailed, "gone"
	case errors.Is(outcome, mail.ErrRefused), errors.Is(outcome, push.ErrRefused):
		status, reason = statusFailed, "refused"
	default:
		status, retry = "retry", outcome
	}
	record := func() error {
		return s.inTx(ctx, func(t *tx) error {
			for _, d := range list {
				if err := t.settleOne(ctx, d, status, reason, next); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for err = record(); errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil; err = record() {
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if err == nil {
		s.metrics.done(list[0].channel, status)
		if outcome != nil && retry == nil {
			s.Log.WarnContext(ctx, "a message cannot be delivered", "message", list[0].message, "channel", list[0].channel, "error", outcome)
		}
	}
	return retry, err
}

func (t *tx) settleOne(ctx context.Context, d delivery, status, reason string, next *time.Time) error {
	if status == "retry" {
		return t.DeliveryReturn(ctx, db.DeliveryReturnParams{ID: d.id, Reason: "", NotBefore: next, Now: t.now})
	}
	n, err := t.DeliveryDone(ctx, db.DeliveryDoneParams{ID: d.id, Status: status, Reason: reason, Now: t.now})
	if err != nil || n == 0 {
		return err
	}
	var user uuid.UUID
	if d.user != nil {
		user = *d.user
	}
	if status == statusSent {
		if d.device != nil {
			if err := t.DeviceUsed(ctx, db.DeviceUsedParams{ID: *d.device, Now: &t.now}); err != nil {
				return err
			}
		}
		return t.emit(ctx, TypeMessageDelivered, d.message, MessageDelivered{
			MessageID: d.message, UserID: user, Channel: MessageDeliveredChannel(d.channel), Kind: d.kind, DeliveredAt: t.now,
		})
	}
	switch reason {
	case "rejected":
		if err := t.suppress(ctx, d.target, reason, bounceFor); err != nil {
			return err
		}
	case "gone":
		if d.device != nil {
			if _, err := t.DeviceDelete(ctx, db.DeviceDeleteParams{ID: *d.device, UserID: user}); err != nil {
				return err
			}
		}
	}
	return t.emit(ctx, TypeMessageFailed, d.message, MessageFailed{
		MessageID: d.message, UserID: user, Channel: MessageFailedChannel(d.channel), Kind: d.kind, Reason: reason, FailedAt: t.now,
	})
}

// suppress sends no more mail to an address for a time.
func (t *tx) suppress(ctx context.Context, target []byte, reason string, d time.Duration) error {
	return t.SuppressionPut(ctx, db.SuppressionPutParams{TargetHash: target, Reason: reason, Now: t.now, ExpiresAt: t.now.Add(d)})
}

// carry writes a message for its channel and hands it over.
func (s *Service) carry(ctx context.Context, d delivery, m MessageSend) error {
	k := kindByName[d.kind]
	if k == nil {
		return fmt.Errorf("%w: kind %s is gone", mail.ErrRefused, d.kind)
	}
	to, err := s.receiver(ctx, m, false)
	if err != nil {
		return err
	}
	link := s.link(k, m.Data)
	if d.channel == channelPush {
		words, err := s.write(ctx, k.Name, language(to.locale), link, "", m.Data)
		if err != nil {
			return err
		}
		return s.carryPush(ctx, *d.device, push.Message{
			ID: d.message.String(), Kind: k.Name, Title: words.Subject, Body: cut(words.Body, 300), Link: link, Urgent: k.Mandatory,
		})
	}
	return s.carryMail(ctx, d, k, to, link, m.Data)
}

// carryMail sends a mail of a kind.
func (s *Service) carryMail(ctx context.Context, d delivery, k *Kind, to person, link string, data map[string]string) error {
	header := map[string]string{"X-JobPilot-Kind": k.Name, "Auto-Submitted": "auto-generated"}
	unsubscribe := ""
	if !k.Mandatory && to.id != uuid.Nil {
		unsubscribe = s.unsubscribeURL(to.id, k.Name)
		header["List-Unsubscribe"], header["List-Unsubscribe-Post"] = "<"+unsubscribe+">", "List-Unsubscribe=One-Click"
	}
	words, err := s.write(ctx, k.Name, language(to.locale), link, unsubscribe, data)
	if err != nil {
		return err
	}
	address, err := netmail.ParseAddress(to.email)
	if err != nil {
		return fmt.Errorf("%w: %w", mail.ErrRefused, err)
	}
	return s.Mailer.Send(ctx, mail.Message{
		ID: d.id.String() + "@" + s.MailHost, To: netmail.Address{Name: cut(strings.Join(strings.Fields(printable(to.name, false)), " "), 100), Address: address.Address},
		Subject: words.Subject, Text: words.Text, HTML: words.HTML, Header: header,
	})
}

// carryPush sends a push message to a device.
func (s *Service) carryPush(ctx context.Context, device uuid.UUID, m push.Message) error {
	row, err := s.q.DeviceGet(ctx, device)
	if pg.IsNotFound(err) {
		return push.ErrGone
	}
	if err != nil {
		return storeError(err)
	}
	target, err := s.opened("device_tokens", "target_sealed", row.ID, row.UserID, row.TargetSealed)
	if err != nil {
		return err
	}
	switch {
	case !s.reaches(row.Type):
		return fmt.Errorf("%w: devices of type %s are no longer sent to", push.ErrRefused, row.Type)
	case row.Type == deviceFCM:
		return s.FCM.Send(ctx, target, m)
	}
	var sub push.Subscription
	if err := json.Unmarshal([]byte(target), &sub); err != nil {
		return fmt.Errorf("%w: %w", push.ErrGone, err)
	}
	return s.WebPush.Send(ctx, sub, m)
}

// held is a delivery whose time has come, with the message that waited.
type held struct {
	delivery
	digest   bool
	attempts int
	m        MessageSend
}

// SendDue sends what waited for the end of quiet hours or for the digest.
func (s *Service) SendDue(ctx context.Context) error {
	for {
		now := s.now()
		rows, err := s.q.DeliveriesDue(ctx, db.DeliveriesDueParams{Now: &now, MaxRows: dueBatch})
		if err != nil {
			return storeError(err)
		}
		var all []error
		digests := map[uuid.UUID][]held{}
		for _, r := range rows {
			h := held{
				delivery: delivery{id: r.ID, message: r.MessageID, user: r.UserID, kind: r.Kind, channel: r.Channel, device: r.DeviceID, target: r.TargetHash},
				digest:   r.Digest, attempts: int(r.Attempts),
			}
			err := s.lease(ctx, r.ID)
			if errors.Is(err, errLeased) {
				continue // another replica has it
			}
			if err == nil {
				err = s.unseal(&h, r.PayloadSealed)
			}
			switch {
			case err != nil:
				all = append(all, err)
			case h.digest && h.user != nil:
				digests[*h.user] = append(digests[*h.user], h)
			default:
				all = append(all, s.release(ctx, []held{h}, s.carry(ctx, h.delivery, h.m)))
			}
		}
		for _, list := range digests {
			all = append(all, s.release(ctx, list, s.carryDigest(ctx, list)))
		}
		if err := errors.Join(all...); err != nil || len(rows) < dueBatch || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

func (s *Service) unseal(h *held, payload []byte) error {
	var owner uuid.UUID
	if h.user != nil {
		owner = *h.user
	}
	plain, err := s.opened("deliveries", "payload_sealed", h.id, owner, payload)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(plain), &h.m)
}

// release records the outcome for deliveries that were held. What may pass is tried
// again after a while, ten times.
func (s *Service) release(ctx context.Context, list []held, outcome error) error {
	plain := make([]delivery, len(list))
	attempts := 0
	for i, h := range list {
		plain[i], attempts = h.delivery, max(attempts, h.attempts)
	}
	if outcome != nil && attempts+1 >= heldTries && !errors.Is(outcome, errDown) {
		outcome = fmt.Errorf("%w: given up: %w", mail.ErrRefused, outcome)
	}
	next := s.now().Add(min(time.Minute<<min(attempts, 6), time.Hour))
	retry, err := s.settle(ctx, plain, outcome, &next)
	if retry != nil {
		s.Log.WarnContext(ctx, "a held message is tried again later", "message", plain[0].message, "error", retry)
	}
	return err
}

// carryDigest sends mails that waited for the digest: one alone as it is, several as
// one.
func (s *Service) carryDigest(ctx context.Context, list []held) error {
	if len(list) == 1 {
		return s.carry(ctx, list[0].delivery, list[0].m)
	}
	to, err := s.receiver(ctx, MessageSend{UserID: *list[0].user, Email: list[0].m.Email}, false)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, h := range list {
		words, err := s.write(ctx, h.kind, language(to.locale), "", "", h.m.Data)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s\n%s\n\n", words.Subject, s.link(kindByName[h.kind], h.m.Data))
		if text.Len() > maxValue-500 {
			text.WriteString("…")
			break
		}
	}
	return s.carryMail(ctx, list[0].delivery, &Kind{Name: digestKind}, to, s.PublicURL+"/notifications",
		map[string]string{"count": strconv.Itoa(len(list)), "text": text.String()})
}

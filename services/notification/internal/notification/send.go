package notification

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
)

// maxReceivers bounds one call of SendNotification.
const maxReceivers = 5000

// Outgoing is a message by hand: to users or to an address, of a kind or with words
// of its own.
type Outgoing struct {
	Users         []uuid.UUID
	Email         string
	Kind          string
	Data          map[string]string
	Subject, Text string
	Link          string
	Locale        string
	DedupeKey     string // empty: the message is like no other
}

var errOutgoing = errs.New(errs.Unprocessable, "invalid_message", "Some messages cannot be sent; see errors.")

// SendNotification puts messages on the queue, one for each receiver, all or none,
// and returns their ids.
func (s *Service) SendNotification(ctx context.Context, list []Outgoing) (ids []uuid.UUID, err error) {
	var faults []errs.Field
	receivers := 0
	for i, o := range list {
		faults = append(faults, s.outgoingFaults(fmt.Sprintf("#/messages/%d", i), o)...)
		receivers += max(1, len(o.Users))
	}
	if receivers > maxReceivers {
		faults = append(faults, errs.Field{Pointer: "#/messages", Code: "too_many", Message: fmt.Sprintf("reach %d receivers; send to at most %d at once", receivers, maxReceivers)})
	}
	if len(faults) > 0 {
		return nil, errOutgoing.WithFields(faults...)
	}
	err = s.inTx(ctx, func(t *tx) error {
		ids = ids[:0]
		for _, o := range list {
			users := o.Users
			if o.Email != "" {
				users = []uuid.UUID{uuid.Nil}
			}
			for _, user := range users {
				id := newID()
				if err := t.send(ctx, id, false, o.message(id, user)); err != nil {
					return err
				}
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

// send puts a message on our own queue.
func (t *tx) send(ctx context.Context, id uuid.UUID, urgent bool, m MessageSend) error {
	subject := ""
	if m.UserID != uuid.Nil {
		subject = m.UserID.String()
	}
	return outbox.Append(ctx, t.x, outbox.Message{
		ID: id, Type: TypeMessageSend, Queue: QueueNotifications, Urgent: urgent, Source: source, Subject: subject, Time: t.now, Data: m,
	})
}

func (o Outgoing) message(id, user uuid.UUID) MessageSend {
	m := MessageSend{Kind: MessageSendKind(o.Kind), UserID: user, Email: o.Email, Locale: o.Locale, DedupeKey: o.DedupeKey, Data: map[string]string{}}
	for k, v := range o.Data {
		m.Data[k] = v
	}
	if o.Kind == "" {
		m.Kind, m.Data["subject"], m.Data["text"] = MessageSendKindAnnouncement, o.Subject, o.Text
	}
	if o.Link != "" {
		m.Data["link"] = o.Link
	}
	if m.DedupeKey == "" {
		m.DedupeKey = id.String()
	}
	return m
}

func (s *Service) outgoingFaults(at string, o Outgoing) (faults []errs.Field) {
	fault := func(field, code, message string) {
		faults = append(faults, errs.Field{Pointer: at + field, Code: code, Message: message})
	}
	if (len(o.Users) > 0) == (o.Email != "") {
		fault("", "receiver", "needs either userIds or email")
	}
	switch k := kindByName[o.Kind]; {
	case o.Kind == "" && (o.Subject == "" || o.Text == ""):
		fault("", "required", "needs a kind, or subject and text")
	case o.Kind != "" && (o.Subject != "" || o.Text != ""):
		fault("/kind", "excludes_text", "has words of its own; leave out subject and text, or the kind")
	case o.Kind != "" && k == nil:
		fault("/kind", "unknown", "there is no such kind; see /api/v1/notifications/templates")
	case k != nil && k.Mandatory:
		fault("/kind", "forbidden", "is for the auth service alone, which makes the links in it")
	}
	for field, link := range map[string]string{"/link": o.Link, "/data/link": o.Data["link"]} {
		if link != "" && link != s.PublicURL && !strings.HasPrefix(link, s.PublicURL+"/") {
			fault(field, "foreign", "must lead to "+s.PublicURL)
		}
	}
	return faults
}

// Report is what a mail provider says became of a mail.
type Report struct{ Address, Event, Type, Reason string }

var errSignature = errs.New(errs.Unauthenticated, "invalid_signature",
	"The signature does not fit. Check SENDGRID_WEBHOOK_KEY against the settings of the event webhook.")

// ReceiveReports takes what SendGrid reports: an address that does not exist, or
// whose owner complained, gets no more mails. body is what was signed.
func (s *Service) ReceiveReports(ctx context.Context, signature, timestamp string, body []byte, list []Report) error {
	if s.Webhook == nil || !s.Webhook.Verify(signature, timestamp, body, s.Now()) {
		return errSignature
	}
	return s.inTx(ctx, func(t *tx) error {
		for _, r := range list {
			reason, keep := "", time.Duration(0)
			switch {
			case r.Event == "bounce" && r.Type != "blocked": // "blocked": the mail, not the address
				reason, keep = "bounced", bounceFor
			case r.Event == "spamreport":
				reason, keep = "complained", complaintFor
			}
			if reason == "" || r.Address == "" {
				continue
			}
			if err := t.suppress(ctx, s.mailTarget(r.Address), reason, keep); err != nil {
				return err
			}
			s.metrics.done(channelEmail, reason)
		}
		return nil
	})
}

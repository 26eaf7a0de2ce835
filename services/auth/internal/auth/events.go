package auth

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/outbox"
)

// source names this service in its messages.
const source = "auth"

// emit appends an event about the user to the outbox; data is the payload of the
// type in events.gen.go.
func (t *tx) emit(ctx context.Context, typ string, user uuid.UUID, data any) error {
	return outbox.Append(ctx, t.x, outbox.Message{Type: typ, Source: source, Subject: user.String(), Time: t.now, Data: data})
}

// mail asks the notification service to tell somebody something. Who waits for
// a link waits in front of a screen, so such mails are urgent.
func (t *tx) mail(ctx context.Context, urgent bool, m NotificationMessageSend) error {
	subject := ""
	if m.UserID != uuid.Nil {
		subject = m.UserID.String()
	}
	return outbox.Append(ctx, t.x, outbox.Message{
		Type: TypeNotificationMessageSend, Queue: QueueNotifications, Urgent: urgent, Source: source, Subject: subject, Time: t.now, Data: m,
	})
}

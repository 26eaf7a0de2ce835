package notification

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// Notification is what a user was told, as lists and streams show it.
type Notification struct {
	ID        uuid.UUID         `json:"id"`
	Kind      string            `json:"kind"`
	Title     string            `json:"title"`
	Body      string            `json:"body"`
	Link      string            `json:"link,omitempty"`
	Data      map[string]string `json:"data"`
	CreatedAt time.Time         `json:"createdAt"`
	ReadAt    *time.Time        `json:"readAt,omitempty"`
}

// Filter selects notifications; the zero value is all.
type Filter struct {
	Kinds  []string
	Unread bool
	Since  time.Time
	// Before and BeforeID are the last of the page before.
	Before   time.Time
	BeforeID uuid.UUID
	Limit    int
}

// ListNotifications lists what a user was told, newest first, and whether there is
// more.
func (s *Service) ListNotifications(ctx context.Context, user uuid.UUID, f Filter) (list []Notification, more bool, err error) {
	arg := db.NotificationListParams{UserID: user, Since: f.Since, Unread: f.Unread, Kinds: f.Kinds, MaxRows: int32(f.Limit) + 1}
	if arg.Kinds == nil {
		arg.Kinds = []string{}
	}
	if !f.Before.IsZero() {
		arg.Before, arg.BeforeID = &f.Before, &f.BeforeID
	}
	rows, err := s.q.NotificationList(ctx, arg)
	if err != nil {
		return nil, false, storeError(err)
	}
	if len(rows) > f.Limit {
		rows, more = rows[:f.Limit], true
	}
	for _, r := range rows {
		n, err := notification(db.NotificationReadRow(r))
		if err != nil {
			return nil, false, err
		}
		list = append(list, n)
	}
	return list, more, nil
}

func notification(r db.NotificationReadRow) (Notification, error) {
	n := Notification{ID: r.ID, Kind: r.Kind, Title: r.Title, Body: r.Body, Link: r.Link, CreatedAt: r.CreatedAt, ReadAt: r.ReadAt}
	if err := json.Unmarshal(r.Data, &n.Data); err != nil {
		return n, fmt.Errorf("notification: data of %s: %w", r.ID, err)
	}
	return n, nil
}

// CountUnread counts what is not read yet, up to 1000.
func (s *Service) CountUnread(ctx context.Context, user uuid.UUID) (int64, error) {
	n, err := s.q.NotificationUnread(ctx, user)
	return n, storeError(err)
}

// made is when a notification can have been made, so that only those partitions are
// looked at: its id has the time it was asked for in it (RFC 9562 §5.7).
func (s *Service) made(id uuid.UUID) (from, to time.Time) {
	to = s.now().Add(time.Hour)
	if id.Version() == 7 {
		sec, nsec := id.Time().UnixTime()
		from = time.Unix(sec, nsec).UTC().Add(-time.Hour)
	}
	return from, to
}

// MarkRead marks a notification of the user as read.
func (s *Service) MarkRead(ctx context.Context, user, id uuid.UUID) (n Notification, err error) {
	from, to := s.made(id)
	now := s.now()
	row, err := s.q.NotificationRead(ctx, db.NotificationReadParams{ID: id, UserID: user, Now: &now, MadeFrom: from, MadeTo: to})
	if pg.IsNotFound(err) {
		return n, errNotFound
	}
	if err != nil {
		return n, storeError(err)
	}
	return notification(row)
}

// MarkAllRead marks all notifications of the user as read and says how many were
// not.
func (s *Service) MarkAllRead(ctx context.Context, user uuid.UUID) (int64, error) {
	now := s.now()
	n, err := s.q.NotificationReadAll(ctx, db.NotificationReadAllParams{UserID: user, Now: &now})
	return n, storeError(err)
}

// DeleteNotification deletes a notification of the user.
func (s *Service) DeleteNotification(ctx context.Context, user, id uuid.UUID) error {
	from, to := s.made(id)
	n, err := s.q.NotificationDelete(ctx, db.NotificationDeleteParams{ID: id, UserID: user, MadeFrom: from, MadeTo: to})
	if err == nil && n == 0 {
		return errNotFound
	}
	return storeError(err)
}

package notification

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

const (
	frameNotification = "notification"

	ticketPrefix = "jpt_"
	ticketTTL    = 30 * time.Second
	streamKept   = 24 * time.Hour
)

// Frame is one thing that happened to a user.
type Frame struct {
	Seq  int64           `json:"seq"` // without gaps, per user
	Type string          `json:"type"`
	Time time.Time       `json:"time"`
	Data json.RawMessage `json:"data"`
}

// stream appends a frame to the user's stream. The row of the stream's head stays
// locked until the transaction ends, so frames are seen in their order.
func (t *tx) stream(ctx context.Context, user uuid.UUID, typ string, at time.Time, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	seq, err := t.StreamNext(ctx, user)
	if err != nil {
		return err
	}
	if wake := t.s.Woken; wake != nil {
		pg.AfterCommit(t.x, func() { wake(user) })
	}
	return t.StreamInsert(ctx, db.StreamInsertParams{UserID: user, Seq: seq, Type: typ, Now: at, Data: string(raw)})
}

// ReadStream gives the frames after seq, oldest first, at most so many.
func (s *Service) ReadStream(ctx context.Context, user uuid.UUID, after int64, limit int) ([]Frame, error) {
	rows, err := s.q.StreamRead(ctx, db.StreamReadParams{UserID: user, After: after, MaxRows: int32(limit)})
	frames := make([]Frame, len(rows))
	for i, r := range rows {
		frames[i] = Frame{r.Seq, r.Type, r.At, json.RawMessage(r.Data)}
	}
	return frames, storeError(err)
}

// StreamHead is the seq of the user's last frame, 0 before the first.
func (s *Service) StreamHead(ctx context.Context, user uuid.UUID) (int64, error) {
	seq, err := s.q.StreamHead(ctx, user)
	return seq, storeError(err)
}

// StreamHeads is StreamHead for many users; one without frames is not in it.
func (s *Service) StreamHeads(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]int64, error) {
	rows, err := s.q.StreamHeads(ctx, users)
	heads := make(map[uuid.UUID]int64, len(rows))
	for _, r := range rows {
		heads[r.UserID] = r.Seq
	}
	return heads, storeError(err)
}

// Grant is the right to open a stream.
type Grant struct{ User, Session uuid.UUID }

var errTicket = errs.New(errs.Unauthenticated, "invalid_ticket",
	"The ticket is unknown, used or older than 30 seconds. Get a new one at /api/v1/notifications/stream/tickets.")

// CreateTicket makes a ticket that opens the caller's stream once.
func (s *Service) CreateTicket(ctx context.Context, p authn.Principal) (ticket string, expires time.Time, err error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	ticket = ticketPrefix + base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(ticket))
	expires = s.now().Add(ticketTTL)
	err = s.q.TicketInsert(ctx, db.TicketInsertParams{Hash: hash[:], UserID: p.UserID, SessionID: p.SessionID, ExpiresAt: expires})
	return ticket, expires, storeError(err)
}

// SpendTicket gives what a ticket grants, once.
func (s *Service) SpendTicket(ctx context.Context, ticket string) (Grant, error) {
	hash := sha256.Sum256([]byte(ticket))
	row, err := s.q.TicketSpend(ctx, hash[:])
	if pg.IsNotFound(err) || err == nil && !row.ExpiresAt.After(s.now()) {
		return Grant{}, errTicket
	}
	return Grant{row.UserID, row.SessionID}, storeError(err)
}

// Ends reports whether a frame ends the streams of a session.
func (f Frame) Ends(session uuid.UUID) bool {
	switch f.Type {
	case TypeAuthUserDisabled, TypeAuthUserDeleted:
		return true
	case TypeAuthSessionRevoked:
		var data struct {
			SessionID uuid.UUID `json:"sessionId"`
		}
		return json.Unmarshal(f.Data, &data) == nil && data.SessionID == session
	}
	return false
}

// Streamed records that a frame has reached a client, for the metrics.
func (s *Service) Streamed(f Frame) { s.metrics.took("websocket", s.now().Sub(f.Time)) }

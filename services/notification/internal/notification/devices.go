package notification

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/push"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

const (
	deviceWebPush = "web_push"
	deviceFCM     = "fcm"
	maxDevices    = 20 // of a user; the least recently registered goes
)

// Device is a browser or telephone that gets push messages.
type Device struct {
	ID         uuid.UUID
	Type       string
	Name       string
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// Subscription is a device to be registered: a Web Push subscription or a token of
// FCM.
type Subscription struct {
	Name    string
	WebPush *push.Subscription
	Token   string
}

var (
	errPushOff = errs.New(errs.Conflict, "push_not_configured",
		"This installation does not send push messages of this type. Ask its administrator to configure them.")
	errSubscription = errs.New(errs.Unprocessable, "invalid_subscription", "The subscription cannot be right; see errors.")
)

// PublicKey is what browsers subscribe with.
func (s *Service) PublicKey() (string, error) {
	if s.WebPush == nil {
		return "", errPushOff
	}
	return s.WebPush.PublicKey(), nil
}

// Subscribe registers a device of the user, or renews it.
func (s *Service) Subscribe(ctx context.Context, user uuid.UUID, sub Subscription) (out Device, err error) {
	kind, target, identity := deviceFCM, sub.Token, sub.Token
	if sub.WebPush != nil {
		if err := sub.WebPush.Check(); err != nil {
			return out, errSubscription.WithFields(errs.Field{Pointer: "#/subscription", Code: "invalid", Message: err.Error()})
		}
		raw, err := json.Marshal(sub.WebPush)
		if err != nil {
			return out, err
		}
		kind, target, identity = deviceWebPush, string(raw), sub.WebPush.Endpoint
	} else if sub.Token == "" {
		return out, errSubscription.WithFields(errs.Field{Pointer: "#/token", Code: "required", Message: "missing; or send a subscription with type web_push"})
	}
	if !s.reaches(kind) {
		return out, errPushOff
	}
	err = s.inTx(ctx, func(t *tx) error {
		id := newID()
		row, err := t.DevicePut(ctx, db.DevicePutParams{
			ID: id, UserID: user, Type: kind, Name: sub.Name, Now: t.now,
			TargetHash: s.Lookup.Hash(kind, identity), TargetSealed: s.sealed("device_tokens", "target_sealed", id, user, target),
		})
		if err != nil {
			return err
		}
		out = device(row)
		return t.DevicesTrim(ctx, db.DevicesTrimParams{UserID: user, Keep: maxDevices})
	})
	return out, err
}

func device(r db.DeviceToken) Device {
	return Device{ID: r.ID, Type: r.Type, Name: r.Name, CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt}
}

// ListDevices lists the devices of the user, the most recently registered first.
func (s *Service) ListDevices(ctx context.Context, user uuid.UUID) ([]Device, error) {
	rows, err := s.q.DevicesOf(ctx, user)
	list := make([]Device, len(rows))
	for i, r := range rows {
		list[i] = device(r)
	}
	return list, storeError(err)
}

// RemoveDevice forgets a device of the user.
func (s *Service) RemoveDevice(ctx context.Context, user, id uuid.UUID) error {
	n, err := s.q.DeviceDelete(ctx, db.DeviceDeleteParams{ID: id, UserID: user})
	if err == nil && n == 0 {
		return errNotFound
	}
	return storeError(err)
}

package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// bcryptCost is the specification's "10 rounds".
const bcryptCost = 10

// Hasher hashes and checks passwords: bcrypt cost 10 over
// base64(HMAC-SHA-384(pepper, password)), 64 bytes and so inside bcrypt's limit
// of 72 whatever the password's length. Hashing is the most expensive thing the
// service does, so only as many run at once as there are cores to run them.
type Hasher struct {
	pepper []byte
	slots  chan struct{}
	cost   int
	dummy  []byte
}

// hashWait is how long a request may queue for a core before it is told to come
// back; at 60 ms a hash that is a queue of some 50 for each core.
const hashWait = 3 * time.Second

// NewHasher makes a hasher that runs at most parallel hashes at a time. pepper
// has at least 32 bytes.
func NewHasher(pepper []byte, parallel int) (*Hasher, error) {
	if len(pepper) < 32 {
		return nil, errors.New("auth: the password pepper needs 32 bytes")
	}
	return newHasher(pepper, parallel, bcryptCost)
}

// newHasher is NewHasher with a cost that tests lower.
func newHasher(pepper []byte, parallel, cost int) (*Hasher, error) {
	h := &Hasher{pepper: pepper, slots: make(chan struct{}, max(1, parallel)), cost: cost}
	var err error
	if h.dummy, err = bcrypt.GenerateFromPassword(h.digest("no account has this password"), cost); err != nil {
		return nil, fmt.Errorf("auth: prepare password hashing: %w", err)
	}
	return h, nil
}

// Hash returns the hash to store. password is normalised.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	hash, err := bcrypt.GenerateFromPassword(h.digest(password), h.cost)
	if err != nil {
		return "", fmt.Errorf("auth: hash password: %w", err)
	}
	return string(hash), nil
}

// Matches reports whether password belongs to hash. Without a hash (unknown
// address, account without a password) it takes the same time and says no.
func (h *Hasher) Matches(ctx context.Context, hash *string, password string) (bool, error) {
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	stored := h.dummy
	if hash != nil {
		stored = []byte(*hash)
	}
	err := bcrypt.CompareHashAndPassword(stored, h.digest(password))
	if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, fmt.Errorf("auth: compare password: %w", err)
	}
	return err == nil && hash != nil, nil
}

func (h *Hasher) digest(password string) []byte {
	mac := hmac.New(sha512.New384, h.pepper)
	mac.Write([]byte(password))
	return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
}

func (h *Hasher) acquire(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	wait := time.NewTimer(hashWait)
	defer wait.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-wait.C:
		return errs.New(errs.Unavailable, "busy", "Too many sign-ins at the moment. Try again in a few seconds.").
			WithRetryAfter(2 * time.Second)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) release() { <-h.slots }

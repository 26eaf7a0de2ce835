package push

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	recordSize = 4096 // of RFC 8188; the whole message is one record
	// maxPlain is what a record of 4096 bytes carries beside header (86), tag (16) and
	// delimiter: the least that push services must take (RFC 8030 §7.2).
	maxPlain = recordSize - 86 - 16 - 1
	vapidFor = 12 * time.Hour // of at most 24 (RFC 8292 §2)
)

// Subscription is a browser, as PushSubscription.toJSON() names it.
type Subscription struct {
	Endpoint string `json:"endpoint"`
	P256dh   string `json:"p256dh"`
	Auth     string `json:"auth"`
}

// WebPush sends to browsers.
type WebPush struct {
	key     *ecdsa.PrivateKey
	public  string // uncompressed point, base64url
	subject string // whom a push service can write to
	client  *http.Client

	mu     sync.Mutex
	tokens map[string]vapid // by origin of the push service
}

type vapid struct {
	header string
	until  time.Time
}

// NewWebPush makes a sender. key is the private key of the server (VAPID): 32 bytes
// in base64, of either alphabet. subject is a mailto: or https: address. client
// is PublicClient, or another in tests.
func NewWebPush(key, subject string, client *http.Client) (*WebPush, error) {
	raw, err := decode64(key)
	if err != nil {
		return nil, errors.New("want 32 bytes in base64")
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, errors.New("not a private key of P-256")
	}
	public, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &WebPush{
		key: private, public: base64.RawURLEncoding.EncodeToString(public), subject: subject, client: client, tokens: map[string]vapid{},
	}, nil
}

// PublicKey is what browsers subscribe with.
func (p *WebPush) PublicKey() string { return p.public }

// Check reports what is wrong with a subscription: ErrTarget.
func (s Subscription) Check() error {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%w: the endpoint is not an https address", ErrTarget)
	}
	_, _, err = s.keys()
	return err
}

func (s Subscription) keys() (*ecdh.PublicKey, []byte, error) {
	point, err := decode64(s.P256dh)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: p256dh is not base64", ErrTarget)
	}
	key, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: p256dh is not a point on P-256", ErrTarget)
	}
	auth, err := decode64(s.Auth)
	if err != nil || len(auth) != 16 {
		return nil, nil, fmt.Errorf("%w: auth is not 16 bytes in base64", ErrTarget)
	}
	return key, auth, nil
}

// Send encrypts a message and hands it to the browser's push service. Errors:
// ErrGone, ErrRefused; others may pass.
func (p *WebPush) Send(ctx context.Context, s Subscription, m Message) error {
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	body, err := encrypt(s, plain, ephemeral, salt)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	authorization, err := p.authorize(r.URL)
	if err != nil {
		return err
	}
	urgency := "normal"
	if m.Urgent {
		urgency = "high"
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Encoding", "aes128gcm")
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("TTL", strconv.Itoa(int(TTL.Seconds())))
	r.Header.Set("Urgency", urgency)
	return do(ctx, p.client, r, func(status int, _ []byte) bool { return status == http.StatusNotFound || status == http.StatusGone })
}

// authorize makes the Authorization header for a push service (RFC 8292), once
// for half a day.
func (p *WebPush) authorize(endpoint *url.URL) (string, error) {
	origin := endpoint.Scheme + "://" + endpoint.Host
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if t, ok := p.tokens[origin]; ok && now.Before(t.until) {
		return t.header, nil
	}
	if len(p.tokens) >= 1000 { // users name the services
		clear(p.tokens)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"aud": origin, "exp": now.Add(vapidFor).Unix(), "sub": p.subject,
	}).SignedString(p.key)
	if err != nil {
		return "", fmt.Errorf("push: %w", err)
	}
	header := "vapid t=" + token + ", k=" + p.public
	p.tokens[origin] = vapid{header, now.Add(vapidFor - time.Hour)}
	return header, nil
}

// encrypt is RFC 8291: one record of RFC 8188 under a key agreed with the browser.
func encrypt(s Subscription, plain []byte, ephemeral *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("%d bytes are more than the %d of a push message", len(plain), maxPlain)
	}
	browser, auth, err := s.keys()
	if err != nil {
		return nil, err
	}
	shared, err := ephemeral.ECDH(browser)
	if err != nil {
		return nil, err
	}
	ours := ephemeral.PublicKey().Bytes()
	info := "WebPush: info\x00" + string(browser.Bytes()) + string(ours)
	ikm, err := hkdf.Key(sha256.New, shared, auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	out := append([]byte{}, salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(out, byte(len(ours)))
	out = append(out, ours...)
	return gcm.Seal(out, nonce, append(plain[:len(plain):len(plain)], 2), nil), nil // 2: the last record
}

// decode64 reads base64 of either alphabet, padded or not: browsers differ.
func decode64(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.DecodeString(s)
}

package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"time"

	"github.com/jobpilot/jobpilot/pkg/config"
)

// SendGrid sends by the v3 API of SendGrid,
// https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.
type SendGrid struct {
	url    string
	key    config.Secret
	from   *mail.Address
	client *http.Client
}

// NewSendGrid makes a sender with an API key. base is https://api.sendgrid.com,
// or another address in tests.
func NewSendGrid(base string, key config.Secret, from *mail.Address) *SendGrid {
	return &SendGrid{url: base + "/v3/mail/send", key: key, from: from, client: &http.Client{Timeout: SendTimeout}}
}

type sendgridAddress struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

type sendgridContent struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type sendgridMail struct {
	Personalizations []sendgridPersonalization `json:"personalizations"`
	From             sendgridAddress           `json:"from"`
	Subject          string                    `json:"subject"`
	Content          []sendgridContent         `json:"content"`
	Headers          map[string]string         `json:"headers,omitempty"`
	TrackingSettings sendgridTracking          `json:"tracking_settings"`
}

type sendgridPersonalization struct {
	To []sendgridAddress `json:"to"`
}

type sendgridTracking struct {
	ClickTracking sendgridSwitch `json:"click_tracking"`
	OpenTracking  sendgridSwitch `json:"open_tracking"`
}

type sendgridSwitch struct {
	Enable bool `json:"enable"`
}

// Send hands a mail to SendGrid. Links are left as they are and opening is not
// tracked: links carry secrets. Errors: ErrRefused; others may pass. Addresses that
// do not exist are reported later, to the webhook.
func (s *SendGrid) Send(ctx context.Context, m Message) error {
	headers := map[string]string{"Message-ID": "<" + m.ID + ">"}
	for name, value := range m.Header {
		headers[name] = value
	}
	body, err := json.Marshal(sendgridMail{
		Personalizations: []sendgridPersonalization{{To: []sendgridAddress{{m.To.Address, m.To.Name}}}},
		From:             sendgridAddress{s.from.Address, s.from.Name}, Subject: m.Subject, Headers: headers,
		Content: []sendgridContent{{"text/plain", m.Text}, {"text/html", m.HTML}},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key.Reveal())
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: SendGrid: %w", ErrDown, err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 2<<10))
	switch resp.StatusCode {
	case http.StatusAccepted, http.StatusOK:
		return nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: SendGrid: %s: %s", ErrRefused, resp.Status, said)
	}
	// 401 and 403 too: the key is wrong, and the mail is right once it is changed.
	return fmt.Errorf("mail: SendGrid: %s: %s", resp.Status, said)
}

// webhookAge is how old a report may be, against replays.
const webhookAge = 10 * time.Minute

// WebhookKey verifies what SendGrid reports,
// https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features.
type WebhookKey struct{ key *ecdsa.PublicKey }

// ParseWebhookKey reads the verification key as SendGrid's settings show it: DER
// in base64.
func ParseWebhookKey(s string) (*WebhookKey, error) {
	der, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("want base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("want an ECDSA key")
	}
	return &WebhookKey{key}, nil
}

// Verify reports whether SendGrid signed the body at that time (Unix seconds), a
// short while ago.
func (k *WebhookKey) Verify(signature, timestamp string, body []byte, now time.Time) bool {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	var unix int64
	if _, err := fmt.Sscanf(timestamp, "%d", &unix); err != nil {
		return false
	}
	if age := now.Sub(time.Unix(unix, 0)); age > webhookAge || age < -webhookAge {
		return false
	}
	sum := sha256.Sum256(append([]byte(timestamp), body...))
	return ecdsa.VerifyASN1(k.key, sum[:], sig)
}

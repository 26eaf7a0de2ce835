package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// sendgrid is SendGrid as far as mails are sent to it: it checks them as its
// reference says and answers a status.
func sendgrid(t *testing.T, status int) (url string, got *sendgridMail) {
	t.Helper()
	got = &sendgridMail{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if r.Method != http.MethodPost || r.URL.Path != "/v3/mail/send" || r.Header.Get("Authorization") != "Bearer SG.key" ||
			r.Header.Get("Content-Type") != "application/json" || decoder.Decode(got) != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		// Content must begin with text/plain, then text/html.
		if len(got.Personalizations) != 1 || len(got.Content) != 2 || got.Content[0].Type != "text/plain" || got.Content[1].Type != "text/html" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestSendGridGetsAMail(t *testing.T) {
	t.Parallel()
	url, got := sendgrid(t, http.StatusAccepted)
	m := message("ada@example.com")
	if err := NewSendGrid(url, "SG.key", from).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if to := got.Personalizations[0].To; len(to) != 1 || to[0].Email != "ada@example.com" || got.From.Email != from.Address || got.Subject != m.Subject {
		t.Errorf("got %+v", got)
	}
	if got.Headers["Message-ID"] != "<"+m.ID+">" || got.Headers["X-JobPilot-Kind"] != "announcement" {
		t.Errorf("headers %v", got.Headers)
	}
	if got.TrackingSettings.ClickTracking.Enable || got.TrackingSettings.OpenTracking.Enable {
		t.Error("links are tracked")
	}
}

func TestWhatSendGridAnswers(t *testing.T) {
	t.Parallel()
	for status, refused := range map[int]bool{400: true, 413: true, 401: false, 429: false, 500: false, 503: false} {
		url, _ := sendgrid(t, status)
		err := NewSendGrid(url, "SG.key", from).Send(t.Context(), message("ada@example.com"))
		if err == nil || errors.Is(err, ErrRefused) != refused {
			t.Errorf("%d: %v", status, err)
		}
	}
	if err := NewSendGrid("http://127.0.0.1:1", "SG.key", from).Send(t.Context(), message("ada@example.com")); !errors.Is(err, ErrDown) {
		t.Errorf("away: %v", err)
	}
}

func TestOnlyReportsOfSendGridCount(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseWebhookKey(base64.StdEncoding.EncodeToString(der))
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Now(), []byte(`[{"event":"bounce"}]`)
	sign := func(at time.Time) (string, string) {
		timestamp := strconv.FormatInt(at.Unix(), 10)
		sum := sha256.Sum256(append([]byte(timestamp), body...))
		sig, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(sig), timestamp
	}
	sig, timestamp := sign(now)
	if !key.Verify(sig, timestamp, body, now) {
		t.Error("a report of SendGrid was refused")
	}
	if key.Verify(sig, timestamp, []byte(`[{"event":"open"}]`), now) || key.Verify("AAAA", timestamp, body, now) || key.Verify(sig, "1", body, now) {
		t.Error("a forged report counted")
	}
	if old, at := sign(now.Add(-time.Hour)); key.Verify(old, at, body, now) {
		t.Error("an old report counted again")
	}
	for _, bad := range []string{"", "!", "AAAA"} {
		if _, err := ParseWebhookKey(bad); err == nil {
			t.Errorf("key %q was taken", bad)
		}
	}
}

package main

import (
	"io"
	"net/mail"
	"strings"
	"testing"
	"time"
)

func TestWriteMail(t *testing.T) {
	t.Parallel()
	n := notification{Kind: "auth.verify_email", DisplayName: "Ada\r\nBcc: x@example.com", Data: map[string]string{"link": "https://localhost/verify-email#token=t"}}
	text, err := writeMail(n, &mail.Address{Name: "JobPilot", Address: "no-reply@jobpilot.localhost"}, &mail.Address{Address: "ada@example.com"}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" {
		t.Errorf("a name added a header:\n%s", text)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != "ada@example.com" {
		t.Errorf("to %v, %v", to, err)
	}
	body, err := io.ReadAll(m.Body)
	if err != nil || !strings.Contains(string(body), n.Data["link"]) {
		t.Errorf("body %q, %v", body, err)
	}
	if _, err := writeMail(notification{Kind: "no.such"}, to[0], to[0], time.Now()); err == nil {
		t.Error("an unknown kind was written")
	}
}

func TestMailerSendsAKeyOnce(t *testing.T) {
	t.Parallel()
	m, err := newMailer("smtp://127.0.0.1:25", "JobPilot <no-reply@jobpilot.localhost>")
	if err != nil {
		t.Fatal(err)
	}
	if !m.claim("k") || m.claim("k") {
		t.Error("a key was claimed twice, or not at all")
	}
	m.release("k") // sending failed
	if !m.claim("k") {
		t.Error("a key whose sending failed cannot be sent again")
	}
}

func TestMailerConfiguration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ server, from, want string }{
		{"", "a@b.example", "SMTP_URL"}, {"http://h:1", "a@b.example", "SMTP_URL"}, {"smtp://h:25", "nobody", "MAIL_FROM"},
	} {
		if _, err := newMailer(tt.server, tt.from); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

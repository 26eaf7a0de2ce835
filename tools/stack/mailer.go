package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// mailer hands the messages of the queue "notifications" to an SMTP server as
// plain text, as long as there is no notification service.
func mailer(ctx context.Context) error {
	topology, err := readTopology(os.Getenv("TOPOLOGY_FILE"))
	if err != nil {
		return err
	}
	m, err := newMailer(os.Getenv("SMTP_URL"), os.Getenv("MAIL_FROM"))
	if err != nil {
		return err
	}
	return m.run(ctx, os.Getenv("RABBITMQ_URL"), topology)
}

// run delivers until ctx ends.
func (m *smtpMailer) run(ctx context.Context, url string, topology *rabbit.Topology) error {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	conn, err := rabbit.Open(url, rabbit.Options{Name: "mailer", Topology: topology, Log: log})
	if err != nil {
		return fmt.Errorf("RABBITMQ_URL: %w", err)
	}
	defer conn.Close()
	return conn.Consume(ctx, rabbit.Consumer{Queue: "notifications", Handler: rabbit.Each(m.handle)})
}

// notification is the data of notification.message.send in api/asyncapi/events.yaml.
type notification struct {
	Kind        string            `json:"kind"`
	Email       string            `json:"email"`
	DisplayName string            `json:"displayName"`
	DedupeKey   string            `json:"dedupeKey"`
	Data        map[string]string `json:"data"`
}

// smtpMailer sends to one server. It remembers what it sent, because messages
// may be delivered twice; not beyond its own life, which is enough on a
// development machine.
type smtpMailer struct {
	server string
	from   *mail.Address

	mu   sync.Mutex
	sent map[string]bool
}

// rememberAtMost bounds the memory for keys of sent messages.
const rememberAtMost = 100_000

func newMailer(server, from string) (*smtpMailer, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "smtp" || u.Host == "" {
		return nil, errors.New("SMTP_URL: set it to smtp://HOST:PORT")
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w; set it to NAME <ADDRESS>", err)
	}
	return &smtpMailer{server: u.Host, from: sender, sent: map[string]bool{}}, nil
}

func (m *smtpMailer) handle(ctx context.Context, msg *rabbit.Message) error {
	var n notification
	if err := msg.Decode(&n); err != nil {
		return err
	}
	to, err := mail.ParseAddress(n.Email)
	if err != nil {
		// Only the notification service can look an account's address up.
		return rabbit.Permanent(fmt.Errorf("message %s of kind %s has no address: %w", msg.ID, n.Kind, err))
	}
	text, err := writeMail(n, m.from, to, time.Now())
	if err != nil {
		return rabbit.Permanent(err)
	}
	if !m.claim(n.DedupeKey) {
		return nil
	}
	if err := m.send(ctx, to.Address, text); err != nil {
		m.release(n.DedupeKey)
		return rabbit.NotReady(err)
	}
	return nil
}

// claim reports whether no message of this key was sent, and marks it as sent.
func (m *smtpMailer) claim(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sent[key] {
		return false
	}
	if len(m.sent) >= rememberAtMost {
		clear(m.sent)
	}
	m.sent[key] = true
	return true
}

func (m *smtpMailer) release(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sent, key)
}

func (m *smtpMailer) send(ctx context.Context, to string, text []byte) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", m.server)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	host, _, _ := net.SplitHostPort(m.server)
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return err
	}
	defer c.Close()
	if err := errors.Join(c.Mail(m.from.Address), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return errors.Join(w.Close(), c.Quit())
}

// wording is what a kind of message says above its link.
var wording = map[string]struct{ subject, text string }{
	"auth.verify_email":       {"Confirm your e-mail address", "Welcome to JobPilot. Please confirm that this address is yours:"},
	"auth.already_registered": {"You already have an account", "Somebody, perhaps you, tried to register with this address, which has an account already. If you forgot your password:"},
	"auth.reset_password":     {"Reset your password", "You asked for a new password. Choose it here; if it was not you, ignore this mail:"},
	"auth.password_changed":   {"Your password was changed", "Your password was changed. If that was not you, reset it at once."},
	"auth.confirm_new_email":  {"Confirm your new e-mail address", "Please confirm that this is your new address:"},
	"auth.email_changing":     {"Your e-mail address is about to change", "Somebody, hopefully you, asked to change the address of your account. If it was not you, change your password."},
	"auth.email_changed":      {"Your e-mail address was changed", "The address of your account was changed. If that was not you, contact us at once."},
	"auth.mfa_changed":        {"Your sign-in protection was changed", "A second factor of your account was added or removed. If that was not you, change your password."},
	"auth.account_deleted":    {"Your account was deleted", "Your account and its data were deleted."},
}

// writeMail writes a message (RFC 5322). Names come from users: they are encoded,
// and so cannot add headers.
func writeMail(n notification, from, to *mail.Address, now time.Time) ([]byte, error) {
	w, ok := wording[n.Kind]
	if !ok {
		return nil, fmt.Errorf("no wording for messages of kind %q; add it to tools/stack/mailer.go", n.Kind)
	}
	to.Name = n.DisplayName
	var b strings.Builder
	for _, h := range [][2]string{
		{"From", from.String()}, {"To", to.String()}, {"Subject", mime.QEncoding.Encode("utf-8", w.subject)},
		{"Date", now.Format(time.RFC1123Z)}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "8bit"},
		{"X-JobPilot-Kind", n.Kind},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "\r\n%s\r\n", w.text)
	if link := n.Data["link"]; link != "" {
		fmt.Fprintf(&b, "\r\n%s\r\n", link)
	}
	return []byte(b.String()), nil
}

package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const (
	// SendTimeout bounds one mail on one connection.
	SendTimeout = 12 * time.Second
	// idleFor is how long a connection is kept for the next mail: shorter than the
	// five minutes a server waits (RFC 5321 §4.5.3.2.7).
	idleFor = 30 * time.Second
	// idleConns bounds the connections kept.
	idleConns = 16
)

// SMTP sends by a mail server, over connections that are used again.
type SMTP struct {
	host    string
	options []gomail.Option
	from    *mail.Address
	idle    chan conn
}

type conn struct {
	*gomail.Client
	used time.Time
}

// NewSMTP makes a sender for a server: smtp://host:port as it is, with TLS where the
// server offers it; smtp+starttls:// with TLS or not at all; smtps:// with TLS from
// the first byte. User and password in the URL sign in; they need TLS.
func NewSMTP(server string, from *mail.Address) (*SMTP, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("set it to smtp://HOST:PORT, smtp+starttls://USER:PASSWORD@HOST:PORT or smtps://USER:PASSWORD@HOST:PORT")
	}
	port, policy := 25, gomail.TLSOpportunistic
	s := &SMTP{host: u.Hostname(), from: from, idle: make(chan conn, idleConns)}
	switch u.Scheme {
	case "smtp":
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
			policy = gomail.NoTLS // a server on this machine has no certificate for its address
		}
	case "smtp+starttls":
		port, policy = 587, gomail.TLSMandatory
	case "smtps":
		port = 465
		s.options = append(s.options, gomail.WithSSL())
	default:
		return nil, fmt.Errorf("scheme %q: use smtp, smtp+starttls or smtps", u.Scheme)
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, fmt.Errorf("port %q is no number", u.Port())
		}
	}
	s.options = append(s.options, gomail.WithPort(port), gomail.WithTLSPolicy(policy), gomail.WithTimeout(SendTimeout))
	if u.User != nil {
		if u.Scheme == "smtp" {
			return nil, errors.New("a password needs TLS: use smtp+starttls or smtps")
		}
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if _, err := gomail.NewClient(s.host, s.options...); err != nil {
		return nil, err
	}
	return s, nil
}

// Send hands a mail to the server. Errors: ErrRejected, ErrRefused, ErrDown; others may
// pass.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for {
		c, kept, err := s.take(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDown, err)
		}
		err = c.Send(msg)
		var failed *gomail.SendError
		switch {
		case err == nil:
			s.keep(c)
			return nil
		case msg.IsDelivered():
			_ = c.Close() // the server took the mail and went away
			return nil
		case errors.As(err, &failed) && failed.Reason == gomail.ErrConnCheck && kept:
			_ = c.Close()
			continue // the server closed it meanwhile; nothing was sent yet
		case failed != nil && failed.ErrorCode() >= 400:
			s.keep(c) // the server answered, so the connection stands
		default:
			_ = c.Close()
		}
		return classify(err, failed)
	}
}

// Close ends the connections that are kept.
func (s *SMTP) Close() {
	for {
		select {
		case c := <-s.idle:
			_ = c.Close()
		default:
			return
		}
	}
}

// take gives a kept connection or a new one.
func (s *SMTP) take(ctx context.Context) (c conn, kept bool, err error) {
	for {
		select {
		case c := <-s.idle:
			if time.Since(c.used) < idleFor {
				return c, true, nil
			}
			_ = c.Close()
			continue
		default:
		}
		client, err := gomail.NewClient(s.host, s.options...)
		if err != nil {
			return conn{}, false, err
		}
		return conn{Client: client}, false, client.DialWithContext(ctx)
	}
}

func (s *SMTP) keep(c conn) {
	c.used = time.Now()
	select {
	case s.idle <- c:
	default:
		_ = c.Close()
	}
}

// classify tells a dead address (RFC 3463: 5.1.x; replies 550, 551 and 553 without
// further word) from a refused mail and from what may pass.
func classify(err error, failed *gomail.SendError) error {
	if failed == nil || failed.ErrorCode() < 500 {
		return fmt.Errorf("mail: %w", err)
	}
	if failed.Reason == gomail.ErrSMTPRcptTo {
		status := failed.EnhancedStatusCode()
		switch failed.ErrorCode() {
		case 550, 551, 553:
			if status == "" || strings.HasPrefix(status, "5.1.") {
				return fmt.Errorf("%w: %w", ErrRejected, err)
			}
		}
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// compose writes a message (RFC 5322, multipart/alternative). The library encodes
// what is not ASCII; line breaks, which would begin a new field, are refused here.
func (s *SMTP) compose(m Message) (*gomail.Msg, error) {
	for name, value := range m.Header {
		if strings.ContainsAny(name+value, "\r\n") {
			return nil, fmt.Errorf("header %q has a line break", name)
		}
	}
	if strings.ContainsAny(m.Subject+m.To.Name+m.To.Address+m.ID, "\r\n") {
		return nil, errors.New("a header has a line break")
	}
	if one, err := mail.ParseAddress(m.To.Address); err != nil || one.Address != m.To.Address {
		return nil, errors.New("not one address")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.ToMailAddress(&m.To)
	msg.SetMessageIDWithValue(m.ID)
	msg.SetDate()
	msg.Subject(m.Subject)
	for name, value := range m.Header {
		msg.SetGenHeaderPreformatted(gomail.Header(name), value)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

var from = &mail.Address{Name: "JobPilot", Address: "no-reply@jobpilot.test"}

func message(to string) Message {
	return Message{
		ID: uuid.NewString() + "@jobpilot.test", To: mail.Address{Name: "Ada Läufer", Address: to}, Subject: "Grüße & <b>",
		Text: "Hallo\nhttps://jobpilot.test/x#token=abc=\n", HTML: "<p>Hallo ä</p>", Header: map[string]string{"X-JobPilot-Kind": "announcement"},
	}
}

func TestAMailArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	s, err := NewSMTP(testkit.Env(t, "SMTP_URL"), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	to := uuid.NewString() + "@example.com"
	for range 3 { // on one connection
		m := message(to)
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := testkit.WaitMail(t, to, "Grüße")
	if got.Subject != "Grüße & <b>" || !strings.Contains(got.Text, "https://jobpilot.test/x#token=abc=") || !strings.Contains(got.HTML, "<p>Hallo ä</p>") {
		t.Errorf("got %+v", got)
	}
	if got.To[0].Name != "Ada Läufer" || got.From[0].Name != "JobPilot" || got.Headers["x-jobpilot-kind"] != "announcement" {
		t.Errorf("to %v, from %v, headers %v", got.To, got.From, got.Headers)
	}
	if len(s.idle) != 1 {
		t.Errorf("%d connections are kept", len(s.idle))
	}
}

func TestNothingAddsAHeader(t *testing.T) {
	t.Parallel()
	s, err := NewSMTP("smtp://127.0.0.1:1", from)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Message){
		"subject": func(m *Message) { m.Subject = "x\r\nBcc: eve@example.com" },
		"name":    func(m *Message) { m.To.Name = "x\nBcc: eve@example.com" },
		"address": func(m *Message) { m.To.Address = "a@example.com\r\nBcc: eve@example.com" },
		"list":    func(m *Message) { m.To.Address = "a@example.com, eve@example.com" },
		"id":      func(m *Message) { m.ID = "x\r\nBcc: eve@example.com" },
		"value":   func(m *Message) { m.Header["X-A"] = "x\r\nBcc: eve@example.com" },
		"field":   func(m *Message) { m.Header["X-A: x\r\nBcc"] = "eve@example.com" },
	} {
		m := message("ada@example.com")
		change(&m)
		if err := s.Send(t.Context(), m); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// server is a mail server that answers each RCPT as told, and may close the
// connection after a mail.
func server(t *testing.T, rcpt string, hangUp bool) (url string, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conns = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go talk(c, rcpt, hangUp)
		}
	}()
	return "smtp://" + l.Addr().String(), conns
}

func talk(c net.Conn, rcpt string, hangUp bool) {
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 ready\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "EHLO":
			fmt.Fprint(c, "250-test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n")
		case "RCPT":
			fmt.Fprint(c, rcpt+"\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			fmt.Fprint(c, "250 2.0.0 taken\r\n")
			if hangUp {
				return
			}
		default:
			fmt.Fprint(c, "250 2.0.0 fine\r\n")
		}
	}
}

func TestWhatTheServerSaysOfAnAddress(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]error{
		"250 2.1.5 fine":               nil,
		"550 5.1.1 no such user":       ErrRejected,
		"553 5.1.3 bad address":        ErrRejected,
		"550 5.7.1 we do not like you": ErrRefused,
		"552 5.2.2 mailbox full":       ErrRefused,
	} {
		url, _ := server(t, reply, false)
		s, err := NewSMTP(url, from)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), message("ada@example.com")); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", reply, err, want)
		}
		s.Close()
	}
	url, _ := server(t, "451 4.7.1 greylisted", false)
	s, err := NewSMTP(url, from)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), message("ada@example.com")); err == nil || errors.Is(err, ErrRejected) || errors.Is(err, ErrRefused) || errors.Is(err, ErrDown) {
		t.Errorf("what may pass: %v", err)
	}
}

func TestAConnectionThatWasClosedIsReplaced(t *testing.T) {
	t.Parallel()
	url, conns := server(t, "250 2.1.5 fine", true)
	s, err := NewSMTP(url, from)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Send(t.Context(), message("ada@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

func TestAServerThatIsAway(t *testing.T) {
	t.Parallel()
	s, err := NewSMTP("smtp://127.0.0.1:1", from)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), message("ada@example.com")); !errors.Is(err, ErrDown) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, message("ada@example.com")); err == nil {
		t.Error("sent after the caller gave up")
	}
}

func TestSMTPConfiguration(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"smtp://mail:25": true, "smtps://u:p@mail": true, "smtp+starttls://u:p@mail:587": true,
		"smtp://u:p@mail:25": false, "http://mail": false, "smtp://": false, "mail:25": false, "smtp://mail:x": false,
	} {
		if _, err := NewSMTP(url, from); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
	// A server without TLS gets no mail when TLS is demanded.
	plain, _ := server(t, "250 2.1.5 fine", false)
	s, err := NewSMTP(strings.Replace(plain, "smtp://", "smtp+starttls://", 1), from)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), message("ada@example.com")); !errors.Is(err, ErrDown) {
		t.Errorf("without TLS: %v", err)
	}
}

package site

import (
	"bufio"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// mailServer takes mails by SMTP and hands them over.
func mailServer(t *testing.T) (address string, mails <-chan string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	out := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go takeMail(conn, out)
		}
	}()
	return "smtp://" + l.Addr().String(), out
}

func takeMail(conn net.Conn, out chan<- string) {
	c := textproto.NewConn(conn)
	defer func() { _ = c.Close() }()
	_ = c.PrintfLine("220 test")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			_ = c.PrintfLine("354 go on")
			text, err := io.ReadAll(c.DotReader())
			if err != nil {
				return
			}
			out <- string(text)
			_ = c.PrintfLine("250 taken")
		case "QUIT":
			_ = c.PrintfLine("221 bye")
			return
		default:
			_ = c.PrintfLine("250 ok")
		}
	}
}

func TestAnswers(t *testing.T) {
	server, mails := mailServer(t)
	b := start(t, func(o *Options) { o.SMTPURL = server })
	j := b.job(posting.Personio, "none")
	if status, _, _ := b.apply(j); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	for kind, want := range map[string]string{"interview": "Vorstellungsgespräch", "rejection": "andere Bewerbungen", "offer": "anzubieten"} {
		if status, text := b.send(http.MethodPost, "/_board/answers", obj{"job": j.Key, "email": "ada@example.org", "kind": kind}); status != http.StatusOK {
			t.Fatalf("%s: %d %s", kind, status, text)
		}
		m, err := netmail.ReadMessage(bufio.NewReader(strings.NewReader(<-mails)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || !strings.Contains(subject, j.Title) || !strings.Contains(string(body), want) {
			t.Errorf("%s: %q %s (%v)", kind, subject, body, err)
		}
		if from, err := m.Header.AddressList("From"); err != nil || from[0].Name != j.Company.Name || m.Header.Get("To") != "<ada@example.org>" {
			t.Errorf("%s: from %v to %s (%v)", kind, from, m.Header.Get("To"), err)
		}
	}
	x := b.submissions("job=" + url.QueryEscape(j.Key))[0]
	status, _ := b.send(http.MethodPost, "/_board/answers", obj{"submission": x.ID, "kind": "offer", "subject": "One\r\nBcc: all@example.org", "text": "Two"})
	if got := <-mails; status != http.StatusOK || strings.Contains(got, "\nBcc:") || !strings.Contains(got, "Two") {
		t.Errorf("own words: %d %s", status, got)
	}
	if status, _ := b.send(http.MethodPost, "/_board/answers", obj{"submission": x.ID, "kind": "praise"}); status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown kind: %d", status)
	}
	if status, _ := b.send(http.MethodPost, "/_board/answers", obj{"submission": "99", "kind": "offer"}); status != http.StatusNotFound {
		t.Errorf("an unknown application: %d", status)
	}
}

func TestAnswersWithoutMailServer(t *testing.T) {
	b := start(t)
	j := b.job(posting.Careers, "none")
	b.apply(j)
	if status, text := b.send(http.MethodPost, "/_board/answers", obj{"job": j.Key, "email": "ada@example.org", "kind": "offer"}); status != http.StatusServiceUnavailable || !strings.Contains(text, "SMTP_URL") {
		t.Errorf("%d %s", status, text)
	}
}

package site

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/smtp"
	"net/url"
	"strings"
	"time"
)

// mail is a plain-text message.
type mail struct{ From, FromName, To, Subject, Text string }

// mailTimeout bounds the talk with the mail server.
const mailTimeout = 20 * time.Second

// send hands the message to the SMTP server at smtp://host:port.
func (m mail) send(ctx context.Context, server string, now time.Time) error {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "smtp" || u.Host == "" {
		return fmt.Errorf("SMTP_URL: %q is not smtp://host:port", server)
	}
	to, err := netmail.ParseAddress(m.To)
	if err != nil || strings.ContainsAny(m.To, "\r\n") {
		return fmt.Errorf("address %q: %w", m.To, errors.Join(errors.New("not an e-mail address"), err))
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "25")
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return errors.Join(err, conn.Close())
	}
	c, err := smtp.NewClient(conn, u.Hostname())
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer func() { _ = c.Close() }()
	if err := c.Mail(m.From); err != nil {
		return err
	}
	if err := c.Rcpt(to.Address); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.bytes(to.Address, now)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// bytes writes the message as RFC 5322 wants it. No header can be broken: names and subjects are encoded words.
func (m mail) bytes(to string, now time.Time) []byte {
	var b bytes.Buffer
	_, domain, _ := strings.Cut(m.From, "@")
	fmt.Fprintf(&b, "From: %s\r\n", (&netmail.Address{Name: m.FromName, Address: m.From}).String())
	fmt.Fprintf(&b, "To: <%s>\r\n", to)
	fmt.Fprintf(&b, "Subject: %s\r\n", mime.QEncoding.Encode("utf-8", oneLine(m.Subject)))
	fmt.Fprintf(&b, "Date: %s\r\n", now.Format(time.RFC1123Z))
	fmt.Fprintf(&b, "Message-ID: <%s@%s>\r\n", rand.Text(), domain)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(strings.ReplaceAll(m.Text, "\n", "\r\n")))
	_ = q.Close()
	return b.Bytes()
}

func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// answer is what an employer writes to an applicant.
func answer(kind, lang, company, title string) (subject, text string, ok bool) {
	all := map[string]map[string][2]string{
		"interview": {
			"en": {"Interview: {title} at {company}", "Hello,\n\nthank you for your application for {title}. We would like to get to know you and invite you to an interview by video next week. Would Tuesday at 10:00 or Thursday at 14:00 suit you?\n\nKind regards\nPeople team, {company}\n"},
			"de": {"Einladung zum Gespräch: {title}", "Guten Tag,\n\nvielen Dank für Ihre Bewerbung als {title}. Wir möchten Sie gern kennenlernen und laden Sie zu einem Vorstellungsgespräch per Video in der nächsten Woche ein. Passt Ihnen Dienstag um 10 Uhr oder Donnerstag um 14 Uhr?\n\nFreundliche Grüße\nPersonalteam, {company}\n"},
		},
		"rejection": {
			"en": {"Your application for {title}", "Hello,\n\nthank you for the time you took to apply for {title}. After careful consideration we have decided to move forward with other candidates. We wish you all the best.\n\nKind regards\nPeople team, {company}\n"},
			"de": {"Ihre Bewerbung als {title}", "Guten Tag,\n\nvielen Dank für Ihr Interesse an der Stelle {title}. Leider müssen wir Ihnen mitteilen, dass wir uns für andere Bewerbungen entschieden haben. Für Ihren weiteren Weg wünschen wir Ihnen alles Gute.\n\nFreundliche Grüße\nPersonalteam, {company}\n"},
		},
		"offer": {
			"en": {"Offer: {title} at {company}", "Hello,\n\nwe are happy to offer you the position of {title}. The contract is attached to our portal; please tell us by Friday whether you would like to join us.\n\nKind regards\nPeople team, {company}\n"},
			"de": {"Zusage: {title} bei {company}", "Guten Tag,\n\nwir freuen uns, Ihnen die Stelle {title} anzubieten. Bitte geben Sie uns bis Freitag Bescheid, ob Sie zu uns kommen möchten.\n\nFreundliche Grüße\nPersonalteam, {company}\n"},
		},
	}
	t, ok := all[kind][lang]
	if !ok {
		if t, ok = all[kind]["en"]; !ok {
			return "", "", false
		}
	}
	fill := strings.NewReplacer("{title}", title, "{company}", company)
	return fill.Replace(t[0]), fill.Replace(t[1]), true
}

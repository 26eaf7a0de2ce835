package testkit

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Mail is a message that the mail catcher took.
type Mail struct {
	Subject string
	Text    string
	HTML    string
	From    []MailAddress
	To      []MailAddress
	Headers map[string]any
}

// MailAddress is one of its addresses.
type MailAddress struct{ Name, Address string }

// WaitMail waits for a mail to an address whose subject contains the given text,
// and returns the newest.
func WaitMail(tb testing.TB, to, subject string) Mail {
	tb.Helper()
	var found Mail
	Eventually(tb, "a mail to "+to+" about "+subject, func() bool {
		for _, m := range mails(tb, to) {
			if strings.Contains(m.Subject, subject) {
				found = m // in the order they came
			}
		}
		return found.To != nil
	})
	return found
}

// mails asks maildev, https://github.com/maildev/maildev/blob/2.2.1/docs/rest.md
func mails(tb testing.TB, to string) []Mail {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	u := Env(tb, "MAIL_URL") + "/email?to.address=" + url.QueryEscape(to)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatalf("the mail catcher does not answer: %v; %s", err, startServers)
	}
	defer res.Body.Close()
	var all, own []Mail
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("the mail catcher answers %s, %v", res.Status, err)
	}
	for _, m := range all {
		for _, a := range m.To {
			if strings.EqualFold(a.Address, to) {
				own = append(own, m)
			}
		}
	}
	return own
}

// Command demo plays the main job against the running stack, through the gateway
// as any client would, with a line and a time for each step. It ends non-zero
// when a step does not hold, and leaves everything running to look at.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// demo is the walk: what is known so far, and the client that walks.
type demo struct {
	http            *http.Client
	gateway, mail   string
	email, password string
	access, refresh string
	lastMail        string // subject of the mail that was found
}

func run(ctx context.Context) error {
	d, err := newDemo()
	if err != nil {
		return err
	}
	fmt.Printf("JobPilot at %s, mails at %s\n\n", d.gateway, d.mail)
	start := time.Now()
	for i, s := range []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"register", d.register},
		{"sign in before the address is confirmed", d.loginTooEarly},
		{"verify by the mail that arrived", d.verify},
		{"log in", d.login},
		{"read the account", d.account},
		{"refresh", d.refreshTokens},
		{"list sessions", d.sessions},
		{"log out", d.logout},
		{"use the access token after that", d.useAfterLogout},
	} {
		began := time.Now()
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		said, err := s.run(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.name, err)
		}
		fmt.Printf("%2d. %-42s %6d ms   %s\n", i+1, s.name, time.Since(began).Milliseconds(), said)
	}
	fmt.Printf("\nAll steps held, in %.1f s. Everything is still running:\n", time.Since(start).Seconds())
	fmt.Printf("  API documents   %s/docs/\n  mail catcher    %s\n  all of it       make status\n", d.gateway, d.mail)
	return nil
}

func newDemo() (*demo, error) {
	env := func(name string) (string, error) {
		if v := os.Getenv(name); v != "" {
			return strings.TrimRight(v, "/"), nil
		}
		return "", fmt.Errorf("%s is not set; start the demo with `make demo`", name)
	}
	gateway, err1 := env("GATEWAY_URL")
	mail, err2 := env("MAIL_URL")
	ca, err3 := env("TLS_CA_FILE")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read the local certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	return &demo{
		http: &http.Client{
			Timeout:   20 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true},
		},
		gateway: gateway, mail: mail,
		email:    "ada." + strings.ToLower(rand.Text()[:10]) + "@example.com",
		password: "a passphrase of " + rand.Text()[:12],
	}, nil
}

func (d *demo) register(ctx context.Context) (string, error) {
	err := d.call(ctx, http.MethodPost, "/api/v1/auth/register", 201, map[string]any{
		"email": d.email, "password": d.password, "displayName": "Ada", "locale": "en",
	}, nil)
	return d.email, err
}

func (d *demo) loginTooEarly(ctx context.Context) (string, error) {
	var p struct{ Code, Detail string }
	err := d.call(ctx, http.MethodPost, "/api/v1/auth/login", 403, d.credentials(), &p)
	if err == nil && p.Code != "email_not_verified" {
		err = fmt.Errorf("refused with code %q, not email_not_verified", p.Code)
	}
	return "refused: " + p.Code, err
}

var mailedToken = regexp.MustCompile(`jpv_[A-Za-z0-9_-]{43}`)

func (d *demo) verify(ctx context.Context) (string, error) {
	text, err := d.mailTo(ctx, d.email)
	if err != nil {
		return "", err
	}
	token := mailedToken.FindString(text)
	if token == "" {
		return "", fmt.Errorf("the mail %q holds no verification token", d.lastMail)
	}
	return fmt.Sprintf("%q", d.lastMail), d.call(ctx, http.MethodPost, "/api/v1/auth/verify-email", 204, map[string]any{"token": token}, nil)
}

func (d *demo) login(ctx context.Context) (string, error) {
	var r struct {
		Status string
		Tokens struct {
			AccessToken, RefreshToken string
			ExpiresIn                 int
		}
	}
	if err := d.call(ctx, http.MethodPost, "/api/v1/auth/login", 200, d.credentials(), &r); err != nil {
		return "", err
	}
	d.access, d.refresh = r.Tokens.AccessToken, r.Tokens.RefreshToken
	return fmt.Sprintf("%s, access token for %d s", r.Status, r.Tokens.ExpiresIn), nil
}

func (d *demo) account(ctx context.Context) (string, error) {
	var a struct {
		ID, Email string
		Roles     []string
	}
	if err := d.call(ctx, http.MethodGet, "/api/v1/auth/me", 200, nil, &a); err != nil {
		return "", err
	}
	if a.Email != d.email {
		return "", fmt.Errorf("it has the address %s", a.Email)
	}
	return fmt.Sprintf("%s, roles %v", a.ID, a.Roles), nil
}

func (d *demo) refreshTokens(ctx context.Context) (string, error) {
	var r struct{ AccessToken, RefreshToken string }
	old := d.refresh
	if err := d.call(ctx, http.MethodPost, "/api/v1/auth/refresh", 200, map[string]any{"refreshToken": old}, &r); err != nil {
		return "", err
	}
	if r.RefreshToken == old {
		return "", errors.New("the refresh token was not replaced")
	}
	d.access, d.refresh = r.AccessToken, r.RefreshToken
	return "both tokens replaced", nil
}

func (d *demo) sessions(ctx context.Context) (string, error) {
	var list struct {
		Items []struct {
			Current                            bool
			DeviceName, IP, Country, UserAgent string
		}
	}
	if err := d.call(ctx, http.MethodGet, "/api/v1/auth/sessions", 200, nil, &list); err != nil {
		return "", err
	}
	if len(list.Items) != 1 || !list.Items[0].Current {
		return "", fmt.Errorf("there should be this session alone, not %+v", list.Items)
	}
	s := list.Items[0]
	return fmt.Sprintf("%s from %s, %s", s.DeviceName, s.IP, s.UserAgent), nil
}

func (d *demo) logout(ctx context.Context) (string, error) {
	return "", d.call(ctx, http.MethodPost, "/api/v1/auth/logout", 204, nil, nil)
}

func (d *demo) useAfterLogout(ctx context.Context) (string, error) {
	var p struct{ Code string }
	err := d.call(ctx, http.MethodGet, "/api/v1/auth/me", 401, nil, &p)
	return "refused: " + p.Code, err
}

func (d *demo) credentials() map[string]any {
	return map[string]any{"email": d.email, "password": d.password, "deviceName": "The demo"}
}

// call sends one request and wants one status; the answer's JSON goes into out.
func (d *demo) call(ctx context.Context, method, path string, want int, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.gateway+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "jobpilot-demo")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if d.access != "" {
		req.Header.Set("Authorization", "Bearer "+d.access)
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s answered %s instead of %d: %s", method, path, resp.Status, want, raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// mailTo waits until a mail to the address is in the catcher and returns its text.
func (d *demo) mailTo(ctx context.Context, address string) (string, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		mails, err := d.mails(ctx)
		if err != nil {
			return "", fmt.Errorf("read the mail catcher: %w", err)
		}
		for _, m := range mails {
			for _, to := range m.To {
				if to.Address == address {
					d.lastMail = m.Subject
					return m.Text, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no mail to %s has arrived; see `make logs SERVICE=notification`", address)
		case <-tick.C:
		}
	}
}

type mail struct {
	Subject, Text string
	To            []struct{ Address string }
}

func (d *demo) mails(ctx context.Context) ([]mail, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.mail+"/email", nil)
	if err != nil {
		return nil, err
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var list []mail
	return list, json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&list)
}

package walk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

func (w *Walk) accountSteps() []Step {
	return []Step{
		{"register", w.register},
		{"log in before the address is confirmed", w.loginTooEarly},
		{"confirm by the mail that arrived", w.verify},
		{"log in", w.login},
		{"find a profile, the free plan and settings", w.findProfile},
		{"listen over WebSocket", w.listen},
	}
}

func (w *Walk) register(ctx context.Context) (string, error) {
	return w.email, w.user.call(ctx, http.MethodPost, "/api/v1/auth/register", 201, map[string]any{
		"email": w.email, "password": w.password, "displayName": "Nora", "locale": "en",
	}, nil)
}

func (w *Walk) loginTooEarly(ctx context.Context) (string, error) {
	return "refused: email_not_verified", w.user.refused(ctx, http.MethodPost, "/api/v1/auth/login", w.credentials(), 403, "email_not_verified")
}

var mailedToken = regexp.MustCompile(`jpv_[A-Za-z0-9_-]{43}`)

func (w *Walk) verify(ctx context.Context) (string, error) {
	m, err := w.awaitMail(ctx, w.email, func(m mail) bool { return mailedToken.MatchString(m.Text) })
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%q", m.Subject), done(w.user.call(ctx, http.MethodPost, "/api/v1/auth/verify-email", 204,
		map[string]any{"token": mailedToken.FindString(m.Text)}, nil))
}

func (w *Walk) credentials() map[string]any {
	return map[string]any{"email": w.email, "password": w.password, "deviceName": "The demo"}
}

// logIn signs a client in.
func logIn(ctx context.Context, c *client, credentials map[string]any) error {
	var r struct {
		Status string
		Tokens struct{ AccessToken string }
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/auth/login", 200, credentials, &r); err != nil {
		return err
	}
	if r.Status != "authenticated" || r.Tokens.AccessToken == "" {
		return fmt.Errorf("logging in gave status %q", r.Status)
	}
	c.token = r.Tokens.AccessToken
	return nil
}

func (w *Walk) login(ctx context.Context) (string, error) {
	if err := logIn(ctx, w.user, w.credentials()); err != nil {
		return "", err
	}
	var a struct {
		ID    string
		Roles []string
	}
	if err := w.user.get(ctx, "/api/v1/auth/me", &a); err != nil {
		return "", err
	}
	w.userID = a.ID
	return fmt.Sprintf("user %s, roles %v", a.ID, a.Roles), nil
}

func (w *Walk) findProfile(ctx context.Context) (string, error) {
	err := until(ctx, "the profile that a registration makes", func() (bool, error) {
		err := w.user.get(ctx, "/api/v1/users/me", nil)
		var no *statusError
		if errors.As(err, &no) && no.status == http.StatusNotFound {
			return false, errNotYet
		}
		return err == nil, err
	})
	if err != nil {
		return "", err
	}
	var plan struct {
		Plan         string
		Entitlements struct{ ApplicationsPerDay int }
	}
	var settings struct{ Locale, TimeZone, Units string }
	if err := errors.Join(w.user.get(ctx, "/api/v1/users/me/subscription", &plan), w.user.get(ctx, "/api/v1/users/me/settings", &settings)); err != nil {
		return "", err
	}
	if plan.Plan != "free" {
		return "", fmt.Errorf("the plan is %q, not free", plan.Plan)
	}
	return fmt.Sprintf("plan %s, %d applications a day; %s, %s, %s", plan.Plan, plan.Entitlements.ApplicationsPerDay,
		settings.Locale, settings.TimeZone, settings.Units), nil
}

func (w *Walk) listen(ctx context.Context) (string, error) {
	if err := w.openStream(ctx); err != nil {
		return "", err
	}
	f, err := w.stream.await(ctx, "stream.ready", &struct{}{}, func() bool { return true })
	return fmt.Sprintf("one-time ticket, stream ready at %d", f.Seq), err
}

// mail is one in the catcher.
type mail struct {
	Subject, Text string
	To            []struct{ Address string }
}

// mails are those that were sent to an address.
func (w *Walk) mails(ctx context.Context, address string) ([]mail, error) {
	var list []mail
	err := w.client(w.Mail).get(ctx, "/email?to.address="+url.QueryEscape(address), &list)
	if err != nil {
		err = fmt.Errorf("read the mail catcher: %w", err)
	}
	return list, err
}

// awaitMail waits for a mail to an address.
func (w *Walk) awaitMail(ctx context.Context, address string, match func(mail) bool) (found mail, err error) {
	err = until(ctx, "a mail to "+address+" (see make logs SERVICE=notification)", func() (bool, error) {
		list, err := w.mails(ctx, address)
		for _, m := range list {
			if match(m) {
				found = m
				return true, nil
			}
		}
		return false, err
	})
	return found, err
}

// becomeAdmin makes an administrator on auth's command line, as the first one of an
// installation is made, and signs in.
func (w *Walk) becomeAdmin(ctx context.Context) (string, error) {
	email, err := w.look(func(ctx context.Context) (string, error) {
		email := "operator." + strings.ToLower(rand.Text()[:10]) + "@example.com" // each time another: one may be there already
		return email, w.command(ctx, "auth", w.password+"\n", "admin", "create", "--email", email)
	})(ctx)
	if err != nil {
		return "", err
	}
	return email + ", made on auth's command line", logIn(ctx, w.admin, map[string]any{"email": email, "password": w.password, "deviceName": "The demo"})
}

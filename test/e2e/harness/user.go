package harness

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// Password is the password of every account that tests make.
const Password = "plum anvil 42 quietly sails"

// User is an account and one session of it.
type User struct {
	*Client
	ID, Email string
	Refresh   string
	SessionID string
}

// Tokens is what signing in and refreshing give.
type Tokens struct {
	AccessToken, RefreshToken, SessionID, CSRFToken string
	ExpiresIn, RefreshExpiresIn                     int
}

// LoginResult is the answer to a sign-in.
type LoginResult struct {
	Status    string
	Tokens    Tokens
	Challenge struct {
		ChallengeToken string
		Methods        []string
	}
}

// NewEmail is an address that no account has.
func NewEmail() string { return "e2e." + strings.ToLower(rand.Text()) + "@example.com" }

// Register makes an account that waits for its verification.
func Register(t testing.TB) *User {
	t.Helper()
	u := &User{Client: NewClient(t), Email: NewEmail()}
	u.Do(t, Call{Op: "register", Body: map[string]any{"email": u.Email, "password": Password, "displayName": "Ada Lovelace", "locale": "en"}}).Want(t, 201)
	return u
}

// NewUser registers, follows the link in the mail and signs in.
func NewUser(t testing.TB) *User {
	t.Helper()
	u := Register(t)
	token := u.MailedToken(t, "jpv_")
	u.Do(t, Call{Op: "verifyEmail", Body: map[string]any{"token": token}}).Want(t, 204)
	return u.LogIn(t)
}

// LogIn opens another session of the account, from the same place.
func (u *User) LogIn(t testing.TB) *User {
	t.Helper()
	anonymous := u.As(Credential{})
	var r LoginResult
	anonymous.Do(t, Call{Op: "login", Body: map[string]any{"email": u.Email, "password": Password, "deviceName": "e2e"}}).Want(t, 200).JSON(t, &r)
	if r.Status != "authenticated" || r.Tokens.AccessToken == "" || r.Tokens.RefreshToken == "" {
		t.Fatalf("signing in %s gave %+v", u.Email, r)
	}
	return u.With(t, r.Tokens)
}

// With is the account in the session of these tokens.
func (u *User) With(t testing.TB, tokens Tokens) *User {
	t.Helper()
	out := &User{Client: u.As(Credential{Bearer: tokens.AccessToken}), ID: u.ID, Email: u.Email, Refresh: tokens.RefreshToken, SessionID: tokens.SessionID}
	if out.ID == "" {
		var account struct{ ID string }
		out.Do(t, Call{Op: "getAccount"}).Want(t, 200).JSON(t, &account)
		out.ID = account.ID
	}
	return out
}

// Refreshed exchanges the session's refresh token.
func (u *User) Refreshed(t testing.TB) *User {
	t.Helper()
	var tokens Tokens
	u.As(Credential{}).Do(t, Call{Op: "refresh", Body: map[string]any{"refreshToken": u.Refresh}}).Want(t, 200).JSON(t, &tokens)
	return u.With(t, tokens)
}

// StepUp proves presence again by password.
func (u *User) StepUp(t testing.TB) *User {
	t.Helper()
	var fresh Tokens
	u.Do(t, Call{Op: "stepUp", Body: map[string]any{"method": "password", "password": Password}}).Want(t, 200).JSON(t, &fresh)
	out := *u
	out.Client = u.As(Credential{Bearer: fresh.AccessToken})
	return &out
}

// Stale is the same session as if its owner had last proved presence 11 minutes
// ago, which is too long for operations that ask for a step-up.
func (u *User) Stale(t testing.TB) *User {
	t.Helper()
	SQL(t, `UPDATE auth.sessions SET auth_time = auth_time - interval '11 minutes' WHERE id = $1`, u.SessionID)
	return u.Refreshed(t)
}

// Delayed makes the present sign-in delays of the account from single networks
// last, as if there had been so many failures that the test does not outrun them.
func (u *User) Delayed(t testing.TB) {
	t.Helper()
	SQL(t, `UPDATE auth.login_delays d SET blocked_until = now() + interval '14 minutes' FROM auth.users u
		WHERE u.id = $1 AND d.scope = 'pair' AND d.failures >= 5 AND substring(d.key FROM 1 FOR 32) = u.email_hash`, u.ID)
}

// APIKey makes a key with these scopes and returns it with its id.
func (u *User) APIKey(t testing.TB, scopes ...string) (key, id string) {
	t.Helper()
	var made struct {
		Key    string
		APIKey struct{ ID string }
	}
	u.Do(t, Call{Op: "createApiKey", Body: map[string]any{"name": "e2e", "scopes": scopes}}).Want(t, 201).JSON(t, &made)
	return made.Key, made.APIKey.ID
}

// Totp enrols an authenticator app and returns its secret and the recovery codes.
func (u *User) Totp(t testing.TB) (secret string, recovery []string) {
	t.Helper()
	var enrolment struct{ Secret string }
	u.Do(t, Call{Op: "enrolTotp"}).Want(t, 201).JSON(t, &enrolment)
	var codes struct{ RecoveryCodes []string }
	u.Do(t, Call{Op: "confirmTotp", Body: map[string]any{"code": TotpCode(t, enrolment.Secret, 0)}}).Want(t, 200).JSON(t, &codes)
	return enrolment.Secret, codes.RecoveryCodes
}

// TotpCode is the code of the secret so many time steps from now.
func TotpCode(t testing.TB, secret string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

var superAdmin struct {
	sync.Mutex
	user   *User
	signed time.Time
}

// SuperAdmin is an administrator of the highest rank, made on the service's
// command line as the first one of an installation is, in a session that all
// tests share.
func SuperAdmin(t testing.TB) *User {
	t.Helper()
	superAdmin.Lock()
	defer superAdmin.Unlock()
	switch s := &superAdmin; {
	case s.user == nil:
		u := &User{Client: NewClient(t), Email: NewEmail()}
		Command(t, "auth", Password+"\n", "admin", "create", "--email", u.Email)
		s.user, s.signed = u.LogIn(t), time.Now()
	case time.Since(s.signed) > 5*time.Minute: // so that it needs no step-up
		s.user, s.signed = s.user.LogIn(t), time.Now()
	}
	return superAdmin.user
}

// NewUserWith is [NewUser] with other roles than user.
func NewUserWith(t testing.TB, roles ...string) *User {
	t.Helper()
	u := NewUser(t)
	SuperAdmin(t).Do(t, Call{Op: "setUserRoles", Path: map[string]string{"userId": u.ID}, Body: map[string]any{"roles": append([]string{"user"}, roles...)}}).Want(t, 200)
	return u.LogIn(t) // tokens from before the change are void
}

// ServiceKey is the key of a running service. Issuing one for the test would end
// the one that the service shows.
func ServiceKey(t testing.TB, service string) string {
	t.Helper()
	file := filepath.Join(testkit.Root(t), ".data", "env", "test."+service+".env")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("no key of %s: %v; start the services with %s", service, err, StartCommand)
	}
	for line := range strings.Lines(string(text)) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "SERVICE_KEY="); ok {
			return key
		}
	}
	t.Fatalf("%s has no key; start the services with %s", file, StartCommand)
	return ""
}

// Mail is a mail in the catcher.
type Mail struct {
	ID, Subject, Text, HTML string
	Headers                 map[string]any
	To                      []struct{ Address string }
}

// Mails are those that were sent to an address.
func Mails(t testing.TB, address string) []Mail {
	t.Helper()
	resp, err := http.Get(Env(t, "MAIL_URL") + "/email?to.address=" + url.QueryEscape(address))
	if err != nil {
		t.Fatalf("the mail catcher does not answer: %v; start it with %s", err, StartCommand)
	}
	defer resp.Body.Close()
	var mails []Mail
	if err := json.NewDecoder(resp.Body).Decode(&mails); err != nil {
		t.Fatal(err)
	}
	return mails
}

// MailedToken waits for a mail to the account that holds a token with this
// prefix, such as "jpv_", and returns the newest such token.
func (u *User) MailedToken(t testing.TB, prefix string) string {
	t.Helper()
	return MailedToken(t, u.Email, prefix)
}

// MailedToken is [User.MailedToken] for any address.
func MailedToken(t testing.TB, address, prefix string) string {
	t.Helper()
	form := regexp.MustCompile(prefix + `[A-Za-z0-9_-]{43}`)
	var token string
	testkit.Eventually(t, "a mail with a "+prefix+" token to "+address, func() bool {
		for _, m := range Mails(t, address) {
			if found := form.FindString(m.Text); found != "" {
				token = found
			}
		}
		return token != ""
	})
	return token
}

package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// TestRegistration walks the way of everybody: register, the mail, sign in.
func TestRegistration(t *testing.T) {
	t.Parallel()
	events := subscribe(t, "auth.user.#")
	u := harness.Register(t)
	logIn(t, u.Client, u.Email, harness.Password).WantProblem(t, 403, "email_not_verified")
	token := u.MailedToken(t, "jpv_")
	mail := testkit.WaitMail(t, u.Email, "")
	if !strings.Contains(mail.Text, harness.Env(t, "PUBLIC_URL")+"/verify-email#token="+token) || mail.To[0].Name != "Ada Lovelace" {
		t.Errorf("the mail %q says %q", mail.Subject, mail.Text)
	}
	if mail.From[0].Address != "no-reply@jobpilot.localhost" {
		t.Errorf("the mail is from %+v", mail.From)
	}
	verify := harness.Call{Op: "verifyEmail", Body: members{"token": token}}
	u.Do(t, verify).Want(t, 204)
	u.Do(t, verify).WantProblem(t, 422, "invalid_link")
	u = u.LogIn(t)
	await(t, events, func(e event) bool { return e.Type == "auth.user.registered" && e.Subject == u.ID })
	await(t, events, func(e event) bool { return e.Type == "auth.user.verified" && e.Subject == u.ID })

	// Somebody else registers the address: the same answer, and a notice to the owner.
	again := harness.NewClient(t).Do(t, harness.Call{Op: "register", Body: members{"email": strings.ToUpper(u.Email), "password": "a stranger's passphrase 8"}}).Want(t, 201)
	if !strings.Contains(string(again.Body), "verify_email") {
		t.Errorf("registering again: %s", again.Body)
	}
	testkit.Eventually(t, "a notice to the owner", func() bool { return len(harness.Mails(t, u.Email)) >= 2 })
	logIn(t, harness.NewClient(t), u.Email, "a stranger's passphrase 8").WantProblem(t, 401, "invalid_credentials")
	u.LogIn(t)

	for _, weak := range []string{"password1234", "qwertyuiop123", "aaaaaaaaaaaaaaaa", "ada.lovelace@example.com", "short"} {
		p := harness.NewClient(t).Do(t, harness.Call{Op: "register", Body: members{"email": "Ada.Lovelace@example.com", "password": weak}}).Want(t, 422).Problem(t)
		if len(p.Errors) == 0 || p.Errors[0].Pointer != "#/password" {
			t.Errorf("the password %q: %+v", weak, p)
		}
	}
}

// TestSecondFactor signs in with authenticator app and recovery code.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	_, recovery := u.Totp(t)
	// A password alone proves nothing any more.
	u.Do(t, harness.Call{Op: "stepUp", Body: members{"method": "password", "password": harness.Password}}).WantProblem(t, 403, "second_factor_required")
	u.Do(t, harness.Call{Op: "stepUp", Body: members{"method": "recovery_code", "code": recovery[1]}}).Want(t, 200)
	// Five wrong codes use up a challenge.
	anonymous, token := u.As(harness.Credential{}), challenge(t, u)
	for range 5 {
		anonymous.Do(t, harness.Call{Op: "completeLogin", Body: members{"challengeToken": token, "method": "totp", "code": "000000"}}).Want(t, 401)
	}
	anonymous.Do(t, harness.Call{Op: "completeLogin", Body: members{"challengeToken": token, "method": "recovery_code", "code": recovery[2]}}).WantProblem(t, 401, "invalid_challenge")
	recoveryCodesLeft(t, u, len(recovery)-1)
}

// TestSecondFactorWorksOnce uses one code for many sign-ins at once. Each code has
// an account of its own: the failures delay further codes.
func TestSecondFactorWorksOnce(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"totp", "recovery_code"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			u := harness.NewUser(t)
			secret, recovery := u.Totp(t)
			anonymous, code, left := u.As(harness.Credential{}), recovery[0], len(recovery)-1
			if method == "totp" {
				code, left = harness.TotpCode(t, secret, 1), len(recovery) // the present one was spent on enrolling
			}
			challenges := make([]string, 8)
			for i := range challenges {
				challenges[i] = challenge(t, u)
			}
			answers := make3(len(challenges))
			var wg sync.WaitGroup
			for i, token := range challenges {
				wg.Go(func() {
					answers[i] = anonymous.Do(t, harness.Call{Op: "completeLogin", Body: members{"method": method, "code": code, "challengeToken": token}})
				})
			}
			wg.Wait()
			in := 0
			for _, a := range answers {
				if a.Status == 200 {
					in++
					continue
				}
				a.WantProblem(t, 401, "invalid_code")
			}
			if in != 1 {
				t.Errorf("one code signed in %d times", in)
			}
			recoveryCodesLeft(t, u, left)
		})
	}
}

// challenge signs in by password as far as that goes with a second factor.
func challenge(t *testing.T, u *harness.User) string {
	t.Helper()
	var r harness.LoginResult
	logIn(t, u.As(harness.Credential{}), u.Email, harness.Password).Want(t, 200).JSON(t, &r)
	if r.Status != "mfa_required" || r.Tokens.AccessToken != "" {
		t.Fatalf("signing in without the second factor: %+v", r)
	}
	return r.Challenge.ChallengeToken
}

func recoveryCodesLeft(t *testing.T, u *harness.User, want int) {
	t.Helper()
	var mfa struct{ RecoveryCodesLeft int }
	u.Do(t, harness.Call{Op: "getMfa"}).Want(t, 200).JSON(t, &mfa)
	if mfa.RecoveryCodesLeft != want {
		t.Errorf("%d recovery codes are left, not %d", mfa.RecoveryCodesLeft, want)
	}
}

// TestPasskeys signs in and steps up by passkey.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	u.Totp(t) // which a passkey does without
	key := u.Passkey(t)
	anonymous := u.As(harness.Credential{})
	answer := key.Assertion(t, anonymous)
	var r harness.LoginResult
	anonymous.Do(t, harness.Call{Op: "loginWithPasskey", Body: answer}).Want(t, 200).JSON(t, &r)
	if r.Status != "authenticated" {
		t.Fatalf("%+v", r)
	}
	anonymous.Do(t, harness.Call{Op: "loginWithPasskey", Body: answer}).WantProblem(t, 401, "invalid_passkey") // it was used
	in := u.With(t, r.Tokens).Stale(t)
	in.Do(t, harness.Call{Op: "removePasskey", Path: map[string]string{"passkeyId": key.ID}}).WantProblem(t, 403, "step_up_required")
	var fresh harness.Tokens
	in.Do(t, harness.Call{Op: "stepUp", Body: with(key.Assertion(t, anonymous), "method", "passkey")}).Want(t, 200).JSON(t, &fresh)
	in.As(harness.Credential{Bearer: fresh.AccessToken}).Do(t, harness.Call{Op: "removePasskey", Path: map[string]string{"passkeyId": key.ID}}).Want(t, 204)
	anonymous.Do(t, harness.Call{Op: "loginWithPasskey", Body: key.Assertion(t, anonymous)}).WantProblem(t, 401, "invalid_passkey")
	// Another's passkey is no proof of oneself.
	stranger := harness.NewUser(t)
	theirs := stranger.Passkey(t)
	u.Do(t, harness.Call{Op: "stepUp", Body: with(theirs.Assertion(t, anonymous), "method", "passkey")}).Want(t, 403)
}

// TestAuditTrail reads what was recorded of an account, and that the chain holds.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	super := harness.SuperAdmin(t)
	u := harness.NewUser(t)
	id := "e2e-" + random(8)
	super.Do(t, harness.Call{Op: "disableUser", Path: map[string]string{"userId": u.ID}, Body: members{"reason": "test"}, Header: http.Header{"X-Request-ID": {id}}}).Want(t, 200)
	var trail struct {
		Items []struct{ Action, ActorKind, ActorID, UserID, RequestID string }
	}
	super.Do(t, harness.Call{Op: "listAuditLog", Query: url.Values{"userId": {u.ID}}}).Want(t, 200).JSON(t, &trail)
	var actions []string
	for _, e := range trail.Items {
		actions = append(actions, e.Action)
		if e.UserID != u.ID {
			t.Errorf("an entry of another: %+v", e)
		}
		if e.Action == "user.disabled" && (e.ActorID != super.ID || e.RequestID != id) {
			t.Errorf("%+v; the administrator is %s, the request %s", e, super.ID, id)
		}
	}
	if got := strings.Join(actions, " "); got != "user.disabled user.login user.verified user.registered" {
		t.Errorf("the trail is %s", got)
	}
	var whole struct {
		Intact  bool
		Entries int
	}
	super.Do(t, harness.Call{Op: "verifyAuditLog"}).Want(t, 200).JSON(t, &whole)
	if !whole.Intact || whole.Entries < len(trail.Items) {
		t.Errorf("%+v", whole)
	}
}

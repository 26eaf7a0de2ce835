package auth

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
)

const otherPassword = "seven tall ships at dawn"

func TestRegisterMakesOneAccountOneEventOneMail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.Register(t.Context(), Registration{Email: " Ada@Example.COM ", Password: goodPassword, DisplayName: "Ada", Locale: "de"}, home))
	if n := len(f.outbox(TypeUserRegistered)); n != 1 {
		t.Fatalf("%d events", n)
	}
	if m := f.mail(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com"); !strings.HasPrefix(m["link"], "https://jobpilot.test/verify-email#token=jpv_") {
		t.Fatalf("mail carries %v", m)
	}
	if n := f.count("SELECT count(*) FROM users WHERE email_sealed LIKE '%ada%'::bytea OR display_name_sealed LIKE '%Ada%'::bytea"); n != 0 {
		t.Fatal("personal data is stored in the clear")
	}
}

func TestRegisterOfAKnownAddressShowsOnlyInItsMailbox(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("ada@example.com")
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: otherPassword}, home))
	f.mail(NotificationMessageSendKindAuthAlreadyRegistered, "ada@example.com")
	if n := len(f.outbox(TypeUserRegistered)); n != 1 {
		t.Fatalf("%d events of one account", n)
	}
	_, err := f.Login(t.Context(), "ada@example.com", otherPassword, home)
	wantCode(t, err, "invalid_credentials")
	f.login("ada@example.com")
}

func TestConcurrentRegistrationsOfOneAddressMakeOneAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword}, home); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := f.count("SELECT count(*) FROM users"); n != 1 {
		t.Fatalf("%d accounts", n)
	}
	if n := len(f.outbox(TypeUserRegistered)); n != 1 {
		t.Fatalf("%d events", n)
	}
}

// Somebody registers a stranger's address and waits for its owner to confirm.
func TestTheOwnerOfTheMailboxGetsThePasswordTheyChose(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: "password of the stranger"}, home))
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword}, home))
	must(t, f.VerifyEmail(t.Context(), f.mail(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com")["token"], home))
	f.login("ada@example.com")
	_, err := f.Login(t.Context(), "ada@example.com", "password of the stranger", home)
	wantCode(t, err, "invalid_credentials")
}

func TestALinkWorksOnceAlsoInARace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("ada@example.com")
	must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	token := f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"]
	var wg sync.WaitGroup
	results := make(chan error, 10)
	for range cap(results) {
		wg.Go(func() { results <- f.ResetPassword(t.Context(), token, otherPassword, home) })
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else {
			wantCode(t, err, "invalid_link")
		}
	}
	if won != 1 {
		t.Fatalf("the link worked %d times", won)
	}
}

func TestLinksExpireAndAreForOnePurpose(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword}, home))
	verify := f.mail(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com")["token"]
	for _, token := range []string{"", "x", "jpv_x", strings.Repeat("j", 200), strings.Replace(verify, prefixVerify, prefixReset, 1)} {
		wantCode(t, f.ResetPassword(t.Context(), token, otherPassword, home), "invalid_link")
	}
	wantCode(t, f.ConfirmEmail(t.Context(), verify, home), "invalid_link")
	f.clock.advance(verifyTTL + time.Second)
	wantCode(t, f.VerifyEmail(t.Context(), verify, home), "invalid_link")
}

func TestResetPasswordEndsAllSessionsAndLiftsDelays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, tokens := f.signedIn("ada@example.com")
	f.failUntilDelayed(func() {
		_, err := f.Login(t.Context(), "ada@example.com", "not the password", home)
		wantCode(t, err, "invalid_credentials")
	})
	must(t, f.ForgotPassword(t.Context(), "ADA@example.com", home))
	must(t, f.ResetPassword(t.Context(), f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"], otherPassword, home))
	if !f.refused(tokens.Access) {
		t.Fatal("a session outlived the reset")
	}
	_, err := f.Refresh(t.Context(), tokens.Refresh, home)
	wantCode(t, err, "invalid_refresh_token")
	_, err = f.Login(t.Context(), "ada@example.com", otherPassword, home)
	must(t, err)
	f.mail(NotificationMessageSendKindAuthPasswordChanged, "ada@example.com")
}

func TestForgotPasswordTellsNothingAndIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.ForgotPassword(t.Context(), "nobody@example.com", home))
	f.register("ada@example.com")
	for range maxMailsPerHour + 3 {
		must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	}
	if n := len(f.mails(NotificationMessageSendKindAuthResetPassword, "ada@example.com")); n != maxMailsPerHour {
		t.Fatalf("%d mails within the hour, want %d", n, maxMailsPerHour)
	}
	if n := len(f.mails(NotificationMessageSendKindAuthResetPassword, "nobody@example.com")); n != 0 {
		t.Fatal("mail to an address without an account")
	}
}

func TestResendVerificationKeepsThePassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword}, home))
	must(t, f.ResendVerification(t.Context(), "ada@example.com", home))
	mails := f.mails(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com")
	if len(mails) != 2 || mails[0]["token"] == mails[1]["token"] {
		t.Fatalf("%d mails", len(mails))
	}
	must(t, f.VerifyEmail(t.Context(), mails[1]["token"], home))
	wantCode(t, f.VerifyEmail(t.Context(), mails[0]["token"], home), "invalid_link")
	f.login("ada@example.com")
}

func TestChangePasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, mine := f.signedIn("ada@example.com")
	other := f.login("ada@example.com")
	wantCode(t, f.ChangePassword(t.Context(), p, "not the password", otherPassword, home), "wrong_password")
	must(t, f.ChangePassword(t.Context(), p, goodPassword, otherPassword, home))
	if f.refused(mine.Access) || !f.refused(other.Access) {
		t.Fatal("the other sessions, and they alone, must end")
	}
	_, err := f.Login(t.Context(), "ada@example.com", otherPassword, home)
	must(t, err)
}

func TestGuessingTheCurrentPasswordIsDelayed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	d := f.failUntilDelayed(func() {
		wantCode(t, f.ChangePassword(t.Context(), p, "not the password", otherPassword, home), "wrong_password")
	})
	wantCode(t, f.ChangePassword(t.Context(), p, goodPassword, otherPassword, home), "wrong_password")
	f.clock.advance(d + time.Second)
	must(t, f.ChangePassword(t.Context(), p, goodPassword, otherPassword, home))
}

func TestChangeEmailMovesTheAccountOnceConfirmed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	f.register("eve@example.com")
	must(t, f.ChangeEmail(t.Context(), p, "eve@example.com", home)) // taken: nobody is told
	if n := len(f.mails(NotificationMessageSendKindAuthConfirmNewEmail, "eve@example.com")); n != 0 {
		t.Fatal("mail to an address that has an account")
	}
	must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	reset := f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"]
	must(t, f.ChangeEmail(t.Context(), p, "ada@lovelace.example", home))
	f.mail(NotificationMessageSendKindAuthEmailChanging, "ada@example.com")
	f.login("ada@example.com") // nothing has changed yet
	token := f.mail(NotificationMessageSendKindAuthConfirmNewEmail, "ada@lovelace.example")["token"]
	must(t, f.ConfirmEmail(t.Context(), token, home))
	wantCode(t, f.ConfirmEmail(t.Context(), token, home), "invalid_link")
	wantCode(t, f.ResetPassword(t.Context(), reset, otherPassword, home), "invalid_link")
	f.login("ada@lovelace.example")
	_, err := f.Login(t.Context(), "ada@example.com", goodPassword, home)
	wantCode(t, err, "invalid_credentials")
	a, err := f.GetAccount(t.Context(), p)
	must(t, err)
	if a.Email != "ada@lovelace.example" || !a.Verified {
		t.Fatalf("account is %+v", a)
	}
}

func TestChangeEmailToAnAddressRegisteredMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	must(t, f.ChangeEmail(t.Context(), p, "new@example.com", home))
	f.register("new@example.com")
	wantCode(t, f.ConfirmEmail(t.Context(), f.mail(NotificationMessageSendKindAuthConfirmNewEmail, "new@example.com")["token"], home), "invalid_link")
}

func TestDeleteAccountLeavesNothingButTheAuditTrail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, tokens := f.signedIn("ada@example.com")
	held := func() (n int64) {
		t.Helper()
		items, err := f.Footprint(t.Context(), p.UserID)
		must(t, err)
		for _, i := range items {
			n += i.Count
		}
		return n
	}
	if held() < 2 {
		t.Errorf("of an account and its session it holds %d", held())
	}
	must(t, f.DeleteAccount(t.Context(), p, p.UserID, home))
	must(t, f.DeleteAccount(t.Context(), p, p.UserID, home))
	if n := held(); n != 0 {
		t.Errorf("it still holds %d", n)
	}
	if !f.refused(tokens.Access) {
		t.Fatal("an access token outlived the account")
	}
	for _, table := range []string{"users", "sessions", "tokens", "one_time_tokens", "login_delays"} {
		if n := f.count("SELECT count(*) FROM " + table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
	if n := len(f.outbox(TypeUserDeleted)); n != 1 {
		t.Fatalf("%d events", n)
	}
	_, err := f.GetAccount(t.Context(), authn.Principal{UserID: p.UserID})
	wantCode(t, err, "user_not_found")
}

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ada@Example.COM":                        "ada@example.com",
		" ada+jobs@example.com\n":                "ada+jobs@example.com",
		"ada@bücher.example":                     "ada@xn--bcher-kva.example",
		"Åda@example.com":                        "åda@example.com",
		"o'neil@example.co.uk":                   "o'neil@example.co.uk",
		"ada":                                    "",
		"@example.com":                           "",
		"ada@":                                   "",
		"ada@localhost":                          "",
		"ada@example.com.":                       "",
		"a da@example.com":                       "",
		"ada@example.com\r\nBcc: x@y.z":          "",
		"ada\x00@example.com":                    "",
		"a..b@example.com":                       "",
		".ada@example.com":                       "",
		`"ada"@example.com`:                      "",
		"ada@-x.com":                             "",
		"0@xn--zn7c.0":                           "",
		"0@\xff.0":                               "", // would become the one above
		"0@\u2135.0":                             "",
		strings.Repeat("a", 65) + "@example.com": "",
	} {
		got, err := NormalizeEmail(in)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("NormalizeEmail(%q) = %q, %v; want %q", in, got, err, want)
		}
		var e *errs.Error
		if err != nil && (!errors.As(err, &e) || e.Kind != errs.Unprocessable) {
			t.Errorf("NormalizeEmail(%q): %v", in, err)
		}
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	f.Add("Ada@Example.com")
	f.Add("ada@bücher.example")
	f.Add("0@\xff.0")
	f.Add("0@\u2135.0")
	f.Fuzz(func(t *testing.T, in string) {
		once, err := NormalizeEmail(in)
		if err != nil {
			return
		}
		if again, err := NormalizeEmail(once); err != nil || again != once {
			t.Fatalf("%q → %q → %q, %v", in, once, again, err)
		}
		if strings.ContainsAny(once, "\r\n\x00 ") {
			t.Fatalf("%q breaks a mail header", once)
		}
	})
}

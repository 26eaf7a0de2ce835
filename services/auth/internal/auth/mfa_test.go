package auth

import (
	"encoding/base32"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// code is what the app with the secret shows now.
func (f *fixture) code(secret string) string {
	f.t.Helper()
	code, err := totp.GenerateCode(secret, f.clock.now())
	must(f.t, err)
	return code
}

// enrolled gives the caller an authenticator app that has a fresh code to show.
func (f *fixture) enrolled(p authn.Principal) (secret string, recovery []string) {
	f.t.Helper()
	e, err := f.EnrolTotp(f.t.Context(), p, home)
	must(f.t, err)
	recovery, err = f.ConfirmTotp(f.t.Context(), p, f.code(e.Secret), home)
	must(f.t, err)
	f.clock.advance(totpPeriod * time.Second)
	return e.Secret, recovery
}

// challenge signs in up to the second factor.
func (f *fixture) challenge(email string, c Client) string {
	f.t.Helper()
	res, err := f.Login(f.t.Context(), email, goodPassword, c)
	must(f.t, err)
	if res.Challenge == nil {
		f.t.Fatal("sign-in asks for no second factor")
	}
	return res.Challenge.Token
}

func (f *fixture) sessions() int { return f.count("SELECT count(*) FROM sessions") }

// atOnce calls fn n times at once and returns how many were without error. Every
// other one must be of that code.
func atOnce(t testing.TB, n int, code string, fn func(i int) error) int {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			switch err := fn(i); {
			case err == nil:
				won.Add(1)
			case !errs.Is(err, code):
				t.Errorf("error is %v, want %s", err, code)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(won.Load())
}

// atOnceBehind is atOnce with all of them held up by the rows that lock takes,
// until each has done what it does before: the interleaving that luck would
// rarely bring about.
func (f *fixture) atOnceBehind(lock string, n int, code string, fn func(i int) error) int {
	f.t.Helper()
	x, err := f.pool.Begin(f.t.Context())
	must(f.t, err)
	_, err = x.Exec(f.t.Context(), lock)
	must(f.t, err)
	won := make(chan int, 1)
	go func() { won <- atOnce(f.t, n, code, fn) }()
	testkit.Eventually(f.t, "all to wait for a lock", func() bool {
		return f.count("SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'") == n
	})
	must(f.t, x.Rollback(f.t.Context()))
	return <-won
}

// network is a client in the i-th /24 that nobody signed in from.
func network(i int) Client {
	c := home
	c.IP = netip.AddrFrom4([4]byte{203, 0, byte(i), 1})
	return c
}

func TestTotpCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := newID()
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	sealed := f.sealed("mfa_totp", "secret_sealed", user, user, secret)
	// RFC 6238 appendix B, the last six of its eight digits.
	for unix, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		for _, shown := range []string{code, code[:3] + " " + code[3:], " " + code[:3] + "-" + code[3:] + "\n"} {
			step, ok, err := f.totpStep(user, sealed, shown, time.Unix(unix, 0))
			must(t, err)
			if !ok || step != unix/30 {
				t.Errorf("%q at %d: %v, step %d", shown, unix, ok, step)
			}
		}
		for steps, want := range map[int64]bool{-2: false, -1: true, 1: true, 2: false} {
			step, ok, err := f.totpStep(user, sealed, code, time.Unix((unix/30+steps)*30, 0))
			must(t, err)
			if ok != want || ok && step != unix/30 {
				t.Errorf("%s of %d seen %+d steps away: %v, step %d", code, unix, steps, ok, step)
			}
		}
	}
	for _, wrong := range []string{"", "287083", "28708", "2870820", "94287082", "٢٨٧٠٨٢", strings.Repeat("2", 64)} {
		if _, ok, _ := f.totpStep(user, sealed, wrong, time.Unix(59, 0)); ok {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestAnAppIsAskedForOnceConfirmed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	e, err := f.EnrolTotp(t.Context(), p, home)
	must(t, err)
	if !strings.HasPrefix(e.URI, "otpauth://totp/JobPilot:ada@example.com?") || !strings.Contains(e.URI, "secret="+e.Secret) || !strings.Contains(e.URI, "issuer=JobPilot") {
		t.Fatalf("the app is given %s", e.URI)
	}
	if n := f.count("SELECT count(*) FROM mfa_totp WHERE position($1::bytea IN secret_sealed) > 0", []byte(e.Secret)); n != 0 {
		t.Fatal("the secret is stored in the clear")
	}
	f.login("ada@example.com")
	_, err = f.ConfirmTotp(t.Context(), p, "000000", home)
	wantCode(t, err, "invalid_code")
	f.login("ada@example.com")
	_, err = f.ConfirmTotp(t.Context(), p, f.code(e.Secret), home)
	must(t, err)
	if m := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); m["change"] != "totp_enabled" {
		t.Fatalf("the owner is told %v", m)
	}
	f.clock.advance(30 * time.Second)

	laptop := home
	laptop.DeviceName = "Ada's laptop"
	before := f.sessions()
	token := f.challenge("ada@example.com", laptop)
	if f.sessions() != before {
		t.Fatal("the password alone opened a session")
	}
	res, err := f.CompleteLogin(t.Context(), token, methodTotp, f.code(e.Secret), home)
	must(t, err)
	if f.refused(res.Tokens.Access) {
		t.Fatal("the session does not work")
	}
	list, _, err := f.ListSessions(t.Context(), p.UserID, Page{Limit: 1})
	must(t, err)
	if s := list[0]; s.ID != res.Tokens.SessionID || s.DeviceName != laptop.DeviceName || s.Method != "password" {
		t.Fatalf("session is %+v", s)
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'user.login' AND detail->>'secondFactor' = 'totp'"); n != 1 {
		t.Fatalf("%d audit entries of the sign-in", n)
	}
	f.clock.advance(30 * time.Second)
	_, err = f.CompleteLogin(t.Context(), token, methodTotp, f.code(e.Secret), home)
	wantCode(t, err, "invalid_challenge")
}

func TestATotpCodeWorksOnceWhereverItIsUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	e, err := f.EnrolTotp(t.Context(), p, home)
	must(t, err)
	code := f.code(e.Secret)
	_, err = f.ConfirmTotp(t.Context(), p, code, home)
	must(t, err)
	_, err = f.CompleteLogin(t.Context(), f.challenge("ada@example.com", home), methodTotp, code, home)
	wantCode(t, err, "invalid_code")
	_, err = f.StepUp(t.Context(), p, Proof{Method: methodTotp, Code: code}, home)
	wantCode(t, err, "invalid_code")

	f.clock.advance(30 * time.Second)
	code = f.code(e.Secret)
	_, err = f.StepUp(t.Context(), p, Proof{Method: methodTotp, Code: code}, home)
	must(t, err)
	_, err = f.CompleteLogin(t.Context(), f.challenge("ada@example.com", home), methodTotp, code, home)
	wantCode(t, err, "invalid_code")
}

func TestACodeOpensOneSessionInARace(t *testing.T) {
	t.Parallel()
	for _, method := range []string{methodTotp, methodRecoveryCode} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			p, _ := f.signedIn("ada@example.com")
			secret, recovery := f.enrolled(p)
			var challenges [20]string
			for i := range challenges {
				challenges[i] = f.challenge("ada@example.com", home)
			}
			code := recovery[3]
			if method == methodTotp {
				code = f.code(secret)
			}
			before := f.sessions()
			if won := atOnce(t, len(challenges), "invalid_code", func(i int) error {
				_, err := f.CompleteLogin(t.Context(), challenges[i], method, code, home)
				return err
			}); won != 1 || f.sessions() != before+1 {
				t.Fatalf("one code signed in %d times, %d sessions", won, f.sessions()-before)
			}
		})
	}
}

func TestConfirmationsInARaceShowOneSetOfRecoveryCodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	e, err := f.EnrolTotp(t.Context(), p, home)
	must(t, err)
	code := f.code(e.Secret)
	if won := atOnce(t, 10, "totp_already_enabled", func(int) error {
		_, err := f.ConfirmTotp(t.Context(), p, code, home)
		return err
	}); won != 1 {
		t.Fatalf("%d confirmations", won)
	}
	if n := f.count("SELECT count(*) FROM recovery_codes"); n != recoveryCodeCount {
		t.Fatalf("%d recovery codes", n)
	}
}

func TestAChallengeOpensOneSessionInARace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	_, recovery := f.enrolled(p)
	token, before := f.challenge("ada@example.com", home), f.sessions()
	if won := atOnce(t, len(recovery), "invalid_challenge", func(i int) error {
		_, err := f.CompleteLogin(t.Context(), token, methodRecoveryCode, recovery[i], home)
		return err
	}); won != 1 || f.sessions() != before+1 {
		t.Fatalf("one challenge signed in %d times", won)
	}
	if n := f.count("SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL"); n != 1 {
		t.Fatalf("%d codes were spent on one sign-in", n)
	}
}

func TestAChallengeEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, recovery := f.enrolled(p)

	token := f.challenge("ada@example.com", home)
	var gone atomic.Int64
	atOnce(t, 20, "invalid_code", func(int) error {
		_, err := f.CompleteLogin(t.Context(), token, methodTotp, "000000", home)
		if errs.Is(err, "invalid_challenge") {
			gone.Add(1)
			return nil
		}
		return err
	})
	if n := 20 - gone.Load(); n != maxCodeTries {
		t.Fatalf("%d codes were tried on one challenge", n)
	}
	f.clock.advance(time.Minute)
	_, err := f.CompleteLogin(t.Context(), token, methodTotp, f.code(secret), home)
	wantCode(t, err, "invalid_challenge")

	token = f.challenge("ada@example.com", home)
	f.clock.advance(challengeTTL + time.Second)
	_, err = f.CompleteLogin(t.Context(), token, methodTotp, f.code(secret), home)
	wantCode(t, err, "invalid_challenge")

	for _, forged := range []string{"", "jpc_", newSecret(prefixChallenge), newSecret(prefixRefresh), strings.Repeat("jpc_", 100)} {
		_, err = f.CompleteLogin(t.Context(), forged, methodTotp, f.code(secret), home)
		wantCode(t, err, "invalid_challenge")
	}

	token = f.challenge("ada@example.com", home)
	_, err = f.pool.Exec(t.Context(), "UPDATE users SET disabled_at = now()")
	must(t, err)
	_, err = f.CompleteLogin(t.Context(), token, methodRecoveryCode, recovery[0], home)
	wantCode(t, err, "account_disabled")
}

// A thief knows the password and opens a challenge for every code.
func TestNewChallengesGiveNoNewTries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, recovery := f.enrolled(p)
	thief := network(0)
	const tries = 12
	for i := range tries { // waiting out each delay but the last
		f.clock.advance(scopePair.delay(i) + time.Second)
		_, err := f.CompleteLogin(t.Context(), f.challenge("ada@example.com", thief), methodTotp, "000000", thief)
		wantCode(t, err, "invalid_code")
	}
	// Delayed: a right code is not told from a wrong one, and not spent.
	for method, code := range map[string]string{methodTotp: f.code(secret), methodRecoveryCode: recovery[0]} {
		_, err := f.CompleteLogin(t.Context(), f.challenge("ada@example.com", thief), method, code, thief)
		wantCode(t, err, "invalid_code")
	}
	_, err := f.StepUp(t.Context(), p, Proof{Method: methodTotp, Code: f.code(secret)}, thief)
	wantCode(t, err, "invalid_code")
	f.clock.advance(scopePair.delay(tries))
	_, err = f.CompleteLogin(t.Context(), f.challenge("ada@example.com", thief), methodRecoveryCode, recovery[0], thief)
	must(t, err)
}

func TestCodesAreDelayedOverAllNetworksButTheOwnersOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	_, recovery := f.enrolled(p)
	complete := func(code string, c Client) error {
		_, err := f.CompleteLogin(t.Context(), f.challenge("ada@example.com", c), methodRecoveryCode, code, c)
		return err
	}
	for i := range 25 {
		wantCode(t, complete("wrong", network(i)), "invalid_code")
		f.clock.advance(scopeCodes.delay(i+1) + time.Second)
	}
	wantCode(t, complete("wrong", network(100)), "invalid_code")
	f.clock.advance(scopeCodes.most - time.Minute)
	wantCode(t, complete(recovery[0], network(101)), "invalid_code")
	must(t, complete(recovery[1], home)) // the owner, where they signed in before
	f.clock.advance(time.Minute)
	must(t, complete(recovery[0], network(101)))
	// A right code somewhere gives the thief no fresh start.
	wantCode(t, complete("wrong", network(102)), "invalid_code")
	f.clock.advance(time.Minute)
	wantCode(t, complete(recovery[2], network(103)), "invalid_code")
	f.clock.advance(codesQuiet)
	wantCode(t, complete("wrong", network(104)), "invalid_code")
	must(t, complete(recovery[2], network(104)))
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	_, codes := f.enrolled(p)
	seen := map[string]bool{}
	for _, code := range codes {
		if !regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}$`).MatchString(code) || seen[code] {
			t.Fatalf("recovery codes are %q", codes)
		}
		seen[code] = true
	}
	if len(codes) != recoveryCodeCount {
		t.Fatalf("%d recovery codes", len(codes))
	}
	plain := strings.ReplaceAll(codes[0], "-", "")
	if n := f.count("SELECT count(*) FROM recovery_codes WHERE hash = ANY ($1::bytea[])",
		[][]byte{[]byte(codes[0]), []byte(plain), hashSecret(codes[0]), hashSecret(plain), hashSecret(p.UserID.String() + ":" + plain)}); n != 0 {
		t.Fatal("recovery codes are stored in the clear, or as a hash that can be searched")
	}
	complete := func(code string) error {
		_, err := f.CompleteLogin(t.Context(), f.challenge("ada@example.com", home), methodRecoveryCode, code, home)
		return err
	}
	for i, typed := range []string{
		codes[0],
		strings.ToUpper(codes[1]),
		strings.ReplaceAll(codes[2], "-", " "),
		" " + strings.ReplaceAll(codes[3], "-", "") + "\n",
		strings.NewReplacer("0", "O", "1", "l", "-", "–").Replace(codes[4]),
	} {
		must(t, complete(typed))
		m := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com")
		if m["change"] != "recovery_code_used" || m["recoveryCodesLeft"] != fmt.Sprint(len(codes)-1-i) {
			t.Fatalf("the owner is told %v", m)
		}
		wantCode(t, complete(codes[i]), "invalid_code")
	}
	m, err := f.GetMfa(t.Context(), p)
	must(t, err)
	if m.RecoveryCodesLeft != 5 || m.TotpConfirmedAt == nil {
		t.Fatalf("second factors are %+v", m)
	}

	fresh, err := f.RegenerateRecoveryCodes(t.Context(), p, home)
	must(t, err)
	wantCode(t, complete(codes[9]), "invalid_code")
	f.clock.advance(time.Minute) // of the wrong codes above
	must(t, complete(fresh[9]))

	// Of somebody else, they are good for nothing.
	eve, _ := f.signedIn("eve@example.com")
	f.enrolled(eve)
	_, err = f.CompleteLogin(t.Context(), f.challenge("eve@example.com", home), methodRecoveryCode, fresh[0], home)
	wantCode(t, err, "invalid_code")
}

func TestRemovedTotpIsNotAskedFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, recovery := f.enrolled(p)
	_, err := f.EnrolTotp(t.Context(), p, home)
	wantCode(t, err, "totp_already_enabled")
	token := f.challenge("ada@example.com", home)
	must(t, f.RemoveTotp(t.Context(), p, home))
	if m := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); m["change"] != "totp_removed" {
		t.Fatalf("the owner is told %v", m)
	}
	for method, code := range map[string]string{methodTotp: f.code(secret), methodRecoveryCode: recovery[0]} {
		_, err = f.CompleteLogin(t.Context(), token, method, code, home)
		wantCode(t, err, "invalid_code")
	}
	f.login("ada@example.com")
	wantCode(t, f.RemoveTotp(t.Context(), p, home), "totp_not_enabled")
	_, err = f.RegenerateRecoveryCodes(t.Context(), p, home)
	wantCode(t, err, "totp_not_enabled")
	m, err := f.GetMfa(t.Context(), p)
	must(t, err)
	if m != (MFA{}) {
		t.Fatalf("second factors are %+v", m)
	}
}

func TestAnEnrolmentReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	_, err := f.ConfirmTotp(t.Context(), p, "000000", home)
	wantCode(t, err, "totp_not_enrolled")
	first, err := f.EnrolTotp(t.Context(), p, home)
	must(t, err)
	second, err := f.EnrolTotp(t.Context(), p, home)
	must(t, err)
	_, err = f.ConfirmTotp(t.Context(), p, f.code(first.Secret), home)
	wantCode(t, err, "invalid_code")
	_, err = f.ConfirmTotp(t.Context(), p, f.code(second.Secret), home)
	must(t, err)
}

func TestUnlockLiftsTheDelayOfCodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	p, _ := f.signedIn("ada@example.com")
	secret, _ := f.enrolled(p)
	wrong := func(token string) {
		t.Helper()
		_, err := f.CompleteLogin(t.Context(), token, methodTotp, "no code", abroad)
		wantCode(t, err, "invalid_code")
	}
	f.failUntilDelayed(func() { wrong(f.challenge("ada@example.com", abroad)) })
	token := f.challenge("ada@example.com", abroad)
	_, err := f.CompleteLogin(t.Context(), token, methodTotp, f.code(secret), abroad)
	wantCode(t, err, "invalid_code")
	_, err = f.UnlockUser(t.Context(), root, p.UserID, home)
	must(t, err)
	_, err = f.CompleteLogin(t.Context(), token, methodTotp, f.code(secret), abroad)
	must(t, err)
}

func TestAPasswordResetEndsOpenChallenges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, _ := f.enrolled(p)
	token := f.challenge("ada@example.com", abroad)
	must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	must(t, f.ResetPassword(t.Context(), f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"], otherPassword, home))
	_, err := f.CompleteLogin(t.Context(), token, methodTotp, f.code(secret), abroad)
	wantCode(t, err, "invalid_challenge")
}

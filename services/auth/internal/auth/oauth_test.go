package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// tokens fails the test unless the exchange signed in.
func (f *fixture) tokens(res OauthResult, err error) Tokens {
	f.t.Helper()
	must(f.t, err)
	if res.Tokens == nil || res.Challenge != nil || res.LinkToken != "" || res.Link != nil {
		f.t.Fatalf("exchange gave %+v, want tokens alone", res)
	}
	return *res.Tokens
}

func TestFirstSignInWithAProviderMakesAnAccount(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p := f.principal(f.tokens(f.signInWith("github", "ada")).Access)

	a, err := f.GetAccount(t.Context(), p)
	must(t, err)
	if a.Email != "ada@example.com" || a.DisplayName != "Ada Lovelace" || !a.Verified || a.HasPassword {
		t.Fatalf("account is %+v", a)
	}
	var registered UserRegistered
	if list := f.outbox(TypeUserRegistered); len(list) != 1 {
		t.Fatalf("%d registered events", len(list))
	} else if must(t, json.Unmarshal(list[0], &registered)); registered.UserID != p.UserID || registered.Email != a.Email {
		t.Fatalf("event is %+v", registered)
	}
	if n := len(f.outbox(TypeUserVerified)); n != 1 {
		t.Fatalf("%d verified events", n)
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action IN ('user.registered', 'user.login') AND user_id = $1", p.UserID); n != 2 {
		t.Fatalf("%d audit entries of registration and sign-in", n)
	}
	if n := f.count("SELECT count(*) FROM sessions WHERE user_id = $1 AND method = 'github'", p.UserID); n != 1 {
		t.Fatalf("%d sessions by github", n)
	}
	links, err := f.ListOauthLinks(t.Context(), p.UserID)
	must(t, err)
	if len(links) != 1 || links[0].Provider != "github" || links[0].Email != "ada@example.com" || links[0].LastUsedAt == nil {
		t.Fatalf("links are %+v", links)
	}
}

func TestTheSubjectAloneNamesTheAccount(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	first := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	f.clock.advance(time.Hour)
	// Another address at the provider, one that an account here has, and unverified.
	f.register("victim@example.com")
	p.people["ada"] = person{id: 1, name: "Somebody else", email: "victim@example.com"}
	second := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	if second.UserID != first.UserID {
		t.Fatal("the same subject signed in to another account")
	}
	links, err := f.ListOauthLinks(t.Context(), first.UserID)
	must(t, err)
	if len(links) != 1 || links[0].Email != "victim@example.com" || !links[0].LastUsedAt.After(links[0].LinkedAt) {
		t.Fatalf("links are %+v", links)
	}
	if a, err := f.GetAccount(t.Context(), first); err != nil || a.Email != "ada@example.com" || a.DisplayName != "Ada Lovelace" {
		t.Fatalf("account is %+v (%v): the provider must not change it", a, err)
	}
	if n := len(f.outbox(TypeUserRegistered)); n != 2 { // ada and the victim
		t.Fatalf("%d registrations", n)
	}
	// The login and address of a deleted provider account, taken by somebody else.
	p.people["ada"] = person{id: 99, name: "Ada Lovelace", email: "ada@example.com", verified: true}
	res, err := f.signInWith("github", "ada")
	must(t, err)
	if res.Tokens != nil || res.LinkToken == "" {
		t.Fatal("another subject with the same address signed in")
	}
}

func TestAProviderIsAFirstFactorOnly(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	_, err := f.pool.Exec(t.Context(), "INSERT INTO mfa_totp (user_id, secret_sealed, confirmed_at) VALUES ($1, '', now())", p.UserID)
	must(t, err)
	res, err := f.signInWith("github", "ada")
	must(t, err)
	if res.Tokens != nil || res.Challenge == nil {
		t.Fatalf("sign-in gave %+v, want a challenge", res)
	}
	if n := f.count("SELECT count(*) FROM sessions"); n != 1 {
		t.Fatal("there is a session without the second factor")
	}
	var pending pendingLogin
	var data []byte
	hash := hashSecret(res.Challenge.Token)
	must(t, f.pool.QueryRow(t.Context(), "SELECT data_sealed FROM one_time_tokens WHERE hash = $1", hash).Scan(&data))
	must(t, f.openToken(hash, data, &pending))
	if pending.Method != "github" {
		t.Fatalf("the challenge is for a sign-in by %q", pending.Method)
	}
}

func TestAnAddressThatTheProviderDidNotVerifyOpensNothing(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	for _, email := range []string{"new@example.com", "ada@example.com", "pending@example.com", "", "not an address"} {
		p.people["new"] = person{id: 3, name: "New", email: email, secondary: "ada@example.com"}
		_, err := f.signInWith("github", "new")
		wantCode(t, err, "email_not_verified_by_provider")
		if email == "new@example.com" { // and then with accounts that have the others
			f.register("ada@example.com")
			must(t, f.Register(t.Context(), Registration{Email: "pending@example.com", Password: goodPassword}, home))
		}
	}
	if n := f.count("SELECT count(*) FROM users"); n != 2 {
		t.Fatalf("%d accounts", n)
	}
	if n := f.count("SELECT count(*) FROM oauth_providers"); n != 0 {
		t.Fatalf("%d links", n)
	}
}

// race runs fn n times at once and counts the successes.
func race(n int, fn func() bool) int {
	var wg sync.WaitGroup
	won := make(chan struct{}, n)
	begin := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-begin
			if fn() {
				won <- struct{}{}
			}
		})
	}
	close(begin)
	wg.Wait()
	return len(won)
}

// A stranger registers the victim's address with a password of their own and
// waits; the victim signs in with a provider (account pre-hijacking).
func TestAnUnverifiedAccountGoesToWhoProvesItsAddress(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword, DisplayName: "Mallory", Locale: "fr"}, home))
	must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	link := f.mail(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com")["token"]

	p := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	a, err := f.GetAccount(t.Context(), p)
	must(t, err)
	if !a.Verified || a.HasPassword || a.DisplayName != "Ada Lovelace" || a.Locale != "en" {
		t.Fatalf("account is %+v", a)
	}
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, home)
	wantCode(t, err, "invalid_credentials")
	wantCode(t, f.VerifyEmail(t.Context(), link, home), "invalid_link")
	wantCode(t, f.ResetPassword(t.Context(), f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"], goodPassword, home), "invalid_link")
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, home)
	wantCode(t, err, "invalid_credentials")
	if r, v := len(f.outbox(TypeUserRegistered)), len(f.outbox(TypeUserVerified)); r != 1 || v != 1 {
		t.Fatalf("%d registered and %d verified events", r, v)
	}
	// The owner may have a password of their own.
	must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	must(t, f.ResetPassword(t.Context(), f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"], goodPassword, home))
	f.login("ada@example.com")
}

// Whoever is first, the password of the link or no password at all.
func TestVerificationAndProviderAtOnce(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	for range 8 {
		_, err := f.pool.Exec(t.Context(), "DELETE FROM users")
		must(t, err)
		must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword}, home))
		link := f.mail(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com")["token"]
		x := f.begin("github").browse("ada").back()
		var wg sync.WaitGroup
		wg.Go(func() { _ = f.VerifyEmail(t.Context(), link, home) })
		res, err := x.exchange()
		wg.Wait()
		must(t, err)
		_, login := f.Login(t.Context(), "ada@example.com", goodPassword, home)
		switch {
		case res.Tokens != nil && errs.Is(login, "invalid_credentials"): // adopted first
		case res.LinkToken != "" && login == nil: // verified first
		default:
			t.Fatalf("exchange gave %+v, sign-in by password %v", res, login)
		}
	}
}

func TestDisabledAccountsAreRefusedToProviders(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	ada := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	eve := f.register("eve@example.com")
	eves := f.login("eve@example.com")
	waiting, err := f.signInWith("github", "eve")
	must(t, err)
	must(t, f.Register(t.Context(), Registration{Email: "new@example.com", Password: goodPassword}, home))
	_, err = f.pool.Exec(t.Context(), "UPDATE users SET disabled_at = now()")
	must(t, err)

	for _, login := range []string{"ada", "eve"} { // linked; known by its address
		_, err = f.signInWith("github", login)
		wantCode(t, err, "account_disabled")
	}
	_, err = f.ConfirmOauthLink(t.Context(), f.principal(eves.Access), waiting.LinkToken, home)
	wantCode(t, err, "account_disabled")
	if n := f.count("SELECT count(*) FROM sessions WHERE user_id IN ($1, $2)", ada.UserID, eve); n != 2 {
		t.Fatalf("%d sessions", n)
	}
}

func TestADisabledUnverifiedAccountIsNotAdopted(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: goodPassword}, home))
	_, err := f.pool.Exec(t.Context(), "UPDATE users SET disabled_at = now()")
	must(t, err)
	_, err = f.signInWith("github", "ada")
	wantCode(t, err, "account_disabled")
	if n := f.count("SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL"); n != 0 {
		t.Fatal("adopted nevertheless")
	}
}

func TestAStateWorksOnceForItsProviderInItsTime(t *testing.T) {
	t.Parallel()
	f, github := withGithub(t)
	google := newFakeIssuer(t, "google")
	f.offer(map[string]string{"github": github.URL, "google": google.URL})

	for name, spoil := range map[string]func(x *flow){
		"missing": func(x *flow) { x.State = "" },
		"unknown": func(x *flow) { x.State = newSecret("") },
		"foreign": func(x *flow) { x.provider = "google" },
		"used":    func(x *flow) { y := *x; y.Code = ""; y.back() },
		"expired": func(*flow) { f.clock.advance(oauthFlowTTL) },
	} {
		x := f.begin("github").browse("ada")
		spoil(x)
		x.back().wantError("invalid_state")
		if github.redeemed.Load() != 0 || google.redeemed.Load() != 0 {
			t.Fatalf("%s: a provider was asked", name)
		}
	}

	x := f.begin("github").browse("ada")
	if n := race(8, func() bool {
		y := *x
		return strings.Contains(y.back().redirect, "#code=")
	}); n != 1 || github.redeemed.Load() != 1 {
		t.Fatalf("%d codes for one state, after %d calls", n, github.redeemed.Load())
	}
}

func TestStatesAndCodesAreStoredHashed(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	x := f.begin("github").browse("ada")
	var row []byte
	must(t, f.pool.QueryRow(t.Context(), "SELECT state_hash || secrets_sealed FROM oauth_flows").Scan(&row))
	if bytes.Contains(row, []byte(x.State)) || bytes.Contains(row, []byte("nonce")) {
		t.Fatal("the flow's secrets can be read")
	}
	x.back()
	must(t, f.pool.QueryRow(t.Context(), "SELECT hash || data_sealed FROM one_time_tokens").Scan(&row))
	if bytes.Contains(row, []byte(x.code())) || bytes.Contains(row, []byte("ada@example.com")) {
		t.Fatal("the code, or what it carries, can be read")
	}
}

func TestACodeIsForTheClientThatBegan(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	for name, spoil := range map[string]func(x *flow){
		"wrong verifier":         func(x *flow) { x.verifier = oauth2.GenerateVerifier() },
		"empty verifier":         func(x *flow) { x.verifier = "" },
		"challenge as verifier":  func(x *flow) { x.verifier = oauth2.S256ChallengeFromVerifier(x.verifier) },
		"code of another client": func(x *flow) { x.redirect = f.begin("github").browse("eve").back().redirect },
		"expired":                func(*flow) { f.clock.advance(oauthCodeTTL) },
		"of another kind":        func(x *flow) { x.redirect = strings.Replace(x.redirect, prefixOauthCode, prefixChallenge, 1) },
		"invented":               func(x *flow) { x.redirect = testRedirect + "#code=" + newSecret(prefixOauthCode) },
		"too long":               func(x *flow) { x.redirect += strings.Repeat("x", 200) },
	} {
		x := f.begin("github").browse("ada").back()
		spoil(x)
		if _, err := x.exchange(); !errs.Is(err, "invalid_oauth_code") {
			t.Errorf("%s: %v", name, err)
		}
	}
	x := f.begin("github").browse("ada").back()
	right := x.verifier
	x.verifier = oauth2.GenerateVerifier()
	_, err := x.exchange()
	wantCode(t, err, "invalid_oauth_code")
	x.verifier = right
	_, err = x.exchange()
	wantCode(t, err, "invalid_oauth_code") // the guess has spent it
	if n := f.count("SELECT count(*) FROM users"); n != 0 {
		t.Fatal("somebody signed in")
	}
}

func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	x := f.begin("github").browse("ada").back()
	n := race(8, func() bool {
		_, err := x.exchange()
		if err != nil && !errs.Is(err, "invalid_oauth_code") {
			t.Error(err)
		}
		return err == nil
	})
	if n != 1 || f.count("SELECT count(*) FROM sessions") != 1 {
		t.Fatalf("%d exchanges of one code", n)
	}
	_, err := x.exchange()
	wantCode(t, err, "invalid_oauth_code")
}

func TestFirstSignInsAtOnceMakeOneAccount(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	flows := make(chan *flow, 8)
	for i := range cap(flows) {
		// One subject, and in half of the flows another address.
		p.people["ada"] = person{id: 1, email: fmt.Sprintf("ada%d@example.com", i%2), verified: true}
		flows <- f.begin("github").browse("ada").back()
	}
	ids := make(chan uuid.UUID, cap(flows))
	race(cap(flows), func() bool {
		res, err := (<-flows).exchange()
		if err != nil || res.Tokens == nil {
			t.Errorf("%+v %v", res, err)
			return false
		}
		ids <- f.principal(res.Tokens.Access).UserID
		return true
	})
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first {
			t.Fatal("one subject signed in to two accounts")
		}
	}
	if u, e := f.count("SELECT count(*) FROM users"), len(f.outbox(TypeUserRegistered)); u != 1 || e != 1 {
		t.Fatalf("%d accounts, %d events", u, e)
	}
}

// Two subjects with one address (the provider moved it) have one account at most.
func TestFirstSignInsWithOneAddressAtOnce(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	flows := make(chan *flow, 8)
	for i := range cap(flows) {
		p.people["ada"] = person{id: int64(10 + i), email: "ada@example.com", verified: true}
		flows <- f.begin("github").browse("ada").back()
	}
	in := race(cap(flows), func() bool {
		res, err := (<-flows).exchange()
		if err != nil || (res.Tokens == nil) == (res.LinkToken == "") {
			t.Errorf("%+v %v", res, err)
		}
		return res.Tokens != nil
	})
	if in != 1 || f.count("SELECT count(*) FROM users") != 1 {
		t.Fatalf("%d subjects signed in to one address", in)
	}
}

func TestBrowsersAreSentToAllowedPagesOnly(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	for _, uri := range []string{
		"https://evil.example/", testRedirect + "/", testRedirect + "?x=1", testRedirect + "#x", testRedirect + "/../evil", testRedirect + ".evil.example",
		"https://app.jobpilot.test@evil.example/oauth", "//evil.example", "/oauth", "http://app.jobpilot.test/oauth", "HTTPS://APP.JOBPILOT.TEST/oauth",
		"javascript:alert(1)", " " + testRedirect, testRedirect + "\r\nLocation: https://evil.example/",
	} {
		if _, err := f.StartOauth(t.Context(), "github", challenge, uri); !errs.Is(err, "redirect_uri_not_allowed") {
			t.Errorf("%q: %v", uri, err)
		}
	}
	x := f.begin("github")
	start, err := f.StartOauth(t.Context(), "github", oauth2.S256ChallengeFromVerifier(x.verifier), testOtherRedirect)
	must(t, err)
	if left := start.ExpiresAt.Sub(f.clock.now()); left > oauthFlowTTL || left < oauthFlowTTL-time.Minute {
		t.Fatalf("the flow lives %v", left)
	}
	x.url = start.AuthorizationURL
	x.browse("ada").back()
	if !strings.HasPrefix(x.redirect, testOtherRedirect+"#code=") {
		t.Fatalf("the browser is sent to %q", x.redirect)
	}
	f.tokens(x.exchange())
}

func TestWhatTheProviderSaysInsteadOfACode(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	for said, want := range map[string]string{
		"access_denied": "access_denied", "user_cancelled_login": "access_denied", "user_cancelled_authorize": "access_denied",
		"temporarily_unavailable": "provider_unavailable", "server_error": "provider_unavailable",
		"invalid_scope": "provider_error", "x&code=jpo_1#code=jpo_1": "provider_error", "": "provider_error",
	} {
		x := f.begin("github").browse("ada")
		x.Error = said
		if said == "" {
			x.Code = ""
		}
		x.back().wantError(want)
	}
	f.begin("github").browse("").back().wantError("access_denied")
	if p.redeemed.Load() != 0 {
		t.Fatal("a code was redeemed that came with an error")
	}
}

func TestProvidersThatAreNotOffered(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p, _ := f.signedIn("ada@example.com")
	if got := fmt.Sprint(f.ListOauthProviders()); got != "[github]" {
		t.Fatalf("offered are %s", got)
	}
	for range 2 {
		_, err := f.StartOauth(t.Context(), "google", "", "")
		wantCode(t, err, "provider_not_configured")
		_, err = f.StartOauthLink(t.Context(), p, "google", "", "")
		wantCode(t, err, "provider_not_configured")
		_, err = f.OauthCallback(t.Context(), "google", OauthCallback{State: "x", Code: "x"})
		wantCode(t, err, "provider_not_configured")
		f.Oauth = nil
	}
	if got := f.ListOauthProviders(); len(got) != 0 {
		t.Fatalf("offered are %v", got)
	}
}

func TestForeignTextIsCleaned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want oauth.Identity }{
		{oauth.Identity{Email: " Ada@Example.COM ", EmailVerified: true, Name: "Ada", Locale: "en_GB"}, oauth.Identity{Email: "ada@example.com", EmailVerified: true, Name: "Ada", Locale: "en-GB"}},
		{oauth.Identity{Email: "a\r\nBcc: x@y.z", EmailVerified: true}, oauth.Identity{Locale: "en"}},
		{oauth.Identity{Name: " A\n\tda \u202egnp.exe\x00 \xff "}, oauth.Identity{Name: "A da gnp.exe", Locale: "en"}},
		{oauth.Identity{Name: "می\u200cخواهم"}, oauth.Identity{Name: "می\u200cخواهم", Locale: "en"}},
		{oauth.Identity{Name: strings.Repeat("é", 300)}, oauth.Identity{Name: strings.Repeat("é", 200), Locale: "en"}},
		{oauth.Identity{Locale: "<script>"}, oauth.Identity{Locale: "en"}},
	} {
		if got := cleaned(c.in); got != c.want {
			t.Errorf("%#v became %#v, want %#v", c.in, got, c.want)
		}
	}
}

func FuzzForeignTextIsCleaned(f *testing.F) {
	f.Add("ada@example.com", "Ada\u202e", "en_GB")
	f.Fuzz(func(t *testing.T, email, name, locale string) {
		once := cleaned(oauth.Identity{Email: email, Name: name, Locale: locale, EmailVerified: true})
		if twice := cleaned(once); twice.Name != once.Name || twice.Locale != once.Locale {
			t.Fatalf("%#v became %#v", once, twice)
		}
		if strings.ContainsAny(once.Name+once.Locale+once.Email, "\r\n\x00\u202e") || len([]rune(once.Name)) > 200 || once.EmailVerified != (once.Email != "") {
			t.Fatalf("%#v", once)
		}
	})
}

package auth

import (
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func TestAnAccountIsLinkedOnlyAfterProof(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	ada, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	res, err := f.signInWith("github", "ada")
	must(t, err)
	if res.Tokens != nil || res.Challenge != nil || res.Link != nil || !hasPrefix(res.LinkToken, prefixOauthLink) {
		t.Fatalf("exchange gave %+v, want a link token alone", res)
	}
	if n := f.count("SELECT count(*) FROM oauth_providers") + f.count("SELECT count(*) FROM sessions WHERE method <> 'password'"); n != 0 {
		t.Fatal("the address alone linked or signed in")
	}

	_, err = f.ConfirmOauthLink(t.Context(), eve, res.LinkToken, home)
	wantCode(t, err, "invalid_link_token")
	_, err = f.ExchangeOauth(t.Context(), res.LinkToken, oauth2.GenerateVerifier(), home)
	wantCode(t, err, "invalid_oauth_code")
	link, err := f.ConfirmOauthLink(t.Context(), ada, res.LinkToken, home)
	must(t, err)
	if link.Provider != "github" || link.Email != "ada@example.com" || link.LastUsedAt != nil {
		t.Fatalf("link is %+v", link)
	}
	_, err = f.ConfirmOauthLink(t.Context(), ada, res.LinkToken, home)
	wantCode(t, err, "invalid_link_token")

	if mail := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); mail["change"] != "provider_linked" {
		t.Fatalf("mail is %v", mail)
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'mfa.provider_linked' AND user_id = $1 AND detail->>'provider' = 'github'", ada.UserID); n != 1 {
		t.Fatalf("%d audit entries", n)
	}
	if p := f.principal(f.tokens(f.signInWith("github", "ada")).Access); p.UserID != ada.UserID {
		t.Fatal("the link leads to another account")
	}
}

func TestLinkTokensExpireAndWorkOnceInARace(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	ada, _ := f.signedIn("ada@example.com")
	res, err := f.signInWith("github", "ada")
	must(t, err)
	f.clock.advance(oauthLinkTTL)
	_, err = f.ConfirmOauthLink(t.Context(), ada, res.LinkToken, home)
	wantCode(t, err, "invalid_link_token")

	res, err = f.signInWith("github", "ada")
	must(t, err)
	ok := race(8, func() bool {
		_, err := f.ConfirmOauthLink(t.Context(), ada, res.LinkToken, home)
		return err == nil
	})
	if ok != 1 {
		t.Fatalf("%d confirmations of one token", ok)
	}
}

func TestLinkingFromASession(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	ada, _ := f.signedIn("someone@example.org")
	link := f.linked(ada, "github", "ada")
	if link.Provider != "github" || link.Email != "ada@example.com" {
		t.Fatalf("link is %+v", link)
	}
	f.mail(NotificationMessageSendKindAuthMFAChanged, "someone@example.org")
	if p := f.principal(f.tokens(f.signInWith("github", "ada")).Access); p.UserID != ada.UserID {
		t.Fatal("the link leads to another account")
	}

	f.linked(ada, "github", "ada") // again: as it is
	if n := len(f.mails(NotificationMessageSendKindAuthMFAChanged, "someone@example.org")); n != 1 {
		t.Fatalf("%d mails of one link", n)
	}
	_, err := f.beginLink(ada, "github").browse("eve").back().exchange()
	wantCode(t, err, "provider_already_linked") // the account has one of this provider
	other, _ := f.signedIn("other@example.org")
	_, err = f.beginLink(other, "github").browse("ada").back().exchange()
	wantCode(t, err, "provider_already_linked") // somebody else has it
	if n := f.count("SELECT count(*) FROM oauth_providers"); n != 1 {
		t.Fatalf("%d links", n)
	}
}

// An address need not be verified to link from a session: nothing is concluded
// from it.
func TestLinkingWithAnUnverifiedAddress(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	ada, _ := f.signedIn("someone@example.org")
	f.linked(ada, "github", "new")
	if p := f.principal(f.tokens(f.signInWith("github", "new")).Access); p.UserID != ada.UserID {
		t.Fatal("the link leads to another account")
	}
}

func TestALinkEndsWithTheSessionThatBeganIt(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p, _ := f.signedIn("ada@example.com")
	still := f.principal(f.login("ada@example.com").Access)
	x := f.beginLink(p, "github").browse("eve").back()
	must(t, f.RevokeSession(t.Context(), still, p.SessionID, home))
	_, err := x.exchange()
	wantCode(t, err, "invalid_oauth_code")

	x = f.beginLink(still, "github").browse("eve").back()
	_, err = f.pool.Exec(t.Context(), "UPDATE users SET disabled_at = now() WHERE id = $1", p.UserID)
	must(t, err)
	_, err = x.exchange()
	wantCode(t, err, "account_disabled")
	if n := f.count("SELECT count(*) FROM oauth_providers"); n != 0 {
		t.Fatal("linked nevertheless")
	}
}

func TestOneLinkOfAProviderIsUnderWay(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p, _ := f.signedIn("ada@example.com")
	old := f.beginLink(p, "github").browse("ada")
	stranger := f.begin("github").browse("eve")
	f.beginLink(p, "github")
	old.back().wantError("invalid_state")
	f.tokens(stranger.back().exchange())
	if n := f.count("SELECT count(*) FROM oauth_flows WHERE user_id = $1", p.UserID); n != 1 {
		t.Fatalf("%d open flows", n)
	}
}

func TestUnlinkingKeepsAWayToSignIn(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	wantCode(t, f.UnlinkOauth(t.Context(), p, "github", home), "last_login_method")
	wantCode(t, f.UnlinkOauth(t.Context(), p, "google", home), "provider_not_linked")
	if n := f.count("SELECT count(*) FROM oauth_providers"); n != 1 {
		t.Fatal("unlinked nevertheless")
	}

	must(t, f.ForgotPassword(t.Context(), "ada@example.com", home))
	must(t, f.ResetPassword(t.Context(), f.mail(NotificationMessageSendKindAuthResetPassword, "ada@example.com")["token"], goodPassword, home))
	waiting := f.begin("github").browse("ada").back()
	must(t, f.UnlinkOauth(t.Context(), p, "github", home))
	if mail := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); mail["change"] != "provider_unlinked" {
		t.Fatalf("mail is %v", mail)
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'mfa.provider_unlinked' AND user_id = $1", p.UserID); n != 1 {
		t.Fatalf("%d audit entries", n)
	}
	res, err := waiting.exchange()
	must(t, err)
	if res.Tokens != nil || res.LinkToken == "" {
		t.Fatalf("a sign-in under way went on after unlinking: %+v", res)
	}
	eve := f.principal(f.tokens(f.signInWith("github", "eve")).Access)
	wantCode(t, f.UnlinkOauth(t.Context(), p, "github", home), "provider_not_linked") // eve's is not ada's
	if links, err := f.ListOauthLinks(t.Context(), eve.UserID); err != nil || len(links) != 1 {
		t.Fatalf("eve's links are %v (%v)", links, err)
	}
}

func TestUnlinkingDuringASignIn(t *testing.T) {
	t.Parallel()
	f, _ := withGithub(t)
	p := f.principal(f.tokens(f.signInWith("github", "ada")).Access)
	x := f.begin("github").browse("ada").back()
	lock, err := f.pool.Begin(t.Context())
	must(t, err)
	defer func() { _ = lock.Rollback(t.Context()) }()
	_, err = lock.Exec(t.Context(), "SELECT FROM users WHERE id = $1 FOR UPDATE", p.UserID)
	must(t, err)
	var res OauthResult
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() { res, failed = x.exchange() })
	testkit.Eventually(t, "the sign-in waits for the account", func() bool { // which it has found by its link
		return f.count("SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'") == 1
	})
	_, err = lock.Exec(t.Context(), "DELETE FROM oauth_providers")
	must(t, err)
	must(t, lock.Commit(t.Context()))
	wg.Wait()
	must(t, failed)
	if res.Tokens != nil || res.LinkToken == "" {
		t.Fatalf("a link that was gone gave %+v", res)
	}
}

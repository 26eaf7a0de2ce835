package auth

import (
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/authn"
)

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, first := f.signedIn("ada@example.com")
	second, err := f.Refresh(t.Context(), first.Refresh, home)
	must(t, err)
	if second.Refresh == first.Refresh || second.SessionID != first.SessionID {
		t.Fatalf("refresh gave %+v after %+v", second, first)
	}
	third, err := f.Refresh(t.Context(), second.Refresh, home)
	must(t, err)
	if f.refused(first.Access) || f.refused(third.Access) {
		t.Fatal("a refresh must not end access tokens of the session")
	}
}

func TestReuseOfASpentTokenEndsTheSessionAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, first := f.signedIn("ada@example.com")
	other := f.login("ada@example.com")
	second, err := f.Refresh(t.Context(), first.Refresh, home)
	must(t, err)

	_, err = f.Refresh(t.Context(), first.Refresh, home)
	wantCode(t, err, "invalid_refresh_token")
	if !f.refused(first.Access) || !f.refused(second.Access) {
		t.Fatal("access tokens of the family still work")
	}
	_, err = f.Refresh(t.Context(), second.Refresh, home)
	wantCode(t, err, "invalid_refresh_token")
	if f.refused(other.Access) {
		t.Fatal("another session ended as well")
	}
	if n := len(f.outbox(TypeSessionRevoked)); n != 1 {
		t.Fatalf("%d events of one ended session", n)
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'session.reuse_detected'"); n != 1 {
		t.Fatalf("%d audit entries of one reuse", n)
	}
}

func TestHundredRefreshesOfOneTokenGiveOneSuccessor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, first := f.signedIn("ada@example.com")
	var wg sync.WaitGroup
	won := make(chan Tokens, 100)
	for range 100 {
		wg.Go(func() {
			if next, err := f.Refresh(t.Context(), first.Refresh, home); err == nil {
				won <- next
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d successors of one token", len(won))
	}
	next := <-won
	if !f.refused(next.Access) {
		t.Fatal("the family lives on after a reuse")
	}
	if n := f.count("SELECT count(*) FROM tokens WHERE session_id = $1", first.SessionID); n != 2 {
		t.Fatalf("%d tokens of the session, want the first and its one successor", n)
	}
}

func TestRefreshTokensExpire(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, first := f.signedIn("ada@example.com")
	f.clock.advance(refreshTTL - time.Minute)
	second, err := f.Refresh(t.Context(), first.Refresh, home)
	must(t, err)
	f.clock.advance(refreshTTL + time.Minute)
	_, err = f.Refresh(t.Context(), second.Refresh, home)
	wantCode(t, err, "invalid_refresh_token")
}

func TestASessionEndsAfterItsLongestAge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, tokens := f.signedIn("ada@example.com")
	var err error
	for age := time.Duration(0); age+refreshTTL < sessionMaxAge; age += refreshTTL - time.Hour {
		f.clock.advance(refreshTTL - time.Hour)
		tokens, err = f.Refresh(t.Context(), tokens.Refresh, home)
		must(t, err)
	}
	if tokens.RefreshExpires >= refreshTTL {
		t.Fatalf("the last token lives %v, past the session", tokens.RefreshExpires)
	}
	f.clock.advance(tokens.RefreshExpires + time.Second)
	_, err = f.Refresh(t.Context(), tokens.Refresh, home)
	wantCode(t, err, "invalid_refresh_token")
}

func TestLogoutEndsOneSessionLogoutAllEvery(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, a := f.signedIn("ada@example.com")
	b, c := f.login("ada@example.com"), f.login("ada@example.com")
	must(t, f.Logout(t.Context(), p, home))
	if !f.refused(a.Access) || f.refused(b.Access) {
		t.Fatal("logout must end the caller's session and no other")
	}
	must(t, f.LogoutAll(t.Context(), f.principal(b.Access), home))
	if !f.refused(b.Access) || !f.refused(c.Access) {
		t.Fatal("a session is left after logout-all")
	}
}

func TestRevokeSessionOfSomebodyElseIsNotFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ada, adas := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	wantCode(t, f.RevokeSession(t.Context(), eve, adas.SessionID, home), "session_not_found")
	if f.refused(adas.Access) {
		t.Fatal("somebody else ended the session")
	}
	must(t, f.RevokeSession(t.Context(), ada, adas.SessionID, home))
	wantCode(t, f.RevokeSession(t.Context(), ada, adas.SessionID, home), "session_not_found")
}

func TestSessionsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	for range 4 {
		f.login("ada@example.com")
	}
	var seen []Session
	for page := (Page{Limit: 2}); ; {
		list, more, err := f.ListSessions(t.Context(), p.UserID, page)
		must(t, err)
		seen = append(seen, list...)
		if !more {
			break
		}
		last := list[len(list)-1]
		page.Before, page.BeforeID = last.CreatedAt, last.ID
	}
	if len(seen) != 5 {
		t.Fatalf("%d sessions listed, want 5", len(seen))
	}
	for i := range seen[1:] {
		if seen[i].CreatedAt.Before(seen[i+1].CreatedAt) || seen[i].ID == seen[i+1].ID {
			t.Fatal("not newest first, or twice")
		}
	}
	if s := seen[0]; s.IP != home.IP.String() || s.Method != "password" {
		t.Fatalf("session is %+v", s)
	}
}

func TestTheOldestSessionEndsOverTheLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, first := f.signedIn("ada@example.com")
	second := f.login("ada@example.com")
	for range maxSessions - 1 {
		f.login("ada@example.com")
	}
	if !f.refused(first.Access) || f.refused(second.Access) {
		t.Fatal("the oldest session, and it alone, must end")
	}
}

func TestRotatedSigningKeyTakesOverWithoutARefusedToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, old := f.signedIn("ada@example.com")
	before := f.Signer.held.Load().signing[0].ID
	kid, from, err := f.Signer.Rotate(t.Context())
	must(t, err)
	if _, ok := f.Signer.Public()[kid]; !ok {
		t.Fatal("the new key is not published before it signs")
	}
	f.principal(f.login("ada@example.com").Access) // still by the old key
	f.clock.advance(from.Sub(f.clock.now()) + time.Second)
	fresh, err := f.Refresh(t.Context(), old.Refresh, home)
	must(t, err)
	f.principal(fresh.Access)
	f.principal(old.Access)
	f.clock.advance(keyAfterlife + authn.AccessTokenTTL)
	must(t, f.Signer.reload(t.Context()))
	if _, ok := f.Signer.Public()[before]; ok {
		t.Fatal("the old key is published for ever")
	}
	fresh, err = f.Refresh(t.Context(), fresh.Refresh, home)
	must(t, err)
	f.principal(fresh.Access)
}

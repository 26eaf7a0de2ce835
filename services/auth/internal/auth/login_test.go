package auth

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

var abroad = Client{IP: netip.MustParseAddr("203.0.113.9"), UserAgent: "test", RequestID: "test"}

func TestLoginRefusesAllStrangersAlike(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("ada@example.com")
	must(t, f.Register(t.Context(), Registration{Email: "unverified@example.com", Password: goodPassword}, home))
	f.register("delayed@example.com")
	f.failUntilDelayed(func() {
		_, err := f.Login(t.Context(), "delayed@example.com", "not the password", home)
		wantCode(t, err, "invalid_credentials")
	})
	for name, try := range map[string][2]string{
		"unknown":              {"nobody@example.com", goodPassword},
		"wrong":                {"ada@example.com", "not the password"},
		"unverified and wrong": {"unverified@example.com", "not the password"},
		"delayed but right":    {"delayed@example.com", goodPassword},
		"unusable password":    {"ada@example.com", "bell \a"},
	} {
		_, err := f.Login(t.Context(), try[0], try[1], home)
		if err == nil || err.Error() != errLogin.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := f.Login(t.Context(), "unverified@example.com", goodPassword, home)
	wantCode(t, err, "email_not_verified")
}

// The statements of a refused sign-in are the same whatever the reason, but for
// those that count; TestLoginTiming in test/e2e measures it.
func TestFailedLoginsDelayTheNextOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("ada@example.com")
	try := func(password string, c Client) error {
		_, err := f.Login(t.Context(), "ada@example.com", password, c)
		return err
	}
	for range scopePair.free {
		wantCode(t, try("not the password", abroad), "invalid_credentials")
	}
	f.clock.advance(time.Second + time.Millisecond)
	must(t, try(goodPassword, abroad))

	// The delay grows, and has an end.
	for range scopePair.free + 20 {
		wantCode(t, try("not the password", abroad), "invalid_credentials")
		f.clock.advance(scopePair.most)
	}
	wantCode(t, try("not the password", abroad), "invalid_credentials")
	f.clock.advance(scopePair.most - time.Second)
	wantCode(t, try(goodPassword, abroad), "invalid_credentials")
	f.clock.advance(2 * time.Second)
	must(t, try(goodPassword, abroad))
}

func TestAttemptsDuringADelayDoNotProlongIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("ada@example.com")
	fail := func() {
		t.Helper()
		_, err := f.Login(t.Context(), "ada@example.com", "not the password", abroad)
		wantCode(t, err, "invalid_credentials")
	}
	long := f.failUntilDelayed(fail)
	for range 20 {
		fail()
	}
	f.clock.advance(long / 2)
	_, err := f.Login(t.Context(), "ada@example.com", goodPassword, abroad)
	wantCode(t, err, "invalid_credentials")
	f.clock.advance(long/2 + time.Second)
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, abroad)
	must(t, err)
}

func TestAStrangerCannotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.signedIn("ada@example.com") // at home
	for i := range 60 {           // an attack from many networks
		c := Client{IP: netip.AddrFrom4([4]byte{10, byte(i), 0, 1})}
		_, err := f.Login(t.Context(), "ada@example.com", "not the password", c)
		wantCode(t, err, "invalid_credentials")
		f.clock.advance(scopeAccount.most)
	}
	_, err := f.Login(t.Context(), "ada@example.com", "not the password", Client{IP: netip.MustParseAddr("10.99.0.1")})
	wantCode(t, err, "invalid_credentials")
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, abroad)
	wantCode(t, err, "invalid_credentials") // elsewhere the owner waits as well
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, home)
	must(t, err)
	_, err = f.Login(t.Context(), "ada@example.com", "not the password", Client{IP: netip.MustParseAddr("10.98.0.1")})
	wantCode(t, err, "invalid_credentials")
	f.clock.advance(scopeAccount.most + time.Second)
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, abroad)
	must(t, err)
}

func TestSprayingDelaysTheNetworkAndNobodyElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register("ada@example.com")
	for i := range scopeNetwork.free + 5 {
		_, err := f.Login(t.Context(), fmt.Sprintf("user%d@example.com", i), "Spring2026!", abroad)
		wantCode(t, err, "invalid_credentials")
	}
	_, err := f.Login(t.Context(), "ada@example.com", goodPassword, abroad)
	wantCode(t, err, "invalid_credentials")
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, home)
	must(t, err)
	f.clock.advance(scopeNetwork.most + time.Second)
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, abroad)
	must(t, err)
}

func TestPasswordsAreComparedNormalised(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const composed, decomposed = "Zürich am See im Mai", "Zu\u0308rich am See im Mai"
	must(t, f.Register(t.Context(), Registration{Email: "ada@example.com", Password: composed}, home))
	must(t, f.VerifyEmail(t.Context(), f.mail(NotificationMessageSendKindAuthVerifyEmail, "ada@example.com")["token"], home))
	_, err := f.Login(t.Context(), "ada@example.com", decomposed, home)
	must(t, err)
}

func TestHasherBoundsWhatRunsAtOnce(t *testing.T) {
	t.Parallel()
	h, err := newHasher(make([]byte, 32), 1, 4)
	must(t, err)
	must(t, h.acquire(t.Context()))
	defer h.release()
	if _, err := h.Hash(t.Context(), "x"); errs.KindOf(err) != errs.Unavailable {
		t.Fatalf("a full queue answers %v", err)
	}
}

func TestHasherTakesLongPasswordsWhole(t *testing.T) {
	t.Parallel()
	h, err := newHasher(make([]byte, 32), 1, 4)
	must(t, err)
	long := make([]byte, 1024)
	for i := range long {
		long[i] = 'a'
	}
	hash, err := h.Hash(t.Context(), string(long))
	must(t, err)
	long[1023] = 'b'
	if ok, err := h.Matches(t.Context(), &hash, string(long)); ok || err != nil {
		t.Fatalf("passwords that differ past the 72nd byte match: %v, %v", ok, err)
	}
	if ok, err := h.Matches(t.Context(), nil, "no account has this password"); ok || err != nil {
		t.Fatalf("an account without a password has one: %v, %v", ok, err)
	}
}

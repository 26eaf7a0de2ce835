package auth

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
)

func TestStepUpMakesTheSessionFresh(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, tokens := f.signedIn("ada@example.com")
	rule := authn.Rule{Role: authn.RoleUser, StepUp: true}
	f.clock.advance(authn.StepUpWindow + time.Minute)
	if err := rule.Check(p, f.clock.now()); err == nil {
		t.Fatal("the sign-in is still fresh")
	}
	access, err := f.StepUp(t.Context(), p, Proof{Method: methodPassword, Password: goodPassword}, home)
	must(t, err)
	fresh := f.principal(access)
	must(t, rule.Check(fresh, f.clock.now()))
	if fresh.SessionID != p.SessionID || fresh.UserID != p.UserID || f.refused(access) {
		t.Fatalf("step-up gave %+v after %+v", fresh, p)
	}
	next, err := f.Refresh(t.Context(), tokens.Refresh, home)
	must(t, err)
	must(t, rule.Check(f.principal(next.Access), f.clock.now()))
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'session.stepped_up' AND detail->>'method' = 'password'"); n != 1 {
		t.Fatalf("%d audit entries", n)
	}
}

func TestStepUpWantsTheSecondFactor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, recovery := f.enrolled(p)
	for _, password := range []string{goodPassword, otherPassword} {
		_, err := f.StepUp(t.Context(), p, Proof{Method: methodPassword, Password: password}, home)
		wantCode(t, err, "second_factor_required")
	}
	_, err := f.StepUp(t.Context(), p, Proof{Method: methodTotp, Code: f.code(secret)}, home)
	must(t, err)
	_, err = f.StepUp(t.Context(), p, Proof{Method: methodRecoveryCode, Code: recovery[0]}, home)
	must(t, err)
	_, err = f.StepUp(t.Context(), p, Proof{Method: methodRecoveryCode, Code: recovery[0]}, home)
	wantCode(t, err, "invalid_code")
	if errs.KindOf(err) != errs.Forbidden {
		t.Fatal("a wrong code must not look like a bad access token")
	}
}

// Somebody has stolen an access token.
func TestStepUpIsNoPlaceToGuess(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const tries = 10
	guess := func(p authn.Principal, proof Proof, code string) { // waiting out each delay but the last
		for i := range tries {
			f.clock.advance(scopePair.delay(i) + time.Second)
			_, err := f.StepUp(t.Context(), p, proof, home)
			wantCode(t, err, code)
		}
	}
	ada, _ := f.signedIn("ada@example.com")
	guess(ada, Proof{Method: methodPassword, Password: otherPassword}, "wrong_password")
	_, err := f.StepUp(t.Context(), ada, Proof{Method: methodPassword, Password: goodPassword}, home)
	wantCode(t, err, "wrong_password")
	f.clock.advance(scopePair.delay(tries))
	_, err = f.StepUp(t.Context(), ada, Proof{Method: methodPassword, Password: goodPassword}, home)
	must(t, err)

	eve, _ := f.signedIn("eve@example.com")
	secret, _ := f.enrolled(eve)
	guess(eve, Proof{Method: methodTotp, Code: "000000"}, "invalid_code")
	f.clock.advance(scopePair.delay(tries))
	if won := f.atOnceBehind("SELECT FROM login_delays FOR UPDATE", 4, "invalid_code", func(int) error {
		_, err := f.StepUp(t.Context(), eve, Proof{Method: methodTotp, Code: "000000"}, home)
		return err
	}); won != 0 {
		t.Fatalf("%d wrong codes were right", won)
	}
	// In a race, too, one was looked at and made the others wait.
	if n := f.count("SELECT failures FROM login_delays WHERE scope = 'account' AND key = $1", f.codesKey(eve.UserID)); n != tries+1 {
		t.Fatalf("%d codes were tried", n)
	}
	_, err = f.StepUp(t.Context(), eve, Proof{Method: methodTotp, Code: f.code(secret)}, home)
	wantCode(t, err, "invalid_code")
}

func TestStepUpOfAnEndedSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	must(t, f.Logout(t.Context(), p, home))
	_, err := f.StepUp(t.Context(), p, Proof{Method: methodPassword, Password: goodPassword}, home)
	wantCode(t, err, authn.ErrUnauthenticated.Code)
}

func TestStepUpByPasskeyIsByTheCallersOwn(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	ada, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	f.enrolled(ada)
	phone, stranger := newDevice(ada), newDevice(eve)
	f.registered(ada, phone)
	f.registered(eve, stranger)

	c, answer := f.assertion(stranger)
	_, err := f.StepUp(t.Context(), ada, Proof{Method: methodPasskey, CeremonyID: c, Credential: answer}, home)
	wantCode(t, err, "invalid_passkey")
	c, answer = f.assertion(phone)
	proof := Proof{Method: methodPasskey, CeremonyID: c, Credential: answer}
	access, err := f.StepUp(t.Context(), ada, proof, home)
	must(t, err)
	if p := f.principal(access); p.SessionID != ada.SessionID {
		t.Fatalf("step-up gave %+v", p)
	}
	_, err = f.StepUp(t.Context(), ada, proof, home)
	wantCode(t, err, "invalid_passkey")
	if errs.KindOf(err) != errs.Forbidden {
		t.Fatal("a refused passkey must not look like a bad access token")
	}
}

func TestStepUpNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	for pointer, proof := range map[string]Proof{
		"#/password":   {Method: methodPassword, Code: "000000"},
		"#/code":       {Method: methodTotp, Password: goodPassword},
		"#/ceremonyId": {Method: methodPasskey, Credential: []byte("{}")},
		"#/credential": {Method: methodPasskey, CeremonyID: uuid.New()},
	} {
		_, err := f.StepUp(t.Context(), p, proof, home)
		wantCode(t, err, "proof_incomplete")
		if e := new(errs.Error); !errors.As(err, &e) || e.Fields[0].Pointer != pointer {
			t.Errorf("%+v: %+v", proof, e.Fields)
		}
	}
	_, err := f.StepUp(t.Context(), p, Proof{Method: methodRecoveryCode, Code: "0"}, home)
	wantCode(t, err, "invalid_code")
	_, err = f.StepUp(t.Context(), p, Proof{Method: "nothing"}, home)
	wantCode(t, err, "invalid_code")
}

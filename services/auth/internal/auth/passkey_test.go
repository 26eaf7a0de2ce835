package auth

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	vwa "github.com/descope/virtualwebauthn"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
)

func newPasskeyFixture(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	var err error
	f.Webauthn, err = NewWebauthn("https://jobpilot.test", []string{"chrome-extension://abcdefghijklmnop"})
	must(t, err)
	return f
}

// device is an authenticator with one passkey, and the page it is used on.
type device struct {
	page vwa.RelyingParty
	auth vwa.Authenticator
	key  vwa.Credential
}

func newDevice(p authn.Principal) *device {
	return &device{
		vwa.RelyingParty{ID: "jobpilot.test", Origin: "https://jobpilot.test"},
		vwa.NewAuthenticatorWithOptions(vwa.AuthenticatorOptions{UserHandle: p.UserID[:]}),
		newKey(),
	}
}

// newKey makes a P-256 key. The library writes coordinates without their leading
// zeros, so every 128th of its keys is not well-formed (RFC 9053 §7.1.1): those
// are left out.
func newKey() vwa.Credential {
	for {
		if key := vwa.NewCredential(vwa.KeyTypeEC2); len(key.Key.AttestationData()) == 77 {
			return key
		}
	}
}

// attestation begins a registration and returns what the device answers.
func (f *fixture) attestation(p authn.Principal, d *device) (uuid.UUID, []byte) {
	f.t.Helper()
	c, err := f.StartPasskeyRegistration(f.t.Context(), p)
	must(f.t, err)
	options, err := vwa.ParseAttestationOptions(string(c.Options))
	must(f.t, err)
	return c.ID, []byte(vwa.CreateAttestationResponse(d.page, d.auth, d.key, *options))
}

// registered registers the device's passkey.
func (f *fixture) registered(p authn.Principal, d *device) Passkey {
	f.t.Helper()
	ceremony, answer := f.attestation(p, d)
	k, err := f.RegisterPasskey(f.t.Context(), p, ceremony, "Phone", answer, home)
	must(f.t, err)
	return k
}

// assertion begins a sign-in and returns what the device answers; its counter
// grows.
func (f *fixture) assertion(d *device) (uuid.UUID, []byte) {
	f.t.Helper()
	c, err := f.StartPasskeyLogin(f.t.Context())
	must(f.t, err)
	options, err := vwa.ParseAssertionOptions(string(c.Options))
	must(f.t, err)
	d.key.Counter++
	return c.ID, []byte(vwa.CreateAssertionResponse(d.page, d.auth, d.key, *options))
}

func (f *fixture) passkeyLogin(d *device) (LoginResult, error) {
	ceremony, answer := f.assertion(d)
	return f.LoginWithPasskey(f.t.Context(), ceremony, answer, home)
}

func TestAPasskeySignsInWithoutNamePasswordAndCode(t *testing.T) {
	t.Parallel()
	for _, key := range []vwa.Credential{newKey(), vwa.NewCredential(vwa.KeyTypeRSA)} {
		f := newPasskeyFixture(t)
		p, _ := f.signedIn("ada@example.com")
		f.enrolled(p)
		phone := newDevice(p)
		phone.key = key
		k := f.registered(p, phone)
		if m := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); m["change"] != "passkey_added" {
			t.Fatalf("the owner is told %v", m)
		}
		for range 2 {
			res, err := f.passkeyLogin(phone)
			must(t, err)
			if got := f.principal(res.Tokens.Access); got.UserID != p.UserID || f.refused(res.Tokens.Access) {
				t.Fatalf("signed in as %+v", got)
			}
		}
		sessions, _, err := f.ListSessions(t.Context(), p.UserID, Page{Limit: 1})
		must(t, err)
		list, err := f.ListPasskeys(t.Context(), p)
		must(t, err)
		if sessions[0].Method != "passkey" || len(list) != 1 || list[0].ID != k.ID || list[0].Name != "Phone" || list[0].LastUsedAt == nil {
			t.Fatalf("session %+v, passkeys %+v", sessions[0], list)
		}
		if n := f.count("SELECT count(*) FROM ceremonies"); n != 0 {
			t.Fatalf("%d ceremonies are left", n)
		}
		if n := f.count("SELECT count(*) FROM audit_log WHERE action IN ('mfa.passkey_added', 'user.login') AND detail->>'method' IS DISTINCT FROM 'password'"); n != 3 {
			t.Fatalf("%d audit entries", n)
		}
	}
}

func TestPasskeyOptions(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	phone := newDevice(p)
	f.registered(p, phone)
	c, err := f.StartPasskeyRegistration(t.Context(), p)
	must(t, err)
	var create struct {
		RP                     struct{ ID, Name string }
		Attestation            string
		AuthenticatorSelection struct {
			ResidentKey, UserVerification string
			RequireResidentKey            bool
		}
	}
	must(t, json.Unmarshal(c.Options, &create))
	a, err := vwa.ParseAttestationOptions(string(c.Options))
	must(t, err)
	s := create.AuthenticatorSelection
	if create.RP.ID != "jobpilot.test" || create.RP.Name != "JobPilot" || s.ResidentKey != "required" || !s.RequireResidentKey ||
		s.UserVerification != "required" || create.Attestation != "none" || a.UserID != string(p.UserID[:]) || len(a.Challenge) < 32 {
		t.Fatalf("options are %s", c.Options)
	}
	if !phone.key.IsExcludedForAttestation(*a) {
		t.Fatal("a device that holds a passkey may register another")
	}
	c, err = f.StartPasskeyLogin(t.Context())
	must(t, err)
	var get struct {
		RPID, UserVerification string
		AllowCredentials       []any
	}
	must(t, json.Unmarshal(c.Options, &get))
	if get.RPID != "jobpilot.test" || get.UserVerification != "required" || len(get.AllowCredentials) != 0 {
		t.Fatalf("options are %s", c.Options)
	}
}

func TestPasskeysThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	ada, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	phone := newDevice(ada)
	f.registered(ada, phone)
	before := f.sessions()
	for name, attack := range map[string]func(d *device) (uuid.UUID, []byte){
		"unknown credential": func(d *device) (uuid.UUID, []byte) {
			return f.assertion(newDevice(ada))
		},
		"unknown user": func(d *device) (uuid.UUID, []byte) {
			d.auth.Options.UserHandle = bytes.Repeat([]byte{7}, 16)
			return f.assertion(d)
		},
		"somebody else's handle": func(d *device) (uuid.UUID, []byte) {
			d.auth.Options.UserHandle = eve.UserID[:]
			return f.assertion(d)
		},
		"no handle": func(d *device) (uuid.UUID, []byte) {
			d.auth.Options.UserHandle = nil
			return f.assertion(d)
		},
		"another key": func(d *device) (uuid.UUID, []byte) {
			d.key.Key = newKey().Key
			return f.assertion(d)
		},
		"another origin": func(d *device) (uuid.UUID, []byte) {
			d.page.Origin = "https://jobpilot.test.evil.example"
			return f.assertion(d)
		},
		"another port": func(d *device) (uuid.UUID, []byte) {
			d.page.Origin = "https://jobpilot.test:8443"
			return f.assertion(d)
		},
		"another relying party": func(d *device) (uuid.UUID, []byte) {
			d.page.ID = "evil.example"
			return f.assertion(d)
		},
		"user not verified": func(d *device) (uuid.UUID, []byte) {
			d.auth.Options.UserNotVerified = true
			return f.assertion(d)
		},
		"user not present": func(d *device) (uuid.UUID, []byte) {
			d.auth.Options.UserNotPresent = true
			return f.assertion(d)
		},
		"another challenge": func(d *device) (uuid.UUID, []byte) {
			_, answer := f.assertion(d)
			c, err := f.StartPasskeyLogin(t.Context())
			must(t, err)
			return c.ID, answer
		},
		"a registration's ceremony": func(d *device) (uuid.UUID, []byte) {
			c, err := f.StartPasskeyRegistration(t.Context(), ada)
			must(t, err)
			options, err := vwa.ParseAssertionOptions(string(c.Options))
			must(t, err)
			return c.ID, []byte(vwa.CreateAssertionResponse(d.page, d.auth, d.key, *options))
		},
		"no ceremony": func(d *device) (uuid.UUID, []byte) {
			_, answer := f.assertion(d)
			return newID(), answer
		},
		"an attestation": func(d *device) (uuid.UUID, []byte) {
			return f.attestation(ada, d)
		},
		"an expired ceremony": func(d *device) (uuid.UUID, []byte) {
			defer f.clock.advance(ceremonyTTL + time.Second)
			return f.assertion(d)
		},
		"not JSON": func(d *device) (uuid.UUID, []byte) {
			c, _ := f.assertion(d)
			return c, []byte("\x00{")
		},
		"JSON of another shape": func(d *device) (uuid.UUID, []byte) {
			c, _ := f.assertion(d)
			return c, []byte(`{"id":"AQID","rawId":"AQID","type":"public-key","response":{"authenticatorData":null,"clientDataJSON":[]}}`)
		},
		"shortened authenticator data": func(d *device) (uuid.UUID, []byte) {
			c, answer := f.assertion(d)
			var m map[string]any
			must(t, json.Unmarshal(answer, &m))
			m["response"].(map[string]any)["authenticatorData"] = "AQID"
			answer, err := json.Marshal(m)
			must(t, err)
			return c, answer
		},
	} {
		d := *phone
		ceremony, answer := attack(&d)
		phone.key.Counter = d.key.Counter
		_, err := f.LoginWithPasskey(t.Context(), ceremony, answer, home)
		if !errs.Is(err, "invalid_passkey") || errs.KindOf(err) != errs.Unauthenticated {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if f.sessions() != before {
		t.Fatal("a session was opened")
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'passkey.refused' AND user_id = $1", ada.UserID); n == 0 {
		t.Fatal("refused passkeys are not in the audit trail")
	}
	phone.page.Origin = "chrome-extension://abcdefghijklmnop"
	_, err := f.passkeyLogin(phone)
	must(t, err)
}

func TestACeremonyIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	phone := newDevice(p)
	f.registered(p, phone)

	// Without a sign counter, as most passkeys are, so that it is the ceremony that refuses.
	c, err := f.StartPasskeyLogin(t.Context())
	must(t, err)
	options, err := vwa.ParseAssertionOptions(string(c.Options))
	must(t, err)
	answer := []byte(vwa.CreateAssertionResponse(phone.page, phone.auth, phone.key, *options))
	before := f.sessions()
	if won := atOnce(t, 20, "invalid_passkey", func(int) error {
		_, err := f.LoginWithPasskey(t.Context(), c.ID, answer, home)
		return err
	}); won != 1 || f.sessions() != before+1 {
		t.Fatalf("one answer signed in %d times", won)
	}

	// A wrong answer spends it too.
	c, err = f.StartPasskeyLogin(t.Context())
	must(t, err)
	if options, err = vwa.ParseAssertionOptions(string(c.Options)); err != nil {
		t.Fatal(err)
	}
	wrong := *phone
	wrong.page.Origin = "https://evil.example"
	for _, d := range []device{wrong, *phone} {
		_, err = f.LoginWithPasskey(t.Context(), c.ID, []byte(vwa.CreateAssertionResponse(d.page, d.auth, d.key, *options)), home)
		wantCode(t, err, "invalid_passkey")
	}
}

func TestASecondCopyOfAnAuthenticatorIsRefused(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	phone := newDevice(p)
	phone.key.Counter = 10
	f.registered(p, phone)
	_, err := f.passkeyLogin(phone)
	must(t, err)

	for _, counter := range []uint32{0, 5, 10} { // one less than what the copy sends
		clone := *phone
		clone.key.Counter = counter
		_, err := f.passkeyLogin(&clone)
		wantCode(t, err, "invalid_passkey")
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action = 'passkey.refused' AND detail->>'reason' = 'cloned' AND user_id = $1", p.UserID); n != 3 {
		t.Fatalf("%d audit entries of 3 clones", n)
	}
	_, err = f.passkeyLogin(phone)
	must(t, err)

	// Copies that come at the same moment.
	var ceremonies [4]uuid.UUID
	var answers [4][]byte
	for i := range ceremonies {
		clone := *phone
		ceremonies[i], answers[i] = f.assertion(&clone)
	}
	if won := f.atOnceBehind("SELECT FROM passkeys FOR UPDATE", len(answers), "invalid_passkey", func(i int) error {
		_, err := f.LoginWithPasskey(t.Context(), ceremonies[i], answers[i], home)
		return err
	}); won != 1 {
		t.Fatalf("%d copies with one counter signed in", won)
	}
}

func TestPasskeysOfAccountsThatMayNotSignIn(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	phone := newDevice(p)
	f.registered(p, phone)
	for code, change := range map[string]string{
		"account_disabled": "disabled_at = now()", "email_not_verified": "disabled_at = NULL, email_verified_at = NULL",
	} {
		_, err := f.pool.Exec(t.Context(), "UPDATE users SET disabled_at = NULL, email_verified_at = now()")
		must(t, err)
		_, err = f.pool.Exec(t.Context(), "UPDATE users SET "+change)
		must(t, err)
		_, err = f.passkeyLogin(phone)
		wantCode(t, err, code)
	}
}

func TestRegistrationsThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	ada, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	for name, attack := range map[string]func(d *device) (uuid.UUID, []byte){
		"another origin": func(d *device) (uuid.UUID, []byte) {
			d.page.Origin = "https://evil.example"
			return f.attestation(ada, d)
		},
		"another relying party": func(d *device) (uuid.UUID, []byte) {
			d.page.ID = "evil.example"
			return f.attestation(ada, d)
		},
		"user not verified": func(d *device) (uuid.UUID, []byte) {
			d.auth.Options.UserNotVerified = true
			return f.attestation(ada, d)
		},
		"another challenge": func(d *device) (uuid.UUID, []byte) {
			_, answer := f.attestation(ada, d)
			c, _ := f.attestation(ada, d)
			return c, answer
		},
		"an expired ceremony": func(d *device) (uuid.UUID, []byte) {
			defer f.clock.advance(ceremonyTTL + time.Second)
			return f.attestation(ada, d)
		},
		"a login's ceremony": func(d *device) (uuid.UUID, []byte) {
			_, answer := f.attestation(ada, d)
			c, _ := f.assertion(d)
			return c, answer
		},
		"not JSON": func(d *device) (uuid.UUID, []byte) {
			c, _ := f.attestation(ada, d)
			return c, []byte("[")
		},
		"no attestation object": func(d *device) (uuid.UUID, []byte) {
			c, _ := f.attestation(ada, d)
			return c, []byte(`{"id":"AQIDBA","rawId":"AQIDBA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2M"}}`)
		},
	} {
		ceremony, answer := attack(newDevice(ada))
		_, err := f.RegisterPasskey(t.Context(), ada, ceremony, "Phone", answer, home)
		if !errs.Is(err, "invalid_passkey") || errs.KindOf(err) != errs.Unprocessable {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	// Somebody else's ceremony cannot be answered, nor spent.
	phone := newDevice(ada)
	ceremony, answer := f.attestation(ada, phone)
	_, err := f.RegisterPasskey(t.Context(), eve, ceremony, "Phone", answer, home)
	wantCode(t, err, "invalid_passkey")
	if won := atOnce(t, 10, "invalid_passkey", func(int) error {
		_, err := f.RegisterPasskey(t.Context(), ada, ceremony, "Phone", answer, home)
		return err
	}); won != 1 {
		t.Fatalf("one ceremony registered %d passkeys", won)
	}
	// A credential belongs to one account.
	for _, p := range []authn.Principal{ada, eve} {
		ceremony, answer = f.attestation(p, phone)
		_, err = f.RegisterPasskey(t.Context(), p, ceremony, "Phone", answer, home)
		wantCode(t, err, "passkey_already_registered")
	}
	for _, name := range []string{"", "  \t", strings.Repeat("ä", 101)} {
		ceremony, answer = f.attestation(ada, newDevice(ada))
		_, err = f.RegisterPasskey(t.Context(), ada, ceremony, name, answer, home)
		wantCode(t, err, "invalid_name")
	}
	if n := f.count("SELECT count(*) FROM passkeys"); n != 1 {
		t.Fatalf("%d passkeys", n)
	}
}

func TestWhatIsKeptOfAPasskeyIsBounded(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	ceremony, answer := f.attestation(p, newDevice(p))
	var m map[string]any
	must(t, json.Unmarshal(answer, &m))
	m["response"].(map[string]any)["transports"] = []string{"internal", strings.Repeat("x", 10_000), "hybrid"}
	m["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}} // not asked for
	answer, err := json.Marshal(m)
	must(t, err)
	_, err = f.RegisterPasskey(t.Context(), p, ceremony, "Phone", answer, home)
	must(t, err)
	var raw string
	must(t, f.pool.QueryRow(t.Context(), "SELECT credential FROM passkeys").Scan(&raw))
	if len(raw) > 1024 || !strings.Contains(raw, `["internal", "hybrid"]`) {
		t.Fatalf("%d bytes are kept: %s", len(raw), raw)
	}
}

func TestAnAccountHasAtMostTwentyPasskeys(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	for range maxPasskeys - 2 {
		f.registered(p, newDevice(p))
	}
	var ceremonies [6]uuid.UUID
	var answers [6][]byte
	for i := range ceremonies {
		ceremonies[i], answers[i] = f.attestation(p, newDevice(p))
	}
	if won := atOnce(t, len(answers), "too_many_passkeys", func(i int) error {
		_, err := f.RegisterPasskey(t.Context(), p, ceremonies[i], "Phone", answers[i], home)
		return err
	}); won != 2 {
		t.Fatalf("%d passkeys over 18", won)
	}
	_, err := f.StartPasskeyRegistration(t.Context(), p)
	wantCode(t, err, "too_many_passkeys")
}

func TestPasskeysAreRenamedAndRemovedByTheirOwner(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	ada, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	phone := newDevice(ada)
	k := f.registered(ada, phone)

	_, err := f.RenamePasskey(t.Context(), eve, k.ID, "Mine")
	wantCode(t, err, "passkey_not_found")
	_, err = f.RenamePasskey(t.Context(), ada, k.ID, " ")
	wantCode(t, err, "invalid_name")
	renamed, err := f.RenamePasskey(t.Context(), ada, k.ID, " Old phone ")
	must(t, err)
	if renamed.Name != "Old phone" || renamed.ID != k.ID {
		t.Fatalf("passkey is %+v", renamed)
	}
	if list, err := f.ListPasskeys(t.Context(), eve); err != nil || len(list) != 0 {
		t.Fatalf("eve sees %+v, %v", list, err)
	}

	wantCode(t, f.RemovePasskey(t.Context(), eve, k.ID, home), "passkey_not_found")
	must(t, f.RemovePasskey(t.Context(), ada, k.ID, home))
	if m := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); m["change"] != "passkey_removed" {
		t.Fatalf("the owner is told %v", m)
	}
	wantCode(t, f.RemovePasskey(t.Context(), ada, k.ID, home), "passkey_not_found")
	_, err = f.passkeyLogin(phone)
	wantCode(t, err, "invalid_passkey")
}

func TestTheLastWayToSignInStays(t *testing.T) {
	t.Parallel()
	f := newPasskeyFixture(t)
	p, _ := f.signedIn("ada@example.com")
	_, err := f.pool.Exec(t.Context(), "UPDATE users SET password_hash = NULL")
	must(t, err)
	var keys [4]uuid.UUID
	for i := range keys {
		keys[i] = f.registered(p, newDevice(p)).ID
	}
	if won := f.atOnceBehind("SELECT FROM passkeys FOR UPDATE", len(keys), "last_login_method", func(i int) error {
		return f.RemovePasskey(t.Context(), p, keys[i], home)
	}); won != len(keys)-1 {
		t.Fatalf("%d of %d passkeys were removed", won, len(keys))
	}
	list, err := f.ListPasskeys(t.Context(), p)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%d passkeys are left", len(list))
	}
	_, err = f.pool.Exec(t.Context(), "INSERT INTO oauth_providers (id, user_id, provider, subject, linked_at) VALUES ($1, $2, 'github', '1', now())", newID(), p.UserID)
	must(t, err)
	must(t, f.RemovePasskey(t.Context(), p, list[0].ID, home))
}

func TestWhereWebauthnWorks(t *testing.T) {
	t.Parallel()
	for publicURL, want := range map[string]string{
		"https://jobpilot.example": "jobpilot.example", "http://localhost:8080": "localhost", "https://localhost:8443/app": "localhost",
		"https://127.0.0.1:8443": "", "https://[::1]": "", "": "", "jobpilot.example": "", "://": "",
	} {
		w, err := NewWebauthn(publicURL, nil)
		if want == "" && err == nil || want != "" && (err != nil || w.Config.RPID != want) {
			t.Errorf("%q: %v, %v", publicURL, w, err)
		}
	}
}

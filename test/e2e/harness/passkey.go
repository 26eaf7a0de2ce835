package harness

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/descope/virtualwebauthn"
)

// Passkey is a virtual authenticator with one credential of an account.
type Passkey struct {
	ID string // of the passkey at the service

	party         virtualwebauthn.RelyingParty
	authenticator virtualwebauthn.Authenticator
	credential    virtualwebauthn.Credential
}

// Ceremony is what a passkey's owner is asked to sign.
type Ceremony struct {
	CeremonyID string
	PublicKey  json.RawMessage
}

// Passkey registers a passkey.
func (u *User) Passkey(t testing.TB) *Passkey {
	t.Helper()
	public, err := url.Parse(Env(t, "PUBLIC_URL"))
	if err != nil {
		t.Fatal(err)
	}
	p := &Passkey{
		party:         virtualwebauthn.RelyingParty{Name: "JobPilot", ID: public.Hostname(), Origin: public.String()},
		authenticator: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{BackupEligible: true, BackupState: true}),
		credential:    newCredential(),
	}
	var c Ceremony
	u.Do(t, Call{Op: "startPasskeyRegistration"}).Want(t, 200).JSON(t, &c)
	options, err := virtualwebauthn.ParseAttestationOptions(string(c.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	p.authenticator.Options.UserHandle = []byte(options.UserID)
	p.authenticator.AddCredential(p.credential)
	response := virtualwebauthn.CreateAttestationResponse(p.party, p.authenticator, p.credential, *options)
	var made struct{ ID string }
	u.Do(t, Call{Op: "registerPasskey", Body: map[string]any{
		"ceremonyId": c.CeremonyID, "name": "Phone", "credential": json.RawMessage(response),
	}}).Want(t, 201).JSON(t, &made)
	p.ID = made.ID
	return p
}

// newCredential draws keys until one has no coordinate with a leading zero byte,
// which the virtual authenticator leaves out and RFC 9053, section 7.1.1, does not.
func newCredential() virtualwebauthn.Credential {
	for {
		c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

// Assertion answers a sign-in or step-up ceremony begun by anyone.
func (p *Passkey) Assertion(t testing.TB, c *Client) map[string]any {
	t.Helper()
	var ceremony Ceremony
	c.Do(t, Call{Op: "startPasskeyLogin"}).Want(t, 200).JSON(t, &ceremony)
	options, err := virtualwebauthn.ParseAssertionOptions(string(ceremony.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"ceremonyId": ceremony.CeremonyID,
		"credential": json.RawMessage(virtualwebauthn.CreateAssertionResponse(p.party, p.authenticator, p.credential, *options)),
	}
}

package api

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// Browsers add fields to a credential; all of them must reach the verification.
func TestACredentialPassesUnchanged(t *testing.T) {
	t.Parallel()
	const sent = `{"id":"AQID","rawId":"AQID","type":"public-key","authenticatorAttachment":"platform",
		"clientExtensionResults":{"credProps":{"rk":true}},
		"response":{"clientDataJSON":"e30","attestationObject":"o2M","publicKeyAlgorithm":-7,"transports":["internal","hybrid"]}}`
	var c WebauthnCredential
	if err := json.Unmarshal([]byte(sent), &c); err != nil {
		t.Fatal(err)
	}
	passed, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal([]byte(sent), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(passed, &got); err != nil || !reflect.DeepEqual(want, got) {
		t.Fatalf("%s became %s, %v", sent, passed, err)
	}
}

func TestPasskeyOptionsPassUnchanged(t *testing.T) {
	t.Parallel()
	c := auth.Ceremony{Options: json.RawMessage(`{"challenge":"q83vEg","timeout":300000}`), ExpiresAt: time.Unix(0, 0)}
	out, err := passkeyCeremony(c)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := json.Marshal(out.PublicKey); err != nil || string(raw) != string(c.Options) {
		t.Fatalf("%s became %s, %v", c.Options, raw, err)
	}
}

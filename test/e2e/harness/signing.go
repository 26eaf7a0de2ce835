package harness

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/seal"
)

// SigningKey is the key that auth signs with now: to try tokens of which one
// thing alone is wrong, they have to be signed right.
func SigningKey(t testing.TB) authn.SigningKey {
	t.Helper()
	type row struct {
		Kid           string
		PrivateSealed []byte
	}
	// One that auth has published; it learns of new ones within half a minute.
	var published struct{ Keys []struct{ Kid string } }
	NewClient(t).Do(t, Call{Op: "getJwks"}).Want(t, 200).JSON(t, &published)
	r := Row[row](t, `SELECT kid, private_sealed FROM auth.signing_keys WHERE kid = $1`, published.Keys[0].Kid)
	keys, err := seal.ParseKeys(ServiceEnv(t, "auth")["SEAL_KEYS"])
	if err != nil {
		t.Fatal(err)
	}
	der, err := keys.Open(r.PrivateSealed, seal.Place{Table: "signing_keys", Column: "private_sealed", Row: r.Kid})
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return authn.SigningKey{ID: r.Kid, Key: key.(*ecdsa.PrivateKey)}
}

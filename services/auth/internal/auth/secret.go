package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Prefixes of the opaque credentials. They tell a reader of a leaked one what it
// is, let scanners find it and logs mask it.
const (
	prefixRefresh   = "jpr_" // refresh token
	prefixVerify    = "jpv_" // verification mail
	prefixReset     = "jpw_" // password reset mail
	prefixEmail     = "jpe_" // change of address mail
	prefixChallenge = "jpc_" // second-factor challenge
	prefixOauthCode = "jpo_" // code of a provider sign-in
	prefixOauthLink = "jpl_" // provider waiting to be linked
	prefixAPIKey    = "jpk_" // personal API key
	prefixService   = "jps_" // service key
)

// newSecret returns prefix and 256 random bits in base64url.
func newSecret(prefix string) string {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hashSecret is what is stored of a secret. The secrets have 256 bits of entropy,
// so a plain SHA-256 cannot be searched; only passwords need a slow hash.
func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// hasPrefix reports whether secret may be one of the kind; anything else cannot
// be in the database and is not looked up.
func hasPrefix(secret, prefix string) bool {
	return strings.HasPrefix(secret, prefix) && len(secret) <= 128
}

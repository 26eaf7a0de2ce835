package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

type members = map[string]any

// corpus makes tokens that must be refused. Each differs in one thing from one
// that is good, so that it is this thing that is refused.
type corpus struct {
	t      *testing.T
	key    authn.SigningKey
	header members
	claims members
	tokens map[string]string
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (c *corpus) part(m members) string {
	raw, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	return b64(raw)
}

// es256 signs the parts as they are.
func (c *corpus) es256(header, claims string) string {
	sig, err := jwt.SigningMethodES256.Sign(header+"."+claims, c.key.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	return header + "." + claims + "." + b64(sig)
}

func with(m members, pairs ...any) members {
	out := maps.Clone(m)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(out, pairs[i].(string))
			continue
		}
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// head signs a token with another header, claim one with other claims.
func (c *corpus) head(name string, pairs ...any) {
	c.tokens["header: "+name] = c.es256(c.part(with(c.header, pairs...)), c.part(c.claims))
}

func (c *corpus) claim(name string, pairs ...any) {
	c.tokens["claims: "+name] = c.es256(c.part(c.header), c.part(with(c.claims, pairs...)))
}

// TestForgedTokens sends the corpus to auth and to other services, through the
// gateway and around it.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	var asked atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(trap.Close)
	c := newCorpus(t, u, trap.URL)

	doors := map[string]func(token string) *harness.Answer{}
	for _, op := range everywhere {
		doors["gateway, "+op] = func(token string) *harness.Answer {
			return u.As(harness.Credential{Bearer: token}).Do(t, harness.Call{Op: op})
		}
		doors["service, "+op] = func(token string) *harness.Answer {
			return u.As(harness.Credential{Bearer: token}).Direct().Do(t, harness.Call{Op: op})
		}
	}
	good := c.es256(c.part(c.header), c.part(c.claims))
	for door, get := range doors {
		if a := get(good); a.Status/100 != 2 {
			t.Fatalf("%s: the token that the others differ from is refused: %d %s", door, a.Status, a.Body)
		}
		for name, token := range c.tokens {
			if a := get(token); a.Status != 401 || a.Problem(t).Code != "unauthenticated" {
				t.Errorf("%s, %s: %d %s", door, name, a.Status, a.Body)
			}
		}
		if a := get(good); a.Status/100 != 2 {
			t.Errorf("%s: after the corpus, the good token is refused: %d", door, a.Status)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests to the address that a token named", n)
	}
	t.Logf("%d tokens at %d doors", len(c.tokens), len(doors))

	for name, ask := range map[string]func(*http.Request){
		"in the query":     func(r *http.Request) { r.URL.RawQuery = "access_token=" + good },
		"in a cookie":      func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "access_token", Value: good}) },
		"twice":            func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + good, "Bearer " + good} },
		"as Basic":         func(r *http.Request) { r.Header.Set("Authorization", "Basic "+good) },
		"as DPoP":          func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+good) },
		"without a scheme": func(r *http.Request) { r.Header.Set("Authorization", good) },
		"as an API key":    func(r *http.Request) { r.Header.Set("X-API-Key", good) },
		"with an API key beside": func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+good)
			r.Header.Set("X-API-Key", secret("jpk_"))
		},
	} {
		for _, client := range []*harness.Client{u.As(harness.Credential{}), u.As(harness.Credential{}).Direct()} {
			req := client.Request(t, harness.Call{Op: "getAccount"})
			ask(req)
			if a := client.Exchange(t, "getAccount", req); a.Status != 401 && (name != "twice" || a.Status != 400) {
				t.Errorf("a good token %s: %d %s", name, a.Status, a.Body)
			}
		}
	}
}

func newCorpus(t *testing.T, u *harness.User, trap string) *corpus {
	t.Helper()
	now := time.Now().Unix()
	c := &corpus{t: t, key: harness.SigningKey(t), tokens: map[string]string{}}
	c.header = members{"alg": "ES256", "kid": c.key.ID, "typ": "at+jwt"}
	c.claims = members{"iss": harness.Env(t, "TOKEN_ISSUER"), "aud": "jobpilot", "sub": u.ID, "sid": u.SessionID, "jti": uuid.NewString(),
		"iat": now, "nbf": now, "exp": now + 600, "auth_time": now, "roles": []string{"user"}}
	header, claims := c.part(c.header), c.part(c.claims)

	// Which key, and how.
	for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
		h := c.part(with(c.header, "alg", alg))
		c.tokens["alg "+alg+", no signature"] = h + "." + claims + "."
		c.tokens["alg "+alg+", a signature"] = c.es256(h, claims)
		c.tokens["alg "+alg+", AA"] = h + "." + claims + ".AA"
	}
	public, err := x509.MarshalPKIXPublicKey(&c.key.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	point, err := c.key.Key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwks := u.Do(t, harness.Call{Op: "getJwks"}).Want(t, 200).Body
	for name, key := range map[string][]byte{
		"DER": public, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "point": point, "kid": []byte(c.key.ID), "JWKS": jwks, "nothing": {},
	} {
		h := c.part(with(c.header, "alg", "HS256"))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(h + "." + claims))
		c.tokens["HS256 keyed with the public key as "+name] = h + "." + claims + "." + b64(mac.Sum(nil))
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []jwt.SigningMethod{jwt.SigningMethodRS256, jwt.SigningMethodPS256} {
		h := c.part(with(c.header, "alg", m.Alg()))
		sig, err := m.Sign(h+"."+claims, rsaKey)
		if err != nil {
			t.Fatal(err)
		}
		c.tokens[m.Alg()+" with a key of one's own"] = h + "." + claims + "." + b64(sig)
	}
	own := &corpus{t: t, key: authn.SigningKey{ID: "own"}}
	if own.key.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	ownPoint, err := own.key.Key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := members{"kty": "EC", "crv": "P-256", "kid": c.key.ID, "x": b64(ownPoint[1:33]), "y": b64(ownPoint[33:])}
	for name, h := range map[string]members{
		"the right kid": c.header, "an unknown kid": with(c.header, "kid", "own"), "no kid": with(c.header, "kid", nil), "an empty kid": with(c.header, "kid", ""),
		"kid a path": with(c.header, "kid", "../../../../dev/null"), "kid SQL": with(c.header, "kid", "x' UNION SELECT 'AA'--"),
		"kid a URL": with(c.header, "kid", trap), "jwk": with(c.header, "jwk", jwk), "jku": with(c.header, "jku", trap, "kid", "own"),
		"x5u": with(c.header, "x5u", trap, "kid", "own"), "x5c": with(c.header, "x5c", []string{base64.StdEncoding.EncodeToString(public)}),
	} {
		c.tokens["signed with a key of one's own: "+name] = own.es256(c.part(h), claims)
	}
	good := strings.Split(c.es256(header, claims), ".")
	sig, err := base64.RawURLEncoding.DecodeString(good[2])
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"none": "", "zeros": b64(make([]byte, 64)), "short": b64(sig[:63]), "long": b64(append(sig, 0)), "doubled": b64(append(sig, sig...)),
		"ASN.1": b64(asn1(t, c, header+"."+claims)), "padded": good[2] + "==", "with a space": good[2][:40] + " " + good[2][40:],
		"with other trailing bits": good[2][:len(good[2])-1] + trailing(good[2][len(good[2])-1]),
	} {
		c.tokens["signature: "+name] = header + "." + claims + "." + s
	}
	c.tokens["claims changed after signing"] = header + "." + c.part(with(c.claims, "roles", []string{"super_admin"})) + "." + good[2]
	c.tokens["header changed after signing"] = c.part(with(c.header, "x", 1)) + "." + claims + "." + good[2]

	// The header.
	c.head("typ JWT", "typ", "JWT")
	c.head("no typ", "typ", nil)
	c.head("typ of an ID token", "typ", "id+jwt")
	c.head("crit", "crit", []string{"exp"})
	c.head("b64", "b64", false, "crit", []string{"b64"})
	c.head("cty", "cty", "JWT")
	c.head("zip", "zip", "DEF")
	c.head("jku, signed right", "jku", trap)
	c.head("jwk, signed right", "jwk", jwk)
	c.head("alg twice", "alg", []string{"ES256", "none"})
	c.tokens["header: alg named twice"] = c.es256(b64([]byte(`{"alg":"ES256","alg":"ES256","kid":"`+c.key.ID+`","typ":"at+jwt"}`)), claims)
	c.tokens["header: null"] = c.es256(b64([]byte(`null`)), claims)
	c.tokens["header: not JSON"] = c.es256(b64([]byte(`alg=ES256`)), claims)

	// The claims.
	c.claim("aud of another", "aud", "somebody else")
	c.claim("aud a list without us", "aud", []string{"a", "b"})
	c.claim("no aud", "aud", nil)
	c.claim("iss of another", "iss", "https://evil.example")
	c.claim("iss with a slash more", "iss", harness.Env(t, "TOKEN_ISSUER")+"/")
	c.claim("no iss", "iss", nil)
	c.claim("expired", "iat", now-900, "nbf", now-900, "exp", now-10)
	c.claim("no exp", "exp", nil)
	c.claim("exp null", "exp", json.RawMessage("null"))
	c.claim("exp a text", "exp", "9999999999")
	c.claim("exp negative", "exp", -1)
	c.claim("exp huge", "exp", json.RawMessage("1e300"))
	c.claim("valid for a day", "exp", now+86400)
	c.claim("not yet", "nbf", now+60)
	c.claim("no nbf", "nbf", nil)
	c.claim("issued in the future", "iat", now+60, "nbf", now, "exp", now+600)
	c.claim("no iat", "iat", nil)
	c.claim("auth_time in the future", "auth_time", now+3600)
	c.claim("no auth_time", "auth_time", nil)
	c.claim("sub no UUID", "sub", "admin")
	c.claim("sub in braces", "sub", "{"+u.ID+"}")
	c.claim("no sub", "sub", nil)
	c.claim("no sid", "sid", nil)
	c.claim("no jti", "jti", nil)
	c.claim("roles a text", "roles", "super_admin")
	c.tokens["claims: sub named twice"] = c.es256(header, b64([]byte(`{"sub":"`+uuid.NewString()+`",`+string(mustDecode(t, claims))[1:])))
	c.tokens["claims: null"] = c.es256(header, b64([]byte(`null`)))
	c.tokens["claims: a list"] = c.es256(header, b64([]byte(`[]`)))
	c.claim("huge", "padding", strings.Repeat("x", 3200))

	// The form.
	whole := strings.Join(good, ".")
	c.tokens["nested: a token in a token"] = c.es256(c.part(with(c.header, "cty", "JWT")), b64([]byte(whole)))
	c.tokens["nested: five parts"] = whole + "." + good[1] + "." + good[2]
	c.tokens["four parts"] = whole + "."
	c.tokens["two parts"] = good[0] + "." + good[1]
	c.tokens["one part"] = good[0]
	c.tokens["a refresh token"] = u.Refresh
	return c
}

func asn1(t *testing.T, c *corpus, signed string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(signed))
	sig, err := ecdsa.SignASN1(rand.Reader, c.key.Key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// trailing is the other spelling of the last character of 64 bytes, of which four
// bits say nothing.
func trailing(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)|1])
}

func mustDecode(t *testing.T, part string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

package authn_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
)

const issuer = "https://auth.example"

// epoch is the time at which the tests' tokens are made and read.
var epoch = time.Date(2026, 3, 2, 9, 30, 0, 123e6, time.UTC)

func newKey(tb testing.TB) authn.SigningKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	id, err := authn.KeyID(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return authn.SigningKey{ID: id, Key: key}
}

func keyset(keys ...authn.SigningKey) authn.Keyset {
	set := authn.Keyset{}
	for _, k := range keys {
		set[k.ID] = &k.Key.PublicKey
	}
	return set
}

func claims() authn.Claims {
	return authn.Claims{
		Issuer: issuer, UserID: uuid.New(), SessionID: uuid.New(), TokenID: uuid.New(), Roles: []string{"premium", "of_a_later_version"},
		AuthTime: epoch.Add(-time.Hour), IssuedAt: epoch, ExpiresAt: epoch.Add(authn.AccessTokenTTL),
	}
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func Example() {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := authn.SigningKey{ID: "2026-03", Key: private}
	token, _ := key.Sign(authn.Claims{
		Issuer: issuer, UserID: uuid.New(), SessionID: uuid.New(), TokenID: uuid.New(), Roles: []string{"premium"},
		AuthTime: epoch, IssuedAt: epoch, ExpiresAt: epoch.Add(authn.AccessTokenTTL),
	})

	// Other services: authn.NewJWKS("https://auth.example/.well-known/jwks.json", nil).
	keys := authn.Keyset{"2026-03": &private.PublicKey}
	caller, err := authn.NewVerifier(issuer, keys, at(epoch.Add(time.Minute))).Verify(context.Background(), token)
	fmt.Println(caller.Kind, caller.Roles[0], caller.HasRole(authn.RoleUser), err)

	rule := authn.Rule{Role: authn.RoleAdmin}
	fmt.Println(errors.Is(rule.Check(caller, epoch), authn.ErrForbidden))
	// Output:
	// user premium true <nil>
	// true
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	key, c := newKey(t), claims()
	token, err := key.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	p, err := authn.NewVerifier(issuer, keyset(key), at(epoch)).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if p.UserID != c.UserID || p.SessionID != c.SessionID || !p.AuthTime.Equal(c.AuthTime) || !p.IssuedAt.Equal(epoch) {
		t.Fatalf("got %+v, want %+v", p, c)
	}
	if len(p.Roles) != 1 || p.Roles[0] != authn.RolePremium {
		t.Fatalf("a role of a later version must be left out: %v", p.Roles)
	}
}

// Clocks of two machines differ; by 5 s they may.
func TestTokenTimes(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	token, err := key.Sign(claims())
	if err != nil {
		t.Fatal(err)
	}
	exp := epoch.Add(authn.AccessTokenTTL)
	for _, c := range []struct {
		now time.Time
		ok  bool
	}{
		{epoch.Add(-5001 * time.Millisecond), false},
		{epoch.Add(-5 * time.Second), true},
		{exp.Add(4999 * time.Millisecond), true},
		{exp.Add(5 * time.Second), false},
	} {
		if _, err := authn.NewVerifier(issuer, keyset(key), at(c.now)).Verify(t.Context(), token); (err == nil) != c.ok {
			t.Errorf("at %v: %v", c.now.Sub(epoch), err)
		}
	}
}

// forge makes tokens that our own Sign never makes.
type forge struct {
	t      testing.TB
	header map[string]any
	claims map[string]any
}

func (f forge) with(part string, changes map[string]any) forge {
	out := forge{f.t, maps.Clone(f.header), maps.Clone(f.claims)}
	into := out.claims
	if part == "header" {
		into = out.header
	}
	for k, v := range changes {
		if into[k] = v; v == nil {
			delete(into, k)
		}
	}
	return out
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f forge) json(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f forge) unsigned() string { return enc(f.json(f.header)) + "." + enc(f.json(f.claims)) }

// es256 signs text as RFC 7518 §3.4 says.
func es256(tb testing.TB, key *ecdsa.PrivateKey, text string) string {
	tb.Helper()
	sum := sha256.Sum256([]byte(text))
	return text + "." + enc(rawSignature(tb, key, sum[:]))
}

func rawSignature(tb testing.TB, key *ecdsa.PrivateKey, sum []byte) []byte {
	tb.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, key, sum)
	if err != nil {
		tb.Fatal(err)
	}
	size := (key.Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out
}

// corpus is every attack on tokens we know of, by name. good is a token like
// those attacked, and valid.
func corpus(tb testing.TB) (keys authn.Keyset, good string, attacks map[string]string) {
	tb.Helper()
	key, foreign := newKey(tb), newKey(tb)
	keys = keyset(key)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.Key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})

	seconds := func(d time.Duration) float64 { return float64(epoch.Add(d).UnixMilli()) / 1000 }
	base := forge{tb,
		map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": key.ID},
		map[string]any{"iss": issuer, "aud": "jobpilot", "sub": uuid.NewString(), "sid": uuid.NewString(), "jti": uuid.NewString(),
			"iat": seconds(0), "nbf": seconds(0), "exp": seconds(authn.AccessTokenTTL), "auth_time": seconds(0), "roles": []string{"user"}}}
	sign := func(f forge) string { return es256(tb, key.Key, f.unsigned()) }
	header := func(changes map[string]any) string { return sign(base.with("header", changes)) }
	claim := func(name string, value any) string { return sign(base.with("claims", map[string]any{name: value})) }
	raw := func(h, c string) string { return es256(tb, key.Key, enc([]byte(h))+"."+enc([]byte(c))) }
	good = sign(base)
	parts := strings.Split(good, ".")
	h, c := string(base.json(base.header)), string(base.json(base.claims))

	hs256 := func(secret []byte) string {
		text := base.with("header", map[string]any{"alg": "HS256"}).unsigned()
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + enc(mac.Sum(nil))
	}
	rs256 := func() string {
		text := base.with("header", map[string]any{"alg": "RS256"}).unsigned()
		sum := sha256.Sum256([]byte(text))
		sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
		if err != nil {
			tb.Fatal(err)
		}
		return text + "." + enc(sig)
	}
	es384 := func(alg string) string {
		text := base.with("header", map[string]any{"alg": alg}).unsigned()
		sum := sha512.Sum384([]byte(text))
		return text + "." + enc(rawSignature(tb, p384, sum[:]))
	}
	ownKey, err := json.Marshal(keyset(foreign))
	if err != nil {
		tb.Fatal(err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(ownKey, &set); err != nil {
		tb.Fatal(err)
	}
	foreignJWK := set.Keys[0]
	flipped := []byte(good)
	flipped[len(parts[0])+3] ^= 1
	derSig := func() string {
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		sig, err := ecdsa.SignASN1(rand.Reader, key.Key, sum[:])
		if err != nil {
			tb.Fatal(err)
		}
		return parts[0] + "." + parts[1] + "." + enc(sig)
	}

	attacks = map[string]string{
		"empty":                        "",
		"one part":                     parts[0],
		"two parts":                    parts[0] + "." + parts[1],
		"four parts":                   good + "." + parts[2],
		"five parts, a JWE":            strings.Join([]string{enc([]byte(`{"alg":"dir","enc":"A256GCM"}`)), "", enc([]byte("iv")), enc([]byte("text")), enc([]byte("tag"))}, "."),
		"five parts around a good one": good + ".." + parts[2],
		"only dots":                    "..",
		"leading dot":                  "." + good,
		"not base64url":                "%%%.%%%.%%%",
		"standard base64":              base64.RawStdEncoding.EncodeToString([]byte(h+"???")) + "." + parts[1] + "." + parts[2],
		"padded header":                parts[0] + "=." + parts[1] + "." + parts[2],
		"padded signature":             good + "==",
		"bits behind the signature":    good[:len(good)-1] + string(nextInAlphabet(good[len(good)-1])),
		"whitespace before":            " " + good,
		"whitespace after":             good + " ",
		"line break within":            parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"line break in signature":      good[:len(good)-8] + "\r\n" + good[len(good)-8:],
		"NUL after":                    good + "\x00",
		"huge":                         good + strings.Repeat("A", 1<<20),
		"just too long":                claim("note", strings.Repeat("x", 4000)),

		"alg none":                      base.with("header", map[string]any{"alg": "none"}).unsigned() + ".",
		"alg None":                      base.with("header", map[string]any{"alg": "None"}).unsigned() + ".",
		"alg none with signature":       header(map[string]any{"alg": "none"}),
		"alg empty":                     header(map[string]any{"alg": ""}),
		"alg missing":                   header(map[string]any{"alg": nil}),
		"alg in lower case":             header(map[string]any{"alg": "es256"}),
		"alg as list":                   header(map[string]any{"alg": []string{"ES256"}}),
		"alg null":                      raw(strings.Replace(h, `"ES256"`, `null`, 1), c),
		"HS256 with the public key PEM": hs256(publicPEM),
		"HS256 with the public key DER": hs256(der),
		"HS256 with the kid":            hs256([]byte(key.ID)),
		"HS256 with an empty secret":    hs256(nil),
		"RS256":                         rs256(),
		"ES384 by a P-384 key":          es384("ES384"),
		"ES256 said of a P-384 key":     es384("ES256"),
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"signature of zeros":            parts[0] + "." + parts[1] + "." + enc(make([]byte, 64)), // CVE-2022-21449
		"signature in DER":              derSig(),
		"signature cut":                 good[:len(good)-4],
		"signature of another token":    parts[0] + "." + parts[1] + "." + strings.Split(claim("jti", uuid.NewString()), ".")[2],
		"claims changed":                string(flipped),
		"header changed":                strings.Replace(good, parts[0], enc([]byte(strings.Replace(h, "at+jwt", "at+jwt ", 1))), 1),

		"foreign key under our kid":     es256(tb, foreign.Key, base.unsigned()),
		"foreign kid":                   es256(tb, foreign.Key, base.with("header", map[string]any{"kid": foreign.ID}).unsigned()),
		"kid missing":                   header(map[string]any{"kid": nil}),
		"kid empty":                     header(map[string]any{"kid": ""}),
		"kid not a string":              header(map[string]any{"kid": 1}),
		"kid as path":                   header(map[string]any{"kid": "../../../../dev/null"}),
		"kid as SQL":                    header(map[string]any{"kid": "x' UNION SELECT 'key"}),
		"jwk with own key":              es256(tb, foreign.Key, base.with("header", map[string]any{"jwk": foreignJWK, "kid": foreign.ID}).unsigned()),
		"jwk beside a good kid":         header(map[string]any{"jwk": foreignJWK}),
		"jku":                           header(map[string]any{"jku": "https://evil.example/jwks.json"}),
		"x5u":                           header(map[string]any{"x5u": "https://evil.example/cert.pem"}),
		"x5c":                           header(map[string]any{"x5c": []string{"MIIB"}}),
		"crit":                          header(map[string]any{"crit": []string{"exp"}}),
		"b64 false":                     header(map[string]any{"b64": false, "crit": []string{"b64"}}),
		"zip":                           header(map[string]any{"zip": "DEF"}),
		"cty, nested":                   header(map[string]any{"cty": "JWT"}),
		"nested token":                  es256(tb, key.Key, parts[0]+"."+enc([]byte(good))),
		"typ missing":                   header(map[string]any{"typ": nil}),
		"typ JWT":                       header(map[string]any{"typ": "JWT"}),
		"typ of another use":            header(map[string]any{"typ": "logout+jwt"}),
		"typ in capitals":               header(map[string]any{"typ": "AT+JWT"}),
		"alg twice":                     raw(`{"alg":"none",`+h[1:], c),
		"Alg beside alg":                raw(`{"Alg":"none",`+h[1:], c),
		"header is a list":              raw("["+h+"]", c),
		"header with tail":              raw(h+"{}", c),
		"header empty":                  raw("", c),
		"header broken UTF-8":           raw(strings.Replace(h, "at+jwt", "at+jwt\xff", 1), c),
		"deeply nested claims":          raw(h, strings.Repeat(`{"a":`, 600)+"1"+strings.Repeat("}", 600)),
		"claims are a list":             raw(h, "["+c+"]"),
		"claims null":                   raw(h, "null"),
		"claims empty":                  raw(h, "{}"),
		"claims with tail":              raw(h, c+c),
		"claims not JSON":               raw(h, "sub=1"),
		"claims broken UTF-8":           raw(h, strings.Replace(c, `"user"`, "\"us\xffer\"", 1)),
		"claims with a byte order mark": raw(h, "\xef\xbb\xbf"+c),

		"sub twice":               raw(h, `{"sub":"`+uuid.NewString()+`",`+c[1:]),
		"exp twice":               raw(h, `{"exp":99999999999,`+c[1:]),
		"roles twice":             raw(h, c[:len(c)-1]+`,"roles":["super_admin"]}`),
		"sub twice by escape":     raw(h, `{"\u0073ub":"`+uuid.NewString()+`",`+c[1:]),
		"iss missing":             claim("iss", nil),
		"iss of another":          claim("iss", "https://evil.example"),
		"iss with slash":          claim("iss", issuer+"/"),
		"iss as list":             claim("iss", []string{issuer}),
		"aud missing":             claim("aud", nil),
		"aud of another":          claim("aud", "stripe"),
		"aud in capitals":         claim("aud", "JobPilot"),
		"aud list of others":      claim("aud", []string{"a", "b"}),
		"aud empty list":          claim("aud", []string{}),
		"aud number":              claim("aud", 1),
		"aud list with a number":  claim("aud", []any{"jobpilot", 1}),
		"sub missing":             claim("sub", nil),
		"sub number":              claim("sub", 42),
		"sub object":              claim("sub", map[string]any{"id": uuid.NewString()}),
		"sub no UUID":             claim("sub", "admin"),
		"sub UUID with braces":    claim("sub", "{"+uuid.NewString()+"}"),
		"sub UUID as URN":         claim("sub", "urn:uuid:"+uuid.NewString()),
		"sid missing":             claim("sid", nil),
		"sid no UUID":             claim("sid", "*"),
		"jti missing":             claim("jti", nil),
		"roles a string":          claim("roles", "super_admin"),
		"roles of numbers":        claim("roles", []int{1}),
		"iat missing":             claim("iat", nil),
		"nbf missing":             claim("nbf", nil),
		"exp missing":             claim("exp", nil),
		"auth_time missing":       claim("auth_time", nil),
		"exp a string":            claim("exp", fmt.Sprint(seconds(time.Minute))),
		"exp zero":                claim("exp", 0),
		"exp negative":            claim("exp", -1),
		"exp beyond numbers":      raw(h, strings.Replace(c, `"exp":`, `"exp":1e999,"x":`, 1)),
		"exp far away":            claim("exp", 1e12),
		"exp true":                claim("exp", true),
		"exp null":                raw(h, strings.Replace(c, `"exp":`, `"exp":null,"x":`, 1)),
		"expired":                 sign(base.with("claims", map[string]any{"iat": seconds(-time.Hour), "nbf": seconds(-time.Hour), "exp": seconds(-5 * time.Second)})),
		"nbf in the future":       claim("nbf", seconds(6*time.Second)),
		"iat in the future":       sign(base.with("claims", map[string]any{"iat": seconds(6 * time.Second), "exp": seconds(time.Minute)})),
		"auth_time in the future": claim("auth_time", seconds(time.Minute)),
		"lives too long":          claim("exp", seconds(authn.AccessTokenTTL+time.Second)),
	}
	return keys, good, attacks
}

// nextInAlphabet changes only bits that a lenient decoder ignores: the last
// character of 64 bytes in base64 carries two bits.
func nextInAlphabet(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

// A token that was good is refused as soon as its key is withdrawn or it expires.
func TestVerifiedTokensAreNotTrustedForever(t *testing.T) {
	t.Parallel()
	key, other, now := newKey(t), newKey(t), epoch
	keys := keyset(key)
	verifier := authn.NewVerifier(issuer, keys, func() time.Time { return now })
	token, err := key.Sign(claims())
	if err != nil {
		t.Fatal(err)
	}
	check := func(want error, when string) {
		t.Helper()
		for range 2 { // the second time it is remembered
			if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, want) {
				t.Fatalf("%s: got %v, want %v", when, err, want)
			}
		}
	}
	check(nil, "good")
	keys[key.ID] = &other.Key.PublicKey
	check(authn.ErrUnauthenticated, "kid names another key")
	delete(keys, key.ID)
	check(authn.ErrUnauthenticated, "key withdrawn")
	keys[key.ID] = &key.Key.PublicKey
	check(nil, "key back")
	now = epoch.Add(authn.AccessTokenTTL + 5*time.Second)
	check(authn.ErrUnauthenticated, "expired")
}

func TestAttackCorpus(t *testing.T) {
	t.Parallel()
	keys, good, attacks := corpus(t)
	verifier := authn.NewVerifier(issuer, keys, at(epoch))
	if _, err := verifier.Verify(t.Context(), good); err != nil {
		t.Fatalf("the token that the attacks start from must be good: %v", err)
	}
	for name, token := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := verifier.Verify(t.Context(), token)
			if !errors.Is(err, authn.ErrUnauthenticated) || errs.KindOf(err) != errs.Unauthenticated {
				t.Fatalf("got %v", err)
			}
			if p.Kind != authn.KindAnonymous || p.ID() != "" {
				t.Fatalf("refused, yet named %+v", p)
			}
		})
	}
}

// Audience may be a list (RFC 7519 §4.1.3), and unknown claims are let pass.
func TestTokensOfOtherForm(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	now := epoch.Unix()
	text := enc([]byte(`{"typ":"at+jwt","alg":"ES256","kid":"`+key.ID+`"}`)) + "." + enc(fmt.Appendf(nil,
		`{"iss":%q,"aud":["other","jobpilot"],"sub":%q,"sid":%q,"jti":%q,"iat":%d,"nbf":%d,"exp":%d,"auth_time":%d,"roles":[],"plan":{"x":[1]}}`,
		issuer, uuid.New(), uuid.New(), uuid.New(), now, now, now+60, now))
	if _, err := authn.NewVerifier(issuer, keyset(key), at(epoch)).Verify(t.Context(), es256(t, key.Key, text)); err != nil {
		t.Fatal(err)
	}
}

func FuzzVerify(f *testing.F) {
	keys, good, attacks := corpus(f)
	for _, token := range attacks {
		if len(token) < 8<<10 {
			f.Add(token)
		}
	}
	verifier := authn.NewVerifier(issuer, keys, at(epoch))
	f.Fuzz(func(t *testing.T, token string) {
		// Whatever is not the good token, to the byte, is refused: one token has one spelling.
		_, err := verifier.Verify(t.Context(), token)
		if token != good && !errors.Is(err, authn.ErrUnauthenticated) {
			t.Fatalf("%q: %v", token, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	token, err := key.Sign(claims())
	if err != nil {
		b.Fatal(err)
	}
	keys := keyset(key)
	b.Run("first", func(b *testing.B) { // a token not seen before
		b.ReportAllocs()
		for b.Loop() {
			verifier := authn.NewVerifier(issuer, keys, at(epoch))
			if _, err := verifier.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		verifier := authn.NewVerifier(issuer, keys, at(epoch))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := verifier.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

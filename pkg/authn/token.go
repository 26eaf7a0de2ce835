package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	// Audience is the aud of every access token.
	Audience = "jobpilot"
	// TokenType is the typ header of access tokens (RFC 9068 §2.1).
	TokenType = "at+jwt"

	maxTokenBytes = 4 << 10
	leeway        = 5 * time.Second
	verifiedMax   = 10_000
)

// Claims are what an access token says (RFC 9068 §2.2).
type Claims struct {
	Issuer    string
	UserID    uuid.UUID // sub
	SessionID uuid.UUID // sid
	TokenID   uuid.UUID // jti
	Roles     []string
	AuthTime  time.Time
	IssuedAt  time.Time // also nbf; kept to the millisecond, see Revocations.RevokeUser
	ExpiresAt time.Time // at most AccessTokenTTL after IssuedAt
}

// header has every header parameter a token of ours has. Any other is refused:
// jku, jwk, x5u and x5c would let the sender choose the key, crit and b64 change
// what the signature means, zip and cty hide what is inside (RFC 8725 §3.10).
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// payload is the form of the claims on the wire. Unknown ones are let pass.
type payload struct {
	Iss      string      `json:"iss"`
	Aud      audience    `json:"aud"`
	Sub      string      `json:"sub"`
	Sid      string      `json:"sid"`
	Jti      string      `json:"jti"`
	Iat      numericDate `json:"iat"`
	Nbf      numericDate `json:"nbf"`
	Exp      numericDate `json:"exp"`
	AuthTime numericDate `json:"auth_time"`
	Roles    []string    `json:"roles"`
}

// audience is a string or a list of strings (RFC 7519 §4.1.3).
type audience []string

func (a audience) MarshalJSONTo(enc *jsontext.Encoder) error {
	if len(a) == 1 {
		return enc.WriteToken(jsontext.String(a[0]))
	}
	return json.MarshalEncode(enc, []string(a))
}

func (a *audience) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		*a = make(audience, 1)
		return json.UnmarshalDecode(dec, &(*a)[0])
	}
	return json.UnmarshalDecode(dec, (*[]string)(a))
}

// numericDate is a time in milliseconds, on the wire in seconds with at most
// three decimals (RFC 7519 §2 allows fractions).
type numericDate int64

func (n numericDate) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.Float(float64(n) / 1000))
}

func (n *numericDate) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var seconds float64
	if err := json.UnmarshalDecode(dec, &seconds); err != nil {
		return err
	}
	if !(seconds > 0 && seconds < 1e11) { // until the year 5138; also refuses 0 and null
		return errors.New("not a date")
	}
	*n = numericDate(math.Round(seconds * 1000))
	return nil
}

func (n numericDate) time() time.Time { return time.UnixMilli(int64(n)) }

// SigningKey signs access tokens. Only auth and tests have one.
type SigningKey struct {
	ID  string // the kid; KeyID of the public key
	Key *ecdsa.PrivateKey
}

// Sign makes an access token.
func (k SigningKey) Sign(c Claims) (string, error) {
	h, err := json.Marshal(header{Alg: "ES256", Kid: k.ID, Typ: TokenType})
	if err != nil {
		return "", fmt.Errorf("authn: sign: %w", err)
	}
	p, err := json.Marshal(payload{
		Iss: c.Issuer, Aud: audience{Audience}, Sub: c.UserID.String(), Sid: c.SessionID.String(), Jti: c.TokenID.String(),
		Iat: numericDate(c.IssuedAt.UnixMilli()), Nbf: numericDate(c.IssuedAt.UnixMilli()), Exp: numericDate(c.ExpiresAt.UnixMilli()),
		AuthTime: numericDate(c.AuthTime.UnixMilli()), Roles: c.Roles,
	})
	if err != nil {
		return "", fmt.Errorf("authn: sign: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	sig, err := jwt.SigningMethodES256.Sign(signed, k.Key)
	if err != nil {
		return "", fmt.Errorf("authn: sign: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// Verifier checks access tokens without a network call, but for fetching keys
// it has not seen.
type Verifier struct {
	issuer   string
	keys     KeySource
	now      func() time.Time
	verified *recent[[sha256.Size]byte, verified] // by hash of the token
}

// verified is a token whose signature was found good: checking it is nine tenths
// of the work, and its outcome depends on the token and the key alone. What
// depends on the time is checked each time.
type verified struct {
	kid string
	key *ecdsa.PublicKey
	payload
}

// NewVerifier makes a Verifier for tokens of one issuer. now may be nil for the
// system's clock.
func NewVerifier(issuer string, keys KeySource, now func() time.Time) *Verifier {
	if now == nil {
		now = time.Now
	}
	return &Verifier{issuer: issuer, keys: keys, now: now, verified: newRecent[[sha256.Size]byte, verified](verifiedMax)}
}

// Verify reads a token. Whatever is wrong with it is ErrUnauthenticated; only
// keys that could not be fetched are ErrUnavailable. It does not look at
// revocations.
//
// The checks are those of RFC 9068 §4 and RFC 8725: one algorithm, fixed in the
// program and not taken from the token; no header parameter but alg, kid and
// typ; no duplicate names, since parsers differ in which of two they believe.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	refuse := func(why string) (Principal, error) {
		return Principal{}, ErrUnauthenticated.With(errors.New("token: " + why))
	}
	if len(token) > maxTokenBytes {
		return refuse("too long")
	}
	hash := sha256.Sum256([]byte(token))
	if seen, ok := v.verified.get(hash); ok {
		if key, err := v.keys.Key(ctx, seen.kid); err == nil && key.Equal(seen.key) {
			return v.principal(seen.payload)
		}
	}
	if strings.ContainsAny(token, "\r\n") { // which the decoder would skip
		return refuse("not base64url")
	}
	h64, rest, _ := strings.Cut(token, ".")
	p64, s64, ok := strings.Cut(rest, ".")
	if !ok {
		return refuse("not three parts")
	}
	// A further dot is no base64url character, so decode refuses five parts (a JWE).
	var h header
	if err := decode(h64, &h, json.RejectUnknownMembers(true)); err != nil {
		return refuse("header: " + err.Error())
	}
	if h.Alg != "ES256" || h.Typ != TokenType || h.Kid == "" {
		return refuse("header names another algorithm or type, or no key")
	}
	sig, err := b64.DecodeString(s64)
	if err != nil {
		return refuse("signature is not base64url")
	}
	key, err := v.keys.Key(ctx, h.Kid)
	if err != nil {
		return Principal{}, err
	}
	if err := jwt.SigningMethodES256.Verify(token[:len(h64)+1+len(p64)], sig, key); err != nil {
		return refuse("signature")
	}
	var p payload
	if err := decode(p64, &p); err != nil {
		return refuse("claims: " + err.Error())
	}
	caller, err := v.principal(p)
	if err == nil {
		v.verified.put(hash, verified{h.Kid, key, p})
	}
	return caller, err
}

// principal checks the claims of a token whose signature holds.
func (v *Verifier) principal(p payload) (Principal, error) {
	now, iat, nbf, exp := v.now(), p.Iat.time(), p.Nbf.time(), p.Exp.time()
	sub, errSub := canonicalUUID(p.Sub)
	sid, errSid := canonicalUUID(p.Sid)
	_, errJti := canonicalUUID(p.Jti)
	why := ""
	switch {
	case p.Iss != v.issuer:
		why = "issuer"
	case !slices.Contains(p.Aud, Audience):
		why = "audience"
	case errSub != nil, errSid != nil, errJti != nil:
		why = "sub, sid or jti is not a UUID"
	case p.Iat == 0 || p.Nbf == 0 || p.Exp == 0 || p.AuthTime == 0:
		why = "a time is missing"
	case !now.Before(exp.Add(leeway)):
		why = "expired"
	case nbf.After(now.Add(leeway)), iat.After(now.Add(leeway)), p.AuthTime.time().After(now.Add(leeway)):
		why = "from the future"
	case exp.Sub(iat) > AccessTokenTTL:
		why = "lives too long"
	}
	if why != "" {
		return Principal{}, ErrUnauthenticated.With(errors.New("token: " + why))
	}
	roles := make([]Role, 0, len(p.Roles))
	for _, name := range p.Roles {
		if r, ok := ParseRole(name); ok && r > RoleNone {
			roles = append(roles, r)
		}
	}
	return Principal{Kind: KindUser, UserID: sub, SessionID: sid, Roles: roles, AuthTime: p.AuthTime.time(), IssuedAt: iat}, nil
}

// b64 is base64url without padding and with zero trailing bits, so that one
// token has one spelling (RFC 7515 §2).
var b64 = base64.RawURLEncoding.Strict()

func decode(part string, into any, opts ...json.Options) error {
	raw, err := b64.DecodeString(part)
	if err != nil {
		return errors.New("not base64url")
	}
	return json.Unmarshal(raw, into, opts...)
}

// canonicalUUID takes only the 36-character form; uuid.Parse also takes braces,
// URNs and no hyphens.
func canonicalUUID(s string) (uuid.UUID, error) {
	if len(s) != 36 {
		return uuid.Nil, errors.New("not a UUID")
	}
	return uuid.Parse(s)
}

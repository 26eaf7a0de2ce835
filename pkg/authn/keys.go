package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// KeySource finds the public key a token names. An unknown key is
// ErrUnauthenticated; one that cannot be looked up now is ErrUnavailable.
type KeySource interface {
	Key(ctx context.Context, kid string) (*ecdsa.PublicKey, error)
}

// KeyFunc is a KeySource made of a function: auth verifies with the keys it
// holds, without asking itself over HTTP.
type KeyFunc func(ctx context.Context, kid string) (*ecdsa.PublicKey, error)

// Key calls f.
func (f KeyFunc) Key(ctx context.Context, kid string) (*ecdsa.PublicKey, error) { return f(ctx, kid) }

// Keyset is a fixed set of public keys by kid. Its JSON form is a JWK Set
// (RFC 7517 §5), as auth publishes it.
type Keyset map[string]*ecdsa.PublicKey

// Key looks up a key.
func (s Keyset) Key(_ context.Context, kid string) (*ecdsa.PublicKey, error) {
	if key, ok := s[kid]; ok {
		return key, nil
	}
	return nil, ErrUnauthenticated.With(errors.New("token: unknown key"))
}

type jwk struct {
	Kty string `json:"kty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	Kid string `json:"kid"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// MarshalJSON writes the JWK Set, sorted by kid.
func (s Keyset) MarshalJSON() ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for kid, key := range s {
		k, err := newJWK(key)
		if err != nil {
			return nil, err
		}
		k.Kid, k.Use, k.Alg = kid, "sig", "ES256"
		set.Keys = append(set.Keys, k)
	}
	slices.SortFunc(set.Keys, func(a, b jwk) int { return strings.Compare(a.Kid, b.Kid) })
	return json.Marshal(set)
}

// UnmarshalJSON reads a JWK Set. Keys for other uses or algorithms are left out
// (RFC 7517 §5: unknown ones are ignored); a P-256 key that is not a point on
// the curve is an error.
func (s *Keyset) UnmarshalJSON(data []byte) error {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return err
	}
	*s = Keyset{}
	for _, k := range set.Keys {
		if k.Kty != "EC" || k.Crv != "P-256" || k.Kid == "" || (k.Use != "" && k.Use != "sig") || (k.Alg != "" && k.Alg != "ES256") {
			continue
		}
		x, errX := b64.DecodeString(k.X)
		y, errY := b64.DecodeString(k.Y)
		if err := errors.Join(errX, errY); err != nil || len(x) != 32 || len(y) != 32 {
			return fmt.Errorf("authn: key %q: coordinates are not 32 bytes of base64url", k.Kid)
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			return fmt.Errorf("authn: key %q: %w", k.Kid, err)
		}
		(*s)[k.Kid] = key
	}
	return nil
}

func newJWK(key *ecdsa.PublicKey) (jwk, error) {
	point, err := key.Bytes()
	if err != nil || len(point) != 65 {
		return jwk{}, fmt.Errorf("authn: not a P-256 key: %w", err)
	}
	return jwk{Kty: "EC", Crv: "P-256", X: base64.RawURLEncoding.EncodeToString(point[1:33]), Y: base64.RawURLEncoding.EncodeToString(point[33:])}, nil
}

// KeyID is the kid of a key: its SHA-256 thumbprint (RFC 7638).
func KeyID(key *ecdsa.PublicKey) (string, error) {
	k, err := newJWK(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

const (
	jwksFresh    = time.Minute     // then a use starts a refresh in the background,
	jwksStale    = 5 * time.Minute // and then a use waits for it
	jwksTimeout  = 3 * time.Second // for one fetch
	jwksMaxBytes = 64 << 10        // far over any real set
	jwksBurst    = 5               // fetches for unknown keys that may follow at once,
	jwksInterval = time.Second     // and the time in which one more is earned
)

// JWKS is a KeySource that fetches a JWK Set over HTTP and keeps it.
//
// A key that is not in the set makes it fetch again, once for all callers that
// wait, and not more often than about once a second, so that made-up kids
// cannot turn a service against auth. The set is refreshed each minute while in
// use, so a withdrawn key is forgotten; while auth is away the old set stays.
type JWKS struct {
	url    string
	client *http.Client
	now    func() time.Time
	set    atomic.Pointer[fetched]
	flight singleflight.Group

	mu       sync.Mutex
	earned   float64 // fetches for unknown keys that are allowed now
	earnedAt time.Time
}

type fetched struct {
	keys Keyset
	at   time.Time
}

// NewJWKS makes a JWKS that reads url with client (nil for one that neither
// follows redirects nor waits longer than 3 s). Nothing is fetched yet.
func NewJWKS(url string, client *http.Client) *JWKS {
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &JWKS{url: url, client: client, now: time.Now, earned: jwksBurst}
}

// Key finds a key, fetching the set when the key is unknown.
func (j *JWKS) Key(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	set := j.set.Load()
	if set != nil {
		if key, ok := set.keys[kid]; ok {
			age := j.now().Sub(set.at)
			if age < jwksFresh || !j.mayFetch() {
				return key, nil
			}
			refreshed := j.flight.DoChan("", j.fetch)
			if age < jwksStale {
				return key, nil
			}
			// Long unused: a key withdrawn meanwhile must not work once more.
			if res := <-refreshed; res.Err == nil {
				set = res.Val.(*fetched)
			}
			return set.keys.Key(ctx, kid)
		}
	}
	if !j.mayFetch() {
		if set == nil {
			return nil, ErrUnavailable.With(errors.New("authn: no keys from " + j.url + " yet"))
		}
		return set.keys.Key(ctx, kid)
	}
	select {
	case <-ctx.Done():
		return nil, ErrUnavailable.With(ctx.Err())
	case res := <-j.flight.DoChan("", j.fetch):
		if res.Err != nil {
			return nil, ErrUnavailable.With(res.Err)
		}
		return res.Val.(*fetched).keys.Key(ctx, kid)
	}
}

// mayFetch takes one of the allowed fetches (a token bucket).
func (j *JWKS) mayFetch() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	if !j.earnedAt.IsZero() {
		j.earned = min(jwksBurst, j.earned+float64(now.Sub(j.earnedAt))/float64(jwksInterval))
	}
	j.earnedAt = now
	if j.earned < 1 {
		return false
	}
	j.earned--
	return true
}

// fetch replaces the set. It has its own deadline: callers that share one fetch
// must not lose it because the first of them went away.
func (j *JWKS) fetch() (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), jwksTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.url, nil)
	if err != nil {
		return nil, fmt.Errorf("authn: fetch keys: %w", err)
	}
	resp, err := j.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("authn: fetch keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("authn: fetch keys: %s answered %s", j.url, resp.Status)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, jwksMaxBytes))
	if err != nil {
		return nil, fmt.Errorf("authn: fetch keys: %w", err)
	}
	set := &fetched{at: j.now()}
	if err := json.Unmarshal(body, &set.keys); err != nil {
		return nil, fmt.Errorf("authn: read keys of %s: %w", j.url, err)
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("authn: %s holds no ES256 key", j.url)
	}
	j.set.Store(set)
	return set, nil
}

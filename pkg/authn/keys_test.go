package authn

// In the package, to move the clock of a JWKS.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// authServer serves a JWK Set as auth does.
type authServer struct {
	*httptest.Server
	body    atomic.Value // string
	status  atomic.Int32
	fetches atomic.Int32
}

func newAuthServer(t *testing.T) *authServer {
	t.Helper()
	s := &authServer{}
	s.status.Store(http.StatusOK)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fetches.Add(1)
		w.WriteHeader(int(s.status.Load()))
		_, _ = w.Write([]byte(s.body.Load().(string)))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *authServer) publish(t *testing.T, keys ...*ecdsa.PublicKey) {
	t.Helper()
	set := Keyset{}
	for _, k := range keys {
		set[keyID(t, k)] = k
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	s.body.Store(string(b))
}

func keyID(t *testing.T, k *ecdsa.PublicKey) string {
	t.Helper()
	id, err := KeyID(k)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newPublicKey(t *testing.T) *ecdsa.PublicKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &k.PublicKey
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, next := newPublicKey(t), newPublicKey(t)
	s := newAuthServer(t)
	s.publish(t, old)
	j := NewJWKS(s.URL, nil)

	if k, err := j.Key(t.Context(), keyID(t, old)); err != nil || !k.Equal(old) {
		t.Fatal(k, err)
	}
	s.publish(t, old, next)
	if k, err := j.Key(t.Context(), keyID(t, next)); err != nil || !k.Equal(next) {
		t.Fatal("a new key must be found at once:", err)
	}
	if k, err := j.Key(t.Context(), keyID(t, old)); err != nil || !k.Equal(old) {
		t.Fatal("the old key must still be known:", err)
	}
	if n := s.fetches.Load(); n != 2 {
		t.Fatalf("fetched %d times, want 2", n)
	}
}

// A thousand made-up kids, even at once, cost auth a handful of requests, and do
// not keep those with a good key from being served.
func TestUnknownKeysDoNotFloodAuth(t *testing.T) {
	t.Parallel()
	key := newPublicKey(t)
	s := newAuthServer(t)
	s.publish(t, key)
	j := NewJWKS(s.URL, nil)
	now := time.Now()
	j.now = func() time.Time { return now }
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if _, err := j.Key(t.Context(), rand.Text()); !errors.Is(err, ErrUnauthenticated) && !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
			if k, err := j.Key(t.Context(), keyID(t, key)); err == nil && !k.Equal(key) {
				t.Error("wrong key")
			}
		})
	}
	all.Wait()
	if n := s.fetches.Load(); n > jwksBurst {
		t.Fatalf("auth was asked %d times", n)
	}
	if _, err := j.Key(t.Context(), keyID(t, key)); err != nil {
		t.Fatal(err)
	}
	before := s.fetches.Load()
	now = now.Add(jwksInterval)
	if _, err := j.Key(t.Context(), "another"); !errors.Is(err, ErrUnauthenticated) {
		t.Fatal(err)
	}
	if s.fetches.Load() != before+1 {
		t.Fatal("after a second it may ask again")
	}
}

func TestAuthAway(t *testing.T) {
	t.Parallel()
	key := newPublicKey(t)
	s := newAuthServer(t)
	s.publish(t, key)
	s.status.Store(http.StatusBadGateway)
	j := NewJWKS(s.URL, nil)
	now := time.Now()
	j.now = func() time.Time { return now }

	if _, err := j.Key(t.Context(), keyID(t, key)); !errors.Is(err, ErrUnavailable) {
		t.Fatal("no keys yet, so nothing can be said of a token:", err)
	}
	s.status.Store(http.StatusOK)
	if _, err := j.Key(t.Context(), keyID(t, key)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, age := range []time.Duration{0, jwksFresh + time.Second, time.Hour} {
		now = now.Add(age)
		if _, err := j.Key(t.Context(), keyID(t, key)); err != nil {
			t.Fatalf("a known key must outlive auth, after %v: %v", age, err)
		}
	}
}

func TestWithdrawnKey(t *testing.T) {
	t.Parallel()
	bad, good := newPublicKey(t), newPublicKey(t)
	s := newAuthServer(t)
	s.publish(t, bad, good)
	j := NewJWKS(s.URL, nil)
	now := time.Now()
	j.now = func() time.Time { return now }
	if _, err := j.Key(t.Context(), keyID(t, bad)); err != nil {
		t.Fatal(err)
	}
	s.publish(t, good)
	now = now.Add(jwksStale)
	if _, err := j.Key(t.Context(), keyID(t, bad)); !errors.Is(err, ErrUnauthenticated) {
		t.Fatal("a key withdrawn long ago must not work once more:", err)
	}
}

func TestBadSets(t *testing.T) {
	t.Parallel()
	good := newPublicKey(t)
	raw, err := json.Marshal(Keyset{"good": good})
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(string(raw), `{"keys":[`), `]}`)
	s := newAuthServer(t)
	for name, body := range map[string]string{
		"not JSON":       "<html>",
		"no keys":        `{"keys":[]}`,
		"only RSA":       `{"keys":[{"kty":"RSA","kid":"good","n":"AQAB","e":"AQAB"}]}`,
		"for encryption": strings.Replace(string(raw), `"sig"`, `"enc"`, 1),
		"symmetric":      `{"keys":[{"kty":"oct","kid":"good","k":"c2VjcmV0"}]}`,
		"not on curve":   `{"keys":[{"kty":"EC","crv":"P-256","kid":"good","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}]}`,
		"short":          `{"keys":[{"kty":"EC","crv":"P-256","kid":"good","x":"AA","y":"AA"}]}`,
		"huge":           `{"keys":[` + key + strings.Repeat(" ", jwksMaxBytes) + `]}`,
	} {
		s.body.Store(body)
		if k, err := NewJWKS(s.URL, nil).Key(t.Context(), "good"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: got %v, %v", name, k, err)
		}
	}
	// A key of another sort beside a good one is passed over.
	s.body.Store(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"new","x":"AA"},` + key + `]}`)
	if k, err := NewJWKS(s.URL, nil).Key(t.Context(), "good"); err != nil || !k.Equal(good) {
		t.Error(k, err)
	}
}

// A redirect would let whoever can answer for auth's name once choose the keys.
func TestNoRedirects(t *testing.T) {
	t.Parallel()
	evil := newAuthServer(t)
	key := newPublicKey(t)
	evil.publish(t, key)
	s := httptest.NewServer(http.RedirectHandler(evil.URL, http.StatusFound))
	t.Cleanup(s.Close)
	if _, err := NewJWKS(s.URL, nil).Key(t.Context(), keyID(t, key)); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
}

package testkit

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/seal"
)

const testIssuer = "https://jobpilot.test"

// API is the HTTP edge of a service under test, as it runs: credentials, rules,
// validation and idempotency are real, only the keys are the test's own. Every
// answer is held against the contract.
type API struct {
	handler  http.Handler
	contract *Contract
	signer   authn.SigningKey
}

// NewAPI puts the options' Spec, Access and Routes behind the edge; what else is
// set in them stays.
func NewAPI(tb testing.TB, o httpx.Options) *API {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	a := &API{contract: NewContract(tb, o.Spec), signer: authn.SigningKey{ID: "test", Key: key}}
	if o.Obs == nil {
		if o.Obs, err = obs.Start(context.Background(), obs.Config{Service: "test", Version: "test", Output: io.Discard}); err != nil {
			tb.Fatal(err)
		}
	}
	client, _ := Redis(tb)
	live := func(context.Context, authn.Principal) error { return nil }
	o.Auth = authn.New(authn.NewVerifier(testIssuer, authn.Keyset{"test": &key.PublicKey}, nil), authn.NewRevocations(client, live), introspect)
	if a.handler, err = httpx.New(o); err != nil {
		tb.Fatal(err)
	}
	return a
}

// introspect knows every key that Caller makes: it says itself whose it is.
func introspect(_ context.Context, key string) (authn.Principal, error) {
	if service, ok := strings.CutPrefix(key, authn.ServiceKeyPrefix); ok {
		return authn.Principal{Kind: authn.KindService, Service: service, KeyID: uuid.New()}, nil
	}
	owner, scopes, _ := strings.Cut(strings.TrimPrefix(key, authn.APIKeyPrefix), "__")
	id, err := uuid.Parse(owner)
	if err != nil {
		return authn.Principal{}, authn.ErrUnauthenticated
	}
	p := authn.Principal{Kind: authn.KindAPIKey, UserID: id, KeyID: uuid.New(), Roles: []authn.Role{authn.RoleUser}}
	for s := range strings.SplitSeq(scopes, "__") {
		p.Scopes = append(p.Scopes, strings.ReplaceAll(s, "_", ":"))
	}
	return p, nil
}

// Caller sends requests as somebody.
type Caller struct {
	ID     uuid.UUID // of the user; zero for nobody and for services
	api    *API
	name   string
	secret string
}

// Nobody is a caller without a credential.
func (a *API) Nobody() *Caller { return &Caller{api: a} }

// User is a caller with an access token; a zero id is a new user's.
func (a *API) User(tb testing.TB, id uuid.UUID, roles ...authn.Role) *Caller {
	tb.Helper()
	if id == uuid.Nil {
		id = uuid.Must(uuid.NewV7())
	}
	if len(roles) == 0 {
		roles = []authn.Role{authn.RoleUser}
	}
	now := time.Now()
	c := authn.Claims{
		Issuer: testIssuer, UserID: id, SessionID: uuid.New(), TokenID: uuid.New(),
		AuthTime: now, IssuedAt: now, ExpiresAt: now.Add(authn.AccessTokenTTL),
	}
	for _, r := range roles {
		c.Roles = append(c.Roles, r.String())
	}
	token, err := a.signer.Sign(c)
	if err != nil {
		tb.Fatal(err)
	}
	return &Caller{id, a, "Authorization", "Bearer " + token}
}

// APIKey is a caller with a personal API key of the scopes, such as
// "profile:read".
func (a *API) APIKey(id uuid.UUID, scopes ...string) *Caller {
	key := authn.APIKeyPrefix + id.String() + "__" + strings.ReplaceAll(strings.Join(scopes, "__"), ":", "_")
	return &Caller{id, a, authn.HeaderAPIKey, key}
}

// Service is a caller with the key of another service.
func (a *API) Service(name string) *Caller {
	return &Caller{uuid.Nil, a, authn.HeaderServiceKey, authn.ServiceKeyPrefix + name}
}

// Reply is what came back.
type Reply struct {
	*httptest.ResponseRecorder
	tb   testing.TB
	what string
}

// Do sends a request with a body as JSON, unless it is nil or []byte, and further
// headers as name, value, name, value …
func (c *Caller) Do(tb testing.TB, method, path string, body any, headers ...string) *Reply {
	tb.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		in = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			tb.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, path, in)
	switch {
	case body == nil:
	case method == http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	default:
		r.Header.Set("Content-Type", "application/json")
	}
	if c.name != "" {
		r.Header.Set(c.name, c.secret)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.api.handler.ServeHTTP(w, r)
	c.api.contract.Check(r, w.Code, w.Header(), w.Body.Bytes())
	return &Reply{w, tb, method + " " + path}
}

// Want fails the test if the status is another.
func (r *Reply) Want(status int) *Reply {
	r.tb.Helper()
	if r.Code != status {
		r.tb.Fatalf("%s: %d, want %d: %s", r.what, r.Code, status, r.Body)
	}
	return r
}

// WantProblem fails the test unless the answer is a problem of this status and
// code.
func (r *Reply) WantProblem(status int, code string) *Reply {
	r.tb.Helper()
	var p struct{ Code string }
	if r.Want(status).JSON(&p); p.Code != code {
		r.tb.Fatalf("%s: the problem is %q, want %q: %s", r.what, p.Code, code, r.Body)
	}
	return r
}

// JSON decodes the body.
func (r *Reply) JSON(v any) *Reply {
	r.tb.Helper()
	if err := json.Unmarshal(r.Body.Bytes(), v); err != nil {
		r.tb.Fatalf("%s: %v: %s", r.what, err, r.Body)
	}
	return r
}

// SealKeys are keys for columns that only the test opens.
func SealKeys(tb testing.TB) *seal.Keys {
	tb.Helper()
	keys, err := seal.ParseKeys("1:" + strings.Repeat("c2Vh", 10) + "c2U=")
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

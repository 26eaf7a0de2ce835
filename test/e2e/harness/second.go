package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

// secondSpec is the contract of the second service: one operation for each thing
// that a credential can be good for.
const secondSpec = `
openapi: 3.0.3
info: {title: second, version: 1.0.0}
paths:
  /second/user: {get: {operationId: forUsers, responses: {'204': {description: Yes.}}}}
  /second/premium: {get: {operationId: forPremium, responses: {'204': {description: Yes.}}}}
  /second/key: {get: {operationId: forKeys, responses: {'204': {description: Yes.}}}}
`

var secondAccess = map[string]authn.Rule{
	"forUsers":   {Role: authn.RoleUser},
	"forPremium": {Role: authn.RolePremium},
	"forKeys":    {Role: authn.RoleUser, Scope: "account:read"},
}

var second struct {
	sync.Mutex
	server *httptest.Server
}

// Second is the address of another service than auth, made as all others are:
// it knows auth's public keys by URL, shares its Redis, and asks it with a
// service key for what neither tells.
func Second(t testing.TB) string {
	t.Helper()
	second.Lock()
	defer second.Unlock()
	if second.server == nil {
		second.server = httptest.NewServer(newSecond(t))
	}
	return second.server.URL
}

func newSecond(t testing.TB) http.Handler {
	t.Helper()
	o, err := obs.Start(t.Context(), obs.Config{Service: "second", Version: "test", Output: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	client, err := cache.Open(Env(t, "REDIS_URL"), o.Registry)
	if err != nil {
		t.Fatal(err)
	}
	asks := asker{httpx.NewClient(config.Secret(ServiceKey(t, "user")), 0), Env(t, "AUTH_URL")}
	handler, err := httpx.New(httpx.Options{
		Obs: o, Spec: []byte(secondSpec), Access: secondAccess,
		Auth: authn.New(authn.NewVerifier(Env(t, "TOKEN_ISSUER"), authn.NewJWKS(Env(t, "JWKS_URL"), nil), nil),
			authn.NewRevocations(client, asks.session), asks.key),
		Routes: func(r chi.Router) {
			yes := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
			r.Get("/second/user", yes)
			r.Get("/second/premium", yes)
			r.Get("/second/key", yes)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// asker asks auth what only auth knows.
type asker struct {
	client *http.Client
	auth   string
}

func (a asker) session(ctx context.Context, p authn.Principal) error {
	var status struct {
		Active    bool
		NotBefore *time.Time
	}
	if err := a.ask(ctx, http.MethodGet, "/internal/v1/sessions/"+p.SessionID.String(), nil, &status); err != nil {
		return err
	}
	if !status.Active || status.NotBefore != nil && p.IssuedAt.Before(authn.IssuedAtLeast(*status.NotBefore)) {
		return authn.ErrUnauthenticated
	}
	return nil
}

func (a asker) key(ctx context.Context, key string) (authn.Principal, error) {
	var k struct {
		Active        bool
		KeyID, UserID uuid.UUID
		Roles, Scopes []string
	}
	if err := a.ask(ctx, http.MethodPost, "/internal/v1/api-keys/introspect", map[string]string{"key": key}, &k); err != nil {
		return authn.Principal{}, err
	}
	if !k.Active {
		return authn.Principal{}, authn.ErrUnauthenticated
	}
	p := authn.Principal{Kind: authn.KindAPIKey, UserID: k.UserID, KeyID: k.KeyID, Scopes: k.Scopes}
	for _, name := range k.Roles {
		if role, ok := authn.ParseRole(name); ok {
			p.Roles = append(p.Roles, role)
		}
	}
	return p, nil
}

func (a asker) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.auth+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, raw)
	}
	return json.Unmarshal(raw, out)
}

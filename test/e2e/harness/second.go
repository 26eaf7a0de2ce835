package harness

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"

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
	auth := authn.NewRemote(Env(t, "AUTH_URL"), httpx.NewClient(config.Secret(ServiceKey(t, "user")), 0))
	handler, err := httpx.New(httpx.Options{
		Obs: o, Spec: []byte(secondSpec), Access: secondAccess,
		Auth: authn.New(authn.NewVerifier(Env(t, "TOKEN_ISSUER"), authn.NewJWKS(Env(t, "JWKS_URL"), nil), nil),
			authn.NewRevocations(client, auth.CheckSession), auth.Introspect),
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

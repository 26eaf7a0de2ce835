package authn_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func TestRules(t *testing.T) {
	t.Parallel()
	now := epoch
	recent, old := now.Add(-authn.StepUpWindow), now.Add(-authn.StepUpWindow-time.Second)
	as := func(roles ...authn.Role) authn.Principal {
		return authn.Principal{Kind: authn.KindUser, Roles: roles, AuthTime: recent}
	}
	stale := as(authn.RoleSuperAdmin)
	stale.AuthTime = old
	key := func(role authn.Role, scopes ...string) authn.Principal {
		return authn.Principal{Kind: authn.KindAPIKey, Roles: []authn.Role{role}, Scopes: scopes, AuthTime: recent}
	}
	service := authn.Principal{Kind: authn.KindService, Service: "user"}
	stranger := authn.Principal{}

	public := authn.Rule{Role: authn.RoleNone}
	users := authn.Rule{Role: authn.RoleUser}
	premium := authn.Rule{Role: authn.RolePremium}
	admins := authn.Rule{Role: authn.RoleAdmin}
	scoped := authn.Rule{Role: authn.RoleUser, Scope: "sessions:read"}
	stepUp := authn.Rule{Role: authn.RoleUser, StepUp: true}
	stepUpScoped := authn.Rule{Role: authn.RoleUser, StepUp: true, Scope: "sessions:read"}
	internal := authn.Rule{Services: []string{"user", "orchestrator"}}

	for name, c := range map[string]struct {
		rule authn.Rule
		by   authn.Principal
		want error
	}{
		"public by stranger":            {public, stranger, nil},
		"public by service":             {public, service, nil},
		"user by stranger":              {users, stranger, authn.ErrUnauthenticated},
		"user by user":                  {users, as(authn.RoleUser), nil},
		"user by super admin":           {users, as(authn.RoleSuperAdmin), nil},
		"user by nobody":                {users, as(), authn.ErrForbidden},
		"user by service":               {users, service, authn.ErrForbidden},
		"user by API key without scope": {users, key(authn.RoleAdmin, "sessions:read"), authn.ErrScope},
		"premium by user":               {premium, as(authn.RoleUser), authn.ErrForbidden},
		"premium by premium":            {premium, as(authn.RolePremium), nil},
		"premium by admin":              {premium, as(authn.RoleAdmin), nil},
		"premium by either":             {premium, as(authn.RoleUser, authn.RolePremium), nil},
		"admin by premium":              {admins, as(authn.RolePremium), authn.ErrForbidden},
		"admin by admin":                {admins, as(authn.RoleAdmin), nil},
		"scope by key with it":          {scoped, key(authn.RoleUser, "jobs:read", "sessions:read"), nil},
		"scope by key with another":     {scoped, key(authn.RoleUser, "sessions"), authn.ErrScope},
		"scope by key of nobody":        {scoped, key(0, "sessions:read"), authn.ErrForbidden},
		"scope by user":                 {scoped, as(authn.RoleUser), nil},
		"step up, fresh":                {stepUp, as(authn.RoleUser), nil},
		"step up, old":                  {stepUp, stale, authn.ErrStepUpRequired},
		"step up, key":                  {stepUpScoped, key(authn.RoleUser, "sessions:read"), authn.ErrScope},
		"step up, stranger":             {stepUp, stranger, authn.ErrUnauthenticated},
		"internal by its service":       {internal, service, nil},
		"internal by another service":   {internal, authn.Principal{Kind: authn.KindService, Service: "ai"}, authn.ErrForbidden},
		"internal by super admin":       {internal, as(authn.RoleSuperAdmin), authn.ErrForbidden},
		"internal by user named so":     {internal, authn.Principal{Kind: authn.KindUser, Service: "user"}, authn.ErrForbidden},
		"internal by stranger":          {internal, stranger, authn.ErrUnauthenticated},
		"empty rule by super admin":     {authn.Rule{}, as(authn.RoleSuperAdmin), nil},
		"empty rule by stranger":        {authn.Rule{}, stranger, authn.ErrUnauthenticated},
	} {
		if err := c.rule.Check(c.by, now); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if (authn.Rule{}).Valid() || (authn.Rule{Role: 99}).Valid() || !internal.Valid() || !public.Valid() {
		t.Error("Valid")
	}
	for _, name := range []string{"none", "user", "premium", "admin", "super_admin"} {
		if r, ok := authn.ParseRole(name); !ok || r.String() != name {
			t.Errorf("%s does not survive: %v", name, r)
		}
	}
	if b, err := json.Marshal([]authn.Role{authn.RoleUser, authn.RoleAdmin}); err != nil || string(b) != `["user","admin"]` {
		t.Errorf("%s %v", b, err)
	}
	for _, name := range []string{"", "root", "Admin"} {
		if r, ok := authn.ParseRole(name); ok {
			t.Errorf("%q is no role, got %v", name, r)
		}
	}
}

// world is a service with an authenticator, a Redis and keys looked up in a map.
type world struct {
	*authn.Authenticator
	redis       *testkit.RedisServer
	revocations *authn.Revocations
	ledger      *ledger
	signer      authn.SigningKey
	lookups     atomic.Int32

	mu   sync.Mutex
	keys map[string]authn.Principal
	down bool
	now  time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{redis: testkit.StartRedis(t), ledger: &ledger{}, signer: newKey(t), keys: map[string]authn.Principal{}, now: time.Now()}
	w.revocations = authn.NewRevocations(w.redis.Client(), w.ledger.check)
	keep(t, w.revocations, w.ledger)
	ready(t, w.redis.Client())
	w.Authenticator = authn.New(authn.NewVerifier(issuer, keyset(w.signer), w.clock), w.revocations, w.introspect)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) introspect(_ context.Context, key string) (authn.Principal, error) {
	w.lookups.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return authn.Principal{}, errors.New("auth is away")
	}
	p, ok := w.keys[key]
	if !ok {
		return authn.Principal{}, errs.New(errs.Unauthenticated, "unknown_key", "no such key")
	}
	return p, nil
}

func (w *world) token(t *testing.T, roles ...string) (string, authn.Claims) {
	t.Helper()
	c := claims()
	c.Roles, c.IssuedAt, c.AuthTime = roles, w.clock(), w.clock()
	c.ExpiresAt = c.IssuedAt.Add(authn.AccessTokenTTL)
	token, err := w.signer.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return token, c
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, c := w.token(t, "user")
	const apiKey, serviceKey = "jpk_0123456789abcdefghij", "jps_user_0123456789abcdefghij"
	w.keys[apiKey] = authn.Principal{Kind: authn.KindAPIKey, UserID: c.UserID, KeyID: uuid.New(), Roles: []authn.Role{authn.RoleUser}, Scopes: []string{"jobs:read"}}
	w.keys[serviceKey] = authn.Principal{Kind: authn.KindService, Service: "user", KeyID: uuid.New()}
	// What auth says of a key must fit the header it came in.
	w.keys["jpk_really_a_service"] = w.keys[serviceKey]

	users, scoped := authn.Rule{Role: authn.RoleUser}, authn.Rule{Role: authn.RoleUser, Scope: "jobs:read"}
	internal, public := authn.Rule{Services: []string{"user"}}, authn.Rule{Role: authn.RoleNone}
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for pair := range slices.Chunk(pairs, 2) {
			h.Add(pair[0], pair[1])
		}
		return h
	}
	for name, c := range map[string]struct {
		rule   authn.Rule
		header http.Header
		want   error
		kind   authn.Kind
	}{
		"none":                      {users, nil, authn.ErrUnauthenticated, 0},
		"token":                     {users, header("Authorization", "Bearer "+token), nil, authn.KindUser},
		"token, scheme in any case": {users, header("authorization", "bEARER "+token), nil, authn.KindUser},
		"token without scheme":      {users, header("Authorization", token), authn.ErrUnauthenticated, 0},
		"token twice":               {users, header("Authorization", "Bearer "+token, "Authorization", "Bearer "+token), authn.ErrUnauthenticated, 0},
		"token and key":             {scoped, header("Authorization", "Bearer "+token, "X-API-Key", apiKey), authn.ErrUnauthenticated, 0},
		"basic":                     {users, header("Authorization", "Basic dXNlcjpwYXNz"), authn.ErrUnauthenticated, 0},
		"empty bearer":              {users, header("Authorization", "Bearer "), authn.ErrUnauthenticated, 0},
		"key as bearer":             {scoped, header("Authorization", "Bearer "+apiKey), authn.ErrUnauthenticated, 0},
		"token in a cookie":         {users, header("Cookie", "access_token="+token), authn.ErrUnauthenticated, 0},
		"API key":                   {scoped, header("X-API-Key", apiKey), nil, authn.KindAPIKey},
		"API key, unknown":          {scoped, header("X-API-Key", "jpk_unknown"), authn.ErrUnauthenticated, 0},
		"API key, not ours":         {scoped, header("X-API-Key", "sk_live_123"), authn.ErrUnauthenticated, 0},
		"API key, only prefix":      {scoped, header("X-API-Key", "jpk_"), authn.ErrUnauthenticated, 0},
		"API key with SQL":          {scoped, header("X-API-Key", "jpk_' OR 1=1 --"), authn.ErrUnauthenticated, 0},
		"API key, huge":             {scoped, header("X-API-Key", "jpk_"+strings.Repeat("a", 1<<16)), authn.ErrUnauthenticated, 0},
		"API key where not allowed": {users, header("X-API-Key", apiKey), authn.ErrScope, authn.KindAPIKey},
		"service key":               {internal, header("X-Service-Key", serviceKey), nil, authn.KindService},
		"service key as API key":    {internal, header("X-API-Key", serviceKey), authn.ErrUnauthenticated, 0},
		"service key behind jpk_":   {scoped, header("X-API-Key", "jpk_really_a_service"), authn.ErrUnavailable, 0},
		"service key for users":     {users, header("X-Service-Key", serviceKey), authn.ErrForbidden, authn.KindService},
		"token for internal":        {internal, header("Authorization", "Bearer "+token), authn.ErrForbidden, authn.KindUser},
		"public with a bad token":   {public, header("Authorization", "Bearer nonsense"), nil, 0},
		"public with a good token":  {public, header("Authorization", "Bearer "+token), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := w.Authenticate(request(t, c.header), c.rule, nil)
			if !errors.Is(err, c.want) || p.Kind != c.kind {
				t.Fatalf("got %v, %v", p.Kind, err)
			}
		})
	}
}

func TestAuthenticateSeesRevocations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, c := w.token(t, "user")
	rule, header := authn.Rule{Role: authn.RoleUser}, http.Header{"Authorization": {"Bearer " + token}}
	if _, err := w.Authenticate(request(t, header), rule, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.revocations.Revoke(t.Context(), authn.Revocation{SessionID: c.SessionID}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(request(t, header), rule, nil); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Fatal(err)
	}
}

func TestKeysAreRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const key = "jpk_0123456789"
	id, rule := uuid.New(), authn.Rule{Role: authn.RoleUser, Scope: "jobs:read"}
	w.keys[key] = authn.Principal{Kind: authn.KindAPIKey, UserID: uuid.New(), KeyID: id, Roles: []authn.Role{authn.RoleUser}, Scopes: []string{"jobs:read"}}
	call := func() error {
		_, err := w.Authenticate(request(t, http.Header{"X-Api-Key": {key}}), rule, nil)
		return err
	}
	lookups := func(want int32, why string) {
		t.Helper()
		if n := w.lookups.Swap(0); n != want {
			t.Fatalf("%s: %d look-ups, want %d", why, n, want)
		}
	}
	for range 5 {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	lookups(1, "five calls")

	w.change(func() { w.now = w.now.Add(5 * time.Second) })
	if err := call(); err != nil {
		t.Fatal(err)
	}
	lookups(1, "after 5 s")

	// Revoked: the next call knows, through Redis, that memory is out of date.
	w.change(func() { delete(w.keys, key) })
	if err := w.revocations.Revoke(t.Context(), authn.Revocation{KeyID: id}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := call(); !errors.Is(err, authn.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	w.lookups.Store(0)
}

// A change of the key's user counts at once as well, and Redis being away means
// asking each time, not believing memory.
func TestKeysAndTheirUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const key = "jpk_0123456789"
	userID, rule := uuid.New(), authn.Rule{Role: authn.RolePremium, Scope: "jobs:read"}
	of := func(role authn.Role) authn.Principal {
		return authn.Principal{Kind: authn.KindAPIKey, UserID: userID, KeyID: uuid.New(), Roles: []authn.Role{role}, Scopes: []string{"jobs:read"}}
	}
	w.keys[key] = of(authn.RolePremium)
	call := func() error {
		_, err := w.Authenticate(request(t, http.Header{"X-Api-Key": {key}}), rule, nil)
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	w.change(func() { w.keys[key] = of(authn.RoleUser) })
	if err := w.revocations.Revoke(t.Context(), authn.Revocation{UserID: userID, Before: w.clock().Add(time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	if err := call(); !errors.Is(err, authn.ErrForbidden) {
		t.Fatal("lost a role:", err)
	}
	w.redis.Stop()
	w.change(func() { delete(w.keys, key) })
	if err := call(); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Fatal("Redis away, key gone:", err)
	}
	w.change(func() { w.down = true })
	if err := call(); !errors.Is(err, authn.ErrUnavailable) {
		t.Fatal("Redis and auth away:", err)
	}
}

func TestQueueJoinsTheRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, c := w.token(t, "user")
	header := http.Header{"Authorization": {"Bearer " + token}}
	var got authn.Principal
	var hits *redis.IntCmd
	queue := func(pipe redis.Pipeliner, p authn.Principal) { got, hits = p, pipe.Incr(context.Background(), "hits") }
	if _, err := w.Authenticate(request(t, header), authn.Rule{Role: authn.RoleUser}, queue); err != nil {
		t.Fatal(err)
	}
	if got.UserID != c.UserID || hits.Val() != 1 {
		t.Fatal(got, hits)
	}
	// Who may not call is not counted.
	if _, err := w.Authenticate(request(t, header), authn.Rule{Role: authn.RoleAdmin}, queue); !errors.Is(err, authn.ErrForbidden) {
		t.Fatal(err)
	}
	if n := w.redis.Client().Get(t.Context(), "hits").Val(); n != "1" {
		t.Fatal(n)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	if p := authn.FromContext(t.Context()); p.Kind != authn.KindAnonymous || p.ID() != "" {
		t.Fatal(p)
	}
	want := user()
	if p := authn.FromContext(authn.NewContext(t.Context(), want)); p.ID() != "user:"+want.UserID.String() {
		t.Fatal(p)
	}
}

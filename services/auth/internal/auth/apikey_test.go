package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func (f *fixture) apiKey(p authn.Principal, scopes ...string) (string, APIKey) {
	f.t.Helper()
	secret, key, err := f.CreateAPIKey(f.t.Context(), p, "test", scopes, nil, home)
	must(f.t, err)
	return secret, key
}

// inactive reports whether a key is refused.
func (f *fixture) inactive(key string) bool {
	f.t.Helper()
	_, err := f.Introspect(f.t.Context(), key)
	if err != nil && errs.KindOf(err) != errs.Unauthenticated {
		f.t.Fatal(err)
	}
	return err != nil
}

func TestAnAPIKeyIsItsOwner(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, key := f.apiKey(p, "sessions:read", "account:read")
	if !strings.HasPrefix(secret, "jpk_") || len(secret) != 47 || key.Prefix != secret[:8] || key.ExpiresAt.Sub(key.CreatedAt) != apiKeyTTL {
		t.Fatalf("key %s is %+v", secret, key)
	}
	got, err := f.Introspect(t.Context(), secret)
	must(t, err)
	if got.Kind != authn.KindAPIKey || got.UserID != p.UserID || got.KeyID != key.ID || !got.HasRole(authn.RoleUser) || got.HasRole(authn.RolePremium) ||
		!slices.Equal(got.Scopes, []string{"account:read", "sessions:read"}) {
		t.Fatalf("principal is %+v", got)
	}
	if n := f.count("SELECT count(*) FROM api_keys WHERE hash = sha256(convert_to($1::text, 'UTF8')) AND NOT prefix = $1", secret); n != 1 {
		t.Fatal("the key is not stored by its SHA-256")
	}
	if d := f.mail(NotificationMessageSendKindAuthMFAChanged, "ada@example.com"); d["change"] != "api_key_created" {
		t.Fatalf("the owner was told %v", d)
	}
}

func TestAPIKeyRequestsAreChecked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	at := func(d time.Duration) *time.Time { when := f.now().Add(d); return &when }
	account := []string{"account:read"}
	for _, c := range []struct {
		name, code string
		scopes     []string
		expires    *time.Time
	}{
		{"  ", "invalid_name", account, nil},
		{strings.Repeat("ü", 101), "invalid_name", account, nil},
		{strings.Repeat("ü", 100), "", account, nil},
		{"x", "invalid_scopes", nil, nil},
		{"x", "invalid_scopes", []string{"account:read", "admin"}, nil},
		{"x", "invalid_expiry", account, at(-time.Second)},
		{"x", "invalid_expiry", account, at(apiKeyMaxTTL + time.Minute)},
		{"x", "", account, at(apiKeyMaxTTL)},
	} {
		_, _, err := f.CreateAPIKey(t.Context(), p, c.name, c.scopes, c.expires, home)
		if c.code == "" {
			must(t, err)
			continue
		}
		wantCode(t, err, c.code)
	}
}

func TestAPIKeysOverTheLimitAreRefusedAlsoInARace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	var wg sync.WaitGroup
	for range maxAPIKeys + 10 {
		wg.Go(func() { _, _, _ = f.CreateAPIKey(t.Context(), p, "x", []string{"account:read"}, nil, home) })
	}
	wg.Wait()
	list, err := f.ListAPIKeys(t.Context(), p)
	must(t, err)
	if len(list) != maxAPIKeys {
		t.Fatalf("%d keys", len(list))
	}
	_, _, err = f.CreateAPIKey(t.Context(), p, "x", []string{"account:read"}, nil, home)
	wantCode(t, err, "too_many_api_keys")
	must(t, f.RevokeAPIKey(t.Context(), p, list[0].ID, home))
	f.apiKey(p, "account:read")
}

func TestARevokedAPIKeyIsRefusedAtOnceThoughItWasRemembered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	secret, key := f.apiKey(p, "account:read")
	edge := authn.New(authn.NewVerifier("https://jobpilot.test", f.Signer, f.clock.now), f.Revocations, f.Introspect)
	call := func() error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set(authn.HeaderAPIKey, secret)
		_, err := edge.Authenticate(r, authn.Rule{Role: authn.RoleUser, Scope: "account:read"}, nil)
		return err
	}
	must(t, call())
	wantCode(t, f.RevokeAPIKey(t.Context(), eve, key.ID, home), "api_key_not_found")
	must(t, call())
	must(t, f.RevokeAPIKey(t.Context(), p, key.ID, home))
	wantCode(t, call(), "unauthenticated")
	if n := f.count("SELECT count(*) FROM revocations WHERE kind = 'key' AND id = $1", key.ID); n != 1 {
		t.Fatal("services that remember the key are not told")
	}
	wantCode(t, f.RevokeAPIKey(t.Context(), p, key.ID, home), "api_key_not_found")
}

func TestAPIKeysEndWithTimeAndWithTheirOwner(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	p, _ := f.signedIn("ada@example.com")
	secret, _ := f.apiKey(p, "account:read")

	_, err := f.SetUserRoles(t.Context(), root, p.UserID, []string{"user", "premium"}, home)
	must(t, err)
	got, err := f.Introspect(t.Context(), secret)
	must(t, err)
	if !got.HasRole(authn.RolePremium) {
		t.Fatal("a new role does not show in the key")
	}
	_, err = f.DisableUser(t.Context(), root, p.UserID, "spam", home)
	must(t, err)
	if !f.inactive(secret) {
		t.Fatal("the key of a disabled account is active")
	}
	_, err = f.EnableUser(t.Context(), root, p.UserID, home)
	must(t, err)
	if f.inactive(secret) {
		t.Fatal("the key of an enabled account is not active")
	}
	f.clock.advance(apiKeyTTL)
	if !f.inactive(secret) {
		t.Fatal("an expired key is active")
	}
	if list, err := f.ListAPIKeys(t.Context(), p); err != nil || len(list) != 1 {
		t.Fatalf("%d keys listed, %v: an expired one is shown until it is revoked", len(list), err)
	}
	other, _ := f.signedIn("eve@example.com")
	secret, _ = f.apiKey(other, "account:read")
	must(t, f.DeleteAccount(t.Context(), root, other.UserID, home))
	if !f.inactive(secret) {
		t.Fatal("the key of a deleted account is active")
	}
}

func TestForeignTextIsNoKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, _ := f.apiKey(p, "account:read")
	service, err := f.IssueServiceKey(t.Context(), "user", 0)
	must(t, err)
	for _, key := range []string{"", "jpk_", "jpk_x", secret[:46], secret + "x", strings.ToUpper(secret), "jpk_" + strings.Repeat("x", 300), "jps_user_", "' OR 1=1 --"} {
		if !f.inactive(key) {
			t.Errorf("%q is a key", key)
		}
	}
	if _, err := f.IntrospectServiceKey(t.Context(), secret); err == nil {
		t.Error("an API key passes for a service key")
	}
	if _, err := f.IntrospectAPIKey(t.Context(), service); err == nil {
		t.Error("a service key passes for an API key")
	}
}

func TestTheLastUseIsRecordedOnceAMinuteOutsideOfTheRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, key := f.apiKey(p, "account:read")
	used := func() *time.Time {
		list, err := f.ListAPIKeys(t.Context(), p)
		must(t, err)
		return list[0].LastUsedAt
	}
	if f.inactive(secret) || used() != nil {
		t.Fatal("the look-up itself wrote the last use")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = f.KeepKeyUse(ctx) }()
	testkit.Eventually(t, "the first use is recorded", func() bool { return used() != nil })
	first := *used()

	f.clock.advance(keyUseEvery / 2)
	f.inactive(secret)
	must(t, f.recordKeyUse(t.Context(), key.ID)) // as another replica may
	if again := used(); !again.Equal(first) {
		t.Fatalf("used %v after %v was written", again, first)
	}
	f.clock.advance(keyUseEvery)
	f.inactive(secret)
	testkit.Eventually(t, "a use a minute later is recorded", func() bool { return used().After(first) })
}

func TestKeyUseNeverHoldsUpALookUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, _ := f.signedIn("ada@example.com")
	secret, _ := f.apiKey(p, "account:read")
	for range keyUseWaiting {
		f.keyUse <- uuid.Nil
	}
	if f.inactive(secret) { // nobody takes from the channel
		t.Fatal("the key is not active")
	}
}

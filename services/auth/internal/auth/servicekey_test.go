package auth

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/authn"
)

func (f *fixture) serviceKey(service string, grace time.Duration) string {
	f.t.Helper()
	key, err := f.IssueServiceKey(f.t.Context(), service, grace)
	must(f.t, err)
	return key
}

func TestAServiceHasTwoValidKeysAtMost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.serviceKey("auto-apply", ServiceKeyGrace)
	if !strings.HasPrefix(first, "jps_auto-apply_") || len(first) != len("jps_auto-apply_")+43 {
		t.Fatalf("key is %s", first)
	}
	p, err := f.Introspect(t.Context(), first)
	must(t, err)
	if p.Kind != authn.KindService || p.Service != "auto-apply" {
		t.Fatalf("principal is %+v", p)
	}
	other := f.serviceKey("user", ServiceKeyGrace)
	f.clock.advance(90 * 24 * time.Hour)

	second := f.serviceKey("auto-apply", ServiceKeyGrace)
	if f.inactive(first) || f.inactive(second) {
		t.Fatal("during the grace period both keys must work")
	}
	third := f.serviceKey("auto-apply", ServiceKeyGrace)
	if !f.inactive(first) || f.inactive(second) || f.inactive(third) {
		t.Fatal("the newest two, and only they, must work")
	}
	if n := f.count("SELECT count(*) FROM revocations WHERE kind = 'key' AND id = $1", p.KeyID); n != 1 {
		t.Fatal("services that remember the ended key are not told")
	}
	f.clock.advance(ServiceKeyGrace)
	if !f.inactive(second) || f.inactive(third) || f.inactive(other) {
		t.Fatal("after the grace period the newest key alone must work, and other services' keys")
	}
	list, err := f.ListServiceKeys(t.Context())
	must(t, err)
	if len(list) != 2 || list[0].Service != "auto-apply" || list[0].ExpiresAt != nil || list[1].Service != "user" {
		t.Fatalf("listed are %+v", list)
	}
	fourth := f.serviceKey("auto-apply", 0)
	if !f.inactive(third) || f.inactive(fourth) {
		t.Fatal("without grace the old key must end at once")
	}
	must(t, f.RevokeServiceKeys(t.Context(), "auto-apply"))
	if !f.inactive(fourth) || f.inactive(other) {
		t.Fatal("revoking must end this service's keys and no other's")
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action IN ('service_key.issued', 'service_key.revoked') AND actor_kind = 'system'"); n != 6 {
		t.Fatalf("%d audit entries", n)
	}
}

func TestAnEndedKeyIsNotProlonged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.serviceKey("job", time.Hour)
	f.serviceKey("job", time.Hour)
	f.clock.advance(time.Hour)
	f.serviceKey("job", 24*time.Hour)
	if !f.inactive(first) {
		t.Fatal("a key that had ended works again")
	}
}

func TestRotationsAtOnceLeaveTwoKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _ = f.IssueServiceKey(t.Context(), "ai", time.Hour) })
	}
	wg.Wait()
	list, err := f.ListServiceKeys(t.Context())
	must(t, err)
	if len(list) != 2 {
		t.Fatalf("%d valid keys", len(list))
	}
}

func TestOnlyServicesThatExistGetKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"", "users", "user ", "user_x", "'; DROP TABLE service_keys; --"} {
		_, err := f.IssueServiceKey(t.Context(), name, 0)
		wantCode(t, err, "unknown_service")
		wantCode(t, f.RevokeServiceKeys(t.Context(), name), "unknown_service")
	}
}

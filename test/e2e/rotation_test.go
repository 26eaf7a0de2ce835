package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// TestSigningKeyRotation replaces the signing key while clients are at work at
// auth and at other services: none of them notices. The time in which verifiers
// are to learn the new key is taken away, so they meet it unprepared.
func TestSigningKeyRotation(t *testing.T) {
	t.Parallel()
	users := []*harness.User{harness.NewUser(t), harness.NewUser(t), harness.NewUser(t)}
	old := kid(t, users[0].Bearer)
	stays := harness.NewUser(t) // keeps its token of the old key all along

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var requests atomic.Int64
	var signers sync.Map // kid → tokens it signed
	var wg sync.WaitGroup
	for i, u := range users {
		wg.Go(func() {
			tick := time.NewTicker(60 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				if u = u.Refreshed(t); t.Failed() {
					return
				}
				n, _ := signers.LoadOrStore(kid(t, u.Bearer), new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
				u.Do(t, harness.Call{Op: "getAccount"}).Want(t, 200)
				for _, op := range harness.Elsewhere {
					u.Do(t, harness.Call{Op: op}).Want(t, 200)
				}
				requests.Add(4)
				if i == 0 { // not more often than one user may
					stays.Do(t, harness.Call{Op: harness.Elsewhere[0]}).Want(t, 200)
					requests.Add(1)
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	said := harness.Command(t, "auth", "", "signing-key", "rotate")
	next := regexp.MustCompile(`key (\S+) signs`).FindStringSubmatch(said)
	if next == nil || next[1] == old {
		t.Fatalf("rotation says %q", said)
	}
	harness.SQL(t, `UPDATE auth.signing_keys SET signs_from = now() WHERE kid = $1`, next[1])

	signed := func(kid string) int64 {
		n, ok := signers.Load(kid)
		if !ok {
			return 0
		}
		return n.(*atomic.Int64).Load()
	}
	deadline := time.After(time.Minute)
	for look := time.NewTicker(50 * time.Millisecond); signed(next[1]) < 30 && !t.Failed(); {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("after a minute the new key has signed %d tokens", signed(next[1]))
		}
	}
	stop()
	wg.Wait()
	wantAlive(t, "a token of the key before", stays)
	t.Logf("%d requests; the key before signed %d tokens, the new one %d", requests.Load(), signed(old), signed(next[1]))
}

func kid(t *testing.T, token string) string {
	t.Helper()
	var header struct{ Kid string }
	head, _, _ := strings.Cut(token, ".")
	if err := json.Unmarshal(mustDecode(t, head), &header); err != nil || header.Kid == "" {
		t.Fatal(fmt.Errorf("a token without kid: %w", err))
	}
	return header.Kid
}

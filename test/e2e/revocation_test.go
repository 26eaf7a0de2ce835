package e2e

import (
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// everywhere are operations of auth and of other services that every user may call.
var everywhere = append([]string{"getAccount"}, harness.Elsewhere...)

// taken tells which of these take the session's access token.
func taken(t *testing.T, u *harness.User) (by []string) {
	t.Helper()
	for _, op := range everywhere {
		if a := u.Do(t, harness.Call{Op: op}); a.Status == 200 {
			by = append(by, op)
		} else {
			a.WantProblem(t, 401, "unauthenticated")
		}
	}
	return by
}

func wantAlive(t *testing.T, what string, u *harness.User) {
	t.Helper()
	if by := taken(t, u); len(by) < len(everywhere) {
		t.Fatalf("%s is taken by %v alone, not by all of %v", what, by, everywhere)
	}
}

// wantDead checks that nothing of the session works any more. It asks at once,
// without waiting for anything to spread.
func wantDead(t *testing.T, what string, u *harness.User) {
	t.Helper()
	if by := taken(t, u); len(by) > 0 {
		t.Errorf("%s is still taken by %v", what, by)
	}
	u.As(harness.Credential{}).Do(t, harness.Call{Op: "refresh", Body: members{"refreshToken": u.Refresh}}).WantProblem(t, 401, "invalid_refresh_token")
}

// TestReuseEndsTheFamily uses one refresh token twice: neither the one who was
// first nor the one who was second has a session 0 ms later, on any service.
func TestReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	first := harness.NewUser(t)
	second := first.Refreshed(t)
	third := second.Refreshed(t)
	bystander := first.LogIn(t)
	for _, u := range []*harness.User{first, second, third, bystander} {
		wantAlive(t, "an access token of the family", u)
	}
	first.As(harness.Credential{}).Do(t, harness.Call{Op: "refresh", Body: members{"refreshToken": first.Refresh}}).WantProblem(t, 401, "invalid_refresh_token")
	for _, u := range []*harness.User{third, first, second} {
		wantDead(t, "a token of the family", u)
	}
	wantAlive(t, "another session of the account", bystander)
}

// TestHundredRefreshesAtOnce spends one refresh token a hundred times at once.
func TestHundredRefreshesAtOnce(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	wantAlive(t, "the session", u)
	answers := make([]*harness.Answer, 100)
	var wg sync.WaitGroup
	anonymous := u.As(harness.Credential{})
	start := make(chan struct{})
	for i := range answers {
		wg.Go(func() {
			<-start
			answers[i] = anonymous.Do(t, harness.Call{Op: "refresh", Body: members{"refreshToken": u.Refresh}})
		})
	}
	close(start)
	wg.Wait()
	var successors []*harness.User
	for _, a := range answers {
		if a.Status == 200 {
			var tokens harness.Tokens
			a.JSON(t, &tokens)
			successors = append(successors, u.With(t, tokens))
			continue
		}
		a.WantProblem(t, 401, "invalid_refresh_token")
	}
	if len(successors) != 1 {
		t.Fatalf("one refresh token has %d successors", len(successors))
	}
	wantDead(t, "the first access token", u)
	wantDead(t, "the successor", successors[0])
}

// TestRevocationReachesOtherServices ends or changes sessions in every way there
// is and asks another service at once.
func TestRevocationReachesOtherServices(t *testing.T) {
	t.Parallel()
	super := harness.SuperAdmin(t)
	of := func(u *harness.User) map[string]string { return map[string]string{"userId": u.ID} }
	for name, end := range map[string]struct {
		by    func(t *testing.T, u, other *harness.User)
		spare bool // the other session of the account goes on
	}{
		"logout": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			u.Do(t, harness.Call{Op: "logout"}).Want(t, 204)
		}, true},
		"revoked from another session": {func(t *testing.T, u, other *harness.User) {
			t.Helper()
			other.Do(t, harness.Call{Op: "revokeSession", Path: map[string]string{"sessionId": u.SessionID}}).Want(t, 204)
		}, true},
		"change of password": {func(t *testing.T, _, other *harness.User) {
			t.Helper()
			other.Do(t, harness.Call{Op: "changePassword", Body: members{"currentPassword": harness.Password, "newPassword": "another fine passphrase 77"}}).Want(t, 204)
		}, true},
		"logout everywhere": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			u.Do(t, harness.Call{Op: "logoutAll"}).Want(t, 204)
		}, false},
		"reset of the password": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			u.As(harness.Credential{}).Do(t, harness.Call{Op: "forgotPassword", Body: members{"email": u.Email}}).Want(t, 202)
			token := u.MailedToken(t, "jpw_")
			reset := harness.Call{Op: "resetPassword", Body: members{"token": token, "newPassword": "another fine passphrase 77"}}
			u.As(harness.Credential{}).Do(t, reset).Want(t, 204)
			u.As(harness.Credential{}).Do(t, reset).WantProblem(t, 422, "invalid_link")
		}, false},
		"sessions ended by an administrator": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			super.Do(t, harness.Call{Op: "endUserSessions", Path: of(u)}).Want(t, 204)
		}, false},
		"disabled by an administrator": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			super.Do(t, harness.Call{Op: "disableUser", Path: of(u), Body: members{"reason": "test"}}).Want(t, 200)
		}, false},
		"account deleted": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			u.Do(t, harness.Call{Op: "deleteAccount"}).Want(t, 204)
		}, false},
		"account deleted by the workflow": {func(t *testing.T, u, _ *harness.User) {
			t.Helper()
			u.As(harness.Credential{ServiceKey: harness.ServiceKey(t, "orchestrator")}).Direct().Do(t, harness.Call{Op: "deleteUser", Path: of(u)}).Want(t, 204)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := harness.NewUser(t)
			other := u.LogIn(t)
			wantAlive(t, "the session", u)
			wantAlive(t, "the other session", other)
			end.by(t, u, other)
			wantDead(t, "the session", u)
			if end.spare {
				wantAlive(t, "the session that was to go on", other)
			} else {
				wantDead(t, "the other session", other)
			}
		})
	}
}

// TestRolesReachOtherServices changes roles: tokens from before are void at once,
// and new ones hold the new roles.
func TestRolesReachOtherServices(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	admin := func(u *harness.User) int { return u.Do(t, harness.Call{Op: "listJobSources"}).Status }
	set := func(roles ...string) {
		t.Helper()
		harness.SuperAdmin(t).Do(t, harness.Call{Op: "setUserRoles", Path: map[string]string{"userId": u.ID}, Body: members{"roles": roles}}).Want(t, 200)
	}
	if got := admin(u); got != 403 {
		t.Fatalf("a user without the role: %d", got)
	}
	for range 3 {
		for _, step := range []struct {
			roles []string
			want  int
		}{{[]string{"user", "admin"}, 200}, {[]string{"user"}, 403}} {
			before := u
			set(step.roles...)
			if got := admin(before); got != 401 && got != 403 { // by its roles it may not even ask
				t.Errorf("a token from before the change to %v: %d", step.roles, got)
			}
			if by := taken(t, before); len(by) > 0 {
				t.Errorf("a token from before the change to %v is taken by %v", step.roles, by)
			}
			u = before.Refreshed(t)
			if got := admin(u); got != step.want {
				t.Errorf("a token from after the change to %v: %d, not %d", step.roles, got, step.want)
			}
		}
	}
}

// TestAPIKeysReachOtherServices makes, uses and withdraws an API key.
func TestAPIKeysReachOtherServices(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	at := func(key string) int {
		return u.As(harness.Credential{APIKey: key}).Do(t, harness.Call{Op: "listSavedJobs"}).Status
	}
	key, id := u.APIKey(t, "jobs:read", "account:read")
	without, _ := u.APIKey(t, "account:read")
	for range 3 { // the first looks it up, the next remember
		if got := at(key); got != 200 {
			t.Fatalf("the key: %d", got)
		}
		if got := at(without); got != 403 {
			t.Fatalf("a key without the scope: %d", got)
		}
		u.As(harness.Credential{APIKey: key}).Direct().Do(t, harness.Call{Op: "listJobSources"}).WantProblem(t, 403, "scope_missing") // takes no keys
	}
	u.Do(t, harness.Call{Op: "revokeApiKey", Path: map[string]string{"apiKeyId": id}}).Want(t, 204)
	if got := at(key); got != 401 {
		t.Errorf("the revoked key elsewhere: %d", got)
	}
	u.As(harness.Credential{APIKey: key}).Do(t, harness.Call{Op: "getAccount"}).WantProblem(t, 401, "unauthenticated")

	// What disables the account disables its keys.
	key, _ = u.APIKey(t, "jobs:read")
	if got := at(key); got != 200 {
		t.Fatalf("another key: %d", got)
	}
	harness.SuperAdmin(t).Do(t, harness.Call{Op: "disableUser", Path: map[string]string{"userId": u.ID}, Body: members{"reason": "test"}}).Want(t, 200)
	if got := at(key); got != 401 {
		t.Errorf("a key of a disabled account: %d", got)
	}
}

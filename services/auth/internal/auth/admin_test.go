package auth

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
)

func noPassword() (string, error) { return "", errors.New("asked for a password") }

// superAdmin makes a super admin, who is signed in.
func (f *fixture) superAdmin(email string) authn.Principal {
	f.t.Helper()
	f.register(email)
	_, err := f.CreateSuperAdmin(f.t.Context(), email, noPassword)
	must(f.t, err)
	return f.principal(f.login(email).Access)
}

// admin makes an admin, who is signed in.
func (f *fixture) admin(email string, by authn.Principal) authn.Principal {
	f.t.Helper()
	_, err := f.SetUserRoles(f.t.Context(), by, f.register(email), []string{"admin"}, home)
	must(f.t, err)
	return f.principal(f.login(email).Access)
}

func TestDisableEndsEverythingAtOnceAndEnableStartsAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	p, tokens := f.signedIn("ada@example.com")
	for range 2 { // the second changes nothing
		u, err := f.DisableUser(t.Context(), root, p.UserID, "Reported for spam", home)
		must(t, err)
		if u.Status != StatusDisabled || u.DisabledReason != "Reported for spam" {
			t.Fatalf("user is %+v", u)
		}
	}
	if _, err := f.DisableUser(t.Context(), root, p.UserID, "another reason", home); err != nil {
		t.Fatal(err)
	}
	if u, err := f.GetUser(t.Context(), p.UserID); err != nil || u.DisabledReason != "Reported for spam" {
		t.Fatalf("the reason is %q, %v", u.DisabledReason, err)
	}
	if !f.refused(tokens.Access) {
		t.Fatal("an access token still works")
	}
	_, err := f.Refresh(t.Context(), tokens.Refresh, home)
	wantCode(t, err, "invalid_refresh_token")
	_, err = f.Login(t.Context(), "ada@example.com", goodPassword, home)
	wantCode(t, err, "account_disabled")

	for range 2 {
		u, err := f.EnableUser(t.Context(), root, p.UserID, home)
		must(t, err)
		if u.Status != StatusActive || u.DisabledReason != "" {
			t.Fatalf("user is %+v", u)
		}
	}
	if _, err := f.Refresh(t.Context(), tokens.Refresh, home); err == nil || !f.refused(tokens.Access) {
		t.Fatal("a session of before works again")
	}
	if f.refused(f.login("ada@example.com").Access) {
		t.Fatal("the account cannot be used")
	}
	for _, typ := range []string{TypeUserDisabled, TypeUserEnabled} {
		if n := len(f.outbox(typ)); n != 1 {
			t.Errorf("%d events %s", n, typ)
		}
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE action IN ('user.disabled', 'user.enabled') AND actor_id = $1", root.UserID.String()); n != 2 {
		t.Errorf("%d audit entries", n)
	}
}

func TestDisableDuringRefreshesLeavesNothingAlive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	for i := range 10 {
		email := fmt.Sprintf("user%d@example.com", i)
		p, first := f.signedIn(email)
		var mu sync.Mutex
		alive := []Tokens{first}
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 4 {
			tokens := f.login(email)
			alive = append(alive, tokens)
			wg.Go(func() {
				<-start
				for {
					next, err := f.Refresh(t.Context(), tokens.Refresh, home)
					if err != nil {
						return
					}
					tokens = next
					mu.Lock()
					alive = append(alive, next)
					mu.Unlock()
				}
			})
		}
		wg.Go(func() {
			<-start
			if _, err := f.DisableUser(t.Context(), root, p.UserID, "x", home); err != nil {
				t.Error(err)
			}
		})
		close(start)
		wg.Wait()
		for _, tokens := range alive {
			if !f.refused(tokens.Access) {
				t.Fatal("an access token outlives the disabling")
			}
			if _, err := f.Refresh(t.Context(), tokens.Refresh, home); err == nil {
				t.Fatal("a refresh token outlives the disabling")
			}
		}
	}
}

func TestRolesChangeAtOnceAlsoDuringRefreshes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	p := f.admin("ada@example.com", root)
	tokens := f.login("ada@example.com")
	for round := range 24 {
		from, to := []string{"admin"}, []string{"user"}
		if round%2 == 1 {
			from, to = to, from
		}
		var wg sync.WaitGroup
		var handed []string
		wg.Go(func() {
			for range 3 {
				next, err := f.Refresh(t.Context(), tokens.Refresh, home)
				if err != nil {
					t.Error(err)
					return
				}
				tokens = next
				handed = append(handed, next.Access)
			}
		})
		wg.Go(func() {
			u, err := f.SetUserRoles(t.Context(), root, p.UserID, to, home)
			if err != nil || !slices.Equal(u.Roles, to) {
				t.Errorf("user is %+v, %v", u, err)
			}
		})
		wg.Wait()
		for _, access := range handed {
			if f.principal(access).HasRole(authn.RoleAdmin) == slices.Equal(from, []string{"admin"}) && !f.refused(access) {
				t.Fatalf("round %d: an access token with the roles of before still works", round)
			}
		}
	}
	if f.refused(f.login("ada@example.com").Access) {
		t.Fatal("a new session is refused")
	}
	if n := len(f.outbox(TypeUserRolesChanged)); n != 26 { // and the two that made them admins
		t.Fatalf("%d events", n)
	}
}

func TestSettingTheSameRolesChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	p, tokens := f.signedIn("ada@example.com")
	u, err := f.SetUserRoles(t.Context(), root, p.UserID, []string{"user", "user"}, home)
	must(t, err)
	if !slices.Equal(u.Roles, []string{"user"}) || f.refused(tokens.Access) || len(f.outbox(TypeUserRolesChanged)) != 1 {
		t.Fatal("setting the same roles again had an effect")
	}
	for _, roles := range [][]string{nil, {"none"}, {"root"}, {"user", ""}} {
		_, err := f.SetUserRoles(t.Context(), root, p.UserID, roles, home)
		wantCode(t, err, "invalid_roles")
	}
	if u, err = f.SetUserRoles(t.Context(), root, p.UserID, []string{"admin", "user"}, home); err != nil || !slices.Equal(u.Roles, []string{"user", "admin"}) {
		t.Fatalf("roles are %v, %v", u.Roles, err)
	}
}

func TestWhoMayTouchWhom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	other := f.superAdmin("other@example.com")
	admin := f.admin("admin@example.com", root)
	peer := f.admin("peer@example.com", root)
	user, _ := f.signedIn("user@example.com")
	for name, do := range map[string]func(by authn.Principal, id uuid.UUID) error{
		"disable": func(by authn.Principal, id uuid.UUID) error {
			_, err := f.DisableUser(t.Context(), by, id, "x", home)
			return err
		},
		"enable": func(by authn.Principal, id uuid.UUID) error {
			_, err := f.EnableUser(t.Context(), by, id, home)
			return err
		},
		"unlock": func(by authn.Principal, id uuid.UUID) error {
			_, err := f.UnlockUser(t.Context(), by, id, home)
			return err
		},
		"end sessions": func(by authn.Principal, id uuid.UUID) error { return f.EndUserSessions(t.Context(), by, id, home) },
	} {
		if err := do(admin, root.UserID); !errs.Is(err, "forbidden_target") {
			t.Errorf("%s: an admin may touch a super admin (%v)", name, err)
		}
		if err := do(root, uuid.New()); !errs.Is(err, "user_not_found") {
			t.Errorf("%s of nobody: %v", name, err)
		}
		for _, c := range []struct {
			by authn.Principal
			id uuid.UUID
		}{{admin, user.UserID}, {admin, peer.UserID}, {root, other.UserID}} {
			if err := do(c.by, c.id); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, id := range []uuid.UUID{user.UserID, peer.UserID, other.UserID} {
			_, err := f.EnableUser(t.Context(), root, id, home)
			must(t, err)
		}
	}
	for _, by := range []authn.Principal{admin, root} {
		_, err := f.DisableUser(t.Context(), by, by.UserID, "x", home)
		wantCode(t, err, "forbidden_target")
	}
}

func TestTheLastSuperAdminStays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	_, err := f.SetUserRoles(t.Context(), root, root.UserID, []string{"admin"}, home)
	wantCode(t, err, "last_super_admin")
	wantCode(t, f.DeleteAccount(t.Context(), root, root.UserID, home), "last_super_admin")

	other := f.superAdmin("other@example.com")
	_, err = f.DisableUser(t.Context(), other, root.UserID, "x", home)
	must(t, err)
	// A disabled one does not count, and may go.
	_, err = f.SetUserRoles(t.Context(), other, other.UserID, []string{"user"}, home)
	wantCode(t, err, "last_super_admin")
	must(t, f.DeleteAccount(t.Context(), other, root.UserID, home))
}

func TestOfTwoSuperAdminsWhoGoAtOnceOneStays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com") // gives the roles back between the rounds, and is not one itself
	service := authn.Principal{Kind: authn.KindUser, UserID: root.UserID, Roles: []authn.Role{authn.RoleSuperAdmin}}
	ids := []uuid.UUID{f.register("a@example.com"), f.register("b@example.com"), f.register("c@example.com")}
	leave := map[string]func(id, peer uuid.UUID) error{
		"roles": func(id, _ uuid.UUID) error {
			_, err := f.SetUserRoles(t.Context(), service, id, []string{"user"}, home)
			return err
		},
		"disable": func(id, peer uuid.UUID) error {
			_, err := f.DisableUser(t.Context(), authn.Principal{Kind: authn.KindUser, UserID: peer, Roles: service.Roles}, id, "x", home)
			return err
		},
	}
	for round := range 10 {
		for name, do := range leave {
			for _, id := range ids {
				_, err := f.EnableUser(t.Context(), service, id, home)
				must(t, err)
				_, err = f.SetUserRoles(t.Context(), service, id, []string{"super_admin"}, home)
				must(t, err)
			}
			if round == 0 {
				if _, err := f.SetUserRoles(t.Context(), service, root.UserID, []string{"user"}, home); err != nil {
					t.Fatal(err)
				}
			}
			var wg sync.WaitGroup
			refused := make(chan error, len(ids))
			for i, id := range ids {
				wg.Go(func() {
					if err := do(id, ids[(i+1)%len(ids)]); err != nil {
						refused <- err
					}
				})
			}
			wg.Wait()
			close(refused)
			for err := range refused {
				wantCode(t, err, "last_super_admin")
			}
			if n := f.count("SELECT count(*) FROM users WHERE roles @> '{super_admin}' AND disabled_at IS NULL"); n != 1 {
				t.Fatalf("%s: %d super admins are left", name, n)
			}
		}
	}
}

func TestUnlockLiftsTheDelay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	id := f.register("ada@example.com")
	for range 9 {
		f.clock.advance(30 * time.Second)
		_, err := f.Login(t.Context(), "ada@example.com", "wrong", home)
		wantCode(t, err, "invalid_credentials")
	}
	_, err := f.Login(t.Context(), "ada@example.com", goodPassword, home)
	wantCode(t, err, "invalid_credentials")
	u, err := f.GetUser(t.Context(), id)
	must(t, err)
	if u.DelayedUntil == nil || !u.DelayedUntil.After(f.now()) {
		t.Fatalf("a delayed account is shown as %+v", u)
	}
	if u, err = f.GetUser(t.Context(), root.UserID); err != nil || u.DelayedUntil != nil {
		t.Fatalf("another account is shown as %+v, %v", u, err)
	}
	for range 2 {
		u, err := f.UnlockUser(t.Context(), root, id, home)
		must(t, err)
		if u.DelayedUntil != nil {
			t.Fatalf("after unlocking the account is %+v", u)
		}
	}
	f.login("ada@example.com")
}

func TestAdministratorsEndSessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	p, a := f.signedIn("ada@example.com")
	b := f.login("ada@example.com")
	list, more, err := f.ListUserSessions(t.Context(), p.UserID, Page{Limit: 10})
	must(t, err)
	if len(list) != 2 || more {
		t.Fatalf("%d sessions, more %v", len(list), more)
	}
	_, _, err = f.ListUserSessions(t.Context(), uuid.New(), Page{Limit: 10})
	wantCode(t, err, "user_not_found")
	must(t, f.EndUserSessions(t.Context(), root, p.UserID, home))
	if !f.refused(a.Access) || !f.refused(b.Access) {
		t.Fatal("a session goes on")
	}
	f.login("ada@example.com")
}

func TestSearchUsers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.superAdmin("root@example.com")
	var ids []uuid.UUID
	for i := range 5 {
		f.clock.advance(time.Hour)
		ids = append(ids, f.register(fmt.Sprintf("user%d@example.com", i)))
	}
	_, err := f.SetUserRoles(t.Context(), root, ids[1], []string{"user", "premium"}, home)
	must(t, err)
	_, err = f.DisableUser(t.Context(), root, ids[2], "x", home)
	must(t, err)
	must(t, f.Register(t.Context(), Registration{Email: "new@example.com", Password: goodPassword}, home))
	third, err := f.GetUser(t.Context(), ids[3])
	must(t, err)

	var seen []User
	for page := (Page{Limit: 2}); ; {
		list, more, err := f.SearchUsers(t.Context(), UserFilter{}, page)
		must(t, err)
		seen = append(seen, list...)
		if !more {
			break
		}
		last := list[len(list)-1]
		page.Before, page.BeforeID = last.CreatedAt, last.ID
	}
	if len(seen) != 7 || seen[0].Email != "new@example.com" || seen[0].Status != StatusUnverified || seen[6].ID != root.UserID {
		t.Fatalf("%d accounts, the first is %+v", len(seen), seen[0])
	}
	for name, c := range map[string]struct {
		filter UserFilter
		want   []string // newest first
	}{
		"e-mail in another spelling": {UserFilter{Email: " User1@EXAMPLE.com"}, []string{"user1@example.com"}},
		"unknown e-mail":             {UserFilter{Email: "nobody@example.com"}, nil},
		"disabled":                   {UserFilter{Status: StatusDisabled}, []string{"user2@example.com"}},
		"unverified":                 {UserFilter{Status: StatusUnverified}, []string{"new@example.com"}},
		"active":                     {UserFilter{Status: StatusActive}, []string{"user4@example.com", "user3@example.com", "user1@example.com", "user0@example.com", "root@example.com"}},
		"premium":                    {UserFilter{Role: "premium"}, []string{"user1@example.com"}},
		"super admin":                {UserFilter{Role: "super_admin"}, []string{"root@example.com"}},
		"role user":                  {UserFilter{Role: "user", Status: StatusDisabled}, []string{"user2@example.com"}},
		"since":                      {UserFilter{RegisteredAfter: &third.CreatedAt, Status: StatusActive}, []string{"user4@example.com", "user3@example.com"}},
		"until":                      {UserFilter{RegisteredBefore: &third.CreatedAt, Role: "user", Status: StatusActive}, []string{"user1@example.com", "user0@example.com", "root@example.com"}},
	} {
		list, more, err := f.SearchUsers(t.Context(), c.filter, Page{Limit: 50})
		must(t, err)
		var got []string
		for _, u := range list {
			got = append(got, u.Email)
		}
		if !slices.Equal(got, c.want) || more {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCreateSuperAdmin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ask := func(password string) func() (string, error) { return func() (string, error) { return password, nil } }
	isSuper := func(email string) {
		t.Helper()
		if _, err := f.Login(t.Context(), email, goodPassword, home); err != nil {
			t.Fatal(err)
		}
		if p := f.principal(f.login(email).Access); !p.HasRole(authn.RoleSuperAdmin) || !p.HasRole(authn.RoleUser) {
			t.Fatalf("%s is %+v", email, p)
		}
	}
	_, err := f.CreateSuperAdmin(t.Context(), "root@example.com", ask("short"))
	wantCode(t, err, "weak_password")
	_, err = f.CreateSuperAdmin(t.Context(), "root", noPassword)
	wantCode(t, err, "invalid_email")
	set, err := f.CreateSuperAdmin(t.Context(), "Root@example.com", ask(goodPassword))
	must(t, err)
	if !set {
		t.Fatal("the password of a new account was not set")
	}
	isSuper("root@example.com")
	if len(f.outbox(TypeUserRegistered)) != 1 || len(f.outbox(TypeUserVerified)) != 1 || len(f.outbox(TypeUserRolesChanged)) != 1 {
		t.Fatal("the events of a new super admin are missing")
	}

	f.register("ada@example.com")
	for range 2 {
		set, err = f.CreateSuperAdmin(t.Context(), "ada@example.com", noPassword)
		must(t, err)
		if set {
			t.Fatal("a verified account lost its password")
		}
	}
	isSuper("ada@example.com")

	// Whoever registered the address first must not keep a way in.
	must(t, f.Register(t.Context(), Registration{Email: "boss@example.com", Password: "a stranger's long password", Locale: "en"}, home))
	link := f.mail(NotificationMessageSendKindAuthVerifyEmail, "boss@example.com")["token"]
	_, err = f.CreateSuperAdmin(t.Context(), "boss@example.com", ask(goodPassword))
	must(t, err)
	isSuper("boss@example.com")
	wantCode(t, f.VerifyEmail(t.Context(), link, home), "invalid_link")

	root := f.principal(f.login("root@example.com").Access)
	_, err = f.DisableUser(t.Context(), root, f.principal(f.login("ada@example.com").Access).UserID, "x", home)
	must(t, err)
	_, err = f.CreateSuperAdmin(t.Context(), "ada@example.com", noPassword)
	wantCode(t, err, "account_disabled")
}

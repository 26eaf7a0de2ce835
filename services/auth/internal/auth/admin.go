package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// UserStatus is what may be done with an account.
type UserStatus string

// The statuses; a disabled account is disabled, verified or not.
const (
	StatusUnverified UserStatus = "unverified"
	StatusActive     UserStatus = "active"
	StatusDisabled   UserStatus = "disabled"
)

// User is an account as administrators see it.
type User struct {
	Account
	Status         UserStatus
	DisabledReason string
	MFA            bool
	DelayedUntil   *time.Time // sign-in by password waits, from some network or from all
}

// UserFilter chooses accounts; what is zero does not filter.
type UserFilter struct {
	Email            string
	Status           UserStatus
	Role             string
	RegisteredAfter  *time.Time // at or after
	RegisteredBefore *time.Time
}

const roleSuperAdmin = "super_admin"

var (
	errForbiddenTarget = errs.New(errs.Forbidden, "forbidden_target",
		"This cannot be done to your own account, and to a super admin's only by a super admin. Ask another administrator.")
	errLastSuperAdmin = errs.New(errs.Conflict, "last_super_admin",
		"This is the last super admin who can sign in. Make another account super admin first.")
	errRoles = errs.New(errs.Unprocessable, "invalid_roles", "Choose at least one of the roles user, premium, admin, super_admin.").
			WithFields(errs.Field{Pointer: "#/roles", Code: "invalid", Message: "must be roles that exist"})
)

// SearchUsers lists accounts, newest first. more says that there are some after
// the page.
func (s *Service) SearchUsers(ctx context.Context, f UserFilter, page Page) (list []User, more bool, err error) {
	p := db.UserSearchParams{
		Now: s.now(), Status: string(f.Status), Role: f.Role, RegisteredAfter: f.RegisteredAfter, RegisteredBefore: f.RegisteredBefore,
		MaxRows: int32(page.Limit + 1),
	}
	p.BeforeCreatedAt, p.BeforeID = page.bounds()
	if f.Email != "" {
		email, err := NormalizeEmail(f.Email)
		if err != nil {
			return nil, false, err
		}
		p.EmailHash = s.Lookup.Hash("users.email", email)
	}
	if list, err = s.users(ctx, s.q, p); err != nil {
		return nil, false, err
	}
	if more = len(list) > page.Limit; more {
		list = list[:page.Limit]
	}
	return list, more, nil
}

// GetUser returns one account.
func (s *Service) GetUser(ctx context.Context, id uuid.UUID) (User, error) {
	return s.user(ctx, s.q, id)
}

func (s *Service) user(ctx context.Context, q *db.Queries, id uuid.UUID) (User, error) {
	list, err := s.users(ctx, q, db.UserSearchParams{Now: s.now(), ID: &id, MaxRows: 1})
	if err != nil {
		return User{}, err
	}
	if len(list) == 0 {
		return User{}, errUserNotFound
	}
	return list[0], nil
}

func (s *Service) users(ctx context.Context, q *db.Queries, p db.UserSearchParams) ([]User, error) {
	rows, err := q.UserSearch(ctx, p)
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]User, len(rows))
	for i, r := range rows {
		a, err := s.account(r.User)
		if err != nil {
			return nil, err
		}
		u := User{Account: a, Status: StatusActive, MFA: r.Mfa}
		switch {
		case r.User.DisabledAt != nil:
			u.Status = StatusDisabled
		case !a.Verified:
			u.Status = StatusUnverified
		}
		if r.User.DisabledReason != nil {
			u.DisabledReason = *r.User.DisabledReason
		}
		if r.DelayedUntil.After(p.Now) {
			u.DelayedUntil = &r.DelayedUntil
		}
		list[i] = u
	}
	return list, nil
}

// onUser does something to another's account and returns what became of it.
// fn gets the locked row. Whoever signs an access token holds a lock on it too,
// so the transaction's time, taken now, is after every token with the roles of
// before.
func (s *Service) onUser(ctx context.Context, by authn.Principal, id uuid.UUID, fn func(t *tx, u db.User) error) (out User, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, id)
		if err != nil {
			return s.notFound(err)
		}
		t.now = s.afterTokens()
		if slices.Contains(u.Roles, roleSuperAdmin) && !by.HasRole(authn.RoleSuperAdmin) {
			return errForbiddenTarget
		}
		if err := fn(t, u); err != nil {
			return err
		}
		out, err = s.user(ctx, t.Queries, id)
		return err
	})
	return out, err
}

// afterTokens is a time after that of any access token signed so far, which is
// rounded up to the millisecond.
func (s *Service) afterTokens() time.Time { return authn.IssuedAtLeast(s.now()).Add(time.Microsecond) }

// DisableUser ends an account's sessions and keys at once and lets nobody sign
// in to it. Disabling it again changes nothing; the first reason stays.
func (s *Service) DisableUser(ctx context.Context, by authn.Principal, id uuid.UUID, reason string, c Client) (User, error) {
	if id == by.UserID {
		return User{}, errForbiddenTarget
	}
	return s.onUser(ctx, by, id, func(t *tx, u db.User) error {
		if u.DisabledAt != nil {
			return nil
		}
		if err := t.keepASuperAdmin(ctx, u, nil); err != nil {
			return err
		}
		if err := t.UserDisable(ctx, db.UserDisableParams{Now: t.now, Reason: strings.TrimSpace(reason), ID: id}); err != nil {
			return err
		}
		if _, err := t.endSessions(ctx, id, which{}, SessionRevokedReasonDisabled); err != nil {
			return err
		}
		if err := t.revokeAll(ctx, id); err != nil {
			return err
		}
		if err := t.emit(ctx, TypeUserDisabled, id, UserDisabled{UserID: id, DisabledAt: t.now}); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(by), "user.disabled", &id, c, nil)
	})
}

// revokeAll voids whatever access tokens the account has, and what services
// remember of its keys.
func (t *tx) revokeAll(ctx context.Context, user uuid.UUID) error {
	if err := t.UserRevokeTokens(ctx, db.UserRevokeTokensParams{Now: t.now, ID: user}); err != nil {
		return err
	}
	return t.revoke(ctx, revokeUser, user)
}

// EnableUser lets a disabled account sign in again. Its sessions stay ended.
func (s *Service) EnableUser(ctx context.Context, by authn.Principal, id uuid.UUID, c Client) (User, error) {
	return s.onUser(ctx, by, id, func(t *tx, u db.User) error {
		if u.DisabledAt == nil {
			return nil
		}
		if err := t.UserEnable(ctx, db.UserEnableParams{Now: t.now, ID: id}); err != nil {
			return err
		}
		if err := t.emit(ctx, TypeUserEnabled, id, UserEnabled{UserID: id, EnabledAt: t.now}); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(by), "user.enabled", &id, c, nil)
	})
}

// UnlockUser lifts the delays that failed sign-ins gave an account.
func (s *Service) UnlockUser(ctx context.Context, by authn.Principal, id uuid.UUID, c Client) (User, error) {
	return s.onUser(ctx, by, id, func(t *tx, u db.User) error {
		for _, key := range [][]byte{u.EmailHash, s.codesKey(u.ID)} {
			if err := t.DelayClearAccount(ctx, key); err != nil {
				return err
			}
		}
		return t.audit(ctx, actorOf(by), "user.unlocked", &id, c, nil)
	})
}

// SetUserRoles gives an account these roles and no others, at once: its access
// tokens of before are refused, its sessions get new ones by a refresh.
func (s *Service) SetUserRoles(ctx context.Context, by authn.Principal, id uuid.UUID, roles []string, c Client) (User, error) {
	roles, err := sortRoles(roles)
	if err != nil {
		return User{}, err
	}
	return s.onUser(ctx, by, id, func(t *tx, u db.User) error {
		return t.setRoles(ctx, u, roles, actorOf(by), c)
	})
}

// setRoles changes the roles of a locked account, if they are others than before.
func (t *tx) setRoles(ctx context.Context, u db.User, roles []string, by actor, c Client) error {
	if slices.Equal(roles, u.Roles) {
		return nil
	}
	if err := t.keepASuperAdmin(ctx, u, roles); err != nil {
		return err
	}
	if err := t.UserSetRoles(ctx, db.UserSetRolesParams{Roles: roles, Now: t.now, ID: u.ID}); err != nil {
		return err
	}
	if err := t.revokeAll(ctx, u.ID); err != nil {
		return err
	}
	changed := UserRolesChanged{UserID: u.ID, ChangedAt: t.now}
	for _, role := range roles {
		changed.Roles = append(changed.Roles, UserRolesChangedRole(role))
	}
	if err := t.emit(ctx, TypeUserRolesChanged, u.ID, changed); err != nil {
		return err
	}
	return t.audit(ctx, by, "user.roles_changed", &u.ID, c, map[string]string{"from": strings.Join(u.Roles, " "), "to": strings.Join(roles, " ")})
}

// sortRoles orders roles from the lowest to the highest, each once.
func sortRoles(names []string) ([]string, error) {
	ranks := map[authn.Role]bool{}
	for _, name := range names {
		role, ok := authn.ParseRole(name)
		if !ok || role == authn.RoleNone {
			return nil, errRoles
		}
		ranks[role] = true
	}
	if len(ranks) == 0 {
		return nil, errRoles
	}
	var sorted []string
	for role := authn.RoleUser; role <= authn.RoleSuperAdmin; role++ {
		if ranks[role] {
			sorted = append(sorted, role.String())
		}
	}
	return sorted, nil
}

// keepASuperAdmin refuses to take the role from the last super admin who can
// sign in. roles are those that the account is to have; none when it is to be
// deleted or disabled.
func (t *tx) keepASuperAdmin(ctx context.Context, u db.User, roles []string) error {
	if !slices.Contains(u.Roles, roleSuperAdmin) || slices.Contains(roles, roleSuperAdmin) || u.DisabledAt != nil {
		return nil
	}
	if err := t.SuperAdminsLock(ctx); err != nil {
		return err
	}
	others, err := t.SuperAdminBeside(ctx, u.ID)
	if err == nil && !others {
		err = errLastSuperAdmin
	}
	return err
}

// ListUserSessions lists the live sessions of an account, see ListSessions.
func (s *Service) ListUserSessions(ctx context.Context, id uuid.UUID, page Page) ([]Session, bool, error) {
	if _, err := s.q.UserByID(ctx, id); err != nil {
		return nil, false, s.notFound(err)
	}
	return s.ListSessions(ctx, id, page)
}

// EndUserSessions ends all sessions of an account.
func (s *Service) EndUserSessions(ctx context.Context, by authn.Principal, id uuid.UUID, c Client) error {
	_, err := s.onUser(ctx, by, id, func(t *tx, u db.User) error {
		if _, err := t.endSessions(ctx, id, which{}, SessionRevokedReasonAdmin); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(by), "user.sessions_ended", &id, c, nil)
	})
	return err
}

// CreateSuperAdmin makes the account with the address a super admin. One that
// does not exist, or that nobody has verified and whose password may so be a
// stranger's, is set up with the password that askPassword returns; a verified
// one keeps its own. It reports whether the password was set.
//
// It is for the command line: who can run it has the database in hand anyway.
func (s *Service) CreateSuperAdmin(ctx context.Context, email string, askPassword func() (string, error)) (set bool, err error) {
	if email, err = NormalizeEmail(email); err != nil {
		return false, err
	}
	emailHash := s.Lookup.Hash("users.email", email)
	u, err := s.q.UserByEmail(ctx, emailHash)
	switch {
	case err == nil && u.EmailVerifiedAt != nil:
		return false, s.inTx(ctx, func(t *tx) error { return t.makeSuperAdmin(ctx, u.ID) })
	case err != nil && !pg.IsNotFound(err):
		return false, storeError(err)
	}
	password, err := askPassword()
	if err != nil {
		return false, err
	}
	if password, err = s.newPassword("#/password", password, email); err != nil {
		return false, err
	}
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return false, err
	}
	err = s.inTx(ctx, func(t *tx) error {
		var id uuid.UUID
		if id, set, err = t.verifiedAccount(ctx, email, emailHash, hash); err != nil {
			return err
		}
		return t.makeSuperAdmin(ctx, id)
	})
	return set, err
}

// verifiedAccount creates the account with the address, or verifies it, with the
// password; one that is verified by now keeps its own, and set is false.
func (t *tx) verifiedAccount(ctx context.Context, email string, emailHash []byte, hash string) (id uuid.UUID, set bool, err error) {
	id = newID()
	_, err = t.UserInsert(ctx, db.UserInsertParams{
		ID: id, EmailSealed: t.s.sealed("users", "email_sealed", id, id, email), EmailHash: emailHash, Locale: "en",
		PasswordHash: &hash, EmailVerifiedAt: &t.now, Now: t.now,
	})
	switch {
	case err == nil:
		if err := t.emit(ctx, TypeUserRegistered, id, UserRegistered{UserID: id, Email: email, Locale: "en", RegisteredAt: t.now}); err != nil {
			return id, false, err
		}
	case pg.IsNotFound(err): // the address is taken
		u, err := t.UserByEmail(ctx, emailHash)
		if err != nil {
			return id, false, err
		}
		id = u.ID
		if n, err := t.UserVerify(ctx, db.UserVerifyParams{Now: t.now, ID: id, PasswordHash: &hash}); err != nil || n == 0 {
			return id, false, err
		}
		if err := t.OneTimeTokensDrop(ctx, db.OneTimeTokensDropParams{UserID: &id, Purpose: purposeVerify}); err != nil {
			return id, false, err
		}
	default:
		return id, false, err
	}
	return id, true, t.emit(ctx, TypeUserVerified, id, UserVerified{UserID: id, Email: email, VerifiedAt: t.now})
}

func (t *tx) makeSuperAdmin(ctx context.Context, id uuid.UUID) error {
	u, err := t.UserLock(ctx, id)
	if err != nil {
		return t.s.notFound(err)
	}
	t.now = t.s.afterTokens()
	if u.DisabledAt != nil {
		return errDisabled
	}
	roles, err := sortRoles(append(u.Roles, roleSuperAdmin))
	if err != nil {
		return err
	}
	return t.setRoles(ctx, u, roles, system, Client{})
}

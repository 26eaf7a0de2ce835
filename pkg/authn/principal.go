// Package authn tells who calls and whether they may.
//
// Three credentials exist (DESIGN §3): an access token of a user (a JWT signed
// by auth with ES256, verified here without a call), a personal API key
// ("X-API-Key: jpk_…") and a service key ("X-Service-Key: jps_<service>_…", for
// /internal only). An Authenticator turns a request into a Principal and checks
// the Rule of the operation; Revocations makes a logout count on every service
// at once.
//
// It fails closed: when it cannot be known whether a credential still holds,
// the answer is 503, never access.
package authn

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// AccessTokenTTL is the longest life of an access token. Verifiers refuse tokens
// made for longer, because a revocation is kept in Redis only for this time.
const AccessTokenTTL = 15 * time.Minute

// StepUpWindow is how fresh a login must be for operations marked stepUp.
const StepUpWindow = 10 * time.Minute

var (
	// ErrUnauthenticated is every reason to doubt who calls. Its text does not
	// tell reasons apart, so that it helps nobody to forge a credential; the
	// reason is the error's cause, for logs.
	ErrUnauthenticated = errs.New(errs.Unauthenticated, "unauthenticated",
		"The request carries no valid credential. Log in or refresh the access token, then send it as Authorization: Bearer.")
	// ErrStepUpRequired asks for a fresh login.
	ErrStepUpRequired = errs.New(errs.Forbidden, "step_up_required",
		"This needs a login within the last 10 minutes. Confirm who you are at /api/v1/auth/step-up, then try again.")
	// ErrForbidden refuses a known caller.
	ErrForbidden = errs.New(errs.Forbidden, "forbidden", "This account may not do this.")
	// ErrScope refuses an API key.
	ErrScope = errs.New(errs.Forbidden, "scope_missing",
		"This API key may not do this. Make one with the scope the operation names, or use an access token.")
	// ErrUnavailable says that the credential could not be checked.
	ErrUnavailable = errs.New(errs.Unavailable, "authentication_unavailable",
		"The credential cannot be checked at the moment. Try again in a few seconds.").WithRetryAfter(2 * time.Second)
)

// Role is a rank: each includes the ones before it.
type Role uint8

// The roles of DESIGN §3. The zero value is none of them, so that a Rule that
// was left empty is noticed instead of meaning "public".
const (
	_ Role = iota
	RoleNone
	RoleUser
	RolePremium
	RoleAdmin
	RoleSuperAdmin
)

var roleNames = [...]string{RoleNone: "none", RoleUser: "user", RolePremium: "premium", RoleAdmin: "admin", RoleSuperAdmin: "super_admin"}

// String is the name of the role in contracts and tokens.
func (r Role) String() string {
	if r == 0 || int(r) >= len(roleNames) {
		return "invalid"
	}
	return roleNames[r]
}

// MarshalText writes the name; without it a list of roles would be taken for bytes.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, bool) {
	i := slices.Index(roleNames[:], name)
	return Role(max(i, 0)), i > 0
}

// Kind is the sort of caller.
type Kind uint8

// The sorts of caller.
const (
	KindAnonymous Kind = iota
	KindUser           // access token
	KindAPIKey         // personal API key
	KindService        // service key
)

var kindNames = [...]string{"anonymous", "user", "api_key", "service"}

func (k Kind) String() string { return kindNames[k] }

// Principal is who calls. The zero value is an anonymous caller.
type Principal struct {
	Kind      Kind
	UserID    uuid.UUID // KindUser, KindAPIKey
	SessionID uuid.UUID // KindUser
	Roles     []Role    // KindUser, KindAPIKey; names this build does not know are left out
	Scopes    []string  // KindAPIKey
	Service   string    // KindService: the name of the calling service
	KeyID     uuid.UUID // KindAPIKey, KindService
	AuthTime  time.Time // KindUser: when they last proved who they are
	// IssuedAt is since when the credential's facts hold: a token's iat, or when
	// a key was looked up. What RevokeUser names as earlier is refused.
	IssuedAt time.Time
}

// HasRole reports whether the caller has the role or a higher one.
func (p Principal) HasRole(r Role) bool {
	return r == RoleNone || slices.ContainsFunc(p.Roles, func(has Role) bool { return has >= r })
}

// ID names the caller, stably and without a secret, for rate limits,
// idempotency and logs: "user:<id>", "key:<id>", "service:<name>" or "".
func (p Principal) ID() string {
	switch p.Kind {
	case KindUser:
		return "user:" + p.UserID.String()
	case KindAPIKey:
		return "key:" + p.KeyID.String()
	case KindService:
		return "service:" + p.Service
	case KindAnonymous:
	}
	return ""
}

// Rule is who may call an operation, as its contract's x-permission says.
type Rule struct {
	Role     Role     // the lowest role; RoleNone: public, a credential is not looked at
	Scope    string   // an API key with it may call; empty: API keys may not
	Owner    bool     // a path parameter names something of the caller's; the service answers 404 for others'
	StepUp   bool     // the login must be at most StepUpWindow old
	Services []string // internal operations: the services that may call; users may not
}

// Valid reports whether the rule says anything.
func (r Rule) Valid() bool {
	return r.Role >= RoleNone && r.Role <= RoleSuperAdmin || len(r.Services) > 0
}

// Public reports whether anyone may call, without a credential.
func (r Rule) Public() bool { return r.Role == RoleNone && len(r.Services) == 0 }

// Check decides whether the caller may. Errors: ErrUnauthenticated,
// ErrForbidden, ErrScope, ErrStepUpRequired.
func (r Rule) Check(p Principal, now time.Time) error {
	switch {
	case len(r.Services) > 0:
		if p.Kind == KindService && slices.Contains(r.Services, p.Service) {
			return nil
		}
	case r.Public():
		return nil
	case p.Kind == KindUser && p.HasRole(r.Role):
		if r.StepUp && now.Sub(p.AuthTime) > StepUpWindow {
			return ErrStepUpRequired
		}
		return nil
	case p.Kind == KindAPIKey && (r.Scope == "" || r.StepUp || !slices.Contains(p.Scopes, r.Scope)):
		return ErrScope
	case p.Kind == KindAPIKey && p.HasRole(r.Role):
		return nil
	}
	if p.Kind == KindAnonymous {
		return ErrUnauthenticated
	}
	return ErrForbidden
}

type principalKey struct{}

// NewContext returns a context that carries the caller.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext is the caller of the request; anonymous outside of one.
func FromContext(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

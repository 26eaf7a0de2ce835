package auth

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

const (
	challengeTTL = 5 * time.Minute
	maxCodeTries = 5 // wrong codes to one challenge
)

// Challenge asks for the second factor of a sign-in.
type Challenge struct {
	Token     string
	Methods   []string // "totp", "recovery_code"
	ExpiresAt time.Time
}

// LoginResult is Tokens or, with a second factor enabled, a Challenge.
type LoginResult struct {
	Tokens    *Tokens
	Challenge *Challenge
}

var (
	// One error for an unknown address, a wrong password and a delayed account.
	errLogin = errs.New(errs.Unauthenticated, "invalid_credentials",
		"E-mail or password is not right, or sign-in is delayed after failed attempts. Check both, wait a little, or reset the password.")
	errUnverified = errs.New(errs.Forbidden, "email_not_verified",
		"Confirm the e-mail address first: open the link that was sent to it, or ask for a new one.")
	errDisabled = errs.New(errs.Forbidden, "account_disabled",
		"This account is disabled. Write to support to have it enabled again.")
)

// Login signs in with e-mail and password. Only someone who knows the password
// learns that the account is unverified or disabled. Each refusal does the same
// work: three reads, one bcrypt comparison, one transaction.
func (s *Service) Login(ctx context.Context, email, password string, c Client) (LoginResult, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return LoginResult{}, err
	}
	normal, err := NormalizePassword(password)
	if err != nil {
		normal = "" // matches nothing
	}
	emailHash := s.Lookup.Hash("users.email", email)
	u, err := s.q.UserByEmail(ctx, emailHash)
	known := err == nil
	if err != nil && !pg.IsNotFound(err) {
		return LoginResult{}, storeError(err)
	}
	var id *uuid.UUID
	if known {
		id = &u.ID
	}
	at := s.attempt(emailHash, c.IP)
	delayed, err := s.delayed(ctx, at, id)
	if err != nil {
		return LoginResult{}, err
	}
	ok, err := s.Hasher.Matches(ctx, u.PasswordHash, normal)
	if err != nil {
		return LoginResult{}, err
	}
	if !ok || delayed {
		return LoginResult{}, s.refuseLogin(ctx, at, id, delayed, c)
	}
	if err := mayLogIn(u); err != nil {
		return LoginResult{}, err
	}
	var out LoginResult
	err = s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, u.ID) // against a disable or a reset at the same time
		if err != nil {
			return err
		}
		if err := mayLogIn(u); err != nil {
			return err
		}
		if err := t.DelayClearAccount(ctx, u.EmailHash); err != nil {
			return err
		}
		out, err = t.firstFactor(ctx, u, "password", c)
		return err
	})
	return out, err
}

func mayLogIn(u db.User) error {
	switch {
	case u.EmailVerifiedAt == nil:
		return errUnverified
	case u.DisabledAt != nil:
		return errDisabled
	}
	return nil
}

// refuseLogin counts and records a failed sign-in.
func (s *Service) refuseLogin(ctx context.Context, at attempt, user *uuid.UUID, delayed bool, c Client) error {
	err := s.inTx(ctx, func(t *tx) error {
		if !delayed {
			if err := t.countFailure(ctx, at); err != nil {
				return err
			}
		}
		return t.audit(ctx, actor{kind: "anonymous"}, "user.login_failed", user, c, map[string]string{"network": hex.EncodeToString(at.network[:8])})
	})
	if err != nil {
		return err
	}
	return errLogin
}

// pendingLogin is what a challenge carries over to the second step.
type pendingLogin struct {
	Method string `json:"method"`
	Device string `json:"device,omitempty"`
}

// firstFactor goes on after a password or a provider has shown who it is: to a
// session, or to a challenge if the account has a second factor.
func (t *tx) firstFactor(ctx context.Context, u db.User, method string, c Client) (LoginResult, error) {
	mfa, err := t.TotpEnabled(ctx, u.ID)
	if err != nil {
		return LoginResult{}, err
	}
	if mfa {
		token, err := t.oneTimeToken(ctx, &u.ID, purposeChallenge, prefixChallenge, challengeTTL, pendingLogin{method, c.DeviceName})
		if err != nil {
			return LoginResult{}, err
		}
		return LoginResult{Challenge: &Challenge{token, []string{"totp", "recovery_code"}, t.now.Add(challengeTTL)}}, nil
	}
	return t.signedIn(ctx, u, method, c, nil)
}

// signedIn opens the session of a sign-in that is complete.
func (t *tx) signedIn(ctx context.Context, u db.User, method string, c Client, detail map[string]string) (LoginResult, error) {
	tokens, err := t.openSession(ctx, u, method, c)
	if err != nil {
		return LoginResult{}, err
	}
	if detail == nil {
		detail = map[string]string{}
	}
	detail["method"], detail["sessionId"] = method, tokens.SessionID.String()
	return LoginResult{Tokens: &tokens}, t.audit(ctx, userActor(u.ID), "user.login", &u.ID, c, detail)
}

// dedupe is a key for a mail that carries token; it must not carry it itself.
func dedupe(token string) string { return hex.EncodeToString(hashSecret(token)) }

func tokenPlace(hash []byte) seal.Place {
	return seal.Place{Table: "one_time_tokens", Column: "data_sealed", Row: hex.EncodeToString(hash)}
}

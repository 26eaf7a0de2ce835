package auth

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// Proof is how someone who is signed in proves again who they are.
type Proof struct {
	Method     string    // "password", "totp", "recovery_code" or "passkey"
	Password   string    // for password
	Code       string    // for totp and recovery_code
	CeremonyID uuid.UUID // for passkey: of StartPasskeyLogin
	Credential []byte    // for passkey: the PublicKeyCredential as JSON
}

var (
	errProof = errs.New(errs.Unprocessable, "proof_incomplete",
		"Send what the method needs: password for password, code for totp and recovery_code, ceremonyId and credential for passkey.")
	errSecondFactor = errs.New(errs.Forbidden, "second_factor_required",
		"This account has a second factor. Confirm with the code of the authenticator app, a recovery code or a passkey.")
	errOwnPassword = errs.New(errs.Forbidden, errWrong.Code, errWrong.Message).
			WithFields(errs.Field{Pointer: "#/password", Code: "wrong", Message: "not the current password"})
)

// complete checks that the proof holds what its method needs.
func (p Proof) complete() error {
	missing := func(field string) error {
		return errProof.WithFields(errs.Field{Pointer: "#/" + field, Code: "required", Message: "needed for this method"})
	}
	switch {
	case p.Method == methodPassword && p.Password == "":
		return missing("password")
	case (p.Method == methodTotp || p.Method == methodRecoveryCode) && p.Code == "":
		return missing("code")
	case p.Method == methodPasskey && p.CeremonyID == uuid.Nil:
		return missing("ceremonyId")
	case p.Method == methodPasskey && len(p.Credential) == 0:
		return missing("credential")
	}
	return nil
}

// StepUp proves the caller's presence and returns an access token of the same
// session whose auth_time is now. A password is not enough for an account with a
// second factor. Wrong passwords and codes are delayed as at a sign-in: a stolen
// access token must not serve to guess them.
func (s *Service) StepUp(ctx context.Context, p authn.Principal, proof Proof, c Client) (string, error) {
	if err := proof.complete(); err != nil {
		return "", err
	}
	var a assertion
	var err error
	switch proof.Method {
	case methodPassword:
		err = s.stepUpByPassword(ctx, p, proof.Password, c)
	case methodPasskey:
		if a, err = s.takeAssertion(ctx, proof.CeremonyID, proof.Credential); errs.Is(err, errPasskey.Code) {
			err = errOwnPasskey
		}
	}
	if err != nil {
		return "", err
	}
	var refused error
	var token string
	err = s.inTx(ctx, func(t *tx) error {
		refused = nil
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		ok := true
		switch proof.Method {
		case methodPassword:
		case methodPasskey:
			ok, err = t.usePasskey(ctx, u, a, actorOf(p), c)
			refused = errOwnPasskey
		default:
			ok, err = t.useCode(ctx, u, proof.Method, proof.Code, actorOf(p), c)
			refused = errOwnCode
		}
		if err != nil || !ok {
			return err // without an error the transaction commits: what failed is counted
		}
		refused = nil
		n, err := t.SessionSetAuthTime(ctx, db.SessionSetAuthTimeParams{Now: t.now, ID: p.SessionID, UserID: u.ID})
		if err != nil {
			return err
		}
		if n == 0 { // ended meanwhile
			return authn.ErrUnauthenticated
		}
		// Signed while the account is locked: no change of roles comes between.
		if token, err = s.accessToken(u.ID, p.SessionID, u.Roles, t.now); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(p), "session.stepped_up", &u.ID, c, map[string]string{"sessionId": p.SessionID.String(), "method": proof.Method})
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

func (s *Service) stepUpByPassword(ctx context.Context, p authn.Principal, password string, c Client) error {
	mfa, err := s.q.TotpEnabled(ctx, p.UserID)
	if err != nil {
		return storeError(err)
	}
	if mfa {
		return errSecondFactor
	}
	u, err := s.q.UserByID(ctx, p.UserID)
	if err != nil {
		return s.notFound(err)
	}
	err = s.provePassword(ctx, u, password, c)
	if errs.Is(err, errWrong.Code) {
		return errOwnPassword
	}
	return err
}

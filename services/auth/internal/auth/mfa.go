package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// The product, as authenticator apps and passkey managers show it.
const productName = "JobPilot"

// Ways to prove who one is, at a challenge and at a step-up.
const (
	methodPassword     = "password"
	methodTotp         = "totp"
	methodRecoveryCode = "recovery_code"
	methodPasskey      = "passkey"
)

// Codes of authenticator apps, RFC 6238 with what every app knows: SHA-1, 6
// digits, 30 seconds.
const (
	totpPeriod     = 30 // seconds
	totpSecretSize = 20 // bytes, as RFC 4226 §4 recommends
)

const (
	recoveryCodeCount    = 10
	recoveryCodeLength   = 12                                 // characters of 5 bits each: 60 bits
	recoveryCodeAlphabet = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32
)

// Wrong codes make the next ones wait, apart from wrong passwords: a right
// password lifts the delays of passwords before its code is asked for. They are
// counted for the account, whatever challenge or step-up they were given to, so
// that opening new challenges gives nobody new tries:
//
//   - pair, the account from one network: as for passwords.
//   - codes, from all networks together: doubles from 1 s after the tenth wrong
//     code up to 15 minutes. A thief of the password who tries without end, from
//     as many networks as there are, has four tries an hour with three of a
//     million codes being right: a chance of 0.03 % a day.
//
// From a network where the account signed in lately only the pair counts, so
// that the thief cannot keep the owner out there. A right code lifts the delay of
// its pair; that of the account ends by a day without a wrong code.
//
// A code that comes during a delay is answered like a wrong one, but neither
// checked nor counted.
var scopeCodes = scope{scopeAccount.name, 10, 15 * time.Minute}

const codesQuiet = 24 * time.Hour

var (
	errChallenge = errs.New(errs.Unauthenticated, "invalid_challenge",
		"This sign-in has expired, is complete or took too many wrong codes. Sign in again from the start.")
	errCode = errs.New(errs.Unauthenticated, "invalid_code",
		"The code is not right, was used before, or codes have to wait after failed attempts. Wait for the app's next code, or use a recovery code.").
		WithFields(errs.Field{Pointer: "#/code", Code: "invalid", Message: "not a valid code"})
	// errOwnCode is errCode for someone who is signed in: 401 would say that the
	// access token is not good.
	errOwnCode        = signedInError(errCode)
	errTotpEnabled    = errs.New(errs.Conflict, "totp_already_enabled", "An authenticator app is in use already. Remove it before enrolling another.")
	errTotpNotBegun   = errs.New(errs.Conflict, "totp_not_enrolled", "Begin the enrolment of an authenticator app first.")
	errTotpNotEnabled = errs.New(errs.Conflict, "totp_not_enabled", "The account has no authenticator app. Enrol one first.")
)

// signedInError is an error of a sign-in for a caller who is signed in already.
func signedInError(e *errs.Error) *errs.Error {
	return &errs.Error{Kind: errs.Forbidden, Code: e.Code, Message: e.Message, Fields: e.Fields}
}

// MFA is which second factors an account has.
type MFA struct {
	TotpConfirmedAt   *time.Time // nil: no authenticator app in use
	RecoveryCodesLeft int
	Passkeys          int
}

// GetMfa returns the caller's second factors.
func (s *Service) GetMfa(ctx context.Context, p authn.Principal) (MFA, error) {
	row, err := s.q.MfaGet(ctx, p.UserID)
	if err != nil {
		return MFA{}, s.notFound(err)
	}
	return MFA{row.TotpConfirmedAt, int(row.RecoveryCodesLeft), int(row.Passkeys)}, nil
}

// TotpEnrolment is what an authenticator app needs; it is shown once.
type TotpEnrolment struct {
	Secret string // base32
	URI    string // otpauth://, to be shown as a QR code
}

// EnrolTotp begins the enrolment of an authenticator app. Nothing asks for its
// codes before ConfirmTotp.
func (s *Service) EnrolTotp(ctx context.Context, p authn.Principal, c Client) (TotpEnrolment, error) {
	a, err := s.GetAccount(ctx, p)
	if err != nil {
		return TotpEnrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: productName, AccountName: a.Email, Period: totpPeriod, SecretSize: totpSecretSize})
	if err != nil {
		return TotpEnrolment{}, fmt.Errorf("auth: make a TOTP secret: %w", err)
	}
	err = s.inTx(ctx, func(t *tx) error {
		n, err := t.TotpUpsert(ctx, db.TotpUpsertParams{
			UserID: a.ID, SecretSealed: s.sealed("mfa_totp", "secret_sealed", a.ID, a.ID, key.Secret()),
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return errTotpEnabled
		}
		return t.audit(ctx, actorOf(p), "totp.enrolled", &a.ID, c, nil)
	})
	return TotpEnrolment{key.Secret(), key.URL()}, err
}

// ConfirmTotp puts the enrolled app in use, shown to work by a code of it, and
// returns the recovery codes. From now on a password or a provider alone does
// not sign in.
func (s *Service) ConfirmTotp(ctx context.Context, p authn.Principal, code string, c Client) ([]string, error) {
	codes := newRecoveryCodes()
	err := s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		row, err := t.TotpGet(ctx, u.ID)
		switch {
		case pg.IsNotFound(err):
			return errTotpNotBegun
		case err != nil:
			return err
		case row.ConfirmedAt != nil:
			return errTotpEnabled
		}
		step, ok, err := s.totpStep(u.ID, row.SecretSealed, code, t.now)
		if err != nil {
			return err
		}
		if !ok {
			return errOwnCode
		}
		n, err := t.TotpConfirm(ctx, db.TotpConfirmParams{Now: t.now, Step: step, UserID: u.ID, SecretSealed: row.SecretSealed})
		if err != nil {
			return err
		}
		if n == 0 {
			return errTotpEnabled
		}
		if err := t.replaceRecoveryCodes(ctx, u.ID, codes); err != nil {
			return err
		}
		return t.mfaChanged(ctx, u, "totp_enabled", actorOf(p), c, nil)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// RemoveTotp removes the authenticator app and the recovery codes with it.
func (s *Service) RemoveTotp(ctx context.Context, p authn.Principal, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		confirmed, err := t.TotpDelete(ctx, u.ID)
		if pg.IsNotFound(err) {
			return errTotpNotEnabled
		}
		if err != nil || confirmed == nil { // an enrolment that was given up
			return err
		}
		if err := t.RecoveryCodesDelete(ctx, u.ID); err != nil {
			return err
		}
		return t.mfaChanged(ctx, u, "totp_removed", actorOf(p), c, nil)
	})
}

// RegenerateRecoveryCodes replaces the recovery codes; the old ones no longer
// work.
func (s *Service) RegenerateRecoveryCodes(ctx context.Context, p authn.Principal, c Client) ([]string, error) {
	codes := newRecoveryCodes()
	err := s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		enabled, err := t.TotpEnabled(ctx, u.ID)
		if err != nil {
			return err
		}
		if !enabled {
			return errTotpNotEnabled
		}
		if err := t.replaceRecoveryCodes(ctx, u.ID, codes); err != nil {
			return err
		}
		return t.mfaChanged(ctx, u, "recovery_codes_replaced", actorOf(p), c, nil)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// CompleteLogin answers the challenge of a sign-in with a code and opens the
// session. The fifth wrong code ends the challenge.
func (s *Service) CompleteLogin(ctx context.Context, token, method, code string, c Client) (LoginResult, error) {
	if !hasPrefix(token, prefixChallenge) {
		return LoginResult{}, errChallenge
	}
	var out LoginResult
	var refused error
	err := s.inTx(ctx, func(t *tx) error {
		refused = nil
		row, err := t.OneTimeTokenTry(ctx, db.OneTimeTokenTryParams{
			Hash: hashSecret(token), Purpose: purposeChallenge, Now: t.now, MaxAttempts: maxCodeTries,
		})
		if pg.IsNotFound(err) {
			return errChallenge
		}
		if err != nil {
			return err
		}
		u, err := t.UserLock(ctx, *row.UserID) // against a disable or a removal of the factor at the same time
		if err != nil {
			return err
		}
		if err := mayLogIn(u); err != nil {
			return err
		}
		ok, err := t.useCode(ctx, u, method, code, actor{kind: "anonymous"}, c)
		if err != nil {
			return err
		}
		if !ok {
			refused = errCode // the transaction commits: what failed is counted
			return nil
		}
		var pending pendingLogin
		if _, err := t.takeToken(ctx, token, purposeChallenge, prefixChallenge, &pending, errChallenge); err != nil {
			return err
		}
		c.DeviceName = pending.Device
		out, err = t.signedIn(ctx, u, pending.Method, c, map[string]string{"secondFactor": method})
		return err
	})
	if err == nil {
		err = refused
	}
	return out, err
}

// useCode consumes a code of the account's second factor. A code that is wrong,
// was used or has to wait is not ok; the caller then commits, so that it counts.
// It wants the account locked: concurrent tries are counted one by one.
func (t *tx) useCode(ctx context.Context, u db.User, method, code string, by actor, c Client) (ok bool, err error) {
	at := t.s.attempt(t.s.codesKey(u.ID), c.IP)
	delayed, err := t.CodesDelayed(ctx, db.CodesDelayedParams{
		Now: t.now, Pair: at.pair, Account: at.account, UserID: u.ID, Network: at.network, Since: t.now.Add(-knownNetwork),
	})
	if err != nil {
		return false, err
	}
	if !delayed {
		switch method {
		case methodTotp:
			ok, err = t.useTotp(ctx, u.ID, code)
		case methodRecoveryCode:
			ok, err = t.useRecoveryCode(ctx, u, code)
		}
		if err != nil {
			return false, err
		}
		if ok {
			return true, t.DelayClear(ctx, db.DelayClearParams{Scope: scopePair.name, Key: at.pair})
		}
		if err := t.countCode(ctx, at); err != nil {
			return false, err
		}
	}
	return false, t.audit(ctx, by, "code.refused", &u.ID, c, map[string]string{"method": method, "delayed": strconv.FormatBool(delayed)})
}

// codesKey is what the delays of an account's codes are kept under, beside those
// of its passwords. An administrator's unlock clears it.
func (s *Service) codesKey(user uuid.UUID) []byte { return s.Lookup.Hash("mfa.codes", user.String()) }

// countCode makes the next code wait.
func (t *tx) countCode(ctx context.Context, at attempt) error {
	for _, d := range []struct {
		scope
		key []byte
	}{{scopeCodes, at.account}, {scopePair, at.pair}} {
		n, err := t.DelayCount(ctx, db.DelayCountParams{Scope: d.name, Key: d.key, Now: t.now, QuietSince: t.now.Add(-codesQuiet)})
		if err != nil {
			return err
		}
		if err := t.setDelay(ctx, d.scope, d.key, int(n)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) useTotp(ctx context.Context, user uuid.UUID, code string) (bool, error) {
	row, err := t.TotpGet(ctx, user)
	if pg.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	step, ok, err := t.s.totpStep(user, row.SecretSealed, code, t.now)
	if err != nil || !ok {
		return false, err
	}
	n, err := t.TotpUse(ctx, db.TotpUseParams{Step: step, UserID: user, SecretSealed: row.SecretSealed})
	return n == 1, err
}

// totpStep finds the time step that a code is of: the present one, or a
// neighbour for clocks that differ (RFC 6238 §5.2).
func (s *Service) totpStep(user uuid.UUID, sealed []byte, code string, now time.Time) (step int64, ok bool, err error) {
	secret, err := s.opened("mfa_totp", "secret_sealed", user, user, sealed)
	if err != nil {
		return 0, false, err
	}
	code = plainCode(code)
	present := now.Unix() / totpPeriod
	for _, step := range []int64{present, present - 1, present + 1} {
		want, err := totp.GenerateCode(secret, time.Unix(step*totpPeriod, 0))
		if err != nil {
			return 0, false, fmt.Errorf("auth: TOTP code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true, nil
		}
	}
	return 0, false, nil
}

// useRecoveryCode consumes a recovery code and tells the owner how many are left.
func (t *tx) useRecoveryCode(ctx context.Context, u db.User, code string) (bool, error) {
	n, err := t.RecoveryCodeUse(ctx, db.RecoveryCodeUseParams{Now: t.now, UserID: u.ID, Hash: t.s.recoveryCodeHash(u.ID, code)})
	if err != nil || n == 0 {
		return false, err
	}
	left, err := t.RecoveryCodesLeft(ctx, u.ID)
	if err != nil {
		return false, err
	}
	a, err := t.s.account(u)
	if err != nil {
		return false, err
	}
	return true, t.notice(ctx, a, NotificationMessageSendKindAuthMFAChanged,
		map[string]string{"change": "recovery_code_used", "recoveryCodesLeft": strconv.FormatInt(left, 10)})
}

func (t *tx) replaceRecoveryCodes(ctx context.Context, user uuid.UUID, codes []string) error {
	if err := t.RecoveryCodesDelete(ctx, user); err != nil {
		return err
	}
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i] = t.s.recoveryCodeHash(user, code)
	}
	return t.RecoveryCodesInsert(ctx, db.RecoveryCodesInsertParams{UserID: user, Hashes: hashes})
}

// newRecoveryCodes makes codes such as "h4kd-92mq-x7tp".
func newRecoveryCodes() []string {
	codes := make([]string, recoveryCodeCount)
	for i := range codes {
		var b [recoveryCodeLength]byte
		rand.Read(b[:]) // never fails: crypto/rand ends the program instead
		for j := range b {
			b[j] = recoveryCodeAlphabet[b[j]%32] // 256 is a multiple of 32: no character is likelier
		}
		codes[i] = string(b[:4]) + "-" + string(b[4:8]) + "-" + string(b[8:])
	}
	return codes
}

// recoveryCodeHash is what is stored of a code: keyed, for 60 bits can be
// searched by whoever gets hold of the table alone. Letters that Crockford's
// alphabet leaves out read as the digits that they look like.
func (s *Service) recoveryCodeHash(user uuid.UUID, code string) []byte {
	code = strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(strings.ToLower(plainCode(code)))
	return s.Lookup.Hash("recovery_codes.hash", user.String()+":"+code)
}

// plainCode takes away the spaces and hyphens that codes are shown with.
func plainCode(code string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, code)
}

// mfaChanged tells the owner and the audit trail of a change of how the account
// is signed in to.
func (t *tx) mfaChanged(ctx context.Context, u db.User, change string, by actor, c Client, detail map[string]string) error {
	a, err := t.s.account(u)
	if err != nil {
		return err
	}
	if err := t.notice(ctx, a, NotificationMessageSendKindAuthMFAChanged, map[string]string{"change": change}); err != nil {
		return err
	}
	return t.audit(ctx, by, "mfa."+change, &u.ID, c, detail)
}

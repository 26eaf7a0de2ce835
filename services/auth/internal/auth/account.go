package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// Account is an account as its owner sees it.
type Account struct {
	ID          uuid.UUID
	Email       string
	DisplayName string
	Locale      string // BCP 47
	Roles       []string
	Verified    bool
	HasPassword bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Purposes of one-time tokens.
const (
	purposeVerify    = "verify_email"
	purposeReset     = "reset_password"
	purposeEmail     = "change_email"
	purposeChallenge = "mfa_challenge"
	purposeOauthCode = "oauth_code"
	purposeOauthLink = "oauth_link"
)

var (
	errLink = errs.New(errs.Unprocessable, "invalid_link",
		"This link has been used, has expired or is incomplete. Ask for a new one.").
		WithFields(errs.Field{Pointer: "#/token", Code: "invalid", Message: "not a valid token"})
	errEmail = errs.New(errs.Unprocessable, "invalid_email", "This is not an e-mail address that mail can be sent to.")
	errWrong = errs.New(errs.Forbidden, "wrong_password", "The current password is not right.").
			WithFields(errs.Field{Pointer: "#/currentPassword", Code: "wrong", Message: "not the current password"})
	errUserNotFound = errs.New(errs.NotFound, "user_not_found", "There is no such account.")
)

// Registration is what someone gives to register.
type Registration struct {
	Email, Password, DisplayName, Locale string
}

// Register creates an account and mails its verification link. Whether the
// address was known before shows only in its mailbox: the answer and the work
// are the same.
//
// The link carries the password of its own registration: if a stranger registers
// another's address first, the owner who registers later and confirms gets the
// password that the owner chose (account pre-hijacking, Sudhodanan and Paverd
// 2022).
func (s *Service) Register(ctx context.Context, r Registration, c Client) error {
	email, err := NormalizeEmail(r.Email)
	if err != nil {
		return err
	}
	password, err := s.newPassword("#/password", r.Password, email, r.DisplayName)
	if err != nil {
		return err
	}
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	id := newID()
	emailHash := s.Lookup.Hash("users.email", email)
	locale := r.Locale
	if locale == "" {
		locale = "en"
	}
	return s.inTx(ctx, func(t *tx) error {
		u := db.UserInsertParams{
			ID: id, EmailSealed: s.sealed("users", "email_sealed", id, id, email), EmailHash: emailHash,
			Locale: locale, PasswordHash: &hash, Now: t.now,
		}
		if r.DisplayName != "" {
			u.DisplayNameSealed = s.sealed("users", "display_name_sealed", id, id, r.DisplayName)
		}
		_, err := t.UserInsert(ctx, u)
		if pg.IsNotFound(err) {
			return t.registerAgain(ctx, emailHash, email, hash, c)
		}
		if err != nil {
			return err
		}
		if err := t.emit(ctx, TypeUserRegistered, id, UserRegistered{UserID: id, Email: email, DisplayName: r.DisplayName, Locale: locale, RegisteredAt: t.now}); err != nil {
			return err
		}
		if err := t.mailVerification(ctx, id, email, r.DisplayName, locale, hash); err != nil {
			return err
		}
		return t.audit(ctx, userActor(id), "user.registered", &id, c, nil)
	})
}

// registerAgain answers a registration of a known address by mail: with a new
// link while it waits for verification, else with a notice.
func (t *tx) registerAgain(ctx context.Context, emailHash []byte, email, hash string, c Client) error {
	u, err := t.UserByEmail(ctx, emailHash)
	if err != nil {
		return err
	}
	a, err := t.s.account(u)
	if err != nil {
		return err
	}
	if !a.Verified {
		if err := t.mailVerification(ctx, a.ID, email, a.DisplayName, a.Locale, hash); err != nil {
			return err
		}
	} else if err := t.mail(ctx, false, NotificationMessageSend{
		Kind: NotificationMessageSendKindAuthAlreadyRegistered, UserID: a.ID, Email: email, DisplayName: a.DisplayName, Locale: a.Locale,
		DedupeKey: "already_registered:" + a.ID.String() + ":" + t.now.Format("2006-01-02T15"),
		Data:      map[string]string{"link": t.s.PublicURL + "/forgot-password"},
	}); err != nil {
		return err
	}
	return t.audit(ctx, actor{kind: "anonymous"}, "user.registered_again", &a.ID, c, nil)
}

// verification is what a verification token carries.
type verification struct {
	PasswordHash string `json:"passwordHash,omitempty"`
}

// mailVerification sends a verification link, unless the account was sent many
// within the hour.
func (t *tx) mailVerification(ctx context.Context, user uuid.UUID, email, name, locale, passwordHash string) error {
	token, err := t.mailToken(ctx, user, purposeVerify, prefixVerify, verifyTTL, verification{passwordHash})
	if err != nil || token == "" {
		return err
	}
	return t.mail(ctx, true, NotificationMessageSend{
		Kind: NotificationMessageSendKindAuthVerifyEmail, UserID: user, Email: email, DisplayName: name, Locale: locale, DedupeKey: dedupe(token),
		Data: map[string]string{"link": t.s.link("/verify-email", token), "token": token},
	})
}

// mailToken makes a token to be mailed; none, without an error, when the account
// was sent too many of the kind within the hour.
func (t *tx) mailToken(ctx context.Context, user uuid.UUID, purpose, prefix string, ttl time.Duration, data any) (string, error) {
	n, err := t.OneTimeTokensSince(ctx, db.OneTimeTokensSinceParams{UserID: &user, Purpose: purpose, Since: t.now.Add(-time.Hour)})
	if err != nil || n >= maxMailsPerHour {
		return "", err
	}
	return t.oneTimeToken(ctx, &user, purpose, prefix, ttl, data)
}

// oneTimeToken stores a token that works once. data, if not nil, comes back when
// it is taken.
func (t *tx) oneTimeToken(ctx context.Context, user *uuid.UUID, purpose, prefix string, ttl time.Duration, data any) (string, error) {
	token := newSecret(prefix)
	hash := hashSecret(token)
	p := db.OneTimeTokenInsertParams{Hash: hash, Purpose: purpose, UserID: user, Now: t.now, ExpiresAt: t.now.Add(ttl)}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return "", fmt.Errorf("auth: encode token data: %w", err)
		}
		p.DataSealed = t.s.Keys.Seal(raw, tokenPlace(hash))
	}
	return token, t.OneTimeTokenInsert(ctx, p)
}

// takeToken consumes a token: the first caller gets its user and data, every
// other one refused.
func (t *tx) takeToken(ctx context.Context, token, purpose, prefix string, data any, refused error) (*uuid.UUID, error) {
	if !hasPrefix(token, prefix) {
		return nil, refused
	}
	hash := hashSecret(token)
	row, err := t.OneTimeTokenTake(ctx, db.OneTimeTokenTakeParams{Hash: hash, Purpose: purpose, Now: t.now})
	if pg.IsNotFound(err) {
		return nil, refused
	}
	if err != nil || data == nil || row.DataSealed == nil {
		return row.UserID, err
	}
	return row.UserID, t.s.openToken(hash, row.DataSealed, data)
}

func (s *Service) openToken(hash, sealed []byte, data any) error {
	raw, err := s.Keys.Open(sealed, tokenPlace(hash))
	if err == nil {
		err = json.Unmarshal(raw, data)
	}
	if err != nil {
		return fmt.Errorf("auth: token data: %w", err)
	}
	return nil
}

// VerifyEmail confirms an account's address.
func (s *Service) VerifyEmail(ctx context.Context, token string, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		var v verification
		id, err := t.takeToken(ctx, token, purposeVerify, prefixVerify, &v, errLink)
		if err != nil {
			return err
		}
		var hash *string
		if v.PasswordHash != "" {
			hash = &v.PasswordHash
		}
		n, err := t.UserVerify(ctx, db.UserVerifyParams{Now: t.now, ID: *id, PasswordHash: hash})
		if err != nil || n == 0 { // verified meanwhile, by another link or a provider
			return err
		}
		if err := t.OneTimeTokensDrop(ctx, db.OneTimeTokensDropParams{UserID: id, Purpose: purposeVerify}); err != nil {
			return err
		}
		u, err := t.UserByID(ctx, *id)
		if err != nil {
			return err
		}
		a, err := s.account(u)
		if err != nil {
			return err
		}
		if err := t.emit(ctx, TypeUserVerified, a.ID, UserVerified{UserID: a.ID, Email: a.Email, VerifiedAt: t.now}); err != nil {
			return err
		}
		return t.audit(ctx, userActor(a.ID), "user.verified", id, c, nil)
	})
}

// ResendVerification mails the verification link again, if the address waits
// for it.
func (s *Service) ResendVerification(ctx context.Context, email string, c Client) error {
	return s.toOwner(ctx, email, func(t *tx, a Account) error {
		if a.Verified {
			return nil
		}
		u, err := t.UserByID(ctx, a.ID)
		if err != nil || u.PasswordHash == nil {
			return err
		}
		return t.mailVerification(ctx, a.ID, a.Email, a.DisplayName, a.Locale, *u.PasswordHash)
	})
}

// ForgotPassword mails a link to set a new password, if there is such an
// account. Accounts that sign in by provider or passkey get their first password
// in this way.
func (s *Service) ForgotPassword(ctx context.Context, email string, c Client) error {
	return s.toOwner(ctx, email, func(t *tx, a Account) error {
		token, err := t.mailToken(ctx, a.ID, purposeReset, prefixReset, resetTTL, nil)
		if err != nil || token == "" {
			return err
		}
		if err := t.mail(ctx, true, NotificationMessageSend{
			Kind: NotificationMessageSendKindAuthResetPassword, UserID: a.ID, Email: a.Email, DisplayName: a.DisplayName, Locale: a.Locale, DedupeKey: dedupe(token),
			Data: map[string]string{"link": s.link("/reset-password", token), "token": token},
		}); err != nil {
			return err
		}
		return t.audit(ctx, actor{kind: "anonymous"}, "password.reset_requested", &a.ID, c, nil)
	})
}

// toOwner does something for the owner of an address that a stranger may have
// given: an unknown address, a disabled account or one that is being worked on
// is no error, so the answer tells nothing.
func (s *Service) toOwner(ctx context.Context, email string, fn func(t *tx, a Account) error) error {
	email, err := NormalizeEmail(email)
	if err != nil {
		return err
	}
	hash := s.Lookup.Hash("users.email", email)
	return s.inTx(ctx, func(t *tx) error {
		u, err := t.UserByEmail(ctx, hash)
		if pg.IsNotFound(err) || err == nil && u.DisabledAt != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if u, err = t.UserLock(ctx, u.ID); err != nil { // so that the limit on mails counts concurrent requests
			return err
		}
		a, err := s.account(u)
		if err != nil {
			return err
		}
		return fn(t, a)
	})
}

// ResetPassword sets a new password with a mailed token, ends all sessions and
// lifts the account's sign-in delays. The mailbox proves the address too.
func (s *Service) ResetPassword(ctx context.Context, token, password string, c Client) error {
	normal, err := s.newPassword("#/newPassword", password)
	if err != nil {
		return err
	}
	hash, err := s.Hasher.Hash(ctx, normal)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(t *tx) error {
		id, err := t.takeToken(ctx, token, purposeReset, prefixReset, nil, errLink)
		if err != nil {
			return err
		}
		u, err := t.UserLock(ctx, *id)
		if err != nil {
			return err
		}
		if u.DisabledAt != nil {
			return errLink
		}
		if err := t.OneTimeTokensDrop(ctx, db.OneTimeTokensDropParams{UserID: id, Purpose: purposeReset}); err != nil {
			return err
		}
		if err := t.DelayClearAccount(ctx, u.EmailHash); err != nil {
			return err
		}
		return t.setPassword(ctx, u, hash, PasswordChangedHowReset, which{}, userActor(u.ID), c)
	})
}

// ChangePassword sets a new password for the caller, who knows the current one,
// and ends the caller's other sessions.
func (s *Service) ChangePassword(ctx context.Context, p authn.Principal, current, password string, c Client) error {
	u, err := s.q.UserByID(ctx, p.UserID)
	if err != nil {
		return s.notFound(err)
	}
	a, err := s.account(u)
	if err != nil {
		return err
	}
	if err := s.provePassword(ctx, u, current, c); err != nil {
		return err
	}
	normal, err := s.newPassword("#/newPassword", password, a.Email, a.DisplayName)
	if err != nil {
		return err
	}
	hash, err := s.Hasher.Hash(ctx, normal)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(t *tx) error {
		locked, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		if locked.PasswordHash == nil || *locked.PasswordHash != *u.PasswordHash { // changed since it was proved
			return errWrong
		}
		return t.setPassword(ctx, locked, hash, PasswordChangedHowChange, which{except: &p.SessionID}, actorOf(p), c)
	})
}

// provePassword checks the current password of a signed-in user, with the same
// delays as a sign-in: a stolen access token must not serve to guess it.
func (s *Service) provePassword(ctx context.Context, u db.User, password string, c Client) error {
	normal, err := NormalizePassword(password)
	if err != nil {
		normal = "" // matches nothing
	}
	at := s.attempt(u.EmailHash, c.IP)
	delayed, err := s.delayed(ctx, at, &u.ID)
	if err != nil {
		return err
	}
	ok, err := s.Hasher.Matches(ctx, u.PasswordHash, normal)
	if err != nil || ok && !delayed {
		return err
	}
	if err := s.inTx(ctx, func(t *tx) error {
		if !delayed {
			if err := t.countFailure(ctx, at); err != nil {
				return err
			}
		}
		return t.audit(ctx, userActor(u.ID), "password.proof_failed", &u.ID, c, nil)
	}); err != nil {
		return err
	}
	return errWrong
}

func (t *tx) setPassword(ctx context.Context, u db.User, hash string, how PasswordChangedHow, end which, by actor, c Client) error {
	if err := t.UserSetPassword(ctx, db.UserSetPasswordParams{PasswordHash: &hash, Now: t.now, ID: u.ID}); err != nil {
		return err
	}
	if _, err := t.endSessions(ctx, u.ID, end, SessionRevokedReasonPassword); err != nil {
		return err
	}
	// A sign-in that waits for its code got there by the old password.
	if err := t.OneTimeTokensDrop(ctx, db.OneTimeTokensDropParams{UserID: &u.ID, Purpose: purposeChallenge}); err != nil {
		return err
	}
	if err := t.emit(ctx, TypePasswordChanged, u.ID, PasswordChanged{UserID: u.ID, How: how, ChangedAt: t.now}); err != nil {
		return err
	}
	a, err := t.s.account(u)
	if err != nil {
		return err
	}
	if err := t.notice(ctx, a, NotificationMessageSendKindAuthPasswordChanged, nil); err != nil {
		return err
	}
	return t.audit(ctx, by, "password.changed", &u.ID, c, map[string]string{"how": string(how)})
}

// notice tells the account's owner of something that happened to the account.
func (t *tx) notice(ctx context.Context, a Account, kind NotificationMessageSendKind, data map[string]string) error {
	return t.mail(ctx, false, NotificationMessageSend{
		Kind: kind, UserID: a.ID, Email: a.Email, DisplayName: a.DisplayName, Locale: a.Locale,
		DedupeKey: string(kind) + ":" + newID().String(), Data: data,
	})
}

// ChangeEmail mails a confirmation link to the new address and a notice to the
// old one. A new address that belongs to another account gets nothing, and the
// caller is not told.
func (s *Service) ChangeEmail(ctx context.Context, p authn.Principal, newEmail string, c Client) error {
	email, err := NormalizeEmail(newEmail)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		a, err := s.account(u)
		if err != nil {
			return err
		}
		if _, err := t.UserByEmail(ctx, s.Lookup.Hash("users.email", email)); !pg.IsNotFound(err) {
			return err
		}
		token, err := t.mailToken(ctx, a.ID, purposeEmail, prefixEmail, emailChangeTTL, emailChange{email})
		if err != nil || token == "" {
			return err
		}
		if err := t.mail(ctx, true, NotificationMessageSend{
			Kind: NotificationMessageSendKindAuthConfirmNewEmail, UserID: a.ID, Email: email, DisplayName: a.DisplayName, Locale: a.Locale, DedupeKey: dedupe(token),
			Data: map[string]string{"link": s.link("/confirm-email", token), "token": token},
		}); err != nil {
			return err
		}
		if err := t.notice(ctx, a, NotificationMessageSendKindAuthEmailChanging, nil); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(p), "email.change_requested", &a.ID, c, nil)
	})
}

// emailChange is what the token of a change of address carries.
type emailChange struct {
	Email string `json:"email"`
}

// ConfirmEmail moves the account to the address that the token was mailed to.
func (s *Service) ConfirmEmail(ctx context.Context, token string, c Client) error {
	err := s.inTx(ctx, func(t *tx) error {
		var change emailChange
		id, err := t.takeToken(ctx, token, purposeEmail, prefixEmail, &change, errLink)
		if err != nil {
			return err
		}
		u, err := t.UserLock(ctx, *id)
		if err != nil {
			return err
		}
		old, err := s.account(u)
		if err != nil {
			return err
		}
		if err := t.UserSetEmail(ctx, db.UserSetEmailParams{
			EmailSealed: s.sealed("users", "email_sealed", u.ID, u.ID, change.Email), EmailHash: s.Lookup.Hash("users.email", change.Email),
			Now: t.now, ID: u.ID,
		}); err != nil {
			return err
		}
		// Links that the old mailbox may still hold must not open the account.
		for _, purpose := range []string{purposeReset, purposeEmail, purposeVerify} {
			if err := t.OneTimeTokensDrop(ctx, db.OneTimeTokensDropParams{UserID: id, Purpose: purpose}); err != nil {
				return err
			}
		}
		if err := t.emit(ctx, TypeUserEmailChanged, u.ID, UserEmailChanged{UserID: u.ID, Email: change.Email, ChangedAt: t.now}); err != nil {
			return err
		}
		if err := t.notice(ctx, old, NotificationMessageSendKindAuthEmailChanged, nil); err != nil {
			return err
		}
		return t.audit(ctx, userActor(u.ID), "email.changed", id, c, nil)
	})
	if pg.IsUniqueViolation(err, "users_email") { // somebody registered it meanwhile
		return errLink
	}
	return err
}

// GetAccount returns the caller's account.
func (s *Service) GetAccount(ctx context.Context, p authn.Principal) (Account, error) {
	u, err := s.q.UserByID(ctx, p.UserID)
	if err != nil {
		return Account{}, s.notFound(err)
	}
	return s.account(u)
}

// DeleteAccount deletes an account with everything in it. What remains is the
// audit trail, which knows the account only by id. Deleting one that is not
// there is no error: the step of a workflow may be repeated.
func (s *Service) DeleteAccount(ctx context.Context, by authn.Principal, id uuid.UUID, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, id)
		if pg.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := s.account(u)
		if err != nil {
			return err
		}
		if err := t.keepASuperAdmin(ctx, u, nil); err != nil {
			return err
		}
		if _, err := t.endSessions(ctx, id, which{}, SessionRevokedReasonDeleted); err != nil {
			return err
		}
		if err := t.revoke(ctx, revokeUser, id); err != nil {
			return err
		}
		if err := t.DelayClearAccount(ctx, u.EmailHash); err != nil {
			return err
		}
		if _, err := t.UserDelete(ctx, id); err != nil {
			return err
		}
		if err := t.emit(ctx, TypeUserDeleted, id, UserDeleted{UserID: id, DeletedAt: t.now}); err != nil {
			return err
		}
		if err := t.mail(ctx, false, NotificationMessageSend{
			Kind: NotificationMessageSendKindAuthAccountDeleted, Email: a.Email, DisplayName: a.DisplayName, Locale: a.Locale, DedupeKey: "account_deleted:" + id.String(),
		}); err != nil {
			return err
		}
		return t.audit(ctx, actorOf(by), "user.deleted", &id, c, nil)
	})
}

// account opens the sealed columns of a row.
func (s *Service) account(u db.User) (Account, error) {
	email, err := s.opened("users", "email_sealed", u.ID, u.ID, u.EmailSealed)
	if err != nil {
		return Account{}, err
	}
	name, err := s.opened("users", "display_name_sealed", u.ID, u.ID, u.DisplayNameSealed)
	if err != nil {
		return Account{}, err
	}
	return Account{u.ID, email, name, u.Locale, u.Roles, u.EmailVerifiedAt != nil, u.PasswordHash != nil, u.CreatedAt, u.UpdatedAt}, nil
}

// newPassword normalises a password to be set and holds it against the policy.
// own are words that it must not be made of, such as the address.
func (s *Service) newPassword(pointer, password string, own ...string) (string, error) {
	normal, err := NormalizePassword(password)
	if err != nil {
		return "", err
	}
	return normal, s.Policy.Check(pointer, normal, own...)
}

func (s *Service) notFound(err error) error {
	if pg.IsNotFound(err) {
		return errUserNotFound
	}
	return storeError(err)
}

// link is a page of the web client with the token in the fragment, which
// browsers send to no server and put in no Referer.
func (s *Service) link(path, token string) string { return s.PublicURL + path + "#token=" + token }

// NormalizeEmail returns the one spelling by which an address is found: NFC, the
// domain in its ASCII form, all in lower case. Case in the local part can in
// theory tell mailboxes apart (RFC 5321 §2.4); no provider does it, and two
// accounts that differ in case alone would be a trap.
func NormalizeEmail(email string) (string, error) {
	normal, err := spelled(email)
	if err != nil {
		return "", err
	}
	// IDNA also takes characters whose ASCII form it refuses, such as U+2135.
	if again, err := spelled(normal); err != nil || again != normal {
		return "", errEmail
	}
	return normal, nil
}

func spelled(email string) (string, error) {
	email = norm.NFC.String(strings.TrimSpace(email))
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at > 64 || len(email) > 254 { // RFC 5321 §4.5.3.1, RFC 3696 erratum 1690
		return "", errEmail
	}
	domain, err := idna.Lookup.ToASCII(email[at+1:])
	if err != nil || !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") {
		return "", errEmail
	}
	local := strings.ToLower(email[:at])
	if strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"(),:;<>@[\]`, r) }) ||
		strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", errEmail
	}
	return local + "@" + domain, nil
}

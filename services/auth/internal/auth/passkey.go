package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

const (
	ceremonyTTL  = 5 * time.Minute
	maxPasskeys  = 20
	maxPublicKey = 1024 // bytes; RSA with 4096 bits has 530
)

// Kinds of WebAuthn ceremonies.
const (
	ceremonyRegistration = "registration"
	ceremonyLogin        = "login"
)

var (
	// One error for every reason to refuse a passkey at a sign-in.
	errPasskey = errs.New(errs.Unauthenticated, "invalid_passkey",
		"This passkey was not accepted, or its request was used before or has expired. Try again from the start, or sign in another way.")
	errOwnPasskey = signedInError(errPasskey)
	errNewPasskey = errs.New(errs.Unprocessable, errPasskey.Code,
		"The passkey could not be registered, or its request was used before or has expired. Try again from the start.")
	errPasskeyTaken    = errs.New(errs.Conflict, "passkey_already_registered", "This passkey is registered already. Use it to sign in, or take another device.")
	errTooManyPasskeys = errs.New(errs.Conflict, "too_many_passkeys", "An account has at most 20 passkeys. Remove one that is not used any more.")
	errPasskeyNotFound = errs.New(errs.NotFound, "passkey_not_found", "There is no such passkey of this account.")
	errPasskeyName     = errs.New(errs.Unprocessable, "invalid_name", "Give the passkey a name of 1 to 100 characters.").
				WithFields(errs.Field{Pointer: "#/name", Code: "invalid", Message: "1 to 100 characters that are not all spaces"})
	errLastLoginMethod = errs.New(errs.Conflict, "last_login_method",
		"Nothing would be left to sign in with. Set a password, add a passkey or link a provider first.")
)

// NewWebauthn makes the relying party (WebAuthn Level 3) of the domain of
// publicURL. Passkeys are accepted from pages there and at the other origins,
// such as "chrome-extension://…". They must be discoverable, since a sign-in asks
// for no name, and must verify their user, since they count as both factors.
func NewWebauthn(publicURL string, origins []string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("auth: the public URL must be https://host or http://localhost for passkeys to work")
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID:                  u.Hostname(),
		RPDisplayName:         productName,
		RPOrigins:             append([]string{u.Scheme + "://" + u.Host}, origins...),
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		// Told to browsers; what is enforced is the ceremony's expires_at.
		Timeouts: webauthn.TimeoutsConfig{
			Login: webauthn.TimeoutConfig{Timeout: ceremonyTTL}, Registration: webauthn.TimeoutConfig{Timeout: ceremonyTTL},
		},
		// Password managers send outputs that nobody asked for (§9).
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("auth: passkeys at %s: %w (they need a domain name, not an address; use localhost for development)", u.Hostname(), err)
	}
	return w, nil
}

// Passkey is a WebAuthn credential of an account.
type Passkey struct {
	ID         uuid.UUID
	Name       string
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// Ceremony is a WebAuthn ceremony under way.
type Ceremony struct {
	ID        uuid.UUID
	Options   json.RawMessage // publicKey of navigator.credentials.create or get, as JSON
	ExpiresAt time.Time
}

// owner is an account as WebAuthn sees it. Its user handle is the account's id,
// which tells nothing about the person.
type owner struct {
	Account
	credentials []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return o.ID[:] }
func (o owner) WebAuthnName() string                       { return o.Email }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }
func (o owner) WebAuthnDisplayName() string {
	if o.DisplayName == "" {
		return o.Email
	}
	return o.DisplayName
}

// StartPasskeyRegistration begins the registration of a passkey for the caller.
// Authenticators that hold one already are told to refuse.
func (s *Service) StartPasskeyRegistration(ctx context.Context, p authn.Principal) (Ceremony, error) {
	a, err := s.GetAccount(ctx, p)
	if err != nil {
		return Ceremony{}, err
	}
	rows, err := s.q.PasskeyList(ctx, p.UserID)
	if err != nil {
		return Ceremony{}, storeError(err)
	}
	if len(rows) >= maxPasskeys {
		return Ceremony{}, errTooManyPasskeys
	}
	o := owner{Account: a}
	for _, r := range rows {
		credential, err := credentialOf(r)
		if err != nil {
			return Ceremony{}, err
		}
		o.credentials = append(o.credentials, credential)
	}
	options, session, err := s.Webauthn.BeginRegistration(o,
		webauthn.WithExclusions(webauthn.Credentials(o.credentials).CredentialDescriptors()),
		webauthn.WithCredentialParameters(webauthn.CredentialParametersRecommendedL3()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("auth: begin passkey registration: %w", err)
	}
	return s.startCeremony(ctx, ceremonyRegistration, &p.UserID, options.Response, session)
}

// StartPasskeyLogin begins a sign-in or a step-up by passkey; who it is shows in
// the answer.
func (s *Service) StartPasskeyLogin(ctx context.Context) (Ceremony, error) {
	options, session, err := s.Webauthn.BeginDiscoverableLogin()
	if err != nil {
		return Ceremony{}, fmt.Errorf("auth: begin passkey sign-in: %w", err)
	}
	return s.startCeremony(ctx, ceremonyLogin, nil, options.Response, session)
}

func (s *Service) startCeremony(ctx context.Context, kind string, user *uuid.UUID, options any, session *webauthn.SessionData) (Ceremony, error) {
	public, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("auth: encode WebAuthn options: %w", err)
	}
	data, err := json.Marshal(session)
	if err != nil {
		return Ceremony{}, fmt.Errorf("auth: encode WebAuthn ceremony: %w", err)
	}
	out := Ceremony{newID(), public, s.now().Add(ceremonyTTL)}
	err = s.q.CeremonyInsert(ctx, db.CeremonyInsertParams{ID: out.ID, UserID: user, Kind: kind, Data: data, ExpiresAt: out.ExpiresAt})
	return out, storeError(err)
}

// takeCeremony consumes a ceremony: it can be answered once, whatever comes of
// it.
func (s *Service) takeCeremony(ctx context.Context, id uuid.UUID, kind string, user *uuid.UUID, refused error) (session webauthn.SessionData, err error) {
	data, err := s.q.CeremonyTake(ctx, db.CeremonyTakeParams{ID: id, Kind: kind, UserID: user, Now: s.now()})
	if pg.IsNotFound(err) {
		return session, refused
	}
	if err != nil {
		return session, storeError(err)
	}
	if err := json.Unmarshal(data, &session); err != nil {
		return session, fmt.Errorf("auth: ceremony %s: %w", id, err)
	}
	return session, nil
}

// RegisterPasskey finishes a registration that the caller began. credential is
// the PublicKeyCredential as JSON.
func (s *Service) RegisterPasskey(ctx context.Context, p authn.Principal, ceremony uuid.UUID, name string, credential []byte, c Client) (Passkey, error) {
	name, err := passkeyName(name)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return Passkey{}, errNewPasskey.With(err)
	}
	session, err := s.takeCeremony(ctx, ceremony, ceremonyRegistration, &p.UserID, errNewPasskey)
	if err != nil {
		return Passkey{}, err
	}
	created, err := s.Webauthn.CreateCredential(owner{Account: Account{ID: p.UserID}}, session, parsed)
	if err != nil {
		return Passkey{}, errNewPasskey.With(err)
	}
	if len(created.PublicKey) > maxPublicKey {
		return Passkey{}, errNewPasskey
	}
	// The statement of the maker is not asked for and not kept. Transports are
	// whatever the client says.
	created.Attestation = webauthn.CredentialAttestation{}
	created.Transport = slices.DeleteFunc(created.Transport, func(t protocol.AuthenticatorTransport) bool { return !slices.Contains(transports, t) })
	raw, err := json.Marshal(created)
	if err != nil {
		return Passkey{}, fmt.Errorf("auth: encode passkey: %w", err)
	}
	out := Passkey{ID: newID(), Name: name}
	err = s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID) // so that the limit counts concurrent registrations
		if err != nil {
			return s.notFound(err)
		}
		have, err := t.PasskeyList(ctx, u.ID)
		if err != nil {
			return err
		}
		if len(have) >= maxPasskeys {
			return errTooManyPasskeys
		}
		out.CreatedAt = t.now
		if err := t.PasskeyInsert(ctx, db.PasskeyInsertParams{
			ID: out.ID, UserID: u.ID, CredentialID: created.ID, Credential: raw, Name: name, Now: t.now,
		}); err != nil {
			return err
		}
		return t.mfaChanged(ctx, u, "passkey_added", actorOf(p), c, map[string]string{"passkeyId": out.ID.String()})
	})
	if pg.IsUniqueViolation(err, "passkeys_credential") {
		err = errPasskeyTaken
	}
	if err != nil {
		return Passkey{}, err
	}
	return out, nil
}

// transports are those of WebAuthn Level 3 §5.8.4.
var transports = []protocol.AuthenticatorTransport{
	protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal,
}

// LoginWithPasskey signs in with a passkey. It verified its user, so it counts as
// both factors and no code is asked for.
func (s *Service) LoginWithPasskey(ctx context.Context, ceremony uuid.UUID, credential []byte, c Client) (LoginResult, error) {
	a, err := s.takeAssertion(ctx, ceremony, credential)
	if err != nil {
		return LoginResult{}, err
	}
	id, err := uuid.FromBytes(a.parsed.Response.UserHandle)
	if err != nil {
		return LoginResult{}, errPasskey
	}
	var out LoginResult
	var refused error
	err = s.inTx(ctx, func(t *tx) error {
		refused = nil
		u, err := t.UserLock(ctx, id)
		if pg.IsNotFound(err) {
			return errPasskey
		}
		if err != nil {
			return err
		}
		ok, err := t.usePasskey(ctx, u, a, actor{kind: "anonymous"}, c)
		if err != nil {
			return err
		}
		if !ok {
			refused = errPasskey // the transaction commits its audit entry
			return nil
		}
		if err := mayLogIn(u); err != nil {
			return err
		}
		out, err = t.signedIn(ctx, u, methodPasskey, c, nil)
		return err
	})
	if err == nil {
		err = refused
	}
	return out, err
}

// assertion is an answer to a login ceremony, yet to be verified.
type assertion struct {
	parsed  *protocol.ParsedCredentialAssertionData
	session webauthn.SessionData
}

// takeAssertion reads an answer and consumes the ceremony that it is to.
func (s *Service) takeAssertion(ctx context.Context, ceremony uuid.UUID, credential []byte) (a assertion, err error) {
	if a.parsed, err = protocol.ParseCredentialRequestResponseBytes(credential); err != nil {
		return a, errPasskey.With(err)
	}
	a.session, err = s.takeCeremony(ctx, ceremony, ceremonyLogin, nil, errPasskey)
	return a, err
}

// usePasskey verifies an assertion by a passkey of the account, which must be
// locked, and records the use. One that is not ok is in the audit trail, if the
// caller commits. A sign counter that did not grow tells of a second copy of an
// authenticator (WebAuthn §6.1.1); it cannot be known which is the owner's.
func (t *tx) usePasskey(ctx context.Context, u db.User, a assertion, by actor, c Client) (ok bool, err error) {
	row, err := t.PasskeyGet(ctx, db.PasskeyGetParams{UserID: u.ID, CredentialID: a.parsed.RawID})
	if pg.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	credential, err := credentialOf(row)
	if err != nil {
		return false, err
	}
	find := func(_, _ []byte) (webauthn.User, error) {
		return owner{Account: Account{ID: u.ID}, credentials: []webauthn.Credential{credential}}, nil
	}
	used, err := t.s.Webauthn.ValidateDiscoverableLogin(find, a.session, a.parsed)
	reason := ""
	switch {
	case err != nil:
		reason = "assertion"
	case used.Authenticator.CloneWarning:
		reason = "cloned"
	}
	if reason != "" {
		return false, t.audit(ctx, by, "passkey.refused", &u.ID, c, map[string]string{"passkeyId": row.ID.String(), "reason": reason})
	}
	raw, err := json.Marshal(used)
	if err != nil {
		return false, fmt.Errorf("auth: encode passkey: %w", err)
	}
	return true, t.PasskeyUse(ctx, db.PasskeyUseParams{Credential: raw, Now: t.now, ID: row.ID})
}

func credentialOf(row db.Passkey) (credential webauthn.Credential, err error) {
	if err := json.Unmarshal(row.Credential, &credential); err != nil {
		return credential, fmt.Errorf("auth: passkey %s: %w", row.ID, err)
	}
	return credential, nil
}

// ListPasskeys lists the caller's passkeys, oldest first.
func (s *Service) ListPasskeys(ctx context.Context, p authn.Principal) ([]Passkey, error) {
	rows, err := s.q.PasskeyList(ctx, p.UserID)
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]Passkey, len(rows))
	for i, r := range rows {
		list[i] = passkeyOf(r)
	}
	return list, nil
}

// RenamePasskey names a passkey of the caller anew.
func (s *Service) RenamePasskey(ctx context.Context, p authn.Principal, id uuid.UUID, name string) (Passkey, error) {
	name, err := passkeyName(name)
	if err != nil {
		return Passkey{}, err
	}
	row, err := s.q.PasskeyRename(ctx, db.PasskeyRenameParams{Name: name, ID: id, UserID: p.UserID})
	if pg.IsNotFound(err) {
		return Passkey{}, errPasskeyNotFound
	}
	return passkeyOf(row), storeError(err)
}

// RemovePasskey removes a passkey of the caller, unless nothing would be left to
// sign in with.
func (s *Service) RemovePasskey(ctx context.Context, p authn.Principal, id uuid.UUID, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		n, err := t.PasskeyDelete(ctx, db.PasskeyDeleteParams{ID: id, UserID: u.ID})
		if err != nil {
			return err
		}
		if n == 0 {
			return errPasskeyNotFound
		}
		if err := t.keepALoginMethod(ctx, u.ID); err != nil {
			return err
		}
		return t.mfaChanged(ctx, u, "passkey_removed", actorOf(p), c, map[string]string{"passkeyId": id.String()})
	})
}

// keepALoginMethod refuses what the transaction has done so far if it leaves the
// account without a password, a passkey and a provider. Lock the account first:
// two removals at once must see each other.
func (t *tx) keepALoginMethod(ctx context.Context, user uuid.UUID) error {
	n, err := t.LoginMethods(ctx, user)
	if err == nil && n == 0 {
		return errLastLoginMethod
	}
	return err
}

func passkeyOf(r db.Passkey) Passkey { return Passkey{r.ID, r.Name, r.CreatedAt, r.LastUsedAt} }

func passkeyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := len([]rune(name)); n < 1 || n > 100 {
		return "", errPasskeyName
	}
	return name, nil
}

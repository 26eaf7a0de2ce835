package auth

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/oauth2"
	"golang.org/x/text/unicode/norm"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// Sign-in with a provider is two flows, one inside the other, each tied to who
// began it by PKCE (RFC 7636):
//
//	client                      auth                          provider
//	  │ start(challenge) ────────▶ │ state, nonce, verifier       │
//	  │ ◀──────── authorizationUrl │ kept as a flow               │
//	  │ ─────────────────────────────────────── browser ────────▶ │
//	  │        callback(state, code) ◀─────────────────────────── │
//	  │                            │ flow taken; code, verifier ─▶│
//	  │ ◀── redirectUri#code=jpo_… │ ◀──────────────── who it is  │
//	  │ exchange(code, verifier) ─▶│ session, challenge or link   │
//
// State, provider's code, our code and link token work once each. A callback
// that somebody plants in another's browser ends there: its code is of use only
// to the client that has the verifier (RFC 9700 §4.7).
const (
	oauthFlowTTL = 10 * time.Minute // between start and callback
	oauthCodeTTL = time.Minute      // between callback and exchange
	oauthLinkTTL = 10 * time.Minute // between link_required and its confirmation
	oauthRaces   = 3                // tries at an exchange that others get in the way of
)

// What `#error=` of a redirect says.
const (
	oauthState       = "invalid_state"        // unknown, used or expired: begin again
	oauthDenied      = "access_denied"        // the person said no
	oauthUnavailable = "provider_unavailable" // try later
	oauthRefused     = "provider_error"       // what the provider said cannot be accepted
)

var (
	errOauthCode = errs.New(errs.Unprocessable, "invalid_oauth_code",
		"This sign-in has been finished, has expired or was begun elsewhere. Begin again.").
		WithFields(errs.Field{Pointer: "#/code", Code: "invalid", Message: "not a valid code for this verifier"})
	errOauthLinkToken = errs.New(errs.Unprocessable, "invalid_link_token",
		"This link token has been used, has expired or is for another account. Sign in with the provider again, then confirm as the account it names.").
		WithFields(errs.Field{Pointer: "#/linkToken", Code: "invalid", Message: "not a valid link token of this account"})
	errUnprovenEmail = errs.New(errs.Forbidden, "email_not_verified_by_provider",
		"The provider has no verified e-mail address of yours. Verify it there, or register with e-mail and password.")
	errProviderLinked = errs.New(errs.Conflict, "provider_already_linked",
		"This provider's account is linked to another account here, or your account has another one of this provider. Unlink that first.")
	errProviderNotLinked = errs.New(errs.NotFound, "provider_not_linked", "The account is not linked with this provider.")
	errProviderDown      = errs.New(errs.Unavailable, "provider_unavailable",
		"The provider does not answer. Try again in a minute, or sign in another way.").WithRetryAfter(time.Minute)
	errOauthRace = errs.New(errs.Conflict, "concurrent_sign_in", "The account was changed while you signed in. Begin again.")
)

// OauthStart is where a flow goes on.
type OauthStart struct {
	AuthorizationURL string
	ExpiresAt        time.Time
}

// OauthCallback is what a provider sends the browser back with; all of it can be
// forged.
type OauthCallback struct {
	State, Code, Error string
	Issuer             string // RFC 9207
}

// OauthLink is a provider's account that signs in to an account.
type OauthLink struct {
	Provider   string
	Email      string // at the provider; may be empty
	LinkedAt   time.Time
	LastUsedAt *time.Time
}

// OauthResult is what an exchange gives: a LoginResult, a token for
// ConfirmOauthLink, or a Link that was made.
type OauthResult struct {
	LoginResult
	LinkToken string
	Link      *OauthLink
}

// oauthGrant is what a one-time code, and then a link token, carries.
type oauthGrant struct {
	Provider  string         `json:"provider"`
	Identity  oauth.Identity `json:"identity"`
	Challenge string         `json:"challenge,omitempty"`
	Session   uuid.UUID      `json:"session,omitzero"` // that began to link; zero for a sign-in
}

// flowData is what is sealed in the row of a flow.
type flowData struct {
	oauth.Secrets
	Session uuid.UUID `json:"session,omitzero"`
}

// ListOauthProviders lists the providers that this installation offers.
func (s *Service) ListOauthProviders() []string {
	if s.Oauth == nil {
		return nil
	}
	return s.Oauth.names
}

// StartOauth begins a sign-in. codeChallenge is S256 of a verifier that the
// client keeps; redirectURI is where the browser ends up, empty for the default.
func (s *Service) StartOauth(ctx context.Context, provider, codeChallenge, redirectURI string) (OauthStart, error) {
	return s.startOauth(ctx, provider, codeChallenge, redirectURI, authn.Principal{})
}

// StartOauthLink begins to link a provider to the caller's account. It ends what
// the caller began with the provider before.
func (s *Service) StartOauthLink(ctx context.Context, p authn.Principal, provider, codeChallenge, redirectURI string) (OauthStart, error) {
	return s.startOauth(ctx, provider, codeChallenge, redirectURI, p)
}

func (s *Service) startOauth(ctx context.Context, name, codeChallenge, redirectURI string, p authn.Principal) (OauthStart, error) {
	provider, err := s.Oauth.provider(name)
	if err != nil {
		return OauthStart{}, err
	}
	redirect, err := s.Oauth.redirect(redirectURI)
	if err != nil {
		return OauthStart{}, err
	}
	state := newSecret("")
	data := flowData{oauth.Secrets{Nonce: newSecret(""), Verifier: oauth2.GenerateVerifier()}, p.SessionID}
	url, err := provider.Authorize(ctx, state, data.Secrets)
	if err != nil {
		s.logProvider(ctx, name, err)
		return OauthStart{}, errProviderDown.With(err)
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return OauthStart{}, fmt.Errorf("auth: encode flow: %w", err)
	}
	hash := hashSecret(state)
	flow := db.OauthFlowInsertParams{
		StateHash: hash, Provider: name, CodeChallenge: codeChallenge, RedirectUri: redirect, SecretsSealed: s.Keys.Seal(raw, flowPlace(hash)),
	}
	err = s.inTx(ctx, func(t *tx) error {
		if p.UserID != uuid.Nil {
			flow.UserID = &p.UserID
			if err := t.OauthFlowsDrop(ctx, db.OauthFlowsDropParams{UserID: p.UserID, Provider: name}); err != nil {
				return err
			}
		}
		flow.ExpiresAt = t.now.Add(oauthFlowTTL)
		return t.OauthFlowInsert(ctx, flow)
	})
	return OauthStart{url, flow.ExpiresAt}, err
}

func flowPlace(hash []byte) seal.Place {
	return seal.Place{Table: "oauth_flows", Column: "secrets_sealed", Row: hex.EncodeToString(hash)}
}

// OauthCallback takes the flow that state names, asks the provider who it is and
// returns where to send the browser: to the client with a one-time code or with
// what went wrong, or to the default client when there is no such flow.
func (s *Service) OauthCallback(ctx context.Context, name string, back OauthCallback) (string, error) {
	provider, err := s.Oauth.provider(name)
	if err != nil {
		return "", err
	}
	hash := hashSecret(back.State)
	flow, err := s.q.OauthFlowTake(ctx, db.OauthFlowTakeParams{StateHash: hash, Provider: name, Now: s.now()})
	switch {
	case pg.IsNotFound(err):
		return s.Oauth.redirects[0] + "#error=" + oauthState, nil
	case err != nil:
		return "", storeError(err)
	case back.Error == "access_denied", strings.HasPrefix(back.Error, "user_cancelled"): // the latter is LinkedIn's
		return flow.RedirectUri + "#error=" + oauthDenied, nil
	case back.Error == "temporarily_unavailable", back.Error == "server_error":
		return flow.RedirectUri + "#error=" + oauthUnavailable, nil
	case back.Error != "", back.Code == "":
		return flow.RedirectUri + "#error=" + oauthRefused, nil
	}
	var data flowData
	raw, err := s.Keys.Open(flow.SecretsSealed, flowPlace(hash))
	if err == nil {
		err = json.Unmarshal(raw, &data)
	}
	if err != nil {
		return "", fmt.Errorf("auth: flow: %w", err)
	}

	who, err := provider.Identify(ctx, back.Code, back.Issuer, data.Secrets)
	if err != nil {
		s.logProvider(ctx, name, err)
		if errors.Is(err, oauth.ErrRefused) {
			return flow.RedirectUri + "#error=" + oauthRefused, nil
		}
		return flow.RedirectUri + "#error=" + oauthUnavailable, nil
	}

	var code string
	err = s.inTx(ctx, func(t *tx) (err error) {
		code, err = t.oneTimeToken(ctx, flow.UserID, purposeOauthCode, prefixOauthCode, oauthCodeTTL,
			oauthGrant{name, cleaned(who), flow.CodeChallenge, data.Session})
		return err
	})
	if err != nil {
		return "", err
	}
	return flow.RedirectUri + "#code=" + code, nil
}

// logProvider notes a provider's fault for the operator; its text is foreign.
func (s *Service) logProvider(ctx context.Context, name string, err error) {
	s.Log.WarnContext(ctx, "sign-in with provider failed", slog.String("provider", name), slog.String("error", clip(err.Error(), 500)))
}

// ExchangeOauth redeems the code of a callback, for the client that has the
// verifier; a wrong one spends the code. A flow that began as a link makes the
// link. Else the provider's account
//
//   - is linked: it signs in to that account, as a first factor;
//   - is new, with an address that the provider has verified:
//   - nobody has it: an account is made, verified, without a password;
//   - an account has it that was never verified: whoever made that has not shown
//     to own the address, and this one has. The account is theirs now and
//     nothing of what the other set remains, the password above all
//     (pre-hijacking, see Register);
//   - an account has it: the address alone opens nothing. Its owner signs in
//     as before and confirms the link with LinkToken.
func (s *Service) ExchangeOauth(ctx context.Context, code, verifier string, c Client) (OauthResult, error) {
	var grant oauthGrant
	var owner *uuid.UUID
	err := s.inTx(ctx, func(t *tx) (err error) { // on its own: the code is spent whatever follows
		owner, err = t.takeToken(ctx, code, purposeOauthCode, prefixOauthCode, &grant, errOauthCode)
		return err
	})
	if err != nil {
		return OauthResult{}, err
	}
	if subtle.ConstantTimeCompare([]byte(oauth2.S256ChallengeFromVerifier(verifier)), []byte(grant.Challenge)) != 1 {
		return OauthResult{}, errOauthCode
	}
	var out OauthResult
	for range oauthRaces {
		err = s.inTx(ctx, func(t *tx) (err error) {
			if owner != nil {
				out, err = t.linkBegun(ctx, *owner, grant, c)
			} else {
				out, err = t.signInBy(ctx, grant, c)
			}
			return err
		})
		if !errors.Is(err, errOauthRace) {
			break
		}
	}
	if err != nil {
		return OauthResult{}, err
	}
	return out, nil
}

// linkBegun finishes a flow of StartOauthLink, if the session that began it is
// still live: who ended it may have meant just that.
func (t *tx) linkBegun(ctx context.Context, user uuid.UUID, grant oauthGrant, c Client) (OauthResult, error) {
	u, err := t.UserLock(ctx, user)
	if err != nil {
		return OauthResult{}, t.s.notFound(err)
	}
	st, err := t.SessionStatus(ctx, db.SessionStatusParams{Now: t.now, ID: grant.Session})
	switch {
	case pg.IsNotFound(err) || err == nil && !st.Active:
		return OauthResult{}, errOauthCode
	case err != nil:
		return OauthResult{}, err
	}
	link, err := t.link(ctx, u, grant, c)
	return OauthResult{Link: &link}, err
}

// signInBy signs in with a provider's account. It returns errOauthRace when a
// concurrent change makes another try necessary.
func (t *tx) signInBy(ctx context.Context, grant oauthGrant, c Client) (OauthResult, error) {
	who := grant.Identity
	known, err := t.OauthLinkBySubject(ctx, db.OauthLinkBySubjectParams{Provider: grant.Provider, Subject: who.Subject})
	switch {
	case err == nil:
		return t.signInLinked(ctx, known, grant, c)
	case !pg.IsNotFound(err):
		return OauthResult{}, err
	case !who.EmailVerified: // before looking for the address: it is not theirs to ask about
		return OauthResult{}, errUnprovenEmail
	}
	emailHash := t.s.Lookup.Hash("users.email", who.Email)
	u, err := t.UserByEmail(ctx, emailHash)
	if pg.IsNotFound(err) {
		return t.registerBy(ctx, emailHash, grant, c)
	}
	if err == nil {
		u, err = t.UserLock(ctx, u.ID)
	}
	switch {
	case pg.IsNotFound(err) || err == nil && !bytes.Equal(u.EmailHash, emailHash):
		return OauthResult{}, errOauthRace
	case err != nil:
		return OauthResult{}, err
	case u.DisabledAt != nil:
		return OauthResult{}, errDisabled
	case u.EmailVerifiedAt == nil:
		return t.adopt(ctx, u, grant, c)
	}
	// The account may be what another sign-in of this subject has just made.
	_, err = t.OauthLinkBySubject(ctx, db.OauthLinkBySubjectParams{Provider: grant.Provider, Subject: who.Subject})
	if err == nil {
		return OauthResult{}, errOauthRace
	}
	if !pg.IsNotFound(err) {
		return OauthResult{}, err
	}
	grant.Challenge = ""
	token, err := t.oneTimeToken(ctx, &u.ID, purposeOauthLink, prefixOauthLink, oauthLinkTTL, grant)
	if err != nil {
		return OauthResult{}, err
	}
	return OauthResult{LinkToken: token}, t.audit(ctx, actor{kind: "anonymous"}, "provider.link_offered", &u.ID, c, map[string]string{"provider": grant.Provider})
}

// signInLinked signs in to the account that the provider's account is linked to.
func (t *tx) signInLinked(ctx context.Context, link db.OauthProvider, grant oauthGrant, c Client) (OauthResult, error) {
	u, err := t.UserLock(ctx, link.UserID)
	if pg.IsNotFound(err) {
		return OauthResult{}, errOauthRace
	}
	if err != nil {
		return OauthResult{}, err
	}
	if err := mayLogIn(u); err != nil {
		return OauthResult{}, err
	}
	n, err := t.OauthLinkUse(ctx, db.OauthLinkUseParams{
		Now: t.now, EmailSealed: t.providerEmail(link.ID, u.ID, grant.Identity), ID: link.ID, UserID: u.ID,
	})
	if err == nil && n == 0 { // unlinked meanwhile
		err = errOauthRace
	}
	if err != nil {
		return OauthResult{}, err
	}
	res, err := t.firstFactor(ctx, u, grant.Provider, c)
	return OauthResult{LoginResult: res}, err
}

// registerBy makes an account for an address that the provider has verified.
func (t *tx) registerBy(ctx context.Context, emailHash []byte, grant oauthGrant, c Client) (OauthResult, error) {
	id, who := newID(), grant.Identity
	_, err := t.UserInsert(ctx, db.UserInsertParams{
		ID: id, EmailSealed: t.s.sealed("users", "email_sealed", id, id, who.Email), EmailHash: emailHash,
		DisplayNameSealed: t.displayName(id, who), Locale: who.Locale, EmailVerifiedAt: &t.now, Now: t.now,
	})
	if pg.IsNotFound(err) { // somebody registered it meanwhile
		return OauthResult{}, errOauthRace
	}
	if err != nil {
		return OauthResult{}, err
	}
	if err := t.emit(ctx, TypeUserRegistered, id, UserRegistered{UserID: id, Email: who.Email, DisplayName: who.Name, Locale: who.Locale, RegisteredAt: t.now}); err != nil {
		return OauthResult{}, err
	}
	return t.enter(ctx, id, grant, "user.registered", c)
}

// adopt gives an account that was never verified to the owner of its address.
// Nobody ever signed in to it, so there is nothing to end but its mails.
func (t *tx) adopt(ctx context.Context, u db.User, grant oauthGrant, c Client) (OauthResult, error) {
	n, err := t.UserAdopt(ctx, db.UserAdoptParams{
		Now: t.now, DisplayNameSealed: t.displayName(u.ID, grant.Identity), Locale: grant.Identity.Locale, ID: u.ID,
	})
	if err == nil && n == 0 {
		err = errOauthRace
	}
	if err != nil {
		return OauthResult{}, err
	}
	for _, purpose := range []string{purposeVerify, purposeReset} {
		if err := t.OneTimeTokensDrop(ctx, db.OneTimeTokensDropParams{UserID: &u.ID, Purpose: purpose}); err != nil {
			return OauthResult{}, err
		}
	}
	return t.enter(ctx, u.ID, grant, "user.verified", c)
}

// enter links and signs in to an account whose address the provider has just
// proved.
func (t *tx) enter(ctx context.Context, user uuid.UUID, grant oauthGrant, action string, c Client) (OauthResult, error) {
	_, made, err := t.insertLink(ctx, user, grant, &t.now)
	if err == nil && !made { // linked meanwhile, to another account
		err = errOauthRace
	}
	if err != nil {
		return OauthResult{}, err
	}
	if err := t.emit(ctx, TypeUserVerified, user, UserVerified{UserID: user, Email: grant.Identity.Email, VerifiedAt: t.now}); err != nil {
		return OauthResult{}, err
	}
	u, err := t.UserByID(ctx, user)
	if err != nil {
		return OauthResult{}, err
	}
	res, err := t.firstFactor(ctx, u, grant.Provider, c)
	if err != nil {
		return OauthResult{}, err
	}
	return OauthResult{LoginResult: res}, t.audit(ctx, userActor(user), action, &user, c, map[string]string{"provider": grant.Provider})
}

// link links the provider's account to u, whose owner asked for it.
func (t *tx) link(ctx context.Context, u db.User, grant oauthGrant, c Client) (OauthLink, error) {
	if err := mayLogIn(u); err != nil {
		return OauthLink{}, err
	}
	link, made, err := t.insertLink(ctx, u.ID, grant, nil)
	if err != nil {
		return OauthLink{}, err
	}
	if !made {
		have, err := t.OauthLinkBySubject(ctx, db.OauthLinkBySubjectParams{Provider: grant.Provider, Subject: grant.Identity.Subject})
		switch {
		case pg.IsNotFound(err) || err == nil && have.UserID != u.ID:
			return OauthLink{}, errProviderLinked
		case err != nil:
			return OauthLink{}, err
		}
		return t.s.oauthLink(have) // it is as they wish
	}
	return link, t.mfaChanged(ctx, u, "provider_linked", userActor(u.ID), c, map[string]string{"provider": grant.Provider})
}

// insertLink reports whether the link was made; it is not if it exists or stands
// against another.
func (t *tx) insertLink(ctx context.Context, user uuid.UUID, grant oauthGrant, used *time.Time) (OauthLink, bool, error) {
	id := newID()
	n, err := t.OauthLinkInsert(ctx, db.OauthLinkInsertParams{
		ID: id, UserID: user, Provider: grant.Provider, Subject: grant.Identity.Subject,
		EmailSealed: t.providerEmail(id, user, grant.Identity), Now: t.now, LastUsedAt: used,
	})
	return OauthLink{grant.Provider, grant.Identity.Email, t.now, used}, n == 1, err
}

func (t *tx) providerEmail(link, user uuid.UUID, who oauth.Identity) []byte {
	if who.Email == "" {
		return nil
	}
	return t.s.sealed("oauth_providers", "email_sealed", link, user, who.Email)
}

func (t *tx) displayName(user uuid.UUID, who oauth.Identity) []byte {
	if who.Name == "" {
		return nil
	}
	return t.s.sealed("users", "display_name_sealed", user, user, who.Name)
}

// ListOauthLinks lists the providers that are linked to the user's account.
func (s *Service) ListOauthLinks(ctx context.Context, user uuid.UUID) ([]OauthLink, error) {
	rows, err := s.q.OauthLinkList(ctx, user)
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]OauthLink, len(rows))
	for i, r := range rows {
		if list[i], err = s.oauthLink(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Service) oauthLink(r db.OauthProvider) (OauthLink, error) {
	email, err := s.opened("oauth_providers", "email_sealed", r.ID, r.UserID, r.EmailSealed)
	return OauthLink{r.Provider, email, r.LinkedAt, r.LastUsedAt}, err
}

// ConfirmOauthLink links the provider that an exchange left waiting, if it waits
// for the caller's account.
func (s *Service) ConfirmOauthLink(ctx context.Context, p authn.Principal, token string, c Client) (OauthLink, error) {
	var link OauthLink
	err := s.inTx(ctx, func(t *tx) error {
		var grant oauthGrant
		user, err := t.takeToken(ctx, token, purposeOauthLink, prefixOauthLink, &grant, errOauthLinkToken)
		if err != nil {
			return err
		}
		if *user != p.UserID { // and it is not spent: its owner may still use it
			return errOauthLinkToken
		}
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		link, err = t.link(ctx, u, grant, c)
		return err
	})
	return link, err
}

// UnlinkOauth removes a provider from the caller's account, unless nothing would
// be left to sign in with.
func (s *Service) UnlinkOauth(ctx context.Context, p authn.Principal, provider string, c Client) error {
	return s.inTx(ctx, func(t *tx) error {
		u, err := t.UserLock(ctx, p.UserID)
		if err != nil {
			return s.notFound(err)
		}
		n, err := t.OauthLinkDelete(ctx, db.OauthLinkDeleteParams{UserID: u.ID, Provider: provider})
		if err != nil {
			return err
		}
		if n == 0 {
			return errProviderNotLinked
		}
		if err := t.keepALoginMethod(ctx, u.ID); err != nil {
			return err
		}
		return t.mfaChanged(ctx, u, "provider_unlinked", actorOf(p), c, map[string]string{"provider": provider})
	})
}

var localeTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`) // as in the contract

// cleaned makes what a provider said fit to be stored and shown: an address in
// the one spelling (none if mail cannot be sent to it), a name of one line, a
// locale that is one.
func cleaned(i oauth.Identity) oauth.Identity {
	var err error
	if i.Email, err = NormalizeEmail(i.Email); err != nil {
		i.Email, i.EmailVerified = "", false
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r), r == '\u200c', r == '\u200d': // joiners, which some scripts need
			return r
		}
		return -1 // controls, such as those that turn the direction of text
	}, strings.ToValidUTF8(i.Name, ""))
	runes := []rune(strings.Join(strings.Fields(norm.NFC.String(name)), " "))
	i.Name = strings.TrimSpace(string(runes[:min(len(runes), 200)]))
	if i.Locale = strings.ReplaceAll(i.Locale, "_", "-"); len(i.Locale) > 35 || !localeTag.MatchString(i.Locale) {
		i.Locale = "en"
	}
	return i
}

package e2e

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// fixture says how an operation is called and what an allowed call gives.
type fixture struct {
	path   func(t *testing.T, p *people, owner *harness.User) map[string]string // something of the owner's
	query  url.Values
	body   func(t *testing.T, owner *harness.User) any
	status int
	spends spending
	admins bool // may use what is another's, too, as the operation's description says
}

// spending is what an allowed call leaves its caller without.
type spending int

const (
	nothing spending = iota
	theSession
	theAccount
)

func body(fields ...any) func(*testing.T, *harness.User) any {
	return func(*testing.T, *harness.User) any { return fieldsOf(fields...) }
}

func fieldsOf(fields ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(fields); i += 2 {
		m[fields[i].(string)] = fields[i+1]
	}
	return m
}

// secret is a well-formed token with this prefix that was never given out.
func secret(prefix string) string { return prefix + strings.Repeat("A", 43) }

// victim is an account that administrators do things to.
func victim(_ *testing.T, p *people, _ *harness.User) map[string]string {
	return map[string]string{"userId": p.victim.ID}
}

func nobody(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"userId": uuid.Must(uuid.NewV7()).String(), "sessionId": uuid.Must(uuid.NewV7()).String()}
}

func provider(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"provider": "google"}
}

func session(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	return map[string]string{"sessionId": owner.LogIn(t).SessionID}
}

func passkey(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	return map[string]string{"passkeyId": owner.LogIn(t).Passkey(t).ID}
}

func apiKey(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	_, id := owner.LogIn(t).APIKey(t, "account:read")
	return map[string]string{"apiKeyId": id}
}

// link is a provider that the owner has linked, as far as auth's tables say.
func link(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	harness.SQL(t, `INSERT INTO auth.oauth_providers (id, user_id, provider, subject, linked_at) VALUES (gen_random_uuid(), $1, 'google', gen_random_uuid(), now())
		ON CONFLICT (user_id, provider) DO UPDATE SET linked_at = now()`, owner.ID)
	return map[string]string{"provider": "google"}
}

var codeChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// fixtures has every operation of every contract; each service has its own in
// matrix_<service>_test.go, these are auth's.
var fixtures = merge(authFixtures, notificationFixtures, userFixtures, resumeFixtures, jobFixtures,
	analyticsFixtures, orchestratorFixtures, aiFixtures, autoApplyFixtures)

func merge(services ...map[string]fixture) map[string]fixture {
	all := map[string]fixture{}
	for _, s := range services {
		maps.Copy(all, s)
	}
	return all
}

var authFixtures = map[string]fixture{
	"register": {status: 201, body: func(*testing.T, *harness.User) any {
		return fieldsOf("email", harness.NewEmail(), "password", harness.Password)
	}},
	"verifyEmail":        {status: 422, body: body("token", secret("jpv_"))},
	"resendVerification": {status: 202, body: body("email", "nobody@example.com")},
	"login": {status: 200, body: func(_ *testing.T, owner *harness.User) any {
		return fieldsOf("email", owner.Email, "password", harness.Password)
	}},
	"completeLogin": {status: 401, body: body("challengeToken", secret("jpc_"), "method", "totp", "code", "000000")},
	"refresh": {status: 200, body: func(t *testing.T, owner *harness.User) any {
		t.Helper()
		return fieldsOf("refreshToken", owner.LogIn(t).Refresh)
	}},
	"logout":         {status: 204, spends: theSession},
	"logoutAll":      {status: 204, spends: theAccount},
	"forgotPassword": {status: 202, body: body("email", "nobody@example.com")},
	"resetPassword":  {status: 422, body: body("token", secret("jpw_"), "newPassword", "another fine passphrase 77")},
	"changePassword": {status: 204, spends: theAccount, body: body("currentPassword", harness.Password, "newPassword", "another fine passphrase 77")},
	"changeEmail": {status: 202, body: func(*testing.T, *harness.User) any {
		return fieldsOf("newEmail", harness.NewEmail())
	}},
	"confirmEmail":  {status: 422, body: body("token", secret("jpe_"))},
	"getAccount":    {status: 200},
	"deleteAccount": {status: 204, spends: theAccount},
	"stepUp":        {status: 200, body: body("method", "password", "password", harness.Password)},

	"listSessions":  {status: 200},
	"revokeSession": {status: 204, path: session},

	"getMfa":                  {status: 200},
	"enrolTotp":               {status: 201, spends: theAccount},
	"removeTotp":              {status: 409},
	"confirmTotp":             {status: 409, spends: theAccount, body: body("code", "000000")},
	"regenerateRecoveryCodes": {status: 409},

	"listPasskeys":             {status: 200},
	"startPasskeyRegistration": {status: 200},
	"registerPasskey": {status: 422, body: body("ceremonyId", uuid.Nil.String(), "name", "Phone",
		"credential", fieldsOf("id", "AQID", "rawId", "AQID", "type", "public-key", "response", fieldsOf("clientDataJSON", "e30", "attestationObject", "o2M")))},
	"startPasskeyLogin": {status: 200},
	"loginWithPasskey": {status: 401, body: body("ceremonyId", uuid.Nil.String(),
		"credential", fieldsOf("id", "AQID", "rawId", "AQID", "type", "public-key", "response", fieldsOf("clientDataJSON", "e30", "authenticatorData", "SZYN", "signature", "MEUC")))},
	"renamePasskey": {status: 200, path: passkey, body: body("name", "Old phone")},
	"removePasskey": {status: 204, path: passkey},

	"listOauthProviders": {status: 200},
	"startOauth":         {status: 404, path: provider, body: body("codeChallenge", codeChallenge)},
	"oauthCallback":      {status: 404, path: provider, query: url.Values{"state": {"none"}, "code": {"none"}}},
	"startOauthLink":     {status: 404, path: provider, body: body("codeChallenge", codeChallenge)},
	"exchangeOauth":      {status: 422, body: body("code", secret("jpo_"), "codeVerifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")},
	"listOauthLinks":     {status: 200},
	"confirmOauthLink":   {status: 422, body: body("linkToken", secret("jpl_"))},
	"unlinkOauth":        {status: 204, path: link},

	"listApiKeys": {status: 200},
	"createApiKey": {status: 201, body: func(*testing.T, *harness.User) any {
		return fieldsOf("name", "Spreadsheet", "scopes", []string{"account:read"})
	}},
	"revokeApiKey": {status: 204, path: apiKey},

	"getJwks":                {status: 200},
	"getOpenidConfiguration": {status: 200},

	"searchUsers":      {status: 200},
	"getUser":          {status: 200, path: victim},
	"disableUser":      {status: 200, path: victim, body: body("reason", "Reported for spam")},
	"enableUser":       {status: 200, path: victim},
	"unlockUser":       {status: 200, path: victim},
	"setUserRoles":     {status: 200, path: victim, body: body("roles", []string{"user", "premium"})},
	"listUserSessions": {status: 200, path: victim},
	"endUserSessions":  {status: 204, path: victim},
	"listAuditLog":     {status: 200},
	"verifyAuditLog":   {status: 200},

	"introspectApiKey":     {status: 200, body: body("key", secret("jpk_"))},
	"introspectServiceKey": {status: 200, body: body("key", secret("jps_user_"))},
	"getSessionStatus":     {status: 200, path: nobody},
	"deleteUser":           {status: 204, path: nobody},
	"getAccountFootprint":  {status: 200, path: nobody},
}

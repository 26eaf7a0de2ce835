package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// moment is what provider calls may take in tests of those that do not end.
const moment = 200 * time.Millisecond

// faults are answers that a provider should not give.
func faults(t *testing.T) map[string]http.HandlerFunc {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s with Authorization %q was sent to another host", r.Method, r.URL, r.Header.Get("Authorization"))
		answer(w, http.StatusOK, map[string]any{"id": 1, "access_token": "x", "token_type": "Bearer"})
	}))
	t.Cleanup(elsewhere.Close)
	return map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
			<-r.Context().Done()
		},
		"slow body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id": 1,`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"oversized": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id": 1, "access_token": "x", "token_type": "Bearer", "padding": "`+strings.Repeat("x", 1<<20)+`"}`)
		},
		"not JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>maintenance</html>") },
		"wrong JSON": func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []any{"x", 1, nil}) },
		"failing":    func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusBadGateway, map[string]any{}) },
		"cut":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
	}
}

func TestFaultsOfGithub(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	f.offerFor(map[string]string{"github": p.URL}, moment)
	for _, path := range []string{"/login/oauth/access_token", "/user", "/user/emails"} {
		for name, fault := range faults(t) {
			p.replace(path, fault)
			x := f.begin("github").browse("ada").back()
			if _, said, _ := strings.Cut(x.redirect, "#error="); said != "provider_unavailable" && (said != "provider_error" || name != "elsewhere") {
				t.Errorf("%s %s: the callback leads to %q", path, name, x.redirect)
			}
		}
		p.replaced.Delete(path)
	}
	if n := f.count("SELECT count(*) FROM one_time_tokens"); n != 0 {
		t.Fatalf("%d codes", n)
	}
	f.offer(map[string]string{"github": p.URL})
	f.tokens(f.signInWith("github", "ada"))

	p.replace("/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]any{"login": "ada"}) })
	f.begin("github").browse("ada").back().wantError("provider_error") // all without an id would be one
}

// Many slow answers in a row are no way around the time a call may take: each of
// these is in time, and all of them are not.
func TestASignInHasItsTime(t *testing.T) {
	t.Parallel()
	f, p := withGithub(t)
	f.offerFor(map[string]string{"github": p.URL}, 3*moment)
	for _, path := range []string{"/login/oauth/access_token", "/user", "/user/emails"} {
		p.replace(path, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // only then does the server notice that the client has gone
			select {
			case <-time.After(2 * moment):
				p.mux.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
	f.begin("github").browse("ada").back().wantError("provider_unavailable")
}

func TestFaultsOfAnOpenIDProvider(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	p.idToken = func(c map[string]any) { delete(c, "email") } // so that userinfo is asked
	for _, path := range []string{"/token", "/keys", "/userinfo"} {
		for name, fault := range faults(t) {
			f.offerFor(map[string]string{"google": p.URL}, moment) // with no key known
			p.replace(path, fault)
			x := f.begin("google").browse("ada").back()
			if _, said, _ := strings.Cut(x.redirect, "#error="); said != "provider_unavailable" && said != "provider_error" {
				t.Errorf("%s %s: the callback leads to %q", path, name, x.redirect)
			}
		}
		p.replaced.Delete(path)
	}
	if n := f.count("SELECT count(*) FROM one_time_tokens"); n != 0 {
		t.Fatalf("%d codes", n)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	f.offerFor(map[string]string{"google": p.URL}, moment)
	const path = "/.well-known/openid-configuration"
	refused := func(name string) {
		t.Helper()
		if _, err := f.StartOauth(t.Context(), "google", "", ""); err == nil {
			t.Errorf("%s: a flow began", name)
		} else {
			wantCode(t, err, "provider_unavailable")
		}
	}
	for name, fault := range faults(t) {
		p.replace(path, fault)
		refused(name)
	}
	p.replaced.Delete(path)
	for name, meta := range map[string]map[string]any{
		"another issuer":       {"issuer": "https://accounts.google.com"},
		"tokens in the clear":  {"token_endpoint": "http://accounts.example/token"},
		"keys in the clear":    {"jwks_uri": "http://accounts.example/keys"},
		"people in the clear":  {"userinfo_endpoint": "http://accounts.example/userinfo"},
		"script":               {"authorization_endpoint": "javascript:alert(1)"},
		"no endpoints":         {"authorization_endpoint": "", "token_endpoint": ""},
		"endpoints not a text": {"token_endpoint": 7},
	} {
		p.meta = meta
		refused(name)
	}
	p.meta = nil
	if n := f.count("SELECT count(*) FROM oauth_flows"); n != 0 {
		t.Fatalf("%d flows", n)
	}

	f.offer(map[string]string{"google": p.URL})
	p.asked.Store(0)
	race(8, func() bool {
		_, err := f.StartOauth(t.Context(), "google", "", "")
		return err == nil
	})
	f.tokens(f.signInWith("google", "ada"))
	if n := p.asked.Load(); n != 1 {
		t.Fatalf("asked %d times", n)
	}
	f.clock.advance(time.Hour)
	f.begin("google")
	if n := p.asked.Load(); n != 2 {
		t.Fatalf("old metadata: asked %d times", n)
	}
	// While the provider cannot be asked, what is known goes on.
	f.clock.advance(time.Hour)
	p.replace(path, faults(t)["failing"])
	f.tokens(f.signInWith("google", "ada"))
}

func TestACallerDoesNotWaitForDiscoveryLongerThanItWants(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	p.replace("/.well-known/openid-configuration", faults(t)["silent"])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	_, err := f.StartOauth(ctx, "google", "", "")
	wantCode(t, err, "provider_unavailable")
	if waited := time.Since(began); waited > 2*time.Second { // of the 5 that the provider has
		t.Fatalf("waited %v", waited)
	}
	p.CloseClientConnections()
}

func TestSignInWithAnOpenIDProvider(t *testing.T) {
	t.Parallel()
	f, _ := withIssuer(t, "google")
	p := f.principal(f.tokens(f.signInWith("google", "ada")).Access)
	a, err := f.GetAccount(t.Context(), p)
	must(t, err)
	if a.Email != "ada@example.com" || a.DisplayName != "Ada Lovelace" || a.Locale != "en-GB" {
		t.Fatalf("account is %+v", a)
	}
}

func TestForgedIDTokens(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for name, forge := range map[string]func(c map[string]any){
		"signature": func(map[string]any) { p.signer = stranger },
		"issuer":    func(c map[string]any) { c["iss"] = "https://accounts.google.com" },
		"no issuer": func(c map[string]any) { delete(c, "iss") },
		"audience":  func(c map[string]any) { c["aud"] = "another client" },
		"audiences": func(c map[string]any) { c["aud"] = []string{"another client"} },
		"no audience": func(c map[string]any) {
			delete(c, "aud")
		},
		"authorised party": func(c map[string]any) {
			c["aud"], c["azp"] = []string{testProviderID, "another client"}, "another client"
		},
		"expired":          func(c map[string]any) { c["exp"] = time.Now().Add(-time.Second).Unix() },
		"without expiry":   func(c map[string]any) { delete(c, "exp") },
		"nonce":            func(c map[string]any) { c["nonce"] = newSecret("") },
		"no nonce":         func(c map[string]any) { delete(c, "nonce") },
		"empty nonce":      func(c map[string]any) { c["nonce"] = "" },
		"no subject":       func(c map[string]any) { delete(c, "sub") },
		"endless subject":  func(c map[string]any) { c["sub"] = strings.Repeat("x", 256) },
		"numeric subject":  func(c map[string]any) { c["sub"] = 7 },
		"address as list":  func(c map[string]any) { c["email"] = []string{"ada@example.com"} },
		"name as object":   func(c map[string]any) { c["name"] = map[string]string{"x": "y"} },
		"expiry as a text": func(c map[string]any) { c["exp"] = "tomorrow" },
	} {
		p.signer, p.idToken = p.key, forge
		x := f.begin("google").browse("ada").back()
		if _, said, _ := strings.Cut(x.redirect, "#error="); said != "provider_error" {
			t.Errorf("%s: the callback leads to %q", name, x.redirect)
		}
	}
	for name, sign := range map[string]func(claims string) string{
		"none":    func(c string) string { return unsigned(`{"alg":"none"}`, c) },
		"HS256":   func(c string) string { return unsigned(`{"alg":"HS256","kid":"1"}`, c) },
		"missing": func(string) string { return "" },
		"garbage": func(string) string { return "a.b.c" },
		"no kid":  func(c string) string { return oidctest.SignIDToken(stranger, "2", oidc.ES256, c) },
	} {
		p.replace("/token", func(w http.ResponseWriter, _ *http.Request) {
			claims, _ := json.Marshal(map[string]any{"iss": p.URL, "aud": testProviderID, "sub": "sub-ada", "exp": time.Now().Add(time.Hour).Unix()})
			answer(w, http.StatusOK, map[string]string{"access_token": "x", "token_type": "Bearer", "id_token": sign(string(claims))})
		})
		x := f.begin("google").browse("ada").back()
		if _, said, _ := strings.Cut(x.redirect, "#error="); said != "provider_error" {
			t.Errorf("%s: the callback leads to %q", name, x.redirect)
		}
	}
	if n := f.count("SELECT count(*) FROM one_time_tokens"); n != 0 {
		t.Fatalf("%d codes", n)
	}
}

// unsigned is a JWT with a signature that nobody made.
func unsigned(header, claims string) string {
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return enc(header) + "." + enc(claims) + "." + enc("signature")
}

// A code that was stolen from another's sign-in is planted in the attacker's own
// (code injection, RFC 9700 §4.5): PKCE stops it, and so does the nonce.
func TestAStolenProviderCodeIsOfNoUse(t *testing.T) {
	t.Parallel()
	f, github := withGithub(t)
	google := newFakeIssuer(t, "google")
	f.offer(map[string]string{"github": github.URL, "google": google.URL})
	for _, provider := range []string{"github", "google"} {
		stolen := f.begin(provider).browse("ada")
		mine := f.begin(provider).browse("eve")
		mine.Code = stolen.Code
		mine.back().wantError("provider_error")
		// Used before:
		x := f.begin(provider).browse("ada").back()
		x.code()
		again := f.begin(provider).browse("ada")
		again.Code = x.Code
		again.back().wantError("provider_error")
	}

	// With a provider that ignores PKCE the nonce is left.
	stolen, mine := f.begin("google").browse("ada"), f.begin("google").browse("eve")
	i, _ := google.take(stolen.Code, true)
	u, err := url.Parse(mine.url)
	must(t, err)
	i.challenge = u.Query().Get("code_challenge")
	mine.Code = google.issue(i)
	mine.back().wantError("provider_error")
}

// An attacker who runs one provider leads the browser to the callback of another
// (mix-up, RFC 9700 §4.4, RFC 9207).
func TestTheAnswerMustComeFromItsIssuer(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	hub := newFakeGithub(t)
	f.offer(map[string]string{"google": p.URL, "github": hub.URL})
	for provider, issuer := range map[string]string{"google": p.URL, "github": hub.URL + "/login/oauth"} {
		for _, iss := range []string{"https://evil.example", issuer + "/", strings.ToUpper(issuer)} {
			x := f.begin(provider).browse("ada")
			x.Issuer = iss
			x.back().wantError("provider_error")
		}
		x := f.begin(provider).browse("ada")
		x.Issuer = issuer
		x.back().code()
	}
	if a, b := p.redeemed.Load(), hub.redeemed.Load(); a != 1 || b != 1 {
		t.Fatalf("%d and %d codes were redeemed", a, b)
	}

	p.meta = map[string]any{"authorization_response_iss_parameter_supported": true}
	f.offer(map[string]string{"google": p.URL})
	f.begin("google").browse("ada").back().wantError("provider_error") // it never leaves iss out
	if n := p.redeemed.Load(); n != 1 {
		t.Fatal("the code was redeemed")
	}
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	p.idToken = func(c map[string]any) {
		for _, k := range []string{"email", "email_verified", "name", "locale"} {
			delete(c, k)
		}
	}
	p.info = map[string]any{"sub": "sub-eve", "email": "eve@example.com", "email_verified": true}
	f.begin("google").browse("ada").back().wantError("provider_error") // it is somebody else's
	p.info = map[string]any{"sub": "sub-ada", "email": "ada@example.com", "email_verified": true, "name": "Ada"}
	f.tokens(f.signInWith("google", "ada"))
	p.meta = map[string]any{"userinfo_endpoint": nil}
	f.offer(map[string]string{"google": p.URL})
	_, err := f.signInWith("google", "eve")
	wantCode(t, err, "email_not_verified_by_provider")
}

func TestVerifiedIsNothingElse(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "google")
	for _, verified := range []any{false, "false", "", nil, 1, "yes", []any{true}, map[string]any{"verified": true}} {
		p.idToken = func(c map[string]any) { c["email_verified"] = verified }
		_, err := f.signInWith("google", "ada")
		wantCode(t, err, "email_not_verified_by_provider")
	}
}

// LinkedIn fails who sends a verifier and puts no nonce in its ID tokens, says
// "true" for true and has an object for a locale.
func TestLinkedIn(t *testing.T) {
	t.Parallel()
	f, p := withIssuer(t, "linkedin")
	p.idToken = func(c map[string]any) {
		delete(c, "nonce")
		c["email_verified"], c["locale"] = "true", map[string]string{"country": "US", "language": "en"}
	}
	f.tokens(f.signInWith("linkedin", "ada"))
	p.idToken = func(c map[string]any) { c["nonce"] = newSecret("") }
	f.begin("linkedin").browse("ada").back().wantError("provider_error") // a nonce that is there must be right
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	good := oauth.Config{ClientID: "id", ClientSecret: "secret"}
	for name, c := range map[string]struct {
		redirects []string
		configs   map[string]oauth.Config
	}{
		"unknown provider":       {[]string{testRedirect}, map[string]oauth.Config{"gogle": good}},
		"no secret":              {[]string{testRedirect}, map[string]oauth.Config{"google": {ClientID: "id"}}},
		"issuer in the clear":    {[]string{testRedirect}, map[string]oauth.Config{"google": {ClientID: "id", ClientSecret: "s", URL: "http://accounts.example"}}},
		"API in the clear":       {[]string{testRedirect}, map[string]oauth.Config{"github": {ClientID: "id", ClientSecret: "s", APIURL: "http://github.example"}}},
		"no redirect":            {nil, map[string]oauth.Config{"google": good}},
		"redirect in the clear":  {[]string{"http://app.example/oauth"}, map[string]oauth.Config{"google": good}},
		"redirect with fragment": {[]string{testRedirect + "#x"}, map[string]oauth.Config{"google": good}},
		"redirect to a script":   {[]string{"javascript:alert(1)"}, map[string]oauth.Config{"google": good}},
		"redirect with a name":   {[]string{"https://app@evil.example/"}, map[string]oauth.Config{"google": good}},
		"relative redirect":      {[]string{"/oauth"}, map[string]oauth.Config{"google": good}},
	} {
		if _, err := NewOauth("https://jobpilot.test", c.redirects, c.configs, oauth.Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	o, err := NewOauth("https://jobpilot.test/", []string{"http://localhost:3000/oauth", "http://127.0.0.1:3000/"}, map[string]oauth.Config{"github": good, "google": good, "linkedin": {}}, oauth.Options{})
	must(t, err)
	if strings.Join(o.names, " ") != "google github" {
		t.Fatalf("offered are %v", o.names)
	}
	u, err := o.providers["github"].Authorize(t.Context(), "s", oauth.Secrets{Verifier: "v"})
	must(t, err)
	if !strings.HasPrefix(u, "https://github.com/login/oauth/authorize?") || !strings.Contains(u, "redirect_uri=https%3A%2F%2Fjobpilot.test%2Fapi%2Fv1%2Fauth%2Foauth%2Fgithub%2Fcallback&") {
		t.Fatal(u)
	}
	if o, err = NewOauth("https://jobpilot.test", nil, nil, oauth.Options{}); err != nil || len(o.names) != 0 {
		t.Fatalf("no providers at all: %v %v", o, err)
	}
}

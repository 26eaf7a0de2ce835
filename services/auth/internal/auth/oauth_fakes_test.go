package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"golang.org/x/oauth2"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

const (
	testRedirect       = "https://app.jobpilot.test/oauth" // the default
	testOtherRedirect  = "https://abcdefghijklmnop.chromiumapp.org/"
	testProviderID     = "jobpilot's id"
	testProviderSecret = "jobpilot's secret"
)

// person is an account at a fake provider.
type person struct {
	id          int64 // and, as text, the sub
	name, email string
	verified    bool
	secondary   string // another address, verified
}

// fakeProvider is what GitHub and an OpenID provider have in common: a page that
// leads the browser back with a code, and an endpoint that redeems it for who
// has the secret and the verifier. What no client of ours may send fails the
// test; what an attacker may send is answered as the provider would.
type fakeProvider struct {
	*httptest.Server
	t        testing.TB
	mux      *http.ServeMux
	callback string
	people   map[string]person // by login
	redeemed atomic.Int32      // calls of the token endpoint
	replaced sync.Map          // path → http.HandlerFunc that answers instead
	noPKCE   bool              // fails who sends a verifier, as LinkedIn does

	mu     sync.Mutex
	issued map[string]issued // by code, and by access token
}

type issued struct{ login, challenge, nonce string }

func newFakeProvider(tb testing.TB, name string) *fakeProvider {
	tb.Helper()
	p := &fakeProvider{
		t: tb, mux: http.NewServeMux(), callback: "https://jobpilot.test/api/v1/auth/oauth/" + name + "/callback",
		people: map[string]person{
			"ada": {id: 1, name: "Ada Lovelace", email: "ada@example.com", verified: true, secondary: "other@example.com"},
			"eve": {id: 2, name: "Eve", email: "eve@example.com", verified: true},
			"new": {id: 3, name: "New", email: "new@example.com", verified: false, secondary: "ada@example.com"},
		},
		issued: map[string]issued{},
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := p.replaced.Load(r.URL.Path); ok {
			h.(http.HandlerFunc)(w, r)
			return
		}
		p.mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(p.Close)
	return p
}

// replace has h answer at a path from now on.
func (p *fakeProvider) replace(path string, h http.HandlerFunc) { p.replaced.Store(path, h) }

func (p *fakeProvider) issue(i issued) string {
	secret := newSecret("")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issued[secret] = i
	return secret
}

// take returns what a code or token was issued for; once, if it is a code.
func (p *fakeProvider) take(secret string, once bool) (issued, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.issued[secret]
	if once {
		delete(p.issued, secret)
	}
	return i, ok
}

// authorize is the page where people sign in; the login parameter says as whom.
func (p *fakeProvider) authorize(scope string, answer url.Values) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for name, want := range map[string]string{
			"client_id": testProviderID, "redirect_uri": p.callback, "response_type": "code", "scope": scope,
		} {
			if q.Get(name) != want {
				p.t.Errorf("authorize: %s is %q, want %q", name, q.Get(name), want)
			}
		}
		if len(q.Get("state")) < 43 {
			p.t.Error("authorize: the state can be guessed")
		}
		if !p.noPKCE && (q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43) {
			p.t.Error("authorize: no S256 challenge")
		}
		back := url.Values{"state": {q.Get("state")}}
		if login := q.Get("login"); login == "" {
			back.Set("error", "access_denied")
		} else {
			back.Set("code", p.issue(issued{login, q.Get("code_challenge"), q.Get("nonce")}))
		}
		for name := range answer {
			back.Set(name, answer.Get(name))
		}
		http.Redirect(w, r, p.callback+"?"+back.Encode(), http.StatusFound)
	}
}

// redeem checks a call of the token endpoint and returns whose code it was.
func (p *fakeProvider) redeem(r *http.Request) (issued, bool) {
	p.redeemed.Add(1)
	if err := r.ParseForm(); err != nil {
		p.t.Error(err)
	}
	for name, want := range map[string]string{
		"client_id": testProviderID, "client_secret": testProviderSecret, "redirect_uri": p.callback, "grant_type": "authorization_code",
	} {
		if got := r.PostForm.Get(name); got != want {
			p.t.Errorf("token: %s is %q, want %q", name, got, want)
		}
	}
	if r.Method != http.MethodPost || r.Header.Get("Accept") != "application/json" {
		p.t.Errorf("token: %s with Accept %q", r.Method, r.Header.Get("Accept"))
	}
	i, ok := p.take(r.PostForm.Get("code"), true)
	if p.noPKCE {
		return i, ok && !r.PostForm.Has("code_verifier")
	}
	return i, ok && oauth2.S256ChallengeFromVerifier(r.PostForm.Get("code_verifier")) == i.challenge
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// newFakeGithub is GitHub's site and API.
func newFakeGithub(tb testing.TB) *fakeProvider {
	tb.Helper()
	p := newFakeProvider(tb, "github")
	p.mux.HandleFunc("GET /login/oauth/authorize", p.authorize("read:user user:email", nil))
	p.mux.HandleFunc("/login/oauth/access_token", func(w http.ResponseWriter, r *http.Request) {
		i, ok := p.redeem(r)
		if !ok { // GitHub says so with status 200
			answer(w, http.StatusOK, map[string]string{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."})
			return
		}
		answer(w, http.StatusOK, map[string]string{"access_token": p.issue(i), "token_type": "bearer", "scope": "read:user,user:email"})
	})
	who := func(w http.ResponseWriter, r *http.Request) (person, bool) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		i, ok := p.take(token, false)
		if !bearer || !ok || r.Header.Get("Accept") != "application/vnd.github+json" {
			tb.Errorf("%s: Authorization %q, Accept %q", r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Accept"))
			answer(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
		}
		return p.people[i.login], ok
	}
	p.mux.HandleFunc("GET /user", func(w http.ResponseWriter, r *http.Request) {
		if x, ok := who(w, r); ok {
			answer(w, http.StatusOK, map[string]any{"id": x.id, "login": "somebody", "name": x.name, "email": "public@example.com"})
		}
	})
	p.mux.HandleFunc("GET /user/emails", func(w http.ResponseWriter, r *http.Request) {
		x, ok := who(w, r)
		if !ok {
			return
		}
		type email struct {
			Email    string `json:"email"`
			Primary  bool   `json:"primary"`
			Verified bool   `json:"verified"`
		}
		list := []email{{x.email, true, x.verified}}
		if x.secondary != "" {
			list = append([]email{{x.secondary, false, true}}, append(list, email{x.secondary, false, true})...)
		}
		answer(w, http.StatusOK, list)
	})
	return p
}

// fakeIssuer is an OpenID provider whose ID tokens a test can spoil.
type fakeIssuer struct {
	*fakeProvider
	key     *ecdsa.PrivateKey
	signer  *ecdsa.PrivateKey // not key: a forger
	idToken func(claims map[string]any)
	info    map[string]any // userinfo
	meta    map[string]any // discovery, over the defaults
	asked   atomic.Int32   // discoveries
	now     func() time.Time
}

func newFakeIssuer(tb testing.TB, name string) *fakeIssuer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(tb, err)
	p := &fakeIssuer{fakeProvider: newFakeProvider(tb, name), key: key, signer: key, idToken: func(map[string]any) {}, meta: map[string]any{}, now: time.Now}
	p.noPKCE = name == "linkedin"
	p.mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		doc := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		}
		for k, v := range p.meta {
			doc[k] = v
		}
		answer(w, http.StatusOK, doc)
	})
	p.mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, authn.Keyset{"1": &key.PublicKey})
	})
	p.mux.HandleFunc("GET /authorize", p.authorize("openid email profile", nil))
	p.mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		i, ok := p.redeem(r)
		if !ok {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		x := p.people[i.login]
		claims := map[string]any{
			"iss": p.URL, "aud": testProviderID, "sub": "sub-" + i.login, "nonce": i.nonce, "iat": p.now().Unix(), "exp": p.now().Add(time.Hour).Unix(),
			"email": x.email, "email_verified": x.verified, "name": x.name, "locale": "en_GB",
		}
		p.idToken(claims)
		raw, err := json.Marshal(claims)
		if err != nil {
			tb.Error(err)
		}
		answer(w, http.StatusOK, map[string]any{
			"access_token": p.issue(i), "token_type": "Bearer", "id_token": oidctest.SignIDToken(p.signer, "1", oidc.ES256, string(raw)),
		})
	})
	p.mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, ok := p.take(token, false); !ok {
			tb.Errorf("userinfo: Authorization %q", r.Header.Get("Authorization"))
		}
		answer(w, http.StatusOK, p.info)
	})
	return p
}

// offer has the fixture offer fake providers, by name.
func (f *fixture) offer(urls map[string]string) {
	f.t.Helper()
	f.offerFor(urls, 0)
}

// offerFor is offer with another time than the default that calls may take.
func (f *fixture) offerFor(urls map[string]string, timeout time.Duration) {
	f.t.Helper()
	configs := map[string]oauth.Config{}
	for name, u := range urls {
		configs[name] = oauth.Config{ClientID: testProviderID, ClientSecret: testProviderSecret, URL: u, APIURL: u}
	}
	var err error
	f.Oauth, err = NewOauth("https://jobpilot.test", []string{testRedirect, testOtherRedirect}, configs, oauth.Options{Timeout: timeout, Now: f.clock.now})
	must(f.t, err)
}

// withGithub is a fixture that offers sign-in with a fake GitHub.
func withGithub(tb testing.TB) (*fixture, *fakeProvider) {
	tb.Helper()
	f, p := newFixture(tb), newFakeGithub(tb)
	f.offer(map[string]string{"github": p.URL})
	return f, p
}

// withIssuer is a fixture that offers sign-in with a fake OpenID provider.
func withIssuer(tb testing.TB, name string) (*fixture, *fakeIssuer) {
	tb.Helper()
	f, p := newFixture(tb), newFakeIssuer(tb, name)
	p.now = f.clock.now
	f.offer(map[string]string{name: p.URL})
	return f, p
}

// flow is a client of ours that signs in with a provider, step by step.
type flow struct {
	f                  *fixture
	provider, verifier string
	url                string
	OauthCallback
	redirect string
}

func (f *fixture) begin(provider string) *flow {
	f.t.Helper()
	x := &flow{f: f, provider: provider, verifier: oauth2.GenerateVerifier()}
	start, err := f.StartOauth(f.t.Context(), provider, oauth2.S256ChallengeFromVerifier(x.verifier), "")
	must(f.t, err)
	x.url = start.AuthorizationURL
	return x
}

func (f *fixture) beginLink(p authn.Principal, provider string) *flow {
	f.t.Helper()
	x := &flow{f: f, provider: provider, verifier: oauth2.GenerateVerifier()}
	start, err := f.StartOauthLink(f.t.Context(), p, provider, oauth2.S256ChallengeFromVerifier(x.verifier), "")
	must(f.t, err)
	x.url = start.AuthorizationURL
	return x
}

// browse signs in at a fake provider.
func (x *flow) browse(login string) *flow {
	x.f.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(x.url + "&login=" + login)
	must(x.f.t, err)
	must(x.f.t, res.Body.Close())
	return x.arrive(res.Header.Get("Location"))
}

// arrive reads what the browser brings to the callback.
func (x *flow) arrive(location string) *flow {
	x.f.t.Helper()
	u, err := url.Parse(location)
	must(x.f.t, err)
	if u.Path != "/api/v1/auth/oauth/"+x.provider+"/callback" {
		x.f.t.Fatalf("the provider leads to %q", location)
	}
	q := u.Query()
	x.OauthCallback = OauthCallback{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"), Issuer: q.Get("iss")}
	return x
}

// back calls the callback.
func (x *flow) back() *flow {
	x.f.t.Helper()
	var err error
	x.redirect, err = x.f.OauthCallback(x.f.t.Context(), x.provider, x.OauthCallback)
	must(x.f.t, err)
	if !slices.ContainsFunc([]string{testRedirect, testOtherRedirect}, func(r string) bool { return strings.HasPrefix(x.redirect, r+"#") }) {
		x.f.t.Fatalf("the callback leads to %q", x.redirect)
	}
	return x
}

// wantError fails the test unless the callback ended with the error.
func (x *flow) wantError(code string) {
	x.f.t.Helper()
	if _, got, _ := strings.Cut(x.redirect, "#error="); got != code {
		x.f.t.Fatalf("the callback leads to %q, want error %s", x.redirect, code)
	}
}

func (x *flow) code() string {
	x.f.t.Helper()
	_, code, ok := strings.Cut(x.redirect, "#code=")
	if !ok {
		x.f.t.Fatalf("the callback leads to %q", x.redirect)
	}
	return code
}

func (x *flow) exchange() (OauthResult, error) {
	x.f.t.Helper()
	return x.f.ExchangeOauth(x.f.t.Context(), x.code(), x.verifier, home)
}

// signInWith is a whole sign-in.
func (f *fixture) signInWith(provider, login string) (OauthResult, error) {
	f.t.Helper()
	return f.begin(provider).browse(login).back().exchange()
}

// linked links a provider to the caller's account.
func (f *fixture) linked(p authn.Principal, provider, login string) OauthLink {
	f.t.Helper()
	res, err := f.beginLink(p, provider).browse(login).back().exchange()
	must(f.t, err)
	if res.Link == nil {
		f.t.Fatalf("linking gave %+v", res)
	}
	return *res.Link
}

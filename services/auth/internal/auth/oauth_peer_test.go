package auth

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auth/internal/clients/oauth"
)

// withPeer is a fixture that offers sign-in with test/oidc, a certified OpenID
// provider, as Google and as LinkedIn, and the provider's issuer.
func withPeer(tb testing.TB) (*fixture, string) {
	tb.Helper()
	dir, err := peerFolder(testkit.Root(tb))
	if err != nil {
		tb.Fatalf("install test/oidc: %v; it needs Node.js 18 or later and npm, which `make up` installs", err)
	}
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NODE_ENV=test", "NODE_NO_WARNINGS=1")
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	must(tb, err)
	out, err := cmd.StdoutPipe()
	must(tb, err)
	must(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = in.Close() // which ends it, as does the end of this process
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Log(said.String())
		}
	})
	client := func(name string) map[string]any {
		return map[string]any{
			"client_id": name, "client_secret": testProviderSecret, "token_endpoint_auth_method": "client_secret_post",
			"redirect_uris": []string{"https://jobpilot.test/api/v1/auth/oauth/" + name + "/callback"},
		}
	}
	must(tb, json.NewEncoder(in).Encode(map[string]any{
		"clients": []any{client("google"), client("linkedin")},
		"accounts": map[string]any{
			"ada": map[string]any{"email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace", "locale": "en-GB"},
			"eve": map[string]any{"email": "ada@example.com", "email_verified": false, "name": "Eve"},
		},
	}))
	issuer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("test/oidc did not start: %v\n%s", errors.Join(err, cmd.Wait()), said.String())
	}
	issuer = strings.TrimSpace(issuer)
	f := newFixture(tb)
	f.offerPeer(issuer, testProviderSecret)
	return f, issuer
}

// offerPeer has the fixture offer the peer, known to it by a secret.
func (f *fixture) offerPeer(issuer, secret string) {
	f.t.Helper()
	var err error
	f.Oauth, err = NewOauth("https://jobpilot.test", []string{testRedirect}, map[string]oauth.Config{
		"google":   {ClientID: "google", ClientSecret: secret, URL: issuer},
		"linkedin": {ClientID: "linkedin", ClientSecret: secret, URL: issuer},
	}, oauth.Options{Now: f.clock.now})
	must(f.t, err)
}

var peer struct {
	sync.Mutex
	dir string
}

// peerFolder installs the provider below .data/tools, once for each version of
// it; the folder's name is a hash of what is in it.
func peerFolder(root string) (string, error) {
	peer.Lock()
	defer peer.Unlock()
	if peer.dir != "" {
		return peer.dir, nil
	}
	files, sum := map[string][]byte{}, sha256.New()
	for _, name := range []string{"package.json", "package-lock.json", "server.mjs"} {
		b, err := os.ReadFile(filepath.Join(root, "test", "oidc", name))
		if err != nil {
			return "", err
		}
		files[name] = b
		sum.Write(b)
	}
	tools := filepath.Join(root, ".data", "tools")
	dir := filepath.Join(tools, "oidc-provider-"+hex.EncodeToString(sum.Sum(nil)[:6]))
	if _, err := os.Stat(dir); err == nil {
		peer.dir = dir
		return dir, nil
	}
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(tools, "oidc-provider.")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(tmp, name), b, 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	// Another process may have been faster; its folder is as good.
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	peer.dir = dir
	return dir, nil
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	abortLink  = regexp.MustCompile(`href="([^"]+/abort)"`)
)

// visit signs in at the peer as a person would, in a browser of its own: through
// its pages for login and consent until it leads back to us. An empty login
// declines.
func (x *flow) visit(login string) *flow {
	t := x.f.t
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at, form := x.url, url.Values(nil)
	for range 12 {
		to, body := x.open(browser, at, form)
		if to != nil && to.Host == "jobpilot.test" {
			return x.arrive(to.String())
		}
		action, abort := formAction.FindSubmatch(body), abortLink.FindSubmatch(body)
		switch {
		case to != nil:
			at, form = to.String(), nil
		case action == nil || abort == nil:
			t.Fatalf("the peer shows no form:\n%s", body)
		case login == "":
			at, form = html.UnescapeString(string(abort[1])), nil
		case strings.Contains(string(body), `name="login"`):
			at, form = html.UnescapeString(string(action[1])), url.Values{"prompt": {"login"}, "login": {login}, "password": {"x"}}
		default:
			at, form = html.UnescapeString(string(action[1])), url.Values{"prompt": {"consent"}}
		}
	}
	t.Fatal("the peer never leads back")
	return nil
}

// open gets a page, or sends it a form, and returns what is there: where it leads
// or its text.
func (x *flow) open(browser *http.Client, at string, form url.Values) (*url.URL, []byte) {
	t := x.f.t
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form.Encode()))
	must(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := browser.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		to, err := res.Location()
		must(t, err)
		return to, nil
	case res.StatusCode != http.StatusOK:
		t.Fatalf("the peer answers %s:\n%s", res.Status, body)
	}
	return nil, body
}

func TestACertifiedProvider(t *testing.T) {
	t.Parallel()
	f, _ := withPeer(t)
	x := f.begin("google").visit("ada")
	if x.Issuer == "" {
		t.Fatal("the peer sends no iss: RFC 9207 is not tried")
	}
	res, err := x.back().exchange()
	p := f.principal(f.tokens(res, err).Access)
	a, err := f.GetAccount(t.Context(), p)
	must(t, err)
	if a.Email != "ada@example.com" || a.DisplayName != "Ada Lovelace" || a.Locale != "en-GB" || !a.Verified {
		t.Fatalf("account is %+v", a)
	}
	again := f.principal(f.tokens(f.begin("google").visit("ada").back().exchange()).Access)
	if again.UserID != p.UserID {
		t.Fatal("the second sign-in made another account")
	}
	link, err := f.beginLink(p, "linkedin").visit("ada").back().exchange() // without PKCE
	must(t, err)
	if link.Link == nil || link.Link.Provider != "linkedin" {
		t.Fatalf("linking gave %+v", link)
	}

	f.begin("google").visit("").back().wantError("access_denied")
	_, err = f.begin("google").visit("eve").back().exchange()
	wantCode(t, err, "email_not_verified_by_provider")
}

func TestACertifiedProviderAgainstAttacks(t *testing.T) {
	t.Parallel()
	f, issuer := withPeer(t)
	x := f.begin("google").visit("ada")
	stolen := x.Code

	mine := f.begin("google").visit("eve") // code injection: PKCE
	mine.Code = stolen
	mine.back().wantError("provider_error")

	x.Issuer = "" // the provider never leaves it out
	x.back().wantError("provider_error")
	x.back().wantError("invalid_state")

	y := f.begin("google").visit("ada").back()
	y.code()
	again := f.begin("google").visit("ada")
	again.Code = y.Code
	again.back().wantError("provider_error")

	// A verifier of ours that does not belong to the challenge.
	z := f.begin("google")
	other := f.begin("google")
	z.url = other.url
	z.visit("ada")
	u, err := url.Parse(f.begin("google").url)
	must(t, err)
	z.State = u.Query().Get("state")
	z.back().wantError("provider_error")

	f.offerPeer(issuer, "wrong")
	f.begin("google").visit("ada").back().wantError("provider_error")
}

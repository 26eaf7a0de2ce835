package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// TestUnknownAddresses asks for what is not there, and for what must not be.
func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	super := harness.SuperAdmin(t)
	key := harness.ServiceKey(t, "orchestrator")
	for _, path := range []string{
		"/", "/api", "/api/v1", "/api/v1/auth", "/api/v1/auth/", "/api/v1/auth/login/", "/api/v2/auth/login", "/API/v1/auth/me", "/api/v1/auth/me.json",
		"/internal", "/internal/", "/internal/v1/sessions/" + uuid.NewString(), "/Internal/v1/sessions/" + uuid.NewString(), "//internal/v1/sessions/x",
		"/api/v1/auth/../../../internal/v1/sessions/x", "/api/v1/%2e%2e/%2e%2e/internal/v1/sessions/x", "/%69nternal/v1/sessions/x", "/internal%2fv1/sessions/x",
		"/metrics", "/livez", "/readyz", "/debug/pprof/", "/.git/config", "/.env", "/.problem/404", "/nginx.conf", "/server-status",
		"/api/v1/auth/me%00", "/api/v1/auth/me;a=b", "/api/v1/auth/sessions/..", "/api/v1/auth/sessions/%2e%2e", "/docs/../nginx.conf", "/docs/%2e%2e/nginx.conf",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			req := super.Request(t, harness.Call{Op: "getAccount"})
			req.Header.Set("X-Service-Key", key)
			u, err := url.Parse(super.Base)
			if err != nil {
				t.Fatal(err)
			}
			u.Opaque = "//" + u.Host + path // as it is written
			req.URL = u
			a := super.Exchange(t, "", req)
			if a.Status != 404 && a.Status != 400 {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}

// TestOtherMethods asks every address of the contracts by every method that it
// does not take.
func TestOtherMethods(t *testing.T) {
	t.Parallel()
	c := harness.NewClient(t)
	takes := map[string][]string{}
	for _, op := range harness.Operations(t) {
		if !op.Internal {
			takes[op.Path] = append(takes[op.Path], op.Method)
		}
	}
	for path, methods := range takes {
		path := regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(path, "google")
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND", "GETT"} {
			if slices.Contains(methods, method) {
				continue
			}
			a := c.Raw(t, method, path, nil)
			if a.Status == 404 { // another address with a parameter there
				continue
			}
			if a.WantProblem(t, 405, "method_not_allowed"); method != "TRACE" && a.Header.Get("Allow") == "" {
				t.Errorf("%s %s: 405 without Allow (RFC 9110 §15.5.6)", method, path)
			}
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	c := harness.NewClient(t)
	ours, _, _ := strings.Cut(harness.Env(t, "CORS_ORIGINS"), ",")
	preflight := func(origin string) *harness.Answer {
		return c.Raw(t, "OPTIONS", "/api/v1/auth/login", nil, "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "content-type,idempotency-key")
	}
	a := preflight(ours).Want(t, 204)
	for name, want := range map[string]string{"Access-Control-Allow-Origin": ours, "Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "7200"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	if !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("methods: %q", a.Header.Get("Access-Control-Allow-Methods"))
	}
	for _, name := range []string{"content-type", "idempotency-key", "authorization"} {
		if !strings.Contains(strings.ToLower(a.Header.Get("Access-Control-Allow-Headers")), name) {
			t.Errorf("%s is not among the allowed headers %q", name, a.Header.Get("Access-Control-Allow-Headers"))
		}
	}
	a = c.Do(t, harness.Call{Op: "getJwks", Header: http.Header{"Origin": {ours}}}).Want(t, 200)
	if a.Header.Get("Access-Control-Allow-Origin") != ours || !slices.Contains(a.Header.Values("Vary"), "Origin") {
		t.Errorf("an answer to our origin: %v", a.Header)
	}
	for _, origin := range []string{"https://evil.example", ours + ".evil.example", "null", strings.ToUpper(ours), "https://evil.example#" + ours} {
		for _, a := range []*harness.Answer{preflight(origin), c.Do(t, harness.Call{Op: "getJwks", Header: http.Header{"Origin": {origin}}})} {
			for name := range a.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s for %s: %s", name, origin, a.Header.Get(name))
				}
			}
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	for range 4 {
		u.LogIn(t)
	}
	plain := u.Do(t, harness.Call{Op: "listSessions"}).Want(t, 200)
	req := u.Request(t, harness.Call{Op: "listSessions"})
	req.Header.Set("Accept-Encoding", "gzip")
	a, err := u.Send(req)
	if err != nil {
		t.Fatal(err)
	}
	if a.Header.Get("Content-Encoding") != "gzip" || !slices.Contains(a.Header.Values("Vary"), "Accept-Encoding") {
		t.Fatalf("%d bytes are not compressed: %v", len(plain.Body), a.Header)
	}
	r, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(unpacked, plain.Body) {
		t.Errorf("%v: %s, not %s", err, unpacked, plain.Body)
	}
}

func TestETag(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	get := func(tag string) *harness.Answer {
		return u.Do(t, harness.Call{Op: "getAccount", Header: http.Header{"If-None-Match": {tag}}})
	}
	tag := u.Do(t, harness.Call{Op: "getAccount"}).Want(t, 200).Header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		t.Fatalf("ETag is %q", tag)
	}
	for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if a := get(known).Want(t, 304); a.Header.Get("ETag") != tag {
			t.Errorf("304 with ETag %q", a.Header.Get("ETag"))
		}
	}
	get(`"another"`).Want(t, 200)
	// It changes with the account.
	email := harness.NewEmail()
	u.Do(t, harness.Call{Op: "changeEmail", Body: members{"newEmail": email}}).Want(t, 202)
	u.Do(t, harness.Call{Op: "confirmEmail", Body: members{"token": harness.MailedToken(t, email, "jpe_")}}).Want(t, 204)
	a := get(tag).Want(t, 200)
	if !strings.Contains(string(a.Body), email) || a.Header.Get("ETag") == tag {
		t.Errorf("after the change: ETag %s, %s", a.Header.Get("ETag"), a.Body)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	u, other := harness.NewUser(t), harness.NewUser(t)
	create := func(u *harness.User, key, name string) *harness.Answer {
		return u.Do(t, harness.Call{Op: "createApiKey", Body: members{"name": name, "scopes": []string{"account:read"}}, Header: http.Header{"Idempotency-Key": {key}}})
	}
	count := func(u *harness.User) int {
		var keys struct{ Items []struct{} }
		u.Do(t, harness.Call{Op: "listApiKeys"}).Want(t, 200).JSON(t, &keys)
		return len(keys.Items)
	}
	key := uuid.NewString()
	first := create(u, key, "one").Want(t, 201)
	again := create(u, key, "one").Want(t, 201)
	if !bytes.Equal(first.Body, again.Body) || again.Header.Get("Idempotency-Replayed") != "true" || count(u) != 1 {
		t.Errorf("the same again: %s, then %s (%q); %d keys", first.Body, again.Body, again.Header.Get("Idempotency-Replayed"), count(u))
	}
	if first.Header.Get("X-Request-ID") == again.Header.Get("X-Request-ID") {
		t.Error("the answer that was kept has the first request's id")
	}
	create(u, key, "two").WantProblem(t, 422, "idempotency_key_reused")
	if a := create(other, key, "one").Want(t, 201); bytes.Equal(a.Body, first.Body) {
		t.Error("another caller's answer was replayed")
	}
	// A refusal is kept too; the key is of this operation alone.
	create(u, key+"x", "").Want(t, 422)
	u.Do(t, harness.Call{Op: "logout", Header: http.Header{"Idempotency-Key": {key}}}).Want(t, 204)

	for _, bad := range []string{"with space", "ümlaut", strings.Repeat("x", 256)} {
		create(other, bad, "one").Want(t, 400)
	}

	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		u := harness.NewUser(t)
		key := uuid.NewString()
		var wg sync.WaitGroup
		answers := make3(20)
		for i := range answers {
			wg.Go(func() { answers[i] = create(u, key, "at once") })
		}
		wg.Wait()
		bodies := map[string]int{}
		for _, a := range answers {
			if a.Status == 409 {
				a.WantProblem(t, 409, "idempotency_in_flight")
				continue
			}
			bodies[string(a.Want(t, 201).Body)]++
		}
		if len(bodies) != 1 || count(u) != 1 {
			t.Errorf("%d different answers, %d keys", len(bodies), count(u))
		}
	})

	// Strangers have no name by which to keep their answers apart, so a key that
	// two of them happen to choose must not give one the other's.
	t.Run("of strangers", func(t *testing.T) {
		t.Parallel()
		key := uuid.NewString()
		var sessions []string
		for range 2 {
			jar := cookieLogin(t, harness.NewUser(t))
			req := jar.request(t)
			req.Header.Set("X-CSRF-Token", jar.csrf)
			req.Header.Set("Idempotency-Key", key)
			var tokens harness.Tokens
			jar.Exchange(t, "refresh", req).Want(t, 200).JSON(t, &tokens)
			sessions = append(sessions, tokens.SessionID)
		}
		if sessions[0] == sessions[1] {
			t.Error("a stranger was given the tokens of another")
		}
	})
}

func make3(n int) []*harness.Answer { return make([]*harness.Answer, n) }

// browser is a client that holds its refresh token in a cookie.
type browser struct {
	*harness.User
	cookie *http.Cookie
	csrf   string
}

func cookieLogin(t *testing.T, u *harness.User) *browser {
	t.Helper()
	a := u.As(harness.Credential{}).Do(t, harness.Call{Op: "login", Body: members{"email": u.Email, "password": harness.Password, "tokenDelivery": "cookie"}}).Want(t, 200)
	var r harness.LoginResult
	a.JSON(t, &r)
	if r.Tokens.RefreshToken != "" || r.Tokens.CSRFToken == "" {
		t.Fatalf("by cookie: %+v", r.Tokens)
	}
	b := &browser{User: &harness.User{Client: u.As(harness.Credential{}), ID: u.ID, Email: u.Email}}
	b.take(t, a, r.Tokens.CSRFToken)
	return b
}

func (b *browser) take(t *testing.T, a *harness.Answer, csrf string) {
	t.Helper()
	cookies := (&http.Response{Header: a.Header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies: %v", len(cookies), a.Header["Set-Cookie"])
	}
	b.cookie, b.csrf = cookies[0], csrf
	if c := cookies[0]; !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 600_000 {
		t.Errorf("the cookie is %q", a.Header.Get("Set-Cookie"))
	}
}

func (b *browser) request(t *testing.T) *http.Request {
	t.Helper()
	req := b.Request(t, harness.Call{Op: "refresh", Body: members{}})
	req.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	return req
}

func TestRefreshByCookie(t *testing.T) {
	t.Parallel()
	b := cookieLogin(t, harness.NewUser(t))
	other := cookieLogin(t, harness.NewUser(t))
	for _, csrf := range []string{"", "wrong", other.csrf} {
		req := b.request(t)
		req.Header.Set("X-CSRF-Token", csrf)
		b.Exchange(t, "refresh", req).WantProblem(t, 403, "csrf_token_invalid")
	}
	for range 3 {
		req := b.request(t)
		req.Header.Set("X-CSRF-Token", b.csrf)
		a := b.Exchange(t, "refresh", req).Want(t, 200)
		var tokens harness.Tokens
		a.JSON(t, &tokens)
		if tokens.RefreshToken != "" {
			t.Error("the refresh token is in the body, where scripts can read it")
		}
		b.take(t, a, tokens.CSRFToken)
		b.User.Client = b.As(harness.Credential{Bearer: tokens.AccessToken})
	}
	gone := b.Do(t, harness.Call{Op: "logout"}).Want(t, 204)
	if c := (&http.Response{Header: gone.Header}).Cookies(); len(c) != 1 || c[0].Name != b.cookie.Name || c[0].MaxAge >= 0 {
		t.Errorf("logging out leaves the cookie: %v", gone.Header["Set-Cookie"])
	}
	b.User.Client = b.As(harness.Credential{})
	b.Exchange(t, "refresh", b.Request(t, harness.Call{Op: "refresh", Body: members{}})).WantProblem(t, 400, "refresh_token_missing")
}

// TestCursors walks a list page by page while it grows.
func TestCursors(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	want := []string{u.SessionID}
	for range 6 {
		want = append([]string{u.LogIn(t).SessionID}, want...)
	}
	type list struct {
		Items      []struct{ ID string }
		NextCursor string
	}
	page := func(u *harness.User, q url.Values) list {
		t.Helper()
		var l list
		u.Do(t, harness.Call{Op: "listSessions", Query: q}).Want(t, 200).JSON(t, &l)
		return l
	}
	for _, limit := range []string{"1", "2", "3", "7", "100"} {
		var got []string
		l := page(u, url.Values{"limit": {limit}})
		for {
			for _, s := range l.Items {
				got = append(got, s.ID)
			}
			if l.NextCursor == "" {
				break
			}
			u.LogIn(t) // inserted before the first page
			l = page(u, url.Values{"limit": {limit}, "cursor": {l.NextCursor}})
		}
		if tail := got[max(0, len(got)-7):]; !slices.Equal(tail, want) || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
			t.Errorf("pages of %s gave %v, not %v", limit, got, want)
		}
	}
	cursor := page(u, url.Values{"limit": {"2"}}).NextCursor
	other := harness.NewUser(t)
	flipped := []byte(cursor)
	flipped[len(flipped)/2] ^= 1
	for what, bad := range map[string]string{"made up": "eyJpZCI6MX0", "changed": string(flipped), "cut": cursor[:len(cursor)-4], "no base64": "!!!", "empty": ""} {
		if a := u.Do(t, harness.Call{Op: "listSessions", Query: url.Values{"cursor": {bad}}}); a.Status != 400 {
			t.Errorf("a cursor %s: %d %s", what, a.Status, a.Body)
		}
	}
	other.Do(t, harness.Call{Op: "listSessions", Query: url.Values{"cursor": {cursor}}}).WantProblem(t, 400, "invalid_cursor")
	harness.SuperAdmin(t).Do(t, harness.Call{Op: "searchUsers", Query: url.Values{"cursor": {cursor}}}).WantProblem(t, 400, "invalid_cursor")
	for _, limit := range []string{"0", "-1", "101", "1.5", "x", "", "1e1", "99999999999999999999"} {
		p := u.Do(t, harness.Call{Op: "listSessions", Query: url.Values{"limit": {limit}}}).Want(t, 400).Problem(t)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "#/query/limit" {
			t.Errorf("limit %q: %+v", limit, p)
		}
	}
	u.Do(t, harness.Call{Op: "listSessions", Query: url.Values{"limit": {"1", "2"}}}).Want(t, 400)
}

// TestRateLimitOfACaller asks more often than one user may.
func TestRateLimitOfACaller(t *testing.T) {
	t.Parallel()
	u, other := harness.NewUser(t), harness.NewUser(t)
	ask := func(u *harness.User) *harness.Answer {
		return u.Do(t, harness.Call{Op: "confirmOauthLink", Body: members{"linkToken": secret("jpl_")}})
	}
	allowed, began := 0, time.Now()
	for ; allowed < 100; allowed++ {
		a := ask(u)
		if a.Status == 429 {
			a.WantProblem(t, 429, "rate_limited")
			if a.Header.Get("Retry-After") == "" || !strings.Contains(a.Header.Get("RateLimit"), "r=0") {
				t.Errorf("429 with %v", a.Header)
			}
			break
		}
		if a.Want(t, 422); !strings.HasPrefix(a.Header.Get("RateLimit-Policy"), `"login";q=`) || a.Header.Get("RateLimit") == "" {
			t.Fatalf("no RateLimit headers: %v", a.Header)
		}
	}
	if took := time.Since(began); allowed < 20 || allowed > 45+int(took.Seconds()/2) { // 30 a minute come back
		t.Errorf("%d requests went through within %v", allowed, took)
	}
	ask(other).Want(t, 422)
	u.Do(t, harness.Call{Op: "getAccount"}).Want(t, 200) // another class
}

// TestShippedLimits asks a gateway with the limits as they are shipped, which
// the instance under test does not have.
func TestShippedLimits(t *testing.T) {
	t.Parallel()
	auth, err := url.Parse(harness.Env(t, "AUTH_URL"))
	if err != nil {
		t.Fatal(err)
	}
	gateway := harness.StartGateway(t, "AUTH_UPSTREAM="+auth.Host)
	one, other := harness.NewClient(t).At(gateway.URL), harness.NewClient(t).At(gateway.URL)
	sent, refused, began := 0, 0, time.Now()
	for ; sent < 60; sent++ {
		a := one.Raw(t, "POST", "/api/v1/auth/login", []byte("{}"), "Content-Type", "application/json")
		if a.Status == 429 {
			refused++
			a.WantProblem(t, 429, "rate_limited")
			if a.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if passed, took := sent-refused, time.Since(began); passed < 20 || passed > 40+int(took.Seconds()) { // 60 a minute come back
		t.Errorf("of %d sign-ins at once from one address %d passed within %v", sent, passed, took)
	}
	other.Raw(t, "POST", "/api/v1/auth/login", []byte("{}"), "Content-Type", "application/json").Want(t, 422)
	for range 60 { // another class is not so strict
		one.Raw(t, "GET", "/.well-known/jwks.json", nil).Want(t, 200)
	}
}

func TestDocumentation(t *testing.T) {
	t.Parallel()
	c := harness.NewClient(t)
	if a, err := c.Send(c.Request(t, harness.Call{Op: "getJwks"}).Clone(t.Context())); err != nil || a.Status != 200 {
		t.Fatal(a, err)
	}
	get := func(path string) *harness.Answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Send(req)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := get("/docs"); a.Status != 308 || a.Header.Get("Location") != "/docs/" {
		t.Errorf("/docs: %d to %q", a.Status, a.Header.Get("Location"))
	}
	page := get("/docs/").Want(t, 200)
	if !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("type %s", page.Header.Get("Content-Type"))
	}
	files := regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(string(page.Body), -1)
	if len(files) == 0 {
		t.Fatalf("the page loads nothing: %s", page.Body)
	}
	base, err := url.Parse("/docs/")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		u, err := base.Parse(f[1])
		if err != nil || u.Host != "" {
			t.Errorf("the page needs %s from elsewhere (%v)", f[1], err)
			continue
		}
		get(u.Path).Want(t, 200)
	}
	for _, op := range harness.Operations(t) {
		spec := string(get("/docs/openapi/"+op.Service+".yaml").Want(t, 200).Body)
		if shown := strings.Contains(spec, "operationId: "+op.ID+"\n"); shown == op.Internal {
			t.Errorf("%s, internal %v, is shown: %v", op.ID, op.Internal, shown)
		}
	}
}

// TestDiscovery checks that what the issuer says of itself is so.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	var meta struct {
		Issuer  string
		JwksURI string `json:"jwks_uri"`
	}
	u.Do(t, harness.Call{Op: "getOpenidConfiguration"}).Want(t, 200).JSON(t, &meta)
	if meta.Issuer != harness.Env(t, "PUBLIC_URL") {
		t.Errorf("issuer %s", meta.Issuer)
	}
	public, err := url.Parse(meta.JwksURI)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid string } }
	a := u.Raw(t, "GET", public.Path, nil).Want(t, 200)
	a.JSON(t, &set)
	if !strings.HasPrefix(meta.JwksURI, meta.Issuer) || !slices.ContainsFunc(set.Keys, func(k struct{ Kid string }) bool { return k.Kid == kid(t, u.Bearer) }) {
		t.Errorf("%s does not hold the key of a token: %s", meta.JwksURI, a.Body)
	}
	if strings.Contains(string(a.Body), `"d"`) {
		t.Error("the key set holds a private key")
	}
	if a.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("Cache-Control %q", a.Header.Get("Cache-Control"))
	}
}

// TestRequestIDs follows a request by its id.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	c := harness.NewClient(t)
	log := harness.NewLog(t, "auth")
	id := "e2e-" + uuid.NewString()
	if a := c.Do(t, harness.Call{Op: "getJwks", Header: http.Header{"X-Request-ID": {id}}}); a.Header.Get("X-Request-ID") != id {
		t.Errorf("X-Request-ID %q was not kept: %q", id, a.Header.Get("X-Request-ID"))
	}
	lines := log.Of(t, id)
	if len(lines) != 1 || lines[0]["operation"] != "getJwks" || lines[0]["status"] != float64(200) || lines[0]["ip"] != c.IP.String() {
		t.Errorf("the log says %v; the client is %s", lines, c.IP)
	}
	for _, bad := range []string{"short", "with space and more", "<script>alert(1)</script>", strings.Repeat("x", 129)} {
		if a := c.Do(t, harness.Call{Op: "getJwks", Header: http.Header{"X-Request-ID": {bad}}}); a.Header.Get("X-Request-ID") == bad {
			t.Errorf("X-Request-ID %q was kept", bad)
		}
	}
	// What a client says of itself is not believed.
	id = "e2e-" + uuid.NewString()
	c.Do(t, harness.Call{Op: "getJwks", Header: http.Header{"X-Request-ID": {id}, "X-Real-IP": {"8.8.8.8"}, "X-Forwarded-For": {"8.8.8.8"}, "Forwarded": {"for=8.8.8.8"}}})
	if lines := log.Of(t, id); lines[0]["ip"] != c.IP.String() {
		t.Errorf("a client says that it is elsewhere, and the log believes it: %v", lines)
	}
}

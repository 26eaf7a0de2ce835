package gateway_test

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	thing  = "/api/v1/things/0198c0de-7a11-7cc3-98c4-dc0c0c07398f"
	bearer = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	apiKey = "jpk_0123456789abcdefghijklmnopqrstuv"
	// unlimited is for tests that are not about rates.
	manyPerSecond = "9000r/s"
)

func unlimited(more ...string) map[string]string {
	settings := map[string]string{}
	for _, class := range []string{"LOGIN", "WRITE", "READ", "SEARCH", "PUBLIC"} {
		settings["RATE_"+class], settings["BURST_"+class] = manyPerSecond, "9000"
	}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	return settings
}

func TestGatewayRoutesWhatTheContractsName(t *testing.T) {
	g := startGateway(t, unlimited())
	for _, c := range []struct {
		method, path string
		service      *recorder
	}{
		{"GET", "/api/v1/things?limit=3&cursor=a%2Fb", g.user},
		{"POST", "/api/v1/things", g.user},
		{"GET", thing, g.user},
		{"PUT", thing, g.user},
		{"GET", "/api/v1/things/search?q=%27%20OR%201=1", g.user},
		{"GET", "/api/v1/things/a%20b%C3%A9", g.user},
		{"GET", "/.well-known/thing.json", g.user},
		{"GET", "/api/v1/stream/tickets", g.push},
	} {
		r := g.do(c.method, c.path, "", "Authorization", bearer)
		if r.StatusCode != 200 {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.StatusCode, r.body)
			continue
		}
		if got := c.service.one(t); got.Method != c.method || got.RequestURI != c.path {
			t.Errorf("%s %s arrived as %s %s", c.method, c.path, got.Method, got.RequestURI)
		}
		g.nothing()
	}
	g.problem(g.do("GET", "/", ""), 404, "not_found")
	g.problem(g.do("GET", "/api/v1/nothing", "", "Authorization", bearer), 404, "not_found")
	g.problem(g.do("GET", "/api/v1/things/", "", "Authorization", bearer), 404, "not_found")
	g.problem(g.do("GET", thing+"/parts", "", "Authorization", bearer), 404, "not_found")
	g.problem(g.do("GET", "/API/v1/things", "", "Authorization", bearer), 404, "not_found")
	g.nothing()
}

func TestGatewayRefusesOtherMethods(t *testing.T) {
	g := startGateway(t, unlimited())
	for path, c := range map[string]struct{ methods, allow string }{
		"/api/v1/things":          {"PUT PATCH DELETE HEAD OPTIONS TRACE PROPFIND", "GET, POST"},
		thing:                     {"POST DELETE OPTIONS", "GET, PUT"},
		"/.well-known/thing.json": {"POST", "GET"},
	} {
		for _, method := range strings.Fields(c.methods) {
			r := g.do(method, path, "", "Authorization", bearer)
			if method == "HEAD" {
				if r.StatusCode != 405 {
					t.Errorf("HEAD %s: %d", path, r.StatusCode)
				}
				continue
			}
			g.problem(r, 405, "method_not_allowed")
			if got := r.Header.Get("Allow"); got != c.allow && method != "TRACE" { // NGINX refuses TRACE before it looks at the path
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, c.allow)
			}
		}
	}
	g.nothing()
}

func TestGatewayHidesWhatIsInternal(t *testing.T) {
	g := startGateway(t, unlimited())
	id := "0198c0de-7a11-7cc3-98c4-dc0c0c07398f"
	for _, path := range []string{
		"/internal/v1/things/" + id,
		"//internal/v1/things/" + id,
		"/./internal/v1/things/" + id,
		"/%69nternal/v1/things/" + id,
		"/internal%2fv1%2fthings%2f" + id,
		"/INTERNAL/v1/things/" + id,
		"/api/../internal/v1/things/" + id,
		"/api/v1/things/..%2f..%2f..%2finternal%2fv1%2fthings%2f" + id,
		"/api/v1/things/%2e%2e/%2e%2e/%2e%2e/internal/v1/things/" + id,
		`/api/v1/things/..\..\..\internal\v1\things\` + id,
		"/api/v1/things/..%5c..%5cinternal",
		"/api/v1/things/%252e%252e",
		// Normalised these are public paths, but what the service would see is not.
		"/internal/v1/things/../../../api/v1/things/" + id,
		"/internal/v1/things/..%2f..%2f..%2fapi%2fv1%2fthings%2f" + id,
		"/internal/v1/things/%2e%2e/%2e%2e/%2e%2e/.well-known/thing.json",
		"/api/v1//things/" + id,
		"/api/v1/./things/" + id,
		"/api/v1/things/x/../" + id,
		"/api/v1/things/" + id + "%00",
		"/api/v1/things/" + id + "%0d%0aX-Service-Key:%20x",
		"/api/v1/things/" + id + "%0a",
		"/metrics", "/readyz", "/livez", "/debug/pprof/", "/nginx_status", "/.problem/404",
	} {
		r := g.do("GET", path, "", "Authorization", bearer, "X-Service-Key", "jps_notification_x")
		// A NUL never gets past NGINX's own parser.
		if strings.HasSuffix(path, "%00") && r.StatusCode == 400 {
			g.problem(r, 400, "malformed_request")
			continue
		}
		if r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
		g.problem(r, 404, "not_found")
	}
	if got := g.raw("GET http://x/internal/v1/things/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "404") {
		t.Errorf("absolute form: %s", got)
	}
	g.nothing()
}

func TestGatewayAsksForAWellFormedCredential(t *testing.T) {
	g := startGateway(t, unlimited())
	for _, c := range []struct {
		method, path, header, value string
		want                        int
	}{
		{"GET", "/api/v1/things", "Accept", "*/*", 401},
		{"GET", "/api/v1/things", "Authorization", bearer, 200},
		{"GET", "/api/v1/things", "Authorization", strings.ToLower(bearer[:6]) + bearer[6:], 200},
		{"GET", "/api/v1/things", "X-API-Key", apiKey, 200},
		{"GET", "/api/v1/things", "X-API-Key", "jps_notification_0123456789abcdef", 401},
		{"GET", "/api/v1/things", "X-API-Key", "jpk_short", 401},
		{"GET", "/api/v1/things", "Authorization", "Basic YTpi", 401},
		{"GET", "/api/v1/things", "Authorization", "Bearer not-a-token", 401},
		{"GET", "/api/v1/things", "Authorization", "Bearer a.b.c", 401},
		{"GET", "/api/v1/things", "Authorization", bearer + ".more", 401},
		{"GET", "/api/v1/things", "Authorization", bearer + strings.Repeat("a", 4096), 401},
		{"GET", "/api/v1/things", "Cookie", "access=" + bearer, 401},
		{"POST", "/api/v1/things", "X-API-Key", apiKey, 401}, // takes no API key
		{"POST", "/api/v1/things", "Authorization", bearer, 200},
		{"GET", thing, "Accept", "*/*", 200},                   // public
		{"GET", thing, "Authorization", "Bearer rubbish", 200}, // public: whatever it carries
		{"PUT", thing, "Accept", "*/*", 401},
	} {
		r := g.do(c.method, c.path, "", c.header, c.value)
		if c.want == 401 {
			g.problem(r, 401, "unauthenticated")
			if got := r.Header.Get("WWW-Authenticate"); got != `Bearer realm="jobpilot"` {
				t.Errorf("WWW-Authenticate %q", got)
			}
			g.nothing()
			continue
		}
		if r.StatusCode != c.want {
			t.Errorf("%s %s with %s %.40s: %d, want %d", c.method, c.path, c.header, c.value, r.StatusCode, c.want)
		}
		if got := g.user.one(t); got.Header.Get(c.header) != c.value {
			t.Errorf("%s arrived as %q", c.header, got.Header.Get(c.header))
		}
	}
}

func TestGatewayPassesOnlyKnownHeaders(t *testing.T) {
	g := startGateway(t, unlimited())
	r := g.do("POST", "/api/v1/things", `{"name":"x"}`, "Authorization", bearer, "Content-Type", "application/json",
		"Idempotency-Key", "k1", "X-Thing-Colour", "red", "Accept-Language", "de", "Cookie", "a=b", "Origin", "https://app.example",
		"X-Service-Key", "jps_notification_x", "X-User-ID", "1", "X-User-Roles", "super_admin", "X-Real-IP", "10.0.0.1",
		"X-Forwarded-For", "10.0.0.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example", "Forwarded", "for=10.0.0.1",
		"X-Original-URL", "/internal", "X-Rewrite-URL", "/internal", "X-HTTP-Method-Override", "DELETE", "True-Client-IP", "10.0.0.1",
		"Proxy", "http://evil.example", "Baggage", "k=v", "X-Anything", "1", "X_Service_Key", "jps_notification_x", "Upgrade", "h2c")
	if r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	got := g.user.one(t)
	for name, want := range map[string]string{
		"Authorization": bearer, "Content-Type": "application/json", "Idempotency-Key": "k1", "X-Thing-Colour": "red",
		"Accept-Language": "de", "Cookie": "a=b", "Origin": "https://app.example", "Content-Length": "12", "User-Agent": "Go-http-client/1.1",
		"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
		}
		got.Header.Del(name)
	}
	for _, made := range []string{"X-Request-Id", "Traceparent"} {
		if got.Header.Get(made) == "" {
			t.Errorf("no %s", made)
		}
		got.Header.Del(made)
	}
	for name, values := range got.Header {
		t.Errorf("%s: %q reached the service", name, values)
	}
	if got.body != `{"name":"x"}` {
		t.Errorf("body %q", got.body)
	}
}

func TestGatewayBelievesOnlyTrustedProxies(t *testing.T) {
	headers := []string{"X-Forwarded-For", "198.51.100.7, 192.0.2.9", "X-Forwarded-Proto", "https"}
	g := startGateway(t, unlimited("GATEWAY_TRUSTED_PROXIES", "127.0.0.0/8, 192.0.2.0/24", "GATEWAY_HTTPS", ""))
	r := g.do("GET", thing, "", headers...)
	if got := g.user.one(t).Header; got.Get("X-Forwarded-For") != "198.51.100.7" || got.Get("X-Real-Ip") != "198.51.100.7" || got.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("trusted: %v", got)
	}
	if r.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS behind a proxy that ends TLS")
	}
	g = startGateway(t, unlimited("GATEWAY_TRUSTED_PROXIES", "192.0.2.0/24"))
	r = g.do("GET", thing, "", headers...)
	if got := g.user.one(t).Header; got.Get("X-Forwarded-For") != "127.0.0.1" || got.Get("X-Forwarded-Proto") != "http" {
		t.Errorf("untrusted: %v", got)
	}
	if r.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS for plain HTTP")
	}
}

func TestGatewayMakesIdsOrKeepsThem(t *testing.T) {
	g := startGateway(t, unlimited())
	parent := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	made := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`)
	for _, c := range []struct {
		id, parent   string
		keepID, keep bool
	}{
		{"5e1c2f7a-3b9d-4a56-8c1e-0f2a4b6c8d9e", parent, true, true},
		{"short", "00-zz", false, false},
		{"", "", false, false},
		{`a"b\c{d}efgh`, "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false, false},
		{strings.Repeat("a", 129), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false, false},
		{"abcdefgh", "01" + parent[2:], true, false},
	} {
		r := g.do("GET", thing, "", "X-Request-ID", c.id, "traceparent", c.parent, "tracestate", "a=b")
		got := g.user.one(t).Header
		if id := got.Get("X-Request-Id"); (id == c.id) != c.keepID || id == "" || id != r.Header.Get("X-Request-ID") {
			t.Errorf("X-Request-ID %q became %q, answered %q", c.id, id, r.Header.Get("X-Request-ID"))
		}
		if p := got.Get("Traceparent"); (p == c.parent) != c.keep || !c.keep && !made.MatchString(p) {
			t.Errorf("traceparent %q became %q", c.parent, p)
		}
		if s := got.Get("Tracestate"); (s != "") != c.keep {
			t.Errorf("tracestate %q with traceparent %q", s, c.parent)
		}
	}
	g.user.answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Request-ID", "from-the-service") })
	if got := g.do("GET", thing, "").Header.Values("X-Request-ID"); len(got) != 1 || got[0] == "from-the-service" {
		t.Errorf("X-Request-ID %q", got)
	}
}

func TestGatewayAnswersCORS(t *testing.T) {
	g := startGateway(t, unlimited())
	for _, origin := range []string{"https://app.example", "chrome-extension://abcdef", "http://localhost:3000"} {
		r := g.do("GET", thing, "", "Origin", origin)
		if r.Header.Get("Access-Control-Allow-Origin") != origin || r.Header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: %v", origin, r.Header)
		}
		for _, name := range []string{"RateLimit", "RateLimit-Policy", "ETag", "X-Request-ID", "Location"} {
			if !strings.Contains(r.Header.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s is not exposed", name)
			}
		}
	}
	for _, origin := range []string{"https://evil.example", "https://app.example.evil.example", "http://app.example", "null",
		"https://app.exampl", "pp.example", "*", "https://app.example,https://evil.example", "https://app.example|https://app.example", "HTTPS://APP.EXAMPLE"} {
		r := g.do("GET", thing, "", "Origin", origin)
		if r.StatusCode != 200 || r.Header.Get("Access-Control-Allow-Origin") != "" || r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", origin, r.StatusCode, r.Header)
		}
		if !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("Vary: %q", r.Header.Values("Vary"))
		}
	}
	g.user.take()

	preflight := func(path, origin, method string) response {
		return g.do("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization")
	}
	r := preflight("/api/v1/things", "https://app.example", "POST")
	if r.StatusCode != 204 || r.Header.Get("Access-Control-Allow-Methods") != "GET, POST" || r.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("preflight: %d %v", r.StatusCode, r.Header)
	}
	for _, name := range []string{"Authorization", "Idempotency-Key", "X-Thing-Colour", "If-Match"} {
		if !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("preflight does not allow %s", name)
		}
	}
	g.problem(preflight("/api/v1/things", "https://app.example", "DELETE"), 405, "")
	g.problem(preflight("/api/v1/things", "https://app.example", "GE"), 405, "")
	g.problem(preflight("/api/v1/things", "https://evil.example", "POST"), 405, "")
	g.problem(preflight("/api/v1/nothing", "https://app.example", "GET"), 404, "")
	g.problem(preflight("/internal/v1/things/1", "https://app.example", "GET"), 404, "")
	g.nothing()
	// A browser must be able to read why it was refused.
	if r := g.do("GET", "/api/v1/things", "", "Origin", "https://app.example"); r.StatusCode != 401 || r.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("401: %v", r.Header)
	}
}

func TestGatewaySetsSecurityHeaders(t *testing.T) {
	g := startGateway(t, unlimited())
	g.user.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src *")
		w.Header().Set("Server", "secret/1.2")
		w.Header().Set("X-Powered-By", "secret")
	})
	for _, path := range []string{thing, "/nothing", "/healthz", "/docs/"} {
		for _, scheme := range []string{"http", "https"} {
			client, base := &http.Client{}, "http://"+g.http
			if scheme == "https" {
				client, base = g.secure(nil), "https://"+g.tls
			}
			r := g.doWith(client, base, "GET", path, "")
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Server": "nginx",
			} {
				if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s %s: %s %q", scheme, path, name, got)
				}
			}
			csp := r.Header.Values("Content-Security-Policy")
			if len(csp) != 1 || !strings.Contains(csp[0], "default-src 'none'") || !strings.Contains(csp[0], "frame-ancestors 'none'") ||
				regexp.MustCompile(`script-src[^;]*unsafe`).MatchString(csp[0]) {
				t.Errorf("%s: CSP %q", path, csp)
			}
			if r.Header.Get("Permissions-Policy") == "" || r.Header.Get("X-Powered-By") != "" {
				t.Errorf("%s: %v", path, r.Header)
			}
			if hsts := r.Header.Get("Strict-Transport-Security"); (hsts != "") != (scheme == "https") {
				t.Errorf("%s %s: HSTS %q", scheme, path, hsts)
			}
		}
	}
	if got := g.do("GET", thing, "").Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	g.user.answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "public, max-age=60") })
	if got := g.do("GET", thing, "").Header.Values("Cache-Control"); !slices.Equal(got, []string{"public, max-age=60"}) {
		t.Errorf("Cache-Control %q", got)
	}
}

func TestGatewaySpeaksOnlyTLS13(t *testing.T) {
	g := startGateway(t, unlimited())
	r := g.doWith(g.secure(nil), "https://"+g.tls, "GET", thing, "")
	if r.StatusCode != 200 || r.TLS.Version != tls.VersionTLS13 || r.ProtoMajor != 2 {
		t.Errorf("%d, TLS %x, %s", r.StatusCode, r.TLS.Version, r.Proto)
	}
	if got := g.user.one(t).Header.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("X-Forwarded-Proto %q", got)
	}
	if _, err := tls.Dial("tcp", g.tls, &tls.Config{RootCAs: g.pool, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
	g.problem(g.doWith(&http.Client{}, "http://"+g.tls, "GET", thing, ""), 400, "malformed_request")

	only := startGateway(t, unlimited("GATEWAY_HTTP", ""))
	if _, err := net.Dial("tcp", only.http); err == nil {
		t.Error("plain HTTP is on although GATEWAY_HTTP is empty")
	}
}

func TestGatewayCompresses(t *testing.T) {
	g := startGateway(t, unlimited())
	long := `{"text":"` + strings.Repeat("job ", 1000) + `"}`
	g.user.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", `"7"`)
		_, _ = io.WriteString(w, long)
	})
	r := g.do("GET", thing, "", "Accept-Encoding", "gzip")
	if r.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept-Encoding") {
		t.Fatalf("%v", r.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(r.body))
	must(t, err)
	if body, err := io.ReadAll(z); err != nil || string(body) != long {
		t.Errorf("%v: %.60s", err, body)
	}
	// What compression weakened still matches.
	g.user.take()
	g.do("PUT", thing, "{}", "Authorization", bearer, "If-Match", r.Header.Get("ETag"))
	if got := g.user.one(t).Header.Get("If-Match"); got != `"7"` {
		t.Errorf("ETag %s came back as If-Match %s", r.Header.Get("ETag"), got)
	}
	if r := g.do("POST", "/api/v1/entry", "{}", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" {
		t.Error("an answer with tokens is compressed")
	}
}

func TestGatewayLimitsBodies(t *testing.T) {
	g := startGateway(t, unlimited())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct {
		method, path string
		size         int
		chunked      bool
		want         int
	}{
		{"PUT", thing, 64 << 10, false, 200},
		{"PUT", thing, 64<<10 + 1, false, 413},
		{"PUT", thing, 64<<10 + 1, true, 413},
		{"POST", "/api/v1/things", 128 << 10, false, 200},
		{"POST", "/api/v1/things", 128 << 10, true, 200},
		{"POST", "/api/v1/things", 128<<10 + 1, false, 413},
	} {
		var body io.Reader = strings.NewReader(strings.Repeat("x", c.size))
		if c.chunked {
			body = io.MultiReader(body) // of unknown length
		}
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+g.http+c.path, body)
		must(t, err)
		req.Header.Set("Authorization", bearer)
		resp, err := client.Do(req)
		must(t, err)
		data, err := io.ReadAll(resp.Body)
		must(t, err)
		_ = resp.Body.Close()
		if c.want == 413 {
			g.problem(response{resp, string(data)}, 413, "body_too_large")
			g.nothing()
			continue
		}
		if got := g.user.one(t); resp.StatusCode != c.want || len(got.body) != c.size {
			t.Errorf("%s of %d: %d, %d arrived", c.path, c.size, resp.StatusCode, len(got.body))
		}
	}
}

func TestGatewayLimitsRatesByClass(t *testing.T) {
	g := startGateway(t, unlimited("RATE_LOGIN", "1r/m", "BURST_LOGIN", "2", "RATE_SEARCH", "1r/m", "BURST_SEARCH", "4"))
	refused := func(method, path string, n int) (limited int) {
		for range n {
			r := g.do(method, path, "")
			if r.StatusCode != 429 {
				continue
			}
			limited++
			g.problem(r, 429, "rate_limited")
			if r.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
		return limited
	}
	if got := refused("POST", "/api/v1/entry", 10); got != 7 {
		t.Errorf("login: %d of 10 refused, want 7", got)
	}
	if got := refused("GET", "/api/v1/things/search?q=x", 10); got != 5 {
		t.Errorf("search: %d of 10 refused, want 5", got)
	}
	if got := refused("GET", thing, 30); got != 0 {
		t.Errorf("public: %d refused; its limit is another", got)
	}
}

func TestGatewayLimitsConnections(t *testing.T) {
	g := startGateway(t, unlimited("CONNECTIONS_PER_CLIENT", "3"))
	hold, entered := make(chan struct{}), make(chan struct{}, 4)
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	g.user.answer(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-hold })
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() { g.do("GET", thing, "") })
	}
	for range 3 {
		<-entered
	}
	g.problem(g.do("GET", thing, ""), 429, "rate_limited")
	release()
	wait.Wait()
}

func TestGatewayAnswersItsOwnErrorsAsProblems(t *testing.T) {
	g := startGateway(t, unlimited("PROXY_READ_TIMEOUT", "200ms"))
	g.problem(g.do("GET", thing+"?q="+strings.Repeat("x", 20<<10), ""), 414, "uri_too_long")
	g.problem(g.do("GET", thing, "", "X-Thing-Colour", strings.Repeat("x", 20<<10)), 431, "headers_too_large")
	for request, want := range map[string]string{
		"GET " + thing + " HTTP/1.1\r\n\r\n":                       "400", // no Host
		"GET " + thing + " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": "400",
		"GET " + thing + " HTTP/1.1\r\nHost: a/b\r\n\r\n":          "400",
		"GARBAGE\r\n\r\n": "400",
		"GET " + thing + " HTTP/9.9\r\nHost: a\r\n\r\n":                                      "505",
		"CONNECT internal:80 HTTP/1.1\r\nHost: internal:80\r\n\r\n":                          "40",
		"POST /api/v1/entry HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n": "501",
	} {
		if got := g.raw(request); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s", request, got)
		}
	}
	g.nothing()

	hold := make(chan struct{})
	g.user.answer(func(http.ResponseWriter, *http.Request) { <-hold })
	r := g.do("GET", thing, "")
	g.problem(r, 504, "timeout")
	close(hold)
	g.user.answer(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	r = g.do("POST", "/api/v1/entry", "{}")
	g.problem(r, 502, "unavailable")
	if r.Header.Get("Retry-After") == "" {
		t.Error("502 without Retry-After")
	}
	// What a service says itself passes as it is.
	g.user.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(503)
		_, _ = io.WriteString(w, `{"code":"theirs"}`)
	})
	r = g.do("GET", thing, "")
	if r.StatusCode != 503 || r.body != `{"code":"theirs"}` || !slices.Equal(r.Header.Values("Retry-After"), []string{"7"}) {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, r.body)
	}

	down := startGateway(t, unlimited("USER_UPSTREAM", freeAddress(t)))
	down.problem(down.do("GET", thing, ""), 502, "unavailable")
	if r := down.do("GET", "/healthz", ""); r.StatusCode != 200 || r.body != `{"status":"ok"}` {
		t.Errorf("healthz: %d %s", r.StatusCode, r.body)
	}
}

func TestGatewayRefusesSmuggling(t *testing.T) {
	g := startGateway(t, unlimited())
	hidden := "GET /internal/v1/things/1 HTTP/1.1\r\nHost: a\r\n\r\n"
	head := "POST /api/v1/entry HTTP/1.1\r\nHost: a\r\n"
	for name, request := range map[string]string{
		"CL and TE":               head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":             head + "Content-Length: 0\r\nContent-Length: 50\r\n\r\n" + hidden,
		"two hosts":               "POST /api/v1/entry HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
		"signed length":           head + "Content-Length: +5\r\n\r\n01234",
		"list of lengths":         head + "Content-Length: 5, 5\r\n\r\n01234",
		"space before the colon":  head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"unknown coding":          head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"two codings":             head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"coding with HTTP/1.0":    "POST /api/v1/entry HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunk size out of range": head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
		"control character":       head + "X-A: b\x00c\r\nContent-Length: 0\r\n\r\n",
	} {
		got := g.raw(request)
		if !strings.HasPrefix(got, "4") && !strings.HasPrefix(got, "501") {
			t.Errorf("%s: %s", name, got)
		}
		g.nothing()
	}
}

func TestGatewayUpgradesOnlyWebSocketOperations(t *testing.T) {
	g := startGateway(t, unlimited())
	echo := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			w.WriteHeader(426)
			return
		}
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+r.Header.Get("Sec-WebSocket-Key")+"\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(conn, "echo "+line)
	}
	g.user.answer(echo)
	g.push.answer(echo)
	upgrade := func(path, protocol string) (net.Conn, *bufio.Reader, *http.Response) {
		conn, err := net.Dial("tcp", g.http)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: %s\r\nConnection: Upgrade\r\nSec-WebSocket-Key: abc\r\nOrigin: https://app.example\r\n\r\n", path, protocol)
		reader := bufio.NewReader(conn)
		resp, err := http.ReadResponse(reader, nil)
		must(t, err)
		return conn, reader, resp
	}
	conn, reader, resp := upgrade("/api/v1/stream", "websocket")
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "abc" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	fmt.Fprintln(conn, "hello")
	if got, _ := reader.ReadString('\n'); got != "echo hello\n" {
		t.Errorf("got %q", got)
	}
	if got := g.push.one(t).Header.Get("Origin"); got != "https://app.example" {
		t.Errorf("Origin %q: the service cannot check it", got)
	}
	if _, _, resp := upgrade(thing, "websocket"); resp.StatusCode != 426 {
		t.Errorf("an ordinary operation was upgraded: %d", resp.StatusCode)
	}
	if _, _, resp := upgrade("/api/v1/stream", "h2c"); resp.StatusCode != 426 {
		t.Errorf("upgraded to h2c: %d", resp.StatusCode)
	}
}

func TestGatewayKeepsConnectionsToServices(t *testing.T) {
	g := startGateway(t, unlimited())
	for range 50 {
		if r := g.do("GET", thing, ""); r.StatusCode != 200 {
			t.Fatal(r.StatusCode)
		}
	}
	g.user.mu.Lock()
	defer g.user.mu.Unlock()
	if g.user.conns != 1 {
		t.Errorf("50 requests used %d connections", g.user.conns)
	}
}

func TestGatewayServesDocs(t *testing.T) {
	g := startGateway(t, unlimited())
	if r := g.do("GET", "/docs", ""); r.StatusCode != 308 || r.Header.Get("Location") != "/docs/" {
		t.Errorf("/docs: %d %v", r.StatusCode, r.Header)
	}
	if r := g.do("GET", "/docs/", ""); r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") || !strings.Contains(r.body, "API") {
		t.Errorf("/docs/: %d %v", r.StatusCode, r.Header)
	}
	g.problem(g.do("GET", "/docs/nothing.js", ""), 404, "not_found")
	g.problem(g.do("GET", "/docs/../nginx.conf", ""), 404, "not_found")
	g.problem(g.do("GET", "/docs/%2e%2e/gateway.key", ""), 404, "not_found")
	g.problem(g.do("POST", "/docs/", ""), 405, "method_not_allowed")
}

func TestGatewayLogsWithoutSecrets(t *testing.T) {
	g := startGateway(t, unlimited())
	g.do("GET", thing+"?code=secret-code", "", "X-Request-ID", "request-one", "Authorization", bearer, "User-Agent", "a\"b\nc"[:3])
	g.do("GET", "/nothing?code=secret-code", "")
	var lines []map[string]any
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var data []byte
	for len(lines) < 2 {
		select {
		case <-deadline:
			t.Fatalf("log: %s", data)
		case <-tick.C:
		}
		var err error
		data, err = os.ReadFile(filepath.Join(g.dir, "access.log"))
		must(t, err)
		lines = nil
		for line := range strings.Lines(string(data)) {
			var entry map[string]any
			must(t, json.Unmarshal([]byte(line), &entry))
			if entry["method"] != "" {
				lines = append(lines, entry)
			}
		}
	}
	if strings.Contains(string(data), "secret") || strings.Contains(string(data), bearer[7:]) {
		t.Errorf("the log holds a secret: %s", data)
	}
	first := lines[0]
	for key, want := range map[string]any{
		"request_id": "request-one", "method": "GET", "path": thing, "route": "/api/v1/things/{thingId}", "operation": "getThing",
		"status": 200.0, "upstream": g.user.address, "service": "gateway",
	} {
		if first[key] != want {
			t.Errorf("%s: %v, want %v", key, first[key], want)
		}
	}
	if lines[1]["path"] != "/nothing" || lines[1]["status"] != 404.0 {
		t.Errorf("%v", lines[1])
	}
}

func TestGatewayNamesOnlyServicesWithAContract(t *testing.T) {
	root := fixture(t)
	data, err := os.ReadFile(filepath.Join(root, "deploy/nginx/templates/operations.gen.conf.template"))
	must(t, err)
	var upstreams []string
	for _, m := range regexp.MustCompile(`(?m)^upstream (\S+)`).FindAllStringSubmatch(string(data), -1) {
		upstreams = append(upstreams, m[1])
	}
	if !slices.Equal(upstreams, []string{"notification", "user"}) {
		t.Errorf("upstreams %q", upstreams)
	}
}

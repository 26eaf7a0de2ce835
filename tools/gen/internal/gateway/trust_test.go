package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

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
		if strings.HasSuffix(path, "%00") && r.StatusCode == http.StatusBadRequest {
			g.problem(r, 400, "malformed_request")
			continue
		}
		if r.StatusCode != http.StatusNotFound {
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
	if r.StatusCode != http.StatusOK {
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
		if r.StatusCode != http.StatusOK || r.Header.Get("Access-Control-Allow-Origin") != "" || r.Header.Get("Access-Control-Allow-Credentials") != "" {
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
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") != "GET, POST" || r.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
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
	if r := g.do("GET", "/api/v1/things", "", "Origin", "https://app.example"); r.StatusCode != http.StatusUnauthorized || r.Header.Get("Access-Control-Allow-Origin") == "" {
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
	if r.StatusCode != http.StatusOK || r.TLS.Version != tls.VersionTLS13 || r.ProtoMajor != 2 {
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
		"NUL":                     head + "X-A: b\x00c\r\nContent-Length: 0\r\n\r\n",
		"control character":       head + "User-Agent: b\x1bc\r\nContent-Length: 0\r\n\r\n",
		"host of strange bytes":   "POST /api/v1/entry HTTP/1.1\r\nHost: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
	} {
		got := g.raw(request)
		if !strings.HasPrefix(got, "4") && !strings.HasPrefix(got, "501") {
			t.Errorf("%s: %s", name, got)
		}
		g.nothing()
	}
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

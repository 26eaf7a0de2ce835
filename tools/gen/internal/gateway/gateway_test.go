package gateway_test

import (
	"bufio"
	"compress/gzip"
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
)

// unlimited are settings for tests that are not about rates, with more as pairs of name and value.
func unlimited(more ...string) map[string]string {
	settings := map[string]string{}
	for _, class := range []string{"LOGIN", "WRITE", "READ", "SEARCH", "PUBLIC"} {
		settings["RATE_"+class], settings["BURST_"+class] = "9000r/s", "9000"
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
		if r.StatusCode != http.StatusOK {
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
				if r.StatusCode != http.StatusMethodNotAllowed {
					t.Errorf("HEAD %s: %d", path, r.StatusCode)
				}
				continue
			}
			g.problem(r, 405, "method_not_allowed")
			if got := r.Header.Get("Allow"); got != c.allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, c.allow)
			}
		}
	}
	g.nothing()
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

// The body that is too large must not be too large for the error's own address as well.
func TestGatewayLimitsBodiesOverHTTP2(t *testing.T) {
	g := startGateway(t, unlimited())
	client := g.secure(nil)
	body := strings.Repeat("x", 128<<10+1)
	g.problem(g.doWith(client, "https://"+g.tls, "POST", "/api/v1/things", body, "Authorization", bearer), 413, "body_too_large")
	g.problem(g.doWith(client, "https://"+g.tls, "POST", "/api/v1/things", body[1:]), 401, "unauthenticated")
	g.problem(g.do("POST", "/api/v1/things", body[1:]), 401, "unauthenticated")
	g.nothing()
}

func TestGatewayLimitsRatesByClass(t *testing.T) {
	g := startGateway(t, unlimited("RATE_LOGIN", "1r/m", "BURST_LOGIN", "2", "RATE_SEARCH", "1r/m", "BURST_SEARCH", "4"))
	refused := func(method, path string, n int) (limited int) {
		for range n {
			r := g.do(method, path, "")
			if r.StatusCode != http.StatusTooManyRequests {
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
	g := startGateway(t, unlimited("PROXY_READ_TIMEOUT", "1s"))
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
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"theirs"}`)
	})
	r = g.do("GET", thing, "")
	if r.StatusCode != http.StatusServiceUnavailable || r.body != `{"code":"theirs"}` || !slices.Equal(r.Header.Values("Retry-After"), []string{"7"}) {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, r.body)
	}

	down := startGateway(t, unlimited("USER_UPSTREAM", freeAddress(t)))
	down.problem(down.do("GET", thing, ""), 502, "unavailable")
	if r := down.do("GET", "/healthz", ""); r.StatusCode != http.StatusOK || r.body != `{"status":"ok"}` {
		t.Errorf("healthz: %d %s", r.StatusCode, r.body)
	}
}

func TestGatewayUpgradesOnlyWebSocketOperations(t *testing.T) {
	g := startGateway(t, unlimited())
	echo := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			w.WriteHeader(http.StatusUpgradeRequired)
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
	upgrade := func(path, protocol string) (conn net.Conn, reader *bufio.Reader, status int, accept string) {
		conn, err := net.Dial("tcp", g.http)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: %s\r\nConnection: Upgrade\r\nSec-WebSocket-Key: abc\r\nOrigin: https://app.example\r\n\r\n", path, protocol)
		reader = bufio.NewReader(conn)
		resp, err := http.ReadResponse(reader, nil)
		must(t, err)
		defer resp.Body.Close()
		return conn, reader, resp.StatusCode, resp.Header.Get("Sec-WebSocket-Accept")
	}
	conn, reader, status, accept := upgrade("/api/v1/stream", "websocket")
	if status != http.StatusSwitchingProtocols || accept != "abc" {
		t.Fatalf("%d, accept %q", status, accept)
	}
	fmt.Fprintln(conn, "hello")
	if got, _ := reader.ReadString('\n'); got != "echo hello\n" {
		t.Errorf("got %q", got)
	}
	if got := g.push.one(t).Header.Get("Origin"); got != "https://app.example" {
		t.Errorf("Origin %q: the service cannot check it", got)
	}
	if _, _, status, _ := upgrade(thing, "websocket"); status != http.StatusUpgradeRequired {
		t.Errorf("an ordinary operation was upgraded: %d", status)
	}
	if _, _, status, _ := upgrade("/api/v1/stream", "h2c"); status != http.StatusUpgradeRequired {
		t.Errorf("upgraded to h2c: %d", status)
	}
}

func TestGatewayKeepsConnectionsToServices(t *testing.T) {
	g := startGateway(t, unlimited())
	for range 50 {
		if r := g.do("GET", thing, ""); r.StatusCode != http.StatusOK {
			t.Fatal(r.StatusCode)
		}
	}
	g.user.mu.Lock()
	defer g.user.mu.Unlock()
	if g.user.conns > 3 {
		t.Errorf("50 requests used %d connections", g.user.conns)
	}
}

func TestGatewayServesDocs(t *testing.T) {
	g := startGateway(t, unlimited())
	if r := g.do("GET", "/docs", ""); r.StatusCode != http.StatusPermanentRedirect || r.Header.Get("Location") != "/docs/" {
		t.Errorf("/docs: %d %v", r.StatusCode, r.Header)
	}
	if r := g.do("GET", "/docs/", ""); r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") || !strings.Contains(r.body, "API") {
		t.Errorf("/docs/: %d %v", r.StatusCode, r.Header)
	}
	g.problem(g.do("GET", "/docs/nothing.js", ""), 404, "not_found")
	g.problem(g.do("GET", "/docs/../nginx.conf", ""), 404, "not_found")
	g.problem(g.do("GET", "/docs/%2e%2e/gateway.key", ""), 404, "not_found")
	g.problem(g.do("POST", "/docs/", ""), 405, "method_not_allowed")
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

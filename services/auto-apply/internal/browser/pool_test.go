package browser

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playwright-community/playwright-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// newPool starts a browser that may reach the given servers.
func newPool(t *testing.T, servers ...*httptest.Server) *Pool {
	t.Helper()
	o := Options{
		DriverDir: testkit.Env(t, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(t, "CHROMIUM_PATH"), Contexts: 2, Idle: time.Minute,
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	}
	p := New(o)
	for _, s := range servers {
		p.Allow = append(p.Allow, host(s))
		if c := s.Certificate(); c != nil {
			sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
			p.trust = base64.StdEncoding.EncodeToString(sum[:])
		}
	}
	t.Cleanup(p.Close)
	return p
}

func host(s *httptest.Server) string { return s.Listener.Addr().String() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type connKey struct{}

// careless serves a form over TLS and keeps connections open, but closes them
// without an answer once it has read what is posted to /cut. It counts what arrives.
func careless(t *testing.T, http2 bool) (s *httptest.Server, received *atomic.Int32) {
	t.Helper()
	received = &atomic.Int32{}
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			received.Add(1)
			if r.URL.Path == "/cut" {
				_ = r.Context().Value(connKey{}).(net.Conn).Close()
			}
			_, _ = io.WriteString(w, `<p id=thanks>Thank you</p>`)
			return
		}
		_, _ = io.WriteString(w, `<form method=post action=/cut enctype="multipart/form-data"><input name=a value=b><button>Send</button></form>`)
	}))
	s.EnableHTTP2 = http2
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, received
}

// press loads the form, sends it, and waits until the browser has given up.
func press(t *testing.T, page playwright.Page, address string) {
	t.Helper()
	_, err := page.Goto(address)
	must(t, err)
	failed := make(chan struct{}, 8)
	page.OnRequestFailed(func(q playwright.Request) {
		if q.Method() == http.MethodPost {
			failed <- struct{}{}
		}
	})
	must(t, page.Locator("button").Click(playwright.LocatorClickOptions{NoWaitAfter: playwright.Bool(true)})) //nolint:staticcheck // the answer never comes
	select {
	case <-failed:
	case <-time.After(30 * time.Second):
		t.Fatal("the browser still waits for an answer")
	}
}

// A connection that breaks after the form was sent does not have it sent again.
func TestFormIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, received := careless(t, http2)
			p := newPool(t, s)
			tab, err := p.Open(t.Context(), host(s))
			must(t, err)
			defer tab.Close()
			tab.SendOnce(true)
			press(t, tab.Page, s.URL)
			if n := received.Load(); n != 1 {
				t.Errorf("the form arrived %d times", n)
			}
			// Otherwise Chromium does send it again: the danger is real.
			bare, err := p.current.browser.NewContext(playwright.BrowserNewContextOptions{Proxy: &playwright.Proxy{Server: "http://" + tab.proxy.address}})
			must(t, err)
			defer bare.Close()
			page, err := bare.NewPage()
			must(t, err)
			received.Store(0)
			press(t, page, s.URL)
			if n := received.Load(); n != 2 {
				t.Errorf("unguarded, the form arrived %d times: if browsers stopped sending again, SendOnce has nothing to do", n)
			}
		})
	}
}

// Requests that change something go one after another, each with its answer.
func TestChangesAreAnswered(t *testing.T) {
	t.Parallel()
	s, received := careless(t, true)
	p := newPool(t, s)
	tab, err := p.Open(t.Context(), host(s))
	must(t, err)
	defer tab.Close()
	_, err = tab.Goto(s.URL)
	must(t, err)
	tab.SendOnce(true)
	v, err := tab.Evaluate(`async () => (await Promise.all([1, 2, 3, 4].map(() => fetch('/keep', {method: 'POST', body: 'x'}).then((r) => r.status)))).join()`)
	must(t, err)
	if v != "200,200,200,200" || received.Load() != 4 {
		t.Errorf("answers %v, received %d", v, received.Load())
	}
}

// A page cannot lead the browser to private addresses, by whatever means.
func TestPagesReachNoPrivateAddress(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	private := httptest.NewUnstartedServer(http.NotFoundHandler())
	private.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			reached.Add(1)
		}
	}
	private.Start()
	t.Cleanup(private.Close)
	var worker atomic.Bool
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
		case "/away":
			http.Redirect(w, r, private.URL, http.StatusFound)
		case "/sw.js":
			worker.Store(true)
			w.Header().Set("Content-Type", "text/javascript")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(site.Close)
	tab, err := newPool(t, site).Open(t.Context(), host(site))
	must(t, err)
	defer tab.Close()
	_, err = tab.Goto(site.URL)
	must(t, err)
	_, port, err := net.SplitHostPort(host(private))
	must(t, err)
	_, err = tab.Evaluate(`async ([port]) => {
		const tries = [];
		for (const h of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '127.1', '2130706433', '0x7f.1'])
			for (const s of ['http://', 'https://']) tries.push(fetch(s + h + ':' + port + '/', {mode: 'no-cors'}).catch(() => 0));
		tries.push(fetch('/away', {mode: 'no-cors'}).catch(() => 0));
		for (const s of ['ws://', 'wss://']) tries.push(new Promise((done) => { new WebSocket(s + '127.0.0.1:' + port).onclose = done; }));
		for (const tag of ['img', 'script', 'iframe']) tries.push(new Promise((done) => {
			const e = document.createElement(tag); e.onload = e.onerror = done; e.src = 'http://127.0.0.1:' + port + '/'; document.body.append(e);
		}));
		navigator.sendBeacon('http://127.0.0.1:' + port + '/', 'x');
		window.open('http://127.0.0.1:' + port + '/');
		Promise.resolve(navigator.serviceWorker?.register('/sw.js')).catch(() => 0);
		await Promise.all(tries);
	}`, []any{port})
	must(t, err)
	if r, err := tab.Goto(site.URL + "/away"); err == nil && r.Status() != http.StatusForbidden {
		t.Errorf("a redirect was followed: %d", r.Status())
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections to a private address", n)
	}
	if worker.Load() {
		t.Error("a service worker was fetched")
	}
}

// Windows that a page opens are closed, and what hangs is ended with its tab.
func TestNothingIsLeftOfATab(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/" {
			_, _ = io.WriteString(w, `<script>for (let i = 0; i < 5; i++) window.open(i % 2 ? '/window' : 'about:blank'); onbeforeunload = () => 'stay'; alert('stop')</script>`)
		}
	}))
	t.Cleanup(s.Close)
	p := newPool(t, s)
	tab, err := p.Open(t.Context(), host(s))
	must(t, err)
	_, err = tab.Goto(s.URL)
	must(t, err)
	testkit.Eventually(t, "only the tab's own page is left", func() bool { return len(tab.context.Pages()) == 1 })
	if v, err := tab.Evaluate("1 + 1"); err != nil || v != 2 {
		t.Errorf("the page is lost: %v %v", v, err)
	}
	busy := make(chan error, 1)
	go func() { _, err := tab.Evaluate("() => { for (;;) ; }"); busy <- err }()
	began := time.Now()
	tab.Close()
	t.Logf("closed in %v", time.Since(began))
	if err := <-busy; err == nil {
		t.Error("an endless loop has ended")
	}
	if n := testutil.ToFloat64(p.open); n != 0 || len(p.slots) != 0 {
		t.Errorf("%v contexts are open", n)
	}
	if c, err := net.Dial("tcp", tab.proxy.address); err == nil {
		_ = c.Close()
		t.Error("the tab's proxy is left")
	}
	next, err := p.Open(t.Context(), host(s)) // the browser lives on, or another one does
	must(t, err)
	defer next.Close()
	_, err = next.Goto(s.URL + "/next")
	must(t, err)
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "::ffff:93.184.216.34": true,
		"127.0.0.1": false, "127.255.255.254": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "198.18.0.1": false, "192.0.2.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fc00::1": false, "fd12:3456::1": false, "fe80::1": false, "ff02::1": false, "2001:db8::1": false, "2001::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::7f00:1": false, "64:ff9b:1::a00:1": false, "2002:7f00:1::": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public is %v", address, got)
		}
	}
}

// The client for what platforms tell of their forms keeps to the same addresses,
// also when it is redirected, and when a name leads there.
func TestClientReachesNoPrivateAddress(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(private.Close)
	site := httptest.NewServer(http.RedirectHandler(private.URL, http.StatusFound))
	t.Cleanup(site.Close)
	_, port, err := net.SplitHostPort(host(private))
	must(t, err)
	client := NewClient([]string{host(site)}, 10*time.Second)
	for _, address := range []string{private.URL, site.URL, "http://localhost:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port} {
		r, err := client.Get(address)
		if err == nil {
			_ = r.Body.Close()
			t.Errorf("%s was reached", address)
		}
	}
	if reached.Load() != 0 {
		t.Error("the private server was asked")
	}
	if r, err := NewClient([]string{host(private)}, 10*time.Second).Get(private.URL); err != nil || r.Body.Close() != nil {
		t.Errorf("what is allowed is refused: %v", err)
	}
}

// A name that resolves to a public address first and to a private one later (DNS
// rebinding) leads nowhere: the address is judged when it is connected to.
func TestNamesAreJudgedByTheAddressTheyLeadTo(t *testing.T) {
	t.Parallel()
	p, err := newProxy(nil)
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	through, err := url.Parse("http://" + p.address)
	must(t, err)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyURL(through)}}
	r, err := client.Get("http://localhost:9/")
	must(t, err)
	defer r.Body.Close()
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("plain: %s", r.Status)
	}
	c, err := net.Dial("tcp", p.address)
	must(t, err)
	defer c.Close()
	_, err = fmt.Fprint(c, "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
	must(t, err)
	head := make([]byte, 12)
	_, err = io.ReadFull(c, head)
	must(t, err)
	if !strings.HasSuffix(string(head), " 403") {
		t.Errorf("tunnel: %s", head)
	}
}

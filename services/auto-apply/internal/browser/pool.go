// Package browser runs headless Chromium for those who fill forms: one browser,
// started when it is first needed and let go when it was idle, with a bounded
// number of contexts (a person's own cookies and pages) at a time.
//
// Pages are strangers': no downloads, no windows of their own, no service workers,
// no way to private addresses, and navigation only to the hosts that the caller
// names. An application is sent once (see [Tab.SendOnce]).
package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playwright-community/playwright-go"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrUnavailable means that no browser could be started, or it died.
var ErrUnavailable = errors.New("browser: not available")

const (
	startLimit = 30 * time.Second
	stepLimit  = 20 * time.Second // of one thing that a page is told to do
	closeLimit = 10 * time.Second
)

// Options of New.
type Options struct {
	DriverDir string // with Playwright's driver in package/, of the version that playwright-go wants
	Chromium  string // the program
	Contexts  int    // how many are open at once
	// Idle is how long an unused browser stays.
	Idle time.Duration
	// Allow are addresses (host:port or host) that may be private: the local job site
	// in development. Nothing else is excepted.
	Allow   []string
	Metrics prometheus.Registerer // nil: none
	Log     *slog.Logger
}

// Pool opens tabs. It is safe for concurrent use.
type Pool struct {
	Options
	slots  chan struct{}
	starts prometheus.Counter
	open   prometheus.Gauge
	trust  string // of tests: the hash of a public key whose certificate needs no authority

	mu      sync.Mutex
	current *session
	idle    *time.Timer
	closed  bool
}

// session is a browser. One that is not the pool's current one any more ends with
// its last tab.
type session struct {
	driver  *playwright.Playwright
	browser playwright.Browser
	users   int // of the pool's mutex
}

// Tab is a page in a context of its own, with a proxy of its own.
type Tab struct {
	playwright.Page
	pool    *Pool
	session *session
	context playwright.BrowserContext
	proxy   *proxy
	hosts   map[string]bool
	changes turns
	sending atomic.Bool
	loads   atomic.Int32
	mu      sync.Mutex
	closing bool
	stop    func() bool
	once    sync.Once
}

// New makes a pool. Nothing is started yet.
func New(o Options) *Pool {
	p := &Pool{
		Options: o, slots: make(chan struct{}, o.Contexts),
		starts: prometheus.NewCounter(prometheus.CounterOpts{Name: "browser_starts_total", Help: "Times that a browser was started."}),
		open:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "browser_contexts", Help: "Contexts that are open."}),
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(p.starts, p.open)
	}
	return p
}

// Open waits for a free place and opens a tab that may navigate to the given hosts
// (host, or host:port where the port is not the scheme's own). When ctx ends the
// tab is closed, whatever it is doing. The caller closes it.
func (p *Pool) Open(ctx context.Context, hosts ...string) (*Tab, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: all contexts are in use: %w", ErrUnavailable, ctx.Err())
	}
	var failed error
	for range 2 { // the second with a new browser, when the first has died
		t, err := p.try(ctx, hosts)
		if err == nil {
			p.open.Inc()
			return t, nil
		}
		failed = errors.Join(failed, err)
	}
	<-p.slots
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, failed)
}

func (p *Pool) try(ctx context.Context, hosts []string) (*Tab, error) {
	s, err := p.use()
	if err != nil {
		return nil, err
	}
	t := &Tab{pool: p, session: s, hosts: map[string]bool{}}
	for _, h := range hosts {
		t.hosts[h] = true
	}
	if err = t.start(); err == nil {
		t.stop = context.AfterFunc(ctx, t.end)
		return t, nil
	}
	t.end()
	p.drop(s)
	p.release(s)
	return nil, fmt.Errorf("browser: %w", err)
}

func (t *Tab) start() (err error) {
	if t.proxy, err = newProxy(t.pool.Allow); err != nil {
		return err
	}
	t.context, err = t.session.browser.NewContext(playwright.BrowserNewContextOptions{
		AcceptDownloads: playwright.Bool(false), ServiceWorkers: playwright.ServiceWorkerPolicyBlock, Locale: playwright.String("en-US"),
		Viewport: &playwright.Size{Width: 1280, Height: 1000}, Proxy: &playwright.Proxy{Server: "http://" + t.proxy.address},
	})
	if err != nil {
		return err
	}
	t.context.SetDefaultTimeout(*millis(stepLimit))
	if t.Page, err = t.context.NewPage(); err != nil {
		return err
	}
	t.context.OnPage(func(window playwright.Page) {
		go func() { _, _ = window.Evaluate("() => close()") }() // what does not close goes with the context
	})
	t.context.OnRequestFinished(t.answered)
	t.context.OnRequestFailed(t.answered)
	return t.context.Route("**/*", t.guard)
}

// end closes what belongs to the tab. A browser that does not let it go opens no
// further ones.
func (t *Tab) end() {
	t.mu.Lock()
	t.closing = true
	t.mu.Unlock()
	if t.context != nil {
		closed := make(chan struct{})
		go func() { _ = t.context.Close(); close(closed) }()
		select {
		case <-closed:
		case <-time.After(closeLimit):
			t.pool.drop(t.session)
		}
	}
	if t.proxy != nil {
		_ = t.proxy.Close()
	}
}

// Main reports whether a request is of a page itself, not of a frame inside it. The
// frame of a new window is not known yet.
func Main(q playwright.Request) bool {
	f := q.Frame()
	return f == nil || f.ParentFrame() == nil
}

// SendOnce says whether an application is being sent: what changes something then
// goes out on a connection of its own. When a kept connection breaks before an
// answer, browsers send again by themselves, a POST too (which RFC 9110 §9.2.2
// forbids), and an application would arrive twice; on a fresh one they do not. It
// costs the page its other connections to that host, so it is not always on.
func (t *Tab) SendOnce(on bool) { t.sending.Store(on) }

// maxLoads is how many pages a tab loads: forms have fewer, and some pages lead on
// and on.
const maxLoads = 40

// guard keeps the page on its hosts, and the tab from loading pages without end. What
// is asked for while the tab closes is left to that.
func (t *Tab) guard(r playwright.Route) {
	t.mu.Lock()
	closing := t.closing
	t.mu.Unlock()
	if closing {
		return
	}
	q := r.Request()
	if q.IsNavigationRequest() && Main(q) && (!t.Allowed(q.URL()) || t.loads.Add(1) > maxLoads) {
		_ = r.Abort("blockedbyclient")
		return
	}
	if host, ok := changes(q); ok && t.sending.Load() {
		t.changes.take(host)
		t.proxy.cut(host)
	}
	_ = r.Continue()
}

// changes tells the host of a request that is not safe to send again. Without TLS
// the proxy answers when the connection behind it breaks, and nothing is sent again.
func changes(q playwright.Request) (host string, ok bool) {
	switch q.Method() {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return "", false
	}
	u, err := url.Parse(q.URL())
	if err != nil || u.Scheme != "https" {
		return "", false
	}
	if u.Port() == "" {
		return u.Host + ":443", true
	}
	return u.Host, true
}

func (t *Tab) answered(q playwright.Request) {
	if host, ok := changes(q); ok {
		t.changes.give(host)
	}
}

// turns lets requests that change something go to a host one after another, so that
// none is on a connection that the next one cuts.
type turns struct {
	mu   sync.Mutex
	free map[string]chan struct{}
}

// turnLimit is how long one waits for another: pages also keep requests open.
const turnLimit = 5 * time.Second

func (t *turns) of(host string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == nil {
		t.free = map[string]chan struct{}{}
	}
	if t.free[host] == nil {
		t.free[host] = make(chan struct{}, 1)
	}
	return t.free[host]
}

func (t *turns) take(host string) {
	select {
	case t.of(host) <- struct{}{}:
	case <-time.After(turnLimit):
	}
}

func (t *turns) give(host string) {
	select {
	case <-t.of(host):
	default:
	}
}

// Allowed reports whether the tab may be at an address. Redirects are not asked
// about beforehand: whoever types into a page asks first.
func (t *Tab) Allowed(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && t.hosts[u.Host]
}

// Close closes the tab and gives its place to the next.
func (t *Tab) Close() {
	t.once.Do(func() {
		t.stop()
		t.end()
		t.pool.open.Dec()
		t.pool.release(t.session)
		<-t.pool.slots
	})
}

func (p *Pool) use() (*session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, errors.New("browser: closed")
	case p.current != nil && p.current.browser.IsConnected():
	default:
		if p.current != nil && p.current.users == 0 {
			go p.current.end()
		}
		s, err := p.start()
		if err != nil {
			return nil, err
		}
		p.current = s
	}
	p.current.users++
	if p.idle != nil {
		p.idle.Stop()
	}
	return p.current, nil
}

func (p *Pool) release(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	switch {
	case s.users > 0:
	case s == p.current:
		p.idle = time.AfterFunc(p.Idle, p.letGo)
	default:
		go s.end() // it may not answer
	}
}

func (p *Pool) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil && p.current.users == 0 {
		p.current.end()
		p.current = nil
	}
}

// drop opens no further tabs in a browser.
func (p *Pool) drop(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == s {
		p.current = nil
	}
}

// Close ends the browser.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.idle != nil {
		p.idle.Stop()
	}
	if p.current != nil {
		p.current.end()
		p.current = nil
	}
}

func (s *session) end() {
	_ = s.browser.Close()
	_ = s.driver.Stop()
}

// args keep the browser quiet on the network and small.
var args = []string{
	"--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-dev-shm-usage", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
}

// nowhere is a proxy that is none: the discard port (RFC 863).
const nowhere = "http://127.0.0.1:9"

func (p *Pool) start() (*session, error) {
	began := time.Now()
	// Without a Logger: Playwright keeps it in a variable of its package, which pools would fight over.
	driver, err := playwright.Run(&playwright.RunOptions{DriverDirectory: p.DriverDir, SkipInstallBrowsers: true})
	if err != nil {
		return nil, fmt.Errorf("browser: the driver does not start (PLAYWRIGHT_DRIVER_DIR): %w", err)
	}
	flags := args
	if p.trust != "" {
		flags = append(slices.Clone(args), "--ignore-certificate-errors-spki-list="+p.trust)
	}
	b, err := driver.Chromium.Launch(playwright.BrowserTypeLaunchOptions{
		ExecutablePath: playwright.String(p.Chromium), Args: flags, Timeout: millis(startLimit),
		// As root Chromium cannot use its own sandbox; a container's takes its place there.
		ChromiumSandbox: playwright.Bool(os.Geteuid() != 0),
		Proxy:           &playwright.Proxy{Server: nowhere}, // each tab has its own
		HandleSIGINT:    playwright.Bool(false), HandleSIGTERM: playwright.Bool(false), HandleSIGHUP: playwright.Bool(false),
	})
	if err != nil {
		_ = driver.Stop()
		return nil, fmt.Errorf("browser: Chromium does not start (CHROMIUM_PATH): %w", err)
	}
	p.starts.Inc()
	p.Log.Info("browser started", slog.Duration("took", time.Since(began)))
	return &session{driver: driver, browser: b}, nil
}

func millis(d time.Duration) *float64 { return playwright.Float(float64(d.Milliseconds())) }

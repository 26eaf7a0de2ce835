// Package browser runs headless Chromium for those who fill forms: one browser,
// started when it is first needed and let go when it was idle, with a bounded
// number of contexts (a person's own cookies and pages) at a time.
//
// Pages are strangers': no downloads, no service workers, no way to private
// addresses, and navigation only to the hosts that the caller names.
package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/playwright-community/playwright-go"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrUnavailable means that no browser could be started, or it died.
var ErrUnavailable = errors.New("browser: not available")

const (
	startLimit = 30 * time.Second
	stepLimit  = 20 * time.Second // of one thing that a page is told to do
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

	mu      sync.Mutex
	current *session
	users   int
	idle    *time.Timer
	closed  bool
}

type session struct {
	driver  *playwright.Playwright
	browser playwright.Browser
	proxy   *proxy
}

// Tab is a page in a context of its own.
type Tab struct {
	playwright.Page
	pool    *Pool
	context playwright.BrowserContext
	hosts   map[string]bool
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
	c, err := s.browser.NewContext(playwright.BrowserNewContextOptions{
		AcceptDownloads: playwright.Bool(false), ServiceWorkers: playwright.ServiceWorkerPolicyBlock, Locale: playwright.String("en-US"),
		Viewport: &playwright.Size{Width: 1280, Height: 1000},
	})
	if err == nil {
		c.SetDefaultTimeout(*millis(stepLimit))
		var page playwright.Page
		if page, err = c.NewPage(); err == nil {
			t := &Tab{Page: page, pool: p, context: c, hosts: map[string]bool{}}
			for _, h := range hosts {
				t.hosts[h] = true
			}
			if err = c.Route("**/*", t.guard); err == nil {
				t.stop = context.AfterFunc(ctx, func() { _ = c.Close() })
				return t, nil
			}
		}
		_ = c.Close()
	}
	p.drop(s)
	p.release()
	return nil, fmt.Errorf("browser: %w", err)
}

// guard keeps the page on its hosts.
func (t *Tab) guard(r playwright.Route) {
	if q := r.Request(); q.IsNavigationRequest() && q.Frame().ParentFrame() == nil && !t.Allowed(q.URL()) {
		_ = r.Abort("blockedbyclient")
		return
	}
	_ = r.Continue()
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
		_ = t.context.Close()
		t.pool.open.Dec()
		t.pool.release()
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
		if p.current != nil {
			go p.current.end()
		}
		s, err := p.start()
		if err != nil {
			return nil, err
		}
		p.current = s
	}
	p.users++
	if p.idle != nil {
		p.idle.Stop()
	}
	return p.current, nil
}

func (p *Pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 && p.current != nil {
		p.idle = time.AfterFunc(p.Idle, p.letGo)
	}
}

func (p *Pool) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == 0 && p.current != nil {
		p.current.end()
		p.current = nil
	}
}

func (p *Pool) drop(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == s {
		p.current = nil
		go s.end() // it may not answer
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
	_ = s.proxy.Close()
}

// args keep the browser quiet on the network and small.
var args = []string{
	"--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-dev-shm-usage", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
}

func (p *Pool) start() (*session, error) {
	began := time.Now()
	out, err := newProxy(p.Allow)
	if err != nil {
		return nil, err
	}
	// Without a Logger: Playwright keeps it in a variable of its package, which pools would fight over.
	driver, err := playwright.Run(&playwright.RunOptions{DriverDirectory: p.DriverDir, SkipInstallBrowsers: true})
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("browser: the driver does not start (PLAYWRIGHT_DRIVER_DIR): %w", err)
	}
	b, err := driver.Chromium.Launch(playwright.BrowserTypeLaunchOptions{
		ExecutablePath: playwright.String(p.Chromium), Args: args, Timeout: millis(startLimit),
		// As root Chromium cannot use its own sandbox; a container's takes its place there.
		ChromiumSandbox: playwright.Bool(os.Geteuid() != 0), Proxy: &playwright.Proxy{Server: "http://" + out.address},
		HandleSIGINT: playwright.Bool(false), HandleSIGTERM: playwright.Bool(false), HandleSIGHUP: playwright.Bool(false),
	})
	if err != nil {
		_ = driver.Stop()
		_ = out.Close()
		return nil, fmt.Errorf("browser: Chromium does not start (CHROMIUM_PATH): %w", err)
	}
	p.starts.Inc()
	p.Log.Info("browser started", slog.Duration("took", time.Since(began)))
	return &session{driver, b, out}, nil
}

func millis(d time.Duration) *float64 { return playwright.Float(float64(d.Milliseconds())) }

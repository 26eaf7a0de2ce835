// Package browser prints HTML as PDF with headless Chromium. The browser is
// started when it is first needed, kept while it is used, and let go when it was
// not for a while, so that an idle service is small.
//
// What is printed is hostile: pages have no JavaScript, no network and no storage.
package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/playwright-community/playwright-go"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrUnavailable means that no browser could be started, or none answered in time.
var ErrUnavailable = errors.New("browser: not available")

const (
	pageUses   = 200              // after which a page is replaced
	printLimit = 15 * time.Second // of one try
	startLimit = 30 * time.Second
)

// Options of New.
type Options struct {
	DriverDir string // with Playwright's driver in package/, of the version that playwright-go wants
	Chromium  string // the program
	// Workers is how many documents are printed at once, each on a page of its own.
	Workers int
	// Idle is how long an unused browser stays.
	Idle    time.Duration
	Metrics prometheus.Registerer // nil: none
	Log     *slog.Logger
}

// Pool prints. It is safe for concurrent use.
type Pool struct {
	Options
	slots   chan struct{}
	seconds prometheus.Histogram
	starts  prometheus.Counter

	mu      sync.Mutex
	current *session
	users   int
	idle    *time.Timer
	closed  bool
}

// session is a browser that runs, with its pages that wait for work.
type session struct {
	driver  *playwright.Playwright
	browser playwright.Browser
	pages   chan *page
}

type page struct {
	playwright.Page
	uses int
}

// New makes a pool. Nothing is started yet.
func New(o Options) *Pool {
	p := &Pool{
		Options: o, slots: make(chan struct{}, o.Workers),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "browser_print_seconds", Help: "Time to print a document, waiting for a page included.", Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		starts: prometheus.NewCounter(prometheus.CounterOpts{Name: "browser_starts_total", Help: "Times that a browser was started."}),
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(p.seconds, p.starts)
	}
	return p
}

// PDF prints a document. The paper is the document's (CSS @page). The result is
// tagged (ISO 32000 §14.8) and has its fonts in it.
func (p *Pool) PDF(ctx context.Context, html string) ([]byte, error) {
	began := time.Now()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: all pages are in use: %w", ErrUnavailable, ctx.Err())
	}
	var failed error
	for range 2 { // the second with a new browser, when the first has died
		out, err := p.try(ctx, html)
		if err == nil {
			p.seconds.Observe(time.Since(began).Seconds())
			return out, nil
		}
		failed = errors.Join(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, failed)
}

func (p *Pool) try(ctx context.Context, html string) ([]byte, error) {
	s, err := p.use()
	if err != nil {
		return nil, err
	}
	defer p.release()
	type result struct {
		pdf []byte
		err error
	}
	done := make(chan result, 1)
	go func() { // Playwright's calls know no context
		pdf, err := s.print(html)
		done <- result{pdf, err}
	}()
	limit := time.NewTimer(printLimit)
	defer limit.Stop()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		r.err = ctx.Err()
	case <-limit.C:
		r.err = fmt.Errorf("browser: nothing printed within %s", printLimit)
	}
	if r.err != nil && ctx.Err() == nil {
		p.drop(s) // whatever it was, a new browser has a clean start
		p.Log.WarnContext(ctx, "the browser failed and is replaced", "error", r.err)
	}
	return r.pdf, r.err
}

// print works on a page of its own, and keeps it if all went well.
func (s *session) print(html string) (pdf []byte, err error) {
	var at *page
	select {
	case at = <-s.pages:
	default:
		if at, err = s.newPage(); err != nil {
			return nil, err
		}
	}
	defer func() {
		if at.uses++; err == nil && at.uses < pageUses {
			select {
			case s.pages <- at:
				return
			default:
			}
		}
		_ = at.Context().Close()
	}()
	if err := at.SetContent(html, playwright.PageSetContentOptions{WaitUntil: playwright.WaitUntilStateLoad, Timeout: millis(printLimit)}); err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	pdf, err = at.PDF(playwright.PagePdfOptions{
		PreferCSSPageSize: playwright.Bool(true), PrintBackground: playwright.Bool(true), Tagged: playwright.Bool(true), Outline: playwright.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	return pdf, nil
}

func (s *session) newPage() (*page, error) {
	c, err := s.browser.NewContext(playwright.BrowserNewContextOptions{
		JavaScriptEnabled: playwright.Bool(false), Offline: playwright.Bool(true), AcceptDownloads: playwright.Bool(false),
		ServiceWorkers: playwright.ServiceWorkerPolicyBlock,
	})
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	at, err := c.NewPage()
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("browser: %w", err)
	}
	return &page{Page: at}, nil
}

// use returns the browser, and starts it if there is none.
func (p *Pool) use() (*session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, errors.New("browser: closed")
	case p.current != nil && p.current.browser.IsConnected():
	default:
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

// letGo ends a browser that nobody uses.
func (p *Pool) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == 0 && p.current != nil {
		p.current.stop()
		p.current = nil
	}
}

// drop ends a browser that failed, unless that was done already.
func (p *Pool) drop(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == s {
		p.current = nil
		go s.stop() // it may not answer
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
		p.current.stop()
		p.current = nil
	}
}

func (s *session) stop() {
	_ = s.browser.Close()
	_ = s.driver.Stop()
}

// args keep the browser off the network and from work that a printer has not.
var args = []string{
	"--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-dev-shm-usage", "--font-render-hinting=none", "--host-resolver-rules=MAP * ~NOTFOUND",
}

func (p *Pool) start() (*session, error) {
	began := time.Now()
	// Without a Logger: Playwright keeps it in a variable of its package, which pools would fight over.
	driver, err := playwright.Run(&playwright.RunOptions{DriverDirectory: p.DriverDir, SkipInstallBrowsers: true})
	if err != nil {
		return nil, fmt.Errorf("browser: the driver does not start (PLAYWRIGHT_DRIVER_DIR): %w", err)
	}
	b, err := driver.Chromium.Launch(playwright.BrowserTypeLaunchOptions{
		ExecutablePath: playwright.String(p.Chromium), Args: args, ChromiumSandbox: playwright.Bool(sandbox()), Timeout: millis(startLimit),
		HandleSIGINT: playwright.Bool(false), HandleSIGTERM: playwright.Bool(false), HandleSIGHUP: playwright.Bool(false),
	})
	if err != nil {
		_ = driver.Stop()
		return nil, fmt.Errorf("browser: Chromium does not start (CHROMIUM_PATH): %w", err)
	}
	p.starts.Inc()
	p.Log.Info("browser started", slog.Duration("took", time.Since(began)))
	return &session{driver, b, make(chan *page, p.Workers)}, nil
}

func millis(d time.Duration) *float64 { return playwright.Float(float64(d.Milliseconds())) }

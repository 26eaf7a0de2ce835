// Package fetch reads pages and feeds of strangers, politely and without being
// led astray: it asks robots.txt, keeps to a rate and a number of connections for
// each host, sends conditional requests, waits as long as Retry-After says, and
// bounds time, size, redirects and decompression. Every connection goes to an
// address that was checked when it was dialled, so neither a redirect nor a name
// that changes its mind leads into a private network.
package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Errors that callers decide by.
var (
	// ErrNotModified is a 304: what was read the last time still holds.
	ErrNotModified = errors.New("fetch: not modified")
	// ErrGone is 404 or 410: the resource does not exist, or not any more.
	ErrGone = errors.New("fetch: gone")
	// ErrForbidden means that robots.txt disallows the URL.
	ErrForbidden = errors.New("fetch: robots.txt disallows it")
	// ErrAddress means that the URL or the address it leads to is not a public one.
	ErrAddress = errors.New("fetch: not a public http or https address")
	// ErrTooLarge is a body beyond the limit, as sent or when decompressed.
	ErrTooLarge = errors.New("fetch: the answer is too large")
)

// StatusError is an answer that is neither a success nor one of the errors above.
type StatusError struct {
	Status int
	// RetryAfter is how long the host asks to be left alone; zero if it does not say.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string { return fmt.Sprintf("fetch: the host answered %d", e.Status) }

// Options of New. Zero values are the defaults given.
type Options struct {
	// UserAgent names the product and where to read about it.
	UserAgent string
	// Allow are addresses (host:port or host) that may be private: the local job
	// site in development. Nothing else is excepted.
	Allow []string
	// MaxBytes of a body after decompression; 32 MiB.
	MaxBytes int64
	// Timeout of one request with all its redirects; 30 s.
	Timeout time.Duration
	// PerSecond and Parallel bound the requests to one host; 5 and 2. Hosts in Allow
	// have no rate.
	PerSecond float64
	Parallel  int
	// MaxRedirects; 5.
	MaxRedirects int
	// MaxWait is the longest Retry-After that is waited for; 20 s. Longer ones are
	// an error.
	MaxWait time.Duration
	// Metrics, if set, counts requests by outcome.
	Metrics prometheus.Registerer
}

// Validators are what a conditional request is made of (RFC 9110 §13.1).
type Validators struct{ ETag, LastModified string }

// Page is an answer.
type Page struct {
	URL         string // after redirects
	ContentType string
	Body        []byte
	Validators  Validators
}

// Fetcher fetches. It is safe for concurrent use.
type Fetcher struct {
	Options
	client   *http.Client
	allowed  map[string]bool
	requests *prometheus.CounterVec

	mu    sync.Mutex
	hosts map[string]*host
}

// host is what is known of one authority (scheme, host and port).
type host struct {
	slots chan struct{}
	rate  *rate.Limiter

	mu        sync.Mutex
	robots    *robots
	readUntil time.Time // robots are good until then
	quietTill time.Time // as Retry-After asked
	used      time.Time
}

const maxHosts = 4096 // whose state is kept

// New makes a Fetcher.
func New(o Options) *Fetcher {
	set(&o.MaxBytes, 32<<20)
	set(&o.Timeout, 30*time.Second)
	set(&o.PerSecond, 5)
	set(&o.Parallel, 2)
	set(&o.MaxRedirects, 5)
	set(&o.MaxWait, 20*time.Second)
	f := &Fetcher{Options: o, allowed: map[string]bool{}, hosts: map[string]*host{}, requests: prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "fetch_requests_total", Help: "Requests to sources, by outcome."}, []string{"outcome"})}
	if o.Metrics != nil {
		o.Metrics.MustRegister(f.requests)
	}
	for _, a := range o.Allow {
		f.allowed[a] = true
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	f.client = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				d := *dialer
				if !f.mayBePrivate(address) {
					// Control sees the address that is connected to, after resolution.
					d.Control = func(_, resolved string, _ syscall.RawConn) error { return checkAddress(resolved) }
				}
				return d.DialContext(ctx, network, address)
			},
			Proxy: nil, DisableCompression: true, MaxIdleConns: 100, MaxIdleConnsPerHost: o.Parallel, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: f.checkRedirect,
	}
	return f
}

func set[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func (f *Fetcher) mayBePrivate(address string) bool {
	if f.allowed[address] {
		return true
	}
	name, _, err := net.SplitHostPort(address)
	return err == nil && f.allowed[name]
}

// checkAddress refuses what is not on the public internet (RFC 6890).
func checkAddress(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, address)
	}
	if !Public(ap.Addr()) {
		return fmt.Errorf("%w: %s", ErrAddress, ap.Addr())
	}
	return nil
}

// special are networks that are neither private nor loopback by name and yet lead
// nowhere public: "this" network, shared address space, documentation, benchmarks,
// IETF assignments, NAT64, 6to4 and Teredo, which can carry a private address.
var special = func() (list []netip.Prefix) {
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"192.88.99.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

// Public reports whether an address is on the public internet.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// CheckURL refuses addresses that are never fetched: other schemes, credentials,
// no host.
func CheckURL(u *url.URL) error {
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.Opaque != "" {
		return fmt.Errorf("%w: %.200s", ErrAddress, u.Redacted())
	}
	return nil
}

// CheckHost refuses a URL whose host is written as an address that is not public,
// unless it is allowed. Names are judged when they are dialled.
func (f *Fetcher) CheckHost(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%w: %.200s", ErrAddress, raw)
	}
	if err := CheckURL(u); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !Public(a) && !f.mayBePrivate(u.Host) && !f.allowed[u.Hostname()] {
		return fmt.Errorf("%w: %s", ErrAddress, a)
	}
	return nil
}

func (f *Fetcher) checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > f.MaxRedirects {
		return fmt.Errorf("fetch: more than %d redirects", f.MaxRedirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme == "http" {
		return fmt.Errorf("%w: redirect from https to http", ErrAddress)
	}
	if err := CheckURL(r.URL); err != nil {
		return err
	}
	if r.Context().Value(readingRobots{}) != nil {
		return nil
	}
	return f.allowedByRobots(r.Context(), r.URL)
}

// Get fetches a URL. have are the validators of the copy at hand: the answer then
// may be ErrNotModified.
func (f *Fetcher) Get(ctx context.Context, raw string, have Validators) (*Page, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %.200s", ErrAddress, raw)
	}
	if err := CheckURL(u); err != nil {
		return nil, err
	}
	page, err := f.get(ctx, u, have)
	f.requests.WithLabelValues(outcome(err)).Inc()
	return page, err
}

func outcome(err error) string {
	var status *StatusError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNotModified):
		return "not_modified"
	case errors.Is(err, ErrGone):
		return "gone"
	case errors.Is(err, ErrForbidden):
		return "robots"
	case errors.Is(err, ErrAddress):
		return "address"
	case errors.Is(err, ErrTooLarge):
		return "too_large"
	case errors.As(err, &status):
		return "status"
	}
	return "failed"
}

func (f *Fetcher) get(ctx context.Context, u *url.URL, have Validators) (*Page, error) {
	if err := f.allowedByRobots(ctx, u); err != nil {
		return nil, err
	}
	h := f.host(u)
	for attempt := 1; ; attempt++ {
		page, err := f.once(ctx, h, u, have)
		var status *StatusError
		if err == nil || !errors.As(err, &status) || attempt == 3 || (status.Status != http.StatusTooManyRequests && status.Status < 500) {
			return page, err
		}
		pause := time.Duration(attempt) * time.Second
		if status.RetryAfter > 0 {
			pause = status.RetryAfter
		}
		if pause > f.MaxWait {
			return nil, err
		}
		h.beQuiet(time.Now().Add(pause))
	}
}

// once sends one request, in the host's turn.
func (f *Fetcher) once(ctx context.Context, h *host, u *url.URL, have Validators) (*Page, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := h.turn(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", f.UserAgent)
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Accept", "application/json, application/xml;q=0.9, text/html;q=0.9, */*;q=0.5")
	if have.ETag != "" {
		r.Header.Set("If-None-Match", have.ETag)
	}
	if have.LastModified != "" {
		r.Header.Set("If-Modified-Since", have.LastModified)
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && have != (Validators{}):
		return nil, ErrNotModified
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return nil, ErrGone
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, &StatusError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
	}
	body, err := f.read(resp)
	if err != nil {
		return nil, err
	}
	return &Page{URL: resp.Request.URL.String(), ContentType: resp.Header.Get("Content-Type"), Body: body,
		Validators: Validators{ETag: short(resp.Header.Get("ETag")), LastModified: short(resp.Header.Get("Last-Modified"))}}, nil
}

// short keeps a validator that is worth keeping.
func short(s string) string {
	if len(s) > 512 {
		return ""
	}
	return s
}

// read reads the body up to the limit, whichever way it is compressed.
func (f *Fetcher) read(resp *http.Response) ([]byte, error) {
	in := io.LimitReader(resp.Body, f.MaxBytes+1)
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		defer z.Close()
		in = io.LimitReader(z, f.MaxBytes+1)
	default:
		return nil, errors.New("fetch: an encoding that was not asked for")
	}
	var buf bytes.Buffer
	n, err := buf.ReadFrom(in)
	switch {
	case n > f.MaxBytes:
		return nil, ErrTooLarge
	case err != nil:
		return nil, fmt.Errorf("fetch: read: %w", err)
	}
	return buf.Bytes(), nil
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(min(s, 86400)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// host returns the state of the URL's authority, and forgets the one unused for
// longest when there are too many.
func (f *Fetcher) host(u *url.URL) *host {
	key := u.Scheme + "://" + strings.ToLower(u.Host)
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[key]
	if h == nil {
		if len(f.hosts) >= maxHosts {
			oldest := ""
			for k, x := range f.hosts {
				if oldest == "" || x.used.Before(f.hosts[oldest].used) {
					oldest = k
				}
			}
			delete(f.hosts, oldest)
		}
		limit := rate.Limit(f.PerSecond)
		if f.mayBePrivate(u.Host) {
			limit = rate.Inf
		}
		h = &host{slots: make(chan struct{}, f.Parallel), rate: rate.NewLimiter(limit, f.Parallel)}
		f.hosts[key] = h
	}
	h.used = time.Now()
	return h
}

func (h *host) beQuiet(till time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if till.After(h.quietTill) {
		h.quietTill = till
	}
}

// turn waits until the host may be asked again.
func (h *host) turn(ctx context.Context) error {
	for {
		h.mu.Lock()
		quiet := time.Until(h.quietTill)
		h.mu.Unlock()
		if quiet <= 0 {
			return h.rate.Wait(ctx)
		}
		timer := time.NewTimer(quiet)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

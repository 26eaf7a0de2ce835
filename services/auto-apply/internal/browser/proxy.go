package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// errPrivate is a connection to an address that is not public.
var errPrivate = errors.New("browser: not a public address")

// proxy is the only way out of the browser: it refuses private addresses at the
// moment of connecting, after names were resolved, so that no name can lead there.
type proxy struct {
	*http.Server
	address   string
	transport *http.Transport
	mu        sync.Mutex
	tunnels   map[net.Conn]string // the browser's side: the host behind it
}

// special are networks that are not the public internet, beside what net/netip
// tells (RFC 6890): carrier NAT, benchmarks, documentation, 6to4, translation.
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// dialer connects to public addresses, and to those in allow.
func dialer(allow []string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{Timeout: 10 * time.Second}
		if !slices.Contains(allow, address) && !slices.Contains(allow, splitHost(address)) {
			d.Control = func(_, resolved string, _ syscall.RawConn) error {
				at, err := netip.ParseAddrPort(resolved)
				if err != nil || !public(at.Addr()) {
					return errPrivate
				}
				return nil
			}
		}
		return d.DialContext(ctx, network, address)
	}
}

// newProxy listens on a loopback port. allow names addresses (host:port or host)
// that may be private.
func newProxy(allow []string) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("browser: proxy: %w", err)
	}
	dial := dialer(allow)
	p := &proxy{
		address: listener.Addr().String(), tunnels: map[net.Conn]string{},
		transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: 60 * time.Second, DisableCompression: true},
	}
	plain := &httputil.ReverseProxy{
		Rewrite:   func(*httputil.ProxyRequest) {},
		Transport: p.transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errPrivate) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			// Never a cut connection: browsers send a request again by themselves when a
			// kept connection breaks before an answer (an application would be sent twice).
			w.WriteHeader(http.StatusBadGateway)
		},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // strangers' broken answers are the page's business
	}
	p.Server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			p.tunnel(w, r, dial)
			return
		}
		if !r.URL.IsAbs() {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		plain.ServeHTTP(&prompt{w}, r)
	})}
	go func() { _ = p.Serve(listener) }()
	return p, nil
}

// prompt sends the head of an answer at once, so that a body that breaks off later
// is not taken for a connection without an answer.
type prompt struct{ http.ResponseWriter }

func (p *prompt) WriteHeader(status int) {
	p.ResponseWriter.WriteHeader(status)
	p.Flush()
}

func (p *prompt) Flush() { _ = http.NewResponseController(p.ResponseWriter).Flush() }

// Close ends all connections.
func (p *proxy) Close() error {
	err := p.Server.Close()
	p.cut("")
	p.transport.CloseIdleConnections()
	return err
}

// cut ends the tunnels to a host (host:port); an empty one is every host.
func (p *proxy) cut(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for in, to := range p.tunnels {
		if to == host || host == "" {
			_ = in.Close()
		}
	}
}

// tunnel carries a TLS connection (RFC 9110 §9.3.6).
func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request, dial func(context.Context, string, string) (net.Conn, error)) {
	out, err := dial(r.Context(), "tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	defer out.Close()
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer in.Close()
	p.mu.Lock()
	p.tunnels[in] = r.Host
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.tunnels, in)
		p.mu.Unlock()
	}()
	if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(out, buffered); done <- struct{}{} }()
	go func() { _, _ = io.Copy(in, out); done <- struct{}{} }()
	<-done
}

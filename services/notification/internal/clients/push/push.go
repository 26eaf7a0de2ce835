// Package push sends push messages: to browsers by Web Push (RFC 8030, 8291, 8292)
// and to telephones by Firebase Cloud Messaging.
package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Timeout bounds one push message.
const Timeout = 10 * time.Second

// TTL is how long a push service keeps a message for a device that is away.
const TTL = 24 * time.Hour

var (
	// ErrGone says that the device is not there any more: nothing sent to it will
	// arrive.
	ErrGone = errors.New("push: the device is gone")
	// ErrRefused says that this message is not taken, now or later. Every other
	// error may pass.
	ErrRefused = errors.New("push: the message is refused")
	// ErrTarget is a subscription that cannot be right.
	ErrTarget = errors.New("push: not a subscription")
)

// Message is what a device shows.
type Message struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	Link   string `json:"link,omitempty"`
	Urgent bool   `json:"-"`
}

// PublicClient is an HTTP client for addresses that users name: it connects to
// public addresses alone, so that nobody can have this service ask its own network
// (server-side request forgery), and follows no redirects.
func PublicClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		// Called with the address that the name was resolved to, so that no second
		// look-up can give another.
		to, err := netip.ParseAddrPort(address)
		if err != nil || !public(to.Addr().Unmap()) {
			return fmt.Errorf("%w: %s is not a public address", ErrTarget, address)
		}
		return nil
	}}
	return &http.Client{
		Timeout:       Timeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reserved are networks that the predicates of netip do not name (RFC 6890).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// do sends a request and classifies the answer. gone decides by status and body
// whether the device is there no more.
func do(ctx context.Context, client *http.Client, r *http.Request, gone func(status int, body []byte) bool) error {
	resp, err := client.Do(r.WithContext(ctx))
	if errors.Is(err, ErrTarget) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	switch s := resp.StatusCode; {
	case s >= 200 && s < 300:
		return nil
	case gone(s, body):
		return fmt.Errorf("%w: %s", ErrGone, resp.Status)
	case s == http.StatusRequestTimeout, s == http.StatusTooManyRequests, s >= 500, s == http.StatusUnauthorized, s == http.StatusForbidden:
		// A wrong key of ours is no fault of the message either.
		return fmt.Errorf("push: %s: %.200s", resp.Status, body)
	default:
		return fmt.Errorf("%w: %s: %.200s", ErrRefused, resp.Status, body)
	}
}

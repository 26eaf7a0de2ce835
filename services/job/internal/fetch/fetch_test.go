package fetch

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// site is a host of its own for a test, which may be fetched although it is local.
func site(t *testing.T, h http.HandlerFunc) (*Fetcher, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return New(Options{UserAgent: "JobPilotBot/1.0 (test)", Allow: []string{strings.TrimPrefix(s.URL, "http://")}, MaxBytes: 1 << 20, Parallel: 1, MaxWait: 2 * time.Second}), s.URL
}

func TestAddressesThatAreNotPublic(t *testing.T) {
	t.Parallel()
	for a, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "127.0.0.1": false, "10.1.2.3": false, "192.168.0.1": false, "172.16.0.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "224.0.0.1": false, "255.255.255.255": false, "192.0.2.1": false, "198.18.0.1": false,
	} {
		if Public(netip.MustParseAddr(a)) != want {
			t.Errorf("%s: public is %v", a, !want)
		}
	}
}

func TestNothingLeadsToPrivateAddresses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(inside.URL, "http://"))
	f, at := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case "/scheme":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		default:
			http.Redirect(w, r, inside.URL, http.StatusFound)
		}
	})
	for _, u := range []string{
		inside.URL, at + "/redirect", at + "/scheme", "http://localhost:" + port, "http://[::1]:" + port, "http://2130706433:" + port, "http://0x7f.1:" + port,
		"file:///etc/passwd", "gopher://example.com", "http://user:pw@example.com", "http://", "//x",
	} {
		if _, err := f.Get(t.Context(), u, Validators{}); err == nil {
			t.Errorf("%s was fetched", u)
		}
	}
	if asked.Load() > 0 {
		t.Error("the inside was asked")
	}
	if _, err := f.Get(t.Context(), at+"/redirect", Validators{}); !errors.Is(err, ErrAddress) {
		t.Errorf("the error is %v", err)
	}
}

func TestRobots(t *testing.T) {
	t.Parallel()
	var agent atomic.Value
	f, at := site(t, func(w http.ResponseWriter, r *http.Request) {
		agent.Store(r.UserAgent())
		switch r.URL.Path {
		case "/robots.txt":
			fmt.Fprint(w, "User-agent: *\nDisallow: /\n\nUser-agent: JobPilotBot\nDisallow: /private/\nAllow: /private/open\n")
		case "/jump":
			http.Redirect(w, r, "/private/x", http.StatusFound)
		}
	})
	for path, want := range map[string]error{"/jobs": nil, "/private/x": ErrForbidden, "/private/open": nil, "/jump": ErrForbidden} {
		if _, err := f.Get(t.Context(), at+path, Validators{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if agent.Load() != "JobPilotBot/1.0 (test)" {
		t.Error(agent.Load())
	}
	// A host that hides its rules behind a fault is not read (RFC 9309 §2.3.1.4).
	f, at = site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusBadGateway)
	})
	var status *StatusError
	if _, err := f.Get(t.Context(), at+"/jobs", Validators{}); !errors.As(err, &status) {
		t.Error(err)
	}
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	f, at := site(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, "jobs")
	})
	p, err := f.Get(t.Context(), at+"/a", Validators{})
	if err != nil || p.Validators.ETag != `"1"` || string(p.Body) != "jobs" {
		t.Fatal(p, err)
	}
	if _, err := f.Get(t.Context(), at+"/a", p.Validators); !errors.Is(err, ErrNotModified) {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	var busy, tries atomic.Int32
	f, at := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		case "/large":
			_, _ = w.Write(make([]byte, 2<<20))
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/later":
			if tries.Add(1) == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		case "/never":
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/one":
			if busy.Add(1) > 1 {
				t.Error("two requests at once")
			}
			busy.Add(-1)
		}
	})
	for path, want := range map[string]error{"/bomb": ErrTooLarge, "/large": ErrTooLarge, "/gone": ErrGone} {
		if _, err := f.Get(t.Context(), at+path, Validators{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := f.Get(t.Context(), at+"/loop", Validators{}); err == nil {
		t.Error("redirects without end")
	}
	begun := time.Now()
	if _, err := f.Get(t.Context(), at+"/later", Validators{}); err != nil || time.Since(begun) < 900*time.Millisecond {
		t.Errorf("Retry-After was not honoured: %v after %s", err, time.Since(begun))
	}
	var status *StatusError
	if _, err := f.Get(t.Context(), at+"/never", Validators{}); !errors.As(err, &status) || status.RetryAfter != 24*time.Hour {
		t.Error(err)
	}
	done := make(chan error)
	for range 5 {
		go func() { _, err := f.Get(t.Context(), at+"/one", Validators{}); done <- err }()
	}
	for range 5 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestRateOfAHost(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	f := New(Options{PerSecond: 20, Parallel: 1})
	h := f.host(mustParse(t, s.URL))
	begun := time.Now()
	for range 5 {
		if err := h.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begun); d < 150*time.Millisecond {
		t.Errorf("five turns at twenty a second took %s", d)
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

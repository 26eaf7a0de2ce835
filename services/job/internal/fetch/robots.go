package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/temoto/robotstxt"
	"golang.org/x/time/rate"
)

const (
	robotsAge   = 12 * time.Hour   // RFC 9309 §2.4 allows a day
	robotsRetry = 10 * time.Minute // after a fault of the host
	robotsAgent = "jobpilotbot"    // the product token that robots.txt may name
	maxDelay    = 10 * time.Second // of Crawl-delay
)

// robots is what a host lets this product read (RFC 9309).
type robots struct {
	group *robotstxt.Group // nil: everything
	none  bool             // nothing, since the rules cannot be had
}

// allowedByRobots asks the robots.txt of the URL's host.
func (f *Fetcher) allowedByRobots(ctx context.Context, u *url.URL) error {
	h := f.host(u)
	h.mu.Lock()
	r, fresh := h.robots, time.Now().Before(h.readUntil)
	h.mu.Unlock()
	if !fresh {
		var err error
		if r, err = f.readRobots(ctx, h, u); err != nil {
			return err
		}
	}
	switch {
	case r.none:
		return &StatusError{Status: http.StatusServiceUnavailable, RetryAfter: robotsRetry}
	case r.group != nil && !r.group.Test(u.EscapedPath()+query(u)):
		return ErrForbidden
	}
	return nil
}

func query(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}

// readRobots fetches robots.txt. As RFC 9309 §2.3.1 has it, one that does not
// exist allows everything, and one that a fault of the host hides allows nothing.
func (f *Fetcher) readRobots(ctx context.Context, h *host, u *url.URL) (*robots, error) {
	at := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/robots.txt"}
	page, err := f.once(context.WithValue(ctx, readingRobots{}, true), h, at, Validators{})
	r, age := &robots{}, robotsAge
	var status *StatusError
	switch {
	case err == nil:
		// More than the first 500 KiB need not be read (RFC 9309 §2.5).
		data, parseErr := robotstxt.FromBytes(page.Body[:min(len(page.Body), 500<<10)])
		if parseErr == nil {
			r.group = data.FindGroup(robotsAgent)
		}
	case errors.Is(err, ErrGone), errors.As(err, &status) && status.Status < 500 && status.Status != http.StatusTooManyRequests:
	case errors.As(err, &status):
		r.none, age = true, robotsRetry
	default: // the host cannot be reached: neither could the page
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.robots, h.readUntil = r, time.Now().Add(age)
	if r.group != nil && r.group.CrawlDelay > 0 {
		h.rate.SetLimit(min(h.rate.Limit(), rate.Every(min(r.group.CrawlDelay, maxDelay))))
		h.rate.SetBurst(1)
	}
	return r, nil
}

// readingRobots marks the context of a request for robots.txt itself, whose
// redirects are not held against it.
type readingRobots struct{}

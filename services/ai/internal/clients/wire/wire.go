// Package wire posts JSON to providers of models: with a bound on what is read,
// and again, a little later, after answers that another try may better.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

const (
	attempts = 3
	maxWait  = 5 * time.Second // a provider that asks for more is passed over
	maxBody  = 4 << 20
)

// ErrRejected is an answer that the same request will get again: a wrong key, an
// unknown model, a request that the provider does not take.
var ErrRejected = errs.New(errs.Unavailable, "provider_rejected", "A provider of models does not take the request.")

// ErrBusy is an answer that a later try may better.
var ErrBusy = errs.New(errs.Unavailable, "provider_busy", "A provider of models does not answer at the moment.")

// Client posts to one provider.
type Client struct {
	HTTP    *http.Client
	Headers map[string]string
	// Backoff is the first pause between two tries; zero is 250 ms.
	Backoff time.Duration
}

// NewHTTP makes the HTTP client for a provider. It follows no redirects, which
// would carry the key elsewhere.
func NewHTTP() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Post sends in and decodes the answer into out. 429 and 5xx are tried again, as
// late as Retry-After says (RFC 9110 §10.2.3), at most twice and within ctx.
// Errors never hold what the provider wrote, which may quote the request.
func (c *Client) Post(ctx context.Context, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("wire: encode: %w", err)
	}
	wait := c.Backoff
	if wait == 0 {
		wait = 250 * time.Millisecond
	}
	for attempt := 1; ; attempt++ {
		after, err := c.once(ctx, url, body, out)
		if err == nil || !errors.Is(err, ErrBusy) || attempt == attempts || after > maxWait {
			return err
		}
		pause := max(after, wait+rand.N(wait)) //nolint:gosec // spreads callers; need not be secret
		wait *= 2
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (c *Client) once(ctx context.Context, url string, body []byte, out any) (retryAfter time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, ErrRejected.With(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, ErrBusy.With(errors.New("no connection"))
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, ErrBusy.With(errors.New("the answer broke off"))
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			retryAfter = time.Duration(s) * time.Second
		}
		return retryAfter, ErrBusy.With(fmt.Errorf("status %d", resp.StatusCode))
	case resp.StatusCode != http.StatusOK:
		return 0, ErrRejected.With(fmt.Errorf("status %d", resp.StatusCode))
	case len(raw) > maxBody:
		return 0, ErrRejected.With(errors.New("the answer is too large"))
	}
	if json.Unmarshal(raw, out) != nil {
		return 0, ErrRejected.With(errors.New("the answer is not JSON of the form that is documented"))
	}
	return 0, nil
}

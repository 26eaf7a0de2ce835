package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

const (
	maxAttempts  = 3
	maxResponse  = 4 << 20
	backoffBase  = 50 * time.Millisecond
	maxRetryWait = time.Second
)

// ErrResponseTooLarge is an answer beyond the client's limit of 4 MiB.
var ErrResponseTooLarge = errors.New("httpx: the answer is too large")

// NewClient makes the HTTP client for calls to another service of the house, for
// use with a generated client. It sends the service's key, the trace context and
// the request id; gives up each try after timeout (zero is 3 s) and all of them
// with the request's context; tries again, at most twice, what can be repeated
// (RFC 9110 §9.2.2, or an Idempotency-Key) when the connection fails or the
// answer is 502, 503 or 504; reads no more than 4 MiB of an answer; and follows
// no redirects, which would carry the key elsewhere.
func NewClient(key config.Secret, timeout time.Duration) *http.Client {
	if timeout == 0 {
		timeout = 3 * time.Second
	}
	return &http.Client{
		Transport: &transport{key: key, timeout: timeout, base: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: timeout,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type transport struct {
	key     config.Secret
	timeout time.Duration
	base    http.RoundTripper
}

// RoundTrip sends a request, more than once if need be.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := otel.Tracer("github.com/jobpilot/jobpilot/pkg/httpx").Start(r.Context(), r.Method+" "+r.URL.Host, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Host), attribute.String("url.path", r.URL.Path)))
	defer span.End()
	if r.Body != nil {
		defer r.Body.Close() // RoundTrip must, on every path
	}
	for attempt := 1; ; attempt++ {
		resp, err := t.once(ctx, r, attempt)
		wait := backoffBase << (attempt - 1)
		wait += rand.N(wait) //nolint:gosec // spreads callers; need not be secret
		switch {
		case err == nil && !repeatable(resp.StatusCode), attempt == maxAttempts, !idempotent(r), ctx.Err() != nil:
			if err != nil {
				span.SetStatus(codes.Error, "no answer")
				return nil, err
			}
			span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
			return resp, nil
		case err == nil:
			if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
				wait = min(max(wait, time.Duration(s)*time.Second), maxRetryWait)
			}
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
			_ = resp.Body.Close()
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

func (t *transport) once(ctx context.Context, r *http.Request, attempt int) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	try := r.Clone(ctx)
	if attempt > 1 && r.Body != nil && r.Body != http.NoBody {
		body, err := r.GetBody()
		if err != nil {
			cancel()
			return nil, err
		}
		try.Body = body
	}
	if t.key != "" {
		try.Header.Set(authn.HeaderServiceKey, t.key.Reveal())
	}
	if id := obs.RequestID(ctx); id != "" {
		try.Header[headerRequestID] = []string{id}
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(try.Header))
	resp, err := t.base.RoundTrip(try)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxResponse, cancel: cancel}
	return resp, nil
}

func repeatable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// idempotent reports whether sending r twice does what sending it once does.
func idempotent(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false // the body is spent
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get(headerIdempotencyKey) != ""
}

// boundedBody ends the try's context when the answer is closed, and refuses to
// read without end.
type boundedBody struct {
	io.ReadCloser
	left   int64
	cancel context.CancelFunc
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrResponseTooLarge
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, ErrResponseTooLarge
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// ResponseError is what a failed answer of another service means to this one:
// nil for a status below 400, else its problem document as an *errs.Error. Its
// text is the other service's; decide by code before showing it to a client.
func ResponseError(status int, contentType string, body []byte) error {
	if status < 400 {
		return nil
	}
	var p problem
	if !isJSON(contentType) || json.Unmarshal(body, &p) != nil || p.Code == "" {
		return errs.New(errs.KindOfStatus(status), "upstream", fmt.Sprintf("A service answered with status %d.", status))
	}
	return errs.New(errs.KindOfStatus(status), p.Code, p.Detail).WithFields(p.Errors...)
}

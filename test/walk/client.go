package walk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// client is a caller at the gateway, or at another server that speaks JSON.
type client struct {
	http        *http.Client
	base, token string
	serviceKey  string
	trace       string        // traceparent
	patience    time.Duration // see Options
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// answer is what came back for a request.
type answer struct {
	status int
	body   []byte
	after  time.Duration // that the server asks to wait before another try
	// repeated says that an earlier try was left without an answer, and may have
	// done what this one was refused for.
	repeated bool
}

// again says whether the request is to be sent once more.
func (a answer) again() bool {
	return a.status >= 500 || a.status == http.StatusTooManyRequests ||
		a.status == http.StatusConflict && strings.Contains(string(a.body), `"idempotency_in_flight"`)
}

// do sends a request, as long as the client is patient until it is answered: each
// try of a POST with the same Idempotency-Key, everything else being safe to repeat.
func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) (answer, error) {
	key := ""
	if method == http.MethodPost {
		key = uuid.NewString()
	}
	repeated := false
	pause := 100 * time.Millisecond
	for began := time.Now(); ; pause = min(2*pause, 2*time.Second) {
		a, err := c.try(ctx, method, path, contentType, key, body)
		a.repeated = repeated
		if err == nil && !a.again() || time.Since(began) > c.patience || ctx.Err() != nil {
			return a, err
		}
		repeated = repeated || err != nil || a.status >= 500
		select {
		case <-time.After(max(pause, a.after)):
		case <-ctx.Done():
		}
	}
}

// try sends a request once.
func (c *client) try(ctx context.Context, method, path, contentType, key string, body []byte) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("User-Agent", "jobpilot-demo")
	for name, value := range map[string]string{
		"Content-Type": contentType, "X-Service-Key": c.serviceKey, "Idempotency-Key": key, "traceparent": c.trace,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	a.status, a.after = resp.StatusCode, time.Duration(min(seconds, 3))*time.Second
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return a, err
}

// statusError is an answer with another status than the one that was wanted.
type statusError struct {
	method, path string
	want         int
	answer
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s answered %d instead of %d: %s", e.method, e.path, e.status, e.want, e.body)
}

// done takes the refusal of a repeated request for success: the first try did what
// was asked, and its server died before it could say so. What follows in the walk
// shows whether it did.
func done(err error) error {
	var no *statusError
	if errors.As(err, &no) && no.repeated && no.status < 500 {
		return nil
	}
	return err
}

// call sends JSON and wants one status; the answer's JSON goes into out.
func (c *client) call(ctx context.Context, method, path string, want int, in, out any) error {
	var body []byte
	contentType := ""
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body, contentType = raw, "application/json"
		if method == http.MethodPatch {
			contentType = "application/merge-patch+json"
		}
	}
	a, err := c.do(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	if a.status != want {
		return &statusError{method, path, want, a}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		return fmt.Errorf("%s %s: %w: %s", method, path, err, a.body)
	}
	return nil
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, http.StatusOK, nil, out)
}

// refused wants a problem with this status and code.
func (c *client) refused(ctx context.Context, method, path string, in any, status int, code string) error {
	var p struct{ Code string }
	if err := c.call(ctx, method, path, status, in, &p); err != nil {
		return err
	}
	if p.Code != code {
		return fmt.Errorf("%s %s was refused with code %q, not %q", method, path, p.Code, code)
	}
	return nil
}

// file fetches something that is not JSON.
func (c *client) file(ctx context.Context, path string) ([]byte, error) {
	a, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err == nil && a.status != http.StatusOK {
		err = &statusError{http.MethodGet, path, http.StatusOK, a}
	}
	return a.body, err
}

// upload sends a file as the field "file" of a form, and returns the status.
func (c *client) upload(ctx context.Context, path, name string, content []byte, out any) (int, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		return 0, err
	}
	if _, err := part.Write(content); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	a, err := c.do(ctx, http.MethodPost, path, w.FormDataContentType(), form.Bytes())
	if err != nil {
		return 0, err
	}
	if a.status != http.StatusCreated && a.status != http.StatusAccepted {
		return a.status, &statusError{http.MethodPost, path, http.StatusCreated, a}
	}
	return a.status, json.Unmarshal(a.body, out)
}

// query makes a query string of names and values.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

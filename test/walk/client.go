package walk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
)

// client is a caller at the gateway, or at another server that speaks JSON.
type client struct {
	http        *http.Client
	base, token string
	serviceKey  string
	trace       string // traceparent
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// do sends a request and returns the answer's status and body.
func (c *client) do(ctx context.Context, method, path, contentType string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("User-Agent", "jobpilot-demo")
	for name, value := range map[string]string{"Content-Type": contentType, "X-Service-Key": c.serviceKey, "traceparent": c.trace} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, raw, err
}

// statusError is an answer with another status than the one that was wanted.
type statusError struct {
	method, path string
	want, got    int
	body         []byte
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s answered %d instead of %d: %s", e.method, e.path, e.got, e.want, e.body)
}

// call sends JSON and wants one status; the answer's JSON goes into out.
func (c *client) call(ctx context.Context, method, path string, want int, in, out any) error {
	var body io.Reader
	contentType := ""
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body, contentType = bytes.NewReader(raw), "application/json"
		if method == http.MethodPatch {
			contentType = "application/merge-patch+json"
		}
	}
	status, raw, err := c.do(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	if status != want {
		return &statusError{method, path, want, status, raw}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: %w: %s", method, path, err, raw)
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
	status, raw, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err == nil && status != http.StatusOK {
		err = &statusError{http.MethodGet, path, http.StatusOK, status, raw}
	}
	return raw, err
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
	status, raw, err := c.do(ctx, http.MethodPost, path, w.FormDataContentType(), &form)
	if err != nil {
		return 0, err
	}
	if status != http.StatusCreated && status != http.StatusAccepted {
		return status, &statusError{http.MethodPost, path, http.StatusCreated, status, raw}
	}
	return status, json.Unmarshal(raw, out)
}

// query makes a query string of names and values.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

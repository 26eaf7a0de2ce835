package testkit

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// Contract is an OpenAPI document that answers are held against.
type Contract struct {
	t      testing.TB
	router routers.Router
}

// NewContract reads an OpenAPI 3.0 document.
func NewContract(tb testing.TB, spec []byte) *Contract {
	tb.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		tb.Fatalf("read the contract: %v", err)
	}
	doc.Servers = nil // whatever host the test uses
	router, err := legacy.NewRouter(doc)
	if err != nil {
		tb.Fatalf("read the contract: %v", err)
	}
	return &Contract{tb, router}
}

// Client returns an HTTP client that fails the test when an answer is not as the
// contract says: an operation, a status or a content type that it lacks, or a
// body that does not fit the schema. It follows no redirects.
func (c *Contract) Client() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends a request and checks the answer.
func (c *Contract) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	c.Check(r, res.StatusCode, res.Header, body)
	return res, nil
}

// Check holds an answer against the contract.
func (c *Contract) Check(r *http.Request, status int, header http.Header, body []byte) {
	c.t.Helper()
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		c.t.Errorf("%s %s: not in the contract: %v", r.Method, r.URL.Path, err)
		return
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 status, Header: header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), in); err != nil {
		c.t.Errorf("%s %s: the answer %d breaks the contract: %v\n%s", r.Method, r.URL.Path, status, err, body)
	}
}

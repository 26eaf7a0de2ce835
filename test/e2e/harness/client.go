package harness

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Credential is what a caller shows: at most one of the three, in general.
type Credential struct {
	Bearer, APIKey, ServiceKey string
}

// Client is one caller in a network of its own. It is not changed once made, so
// it can be used from several goroutines.
type Client struct {
	Credential
	Base string // the gateway, or another address that At named
	IP   net.IP
	HTTP *http.Client

	direct bool
}

// networks hands out /24 networks of the loopback range: auth delays sign-ins by
// account, network and both, so tests that fail on purpose must not share one
// with others, nor with what ran within the hour before.
var (
	networks     atomic.Uint32
	firstNetwork = func() uint32 {
		var b [2]byte
		_, _ = rand.Read(b[:])
		return uint32(b[0])<<8 | uint32(b[1])
	}()
)

// NewIP is an address in a network that no other client of this process has.
func NewIP() net.IP {
	n := firstNetwork + networks.Add(1)
	return net.IPv4(127, byte(1+(n>>8)%254), byte(n), byte(1+n%250))
}

// NewClient is an anonymous caller at the gateway.
func NewClient(t testing.TB) *Client {
	t.Helper()
	return newClient(t, Env(t, "GATEWAY_URL"), NewIP())
}

func newClient(t testing.TB, base string, ip net.IP) *Client {
	t.Helper()
	transport := &http.Transport{
		DialContext:       (&net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:   TLS(t),
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		DisableCompression: true, // a test that wants gzip asks for it and sees it
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{Base: base, IP: ip, HTTP: &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// As is the same caller with another credential.
func (c *Client) As(cred Credential) *Client {
	other := *c
	other.Credential = cred
	return &other
}

// At is the same caller speaking to another address, from the same network.
func (c *Client) At(base string) *Client {
	other := *c
	other.Base = base
	return &other
}

// Direct is the same caller at the service itself that answers an operation,
// around the gateway.
func (c *Client) Direct() *Client {
	other := *c
	other.direct = true
	return &other
}

// ServiceURL is the address of a service of the instance.
func ServiceURL(t testing.TB, service string) string {
	t.Helper()
	return Env(t, strings.ToUpper(strings.ReplaceAll(service, "-", "_"))+"_URL")
}

// Call is one request to an operation.
type Call struct {
	Op     string // operationId
	Path   map[string]string
	Query  url.Values
	Header http.Header
	Body   any    // []byte is sent as it is, anything else as JSON
	Type   string // of the body, if not the contract's
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration // from the request's first byte to the answer's last
	what   string
}

var placeholder = regexp.MustCompile(`\{([^}]+)\}`)

// Request makes the HTTP request of a call.
func (c *Client) Request(t testing.TB, call Call) *http.Request {
	t.Helper()
	op := Op(t, call.Op)
	path := placeholder.ReplaceAllStringFunc(op.Path, func(name string) string {
		v, ok := call.Path[name[1:len(name)-1]]
		if !ok {
			t.Fatalf("%s: no value for %s of %s", op.ID, name, op.Path)
		}
		return url.PathEscape(v)
	})
	if len(call.Query) > 0 {
		path += "?" + call.Query.Encode()
	}
	media, _ := op.Body()
	if call.Type != "" {
		media = call.Type
	}
	if c.direct {
		c = c.At(ServiceURL(t, op.Service))
	}
	req := c.raw(t, op.Method, path, call.Body)
	if call.Body != nil && media != "" {
		req.Header.Set("Content-Type", media)
	}
	for name, values := range call.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	return req
}

func (c *Client) raw(t testing.TB, method, path string, body any) *http.Request {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	case io.Reader:
		reader = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, c.Base+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", "jobpilot-e2e")
	for name, value := range map[string]string{"X-API-Key": c.APIKey, "X-Service-Key": c.ServiceKey} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.Bearer)
	}
	return req
}

// Do calls an operation and holds the answer against the contract. The test
// fails, but goes on, when the answer is not as the contract says.
func (c *Client) Do(t testing.TB, call Call) *Answer {
	t.Helper()
	return c.Exchange(t, call.Op, c.Request(t, call))
}

// Exchange sends a request made by hand to an operation; "" for none, whose
// answer then only has what all answers have in common.
func (c *Client) Exchange(t testing.TB, op string, req *http.Request) *Answer {
	t.Helper()
	a, err := c.Send(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	if err := c.Check(t, op, req, a); err != nil {
		t.Errorf("%s is not what the contract says: %v", a.what, err)
	}
	return a
}

// Check holds an answer against the contract of an operation, or of none.
func (c *Client) Check(t testing.TB, op string, req *http.Request, a *Answer) error {
	t.Helper()
	if a.Status >= 500 {
		return fmt.Errorf("a fault of the service: %s", a.Body)
	}
	if op == "" {
		return a.common()
	}
	if err := Op(t, op).check(req, a); err != nil {
		return err
	}
	return a.secured(c.direct)
}

// Raw sends any request at all.
func (c *Client) Raw(t testing.TB, method, path string, body any, header ...string) *Answer {
	t.Helper()
	req := c.raw(t, method, path, body)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return c.Exchange(t, "", req)
}

// Send sends a request and reads the answer; nothing is checked.
func (c *Client) Send(req *http.Request) (*Answer, error) {
	began := time.Now()
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, err
	}
	return &Answer{resp.StatusCode, resp.Header, body, time.Since(began),
		fmt.Sprintf("the answer %d to %s %s", resp.StatusCode, req.Method, req.URL.Path)}, nil
}

// secured checks the headers that the gateway puts on everything.
func (a *Answer) secured(direct bool) error {
	if direct {
		return nil
	}
	for name, want := range map[string]string{
		"Strict-Transport-Security": "max-age=63072000; includeSubDomains", "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
	} {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") {
		return fmt.Errorf("Content-Security-Policy is %q", csp)
	}
	return nil
}

// Want ends the test unless the status is one of these.
func (a *Answer) Want(t testing.TB, status ...int) *Answer {
	t.Helper()
	if !slices.Contains(status, a.Status) {
		t.Fatalf("%s, not %v: %s", a.what, status, a.Body)
	}
	return a
}

// JSON reads the answer into v.
func (a *Answer) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("%s: %v: %s", a.what, err, a.Body)
	}
}

// Problem is the problem document that the answer is.
func (a *Answer) Problem(t testing.TB) Problem {
	t.Helper()
	var p Problem
	a.JSON(t, &p)
	return p
}

// WantProblem ends the test unless the answer is this problem.
func (a *Answer) WantProblem(t testing.TB, status int, code string) Problem {
	t.Helper()
	p := a.Want(t, status).Problem(t)
	if p.Code != code {
		t.Fatalf("%s has code %s, not %s: %s", a.what, p.Code, code, a.Body)
	}
	return p
}

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/jobpilot/jobpilot/tools/gen/internal/contract"
	"github.com/jobpilot/jobpilot/tools/gen/internal/gateway"
)

// fixture copies what the gateway is made from — its templates, common.yaml and the contracts of testdata —
// into a repository of its own and generates there.
func fixture(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.CopyFS(filepath.Join(root, "api"), os.DirFS("../../testdata/api")))
	must(t, os.CopyFS(filepath.Join(root, "deploy/nginx"), os.DirFS("../../../../deploy/nginx")))
	common, err := os.ReadFile("../../../../api/openapi/common.yaml")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "api/openapi/common.yaml"), common, 0o644))
	contracts, err := contract.LoadAll(root)
	must(t, err)
	for name, render := range map[string]func([]*contract.Contract) ([]byte, error){
		"operations": gateway.Operations, "routes": gateway.Locations,
	} {
		data, err := render(contracts)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(root, gateway.Dir, name+".gen.conf.template"), data, 0o644))
	}
	return root
}

// edge is a running NGINX before services that record what reaches them.
type edge struct {
	t          *testing.T
	http, tls  string // addresses
	pool       *x509.CertPool
	dir        string
	user, push *recorder
}

// startGateway renders and starts NGINX with settings beside those of gateway.env. Upstreams that settings
// name are not replaced by recorders.
func startGateway(t *testing.T, settings map[string]string) *edge {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Fatal("nginx is not installed; run: apt-get install nginx-light (or make up)")
	}
	root := fixture(t)
	g := &edge{t: t, dir: t.TempDir(), http: freeAddress(t), tls: freeAddress(t), user: record(t), push: record(t)}
	must(t, os.Mkdir(filepath.Join(g.dir, "docs"), 0o755))
	must(t, os.WriteFile(filepath.Join(g.dir, "docs", "index.html"), []byte("<title>API</title>"), 0o644))
	g.pool = certificate(t, g.dir)
	me, err := user.Current()
	must(t, err)
	env := map[string]string{
		"GATEWAY_HTTP":            g.http,
		"GATEWAY_HTTPS":           g.tls,
		"TLS_CERTIFICATE":         "gateway.crt",
		"TLS_CERTIFICATE_KEY":     "gateway.key",
		"GATEWAY_USER":            "",
		"GATEWAY_WORKERS":         "1",
		"GATEWAY_ACCESS_LOG":      "access.log",
		"GATEWAY_ERROR_LOG_LEVEL": "error",
		"CORS_ORIGINS":            "https://app.example, chrome-extension://abcdef,http://localhost:3000",
		"USER_UPSTREAM":           g.user.address,
		"NOTIFICATION_UPSTREAM":   g.push.address,
		"PATH":                    os.Getenv("PATH"),
	}
	if me.Uid == "0" {
		env["GATEWAY_USER"] = me.Username // else workers could not read the test's folder
	}
	maps.Copy(env, settings)
	render := exec.Command("sh", filepath.Join(root, "deploy/nginx/render.sh"), g.dir)
	for k, v := range env {
		render.Env = append(render.Env, k+"="+v)
	}
	if out, err := render.CombinedOutput(); err != nil {
		t.Fatalf("render.sh: %v\n%s", err, out)
	}

	var log bytes.Buffer
	nginx := exec.Command("nginx", "-p", g.dir, "-c", "nginx.conf", "-e", "stderr")
	nginx.Stdout, nginx.Stderr = &log, &log
	must(t, nginx.Start())
	exited := make(chan struct{})
	go func() { _ = nginx.Wait(); close(exited) }()
	t.Cleanup(func() {
		_ = nginx.Process.Signal(syscall.SIGTERM)
		<-exited
		if t.Failed() && log.Len() > 0 {
			t.Logf("nginx: %s", log.Bytes())
		}
	})
	address := g.http
	if env["GATEWAY_HTTP"] == "" {
		address = g.tls
	}
	ready(t, address, exited, &log)
	return g
}

// ready waits until the address takes connections.
func ready(t *testing.T, address string, exited <-chan struct{}, log *bytes.Buffer) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-exited:
			t.Fatalf("nginx did not start: %s", log.Bytes())
		case <-deadline:
			t.Fatal("nginx takes no connections")
		}
	}
}

// recorder is a service that keeps every request and answers by its handler.
type recorder struct {
	address string

	mu       sync.Mutex
	requests []recorded
	conns    int
	handler  http.HandlerFunc
}

type recorded struct {
	*http.Request
	body string
}

func record(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true}`)
	}}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.requests = append(r.requests, recorded{req, string(body)})
		handler := r.handler
		r.mu.Unlock()
		handler(w, req)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.mu.Lock()
			r.conns++
			r.mu.Unlock()
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	r.address = s.Listener.Addr().String()
	return r
}

// take returns what has arrived since the last call.
func (r *recorder) take() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.requests
	r.requests = nil
	return list
}

func (r *recorder) answer(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler = h
}

// one returns the single request that has arrived.
func (r *recorder) one(t *testing.T) recorded {
	t.Helper()
	list := r.take()
	if len(list) != 1 {
		t.Fatalf("%d requests reached the service, want 1", len(list))
	}
	return list[0]
}

type response struct {
	*http.Response
	body string
}

// do sends a request over plain HTTP; headers are pairs of name and value.
func (g *edge) do(method, path, body string, headers ...string) response {
	g.t.Helper()
	return g.doWith(&http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}, "http://"+g.http, method, path, body, headers...)
}

func (g *edge) doWith(client *http.Client, base, method, path, body string, headers ...string) response {
	g.t.Helper()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithTimeout(g.t.Context(), 20*time.Second)
	defer cancel()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+"/", reader)
	must(g.t, err)
	req.URL.Opaque = strings.SplitN(path, "?", 2)[0] // exactly as given, without normalising
	if strings.HasPrefix(req.URL.Opaque, "//") {
		req.URL.Opaque = base + req.URL.Opaque
	}
	if _, query, ok := strings.Cut(path, "?"); ok {
		req.URL.RawQuery = query
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	must(g.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(g.t, err)
	return response{resp, string(data)}
}

// raw sends bytes as they are and returns the status line and all that follows.
func (g *edge) raw(request string) string {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.http)
	must(g.t, err)
	defer conn.Close()
	must(g.t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, request)
	must(g.t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(g.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(g.t, err)
	if resp.StatusCode >= 400 {
		g.problem(response{resp, string(body)}, resp.StatusCode, "")
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// problem checks that an answer is a problem document of the gateway with the code; any if it is empty.
func (g *edge) problem(r response, status int, code string) {
	g.t.Helper()
	if r.StatusCode != status {
		g.t.Errorf("status %d, want %d: %s", r.StatusCode, status, r.body)
		return
	}
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		g.t.Errorf("Content-Type %q: %s", got, r.body)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		g.t.Errorf("%v: %s", err, r.body)
		return
	}
	if err := problemSchema(g.t).VisitJSON(doc, openapi3.EnableFormatValidation()); err != nil {
		g.t.Errorf("%v: %s", err, r.body)
	}
	if code != "" && doc["code"] != code || doc["status"] != float64(status) || doc["title"] != http.StatusText(status) {
		g.t.Errorf("got %s, want status %d, code %q, title %q", r.body, status, code, http.StatusText(status))
	}
	if doc["requestId"] != r.Header.Get("X-Request-ID") || doc["requestId"] == "" {
		g.t.Errorf("requestId %q, header %q", doc["requestId"], r.Header.Get("X-Request-ID"))
	}
}

func problemSchema(t *testing.T) *openapi3.Schema {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../../../api/openapi/common.yaml")
	must(t, err)
	return doc.Components.Schemas["Problem"].Value
}

// nothing checks that no request reached any service.
func (g *edge) nothing() {
	g.t.Helper()
	for _, r := range slices.Concat(g.user.take(), g.push.take()) {
		g.t.Errorf("%s %s reached a service", r.Method, r.RequestURI)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// certificate writes gateway.crt and gateway.key and returns a pool that trusts them.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(t, os.WriteFile(filepath.Join(dir, "gateway.crt"), cert, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "gateway.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// secure is a client of the TLS port.
func (g *edge) secure(change func(*tls.Config)) *http.Client {
	config := &tls.Config{RootCAs: g.pool}
	if change != nil {
		change(config)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Package schemathesis lets Schemathesis make requests from the contracts, good
// and bad ones, and hold the answers against them.
package schemathesis

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Budgets of one kind of caller with one service. On two cores two run beside
// each other.
const (
	budget       = 20 * time.Second
	budgetNobody = 8 * time.Second // who is refused nearly everything
)

// placeholder stands for the session of whoever calls. It has the form of a token.
const placeholder = "placeholder-of-the-session.placeholder.placeholder"

// TestContracts runs Schemathesis with all its checks as nobody, as a user and
// as an administrator.
func TestContracts(t *testing.T) {
	program := os.Getenv("SCHEMATHESIS")
	if program == "" {
		t.Fatal("SCHEMATHESIS does not name the program: run `go run ./tools/stack test -only API`, which fetches it")
	}
	// One caller has the traffic of many: without the limits of a single one,
	// which e2e tests.
	var settings []string
	for _, service := range services(t) {
		p := harness.StartService(t, service, "LIMIT_READ=0", "LIMIT_WRITE=0", "LIMIT_SEARCH=0", "LIMIT_LOGIN=0")
		settings = append(settings, strings.ToUpper(strings.ReplaceAll(service, "-", "_"))+"_UPSTREAM="+strings.TrimPrefix(p.URL, "http://"))
	}
	for _, class := range []string{"LOGIN", "WRITE", "READ", "SEARCH", "PUBLIC"} {
		settings = append(settings, "RATE_"+class+"=5000r/s", "BURST_"+class+"=5000")
	}
	gateway := harness.StartGateway(t, settings...)
	for _, service := range services(t) {
		for name, who := range map[string]func() *harness.User{
			"nobody":        nil,
			"user":          func() *harness.User { return harness.NewUser(t) },
			"administrator": func() *harness.User { return harness.NewUserWith(t, "super_admin") },
		} {
			t.Run(service+" as "+name, func(t *testing.T) {
				t.Parallel()
				run(t, program, service, gateway.URL, who)
			})
		}
	}
}

func services(t *testing.T) []string {
	t.Helper()
	var list []string
	seen := map[string]bool{}
	for _, op := range harness.Operations(t) {
		if !seen[op.Service] {
			seen[op.Service] = true
			list = append(list, op.Service)
		}
	}
	return list
}

func run(t *testing.T, program, service, gateway string, who func() *harness.User) {
	t.Helper()
	c := harness.NewClient(t)
	contract, err := c.Send(request(t, c.Base+"/docs/openapi/"+service+".yaml"))
	if err != nil || contract.Status != http.StatusOK {
		t.Fatalf("the contract as the gateway publishes it: %v, %v", contract, err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, service+".yaml")
	if err := os.WriteFile(file, contract.Body, 0o644); err != nil {
		t.Fatal(err)
	}
	entry := httptest.NewServer(newEntry(t, c, gateway, who))
	t.Cleanup(entry.Close)

	most := budget
	if who == nil {
		most = budgetNobody
	}
	ctx, cancel := context.WithTimeout(t.Context(), most+40*time.Second)
	defer cancel()
	args := []string{"--config-file", filepath.Join(testkit.Root(t), "test/schemathesis/schemathesis.toml"), "run", file, "--url", entry.URL,
		"--checks", "all", "--seed", os.Getenv("TEST_SEED"), "--max-time", fmt.Sprint(int(most.Seconds())), "--max-examples", "25",
		"--workers", "1", "--continue-on-failure", "--output-truncate", "false", "--output-sanitize", "false", "--warnings", "off"}
	if who != nil {
		args = append(args, "--header", "Authorization: Bearer "+placeholder)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "PYTHONPATH="+filepath.Join(testkit.Root(t), "test/schemathesis"), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if at := strings.Index(string(out), "= SUMMARY ="); at >= 0 {
		t.Logf("%s", out[at:])
	}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// entry passes requests on to the gateway. Where the placeholder is, it puts a
// session that is alive: among what is called are operations that end it.
type entry struct {
	*httputil.ReverseProxy
	t   *testing.T
	who func() *harness.User

	mu    sync.Mutex
	user  *harness.User
	since time.Time
}

func newEntry(t *testing.T, c *harness.Client, gateway string, who func() *harness.User) *entry {
	t.Helper()
	target, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	e := &entry{t: t, who: who}
	e.ReverseProxy = &httputil.ReverseProxy{
		Transport: c.HTTP.Transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = target.Host
			if r.In.Header.Get("Authorization") == "Bearer "+placeholder {
				r.Out.Header.Set("Authorization", "Bearer "+e.session())
			}
		},
		ModifyResponse: func(r *http.Response) error {
			path, ok := r.Request.URL.Path, r.StatusCode/100 == 2
			if r.StatusCode == http.StatusUnauthorized || ok && (strings.Contains(path, "logout") || strings.Contains(path, "sessions/") ||
				r.Request.Method == http.MethodDelete && strings.HasSuffix(path, "/me")) {
				e.end()
			}
			return nil
		},
	}
	return e
}

// session is the access token of a session that lives and is fresh.
func (e *entry) session() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.user == nil || time.Since(e.since) > 8*time.Minute {
		e.user, e.since = e.who(), time.Now()
	}
	return e.user.Bearer
}

func (e *entry) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.user = nil
}

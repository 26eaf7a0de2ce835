// Package harness is what black-box tests stand on: a client that goes through
// the gateway as any other would and holds every answer against the contract,
// and the ways in which a person, an administrator or another service comes by
// a credential.
//
// Tests run against the running instance "test". They make accounts of their
// own, from networks of their own (see [NewClient]), so they run in parallel,
// again and again, and beside each other.
package harness

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// StartCommand starts what the tests run against.
const StartCommand = "go run ./tools/stack up -instance test"

// Main runs a package's tests if the instance answers, and otherwise says how to
// start it. It prints the seed that repeats the run's random choices.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv("TEST_SEED") == "" {
		var b [4]byte
		_, _ = rand.Read(b[:])
		seed := fmt.Sprint(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
		if err := os.Setenv("TEST_SEED", seed); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if fault := missing(); fault != "" {
		fmt.Fprintf(os.Stderr, "The instance that these tests run against does not answer; start it with\n\n    %s\n\n%s\n", StartCommand, fault)
		return 1
	}
	fmt.Println("TEST_SEED=" + os.Getenv("TEST_SEED"))
	return m.Run()
}

// missing says what does not answer, "" for nothing.
func missing() (fault string) {
	defer func() {
		if v := recover(); v != nil {
			fault = fmt.Sprint(v)
		}
	}()
	t, end := testkit.Example()
	defer end()
	deadline := time.Now().Add(readyWithin)
	urls := []string{Env(t, "GATEWAY_URL") + "/healthz", Env(t, "JOBBOARD_URL") + "/_board/health"}
	for _, service := range Services(t) {
		urls = append(urls, "http://"+ServiceEnv(t, service)["ADMIN_ADDR"]+"/readyz")
	}
	for _, url := range urls {
		err := answers(t, url)
		for ; err != nil && time.Now().Before(deadline); err = answers(t, url) {
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return ""
}

// readyWithin is how long the programs of an instance may take that is being
// started, or whose servers come back.
const readyWithin = 30 * time.Second

func answers(t testing.TB, url string) error {
	t.Helper()
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: TLS(t), DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("%s answers %s: %s", url, resp.Status, body)
	}
	return nil
}

// Env is a variable of the instance.
func Env(t testing.TB, name string) string {
	t.Helper()
	return testkit.Env(t, name)
}

// Stack runs a command of tools/stack on the instance and returns what it prints.
func Stack(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Env(t, "JOBPILOT_STACK"), append([]string{args[0], "-instance", "test"}, args[1:]...)...)
	cmd.Dir = testkit.Root(t)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("stack %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

var serviceEnvs sync.Map

// ServiceEnv is the whole environment of a service of the instance.
func ServiceEnv(t testing.TB, service string) map[string]string {
	t.Helper()
	if env, ok := serviceEnvs.Load(service); ok {
		return env.(map[string]string)
	}
	env := map[string]string{}
	for line := range strings.Lines(Stack(t, "env", service)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = value
		}
	}
	serviceEnvs.Store(service, env)
	return env
}

// Command runs a service's program with the instance's environment, as an
// operator would on its command line, and returns what it prints.
func Command(t testing.TB, service string, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Program(t, service), args...)
	cmd.Env = Environ(t, service)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", service, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Program is the path of a service's program, as tools/stack built it.
func Program(t testing.TB, service string) string {
	t.Helper()
	stack := Env(t, "JOBPILOT_STACK")
	return stack[:strings.LastIndexByte(stack, '/')+1] + service
}

// Environ is a service's environment for a process of it, "" for a program of
// another kind; more are further variables, which win.
func Environ(t testing.TB, service string, more ...string) []string {
	t.Helper()
	env := os.Environ()
	if service == "" {
		return append(env, more...)
	}
	for name, value := range ServiceEnv(t, service) {
		env = append(env, name+"="+value)
	}
	return append(env, more...)
}

var roots struct {
	sync.Mutex
	pool *x509.CertPool
}

// TLS trusts the local certificate authority.
func TLS(t testing.TB) *tls.Config {
	t.Helper()
	roots.Lock()
	defer roots.Unlock()
	if roots.pool == nil {
		pem, err := os.ReadFile(Env(t, "TLS_CA_FILE"))
		if err != nil {
			t.Fatalf("the local certificate authority: %v; start the instance with %s", err, StartCommand)
		}
		roots.pool = x509.NewCertPool()
		if !roots.pool.AppendCertsFromPEM(pem) {
			t.Fatal("TLS_CA_FILE holds no certificate")
		}
	}
	return &tls.Config{RootCAs: roots.pool, MinVersion: tls.VersionTLS13}
}

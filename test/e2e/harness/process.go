package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// Process is a program that a test runs for itself, beside the instance's.
type Process struct {
	URL string

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes what the program prints.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// Lines are what the program has logged so far.
func (p *Process) Lines(t testing.TB) []map[string]any {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []map[string]any
	for line := range bytes.Lines(bytes.Clone(p.log.Bytes())) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Errorf("a line of the log is no JSON object: %q", line)
			continue
		}
		lines = append(lines, m)
	}
	return lines
}

// StartService runs another process of a service on the instance's servers, with
// further variables, until the test ends.
func StartService(t testing.TB, service string, env ...string) *Process {
	t.Helper()
	api, admin := freeAddress(t), freeAddress(t)
	cmd := exec.Command(Program(t, service), "serve")
	cmd.Env = Environ(t, service, append([]string{"HTTP_ADDR=" + api, "ADMIN_ADDR=" + admin}, env...)...)
	return start(t, cmd, "http://"+api, "http://"+admin+"/readyz")
}

// StartGateway runs another gateway, with the settings that are shipped but for
// these, until the test ends. It speaks plain HTTP.
func StartGateway(t testing.TB, settings ...string) *Process {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	render := exec.Command("sh", filepath.Join(testkit.Root(t), "deploy/nginx/render.sh"), dir)
	render.Env = append(Environ(t, ""), "GATEWAY_HTTP="+address, "GATEWAY_HTTPS=", "GATEWAY_WORKERS=1",
		"DOCS_DIR="+filepath.Join(testkit.Root(t), "deploy/nginx/docs"))
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		render.Env = append(render.Env, "GATEWAY_USER="+me.Username) // else its workers could not read the test's folder
	}
	render.Env = append(render.Env, settings...)
	if out, err := render.CombinedOutput(); err != nil {
		t.Fatalf("render.sh: %v: %s", err, out)
	}
	return start(t, exec.Command("nginx", "-p", dir+"/", "-c", "nginx.conf", "-e", "stderr"), "http://"+address, "http://"+address+"/healthz")
}

func start(t testing.TB, cmd *exec.Cmd, url, ready string) *Process {
	t.Helper()
	p := &Process{URL: url}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; start the instance with %s", err, StartCommand)
	}
	var ended error
	exited := make(chan struct{})
	go func() { ended = cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			t.Errorf("%s does not stop when told to", filepath.Base(cmd.Path))
			_ = cmd.Process.Kill()
		}
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("%s printed at last:\n%s", filepath.Base(cmd.Path), p.log.Bytes()[max(0, p.log.Len()-8<<10):])
		}
	})
	testkit.Eventually(t, ready, func() bool {
		select {
		case <-exited:
			t.Fatalf("%s ended: %v", filepath.Base(cmd.Path), ended)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, ready, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// freeAddress is one that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

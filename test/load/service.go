package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// serviceEnv is the environment of a service in instance "test".
func serviceEnv(ctx context.Context, service string) (map[string]string, error) {
	stack := os.Getenv("JOBPILOT_STACK")
	if stack == "" {
		return nil, errors.New("JOBPILOT_STACK is not set; start this with `make bench`")
	}
	out, err := output(exec.CommandContext(ctx, stack, "env", "-instance", "test", service))
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = value
		}
	}
	return env, nil
}

// buildService compiles auth as its image has it: alone, static, stripped.
func buildService(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "auth")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", bin, ".")
	cmd.Dir = "services/auth"
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	_, err := output(cmd)
	return bin, err
}

// output runs a program. When its context ends it is interrupted, and has time to
// remove what it made.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if cmd.Cancel != nil {
		cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 30*time.Second
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s%s", strings.Join(cmd.Args, " "), err, stderr.String(), out)
	}
	return out, nil
}

// process is a server that was started for a measurement.
type process struct {
	addr  string        // it takes requests here
	ready time.Duration // from its start to the first good answer
	cmd   *exec.Cmd
	log   *os.File
	done  chan error
}

// startService runs auth on ports of its own with limits that nobody reaches.
// Counting against them goes on.
func (b *bench) startService(ctx context.Context) (*process, error) {
	bin, err := b.program()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	var env []string
	for name, value := range b.env {
		env = append(env, name+"="+value)
	}
	for _, class := range []string{"READ", "WRITE", "SEARCH", "LOGIN"} {
		env = append(env, "LIMIT_"+class+"=6000000")
	}
	return start(ctx, exec.Command(bin, "serve"), append(env, "ADMIN_ADDR="+admin), "http://"+admin+"/readyz")
}

// start runs a server that listens on HTTP_ADDR and waits until ready answers;
// "" for its own address.
func start(ctx context.Context, cmd *exec.Cmd, env []string, ready string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	// A file, as its output is in production: a pipe would have to be read here.
	log, err := os.CreateTemp("", "jobpilot-load-*.log")
	if err != nil {
		return nil, err
	}
	p := &process{addr: addr, cmd: cmd, log: log, done: make(chan error, 1)}
	cmd.Env = append(append(os.Environ(), env...), "HTTP_ADDR="+addr)
	cmd.Stdout, cmd.Stderr = log, log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.done <- cmd.Wait() }()
	if ready == "" {
		ready = "http://" + addr + "/"
	}
	for !answers(ctx, ready) {
		select {
		case err := <-p.done:
			return nil, fmt.Errorf("%s ended: %w: %s", cmd.Path, err, p.tail())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.stop())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(began) > time.Minute {
			return nil, errors.Join(fmt.Errorf("%s does not get ready: %s", cmd.Path, p.tail()), p.stop())
		}
	}
	p.ready = time.Since(began)
	return p, nil
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// tail is the end of what it printed.
func (p *process) tail() string {
	raw, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-2000):])
}

func (p *process) stop() error {
	defer os.Remove(p.log.Name())
	defer p.log.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-time.After(30 * time.Second):
		return errors.Join(fmt.Errorf("%s does not stop", p.cmd.Path), p.cmd.Process.Kill())
	}
}

// freeAddr is one that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

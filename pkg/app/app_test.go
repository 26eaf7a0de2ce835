package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// The tests of signals run this binary again as a service.
func TestMain(m *testing.M) {
	if addr := os.Getenv("APP_TEST_SERVICE"); addr != "" {
		if err := serve(addr); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve is a service whose worker ignores being told to stop when asked to.
func serve(addr string) error {
	o, err := obs.Start(context.Background(), obs.Config{Service: "test", Output: io.Discard})
	if err != nil {
		return err
	}
	public, admin, _ := strings.Cut(addr, ",")
	return app.Run(context.Background(), app.Options{
		Obs: o, Addr: public, AdminAddr: admin,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" { // is under way when the signal comes
				stopping := make(chan os.Signal, 1)
				signal.Notify(stopping, syscall.SIGTERM, syscall.SIGINT)
				fmt.Println("request begun")
				<-stopping
			}
			_, _ = w.Write([]byte("answered"))
		}),
		Workers: map[string]func(context.Context) error{"worker": func(ctx context.Context) error {
			fmt.Println("ready")
			<-ctx.Done()
			fmt.Println("worker told")
			if os.Getenv("APP_TEST_STUBBORN") != "" {
				select {}
			}
			return nil
		}},
		Close: []func(){func() { fmt.Println("closed") }},
	})
}

func Example() {
	o, _ := obs.Start(context.Background(), obs.Config{Service: "example", Output: io.Discard})
	ctx, cancel := context.WithCancel(context.Background())
	err := app.Run(ctx, app.Options{
		Obs: o, Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Handler: http.NotFoundHandler(),
		Workers: map[string]func(context.Context) error{
			"relay": func(ctx context.Context) error { cancel(); <-ctx.Done(); fmt.Println("relay stopped"); return nil },
		},
		Close: []func(){func() { fmt.Println("pool closed") }},
	})
	fmt.Println(err)
	// Output:
	// relay stopped
	// pool closed
	// <nil>
}

// freeAddr is an address nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func newObs(t *testing.T) *obs.Obs {
	t.Helper()
	o, err := obs.Start(t.Context(), obs.Config{Service: "test", Output: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// start runs a service of this test until stop is called.
func start(t *testing.T, o app.Options) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	o.Obs = newObs(t)
	if o.Handler == nil {
		o.Handler = http.NotFoundHandler()
	}
	go func() { done <- app.Run(ctx, o) }()
	testkit.Eventually(t, "the service answers", func() bool {
		resp, err := http.Get("http://" + o.AdminAddr + "/livez")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	})
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var down error
	addr := freeAddr(t)
	start(t, app.Options{Addr: freeAddr(t), AdminAddr: addr, Ready: map[string]func(context.Context) error{
		"postgres": func(context.Context) error { mu.Lock(); defer mu.Unlock(); return down },
		"always":   func(context.Context) error { return nil },
	}})
	ready := func() (int, map[string]string) {
		status, body := get(t, "http://"+addr+"/readyz")
		var r struct {
			Ready  bool
			Checks map[string]string
		}
		if err := json.Unmarshal([]byte(body), &r); err != nil || r.Ready != (status == 200) {
			t.Fatal(status, body, err)
		}
		return status, r.Checks
	}
	if status, checks := ready(); status != 200 || checks["postgres"] != "ok" || checks["always"] != "ok" {
		t.Error(status, checks)
	}
	mu.Lock()
	down = errors.New("dial postgres: password=hunter2")
	mu.Unlock()
	if status, checks := ready(); status != 503 || checks["postgres"] != "failed" || checks["always"] != "ok" {
		t.Error(status, checks)
	}
	// Liveness does not depend on a dependency: a restart would not repair it.
	if status, _ := get(t, "http://"+addr+"/livez"); status != 200 {
		t.Error(status)
	}
	mu.Lock()
	down = nil
	mu.Unlock()
	if status, _ := ready(); status != 200 {
		t.Error(status)
	}
	if status, body := get(t, "http://"+addr+"/metrics"); status != 200 || !strings.Contains(body, `build_info{service="test"`) || !strings.Contains(body, "go_goroutines") {
		t.Error(status, body)
	}
	if status, body := get(t, "http://"+addr+"/debug/pprof/heap?debug=1"); status != 200 || !strings.Contains(body, "heap profile") {
		t.Error(status)
	}
}

func TestOrderOfStopping(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var events []string
	note := func(e string) { mu.Lock(); defer mu.Unlock(); events = append(events, e) }
	begun, finish := make(chan struct{}), make(chan struct{})
	public, admin := freeAddr(t), freeAddr(t)
	stop := start(t, app.Options{
		Addr: public, AdminAddr: admin,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-finish
			note("request answered")
			_, _ = w.Write([]byte("whole"))
		}),
		Workers: map[string]func(context.Context) error{"w": func(ctx context.Context) error { <-ctx.Done(); note("worker stopped"); return nil }},
		Close:   []func(){func() { note("first closed") }, func() { note("second closed") }},
	})
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + public)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	testkit.Eventually(t, "readiness turns false while a request is under way", func() bool {
		status, _ := get(t, "http://"+admin+"/readyz")
		return status == 503
	})
	testkit.Eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", public)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(finish)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if a := <-answer; a != "whole" {
		t.Errorf("the request under way got %q", a)
	}
	if want := []string{"request answered", "worker stopped", "first closed", "second closed"}; !slices.Equal(events, want) {
		t.Errorf("got %q, want %q", events, want)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	closed := false
	run := func(o app.Options) error {
		o.Obs, o.Handler = newObs(t), http.NotFoundHandler()
		o.Close = append(o.Close, func() { closed = true })
		closed = false
		return app.Run(t.Context(), o)
	}
	if err := run(app.Options{Addr: taken.Addr().String(), AdminAddr: "127.0.0.1:0"}); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "HTTP_ADDR") || !closed {
		t.Error("port taken:", err, closed)
	}
	if err := run(app.Options{Addr: "127.0.0.1:0", AdminAddr: taken.Addr().String()}); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "ADMIN_ADDR") || !closed {
		t.Error("admin port taken:", err, closed)
	}
	broken := errors.New("broken")
	other := make(chan struct{})
	err = run(app.Options{Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Workers: map[string]func(context.Context) error{
		"relay": func(context.Context) error { return broken },
		"other": func(ctx context.Context) error { <-ctx.Done(); close(other); return ctx.Err() },
	}})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "relay") || !closed {
		t.Error("worker failed:", err, closed)
	}
	<-other
	// What does not stop is left behind, not waited for.
	hang := make(chan struct{})
	defer close(hang)
	ctx, cancel := context.WithCancel(t.Context())
	begun := time.Now()
	err = app.Run(ctx, app.Options{Obs: newObs(t), Handler: http.NotFoundHandler(), Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Grace: 50 * time.Millisecond,
		Workers: map[string]func(context.Context) error{"stuck": func(context.Context) error { cancel(); <-hang; return nil }}})
	if err == nil || !strings.Contains(err.Error(), "workers did not stop in time") || time.Since(begun) > 5*time.Second {
		t.Error("stuck worker:", err)
	}
}

// child is this binary running serve.
func child(t *testing.T, env ...string) (cmd *exec.Cmd, public string, lines *bufio.Scanner) {
	t.Helper()
	public = freeAddr(t)
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "APP_TEST_SERVICE="+public+","+freeAddr(t))...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines = bufio.NewScanner(out)
	expect(t, lines, "ready")
	return cmd, public, lines
}

func expect(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() || lines.Text() != want {
		t.Fatalf("the service said %q, want %q", lines.Text(), want)
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, public, lines := child(t)
		answer := make(chan string, 1)
		go func() {
			resp, err := http.Get("http://" + public + "/slow")
			if err != nil {
				answer <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answer <- string(body)
		}()
		expect(t, lines, "request begun")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		expect(t, lines, "worker told")
		expect(t, lines, "closed")
		if a := <-answer; a != "answered" {
			t.Errorf("%v: the request under way got %q", sig, a)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
}

func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	cmd, _, lines := child(t, "APP_TEST_STUBBORN=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "worker told")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Fatal(err)
	}
}

package testkit

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisServer is a Redis of the test's own, for tests that stop it, empty it or
// use keys without a prefix. It keeps nothing on disk and listens on a socket in
// the test's folder.
type RedisServer struct {
	t      testing.TB
	socket string
	cmd    *exec.Cmd
}

// StartRedis starts a server; it is stopped when the test ends.
func StartRedis(tb testing.TB) *RedisServer {
	tb.Helper()
	s := &RedisServer{t: tb, socket: filepath.Join(tb.TempDir(), "redis.sock")}
	s.Start()
	tb.Cleanup(s.Stop)
	return s
}

// Client connects to the server, with the timeouts of a service.
func (s *RedisServer) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket, DialTimeout: 250 * time.Millisecond,
		ReadTimeout: 250 * time.Millisecond, WriteTimeout: 250 * time.Millisecond, MaxRetries: -1, DialerRetries: 1})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Start starts the server again, empty, after Stop.
func (s *RedisServer) Start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket, "--save", "", "--appendonly", "no", "--dir", filepath.Dir(s.socket))
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v; `make up` installs it", err)
	}
	c := s.Client()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for c.Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			s.t.Fatal("redis-server does not answer on " + s.socket)
		case <-tick.C:
		}
	}
}

// Stop kills the server; what it held is lost.
func (s *RedisServer) Stop() {
	if s.cmd.Process != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// Package testkit is what tests stand on: real servers, shared by all tests and
// divided among them (a schema, a vhost, a key prefix, a bucket for each), with
// everything removed when the test ends. Tests run in parallel and beside a
// running stack.
//
// Servers are found through the variables below, taken from the environment or
// else from .data/env/test.env of the checkout, which `make up` writes. A server
// that does not answer fails the test with the command that starts it; nothing
// is ever skipped.
//
//	POSTGRES_ADMIN_URL  Postgres itself, as a role that may create roles and schemas
//	PGBOUNCER_ADDR      host:port that pools connect to; lets every role in
//	REDIS_URL
//	RABBITMQ_URL        any vhost of the broker
//	RABBITMQ_ADMIN_URL  its management API, with a user that may create vhosts
//	S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY
//	MAIL_URL            web side of the mail catcher (maildev)
package testkit

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// startServers is what a failed test tells to do.
const startServers = "start the servers with `make up` (or `go run ./tools/stack up -only servers`)"

// Root is the checkout: the folder with go.work above the working directory.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := root()
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

var root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.work")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", &os.PathError{Op: "find go.work above", Path: dir, Err: os.ErrNotExist}
		}
	}
})

// Env is a variable of the test instance, and fails the test if there is none.
func Env(tb testing.TB, name string) string {
	tb.Helper()
	if v := os.Getenv(name); v != "" {
		return v
	}
	files, err := envFiles()
	if err != nil {
		tb.Fatal(err)
	}
	v, ok := files[name]
	if !ok {
		tb.Fatalf("%s is set neither in the environment nor in .data/env/test.env: %s", name, startServers)
	}
	return v
}

var envFiles = sync.OnceValues(func() (map[string]string, error) {
	dir, err := root()
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	f, err := os.Open(filepath.Join(dir, ".data", "env", "test.env"))
	if os.IsNotExist(err) {
		return vars, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			vars[name] = value
		}
	}
	return vars, lines.Err()
})

// unique is a name that no other test has, on any run: lower case letters and
// digits, beginning with a letter.
func unique() string {
	var b [8]byte
	rand.Read(b[:])
	return "t" + hex.EncodeToString(b[:])
}

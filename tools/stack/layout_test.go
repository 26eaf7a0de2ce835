package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReachableByOthers(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	for d := open; d != filepath.Dir(d) && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	inner := filepath.Join(open, "closed", "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if !reachableByOthers(inner) {
		t.Errorf("%s: want reachable", inner)
	}
	if err := os.Chmod(filepath.Dir(inner), 0o700); err != nil {
		t.Fatal(err)
	}
	if reachableByOthers(inner) {
		t.Errorf("%s: want unreachable below a folder of mode 0700", inner)
	}
}

func TestLinkData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link, target := filepath.Join(dir, ".data"), filepath.Join(dir, "elsewhere")

	// The Makefile has built bin/ before anybody knew better.
	if err := os.MkdirAll(filepath.Join(link, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := linkData(link, target); err != nil {
			t.Fatal(err)
		}
		if to, err := os.Readlink(link); err != nil || to != target {
			t.Fatalf("link to %q, %v; want %q", to, err, target)
		}
	}

	withData := filepath.Join(dir, "other")
	if err := os.MkdirAll(filepath.Join(withData, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := linkData(withData, target); err == nil || !strings.Contains(err.Error(), withData) {
		t.Errorf("a folder with data: %v; want an error that names it", err)
	}
}

func TestCheckFree(t *testing.T) {
	t.Parallel()
	if err := checkFree("/data", minFree); err != nil {
		t.Errorf("just enough: %v", err)
	}
	err := checkFree("/data", minFree-1)
	if err == nil || !strings.Contains(err.Error(), "disk full: /data has 2.0 GiB free") || strings.Contains(err.Error(), "\n") {
		t.Errorf("too little: %v; want one line that names the folder and the free space", err)
	}
}

func TestSocketPathFitsTheKernel(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"/srv/jobpilot/.data", "/" + strings.Repeat("deep/", 40) + ".data"} {
		l := &layout{data: data}
		if s := l.socket(); len(s) > 107 {
			t.Errorf("socket of %s is %d bytes long", data, len(s))
		}
	}
}

func TestWriteLeavesAnEqualFileAlone(t *testing.T) {
	t.Parallel()
	l := &layout{data: t.TempDir(), uid: -1}
	write := func(content string) os.FileInfo {
		t.Helper()
		name, err := l.write(0o600, []byte(content), "conf", "x")
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	first := write("a")
	if first.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", first.Mode().Perm())
	}
	if !os.SameFile(first, write("a")) {
		t.Error("the same content replaced the file")
	}
	if os.SameFile(first, write("b")) {
		t.Error("other content did not replace the file")
	}
}

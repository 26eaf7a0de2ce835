package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestParseExec(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args string
		want execArgs
		err  string
	}{
		{args: "-pid p -env a -env b -wait h:1 -- prog -x", want: execArgs{"p", []string{"a", "b"}, []string{"h:1"}, []string{"prog", "-x"}}},
		{args: "-- prog", want: execArgs{argv: []string{"prog"}}},
		{args: "-pid p", err: "no program"},
		{args: "-pid p --", err: "no program"},
		{args: "-pid", err: "needs a value"},
		{args: "-what x -- prog", err: "unknown option"},
	} {
		got, err := parseExec(strings.Fields(tt.args))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %q", tt.args, err, tt.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v, %v; want %+v", tt.args, got, err, tt.want)
		}
	}
}

func TestParseStartTime(t *testing.T) {
	t.Parallel()
	rest := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	for _, tt := range []struct{ stat, want string }{
		{"42 (postgres)" + rest, "4711"},
		{"42 (a name) with (parentheses))" + rest, "4711"},
		{"42 (gone) Z" + rest[2:], ""},
		{"nonsense", ""},
	} {
		got, err := parseStartTime(tt.stat)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v; want %q", tt.stat, got, err, tt.want)
		}
	}
}

// A pid alone does not name a process: the kernel gives it out again.
func TestLivePid(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "x.pid")
	if err := writePid(name, os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if got := livePid(name); got != os.Getpid() {
		t.Errorf("own pid: %d", got)
	}
	for _, content := range []string{"", "1 1", "junk", "0 5", strings.TrimSpace(mustRead(t, name)) + "9"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := livePid(name); got != 0 {
			t.Errorf("%q: %d, want none", content, got)
		}
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKillLeftovers(t *testing.T) {
	t.Parallel()
	for _, leader := range []string{"lives", "was killed"} {
		t.Run("its leader "+leader, func(t *testing.T) {
			t.Parallel()
			testKillLeftovers(t, leader == "lives")
		})
	}
}

func testKillLeftovers(t *testing.T, leaderLives bool) {
	t.Helper()
	l := &layout{data: t.TempDir(), uid: -1}
	if _, err := l.mkdir(0o755, "run"); err != nil {
		t.Fatal(err)
	}
	// A program with a child of its own, leading a group as under supervisord.
	cmd := exec.Command("sh", "-c", "sleep 600 & echo started; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("started"))); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	if err := writePid(l.path("run", "x.pid"), cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if !leaderLives {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-gone
		if !liveGroups()[cmd.Process.Pid] {
			t.Fatal("the program's child ended with it, so there is nothing to test")
		}
	}
	if err := l.killLeftovers(); err != nil {
		t.Fatal(err)
	}
	<-gone
	if liveGroups()[cmd.Process.Pid] {
		t.Error("the program's child still runs")
	}
	if exists(l.path("run", "x.pid"))() {
		t.Error("the pid file is still there")
	}
}

func TestLastLine(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log")
	for content, want := range map[string]string{
		"":                         "",
		"one\n\nFATAL: no\n \n":    ": FATAL: no",
		strings.Repeat("é", 300):   ": " + strings.Repeat("é", 200) + "…",
		"lock file already exists": ": lock file already exists",
		"FATAL: no memory\nLOG: database system is shut down": ": FATAL: no memory",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(name); got != want {
			t.Errorf("%.20q: %q, want %q", content, got, want)
		}
	}
	if got := lastLine(name + ".absent"); got != "" {
		t.Errorf("no file: %q", got)
	}
}

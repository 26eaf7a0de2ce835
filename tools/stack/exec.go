package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runLogged runs a tool with its output in log/<name>.log, and turns a failure
// into one line that names the log.
func (l *layout) runLogged(name string, cmd *exec.Cmd) error {
	if _, err := l.mkdir(0o755, "log"); err != nil {
		return err
	}
	logName := l.path("log", name+".log")
	f, err := os.Create(logName)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s failed (%w)%s; read %s", name, err, lastLine(logName), logName)
	}
	return nil
}

// cause finds the lines in which servers say why they give up.
var cause = regexp.MustCompile(`FATAL|PANIC|\[emerg\]|Caused by|[Ee]rror`)

// lastLine returns ": <last line>", shortened, of those that tell a cause or
// else of all that are not empty; "" for none.
func lastLine(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	if len(b) > 64<<10 {
		b = b[len(b)-64<<10:]
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	for _, l := range slices.Backward(lines[max(0, len(lines)-20):]) {
		if cause.MatchString(l) {
			line = strings.TrimSpace(l)
			break
		}
	}
	if line == "" {
		return ""
	}
	if r := []rune(line); len(r) > 200 {
		line = string(r[:200]) + "…"
	}
	return ": " + line
}

// execArgs is what supervisord starts: "stack exec [-pid FILE] [-env FILE]…
// [-wait ADDRESS]… -- PROGRAM ARGS…". It writes the pid file, waits until the
// addresses accept connections, and becomes the program, keeping its pid.
type execArgs struct {
	pidFile string
	env     []string
	wait    []string
	argv    []string
}

func parseExec(args []string) (execArgs, error) {
	var e execArgs
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			e.argv = args[i+1:]
			break
		}
		if i+1 == len(args) {
			return e, fmt.Errorf("exec: %s needs a value", args[i])
		}
		switch value := args[i+1]; args[i] {
		case "-pid":
			e.pidFile = value
		case "-env":
			e.env = append(e.env, value)
		case "-wait":
			e.wait = append(e.wait, value)
		default:
			return e, fmt.Errorf("exec: unknown option %s", args[i])
		}
		i++
	}
	if len(e.argv) == 0 {
		return e, errors.New("exec: no program after --")
	}
	return e, nil
}

// startLimit bounds the wait for what a program needs before it starts;
// supervisord then tries again.
const startLimit = 60 * time.Second

func (e execArgs) run() error {
	if e.pidFile != "" {
		// What an earlier run left behind when it was killed, such as NGINX's
		// workers, would hold the ports.
		if pgid := leftGroup(e.pidFile, liveGroups()); pgid != 0 {
			_ = syscall.Kill(-pgid, syscall.SIGKILL)
		}
		if err := writePid(e.pidFile, os.Getpid()); err != nil {
			return err
		}
	}
	for _, name := range e.env {
		vars, err := readEnv(name)
		if err != nil {
			return err
		}
		for _, v := range vars {
			if err := os.Setenv(v.Name, v.Value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, addr := range e.wait {
		if err := waitConnect(addr, startLimit); err != nil {
			return err
		}
	}
	bin, err := exec.LookPath(e.argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(bin, e.argv, os.Environ())
}

// waitConnect waits until addr accepts a TCP connection.
func waitConnect(addr string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return poll(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// writePid records a process as "<pid> <start time>".
func writePid(name string, pid int) error {
	start, err := startTime(pid)
	if err != nil {
		return err
	}
	tmp := name + ".new"
	if err := os.WriteFile(tmp, fmt.Appendf(nil, "%d %s\n", pid, start), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// livePid returns the pid in a pid file if that very process still runs, else 0.
func livePid(name string) int {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) != 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid <= 1 {
		return 0
	}
	if start, err := startTime(pid); err != nil || start != fields[1] {
		return 0
	}
	return pid
}

// startTime is field 22 of /proc/<pid>/stat: clock ticks from boot to the
// process's start, which together with the pid names a process for good.
func startTime(pid int) (string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", err
	}
	return parseStartTime(string(b))
}

func parseStartTime(stat string) (string, error) {
	fields := statFields(stat)
	if len(fields) < 20 || fields[0] == "Z" {
		return "", errors.New("not a running process")
	}
	return fields[19], nil
}

// statFields are the fields of /proc/<pid>/stat from the third on. The second,
// the command in parentheses, may itself hold spaces and parentheses.
func statFields(stat string) []string {
	return strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
}

// killLeftovers ends the processes of every pid file, with their process
// groups. It is for what outlived a supervisord that was itself killed.
func (l *layout) killLeftovers() error {
	files, err := filepath.Glob(l.path("run", "*.pid"))
	if err != nil {
		return err
	}
	groups := map[int]string{} // each program of supervisord leads a process group
	alive := liveGroups()
	for _, f := range files {
		if pgid := leftGroup(f, alive); pgid != 0 {
			groups[pgid] = strings.TrimSuffix(filepath.Base(f), ".pid")
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for pid := range groups {
			_ = syscall.Kill(-pid, sig)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		_ = poll(ctx, 50*time.Millisecond, func(context.Context) error {
			alive := liveGroups()
			maps.DeleteFunc(groups, func(pid int, _ string) bool { return !alive[pid] })
			if len(groups) > 0 {
				return errors.New("still running")
			}
			return nil
		})
		cancel()
	}
	for pid, name := range groups {
		return fmt.Errorf("process %d (%s) does not end; end it by hand", pid, name)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

// leftGroup is the process group of a pid file's process, if one of them still
// runs, else 0. Without its leader a group keeps its number for itself: the
// kernel gives no new process a pid that names a group.
func leftGroup(name string, alive map[int]bool) int {
	if pid := livePid(name); pid != 0 {
		return pid
	}
	b, _ := os.ReadFile(name)
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil || pid <= 1 || !alive[pid] {
		return 0
	}
	if exists(filepath.Join("/proc", strconv.Itoa(pid)))() {
		return 0 // another process, and its own group
	}
	return pid
}

// liveGroups are the process groups with a process that has not ended.
func liveGroups() map[int]bool {
	groups := map[int]bool{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		if f := statFields(string(b)); len(f) > 2 && f[0] != "Z" {
			if pgid, err := strconv.Atoi(f[2]); err == nil {
				groups[pgid] = true
			}
		}
	}
	return groups
}

// poll calls f every interval until it returns nil or ctx ends, and then
// returns f's last error.
func poll(ctx context.Context, interval time.Duration, f func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

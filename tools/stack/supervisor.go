package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// socket is supervisord's control socket. The kernel allows 107 bytes for its
// path, so a deep checkout gets one in the folder for temporary files.
func (l *layout) socket() string {
	if s := l.path("run", "supervisor.sock"); len(s) <= 100 {
		return s
	}
	sum := sha256.Sum256([]byte(l.data))
	return os.TempDir() + "/jobpilot-" + hex.EncodeToString(sum[:6]) + ".sock"
}

// writePrograms writes conf/<group>.ini. Each program's environment carries a
// hash of what it depends on, so that supervisord's "update" restarts it when
// that changed, and only then.
func (l *layout) writePrograms(group string, programs []program) error {
	type entry struct {
		Name, Command, Dir, User, Environment, StopSignal, LogFile string
		Priority                                                   int
	}
	var entries []entry
	for _, p := range programs {
		hash, err := hashFiles(append(p.watch, p.files...))
		if err != nil {
			return err
		}
		e := entry{
			Name: p.name, Command: p.command(l), Dir: p.dir, User: l.userName, Priority: p.order,
			Environment: environment(append(p.env, envVar{"STACK_HASH", hash})),
			StopSignal:  p.stop, LogFile: l.path("log", p.name+".log"),
		}
		if p.asRoot {
			e.User = ""
		}
		if e.Dir == "" {
			e.Dir = l.data
		}
		if e.StopSignal == "" {
			e.StopSignal = "TERM"
		}
		entries = append(entries, e)
	}
	_, err := l.writeConf2(group+".ini", "program.ini", entries)
	return err
}

// writeConf2 is writeConf for a template that is used under several names.
func (l *layout) writeConf2(name, tmpl string, data any) (string, error) {
	b, err := render(tmpl, data)
	if err != nil {
		return "", err
	}
	return l.write(0o600, b, "conf", name)
}

// environment formats variables for supervisord.
func environment(vars []envVar) string {
	parts := make([]string, len(vars))
	for i, v := range vars {
		parts[i] = v.Name + `="` + strings.ReplaceAll(v.Value, "%", "%%") + `"`
	}
	return strings.Join(parts, ",")
}

// state is one line of supervisord's status.
type state struct {
	name, state, detail string
	pid                 int
}

// parseStates reads the output of "supervisorctl status".
func parseStates(out string) []state {
	var states []state
	for _, line := range strings.Split(out, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.ToUpper(fields[1]) != fields[1] {
			continue
		}
		s := state{name: fields[0], state: fields[1], detail: strings.Join(fields[2:], " ")}
		for i, f := range fields {
			if f == "pid" && i+1 < len(fields) {
				s.pid, _ = strconv.Atoi(strings.TrimSuffix(fields[i+1], ","))
			}
		}
		states = append(states, s)
	}
	return states
}

// supervisorctl runs one command against our supervisord.
func (l *layout) supervisorctl(args ...string) (string, error) {
	cmd := exec.Command("supervisorctl", append([]string{"-c", l.path("conf", "supervisord.conf")}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// states asks supervisord for its programs; nil without an error means that it
// does not run.
func (l *layout) states() ([]state, error) {
	if !exists(l.path("conf", "supervisord.conf"))() {
		return nil, nil
	}
	out, err := l.supervisorctl("status") // exits 3 when a program is not running
	if strings.Contains(out, "no such file") || strings.Contains(out, "refused connection") {
		return nil, nil
	}
	states := parseStates(out)
	if len(states) == 0 && err != nil {
		return nil, fmt.Errorf("supervisorctl status: %s; read %s", strings.TrimSpace(out), l.path("log", "supervisord.log"))
	}
	if states == nil {
		states = []state{}
	}
	return states, nil
}

// startSupervisor starts supervisord on the servers' configuration.
func (l *layout) startSupervisor() error {
	if _, err := l.writeConf("supervisord.conf", l.settings(nil)); err != nil {
		return err
	}
	cmd := exec.Command("supervisord", "-c", l.path("conf", "supervisord.conf"))
	cmd.Dir = l.data
	// The servers must not depend on what happens to be set in a person's shell.
	cmd.Env = []string{"PATH=" + systemPath(os.Getenv("PATH")), "HOME=" + l.data, "LANG=C.UTF-8", "TZ=UTC"}
	return l.runLogged("supervisord-start", cmd)
}

// apply makes supervisord take over changed configuration.
func (l *layout) apply() error {
	out, err := l.supervisorctl("update")
	if err != nil {
		return fmt.Errorf("supervisord refuses its configuration: %s", strings.TrimSpace(out))
	}
	if strings.Contains(out, "ERROR") {
		return fmt.Errorf("supervisord refuses its configuration: %s", strings.TrimSpace(out))
	}
	return nil
}

// readyLimit is how long a server may take until it answers, on a cold and
// busy machine.
const readyLimit = 120 * time.Second

// awaitReady waits for all programs at once and names the first that fails.
func (l *layout) awaitReady(programs []program) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	errs := make(chan error, len(programs)+1)
	for _, p := range programs {
		go func() { errs <- l.awaitOne(ctx, p) }()
	}
	done := make(chan struct{})
	go l.watchFatal(ctx, programs, errs, done)
	defer close(done)
	for range programs {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func (l *layout) awaitOne(ctx context.Context, p program) error {
	err := poll(ctx, 100*time.Millisecond, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return p.ready(ctx)
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s is not ready after %s (%w); read %s", p.title, readyLimit, err, l.path("log", p.name+".log"))
}

// watchFatal notices programs that cannot start long before the time is up.
func (l *layout) watchFatal(ctx context.Context, programs []program, errs chan<- error, done <-chan struct{}) {
	var seen failures
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		states, err := l.states()
		if err != nil {
			continue
		}
		for _, s := range states {
			for _, p := range programs {
				if p.name == s.name && seen.hopeless(s) {
					log := l.path("log", p.name+".log")
					select {
					case errs <- fmt.Errorf("%s does not start%s; read %s", p.title, lastLine(log), log):
					default:
					}
					return
				}
			}
		}
	}
}

// failures counts, by program, how often it was seen failing to start or with
// another pid than before: some live for a while before they give up.
type failures struct {
	count map[string]int
	pid   map[string]int
}

// hopeless takes note of a program's state and reports whether to stop waiting
// for it.
func (f *failures) hopeless(s state) bool {
	if f.count == nil {
		f.count, f.pid = map[string]int{}, map[string]int{}
	}
	before := f.pid[s.name]
	if s.pid != 0 {
		f.pid[s.name] = s.pid
	}
	if s.state == "BACKOFF" || before != 0 && s.pid != 0 && s.pid != before {
		f.count[s.name]++
	}
	return s.state == "FATAL" || f.count[s.name] > 3
}

// stopAll shuts supervisord down with everything it keeps, then ends what is left.
func (l *layout) stopAll() error {
	states, err := l.states()
	if err != nil {
		return err
	}
	if states != nil {
		if out, err := l.supervisorctl("shutdown"); err != nil {
			return fmt.Errorf("supervisorctl shutdown: %s", strings.TrimSpace(out))
		}
		ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
		defer cancel()
		if err := poll(ctx, 100*time.Millisecond, func(context.Context) error {
			if exists(l.path("run", "supervisord.pid"))() {
				return errors.New("supervisord is still stopping its programs")
			}
			return nil
		}); err != nil {
			return fmt.Errorf("%w; read %s", err, l.path("log", "supervisord.log"))
		}
	}
	return l.killLeftovers()
}

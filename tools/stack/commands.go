package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

var errDown = errors.New("nothing runs; start it with make up")

// running returns supervisord's programs; that it does not run is an error.
func (s stack) running() ([]state, error) {
	states, err := s.l.states()
	if err == nil && states == nil {
		err = errDown
	}
	return states, err
}

// allPrograms are the servers and the started instances' programs.
func (s stack) allPrograms() ([]program, error) {
	l := s.l
	if err := l.useServerUser(); err != nil {
		return nil, err
	}
	secrets, err := l.serverSecrets()
	if err != nil {
		return nil, err
	}
	programs, err := l.servers(secrets, serverTools{})
	if err != nil {
		return nil, err
	}
	services, err := l.services()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"dev", "test"} {
		if !exists(l.path("conf", name+".ini"))() {
			continue
		}
		more, err := instances[name].programs(l, services)
		if err != nil {
			return nil, err
		}
		programs = append(programs, more...)
	}
	return programs, nil
}

// status prints each program with supervisord's view of it and its own answer.
// A program that does not answer makes the command fail.
func (s stack) status(ctx context.Context) error {
	states, err := s.running()
	if err != nil {
		return err
	}
	programs, err := s.allPrograms()
	if err != nil {
		return err
	}
	answers := make([]error, len(programs))
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i, p := range programs {
		wg.Go(func() { answers[i] = p.ready(ctx) })
	}
	wg.Wait()
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROCESS\tANSWERS\tPORTS\tDETAIL")
	bad := 0
	for i, p := range programs {
		at := slices.IndexFunc(states, func(st state) bool { return st.name == p.name })
		st := state{state: "ABSENT"}
		if at >= 0 {
			st = states[at]
		}
		answer := "yes"
		if answers[i] != nil {
			answer = "no"
			st.detail = answers[i].Error()
			bad++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.name, strings.ToLower(st.state), answer, joinPorts(p.ports), st.detail)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d programs do not answer; see make logs SERVICE=…", bad, len(programs))
	}
	return nil
}

func joinPorts(ports []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ports)), ","), "[]")
}

// programName resolves what a person calls a program within an instance to
// supervisord's name for it.
func (s stack) programName(in instance, service string) (string, error) {
	states, err := s.running()
	if err != nil {
		return "", err
	}
	var names []string
	for _, st := range states {
		names = append(names, st.name)
	}
	for _, name := range []string{in.prefix + service, service} {
		if slices.Contains(names, name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("nothing called %q runs; there are: %s", service, strings.Join(names, ", "))
}

// logs becomes tail, which follows the log over its rotation.
func (s stack) logs(in instance, service string) error {
	file := s.l.path("log", in.prefix+service+".log")
	if !exists(file)() {
		file = s.l.path("log", service+".log")
	}
	if !exists(file)() {
		logs, _ := filepath.Glob(s.l.path("log", "*.log"))
		for i, name := range logs {
			logs[i] = strings.TrimSuffix(filepath.Base(name), ".log")
		}
		return fmt.Errorf("no log of %q; there are: %s", service, strings.Join(logs, ", "))
	}
	return become("tail", "-n", "200", "-F", file)
}

// become replaces this process by another program.
func become(name string, args ...string) error {
	bin, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	return syscall.Exec(bin, append([]string{name}, args...), os.Environ())
}

// restart rebuilds a service, if it is one, runs new migrations and restarts the program.
func (s stack) restart(ctx context.Context, in instance, service string) error {
	name, err := s.programName(in, service)
	if err != nil {
		return err
	}
	if err := s.l.useServerUser(); err != nil {
		return err
	}
	services, err := s.l.services()
	if err != nil {
		return err
	}
	if slices.Contains(services, service) {
		if err := s.l.build("./tools/migrate", "./services/"+service); err != nil {
			return err
		}
		if err := step("migrating "+in.database, func() error { return in.migrate(ctx, s.l) }); err != nil {
			return err
		}
	}
	return step("restarting "+name, func() error {
		if out, err := s.l.supervisorctl("restart", name); err != nil {
			return fmt.Errorf("%s; read %s", strings.TrimSpace(out), s.l.path("log", name+".log"))
		}
		return s.awaitProgram(name)
	})
}

func (s stack) awaitProgram(name string) error {
	programs, err := s.allPrograms()
	if err != nil {
		return err
	}
	return s.l.awaitReady(slices.DeleteFunc(programs, func(p program) bool { return p.name != name }))
}

// psql opens a session as the role of a service, or as the superuser.
func (s stack) psql(in instance, service string) error {
	secrets, err := readEnvMap(s.l.path("env", "servers.env"))
	if err != nil {
		return err
	}
	role, password := "postgres", secrets["POSTGRES_PASSWORD"]
	if service != "" {
		env, err := readEnvMap(in.serviceEnvFile(s.l, service))
		if err != nil {
			return err
		}
		if env["DATABASE_PASSWORD"] == "" {
			return fmt.Errorf("%s has no database role; run make up, and see migrations/ for who has one", service)
		}
		role, password = in.role(service), env["DATABASE_PASSWORD"]
	}
	// Not on the command line, which is there for everybody to read.
	if err := os.Setenv("PGPASSWORD", password); err != nil {
		return err
	}
	return become("psql", "-h", "127.0.0.1", "-p", fmt.Sprint(portPostgres), "-U", role, "-d", in.database)
}

// env prints an environment as NAME=value lines.
func (s stack) env(in instance, service string) error {
	vars, err := in.serviceEnv(s.l, service)
	if err != nil {
		return err
	}
	_, err = fmt.Println(strings.Join(vars, "\n"))
	return err
}

// run becomes a program that has the instance's environment.
func (s stack) run(in instance, args []string) error {
	if len(args) == 0 {
		return errors.New("run: which program?")
	}
	vars, err := readEnv(in.envFile(s.l))
	if err != nil {
		return fmt.Errorf("%w; run make up", err)
	}
	for _, v := range vars {
		if err := os.Setenv(v.Name, v.Value); err != nil {
			return err
		}
	}
	return become(args[0], args[1:]...)
}

// clean stops everything and removes the data; with all, what was downloaded too.
// The secrets of containers stay as long as their volumes may be there.
func (s stack) clean(all bool) error {
	l := s.l
	if err := s.down(nil); err != nil {
		return err
	}
	return step("removing the data", func() error {
		entries, err := os.ReadDir(l.data)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !all && slices.Contains([]string{"tools", "bin", "compose"}, e.Name()) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(l.data, e.Name())); err != nil {
				return err
			}
		}
		if !all {
			return nil
		}
		return errors.Join(os.RemoveAll(l.data), os.RemoveAll(l.source(".data")))
	})
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// build compiles our own programs into bin/. The Go tool does nothing when
// nothing changed, and puts a new file in the place of the old one, which a
// running program keeps.
func (l *layout) build(packages ...string) error {
	return step("building", func() error {
		cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-o", l.path("bin") + "/"}, packages...)...)
		cmd.Dir = l.root
		return l.runLogged("build", cmd)
	})
}

// servicePackages are what build needs for the services, and for the job site
// that they find jobs on.
func servicePackages(services []string) []string {
	packages := make([]string, len(services), len(services)+1)
	for i, s := range services {
		packages[i] = "./services/" + s
	}
	return append(packages, "./tools/jobboard")
}

// programs are an instance's services, its gateway and its local job site.
func (in instance) programs(l *layout, services []string) ([]program, error) {
	var programs []program
	for _, s := range services {
		port := in.port(servicePorts[s])
		programs = append(programs, program{
			name: in.prefix + s, title: in.title(s), order: 500,
			argv:  []string{l.path("bin", s), "serve"},
			files: []string{in.envFile(l), in.serviceEnvFile(l, s)},
			watch: []string{l.path("bin", s)},
			ports: []int{port, port + adminOffset},
			ready: in.serviceReady(l, s),
		})
	}
	if len(services) == 0 || !hasGateway(l) {
		return programs, nil
	}
	gateway, err := in.gateway(l)
	return append(programs, in.board(l), gateway), err
}

// board is the local job site.
func (in instance) board(l *layout) program {
	port := in.port(portBoard)
	return program{
		name: in.prefix + "jobboard", title: in.title("job board"), order: 500,
		argv:  []string{l.path("bin", "jobboard"), "-addr", addr(port)},
		files: []string{in.envFile(l)}, // the mail server, for its letters
		watch: []string{l.path("bin", "jobboard")},
		ports: []int{port},
		ready: func(ctx context.Context) error { return getOK(ctx, "http://"+addr(port)+"/_board/health") },
	}
}

// title names a program for people: the instance too, unless it is the usual one.
func (in instance) title(name string) string {
	if in.prefix == "" {
		return name
	}
	return name + " (" + in.name + ")"
}

// serviceReady asks a service's admin listener, at the address it was given,
// which .env may have changed.
func (in instance) serviceReady(l *layout, service string) func(context.Context) error {
	return func(ctx context.Context) error {
		env, err := readEnvMap(in.serviceEnvFile(l, service))
		if err != nil {
			return err
		}
		return getOK(ctx, "http://"+env["ADMIN_ADDR"]+"/readyz")
	}
}

// startServices starts the instance's services, those that already run being
// touched only if they changed. Services call each other with keys that auth
// issues, so auth is first.
func (s stack) startServices(ctx context.Context, in instance) ([]program, error) {
	l := s.l
	services, err := l.services()
	if err != nil || len(services) == 0 {
		return nil, err
	}
	keyed, keyless, err := in.splitByKey(l, services)
	if err != nil {
		return nil, err
	}
	if len(keyless) > 0 {
		if err := s.startPrograms(in, keyed); err != nil {
			return nil, err
		}
		for _, service := range keyless {
			if err := in.issueKey(ctx, l, service); err != nil {
				return nil, fmt.Errorf("auth cannot issue a key for %s: %w", service, err)
			}
		}
	}
	if err := s.startPrograms(in, services); err != nil {
		return nil, err
	}
	return in.programs(l, services)
}

func (s stack) startPrograms(in instance, services []string) error {
	l := s.l
	programs, err := in.programs(l, services)
	if err != nil {
		return err
	}
	states, err := l.states()
	if err != nil {
		return err
	}
	if err := checkPorts(notRunning(programs, states)); err != nil {
		return err
	}
	if err := l.writePrograms(in.name, programs); err != nil {
		return err
	}
	return step("starting "+in.name+": "+strings.Join(services, ", "), func() error {
		if err := l.apply(); err != nil {
			return err
		}
		if err := l.startStopped(programs); err != nil {
			return err
		}
		return l.awaitReady(programs)
	})
}

// notRunning are the programs that supervisord does not keep yet, whose ports
// therefore must be free.
func notRunning(programs []program, states []state) []program {
	return slices.DeleteFunc(slices.Clone(programs), func(p program) bool {
		return slices.ContainsFunc(states, func(s state) bool { return s.name == p.name })
	})
}

// startStopped starts programs that supervisord has given up or that somebody stopped.
func (l *layout) startStopped(programs []program) error {
	states, err := l.states()
	if err != nil {
		return err
	}
	for _, s := range states {
		known := slices.ContainsFunc(programs, func(p program) bool { return p.name == s.name })
		if known && (s.state == "STOPPED" || s.state == "FATAL" || s.state == "EXITED") {
			if out, err := l.supervisorctl("start", s.name); err != nil {
				return fmt.Errorf("cannot start %s: %s; read %s", s.name, strings.TrimSpace(out), l.path("log", s.name+".log"))
			}
		}
	}
	return nil
}

// splitByKey tells services that can start now from those that auth must
// first issue a key for.
func (in instance) splitByKey(l *layout, services []string) (keyed, keyless []string, err error) {
	for _, s := range services {
		env, err := readEnvMap(in.serviceEnvFile(l, s))
		if err != nil {
			return nil, nil, err
		}
		if s == "auth" || env["SERVICE_KEY"] != "" {
			keyed = append(keyed, s)
		} else {
			keyless = append(keyless, s)
		}
	}
	return keyed, keyless, nil
}

// issueKey has auth issue a service key and keeps it.
func (in instance) issueKey(ctx context.Context, l *layout, service string) error {
	key, err := in.authCommand(ctx, l, "service-key", "issue", "--service", service)
	if err != nil {
		return err
	}
	vars, err := readEnv(in.serviceEnvFile(l, service))
	if err != nil {
		return err
	}
	vars = append(vars, envVar{"SERVICE_KEY", key})
	_, err = l.write(0o600, formatEnv("What "+service+" of instance "+in.name+" has beside "+in.name+".env.", vars), "env", in.name+"."+service+".env")
	return err
}

// authCommand runs one of auth's commands with its environment and returns what it prints.
func (in instance) authCommand(ctx context.Context, l *layout, args ...string) (string, error) {
	env, err := in.serviceEnv(l, "auth")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, l.path("bin", "auth"), args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// serviceEnv is the whole environment of a service, as NAME=value. An empty
// service is the instance's alone.
func (in instance) serviceEnv(l *layout, service string) ([]string, error) {
	files := []string{in.envFile(l)}
	if service != "" {
		files = append(files, in.serviceEnvFile(l, service))
	}
	var env []string
	for _, f := range files {
		vars, err := readEnv(f)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s is not there; run make up", f)
		}
		if err != nil {
			return nil, err
		}
		for _, v := range vars {
			env = append(env, v.Name+"="+v.Value)
		}
	}
	return env, nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// stack is the commands' common ground.
type stack struct{ l *layout }

// install brings everything that up needs from elsewhere.
func (s stack) install() error {
	if err := s.l.install(); err != nil {
		return err
	}
	if err := s.l.useServerUser(); err != nil {
		return err
	}
	_, err := s.l.fetchServerTools()
	return err
}

// up brings the machine to the wanted state, from whatever state it is in.
func (s stack) up(ctx context.Context, instanceName, only string) error {
	if instanceName == "" {
		instanceName = "dev"
	}
	in, err := findInstance(instanceName)
	if err != nil {
		return err
	}
	if only != "" && only != "servers" {
		return fmt.Errorf("-only %s: there is only \"servers\"", only)
	}
	start := time.Now()
	l := s.l
	if err := l.lock(); err != nil {
		return err
	}
	if err := l.checkDisk(); err != nil {
		return err
	}
	if err := l.install(); err != nil {
		return err
	}
	if err := l.useServerUser(); err != nil {
		return err
	}
	tools, err := l.fetchServerTools()
	if err != nil {
		return err
	}
	if err := l.build(); err != nil {
		return err
	}
	c, err := s.startServers(tools)
	if err != nil {
		return err
	}
	// Both instances' environments and names are made in any case, so that
	// tests can run beside what a person works with.
	for _, each := range []instance{instances["dev"], instances["test"]} {
		env, err := each.writeEnv(l, c.secrets)
		if err != nil {
			return err
		}
		if err := each.prepare(ctx, l, c, env); err != nil {
			return err
		}
	}
	_ = in
	say("ready in %.1fs", time.Since(start).Seconds())
	return nil
}

// startServers writes the data servers' configuration, starts or updates them
// and waits until each answers.
func (s stack) startServers(tools serverTools) (checks, error) {
	l := s.l
	secrets, err := l.serverSecrets()
	if err != nil {
		return checks{}, err
	}
	c := checks{secrets}
	programs, err := l.servers(secrets, tools)
	if err != nil {
		return c, err
	}
	running, err := l.states()
	if err != nil {
		return c, err
	}
	if running == nil {
		if err := l.killLeftovers(); err != nil {
			return c, err
		}
		if err := checkPorts(programs); err != nil {
			return c, err
		}
		// Services follow when the servers are ready and prepared.
		for name := range instances {
			if err := os.RemoveAll(l.path("conf", name+".ini")); err != nil {
				return c, err
			}
		}
	}
	if err := l.writePrograms("servers", programs); err != nil {
		return c, err
	}
	return c, step("starting the data servers", func() error {
		if running == nil {
			err = l.startSupervisor()
		} else {
			err = l.apply()
		}
		if err != nil {
			return err
		}
		return l.awaitReady(programs)
	})
}

// build compiles our own programs; the Go tool does nothing when nothing changed.
func (l *layout) build() error {
	packages := []string{"./tools/stack"}
	return step("building", func() error {
		cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-trimpath", "-o", l.path("bin") + "/"}, packages...)...)
		cmd.Dir = l.root
		return l.runLogged("build", cmd)
	})
}

// down stops one instance's services, or everything.
func (s stack) down(instanceName string) error {
	l := s.l
	if err := l.lock(); err != nil {
		return err
	}
	return step("stopping", l.stopAll)
}

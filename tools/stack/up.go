package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// stack is the commands' common ground.
type stack struct{ l *layout }

// install brings everything that up needs from elsewhere.
func (s stack) install() (serverTools, error) {
	if err := s.l.install(); err != nil {
		return serverTools{}, err
	}
	if err := s.l.useServerUser(); err != nil {
		return serverTools{}, err
	}
	tools, err := s.l.fetchServerTools()
	if err != nil {
		return tools, err
	}
	return tools, s.l.makeDocs()
}

// up brings the machine to the wanted state, from whatever state it is in.
// With serversOnly it stops short of the instance's services.
func (s stack) up(ctx context.Context, in instance, serversOnly bool) error {
	start := time.Now()
	l := s.l
	if err := l.lock(); err != nil {
		return err
	}
	defer l.unlock()
	if err := l.checkDisk(); err != nil {
		return err
	}
	tools, err := s.install()
	if err != nil {
		return err
	}
	packages := []string{"./tools/stack", "./tools/migrate"}
	if !serversOnly {
		services, err := l.services()
		if err != nil {
			return err
		}
		packages = append(packages, servicePackages(services)...)
	}
	if err := l.build(packages...); err != nil {
		return err
	}
	b, err := s.startServers(tools)
	if err != nil {
		return err
	}
	if err := l.ensureCertificate(time.Now()); err != nil {
		return err
	}
	// Every instance gets its names on the servers, so that tests can run
	// beside what a person works with.
	if err := step("preparing databases, queues and buckets", func() error {
		for _, each := range instances {
			if err := each.prepare(ctx, l, b); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	var programs []program
	if !serversOnly {
		if err := step("migrating "+in.database, func() error { return in.migrate(ctx, l) }); err != nil {
			return err
		}
		if programs, err = s.startServices(ctx, in); err != nil {
			return err
		}
	}
	say("ready in %.1fs\n", time.Since(start).Seconds())
	return printURLs(in, programs)
}

// startServers writes the data servers' configuration, starts or updates them
// and waits until each answers.
func (s stack) startServers(tools serverTools) (backend, error) {
	l := s.l
	secrets, err := l.serverSecrets()
	if err != nil {
		return backend{}, err
	}
	b := localBackend(secrets)
	programs, err := l.servers(secrets, tools)
	if err != nil {
		return b, err
	}
	running, err := l.states()
	if err != nil {
		return b, err
	}
	if running == nil {
		if err := l.killLeftovers(); err != nil {
			return b, err
		}
		// Services follow when the servers are ready and prepared.
		for name := range instances {
			if err := os.RemoveAll(l.path("conf", name+".ini")); err != nil {
				return b, err
			}
		}
	}
	if err := checkPorts(notRunning(programs, running)); err != nil {
		return b, err
	}
	if err := l.writePrograms("servers", programs); err != nil {
		return b, err
	}
	return b, step("starting the data servers", func() error {
		if running == nil {
			err = l.startSupervisor()
		} else {
			err = l.apply()
		}
		if err != nil {
			return err
		}
		if err := l.startStopped(programs); err != nil {
			return err
		}
		return l.awaitReady(programs)
	})
}

// prepare makes the instance's environment and its names on the data servers.
func (in instance) prepare(ctx context.Context, l *layout, b backend) error {
	env, err := in.writeEnv(l, b.secrets)
	if err != nil {
		return err
	}
	schemas, err := l.schemas()
	if err != nil {
		return err
	}
	passwords := map[string]string{}
	for _, s := range schemas[1:] {
		own, err := readEnvMap(in.serviceEnvFile(l, s))
		if err != nil {
			return err
		}
		passwords[s] = own["DATABASE_PASSWORD"]
	}
	topology, err := readTopology(l.source(topologyFile))
	if err != nil {
		return err
	}
	if err := b.prepare(ctx, in, env["MIGRATE_PASSWORD"], env["RABBITMQ_PASSWORD"], passwords, topology); err != nil {
		return fmt.Errorf("cannot prepare the instance %s: %w; the servers' logs are in %s", in.name, err, l.path("log"))
	}
	return nil
}

// prepare makes the instance's names on the data servers: roles and database,
// vhost, user and queues, buckets. Queues are made before anybody publishes, so
// that what is sent before its consumer first starts is kept.
func (b backend) prepare(ctx context.Context, in instance, ownerPassword, rabbitPassword string, services map[string]string, topology *rabbit.Topology) error {
	if err := b.prepareDatabase(ctx, in, ownerPassword, services); err != nil {
		return fmt.Errorf("database %s: %w", in.database, err)
	}
	if err := b.prepareVhost(ctx, in, rabbitPassword); err != nil {
		return fmt.Errorf("vhost %s: %w", in.vhost, err)
	}
	conn, err := rabbit.Open(b.rabbitURL(in.vhost, in.vhost, rabbitPassword), rabbit.Options{Name: "stack", Topology: topology})
	if err != nil {
		return err
	}
	defer conn.Close()
	declaring, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := conn.Declare(declaring); err != nil {
		return err
	}
	if err := b.s3Client().makeBuckets(ctx, in.name); err != nil {
		return fmt.Errorf("buckets: %w", err)
	}
	return nil
}

// topologyFile names the exchanges and queues, made from the event catalogue.
const topologyFile = "deploy/rabbitmq/topology.gen.json"

func readTopology(file string) (*rabbit.Topology, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the queues: %w; TOPOLOGY_FILE names what make generate writes to %s", err, topologyFile)
	}
	return rabbit.ParseTopology(b)
}

// migrate runs tools/migrate over all schemas of the instance.
func (in instance) migrate(ctx context.Context, l *layout) error {
	env, err := readEnvMap(in.envFile(l))
	if err != nil {
		return err
	}
	schemas, err := l.schemas()
	if err != nil {
		return err
	}
	args := append([]string{"-dir", l.source("migrations"), "up"}, schemas...)
	cmd := exec.CommandContext(ctx, l.path("bin", "migrate"), args...)
	cmd.Env = append(os.Environ(), "MIGRATE_URL="+localBackend(nil).migrateURL(in, env["MIGRATE_PASSWORD"]))
	return l.runLogged("migrate", cmd)
}

// printURLs tells where everything is.
func printURLs(in instance, programs []program) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	row := func(what, where string) { fmt.Fprintf(w, "  %s\t%s\n", what, where) }
	for _, p := range programs {
		switch {
		case filepath.Base(p.argv[0]) == "nginx":
			row("JobPilot", fmt.Sprintf("https://localhost:%d  (plain http://127.0.0.1:%d)", in.port(portGatewayHTTPS), in.port(portGatewayHTTP)))
			row("API documentation", fmt.Sprintf("https://localhost:%d/docs", in.port(portGatewayHTTPS)))
		case len(p.ports) == 2:
			row(p.title, fmt.Sprintf("http://%s  (admin http://%s)", addr(p.ports[0]), addr(p.ports[1])))
		}
	}
	row("mail that was sent", "http://"+addr(portMailWeb))
	row("RabbitMQ", fmt.Sprintf("http://%s  (user admin)", addr(portRabbitAdmin)))
	row("PostgreSQL", fmt.Sprintf("%s, database %s  (make psql SERVICE=…)", addr(portPostgres), in.database))
	row("search", "http://"+addr(portSearch))
	row("S3", "http://"+addr(portS3))
	row("passwords", strings.Join([]string{".data/env/servers.env", ".data/env/" + in.name + ".env"}, ", "))
	return w.Flush()
}

// down stops one instance's services, or everything.
func (s stack) down(in *instance) error {
	l := s.l
	if err := l.lock(); err != nil {
		return err
	}
	defer l.unlock()
	if in == nil {
		return step("stopping everything", l.stopAll)
	}
	states, err := l.states()
	if err != nil || states == nil {
		return err
	}
	return step("stopping "+in.name, func() error {
		if err := os.RemoveAll(l.path("conf", in.name+".ini")); err != nil {
			return err
		}
		return l.apply()
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// composeCommands are what follows "docker compose" for the commands that the
// platform in containers shares with the one on this machine.
var composeCommands = map[string][]string{
	"up":     {"up", "--build", "--detach", "--wait", "--remove-orphans"},
	"down":   {"down", "--remove-orphans"},
	"status": {"ps", "--all"},
	"logs":   {"logs", "--follow", "--tail", "200"},
	"clean":  {"down", "--remove-orphans", "--volumes", "--rmi", "local"},
}

// compose runs docker compose with secrets that are made once, in the data folder.
func (s stack) compose(args []string) error {
	var command []string
	if len(args) > 0 {
		command = composeCommands[args[0]]
	}
	if command == nil || strings.HasPrefix(strings.Join(args[1:], ""), "-") { // an option such as -instance has no meaning here
		return errors.New("usage: compose up|down|status|logs|clean [SERVICE]")
	}
	if !onPath("docker")() {
		return errors.New("docker is not installed; install it, or run everything without: make up")
	}
	if args[0] != "clean" && !exists(s.l.path("compose", "env"))() && exec.Command("docker", "volume", "inspect", "jobpilot_postgres").Run() == nil {
		return fmt.Errorf("volumes of an earlier run are there, but not their secrets in %s; put those back, or remove the data: make clean STACK=compose",
			s.l.path("compose"))
	}
	if err := s.l.ensureCertificate(time.Now()); err != nil {
		return err
	}
	env, err := s.l.composeEnv()
	if err != nil {
		return err
	}
	command = append([]string{"compose", "--env-file", env, "--project-directory", s.l.root}, command...)
	return become("docker", append(command, args[1:]...)...)
}

// composeEnv writes the values that docker-compose.yml refers to.
func (l *layout) composeEnv() (string, error) {
	if _, err := l.mkdir(0o700, "compose"); err != nil {
		return "", err
	}
	old, err := readEnvMap(l.path("compose", "env"))
	if err != nil {
		return "", err
	}
	// A container's user is nobody on this machine, so it gets a key that all
	// may read, in a folder that only its owner may enter.
	for _, name := range []string{"gateway.pem", "gateway.key"} {
		b, err := os.ReadFile(l.path("tls", name))
		if err != nil {
			return "", err
		}
		if _, err := l.write(0o644, b, "compose", "tls", name); err != nil {
			return "", err
		}
	}
	vars := []envVar{{"TLS_DIR", l.path("compose", "tls")}}
	for _, name := range []string{"POSTGRES_PASSWORD", "PGBOUNCER_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_ADMIN_PASSWORD", "RABBITMQ_PASSWORD",
		"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "MIGRATE_PASSWORD"} {
		vars = append(vars, envVar{name, keep(old, name, password)})
	}
	schemas, err := l.schemas()
	if err != nil {
		return "", err
	}
	var keys []string
	for _, s := range schemas[1:] {
		name := servicePasswordName(s)
		vars = append(vars, envVar{name, keep(old, name, password)})
		if s != "auth" {
			name := serviceVariable(s, "SERVICE_KEY")
			key := keep(old, name, func() string { return "jps_" + s + "_" + password() })
			vars, keys = append(vars, envVar{name, key}), append(keys, key)
		}
	}
	vars = append(vars, envVar{"SERVICE_KEYS", strings.Join(keys, ",")})
	vars = append(vars, envVar{"SEAL_KEYS", keep(old, "SEAL_KEYS", func() string { return "1:" + key256() })})
	for _, name := range []string{"LOOKUP_KEY", "CURSOR_KEY", "PASSWORD_PEPPER", "VAPID_PRIVATE_KEY"} {
		vars = append(vars, envVar{name, keep(old, name, key256)})
	}
	return l.write(0o600, formatEnv("Values for docker-compose.yml, made once by tools/stack.", vars), "compose", "env")
}

// servicePasswordName is the variable with the password of a service's database role.
func servicePasswordName(service string) string {
	return serviceVariable(service, "DATABASE_PASSWORD")
}

func serviceVariable(service, name string) string {
	return strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + "_" + name
}

// prepareLimit is how long prepare waits for servers that start beside it.
const prepareLimit = 3 * time.Minute

// prepareFromEnv makes the names of the instance "dev" on the servers that the
// environment gives, for Compose; see the service "prepare" in docker-compose.yml.
func prepareFromEnv(ctx context.Context) error {
	b := backend{secrets: map[string]string{}}
	var missing []string
	get := func(name string) string {
		v := os.Getenv(name)
		if v == "" {
			missing = append(missing, name)
		}
		return v
	}
	for name, field := range map[string]*string{
		"POSTGRES_ADDR": &b.postgres, "RABBITMQ_ADDR": &b.rabbit, "RABBITMQ_ADMIN_ADDR": &b.rabbitAdmin, "S3_ADDR": &b.s3,
	} {
		*field = get(name)
	}
	for _, name := range []string{"POSTGRES_PASSWORD", "PGBOUNCER_PASSWORD", "RABBITMQ_ADMIN_PASSWORD", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"} {
		b.secrets[name] = get(name)
	}
	owner, queues := get("MIGRATE_PASSWORD"), get("RABBITMQ_PASSWORD")
	services := map[string]string{}
	for service := range strings.FieldsSeq(get("SERVICES")) {
		services[service] = get(servicePasswordName(service))
	}
	if len(missing) > 0 {
		return fmt.Errorf("prepare: set %s", strings.Join(missing, ", "))
	}
	topology, err := readTopology(os.Getenv("TOPOLOGY_FILE"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	for _, check := range []func(context.Context) error{b.checkPostgres, b.preparePgBouncer, b.checkRabbit, b.checkS3} {
		if err := poll(ctx, 500*time.Millisecond, check); err != nil {
			return err
		}
	}
	return b.prepare(ctx, instances["dev"], owner, queues, services, topology)
}

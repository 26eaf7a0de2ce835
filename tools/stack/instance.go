package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// instance is one set of services with its names on the data servers.
type instance struct {
	name     string // dev or test
	offset   int    // added to the ports of gateway and services
	database string
	vhost    string
	redisDB  int
	prefix   string // of the names of its programs
}

var instances = map[string]instance{
	"dev":  {name: "dev", database: "jobpilot", vhost: "jobpilot", redisDB: 0},
	"test": {name: "test", offset: testOffset, database: "jobpilot_test", vhost: "jobpilot-test", redisDB: 1, prefix: "test-"},
}

func findInstance(name string) (instance, error) {
	in, ok := instances[name]
	if !ok {
		return in, fmt.Errorf("no instance %q; there are dev and test", name)
	}
	return in, nil
}

func (in instance) port(base int) int { return base + in.offset }

// role is the database role of a service: it has DML on the service's schema.
func (in instance) role(service string) string {
	return in.database + "_" + strings.ReplaceAll(service, "-", "_")
}

// owner is the database role that owns the schemas and runs migrations.
func (in instance) owner() string { return in.database + "_owner" }

func (in instance) envFile(l *layout) string { return l.path("env", in.name+".env") }

func (in instance) serviceEnvFile(l *layout, service string) string {
	return l.path("env", in.name+"."+service+".env")
}

// services lists the services whose sources are there, by name.
func (l *layout) services() ([]string, error) {
	mains, err := filepath.Glob(l.source("services", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range mains {
		name := filepath.Base(filepath.Dir(m))
		if _, ok := servicePorts[name]; !ok {
			return nil, fmt.Errorf("services/%s has no port; give it one in tools/stack/ports.go", name)
		}
		names = append(names, name)
	}
	return names, nil
}

// schemas lists the services that have migrations; "common" is first.
func (l *layout) schemas() ([]string, error) {
	entries, err := os.ReadDir(l.source("migrations"))
	if err != nil {
		return nil, err
	}
	names := []string{"common"}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "common" {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names[1:])
	return names, nil
}

func postgresURL(user, password, address, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: address, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// writeEnv writes the instance's environment files. Secrets that are there
// already are kept; for "dev" the checkout's own .env wins over everything.
func (in instance) writeEnv(l *layout, secrets map[string]string) (map[string]string, error) {
	old, err := readEnvMap(in.envFile(l))
	if err != nil {
		return nil, err
	}
	public := fmt.Sprintf("https://localhost:%d", in.port(portGatewayHTTPS))
	plain := fmt.Sprintf("http://localhost:%d", in.port(portGatewayHTTP))
	origins := strings.Join([]string{"http://localhost:3000", public, plain}, ",")
	auth := "http://" + addr(in.port(servicePorts["auth"]))
	rabbitPassword := keep(old, "RABBITMQ_PASSWORD", password)
	b := localBackend(secrets)
	driver, err := browser.dir(l)
	if err != nil {
		return nil, err
	}
	vars := []envVar{
		{"ENVIRONMENT", in.name},
		{"LOG_LEVEL", "info"},
		{"PUBLIC_URL", public},
		{"TOKEN_ISSUER", public},
		{"CORS_ORIGINS", origins},
		{"AUTH_URL", auth},
		{"JWKS_URL", auth + "/.well-known/jwks.json"},

		{"REDIS_URL", fmt.Sprintf("redis://:%s@%s/%d", secrets["REDIS_PASSWORD"], addr(portRedis), in.redisDB)},
		{"RABBITMQ_PASSWORD", rabbitPassword},
		{"RABBITMQ_URL", b.rabbitURL(in.vhost, in.vhost, rabbitPassword)},
		{"SEARCH_URL", "http://" + addr(portSearch)},
		{"SEARCH_PREFIX", in.vhost + "-"},
		{"SOURCE_BASE_URL", "http://" + addr(in.port(portBoard))},
		{"FETCH_ALLOW", addr(in.port(portBoard))},
		{"SMTP_URL", "smtp://" + addr(portSMTP)},
		{"MAIL_FROM", "JobPilot <no-reply@jobpilot.localhost>"},
		{"PLAYWRIGHT_DRIVER_DIR", driver},
		{"CHROMIUM_PATH", chromiumPath()},
		{"S3_ENDPOINT", "http://" + addr(portS3)},
		{"S3_REGION", s3Region},
		{"S3_ACCESS_KEY_ID", secrets["S3_ACCESS_KEY_ID"]},
		{"S3_SECRET_ACCESS_KEY", secrets["S3_SECRET_ACCESS_KEY"]},
	}
	for _, s := range sortedServices() { // where services reach each other
		if s != "auth" {
			vars = append(vars, envVar{strings.ToUpper(strings.ReplaceAll(s, "-", "_")) + "_URL", "http://" + addr(in.port(servicePorts[s]))})
		}
	}
	for _, kind := range bucketKinds {
		vars = append(vars, envVar{"S3_BUCKET_" + strings.ToUpper(strings.ReplaceAll(kind, "-", "_")), bucketName(kind, in.name)})
	}
	vars = append(vars,
		envVar{"SEAL_KEYS", keep(old, "SEAL_KEYS", func() string { return "1:" + key256() })},
		envVar{"LOOKUP_KEY", keep(old, "LOOKUP_KEY", key256)},
		envVar{"CURSOR_KEY", keep(old, "CURSOR_KEY", key256)},
		envVar{"PASSWORD_PEPPER", keep(old, "PASSWORD_PEPPER", key256)},
		envVar{"VAPID_PRIVATE_KEY", keep(old, "VAPID_PRIVATE_KEY", key256)},
		envVar{"MIGRATE_PASSWORD", keep(old, "MIGRATE_PASSWORD", password)},
	)
	// What a client of the platform needs.
	vars = append(vars,
		envVar{"GATEWAY_URL", public},
		envVar{"GATEWAY_PLAIN_URL", plain},
		envVar{"TLS_CA_FILE", l.path("tls", "ca.pem")},
		envVar{"MAIL_URL", "http://" + addr(portMailWeb)},
		envVar{"JOBPILOT_STACK", l.path("bin", "stack")},
		envVar{"JOBBOARD_URL", "http://" + addr(in.port(portBoard))},
	)
	if in.name == "test" {
		// What test helpers need beside what services get.
		vars = append(vars,
			envVar{"POSTGRES_ADMIN_URL", b.adminURL(in.database)},
			envVar{"POSTGRES_ADDR", addr(portPostgres)},
			envVar{"PGBOUNCER_ADDR", addr(portPgBouncer)},
			envVar{"RABBITMQ_ADMIN_URL", b.rabbitAdminURL()},
			// Where a test may listen for the spans of a trace that it began; no other trace is sampled.
			envVar{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://" + addr(in.port(portTraces))},
			envVar{"OTEL_TRACES_SAMPLER", "parentbased_always_off"},
			envVar{"OTEL_BSP_SCHEDULE_DELAY", "200"}, // ms
		)
	}
	services, err := l.schemas()
	if err != nil {
		return nil, err
	}
	for _, s := range services[1:] {
		if err := in.writeServiceEnv(l, s); err != nil {
			return nil, err
		}
	}
	if in.name == "dev" {
		own, err := readEnv(l.source(".env"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		vars = append(vars, own...)
	}
	if _, err := l.write(0o600, formatEnv("The gateway of instance "+in.name+"; the rest is in deploy/nginx/gateway.env.", in.gatewayEnv(l, origins)), "env", in.name+".gateway.env"); err != nil {
		return nil, err
	}
	if _, err := l.write(0o600, formatEnv("The environment of the services of instance "+in.name+", made by tools/stack.", vars), "env", in.name+".env"); err != nil {
		return nil, err
	}
	env := make(map[string]string, len(vars))
	for _, v := range vars {
		env[v.Name] = v.Value
	}
	return env, nil
}

// writeServiceEnv writes what differs from service to service. A service key,
// once issued, stays.
func (in instance) writeServiceEnv(l *layout, service string) error {
	old, err := readEnvMap(in.serviceEnvFile(l, service))
	if err != nil {
		return err
	}
	pw := keep(old, "DATABASE_PASSWORD", password)
	database := postgresURL(in.role(service), pw, addr(portPgBouncer), in.database)
	vars := []envVar{
		{"DATABASE_PASSWORD", pw},
		{"DATABASE_URL", database},
		{"DATABASE_READ_URL", database},
	}
	if base, ok := servicePorts[service]; ok {
		vars = append(vars,
			envVar{"HTTP_ADDR", addr(in.port(base))},
			envVar{"ADMIN_ADDR", addr(in.port(base + adminOffset))})
	}
	if key, ok := old["SERVICE_KEY"]; ok {
		vars = append(vars, envVar{"SERVICE_KEY", key})
	}
	_, err = l.write(0o600, formatEnv("What "+service+" of instance "+in.name+" has beside "+in.name+".env.", vars), "env", in.name+"."+service+".env")
	return err
}

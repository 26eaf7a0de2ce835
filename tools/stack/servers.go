package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

// program is one process that supervisord keeps.
type program struct {
	name   string // supervisord's name for it and the name of its log
	title  string // what people call it
	argv   []string
	dir    string
	env    []envVar
	files  []string // environment files, loaded by "stack exec"
	wait   []string // addresses that must accept connections first
	watch  []string // files whose change restarts it
	ports  []int    // that it listens on
	asRoot bool     // when root runs the stack: drops its rights itself
	order  int      // started from low to high, stopped from high to low
	stop   string   // the signal that ends it in good order; default TERM
	ready  func(context.Context) error
}

//go:embed conf/*.tmpl
var confFiles embed.FS

var confTemplates = template.Must(template.ParseFS(confFiles, "conf/*.tmpl"))

// settings is what the configuration templates see.
type settings struct {
	Postgres, PgBouncer, Redis, Rabbit, RabbitAdmin, Search, SearchNodes int

	Conf, State, Log, Run, Socket string
	Root                          bool
	Secrets                       map[string]string
}

func (l *layout) settings(secrets map[string]string) settings {
	return settings{
		Postgres: portPostgres, PgBouncer: portPgBouncer, Redis: portRedis,
		Rabbit: portRabbit, RabbitAdmin: portRabbitAdmin,
		Search: portSearch, SearchNodes: portSearchNodes,
		Conf: l.path("conf"), State: l.path("state"), Log: l.path("log"), Run: l.path("run"),
		Socket: l.socket(), Root: os.Geteuid() == 0, Secrets: secrets,
	}
}

// render fills one template.
func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := confTemplates.ExecuteTemplate(&b, name+".tmpl", data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeConf fills a template into conf/, readable by the servers' user only:
// several hold passwords.
func (l *layout) writeConf(name string, data any) (string, error) {
	b, err := render(name, data)
	if err != nil {
		return "", err
	}
	return l.write(0o600, b, "conf", name)
}

func addr(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// servers writes the data servers' configuration, makes what they need before
// their first start, and returns them in the order in which they start.
func (l *layout) servers(secrets map[string]string, tools serverTools) ([]program, error) {
	for _, dir := range []string{"conf", "state", "run", "log"} {
		if _, err := l.mkdir(0o755, dir); err != nil {
			return nil, err
		}
	}
	s := l.settings(secrets)
	conf := map[string]string{}
	for _, name := range []string{
		"postgresql.conf", "pg_hba.conf", "pgbouncer.ini", "userlist.txt", "redis.conf",
		"rabbitmq.conf", "enabled_plugins", "opensearch.yml",
	} {
		file, err := l.writeConf(name, s)
		if err != nil {
			return nil, err
		}
		conf[name] = file
	}
	for _, name := range []string{"redis", "rabbitmq", "search", "search/tmp", "s3", "s3-versions", "s3-meta", "mail"} {
		if _, err := l.mkdir(0o750, "state", name); err != nil {
			return nil, err
		}
	}
	if err := l.initPostgres(secrets["POSTGRES_PASSWORD"]); err != nil {
		return nil, err
	}
	// The servers' user may not be able to enter the checkout.
	logging, err := l.copy("tools/search/log4j2.properties", "conf", "log4j2.properties")
	if err != nil {
		return nil, err
	}

	// Java asks for its own host's name, for which a machine may have no
	// answer; here it comes from a file and waits for no name server.
	hostname, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	hosts, err := l.write(0o644, fmt.Appendf(nil, "127.0.0.1 localhost\n127.0.0.1 %s\n", hostname), "conf", "hosts")
	if err != nil {
		return nil, err
	}

	rabbit := l.path("state", "rabbitmq")
	erlang := []envVar{
		{"HOME", rabbit}, // the Erlang cookie
		{"ERL_EPMD_PORT", fmt.Sprint(portEPMD)},
		{"ERL_EPMD_ADDRESS", "127.0.0.1"},
	}
	home := l.path("state", "search")
	local := localBackend(secrets)
	return []program{
		{
			name: "postgres", title: "PostgreSQL", order: 100, stop: "INT", // fast shutdown
			argv:  []string{filepath.Join(postgresBin(), "postgres"), "-D", l.path("state", "postgres"), "-c", "config_file=" + conf["postgresql.conf"]},
			watch: []string{conf["postgresql.conf"], conf["pg_hba.conf"]},
			ports: []int{portPostgres}, ready: local.checkPostgres,
		},
		{
			name: "pgbouncer", title: "PgBouncer", order: 200, stop: "INT",
			argv:  []string{"pgbouncer", conf["pgbouncer.ini"]},
			watch: []string{conf["pgbouncer.ini"], conf["userlist.txt"]},
			ports: []int{portPgBouncer}, ready: local.checkPgBouncer,
		},
		{
			name: "redis", title: "Redis", order: 100,
			argv:  []string{"redis-server", conf["redis.conf"]},
			watch: []string{conf["redis.conf"]},
			ports: []int{portRedis}, ready: local.checkRedis,
		},
		{
			name: "epmd", title: "Erlang's port mapper", order: 90,
			argv:  []string{"epmd", "-port", fmt.Sprint(portEPMD), "-address", "127.0.0.1"},
			env:   erlang,
			ports: []int{portEPMD}, ready: connects(portEPMD),
		},
		{
			name: "rabbitmq", title: "RabbitMQ", order: 100,
			argv: []string{rabbitServer},
			env: append(erlang, []envVar{
				{"RABBITMQ_NODENAME", "jobpilot@localhost"},
				{"RABBITMQ_CONFIG_FILE", conf["rabbitmq.conf"]},
				{"RABBITMQ_CONF_ENV_FILE", "/dev/null"},
				{"RABBITMQ_ENABLED_PLUGINS_FILE", conf["enabled_plugins"]},
				{"RABBITMQ_MNESIA_BASE", filepath.Join(rabbit, "data")},
				{"RABBITMQ_LOG_BASE", l.path("log")},
				{"RABBITMQ_LOGS", "-"},
				// The node is reached from this machine only; its schedulers sleep
				// when idle instead of spinning, which would cost others their cores.
				{"RABBITMQ_DIST_PORT", fmt.Sprint(portRabbitDist)},
				{"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"},
				// Makes the script become the Erlang machine, which then takes
				// the stop signal itself, instead of watching it from a shell.
				{"RABBITMQ_ALLOW_INPUT", "1"},
				{"RABBITMQ_SERVER_START_ARGS", "-noinput"},
				// RabbitMQ would start a port mapper of its own whenever ours is away for
				// a moment, and ours could not come back.
				{"ERL_FLAGS", "-start_epmd false"},
			}...),
			wait:  []string{addr(portEPMD)},
			watch: []string{conf["rabbitmq.conf"], conf["enabled_plugins"]},
			ports: []int{portRabbit, portRabbitAdmin, portRabbitDist}, ready: local.checkRabbit,
		},
		{
			name: "search", title: "OpenSearch", order: 100, dir: home,
			argv: []string{"java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError",
				"-Xss1m", "-XX:MaxDirectMemorySize=128m", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8",
				"-Djna.nosys=true", "-Djna.tmpdir=" + home + "/tmp", "-Djava.io.tmpdir=" + home + "/tmp",
				"-Dio.netty.noUnsafe=true", "-Dio.netty.noKeySetOptimization=true", "-Dio.netty.allocator.numDirectArenas=0",
				"-Djdk.net.hosts.file=" + hosts, "-Dlog4j.configurationFile=" + logging,
				"-Dlog4j2.disable.jmx=true", "-Dlog4j.shutdownHookEnabled=false",
				"-cp", filepath.Join(tools.search, "lib", "*"), "SearchServer", home, l.path("conf")},
			watch: []string{conf["opensearch.yml"], logging},
			ports: []int{portSearch, portSearchNodes}, ready: local.checkSearch,
		},
		{
			name: "s3", title: "S3 (versitygw)", order: 100,
			argv: append([]string{filepath.Join(tools.versitygw, "versitygw"), "--port", addr(portS3), "--region", s3Region, "--quiet",
				"posix", "--versioning-dir", l.path("state", "s3-versions")}, l.s3Metadata()...),
			files: []string{l.path("env", "s3.env")},
			watch: []string{l.path("env", "s3.env")},
			ports: []int{portS3}, ready: local.checkS3,
		},
		{
			name: "mail", title: "mail catcher (maildev)", order: 100,
			argv: []string{"node", filepath.Join(tools.maildev, "node_modules/maildev/bin/maildev"),
				"--ip", "127.0.0.1", "--smtp", fmt.Sprint(portSMTP), "--web-ip", "127.0.0.1", "--web", fmt.Sprint(portMailWeb),
				"--mail-directory", l.path("state", "mail")},
			ports: []int{portSMTP, portMailWeb}, ready: local.checkMail,
		},
	}, nil
}

// serverTools are the folders of the servers that are fetched.
type serverTools struct{ versitygw, maildev, search string }

func (l *layout) fetchServerTools() (t serverTools, err error) {
	if t.versitygw, err = versitygw.get(l); err != nil {
		return t, err
	}
	if t.maildev, err = maildev.get(l); err != nil {
		return t, err
	}
	if _, err = browser.get(l); err != nil { // services run it, see writeEnv
		return t, err
	}
	t.search, err = search.get(l)
	return t, err
}

// initPostgres makes the database cluster once.
func (l *layout) initPostgres(password string) error {
	if exists(l.path("state", "postgres", "PG_VERSION"))() {
		return nil
	}
	if _, err := l.mkdir(0o700, "state", "postgres"); err != nil {
		return err
	}
	pw, err := l.write(0o600, []byte(password+"\n"), "run", "initdb-password")
	if err != nil {
		return err
	}
	defer os.Remove(pw)
	cmd := l.asServer(exec.Command(filepath.Join(postgresBin(), "initdb"), "-D", l.path("state", "postgres"), "-U", "postgres",
		"--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile="+pw))
	cmd.Dir = l.data
	return step("creating the database cluster", func() error { return l.runLogged("initdb", cmd) })
}

// s3Metadata is versitygw's choice of where object metadata goes: extended
// attributes, or on a file system without them a folder beside the objects.
func (l *layout) s3Metadata() []string {
	dir := l.path("state", "s3")
	if err := syscall.Setxattr(dir, "user.jobpilot", []byte("1"), 0); err != nil {
		return []string{"--sidecar", l.path("state", "s3-meta"), dir}
	}
	return []string{dir}
}

// command is the program's command line for supervisord.
func (p program) command(l *layout) string {
	args := []string{l.path("bin", "stack"), "exec", "-pid", l.path("run", p.name+".pid")}
	for _, f := range p.files {
		args = append(args, "-env", f)
	}
	for _, a := range p.wait {
		args = append(args, "-wait", a)
	}
	args = append(append(args, "--"), p.argv...)
	for i, a := range args {
		args[i] = quoteCommand(a)
	}
	return strings.Join(args, " ")
}

// quoteCommand quotes one argument for supervisord, which splits commands as
// a shell does after expanding %(name)s.
func quoteCommand(arg string) string {
	arg = strings.ReplaceAll(arg, "%", "%%")
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%", r)
	}) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'"'"'`) + "'"
}

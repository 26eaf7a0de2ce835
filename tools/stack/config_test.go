package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnvRoundTrip(t *testing.T) {
	t.Parallel()
	vars := []envVar{{"A", "1:abc==,2:x"}, {"URL", "postgres://u:p%40@h:1/d?sslmode=disable"}, {"EMPTY", ""}, {"HASH", "a # b"}}
	got, err := parseEnv("f", string(formatEnv("comment", vars)))
	if err != nil || !reflect.DeepEqual(got, vars) {
		t.Errorf("%v, %v; want %v", got, err, vars)
	}
}

func TestParseEnv(t *testing.T) {
	t.Parallel()
	got, err := parseEnv("f", "# c\n\n A=x y \nB='q'\nC=\"q=1\"\n")
	if want := []envVar{{"A", "x y"}, {"B", "q"}, {"C", "q=1"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"A", "=x", "export A=x"} {
		if _, err := parseEnv(".env", "OK=1\n"+bad); err == nil || err.Error() != ".env line 2: expected NAME=value" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSecretsAreMadeOnce(t *testing.T) {
	t.Parallel()
	l := &layout{data: t.TempDir(), uid: -1}
	first, err := l.serverSecrets()
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.serverSecrets()
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("second time: %v, %v", again, err)
	}
	for name, v := range first {
		if len(v) < 32 || strings.Contains(strings.Join(without(first, name), " "), v) {
			t.Errorf("%s is short or used twice", name)
		}
	}
}

func without(m map[string]string, name string) []string {
	var vs []string
	for k, v := range m {
		if k != name {
			vs = append(vs, v)
		}
	}
	return vs
}

// Every server listens on loopback only, on a port that ports.go names, and
// with authentication where the server has any.
func TestServerConfiguration(t *testing.T) {
	t.Parallel()
	l := &layout{root: t.TempDir(), data: t.TempDir(), uid: -1}
	s := l.settings(map[string]string{"PGBOUNCER_PASSWORD": "pw1", "REDIS_PASSWORD": "pw2", "RABBITMQ_ADMIN_PASSWORD": "pw3"})
	for name, wants := range map[string][]string{
		"postgresql.conf": {"listen_addresses = '127.0.0.1'", "port = 15432", "fsync = on", "max_connections = 200", "unix_socket_directories = ''"},
		"pg_hba.conf":     {"127.0.0.1/32  scram-sha-256"},
		"pgbouncer.ini":   {"listen_addr = 127.0.0.1", "listen_port = 16432", "port=15432", "pool_mode = transaction", "auth_type = scram-sha-256"},
		"userlist.txt":    {`"pgbouncer" "pw1"`},
		"redis.conf":      {"bind 127.0.0.1", "port 16379", "requirepass pw2", "appendfsync everysec"},
		"rabbitmq.conf":   {"127.0.0.1:15673", "management.tcp.ip = 127.0.0.1", "management.tcp.port = 15674", "default_pass = pw3"},
		"opensearch.yml":  {"network.host: 127.0.0.1", "http.port: 19200"},
	} {
		b, err := render(name, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s lacks %q:\n%s", name, want, b)
			}
		}
		if strings.Contains(string(b), "0.0.0.0") || strings.Contains(string(b), "<no value>") {
			t.Errorf("%s:\n%s", name, b)
		}
	}
}

func TestPortsDoNotClash(t *testing.T) {
	t.Parallel()
	seen := map[int]string{}
	claim := func(port int, who string) {
		if other, taken := seen[port]; taken {
			t.Errorf("%s and %s both listen on %d", who, other, port)
		}
		if port > 32767 {
			t.Errorf("%s: port %d is where the kernel takes ports for outgoing connections", who, port)
		}
		seen[port] = who
	}
	for i, p := range []int{portPostgres, portPgBouncer, portRedis, portRabbit, portRabbitAdmin, portRabbitDist, portEPMD,
		portSearch, portSearchNodes, portS3, portSMTP, portMailWeb} {
		claim(p, "server "+string(rune('A'+i)))
	}
	for _, in := range instances {
		claim(in.port(portGatewayHTTP), in.name+" gateway")
		claim(in.port(portGatewayHTTPS), in.name+" gateway (TLS)")
		for _, s := range sortedServices() {
			claim(in.port(servicePorts[s]), in.name+" "+s)
			claim(in.port(servicePorts[s]+adminOffset), in.name+" "+s+" (admin)")
		}
	}
}

// A program is restarted exactly when something it depends on changed.
func TestProgramHash(t *testing.T) {
	t.Parallel()
	l := &layout{data: t.TempDir(), uid: -1}
	conf, err := l.write(0o600, []byte("a"), "conf", "x.conf")
	if err != nil {
		t.Fatal(err)
	}
	p := program{name: "x", argv: []string{"x", "100%"}, watch: []string{conf}, env: []envVar{{"K", "50%"}}}
	ini := func() string {
		t.Helper()
		if err := l.writePrograms("g", []program{p}); err != nil {
			t.Fatal(err)
		}
		return mustRead(t, l.path("conf", "g.ini"))
	}
	first := ini()
	for _, want := range []string{"[program:x]", "-- x 100%%", `K="50%%"`, "stopsignal=TERM", "autorestart=true"} {
		if !strings.Contains(first, want) {
			t.Errorf("lacks %q:\n%s", want, first)
		}
	}
	if ini() != first {
		t.Error("nothing changed, yet the program would be restarted")
	}
	if _, err := l.write(0o600, []byte("b"), "conf", "x.conf"); err != nil {
		t.Fatal(err)
	}
	if ini() == first {
		t.Error("its configuration changed, yet the program would not be restarted")
	}
}

func TestQuoteCommand(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-D": "-D", "/a/b:c": "/a/b:c", "": "''", "daemon off;": "'daemon off;'", "lib/*": "'lib/*'", "50%": "50%%", "it's": `'it'"'"'s'`,
	} {
		if got := quoteCommand(arg); got != want {
			t.Errorf("%q: %s, want %s", arg, got, want)
		}
	}
}

func TestParseStates(t *testing.T) {
	t.Parallel()
	out := `postgres                         RUNNING   pid 28435, uptime 0:07:11
auth                             BACKOFF   Exited too quickly (process log may have details)
test-auth                        STOPPED   Nov 23 02:51 PM
unix:///x/supervisor.sock no such file
`
	want := []state{
		{"postgres", "RUNNING", "pid 28435, uptime 0:07:11", 28435},
		{"auth", "BACKOFF", "Exited too quickly (process log may have details)", 0},
		{"test-auth", "STOPPED", "Nov 23 02:51 PM", 0},
	}
	if got := parseStates(out); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestHopeless(t *testing.T) {
	t.Parallel()
	run := func(pid int) state { return state{name: "x", state: "RUNNING", pid: pid} }
	back := state{name: "x", state: "BACKOFF"}
	for name, tt := range map[string]struct {
		states []state
		want   bool
	}{
		"runs":                      {[]state{run(1), run(1), run(1), run(1), run(1), run(1)}, false},
		"was restarted once":        {[]state{run(1), run(2), run(2), run(2), run(2), run(2)}, false},
		"given up":                  {[]state{{name: "x", state: "FATAL"}}, true},
		"cannot start":              {[]state{back, back, back, back}, true},
		"starts at the third time":  {[]state{back, back, run(1), run(1)}, false},
		"ends soon again and again": {[]state{run(1), run(2), run(3), run(4), run(5)}, true},
	} {
		var f failures
		got := false
		for _, s := range tt.states {
			got = f.hopeless(s)
		}
		if got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	err = checkPorts([]program{{title: "PostgreSQL", ports: []int{port}}})
	if err == nil || !regexp.MustCompile(`^port \d+ of PostgreSQL is taken by process \d+ \(stack\.test\); stop that, or change the port in tools/stack/ports\.go$`).MatchString(err.Error()) {
		t.Errorf("%v; want one line with port, server and process", err)
	}
	if got := portTaken("Redis", 16379, 0, "").Error(); got != "port 16379 of Redis is taken by another process; stop that, or change the port in tools/stack/ports.go" {
		t.Error(got)
	}
}

func TestNewestPostgres(t *testing.T) {
	t.Parallel()
	path := func(v string) string { return "/usr/lib/postgresql/" + v + "/bin/postgres" }
	for _, tt := range []struct {
		versions []string
		want     string
	}{
		{nil, ""}, {[]string{"14"}, ""}, {[]string{"15"}, "15"}, {[]string{"9.6", "15", "17", "16"}, "17"},
	} {
		var servers []string
		for _, v := range tt.versions {
			servers = append(servers, path(v))
		}
		want := ""
		if tt.want != "" {
			want = filepath.Dir(path(tt.want))
		}
		if got := newestPostgres(servers); got != want {
			t.Errorf("%v: %q, want %q", tt.versions, got, want)
		}
	}
}

func TestNodeMajor(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{"v18.19.0\n": 18, "v20.1.0": 20, "": 0, "nonsense": 0} {
		if got := nodeMajor(in); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

func TestAptScript(t *testing.T) {
	t.Parallel()
	script := aptScript([]string{"nginx", "redis-server"}, []string{"nginx"})
	if n := strings.Count(script, "apt-get update"); n != 1 {
		t.Errorf("apt-get update runs %d times", n)
	}
	for _, want := range []string{"--no-install-recommends", "nginx redis-server\n", "exit 101", "create_main_cluster = false", "systemctl disable --quiet", "trap cleanup EXIT", `if [ ! -e "$policy" ]`} {
		if !strings.Contains(script, want) {
			t.Errorf("lacks %q:\n%s", want, script)
		}
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	ca, cert, key, err := makeCertificate(now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	block, _ := pem.Decode(cert)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if life := leaf.NotAfter.Sub(now); life != 825*24*time.Hour {
		t.Errorf("valid for %s", life)
	}
	if !validFor(cert, now, 30*24*time.Hour) || validFor(cert, now.Add(800*24*time.Hour), 30*24*time.Hour) || validFor([]byte("x"), now, 0) {
		t.Error("validFor is wrong about a fresh, an old or a broken certificate")
	}
}

func TestEachInstanceHasNamesOfItsOwn(t *testing.T) {
	t.Parallel()
	dev, test := instances["dev"], instances["test"]
	if dev.database == test.database || dev.vhost == test.vhost || dev.redisDB == test.redisDB ||
		bucketName("resumes", dev.name) == bucketName("resumes", test.name) || dev.prefix == test.prefix {
		t.Errorf("%+v and %+v share a name", dev, test)
	}
	if got := test.role("auto-apply"); got != "jobpilot_test_auto_apply" {
		t.Error(got)
	}
	if _, err := findInstance("prod"); err == nil {
		t.Error("an unknown instance was found")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	ok := []outcome{{stage: "lint", took: time.Second}, {stage: "unit"}}
	ok[1].result.Passed = 12
	text, failed := summarize(ok)
	if failed || !strings.HasSuffix(text, "\n12 passed, 0 failed\n") {
		t.Errorf("failed %v:\n%s", failed, text)
	}
	bad := append(slices.Clone(ok), outcome{stage: "vet", err: errTests})
	text, failed = summarize(bad)
	if !failed || !strings.HasSuffix(text, "\n12 passed, 1 failed\n") || !regexp.MustCompile(`vet +FAILED`).MatchString(text) {
		t.Errorf("failed %v:\n%s", failed, text)
	}
}

func TestWorkModules(t *testing.T) {
	t.Parallel()
	got := workModules("go 1.26.0\n\nuse (\n\t./pkg\n\t./services/auth\n)\nuse ./tools\n")
	if want := []string{"./pkg", "./services/auth", "./tools"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

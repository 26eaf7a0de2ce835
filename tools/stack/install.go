package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// need is something a bare machine lacks: how to see that it is there, and
// the packages that bring it.
type need struct {
	name     string
	present  func() bool
	packages []string
	unit     string // the system service the package would start
}

func needs() []need {
	return []need{
		{"PostgreSQL 15 or later", func() bool { return postgresBin() != "" }, []string{"postgresql"}, "postgresql"},
		{"PgBouncer", onPath("pgbouncer"), []string{"pgbouncer"}, "pgbouncer"},
		{"Redis", onPath("redis-server"), []string{"redis-server"}, "redis-server"},
		{"RabbitMQ", exists(rabbitServer), []string{"rabbitmq-server"}, "rabbitmq-server"},
		{"NGINX", onPath("nginx"), []string{"nginx"}, "nginx"},
		{"supervisor", onPath("supervisord"), []string{"supervisor"}, "supervisor"},
		{"Node.js 18 or later", nodeReady, []string{"nodejs", "npm"}, ""},
		{"a JDK 17 or later", onPath("javac"), []string{"default-jdk-headless"}, ""},
		{"Maven", onPath("mvn"), []string{"maven"}, ""},
		{"Chromium, for PDF and application forms", func() bool { return chromiumPath() != "" }, []string{"chromium-headless-shell"}, ""},
		{"fonts for every script", func() bool {
			return exists("/usr/share/fonts/truetype/noto/NotoSerif-Regular.ttf")() && exists("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")()
		}, []string{"fonts-noto-core", "fonts-droid-fallback", "fonts-liberation", "fonts-crosextra-carlito"}, ""},
		{"a C compiler, for go test -race", func() bool { return onPath("gcc")() && exists("/usr/include/stdlib.h")() },
			[]string{"gcc", "libc6-dev"}, ""},
		{"Python with venv, for Schemathesis", pythonReady, []string{"python3", "python3-venv"}, ""},
	}
}

// rabbitServer is the script itself: the wrapper in /usr/sbin insists on
// the system's user and folders.
const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// chromiumPath is the browser: Debian's headless one, or what the machine has,
// "" for none.
func chromiumPath() string {
	const debian = "/usr/lib/chromium/chromium-headless-shell"
	if exists(debian)() {
		return debian
	}
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func exists(name string) func() bool {
	return func() bool { _, err := os.Stat(name); return err == nil }
}

func onPath(name string) func() bool {
	return func() bool { _, err := exec.LookPath(name); return err == nil }
}

func nodeReady() bool {
	out, err := exec.Command("node", "--version").Output()
	return err == nil && nodeMajor(string(out)) >= 18 && onPath("npm")()
}

// nodeMajor reads the major version from what "node --version" prints.
func nodeMajor(version string) int {
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".")
	n, _ := strconv.Atoi(major)
	return n
}

func pythonReady() bool {
	return exec.Command("python3", "-c", "import ensurepip, venv").Run() == nil
}

// postgresBin is the folder with the newest PostgreSQL server's programs, "" for none.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	return newestPostgres(found)
}

// newestPostgres picks, among paths like /usr/lib/postgresql/16/bin/postgres,
// the folder of the highest version that is at least 15.
func newestPostgres(servers []string) string {
	best, dir := 14, ""
	for _, p := range servers {
		d := filepath.Dir(p)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(d))); err == nil && v > best {
			best, dir = v, d
		}
	}
	return dir
}

// systemPath adds the folders where Debian keeps servers, which an ordinary
// user's PATH lacks.
func systemPath(path string) string {
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !strings.Contains(":"+path+":", ":"+dir+":") {
			path += ":" + dir
		}
	}
	return path
}

// install brings what is missing, in one apt run.
func (l *layout) install() error {
	var packages, units, names []string
	for _, n := range needs() {
		if n.present() {
			continue
		}
		names = append(names, n.name)
		packages = append(packages, n.packages...)
		if n.unit != "" {
			units = append(units, n.unit)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	sort.Strings(packages)
	if !onPath("apt-get")() {
		return fmt.Errorf("missing: %s; this machine has no apt to install them with, install them by hand or use Docker: make up STACK=compose",
			strings.Join(names, ", "))
	}
	cmd := exec.Command("sh", "-c", aptScript(packages, units))
	if os.Geteuid() != 0 {
		if !onPath("sudo")() {
			return fmt.Errorf("missing: %s; run as root: apt-get install %s", strings.Join(names, ", "), strings.Join(packages, " "))
		}
		cmd = exec.Command("sudo", "sh", "-c", aptScript(packages, units))
		cmd.Stdin = os.Stdin // sudo may ask for a password
	}
	say("installing %s", strings.Join(packages, " "))
	if err := step("apt-get install", func() error { return l.runLogged("install", cmd) }); err != nil {
		return err
	}
	for _, n := range needs() {
		if !n.present() {
			return fmt.Errorf("%s is still missing after installing %s: this release's package is too old; use Debian 12, Ubuntu 24.04 or newer, or Docker: make up STACK=compose",
				n.name, strings.Join(n.packages, " "))
		}
	}
	return nil
}

// aptScript installs packages without letting them start or enable a system
// service, or make a default PostgreSQL cluster. What it puts into /etc and
// /usr/sbin for that time it takes away again; an existing policy-rc.d stays.
func aptScript(packages, units []string) string {
	return `set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/jobpilot.conf
cleanup() { rm -f "$cluster"; if [ -n "${ours:-}" ]; then rm -f "$policy"; fi; }
trap cleanup EXIT
if [ ! -e "$policy" ]; then
	ours=1
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
fi
mkdir -p "$(dirname "$cluster")"
echo 'create_main_cluster = false' > "$cluster"
apt-get update -q
apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold ` + strings.Join(packages, " ") + `
if command -v systemctl >/dev/null; then
	for unit in ` + strings.Join(units, " ") + `; do systemctl disable --quiet "$unit" 2>/dev/null || true; done
fi
`
}

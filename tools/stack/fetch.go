package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Versions of what is fetched rather than installed by apt. The search
// engine's are in tools/search/pom.xml, the mail catcher's in tools/mail, the
// browser driver's in tools/browser.
const (
	versitygwVersion    = "v1.8.0"
	schemathesisVersion = "4.32.5"
)

// fetched is a tool downloaded or built once into the data folder. Its folder
// carries a hash of what it is made from, so a new version is a new folder
// and a half-made one is never mistaken for a whole one.
type fetched struct {
	name  string
	title string
	from  string // a version, or a folder of the checkout whose files decide
	make  func(l *layout, dir string) error
}

var (
	versitygw    = fetched{"versitygw", "building the S3 server (versitygw)", versitygwVersion, makeVersitygw}
	maildev      = fetched{"maildev", "fetching the mail catcher (maildev)", "tools/mail", makeMaildev}
	search       = fetched{"search", "fetching the search engine (OpenSearch)", "tools/search", makeSearch}
	schemathesis = fetched{"schemathesis", "fetching Schemathesis", schemathesisVersion, makeSchemathesis}
	browser      = fetched{"playwright", "fetching the browser's driver (Playwright)", "tools/browser", makeBrowser}
	linter       = fetched{"golangci-lint", "building golangci-lint", "tools/lint", makeLinter}
)

// dir is where the tool is or will be.
func (f fetched) dir(l *layout) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, f.from, runtime.Version())
	if st, err := os.Stat(l.source(f.from)); err == nil && st.IsDir() {
		if err := hashTree(h, l.source(f.from)); err != nil {
			return "", err
		}
	}
	return l.path("tools", f.name+"-"+hex.EncodeToString(h.Sum(nil)[:6])), nil
}

// get returns the tool's folder, making it first if need be.
func (f fetched) get(l *layout) (string, error) {
	dir, err := f.dir(l)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	// Made in place under another name and renamed when whole. A virtual
	// environment cannot be moved, so the final name is a link.
	if err := os.MkdirAll(l.path("tools"), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(l.path("tools"), f.name+".")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := step(f.title, func() error { return f.make(l, tmp) }); err != nil {
		os.RemoveAll(tmp)
		return "", err
	}
	return dir, os.Symlink(filepath.Base(tmp), dir)
}

func makeVersitygw(l *layout, dir string) error {
	cmd := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w", "github.com/versity/versitygw/cmd/versitygw@"+versitygwVersion)
	cmd.Dir = l.root
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	return l.runLogged("versitygw-build", cmd)
}

func makeMaildev(l *layout, dir string) error { return l.npm("maildev", "tools/mail", dir) }

// makeBrowser lays the driver out as playwright-go looks for it: node and
// package beside each other. The browser itself is Debian's.
func makeBrowser(l *layout, dir string) error {
	if err := l.npm("playwright", "tools/browser", dir); err != nil {
		return err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return err
	}
	if err := os.Symlink(node, filepath.Join(dir, "node")); err != nil {
		return err
	}
	return os.Symlink("node_modules/playwright-core", filepath.Join(dir, "package"))
}

// npm installs what the lock file in a folder of the checkout names.
func (l *layout) npm(name, from, dir string) error {
	for _, file := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(l.source(from, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	return l.runLogged(name+"-install", cmd)
}

func makeSearch(l *layout, dir string) error {
	lib, classes := filepath.Join(dir, "lib"), filepath.Join(dir, "classes")
	if err := os.Mkdir(classes, 0o755); err != nil {
		return err
	}
	mvn := exec.Command("mvn", "-B", "-q", "-f", l.source("tools/search/pom.xml"), "package", "-Dlib="+lib, "-DbuildDirectory="+filepath.Join(dir, "target"))
	if err := l.runLogged("search-fetch", mvn); err != nil {
		return err
	}
	javac := exec.Command("javac", "--release", "17", "-cp", filepath.Join(lib, "*"), "-d", classes, l.source("tools/search/SearchServer.java"))
	if err := l.runLogged("search-compile", javac); err != nil {
		return err
	}
	return l.runLogged("search-jar", exec.Command("jar", "--create", "--file", filepath.Join(lib, "search-server.jar"), "-C", classes, "."))
}

func makeSchemathesis(l *layout, dir string) error {
	if err := l.runLogged("schemathesis-venv", exec.Command("python3", "-m", "venv", dir)); err != nil {
		return err
	}
	return l.runLogged("schemathesis-install", exec.Command(filepath.Join(dir, "bin", "pip"), "install", "--quiet", "schemathesis=="+schemathesisVersion))
}

func makeLinter(l *layout, dir string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "golangci-lint"), "github.com/golangci/golangci-lint/v2/cmd/golangci-lint")
	cmd.Dir = l.source("tools/lint")
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	return l.runLogged("golangci-lint-build", cmd)
}

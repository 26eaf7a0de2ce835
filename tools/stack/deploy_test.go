package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// repo is the checkout that these tests are part of.
func repo(t *testing.T) *layout {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return &layout{root: root, data: t.TempDir(), uid: -1}
}

// embedded are the files of the structs of pkg/ that a Config may embed.
var embedded = map[string]string{"obs": "pkg/obs/obs.go", "app": "pkg/app/service.go"}

// configVars are the variables of a struct in a Go file, and those of the structs
// that it embeds: name to whether it must be set.
func configVars(t *testing.T, l *layout, file, name string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			if x, ok := f.Type.(*ast.SelectorExpr); ok && len(f.Names) == 0 {
				maps.Copy(vars, configVars(t, l, l.source(embedded[x.X.(*ast.Ident).Name]), x.Sel.Name))
			}
			if f.Tag == nil {
				continue
			}
			tag, _ := strconv.Unquote(f.Tag.Value)
			name, options, _ := strings.Cut(reflect.StructTag(tag).Get("env"), ",")
			if name != "" {
				vars[name] = strings.Contains(options, "required") || strings.Contains(options, "notEmpty")
			}
		}
		return false
	})
	return vars
}

type composeFile struct {
	Services map[string]struct {
		Build struct {
			Dockerfile string
			Args       map[string]string
		}
		Image       string
		Environment map[string]string
		Ports       []string
	}
}

func readCompose(t *testing.T, l *layout) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(mustRead(t, l.source("docker-compose.yml"))), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Every service runs in Compose, with every variable that it must have and
// none that it does not know.
func TestComposeConfiguresEveryService(t *testing.T) {
	t.Parallel()
	l := repo(t)
	services, err := l.services()
	if err != nil {
		t.Fatal(err)
	}
	compose := readCompose(t, l)
	prepared := strings.Fields(compose.Services["prepare"].Environment["SERVICES"])
	for _, name := range services {
		s, ok := compose.Services[name]
		if !ok || s.Build.Args["SERVICE"] != name || s.Build.Dockerfile != "deploy/docker/service.Dockerfile" {
			t.Errorf("docker-compose.yml does not build the service %s", name)
			continue
		}
		if !slices.Contains(prepared, name) {
			t.Errorf("SERVICES of prepare in docker-compose.yml lacks %s", name)
		}
		known := configVars(t, l, l.source("services", name, "config.go"), "Config")
		for v, required := range known {
			if required && s.Environment[v] == "" {
				t.Errorf("docker-compose.yml does not set %s of %s", v, name)
			}
		}
		for v := range s.Environment {
			if _, ok := known[v]; !ok {
				t.Errorf("docker-compose.yml sets %s of %s, which does not know it", v, name)
			}
		}
	}
}

func TestComposeReachesOnlyLoopback(t *testing.T) {
	t.Parallel()
	for name, s := range readCompose(t, repo(t)).Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond this machine", name, p)
			}
		}
		if s.Image != "" && !regexp.MustCompile(`^\$\{[A-Z0-9]+_IMAGE:-[^:]+:[^:]*\d[^:]*\}$`).MatchString(s.Image) {
			t.Errorf("%s: image %s; want ${NAME_IMAGE:-name:version}", name, s.Image)
		}
	}
}

// What docker-compose.yml refers to is what "compose up" writes.
func TestComposeVariablesAreWritten(t *testing.T) {
	t.Parallel()
	l := repo(t)
	if _, err := l.write(0o600, []byte("x"), "tls", "gateway.pem"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.write(0o600, []byte("x"), "tls", "gateway.key"); err != nil {
		t.Fatal(err)
	}
	file, err := l.composeEnv()
	if err != nil {
		t.Fatal(err)
	}
	written, err := readEnvMap(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{([A-Z0-9_]+)(:-[^}]*)?`).FindAllStringSubmatch(mustRead(t, l.source("docker-compose.yml")), -1) {
		if m[2] == "" && written[m[1]] == "" {
			t.Errorf("docker-compose.yml refers to %s, which nothing sets", m[1])
		}
	}
}

// What make up gives a service is all that it must have.
func TestInstanceEnvironmentIsComplete(t *testing.T) {
	t.Parallel()
	l := repo(t)
	services, err := l.services()
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range instances {
		secrets, err := l.serverSecrets()
		if err != nil {
			t.Fatal(err)
		}
		env, err := in.writeEnv(l, secrets)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range services {
			own, err := readEnvMap(in.serviceEnvFile(l, name))
			if err != nil {
				t.Fatal(err)
			}
			for v, required := range configVars(t, l, l.source("services", name, "config.go"), "Config") {
				if v == "SERVICE_KEY" { // auth issues it when it runs
					continue
				}
				if required && env[v] == "" && own[v] == "" {
					t.Errorf("instance %s does not set %s of %s; add it to tools/stack/instance.go", in.name, v, name)
				}
			}
		}
	}
}

// Images are built without go.work, so what they are built from must stand by itself.
func TestModulesBuildAlone(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Glob(repo(t).source("services/*/go.mod"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("no modules: %v", err)
	}
	for _, mod := range append(modules, repo(t).source("tools/go.mod")) {
		cmd := exec.Command("go", "list", "-deps", "./...")
		cmd.Dir = filepath.Dir(mod)
		cmd.Env = append(os.Environ(), "GOWORK=off")
		var faults strings.Builder
		cmd.Stderr = &faults
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v; run there: GOWORK=off go mod tidy\n%s", cmd.Dir, err, &faults)
		}
	}
}

func TestDockerfiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(repo(t).source("deploy/docker/*.Dockerfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Dockerfiles: %v", err)
	}
	for _, file := range files {
		for _, fault := range dockerfileFaults(mustRead(t, file)) {
			t.Errorf("%s: %s", filepath.Base(file), fault)
		}
	}
}

// dockerfileFaults checks what this project wants of every image: base images
// that can be replaced, a stage in which nothing is run or installed, and a
// user by number, which Kubernetes can verify not to be root. A stage is an
// image unless another copies from it.
func dockerfileFaults(text string) []string {
	var faults []string
	type stage struct {
		name, user string
		runs       bool
	}
	var stages []stage
	args, copied := map[string]bool{}, map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		last := len(stages) - 1
		switch strings.ToUpper(f[0]) {
		case "#":
			if strings.HasPrefix(f[1], "syntax=") {
				faults = append(faults, "has a syntax line")
			}
		case "ARG":
			name, _, _ := strings.Cut(f[1], "=")
			args[name] = true
		case "FROM":
			stages = append(stages, stage{name: f[len(f)-1]})
			if !args[strings.Trim(f[1], "${}")] {
				faults = append(faults, f[1]+" is not a build argument")
			}
		case "COPY":
			copied[strings.TrimPrefix(f[1], "--from=")] = true
		case "RUN":
			stages[last].runs = true
		case "USER":
			stages[last].user = f[1]
		}
	}
	if len(stages) < 2 {
		faults = append(faults, "has one stage only")
	}
	for _, s := range stages {
		if copied[s.name] {
			continue
		}
		if s.runs {
			faults = append(faults, s.name+": runs something in the image's stage")
		}
		if !regexp.MustCompile(`^[1-9]\d*(:[1-9]\d*)?$`).MatchString(s.user) {
			faults = append(faults, s.name+": has no numeric USER other than root")
		}
	}
	return faults
}

func TestDockerfileFaults(t *testing.T) {
	t.Parallel()
	const good = "ARG A=a:1\nARG B=b:1\nFROM ${A} AS build\nRUN make\nFROM ${B}\nCOPY --from=build /x /x\nUSER 65532:65532\n"
	if f := dockerfileFaults(good); f != nil {
		t.Errorf("good: %v", f)
	}
	for _, change := range [][2]string{
		{"ARG A", "# syntax=docker/dockerfile:1\nARG A"}, {"${B}", "alpine:3"}, {"USER 65532:65532", "USER app"}, {"USER 65532:65532", "USER 0"},
		{"USER 65532:65532", ""}, {"USER", "RUN apk add x\nUSER"}, {"FROM ${B}\n", ""},
	} {
		if f := dockerfileFaults(strings.Replace(good, change[0], change[1], 1)); len(f) == 0 {
			t.Errorf("%v: no fault found", change)
		}
	}
}

// The bare machine's first command must work before anything is built.
func TestMakeHelpListsEveryTarget(t *testing.T) {
	t.Parallel()
	text := mustRead(t, repo(t).source("Makefile"))
	phony := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(text)
	for _, target := range strings.Fields(phony[1]) {
		if !regexp.MustCompile(`(?m)^` + target + `:.* ## .+$`).MatchString(text) {
			t.Errorf("make %s is not described", target)
		}
	}
	if _, err := os.Stat(repo(t).source(".ci/run")); err != nil {
		t.Error(err)
	}
}

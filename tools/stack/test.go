package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/jobpilot/jobpilot/tools/stack/internal/gotest"
)

// stage is one line of the summary of "test".
type stage struct {
	name    string
	sources bool // looks at sources only, so needs no servers
	run     func(context.Context) (gotest.Result, error)
}

// outcome is what a stage came to.
type outcome struct {
	stage  string
	err    error
	took   time.Duration
	result gotest.Result
}

// test starts what the tests need, runs every stage even when an earlier one
// failed, stops what it started, and prints a summary. With only, that one stage.
func (s stack) test(ctx context.Context, service, only string) error {
	l := s.l
	before, err := l.states()
	if err != nil {
		return err
	}
	in := instances["test"]
	kept := exists(l.path("conf", in.name+".ini"))() && before != nil
	stages, err := s.stages(service)
	if err != nil {
		return err
	}
	if stages, err = pick(stages, only); err != nil {
		return err
	}
	var outcomes []outcome
	var stopped error
	needServers := slices.ContainsFunc(stages, func(st stage) bool { return !st.sources })
	if needServers {
		start := time.Now()
		err := s.up(ctx, in, service != "")
		outcomes = append(outcomes, outcome{stage: "start", err: err, took: time.Since(start)})
		if err != nil {
			// What needs servers would only repeat, in many ways, that they do not answer.
			fmt.Fprintln(os.Stderr, "stack:", err)
			stages = slices.DeleteFunc(stages, func(st stage) bool { return !st.sources })
		}
	}
	for _, st := range stages {
		outcomes = append(outcomes, s.runStage(ctx, st))
	}
	if needServers {
		stopped = s.stopAfterTest(in, before != nil, kept)
	}
	summary, failed := summarize(outcomes)
	fmt.Print(summary)
	if failed {
		return errors.Join(errTests, stopped)
	}
	return stopped
}

// pick returns the stage of that name alone, or all for no name.
func pick(stages []stage, only string) ([]stage, error) {
	if only == "" {
		return stages, nil
	}
	var names []string
	for _, st := range stages {
		if st.name == only {
			return []stage{st}, nil
		}
		names = append(names, st.name)
	}
	return nil, fmt.Errorf("no stage %q; there are: %s", only, strings.Join(names, ", "))
}

var errTests = errors.New("tests failed")

func (s stack) stopAfterTest(in instance, hadServers, hadInstance bool) error {
	switch {
	case !hadServers:
		return s.down(nil)
	case !hadInstance:
		return s.down(&in)
	}
	return nil
}

func (s stack) runStage(ctx context.Context, st stage) outcome {
	o := outcome{stage: st.name}
	start := time.Now()
	_ = step("test: "+st.name, func() error {
		o.result, o.err = st.run(ctx)
		return o.err
	})
	o.took = time.Since(start)
	if o.result.Failures != "" {
		fmt.Println(strings.TrimRight(o.result.Failures, "\n"))
	}
	if o.err != nil {
		fmt.Printf("%s: %v\n", st.name, o.err)
	}
	return o
}

// summarize makes the closing table. Its last line is the count of tests
// alone, as programs that read test output expect it; a stage that failed
// without a failed test, such as lint, counts as one.
func summarize(outcomes []outcome) (text string, failed bool) {
	var b strings.Builder
	var total gotest.Result
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "STAGE\tRESULT\tTIME\tTESTS")
	for _, o := range outcomes {
		result, tests := "ok", "-"
		if n := o.result.Passed + o.result.Failed; n > 0 {
			tests = strconv.Itoa(n)
		}
		if o.err != nil || o.result.Failed > 0 {
			result, failed = "FAILED", true
			o.result.Failed = max(o.result.Failed, 1)
		}
		fmt.Fprintf(w, "%s\t%s\t%.1fs\t%s\n", o.stage, result, o.took.Seconds(), tests)
		o.result.Failures = ""
		total.Add(o.result)
	}
	w.Flush()
	fmt.Fprintf(&b, "\n%d passed, %d failed", total.Passed, total.Failed)
	if total.Skipped > 0 {
		fmt.Fprintf(&b, ", %d skipped", total.Skipped)
	}
	b.WriteString("\n")
	return b.String(), failed
}

// stages lists what there is to run. A stage whose sources do not exist is not
// listed. With a service, only what concerns that service.
func (s stack) stages(service string) ([]stage, error) {
	l := s.l
	if service != "" {
		dir := "./services/" + service + "/..."
		if !exists(l.source("services", service, "go.mod"))() {
			return nil, fmt.Errorf("no service %q in services/", service)
		}
		return []stage{
			{"lint", true, s.lint(dir)},
			{"unit and service", false, s.goTest("-race", dir)},
		}, nil
	}
	modules, err := l.modules()
	if err != nil {
		return nil, err
	}
	var patterns []string
	for _, m := range modules {
		if m != "./test" {
			patterns = append(patterns, m+"/...")
		}
	}
	kinds, err := l.testFolders()
	if err != nil {
		return nil, err
	}
	stages := []stage{
		{"lint", true, s.lint(append(slices.Clone(patterns), "./test/...")...)},
		{"vet", true, s.command("go", append(append([]string{"vet"}, patterns...), "./test/...")...)},
	}
	if exists(l.source("tools/gen/verify.sh"))() {
		stages = append(stages,
			stage{"generated code", true, s.command("sh", "tools/gen/verify.sh")},
			stage{"generator", false, s.goTestIn("tools/gen", "./...")})
	}
	stages = append(stages, stage{"unit and service", false, s.goTest(append(append([]string{"-race"}, patterns...), kinds["rules"]...)...)})
	if len(kinds["api"]) > 0 {
		stages = append(stages, stage{"API", false, s.apiTest(kinds["api"])})
	}
	if len(kinds["system"]) > 0 {
		stages = append(stages, stage{"system", false, s.goTest(append([]string{"-p=1"}, kinds["system"]...)...)})
	}
	if len(kinds["chaos"]) > 0 {
		// Last and alone: it kills the servers that everything else uses.
		stages = append(stages, stage{"chaos", false, s.goTest(kinds["chaos"]...)})
	}
	return stages, nil
}

// modules are the workspace's modules, as ./path.
func (l *layout) modules() ([]string, error) {
	b, err := os.ReadFile(l.source("go.work"))
	if err != nil {
		return nil, err
	}
	return workModules(string(b)), nil
}

func workModules(goWork string) []string {
	var modules []string
	for _, f := range strings.Fields(goWork) {
		if strings.HasPrefix(f, "./") {
			modules = append(modules, f)
		}
	}
	return modules
}

// testFolders sorts the folders of test/ by stage: e2e, outage and chaos need
// the running system, schemathesis that program as well, others only sources.
// Folders without tests are not listed.
func (l *layout) testFolders() (map[string][]string, error) {
	entries, err := os.ReadDir(l.source("test"))
	if err != nil {
		return nil, err
	}
	kinds := map[string][]string{}
	for _, e := range entries {
		tests, err := filepath.Glob(l.source("test", e.Name(), "*_test.go"))
		if err != nil {
			return nil, err
		}
		if len(tests) == 0 {
			continue
		}
		kind := map[string]string{"e2e": "system", "outage": "system", "chaos": "chaos", "schemathesis": "api"}[e.Name()]
		if kind == "" {
			kind = "rules"
		}
		kinds[kind] = append(kinds[kind], "./test/"+e.Name()+"/...")
	}
	return kinds, nil
}

// testEnv is the environment of the tests: where the test instance's is, and
// the tools that are fetched.
func (s stack) testEnv() []string {
	return append(os.Environ(), "JOBPILOT_TEST_ENV="+instances["test"].envFile(s.l), "JOBPILOT_STACK="+s.l.path("bin", "stack"))
}

// group makes a command the leader of a process group that ends with ctx: the
// Go tool leaves the tests it started running when it is killed alone.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
}

// command is a stage of one program, whose output is shown when it fails.
func (s stack) command(name string, args ...string) func(context.Context) (gotest.Result, error) {
	return func(ctx context.Context) (gotest.Result, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		group(cmd)
		cmd.Dir = s.l.root
		cmd.Env = s.testEnv()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return gotest.Result{Failures: string(out)}, err
		}
		return gotest.Result{}, nil
	}
}

func (s stack) lint(patterns ...string) func(context.Context) (gotest.Result, error) {
	return func(ctx context.Context) (gotest.Result, error) {
		dir, err := linter.get(s.l)
		if err != nil {
			return gotest.Result{}, err
		}
		return s.command(filepath.Join(dir, "golangci-lint"), append([]string{"run", "--allow-parallel-runners"}, patterns...)...)(ctx)
	}
}

// apiTest is goTest with SCHEMATHESIS naming that program.
func (s stack) apiTest(patterns []string) func(context.Context) (gotest.Result, error) {
	return func(ctx context.Context) (gotest.Result, error) {
		dir, err := schemathesis.get(s.l)
		if err != nil {
			return gotest.Result{}, err
		}
		if err := os.Setenv("SCHEMATHESIS", filepath.Join(dir, "bin", "schemathesis")); err != nil {
			return gotest.Result{}, err
		}
		return s.goTest(patterns...)(ctx)
	}
}

// goTest is a stage of Go tests in the workspace. -count=1: the servers are an
// input that the Go tool's cache does not know.
func (s stack) goTest(args ...string) func(context.Context) (gotest.Result, error) {
	return s.goTestIn("", args...)
}

// goTestIn runs tests of a module; one outside the workspace if dir is not empty.
func (s stack) goTestIn(dir string, args ...string) func(context.Context) (gotest.Result, error) {
	return func(ctx context.Context) (gotest.Result, error) {
		cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-shuffle=on", "-timeout=15m"}, args...)...)
		group(cmd)
		cmd.Dir = s.l.source(dir)
		cmd.Env = s.testEnv()
		if dir != "" {
			cmd.Env = append(cmd.Env, "GOWORK=off", "CGO_ENABLED=0")
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return gotest.Result{}, err
		}
		if err := cmd.Start(); err != nil {
			return gotest.Result{}, err
		}
		result, readErr := gotest.Read(out)
		if readErr != nil {
			_, _ = io.Copy(io.Discard, out)
		}
		err = errors.Join(readErr, cmd.Wait())
		if err != nil {
			result.Failures += stderr.String()
		}
		return result, err
	}
}

// Package gotest runs "go test -json" and boils its output down to what a
// person wants: counts, and the output of what failed.
package gotest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Result is what a run of tests came to. Subtests count as tests.
type Result struct {
	Passed, Failed, Skipped int
	// Failures is the output of the tests that failed, and of packages that
	// did not build or ended without naming a failed test.
	Failures string
}

// Add adds another run to r.
func (r *Result) Add(o Result) {
	r.Passed += o.Passed
	r.Failed += o.Failed
	r.Skipped += o.Skipped
	r.Failures += o.Failures
}

// event is one line of "go test -json"; see go doc test2json and, for the
// build-… actions, go help buildjson.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	FailedBuild string
}

// Read reads the output of "go test -json" to its end. Lines that are not JSON,
// such as the Go tool's own complaints, count as output of a failure.
func Read(r io.Reader) (Result, error) {
	rd := reader{output: map[string][]string{}, failed: map[string]bool{}}
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		line := scan.Text()
		var e event
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
			rd.stray = append(rd.stray, line+"\n")
			continue
		}
		rd.take(e)
	}
	rd.finish()
	return rd.result, scan.Err()
}

type reader struct {
	result Result
	output map[string][]string // by test, or by package for output of no test
	failed map[string]bool     // packages with a failed test
	stray  []string
	report strings.Builder
}

func key(pkg, test string) string { return pkg + " " + test }

func (rd *reader) take(e event) {
	k := key(e.Package, e.Test)
	switch e.Action {
	case "output":
		rd.output[k] = append(rd.output[k], e.Output)
	case "build-output":
		rd.output[e.ImportPath] = append(rd.output[e.ImportPath], e.Output)
	case "pass", "skip":
		if e.Test != "" && e.Action == "pass" {
			rd.result.Passed++
		} else if e.Test != "" {
			rd.result.Skipped++
		}
		delete(rd.output, k)
	case "fail":
		if e.Test == "" {
			rd.packageFailed(e)
			return
		}
		rd.result.Failed++
		rd.failed[e.Package] = true
		rd.print(k, e.Package)
	}
}

// packageFailed counts a package that failed as a whole: it did not build, its
// TestMain gave up, or a test ended the process.
func (rd *reader) packageFailed(e event) {
	if e.FailedBuild != "" {
		rd.print(e.FailedBuild, e.Package)
	}
	// What is left is that of the package itself, such as a seed that its
	// TestMain chose, and of tests that were running when the process ended.
	for _, k := range slices.Sorted(maps.Keys(rd.output)) {
		if strings.HasPrefix(k, e.Package+" ") {
			rd.print(k, e.Package)
		}
	}
	if !rd.failed[e.Package] {
		rd.result.Failed++
	}
	rd.failed[e.Package] = true
}

func (rd *reader) print(k, pkg string) {
	if lines := rd.output[k]; len(lines) > 0 {
		fmt.Fprintf(&rd.report, "--- in %s\n%s", pkg, strings.Join(lines, ""))
	}
	delete(rd.output, k)
}

func (rd *reader) finish() {
	if len(rd.stray) > 0 && (rd.result.Failed > 0 || rd.result.Passed == 0) {
		rd.report.WriteString(strings.Join(rd.stray, ""))
	}
	rd.result.Failures = rd.report.String()
}

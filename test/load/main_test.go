package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func TestMedian(t *testing.T) {
	for want, v := range map[float64][]float64{2: {9, 1, 2}, 2.5: {3, 1, 2, 9}, 7: {7}} {
		if got := median(v); got != want {
			t.Errorf("median of %v is %v", v, got)
		}
	}
}

// TestReference finds the statements of a rotation in the queries of auth, whole
// and with nothing left to fill in.
func TestReference(t *testing.T) {
	t.Chdir(testkit.Root(t))
	script, err := rotationScript()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"UPDATE tokens SET used_at = now()", "FOR SHARE OF u", "\\gset", "INSERT INTO tokens", ":id", ":next", "COMMIT;"} {
		if !strings.Contains(script, part) {
			t.Errorf("the script lacks %q:\n%s", part, script)
		}
	}
	if strings.Contains(script, "@") {
		t.Errorf("a parameter has no value:\n%s", script)
	}
	if _, err := statement("NoSuchQuery", nil); err == nil {
		t.Error("a query that does not exist was found")
	}
}

// TestFigures makes rows of what benchmarks print: the medians of several runs,
// held against all bounds.
func TestFigures(t *testing.T) {
	numbers, err := readNumbers([]byte("goos: linux\nsome line\n" +
		"BenchmarkThroughput/per_tx=1-2 \t 20000\t      2000.5 messages/s\nBenchmarkThroughput/per_tx=10-2 \t 20000\t 4000 messages/s\t 7 B/op\n" +
		"BenchmarkThroughput/per_tx=10-2 \t 20000\t 5000 messages/s\nBenchmarkThroughput/per_tx=10-2 \t 20000\t 1000 messages/s\n" +
		"BenchmarkScore 1 0.970 names\nBenchmarkShare 9 75.0 %ofScript 40 per-minute\nPASS\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		figure figure
		want   row
	}{
		{
			figure{what: "a", measured: "Throughput/per_tx=10 messages/s", show: "%.0f/s", reference: "Throughput/per_tx=1 messages/s", beside: "one: %.1f/s", least: bound(4001)},
			row{"a", "4000/s", "one: 2000.5/s", "", "≥ 4001/s", false},
		},
		{figure{what: "b", measured: "Score names", show: "%.3f", least: bound(.97)}, row{"b", "0.970", "", "", "≥ 0.970", true}},
		{figure{what: "c", measured: "Score names", show: "%.3f", below: bound(.97)}, row{"c", "0.970", "", "", "< 0.970", false}},
		{figure{what: "d", measured: "Score names", show: "%.2f", least: bound(.9), most: bound(.96)}, row{"d", "0.97", "", "", "≥ 0.90, ≤ 0.96", false}},
		{
			figure{what: "e", measured: "Share per-minute", show: "%.0f", ratio: "Share %ofScript", least: bound(75)},
			row{"e", "40", "", "75 %", "≥ 75 %", true},
		},
	} {
		if got, err := tt.figure.row(numbers); err != nil || got != tt.want {
			t.Errorf("%+v, want %+v, %v", got, tt.want, err)
		}
	}
	if _, err := (&figure{measured: "Latency messages/s"}).row(numbers); err == nil {
		t.Error("a figure that is not there was found")
	}
}

func TestPlace(t *testing.T) {
	command := []string{"measure", "DATA/a", "DATA/b/c|d"}
	if got, err := place(command, "/x"); err != nil || !slices.Equal(got, []string{"measure", "/x/a", "/x/b/c"}) {
		t.Error(got, err)
	}
	if got, err := place(command[2:], ""); err != nil || !slices.Equal(got, []string{"d"}) {
		t.Error(got, err)
	}
	if _, err := place(command, ""); !errors.Is(err, errNoData) {
		t.Error(err)
	}
}

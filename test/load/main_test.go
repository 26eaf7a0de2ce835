package main

import (
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

func TestMetric(t *testing.T) {
	out := []byte("BenchmarkThroughput/per_tx=1-2 \t 20000\t      2000.5 messages/s\n" +
		"BenchmarkThroughput/per_tx=10-2 \t 20000\t 4000 messages/s\t 7 B/op\nBenchmarkLatency \t 10000\t 12.00 p50-ms\t 40.00 p99-ms\n")
	for _, tt := range []struct {
		benchmark, unit string
		want            float64
	}{
		{"Throughput/per_tx=1", "messages/s", 2000.5}, {"Throughput/per_tx=10", "messages/s", 4000}, {"Latency", "p99-ms", 40},
	} {
		if got, err := metric(out, tt.benchmark, tt.unit); err != nil || got != tt.want {
			t.Errorf("%s of %s: %v, %v", tt.unit, tt.benchmark, got, err)
		}
	}
	if _, err := metric(out, "Latency", "messages/s"); err == nil {
		t.Error("a figure that is not there was found")
	}
}

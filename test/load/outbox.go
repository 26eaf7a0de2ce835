package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// outbox runs the benchmarks of pkg/outbox: from the append to the commit of the
// consumer's inbox, with relay, broker, consumer and both sides' database work
// on this machine's cores.
func (b *bench) outbox(ctx context.Context) error {
	// Appended ten to a transaction, and one to a transaction for comparison.
	throughput := map[string][]float64{}
	for range b.rounds {
		cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^BenchmarkThroughput$", "-benchtime=20000x", "./pkg/outbox")
		out, err := output(cmd)
		if err != nil {
			return err
		}
		for _, size := range []string{"1", "10"} {
			v, err := metric(out, "Throughput/per_tx="+size, "messages/s")
			if err != nil {
				return err
			}
			throughput[size] = append(throughput[size], v)
		}
	}
	many, one := median(throughput["10"]), median(throughput["1"])
	b.rows = append(b.rows, row{"outbox to inbox, messages", fmt.Sprintf("%.0f/s", many),
		fmt.Sprintf("a transaction each: %.0f/s", one), "", "≥ 3000/s", many >= 3000})

	out, err := output(exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^BenchmarkLatency$", "-benchtime=10000x", "./pkg/outbox"))
	if err != nil {
		return err
	}
	p50, err := metric(out, "Latency", "p50-ms")
	if err != nil {
		return err
	}
	p99, err := metric(out, "Latency", "p99-ms")
	if err != nil {
		return err
	}
	b.rows = append(b.rows, row{"outbox to inbox at 500/s, p99", fmt.Sprintf("%.0f ms", p99), fmt.Sprintf("p50: %.0f ms", p50), "", "< 250 ms", p99 < 250})
	return nil
}

// metric reads a value from the output of "go test -bench".
func metric(out []byte, benchmark, unit string) (float64, error) {
	line := regexp.MustCompile(`(?m)^Benchmark` + regexp.QuoteMeta(benchmark) + `(?:-\d+)?\s.*?([0-9.]+) ` + regexp.QuoteMeta(unit) + `(?:\s|$)`)
	m := line.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("Benchmark%s printed no %s: %s", benchmark, unit, out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

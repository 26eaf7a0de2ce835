package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// figure is a row whose numbers a benchmark reports. A number is named by its
// benchmark and unit, such as "Match ms".
type figure struct {
	what               string
	measured, show     string // the number, and how it is printed
	reference, beside  string // what it is held against, likewise; or empty
	ratio              string // of both, likewise reported; or empty
	least, most, below *float64
}

func bound(v float64) *float64 { return &v }

// child is what only the inside of a service can measure: its benchmark, or a
// program of its own, which prints its numbers in the format of Go's benchmarks.
// One that runs several times, by -count, counts with the medians.
type child struct {
	name     string
	commands [][]string
	figures  []figure
}

// goBench is the command of a benchmark.
func goBench(pkg, name, time string, count int) []string {
	return []string{"go", "test", "-run=^$", "-bench=^Benchmark" + name + "$", "-benchtime=" + time, fmt.Sprint("-count=", count), "-timeout=10m", pkg}
}

// dataFolder is the environment variable that names the folder of files to measure
// on, which are not part of the repository. An argument DATA/… of a command is in
// it; without it, what follows a bar is used instead.
const dataFolder = "JOBPILOT_DATA"

// errNoData means that there is nothing instead.
var errNoData = errors.New("set " + dataFolder + " to the folder of files to measure on")

// place fills the folder in.
func place(command []string, data string) ([]string, error) {
	command = slices.Clone(command)
	for i, argument := range command {
		rest, ok := strings.CutPrefix(argument, "DATA/")
		if !ok {
			continue
		}
		rest, instead, _ := strings.Cut(rest, "|")
		switch {
		case data != "":
			command[i] = filepath.Join(data, rest)
		case instead != "":
			command[i] = instead
		default:
			return nil, errNoData
		}
	}
	return command, nil
}

// children are the measurements inside of services.
var children = []child{
	{
		name: "parse", commands: [][]string{{"go", "run", "./services/ai/internal/parser/score", "-bench", "DATA/resumes/files|./test/walk/samples"}},
		figures: []figure{
			{what: "PDF of 1 to 3 pages, read and parsed", measured: "Parse ms", show: "%.1f ms", below: bound(30)},
			{what: "the same against its text alone", measured: "Parse times-text", show: "× %.2f", reference: "Parse text-ms", beside: "text alone %.1f ms", most: bound(3)},
		},
	},
	{
		name: "resumes", commands: [][]string{{"go", "run", "./services/ai/internal/parser/score", "-scorer", "DATA/resumes/score.py", "DATA/resumes/files"}},
		figures: []figure{
			{what: "resumes: names, F1", measured: "Score names", show: "%.3f", least: bound(.97)},
			{what: "resumes: contacts, F1", measured: "Score contacts", show: "%.3f", least: bound(.97)},
			{what: "resumes: work entries, F1", measured: "Score work", show: "%.3f", least: bound(.85)},
			{what: "resumes: education entries, F1", measured: "Score education", show: "%.3f", least: bound(.85)},
			{what: "resumes: skills, F1", measured: "Score skills", show: "%.3f", least: bound(.75)},
		},
	},
	{
		name: "salary", commands: [][]string{{"go", "run", "./tools/data/salary", "-measure", "-data", "DATA/salaries/train.csv.gz"}},
		figures: []figure{
			{what: "salary: error below that of the median", measured: "Salary %lower", show: "%.1f %%", reference: "Salary median-USD", beside: "median by title and level: %.0f USD", least: bound(3)},
			{what: "salary: the same outside the USA", measured: "Salary %lower-abroad", show: "%.1f %%", reference: "Salary median-USD-abroad", beside: "median by title and level: %.0f USD", least: bound(35)},
			{what: "salary: held by the 80 % interval", measured: "Salary %held", show: "%.1f %%", least: bound(78), most: bound(84)},
		},
	},
	{
		name: "match", commands: [][]string{goBench("./services/ai/internal/match", "Match", "300x", 1)},
		figures: []figure{{what: "resume matched to 100,000 jobs", measured: "Match ms", show: "%.1f ms", below: bound(20)}},
	},
	{
		name: "gather", commands: [][]string{goBench("./services/job/internal/job", "Gather", "1x", 3)},
		figures: []figure{{what: "jobs gathered, stored and indexed", measured: "Gather jobs/s", show: "%.0f/s", least: bound(300)}},
	},
	{
		name: "forms", commands: [][]string{{"go", "run", "./services/auto-apply/internal/measure"}},
		figures: []figure{
			{what: "applications a minute, 4 contexts", measured: "Applications per-minute", show: "%.0f", reference: "Applications script-per-minute", beside: "script by hand: %.0f", ratio: "Applications %ofScript", least: bound(75)},
			{what: "fields of forms understood", measured: "Forms %understood", show: "%.1f %%", reference: "Forms fields", beside: "of %.0f", least: bound(95)},
			{what: "wrong answers sent", measured: "Forms wrong", show: "%.0f", reference: "Forms sent", beside: "in %.0f applications", most: bound(0)},
		},
	},
	{
		name: "notification", commands: [][]string{goBench("./services/notification/internal/api", "Delivery", "1x", 1)},
		figures: []figure{
			{what: "notification to SMTP at 100/s, p99", measured: "Delivery mail-p99-ms", show: "%.0f ms", reference: "Delivery mail-p50-ms", beside: "p50: %.0f ms", below: bound(500)},
			{what: "notification to WebSocket at 100/s, p99", measured: "Delivery stream-p99-ms", show: "%.0f ms", reference: "Delivery stream-p50-ms", beside: "p50: %.0f ms", below: bound(500)},
		},
	},
	{
		name: "events", commands: [][]string{goBench("./services/analytics/internal/analytics", "Track", "500x", 3)},
		figures: []figure{{what: "events taken in, batches of 100", measured: "Track events/s", show: "%.0f/s", least: bound(10_000)}},
	},
	{
		name: "sagas", commands: [][]string{goBench("./services/orchestrator/internal/orchestrator", "Sagas", "1000x", 3)},
		figures: []figure{{what: "sagas of three steps", measured: "Sagas sagas/s", show: "%.0f/s", reference: "Sagas river-jobs/s", beside: "bare River jobs: %.0f/s", ratio: "Sagas %ofRiver", least: bound(60)}},
	},
	{
		// Appended ten to a transaction, and one to a transaction for comparison.
		name: "outbox", commands: [][]string{goBench("./pkg/outbox", "Throughput", "20000x", 3), goBench("./pkg/outbox", "Latency", "10000x", 1)},
		figures: []figure{
			{what: "outbox to inbox, messages", measured: "Throughput/per_tx=10 messages/s", show: "%.0f/s", reference: "Throughput/per_tx=1 messages/s", beside: "a transaction each: %.0f/s", least: bound(3000)},
			{what: "outbox to inbox at 500/s, p99", measured: "Latency p99-ms", show: "%.0f ms", reference: "Latency p50-ms", beside: "p50: %.0f ms", below: bound(250)},
		},
	},
}

// child runs one, and adds its rows.
func (b *bench) child(c child) func(context.Context) error {
	return func(ctx context.Context) error {
		var out []byte
		for _, c := range c.commands {
			command, err := place(c, os.Getenv(dataFolder))
			if err != nil {
				return err
			}
			printed, err := output(exec.CommandContext(ctx, command[0], command[1:]...))
			if err != nil {
				return err
			}
			out = append(out, printed...)
		}
		numbers, err := readNumbers(out)
		if err != nil {
			return err
		}
		for _, f := range c.figures {
			r, err := f.row(numbers)
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			b.rows = append(b.rows, r)
		}
		return nil
	}
}

// readNumbers reads what benchmarks printed. Of several runs it is the median.
func readNumbers(out []byte) (map[string]float64, error) {
	all := map[string][]float64{}
	r := benchfmt.NewReader(bytes.NewReader(out), "output")
	for r.Scan() {
		result, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue // of a unit, or a line that only looks like a result
		}
		base, parts := result.Name.Parts()
		name := string(base)
		for _, part := range parts {
			if part[0] == '/' { // else the number of cores
				name += string(part)
			}
		}
		for _, v := range result.Values {
			all[name+" "+v.Unit] = append(all[name+" "+v.Unit], v.Value)
		}
	}
	numbers := map[string]float64{}
	for name, values := range all {
		numbers[name] = median(values)
	}
	return numbers, r.Err()
}

// row is the row that the numbers make.
func (f *figure) row(numbers map[string]float64) (row, error) {
	for _, name := range []string{f.measured, f.reference, f.ratio} {
		if _, ok := numbers[name]; name != "" && !ok {
			return row{}, fmt.Errorf("nothing reported %q", name)
		}
	}
	r := row{what: f.what, measured: fmt.Sprintf(f.show, numbers[f.measured])}
	if f.reference != "" {
		r.reference = fmt.Sprintf(f.beside, numbers[f.reference])
	}
	v, show := numbers[f.measured], f.show
	if f.ratio != "" {
		v, show = numbers[f.ratio], "%.0f %%"
		r.ratio = fmt.Sprintf(show, v)
	}
	r.ok = true
	var must []string
	for _, limit := range []struct {
		sign string
		at   *float64
		ok   func(at float64) bool
	}{
		{"≥", f.least, func(at float64) bool { return v >= at }},
		{"≤", f.most, func(at float64) bool { return v <= at }},
		{"<", f.below, func(at float64) bool { return v < at }},
	} {
		if limit.at != nil {
			must = append(must, limit.sign+" "+fmt.Sprintf(show, *limit.at))
			r.ok = r.ok && limit.ok(*limit.at)
		}
	}
	r.must = strings.Join(must, ", ")
	return r, nil
}

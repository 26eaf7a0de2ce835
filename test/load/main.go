// Command load measures the numbers that the platform promises and prints them
// as one table. Run it with `make bench`.
//
// A number that is a ratio compares two sides within one run, in rounds that
// alternate between them, so that whatever else the machine does meets both; the
// ratio is the median of the rounds' ratios. The service is a process of its own
// with the environment of instance "test" and limits that nobody reaches; its
// load comes from here, on the same cores, and so counts against it.
//
// Names of rows as arguments measure only those: login refresh read verify
// outbox footprint.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "\nload:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct {
	what, measured, reference, ratio, must string
	ok                                     bool
}

// bench is what the measurements share.
type bench struct {
	rounds int
	round  time.Duration
	bin    string // the service's program, as it is shipped
	env    map[string]string
	rows   []row
}

// part measures one or several rows.
type part struct {
	name string
	run  func(context.Context) error
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == "bare" {
		return serveBare(ctx)
	}
	b := &bench{}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.IntVar(&b.rounds, "rounds", 5, "how often the two sides of a ratio alternate")
	flags.DurationVar(&b.round, "round", 4*time.Second, "how long one side of a round takes; whole seconds")
	strict := flags.Bool("strict", false, "exit 1 when a number is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.rounds, b.round = max(b.rounds, 1), max(b.round.Truncate(time.Second), time.Second)

	parts := []part{
		{"footprint", b.footprint}, // first: the machine is quiet
		{"login", b.logins},
		{"refresh", b.refreshes},
		{"read", b.reads},
		{"verify", b.verification},
		{"outbox", b.outbox},
	}
	for _, name := range flags.Args() {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("nothing is called %q; there are footprint, login, refresh, read, verify and outbox", name)
		}
	}
	dir, err := os.MkdirTemp("", "jobpilot-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.env, err = serviceEnv(ctx); err != nil {
		return err
	}
	if b.bin, err = buildService(ctx, dir); err != nil {
		return err
	}
	for _, p := range parts {
		if len(flags.Args()) > 0 && !slices.Contains(flags.Args(), p.name) {
			continue
		}
		began := time.Now()
		fmt.Fprintf(os.Stderr, "measuring %s … ", p.name)
		if err := p.run(ctx); err != nil {
			b.print() // what there is of it
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(os.Stderr, "%.0f s\n", time.Since(began).Seconds())
	}
	missed := b.print()
	if *strict && missed > 0 {
		return fmt.Errorf("%d of %d numbers are missed", missed, len(b.rows))
	}
	return nil
}

// print writes the table and returns how many numbers are missed.
func (b *bench) print() (missed int) {
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\n%d cores, %s, load before the last row %s\n\n", runtime.GOMAXPROCS(0), runtime.Version(), firstField(string(load)))
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tMEASURED\tREFERENCE\tRATIO\tMUST REACH\t")
	for _, r := range b.rows {
		result := "ok"
		if !r.ok {
			result, missed = "MISSED", missed+1
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.measured, r.reference, r.ratio, r.must, result)
	}
	_ = w.Flush()
	return missed
}

func firstField(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

// side measures operations a second of one of two that are compared.
type side func(ctx context.Context, round int) (float64, error)

// compare alternates between the service and its reference and adds the row.
func (b *bench) compare(ctx context.Context, what, reference string, must float64, service, other side) error {
	var a, z, ratios []float64
	for i := range b.rounds {
		var x, y float64
		var err error
		if i%2 == 0 {
			x, err = service(ctx, i)
		}
		if err == nil {
			y, err = other(ctx, i)
		}
		if err == nil && i%2 == 1 {
			x, err = service(ctx, i)
		}
		if err != nil {
			return err
		}
		a, z, ratios = append(a, x), append(z, y), append(ratios, x/y)
	}
	ratio := median(ratios)
	b.rows = append(b.rows, row{what, fmt.Sprintf("%.0f/s", median(a)), fmt.Sprintf("%s %.0f/s", reference, median(z)),
		fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*ratio, 100*slices.Min(ratios), 100*slices.Max(ratios)), fmt.Sprintf("≥ %.0f %%", 100*must), ratio >= must})
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// rate runs do over and over in each of n goroutines for a time, and returns how
// many were done a second. The first error ends it.
func rate(ctx context.Context, d time.Duration, n int, do func(ctx context.Context, i int) error) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, d+time.Minute)
	defer cancel()
	type result struct {
		done int
		err  error
	}
	results := make(chan result, n)
	began := time.Now()
	for i := range n {
		go func() {
			var r result
			for r.err == nil && time.Since(began) < d {
				if r.err = do(ctx, i); r.err == nil {
					r.done++
				}
			}
			if r.err != nil {
				cancel()
			}
			results <- r
		}()
	}
	done := 0
	var faults []error
	for range n {
		r := <-results
		done += r.done
		faults = append(faults, r.err)
	}
	return float64(done) / time.Since(began).Seconds(), errors.Join(faults...)
}

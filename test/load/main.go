// Command load measures the numbers that the platform promises and prints them
// as one table. Run it with `make bench`.
//
// A number that is a ratio compares two sides within one run, in rounds that
// alternate between them, so that whatever else the machine does meets both; the
// ratio is the median of the rounds' ratios. The service is a process of its own
// with the environment of instance "test" and limits that nobody reaches; its
// load comes from here, on the same cores, and so counts against it.
//
// What only the inside of a service can measure is a benchmark or a program of
// its own, which runs as a process of its own: see children.
//
// Names of measurements as arguments measure only those: see parts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	rounds     int
	round      time.Duration
	jobs       int                    // that are searched
	program    func() (string, error) // auth, as it is shipped: built when it is first wanted
	env        map[string]string
	rows       []row
	unmeasured []string // what was not, and why
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
	flags.IntVar(&b.jobs, "jobs", 100_000, "how many jobs are searched")
	strict := flags.Bool("strict", false, "exit 1 when a number is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.rounds, b.round = max(b.rounds, 1), max(b.round.Truncate(time.Second), time.Second)

	parts := b.parts()
	if names := flags.Args(); len(names) > 0 {
		var all []string
		for _, p := range parts {
			all = append(all, p.name)
		}
		for _, name := range names {
			if !slices.Contains(all, name) {
				return fmt.Errorf("nothing is called %q; there are %s", name, strings.Join(all, ", "))
			}
		}
		parts = slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(names, p.name) })
	}
	dir, err := os.MkdirTemp("", "jobpilot-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.env, err = serviceEnv(ctx, "auth"); err != nil {
		return err
	}
	// Gateway and auth answer, or there is no need to begin.
	if _, _, err := timed(ctx, http.MethodGet, b.env["GATEWAY_PLAIN_URL"]+"/.well-known/jwks.json", "", nil); err != nil {
		return fmt.Errorf("instance test does not answer; start it with `make up INSTANCE=test`: %w", err)
	}
	b.program = sync.OnceValues(func() (string, error) { return buildService(ctx, dir) })
	failed := 0
	for _, p := range parts {
		began := time.Now()
		fmt.Fprintf(os.Stderr, "measuring %s … ", p.name)
		err := p.run(ctx)
		fmt.Fprintf(os.Stderr, "%.0f s\n", time.Since(began).Seconds())
		if err != nil {
			b.unmeasured = append(b.unmeasured, fmt.Sprintf("%s: %v", p.name, err))
		}
		if err != nil && !errors.Is(err, errNoData) {
			failed++
		}
		if ctx.Err() != nil {
			break
		}
	}
	missed := b.print()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed > 0:
		return fmt.Errorf("%d of %d measurements failed", failed, len(parts))
	case *strict && missed > 0:
		return fmt.Errorf("%d of %d numbers are missed", missed, len(b.rows))
	}
	return nil
}

// parts are all measurements in their order.
func (b *bench) parts() []part {
	parts := []part{
		{"memory", b.memory}, // first: the machine is quiet
		{"footprint", b.footprint},
		{"login", b.logins},
		{"refresh", b.refreshes},
		{"read", b.reads},
		{"verify", b.verification},
		{"search", b.searches},
	}
	for _, c := range children {
		parts = append(parts, part{c.name, b.child(c)})
	}
	return parts
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
	for _, why := range b.unmeasured {
		fmt.Printf("\nnot measured: %s\n", why)
	}
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

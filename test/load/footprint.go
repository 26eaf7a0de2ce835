package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"
)

// footprint measures the program alone: how long it takes to be ready, what it
// holds when it has nothing to do, and its size.
func (b *bench) footprint(ctx context.Context) error {
	const mib = 1 << 20
	var ready []float64
	var memory int
	for i := range b.rounds {
		p, err := b.startService(ctx)
		if err != nil {
			return err
		}
		ready = append(ready, p.ready.Seconds())
		if i == b.rounds-1 {
			select {
			case <-time.After(10 * time.Second): // idle, with relay, River and all else at work
			case <-ctx.Done():
			}
			memory, err = residentKiB(p.cmd.Process.Pid)
		}
		if stopErr := p.stop(); err == nil {
			err = stopErr
		}
		if err != nil {
			return err
		}
	}
	bin, err := b.program()
	if err != nil {
		return err
	}
	size, err := os.Stat(bin)
	if err != nil {
		return err
	}
	start := median(ready)
	b.rows = append(b.rows,
		row{"start to ready", fmt.Sprintf("%.2f s", start), "", "", "< 1 s", start < 1},
		row{"memory when idle", fmt.Sprintf("%.1f MiB", float64(memory)/1024), "", "", "≤ 40 MiB", memory <= 40*1024},
		row{"stripped binary", fmt.Sprintf("%.1f MiB", float64(size.Size())/mib), "", "", "≤ 30 MiB", size.Size() <= 30*mib})
	return nil
}

// services are all that the memory of the platform is the sum of.
var services = []string{"ai", "analytics", "auth", "auto-apply", "job", "notification", "orchestrator", "resume", "user"}

// memory adds up what the nine services of the instance hold, as they run: each
// says so on its admin listener. A browser would be a process of its own, and so
// not counted.
func (b *bench) memory(ctx context.Context) error {
	select {
	case <-time.After(10 * time.Second): // idle
	case <-ctx.Done():
		return ctx.Err()
	}
	var sum, most float64
	var largest string
	for _, service := range services {
		env, err := serviceEnv(ctx, service)
		if err != nil {
			return err
		}
		_, metrics, err := timed(ctx, http.MethodGet, "http://"+env["ADMIN_ADDR"]+"/metrics", "", nil)
		if err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		m := resident.FindSubmatch(metrics)
		if m == nil {
			return fmt.Errorf("%s does not tell its memory", service)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		sum += v
		if v > most {
			most, largest = v, service
		}
	}
	const mib = 1 << 20
	b.rows = append(b.rows, row{"memory of all services when idle", fmt.Sprintf("%.0f MiB", sum/mib), fmt.Sprintf("most: %s %.0f MiB", largest, most/mib), "", "≤ 450 MiB", sum <= 450*mib})
	return nil
}

var resident = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

var rss = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// residentKiB is what a process holds in memory, its program's pages included.
func residentKiB(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := rss.FindSubmatch(status)
	if m == nil {
		return 0, fmt.Errorf("no VmRSS of process %d", pid)
	}
	return strconv.Atoi(string(m[1]))
}

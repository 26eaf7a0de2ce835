package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// victim is a program of tools/stack, and the command that its process has once
// it is the server itself.
type victim struct{ program, command string }

var (
	// registering are those that take part in a registration.
	registering = []victim{
		{"test-auth", "auth"}, {"pgbouncer", "pgbouncer"}, {"rabbitmq", "beam.smp"}, {"redis", "redis-server"}, {"postgres", "postgres"},
	}
	// everybody are all processes of the stack. The job site and the mail catcher are
	// not among them: they stand for companies and mail providers outside, and what
	// they received, which they keep in memory, is the evidence.
	everybody = append([]victim{
		{"epmd", "epmd"}, {"search", "java"}, {"s3", "versitygw"}, {"test-gateway", "nginx"},
		{"test-user", "user"}, {"test-resume", "resume"}, {"test-job", "job"}, {"test-auto-apply", "auto-apply"}, {"test-ai", "ai"},
		{"test-notification", "notification"}, {"test-analytics", "analytics"}, {"test-orchestrator", "orchestrator"},
	}, registering...)
)

// killer kills programs at certain points of a run.
type killer struct {
	t    *testing.T
	runs string // the folder of pid files
	plan plan
	due  chan kill
	done chan struct{}

	mu     sync.Mutex
	killed map[string]int
}

// plan says who dies at which point.
type plan map[int][]kill

type kill struct {
	victim
	after time.Duration // that the point was reached
}

func newKiller(t *testing.T, p plan) *killer {
	t.Helper()
	n := 0
	for _, kills := range p {
		n += len(kills)
	}
	return &killer{t: t, runs: filepath.Join(testkit.Root(t), ".data/run"), plan: p, due: make(chan kill, n), done: make(chan struct{}), killed: map[string]int{}}
}

// among plans at least one death for each, and one in sixty registrations.
func among(rng *rand.Rand, registrations int) plan {
	n := max(len(registering), registrations/60)
	p := plan{}
	turn := slices.Clone(registering)
	for i := range n {
		if i%len(turn) == 0 {
			rng.Shuffle(len(turn), func(a, b int) { turn[a], turn[b] = turn[b], turn[a] })
		}
		// One in each n-th of the run, anywhere in it.
		at := registrations*i/n + rng.IntN(max(1, registrations/n))
		p[at] = append(p[at], kill{turn[i%len(turn)], time.Duration(rng.IntN(200)) * time.Millisecond})
	}
	return p
}

// once plans one death for each, at any of the steps or soon after.
func once(rng *rand.Rand, steps int) plan {
	p := plan{}
	for _, i := range rng.Perm(len(everybody)) {
		at := rng.IntN(steps)
		p[at] = append(p[at], kill{everybody[i], time.Duration(rng.IntN(2000)) * time.Millisecond})
	}
	return p
}

// reached is told when a registration or a step begins.
func (k *killer) reached(i int) {
	for _, kill := range k.plan[i] {
		k.due <- kill
	}
}

// finish waits until all who were due have been killed.
func (k *killer) finish() {
	close(k.due)
	<-k.done
}

func (k *killer) run(ctx context.Context) {
	defer close(k.done)
	for next := range k.due {
		select {
		case <-time.After(next.after):
		case <-ctx.Done():
			return
		}
		// One that is still starting again is killed as soon as it is there.
		if err := poll(ctx, func() error { return k.kill(next.victim) }); err != nil {
			k.t.Errorf("%s could not be killed: %v", next.program, err)
			return
		}
		k.t.Logf("killed %s", next.program)
		k.mu.Lock()
		k.killed[next.command]++
		k.mu.Unlock()
	}
}

// kill sends SIGKILL to the server process of a program. Its pid file names the
// process and when it began, and tools/stack has become the server when the
// command says so.
func (k *killer) kill(v victim) error {
	raw, err := os.ReadFile(filepath.Join(k.runs, v.program+".pid"))
	if err != nil {
		return err
	}
	var pid int
	var began string
	if _, err := fmt.Sscan(string(raw), &pid, &began); err != nil {
		return fmt.Errorf("pid file of %s: %w", v.program, err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(stat), " (")
	command, rest, _ := strings.Cut(rest, ") ")
	// Fields 3 and 22 of proc(5).
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[19] != began || fields[0] == "Z" || command != v.command {
		return errors.New("it is not running")
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// String counts the dead.
func (k *killer) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	total := 0
	var each []string
	for name, n := range k.killed {
		total += n
		each = append(each, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(each)
	return fmt.Sprintf("%d killed (%s)", total, strings.Join(each, ", "))
}

// stackStatus is what `make status` says.
func stackStatus(ctx context.Context, t *testing.T) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(ctx, harness.Env(t, "JOBPILOT_STACK"), "status")
	cmd.Dir = testkit.Root(t)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

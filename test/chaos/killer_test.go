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

var victims = []victim{
	{"test-auth", "auth"}, {"pgbouncer", "pgbouncer"}, {"rabbitmq", "beam.smp"}, {"redis", "redis-server"}, {"postgres", "postgres"},
}

// killer kills programs when registrations reach certain numbers.
type killer struct {
	t    *testing.T
	runs string // the folder of pid files
	plan map[int]kill
	due  chan kill
	done chan struct{}

	mu     sync.Mutex
	killed map[string]int
}

type kill struct {
	victim
	after time.Duration // that the registration began
}

// newKiller plans at least one death for each, and one in sixty registrations.
func newKiller(t *testing.T, rng *rand.Rand, registrations int) *killer {
	t.Helper()
	n := max(len(victims), registrations/60)
	k := &killer{t: t, runs: filepath.Join(testkit.Root(t), ".data/run"), plan: map[int]kill{}, due: make(chan kill, n), done: make(chan struct{}), killed: map[string]int{}}
	turn := slices.Clone(victims)
	for i := range n {
		if i%len(victims) == 0 {
			rng.Shuffle(len(turn), func(a, b int) { turn[a], turn[b] = turn[b], turn[a] })
		}
		// One in each n-th of the run, anywhere in it.
		at := registrations*i/n + rng.IntN(max(1, registrations/n))
		k.plan[at] = kill{turn[i%len(turn)], time.Duration(rng.IntN(200)) * time.Millisecond}
	}
	return k
}

// reached is told when a registration begins.
func (k *killer) reached(i int) {
	if kill, ok := k.plan[i]; ok {
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

// Package chaos kills what the platform stands on, without warning, while people
// register and while one plays the main job, and then counts: nothing that was
// promised may be lost, and nothing be done twice.
//
// It runs against instance "test" and kills the servers that all instances share,
// so it must run alone. CHAOS_REGISTRATIONS is how many people register (500),
// CHAOS_SEEDS how often the main job is played (2). CHAOS_SEED repeats a run's
// random choices: who is killed, and at which registration or step.
package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// setting is a number from the environment.
func setting(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestRegistrations lets thousands register through the gateway, repeating what
// was not answered as a client with an Idempotency-Key does, while auth,
// PgBouncer, RabbitMQ, Redis and Postgres are killed again and again. In the end
// each registration that was answered has one account, each account one event,
// whose consumer applied it once, and there is no other account and no other
// event.
func TestRegistrations(t *testing.T) {
	n := int(setting(t, "CHAOS_REGISTRATIONS", 500))
	seed := setting(t, "CHAOS_SEED", rand.Uint64())
	t.Logf("CHAOS_SEED=%d CHAOS_REGISTRATIONS=%d", seed, n)
	rng := rand.New(rand.NewPCG(seed, 0))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+time.Duration(n)*250*time.Millisecond)
	defer cancel()

	began := time.Now()
	w := newWitness(ctx, t)
	k := newKiller(t, among(rng, n))
	p := newPeople(t, n)

	killing, stopKilling := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { k.run(killing) })
	others.Go(func() {
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-killing.Done():
				return
			case <-tick.C:
				t.Logf("%4.0f s: %s; %s", time.Since(began).Seconds(), p, k)
			}
		}
	})
	p.register(ctx, k.reached)
	k.finish()
	stopKilling()
	others.Wait()
	t.Logf("%4.0f s: %s; %s; now everything has to recover", time.Since(began).Seconds(), p, k)
	if err := ctx.Err(); err != nil {
		t.Fatalf("registering took too long: %v", err)
	}

	recovered(ctx, t)
	w.settle(ctx, t)
	w.judge(ctx, t, p)
	t.Logf("%s; %s; %s; CHAOS_SEED=%d; %.0f s", p, k, w, seed, time.Since(began).Seconds())
}

// recovered waits until every program of the stack answers again.
func recovered(ctx context.Context, t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	var status string
	await(ctx, t, "everything answers again", func() error {
		var err error
		if status, err = stackStatus(ctx, t); err != nil {
			return fmt.Errorf("%w\n%s", err, status)
		}
		return nil
	})
}

// await asks until there is no error, and ends the test when there still is one
// at the end of ctx.
func await(ctx context.Context, t *testing.T, what string, ask func() error) {
	t.Helper()
	if err := poll(ctx, ask); err != nil {
		t.Fatalf("it does not come about that %s: %v", what, err)
	}
}

// poll asks for longer than tests usually do: servers that were killed read their
// logs first.
func poll(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

package testkit

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Eventually asks until the answer is true, and fails the test when it is not
// within half a minute: long enough for a busy machine. It is the one place where
// tests wait for something that cannot tell them.
func Eventually(tb testing.TB, what string, ask func() bool) {
	tb.Helper()
	const limit = 30 * time.Second
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if ask() {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(pause)
	}
}

// Seed of this test's random choices. It is TEST_SEED if that is set, and shown
// when the test fails, so that a failure can be had again.
func Seed(tb testing.TB) uint64 {
	tb.Helper()
	seed := rand.Uint64() //nolint:gosec // a test's choices, to be repeated
	if s := os.Getenv("TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			tb.Fatalf("TEST_SEED: %v", err)
		}
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("to repeat: TEST_SEED=%d go test -run '^%s$'", seed, tb.Name())
		}
	})
	return seed
}

// Rand is a generator seeded with [Seed].
func Rand(tb testing.TB) *rand.Rand {
	tb.Helper()
	return rand.New(rand.NewPCG(Seed(tb), 0)) //nolint:gosec // a test's choices, to be repeated
}

package main

import (
	"fmt"
	"os"
	"time"
)

// say prints one line of progress.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// step runs f and prints its name and how long it took. While a long step
// runs a dot is printed every five seconds, so that nobody takes it for dead.
func step(name string, f func() error) error {
	start := time.Now()
	fmt.Fprintf(os.Stderr, "%-44s ", name)
	done := make(chan error, 1)
	go func() { done <- f() }()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			took := time.Since(start).Seconds()
			if err != nil {
				fmt.Fprintf(os.Stderr, "failed after %.1fs\n", took)
				return err
			}
			fmt.Fprintf(os.Stderr, "%5.1fs\n", took)
			return nil
		case <-tick.C:
			fmt.Fprint(os.Stderr, ".")
		}
	}
}

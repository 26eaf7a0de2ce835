package testkit

import (
	"context"
	"fmt"
	"testing"
)

// Example gives an example what tests get, so that it can use servers. A failure
// is a panic; end removes what was taken, and is deferred.
func Example() (tb testing.TB, end func()) {
	t := &exampleTB{}
	return t, func() {
		for i := len(t.cleanups) - 1; i >= 0; i-- {
			t.cleanups[i]()
		}
	}
}

// exampleTB has the methods of testing.TB that this package uses; others panic.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (*exampleTB) Helper()                           {}
func (*exampleTB) Name() string                      { return "Example" }
func (*exampleTB) Failed() bool                      { return false }
func (*exampleTB) Context() context.Context          { return context.Background() }
func (*exampleTB) Logf(string, ...any)               {}
func (*exampleTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*exampleTB) Error(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*exampleTB) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTB) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }

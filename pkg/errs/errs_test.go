package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

var errTaken = errs.New(errs.Conflict, "email_taken", "This e-mail address has an account. Log in, or reset the password.")

func Example() {
	err := fmt.Errorf("register: %w", errTaken.With(io.ErrUnexpectedEOF))

	fmt.Println(errs.Is(err, "email_taken"), errs.KindOf(err).Status())
	fmt.Println(errors.Is(err, errTaken), errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// true 409
	// true true
}

func TestKinds(t *testing.T) {
	t.Parallel()
	want := map[errs.Kind]int{
		errs.Internal: 500, errs.Invalid: 400, errs.Unauthenticated: 401, errs.Forbidden: 403,
		errs.NotFound: 404, errs.MethodNotAllowed: 405, errs.Conflict: 409, errs.Precondition: 412,
		errs.TooLarge: 413, errs.UnsupportedMedia: 415, errs.Unprocessable: 422, errs.RateLimited: 429,
		errs.Unavailable: 503, errs.Kind(200): 500,
	}
	for kind, status := range want {
		if got := kind.Status(); got != status {
			t.Errorf("Kind(%d).Status() = %d, want %d", kind, got, status)
		}
		if kind <= errs.Unavailable && errs.KindOfStatus(status) != kind {
			t.Errorf("KindOfStatus(%d) = %d, want %d", status, errs.KindOfStatus(status), kind)
		}
	}
	for status, kind := range map[int]errs.Kind{418: errs.Invalid, 502: errs.Unavailable, 504: errs.Unavailable, 501: errs.Internal, 200: errs.Internal} {
		if got := errs.KindOfStatus(status); got != kind {
			t.Errorf("KindOfStatus(%d) = %d, want %d", status, got, kind)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want errs.Kind
	}{
		{nil, errs.Internal},
		{io.EOF, errs.Internal},
		{fmt.Errorf("x: %w", errTaken), errs.Conflict},
		{fmt.Errorf("query: %w", context.DeadlineExceeded), errs.Unavailable},
		{context.Canceled, errs.Internal},
	} {
		if got := errs.KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

// A declared error is shared by all requests: deriving from it must not change it.
func TestDerivedErrorsAreCopies(t *testing.T) {
	t.Parallel()
	base := errs.New(errs.Unprocessable, "invalid_profile", "Correct the named fields.").
		WithFields(errs.Field{Pointer: "#/name", Code: "required", Message: "is required"})
	a := base.WithFields(errs.Field{Pointer: "#/a"})
	b := base.WithFields(errs.Field{Pointer: "#/b"})
	c := base.With(io.EOF).WithRetryAfter(time.Second)

	if len(base.Fields) != 1 || base.Unwrap() != nil || base.RetryAfter != 0 {
		t.Fatalf("base changed: %+v", base)
	}
	if a.Fields[1].Pointer != "#/a" || b.Fields[1].Pointer != "#/b" {
		t.Fatalf("derived errors share fields: %v %v", a.Fields, b.Fields)
	}
	if c.RetryAfter != time.Second || !errors.Is(c, io.EOF) || !errors.Is(c, base) {
		t.Fatalf("lost something: %+v", c)
	}
	if errors.Is(c, errTaken) || errs.Is(io.EOF, "invalid_profile") {
		t.Fatal("errors with other codes are not the same")
	}
}

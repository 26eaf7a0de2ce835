package httpx_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
)

type place struct {
	At time.Time
	ID int
}

func newCursors(tb testing.TB, fill byte) *httpx.Cursors {
	tb.Helper()
	c, err := httpx.NewCursors(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func ExampleCursors() {
	cursors, _ := httpx.NewCursors([]byte("32 random bytes from the service's settings"))
	next, _ := cursors.Encode("listThings user:42 tag=a", place{ID: 7})

	var from place
	fmt.Println(cursors.Decode("listThings user:42 tag=a", next, &from), from.ID)
	fmt.Println(errs.Is(cursors.Decode("listThings user:43 tag=a", next, &from), "invalid_cursor"))
	// Output:
	// <nil> 7
	// true
}

func TestCursors(t *testing.T) {
	t.Parallel()
	c := newCursors(t, 1)
	want := place{time.Now().UTC().Truncate(time.Microsecond), 42}
	good, err := c.Encode("list", want)
	if err != nil {
		t.Fatal(err)
	}
	var got place
	if err := c.Decode("list", good, &got); err != nil || !got.At.Equal(want.At) || got.ID != want.ID {
		t.Fatal(got, err)
	}
	flip := func(i int) string {
		b := []byte(good)
		b[i] ^= 1
		return string(b)
	}
	for name, bad := range map[string]string{
		"empty": "", "nonsense": "nonsense", "signature changed": flip(2), "place changed": flip(len(good) - 5), "cut": good[:len(good)-4],
		"padded": good + "=", "longer": good + "AAAA", "only a signature": good[:22],
	} {
		if err := c.Decode("list", bad, &got); !errs.Is(err, "invalid_cursor") || errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := newCursors(t, 2).Decode("list", good, &got); !errs.Is(err, "invalid_cursor") {
		t.Error("another key:", err)
	}
	older, err := c.Encode("list", []int{1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Decode("list", older, &got); !errs.Is(err, "invalid_cursor") {
		t.Error("another form:", err)
	}
	if _, err := httpx.NewCursors([]byte(strings.Repeat("x", 31))); err == nil {
		t.Error("a short key")
	}
}

package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/seal"
)

func key(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func keys(tb testing.TB, s string) *seal.Keys {
	tb.Helper()
	k, err := seal.ParseKeys(s)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

var home = seal.Place{Table: "users", Column: "email", Row: "1", Owner: "u1"}

func ExampleKeys() {
	keys, err := seal.ParseKeys("1:" + key(1))
	if err != nil {
		panic(err)
	}
	at := seal.Place{Table: "users", Column: "email", Row: "42", Owner: "42"}
	sealed := keys.Seal([]byte("ada@example.com"), at)

	plain, err := keys.Open(sealed, at)
	fmt.Println(string(plain), err)

	at.Row = "43"
	_, err = keys.Open(sealed, at)
	fmt.Println(err)
	// Output:
	// ada@example.com <nil>
	// seal: value cannot be opened
}

func ExampleLookup() {
	lookup, err := seal.NewLookup(key(2))
	if err != nil {
		panic(err)
	}
	a := lookup.Hash("users.email", "ada@example.com")
	b := lookup.Hash("users.email", "ada@example.com")
	c := lookup.Hash("users.new_email", "ada@example.com")
	fmt.Println(bytes.Equal(a, b), bytes.Equal(a, c))
	// Output: true false
}

func TestOpenRefusesEveryOtherPlaceAndEveryChangedByte(t *testing.T) {
	t.Parallel()
	k := keys(t, "7:"+key(1))
	sealed := k.Seal([]byte("secret"), home)

	for _, at := range []seal.Place{
		{"user", "email", "1", "u1"}, {"users", "phone", "1", "u1"}, {"users", "email", "2", "u1"},
		{"users", "email", "1", "u2"}, {"users", "email", "1", ""},
		{"userse", "mail", "1", "u1"}, // the same letters, divided differently
	} {
		if _, err := k.Open(sealed, at); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("opened at %+v: %v", at, err)
		}
	}
	for i := range sealed {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Open(changed, home); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := k.Open(sealed[:n], home); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	before := keys(t, "1:"+key(1))
	during := keys(t, "2:"+key(2)+", 1:"+key(1))
	after := keys(t, "2:"+key(2))

	old := before.Seal([]byte("v"), home)
	if plain, err := during.Open(old, home); err != nil || string(plain) != "v" {
		t.Fatalf("old value during rotation: %q, %v", plain, err)
	}
	if !during.NeedsReseal(old) || before.NeedsReseal(old) {
		t.Error("NeedsReseal must tell the old key from the newest")
	}
	fresh := during.Seal([]byte("v"), home)
	if during.NeedsReseal(fresh) {
		t.Error("a value sealed with the newest key needs no reseal")
	}
	if plain, err := after.Open(fresh, home); err != nil || string(plain) != "v" {
		t.Errorf("new value after rotation: %q, %v", plain, err)
	}
	if _, err := after.Open(old, home); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("old value after its key was removed: %v", err)
	}
}

func TestSealIsRandomised(t *testing.T) {
	t.Parallel()
	k := keys(t, "1:"+key(1))
	if bytes.Equal(k.Seal([]byte("v"), home), k.Seal([]byte("v"), home)) {
		t.Error("two seals of one value are equal")
	}
}

func TestParseKeysFaults(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("not long enough"))
	for _, s := range []string{
		"", ":", "1", "1:", "0:" + key(1), "65536:" + key(1), "x:" + key(1), "1:" + short,
		"1:" + key(1) + ",1:" + key(2), "1:" + key(1) + ",",
	} {
		_, err := seal.ParseKeys(s)
		if err == nil {
			t.Errorf("ParseKeys(%q): no error", s)
		} else if strings.Contains(err.Error(), key(1)) || strings.Contains(err.Error(), short) {
			t.Errorf("ParseKeys(%q): the error shows a key: %v", s, err)
		}
	}
	if _, err := seal.NewLookup(short); err == nil || strings.Contains(err.Error(), short) {
		t.Errorf("NewLookup: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	k := keys(f, "1:"+key(1)+",2:"+key(2))
	f.Add(k.Seal([]byte("secret"), home), "users")
	f.Add([]byte{1, 0, 1}, "")
	f.Fuzz(func(t *testing.T, sealed []byte, table string) {
		at := seal.Place{Table: table, Column: "email", Row: "1", Owner: "u1"}
		if _, err := k.Open(sealed, at); err != nil && !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("another error than ErrOpen: %v", err)
		}
		plain, err := k.Open(k.Seal(sealed, at), at)
		if err != nil || !bytes.Equal(plain, sealed) {
			t.Fatalf("round trip: %v", err)
		}
	})
}

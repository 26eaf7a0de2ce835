package jsonresume

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

func value(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The examples of RFC 7396, appendix A.
func TestMerge(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`}, {`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`}, {`{"a":"foo"}`, `null`, `null`}, {`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`}, {`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		target := value(t, c[0])
		if got := Merge(target, value(t, c[1])); !reflect.DeepEqual(got, value(t, c[2])) {
			t.Errorf("%s with %s is %v, want %s", c[0], c[1], got, c[2])
		}
		if !reflect.DeepEqual(target, value(t, c[0])) {
			t.Errorf("%s was changed", c[0])
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	const tree = `{"work":[{"name":"A","highlights":["x","y"]}],"basics":{"name":"N"}}`
	for _, c := range []struct{ op, pointer, value, want string }{
		{OpReplace, "/work/0/highlights/1", `"z"`, `{"work":[{"name":"A","highlights":["x","z"]}],"basics":{"name":"N"}}`},
		{OpRemove, "/work/0/highlights/0", `null`, `{"work":[{"name":"A","highlights":["y"]}],"basics":{"name":"N"}}`},
		{OpAdd, "/work/0/highlights/-", `"z"`, `{"work":[{"name":"A","highlights":["x","y","z"]}],"basics":{"name":"N"}}`},
		{OpAdd, "/work/0/highlights/0", `"z"`, `{"work":[{"name":"A","highlights":["z","x","y"]}],"basics":{"name":"N"}}`},
		{OpAdd, "/skills/-", `{"name":"Go"}`, `{"work":[{"name":"A","highlights":["x","y"]}],"basics":{"name":"N"},"skills":[{"name":"Go"}]}`},
		{OpAdd, "/basics/location/city", `"Ulm"`, `{"work":[{"name":"A","highlights":["x","y"]}],"basics":{"name":"N","location":{"city":"Ulm"}}}`},
		{OpReplace, "/basics/label", `"x"`, ""}, {OpRemove, "/work/1", `null`, ""}, {OpReplace, "/work/x", `1`, ""}, {OpAdd, "/work/9", `1`, ""},
		{OpReplace, "/basics/name/x", `1`, ""}, {OpReplace, "work", `1`, ""}, {OpReplace, "/work/-", `1`, ""}, {OpRemove, "/work/-1", `1`, ""},
	} {
		before := value(t, tree)
		got, err := Apply(before, c.op, c.pointer, value(t, c.value))
		if c.want == "" {
			if !errors.Is(err, ErrPointer) {
				t.Errorf("%s %s: %v, %v", c.op, c.pointer, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, value(t, c.want)) {
			t.Errorf("%s %s: %v, %v", c.op, c.pointer, got, err)
		}
		if !reflect.DeepEqual(before, value(t, tree)) {
			t.Errorf("%s %s changed what it was given", c.op, c.pointer)
		}
	}
}

// What a change leads to can be read back at its pointer, and nothing panics.
func FuzzApply(f *testing.F) {
	f.Add("/work/0/highlights/-", "add")
	f.Add("/basics/~01~1/x", "replace")
	f.Fuzz(func(t *testing.T, pointer, op string) {
		tree := value(t, `{"work":[{"highlights":["x"]}],"basics":{"~1/":{"x":"y"}}}`)
		out, err := Apply(tree, op, pointer, "new")
		if err != nil || op == OpRemove {
			return
		}
		if got, err := Get(out, pointer); err == nil && got != "new" {
			t.Errorf("%s %q: read back %v", op, pointer, got)
		}
	})
}

func TestDiffFollowsEntriesThatMove(t *testing.T) {
	t.Parallel()
	a := Resume{Work: []Work{{Name: "A", Position: "x"}, {Name: "B", Position: "y", Highlights: []string{"1", "2"}}}}
	b := Resume{Work: []Work{{Name: "B", Position: "y", Highlights: []string{"2"}}, {Name: "A", Position: "x"}}}
	changes, err := Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{Removed, "/work/0/highlights/0", "work", "Work › y, B › Highlights", "1", ""},
		{Kind: Moved, Pointer: "/work/1", Section: "work", Label: "Work › x, A"},
	}
	if !reflect.DeepEqual(changes, want) {
		t.Errorf("changes %+v", changes)
	}
	if same, err := Diff(a, a); err != nil || len(same) != 0 {
		t.Errorf("a resume differs from itself: %+v, %v", same, err)
	}
}

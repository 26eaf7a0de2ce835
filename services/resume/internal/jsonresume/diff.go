package jsonresume

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Kinds of changes.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Moved   = "moved"
)

// Change is one difference between two resumes.
type Change struct {
	Kind          string
	Pointer       string // RFC 6901, into the newer resume; of what was removed, into the older
	Section       string
	Label         string // for people: "Work › Acme, Engineer › Highlights"
	Before, After string // texts; a list has one item a line
}

// MaxChanges bounds what Diff returns.
const MaxChanges = 5000

// Diff lists what is different in b, field by field, in the order of Sections.
// Entries of a section are recognised by what names them, so an entry put before
// the others is one addition and not a change of all.
func Diff(a, b Resume) ([]Change, error) {
	before, err := a.Tree()
	if err != nil {
		return nil, err
	}
	after, err := b.Tree()
	if err != nil {
		return nil, err
	}
	d := differ{}
	for _, section := range Sections {
		d.section = section
		d.value("/"+section, words(section), before[section], after[section])
	}
	return d.changes[:min(len(d.changes), MaxChanges)], nil
}

type differ struct {
	section string
	changes []Change
}

func (d *differ) add(kind, pointer, label string, before, after any) {
	d.changes = append(d.changes, Change{kind, pointer, d.section, label, Text(before), Text(after)})
}

func (d *differ) value(pointer, label string, before, after any) {
	switch {
	case reflect.DeepEqual(before, after):
		return
	case isList(before) || isList(after):
		x, _ := before.([]any)
		y, _ := after.([]any)
		d.list(pointer, label, x, y)
		return
	}
	x, okX := before.(map[string]any)
	y, okY := after.(map[string]any)
	switch {
	case okX && okY:
		names := map[string]any{}
		maps.Copy(names, x)
		maps.Copy(names, y)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			d.value(pointer+"/"+name, label+" › "+words(name), x[name], y[name])
		}
	case before == nil:
		d.add(Added, pointer, label, nil, after)
	case after == nil:
		d.add(Removed, pointer, label, before, nil)
	default:
		d.add(Changed, pointer, label, before, after)
	}
}

func isList(v any) bool { _, ok := v.([]any); return ok }

// list pairs the items of two lists: first the equal ones, then those of one
// name, then, of texts and unnamed entries, those at one place.
func (d *differ) list(pointer, label string, before, after []any) {
	pair := make([]int, len(after)) // of an item in after: the index in before
	taken := make([]bool, len(before))
	for i := range pair {
		pair[i] = -1
	}
	match := func(same func(x, y any, i, j int) bool) {
		for j, y := range after {
			for i, x := range before {
				if pair[j] < 0 && !taken[i] && same(x, y, i, j) {
					pair[j], taken[i] = i, true
				}
			}
		}
	}
	match(func(x, y any, i, j int) bool { return i == j && reflect.DeepEqual(x, y) })
	match(func(x, y any, _, _ int) bool { return reflect.DeepEqual(x, y) })
	match(func(x, y any, _, _ int) bool { return Name(x) != "" && !isText(x) && Name(x) == Name(y) })
	match(func(x, y any, _, _ int) bool { return !isText(x) && head(x) != "" && head(x) == head(y) })
	match(func(x, y any, i, j int) bool { return i == j && isText(x) == isText(y) && (isText(x) || Name(x) == "") })

	for i, x := range before {
		if !taken[i] {
			d.add(Removed, fmt.Sprintf("%s/%d", pointer, i), itemLabel(label, x), x, nil)
		}
	}
	last := -1
	for j, y := range after {
		at, name := fmt.Sprintf("%s/%d", pointer, j), itemLabel(label, y)
		if pair[j] < 0 {
			d.add(Added, at, name, nil, y)
			continue
		}
		d.value(at, name, before[pair[j]], y)
		if pair[j] < last {
			d.changes = append(d.changes, Change{Kind: Moved, Pointer: at, Section: d.section, Label: name})
		}
		last = max(last, pair[j])
	}
}

func isText(v any) bool { _, ok := v.(string); return ok }

func itemLabel(label string, v any) string {
	name := Name(v)
	if isText(v) || name == "" {
		return label
	}
	if r := []rune(name); len(r) > 120 {
		name = string(r[:120]) + "…"
	}
	return label + " › " + name
}

// nameFields are what an entry is known by, the first of them most of all.
var nameFields = []string{"position", "name", "organization", "institution", "studyType", "area", "title", "language", "network"}

// Name is what an entry of a section is known by, such as "Engineer, Acme".
func Name(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		var parts []string
		for _, f := range nameFields {
			if s, _ := v[f].(string); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

// head is the employer, the school or the like.
func head(v any) string {
	m, _ := v.(map[string]any)
	for _, f := range []string{"organization", "institution", "name", "title", "language"} {
		if s, _ := m[f].(string); s != "" {
			return s
		}
	}
	return ""
}

// Text writes a value for people: a list one item a line, an object one field a line.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		lines := make([]string, len(v))
		for i, x := range v {
			lines[i] = Text(x)
		}
		return strings.Join(lines, "\n")
	case map[string]any:
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			lines = append(lines, words(name)+": "+strings.ReplaceAll(Text(v[name]), "\n", "; "))
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Sprint(v)
}

// words turns a field's name into words: startDate is "Start date".
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case i == 0:
			b.WriteString(strings.ToUpper(string(r)))
		case r >= 'A' && r <= 'Z':
			b.WriteString(" " + strings.ToLower(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

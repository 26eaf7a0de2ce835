package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object of a stranger. Reading a field never fails: what is
// missing or of another type is the zero value, and a problem of the run where the
// adapter counts on it.
type object struct {
	fields map[string]any
	r      *Run
	name   string // of the object, in problems
}

var errShape = errors.New("source: the answer is not in the form of this platform")

// json fetches a URL and reads its JSON.
func (r *Run) json(ctx context.Context, u string, conditional bool) (any, error) {
	p, err := r.page(ctx, u, conditional)
	if err != nil {
		return nil, err
	}
	v, err := decode(p.Body)
	if err != nil {
		delete(r.report.Validators, u)
		return nil, fmt.Errorf("%w: %w", errShape, err)
	}
	return v, nil
}

// maxDepth of JSON: deeper than any listing, and harmless to walk.
const maxDepth = 64

func decode(body []byte) (v any, err error) {
	depth := 0
	inString, escaped := false, false
	for _, c := range body { // before recursion that an answer decides the depth of
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return nil, errors.New("nested too deeply")
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	d.UseNumber() // ids have more digits than a float64
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// object reads v as an object. known are the fields that the platform is known to
// send: others are reported, since they tell that it changed.
func (r *Run) object(name string, v any, known string) object {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		r.problem("%s is %s, not an object", name, kind(v))
	}
	if known != "" {
		for key := range m {
			if !strings.Contains(" "+known+" ", " "+key+" ") {
				r.problem("%s has an unknown field %q", name, clip(key, 60))
			}
		}
	}
	return object{m, r, name}
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	case []any:
		return "an array"
	}
	return "an object"
}

func (o object) has(key string) bool { return o.fields[key] != nil }

// str reads text; a number is its digits.
func (o object) str(key string) string {
	switch v := o.fields[key].(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		o.r.problem("%s.%s is %s, not text", o.name, key, kind(v))
		return ""
	}
}

// need is str for what should be there.
func (o object) need(key string) string {
	s := o.str(key)
	if s == "" {
		o.r.problem("%s.%s is missing", o.name, key)
	}
	return s
}

func (o object) object(key string) object { return o.r.object(o.name+"."+key, o.fields[key], "") }

func (o object) list(key string) []any {
	switch v := o.fields[key].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		o.r.problem("%s.%s is %s, not an array", o.name, key, kind(v))
		return nil
	}
}

// objects are the objects of a list.
func (o object) objects(key string) []object {
	list := o.list(key)
	out := make([]object, 0, len(list))
	for _, v := range list {
		out = append(out, o.r.object(o.name+"."+key, v, ""))
	}
	return out
}

func (o object) flag(key string) bool {
	switch v := o.fields[key].(type) {
	case bool:
		return v
	case string:
		b, err := strconv.ParseBool(v)
		return err == nil && b
	}
	return false
}

// number reads a number, or text that is one.
func (o object) number(key string) float64 {
	s := strings.TrimSpace(o.str(key))
	if s == "" {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		o.r.problem("%s.%s is not a number", o.name, key)
		return 0
	}
	return f
}

// forms of times that platforms write.
var forms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"}

func parseTime(s string) (time.Time, bool) {
	for _, form := range forms {
		if t, err := time.Parse(form, strings.TrimSpace(s)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// time reads the first of the fields that holds a time.
func (o object) time(keys ...string) time.Time {
	for _, key := range keys {
		s := o.str(key)
		if s == "" {
			continue
		}
		if t, ok := parseTime(s); ok {
			return t
		}
		o.r.problem("%s.%s is not a time", o.name, key)
	}
	return time.Time{}
}

// unix reads a time in units since 1970.
func (o object) unix(key string, unit time.Duration) time.Time {
	n := o.number(key)
	if n <= 0 || n > float64(math.MaxInt64/int64(unit)) {
		return time.Time{}
	}
	return time.Unix(0, int64(n)*int64(unit)).UTC()
}

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// badBody is a body that must be refused.
type badBody struct {
	name    string
	raw     []byte
	media   string // "": the contract's; "none": no Content-Type
	coding  string // Content-Encoding
	chunked bool
	status  []int
	pointer string // of the field at fault; "": none is asked for
}

var (
	malformed = []int{400}
	invalid   = []int{422}
	notTaken  = []int{415}
	tooLarge  = []int{413}
)

// badBodies are made from a good body and its schema.
func badBodies(t *testing.T, op *harness.Operation) []badBody {
	t.Helper()
	_, schema := op.Body()
	good := op.Example(t)
	text := mustJSON(t, good)
	field := slices.Sorted(maps.Keys(good))[0]
	list := []badBody{
		{name: "empty", raw: []byte{}, status: malformed},
		{name: "spaces", raw: []byte(" \n\t "), status: malformed, pointer: "#"},
		{name: "no media type", raw: text, media: "none", status: notTaken},
		{name: "plain text", raw: text, media: "text/plain", status: notTaken},
		{name: "form", raw: []byte("a=b"), media: "application/x-www-form-urlencoded", status: notTaken},
		{name: "XML", raw: []byte("<a/>"), media: "application/xml", status: notTaken},
		{name: "multipart", raw: text, media: "multipart/form-data; boundary=x", status: notTaken},
		{name: "media type no media type", raw: text, media: "json", status: notTaken},
		{name: "Latin-1", raw: text, media: mediaOf(op) + "; charset=iso-8859-1", status: notTaken},
		{name: "UTF-16", raw: text, media: mediaOf(op) + "; charset=utf-16", status: notTaken},
		{name: "gzip", raw: text, coding: "gzip", status: notTaken},
		{name: "unknown coding", raw: text, coding: "x", status: notTaken},
		{name: "no JSON", raw: []byte("nonsense"), status: malformed, pointer: "#"},
		{name: "XML as JSON", raw: []byte("<a/>"), status: malformed, pointer: "#"},
		{name: "cut off", raw: text[:len(text)-1], status: malformed, pointer: "#"},
		{name: "only a brace", raw: []byte("{"), status: malformed, pointer: "#"},
		{name: "single quotes", raw: []byte("{'a':1}"), status: malformed, pointer: "#"},
		{name: "comment", raw: append([]byte("/* x */"), text...), status: malformed, pointer: "#"},
		{name: "comma at the end", raw: append(text[:len(text)-1:len(text)-1], ",}"...), status: malformed, pointer: "#"},
		{name: "twice", raw: append(bytes.Clone(text), text...), status: malformed, pointer: "#"},
		{name: "byte order mark", raw: append([]byte("\xef\xbb\xbf"), text...), status: malformed, pointer: "#"},
		{name: "UTF-16 bytes", raw: []byte{0xff, 0xfe, '{', 0, '}', 0}, status: malformed, pointer: "#"},
		{name: "NaN", raw: []byte(fmt.Sprintf(`{%q:NaN}`, field)), status: malformed, pointer: "#"},
		{name: "null", raw: []byte("null"), status: invalid, pointer: "#"},
		{name: "a list", raw: []byte("[]"), status: invalid, pointer: "#"},
		{name: "a text", raw: []byte(`"x"`), status: invalid, pointer: "#"},
		{name: "a number", raw: []byte("1"), status: invalid, pointer: "#"},
		{name: "number too large", raw: []byte(fmt.Sprintf(`{%q:1e999}`, field)), status: malformed, pointer: "#/" + field},
		{name: "field twice", raw: []byte(fmt.Sprintf(`{%q:%s,%s`, field, mustJSON(t, good[field]), text[1:])), status: malformed, pointer: "#/" + field},
		{name: "field twice, once escaped", raw: []byte(fmt.Sprintf(`{"\u%04x%s":1,%s`, field[0], field[1:], text[1:])), status: malformed, pointer: "#/" + field},
		{name: "unknown field", raw: mustJSON(t, with(good, "isAdmin", true)), status: invalid, pointer: "#/isAdmin"},
		{name: "__proto__", raw: mustJSON(t, with(good, "__proto__", members{"admin": true})), status: invalid, pointer: "#/__proto__"},
		{name: "unknown field with a strange name", raw: mustJSON(t, with(good, "a/b~c d", 1)), status: invalid, pointer: "#/a~1b~0c%20d"},
		{name: "nested 33 deep", raw: nested(text, 32), status: malformed, pointer: "#/x"},
		{name: "nested 10,000 deep", raw: nested(text, 10_000), status: malformed, pointer: "#/x"},
		{name: "nested without end", raw: bytes.Repeat([]byte("["), 60_000), status: malformed, pointer: "#/0"},
		{name: "too large", raw: padded(text, 64<<10+1), status: tooLarge},
		{name: "too large, chunked", raw: padded(text, 64<<10+1), chunked: true, status: tooLarge},
		{name: "far too large", raw: padded(text, 4<<20), status: tooLarge},
	}
	for name, char := range map[string]string{"broken UTF-8": "\xff", "overlong UTF-8": "\xc0\xaf", "surrogate in UTF-8": "\xed\xa0\x80",
		"lone surrogate": `\ud800`, "NUL": `\u0000`, "raw NUL": "\x00", "raw line break": "\n", "bad escape": `\x41`} {
		list = append(list,
			badBody{name: name + " in a value", raw: []byte(fmt.Sprintf(`{"%s":"a%sb"}`, field, char)), status: malformed, pointer: "#"},
			badBody{name: name + " in a name", raw: []byte(fmt.Sprintf(`{"a%sb":1}`, char)), status: malformed, pointer: "#"})
	}
	return append(list, badFields(t, "#", schema, good, func(v any) any { return v })...)
}

// badFields breaks each field of an object in turn; around puts the object into
// the body.
func badFields(t *testing.T, at string, schema *openapi3.Schema, good members, around func(any) any) []badBody {
	t.Helper()
	var list []badBody
	for name, ref := range schema.Properties {
		s, pointer := flat(ref.Value), at+"/"+name
		add := func(what string, value any) {
			list = append(list, badBody{name: pointer + " " + what, raw: mustJSON(t, around(with(good, name, value))), status: invalid, pointer: pointer})
		}
		add("null", json.RawMessage("null"))
		for what, value := range map[string]any{"string": "x", "number": 1.5, "boolean": true, "array": []int{}, "object": members{}} {
			if !s.Type.Is(what) {
				add("a "+what, value)
			}
		}
		if slices.Contains(schema.Required, name) {
			list = append(list, badBody{name: pointer + " missing", raw: mustJSON(t, around(with(good, name, nil))), status: invalid, pointer: pointer})
		}
		switch {
		case s.Type.Is("string"):
			if s.MaxLength == nil && s.Format == "" && len(s.Enum) == 0 {
				t.Errorf("%s has no maxLength", pointer)
			} else if s.MaxLength != nil {
				add("too long", strings.Repeat("x", int(*s.MaxLength)+1))
			}
			if s.MinLength > 0 {
				add("empty", "")
			}
			if len(s.Enum) > 0 || s.Pattern != "" || s.Format != "" {
				add("of another form", "'; no such value")
			}
		case s.Type.Is("array"):
			if s.MinItems > 0 {
				add("without items", []any{})
			}
			if s.UniqueItems {
				if items, ok := good[name].([]any); ok && len(items) > 0 {
					add("with an item twice", []any{items[0], items[0]})
				}
			}
			if s.MaxItems != nil {
				add("with too many items", make([]int, *s.MaxItems+1))
			}
		case s.Type.Is("object"):
			inner, ok := good[name].(map[string]any)
			if !ok {
				continue
			}
			list = append(list, badFields(t, pointer, s, inner, func(v any) any { return around(with(good, name, v)) })...)
		}
	}
	return list
}

// flat looks into an allOf of one, which is how a contract describes a shared schema.
func flat(s *openapi3.Schema) *openapi3.Schema {
	for s.Type == nil && len(s.AllOf) == 1 {
		s = s.AllOf[0].Value
	}
	return s
}

func mediaOf(op *harness.Operation) string {
	media, _ := op.Body()
	return media
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// nested puts a field x of so many lists into each other into the object.
func nested(object []byte, depth int) []byte {
	return slices.Concat([]byte(`{"x":`), bytes.Repeat([]byte("["), depth), bytes.Repeat([]byte("]"), depth), []byte(","), object[1:])
}

// padded makes a body of that size by spaces, so that it is its size alone that is wrong.
func padded(text []byte, size int) []byte {
	return append(bytes.Clone(text), bytes.Repeat([]byte(" "), size-len(text))...)
}

// TestBadBodies sends bodies that are wrong in every way to every operation that
// takes one, as someone who may call it.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	for _, op := range harness.Operations(t) {
		if op.RequestBody == nil {
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			t.Parallel()
			who := newSender(t, op)
			bodies := badBodies(t, op)
			for _, b := range bodies {
				who.send(t, b)
			}
			t.Logf("%d bodies", len(bodies))
		})
	}
}

// sender calls one operation as someone who may. Auth lets a signed-in user call
// operations of the class "login" 30 times a minute, so for these it is another
// user now and then.
type sender struct {
	op   *harness.Operation
	path map[string]string
	who  *harness.Client
	left int
}

func newSender(t *testing.T, op *harness.Operation) *sender {
	t.Helper()
	s := &sender{op: op, path: map[string]string{}}
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInPath {
			s.path[p.Value.Name] = uuid.NewString()
			if enum := flat(p.Value.Schema.Value).Enum; len(enum) > 0 {
				s.path[p.Value.Name] = enum[0].(string)
			}
		}
	}
	return s
}

func (s *sender) client(t *testing.T) *harness.Client {
	t.Helper()
	if s.left--; s.left > 0 {
		return s.who
	}
	s.left = 250
	switch {
	case s.op.Internal:
		s.who = harness.NewClient(t).As(harness.Credential{ServiceKey: harness.ServiceKey(t, s.op.Services[0])}).Direct()
	case s.op.Public():
		s.who = harness.NewClient(t)
	default:
		if s.op.RateClass == "login" {
			s.left = 28
		}
		s.who = newUserOf(t, s.op.Role).Client
	}
	return s.who
}

func (s *sender) send(t *testing.T, b badBody) {
	t.Helper()
	c := s.client(t)
	var payload any = b.raw
	if b.chunked {
		payload = io.MultiReader(bytes.NewReader(b.raw)) // of unknown length
	}
	media := b.media
	if media == "none" {
		media = ""
	}
	req := c.Request(t, harness.Call{Op: s.op.ID, Path: s.path, Body: payload, Type: media})
	if b.media == "none" {
		req.Header.Del("Content-Type")
	}
	if b.coding != "" {
		req.Header.Set("Content-Encoding", b.coding)
	}
	a := c.Exchange(t, s.op.ID, req)
	if !slices.Contains(b.status, a.Status) {
		t.Errorf("%s: %d, not %v: %s", b.name, a.Status, b.status, a.Body)
		return
	}
	if b.pointer == "" {
		return
	}
	p := a.Problem(t)
	at := false
	for _, e := range p.Errors {
		at = at || e.Pointer == b.pointer || strings.HasPrefix(e.Pointer, b.pointer) && slices.Contains([]string{"#", "#/x", "#/0"}, b.pointer)
		if e.Code == "" || e.Message == "" {
			t.Errorf("%s: a fault without code or message: %s", b.name, a.Body)
		}
	}
	if !at {
		t.Errorf("%s: no pointer to %s: %s", b.name, b.pointer, a.Body)
	}
}

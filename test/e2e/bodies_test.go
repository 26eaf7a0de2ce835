package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
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
	good, limit := op.Example(t), op.BodyLimit(t)
	text := mustJSON(t, good)
	fields := slices.Collect(maps.Keys(good))
	if len(good) == 0 {
		fields = slices.Collect(maps.Keys(schema.Properties))
	}
	field := slices.Min(fields)
	list := []badBody{
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
		{name: "nested 33 deep", raw: nested(text, 32), status: malformed, pointer: "#/x"},
		{name: "nested 10,000 deep", raw: nested(text, 10_000), status: malformed, pointer: "#/x"},
		{name: "nested without end", raw: bytes.Repeat([]byte("["), 60_000), status: malformed, pointer: "#/0"},
		{name: "too large", raw: padded(text, limit+1), status: tooLarge},
		{name: "too large, chunked", raw: padded(text, limit+1), chunked: true, status: tooLarge},
		{name: "far too large", raw: padded(text, 3*limit+4<<20), status: tooLarge},
	}
	if op.RequestBody.Value.Required {
		list = append(list, badBody{name: "empty", raw: []byte{}, status: malformed})
	}
	if len(good) > 0 {
		list = append(list,
			badBody{name: "field twice", raw: fmt.Appendf(nil, `{%q:%s,%s`, field, mustJSON(t, good[field]), text[1:]), status: malformed, pointer: "#/" + field},
			badBody{name: "field twice, once escaped", raw: fmt.Appendf(nil, `{"\u%04x%s":1,%s`, field[0], field[1:], text[1:]), status: malformed, pointer: "#/" + field})
	}
	if no := schema.AdditionalProperties.Has; no != nil && !*no {
		list = append(list,
			badBody{name: "unknown field", raw: mustJSON(t, with(good, "isAdmin", true)), status: invalid, pointer: "#/isAdmin"},
			badBody{name: "__proto__", raw: mustJSON(t, with(good, "__proto__", members{"admin": true})), status: invalid, pointer: "#/__proto__"},
			badBody{name: "unknown field with a strange name", raw: mustJSON(t, with(good, "a/b~c d", 1)), status: invalid, pointer: "#/a~1b~0c%20d"})
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
		if !s.Nullable && !ref.Value.Nullable { // in a merge patch it removes (RFC 7396)
			add("null", json.RawMessage("null"))
		}
		if s.Type == nil {
			continue // takes anything
		}
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
			for _, odd := range []string{"'; no such value", " "} { // a pattern may be about blanks alone
				if len(s.Enum) > 0 || s.Format != "" || s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(odd) {
					add("of another form", odd)
					break
				}
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
			if s.MaxItems == nil {
				t.Errorf("%s has no maxItems", pointer)
			} else {
				add("with too many items", make([]int, *s.MaxItems+1))
			}
		case s.Type.Is("object"):
			if values := s.AdditionalProperties.Schema; values != nil && s.MaxProps == nil {
				t.Errorf("%s has no maxProperties", pointer)
			}
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

// otherBodies are wrong for an operation that takes a file or a form.
func otherBodies(t *testing.T, op *harness.Operation) []badBody {
	t.Helper()
	refused := []int{400, 415, 422}
	limit := op.BodyLimit(t)
	list := []badBody{
		{name: "empty", raw: []byte{}, status: refused},
		{name: "no media type", raw: []byte("x"), media: "none", status: notTaken},
		{name: "XML", raw: []byte("<a/>"), media: "application/xml", status: notTaken},
		{name: "gzip", raw: []byte("x"), coding: "gzip", status: notTaken},
		{name: "too large", raw: bytes.Repeat([]byte(" "), limit+1), status: tooLarge},
		{name: "too large, chunked", raw: bytes.Repeat([]byte(" "), limit+1), chunked: true, status: tooLarge},
	}
	for media := range op.RequestBody.Value.Content {
		for name, raw := range map[string]string{"nonsense": "\x00\xff nonsense", "an object": "{}", "a part without end": "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n%PDF-1.7"} {
			list = append(list, badBody{name: name + " as " + media, raw: []byte(raw), media: media, status: refused})
			if media == "multipart/form-data" {
				list = append(list, badBody{name: name + " as a form with a boundary", raw: []byte(raw), media: media + "; boundary=x", status: refused})
			}
		}
	}
	return list
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
			bodies := otherBodies
			if op.JSON() && op.Example(t) != nil {
				bodies = badBodies
			}
			list := bodies(t, op)
			for _, b := range list {
				who.send(t, b)
			}
			t.Logf("%d bodies", len(list))
		})
	}
}

// sender calls one operation as someone who may.
type sender struct {
	op    *harness.Operation
	path  map[string]string
	query url.Values
}

func newSender(t *testing.T, op *harness.Operation) *sender {
	t.Helper()
	s := &sender{op: op, path: map[string]string{}, query: url.Values{}}
	for _, p := range op.Parameters {
		switch {
		case p.Value.In == openapi3.ParameterInPath:
			s.path[p.Value.Name] = valueOf(p.Value)
		case p.Value.In == openapi3.ParameterInQuery && p.Value.Required:
			s.query.Set(p.Value.Name, valueOf(p.Value))
		}
	}
	return s
}

// valueOf is a value that the contract takes for a parameter, of nothing that is there.
func valueOf(p *openapi3.Parameter) string {
	s := flat(p.Schema.Value)
	switch {
	case p.Example != nil:
		return fmt.Sprint(p.Example)
	case s.Example != nil:
		return fmt.Sprint(s.Example)
	case len(s.Enum) > 0:
		return s.Enum[0].(string)
	case s.Format == "uuid":
		return uuid.NewString()
	}
	return "en"
}

// pool lends out users: a service lets one call it 300 times a minute, and auth's
// operations of the class "login" 30 times.
var pool struct {
	sync.Mutex
	users map[string][]func() *harness.User // by role
	calls map[string]int                    // by role, service and class
}

func pooled(t *testing.T, op *harness.Operation) *harness.Client {
	t.Helper()
	most := 250
	if op.RateClass == "login" {
		most = 28
	}
	pool.Lock()
	if pool.users == nil {
		pool.users, pool.calls = map[string][]func() *harness.User{}, map[string]int{}
	}
	kind := op.Role + " " + op.Service + " " + op.RateClass
	i := pool.calls[kind] / most
	pool.calls[kind]++
	if i == len(pool.users[op.Role]) {
		pool.users[op.Role] = append(pool.users[op.Role], sync.OnceValue(func() *harness.User { return newUserOf(t, op.Role) }))
	}
	user := pool.users[op.Role][i]
	pool.Unlock()
	if u := user(); u != nil {
		return u.Client
	}
	t.Fatal("the test that made this user failed")
	return nil
}

func (s *sender) client(t *testing.T) *harness.Client {
	t.Helper()
	switch {
	case s.op.Internal:
		return harness.NewClient(t).As(harness.Credential{ServiceKey: harness.ServiceKey(t, s.op.Services[0])}).Direct()
	case s.op.Public():
		return harness.NewClient(t)
	}
	return pooled(t, s.op)
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
	req := c.Request(t, harness.Call{Op: s.op.ID, Path: s.path, Query: s.query, Body: payload, Type: media})
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

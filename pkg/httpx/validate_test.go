package httpx_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
)

// Everything that is wrong with how a body is written: 400, with its place.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	for name, c := range map[string]struct{ body, code, pointer string }{
		"not JSON":                {`hello`, "syntax", "#"},
		"cut off":                 {`{"a":{"b":[1,`, "syntax", "#/a/b"},
		"only an opening":         {`{`, "syntax", "#"},
		"two values":              {`{} {}`, "syntax", "#"},
		"tail":                    {`{"a":1}x`, "syntax", "#"},
		"only space":              {`   `, "syntax", "#"},
		"single quotes":           {`{'a':1}`, "syntax", "#"},
		"comment":                 {`{"a":1 /* x */}`, "syntax", "#/a"},
		"trailing comma":          {`{"a":[1,]}`, "syntax", "#/a"},
		"NaN":                     {`{"a":NaN}`, "syntax", "#/a"},
		"leading zero":            {`{"a":01}`, "syntax", "#/a"},
		"hex":                     {`{"a":0x1}`, "syntax", "#/a"},
		"control character":       {"{\"a\":\"\n\"}", "syntax", "#/a"},
		"bad escape":              {`{"a":"\x41"}`, "syntax", "#/a"},
		"byte order mark":         {"\xef\xbb\xbf{}", "syntax", "#"},
		"UTF-16":                  {"{\x00}\x00", "syntax", "#"},
		"duplicate":               {`{"a":1,"b":2,"a":3}`, "duplicate_key", "#/a"},
		"duplicate by escape":     {`{"a":1,"\u0061":3}`, "duplicate_key", "#/a"},
		"duplicate below":         {`{"x":[{"a":1},{"a":1,"a":2}]}`, "duplicate_key", "#/x/1/a"},
		"broken UTF-8":            {"{\"a\":\"\xff\"}", "invalid_utf8", "#/a"},
		"broken UTF-8 in a name":  {"{\"\xc3\x28\":1}", "invalid_utf8", "#"},
		"overlong UTF-8":          {"{\"a\":\"\xc0\xaf\"}", "invalid_utf8", "#/a"},
		"lone surrogate":          {`{"a":"\ud800"}`, "invalid_utf8", "#/a"},
		"NUL":                     {`{"a":"x\u0000y"}`, "nul_character", "#/a"},
		"NUL in a name":           {`{"a":{"\u0000":1}}`, "nul_character", "#/a/%00"},
		"raw NUL":                 {"{\"a\":\"\x00\"}", "syntax", "#/a"},
		"number beyond float64":   {`{"a":1e999}`, "number_range", "#/a"},
		"33 lists deep":           {strings.Repeat("[", 33) + strings.Repeat("]", 33), "too_deep", "#" + strings.Repeat("/0", 32)},
		"33 objects deep":         {strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "too_deep", "#" + strings.Repeat("/a", 32)},
		"500 lists, never closed": {strings.Repeat("[", 500), "too_deep", "#" + strings.Repeat("/0", 32)},
		"name with / and ~":       {`{"a/b~c":"\u0000"}`, "nul_character", "#/a~1b~0c"},
		"name with space and %":   {`{"a %é":"\u0000"}`, "nul_character", "#/a%20%25%C3%A9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := wantProblem(t, s.call(t, "POST", "/api/v1/echo", c.body, "Content-Type", "application/json"), 400, "malformed_json")
			if len(p.Errors) != 1 || p.Errors[0].Code != c.code || p.Errors[0].Pointer != c.pointer || p.Errors[0].Message == "" {
				t.Fatalf("got %+v, want %s at %s", p.Errors, c.code, c.pointer)
			}
		})
	}
	for _, body := range []string{`{}`, `[]`, `"x"`, `1`, `null`, ` {"a" : 1.5e3} ` + "\n", strings.Repeat("[", 32) + strings.Repeat("]", 32), `{"a":"\ud83d\ude00"}`} {
		if w := s.call(t, "POST", "/api/v1/echo", body, "Content-Type", "application/json"); w.Code != 204 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestBodyTypeAndSize(t *testing.T) {
	t.Parallel()
	var got string
	s := newService(t, map[string]http.HandlerFunc{
		"echo": func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			got = string(b)
		},
		"uploadFile": func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				httpx.Fail(w, r, fmt.Errorf("store: %w", err))
				return
			}
			got = string(b)
		},
	})
	long := `"` + strings.Repeat("x", 1023) + `"` // 1,025 bytes
	for name, c := range map[string]struct {
		path, body, contentType string
		more                    []string
		status                  int
		code                    string
	}{
		"no type":                 {"/api/v1/echo", `{}`, "", nil, 415, "unsupported_media_type"},
		"text":                    {"/api/v1/echo", `{}`, "text/plain", nil, 415, "unsupported_media_type"},
		"form":                    {"/api/v1/echo", `a=1`, "application/x-www-form-urlencoded", nil, 415, "unsupported_media_type"},
		"other JSON":              {"/api/v1/echo", `{}`, "application/vnd.other+json", nil, 415, "unsupported_media_type"},
		"nonsense":                {"/api/v1/echo", `{}`, ";;;", nil, 415, "unsupported_media_type"},
		"JSON with charset":       {"/api/v1/echo", `{"ok":1}`, "Application/JSON; charset=UTF-8", nil, 200, ""},
		"JSON in Latin-1":         {"/api/v1/echo", `{}`, "application/json; charset=iso-8859-1", nil, 415, "unsupported_encoding"},
		"gzip":                    {"/api/v1/echo", "\x1f\x8b", "application/json", []string{"Content-Encoding", "gzip"}, 415, "unsupported_encoding"},
		"no body":                 {"/api/v1/echo", ``, "application/json", nil, 400, "body_required"},
		"no body, no type":        {"/api/v1/echo", ``, "", nil, 400, "body_required"},
		"at the limit":            {"/api/v1/echo", long[1:], "application/json", nil, 400, "malformed_json"},
		"over the limit":          {"/api/v1/echo", long, "application/json", nil, 413, "body_too_large"},
		"stream":                  {"/api/v1/files", "\x00\xff", "application/octet-stream", nil, 200, ""},
		"stream over the limit":   {"/api/v1/files", long, "application/octet-stream", nil, 413, "body_too_large"},
		"stream of another type":  {"/api/v1/files", "{}", "application/json", nil, 415, "unsupported_media_type"},
		"none taken, none needed": {"/api/v1/ping", "", "", nil, 204, ""},
		"none taken, one ignored": {"/api/v1/ping", "ignored", "text/plain", nil, 204, ""},
	} {
		w := s.call(t, "POST", c.path, c.body, append([]string{"Content-Type", c.contentType}, c.more...)...)
		if c.code == "" {
			if w.Code != c.status || w.Code == 200 && got != c.body {
				t.Errorf("%s: %d, handler read %q", name, w.Code, got)
			}
			continue
		}
		wantProblem(t, w, c.status, c.code)
	}
	// Without a length, the limit counts while reading.
	for _, path := range []string{"/api/v1/echo", "/api/v1/files"} {
		contentType := map[string]string{"/api/v1/echo": "application/json", "/api/v1/files": "application/octet-stream"}[path]
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, struct{ io.Reader }{strings.NewReader(long)})
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		wantProblem(t, w, 413, "body_too_large")
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/echo", io.MultiReader(strings.NewReader(`{"a":`), brokenReader{}))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	wantProblem(t, w, 400, "body_incomplete")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Everything that a contract can ask of a body, and how its breach is told: 422,
// with the place, in words that hold no pattern and no Go type.
func TestBodiesAgainstTheContract(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	token := s.as(t, "user")
	for name, c := range map[string]struct {
		body string
		want []string // pointer code message
	}{
		"good": {`{"name":"ab","kind":"big","email":"a@b.example","count":2,"ratio":0.5,"when":"2026-03-02T09:30:00+01:00","day":"2026-03-02",
			"link":"https://x.example","locale":"en","flag":true,"tags":["a","b"],"labels":{"a":"b"},"nested":{"inner":{"a":1,"b":""}},"shape":{"type":"circle","r":1},"either":1}`, nil},
		"not an object":    {`[]`, []string{"# type must be an object"}},
		"null":             {`null`, []string{"# type must not be null"}},
		"missing":          {`{}`, []string{"#/name required is required", "#/kind required is required"}},
		"unknown":          {`{"name":"ab","kind":"big","admin":true}`, []string{"#/admin unknown_key is not a field that can be set here"}},
		"two unknown":      {`{"name":"ab","kind":"big","x":1,"y\"/":2}`, []string{"#/x unknown_key is not a field that can be set here", "#/y%22~1 unknown_key is not a field that can be set here"}},
		"unknown below":    {`{"name":"ab","kind":"big","nested":{"inner":{"b":""},"z":1}}`, []string{"#/nested/z unknown_key is not a field that can be set here"}},
		"read only":        {`{"name":"ab","kind":"big","id":"0198c0de-7a11-7cc3-98c4-dc0c0c07398f"}`, []string{"#/id read_only cannot be set"}},
		"wrong type":       {`{"name":1,"kind":"big"}`, []string{"#/name type must be text"}},
		"number as text":   {`{"name":"ab","kind":"big","count":"2"}`, []string{"#/count type must be a whole number"}},
		"null value":       {`{"name":null,"kind":"big"}`, []string{"#/name type must not be null"}},
		"flag as text":     {`{"name":"ab","kind":"big","flag":"true"}`, []string{"#/flag type must be true or false"}},
		"fraction":         {`{"name":"ab","kind":"big","count":2.5}`, []string{"#/count type must be a whole number", "#/count not_multiple must be a multiple of 2"}},
		"too short":        {`{"name":"a","kind":"big"}`, []string{"#/name too_short must have at least 2 characters"}},
		"too long":         {`{"name":"` + strings.Repeat("é", 21) + `","kind":"big"}`, []string{"#/name too_long must have at most 20 characters"}},
		"enum":             {`{"name":"ab","kind":"' OR 1=1"}`, []string{"#/kind not_allowed must be one of big, small"}},
		"too small":        {`{"name":"ab","kind":"big","count":-2}`, []string{"#/count too_small must be at least 0"}},
		"too large":        {`{"name":"ab","kind":"big","count":12}`, []string{"#/count too_large must be at most 10"}},
		"multiple":         {`{"name":"ab","kind":"big","count":3}`, []string{"#/count not_multiple must be a multiple of 2"}},
		"exclusive":        {`{"name":"ab","kind":"big","ratio":1}`, []string{"#/ratio too_large must be less than 1"}},
		"e-mail":           {`{"name":"ab","kind":"big","email":"a@b@c"}`, []string{"#/email format must be an e-mail address"}},
		"e-mail with name": {`{"name":"ab","kind":"big","email":"A <a@b.example>"}`, []string{"#/email format must be an e-mail address"}},
		"e-mail injection": {`{"name":"ab","kind":"big","email":"a@b.example\r\nBcc: x@y.example"}`, []string{"#/email format must be an e-mail address"}},
		"time":             {`{"name":"ab","kind":"big","when":"2026-02-30T09:30:00Z"}`, []string{"#/when format must be a time such as 2026-03-02T09:30:00Z (RFC 3339)"}},
		"day":              {`{"name":"ab","kind":"big","day":"02.03.2026"}`, []string{"#/day format must be a date such as 2026-03-02"}},
		"link":             {`{"name":"ab","kind":"big","link":"//x"}`, []string{"#/link format must be an absolute URL"}},
		"pattern, example": {`{"name":"ab","kind":"big","locale":"English"}`, []string{"#/locale format does not have the form that is asked for; an example is en"}},
		"pattern":          {`{"name":"ab","kind":"big","secretForm":"y"}`, []string{"#/secretForm format does not have the form that is asked for; see the API reference"}},
		"few items":        {`{"name":"ab","kind":"big","tags":[]}`, []string{"#/tags too_few must have at least 1 items"}},
		"many items":       {`{"name":"ab","kind":"big","tags":["a","b","c","d"]}`, []string{"#/tags too_many must have at most 3 items"}},
		"same item":        {`{"name":"ab","kind":"big","tags":["a","a"]}`, []string{"#/tags duplicate must not hold the same item twice"}},
		"item":             {`{"name":"ab","kind":"big","tags":["a","toolong"]}`, []string{"#/tags/1 too_long must have at most 5 characters"}},
		"many labels":      {`{"name":"ab","kind":"big","labels":{"a":"","b":"","c":""}}`, []string{"#/labels too_many must have at most 2 fields"}},
		"label":            {`{"name":"ab","kind":"big","labels":{"a":1}}`, []string{"#/labels/a type must be text"}},
		"missing below":    {`{"name":"ab","kind":"big","nested":{}}`, []string{"#/nested/inner required is required"}},
		"allOf":            {`{"name":"ab","kind":"big","nested":{"inner":{"a":"x"}}}`, []string{"#/nested/inner/a type must be a whole number", "#/nested/inner/b required is required"}},
		"oneOf":            {`{"name":"ab","kind":"big","shape":{"type":"circle","w":1}}`, []string{"#/shape/w unknown_key is not a field that can be set here", "#/shape/r required is required"}},
		"oneOf, none":      {`{"name":"ab","kind":"big","shape":{"type":"cone"}}`, []string{"#/shape not_allowed does not name one of the forms that are allowed here"}},
		"oneOf, unnamed":   {`{"name":"ab","kind":"big","shape":{}}`, []string{"#/shape not_allowed does not name one of the forms that are allowed here"}},
		"anyOf":            {`{"name":"ab","kind":"big","either":"x"}`, []string{"#/either no_match has none of the forms that are allowed here"}},
		"several":          {`{"name":"a","kind":"huge","count":99}`, []string{"#/count too_large must be at most 10", "#/count not_multiple must be a multiple of 2", "#/kind not_allowed must be one of big, small", "#/name too_short must have at least 2 characters"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.call(t, "POST", "/api/v1/things", c.body, "Content-Type", "application/json", "Authorization", token)
			if c.want == nil {
				if w.Code != 204 {
					t.Fatal(w.Code, w.Body)
				}
				return
			}
			p := wantProblem(t, w, 422, "validation_failed")
			if got := texts(p.Errors); !equalSets(got, c.want) {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func texts(fields []errs.Field) (out []string) {
	for _, f := range fields {
		out = append(out, f.Pointer+" "+f.Code+" "+f.Message)
	}
	return out
}

func equalSets(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	seen := map[string]int{}
	for i := range a {
		seen[a[i]]++
		seen[b[i]]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

// A problem stays within what its contract promises, however much is wrong.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	var b strings.Builder
	b.WriteString(`{"name":"ab","kind":"big"`)
	for i := range 500 {
		fmt.Fprintf(&b, `,"%d%s":1`, i, strings.Repeat("ü", 20))
	}
	fmt.Fprintf(&b, `,"%s":1}`, strings.Repeat("ä", 10_000))
	w := s.call(t, "POST", "/api/v1/things", b.String(), "Content-Type", "application/json", "Authorization", s.as(t, "user"))
	p := wantProblem(t, w, 422, "validation_failed")
	if len(p.Errors) != 100 {
		t.Errorf("%d errors", len(p.Errors))
	}
	for _, f := range p.Errors {
		if len(f.Pointer) > 1024 || !utf8.ValidString(f.Pointer) {
			t.Errorf("pointer of %d bytes", len(f.Pointer))
		}
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	token := s.as(t, "premium")
	id := uuid.NewString()
	for name, c := range map[string]struct {
		method, target string
		header         []string
		want           []string
	}{
		"none":                {"GET", "/api/v1/things", nil, nil},
		"all":                 {"GET", "/api/v1/things?limit=100&cursor=x&tag=a&tag=b&ids=1,2,-3&since=2026-03-02T09:30:00Z&active=true&score=0.5&sort=age", []string{"X-Mode", "fast", "Cookie", "theme=dark"}, nil},
		"unknown ignored":     {"GET", "/api/v1/things?utm_source=x", nil, nil},
		"limit text":          {"GET", "/api/v1/things?limit=ten", nil, []string{"#/query/limit type must be a whole number"}},
		"limit empty":         {"GET", "/api/v1/things?limit=", nil, []string{"#/query/limit type must be a whole number"}},
		"limit fraction":      {"GET", "/api/v1/things?limit=1.0", nil, []string{"#/query/limit type must be a whole number"}},
		"limit plus":          {"GET", "/api/v1/things?limit=%2B5", nil, []string{"#/query/limit type must be a whole number"}},
		"limit low":           {"GET", "/api/v1/things?limit=0", nil, []string{"#/query/limit too_small must be at least 1"}},
		"limit high":          {"GET", "/api/v1/things?limit=101", nil, []string{"#/query/limit too_large must be at most 100"}},
		"limit beyond int":    {"GET", "/api/v1/things?limit=99999999999999999999", nil, []string{"#/query/limit type must be a whole number"}},
		"limit twice":         {"GET", "/api/v1/things?limit=1&limit=2", nil, []string{"#/query/limit duplicate must be given only once"}},
		"cursor empty":        {"GET", "/api/v1/things?cursor=", nil, []string{"#/query/cursor too_short must not be empty"}},
		"cursor NUL":          {"GET", "/api/v1/things?cursor=a%00b", nil, []string{"#/query/cursor invalid_utf8 is not valid UTF-8, or holds a NUL character"}},
		"cursor UTF-8":        {"GET", "/api/v1/things?cursor=%ff", nil, []string{"#/query/cursor invalid_utf8 is not valid UTF-8, or holds a NUL character"}},
		"tag":                 {"GET", "/api/v1/things?tag=a&tag=z&tag=y", nil, []string{"#/query/tag not_allowed must be one of a, b, c"}},
		"tags":                {"GET", "/api/v1/things?tag=a&tag=b&tag=c&tag=a", nil, []string{"#/query/tag too_many must have at most 3 items"}},
		"ids":                 {"GET", "/api/v1/things?ids=1,x", nil, []string{"#/query/ids type must be a whole number"}},
		"ids twice":           {"GET", "/api/v1/things?ids=1&ids=2", nil, []string{"#/query/ids duplicate must be given only once"}},
		"since":               {"GET", "/api/v1/things?since=yesterday", nil, []string{"#/query/since format must be a time such as 2026-03-02T09:30:00Z (RFC 3339)"}},
		"active":              {"GET", "/api/v1/things?active=1", nil, []string{"#/query/active type must be true or false"}},
		"score NaN":           {"GET", "/api/v1/things?score=NaN", nil, []string{"#/query/score type must be a number"}},
		"score infinite":      {"GET", "/api/v1/things?score=1e999", nil, []string{"#/query/score type must be a number"}},
		"score hex":           {"GET", "/api/v1/things?score=0x1p-2", nil, []string{"#/query/score type must be a number"}},
		"score zero":          {"GET", "/api/v1/things?score=0", nil, []string{"#/query/score too_small must be more than 0"}},
		"sort":                {"GET", "/api/v1/things?sort=id;drop", nil, []string{"#/query syntax is not a well-formed query string"}},
		"sort, through allOf": {"GET", "/api/v1/things?sort=id", nil, []string{"#/query/sort not_allowed must be one of name, age"}},
		"bad escape":          {"GET", "/api/v1/things?limit=%zz", nil, []string{"#/query syntax is not a well-formed query string"}},
		"header":              {"GET", "/api/v1/things", []string{"X-Mode", "FAST"}, []string{"#/header/X-Mode format does not have the form that is asked for; see the API reference"}},
		"header twice":        {"GET", "/api/v1/things", []string{"X-Mode", "a", "X-Mode", "b"}, []string{"#/header/X-Mode duplicate must be given only once"}},
		"cookie":              {"GET", "/api/v1/things", []string{"Cookie", "theme=" + strings.Repeat("x", 6)}, []string{"#/cookie/theme too_long must have at most 5 characters"}},
		"several":             {"GET", "/api/v1/things?limit=x&active=y", nil, []string{"#/query/limit type must be a whole number", "#/query/active type must be true or false"}},
		"path":                {"GET", "/api/v1/things/1", nil, []string{"#/path/thingId format must be a UUID"}},
		"path URN":            {"GET", "/api/v1/things/urn:uuid:" + id, nil, []string{"#/path/thingId format must be a UUID"}},
		"path SQL":            {"GET", "/api/v1/things/" + url.PathEscape("' OR 1=1 --"), nil, []string{"#/path/thingId format must be a UUID"}},
		"path NUL":            {"GET", "/api/v1/things/%00", nil, []string{"#/path/thingId invalid_utf8 is not valid UTF-8, or holds a NUL character"}},
		"path good":           {"GET", "/api/v1/things/" + id, nil, nil},
		"path with slash":     {"GET", "/api/v1/things/by-name/a%2Fb", nil, nil},
		"path broken":         {"GET", "/api/v1/things/by-name/a%2F%ff", nil, []string{"#/path/name invalid_utf8 is not valid UTF-8, or holds a NUL character"}},
		"required header":     {"PATCH", "/api/v1/things/" + id, nil, []string{"#/header/If-Match required is required"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.call(t, c.method, c.target, "", append([]string{"Authorization", token}, c.header...)...)
			if c.want == nil {
				if w.Code != 204 {
					t.Fatal(w.Code, w.Body)
				}
				return
			}
			if got := texts(wantProblem(t, w, 400, "invalid_parameter").Errors); !equalSets(got, c.want) {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Whatever is sent as a body, the answer is one of those the contract lists.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"name":"ab","kind":"big"}`, `{"shape":{"type":"circle"},"a":[[[[]]]]}`, `{"a":"\ud800","a":1e999}`, "\xff", `[`, ``} {
		f.Add([]byte(seed))
	}
	s := newService(f, nil)
	token := s.as(f, "user")
	f.Fuzz(func(t *testing.T, body []byte) {
		w := s.call(t, "POST", "/api/v1/things", string(body), "Content-Type", "application/json", "Authorization", token)
		switch w.Code {
		case 204:
		case 400, 413, 422:
			wantProblem(t, w, w.Code, map[int]string{400: problemCode(w), 413: "body_too_large", 422: "validation_failed"}[w.Code])
		default:
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}

// problemCode tells the two codes of 400 apart.
func problemCode(w *httptest.ResponseRecorder) string {
	if strings.Contains(w.Body.String(), "body_required") {
		return "body_required"
	}
	return "malformed_json"
}

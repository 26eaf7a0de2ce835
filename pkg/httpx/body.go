package httpx

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// maxDepth is how deep a body may be nested.
const maxDepth = 32

var (
	errParameter    = errs.New(errs.Invalid, "invalid_parameter", "Some parameters are not valid; see errors.")
	errMalformed    = errs.New(errs.Invalid, "malformed_json", "The body is not JSON that can be read; see errors.")
	errBodyMissing  = errs.New(errs.Invalid, "body_required", "This operation needs a body.")
	errBodyRead     = errs.New(errs.Invalid, "body_incomplete", "The body ended too early. Send the request again.")
	errValidation   = errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.")
	errUnsupported  = errs.New(errs.UnsupportedMedia, "unsupported_media_type", "")
	errEncodedInput = errs.New(errs.UnsupportedMedia, "unsupported_encoding", "Send the body without Content-Encoding, in UTF-8.")
)

// content is the body of a request after read.
type content struct {
	raw   []byte
	whole bool // raw is all of it; else the handler reads a stream
}

// read checks parameters and body against the contract. A JSON body is read
// whole and put back for the handler.
func (op *operation) read(w http.ResponseWriter, r *http.Request) (content, error) {
	if op.body == nil {
		return content{whole: true}, op.checkParams(r)
	}
	if r.ContentLength > op.bodyLimit {
		return content{}, errTooLarge
	}
	r.Body = http.MaxBytesReader(w, r.Body, op.bodyLimit)
	schema, err := op.mediaType(r)
	if err != nil {
		return content{}, err
	}
	if r.ContentLength != 0 && schema == nil { // not JSON: its handler reads the stream
		return content{}, op.checkParams(r)
	}
	raw, err := readAll(r)
	if err != nil {
		return content{}, err
	}
	if err := op.checkParams(r); err != nil {
		return content{}, err
	}
	if len(raw) == 0 {
		if op.body.required {
			return content{}, errBodyMissing
		}
		return content{whole: true}, nil
	}
	value, err := parseJSON(raw)
	if err != nil {
		return content{}, err
	}
	if fields := validate(schema, value); len(fields) > 0 {
		return content{}, errValidation.WithFields(fields...)
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	return content{raw: raw, whole: true}, nil
}

// mediaType finds the schema of the body that was sent, nil for none or for a
// type that is not JSON.
func (op *operation) mediaType(r *http.Request) (*openapi3.Schema, error) {
	header := r.Header.Get("Content-Type")
	if r.ContentLength == 0 && header == "" {
		return nil, nil
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, errEncodedInput
	}
	name, params := header, map[string]string(nil)
	if header != "application/json" { // as nearly all are
		var err error
		if name, params, err = mime.ParseMediaType(header); err != nil {
			name = ""
		}
	}
	schema, ok := op.body.media[name]
	if !ok {
		e := *errUnsupported
		e.Message = "Send the body as " + op.body.accepted + ", and say so in Content-Type."
		return nil, &e
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && schema != nil {
		return nil, errEncodedInput
	}
	return schema, nil
}

// readAll reads a body that MaxBytesReader bounds.
func readAll(r *http.Request) ([]byte, error) {
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(r.Body); err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return nil, errTooLarge
		}
		return nil, errBodyRead.With(err)
	}
	return buf.Bytes(), nil
}

// parseJSON reads one JSON value strictly (RFC 8259, and RFC 7493 where parsers
// disagree): no duplicate names, no broken UTF-8 or lone surrogates, no NUL, no
// number beyond float64, no more than maxDepth levels, nothing after it.
func parseJSON(raw []byte) (any, error) {
	p := jsonParser{dec: jsontext.NewDecoder(bytes.NewReader(raw))}
	v, err := p.value(1)
	if err == nil {
		if _, end := p.dec.ReadToken(); !errors.Is(end, io.EOF) {
			err = p.fault("syntax", "has something after its end", "")
		}
	}
	return v, err
}

type jsonParser struct{ dec *jsontext.Decoder }

// fault names a place in the body. at overrides the decoder's, when it is known better.
func (p jsonParser) fault(code, message string, at jsontext.Pointer) error {
	if at == "" {
		at = p.dec.StackPointer()
	}
	return errMalformed.WithFields(errs.Field{Pointer: "#" + escapeFragment(string(at)), Code: code, Message: message})
}

func (p jsonParser) syntax(err error) error {
	var s *jsontext.SyntacticError
	var at jsontext.Pointer
	if errors.As(err, &s) {
		at = s.JSONPointer
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return p.fault("duplicate_key", "is there more than once", at)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return p.fault("syntax", "ends too early", at)
	case s != nil && strings.Contains(s.Err.Error(), "UTF-8"), s != nil && strings.Contains(s.Err.Error(), "surrogate"):
		return p.fault("invalid_utf8", "is not valid UTF-8", at)
	}
	return p.fault("syntax", "is not valid JSON here", at)
}

func (p jsonParser) value(depth int) (any, error) {
	tok, err := p.dec.ReadToken()
	if err != nil {
		return nil, p.syntax(err)
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return p.text(tok)
	case '0':
		if f, err := tok.Float(); err == nil {
			return f, nil
		}
		return nil, p.fault("number_range", "is a number too large", "")
	}
	if depth > maxDepth {
		return nil, p.fault("too_deep", "is nested too deeply", "")
	}
	if tok.Kind() == '[' {
		list := []any{}
		for p.dec.PeekKind() != ']' {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, p.end()
	}
	object := map[string]any{}
	for p.dec.PeekKind() != '}' {
		tok, err := p.dec.ReadToken()
		if err != nil {
			return nil, p.syntax(err)
		}
		name, err := p.text(tok)
		if err != nil {
			return nil, err
		}
		if object[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return object, p.end()
}

// end reads the closing bracket that was peeked.
func (p jsonParser) end() error {
	if _, err := p.dec.ReadToken(); err != nil {
		return p.syntax(err)
	}
	return nil
}

// text refuses NUL, which Postgres cannot store and C programs end at.
func (p jsonParser) text(tok jsontext.Token) (string, error) {
	s := tok.String()
	if strings.IndexByte(s, 0) >= 0 {
		return "", p.fault("nul_character", "holds a NUL character", "")
	}
	return s, nil
}

// pointer makes a JSON Pointer in its URI fragment form (RFC 6901 §6).
func pointer(steps ...string) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, step := range steps {
		b.WriteByte('/')
		b.WriteString(escapeFragment(strings.NewReplacer("~", "~0", "/", "~1").Replace(step)))
	}
	return b.String()
}

// escapeFragment percent-encodes what a URI fragment cannot hold (RFC 3986 §3.5).
func escapeFragment(s string) string {
	const allowed = "-._~!$&'()*+,;=:@/?"
	plain := func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte(allowed, c) >= 0 }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	out := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

// clean reports whether text from a parameter can be used at all.
func clean(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// validate checks a value against its schema and words what is wrong with it.
func validate(schema *openapi3.Schema, value any) []errs.Field {
	if err := schema.VisitJSON(value, visitOptions...); err != nil {
		return fieldsOf(err)
	}
	return nil
}

var visitOptions = []openapi3.SchemaValidationOption{
	openapi3.MultiErrors(), openapi3.VisitAsRequest(), openapi3.WithStringFormatValidators(formats),
}

func format(ok func(string) bool) openapi3.StringFormatValidator {
	return openapi3.NewCallbackValidator(func(s string) error {
		if ok(s) {
			return nil
		}
		return errors.New("format")
	})
}

// formats are the string formats that contracts use, checked by what reads the
// value later.
var formats = map[string]openapi3.StringFormatValidator{
	"uuid": format(func(s string) bool { _, err := uuid.Parse(s); return err == nil && len(s) == 36 }),
	"email": format(func(s string) bool {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s && !strings.ContainsAny(s, " \"(),:;<>[\\]\r\n\t")
	}),
	"date-time":     format(func(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil }),
	"date":          format(func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }),
	"uri":           format(func(s string) bool { u, err := url.Parse(s); return err == nil && u.IsAbs() }),
	"uri-reference": format(func(s string) bool { _, err := url.Parse(s); return err == nil }),
	"ip":            format(func(s string) bool { _, err := netip.ParseAddr(s); return err == nil }),
}

var formatNames = map[string]string{
	"uuid": "a UUID", "email": "an e-mail address", "date-time": "a time such as 2026-03-02T09:30:00Z (RFC 3339)",
	"date": "a date such as 2026-03-02", "uri": "an absolute URL", "uri-reference": "a URL", "ip": "an IP address",
	"byte": "base64", "int32": "a whole number of 32 bits", "int64": "a whole number of 64 bits",
}

// fieldsOf lists the faults in a validation error.
func fieldsOf(err error) []errs.Field {
	switch e := err.(type) { //nolint:errorlint // errors.As would find a part of what is asked for as a whole
	case openapi3.MultiError:
		var out []errs.Field
		for _, one := range e {
			out = append(out, fieldsOf(one)...)
		}
		return dedupe(out)
	case *openapi3.SchemaError:
		if e.SchemaField == "allOf" || e.SchemaField == "oneOf" && e.Schema.Discriminator != nil {
			// The parts say more than the whole; kin-openapi has put their place in them.
			var parts interface{ Unwrap() error }
			if errors.As(e.Origin, &parts) {
				var list openapi3.MultiError
				if errors.As(parts.Unwrap(), &list) && len(list) > 0 {
					return fieldsOf(list)
				}
			}
		}
		steps := e.JSONPointer()
		if e.SchemaField == "properties" { // the place given is that of the object
			if name, ok := unknownKey(e); ok {
				return []errs.Field{{Pointer: pointer(append(steps, name)...), Code: "unknown_key", Message: "is not a field that can be set here"}}
			}
		}
		code, message := wording(e)
		return []errs.Field{{Pointer: pointer(steps...), Code: code, Message: message}}
	}
	return []errs.Field{{Pointer: "#", Code: "invalid", Message: "is not valid"}}
}

// dedupe drops what allOf said twice.
func dedupe(fields []errs.Field) []errs.Field {
	seen := make(map[errs.Field]bool, len(fields))
	out := fields[:0]
	for _, f := range fields {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// unknownKey finds which key was refused; the validator names it only in its text.
func unknownKey(e *openapi3.SchemaError) (string, bool) {
	quoted, ok := strings.CutPrefix(e.Reason, "property ")
	if !ok {
		return "", false
	}
	quoted, _ = strings.CutSuffix(quoted, " is unsupported")
	name, err := strconv.Unquote(quoted)
	return name, err == nil
}

// wording gives a fault its code and its text. The validator's own text holds
// patterns and Go types, and is not used.
func wording(e *openapi3.SchemaError) (code, message string) {
	s := e.Schema
	switch e.SchemaField {
	case "required":
		return "required", "is required"
	case "type":
		return "type", "must be " + typeName(s)
	case "nullable":
		return "type", "must not be null"
	case "minLength":
		if s.MinLength == 1 {
			return "too_short", "must not be empty"
		}
		return "too_short", fmt.Sprintf("must have at least %d characters", s.MinLength)
	case "maxLength":
		return "too_long", fmt.Sprintf("must have at most %d characters", deref(s.MaxLength))
	case "minItems":
		return "too_few", fmt.Sprintf("must have at least %d items", s.MinItems)
	case "maxItems":
		return "too_many", fmt.Sprintf("must have at most %d items", deref(s.MaxItems))
	case "minProperties":
		return "too_few", fmt.Sprintf("must have at least %d fields", s.MinProps)
	case "maxProperties":
		return "too_many", fmt.Sprintf("must have at most %d fields", deref(s.MaxProps))
	case "uniqueItems":
		return "duplicate", "must not hold the same item twice"
	case "minimum":
		return "too_small", "must be at least " + number(deref(s.Min))
	case "exclusiveMinimum":
		return "too_small", "must be more than " + number(deref(s.Min))
	case "maximum":
		return "too_large", "must be at most " + number(deref(s.Max))
	case "exclusiveMaximum":
		return "too_large", "must be less than " + number(deref(s.Max))
	case "multipleOf":
		return "not_multiple", "must be a multiple of " + number(deref(s.MultipleOf))
	case "enum":
		return "not_allowed", oneOf(s.Enum)
	case "format":
		if name, ok := formatNames[s.Format]; ok {
			return "format", "must be " + name
		}
	case "pattern":
		if example, ok := s.Example.(string); ok && len(example) <= 100 {
			return "format", "does not have the form that is asked for; an example is " + example
		}
	case "oneOf", "anyOf":
		return "no_match", "has none of the forms that are allowed here"
	case "readOnly":
		return "read_only", "cannot be set"
	case "not":
		return "not_allowed", "is a value that is not allowed here"
	case "discriminator":
		return "not_allowed", "does not name one of the forms that are allowed here"
	}
	return "format", "does not have the form that is asked for; see the API reference"
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

var typeNames = map[string]string{"string": "text", "integer": "a whole number", "number": "a number",
	"boolean": "true or false", "array": "a list", "object": "an object"}

func typeName(s *openapi3.Schema) string {
	var names []string
	for _, t := range s.Type.Slice() {
		names = append(names, typeNames[t])
	}
	if len(names) == 0 {
		return "of another type"
	}
	return strings.Join(names, " or ")
}

func oneOf(values []any) string {
	if len(values) > 20 {
		return "is not one of the values that are allowed here"
	}
	var names []string
	for _, v := range values {
		if v != nil {
			names = append(names, fmt.Sprint(v))
		}
	}
	return "must be one of " + strings.Join(names, ", ")
}

// checkParams checks the parameters of a request.
func (op *operation) checkParams(r *http.Request) error {
	var fields []errs.Field
	var query url.Values
	if op.hasQuery && r.URL.RawQuery != "" {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return errParameter.WithFields(errs.Field{Pointer: "#/query", Code: "syntax", Message: "is not a well-formed query string"})
		}
	}
	for i := range op.params {
		p := &op.params[i]
		raw, bad := p.raw(r, query)
		switch {
		case bad != nil:
			fields = append(fields, *bad)
		case len(raw) == 0 && p.required:
			fields = append(fields, errs.Field{Pointer: pointer(p.in, p.name), Code: "required", Message: "is required"})
		case len(raw) > 0:
			fields = append(fields, p.check(raw)...)
		}
	}
	if len(fields) > 0 {
		return errParameter.WithFields(fields...)
	}
	return nil
}

// raw finds the text of a parameter, one entry for each time it was given.
func (p *param) raw(r *http.Request, query url.Values) ([]string, *errs.Field) {
	var raw []string
	switch p.in {
	case openapi3.ParameterInPath:
		v := chi.URLParam(r, p.name)
		if r.URL.RawPath != "" { // chi then routes by the escaped path
			var err error
			if v, err = url.PathUnescape(v); err != nil {
				return nil, &errs.Field{Pointer: pointer(p.in, p.name), Code: "syntax", Message: "is not well-formed"}
			}
		}
		raw = []string{v}
	case openapi3.ParameterInQuery:
		raw = query[p.name]
	case openapi3.ParameterInHeader:
		raw = r.Header[p.name]
	case openapi3.ParameterInCookie:
		for _, c := range r.CookiesNamed(p.name) {
			raw = append(raw, c.Value)
		}
	}
	for _, v := range raw {
		if !clean(v) {
			return nil, &errs.Field{Pointer: pointer(p.in, p.name), Code: "invalid_utf8", Message: "is not valid UTF-8, or holds a NUL character"}
		}
	}
	if len(raw) > 1 && !p.explode {
		return nil, &errs.Field{Pointer: pointer(p.in, p.name), Code: "duplicate", Message: "must be given only once"}
	}
	if p.list && !p.explode && len(raw) == 1 {
		raw = strings.Split(raw[0], ",")
	}
	return raw, nil
}

// check reads the text as the contract's type and validates it.
func (p *param) check(raw []string) []errs.Field {
	values := make([]any, len(raw))
	for i, text := range raw {
		v, ok := scalar(p.item, text)
		if !ok {
			return []errs.Field{{Pointer: pointer(p.in, p.name), Code: "type", Message: "must be " + typeNames[p.item]}}
		}
		values[i] = v
	}
	var value any = values
	if !p.list {
		value = values[0]
	}
	fields := validate(p.schema, value)
	for i := range fields { // for an item of a list, point at the list
		fields[i].Pointer = pointer(p.in, p.name)
	}
	return dedupe(fields)
}

// scalar reads a value as JSON would write it.
func scalar(kind, text string) (any, bool) {
	switch kind {
	case openapi3.TypeInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		return float64(n), err == nil && !strings.HasPrefix(text, "+")
	case openapi3.TypeNumber:
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil && !strings.ContainsAny(text, "xXpP_nNiI+")
	case openapi3.TypeBoolean:
		return text == "true", text == "true" || text == "false"
	}
	return text, true
}

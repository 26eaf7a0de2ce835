// Package config reads a service's configuration from environment variables
// into a struct, checks all of it, and reports every fault at once, one line
// each, saying what to set.
//
// A field names its variable and whether it must be there by the tags of
// github.com/caarlos0/env (env, envDefault, envPrefix, envSeparator). Two tags
// are read here:
//
//	example:"postgres://user:password@host:5432/jobpilot"   shown when the value is missing or wrong
//	check:"url=postgres|postgresql"                         rules, separated by commas:
//
//	url          an absolute URL; url=http|https limits the schemes
//	addr         host:port to listen on; the host may be empty
//	oneof=a|b    one of the listed words
//	min=, max=   bounds of a number or a duration
//	len=         least number of bytes of a string or a Secret
//
// Rules do not apply to an empty string: required and notEmpty of env do. What a rule cannot say goes into a method
// Validate() error on the struct, which may join several Faults.
package config

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// masked stands for a secret in logs.
const masked = "[masked]"

// Secret is a value that never shows: printing, logging and marshalling give a
// fixed text. Only Reveal returns it.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret, and shows whether there is one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON hides the secret from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Fault says what is wrong with one variable and what to do about it.
type Fault struct { //nolint:errname // reads as what it is: config.Fault{Key, Text}
	Key  string // name of the environment variable
	Text string // never holds the value: it may be a secret
}

func (f Fault) Error() string { return f.Key + ": " + f.Text }

// Load reads T from the environment of the process. The error lists every
// fault, one line each.
func Load[T any]() (T, error) {
	return Parse[T](nil)
}

// Parse is Load from given variables; nil means the environment of the process.
func Parse[T any](vars map[string]string) (T, error) {
	var cfg T
	fields := leaves(reflect.ValueOf(&cfg).Elem(), "")
	faults := parseFaults(env.ParseWithOptions(&cfg, env.Options{Environment: vars}), fields)
	for _, f := range fields {
		if !slices.ContainsFunc(faults, func(err error) bool { return isFor(err, f.key) }) {
			if text := check(f); text != "" {
				faults = append(faults, f.fault(text))
			}
		}
	}
	if v, ok := any(&cfg).(interface{ Validate() error }); ok && len(faults) == 0 {
		if err := v.Validate(); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("the configuration is not valid:\n%w", errors.Join(faults...))
	}
	return cfg, nil
}

// Dump is the configuration as it is logged at start: by variable name, with
// secrets, and passwords within URLs, masked.
func Dump[T any](cfg T) slog.Value {
	var attrs []slog.Attr
	for _, f := range leaves(reflect.ValueOf(&cfg).Elem(), "") {
		attrs = append(attrs, slog.Any(f.key, shown(f.value)))
	}
	return slog.GroupValue(attrs...)
}

func shown(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case Secret:
		return x.String()
	case url.URL:
		return x.Redacted()
	case *url.URL:
		if x == nil {
			return ""
		}
		return x.Redacted()
	case time.Duration:
		return x.String()
	case string:
		if u, err := url.Parse(x); err == nil && u.User != nil {
			return u.Redacted()
		}
		return x
	}
	return v.Interface()
}

// leaf is a field that is read from one variable.
type leaf struct {
	key   string
	field reflect.StructField
	value reflect.Value
}

func (l leaf) fault(text string) Fault {
	if example := l.field.Tag.Get("example"); example != "" {
		text += "; set it to " + example
	}
	return Fault{l.key, text}
}

// leaves lists the fields that have a variable, descending into structs that
// have none themselves, in the order of declaration.
func leaves(v reflect.Value, prefix string) []leaf {
	var out []leaf
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		switch {
		case !field.IsExported():
		case key != "" && key != "-":
			out = append(out, leaf{prefix + key, field, v.Field(i)})
		case field.Type.Kind() == reflect.Struct:
			out = append(out, leaves(v.Field(i), prefix+field.Tag.Get("envPrefix"))...)
		}
	}
	return out
}

// parseFaults words the parser's errors, which name struct fields and quote values.
func parseFaults(err error, fields []leaf) []error {
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []error{err}
	}
	var faults []error
	for _, err := range all.Errors {
		var (
			missing env.VarIsNotSetError
			empty   env.EmptyVarError
			parse   env.ParseError
		)
		find := func(match func(leaf) bool, text func(leaf) string) {
			if i := slices.IndexFunc(fields, match); i >= 0 {
				faults = append(faults, fields[i].fault(text(fields[i])))
			}
		}
		switch {
		case errors.As(err, &missing):
			find(func(l leaf) bool { return l.key == missing.Key }, func(leaf) string { return "missing" })
		case errors.As(err, &empty):
			find(func(l leaf) bool { return l.key == empty.Key }, func(leaf) string { return "empty" })
		case errors.As(err, &parse):
			find(func(l leaf) bool {
				return l.field.Name == parse.Name && !slices.ContainsFunc(faults, func(err error) bool { return isFor(err, l.key) })
			}, func(l leaf) string { return "must be " + wanted(l.field.Type) })
		default:
			faults = append(faults, err)
		}
	}
	return faults
}

func isFor(err error, key string) bool {
	var f Fault
	return errors.As(err, &f) && f.Key == key
}

// wanted describes the values of a type.
func wanted(t reflect.Type) string {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "a valid value"
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 15m or 500ms"
	case t == reflect.TypeFor[url.URL](), t == reflect.TypeFor[*url.URL]():
		return "a URL"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "a whole number"
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Slice:
		return "a list, each " + strings.TrimPrefix(wanted(t.Elem()), "a ")
	}
	return "a valid value"
}

// check applies a field's rules and words the first one that is broken.
func check(l leaf) string {
	rules := l.field.Tag.Get("check")
	if rules == "" || l.value.Kind() == reflect.String && l.value.Len() == 0 {
		return ""
	}
	values := []reflect.Value{l.value}
	if l.value.Kind() == reflect.Slice {
		values = nil
		for i := range l.value.Len() {
			values = append(values, l.value.Index(i))
		}
	}
	for _, v := range values {
		for rule := range strings.SplitSeq(rules, ",") {
			if text := checkOne(rule, v); text != "" {
				return text
			}
		}
	}
	return ""
}

func checkOne(rule string, v reflect.Value) string {
	name, arg, _ := strings.Cut(rule, "=")
	text := ""
	if v.Kind() == reflect.String {
		text = v.String()
	}
	switch name {
	case "url":
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return "must be an absolute URL"
		}
		if schemes := strings.Split(arg, "|"); arg != "" && !slices.Contains(schemes, u.Scheme) {
			return "must be a URL that starts with " + strings.Join(schemes, ":// or ") + "://"
		}
	case "addr":
		_, port, err := net.SplitHostPort(text)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
			return "must be host:port"
		}
	case "oneof":
		if words := strings.Split(arg, "|"); !slices.Contains(words, text) {
			return "must be one of " + strings.Join(words, ", ")
		}
	case "len":
		if n, err := strconv.Atoi(arg); err == nil && len(text) < n {
			return "must have at least " + arg + " characters"
		}
	case "min", "max":
		bound, value := number(v.Type(), arg), asFloat(v)
		if name == "min" && value < bound {
			return "must be at least " + arg
		}
		if name == "max" && value > bound {
			return "must be at most " + arg
		}
	default:
		panic("config: unknown rule " + strconv.Quote(rule))
	}
	return ""
}

// number reads a bound; a wrong one is a mistake in the program.
func number(t reflect.Type, s string) float64 {
	if t == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(s)
		if err != nil {
			panic("config: " + err.Error())
		}
		return float64(d)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("config: " + err.Error())
	}
	return f
}

func asFloat(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	}
	panic("config: min and max are for numbers, not for " + v.Type().String())
}

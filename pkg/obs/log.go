package obs

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

const masked = "[masked]"

// NewHandler is the slog handler of all services: one JSON object a line, with
// trace_id, span_id and request_id of the context, and with secrets masked.
//
// A value is masked when its name says that it is a secret ("password",
// "refreshToken", "Authorization", …), wherever in a structure it is. In all
// other text, what looks like a JWT, a token of ours or the password in a URL is
// replaced. JSON escapes line breaks and control characters, so no value can
// forge a line.
func NewHandler(w io.Writer, level slog.Leveler) slog.Handler {
	m := &masker{}
	m.names.Store(&map[string]bool{})
	return handler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: m.attr})}
}

type handler struct{ slog.Handler }

// Handle adds the ids of the context.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.Message = maskText(r.Message)
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the handler's type.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the handler's type.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

// masker remembers which of the names that the program logs are secret: they are
// few, and come with every line. The map is replaced, never changed.
type masker struct {
	names atomic.Pointer[map[string]bool]
}

const maxNames = 500 // names made of data must not fill memory

func (m *masker) secret(name string) bool {
	known := m.names.Load()
	if secret, ok := (*known)[name]; ok {
		return secret
	}
	secret := secretName(name)
	if len(*known) < maxNames {
		more := maps.Clone(*known)
		more[strings.Clone(name)] = secret
		m.names.CompareAndSwap(known, &more) // if another was quicker, the next line tries again
	}
	return secret
}

func (m *masker) attr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return a
	}
	if m.secret(a.Key) || slices.ContainsFunc(groups, m.secret) {
		if s := a.Value.String(); s == "" || s == "<nil>" {
			return slog.String(a.Key, "")
		}
		return slog.String(a.Key, masked)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if s := a.Value.String(); mayHoldSecret(s) {
			return slog.String(a.Key, maskText(s))
		}
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			return slog.String(a.Key, maskText(v.Error()))
		case *slog.Source, nil:
		default:
			return slog.Any(a.Key, maskAny(v))
		}
	default: // numbers, times and durations hold no secret; groups are visited by slog
	}
	return a
}

// maskAny masks within structures, in the form that would be logged.
func maskAny(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return masked // and so is the error, which may quote it
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return masked
	}
	return maskTree(tree)
}

func maskTree(v any) any {
	switch v := v.(type) {
	case string:
		return maskText(v)
	case []any:
		for i := range v {
			v[i] = maskTree(v[i])
		}
	case map[string]any:
		for name, child := range v {
			if secretName(name) {
				v[name] = masked
				continue
			}
			delete(v, name)
			v[maskText(name)] = maskTree(child)
		}
	}
	return v
}

// secretNames are names, in lower case and without separators, whose values are
// never written. Names that end in one of secretEndings are secret as well.
var secretNames = map[string]bool{
	"passwd": true, "pwd": true, "passphrase": true, "authorization": true, "proxyauthorization": true, "setcookie": true,
	"code": true, "otp": true, "totp": true, "pin": true, "key": true, "xapikey": true, "xservicekey": true, "xcsrftoken": true,
	"servicekey": true, "privatekey": true, "signingkey": true, "sealkeys": true, "lookupkey": true, "pepper": true,
	"jwt": true, "bearer": true, "credential": true, "credentials": true, "dsn": true, "recoverycodes": true, "codeverifier": true,
}

var secretEndings = []string{"password", "token", "secret", "apikey", "cookie", "pepper"}

func secretName(name string) bool {
	n := strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ' ':
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	if secretNames[n] {
		return true
	}
	n = strings.TrimSuffix(n, "s")
	for _, end := range secretEndings {
		if strings.HasSuffix(n, end) {
			return true
		}
	}
	return false
}

// Text that is masked in any value: a JWT, or as much of one as was cut off; our
// tokens ("jp", a letter, "_"); credentials after their scheme; the password in a URL.
var secretText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}` +
	`|\bjp[a-z]_[A-Za-z0-9_-]{6,}` +
	`|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}`)

var urlPassword = regexp.MustCompile(`(://[^/\s:@]*:)[^/@\s]+@`)

// mayHoldSecret is a cheap test before the expressions run: one pass over text
// that nearly always holds none.
func mayHoldSecret(s string) bool {
	for i := range len(s) - 2 {
		switch rest := s[i+1:]; s[i] {
		case 'e':
			if rest[0] == 'y' && rest[1] == 'J' {
				return true
			}
		case 'j':
			if rest[0] == 'p' {
				return true
			}
		case ':':
			if rest[0] == '/' && rest[1] == '/' {
				return true
			}
		case 'b', 'B':
			if c := rest[0] | 0x20; c == 'e' || c == 'a' { // bearer, basic
				if strings.ContainsAny(rest, " \t") {
					return true
				}
			}
		}
	}
	return false
}

func maskText(s string) string {
	if !mayHoldSecret(s) {
		return s
	}
	s = secretText.ReplaceAllString(s, masked)
	return urlPassword.ReplaceAllString(s, "${1}"+masked+"@")
}

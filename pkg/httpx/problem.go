package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

// problem is an RFC 9457 problem document with this API's extension members.
type problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Code      string       `json:"code"`
	RequestID string       `json:"requestId"`
	Errors    []errs.Field `json:"errors,omitempty"`
}

// Bounds of a problem document, as the shared contract states them.
const (
	maxFields     = 100
	maxPointerLen = 1024
	maxMessageLen = 512
)

var (
	errInternal = errs.New(errs.Internal, "internal",
		"Something went wrong on our side. Try again, and quote the request id if it stays.")
	errTimeout = errs.New(errs.Unavailable, "timeout",
		"The request took too long and was given up. Try again in a few seconds.").WithRetryAfter(2 * time.Second)
	errTooLarge = errs.New(errs.TooLarge, "body_too_large", "The body is larger than this operation takes. Send less.")
)

// Fail answers with the problem that err stands for. It is the one place where
// errors become answers: an *errs.Error as it says, a body over its limit 413, a
// passed deadline 503, and whatever else a fixed text, with its cause logged.
//
// It is the ResponseErrorHandlerFunc of oapi-codegen's strict server.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	x, log := exchangeOf(ctx), slog.Default()
	if x != nil {
		log = x.log
	}
	if x != nil && x.status != 0 { // the answer has begun; all that is left is to cut it off
		log.ErrorContext(ctx, "answer cut off", "error", err, "operation", x.operation())
		panic(http.ErrAbortHandler)
	}
	e := classify(err)
	if x != nil {
		x.problem = e.Code
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // the client has gone; nobody is at fault
	case e.Kind == errs.Internal:
		log.ErrorContext(ctx, "request failed", "error", err, "operation", x.operation(), "stack", stackOf(err))
	case e.Kind == errs.Unavailable && e.Unwrap() != nil:
		log.WarnContext(ctx, "request could not be served", "error", err, "operation", x.operation())
	}
	write(w, e, obs.RequestID(ctx))
}

// classify finds what the client may know of an error.
func classify(err error) *errs.Error {
	var (
		known   *errs.Error
		tooLong *http.MaxBytesError
	)
	switch {
	case errors.As(err, &known) && known.Kind != errs.Internal:
		return known
	case errors.As(err, &tooLong):
		return errTooLarge
	case known == nil && errs.KindOf(err) == errs.Unavailable:
		return errTimeout.With(err)
	}
	return errInternal
}

// write sends a problem document.
func write(w http.ResponseWriter, e *errs.Error, requestID string) {
	status := e.Kind.Status()
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("Content-Length")
	h.Del("ETag")
	if e.Kind == errs.Unauthenticated {
		h.Set("WWW-Authenticate", `Bearer realm="jobpilot"`) // RFC 6750 §3
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	fields := e.Fields[:min(len(e.Fields), maxFields)]
	for i, f := range fields {
		if len(f.Pointer) > maxPointerLen || len(f.Message) > maxMessageLen {
			fields = append([]errs.Field(nil), fields...) // declared errors are shared
			fields[i].Pointer, fields[i].Message = cut(f.Pointer, maxPointerLen), cut(f.Message, maxMessageLen)
		}
	}
	body, err := json.Marshal(problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Message, Code: e.Code,
		RequestID: requestID, Errors: fields,
	})
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// cut shortens text to n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}

// ParamError answers a parameter that generated code could not bind. Parameters
// are checked against the contract before, so this is for what only the bound
// type refuses. It is the ErrorHandlerFunc of oapi-codegen's chi server.
func ParamError(w http.ResponseWriter, r *http.Request, err error) {
	// Each service has its own generated error types; what they share is a field.
	name, in := "", "query"
	if v := reflect.Indirect(reflect.ValueOf(err)); v.Kind() == reflect.Struct {
		if f := v.FieldByName("ParamName"); f.IsValid() && f.Kind() == reflect.String {
			name = f.String()
		}
	}
	if x := exchangeOf(r.Context()); x != nil && x.op != nil {
		for _, p := range x.op.params {
			if strings.EqualFold(p.name, name) {
				in = p.in
			}
		}
	}
	Fail(w, r, errParameter.With(err).WithFields(errs.Field{Pointer: pointer(in, name), Code: "format", Message: "cannot be read; see its description in the API reference"}))
}

// BodyError answers a body that generated code could not read. Bodies are checked
// against the contract before, so this is for what only the bound type refuses,
// such as a number with a fraction of zero for an integer. It is the
// RequestErrorHandlerFunc of oapi-codegen's strict server.
func BodyError(w http.ResponseWriter, r *http.Request, err error) {
	var (
		tooLong  *http.MaxBytesError
		mismatch *json.UnmarshalTypeError
		known    *errs.Error
	)
	switch {
	case errors.As(err, &tooLong), errors.As(err, &known):
		Fail(w, r, err)
	case errors.As(err, &mismatch) && mismatch.Field != "":
		Fail(w, r, errValidation.With(err).WithFields(errs.Field{
			Pointer: pointer(strings.Split(mismatch.Field, ".")...), Code: "type", Message: "has a value that cannot be used here"}))
	default:
		Fail(w, r, errValidation.With(err).WithFields(errs.Field{Pointer: "#", Code: "format", Message: "cannot be read; see its description in the API reference"}))
	}
}

// panicked carries a recovered panic to Fail.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string {
	if err, ok := p.value.(error); ok {
		return "panic: " + err.Error()
	}
	s, ok := p.value.(string)
	if !ok {
		s = reflect.TypeOf(p.value).String()
	}
	return "panic: " + s
}

func stackOf(err error) string {
	var p *panicked
	if errors.As(err, &p) {
		return string(p.stack)
	}
	return ""
}

func recovered(value any) *panicked { return &panicked{value, debug.Stack()} }

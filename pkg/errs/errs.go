// Package errs is the error model of every service: a kind that decides the
// HTTP status, a stable code that clients switch on, and a message that is safe
// to show. Domain packages return these and never import net/http; the edge
// (pkg/httpx) turns them into RFC 9457 problems in one place.
//
// Whatever is not an *Error is unknown: the client gets a fixed text and the
// cause is logged once, at the edge.
package errs

import (
	"context"
	"errors"
	"time"
)

// Kind classifies an error by what the caller can do about it. The zero value
// is Internal, so an error without a kind never passes for the caller's fault.
type Kind uint8

// The kinds and the HTTP status each is answered with (RFC 9110 §15, RFC 6585 §4).
const (
	Internal         Kind = iota // 500: a fault of ours; the message is replaced by a fixed text
	Invalid                      // 400: the request cannot be read
	Unauthenticated              // 401: no credential, or one that is not valid
	Forbidden                    // 403: known caller, not allowed
	NotFound                     // 404: does not exist, or is not the caller's
	MethodNotAllowed             // 405
	Conflict                     // 409: contradicts the present state
	Precondition                 // 412: If-Match names another version
	TooLarge                     // 413: body over the operation's limit
	UnsupportedMedia             // 415: content type or encoding the operation does not read
	Unprocessable                // 422: readable, but breaks a rule
	RateLimited                  // 429: over the caller's quota
	Unavailable                  // 503: a dependency is gone or the service is overloaded; try later
)

// Statuses of the kinds; RFC 9110 §15 and RFC 6585 §4.
var statuses = [...]int{
	Internal: 500, Invalid: 400, Unauthenticated: 401, Forbidden: 403, NotFound: 404,
	MethodNotAllowed: 405, Conflict: 409, Precondition: 412, TooLarge: 413,
	UnsupportedMedia: 415, Unprocessable: 422, RateLimited: 429, Unavailable: 503,
}

// Status is the HTTP status code of the kind.
func (k Kind) Status() int {
	if int(k) >= len(statuses) {
		return statuses[Internal]
	}
	return statuses[k]
}

// KindOfStatus is the kind that is answered with an HTTP status; a status no
// kind has counts as Invalid below 500 and as Unavailable for 502 and 504 (a
// dependency's gateway failed), else as Internal.
func KindOfStatus(status int) Kind {
	for k, s := range statuses {
		if s == status {
			return Kind(k)
		}
	}
	switch {
	case status == 502 || status == 504:
		return Unavailable
	case status >= 400 && status < 500:
		return Invalid
	}
	return Internal
}

// Field is one fault in the request, at the place named by Pointer.
type Field struct {
	// Pointer is a JSON Pointer as a URI fragment (RFC 6901 §6): "#/email" in the
	// body; "#/query/limit", "#/path/id", "#/header/If-Match" for parameters.
	Pointer string `json:"pointer"`
	// Code is stable, in snake_case: "required", "too_short", …
	Code string `json:"code"`
	// Message is for people: plain words, no internals.
	Message string `json:"message"`
}

// Error is an error that a client may see. Values are immutable: With and
// WithFields return copies, so a package can declare its errors once as
// variables and add the cause where one arises.
type Error struct {
	Kind    Kind
	Code    string // stable, snake_case; part of the API
	Message string // public: what is wrong and what to do next
	Fields  []Field
	// RetryAfter is how long to wait before trying again; zero if waiting does
	// not help. It becomes the Retry-After header.
	RetryAfter time.Duration

	cause error
}

// New makes an error. Give every place that fails in its own way its own code.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// With returns a copy that carries the cause. The cause is logged for kinds
// that are our fault (Internal, Unavailable) and never shown to the client.
func (e *Error) With(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithFields returns a copy that names the faulty places of the request.
func (e *Error) WithFields(fields ...Field) *Error {
	c := *e
	c.Fields = append(e.Fields[:len(e.Fields):len(e.Fields)], fields...)
	return &c
}

// WithRetryAfter returns a copy that tells the client how long to wait.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is for logs: code, message and cause.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is compare by code, so that a copy made by With or WithFields
// still is the declared error.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Is reports whether err is, or wraps, an *Error with this code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// KindOf is the kind of err, Internal for one that is not an *Error. A passed
// deadline is Unavailable: the work was cut short, not broken.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

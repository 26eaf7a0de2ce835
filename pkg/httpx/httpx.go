// Package httpx is the HTTP edge of every service: New puts the generated
// routes of a service behind everything a request has to pass.
//
// In order: request id and trace context; recovery from panics; shedding under
// overload; then, once the operation is known, who calls and whether they may
// (401 and 403 come before the body is looked at); the caller's rate limit;
// content type and size; strict JSON; parameters and body against the contract;
// Idempotency-Key; the handler.
//
// What can go wrong is written in one place and one form, RFC 9457 problem
// documents, by Fail and the other hooks for the code that oapi-codegen
// generates. Text of errors that nobody classified (see pkg/errs) never reaches
// a client. The status of bad input is the subject of docs/adr/0021-bad-input.md.
package httpx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

// Options say what is served and with what.
type Options struct {
	// Obs receives logs, spans and metrics.
	Obs *obs.Obs
	// Spec is the service's OpenAPI 3.0 document, with nothing outside itself
	// referred to. Every operation has an operationId; x-rate-class and
	// x-body-limit (default 64KiB) are read.
	Spec []byte
	// Access has the rule of each operation by operationId. An operation without
	// one does not start.
	Access map[string]authn.Rule
	// Routes registers the generated handlers, with the hooks of this package:
	//
	//	api.HandlerWithOptions(strict, api.ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
	Routes func(r chi.Router)
	// Auth identifies callers. It may be nil if every operation is public.
	Auth *authn.Authenticator
	// Limiter and Limits bound what one identified caller may ask for, by
	// x-rate-class; a class that Limits lacks is not limited here. Strangers are
	// limited by the gateway, per address.
	Limiter Limiter
	Limits  map[string]Limit
	// Idempotency keeps answers for Idempotency-Key; nil ignores the header.
	Idempotency *Idempotency
	// TrustedProxies are the networks whose X-Real-IP is believed.
	TrustedProxies []netip.Prefix
	// Timeout bounds a request's context; zero is 30 s. Answers slower than that
	// are 503.
	Timeout time.Duration
	// MaxInFlight is how many requests are worked on at once before others wait
	// and are shed; zero is 128 for each CPU.
	MaxInFlight int
}

// New returns the handler of a service. It fails when contract, rules and routes
// differ: each operation must have a rule and a route, and nothing else may.
func New(o Options) (http.Handler, error) {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 128 * runtime.GOMAXPROCS(0)
	}
	ops, err := readContract(o.Spec)
	if err != nil {
		return nil, err
	}
	s := &server{Options: o, ops: ops, shed: newShedder(o.MaxInFlight), metrics: newMetrics(o.Obs.Registry)}
	root := chi.NewRouter()
	root.NotFound(func(w http.ResponseWriter, r *http.Request) { Fail(w, r, errNotFound) })
	root.MethodNotAllowed(s.methodNotAllowed(root))
	o.Routes(root.With(s.serve))
	if err := s.check(root); err != nil {
		return nil, err
	}
	return s.edge(root), nil
}

type server struct {
	Options
	ops     map[route]*operation
	shed    *shedder
	metrics *metrics
}

// route is how chi knows an operation.
type route struct{ method, pattern string }

// check compares routes, contract and rules, and prepares the operations.
func (s *server) check(root chi.Routes) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("httpx: "+format, args...)) }
	served := map[route]bool{}
	err := chi.Walk(root, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		at := route{method, pattern}
		served[at] = true
		if s.ops[at] == nil {
			fault("route %s %s is in no contract", method, pattern)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("httpx: read routes: %w", err)
	}
	ids := map[string]bool{}
	for at, op := range s.ops {
		rule, ok := s.Access[op.id]
		if !ok || !rule.Valid() {
			fault("operation %s (%s %s) has no access rule; run make generate", op.id, at.method, at.pattern)
		}
		if !rule.Public() && s.Auth == nil {
			fault("operation %s needs Options.Auth", op.id)
		}
		if !served[at] {
			fault("operation %s (%s %s) has no route", op.id, at.method, at.pattern)
		}
		op.rule, ids[op.id] = rule, true
		op.limit = s.Limits[op.class]
		op.policy = op.limit.policy(op.class)
		op.meter = s.metrics.of(op.id)
	}
	for id := range s.Access {
		if !ids[id] {
			fault("access rule of %s belongs to no operation", id)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// methodNotAllowed answers 405 with the Allow header that RFC 9110 §15.5.6 asks for.
func (s *server) methodNotAllowed(root *chi.Mux) http.HandlerFunc {
	methods := map[string]bool{}
	for at := range s.ops {
		methods[at.method] = true
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for method := range methods {
			if root.Match(chi.NewRouteContext(), method, r.URL.EscapedPath()) {
				allow = append(allow, method)
			}
		}
		slices.Sort(allow)
		w.Header().Set("Allow", strings.Join(allow, ", "))
		Fail(w, r, errMethodNotAllowed)
	}
}

// serve wraps each registered handler with everything that depends on the
// operation. chi runs it after routing, so the pattern is known.
func (s *server) serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		op := s.ops[route{r.Method, chi.RouteContext(r.Context()).RoutePattern()}]
		if x == nil || op == nil { // not through New: without a rule nothing is served
			Fail(w, r, errors.New("httpx: request outside of New"))
			return
		}
		x.op = op
		p, err := s.admit(w, r, op)
		if err != nil {
			Fail(w, r, err)
			return
		}
		x.principal = p
		ctx, cancel := context.WithTimeout(authn.NewContext(r.Context(), p), s.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
		body, err := op.read(w, r)
		if err != nil {
			Fail(w, r, err)
			return
		}
		if key := r.Header.Values(headerIdempotencyKey); len(key) > 0 && s.Idempotency != nil && r.Method == http.MethodPost && body.whole {
			s.Idempotency.serve(w, r, op.id, p.ID(), key[0], body.raw, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var (
	errNotFound         = errs.New(errs.NotFound, "not_found", "There is nothing at this address. Check the path against the API reference.")
	errMethodNotAllowed = errs.New(errs.MethodNotAllowed, "method_not_allowed", "This address does not take this method; the Allow header lists those it takes.")
)

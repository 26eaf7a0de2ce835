package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

const (
	headerRequestID = "X-Request-Id"
	headerRealIP    = "X-Real-Ip"
	maxRequestID    = 128
)

// exchange is one request and its answer, as the edge sees them. It is the
// ResponseWriter of the request, and found through its context.
type exchange struct {
	http.ResponseWriter
	r         *http.Request
	log       *slog.Logger
	start     time.Time
	ip        netip.Addr
	op        *operation
	principal authn.Principal
	status    int // 0: nothing sent yet
	bytes     int64
	mute      bool   // the body is left out: 304
	problem   string // code of the problem answered
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

func (x *exchange) operation() string {
	if x == nil || x.op == nil {
		return "none"
	}
	return x.op.id
}

// ClientIP is the address of the client: of the connection, or what a trusted
// proxy says. The zero value outside of a request.
func ClientIP(ctx context.Context) netip.Addr {
	if x := exchangeOf(ctx); x != nil {
		return x.ip
	}
	return netip.Addr{}
}

// UserAgent is the client's User-Agent header, at most 512 bytes of it.
func UserAgent(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return strings.ToValidUTF8(cut(x.r.UserAgent(), 512), "")
	}
	return ""
}

// Header is the request's header, for what a contract does not describe: never
// nil, not to be changed.
func Header(ctx context.Context) http.Header {
	if x := exchangeOf(ctx); x != nil {
		return x.r.Header
	}
	return http.Header{}
}

// WriteHeader sends the status. A GET whose answer has the ETag that the client
// holds becomes 304 without a body (RFC 9110 §13.1.2).
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 {
		return
	}
	if status >= 100 && status < 200 {
		x.ResponseWriter.WriteHeader(status)
		return
	}
	if etag := x.Header().Get("ETag"); etag != "" && status == http.StatusOK && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead) &&
		matchesETag(x.r.Header["If-None-Match"], etag, true) {
		status, x.mute = http.StatusNotModified, true
		x.Header().Del("Content-Length")
		x.Header().Del("Content-Type")
	}
	if h := x.Header(); h["Cache-Control"] == nil {
		// Answers are for this caller alone, unless a handler says otherwise.
		policy := "no-store"
		if h["Etag"] != nil {
			policy = "private, no-cache"
		}
		h["Cache-Control"] = []string{policy}
	}
	x.status = status
	x.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.mute {
		return len(b), nil
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach Flush, Hijack and deadlines.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// edge is the outermost part: ids, trace, metrics, access log, recovery, shedding.
func (s *server) edge(next http.Handler) http.Handler {
	tracer := s.Obs.Tracing.Tracer("github.com/jobpilot/jobpilot/pkg/httpx")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w, log: s.Obs.Log, start: time.Now(), ip: s.clientIP(r)}
		ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		id := r.Header.Get(headerRequestID)
		if !wellFormedID(id) {
			id = span.SpanContext().TraceID().String()
		}
		w.Header()[headerRequestID] = []string{id}
		ctx = context.WithValue(obs.WithRequestID(ctx, id), exchangeKey{}, x)
		x.r = r.WithContext(ctx)

		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			if v := recover(); v != nil {
				s.onPanic(x, v)
			}
			s.done(x, span)
			if x.status == statusAborted {
				panic(http.ErrAbortHandler)
			}
		}()
		release, err := s.shed.enter(ctx)
		if err != nil {
			s.metrics.shed.Inc()
			Fail(x, x.r, err)
			return
		}
		defer release()
		next.ServeHTTP(x, x.r)
	})
}

// statusAborted is logged for an answer that was cut off: the connection is
// closed, so that the client does not take what it got for the whole.
const statusAborted = -1

func (s *server) onPanic(x *exchange, v any) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		x.status = statusAborted
		return
	}
	p := recovered(v)
	if x.status != 0 {
		x.log.ErrorContext(x.r.Context(), "answer cut off", "error", p, "operation", x.operation(), "stack", string(p.stack))
		x.status = statusAborted
		return
	}
	Fail(x, x.r, p)
}

// done closes the books on a request: metrics, span, access log. Neither bodies
// nor query strings are logged.
func (s *server) done(x *exchange, span trace.Span) {
	if x.status == 0 {
		x.status = http.StatusOK // net/http sends it for a handler that wrote nothing
	}
	took := time.Since(x.start)
	meter := s.metrics.none
	if x.op != nil {
		meter = x.op.meter
	}
	meter.observe(x.status, took)
	if span.IsRecording() {
		span.SetName(x.operation())
		span.SetAttributes(attribute.String("http.request.method", x.r.Method), attribute.String("url.path", x.r.URL.Path),
			attribute.Int("http.response.status_code", x.status), attribute.String("jobpilot.operation", x.operation()))
		if x.status >= 500 || x.status == statusAborted {
			span.SetStatus(codes.Error, x.problem)
		}
	}
	span.End()
	ctx := x.r.Context()
	attrs := append(make([]slog.Attr, 0, 9), slog.String("method", x.r.Method), slog.String("path", x.r.URL.Path), slog.String("operation", x.operation()),
		slog.Int("status", x.status), slog.Int64("bytes", x.bytes), slog.Float64("ms", float64(took.Microseconds())/1000), slog.String("ip", x.ip.String()))
	if caller := x.principal.ID(); caller != "" {
		attrs = append(attrs, slog.String("caller", caller))
	}
	if x.problem != "" {
		attrs = append(attrs, slog.String("problem", x.problem))
	}
	x.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

func (s *server) clientIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := peer.Addr().Unmap()
	if said := r.Header.Get(headerRealIP); said != "" {
		for _, net := range s.TrustedProxies {
			if net.Contains(ip) {
				if addr, err := netip.ParseAddr(said); err == nil {
					return addr.Unmap().WithZone("")
				}
			}
		}
	}
	return ip
}

// wellFormedID keeps ids that are safe in headers, logs and shells.
func wellFormedID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

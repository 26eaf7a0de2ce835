package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// ErrDown is the error of every command while Redis is not asked, because it did
// not answer a moment ago.
var ErrDown = errors.New("cache: Redis does not answer")

const (
	answerTime = 500 * time.Millisecond // to connect, to write, to read; the URL may say otherwise
	breakFor   = 500 * time.Millisecond // between probes of a Redis that did not answer
)

// Open returns a client for url (redis://…) with short time limits (half a second,
// unless the url has ?read_timeout= and its like) and a circuit breaker: after a command that got no answer, commands fail with [ErrDown] at
// once, but for one every half second that tries. It does not wait for the
// server. Commands are spans within sampled traces, and measured.
func Open(url string, metrics prometheus.Registerer) (redis.UniversalClient, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("cache: malformed URL of Redis; want redis://:password@host:port/db")
	}
	for _, d := range []*time.Duration{&opts.DialTimeout, &opts.ReadTimeout, &opts.WriteTimeout, &opts.PoolTimeout} {
		if *d == 0 {
			*d = answerTime
		}
	}
	setLogger()
	opts.DialerRetries, opts.MaxRetries = 1, -1 // -1: none; who asks has a way without Redis
	opts.ContextTimeoutEnabled = true
	opts.DisableIdentity = true
	// RESP3 differs by messages that the server pushes, which nothing here wants and
	// which cost a look before each answer.
	opts.Protocol = 2
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(opts)
	h := &hook{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "redis_seconds", Help: "Time of round trips to Redis.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5},
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "redis_unanswered_total", Help: "Commands that got no answer, or were not sent because others got none.",
		}),
	}
	client.AddHook(h)
	if metrics != nil {
		for _, c := range []prometheus.Collector{h.duration, h.failures, poolGauge(client)} {
			if err := metrics.Register(c); err != nil {
				client.Close()
				return nil, fmt.Errorf("cache: register metrics: %w", err)
			}
		}
	}
	return client, nil
}

// setLogger replaces the library's one logger, which writes plain text.
var setLogger = sync.OnceFunc(func() { redis.SetLogger(logger{}) })

// logger passes on what go-redis has to say; failures are errors and metrics of
// ours already.
type logger struct{}

func (logger) Printf(ctx context.Context, format string, v ...any) {
	slog.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}

func poolGauge(client *redis.Client) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "redis_pool_connections_in_use", Help: "Connections to Redis in use.",
	}, func() float64 {
		s := client.PoolStats()
		return float64(s.TotalConns - s.IdleConns)
	})
}

// hook is the breaker, with tracing and metrics around it.
type hook struct {
	downTill atomic.Int64 // unix ns; 0: Redis answers
	duration prometheus.Histogram
	failures prometheus.Counter
}

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := h.do(ctx, cmd.FullName(), func(ctx context.Context) error { return next(ctx, cmd) })
		cmd.SetErr(err)
		return err
	}
}

func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := h.do(ctx, "pipeline", func(ctx context.Context) error { return next(ctx, cmds) })
		if errors.Is(err, ErrDown) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

func (h *hook) do(ctx context.Context, name string, run func(context.Context) error) error {
	if !h.allowed() {
		h.failures.Inc()
		return ErrDown
	}
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		ctx, span = otel.Tracer("github.com/jobpilot/jobpilot/pkg/cache").Start(ctx, strings.ToUpper(name),
			trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "redis")))
		defer span.End()
	}
	began := time.Now()
	err := run(ctx)
	h.duration.Observe(time.Since(began).Seconds())
	switch {
	case unanswered(err) && ctx.Err() == nil:
		h.failures.Inc()
		h.downTill.Store(time.Now().Add(breakFor).UnixNano())
		span.SetStatus(codes.Error, err.Error())
		return fmt.Errorf("%w: %w", ErrDown, err)
	case !unanswered(err):
		h.downTill.Store(0)
	}
	return err
}

// allowed lets everything through while Redis answers, else one caller now and
// then.
func (h *hook) allowed() bool {
	till := h.downTill.Load()
	if till == 0 {
		return true
	}
	now := time.Now()
	return now.UnixNano() >= till && h.downTill.CompareAndSwap(till, now.Add(breakFor).UnixNano())
}

// unanswered tells a fault on the way from an answer, which an error can be too.
func unanswered(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) ||
		err != nil && strings.HasPrefix(err.Error(), "LOADING ") // started, still reading its data
}

// Package obs is what a service can be watched by: JSON logs with trace and
// request ids and masked secrets, W3C trace context on everything that goes in
// and out, and a registry of Prometheus metrics.
//
// Trace context is always read, passed on and logged. Spans are recorded and
// exported, by OTLP over HTTP, only when an endpoint is configured.
package obs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/jobpilot/jobpilot/pkg/config"
)

// Config says what is watched, and where it is sent. A service embeds it in its
// own configuration and sets Service and Version.
type Config struct {
	Service string // name of the service: "auth"
	Version string // of the build
	// LogLevel is the least severe level that is written.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info" example:"debug, info, warn or error"`
	// OTLPEndpoint is the base URL of an OpenTelemetry collector that takes OTLP
	// over HTTP; empty: no spans are recorded. What the SDK reads itself, such as
	// OTEL_TRACES_SAMPLER, counts as well.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" check:"url=http|https" example:"http://127.0.0.1:4318"`
	// OTLPHeaders go with what is exported: name=value,name=value.
	OTLPHeaders config.Secret `env:"OTEL_EXPORTER_OTLP_HEADERS" example:"Authorization=Bearer%20token"`
	// Output receives the log; nil is standard error.
	Output io.Writer
}

// Obs holds the parts. Log and the tracer provider are also set as the defaults
// of slog and otel, which libraries use.
type Obs struct {
	Service  string
	Log      *slog.Logger
	Registry *prometheus.Registry
	Tracing  *sdktrace.TracerProvider
}

// Start sets up logging, tracing and metrics. The collector need not be up.
func Start(_ context.Context, cfg Config) (*Obs, error) {
	if cfg.Output == nil {
		cfg.Output = os.Stderr
	}
	log := slog.New(NewHandler(cfg.Output, cfg.LogLevel)).With("service", cfg.Service, "version", cfg.Version)

	// Without an exporter spans only carry ids: nothing is recorded.
	opts := []sdktrace.TracerProviderOption{sdktrace.WithSampler(sdktrace.NeverSample())}
	if cfg.OTLPEndpoint != "" {
		exporter, err := newExporter(cfg.OTLPEndpoint, cfg.OTLPHeaders.Reveal())
		if err != nil {
			return nil, err
		}
		opts = []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)))}
	}
	o := &Obs{Service: cfg.Service, Log: log, Registry: prometheus.NewRegistry(), Tracing: sdktrace.NewTracerProvider(opts...)}
	o.Registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "build_info", Help: "Always 1; its labels say what runs.",
			ConstLabels: prometheus.Labels{"service": cfg.Service, "version": cfg.Version}}, func() float64 { return 1 }),
	)
	slog.SetDefault(log)
	otel.SetTracerProvider(o.Tracing)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("tracing", "error", err) }))
	return o, nil
}

// Shutdown sends what is left of the spans, for 5 s at most.
func (o *Obs) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := o.Tracing.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("obs: send the last spans: %w", err)
	}
	return nil
}

type requestIDKey struct{}

// WithRequestID returns a context whose log lines carry request_id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the id set by WithRequestID, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

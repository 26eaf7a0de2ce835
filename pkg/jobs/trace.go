package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracing carries the trace of whoever inserts a job to whoever works on it, in
// the job's metadata.
type tracing struct{ river.MiddlewareDefaults }

const traceparent = "traceparent" // W3C Trace Context, in a job's metadata

// InsertMany notes the trace.
func (*tracing) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, insert func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	parent := carrier[traceparent]
	if parent == "" {
		return insert(ctx)
	}
	for _, j := range jobs {
		meta := map[string]any{}
		if len(j.Metadata) > 0 {
			if err := json.Unmarshal(j.Metadata, &meta); err != nil {
				return nil, fmt.Errorf("jobs: metadata of a %s: %w", j.Kind, err)
			}
		}
		meta[traceparent] = parent
		var err error
		if j.Metadata, err = json.Marshal(meta); err != nil {
			return nil, fmt.Errorf("jobs: metadata of a %s: %w", j.Kind, err)
		}
	}
	return insert(ctx)
}

// Work goes on with the trace. As with messages, there is a span only if the
// parent is sampled; else its context is passed on as it is.
func (*tracing) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	var meta struct{ Traceparent string }
	_ = json.Unmarshal(job.Metadata, &meta) // without a trace it is work all the same
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: meta.Traceparent})
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return work(ctx)
	}
	ctx, span := otel.Tracer("github.com/jobpilot/jobpilot/pkg/jobs").Start(ctx, "work "+job.Kind, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("messaging.system", "river"), attribute.String("messaging.destination.name", job.Queue),
			attribute.Int64("messaging.message.id", job.ID), attribute.Int("messaging.delivery_attempt", job.Attempt)))
	defer span.End()
	err := work(ctx)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

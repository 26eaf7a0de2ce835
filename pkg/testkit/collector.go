package testkit

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a finished span as a collector gets it; ids are hex.
type Span struct {
	Trace, ID, Parent string
	Name, Kind        string
	Attributes        map[string]string // text ones
}

// Collector is an OpenTelemetry collector that keeps spans for the test. It
// takes OTLP over HTTP, as protobuf.
type Collector struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu    sync.Mutex
	spans []Span
}

// NewCollector listens until the test ends.
func NewCollector(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in collectorpb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil {
			t.Errorf("collector: %v", err)
			http.Error(w, "not OTLP", http.StatusBadRequest)
			return
		}
		c.add(&in)
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) add(in *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range in.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				span := Span{
					Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
					Name: s.Name, Kind: s.Kind.String(), Attributes: map[string]string{},
				}
				for _, a := range s.Attributes {
					span.Attributes[a.Key] = a.Value.GetStringValue()
				}
				c.spans = append(c.spans, span)
			}
		}
	}
}

// Spans lists those of a trace that have come so far.
func (c *Collector) Spans(trace string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := slices.Clone(c.spans)
	return slices.DeleteFunc(own, func(s Span) bool { return s.Trace != trace })
}

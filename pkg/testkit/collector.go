package testkit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// Span is a finished span as a collector gets it; ids are hex.
type Span struct {
	Trace, ID, Parent string
	Name, Kind        string
	Attributes        map[string]string // text ones
}

// Collector is an OpenTelemetry collector that keeps spans for the test. It
// takes OTLP over HTTP, as JSON.
type Collector struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu    sync.Mutex
	spans []Span
}

// NewCollector listens until the test ends.
func NewCollector(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var in tracesData
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			tb.Errorf("collector: %v", err)
			http.Error(w, "not OTLP", http.StatusBadRequest)
			return
		}
		c.add(in)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	})
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// tracesData is what is read of the message of the same name in
// opentelemetry/proto/trace/v1/trace.proto.
type tracesData struct {
	ResourceSpans []struct {
		ScopeSpans []struct {
			Spans []struct {
				TraceID, SpanID, ParentSpanID, Name string
				Kind                                trace.SpanKind
				Attributes                          []struct {
					Key   string
					Value struct{ StringValue string }
				}
			}
		}
	}
}

func (c *Collector) add(in tracesData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range in.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				span := Span{Trace: s.TraceID, ID: s.SpanID, Parent: s.ParentSpanID, Name: s.Name, Kind: s.Kind.String(), Attributes: map[string]string{}}
				for _, a := range s.Attributes {
					span.Attributes[a.Key] = a.Value.StringValue
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

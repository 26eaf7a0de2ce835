package testkit

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// Span is a finished span as a collector gets it; ids are hex.
type Span struct {
	Trace, ID, Parent   string
	Service, Name, Kind string
	Attributes          map[string]string // text ones
}

// Collector is an OpenTelemetry collector that keeps spans for the test. It
// takes OTLP over HTTP, as JSON.
type Collector struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu    sync.Mutex
	spans []Span
}

// NewCollector listens until the test ends, at the address that services were
// told (OTEL_EXPORTER_OTLP_ENDPOINT), or at any for "".
func NewCollector(tb testing.TB, endpoint string) *Collector {
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
	server := httptest.NewUnstartedServer(mux)
	if endpoint != "" {
		address, err := net.Listen("tcp", strings.TrimPrefix(endpoint, "http://"))
		if err != nil {
			tb.Fatalf("collector: %v; does another test collect spans?", err)
		}
		_ = server.Listener.Close()
		server.Listener = address
	}
	server.Start()
	tb.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// tracesData is what is read of the message of the same name in
// opentelemetry/proto/trace/v1/trace.proto.
type tracesData struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes attributes }
		ScopeSpans []struct {
			Spans []struct {
				TraceID, SpanID, ParentSpanID, Name string
				Kind                                trace.SpanKind
				Attributes                          attributes
			}
		}
	}
}

type attributes []struct {
	Key   string
	Value struct{ StringValue string }
}

func (list attributes) byKey() map[string]string {
	m := make(map[string]string, len(list))
	for _, a := range list {
		m[a.Key] = a.Value.StringValue
	}
	return m
}

func (c *Collector) add(in tracesData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range in.ResourceSpans {
		service := resource.Resource.Attributes.byKey()["service.name"]
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{Trace: s.TraceID, ID: s.SpanID, Parent: s.ParentSpanID, Service: service, Name: s.Name,
					Kind: s.Kind.String(), Attributes: s.Attributes.byKey()})
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

package obs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// exporter sends spans by OTLP/HTTP in its JSON encoding (OTLP 1.x,
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). The SDK's
// own exporter would bring gRPC and, through it, html/template into every
// service: 13 MB of binary, see docs/adr/0022-otlp-json.md.
type exporter struct {
	url    string
	header http.Header
	client *http.Client
}

const (
	exportTimeout = 10 * time.Second
	exportTries   = 3
	exportBackoff = time.Second // doubled after each try
)

// newExporter sends to endpoint + "/v1/traces". headers are as in
// OTEL_EXPORTER_OTLP_HEADERS: "name=value,name=value", values percent-encoded.
func newExporter(endpoint, headers string) (*exporter, error) {
	target, err := url.JoinPath(endpoint, "v1/traces")
	if err != nil {
		return nil, fmt.Errorf("obs: OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	e := &exporter{url: target, header: http.Header{"Content-Type": {"application/json"}}, client: &http.Client{Timeout: exportTimeout}}
	for pair := range strings.SplitSeq(headers, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, fmt.Errorf("obs: OTEL_EXPORTER_OTLP_HEADERS: want name=value,name=value")
		}
		e.header.Set(strings.TrimSpace(name), value)
	}
	return e, nil
}

// ExportSpans sends a batch. It tries again when the collector is busy or away;
// after that the batch is lost, which the error tells.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := json.Marshal(request(spans))
	if err != nil {
		return fmt.Errorf("obs: encode spans: %w", err)
	}
	for try, wait := 1, exportBackoff; ; try, wait = try+1, 2*wait {
		again, err := e.send(ctx, body)
		if err == nil {
			return nil
		}
		if !again || try == exportTries {
			return fmt.Errorf("obs: %d spans lost: %w", len(spans), err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("obs: %d spans lost: %w", len(spans), err)
		}
	}
}

func (e *exporter) send(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header = e.header
	resp, err := e.client.Do(req)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	switch resp.StatusCode {
	case http.StatusOK:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("%s answered %s", e.url, resp.Status)
}

// Shutdown has nothing to do: nothing is kept between batches.
func (e *exporter) Shutdown(context.Context) error { return nil }

// The messages of opentelemetry/proto/trace/v1/trace.proto, as far as they are
// used: 64-bit numbers are strings, ids hexadecimal, enums numbers.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   attributes   `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	scopeSpans struct {
		Scope struct {
			Name    string `json:"name,omitempty"`
			Version string `json:"version,omitempty"`
		} `json:"scope"`
		Spans []span `json:"spans"`
	}
	attributes struct {
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	span struct {
		link
		ParentSpanID string         `json:"parentSpanId,omitempty"`
		Name         string         `json:"name"`
		Kind         trace.SpanKind `json:"kind"`
		Start        string         `json:"startTimeUnixNano"`
		End          string         `json:"endTimeUnixNano"`
		Events       []event        `json:"events,omitempty"`
		Links        []link         `json:"links,omitempty"`
		Status       *status        `json:"status,omitempty"`
	}
	link struct {
		TraceID    string `json:"traceId"`
		SpanID     string `json:"spanId"`
		TraceState string `json:"traceState,omitempty"`
		attributes
	}
	event struct {
		Time string `json:"timeUnixNano"`
		Name string `json:"name"`
		attributes
	}
	status struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code"`
	}
	keyValue struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
)

// request groups spans by resource, of which a process has one, and scope.
func request(spans []sdktrace.ReadOnlySpan) exportRequest {
	out := resourceSpans{Resource: attributes{keyValues(spans[0].Resource().Attributes())}}
	scopes := map[string]int{}
	for _, s := range spans {
		scope := s.InstrumentationScope()
		i, ok := scopes[scope.Name]
		if !ok {
			i = len(out.ScopeSpans)
			scopes[scope.Name] = i
			out.ScopeSpans = append(out.ScopeSpans, scopeSpans{})
			out.ScopeSpans[i].Scope.Name, out.ScopeSpans[i].Scope.Version = scope.Name, scope.Version
		}
		out.ScopeSpans[i].Spans = append(out.ScopeSpans[i].Spans, newSpan(s))
	}
	return exportRequest{[]resourceSpans{out}}
}

func newSpan(s sdktrace.ReadOnlySpan) span {
	out := span{link: newLink(s.SpanContext(), s.Attributes()), Name: s.Name(), Kind: s.SpanKind(), Start: nanos(s.StartTime()), End: nanos(s.EndTime())}
	if s.Parent().SpanID().IsValid() {
		out.ParentSpanID = s.Parent().SpanID().String()
	}
	for _, e := range s.Events() {
		out.Events = append(out.Events, event{nanos(e.Time), e.Name, attributes{keyValues(e.Attributes)}})
	}
	for _, l := range s.Links() {
		out.Links = append(out.Links, newLink(l.SpanContext, l.Attributes))
	}
	switch st := s.Status(); st.Code {
	case codes.Ok:
		out.Status = &status{Code: 1}
	case codes.Error:
		out.Status = &status{Code: 2, Message: maskText(st.Description)}
	case codes.Unset:
	}
	return out
}

func newLink(c trace.SpanContext, attrs []attribute.KeyValue) link {
	return link{c.TraceID().String(), c.SpanID().String(), c.TraceState().String(), attributes{keyValues(attrs)}}
}

// keyValues encodes attributes; text in them is masked as in logs.
func keyValues(attrs []attribute.KeyValue) []keyValue {
	var out []keyValue
	for _, a := range attrs {
		value := anyValue(a.Value)
		if secretName(string(a.Key)) {
			value = map[string]any{"stringValue": masked}
		}
		out = append(out, keyValue{string(a.Key), value})
	}
	return out
}

func anyValue(v attribute.Value) map[string]any {
	switch v.Type() {
	case attribute.BOOL:
		return map[string]any{"boolValue": v.AsBool()}
	case attribute.INT64:
		return map[string]any{"intValue": strconv.FormatInt(v.AsInt64(), 10)}
	case attribute.FLOAT64:
		if f := v.AsFloat64(); math.IsNaN(f) || math.IsInf(f, 0) { // no JSON numbers
			return map[string]any{"stringValue": strconv.FormatFloat(f, 'g', -1, 64)}
		}
		return map[string]any{"doubleValue": v.AsFloat64()}
	case attribute.STRING:
		return map[string]any{"stringValue": maskText(strings.ToValidUTF8(v.AsString(), "\uFFFD"))}
	case attribute.BYTESLICE:
		return map[string]any{"bytesValue": base64.StdEncoding.EncodeToString(v.AsByteSlice())}
	case attribute.BOOLSLICE, attribute.INT64SLICE, attribute.FLOAT64SLICE, attribute.STRINGSLICE, attribute.SLICE, attribute.MAP:
		// Lists are rare in what is instrumented here; their text says as much.
		return map[string]any{"stringValue": maskText(v.String())}
	}
	return map[string]any{}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

func ExampleNewHandler() {
	h := obs.NewHandler(os.Stdout, slog.LevelInfo)
	log := slog.New(h)
	ctx := obs.WithRequestID(context.Background(), "req-1")
	record := slog.NewRecord(time.Time{}, slog.LevelInfo, "logged in", 0)
	record.AddAttrs(slog.String("user", "ada"), slog.String("password", "hunter2"))
	_ = h.Handle(ctx, record)
	log.Debug("not written")
	// Output:
	// {"level":"INFO","msg":"logged in","user":"ada","password":"[masked]","request_id":"req-1"}
}

const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJlaHVudGVyMg"

type named struct {
	User     string            `json:"user"`
	Password string            `json:"password"`
	Header   http.Header       `json:"header"`
	Deep     map[string]any    `json:"deep"`
	Env      map[string]string `json:"env"`
}

type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return nil, errors.New("password=hunter2 " + jwt) }

// Whatever way a secret takes into the log, it is not in it.
func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]func(*slog.Logger){
		"by name": func(l *slog.Logger) { l.Info("x", "password", "hunter2") },
		"name in any style": func(l *slog.Logger) {
			l.Info("x", "Refresh-Token", "hunter2", "newPassword", "hunter2", "API_KEY", "hunter2", "recovery_codes", "hunter2")
		},
		"name with prefix": func(l *slog.Logger) {
			l.Info("x", "stripe_secret", "hunter2", "db.password", "hunter2", "SET-COOKIE", "hunter2")
		},
		"not a string":         func(l *slog.Logger) { l.Info("x", "token", []byte("hunter2"), "secret", errors.New("hunter2")) },
		"in With":              func(l *slog.Logger) { l.With("cookie", "hunter2").Info("x") },
		"in a group":           func(l *slog.Logger) { l.WithGroup("request").Info("x", "authorization", "hunter2") },
		"under a secret group": func(l *slog.Logger) { l.WithGroup("credentials").Info("x", "value", "hunter2") },
		"slog group":           func(l *slog.Logger) { l.Info("x", slog.Group("in", slog.String("code", "hunter2"))) },
		"secret slog group":    func(l *slog.Logger) { l.Info("x", slog.Group("secret", slog.String("in", "hunter2"))) },
		"in a struct":          func(l *slog.Logger) { l.Info("x", "body", named{Password: "hunter2"}) },
		"in a pointer":         func(l *slog.Logger) { l.Info("x", "body", &named{Header: http.Header{"Authorization": {"hunter2"}}}) },
		"in a map": func(l *slog.Logger) {
			l.Info("x", "body", map[string]any{"list": []any{map[string]any{"otp": "hunter2"}}})
		},
		"in headers": func(l *slog.Logger) {
			l.Info("x", "header", http.Header{"X-Api-Key": {"hunter2"}, "Cookie": {"a=hunter2"}})
		},
		"JWT in a value":      func(l *slog.Logger) { l.Info("x", "note", "got "+jwt+" from them") },
		"JWT in the message":  func(l *slog.Logger) { l.Info("refused " + jwt) },
		"JWT in an error":     func(l *slog.Logger) { l.Info("x", "error", fmt.Errorf("bad token %s", jwt)) },
		"JWT in a map's name": func(l *slog.Logger) { l.Info("x", "seen", map[string]int{jwt: 1}) },
		"JWT cut":             func(l *slog.Logger) { l.Info("x", "note", jwt[:len(jwt)-10]) },
		"JWT in With":         func(l *slog.Logger) { l.With("note", jwt).Info("x") },
		"our tokens":          func(l *slog.Logger) { l.Info("x", "note", "jpr_hunter2hunter2", "path", "/verify/jpv_hunter2hunter2") },
		"bearer":              func(l *slog.Logger) { l.Info("x", "line", "Authorization: bearer hunter2hunter2") },
		"basic":               func(l *slog.Logger) { l.Info("x", "line", "BASIC aHVudGVyMg==hunter2") },
		"URL": func(l *slog.Logger) {
			l.Info("x", "error", errors.New("dial postgres://auth:hunter2@db:5432/x: refused"))
		},
		"cannot be marshalled": func(l *slog.Logger) { l.Info("x", "v", broken{}) },
		"LogValuer":            func(l *slog.Logger) { l.Info("x", "v", valuer{}) },
	} {
		var out bytes.Buffer
		log(slog.New(obs.NewHandler(&out, slog.LevelInfo)))
		if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "aHVudGVyMg") || strings.Contains(s, "eyJzdWIi") || strings.Contains(s, "c2lnbmF0dXJl") {
			t.Errorf("%s: %s", name, s)
		}
		if s := out.String(); !json.Valid([]byte(s)) || strings.Count(s, "\n") != 1 {
			t.Errorf("%s is not one line of JSON: %s", name, s)
		}
	}
}

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("token", "hunter2")) }

// Masking must not eat what operators need.
func TestPlainValuesStay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slog.New(obs.NewHandler(&out, slog.LevelInfo)).Info("all is well", "routing_key", "auth.user.registered", "keys", 3, "url", "http://127.0.0.1:8001/x?a=b@c",
		"encoded", "jpeg", "token_count", 7, "error", errors.New("basic rule"), "when", time.Unix(0, 0).UTC(), "took", time.Second, "empty", nil, "password", "")
	want := `"msg":"all is well","routing_key":"auth.user.registered","keys":3,"url":"http://127.0.0.1:8001/x?a=b@c","encoded":"jpeg","token_count":7,"error":"basic rule","when":"1970-01-01T00:00:00Z","took":1000000000,"empty":null,"password":""}`
	if !strings.Contains(out.String(), want) {
		t.Errorf("got %s\nwant %s", out.String(), want)
	}
}

// No value can make a line of its own, or a member of the line it is in.
func TestLinesCannotBeForged(t *testing.T) {
	t.Parallel()
	const hostile = "x\n{\"level\":\"ERROR\"}\r\n\x00\x1b[2J\u2028\",\"level\":\"ERROR\",\"y\":\"\xff"
	var out bytes.Buffer
	log := slog.New(obs.NewHandler(&out, slog.LevelInfo))
	log.InfoContext(obs.WithRequestID(context.Background(), hostile), hostile, "agent", hostile, "error", errors.New(hostile), "map", map[string]string{hostile: hostile})
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || strings.Count(out.String(), "\n") != 1 || line["level"] != "INFO" || line["y"] != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	if strings.ContainsAny(out.String(), "\x00\x1b\r") {
		t.Errorf("control characters: %q", out.String())
	}
}

// Start sets process-wide defaults, so its tests are not parallel.
func TestStart(t *testing.T) {
	var out bytes.Buffer
	o, err := obs.Start(t.Context(), obs.Config{Service: "auth", Version: "1.2.3", Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	// Context that comes in is logged and goes out, although nothing is recorded.
	ctx := otel.GetTextMapPropagator().Extract(t.Context(), propagation.HeaderCarrier{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	ctx, span := otel.Tracer("test").Start(ctx, "work")
	if span.IsRecording() {
		t.Error("recorded, with nowhere to send it")
	}
	slog.InfoContext(ctx, "hello")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" || line["span_id"] != trace.SpanFromContext(ctx).SpanContext().SpanID().String() || line["service"] != "auth" || line["version"] != "1.2.3" {
		t.Errorf("%v", line)
	}
	out2 := propagation.HeaderCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, out2)
	if !strings.HasPrefix(out2.Get("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-") {
		t.Error(out2)
	}
	if families, err := o.Registry.Gather(); err != nil || len(families) < 20 {
		t.Error(len(families), err)
	}
	if err := o.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// collector is an OpenTelemetry collector that answers in turn.
func collector(t *testing.T, answers ...int) (endpoint string, got chan *http.Request, bodies chan map[string]any) {
	t.Helper()
	got, bodies = make(chan *http.Request, 10), make(chan map[string]any, 10)
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		got <- r
		bodies <- body
		w.WriteHeader(answers[min(n, len(answers)-1)])
		n++
	}))
	t.Cleanup(s.Close)
	return s.URL, got, bodies
}

func TestExport(t *testing.T) {
	endpoint, got, bodies := collector(t, 503, 200)
	o, err := obs.Start(t.Context(), obs.Config{Service: "auth", Version: "1", OTLPEndpoint: endpoint, OTLPHeaders: "Authorization=Bearer%20x,X-Org=1", Output: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	tracer := o.Tracing.Tracer("scope")
	ctx, parent := tracer.Start(t.Context(), "parent", trace.WithSpanKind(trace.SpanKindServer))
	_, child := tracer.Start(ctx, "child", trace.WithLinks(trace.Link{SpanContext: parent.SpanContext()}), trace.WithAttributes(
		attribute.String("text", "has "+jwt), attribute.String("password", "hunter2"), attribute.Int64("int", 1<<60), attribute.Bool("bool", true),
		attribute.Float64("float", 0.5), attribute.Float64("nan", math.NaN()), attribute.StringSlice("list", []string{"a", jwt}), attribute.String("broken", "\xff")))
	child.AddEvent("happened", trace.WithAttributes(attribute.Int("n", 1)))
	child.SetStatus(codes.Error, "bad "+jwt)
	child.End()
	parent.End()
	if err := o.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-got // refused with 503, and so sent again
	r := <-got
	if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer x" || r.Header.Get("X-Org") != "1" {
		t.Error(r.URL, r.Header)
	}
	<-bodies
	body := <-bodies
	resource := body["resourceSpans"].([]any)[0].(map[string]any)
	if s := fmt.Sprint(resource["resource"]); !strings.Contains(s, "map[key:service.name value:map[stringValue:auth]]") {
		t.Error(s)
	}
	scope := resource["scopeSpans"].([]any)[0].(map[string]any)
	spans := scope["spans"].([]any)
	if len(spans) != 2 || scope["scope"].(map[string]any)["name"] != "scope" {
		t.Fatal(scope)
	}
	c, p := spans[0].(map[string]any), spans[1].(map[string]any)
	if c["name"] != "child" || c["parentSpanId"] != p["spanId"] || c["traceId"] != p["traceId"] || len(c["traceId"].(string)) != 32 || p["kind"] != 2.0 || p["parentSpanId"] != nil {
		t.Error(c, p)
	}
	start, err := strconv.ParseInt(c["startTimeUnixNano"].(string), 10, 64)
	if err != nil || time.Since(time.Unix(0, start)) > time.Minute {
		t.Error(c["startTimeUnixNano"])
	}
	attrs := map[string]any{}
	for _, a := range c["attributes"].([]any) {
		attrs[a.(map[string]any)["key"].(string)] = a.(map[string]any)["value"]
	}
	for key, want := range map[string]string{"text": "map[stringValue:has [masked]]", "password": "map[stringValue:[masked]]", "int": "map[intValue:1152921504606846976]", "bool": "map[boolValue:true]",
		"float": "map[doubleValue:0.5]", "nan": "map[stringValue:NaN]", "broken": "map[stringValue:\uFFFD]"} {
		if got := fmt.Sprint(attrs[key]); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if status := fmt.Sprint(c["status"]); status != "map[code:2 message:bad [masked]]" {
		t.Error(status)
	}
	if text := fmt.Sprint(body); strings.Contains(text, "eyJzdWIi") || !strings.Contains(text, "happened") || len(c["links"].([]any)) != 1 {
		t.Error(text)
	}
}

// A collector that refuses loses the batch at once; bad settings do not start.
func TestExportFails(t *testing.T) {
	endpoint, got, _ := collector(t, 400)
	o, err := obs.Start(t.Context(), obs.Config{Service: "auth", OTLPEndpoint: endpoint, Output: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	_, span := o.Tracing.Tracer("scope").Start(t.Context(), "x")
	span.End()
	_ = o.Shutdown(t.Context())
	if n := len(got); n != 1 {
		t.Errorf("sent %d times", n)
	}
	for _, headers := range []config.Secret{"hunter2", "a=%zz"} {
		if _, err := obs.Start(t.Context(), obs.Config{OTLPEndpoint: endpoint, OTLPHeaders: headers, Output: io.Discard}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

func BenchmarkAccessLog(b *testing.B) {
	log := slog.New(obs.NewHandler(io.Discard, slog.LevelInfo)).With("service", "auth")
	ctx := obs.WithRequestID(b.Context(), "4bf92f3577b34da6a3ce929d0e0e4736")
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("method", "GET"), slog.String("path", "/api/v1/auth/sessions"), slog.String("operation", "listSessions"),
			slog.Int("status", 200), slog.Int64("bytes", 512), slog.Float64("ms", 1.25), slog.String("ip", "192.0.2.1"), slog.String("caller", "user:0198c0de-7a11-7cc3-98c4-dc0c0c07398f"))
	}
}

package testservice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/pkg/testkit/testservice"
)

// service is a running one, with what it runs on.
type service struct {
	url    string
	admin  string
	client *http.Client // holds every answer against the contract
	db     *pgxpool.Pool
	files  *blob.Store
	rabbit *testkit.Proxy
	redis  *testkit.Proxy
	log    *logBuffer
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func start(t *testing.T, more map[string]string) *service {
	t.Helper()
	bucket := testkit.BucketConfig(t)
	files, err := blob.Open(bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := files.EnsureBucket(t.Context(), blob.Policy{}); err != nil {
		t.Fatal(err)
	}
	s := &service{client: testkit.NewContract(t, testservice.Spec).Client(), db: testkit.Schema(t, outbox.Schema+testservice.Schema), files: files, log: &logBuffer{}}
	var rabbitURL, redisURL string
	s.rabbit, rabbitURL = testkit.ProxyURL(t, testkit.Rabbit(t))
	s.redis, redisURL = testkit.ProxyURL(t, testkit.Env(t, "REDIS_URL"))
	_, prefix := testkit.Redis(t)
	key := "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	vars := map[string]string{
		"HTTP_ADDR": freeAddr(t), "ADMIN_ADDR": freeAddr(t), "DATABASE_URL": s.db.Config().ConnString(),
		"REDIS_URL": redisURL, "RABBITMQ_URL": rabbitURL, "SEAL_KEYS": "1:" + key, "LOOKUP_KEY": key,
		"S3_ENDPOINT": bucket.Endpoint, "S3_BUCKET": bucket.Bucket, "S3_ACCESS_KEY_ID": bucket.AccessKeyID,
		"S3_SECRET_ACCESS_KEY": bucket.SecretAccessKey, "CACHE_NAME": prefix + "notes",
	}
	maps.Copy(vars, more)
	s.url, s.admin = "http://"+vars["HTTP_ADDR"], "http://"+vars["ADMIN_ADDR"]

	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- testservice.Run(ctx, vars, s.log) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("the service ended with %v", err)
		}
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	testkit.Eventually(t, "the service is ready", func() bool {
		res, err := http.Get(s.admin + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return s
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

type note struct {
	ID, Owner, Text, Code string
	Filed                 bool
	Items                 []note
}

func (s *service) call(tb testing.TB, method, path, body string, header ...string) (int, note) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	var v note
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		tb.Fatalf("%s %s: %d %v", method, path, res.StatusCode, err)
	}
	return res.StatusCode, v
}

func (s *service) create(tb testing.TB, owner, text string, header ...string) string {
	tb.Helper()
	status, v := s.call(tb, http.MethodPost, "/api/v1/notes", fmt.Sprintf(`{"owner":%q,"text":%q}`, owner, text), header...)
	if status != http.StatusCreated || v.Text != text {
		tb.Fatalf("create: %d %+v", status, v)
	}
	return v.ID
}

func (s *service) filed(tb testing.TB, id string) bool {
	tb.Helper()
	status, v := s.call(tb, http.MethodGet, "/api/v1/notes/"+id, "")
	if status != http.StatusOK {
		tb.Fatalf("get: %d %+v", status, v)
	}
	return v.Filed
}

// Not parallel: tracing is set up for the whole process.
func TestOneTraceFromRequestToConsumer(t *testing.T) {
	collector := testkit.NewCollector(t, "")
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	// The batch of spans is sent when the service stops, so it runs in here.
	t.Run("run", func(t *testing.T) {
		s := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL})
		id := s.create(t, "ada@example.com", "traced", "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		testkit.Eventually(t, "filed", func() bool { return s.filed(t, id) })
		if !strings.Contains(s.log.String(), trace) {
			t.Error("the log does not name the trace")
		}
	})
	spans := map[string]testkit.Span{}
	for _, s := range collector.Spans(trace) {
		spans[s.ID] = s
	}
	// From the last span of the way up to the caller's.
	var way []string
	for _, s := range spans {
		if s.Name == "UPDATE" {
			for at, ok := s, true; ok; at, ok = spans[at.Parent] {
				way = append(way, at.Name)
				if at.Parent == "00f067aa0ba902b7" {
					way = append(way, "caller")
				}
			}
		}
	}
	if len(way) != 5 || way[1] != "process test.note.created" || way[2] != "publish test.note.created" || way[4] != "caller" {
		t.Errorf("the way up from the consumer's statement is %v", way)
		for _, s := range spans {
			t.Logf("%s %s ← %s %s", s.ID, s.Name, s.Parent, s.Kind)
		}
	}
}

func TestANoteIsKeptFiledAndFound(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	id := s.create(t, "Ada@example.com", "remember the milk")
	testkit.Eventually(t, "the note is filed", func() bool { return s.filed(t, id) })
	body, info, err := s.files.Get(t.Context(), "notes/"+id, blob.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if b, err := io.ReadAll(body); string(b) != "remember the milk" || err != nil || info.ContentType != "text/plain" {
		t.Errorf("filed %q, %v, %+v", b, err, info)
	}
	if _, v := s.call(t, http.MethodGet, "/api/v1/notes?owner="+url.QueryEscape("ada@EXAMPLE.com"), ""); len(v.Items) != 1 || v.Items[0].ID != id {
		t.Errorf("found %+v", v)
	}
	var plain int
	err = s.db.QueryRow(t.Context(), `SELECT count(*) FROM notes WHERE notes::text LIKE '%milk%' OR encode(text_sealed, 'escape') LIKE '%milk%'`).Scan(&plain)
	if err != nil || plain != 0 {
		t.Errorf("the text is in the table as it is: %d, %v", plain, err)
	}
	if strings.Contains(s.log.String(), "milk") {
		t.Error("the log tells what the note says")
	}
}

func TestProblemsFollowTheContract(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for path, want := range map[string]int{
		"/api/v1/notes/01890a5d-ac96-774b-bcce-b302099a8057": http.StatusNotFound,
		"/api/v1/notes/x": http.StatusBadRequest,
		"/api/v1/notes":   http.StatusBadRequest,
	} {
		if status, v := s.call(t, http.MethodGet, path, ""); status != want || v.Code == "" {
			t.Errorf("%s: %d %+v, want %d", path, status, v, want)
		}
	}
}

func TestWithoutBrokerAndRedisTheServiceGoesOn(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.rabbit.Down()
	s.redis.Down()
	var ids []string
	for i := range 20 {
		ids = append(ids, s.create(t, "ada@example.com", fmt.Sprint("note ", i)))
	}
	for _, id := range ids {
		if s.filed(t, id) {
			t.Error("filed without a broker")
		}
	}
	s.rabbit.Up()
	s.redis.Up()
	for _, id := range ids {
		testkit.Eventually(t, "what was written meanwhile is filed", func() bool { return s.filed(t, id) })
	}
}

func TestMetricsOfEveryPart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	id := s.create(t, "ada@example.com", "count me")
	testkit.Eventually(t, "filed", func() bool { return s.filed(t, id) })
	res, err := http.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"pg_pool_connections_max", "outbox_messages", "outbox_oldest_seconds", "rabbit_up", `rabbit_published_total{result="confirmed"} 1`,
		`rabbit_handled_total{queue="files",result="ok"} 1`, "rabbit_handle_seconds_count", "cache_requests_total", "redis_seconds_count",
	} {
		if !strings.Contains(string(b), name) {
			t.Errorf("no metric %s", name)
		}
	}
}

package streams

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
)

// A client that does not read holds what lies in the buffers of its connection and
// one page of frames, and is let go when it has taken nothing for a time.
func TestAClientThatDoesNotReadIsLetGo(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pool, metrics := testkit.DB(t, "migrations/notification"), prometheus.NewRegistry()
	lookup, err := seal.NewLookup(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("l", 32))))
	must(err)
	redis, _ := testkit.Redis(t)
	s := New(redis, metrics, slog.New(slog.DiscardHandler))
	s.writeWithin = 200 * time.Millisecond
	s.Use(notification.New(notification.Deps{Pool: pool, Keys: testkit.SealKeys(t), Lookup: lookup, PublicURL: "https://jobpilot.test", Log: slog.New(slog.DiscardHandler)}))
	user := uuid.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		s.Serve(conn, notification.Grant{User: user, Session: uuid.New()}, nil)
	}))
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL, nil) //nolint:bodyclose // that of an upgrade is the connection's
	must(err)
	defer func() { _ = conn.CloseNow() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, _, err = conn.Read(ctx) // stream.ready: from here on it does not read
	must(err)
	_, err = pool.Exec(t.Context(), `WITH h AS (INSERT INTO stream_heads (user_id, seq) VALUES ($1, 64))
		INSERT INTO stream_events (user_id, seq, type, at, data) SELECT $1, n, 'test.thing.large', now(), '"' || repeat('x', 512 * 1024) || '"' FROM generate_series(1, 64) AS n`, user)
	must(err)
	s.Wake(user)
	ended := func() (cause string) {
		families, err := metrics.Gather()
		must(err)
		for _, f := range families {
			if f.GetName() == "notification_streams_ended_total" {
				cause = f.GetMetric()[0].GetLabel()[0].GetValue()
			}
		}
		return cause
	}
	testkit.Eventually(t, "the client is let go", func() bool { return ended() != "" })
	if cause := ended(); cause != "too slow" {
		t.Errorf("it ended as %q", cause)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) != 0 {
		t.Errorf("%d users have streams", len(s.open))
	}
}

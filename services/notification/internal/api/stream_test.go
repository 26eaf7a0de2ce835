package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
	"github.com/jobpilot/jobpilot/services/notification/internal/streams"
)

// listen serves the edge on a real port, as the service does, and runs its streams
// until stop is called or the test ends.
func (e *edge) listen() (url string, stop func()) {
	e.t.Helper()
	o, err := obs.Start(context.Background(), obs.Config{Service: "test", Version: "test", Output: io.Discard})
	must(e.t, err)
	redis, _ := testkit.Redis(e.t)
	handler, err := httpx.New(httpx.Options{
		Obs: o, Spec: Spec, Access: Access, Routes: e.server.Routes, Timeout: 500 * time.Millisecond,
		Auth: authn.New(authn.NewVerifier("https://jobpilot.test", authn.Keyset{}, nil), authn.NewRevocations(redis, nil), nil),
	})
	must(e.t, err)
	server := httptest.NewServer(handler)
	e.t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.streams.Run(ctx) }()
	stop = func() {
		cancel()
		must(e.t, <-ended)
		ended <- nil
	}
	e.t.Cleanup(stop)
	return server.URL, stop
}

// client is a client of the stream.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

// open opens a stream with a new ticket; after below zero begins with what happens
// next.
func (e *edge) open(url string, user, session uuid.UUID, after int64) *client {
	e.t.Helper()
	ticket, _, err := e.service.CreateTicket(e.t.Context(), authn.Principal{UserID: user, SessionID: session})
	must(e.t, err)
	query := "?ticket=" + ticket
	if after >= 0 {
		query += "&after=" + strconv.FormatInt(after, 10)
	}
	conn, _, err := websocket.Dial(e.t.Context(), url+root+"/stream"+query, //nolint:bodyclose // that of an upgrade is the connection's
		&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://jobpilot.test"}}})
	must(e.t, err)
	e.t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{e.t, conn}
}

func (c *client) next() (f notification.Frame) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	_, raw, err := c.conn.Read(ctx)
	must(c.t, err)
	must(c.t, json.Unmarshal(raw, &f))
	return f
}

// closed waits for the end of the stream and gives its code.
func (c *client) closed() websocket.StatusCode {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func (e *edge) apply(typ string, data any) {
	e.t.Helper()
	raw, err := json.Marshal(data)
	must(e.t, err)
	ev := rabbit.Event{ID: uuid.Must(uuid.NewV7()), Source: "test", Type: typ, Time: time.Now(), Data: raw}
	must(e.t, pg.InTx(e.t.Context(), e.pool, func(x pgx.Tx) error { return e.service.Apply(e.t.Context(), x, ev) }))
}

func TestAStreamShowsWhatHappensAndResumesAfterAGap(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, stop := e.listen()
	ada, session := uuid.New(), uuid.New()
	c := e.open(url, ada, session, -1)
	if f := c.next(); f.Type != "stream.ready" || f.Seq != 0 {
		t.Fatalf("first %+v", f)
	}
	e.tell(ada, "announcement", map[string]string{"subject": "S", "text": "T"})
	e.tell(uuid.New(), "announcement", map[string]string{"subject": "not Ada's", "text": "T"})
	e.apply("resume.document.progressed", map[string]any{"userId": ada, "percent": 40})
	f := c.next()
	var n Notification
	must(t, json.Unmarshal(f.Data, &n))
	if f.Seq != 1 || f.Type != "notification" || n.Title != "S" {
		t.Fatalf("%+v %+v", f, n)
	}
	if f := c.next(); f.Seq != 2 || f.Type != "resume.document.progressed" || !strings.Contains(string(f.Data), `"percent":40`) {
		t.Fatalf("%+v", f)
	}
	must(t, c.conn.Close(websocket.StatusNormalClosure, ""))
	for range 300 { // more than is read at once
		e.apply("resume.document.progressed", map[string]any{"userId": ada})
	}
	c = e.open(url, ada, session, 2)
	for want := int64(3); want <= 302; want++ {
		if f := c.next(); f.Seq != want {
			t.Fatalf("seq %d, want %d", f.Seq, want)
		}
	}
	// Outlives the time limit of requests, half a second here.
	beat, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { _, _, _ = c.conn.Read(beat) }()
	must(t, c.conn.Ping(beat))
	c = e.open(url, ada, session, 302)
	stop()
	if code := c.closed(); code != websocket.StatusGoingAway {
		t.Errorf("closed with %d when the server stopped", code)
	}
}

func TestAStreamThatCannotResumeSaysSo(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, _ := e.listen()
	ada := uuid.New()
	for range 5 {
		e.apply("resume.document.progressed", map[string]any{"userId": ada})
	}
	_, err := e.pool.Exec(t.Context(), "DELETE FROM stream_events WHERE user_id = $1 AND seq < 4", ada)
	must(t, err)
	for after, want := range map[int64]string{1: "stream.reset", 99: "stream.reset", 3: "resume.document.progressed"} {
		if f := e.open(url, ada, uuid.New(), after).next(); f.Type != want {
			t.Errorf("after %d: %+v", after, f)
		}
	}
}

// What happens faster than a client takes it is not kept for it: it is dropped, and
// comes back for the rest.
func TestAClientThatFallsBehindIsDropped(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, _ := e.listen()
	ada, session := uuid.New(), uuid.New()
	c := e.open(url, ada, session, -1)
	c.next()
	const all = 1500
	_, err := e.pool.Exec(t.Context(), `WITH h AS (INSERT INTO stream_heads (user_id, seq) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET seq = excluded.seq)
		INSERT INTO stream_events (user_id, seq, type, at, data) SELECT $1, n, 'resume.document.progressed', now(), '{}' FROM generate_series(1, $2::integer) AS n`, ada, all)
	must(t, err)
	e.streams.Wake(ada)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last int64
	for {
		_, raw, err := c.conn.Read(ctx)
		if err != nil {
			if code := websocket.CloseStatus(err); code != streams.StatusTooSlow {
				t.Fatalf("closed with %d: %v", code, err)
			}
			break
		}
		var f notification.Frame
		must(t, json.Unmarshal(raw, &f))
		if f.Seq != last+1 {
			t.Fatalf("seq %d after %d", f.Seq, last)
		}
		last = f.Seq
	}
	if last < 1000 || last > 1200 {
		t.Errorf("dropped after %d frames, want 1000 and the rest of a page", last)
	}
	c = e.open(url, ada, session, last)
	for want := last + 1; want <= all; want++ {
		if f := c.next(); f.Seq != want {
			t.Fatalf("come back, seq %d, want %d", f.Seq, want)
		}
	}
}

func TestWhoMayOpenAStream(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, _ := e.listen()
	ada := uuid.New()
	try := func(ticket, origin string) int {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, resp, err := websocket.Dial(t.Context(), url+root+"/stream?ticket="+ticket, &websocket.DialOptions{HTTPHeader: header})
		if err == nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		if resp.Body != nil {
			resp.Body.Close()
		}
		return resp.StatusCode
	}
	ticket := func() string {
		ticket, _, err := e.service.CreateTicket(t.Context(), authn.Principal{UserID: ada})
		must(t, err)
		return ticket
	}
	once := ticket()
	if status := try(once, "https://evil.example"); status != 403 {
		t.Errorf("another origin: %d", status)
	}
	if status := try(once, ""); status != 101 {
		t.Errorf("no browser: %d", status)
	}
	if status := try(once, ""); status != 401 {
		t.Errorf("a ticket worked twice: %d", status)
	}
	old := ticket()
	_, err := e.pool.Exec(t.Context(), "UPDATE stream_tickets SET expires_at = now()")
	must(t, err)
	if status := try(old, ""); status != 401 {
		t.Errorf("an old ticket: %d", status)
	}
	if status := try("jpt_made_up_by_somebody", ""); status != 401 {
		t.Errorf("a made-up ticket: %d", status)
	}
	for range streams.MaxPerUser - 1 {
		e.open(url, ada, uuid.New(), -1).next()
	}
	if status := try(ticket(), ""); status != 429 {
		t.Errorf("one too many: %d", status)
	}
}

func TestAnEndedSessionEndsItsStreams(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, _ := e.listen()
	ada, session := uuid.New(), uuid.New()
	ended, other := e.open(url, ada, session, -1), e.open(url, ada, uuid.New(), -1)
	ended.next()
	other.next()
	e.apply("auth.session.revoked", map[string]any{"userId": ada, "sessionId": session, "reason": "logout"})
	if code := ended.closed(); code != streams.StatusSessionEnded {
		t.Errorf("closed with %d", code)
	}
	if f := other.next(); f.Type != "auth.session.revoked" {
		t.Errorf("the other session saw %+v", f)
	}
	e.apply("auth.user.disabled", map[string]any{"userId": ada})
	if code := other.closed(); code != streams.StatusSessionEnded {
		t.Errorf("closed with %d", code)
	}
}

func TestAClientThatTalksIsClosed(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, _ := e.listen()
	c := e.open(url, uuid.New(), uuid.New(), -1)
	c.next()
	must(t, c.conn.Write(t.Context(), websocket.MessageText, []byte("hello")))
	if code := c.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
}

// Another replica has the client: it is woken over Redis, or without Redis by
// looking.
func TestReplicasWakeEachOther(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	url, _ := e.listen()
	ada := uuid.New()
	c := e.open(url, ada, uuid.New(), -1)
	c.next()
	deps := e.service.Deps
	deps.Metrics, deps.Woken = nil, nil // a replica that tells nobody: the look alone finds it
	other := notification.New(deps)
	raw, err := json.Marshal(map[string]any{"userId": ada})
	must(t, err)
	must(t, pg.InTx(t.Context(), e.pool, func(x pgx.Tx) error {
		return other.Apply(t.Context(), x, rabbit.Event{ID: uuid.New(), Type: "resume.document.progressed", Time: time.Now(), Data: raw})
	}))
	if f := c.next(); f.Seq != 1 {
		t.Errorf("%+v", f)
	}
}

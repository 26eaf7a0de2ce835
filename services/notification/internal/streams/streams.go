// Package streams holds the WebSockets on which users see what happens. A stream
// reads its user's frames from Postgres and sleeps until it is woken: by this
// process, by another over Redis, or by a look at Postgres from time to time, which
// is often while Redis is away. So nothing is buffered here, and what a client
// missed while it was away comes by the same way as what is new.
package streams

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
)

const (
	// MaxPerUser is how many streams of a user one process holds.
	MaxPerUser = 10

	heartbeat    = 25 * time.Second // under the idle limits of proxies
	pongWithin   = 10 * time.Second
	writeWithin  = 10 * time.Second
	readPage     = 200
	maxBehind    = 1000 // frames that a client may fall behind what happens
	pollDown     = 500 * time.Millisecond
	pollUp       = 10 // of the above, while Redis answers
	channel      = "notification:streams"
	wakesWaiting = 4096
)

// Close codes beside those of RFC 6455.
const (
	StatusSessionEnded websocket.StatusCode = 4001
	StatusTooSlow      websocket.StatusCode = 4008
)

var errTooMany = errs.New(errs.RateLimited, "too_many_streams",
	"This account has too many open streams. Close one, then try again.").WithRetryAfter(time.Minute)

// Streams are the WebSockets of this process.
type Streams struct {
	source *notification.Service
	redis  redis.UniversalClient
	log    *slog.Logger
	wakes  chan uuid.UUID // to be told to the other processes

	mu      sync.Mutex
	open    map[uuid.UUID]map[*stream]bool
	stopped chan struct{} // closed when the process stops
	all     sync.WaitGroup

	writeWithin time.Duration

	count prometheus.Gauge
	ended *prometheus.CounterVec
}

type stream struct {
	notification.Grant
	conn *websocket.Conn
	wake chan struct{}
	last int64 // seq; under Streams.mu
}

// New makes the streams. Its Wake is to be the service's Woken; see Use.
func New(client redis.UniversalClient, metrics prometheus.Registerer, log *slog.Logger) *Streams {
	s := &Streams{
		redis: client, log: log, wakes: make(chan uuid.UUID, wakesWaiting), open: map[uuid.UUID]map[*stream]bool{}, stopped: make(chan struct{}), writeWithin: writeWithin,
		count: prometheus.NewGauge(prometheus.GaugeOpts{Name: "notification_streams", Help: "WebSockets that are open in this process."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "notification_streams_ended_total", Help: "WebSockets that ended, by cause."}, []string{"cause"}),
	}
	metrics.MustRegister(s.count, s.ended)
	return s
}

// Use sets where frames come from.
func (s *Streams) Use(source *notification.Service) { s.source = source }

// Wake lets the user's streams, here and elsewhere, look for new frames.
func (s *Streams) Wake(user uuid.UUID) {
	s.wakeHere(user)
	select {
	case s.wakes <- user:
	default: // the others will see it when they next look
	}
}

func (s *Streams) wakeHere(user uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.open[user] {
		st.nudge()
	}
}

func (st *stream) nudge() {
	select {
	case st.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Admit says whether the user may open one more stream.
func (s *Streams) Admit(user uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open[user]) >= MaxPerUser {
		return errTooMany
	}
	return nil
}

// Serve feeds a WebSocket in the background until it ends. after is the last seq the
// client has seen, nil to begin with what happens next.
func (s *Streams) Serve(conn *websocket.Conn, g notification.Grant, after *int64) {
	st := &stream{Grant: g, conn: conn, wake: make(chan struct{}, 1)}
	s.mu.Lock()
	select {
	case <-s.stopped:
		s.mu.Unlock()
		_ = conn.Close(websocket.StatusGoingAway, "the server stops")
		return
	default:
	}
	if s.open[g.User] == nil {
		s.open[g.User] = map[*stream]bool{}
	}
	s.open[g.User][st] = true
	s.all.Add(1)
	s.mu.Unlock()
	s.count.Inc()
	go func() {
		defer s.all.Done()
		code, cause := s.feed(st, after)
		s.mu.Lock()
		if delete(s.open[g.User], st); len(s.open[g.User]) == 0 {
			delete(s.open, g.User)
		}
		s.mu.Unlock()
		s.count.Dec()
		s.ended.WithLabelValues(cause).Inc()
		_ = conn.Close(code, cause)
	}()
}

// feed sends frames until the stream ends, and says how it is to be closed.
func (s *Streams) feed(st *stream, after *int64) (websocket.StatusCode, string) {
	// The reader answers pings and closes the connection when the client sends
	// anything else.
	ctx := st.conn.CloseRead(context.Background())
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if err := s.begin(ctx, st, after); err != nil {
		return s.failed(ctx, err)
	}
	for behind := after != nil; ; behind = false {
		ended, err := s.catchUp(ctx, st, behind)
		switch {
		case errors.Is(err, errBehind):
			return StatusTooSlow, "too slow"
		case err != nil:
			return s.failed(ctx, err)
		case ended:
			return StatusSessionEnded, "the session ended"
		}
		select {
		case <-st.wake:
		case <-beat.C:
			ping, cancel := context.WithTimeout(ctx, pongWithin)
			err := st.conn.Ping(ping)
			cancel()
			if err != nil {
				return websocket.StatusPolicyViolation, "no pong"
			}
		case <-ctx.Done():
			return websocket.StatusNormalClosure, "the client left"
		case <-s.stopped:
			return websocket.StatusGoingAway, "the server stops"
		}
	}
}

func (s *Streams) failed(ctx context.Context, err error) (websocket.StatusCode, string) {
	if ctx.Err() != nil {
		return websocket.StatusNormalClosure, "the client left"
	}
	s.log.WarnContext(ctx, "a stream failed", "error", err)
	return websocket.StatusTryAgainLater, "connect again"
}

// begin finds where the stream begins, and tells the client if that is not where it
// asked for.
func (s *Streams) begin(ctx context.Context, st *stream, after *int64) error {
	head, err := s.source.StreamHead(ctx, st.User)
	if err != nil {
		return err
	}
	typ := "stream.ready"
	if after != nil {
		next, err := s.source.ReadStream(ctx, st.User, *after, 1)
		if err != nil {
			return err
		}
		if complete := *after == head || len(next) == 1 && next[0].Seq == *after+1; complete {
			s.seen(st, *after)
			return nil
		}
		typ = "stream.reset"
	}
	s.seen(st, head)
	return s.write(ctx, st.conn, notification.Frame{Seq: head, Type: typ, Time: time.Now().UTC(), Data: json.RawMessage("{}")})
}

func (s *Streams) seen(st *stream, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.last = seq
}

var errBehind = errors.New("streams: the client is too far behind")

// catchUp sends what the client has not seen. ended says that the session is over.
// A client that falls far behind is dropped, unless it comes back after a gap.
func (s *Streams) catchUp(ctx context.Context, st *stream, comeBack bool) (ended bool, err error) {
	for sent := 0; ; {
		frames, err := s.source.ReadStream(ctx, st.User, st.last, readPage)
		if err != nil {
			return false, err
		}
		for _, f := range frames {
			if err := s.write(ctx, st.conn, f); err != nil {
				return false, err
			}
			s.seen(st, f.Seq)
			if f.Ends(st.Session) {
				return true, nil
			}
			if !comeBack {
				s.source.Streamed(f)
			}
		}
		if sent += len(frames); sent > maxBehind && !comeBack {
			return false, errBehind
		}
		if len(frames) < readPage {
			return false, nil
		}
	}
}

// write sends a frame. A client that does not take it in time is too slow; its
// connection, on which half a frame lies, is of no more use even to tell it so.
func (s *Streams) write(ctx context.Context, conn *websocket.Conn, f notification.Frame) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.writeWithin)
	defer cancel()
	err = conn.Write(limited, websocket.MessageText, raw)
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) { // its buffers are full, and it does not read
		return errBehind
	}
	return err
}

// Run connects the processes until ctx ends, then closes all streams. It is a worker
// for app.Run.
func (s *Streams) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { s.publish(ctx) })
	parts.Go(func() { s.subscribe(ctx) })
	parts.Go(func() { s.poll(ctx) })
	<-ctx.Done()
	s.mu.Lock()
	close(s.stopped)
	s.mu.Unlock()
	s.all.Wait()
	parts.Wait()
	return nil
}

// publish tells the other processes whose streams have grown.
func (s *Streams) publish(ctx context.Context) {
	for {
		select {
		case user := <-s.wakes:
			_ = s.redis.Publish(ctx, channel, user.String()).Err() // without Redis the others poll
		case <-ctx.Done():
			return
		}
	}
}

func (s *Streams) subscribe(ctx context.Context) {
	told := s.redis.Subscribe(ctx, channel)
	defer told.Close()
	messages := told.Channel()
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return
			}
			if user, err := uuid.Parse(m.Payload); err == nil {
				s.wakeHere(user)
			}
		case <-ctx.Done():
			return
		}
	}
}

// poll looks at Postgres for streams that have grown without a word from Redis:
// every half second while Redis is away, else every five, since a message of Redis
// can be lost.
func (s *Streams) poll(ctx context.Context) {
	tick := time.NewTicker(pollDown)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n%pollUp != 0 && s.redis.Ping(ctx).Err() == nil {
			continue
		}
		s.look(ctx)
	}
}

func (s *Streams) look(ctx context.Context) {
	s.mu.Lock()
	users := make([]uuid.UUID, 0, len(s.open))
	for user := range s.open {
		users = append(users, user)
	}
	s.mu.Unlock()
	if len(users) == 0 {
		return
	}
	heads, err := s.source.StreamHeads(ctx, users)
	if err != nil {
		s.log.WarnContext(ctx, "the heads of streams cannot be read", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for user, head := range heads {
		for st := range s.open[user] {
			if st.last < head {
				st.nudge()
			}
		}
	}
}

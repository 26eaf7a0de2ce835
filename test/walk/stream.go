package walk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// frame is one message of the notification stream.
type frame struct {
	Seq  int64
	Type string
	Time time.Time
	Data json.RawMessage
}

// stream collects the frames of a user, so that what came before somebody waited
// for it is found too.
type stream struct {
	conn *websocket.Conn
	stop context.CancelFunc

	mu     sync.Mutex
	frames []frame
	more   chan struct{} // closed when there is another frame, or none will come
	err    error         // why none will come
}

// openStream opens the stream of a user with a ticket.
func (w *Walk) openStream(ctx context.Context) error {
	var t struct{ Ticket string }
	if err := w.user.call(ctx, http.MethodPost, "/api/v1/notifications/stream/tickets", 201, nil, &t); err != nil {
		return err
	}
	transport := w.http.Transport.(*http.Transport).Clone() // a WebSocket begins as HTTP/1.1
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	//nolint:bodyclose // that of an upgrade is the connection's
	conn, _, err := websocket.Dial(ctx, w.Gateway+"/api/v1/notifications/stream?ticket="+url.QueryEscape(t.Ticket),
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Origin": {w.Gateway}}})
	if err != nil {
		return err
	}
	conn.SetReadLimit(1 << 20)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stream = &stream{conn: conn, stop: stop, more: make(chan struct{})}
	go w.stream.read(life)
	return nil
}

func (s *stream) read(ctx context.Context) {
	for {
		var f frame
		_, raw, err := s.conn.Read(ctx)
		if err == nil {
			err = json.Unmarshal(raw, &f)
		}
		s.mu.Lock()
		if s.err = err; err == nil {
			s.frames = append(s.frames, f)
		}
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *stream) close() {
	s.stop()
	_ = s.conn.CloseNow()
}

// seen are the frames so far.
func (s *stream) seen() (frames []frame, more <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames[:len(s.frames):len(s.frames)], s.more, s.err
}

// await returns the first frame of a type whose data, decoded into into, match.
func (s *stream) await(ctx context.Context, typ string, into any, match func() bool) (frame, error) {
	for next := 0; ; {
		frames, more, err := s.seen()
		for _, f := range frames[next:] {
			if f.Type != typ {
				continue
			}
			if err := json.Unmarshal(f.Data, into); err != nil {
				return f, fmt.Errorf("frame %d: %w", f.Seq, err)
			}
			if match() {
				return f, nil
			}
		}
		next = len(frames)
		if err != nil {
			return frame{}, fmt.Errorf("the stream ended before a %s came: %w", typ, err)
		}
		select {
		case <-ctx.Done():
			return frame{}, fmt.Errorf("no %s came over the WebSocket; there were %s", typ, kinds(frames))
		case <-more:
		}
	}
}

// kinds counts frames by type.
func kinds(frames []frame) string {
	n := map[string]int{}
	for _, f := range frames {
		n[f.Type]++
	}
	return fmt.Sprint(n)
}

package walk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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
	walk *Walk
	user client // as it was when the stream was opened
	stop context.CancelFunc
	over chan struct{} // closed when nothing reads any more

	mu     sync.Mutex
	frames []frame
	more   chan struct{} // closed when there is another frame, or none will come
	err    error         // why none will come
}

// openStream opens the stream of a user.
func (w *Walk) openStream(ctx context.Context) error {
	s := &stream{walk: w, user: *w.user, over: make(chan struct{}), more: make(chan struct{})}
	conn, err := s.dial(ctx, "")
	if err != nil {
		return err
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.read(ctx, conn)
	w.stream = s
	return nil
}

// dial opens a WebSocket with a new ticket, behind the frame after, as long as the
// walk is patient until it opens.
func (s *stream) dial(ctx context.Context, after string) (conn *websocket.Conn, err error) {
	w := s.walk
	transport := w.http.Transport.(*http.Transport).Clone() // a WebSocket begins as HTTP/1.1
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	ctx, cancel := context.WithTimeout(ctx, max(w.Patience, StepLimit))
	defer cancel()
	err = until(ctx, "the stream to open", func() (bool, error) {
		var t struct{ Ticket string }
		if err := s.user.call(ctx, http.MethodPost, "/api/v1/notifications/stream/tickets", 201, nil, &t); err != nil {
			return false, err
		}
		//nolint:bodyclose // that of an upgrade is the connection's
		conn, _, err = websocket.Dial(ctx, w.Gateway+"/api/v1/notifications/stream?ticket="+url.QueryEscape(t.Ticket)+after,
			&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Origin": {w.Gateway}}})
		if err == nil {
			conn.SetReadLimit(1 << 20)
		} else if w.Patience > 0 {
			err = errors.Join(errNotYet, err)
		}
		return err == nil, err
	})
	return conn, err
}

// read collects frames until the stream ends: at the first fault, or in a patient
// walk when it cannot be opened again where it was lost.
func (s *stream) read(ctx context.Context, conn *websocket.Conn) {
	defer close(s.over)
	for {
		err := s.readAll(ctx, conn)
		_ = conn.CloseNow()
		if s.walk.Patience > 0 && ctx.Err() == nil && !errors.Is(err, errGap) {
			frames, _, _ := s.seen()
			after := ""
			if len(frames) > 0 {
				after = "&after=" + strconv.FormatInt(frames[len(frames)-1].Seq, 10)
			}
			if conn, err = s.dial(ctx, after); err == nil {
				continue
			}
		}
		s.add(nil, err)
		return
	}
}

// errGap means that frames are lost for good.
var errGap = errors.New("the stream begins anew, without what came meanwhile")

// readAll collects the frames of one connection.
func (s *stream) readAll(ctx context.Context, conn *websocket.Conn) error {
	for {
		var f frame
		_, raw, err := conn.Read(ctx)
		if err == nil {
			err = json.Unmarshal(raw, &f)
		}
		if err == nil && f.Type == "stream.reset" {
			err = errGap
		}
		if err != nil {
			return err
		}
		s.add(&f, nil)
	}
}

// add takes note of a frame, or of why there will be no more.
func (s *stream) add(f *frame, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; f != nil {
		s.frames = append(s.frames, *f)
	}
	close(s.more)
	s.more = make(chan struct{})
}

func (s *stream) close() {
	s.stop()
	<-s.over
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

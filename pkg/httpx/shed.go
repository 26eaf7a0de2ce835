package httpx

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

var errOverloaded = errs.New(errs.Unavailable, "overloaded", "The service has more to do than it can. Try again in a few seconds.").
	WithRetryAfter(time.Second)

const (
	shedWait     = 100 * time.Millisecond // a burst may wait this long for its turn,
	shedWaitLong = 5 * time.Millisecond   // but only this long once the queue has not been empty
	shedInterval = 100 * time.Millisecond // for this long
)

// shedder bounds the requests being worked on, and the time others wait.
//
// Waiting is what overload feels like, so that is what is measured (CoDel:
// RFC 8289; for servers: Maurer, "Fail at Scale", ACM Queue 13(8), 2015). A queue
// that drains now and then is a burst, and worth waiting in. One that has not
// been empty for a whole interval will not drain by waiting: new arrivals are
// then turned away almost at once, and those let in are still answered in time.
type shedder struct {
	slots     chan struct{}
	lastEmpty atomic.Int64 // unix ns: when a request last found a free slot
}

func newShedder(slots int) *shedder {
	s := &shedder{slots: make(chan struct{}, slots)}
	s.lastEmpty.Store(time.Now().UnixNano())
	return s
}

// enter waits for a slot; release must be called when the work is done.
func (s *shedder) enter(ctx context.Context) (release func(), err error) {
	now := time.Now().UnixNano()
	select {
	case s.slots <- struct{}{}:
		s.lastEmpty.Store(now)
		return s.leave, nil
	default:
	}
	wait := shedWait
	if now-s.lastEmpty.Load() > int64(shedInterval) {
		wait = shedWaitLong
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return s.leave, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, errOverloaded
}

func (s *shedder) leave() { <-s.slots }

package outbox

import "sync"

// appended tells the relays of this process that a transaction with messages
// was committed. It only saves them waiting for their next look.
var appended signal

type signal struct {
	mu      sync.Mutex
	waiting map[chan struct{}]struct{}
}

func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.waiting {
		select {
		case ch <- struct{}{}:
		default: // already told
		}
	}
}

func (s *signal) subscribe() (ch chan struct{}, unsubscribe func()) {
	ch = make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[chan struct{}]struct{}{}
	}
	s.waiting[ch] = struct{}{}
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, ch)
	}
}

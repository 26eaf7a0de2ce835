package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	maxAnswer     = 4 << 20 // a resume with what was read where
	breakerTrips  = 5       // failures in a row
	breakerPause  = 10 * time.Second
	healthEvery   = 5 * time.Second
	healthTimeout = 2 * time.Second
	adminOffset   = 1000 // a service's admin port after its own (DESIGN §2)
)

// Ask sends a request and returns the answer's status and body; main makes it of
// the client that shows the service's key.
type Ask func(ctx context.Context, method, url string, body []byte, header map[string]string) (status int, answer io.ReadCloser, err error)

// Peers are the other services: how to call them, and how they are.
type Peers struct {
	ask   Ask
	peers map[string]*peer
	now   func() time.Time
}

type peer struct {
	url     string
	breaker *gobreaker.CircuitBreaker[[]byte]

	mu     sync.Mutex
	health Health
}

// Health is how a service is, as seen from here.
type Health struct {
	Name      string
	State     string // up, down or unknown
	Breaker   string // closed, half_open or open
	CheckedAt time.Time
	Latency   time.Duration
}

// NewPeers makes peers of the services' URLs, by name.
func NewPeers(urls map[string]string, ask Ask) *Peers { return newPeers(urls, ask, breakerPause) }

func newPeers(urls map[string]string, ask Ask, pause time.Duration) *Peers {
	p := &Peers{ask: ask, peers: map[string]*peer{}, now: time.Now}
	for name, u := range urls {
		p.peers[name] = &peer{url: u, health: Health{Name: name, State: "unknown"}, breaker: gobreaker.NewCircuitBreaker[[]byte](gobreaker.Settings{
			Name: name, Timeout: pause,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerTrips },
			// What the service refuses, it refuses for a reason: it is well.
			IsSuccessful: func(err error) bool { return err == nil || isFatal(err) },
		})}
	}
	return p
}

// Call asks a service for an internal operation. The key makes a repetition of
// one that is not idempotent by nature safe; empty: none is sent. A refusal (4xx
// but 408, 425, 429) is Fatal; out, if not nil, receives the answer.
func (p *Peers) Call(ctx context.Context, service, method, path, key string, in, out any) error {
	peer, ok := p.peers[service]
	if !ok {
		return Fatal(fmt.Errorf("orchestrator: no service %s", service))
	}
	var body []byte
	header := map[string]string{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return Fatal(err)
		}
		header["Content-Type"] = "application/json"
	}
	if key != "" {
		header["Idempotency-Key"] = key
	}
	raw, err := peer.breaker.Execute(func() ([]byte, error) {
		status, answer, err := p.ask(ctx, method, peer.url+path, body, header)
		if err != nil {
			return nil, fmt.Errorf("%s does not answer: %w", service, err)
		}
		defer func() { _ = answer.Close() }()
		raw, err := io.ReadAll(io.LimitReader(answer, maxAnswer))
		if err != nil {
			return nil, fmt.Errorf("%s breaks off: %w", service, err)
		}
		if status < 300 {
			return raw, nil
		}
		return nil, refusal(service, method, path, status, raw)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return fmt.Errorf("%s is not asked for now: it failed several times in a row", service)
	}
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s: %s %s: %w", service, method, path, err)
	}
	return nil
}

// errAnswer is an answer that is not what the service's contract says.
func errAnswer(service string) error {
	return fmt.Errorf("%s: the answer is not what its contract says", service)
}

// RefusedError is an answer that says no.
type RefusedError struct {
	Service string
	Status  int
	Code    string // of the problem
}

func (r *RefusedError) Error() string {
	return r.Service + " refuses: " + strconv.Itoa(r.Status) + " " + r.Code
}

func refusal(service, _, _ string, status int, raw []byte) error {
	var problem struct{ Code string }
	_ = json.Unmarshal(bytes.TrimSpace(raw), &problem) // without a code the status has to do
	err := &RefusedError{service, status, problem.Code}
	if status >= 400 && status < 500 && status != 408 && status != 425 && status != 429 {
		return Fatal(err)
	}
	return err
}

// ListServices is how all services are, by name.
func (p *Peers) ListServices() []Health {
	var out []Health
	for _, name := range slices.Sorted(maps.Keys(p.peers)) {
		peer := p.peers[name]
		peer.mu.Lock()
		h := peer.health
		peer.mu.Unlock()
		h.Breaker = map[gobreaker.State]string{gobreaker.StateClosed: "closed", gobreaker.StateHalfOpen: "half_open", gobreaker.StateOpen: "open"}[peer.breaker.State()]
		out = append(out, h)
	}
	return out
}

// Watch asks all services how they are, every five seconds until ctx ends. Each
// replica sees for itself.
func (p *Peers) Watch(ctx context.Context) error {
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	for {
		p.check(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (p *Peers) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var all sync.WaitGroup
	for name, peer := range p.peers {
		all.Go(func() {
			begun := p.now()
			state := "down"
			if admin, err := adminURL(peer.url); err == nil {
				if status, body, err := p.ask(ctx, "GET", admin+"/readyz", nil, nil); err == nil {
					_ = body.Close()
					if status == 200 {
						state = "up"
					}
				}
			}
			peer.mu.Lock()
			defer peer.mu.Unlock()
			peer.health = Health{Name: name, State: state, CheckedAt: begun.UTC(), Latency: p.now().Sub(begun)}
		})
	}
	all.Wait()
}

// adminURL is a service's admin listener.
func adminURL(service string) (string, error) {
	u, err := url.Parse(service)
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return "", err
	}
	u.Host = u.Hostname() + ":" + strconv.Itoa(port+adminOffset)
	return u.Scheme + "://" + u.Host, nil
}

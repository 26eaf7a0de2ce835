package chaos

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

const (
	atOnce  = 12               // requests under way
	present = 100              // people who have begun; most of them wait to try again
	timeout = 10 * time.Second // of one try
)

// people register through the gateway.
type people struct {
	t       *testing.T
	http    *http.Client
	gateway string
	all     []person
	// patience is how long a person goes on trying. In a long run it is longer
	// than the minute for which a key stays locked when auth died at work on it, so
	// that trying again after that is in it too.
	patience time.Duration
	turns    chan struct{} // a place for each request under way

	begun, answered, givenUp, retries, replayed atomic.Int64
}

type person struct {
	email    string
	answered bool
}

func newPeople(t *testing.T, n int) *people {
	t.Helper()
	p := &people{t: t, gateway: harness.Env(t, "GATEWAY_URL"), patience: 20 * time.Second, turns: make(chan struct{}, atOnce), http: &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{TLSClientConfig: harness.TLS(t), ForceAttemptHTTP2: true, MaxIdleConnsPerHost: atOnce},
	}}
	if n > 2000 {
		p.patience = 90 * time.Second
	}
	t.Cleanup(p.http.CloseIdleConnections)
	run := strings.ToLower(rand.Text()[:12])
	for i := range n {
		p.all = append(p.all, person{email: fmt.Sprintf("chaos.%s.%d@example.com", run, i)})
	}
	return p
}

// register has all of them register. begin is called with the number of each
// before it does.
func (p *people) register(ctx context.Context, begin func(i int)) {
	var all sync.WaitGroup
	for range present {
		all.Go(func() {
			for ctx.Err() == nil {
				p.turns <- struct{}{}
				i := int(p.begun.Add(1)) - 1
				if i < len(p.all) {
					begin(i)
					p.one(ctx, &p.all[i])
				}
				<-p.turns
				if i >= len(p.all) {
					return
				}
			}
		})
	}
	all.Wait()
}

// one registers one person, who repeats the request with its key as long as
// there is no answer, or one that says to try again. It has a turn, which others
// get while it pauses.
func (p *people) one(ctx context.Context, who *person) {
	body, err := json.Marshal(map[string]string{"email": who.email, "password": harness.Password, "displayName": "Grace", "locale": "en"})
	if err != nil {
		p.t.Error(err)
		return
	}
	key := uuid.NewString()
	pause := 100 * time.Millisecond
	for began := time.Now(); ; p.retries.Add(1) {
		status, text, after := p.try(ctx, key, body)
		switch {
		case status == http.StatusCreated:
			who.answered = true
			p.answered.Add(1)
			return
		case status == 0, status >= 500, status == http.StatusTooManyRequests, status == http.StatusConflict:
		default:
			p.t.Errorf("registering %s was answered %d: %s", who.email, status, text)
			return
		}
		if time.Since(began) > p.patience {
			p.givenUp.Add(1)
			return
		}
		<-p.turns
		select {
		case <-time.After(max(after, pause) + randv2.N(pause)):
		case <-ctx.Done():
		}
		p.turns <- struct{}{}
		if ctx.Err() != nil {
			return
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// try sends the request; status 0 is no answer.
func (p *people) try(ctx context.Context, key string, body []byte) (status int, text string, after time.Duration) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.gateway+"/api/v1/auth/register", bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return 0, "", 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "jobpilot-chaos")
	req.Header.Set("Idempotency-Key", key)
	req.GetBody = nil // net/http itself must not repeat it
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, "", 0
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return 0, "", 0
	}
	if resp.Header.Get("Idempotency-Replayed") != "" {
		p.replayed.Add(1)
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, string(answer), min(time.Duration(seconds)*time.Second, 3*time.Second)
}

// String counts them.
func (p *people) String() string {
	return fmt.Sprintf("%d of %d answered, %d gave up, %d tries again, %d answers replayed",
		p.answered.Load(), len(p.all), p.givenUp.Load(), p.retries.Load(), p.replayed.Load())
}

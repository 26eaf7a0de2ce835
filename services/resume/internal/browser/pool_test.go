package browser

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func newPool(t *testing.T, workers int, idle time.Duration) *Pool {
	t.Helper()
	p := New(Options{
		DriverDir: testkit.Env(t, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(t, "CHROMIUM_PATH"), Workers: workers, Idle: idle,
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(p.Close)
	return p
}

func (p *Pool) wantPDF(t *testing.T, html string) {
	t.Helper()
	out, err := p.PDF(t.Context(), html)
	if err != nil || !bytes.HasPrefix(out, []byte("%PDF-1")) {
		t.Fatalf("printed %.10q, %v", out, err)
	}
}

func (p *Pool) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil
}

func TestABrowserIsStartedOnceLetGoAndStartedAgain(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, time.Millisecond)
	if p.running() {
		t.Fatal("started before it is used")
	}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { p.wantPDF(t, "<p>x</p>") })
	}
	wg.Wait()
	testkit.Eventually(t, "the idle browser is let go", func() bool { return !p.running() })
	p.wantPDF(t, "<p>again</p>")
}

func TestABrowserThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPool(t, 1, time.Minute)
	p.wantPDF(t, "<p>x</p>")
	p.mu.Lock()
	first := p.current
	p.mu.Unlock()
	_ = first.browser.Close() // as when it crashed: the pool is not told
	p.wantPDF(t, "<p>y</p>")
	if n := testutil.ToFloat64(p.starts); n != 2 {
		t.Fatalf("started %v times", n)
	}
	_ = first.driver.Stop()
}

// What is printed cannot reach the network, nor run.
func TestAPageIsAlone(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(server.Close)
	p := newPool(t, 1, time.Minute)
	u := server.URL
	p.wantPDF(t, `<link rel=stylesheet href="`+u+`/a.css"><style>@import url("`+u+`/b.css"); p { background: url(`+u+`/c.png) } @font-face { font-family: x; src: url(`+u+`/f) }</style>
		<p style="font-family: x">x</p><img src="`+u+`/d.png"><iframe src="`+u+`/e"></iframe><script src="`+u+`/s.js"></script><script>fetch("`+u+`/g"); document.title = "ran"</script>
		<meta http-equiv=refresh content="0;url=`+u+`/h"><object data="`+u+`/i"></object><iframe src="file:///etc/passwd"></iframe>`)
	if n := hits.Load(); n != 0 {
		t.Fatalf("%d requests left the page", n)
	}
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	p := newPool(t, 1, time.Minute)
	p.slots <- struct{}{} // all pages are in use
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.PDF(ctx, "x"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	<-p.slots
}

func TestAMissingBrowserIsNamed(t *testing.T) {
	t.Parallel()
	p := newPool(t, 1, time.Minute)
	p.Chromium = "/nonexistent"
	_, err := p.PDF(t.Context(), "x")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "CHROMIUM_PATH") {
		t.Fatalf("error %v", err)
	}
}

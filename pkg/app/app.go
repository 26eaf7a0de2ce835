// Package app runs a service: its public listener, its workers and its admin
// listener, until a signal or a failure, and then stops them in order.
//
// Stopping takes at most Options.Grace: readiness turns false; the public
// listener finishes what it has begun; workers are cancelled and waited for;
// what was opened is closed; the last spans are sent. A second signal ends the
// process at once.
package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/jobpilot/jobpilot/pkg/obs"
)

const (
	checkTimeout = 2 * time.Second
	obsTimeout   = 2 * time.Second
)

// Options say what runs.
type Options struct {
	Obs *obs.Obs
	// Addr and Handler are the public listener.
	Addr    string
	Handler http.Handler
	// AdminAddr serves /livez, /readyz, /metrics and /debug/pprof. It must not be
	// reachable from outside.
	AdminAddr string
	// Ready has a check for each dependency that the service cannot do without,
	// by name. It gets 2 s.
	Ready map[string]func(context.Context) error
	// Workers run beside the listener until their context ends. One that returns
	// an error before that stops the service.
	Workers map[string]func(context.Context) error
	// Close is called in this order when nothing uses what it closes any more.
	Close []func()
	// Drain is how long the listener still takes requests after readiness turned
	// false, for load balancers to notice. Zero where none polls readiness.
	Drain time.Duration
	// Grace bounds the whole of stopping; zero is 25 s, under the 30 s after
	// which Kubernetes kills.
	Grace time.Duration
}

// Run serves until ctx ends, SIGINT or SIGTERM comes, or something fails. It
// returns what failed, nil after an orderly stop.
func Run(ctx context.Context, o Options) error {
	if o.Grace == 0 {
		o.Grace = 25 * time.Second
	}
	begun := time.Now()
	ctx, restore := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)

	r := &runner{Options: o, fail: fail}
	err := r.start(ctx)
	if err == nil {
		o.Obs.Log.Info("ready", "addr", o.Addr, "admin", o.AdminAddr, "ms", time.Since(begun).Milliseconds())
		<-ctx.Done()
	}
	restore() // from here on a signal does what it does by default: end the process
	if err == nil {
		if err = context.Cause(ctx); errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	return errors.Join(err, r.stop())
}

type runner struct {
	Options
	fail          context.CancelCauseFunc
	ready         atomic.Bool
	failing       sync.Map // name of a readiness check that fails now
	public, admin *http.Server
	stopWorkers   context.CancelFunc
	workers       sync.WaitGroup
}

// start listens on both addresses before anything runs, so that a port already
// taken is the error of Run and not a line in the log.
func (r *runner) start(ctx context.Context) error {
	// Workers go on while the listener drains: they end when told, not with ctx.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stopWorkers = stop
	public, err := net.Listen("tcp", r.Addr)
	if err != nil {
		return fmt.Errorf("listen on HTTP_ADDR %s: %w", r.Addr, err)
	}
	admin, err := net.Listen("tcp", r.AdminAddr)
	if err != nil {
		_ = public.Close()
		return fmt.Errorf("listen on ADMIN_ADDR %s: %w", r.AdminAddr, err)
	}
	errorLog := slog.NewLogLogger(r.Obs.Log.Handler(), slog.LevelWarn)
	r.public = &http.Server{
		Handler: r.Handler, ErrorLog: errorLog, MaxHeaderBytes: 32 << 10,
		// Handlers that stream for longer move the deadlines with http.ResponseController.
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	r.admin = &http.Server{Handler: r.adminHandler(), ErrorLog: errorLog, ReadHeaderTimeout: 5 * time.Second}
	for server, listener := range map[*http.Server]net.Listener{r.public: public, r.admin: admin} {
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				r.fail(fmt.Errorf("serve %s: %w", listener.Addr(), err))
			}
		}()
	}
	for name, run := range r.Workers {
		r.workers.Go(func() {
			if err := run(work); err != nil && work.Err() == nil {
				r.fail(fmt.Errorf("worker %s: %w", name, err))
			}
		})
	}
	r.ready.Store(true)
	return nil
}

func (r *runner) stop() error {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), r.Grace)
	defer cancel()
	var faults []error
	if r.ready.Swap(false) {
		r.Obs.Log.Info("stopping")
		timer := time.NewTimer(r.Drain)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		if err := r.public.Shutdown(ctx); err != nil {
			faults = append(faults, fmt.Errorf("requests were cut off: %w", errors.Join(err, r.public.Close())))
		}
	}
	r.stopWorkers()
	done := make(chan struct{})
	go func() { r.workers.Wait(); close(done) }()
	select {
	case <-done:
		// Only now does nothing use them any more.
		for _, closeIt := range r.Close {
			closeIt()
		}
	case <-ctx.Done():
		faults = append(faults, errors.New("workers did not stop in time"))
	}
	if r.admin != nil {
		_ = r.admin.Close()
	}
	r.Obs.Log.Info("stopped", "ms", time.Since(begun).Milliseconds())
	flush, cancelFlush := context.WithTimeout(context.Background(), obsTimeout)
	defer cancelFlush()
	if err := r.Obs.Shutdown(flush); err != nil {
		r.Obs.Log.Warn("stopping", "error", err) // a collector that is away is no failure of the service
	}
	return errors.Join(faults...)
}

func (r *runner) adminHandler() http.Handler {
	mux := http.NewServeMux()
	// Liveness asks nothing else: restarting the service repairs no dependency.
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", r.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.Obs.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// serveReady runs all checks at once and lists their outcome; why one fails is in
// the log, once each time it begins to.
func (r *runner) serveReady(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), checkTimeout)
	defer cancel()
	var (
		mu      sync.Mutex
		all     sync.WaitGroup
		ready   = r.ready.Load()
		outcome = map[string]string{}
	)
	for name, check := range r.Ready {
		all.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			if outcome[name] = "ok"; err != nil {
				outcome[name], ready = "failed", false
				if _, known := r.failing.LoadOrStore(name, true); !known {
					r.Obs.Log.Warn("not ready", "check", name, "error", err)
				}
			} else if _, was := r.failing.LoadAndDelete(name); was {
				r.Obs.Log.Info("ready again", "check", name)
			}
		})
	}
	all.Wait()
	w.Header().Set("Content-Type", "application/json")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": ready, "stopping": !r.ready.Load(), "checks": outcome})
}

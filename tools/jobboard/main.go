// Command jobboard is a job site on one machine: boards in the API shapes of the real platforms, career pages, and
// application forms with the quirks of each, recording what it receives. Its README has the addresses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/site"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, func(string) {}); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "jobboard:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It tells ready under which address.
func run(ctx context.Context, args []string, getenv func(string) string, ready func(addr string)) error {
	env := func(name, otherwise string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	seed, err := strconv.ParseUint(env("JOBBOARD_SEED", "1"), 10, 64)
	if err != nil {
		return fmt.Errorf("JOBBOARD_SEED: %w", err)
	}
	jobs, err := strconv.Atoi(env("JOBBOARD_JOBS", strconv.Itoa(posting.MinJobs)))
	if err != nil {
		return fmt.Errorf("JOBBOARD_JOBS: %w", err)
	}
	flags := flag.NewFlagSet("jobboard", flag.ContinueOnError)
	addr := flags.String("addr", env("JOBBOARD_ADDR", "127.0.0.1:18080"), "address to listen on")
	flags.Uint64Var(&seed, "seed", seed, "what postings are made from")
	flags.IntVar(&jobs, "jobs", jobs, "postings for each company")
	if err := flags.Parse(args); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	today := time.Now().UTC().Truncate(24 * time.Hour)
	generate := func(postings int) (*posting.Board, error) { return posting.Generate(seed, postings, today) }
	board, err := generate(jobs)
	if err != nil {
		return err
	}
	handler, err := site.New(site.Options{Board: board, More: generate, Today: today, SMTPURL: getenv("SMTP_URL"), Log: log})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *addr)
	if err != nil {
		return fmt.Errorf("%w; set JOBBOARD_ADDR to another address", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx }}
	log.Info("job board is up", "url", "http://"+listener.Addr().String(), "postings", len(board.Jobs), "seed", seed)
	ready(listener.Addr().String())
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(last)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// Package walk plays the main job of a job seeker, from an account to its deletion,
// through the gateway as any client would: the program test/demo shows it, and
// tests run it. A step that does not hold ends the walk with an error that says
// what was asked and what came back.
package walk

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Options say where the walk leads.
type Options struct {
	Gateway string // URL
	Mail    string // URL of the mail catcher
	Board   string // URL of tools/jobboard; empty when Sources are real boards
	CAFile  string // local certificate authority, PEM
	Stack   string // program tools/stack, which runs commands of services
	// Instance of the stack that the gateway belongs to: dev or test.
	Instance string
	Folder   string // for pictures and files; it is made
	Resume   string // file to upload; empty: the samples
	Sources  []Source
	// Trace is the traceparent of the request for the application with a question
	// (W3C Trace Context); empty: it has none.
	Trace string
	// Patience is for a stack whose processes die meanwhile: for so long, a request
	// that nobody answers is repeated, the stream is opened again, and what is looked
	// at is looked at again until it holds. 0: the walk ends at the first fault.
	Patience time.Duration
	// From is the address that the walk comes from; nil: any. Sign-ins that are
	// refused, as some of each walk are, delay others from the same network.
	From net.IP
}

// Source is a board to gather jobs from. Some platforms do not tell whose it is.
type Source struct{ Platform, Token, Company string }

// ParseSources reads "greenhouse:acme,lever:acme,remotive".
func ParseSources(list string) ([]Source, error) {
	var out []Source
	for s := range strings.SplitSeq(list, ",") {
		platform, token, _ := strings.Cut(strings.TrimSpace(s), ":")
		if platform == "" {
			return nil, fmt.Errorf("sources %q: write platform:token,…, such as greenhouse:acme", list)
		}
		out = append(out, Source{platform, token, strings.ReplaceAll(token, "-", " ")})
	}
	return out, nil
}

// Scene is a part of the walk.
type Scene struct {
	Name  string
	Steps []Step
}

// Step is one thing that is done and seen to hold. Do says in a few words what
// came of it; further lines are details.
type Step struct {
	Name string
	Do   func(context.Context) (string, error)
}

// StepLimit is how long a step may take.
const StepLimit = 90 * time.Second

// Walk is what is known so far.
type Walk struct {
	Options
	http   *http.Client
	user   *client // the job seeker
	admin  *client
	stream *stream

	email, password string
	userID          string
	deletion        string // workflow

	resume resume
	alert  string // id
	query  string // what the alert looks for
	liked  job

	sent                            map[string]application // by platform
	reviewed, asked, parked, closed application
	unconfirmed                     map[string]bool // application ids; a worker died after it had pressed the button
}

// New prepares a walk; nothing is sent yet.
func New(o Options) (*Walk, error) {
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the local certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
	}
	if err := os.MkdirAll(o.Folder, 0o755); err != nil {
		return nil, err
	}
	w := &Walk{Options: o, http: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: o.From}}).DialContext,
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true,
		},
	}}
	w.user, w.admin = w.client(o.Gateway), w.client(o.Gateway)
	w.unconfirmed = map[string]bool{}
	w.email = "nora." + strings.ToLower(rand.Text()[:10]) + "@example.com"
	w.password = "a passphrase of " + rand.Text()[:12]
	return w, nil
}

// client is a caller at a server.
func (w *Walk) client(base string) *client {
	return &client{http: w.http, base: base, patience: w.Patience}
}

// Scenes are the walk, in order.
func (w *Walk) Scenes() []Scene {
	scenes := []Scene{{"An account", w.accountSteps()}, {"A resume", w.resumeSteps()}, {"Jobs", w.jobSteps()}}
	if w.applies() {
		scenes = append(scenes, Scene{"Applications", w.applicationSteps()})
	}
	return append(scenes, Scene{"What the user was told", w.toldSteps()}, Scene{"What came of it", w.outcomeSteps()}, Scene{"Leaving", w.leavingSteps()})
}

// applies says whether applications are sent: to the invented employers of the
// local job site, never to real ones.
func (w *Walk) applies() bool { return len(w.Sources) == 0 }

// Close ends what the walk holds open.
func (w *Walk) Close() {
	if w.stream != nil {
		w.stream.close()
	}
}

// Email is the address of the walk's job seeker.
func (w *Walk) Email() string { return w.email }

// save writes a file into the folder.
func (w *Walk) save(name string, content []byte) error {
	return os.WriteFile(filepath.Join(w.Folder, name), content, 0o644)
}

// command runs a service's program as an operator would on its command line.
func (w *Walk) command(ctx context.Context, service, stdin string, args ...string) error {
	env, err := w.serviceEnv(ctx, service)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(w.Stack), service), args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", service, strings.Join(args, " "), err, out)
	}
	return nil
}

// serviceEnv is the environment of a service, as NAME=value.
func (w *Walk) serviceEnv(ctx context.Context, service string) ([]string, error) {
	out, err := exec.CommandContext(ctx, w.Stack, "env", "-instance", w.Instance, service).Output()
	if err != nil {
		return nil, fmt.Errorf("read the environment of %s: %w", service, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// until asks again and again, a few times a second, until done or the context ends;
// what says what is waited for.
func until(ctx context.Context, what string, ask func() (done bool, err error)) error {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	var last error // that said why not
	for {
		done, err := ask()
		switch {
		case ctx.Err() != nil:
			return errors.Join(fmt.Errorf("waited in vain for %s", what), last)
		case done || err != nil && !errors.Is(err, errNotYet):
			return err
		}
		last = err
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// look is a step that only looks. In a patient walk it looks until it holds: what
// died may be back, and not have all it had.
func (w *Walk) look(step func(context.Context) (string, error)) func(context.Context) (string, error) {
	if w.Patience == 0 {
		return step
	}
	return func(ctx context.Context) (said string, err error) {
		return said, until(ctx, "what is to be seen", func() (bool, error) {
			if said, err = step(ctx); err != nil {
				err = errors.Join(errNotYet, err)
			}
			return err == nil, err
		})
	}
}

// errNotYet marks an answer that may still become the wanted one.
var errNotYet = errors.New("not yet")

package document

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// Names in the environment of a worker process. It gets no other, so that a
// fault in PDFium would find no secret.
const (
	envWorker = "JOBPILOT_DOCUMENT_WORKER"
	envCache  = "JOBPILOT_DOCUMENT_CACHE"
)

// recycleAfter is how many documents one worker reads: the memory of
// WebAssembly grows and never shrinks.
const recycleAfter = 200

// request asks a worker for one PDF.
type request struct {
	Data       []byte
	Pages      int // read at most
	Characters int // in all, at most
	OCRPages   int // pictures of pages without text, at most
}

// pageState is what the text of a page is worth.
type pageState uint8

const (
	pageText    pageState = iota
	pagePicture           // no text, but something is drawn
	pageGarbled           // text without readable characters
)

// response is a worker's answer.
type response struct {
	Code     string // of the errs.Error; empty when read
	Cause    string
	Pages    []Page
	States   []pageState // of each page
	Total    int         // pages of the document
	Pictures map[int][]byte
}

// Worker turns the program into a worker when it was started as one, and then
// does not return. Call it first in main, and in TestMain of packages that read
// PDFs.
func Worker() {
	if os.Getenv(envWorker) == "" {
		return
	}
	if err := serve(os.Stdin, os.Stdout, os.Getenv(envCache)); err != nil {
		fmt.Fprintln(os.Stderr, "document worker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers requests until the input ends.
func serve(in io.Reader, out io.Writer, cacheDir string) error {
	engine, err := startEngine(cacheDir)
	if err != nil {
		return err
	}
	defer engine.close()
	buffered := bufio.NewWriterSize(out, 64<<10)
	dec, enc := gob.NewDecoder(bufio.NewReaderSize(in, 64<<10)), gob.NewEncoder(buffered)
	// What dies before this greeting did not die of a file.
	if err := errors.Join(enc.Encode(&response{}), buffered.Flush()); err != nil {
		return err
	}
	for {
		var req request
		if err := dec.Decode(&req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		res, err := engine.read(&req)
		var known *errs.Error
		switch {
		case errors.As(err, &known):
			res = &response{Code: known.Code, Cause: err.Error()}
		case err != nil:
			return err // PDFium is in an unknown state: another process goes on
		}
		if err := enc.Encode(res); err != nil {
			return err
		}
		if err := buffered.Flush(); err != nil {
			return err
		}
	}
}

// process is a running worker.
type process struct {
	cmd  *exec.Cmd
	said *limitedBuffer // on its standard error: why it died
	in   io.WriteCloser
	enc  *gob.Encoder
	dec  *gob.Decoder
	done int // documents read
	// greeted is set once it said that it is ready.
	greeted bool
	// idle ends the process when nobody takes it in time.
	idle *time.Timer
}

// pool keeps at most size workers.
type pool struct {
	command  []string
	cacheDir string
	idle     time.Duration
	slots    chan struct{} // one token for each worker in use
	mu       sync.Mutex
	free     []*process
	running  int
	closed   bool
	stop     chan struct{}
}

func newPool(cfg *Config) *pool {
	size, idle := cfg.Workers, cfg.Idle
	if size <= 0 {
		size = 2
	}
	if idle <= 0 {
		idle = 3 * time.Minute
	}
	return &pool{command: cfg.Command, cacheDir: cfg.CacheDir, idle: idle,
		slots: make(chan struct{}, size), stop: make(chan struct{})}
}

// do has a worker answer a request. A worker that does not answer before the
// context ends is killed, as is one that answers with anything but a response.
func (p *pool) do(ctx context.Context, req *request) (*response, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		// Waited for others until the time was up: that is not this file's fault.
		return nil, ErrReader.With(ctx.Err()).WithRetryAfter(5 * time.Second)
	case <-p.stop:
		return nil, ErrReader
	}
	w, err := p.take()
	if err != nil {
		return nil, ErrReader.With(err)
	}
	type answer struct {
		res   *response
		err   error
		start bool // it did not get as far as the file
	}
	answered := make(chan answer, 1)
	go func() {
		if !w.greeted {
			if err := w.dec.Decode(new(response)); err != nil {
				answered <- answer{err: err, start: true}
				return
			}
			w.greeted = true
		}
		if err := w.enc.Encode(req); err != nil {
			answered <- answer{err: err}
			return
		}
		res := new(response)
		err := w.dec.Decode(res)
		answered <- answer{res: res, err: err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			fault := p.end(w, true)
			if a.start {
				return nil, ErrReader.With(fmt.Errorf("worker does not start: %w: %w: %s", a.err, fault, w.said.String()))
			}
			// The process died of this file: PDFium ran out of its memory or stack.
			return nil, ErrTooComplex.With(fmt.Errorf("worker: %w: %w: %s", a.err, fault, w.said.String()))
		}
		p.put(w)
		if a.res.Code != "" {
			for _, e := range []*errs.Error{ErrEncrypted, ErrUnreadable, ErrTooLarge} {
				if e.Code == a.res.Code {
					return nil, e.With(errors.New(a.res.Cause))
				}
			}
			return nil, ErrReader.With(errors.New(a.res.Cause))
		}
		return a.res, nil
	case <-ctx.Done():
		_ = p.end(w, true)
		<-answered
		return nil, ctx.Err()
	case <-p.stop:
		_ = p.end(w, true)
		<-answered
		return nil, ErrReader
	}
}

// take returns an idle worker or starts one.
func (p *pool) take() (*process, error) {
	p.mu.Lock()
	for len(p.free) > 0 {
		w := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		if w.idle.Stop() {
			p.mu.Unlock()
			return w, nil
		}
	}
	p.mu.Unlock()
	command := p.command
	if len(command) == 0 {
		// This very program, also when a newer one lies in its place by now.
		command = []string{"/proc/self/exe"}
		if _, err := os.Stat(command[0]); err != nil {
			if command[0], err = os.Executable(); err != nil {
				return nil, err
			}
		}
	}
	cmd := exec.Command(command[0], command[1:]...)
	// The memory limit makes Go's part collect early; WebAssembly's has its own.
	cmd.Env = []string{envWorker + "=1", envCache + "=" + p.cacheDir, "GOMAXPROCS=1", "GOGC=400", "GOMEMLIMIT=384MiB"}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	said := &limitedBuffer{limit: 4 << 10}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.running++
	p.mu.Unlock()
	return &process{cmd: cmd, said: said, in: in, enc: gob.NewEncoder(in), dec: gob.NewDecoder(bufio.NewReaderSize(out, 64<<10))}, nil
}

// put gives a worker back; it ends after the idle time or when it is worn.
func (p *pool) put(w *process) {
	w.done++
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || w.done >= recycleAfter {
		go func() { _ = p.end(w, false) }()
		return
	}
	w.idle = time.AfterFunc(p.idle, func() {
		p.mu.Lock()
		for i, f := range p.free {
			if f == w {
				p.free = append(p.free[:i], p.free[i+1:]...)
				break
			}
		}
		p.mu.Unlock()
		_ = p.end(w, false)
	})
	p.free = append(p.free, w)
}

func (p *pool) close() {
	p.mu.Lock()
	free := p.free
	p.free = nil
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed {
		return
	}
	close(p.stop)
	for _, w := range free {
		if w.idle.Stop() {
			_ = p.end(w, false)
		}
	}
}

// end waits for a process to end, which it does when its input is closed.
func (p *pool) end(w *process, kill bool) error {
	if kill {
		_ = w.cmd.Process.Kill()
	}
	_ = w.in.Close()
	err := w.cmd.Wait()
	p.mu.Lock()
	p.running--
	p.mu.Unlock()
	return err
}

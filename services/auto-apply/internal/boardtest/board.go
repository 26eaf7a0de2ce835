// Package boardtest stands up what tests and measurements of applications need:
// the local job site (tools/jobboard) as a process, and the other services as far
// as auto-apply asks them, with a person who has answered what forms ask.
package boardtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Board is a job site that runs.
type Board struct {
	URL  string
	Host string
	stop func()
}

// Job is a posting of the board.
type Job struct {
	Key, Platform, Board, ID, Title, Company, Language, City, CountryCode string
	ApplyURL                                                              string `json:"applyUrl"`
	Modes                                                                 []string
	Fields                                                                []Field
}

// Field is what a form asks, and what it means.
type Field struct {
	Name, Label, Type, Meaning, About, Selector string
	Required                                    bool
	Page                                        int
	Options                                     []struct{ Value, Label string }
}

// Submission is what the board received.
type Submission struct {
	ID, Job, Outcome, Email string
	Tries                   int
	Meanings, Fields        map[string][]string
	Honeypots, Ignored      []string
	Errors                  map[string]string
	Files                   []struct{ Field, Name, SHA256 string }
}

// Start builds and starts a board on a free port. Stop ends it.
func Start() (*Board, error) {
	root, err := checkout()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jobboard")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "jobboard")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./tools/jobboard")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the job board: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	_ = l.Close()
	run := exec.Command(program, "-addr", address, "-jobs", "120")
	if err := run.Start(); err != nil {
		return nil, err
	}
	b := &Board{URL: "http://" + address, Host: address, stop: func() { _ = run.Process.Kill(); _ = run.Wait(); _ = os.RemoveAll(dir) }}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get(b.URL + "/_board/health")
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return b, nil
			}
		}
		if time.Since(began) > 30*time.Second {
			b.stop()
			return nil, fmt.Errorf("the job board does not answer at %s: %w", b.URL, err)
		}
	}
}

// Stop ends the board.
func (b *Board) Stop() { b.stop() }

func checkout() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("no go.work above the working folder")
}

func (b *Board) do(method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	q, err := http.NewRequestWithContext(context.Background(), method, b.URL+path, &body)
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, r.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(r.Body).Decode(out)
}

// Jobs lists postings; query as the board's README has it.
func (b *Board) Jobs(query string) (list []Job, err error) {
	var page struct{ Items []Job }
	err = b.do(http.MethodGet, "/_board/jobs?"+query, nil, &page)
	return page.Items, err
}

// Submissions lists what was received for a job, whatever its outcome.
func (b *Board) Submissions(key string) (list []Submission, err error) {
	var page struct{ Items []Submission }
	err = b.do(http.MethodGet, "/_board/submissions?outcome=all&job="+url.QueryEscape(key), nil, &page)
	return page.Items, err
}

// Code is the verification code that was sent last to an address.
func (b *Board) Code(email string) (string, error) {
	var page struct{ Items []struct{ Code string } }
	if err := b.do(http.MethodGet, "/_board/codes?email="+url.QueryEscape(email), nil, &page); err != nil || len(page.Items) == 0 {
		return "", err
	}
	return page.Items[len(page.Items)-1].Code, nil
}

// SetModes gives a job modes on top of its own.
func (b *Board) SetModes(key string, modes ...string) error {
	return b.do(http.MethodPut, "/_board/modes", map[string]any{"job": key, "modes": modes}, nil)
}

// Reset forgets submissions and set modes.
func (b *Board) Reset() error { return b.do(http.MethodPost, "/_board/reset", map[string]any{}, nil) }

// Has reports whether the job carries a mode.
func (j Job) Has(mode string) bool {
	for _, m := range j.Modes {
		if m == mode {
			return true
		}
	}
	return false
}

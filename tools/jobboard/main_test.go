package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr, ended := make(chan string, 1), make(chan error, 1)
	env := map[string]string{"JOBBOARD_ADDR": "127.0.0.1:0", "JOBBOARD_SEED": "7"}
	go func() {
		ended <- run(ctx, []string{"-jobs", "40"}, func(name string) string { return env[name] }, func(a string) { addr <- a })
	}()
	var at string
	select {
	case at = <-addr:
	case err := <-ended:
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || !strings.Contains(string(text), "tidepool") {
		t.Errorf("%d, %v", answer.StatusCode, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		args []string
		env  map[string]string
	}{
		"JOBBOARD_SEED":          {env: map[string]string{"JOBBOARD_SEED": "x"}},
		"JOBBOARD_JOBS":          {env: map[string]string{"JOBBOARD_JOBS": "many"}},
		"too few":                {args: []string{"-jobs", "1"}},
		"set JOBBOARD_ADDR":      {args: []string{"-addr", "127.0.0.1:99999"}},
		"provided but not defin": {args: []string{"-color"}},
	} {
		err := run(t.Context(), c.args, func(name string) string { return c.env[name] }, func(string) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestREADME keeps what builders read in step with what is served.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := posting.Generate(1, posting.MinJobs, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	named := slices.Clone(posting.Modes)
	for _, c := range b.Companies {
		named = append(named, c.Token)
	}
	for _, j := range b.Jobs {
		named = append(named, j.Traps...)
		for _, d := range form.Build(j, nil).Fields {
			named = append(named, d.Meaning)
		}
	}
	slices.Sort(named)
	for _, name := range slices.Compact(named) {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}

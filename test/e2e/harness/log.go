package harness

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// Log is what a program of the instance writes from now on.
type Log struct {
	file  string
	began os.FileInfo
}

// NewLog begins to read the log of "auth" or "gateway".
func NewLog(t testing.TB, program string) *Log {
	t.Helper()
	l := &Log{file: filepath.Join(testkit.Root(t), ".data/log/test-"+program+".log")}
	st, err := os.Stat(l.file)
	if err != nil {
		t.Fatalf("%v; start the instance with %s", err, StartCommand)
	}
	l.began = st
	return l
}

// read returns what was written since; supervisord begins a new file when one is
// large, and calls the old one .1.
func (l *Log) read(t testing.TB) []byte {
	t.Helper()
	now, err := os.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(l.file); err == nil && os.SameFile(st, l.began) {
		return now[min(int64(len(now)), l.began.Size()):]
	}
	before, err := os.ReadFile(l.file + ".1")
	if err != nil {
		t.Fatal(err)
	}
	return append(before[min(int64(len(before)), l.began.Size()):], now...)
}

// Lines are those written since, each a JSON object; any other fails the test.
func (l *Log) Lines(t testing.TB) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range bytes.Lines(l.read(t)) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // being written
		}
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Errorf("a line of %s is no JSON object: %q", filepath.Base(l.file), line)
			continue
		}
		lines = append(lines, m)
	}
	return lines
}

// Of waits for lines of a request and returns them.
func (l *Log) Of(t testing.TB, requestID string) []map[string]any {
	t.Helper()
	var own []map[string]any
	testkit.Eventually(t, "the log of request "+requestID, func() bool {
		own = nil
		for _, line := range l.Lines(t) {
			if line["request_id"] == requestID {
				own = append(own, line)
			}
		}
		return len(own) > 0
	})
	return own
}

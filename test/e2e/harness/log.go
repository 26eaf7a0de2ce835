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
	file string
	from int64
}

// NewLog begins to read the log of "auth" or "gateway".
func NewLog(t testing.TB, program string) *Log {
	t.Helper()
	l := &Log{file: filepath.Join(testkit.Root(t), ".data/log/test-"+program+".log")}
	st, err := os.Stat(l.file)
	if err != nil {
		t.Fatalf("%v; start the instance with %s", err, StartCommand)
	}
	l.from = st.Size()
	return l
}

// Lines are those written since, each a JSON object; any other fails the test.
func (l *Log) Lines(t testing.TB) []map[string]any {
	t.Helper()
	raw, err := os.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(raw)) >= l.from { // else supervisord has begun a new file
		raw = raw[l.from:]
	}
	var lines []map[string]any
	for line := range bytes.Lines(raw) {
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

package harness

import (
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// startsWithin is how long a server may take to listen: RabbitMQ needs six seconds
// on an idle machine.
const startsWithin = time.Minute

// StopServer stops one of the data servers, such as "redis", which all instances
// share, and returns what starts it again. The end of the test does so at the
// latest. address is where it listens.
func StopServer(t testing.TB, name, address string) (start func()) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listens := func() bool {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	stopped := true
	start = func() {
		t.Helper()
		if stopped {
			stopped = false
			supervise(t, "start", name)
			for deadline := time.Now().Add(startsWithin); !listens(); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s does not listen on %s within %v of its start", name, u.Host, startsWithin)
				}
			}
		}
	}
	t.Cleanup(start)
	supervise(t, "stop", name)
	if listens() {
		t.Fatalf("%s was stopped, and something listens on %s", name, u.Host)
	}
	return start
}

func supervise(t testing.TB, command, name string) {
	t.Helper()
	conf := filepath.Join(testkit.Root(t), ".data/conf/supervisord.conf")
	if out, err := exec.Command("supervisorctl", "-c", conf, command, name).CombinedOutput(); err != nil {
		t.Fatalf("supervisorctl %s %s: %v: %s", command, name, err, out)
	}
}

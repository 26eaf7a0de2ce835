package e2e

import (
	"context"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
	"github.com/jobpilot/jobpilot/test/walk"
)

// TestMainJob plays the main job of a job seeker, as the demo shows it: resume,
// jobs, applications by a real browser on every platform, what the user is told,
// and the deletion of the account. It is not parallel: it is a walk of one user,
// whose steps have their times.
func TestMainJob(t *testing.T) {
	collector := testkit.NewCollector(t, harness.Env(t, "OTEL_EXPORTER_OTLP_ENDPOINT"))
	trace, client := random(16), random(8)
	w, err := walk.New(walk.Options{
		Gateway: harness.Env(t, "GATEWAY_URL"), Mail: harness.Env(t, "MAIL_URL"), Board: harness.Env(t, "JOBBOARD_URL"),
		CAFile: harness.Env(t, "TLS_CA_FILE"), Stack: harness.Env(t, "JOBPILOT_STACK"), Instance: "test", Folder: t.TempDir(),
		Trace: "00-" + trace + "-" + client + "-01",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	for _, scene := range w.Scenes() {
		for _, s := range scene.Steps {
			ctx, cancel := context.WithTimeout(t.Context(), walk.StepLimit)
			said, err := s.Do(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%s, %s: %v", scene.Name, s.Name, err)
			}
			t.Logf("%s, %s: %s", scene.Name, s.Name, said)
		}
	}
	wantApplicationTrace(t, collector, trace, client)
}

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
	"github.com/jobpilot/jobpilot/test/walk"
)

const (
	// patience is how long whoever walks asks again: longer than the minute for which
	// an Idempotency-Key stays locked when the service died at work on it.
	patience = 2 * time.Minute
	// stepLimit is the time of a step, whatever dies in it.
	stepLimit = 4 * time.Minute
	// settleLimit is how long afterwards everything may take to be where it belongs.
	settleLimit = 5 * time.Minute
)

// TestWalk plays the main job of a job seeker, as the demo shows it, while each
// process of the stack is killed once. It ends as it does in peace, no application
// arrives twice, and every mail arrives.
func TestWalk(t *testing.T) {
	seeds := make([]uint64, setting(t, "CHAOS_SEEDS", 2))
	for i := range seeds {
		seeds[i] = uint64(rand.Uint32())
	}
	if os.Getenv("CHAOS_SEED") != "" {
		seeds = []uint64{setting(t, "CHAOS_SEED", 0)}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("CHAOS_SEED=%d", seed), func(t *testing.T) { playWalk(t, seed) })
	}
}

func playWalk(t *testing.T, seed uint64) {
	t.Helper()
	w, err := walk.New(walk.Options{
		Gateway: harness.Env(t, "GATEWAY_URL"), Mail: harness.Env(t, "MAIL_URL"), Board: harness.Env(t, "JOBBOARD_URL"),
		CAFile: harness.Env(t, "TLS_CA_FILE"), Stack: harness.Env(t, "JOBPILOT_STACK"), Instance: "test", Folder: t.TempDir(),
		Patience: patience, From: harness.NewIP(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	began := time.Now()
	dead := deadLetters(t)
	steps := 0
	for _, scene := range w.Scenes() {
		steps += len(scene.Steps)
	}
	k := newKiller(t, once(rand.New(rand.NewPCG(seed, 1)), steps))
	killing, stopKilling := context.WithCancel(t.Context())
	go k.run(killing)
	t.Cleanup(func() {
		stopKilling()
		<-k.done
		t.Logf("%s in %.0f s; CHAOS_SEED=%d", k, time.Since(began).Seconds(), seed)
	})
	step := 0
	for _, scene := range w.Scenes() {
		for _, s := range scene.Steps {
			k.reached(step)
			step++
			ctx, cancel := context.WithTimeout(t.Context(), stepLimit)
			start := time.Now()
			said, err := s.Do(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%s, %s: %v", scene.Name, s.Name, err)
			}
			said, _, _ = strings.Cut(said, "\n")
			t.Logf("%5.1f s  %s, %s: %s", time.Since(start).Seconds(), scene.Name, s.Name, said)
		}
	}
	k.finish()
	recovered(t.Context(), t)
	ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
	defer cancel()
	await(ctx, t, "nothing is under way any more", func() error { return underWay(ctx, t) })
	for name, n := range deadLetters(t) {
		if n > dead[name] {
			t.Errorf("%d messages died in %s; see stack dlq -instance test show %s", n-dead[name], name, strings.TrimSuffix(name, ".dlq"))
		}
	}
	judgeBoard(ctx, t, w)
	judgeMails(ctx, t, w)
}

// underWay is an error as long as messages wait in an outbox or a queue, or a
// workflow is not at its end.
func underWay(ctx context.Context, t *testing.T) error {
	t.Helper()
	pool := harness.Database(t)
	rows, err := pool.Query(ctx, `SELECT schemaname FROM pg_tables WHERE tablename = 'outbox' AND schemaname NOT LIKE 'test%'`)
	if err != nil {
		return err
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, schema := range schemas {
		var n int
		err := pool.QueryRow(ctx, `SELECT count(*) FROM `+pgx.Identifier{schema, "outbox"}.Sanitize()).Scan(&n)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d messages are in the outbox of %s", n, schema)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range queues(t) {
		if err := empty(t, name); err != nil && !strings.HasSuffix(name, ".dlq") {
			return err
		}
	}
	return nil
}

// queues are the names of all queues.
func queues(t *testing.T) (names []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testkit.Root(t), "deploy/rabbitmq/topology.gen.json"))
	if err != nil {
		t.Fatal(err)
	}
	var topology rabbit.Topology
	if err := json.Unmarshal(raw, &topology); err != nil {
		t.Fatal(err)
	}
	for _, q := range topology.Queues {
		names = append(names, q.Name, q.Name+".urgent", q.Name+".dlq")
		for i := range q.Delays {
			names = append(names, fmt.Sprintf("%s.retry.%d", q.Name, i+1))
		}
	}
	return names
}

// deadLetters counts the messages that nobody could handle, by queue.
func deadLetters(t *testing.T) map[string]int {
	t.Helper()
	n := map[string]int{}
	withChannel(t, func(ch *amqp.Channel) error {
		for _, name := range queues(t) {
			if !strings.HasSuffix(name, ".dlq") {
				continue
			}
			q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			if err != nil {
				return err
			}
			n[name] = q.Messages
		}
		return nil
	})
	return n
}

// judgeBoard compares what employers received with what the user was told.
func judgeBoard(ctx context.Context, t *testing.T, w *walk.Walk) {
	t.Helper()
	var record struct {
		Items []struct{ Job, Outcome string }
	}
	if err := ask(ctx, http.MethodGet, harness.Env(t, "JOBBOARD_URL")+"/_board/submissions?email="+url.QueryEscape(w.Email()), &record); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, s := range record.Items {
		got[s.Job]++
	}
	told := w.Told()
	for job, state := range told {
		if n := got[job]; n > 1 || n == 0 && state == "submitted" {
			t.Errorf("the application to %s, which is %s, arrived %d times", job, state, n)
		}
	}
	for job := range got {
		if told[job] == "" {
			t.Errorf("an application to %s arrived that nobody was told of", job)
		}
	}
}

// copies is how many mails may be there twice: SMTP has no way to ask whether a mail
// was taken, so one whose sender, or its database, died between the mail server's
// word and the record of it is sent again, with the same Message-ID. notification,
// PgBouncer and Postgres die once each.
const copies = 3

// judgeMails compares the mails that arrived with what happened.
func judgeMails(ctx context.Context, t *testing.T, w *walk.Walk) {
	t.Helper()
	want := map[string]int{
		"auth.verify_email": 1, "user.welcome": 1, "auth.account_deleted": 1,
		"application.review": 1, "application.question": 1, "application.captcha": 1, "application.interview": 1,
		"alert": w.Alerts(),
	}
	for _, state := range w.Told() {
		want["application."+state]++
	}
	var mails []struct {
		Subject, MessageID string
		Headers            map[string]any
	}
	if err := ask(ctx, http.MethodGet, harness.Env(t, "MAIL_URL")+"/email?to.address="+url.QueryEscape(w.Email()), &mails); err != nil {
		t.Fatal(err)
	}
	ids, got := map[string]bool{}, map[string]int{}
	twice := 0
	for _, m := range mails {
		kind, _ := m.Headers["x-jobpilot-kind"].(string)
		switch {
		case kind == "": // of an employer
		case ids[m.MessageID]:
			twice++
		case strings.HasPrefix(kind, "job.alert"): // of one job or of several
			got["alert"]++
		default:
			got[kind]++
		}
		ids[m.MessageID] = true
	}
	t.Logf("%d mails, %d of them twice: %v", len(mails), twice, got)
	if twice > copies {
		t.Errorf("%d mails are there twice", twice)
	}
	for _, kind := range slices.Sorted(maps.Keys(want)) {
		if got[kind] != want[kind] {
			t.Errorf("%d mails of kind %s arrived, not %d", got[kind], kind, want[kind])
		}
	}
}

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

const (
	queue      = "chaos"
	registered = "auth.user.registered"
	endOfRun   = "chaos.run.ended"
)

// witness is a service that is told of registrations, as any other would be: a
// queue bound to the event, an inbox, and a table that it changes with it.
type witness struct {
	auth   *pgxpool.Pool // the instance's database, to count what is there
	own    *pgxpool.Pool // a schema of its own
	broker *rabbit.Conn
	began  time.Time // by the database's clock
	end    uuid.UUID // of the message behind all others
	ended  chan struct{}

	tries            atomic.Int64
	accounts, events int
}

func newWitness(ctx context.Context, t *testing.T) *witness {
	t.Helper()
	w := &witness{auth: harness.Database(t), end: uuid.New(), ended: make(chan struct{})}
	w.own = testkit.Schema(t, outbox.Schema+`
		CREATE TABLE told (message_id uuid NOT NULL, user_id uuid NOT NULL, email text NOT NULL);`)
	if err := w.auth.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&w.began); err != nil {
		t.Fatal(err)
	}
	// What a run that was cut short has left.
	withChannel(t, func(ch *amqp.Channel) error { return deleteQueues(ch) })
	// It outlives the failures of this run and its clean-up, which runs backwards.
	t.Cleanup(func() { withChannel(t, func(ch *amqp.Channel) error { return deleteQueues(ch) }) })

	topology := &rabbit.Topology{Exchange: "jobpilot.events", Queues: []rabbit.Queue{{
		Name: queue, Tries: 1000, Delays: []rabbit.Duration{rabbit.Duration(time.Second)},
		Bindings: []rabbit.Binding{{Key: registered}},
	}}}
	var err error
	w.broker, err = rabbit.Open(harness.Env(t, "RABBITMQ_URL"), rabbit.Options{Name: "chaos", Topology: topology, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.broker.Declare(ctx); err != nil { // before the first event
		t.Fatal(err)
	}
	handle := outbox.Handler(w.own, "chaos", w.apply)
	consuming, stop := context.WithCancel(context.WithoutCancel(ctx))
	var consumer sync.WaitGroup
	consumer.Go(func() {
		if err := w.broker.Consume(consuming, rabbit.Consumer{Queue: queue, Concurrency: 1, Batch: 50, Handler: handle}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		consumer.Wait()
		_ = w.broker.Close()
	})
	return w
}

// apply is what the witness does about an event. It is not idempotent: that is
// what the inbox is for.
func (w *witness) apply(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
	if e.Type == endOfRun {
		pg.AfterCommit(tx, func() { close(w.ended) }) // once: the inbox sees to that
		return nil
	}
	w.tries.Add(1)
	var data struct {
		UserID uuid.UUID `json:"userId"`
		Email  string    `json:"email"`
	}
	if err := e.Decode(&data); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO told (message_id, user_id, email) VALUES ($1, $2, $3)`, e.ID, data.UserID, data.Email)
	return err
}

// settle waits until nothing is under way any more: auth's outbox is empty, and
// a message that was sent after that has come through the queue.
func (w *witness) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	await(ctx, t, "the outbox of auth is empty", func() error {
		var n int
		err := w.auth.QueryRow(ctx, `SELECT count(*) FROM auth.outbox`).Scan(&n)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d messages wait", n)
		}
		return err
	})
	body, err := json.Marshal(rabbit.Event{ID: w.end, Source: "chaos", Type: endOfRun, Time: time.Now(), Data: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the broker takes the last message", func() error {
		return w.broker.Publish(ctx, rabbit.Publication{Key: queue, ID: w.end, Type: endOfRun, Body: body})[0]
	})
	select {
	case <-w.ended:
	case <-ctx.Done():
		t.Fatalf("the last message does not come through the queue: %v", ctx.Err())
	}
	for _, name := range []string{queue, queue + ".urgent", queue + ".retry.1"} {
		await(ctx, t, name+" is empty", func() error { return empty(t, name) })
	}
	if err := empty(t, queue+".dlq"); err != nil {
		t.Error(err)
	}
}

// judge compares promises, accounts and events.
func (w *witness) judge(ctx context.Context, t *testing.T, p *people) {
	t.Helper()
	lookup, err := seal.NewLookup(harness.ServiceEnv(t, "auth")["LOOKUP_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]*person{} // by the hash that an account is found by
	for i := range p.all {
		asked[string(lookup.Hash("users.email", p.all[i].email))] = &p.all[i]
	}
	rows, err := w.auth.Query(ctx, `SELECT id, email_hash FROM auth.users WHERE created_at >= $1`, w.began)
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]uuid.UUID{} // by address
	var id uuid.UUID
	var hash []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &hash}, func() error {
		who := asked[string(hash)]
		switch {
		case who == nil:
			t.Errorf("account %s belongs to nobody who registered", id)
		case exist[who.email] != uuid.Nil:
			t.Errorf("%s has two accounts, %s and %s", who.email, exist[who.email], id)
		default:
			exist[who.email] = id
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.forget(t, exist) })
	for _, who := range p.all {
		if who.answered && exist[who.email] == uuid.Nil {
			t.Errorf("%s was told that it is registered, and has no account", who.email)
		}
	}

	rows, err = w.own.Query(ctx, `SELECT user_id, email, count(*) FROM told GROUP BY user_id, email`)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	var email string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&id, &email, &n}, func() error {
		told[email] = true
		w.events += n
		if n != 1 {
			t.Errorf("the registration of %s was applied %d times", email, n)
		}
		if exist[email] != id {
			t.Errorf("an event tells of account %s of %s; the account there is %s", id, email, exist[email])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for email := range exist {
		if !told[email] {
			t.Errorf("%s has an account of which no event told", email)
		}
	}
	w.accounts = len(exist)
}

// forget deletes the accounts and their mails.
func (w *witness) forget(t *testing.T, accounts map[string]uuid.UUID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	ids := make([]uuid.UUID, 0, len(accounts))
	for _, id := range accounts {
		ids = append(ids, id)
	}
	if _, err := w.auth.Exec(ctx, `DELETE FROM auth.users WHERE id = ANY ($1)`, ids); err != nil {
		t.Error(err)
	}
	for _, half := range []string{"notifications", "notifications.urgent"} {
		await(ctx, t, "the mails are sent", func() error { return empty(t, half) })
	}
	catcher := harness.Env(t, "MAIL_URL")
	var mails []struct {
		ID string
		To []struct{ Address string }
	}
	if err := ask(ctx, http.MethodGet, catcher+"/email", &mails); err != nil {
		t.Error(err)
	}
	for _, m := range mails {
		if len(m.To) == 1 && accounts[m.To[0].Address] != uuid.Nil {
			if err := ask(ctx, http.MethodDelete, catcher+"/email/"+m.ID, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

func ask(ctx context.Context, method, url string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, body.String())
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(body.Bytes(), answer)
}

// String counts what the witness knows.
func (w *witness) String() string {
	return fmt.Sprintf("%d accounts, %d events applied in %d tries", w.accounts, w.events, w.tries.Load())
}

// withChannel works on the broker by itself, beside pkg/rabbit.
func withChannel(t *testing.T, do func(*amqp.Channel) error) {
	t.Helper()
	if err := onChannel(t, do); err != nil {
		t.Fatal(err)
	}
}

func onChannel(t *testing.T, do func(*amqp.Channel) error) error {
	t.Helper()
	conn, err := amqp.Dial(harness.Env(t, "RABBITMQ_URL"))
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	return do(ch)
}

func deleteQueues(ch *amqp.Channel) error {
	var faults []error
	for _, name := range strings.Fields(queue + " " + queue + ".urgent " + queue + ".retry.1 " + queue + ".dlq") {
		_, err := ch.QueueDelete(name, false, false, false)
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// empty is an error as long as messages are ready in a queue.
func empty(t *testing.T, name string) error {
	t.Helper()
	return onChannel(t, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		if err == nil && q.Messages > 0 {
			err = fmt.Errorf("%d messages are in %s", q.Messages, name)
		}
		return err
	})
}

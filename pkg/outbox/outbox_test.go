package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

var quiet = slog.New(slog.DiscardHandler)

var topology = &rabbit.Topology{Exchange: "test.events", Queues: []rabbit.Queue{
	{Name: "reader", Tries: 3, Delays: []rabbit.Duration{rabbit.Duration(20 * time.Millisecond)},
		Bindings: []rabbit.Binding{{Key: "test.thing.*"}}},
}}

func connect(tb testing.TB, url string) *rabbit.Conn {
	tb.Helper()
	conn, err := rabbit.Open(url, rabbit.Options{Name: tb.Name(), Topology: topology, Log: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	testkit.Eventually(tb, "connected", func() bool { return conn.Ready(context.Background()) == nil })
	return conn
}

// start runs f until the test ends.
func start(tb testing.TB, f func(context.Context) error) {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := f(ctx); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() { stop(); running.Wait() })
}

func relay(tb testing.TB, db *pgxpool.Pool, conn *rabbit.Conn, metrics prometheus.Registerer) {
	tb.Helper()
	r, err := outbox.NewRelay(db, conn, outbox.RelayOptions{Metrics: metrics, Log: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	start(tb, r.Run)
}

func send(tb testing.TB, db *pgxpool.Pool, msgs ...outbox.Message) {
	tb.Helper()
	err := pg.InTx(tb.Context(), db, func(tx pgx.Tx) error { return outbox.Append(tb.Context(), tx, msgs...) })
	if err != nil {
		tb.Fatal(err)
	}
}

func thing(subject string, n int) outbox.Message {
	return outbox.Message{Type: "test.thing.made", Source: "test", Subject: subject, Data: map[string]int{"n": n}}
}

// consume applies messages to the table applied (aggregate, n), in a row for each.
func consume(tb testing.TB, db *pgxpool.Pool, conn *rabbit.Conn, cons rabbit.Consumer, apply outbox.Apply) {
	tb.Helper()
	cons.Queue, cons.Handler = "reader", outbox.Handler(db, "test", apply)
	start(tb, func(ctx context.Context) error { return conn.Consume(ctx, cons) })
}

const ddl = `
	CREATE TABLE applied (id bigint GENERATED ALWAYS AS IDENTITY, subject text, n int);`

func store(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
	var v struct{ N int }
	if err := e.Decode(&v); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO applied (subject, n) VALUES ($1, $2)`, e.Subject, v.N)
	return err
}

func number(tb testing.TB, db *pgxpool.Pool, sql string, args ...any) (n int) {
	tb.Helper()
	if err := db.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestOrderPerAggregateAcrossReplicas(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema+ddl)
	url := testkit.Rabbit(t)
	conn := connect(t, url)
	const subjects, each = 7, 60
	for n := range each {
		var msgs []outbox.Message
		for s := range subjects {
			msgs = append(msgs, thing(fmt.Sprint("s", s), n))
		}
		send(t, db, msgs...)
	}
	for range 3 { // replicas
		relay(t, db, connect(t, url), nil)
	}
	consume(t, db, conn, rabbit.Consumer{Concurrency: 1, Batch: 50}, store)
	testkit.Eventually(t, "all are applied", func() bool {
		return number(t, db, `SELECT count(*) FROM applied`) == subjects*each
	})
	wrong := number(t, db, `SELECT count(*) FROM (
		SELECT n, lag(n, 1, -1) OVER (PARTITION BY subject ORDER BY id) AS before FROM applied) AS a WHERE n <> before + 1`)
	if wrong != 0 {
		t.Errorf("%d messages out of order or twice", wrong)
	}
	testkit.Eventually(t, "the outbox is empty", func() bool { return number(t, db, `SELECT count(*) FROM outbox`) == 0 })
}

func TestUnroutableWorkWaitsAndBlocksOnlyItsAggregate(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema+ddl)
	url := testkit.Rabbit(t)
	conn := connect(t, url)
	registry := prometheus.NewRegistry()
	work := outbox.Message{Type: "test.work.do", Source: "test", Subject: "a", Queue: "nobody"}
	send(t, db, thing("a", 0), work, thing("a", 1), thing("b", 0), thing("b", 1))
	relay(t, db, conn, registry)
	consume(t, db, conn, rabbit.Consumer{}, store)

	testkit.Eventually(t, "the others are applied", func() bool { return number(t, db, `SELECT count(*) FROM applied`) == 3 })
	if n := number(t, db, `SELECT count(*) FROM applied WHERE subject = 'a'`); n != 1 {
		t.Errorf("%d messages of the blocked aggregate went, want the one before", n)
	}
	testkit.Eventually(t, "the unroutable message is kept for later, and the one behind it", func() bool {
		return number(t, db, `SELECT count(*) FROM outbox`) == 2 &&
			number(t, db, `SELECT count(*) FROM outbox WHERE queue = 'nobody' AND attempts > 0 AND not_before > created_at`) == 1
	})
	want := `
		# HELP outbox_messages Messages that wait to be published.
		# TYPE outbox_messages gauge
		outbox_messages{state="parked"} 1
		outbox_messages{state="waiting"} 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "outbox_messages"); err != nil {
		t.Error(err)
	}

	// Its queue appears: it goes, and what waited behind it.
	more := *topology
	more.Queues = append(slices.Clone(more.Queues), rabbit.Queue{Name: "nobody", Tries: 1})
	other, err := rabbit.Open(url, rabbit.Options{Topology: &more, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	testkit.Eventually(t, "the blocked ones go too", func() bool {
		return number(t, db, `SELECT count(*) FROM outbox`) == 0 && number(t, db, `SELECT count(*) FROM applied`) == 4
	})
}

func TestEventsNobodyWantsAreCounted(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema)
	registry := prometheus.NewRegistry()
	relay(t, db, connect(t, testkit.Rabbit(t)), registry)
	send(t, db, outbox.Message{Type: "test.other.made", Source: "test"})
	testkit.Eventually(t, "it is gone", func() bool { return number(t, db, `SELECT count(*) FROM outbox`) == 0 })
	want := `
		# HELP outbox_unrouted_events_total Events that no queue subscribed to.
		# TYPE outbox_unrouted_events_total counter
		outbox_unrouted_events_total{type="test.other.made"} 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "outbox_unrouted_events_total"); err != nil {
		t.Error(err)
	}
}

func TestAMessageIsAppliedOnceHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema+ddl)
	conn := connect(t, testkit.Rabbit(t))
	m := thing("a", 1)
	m.ID = uuid.Must(uuid.NewV7())
	relay(t, db, conn, nil)
	send(t, db, m, m, m)
	send(t, db, m)
	consume(t, db, conn, rabbit.Consumer{Batch: 10}, store)
	last := thing("a", 2)
	send(t, db, last)
	testkit.Eventually(t, "the last is applied", func() bool { return number(t, db, `SELECT count(*) FROM applied WHERE n = 2`) == 1 })
	testkit.Eventually(t, "the queue is empty", func() bool { return number(t, db, `SELECT count(*) FROM outbox`) == 0 })
	if n := number(t, db, `SELECT count(*) FROM applied WHERE n = 1`); n != 1 {
		t.Errorf("applied %d times", n)
	}
}

func TestOneFailureOfABatchFailsAlone(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema+ddl)
	conn := connect(t, testkit.Rabbit(t))
	relay(t, db, conn, nil)
	var msgs []outbox.Message
	for n := range 40 {
		msgs = append(msgs, thing("", n))
	}
	send(t, db, msgs...)
	consume(t, db, conn, rabbit.Consumer{Batch: 20}, func(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
		if err := store(ctx, tx, e); err != nil {
			return err
		}
		var v struct{ N int }
		if err := e.Decode(&v); err != nil {
			return err
		}
		if v.N == 13 {
			return errors.New("poison")
		}
		return nil
	})
	testkit.Eventually(t, "the others are applied", func() bool { return number(t, db, `SELECT count(*) FROM applied`) == 39 })
	testkit.Eventually(t, "the poison is dead", func() bool {
		found := 0
		err := conn.Judge(t.Context(), "reader", func(d rabbit.Dead) rabbit.Verdict {
			if found++; d.Attempts != 3 || d.Error != "poison" {
				t.Errorf("cause of death %+v", d.Failure)
			}
			return rabbit.Keep
		})
		if err != nil {
			t.Fatal(err)
		}
		return found == 1
	})
	if n := number(t, db, `SELECT count(*) FROM inbox`); n != 39 {
		t.Errorf("%d rows in the inbox", n)
	}
	if n := number(t, db, `SELECT count(*) FROM applied WHERE n = 13`); n != 0 {
		t.Error("what the poison changed was kept")
	}
}

func TestBrokerAndDatabaseGoAwayAndNothingIsLost(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema+ddl)
	brokerProxy, url := testkit.ProxyURL(t, testkit.Rabbit(t))
	dbProxy, dbURL := testkit.ProxyURL(t, db.Config().ConnString())
	flaky, err := pg.Open(t.Context(), dbURL, pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flaky.Close)
	conn := connect(t, url)
	relay(t, flaky, conn, nil)
	consume(t, flaky, conn, rabbit.Consumer{Batch: 10}, store)

	const total = 1000
	rng := testkit.Rand(t)
	for n := range total {
		send(t, db, thing(fmt.Sprint(n%100), n))
		switch rng.IntN(150) {
		case 0:
			brokerProxy.Cut()
		case 1:
			dbProxy.Cut()
		case 2:
			brokerProxy.Down()
			dbProxy.Down()
			dbProxy.Up()
			brokerProxy.Up()
		}
	}
	testkit.Eventually(t, "all are applied", func() bool {
		return number(t, db, `SELECT count(DISTINCT n) FROM applied`) == total
	})
	if n := number(t, db, `SELECT count(*) FROM applied`); n != total {
		t.Errorf("%d applied, want %d", n, total)
	}
}

func TestAppendFaults(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, outbox.Schema)
	for want, m := range map[string]outbox.Message{
		"Type and Source": {Source: "test"},
		"no work":         {Source: "test", Type: "t", Urgent: true},
		"encode":          {Source: "test", Type: "t", Data: func() {}},
	} {
		err := pg.InTx(t.Context(), db, func(tx pgx.Tx) error { return outbox.Append(t.Context(), tx, m) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", m, err, want)
		}
	}
}

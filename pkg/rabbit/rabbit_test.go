package rabbit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

const events = "test.events"

func topology(queues ...rabbit.Queue) *rabbit.Topology {
	return &rabbit.Topology{Exchange: events, Queues: queues}
}

func delays(d ...time.Duration) (out []rabbit.Duration) {
	for _, v := range d {
		out = append(out, rabbit.Duration(v))
	}
	return out
}

func open(tb testing.TB, url string, top *rabbit.Topology) *rabbit.Conn {
	tb.Helper()
	conn, err := rabbit.Open(url, rabbit.Options{Name: tb.Name(), Topology: top, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	testkit.Eventually(tb, "connected", func() bool { return conn.Ready(tb.Context()) == nil })
	return conn
}

func event(exchange, key string, n int) rabbit.Publication {
	id := uuid.Must(uuid.NewV7())
	body, err := json.Marshal(rabbit.Event{ID: id, Source: "test", Type: "test.thing.made", Subject: "1", Time: time.Now(),
		Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))})
	if err != nil {
		panic(err)
	}
	return rabbit.Publication{Exchange: exchange, Key: key, ID: id, Type: "test.thing.made", Body: body}
}

func number(tb testing.TB, m *rabbit.Message) int {
	tb.Helper()
	var v struct{ N int }
	if err := m.Decode(&v); err != nil {
		tb.Error(err)
	}
	return v.N
}

func publish(tb testing.TB, conn *rabbit.Conn, msgs ...rabbit.Publication) {
	tb.Helper()
	for i, err := range conn.Publish(tb.Context(), msgs...) {
		if err != nil {
			tb.Fatalf("message %d: %v", i, err)
		}
	}
}

// consume runs a consumer until the test ends.
func consume(tb testing.TB, conn *rabbit.Conn, cons rabbit.Consumer) {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := conn.Consume(ctx, cons); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() { stop(); running.Wait() })
}

// record notes what was handled.
type record struct {
	mu sync.Mutex
	ns []int
}

func (r *record) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ns = append(r.ns, n)
}

func (r *record) all() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ns)
}

func TestPublishTellsEveryMessagesFate(t *testing.T) {
	t.Parallel()
	conn := open(t, testkit.Rabbit(t), topology(rabbit.Queue{
		Name: "things", Tries: 1, Bindings: []rabbit.Binding{{Key: "test.thing.*"}},
	}))
	errs := conn.Publish(t.Context(),
		event("", "things", 0), event("", "nobody", 1), event(events, "test.thing.made", 2), event(events, "test.other", 3))
	for i, want := range []error{nil, rabbit.ErrUnroutable, nil, rabbit.ErrUnroutable} {
		if !errors.Is(errs[i], want) {
			t.Errorf("message %d: %v, want %v", i, errs[i], want)
		}
	}
	var got record
	consume(t, conn, rabbit.Consumer{Queue: "things", Concurrency: 1, Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		got.add(number(t, m))
		return nil
	})})
	testkit.Eventually(t, "both routed messages are handled", func() bool { return slices.Equal(got.all(), []int{0, 2}) })
}

func TestPoisonIsDeadAfterItsTriesAndDelaysNobody(t *testing.T) {
	t.Parallel()
	conn := open(t, testkit.Rabbit(t), topology(rabbit.Queue{
		Name: "work", Tries: 3, Delays: delays(50*time.Millisecond, 100*time.Millisecond),
	}))
	var good record
	var mu sync.Mutex
	var attempts []int
	consume(t, conn, rabbit.Consumer{Queue: "work", Concurrency: 2, Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		if n := number(t, m); n >= 0 {
			good.add(n)
			return nil
		}
		mu.Lock()
		attempts = append(attempts, m.Attempt)
		defer mu.Unlock()
		return errors.New("poisonous")
	})})
	publish(t, conn, event("", "work", -1))
	msgs := make([]rabbit.Publication, 200)
	for i := range msgs {
		msgs[i] = event("", "work", i)
	}
	publish(t, conn, msgs...)
	testkit.Eventually(t, "the others are handled", func() bool { return len(good.all()) == len(msgs) })

	var dead []rabbit.Dead
	testkit.Eventually(t, "the poison is dead", func() bool {
		dead = look(t, conn, "work")
		return len(dead) == 1
	})
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(attempts, []int{1, 2, 3}) {
		t.Errorf("attempts %v", attempts)
	}
	d := dead[0]
	if d.Attempts != 3 || d.Error != "poisonous" || d.Half != "work" || d.ID == uuid.Nil ||
		d.Last.Sub(d.First) < 150*time.Millisecond {
		t.Errorf("cause of death: %+v", d.Failure)
	}
}

func TestPermanentErrorsPanicsAndForeignBodiesDieAtOnce(t *testing.T) {
	t.Parallel()
	conn := open(t, testkit.Rabbit(t), topology(rabbit.Queue{Name: "work", Tries: 5, Delays: delays(time.Hour)}))
	consume(t, conn, rabbit.Consumer{Queue: "work", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		return rabbit.Permanent(errors.New("never"))
	})})
	foreign := event("", "work.urgent", 2)
	foreign.Body = []byte(`{"specversion":"0.3"}`)
	publish(t, conn, event("", "work", 1), foreign)
	var dead []rabbit.Dead
	testkit.Eventually(t, "both are dead", func() bool {
		dead = look(t, conn, "work")
		return len(dead) == 2
	})
	for _, d := range dead {
		want := "never"
		if d.ID == foreign.ID {
			want = "not a message of ours"
			if d.Half != "work.urgent" {
				t.Errorf("half %q", d.Half)
			}
		}
		if d.Attempts != 1 || !strings.Contains(d.Error, want) {
			t.Errorf("cause of death %+v, want %q", d.Failure, want)
		}
	}
}

func TestAPanicIsAnAttempt(t *testing.T) {
	t.Parallel()
	conn := open(t, testkit.Rabbit(t), topology(rabbit.Queue{Name: "work", Tries: 2, Delays: delays(10 * time.Millisecond)}))
	var got record
	consume(t, conn, rabbit.Consumer{Queue: "work", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		if m.Attempt == 1 {
			panic("first time")
		}
		got.add(m.Attempt)
		return nil
	})})
	publish(t, conn, event("", "work.urgent", 1))
	testkit.Eventually(t, "handled the second time", func() bool { return slices.Equal(got.all(), []int{2}) })
}

func TestNotReadyIsNoAttempt(t *testing.T) {
	t.Parallel()
	conn := open(t, testkit.Rabbit(t), topology(rabbit.Queue{Name: "work", Tries: 1}))
	var mu sync.Mutex
	calls := 0
	var got record
	consume(t, conn, rabbit.Consumer{Queue: "work", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls < 3 {
			return rabbit.NotReady(errors.New("database is down"))
		}
		got.add(m.Attempt)
		return nil
	})})
	publish(t, conn, event("", "work", 1))
	testkit.Eventually(t, "handled when ready", func() bool { return slices.Equal(got.all(), []int{1}) })
}

func TestNothingIsLostWhenConnectionsBreak(t *testing.T) {
	t.Parallel()
	proxy, url := testkit.ProxyURL(t, testkit.Rabbit(t))
	conn := open(t, url, topology(rabbit.Queue{Name: "work", Tries: 3, Delays: delays(10 * time.Millisecond)}))
	var mu sync.Mutex
	seen := map[uuid.UUID]int{}
	consume(t, conn, rabbit.Consumer{Queue: "work", Batch: 10, Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		mu.Lock()
		defer mu.Unlock()
		seen[m.ID]++
		return nil
	})})

	const total, batch = 3000, 50
	confirmed := map[uuid.UUID]bool{}
	rng := testkit.Rand(t)
	for n := 0; n < total; n += batch {
		msgs := make([]rabbit.Publication, batch)
		for i := range msgs {
			msgs[i] = event("", "work", n+i)
		}
		var cutting sync.WaitGroup
		if rng.IntN(6) == 0 {
			cutting.Go(proxy.Cut)
		}
		for len(msgs) > 0 { // as the outbox does: what is not confirmed is published again
			var again []rabbit.Publication
			for i, err := range conn.Publish(t.Context(), msgs...) {
				if err != nil {
					again = append(again, msgs[i])
				} else {
					confirmed[msgs[i].ID] = true
				}
			}
			msgs = again
		}
		cutting.Wait()
	}
	if len(confirmed) != total {
		t.Fatalf("%d confirmed", len(confirmed))
	}
	testkit.Eventually(t, "every confirmed message is handled", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == total
	})
}

func TestOpenDoesNotNeedTheBroker(t *testing.T) {
	t.Parallel()
	proxy, url := testkit.ProxyURL(t, testkit.Rabbit(t))
	proxy.Down()
	conn, err := rabbit.Open(url, rabbit.Options{Topology: topology(rabbit.Queue{Name: "work", Tries: 1}), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Ready(t.Context()) == nil {
		t.Error("ready without a broker")
	}
	done := make(chan error)
	go func() { done <- conn.Publish(t.Context(), event("", "work", 1))[0] }()
	proxy.Up()
	if err := <-done; err != nil {
		t.Errorf("published when the broker came: %v", err)
	}
}

func TestOtherArgumentsOnTheBrokerAreExplained(t *testing.T) {
	t.Parallel()
	url := testkit.Rabbit(t)
	open(t, url, topology(rabbit.Queue{Name: "work", Tries: 2, Delays: delays(time.Second)}))
	conn := open(t, url, topology(rabbit.Queue{Name: "work", Tries: 2, Delays: delays(2 * time.Second)}))
	err := conn.Declare(t.Context())
	if err == nil || !strings.Contains(err.Error(), "rabbitmqctl delete_queue") || !strings.Contains(err.Error(), "work.retry.1") {
		t.Errorf("error %v", err)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	conn := open(t, testkit.Rabbit(t), topology(rabbit.Queue{Name: "work", Tries: 1}))
	var mu sync.Mutex
	healed := false
	var got record
	consume(t, conn, rabbit.Consumer{Queue: "work", Handler: rabbit.Each(func(_ context.Context, m *rabbit.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if !healed {
			return errors.New("broken")
		}
		got.add(number(t, m))
		return nil
	})})
	a, b, c := event("", "work", 1), event("", "work.urgent", 2), event("", "work", 3)
	publish(t, conn, a, b, c)
	testkit.Eventually(t, "three are dead", func() bool { return len(look(t, conn, "work")) == 3 })
	mu.Lock()
	healed = true
	mu.Unlock()
	judged := map[uuid.UUID]bool{}
	testkit.Eventually(t, "all three are judged", func() bool { // what look kept comes back in a moment
		err := conn.Judge(t.Context(), "work", func(d rabbit.Dead) rabbit.Verdict {
			judged[d.ID] = true
			switch d.ID {
			case a.ID:
				return rabbit.Drop
			case b.ID:
				return rabbit.Replay
			}
			return rabbit.Keep
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(judged) == 3
	})
	testkit.Eventually(t, "the replayed one is handled", func() bool { return slices.Equal(got.all(), []int{2}) })
	testkit.Eventually(t, "the kept one is there", func() bool {
		left := look(t, conn, "work")
		return len(left) == 1 && left[0].ID == c.ID
	})
}

func TestTopologyFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:             "topology",
		`{"queues":[]}`: "exchange",
		`{"exchange":"e","queues":[{"name":"a"}]}`:                                  "tries",
		`{"exchange":"e","queues":[{"name":"a","tries":2}]}`:                        "delays",
		`{"exchange":"e","queues":[{"name":"a","tries":2,"delays":["x"]}]}`:         "duration",
		`{"exchange":"e","queues":[{"name":"a","tries":1},{"name":"a","tries":1}]}`: "twice",
		`{"exchange":"e","queues":[{"name":"a","tries":2,"delays":["1us"]}]}`:       "shorter",
	} {
		if _, err := rabbit.ParseTopology([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// look reads a dead-letter queue and leaves it as it is.
func look(tb testing.TB, conn *rabbit.Conn, queue string) (dead []rabbit.Dead) {
	tb.Helper()
	err := conn.Judge(tb.Context(), queue, func(d rabbit.Dead) rabbit.Verdict {
		dead = append(dead, d)
		return rabbit.Keep
	})
	if err != nil {
		tb.Fatal(err)
	}
	return dead
}

// A message whose consumer dies each time is dead after the broker has delivered
// it DeliveryLimit times.
func TestAMessageThatKillsItsConsumerDies(t *testing.T) {
	t.Parallel()
	url := testkit.Rabbit(t)
	conn := open(t, url, topology(rabbit.Queue{Name: "work", Tries: 3, Delays: delays(time.Second)}))
	m := event("", "work", 1)
	publish(t, conn, m)
	raw, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	deliveries := 0
	var dead []rabbit.Dead
	testkit.Eventually(t, "the message is dead", func() bool {
		ch, err := raw.Channel()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok, err := ch.Get("work", false); err != nil {
			t.Fatal(err)
		} else if ok {
			deliveries++
		}
		ch.Close() // without an answer
		if deliveries > rabbit.DeliveryLimit {
			dead = look(t, conn, "work")
		}
		return len(dead) == 1
	})
	if d := dead[0]; d.ID != m.ID || d.Half != "work" || d.Attempts != rabbit.DeliveryLimit || !strings.Contains(d.Error, "never answered") || d.First.IsZero() {
		t.Errorf("cause of death %+v", d)
	}
	if deliveries != rabbit.DeliveryLimit+1 {
		t.Errorf("%d deliveries", deliveries)
	}
}

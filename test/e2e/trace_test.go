package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// subscribe is what another service that hears of events would have: a queue of
// its own on the exchange.
func subscribe(t *testing.T, key string) <-chan amqp.Delivery {
	t.Helper()
	conn, err := amqp.Dial(harness.Env(t, "RABBITMQ_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(q.Name, key, "jobpilot.events", false, nil); err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return deliveries
}

// event is a message as its consumers read it.
type event struct {
	amqp.Delivery
	SpecVersion, ID, Source, Type, Subject string
	Data                                   map[string]any
}

// await waits for an event that the test is about; others pass by.
func await(t *testing.T, deliveries <-chan amqp.Delivery, is func(event) bool) event {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				t.Fatal("the connection to RabbitMQ was lost")
			}
			var e event
			if err := json.Unmarshal(d.Body, &e); err != nil {
				t.Fatalf("%s: %v", d.Body, err)
			}
			if e.Delivery = d; is(e) {
				return e
			}
		case <-deadline:
			t.Fatal("no such event within 20 s")
		}
	}
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// TestOneTrace follows one request, by the trace that its client began, through
// the gateway, the service and its database, the outbox and the queue to the
// consumer.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	collector := testkit.NewCollector(t)
	auth := harness.StartService(t, "auth", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
	upstream, err := url.Parse(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	gateway := harness.StartGateway(t, "AUTH_UPSTREAM="+upstream.Host)
	events := subscribe(t, "auth.user.registered")

	trace, parent, email := random(16), random(8), harness.NewEmail()
	c := harness.NewClient(t).At(gateway.URL)
	raw, err := json.Marshal(members{"email": email, "password": harness.Password})
	if err != nil {
		t.Fatal(err)
	}
	answer := c.Raw(t, "POST", "/api/v1/auth/register", raw, "Content-Type", "application/json", "traceparent", "00-"+trace+"-"+parent+"-01").Want(t, 201)
	id := answer.Header.Get("X-Request-ID")

	// The consumer is told the trace.
	e := await(t, events, func(e event) bool { return e.Data["email"] == email })
	told, _ := e.Headers["traceparent"].(string)
	if !strings.HasPrefix(told, "00-"+trace+"-") {
		t.Errorf("the event has the traceparent %q, not of trace %s", told, trace)
	}
	if e.ContentType != "application/cloudevents+json" || e.SpecVersion != "1.0" || e.Source != "auth" || e.Type != "auth.user.registered" || e.Subject != e.Data["userId"] || e.DeliveryMode != amqp.Persistent {
		t.Errorf("the event is %+v: %s", e, e.Body)
	}

	// Spans: the request's within the client's, the statements' within the
	// request's, and the event written by one of them.
	var spans []testkit.Span
	find := func(is func(testkit.Span) bool) (testkit.Span, bool) {
		i := slices.IndexFunc(spans, is)
		if i < 0 {
			return testkit.Span{}, false
		}
		return spans[i], true
	}
	var request testkit.Span
	testkit.Eventually(t, "the spans of the request and of its statements", func() bool {
		spans = collector.Spans(trace)
		var ok bool
		if request, ok = find(func(s testkit.Span) bool { return s.Name == "register" }); !ok {
			return false
		}
		_, ok = find(func(s testkit.Span) bool {
			return strings.Contains(strings.ToUpper(s.Attributes["db.query.text"]+s.Name), "INSERT INTO USERS")
		})
		return ok
	})
	if request.Parent != parent {
		t.Errorf("the request's span has the parent %s, not the client's %s", request.Parent, parent)
	}
	for _, s := range spans {
		up, seen := s, 0
		for ; up.Parent != parent && seen < 20; seen++ {
			next, ok := find(func(o testkit.Span) bool { return o.ID == up.Parent })
			if !ok {
				t.Errorf("span %q hangs in the air", s.Name)
				break
			}
			up = next
		}
	}

	// Logs of the gateway and of the service.
	for name, p := range map[string]*harness.Process{"gateway": gateway, "auth": auth} {
		found := false
		testkit.Eventually(t, "the log of the "+name, func() bool {
			for _, line := range p.Lines(t) {
				if line["request_id"] == id {
					found = true
					if line["trace_id"] != trace {
						t.Errorf("the %s logs the trace %v, not %s", name, line["trace_id"], trace)
					}
				}
			}
			return found
		})
	}
}

// TestLogsTellNoSecrets looks for what was secret in a test's own requests in all
// that was logged meanwhile.
func TestLogsTellNoSecrets(t *testing.T) {
	t.Parallel()
	auth, gateway, notification := harness.NewLog(t, "auth"), harness.NewLog(t, "gateway"), harness.NewLog(t, "notification")
	u := harness.NewUser(t)
	key, _ := u.APIKey(t, "account:read")
	totp, recovery := harness.NewUser(t).Totp(t)
	u = u.Refreshed(t)
	jar := cookieLogin(t, u)
	mailed := harness.Register(t).MailedToken(t, "jpv_")
	last := u.Do(t, harness.Call{Op: "getAccount", Header: http.Header{"X-Request-ID": {"e2e-" + random(8)}}}).Want(t, 200)
	auth.Of(t, last.Header.Get("X-Request-ID"))
	secrets := []string{harness.Password, key, totp, u.Refresh, u.Bearer, jar.cookie.Value, jar.csrf, mailed, u.Email}
	for name, log := range map[string]*harness.Log{"auth": auth, "gateway": gateway, "notification": notification} {
		for _, line := range log.Lines(t) {
			text := string(mustJSON(t, line))
			for _, s := range append(secrets, recovery...) {
				if strings.Contains(text, s) {
					t.Errorf("%s logs %q: %s", name, s, text)
				}
			}
		}
	}
}

package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
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
	collector := testkit.NewCollector(t, harness.Env(t, "OTEL_EXPORTER_OTLP_ENDPOINT"))
	logs := map[string]*harness.Log{"gateway": harness.NewLog(t, "gateway"), "auth": harness.NewLog(t, "auth")}
	events := subscribe(t, "auth.user.registered")

	trace, parent, email := random(16), random(8), harness.NewEmail()
	answer := harness.NewClient(t).Do(t, harness.Call{Op: "register", Body: members{"email": email, "password": harness.Password},
		Header: http.Header{"Traceparent": {"00-" + trace + "-" + parent + "-01"}}}).Want(t, 201)

	// The consumer is told the trace.
	e := await(t, events, func(e event) bool { return e.Data["email"] == email })
	told, _ := e.Headers["traceparent"].(string)
	if !strings.HasPrefix(told, "00-"+trace+"-") {
		t.Errorf("the event has the traceparent %q, not of trace %s", told, trace)
	}
	if e.ContentType != "application/cloudevents+json" || e.SpecVersion != "1.0" || e.Source != "auth" || e.Type != "auth.user.registered" || e.Subject != e.Data["userId"] || e.DeliveryMode != amqp.Persistent {
		t.Errorf("the event is %+v: %s", e, e.Body)
	}

	// The request's span is within the client's, and a statement's and the event's
	// within the request's.
	wantWay(t, collector, trace, parent, step{"auth", "server", "register"}, step{"auth", "client", "INSERT INTO users"})
	wantWay(t, collector, trace, parent, step{"auth", "server", "register"}, step{"auth", "producer", "publish auth.user.registered"},
		step{"notification", "consumer", "process auth.user.registered"})

	for name, log := range logs {
		for _, line := range log.Of(t, answer.Header.Get("X-Request-ID")) {
			if line["trace_id"] != trace {
				t.Errorf("the %s logs the trace %v, not %s", name, line["trace_id"], trace)
			}
		}
	}
}

// step is a span on the way of a trace: of a service, of a kind, and with a name that
// begins so or a statement that says so.
type step struct{ service, kind, name string }

func (x step) is(s testkit.Span) bool {
	return s.Service == x.service && s.Kind == x.kind && (strings.HasPrefix(s.Name, x.name) || strings.Contains(s.Attributes["db.query.text"], x.name))
}

// wantWay waits for a span of the last step whose parents, up to the client's span,
// are those of the other steps in this order, with others in between.
func wantWay(t *testing.T, collector *testkit.Collector, trace, client string, way ...step) {
	t.Helper()
	var nearest []string // the way of a span of the last step, as far as it is known
	defer func() {
		if t.Failed() {
			t.Logf("the way to %v was\n%s", way[len(way)-1], strings.Join(nearest, "\n"))
		}
	}()
	testkit.Eventually(t, fmt.Sprintf("the way %v in trace %s", way, trace), func() bool {
		byID := map[string]testkit.Span{}
		for _, s := range collector.Spans(trace) {
			byID[s.ID] = s
		}
		for _, s := range byID {
			if !way[len(way)-1].is(s) {
				continue
			}
			left := len(way)
			nearest = nil
			for up, known := s, true; known; up, known = byID[up.Parent] {
				nearest = append(nearest, fmt.Sprint(up.Service, " ", up.Kind, " ", up.Name))
				if left > 0 && way[left-1].is(up) {
					left--
				}
				if up.Parent == client && left == 0 {
					return true
				}
			}
		}
		return false
	})
}

// wantApplicationTrace checks that one trace shows an application with a question:
// from the gateway over the queues, the workflow and the services that the worker
// asks to the mail.
func wantApplicationTrace(t *testing.T, collector *testkit.Collector, trace, client string) {
	t.Helper()
	worker := []step{
		{"auto-apply", "server", "submitApplication"},
		{"auto-apply", "producer", "publish auto-apply.application.requested"},
		{"orchestrator", "consumer", "process auto-apply.application.requested"},
		{"orchestrator", "consumer", "work "},
		{"auto-apply", "server", "dispatchApplication"},
		{"auto-apply", "producer", "publish auto-apply.application.apply"},
		{"auto-apply", "consumer", "process auto-apply.application.apply"},
	}
	for _, asked := range []step{
		{"job", "server", "getJobForApply"}, {"user", "server", "getFullProfile"}, {"resume", "server", "renderResumeDocument"}, {"ai", "server", "answerQuestionInternally"},
	} {
		wantWay(t, collector, trace, client, append(slices.Clone(worker), step{"auto-apply", "client", ""}, asked)...)
	}
	wantWay(t, collector, trace, client, append(slices.Clone(worker),
		step{"auto-apply", "producer", "publish auto-apply.question.asked"},
		step{"notification", "consumer", "process auto-apply.question.asked"},
		step{"notification", "producer", "publish notification.message.send"},
		step{"notification", "consumer", "process notification.message.send"},
		step{"notification", "producer", "publish notification.message.delivered"})...)
	services := map[string]int{}
	for _, s := range collector.Spans(trace) {
		services[s.Service]++
	}
	t.Logf("one trace: %v spans", services)
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

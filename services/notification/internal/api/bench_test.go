package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/mail"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	mailer "github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
)

// timed is a mail server that tells when it took a mail.
type timed struct {
	*mailer.SMTP
	took chan string
}

func (t timed) Send(ctx context.Context, m mailer.Message) error {
	err := t.SMTP.Send(ctx, m)
	if err == nil {
		t.took <- m.Subject
	}
	return err
}

// BenchmarkDelivery sends 100 messages a second, each by mail and on its user's
// WebSocket, through outbox, broker, service and mail server, and reports the time
// from the commit that accepts a message to both. The number to hold is a p99 below
// 500 ms.
func BenchmarkDelivery(b *testing.B) {
	const perSecond, seconds = 100, 10
	e := newEdge(b)
	smtp, err := mailer.NewSMTP(testkit.Env(b, "SMTP_URL"), &mail.Address{Address: "no-reply@jobpilot.test"})
	must(b, err)
	b.Cleanup(smtp.Close)
	took := make(chan string, perSecond*seconds)
	deps := e.service.Deps
	deps.Mailer = timed{smtp, took}
	deps.Metrics = nil
	e.service = notification.New(deps)
	e.server.Service = e.service
	e.streams.Use(e.service)
	url, _ := e.listen()

	raw, err := os.ReadFile("../../topology.gen.json")
	must(b, err)
	topology, err := rabbit.ParseTopology(raw)
	must(b, err)
	conn, err := rabbit.Open(testkit.Rabbit(b), rabbit.Options{Name: b.Name(), Topology: topology})
	must(b, err)
	ctx, stop := context.WithCancel(context.Background())
	relay, err := outbox.NewRelay(e.pool, conn, outbox.RelayOptions{})
	must(b, err)
	ended := make(chan error, 2)
	go func() { ended <- relay.Run(ctx) }()
	go func() {
		ended <- conn.Consume(ctx, rabbit.Consumer{Queue: notification.QueueNotifications, Handler: rabbit.Each(e.service.Handle), Concurrency: 16})
	}()
	b.Cleanup(func() {
		stop()
		must(b, errors.Join(<-ended, <-ended))
		_ = conn.Close()
	})

	users := make([]uuid.UUID, 50)
	streamed := make(chan string, perSecond*seconds)
	for i := range users {
		users[i] = uuid.New()
		c := e.open(url, users[i], uuid.New(), -1)
		c.next()
		go func() {
			for {
				_, raw, err := c.conn.Read(ctx)
				if err != nil {
					return
				}
				var f struct{ Data struct{ Title string } }
				if json.Unmarshal(raw, &f) == nil {
					streamed <- f.Data.Title
				}
			}
		}()
	}
	_, err = e.service.ListTemplates(b.Context()) // as a service that has been running for a while
	must(b, err)
	warm := uuid.Must(uuid.NewV7())
	must(b, pg.InTx(ctx, e.pool, func(x pgx.Tx) error {
		return outbox.Append(ctx, x, outbox.Message{ID: warm, Type: notification.TypeMessageSend, Queue: notification.QueueNotifications, Source: "test",
			Data: notification.MessageSend{Kind: notification.MessageSendKindAuthVerifyEmail, Email: "warm@example.com", DedupeKey: "warm"}})
	}))
	<-took // connections stand
	for b.Loop() {
		var byMail, byStream []time.Duration
		accepted := map[string]time.Time{}
		tick := time.NewTicker(time.Second / perSecond)
		done := time.After(seconds*time.Second + 10*time.Second)
		for len(byMail) < perSecond*seconds || len(byStream) < perSecond*seconds {
			select {
			case <-tick.C:
				if len(accepted) == perSecond*seconds {
					continue
				}
				id := uuid.Must(uuid.NewV7())
				user := users[len(accepted)%len(users)]
				m := notification.MessageSend{
					Kind: notification.MessageSendKindAnnouncement, UserID: user, Email: id.String() + "@example.com", DedupeKey: id.String(),
					Data: map[string]string{"subject": id.String(), "text": "T"},
				}
				must(b, pg.InTx(ctx, e.pool, func(x pgx.Tx) error {
					return outbox.Append(ctx, x, outbox.Message{ID: id, Type: notification.TypeMessageSend, Queue: notification.QueueNotifications, Source: "test", Data: m})
				}))
				accepted[id.String()] = time.Now()
			case id := <-took:
				byMail = append(byMail, time.Since(accepted[id]))
			case id := <-streamed:
				byStream = append(byStream, time.Since(accepted[id]))
			case <-done:
				b.Fatalf("only %d mails and %d frames of %d arrived", len(byMail), len(byStream), perSecond*seconds)
			}
		}
		tick.Stop()
		for name, list := range map[string][]time.Duration{"mail": byMail, "stream": byStream} {
			slices.Sort(list)
			p50, p99 := list[len(list)/2], list[len(list)*99/100]
			b.Logf("%s: p50 %s, p99 %s, slowest %s", name, p50, p99, list[len(list)-1])
			b.ReportMetric(float64(p50.Microseconds())/1000, name+"-p50-ms")
			b.ReportMetric(float64(p99.Microseconds())/1000, name+"-p99-ms")
		}
	}
}

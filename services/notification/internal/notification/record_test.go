package notification

import (
	"context"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
)

// leaving is a mail server behind whose back the database goes away.
type leaving struct {
	*outgoing
	leave func()
}

func (l leaving) Send(ctx context.Context, m mail.Message) error {
	defer l.leave()
	return l.outgoing.Send(ctx, m)
}

// The database goes away between sending and recording: what was sent is recorded
// when it is back, and not sent again.
func TestDatabaseAwayAfterSending(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	proxy, url := testkit.ProxyURL(t, f.pool.Config().ConnString())
	pool, err := pg.Open(t.Context(), url, pg.Options{})
	must(t, err)
	t.Cleanup(pool.Close)
	var back sync.WaitGroup
	d := f.Deps
	d.Pool, d.Mailer = pool, leaving{f.mails, func() {
		proxy.Down()
		back.Go(func() {
			defer proxy.Up()
			for pool.Ping(t.Context()) == nil { // until the first try may have failed
			}
		})
	}}
	f.Service = New(d)
	must(t, f.handle(verifyMail("ada@example.com")))
	back.Wait()
	if n := f.count("SELECT count(*) FROM deliveries WHERE status = 'sent'"); n != 1 {
		t.Errorf("%d deliveries are recorded as sent", n)
	}
}

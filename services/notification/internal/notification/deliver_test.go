package notification

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

func verifyMail(email string) MessageSend {
	return MessageSend{
		Kind: MessageSendKindAuthVerifyEmail, Email: email, DisplayName: "Ada", Locale: "en", DedupeKey: newID().String(),
		Data: map[string]string{"link": "https://jobpilot.test/verify-email#token=jpv_secret", "token": "jpv_secret"},
	}
}

func submitted(user uuid.UUID) MessageSend {
	return MessageSend{
		Kind: MessageSendKindApplicationSubmitted, UserID: user, DedupeKey: newID().String(),
		Data: map[string]string{"applicationId": newID().String(), "jobTitle": "Go <Developer>", "companyName": "Example & Sons"},
	}
}

func TestAMailOfAuthGoesOutAtOnceAndLeavesNoSecret(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.handle(verifyMail("ada@example.com")))
	sent := f.mails.all()
	if len(sent) != 1 || sent[0].To.Address != "ada@example.com" || sent[0].To.Name != "Ada" || sent[0].Subject != "Confirm your e-mail address" {
		t.Fatalf("sent %+v", sent)
	}
	m := sent[0]
	if !strings.Contains(m.Text, "https://jobpilot.test/verify-email#token=jpv_secret") || m.Header["X-JobPilot-Kind"] != "auth.verify_email" {
		t.Errorf("text %s, header %v", m.Text, m.Header)
	}
	if m.Header["List-Unsubscribe"] != "" {
		t.Error("one can unsubscribe from what concerns the safety of the account")
	}
	if n := f.count("SELECT count(*) FROM deliveries WHERE status = 'sent' AND payload_sealed IS NULL"); n != 1 {
		t.Errorf("%d deliveries are recorded as sent", n)
	}
	for _, table := range []string{"notifications", "deliveries", "stream_events", "message_keys", "outbox"} {
		if n := f.count("SELECT count(*) FROM " + table + " t WHERE t::text LIKE '%jpv_secret%' OR t::text LIKE '%ada@example%'"); n != 0 {
			t.Errorf("%s holds the secret or the address", table)
		}
	}
	if n := f.count("SELECT count(*) FROM outbox WHERE type = $1", TypeMessageDelivered); n != 1 {
		t.Errorf("%d events say that it was delivered", n)
	}
}

func TestTwoMessagesOfOneKeyAreOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, _ := f.user("en")
	m := submitted(user)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := f.handle(m); err != nil && !errors.Is(err, errLeased) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(f.mails.all()); n != 1 {
		t.Errorf("%d mails", n)
	}
	if n := f.count("SELECT count(*) FROM notifications WHERE user_id = $1 AND in_app", user); n != 1 {
		t.Errorf("%d notifications", n)
	}
	if n := f.count("SELECT count(*) FROM stream_events WHERE user_id = $1 AND type = 'notification'", user); n != 1 {
		t.Errorf("%d frames", n)
	}
	other := m
	other.UserID, _ = f.user("en")
	must(t, f.handle(other))
	if n := len(f.mails.all()); n != 2 {
		t.Errorf("a key of one receiver kept a message from another: %d mails", n)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := verifyMail("ada@example.com")
	f.mails.failWith(errors.New("451 try again"))
	if err := f.handle(m); err == nil {
		t.Fatal("the failure was taken for a success")
	}
	if n := f.count("SELECT count(*) FROM deliveries WHERE status = 'pending'"); n != 1 {
		t.Fatalf("%d deliveries wait", n)
	}
	f.mails.failWith(nil)
	must(t, f.handle(m))
	must(t, f.handle(m))
	if n := len(f.mails.all()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// A sender that crashed between sending and recording leaves its lease; whoever gets
// the message next waits for it to end.
func TestALeaseOfACrashedSenderEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := verifyMail("ada@example.com")
	f.mails.failWith(errors.New("crash"))
	_ = f.handle(m)
	f.mails.failWith(nil)
	f.exec("UPDATE deliveries SET status = 'sending', lease_until = $1", f.now().Add(leaseFor))
	if err := f.handle(m); !errors.Is(err, errLeased) {
		t.Fatalf("another's lease was ignored: %v", err)
	}
	f.advance(leaseFor + time.Second)
	must(t, f.handle(m))
	if n := len(f.mails.all()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestADeadAddressGetsNoMoreMail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, email := f.user("en")
	f.mails.failWith(fmt.Errorf("%w: 550 5.1.1", mail.ErrRejected))
	must(t, f.handle(submitted(user)))
	f.mails.failWith(nil)
	if n := f.count("SELECT count(*) FROM outbox WHERE type = $1", TypeMessageFailed); n != 1 {
		t.Errorf("%d events say that it failed", n)
	}
	must(t, f.handle(submitted(user)))
	must(t, f.handle(verifyMail(strings.ToUpper(email[:1])+email[1:])))
	if n := len(f.mails.all()); n != 0 {
		t.Fatalf("%d mails to a dead address", n)
	}
	if n := f.count("SELECT count(*) FROM notifications WHERE user_id = $1 AND in_app", user); n != 2 {
		t.Errorf("%d notifications in the application", n)
	}
	f.apply(TypeAuthUserVerified, AuthUserVerified{UserID: user, Email: email, VerifiedAt: time.Now()}) // alive again
	must(t, f.handle(submitted(user)))
	if n := len(f.mails.all()); n != 1 {
		t.Errorf("%d mails to an address that is alive again", n)
	}
}

// Of a complaint and a bounce the one that lasts longer holds, whichever came first.
func TestSuppressionsEndWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, reasons := range map[string][]time.Duration{
		"bounced": {bounceFor}, "complained": {complaintFor}, "both": {complaintFor, bounceFor}, "both, the other way": {bounceFor, complaintFor},
	} {
		target, now := f.mailTarget(name+"@example.com"), f.now()
		must(t, f.inTx(t.Context(), func(x *tx) error {
			for _, d := range reasons {
				if err := x.suppress(t.Context(), target, "test", d); err != nil {
					return err
				}
			}
			return nil
		}))
		end := slices.Max(reasons)
		for after, want := range map[time.Duration]bool{0: true, bounceFor - time.Hour: true, end - time.Hour: true, end + time.Hour: false} {
			got, err := f.q.SuppressionGet(t.Context(), db.SuppressionGetParams{TargetHash: target, Now: now.Add(after)})
			must(t, err)
			if got != want {
				t.Errorf("%s, after %s: suppressed %t", name, after, got)
			}
		}
	}
}

func TestNobodyIsBombed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, _ := f.user("en")
	for range optionalPerHour + 5 {
		must(t, f.handle(submitted(user)))
	}
	if n := len(f.mails.all()); n != optionalPerHour {
		t.Errorf("%d mails in an hour", n)
	}
	f.advance(time.Hour + time.Minute)
	must(t, f.handle(submitted(user)))
	if n := len(f.mails.all()); n != optionalPerHour+1 {
		t.Errorf("%d mails after an hour", n)
	}
}

func TestMessagesThatCannotBeHandled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, m := range map[string]MessageSend{
		"an unknown kind": {Kind: "no.such", Email: "a@example.com", DedupeKey: "1"},
		"nobody":          {Kind: MessageSendKindAnnouncement, DedupeKey: "2"},
	} {
		if err := f.handle(m); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if n := f.count("SELECT count(*) FROM message_keys"); n != 0 {
		t.Errorf("%d messages are remembered", n)
	}
}

// A mail server that is away for longer than the queue tries loses nothing.
func TestTheLastTryWaitsForTheMailServer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.mails.failWith(fmt.Errorf("%w: connection refused", mail.ErrDown))
	first := event(t, TypeMessageSend, verifyMail("ada@example.com"))
	if err := f.Handle(t.Context(), &rabbit.Message{Event: first, Attempt: 1}); !errors.Is(err, mail.ErrDown) {
		t.Fatalf("the first try: %v", err)
	}
	last := f.Handle(t.Context(), &rabbit.Message{Event: first, Attempt: maxTries})
	if !errors.Is(last, mail.ErrDown) || reflect.TypeOf(last) != reflect.TypeOf(rabbit.NotReady(mail.ErrDown)) {
		t.Fatalf("the last try: %T %v", last, last)
	}
	f.mails.failWith(nil)
	must(t, f.Handle(t.Context(), &rabbit.Message{Event: first, Attempt: maxTries}))
	if n := len(f.mails.all()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestQuietHoursHoldBackAndLetGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, email := f.user("de")
	local := f.now().Add(-time.Hour)
	start, end, on := local.Format("15:04"), local.Add(3*time.Hour).Format("15:04"), true
	_, err := f.UpdatePreferences(t.Context(), user, PreferencesPatch{QuietEnabled: &on, QuietStart: &start, QuietEnd: &end, TimeZone: ptr("UTC")}, nil)
	must(t, err)
	must(t, f.handle(submitted(user)))
	if n := len(f.mails.all()); n != 0 {
		t.Fatalf("%d mails in quiet hours", n)
	}
	if n := f.count("SELECT count(*) FROM deliveries WHERE payload_sealed::text LIKE '%Developer%' OR payload_sealed IS NULL"); n != 0 {
		t.Error("what waits is not sealed")
	}
	security := verifyMail(email)
	security.UserID = user
	must(t, f.handle(security))
	if n := len(f.mails.all()); n != 1 {
		t.Fatal("a mail for the safety of the account was held back")
	}
	must(t, f.SendDue(t.Context()))
	if n := len(f.mails.all()); n != 1 {
		t.Fatal("sent before its time")
	}
	f.advance(2*time.Hour + time.Minute)
	var all sync.WaitGroup
	for range 4 { // replicas
		all.Go(func() {
			if err := f.SendDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	sent := f.mails.all()
	if len(sent) != 2 || !strings.Contains(sent[1].Subject, "Ihre Bewerbung bei Example & Sons") {
		t.Fatalf("%d mails, the last %q", len(sent), sent[len(sent)-1].Subject)
	}
	if n := f.count("SELECT count(*) FROM deliveries WHERE payload_sealed IS NOT NULL"); n != 0 {
		t.Error("what was sent is still kept")
	}
}

func TestADigestIsOneMail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, _ := f.user("en")
	_, err := f.UpdatePreferences(t.Context(), user, PreferencesPatch{Digest: ptr("daily")}, nil)
	must(t, err)
	for range 3 {
		must(t, f.handle(submitted(user)))
	}
	if n := len(f.mails.all()); n != 0 {
		t.Fatalf("%d mails before the digest", n)
	}
	f.advance(25 * time.Hour)
	f.mails.failWith(mail.ErrDown)
	must(t, f.SendDue(t.Context()))
	f.mails.failWith(nil)
	must(t, f.SendDue(t.Context()))
	if n := len(f.mails.all()); n != 0 {
		t.Fatal("a failed digest was tried again at once")
	}
	f.advance(time.Hour)
	must(t, f.SendDue(t.Context()))
	sent := f.mails.all()
	if len(sent) != 1 || strings.Count(sent[0].Text, "https://jobpilot.test/applications/") != 3 || !strings.Contains(sent[0].Subject, "3 news") {
		t.Fatalf("%d mails: %+v", len(sent), sent)
	}
}

func ptr[T any](v T) *T { return &v }

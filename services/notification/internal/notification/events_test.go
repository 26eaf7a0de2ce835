package notification

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
)

func TestWhatPeopleAreToldOf(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, _ := f.user("en")
	application, job := newID().String(), newID().String()
	changed := func(to string) map[string]any {
		return map[string]any{"userId": user, "applicationId": application, "companyName": "Example", "jobTitle": "Go Developer", "to": to}
	}
	for _, tt := range []struct {
		typ  string
		data map[string]any
		want MessageSendKind
	}{
		{TypeAuthUserVerified, map[string]any{"userId": user, "email": "ada@example.com"}, ""},
		{"user.proposal.created", map[string]any{"userId": user, "proposalId": newID()}, MessageSendKindUserProposal},
		{"resume.document.parsed", map[string]any{"userId": user, "resumeId": newID()}, MessageSendKindResumeParsed},
		{"resume.document.failed", map[string]any{"userId": user, "message": "Send a PDF."}, MessageSendKindResumeFailed},
		{"resume.document.progressed", map[string]any{"userId": user, "percent": 50}, ""},
		{"auto-apply.question.asked", map[string]any{"userId": user, "applicationId": application}, MessageSendKindApplicationQuestion},
		{"auto-apply.application.changed", changed("needs_review"), MessageSendKindApplicationReview},
		{"auto-apply.application.changed", changed("needs_captcha"), MessageSendKindApplicationCaptcha},
		{"auto-apply.application.changed", changed("needs_answers"), ""},
		{"auto-apply.application.changed", changed("submitted"), MessageSendKindApplicationSubmitted},
		{"auto-apply.application.changed", changed("unconfirmed"), MessageSendKindApplicationUnconfirmed},
		{"auto-apply.application.changed", changed("failed"), MessageSendKindApplicationFailed},
		{"auto-apply.application.changed", changed("closed"), MessageSendKindApplicationClosed},
		{"auto-apply.application.changed", changed("interview"), MessageSendKindApplicationInterview},
		{"auto-apply.application.changed", changed("offer"), MessageSendKindApplicationOffer},
		{"auto-apply.application.changed", changed("rejected"), MessageSendKindApplicationRejected},
		{"auto-apply.application.changed", changed("filling"), ""},
		{"job.alert.matched", map[string]any{"userId": user, "jobIds": []string{job}, "titles": []string{"Go Developer, Example"}, "total": 1}, MessageSendKindJobAlert},
		{"job.alert.matched", map[string]any{"userId": user, "jobIds": []string{job}, "name": "Go", "total": 7}, MessageSendKindJobAlertDigest},
		{"orchestrator.workflow.progressed", map[string]any{"userId": user, "percent": 50}, ""},
		{"orchestrator.workflow.started", map[string]any{"workflowId": newID()}, ""},
	} {
		before := f.count("SELECT count(*) FROM stream_events WHERE user_id = $1", user)
		f.apply(tt.typ, tt.data)
		queued := f.queued()
		if got := len(queued) == 1; got != (tt.want != "") || got && (queued[0].Kind != tt.want || queued[0].UserID != user) {
			t.Errorf("%s %v: %+v", tt.typ, tt.data, queued)
		}
		if frames := f.count("SELECT count(*) FROM stream_events WHERE user_id = $1", user) - before; (frames == 1) != (tt.data["userId"] != nil) {
			t.Errorf("%s: %d frames", tt.typ, frames)
		}
		for _, m := range queued {
			must(t, f.handle(m))
		}
		f.exec("DELETE FROM outbox")
	}
	var captcha string
	must(t, f.pool.QueryRow(t.Context(), "SELECT link FROM notifications WHERE kind = 'application.captcha'").Scan(&captcha))
	if captcha != "https://jobpilot.test/applications/"+application {
		t.Errorf("the link is %s", captcha)
	}
}

func TestAnEventThatIsRolledBackLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, _ := f.user("en")
	head, err := f.StreamHead(t.Context(), user)
	must(t, err)
	stop := errors.New("stop")
	err = pg.InTx(t.Context(), f.pool, func(x pgx.Tx) error {
		must(t, f.Apply(t.Context(), x, event(t, "resume.document.parsed", map[string]any{"userId": user})))
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	after, err := f.StreamHead(t.Context(), user)
	must(t, err)
	if after != head || len(f.queued()) != 0 {
		t.Errorf("head %d, before %d; %d messages", after, head, len(f.queued()))
	}
}

// The user service is asked once for what auth does not know, and not at all for
// what cannot wait.
func TestTheUserServiceIsAsked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, email := f.user("en")
	asked := 0
	answer := func() (Profile, error) { return Profile{}, errs.New(errs.Unavailable, "away", "away") }
	f.Profile = func(context.Context, uuid.UUID) (Profile, error) { asked++; return answer() }
	security := verifyMail(email)
	security.UserID, security.Locale = user, ""
	must(t, f.handle(security))
	if asked != 0 {
		t.Error("a mail for the safety of the account waited for another service")
	}
	must(t, f.handle(submitted(user)))
	answer = func() (Profile, error) { return Profile{Locale: "de-DE", TimeZone: "Europe/Berlin"}, nil }
	must(t, f.handle(submitted(user)))
	must(t, f.handle(submitted(user)))
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	sent := f.mails.all()
	if !strings.HasPrefix(sent[1].Subject, "Your application") || !strings.HasPrefix(sent[2].Subject, "Ihre Bewerbung") {
		t.Errorf("%q, then %q", sent[1].Subject, sent[2].Subject)
	}
	p, err := f.GetPreferences(t.Context(), user)
	must(t, err)
	if p.TimeZone != "Europe/Berlin" {
		t.Errorf("time zone %s", p.TimeZone)
	}
	f.apply("user.profile.updated", map[string]any{"userId": user})
	must(t, f.handle(submitted(user)))
	if asked != 3 {
		t.Errorf("asked %d times after a change", asked)
	}
}

func TestADeletedUserIsNotBroughtBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, email := f.user("en")
	f.apply(TypeAuthUserDeleted, map[string]any{"userId": user, "deletedAt": time.Now()})
	f.apply(TypeAuthUserEmailChanged, map[string]any{"userId": user, "email": email})
	f.apply("resume.document.parsed", map[string]any{"userId": user})
	must(t, f.handle(submitted(user)))
	if _, total, err := f.GetFootprint(t.Context(), user); err != nil || total != 0 || len(f.queued()) != 0 {
		t.Errorf("%d rows, %d messages, %v", total, len(f.queued()), err)
	}
}

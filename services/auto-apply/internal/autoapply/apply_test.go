package autoapply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// platforms are queries of the board for each kind of form.
var platforms = []string{"platform=greenhouse&board=brightwater", "platform=greenhouse&board=northlight", "platform=lever", "platform=ashby", "platform=workable", "platform=careers"}

func TestStraightThroughOnEachPlatform(t *testing.T) {
	t.Parallel()
	for _, platform := range platforms {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			j, id := f.posting(platform + "&mode=none")
			app := f.submit(id, false)
			must(t, f.work(f.Service, app))
			d := f.state(app, Submitted)
			got := f.received(j, "accepted")
			if len(got) != 1 || len(got[0].Honeypots) > 0 {
				t.Fatalf("the board received %+v", got)
			}
			r, err := f.GetReceipt(t.Context(), f.user, app)
			must(t, err)
			if len(r.Form.Files) == 0 || r.Form.Files[0].SHA256 != got[0].Files[0].SHA256 || len(r.Form.Screenshots) != 2 || r.ConfirmationText == "" || r.Outcome != Submitted {
				t.Errorf("receipt: %+v", r)
			}
			for _, x := range r.Form.Fields {
				if sent := got[0].Fields[x.Name]; x.Kind == form.Text && len(x.Values) == 1 && x.Values[0] != "" && (len(sent) != 1 || sent[0] != x.Values[0]) {
					t.Errorf("the receipt says %v for %s, the board received %v", x.Values, x.Name, sent)
				}
			}
			steps := []string{}
			for _, s := range d.Timeline {
				steps = append(steps, s.To)
			}
			if !slices.Equal(steps, []string{Queued, Preparing, Filling, Submitting, Submitted}) {
				t.Errorf("timeline: %v", steps)
			}
			// Delivered again, it is not sent again.
			must(t, f.work(f.worker(), app))
			if got := f.received(j, "accepted"); len(got) != 1 {
				t.Errorf("received %d times", len(got))
			}
		})
	}
}

// What the board does, on each platform: the state that follows, and how often the
// board has accepted something.
func TestModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct {
		state    State
		accepted int
	}{
		"honeypot": {Submitted, 1}, "re-render": {Submitted, 1}, "multi-page": {Submitted, 1}, "late-fields": {Submitted, 1}, "api-only-required": {Submitted, 1},
		"changed-markup": {Submitted, 1}, "slow": {Submitted, 1},
		"captcha": {NeedsCaptcha, 0}, "captcha-recaptcha": {NeedsCaptcha, 0}, "captcha-turnstile": {NeedsCaptcha, 0}, "captcha-invisible": {NeedsCaptcha, 0},
		"closed": {Closed, 0}, "closed-redirect": {Closed, 0}, "delisted": {Closed, 0}, "duplicate": {Failed, 0},
		"error500": {Unconfirmed, 0}, "confirmation-lost": {Unconfirmed, 1}, "confirmation-blank": {Unconfirmed, 1},
	} {
		sum := 0
		for _, c := range mode {
			sum += int(c)
		}
		// Two of the forms for each mode; internal/measure runs all.
		for _, platform := range []string{platforms[sum%6], platforms[(sum+3)%6]} {
			t.Run(mode+"/"+platform, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				j, id := f.posting(platform, mode)
				app := f.submit(id, false)
				must(t, f.work(f.Service, app))
				f.state(app, want.state)
				got := f.received(j, "accepted")
				if len(got) != want.accepted {
					t.Fatalf("the board accepted %d, want %d", len(got), want.accepted)
				}
				for _, s := range got {
					if len(s.Honeypots) > 0 {
						t.Errorf("traps were filled: %v", s.Honeypots)
					}
				}
				must(t, f.work(f.Service, app)) // whatever it came to, it is not sent again
				if again := f.received(j, "accepted"); len(again) != want.accepted {
					t.Errorf("the board accepted %d after a redelivery", len(again))
				}
			})
		}
	}
}

func TestQuestionsAreParkedAndGoOnWithTheirAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	list, err := f.board.Jobs("platform=lever&mode=none")
	must(t, err)
	i := slices.IndexFunc(list, func(j boardJob) bool {
		return slices.ContainsFunc(j.Fields, func(x boardField) bool { return x.Meaning == "motivation" && x.Required })
	})
	if i < 0 {
		t.Fatal("no posting asks for a motivation")
	}
	j := list[i]
	app := f.submit(f.peers.Add(j), false)
	must(t, f.work(f.Service, app))
	f.state(app, NeedsAnswers)
	if got := f.received(j, "accepted"); len(got) != 0 {
		t.Fatal("it was sent without the answer")
	}
	asked, err := f.ListQuestions(t.Context(), f.user, app)
	must(t, err)
	var given []Given
	for _, q := range asked {
		values := []string{"Because of the work itself."}
		switch {
		case len(q.Options) > 0:
			values = q.Options[:1]
		case q.Kind == form.Number:
			values = []string{"5"}
		}
		given = append(given, Given{QuestionID: q.ID, Values: values})
	}
	_, err = f.AnswerQuestions(t.Context(), f.user, app, given, nil)
	must(t, err)
	must(t, f.work(f.Service, app))
	f.state(app, Submitted)
	got := f.received(j, "accepted")
	if len(got) != 1 || !slices.Contains(got[0].Meanings["motivation"], "Because of the work itself.") {
		t.Errorf("received %+v", got)
	}
}

func TestReviewStopsBeforeSendingAndIsSentAsItWasSeen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j, id := f.posting("platform=ashby&mode=none")
	app := f.submit(id, true)
	must(t, f.work(f.Service, app))
	f.state(app, NeedsReview)
	if len(f.received(j, "accepted")) != 0 {
		t.Fatal("it was sent before it was approved")
	}
	seen, err := f.GetReview(t.Context(), f.user, app)
	must(t, err)
	// What is answered elsewhere meanwhile is not what was approved.
	_, err = f.Decide(t.Context(), f.user, app, true)
	must(t, err)
	must(t, f.work(f.Service, app))
	f.state(app, Submitted)
	r, err := f.GetReceipt(t.Context(), f.user, app)
	must(t, err)
	if len(r.Form.Fields) != len(seen.Fields) {
		t.Fatalf("%d fields were sent, %d seen", len(r.Form.Fields), len(seen.Fields))
	}
	for i, x := range r.Form.Fields {
		if !slices.Equal(x.Values, seen.Fields[i].Values) {
			t.Errorf("%s: sent %v, seen %v", x.Label, x.Values, seen.Fields[i].Values)
		}
	}
}

func TestCodeByMailGoesOnWithTheSamePage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j, id := f.posting("platform=greenhouse&board=fernhill", "email-code")
	app := f.submit(id, false)
	must(t, f.work(f.Service, app))
	f.state(app, NeedsAnswers)
	asked, err := f.ListQuestions(t.Context(), f.user, app)
	must(t, err)
	code, err := f.board.Code("ada-" + f.user.String()[:8] + "@example.org")
	must(t, err)
	if len(asked) != 1 || asked[0].Kind != form.Code || len(code) != 8 {
		t.Fatalf("asked %+v, code %q", asked, code)
	}
	_, err = f.AnswerQuestions(t.Context(), f.user, app, []Given{{QuestionID: asked[0].ID, Values: []string{code}}}, nil)
	must(t, err)
	must(t, f.work(f.Service, app))
	f.state(app, Submitted)
	if got := f.received(j, "accepted"); len(got) != 1 {
		t.Errorf("received %d", len(got))
	}
}

// Two workers get the same application at the same moment: it is sent once.
func TestTwoWorkersSendOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j, id := f.posting("platform=workable&mode=none")
	app := f.submit(id, false)
	var wg sync.WaitGroup
	for _, s := range []*Service{f.Service, f.worker()} {
		wg.Go(func() {
			if err := f.work(s, app); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	f.state(app, Submitted)
	if got := f.received(j, "accepted"); len(got) != 1 {
		t.Errorf("received %d times", len(got))
	}
}

// A worker dies between its steps: before the mark another one takes over, after
// it nobody sends.
func TestWorkerThatDied(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j, id := f.posting("platform=careers&mode=none")
	app := f.submit(id, false)
	ctx, kill := context.WithCancel(t.Context())
	a, err := f.claim(ctx, app)
	must(t, err)
	dead := &attempt{Service: f.Service, app: *a}
	must(t, dead.move(ctx, Filling, ""))
	kill()
	other, err := f.claim(t.Context(), app)
	must(t, err)
	if other == nil || other.Attempt != a.Attempt+1 {
		t.Fatalf("nobody takes over: %+v", other)
	}
	if err := dead.mark(t.Context()); err != errFenced { //nolint:errorlint // it is the very error
		t.Fatalf("the dead worker goes on: %v", err)
	}
	// The other one dies after its mark.
	next := &attempt{Service: f.Service, app: *other}
	must(t, next.move(t.Context(), Filling, ""))
	must(t, next.mark(t.Context()))
	if again, err := f.claim(t.Context(), app); err != nil || again != nil {
		t.Fatalf("it is taken while it may be being sent: %+v %v", again, err)
	}
	f.Now = func() time.Time { return time.Now().Add(sendLimit + time.Second) }
	must(t, f.rescue(t.Context()))
	d := f.state(app, Unconfirmed)
	if !strings.Contains(d.Reason, "nobody knows") {
		t.Errorf("reason: %q", d.Reason)
	}
	must(t, f.work(f.Service, app))
	if len(f.received(j, "accepted")) != 0 {
		t.Error("it was sent")
	}
	before := d.Application
	must(t, f.Rebuild(t.Context(), app))
	if after := f.state(app, Unconfirmed).Application; after.Seq != before.Seq || after.Reason != before.Reason || !after.CreatedAt.Equal(before.CreatedAt) || after.CompanyName != before.CompanyName {
		t.Errorf("rebuilt %+v, was %+v", after, before)
	}
}

// The database goes away between the press of the button and its record: what was
// seen is recorded when it is back.
func TestDatabaseAwayAfterThePress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, id := f.posting("platform=careers&mode=none")
	app := f.submit(id, false)
	proxy, url := testkit.ProxyURL(t, f.pool.Config().ConnString())
	pool, err := pg.Open(t.Context(), url, pg.Options{})
	must(t, err)
	t.Cleanup(pool.Close)
	s := f.worker()
	s.Pool = pool
	a, err := f.claim(t.Context(), app)
	must(t, err)
	x := &attempt{Service: s, app: *a}
	must(t, x.mark(t.Context()))
	tries := 0
	must(t, x.change(t.Context(), func(tx *tx, a *db.Application) error {
		if tries++; tries == 1 {
			proxy.Cut()
		}
		return tx.move(t.Context(), a, Submitted, ByMachine, "")
	}))
	f.state(app, Submitted)
	if tries != 2 {
		t.Errorf("it was tried %d times", tries)
	}
}

// Answers of ai need a source, and what is sensitive is not asked of it.
func TestAnswersOfAI(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	asked := []string{}
	f.peers.Answer = func(question string, options []string) any {
		asked = append(asked, question)
		if len(options) > 0 {
			return options[0]
		}
		return "I wrote the first program."
	}
	list, err := f.board.Jobs("platform=lever&mode=none")
	must(t, err)
	app := f.submit(f.peers.Add(list[5]), true)
	f.peers.NoProof = true
	must(t, f.work(f.Service, app))
	f.state(app, NeedsAnswers)
	for _, q := range asked {
		if form.Sensitive(form.Field{Label: q}, form.Understand(form.Field{Label: q, Kind: form.Boolean})) {
			t.Errorf("ai was asked %q", q)
		}
	}
	if len(asked) == 0 {
		t.Error("ai was not asked at all")
	}
}

// When an account is deleted, so are its rows and its pictures, those too that a
// worker was still storing.
func TestDeletionLeavesNoPicture(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, id := f.posting("platform=ashby&mode=none")
	app := f.submit(id, false)
	must(t, f.work(f.Service, app))
	f.state(app, Submitted)
	r, err := f.GetReceipt(t.Context(), f.user, app)
	must(t, err)
	key := func(shot uuid.UUID) string {
		return "auto-apply/" + f.user.String() + "/" + app.String() + "/" + shot.String() + ".jpg"
	}
	if len(r.Form.Screenshots) != 2 {
		t.Fatalf("%d pictures", len(r.Form.Screenshots))
	}
	for _, shot := range r.Form.Screenshots {
		_, err := f.Files.Stat(t.Context(), key(shot))
		must(t, err)
	}
	row, err := f.q.ApplicationGet(t.Context(), app)
	must(t, err)
	must(t, f.DeleteUser(t.Context(), f.user))
	late, err := f.picture(t.Context(), row, ShowsOutcome, []byte("a picture that comes late"))
	if err == nil {
		t.Error("a picture is kept for a deleted account")
	}
	for _, shot := range append(r.Form.Screenshots, late) {
		if _, err := f.Files.Stat(t.Context(), key(shot)); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("a picture is left: %v", err)
		}
	}
	left, err := f.Footprint(t.Context(), f.user)
	must(t, err)
	for _, place := range left {
		if place.Count != 0 {
			t.Errorf("%s: %d", place.Name, place.Count)
		}
	}
	if _, err := f.GetReceipt(t.Context(), f.user, app); !errs.Is(err, errNotFound.Code) {
		t.Errorf("the receipt is left: %v", err)
	}
}

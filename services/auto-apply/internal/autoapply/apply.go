package autoapply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

const (
	// workLimit is how long one attempt may take.
	workLimit = 4 * time.Minute
	// WorkTimeout is the time limit of a consumer: an attempt, and waiting for its turn.
	WorkTimeout = workLimit + time.Minute
	// sendLimit is how long pressing the button can take, with what follows until it
	// is known and recorded.
	sendLimit = 90 * time.Second
	// lastTry of the queue (api/asyncapi/events.yaml): afterwards it failed.
	lastTry = 6

	lostReason = "The program ended while the application was being sent; nobody knows whether it arrived. Look for a mail of the company."
)

// errFenced means that another worker has the application, or its user took it back.
var errFenced = errors.New("auto-apply: the application is no longer this worker's")

// attempt is one worker's try at one application.
type attempt struct {
	*Service
	app       db.Application // as claimed; state follows
	job       *job.JobForApply
	profile   *user.FullProfile
	resume    *resume.ResumeContent
	facts     form.Facts
	letter    string
	settings  Settings
	overrides map[string]FilledField // by field name: answers for this application, and what was approved
	code      string                 // sent to the user by the site
	page      *site.Session
	form      FilledForm
	clicked   time.Time
}

// Apply takes an application from the queue and carries it as far as it goes
// without its user. It is safe to call for a message again, at the same time too.
func (s *Service) Apply(ctx context.Context, m *rabbit.Message) error {
	var work ApplicationApply
	if err := m.Decode(&work); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	a, err := s.claim(ctx, work.ApplicationID)
	if err != nil || a == nil {
		return err
	}
	began := time.Now()
	x := &attempt{Service: s, app: *a}
	err = x.run(ctx)
	x.seconds.Observe(time.Since(began).Seconds())
	switch {
	case err == nil:
	case errors.Is(err, errFenced):
		return nil
	case errs.KindOf(err) == errs.Unavailable, errors.Is(err, browser.ErrUnavailable):
		s.Log.WarnContext(ctx, "an application waits for what it needs", slog.String("application", a.ID.String()), slog.Any("error", err))
		return rabbit.NotReady(err)
	case m.Attempt < lastTry:
		return err
	default:
		s.Log.WarnContext(ctx, "an application failed", slog.String("application", a.ID.String()), slog.Any("error", err))
		err = x.move(context.WithoutCancel(ctx), Failed, "The application page could not be used: it does not load, or not as expected. Apply by hand.")
	}
	if errors.Is(err, errFenced) {
		return nil
	}
	s.outcomes.WithLabelValues(x.app.Platform, x.app.State).Inc()
	return err
}

// claim raises the attempt of an application that may be worked on; nil: it may
// not. One that is found submitting may have been sent.
func (s *Service) claim(ctx context.Context, id uuid.UUID) (*db.Application, error) {
	var mine *db.Application
	err := s.inTx(ctx, func(t *tx) error {
		mine = nil
		a, err := t.ApplicationLock(ctx, id)
		if err = missing(err, errNotFound); err != nil {
			if errs.Is(err, errNotFound.Code) {
				return nil
			}
			return err
		}
		switch a.State {
		case Submitting:
			// Its worker may be alive: it is left alone for as long as sending takes.
			if t.now.Sub(a.UpdatedAt) < sendLimit {
				return nil
			}
			a.Attempt++
			return t.move(ctx, &a, Unconfirmed, ByMachine, lostReason)
		case Queued, Preparing, Filling:
		default:
			return nil
		}
		if a.RunID != nil {
			run, err := t.RunGet(ctx, *a.RunID)
			if err != nil {
				return err
			}
			settings, err := t.settings(ctx, a.UserID)
			if err != nil {
				return err
			}
			if run.State == runPaused || !settings.Hours.Open(t.now) {
				a.Held = true
				return t.save(ctx, &a)
			}
		}
		a.Attempt++
		if a.State != Preparing {
			err = t.move(ctx, &a, Preparing, ByMachine, "")
		} else {
			err = t.save(ctx, &a)
		}
		mine = &a
		return err
	})
	return mine, err
}

// change works on the application while it is this worker's. Once the button was
// pressed, nobody else knows what became of it: a database that is away is waited for.
func (x *attempt) change(ctx context.Context, fn func(t *tx, a *db.Application) error) error {
	err := x.tryChange(ctx, fn)
	for began := time.Now(); x.app.State == Submitting && errs.KindOf(err) == errs.Unavailable && time.Since(began) < sendLimit; {
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
		err = x.tryChange(ctx, fn)
	}
	return err
}

func (x *attempt) tryChange(ctx context.Context, fn func(t *tx, a *db.Application) error) error {
	return x.inTx(ctx, func(t *tx) error {
		a, err := t.ApplicationLock(ctx, x.app.ID)
		if err != nil {
			if errs.Is(missing(err, errNotFound), errNotFound.Code) {
				return errFenced
			}
			return err
		}
		gone, err := t.TombstoneExists(ctx, a.UserID)
		if err != nil {
			return err
		}
		if gone || a.Attempt != x.app.Attempt || !slices.Contains(working, a.State) {
			return errFenced
		}
		if err := fn(t, &a); err != nil {
			return err
		}
		x.app = a
		return nil
	})
}

func (x *attempt) move(ctx context.Context, to State, reason string) error {
	return x.change(ctx, func(t *tx, a *db.Application) error { return t.move(ctx, a, to, ByMachine, reason) })
}

// run applies. An error leaves the application to a later try; whatever is the
// application's own end is a state.
func (x *attempt) run(ctx context.Context) error {
	if err := x.gather(ctx); err != nil {
		var known *errs.Error
		if errors.As(err, &known) && known.Kind != errs.Unavailable {
			return x.move(ctx, Failed, known.Message)
		}
		return err
	}
	if x.job.Job.Status == job.Closed {
		return x.move(ctx, Closed, value(x.job.Job.ClosedReason))
	}
	if held := x.held.take(x.app.ID); held != nil && x.code != "" {
		defer held.close()
		x.page, x.form = held.page, held.form
		if err := x.page.EnterCode(x.code); err != nil {
			return err
		}
		return x.send(ctx)
	}
	if err := x.wait(ctx); err != nil {
		return err
	}
	// The browser's work ends with ctx, unless it is held for a code.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	bound := context.AfterFunc(ctx, cancel)
	end := func() { bound(); cancel() }
	page, err := x.Sites.Open(work, site.Target{
		Platform: string(x.job.Platform), Board: x.job.Board, ExternalID: x.job.ExternalID, URL: x.job.ApplyURL, BaseURL: value(x.job.BaseURL),
	})
	if err != nil {
		end()
		var closed *site.ClosedError
		switch {
		case errors.As(err, &closed):
			return x.move(ctx, Closed, closed.Reason)
		case unusable(err) != "":
			return x.move(ctx, Failed, unusable(err))
		}
		return err
	}
	x.page = page
	done := func() { page.Close(); end() }
	if err := x.move(ctx, Filling, ""); err != nil {
		done()
		return err
	}
	err = x.fillAll(ctx)
	if errors.Is(err, errCode) { // the page stays open for the user's answer
		bound()
		x.held.keep(x.app.ID, &session{page: page, form: x.form, end: done})
		return nil
	}
	done()
	if err != nil && unusable(err) != "" {
		return x.move(ctx, Failed, unusable(err))
	}
	return err
}

// unusable says what is wrong with a page that another try would find the same;
// empty: another try may go well.
func unusable(err error) string {
	switch {
	case errors.Is(err, site.ErrNoForm):
		return "The page has no application form that can be filled. Apply by hand."
	case errors.Is(err, site.ErrElsewhere):
		return "The page leads to another site, where nothing is typed. Apply by hand."
	case errors.Is(err, site.ErrStuck):
		return "The page stopped answering while it was being read or filled. Nothing was sent; apply by hand."
	}
	return ""
}

// gather collects what the application is made of.
func (x *attempt) gather(ctx context.Context) (err error) {
	if x.job, err = x.Service.job(ctx, x.app.JobID); err != nil {
		return err
	}
	if x.profile, err = x.Service.profile(ctx, x.app.UserID); err != nil {
		return err
	}
	if x.resume, err = x.Service.resume(ctx, x.app.UserID, x.app.ResumeID); err != nil {
		return err
	}
	if x.settings, err = x.GetSettings(ctx, x.app.UserID); err != nil {
		return err
	}
	if err := x.open("applications", "letter_sealed", x.app.ID, x.app.UserID, x.app.LetterSealed, &x.letter); err != nil {
		return err
	}
	if x.app.ResumeVersion == nil || *x.app.ResumeVersion != x.resume.Version || x.app.ResumeID == nil {
		err = x.change(ctx, func(t *tx, a *db.Application) error {
			return t.record(ctx, a, event{Kind: kindResume, Resume: &x.resume.ResumeID, Version: &x.resume.Version})
		})
		if err != nil {
			return err
		}
	}
	x.facts = facts(x.profile, x.job, x.letter)
	x.overrides = map[string]FilledField{}
	if x.app.Approved {
		var seen FilledForm
		if err := x.readPaper(ctx, x.app, paperReview, errNoReview, &seen); err != nil {
			return err
		}
		for _, f := range seen.Fields {
			x.overrides[f.Name] = f
		}
	}
	asked, err := x.questions(ctx, x.q, x.app.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(asked, func(a, b Question) int { return a.AskedAt.Compare(b.AskedAt) })
	for _, q := range asked {
		switch {
		case q.AnsweredAt == nil:
		case q.Kind == form.Code:
			x.code = q.Values[0]
		default:
			x.overrides[q.Field] = FilledField{Name: q.Field, Values: q.Values, Source: form.FromUser}
		}
	}
	return nil
}

// wait keeps to the rate of the platform, over all users and replicas.
func (x *attempt) wait(ctx context.Context) error {
	if x.Limiter == nil {
		return nil
	}
	for {
		_, _, again, err := x.Limiter.Take(ctx, nil, "platform:"+x.app.Platform, x.PerMinute, time.Minute)()
		if err != nil || again == 0 {
			return err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < again+time.Minute {
			return errPeer.With(fmt.Errorf("the limit of %s is reached", x.app.Platform))
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send presses the button, once, and records what became of it. The form is
// filled.
func (x *attempt) send(ctx context.Context) error {
	for try := 1; ; try++ {
		if err := x.mark(ctx); err != nil {
			return err
		}
		out, err := x.page.Press(ctx, true)
		if errors.Is(err, site.ErrNoForm) || errors.Is(err, site.ErrElsewhere) { // nothing was pressed
			return x.move(ctx, Failed, unusable(err))
		}
		if err != nil {
			// Nothing was pressed, or it is not known.
			out = site.Outcome{Result: site.Unconfirmed, Why: "The browser was lost while the application was being sent."}
		}
		// What was pressed is recorded even if the time is up.
		record := context.WithoutCancel(ctx)
		switch out.Result {
		case site.Submitted:
			return x.settle(record, Submitted, "", out)
		case site.Invalid:
			again, err := x.correct(record, out, try)
			if err != nil || !again {
				return err
			}
		case site.Captcha:
			x.shoot(record, ShowsCaptcha)
			return x.move(record, NeedsCaptcha, captchaReason)
		case site.CodeWanted:
			if x.code != "" && x.form.FilledAt.IsZero() {
				x.code = ""
			}
			return x.askCode(record, out)
		case site.Duplicate:
			return x.move(record, Failed, "The company has an application of yours to this job already. Nothing was sent again.")
		case site.ClosedNow:
			return x.move(record, Closed, out.Why)
		default:
			return x.settle(record, Unconfirmed, out.Why, out)
		}
	}
}

const captchaReason = "The site asks for a captcha, which only a person may solve. Open the page and apply by hand, then note it here."

// mark says that the button is about to be pressed.
func (x *attempt) mark(ctx context.Context) error {
	x.clicked = x.now()
	return x.change(ctx, func(t *tx, a *db.Application) error {
		if a.State == Submitting {
			return t.save(ctx, a)
		}
		return t.move(ctx, a, Submitting, ByMachine, "")
	})
}

// settle records the end of an application that was sent, with its receipt.
func (x *attempt) settle(ctx context.Context, to State, reason string, out site.Outcome) error {
	x.shoot(ctx, ShowsOutcome)
	receipt := Receipt{Form: x.form, Outcome: to, ConfirmationURL: out.URL, ConfirmationText: out.Text, ClickedAt: x.clicked}
	return x.change(ctx, func(t *tx, a *db.Application) error {
		receipt.SettledAt = t.now
		if err := t.writePaper(ctx, a, paperReceipt, receipt); err != nil {
			return err
		}
		return t.move(ctx, a, to, ByMachine, reason)
	})
}

// shoot keeps a picture of the page. Without one the application goes on.
func (x *attempt) shoot(ctx context.Context, shows string) {
	jpeg, err := x.page.Screenshot()
	if err == nil {
		var id uuid.UUID
		if id, err = x.picture(ctx, x.app, shows, jpeg); err == nil {
			x.form.Screenshots = append(x.form.Screenshots, id)
			return
		}
	}
	x.Log.WarnContext(ctx, "no picture was taken", slog.String("application", x.app.ID.String()), slog.Any("error", err))
}

// park asks the user, and lets the browser go.
func (x *attempt) park(ctx context.Context, list []Question) error {
	return x.change(ctx, func(t *tx, a *db.Application) error {
		if err := t.move(ctx, a, NeedsAnswers, ByMachine, ""); err != nil {
			return err
		}
		return t.ask(ctx, a, list)
	})
}

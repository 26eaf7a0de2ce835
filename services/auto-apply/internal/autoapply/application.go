package autoapply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
)

// Application is one, as its user sees it.
type Application struct {
	db.Application
	Notes         string
	OpenQuestions int32
}

// Details are an application with what happened to it.
type Details struct {
	Application
	Timeline    []Step
	Screenshots []db.ApplicationScreenshot
}

// Step is a change of state.
type Step struct {
	At         time.Time
	From, To   State
	By, Reason string
}

// Request asks for an application.
type Request struct {
	JobID       uuid.UUID
	ResumeID    *uuid.UUID // nil: the default one
	CoverLetter string
	Review      *bool // nil: as the settings say
}

var (
	errJobNotFound    = errs.New(errs.NotFound, "job_not_found", "There is no such job. Search again, and choose one of the results.")
	errResumeNotFound = errs.New(errs.NotFound, "resume_not_found", "There is no such resume of yours.")
	errNoResume       = errs.New(errs.Conflict, "resume_required", "There is no resume to send. Upload or write one, then apply.")
	errJobClosed      = errs.New(errs.Conflict, "job_closed", "The job is closed; it takes no applications any more.")
	errTaken          = errs.New(errs.Conflict, "already_applied", "There is an application of yours to this job already. It is never sent twice.")
	errSent           = errs.New(errs.Conflict, "already_sent", "The application was sent already, or is being sent; it cannot be taken back here. Write to the company.")
	errTransition     = errs.New(errs.Conflict, "state_not_allowed", "An application in its present state cannot get this one.")
)

var capErrors = map[string]*errs.Error{
	DayCap:      errs.New(errs.Conflict, DayCap, "That is all applications of today that your settings and plan allow. Raise the cap in the settings, or go on tomorrow."),
	CompanyCap:  errs.New(errs.Conflict, CompanyCap, "Your settings allow no further application to this company within 30 days. Raise the cap in the settings."),
	PlatformCap: errs.New(errs.Conflict, PlatformCap, "Your settings allow no further application on this platform today. Raise the cap in the settings, or go on tomorrow."),
}

// SubmitApplication takes a job to be applied to.
func (s *Service) SubmitApplication(ctx context.Context, userID uuid.UUID, r Request) (Application, error) {
	posting, err := s.job(ctx, r.JobID)
	if err != nil {
		return Application{}, err
	}
	if posting.Job.Status == job.Closed {
		return Application{}, errJobClosed
	}
	if _, err := s.resume(ctx, userID, r.ResumeID); err != nil {
		return Application{}, err
	}
	profile, err := s.profile(ctx, userID)
	if err != nil {
		return Application{}, err
	}
	var made db.Application
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, userID); err != nil {
			return err
		}
		settings, err := t.settings(ctx, userID)
		if err != nil {
			return err
		}
		if _, err := t.ApplicationOfJob(ctx, db.ApplicationOfJobParams{UserID: userID, JobID: r.JobID}); err == nil {
			return errTaken
		} else if !pg.IsNotFound(err) {
			return err
		}
		usage, err := t.usage(ctx, userID, settings)
		if err != nil {
			return err
		}
		policy := Policy{settings, int(profile.Entitlements.ApplicationsPerDay)}
		if why := policy.Check(candidate(posting, 1), usage, false); why != "" {
			return capErrors[why]
		}
		review := settings.ReviewBeforeSending
		if r.Review != nil {
			review = *r.Review
		}
		made, err = t.create(ctx, userID, posting, nil, r.ResumeID, review, r.CoverLetter)
		return err
	})
	return Application{Application: made}, err
}

func candidate(p *job.JobForApply, score float64) Candidate {
	return Candidate{Company: p.Job.Company.Name, Platform: string(p.Platform), Score: score}
}

// create makes an application, which the orchestrator has checked and dispatched.
func (t *tx) create(ctx context.Context, userID uuid.UUID, p *job.JobForApply, run, resumeID *uuid.UUID, review bool, letter string) (db.Application, error) {
	a := db.Application{ID: newID(), UserID: userID}
	err := t.record(ctx, &a, event{
		Kind: kindCreated, From: Draft, To: Queued, By: by(run), JobID: p.Job.ID, RunID: run, Resume: resumeID, Company: p.Job.Company.Name, Title: p.Job.Title,
		Site: string(p.Platform), URL: p.ApplyURL, Review: review, Letter: letter,
	})
	if err != nil {
		return a, err
	}
	err = t.ApplicationInsert(ctx, db.ApplicationInsertParams{
		ID: a.ID, UserID: userID, JobID: a.JobID, RunID: run, ResumeID: resumeID, CompanyName: a.CompanyName, JobTitle: a.JobTitle, Platform: a.Platform,
		ApplyUrl: a.ApplyUrl, Review: review, LetterSealed: a.LetterSealed, Now: t.now,
	})
	if pg.IsUniqueViolation(err, "applications_job") {
		return a, errTaken
	}
	if err != nil {
		return a, err
	}
	requested := ApplicationRequested{ApplicationID: a.ID, UserID: userID, JobID: a.JobID, At: t.now}
	if run != nil {
		requested.RunID = *run
	}
	return a, t.emit(ctx, TypeApplicationRequested, a.ID, requested)
}

func by(run *uuid.UUID) string {
	if run != nil {
		return ByMachine
	}
	return ByUser
}

// Filter chooses applications of a list.
type Filter struct {
	States            []State
	Platform, Company *string
	Since             *time.Time
	RunID             *uuid.UUID
	Limit             int
	Before            time.Time // zero: from the newest
	BeforeID          uuid.UUID
}

// ListApplications lists newest first; more reports whether there are further ones.
func (s *Service) ListApplications(ctx context.Context, userID uuid.UUID, f Filter) (list []Application, more bool, err error) {
	p := db.ApplicationsPageParams{UserID: userID, States: append([]string{}, f.States...), Platform: f.Platform, Company: f.Company, Since: f.Since, RunID: f.RunID, Count: int32(f.Limit) + 1}
	if !f.Before.IsZero() {
		p.Before, p.BeforeID = &f.Before, &f.BeforeID
	}
	rows, err := s.q.ApplicationsPage(ctx, p)
	if err != nil {
		return nil, false, storeError(err)
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	for _, r := range rows {
		a, err := s.shown(db.Application{
			ID: r.ID, UserID: r.UserID, JobID: r.JobID, RunID: r.RunID, ResumeID: r.ResumeID, ResumeVersion: r.ResumeVersion, CompanyName: r.CompanyName, JobTitle: r.JobTitle,
			Platform: r.Platform, ApplyUrl: r.ApplyUrl, State: r.State, Reason: r.Reason, Review: r.Review, SubmittedAt: r.SubmittedAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
			NotesSealed: r.NotesSealed,
		}, r.OpenQuestions)
		if err != nil {
			return nil, false, err
		}
		list = append(list, a)
	}
	return list, more, nil
}

func (s *Service) shown(a db.Application, questions int32) (Application, error) {
	out := Application{Application: a, OpenQuestions: questions}
	return out, s.open("applications", "notes_sealed", a.ID, a.UserID, a.NotesSealed, &out.Notes)
}

// own reads an application of a user; others' do not exist.
func (s *Service) own(ctx context.Context, userID, id uuid.UUID) (db.Application, error) {
	a, err := s.q.ApplicationGet(ctx, id)
	if err == nil && a.UserID != userID {
		return a, errNotFound
	}
	return a, missing(err, errNotFound)
}

// lockOwn locks an application of a user.
func (t *tx) lockOwn(ctx context.Context, userID, id uuid.UUID) (db.Application, error) {
	a, err := t.ApplicationLock(ctx, id)
	if err == nil && a.UserID != userID {
		return a, errNotFound
	}
	return a, missing(err, errNotFound)
}

// GetApplication returns an application with its timeline.
func (s *Service) GetApplication(ctx context.Context, userID, id uuid.UUID) (Details, error) {
	a, err := s.own(ctx, userID, id)
	if err != nil {
		return Details{}, err
	}
	open, err := s.q.QuestionsOpen(ctx, id)
	if err != nil {
		return Details{}, storeError(err)
	}
	out := Details{}
	if out.Application, err = s.shown(a, open); err != nil {
		return out, err
	}
	events, err := s.history(ctx, s.q, id)
	if err != nil {
		return out, err
	}
	for _, e := range events {
		if e.To != "" {
			out.Timeline = append(out.Timeline, Step{At: e.At, From: e.From, To: e.To, By: e.By, Reason: e.Reason})
		}
	}
	out.Screenshots, err = s.q.ScreenshotsOf(ctx, id)
	return out, storeError(err)
}

// outcomes are the states that a user may give, by present state.
func outcomeAllowed(from, to State) bool {
	switch to {
	case Submitted: // sent by hand, or seen to have arrived
		return slices.Contains([]State{NeedsCaptcha, NeedsAnswers, NeedsReview, Unconfirmed, Failed}, from)
	case Withdrawn:
		return slices.Contains(sent, from) || slices.Contains(parked, from)
	}
	return slices.Contains(sent, from) && from != to
}

// UpdateApplication notes something, or what became of an application. Empty
// strings are left as they are; notes is nil to leave them.
func (s *Service) UpdateApplication(ctx context.Context, userID, id uuid.UUID, notes *string, to State) (Details, error) {
	err := s.inTx(ctx, func(t *tx) error {
		a, err := t.lockOwn(ctx, userID, id)
		if err != nil {
			return err
		}
		if notes != nil {
			if err := t.record(ctx, &a, event{Kind: kindNoted, Notes: strings.TrimSpace(*notes)}); err != nil {
				return err
			}
		}
		if to == "" || to == a.State {
			return nil
		}
		if !outcomeAllowed(a.State, to) {
			return errTransition
		}
		return t.move(ctx, &a, to, ByUser, "")
	})
	if err != nil {
		return Details{}, err
	}
	return s.GetApplication(ctx, userID, id)
}

// CancelApplication takes back what was not sent yet. userID is nil for services.
func (s *Service) CancelApplication(ctx context.Context, userID *uuid.UUID, id uuid.UUID) error {
	return s.inTx(ctx, func(t *tx) error {
		a, err := t.ApplicationLock(ctx, id)
		switch {
		case err != nil:
			return missing(err, errNotFound)
		case userID != nil && a.UserID != *userID:
			return errNotFound
		case a.State == Cancelled:
			return nil
		case !slices.Contains(unsent, a.State):
			return errSent
		}
		a.Attempt++ // whoever works on it may not go on
		who := ByMachine
		if userID != nil {
			who = ByUser
		}
		return t.move(ctx, &a, Cancelled, who, "")
	})
}

// DispatchApplication hands an application to the browsers. Doing it again changes
// nothing.
func (s *Service) DispatchApplication(ctx context.Context, id uuid.UUID) error {
	return s.inTx(ctx, func(t *tx) error {
		a, err := t.ApplicationLock(ctx, id)
		if err != nil {
			return missing(err, errNotFound)
		}
		if a.State != Queued || a.Dispatched {
			return nil
		}
		return t.enqueue(ctx, &a)
	})
}

// CloseApplication ends an application whose job is closed. One that was sent, or
// is over, stays as it is.
func (s *Service) CloseApplication(ctx context.Context, id uuid.UUID, reason string) error {
	return s.inTx(ctx, func(t *tx) error {
		a, err := t.ApplicationLock(ctx, id)
		if err != nil {
			return missing(err, errNotFound)
		}
		if !slices.Contains(unsent, a.State) {
			return nil
		}
		a.Attempt++
		return t.move(ctx, &a, Closed, ByMachine, reason)
	})
}

// job asks the job service for what applying needs.
func (s *Service) job(ctx context.Context, id uuid.UUID) (*job.JobForApply, error) {
	r, err := s.Jobs.GetJobForApplyWithResponse(ctx, id)
	switch {
	case err != nil:
		return nil, errPeer.With(err)
	case errs.KindOfStatus(r.StatusCode()) == errs.NotFound:
		return nil, errJobNotFound
	case r.JSON200 == nil:
		return nil, errPeer.With(fmt.Errorf("job answered %s", r.Status()))
	}
	return r.JSON200, nil
}

// profile asks the user service for all that it knows.
func (s *Service) profile(ctx context.Context, id uuid.UUID) (*user.FullProfile, error) {
	r, err := s.Users.GetFullProfileWithResponse(ctx, id)
	if err != nil {
		return nil, errPeer.With(err)
	}
	if r.JSON200 == nil {
		return nil, errPeer.With(fmt.Errorf("user answered %s", r.Status()))
	}
	return r.JSON200, nil
}

// resume asks the resume service for a resume of the user, or the default one.
func (s *Service) resume(ctx context.Context, userID uuid.UUID, id *uuid.UUID) (*resume.ResumeContent, error) {
	if id == nil {
		r, err := s.Resumes.GetDefaultResumeWithResponse(ctx, userID)
		switch {
		case err != nil:
			return nil, errPeer.With(err)
		case errs.KindOfStatus(r.StatusCode()) == errs.NotFound:
			return nil, errNoResume
		case r.JSON200 == nil:
			return nil, errPeer.With(fmt.Errorf("resume answered %s", r.Status()))
		}
		return r.JSON200, nil
	}
	r, err := s.Resumes.GetResumeContentWithResponse(ctx, *id, nil)
	switch {
	case err != nil:
		return nil, errPeer.With(err)
	case errs.KindOfStatus(r.StatusCode()) == errs.NotFound, r.JSON200 != nil && r.JSON200.UserID != userID:
		return nil, errResumeNotFound
	case r.JSON200 == nil:
		return nil, errPeer.With(fmt.Errorf("resume answered %s", r.Status()))
	}
	return r.JSON200, nil
}

// settings of a user, or the defaults.
func (t *tx) settings(ctx context.Context, userID uuid.UUID) (Settings, error) {
	s := Defaults()
	raw, err := t.SettingsGet(ctx, userID)
	if pg.IsNotFound(err) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

// usage is what counts against the caps of a user.
func (t *tx) usage(ctx context.Context, userID uuid.UUID, s Settings) (Usage, error) {
	u := Usage{Platform: map[string]int{}, Company: map[string]int{}}
	rows, err := t.Usage(ctx, db.UsageParams{UserID: userID, Today: s.Today(t.now), Lately: t.now.Add(-companyWindow)})
	for _, r := range rows {
		u.Today += int(r.Today)
		u.Platform[r.Platform] += int(r.Today)
		u.Company[company(r.CompanyName)] += int(r.Lately)
	}
	return u, err
}

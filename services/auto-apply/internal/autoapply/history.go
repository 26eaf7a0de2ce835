package autoapply

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
)

// State of an application.
type State = string

// States, as in the contract.
const (
	Draft        State = "draft" // before it exists; only in its first event
	Queued       State = "queued"
	Preparing    State = "preparing"
	Filling      State = "filling"
	NeedsReview  State = "needs_review"
	NeedsAnswers State = "needs_answers"
	NeedsCaptcha State = "needs_captcha"
	Submitting   State = "submitting"
	Submitted    State = "submitted"
	Unconfirmed  State = "unconfirmed"
	Failed       State = "failed"
	Closed       State = "closed"
	Withdrawn    State = "withdrawn"
	Cancelled    State = "cancelled"
	InReview     State = "in_review"
	Interview    State = "interview"
	Offer        State = "offer"
	Rejected     State = "rejected"
	Hired        State = "hired"
)

// working are the states in which a browser is at work; parked those in which the
// user is waited for.
var (
	working = []State{Preparing, Filling, Submitting}
	parked  = []State{NeedsReview, NeedsAnswers, NeedsCaptcha}
	unsent  = []State{Queued, Preparing, Filling, NeedsReview, NeedsAnswers, NeedsCaptcha}
	sent    = []State{Submitted, Unconfirmed, InReview, Interview, Offer, Rejected, Hired}
)

// Who changes an application.
const (
	ByUser    = "user"
	ByMachine = "machine"
)

// Kinds of events.
const (
	kindCreated  = "created"
	kindMoved    = "moved"
	kindNoted    = "noted"
	kindResume   = "resume"
	kindApproved = "approved"
)

// event is what happened to an application.
type event struct {
	Kind    string     `json:"-"`
	At      time.Time  `json:"-"`
	From    State      `json:"from,omitempty"`
	To      State      `json:"to,omitempty"`
	By      string     `json:"by,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	JobID   uuid.UUID  `json:"jobId,omitzero"`
	RunID   *uuid.UUID `json:"runId,omitempty"`
	Resume  *uuid.UUID `json:"resumeId,omitempty"`
	Version *int32     `json:"resumeVersion,omitempty"`
	Company string     `json:"company,omitempty"`
	Title   string     `json:"title,omitempty"`
	Site    string     `json:"platform,omitempty"`
	URL     string     `json:"applyUrl,omitempty"`
	Review  bool       `json:"review,omitempty"`
	Letter  string     `json:"letter,omitempty"`
	Notes   string     `json:"notes,omitempty"`
}

// apply adds an event to the projection. What fences and wakes workers (attempt,
// dispatched, held) is no part of the history.
func (s *Service) apply(a *db.Application, e event) (err error) {
	a.Seq++
	a.UpdatedAt = e.At
	switch e.Kind {
	case kindCreated:
		a.JobID, a.RunID, a.ResumeID, a.CompanyName, a.JobTitle, a.Platform, a.ApplyUrl, a.Review = e.JobID, e.RunID, e.Resume, e.Company, e.Title, e.Site, e.URL, e.Review
		a.State, a.CreatedAt = Queued, e.At
		if e.Letter != "" {
			a.LetterSealed, err = s.seal("applications", "letter_sealed", a.ID, a.UserID, e.Letter)
		}
	case kindMoved:
		a.State, a.Reason = e.To, e.Reason
		if e.To == Submitted && a.SubmittedAt == nil {
			a.SubmittedAt = &e.At
		}
	case kindNoted:
		a.NotesSealed = nil
		if e.Notes != "" {
			a.NotesSealed, err = s.seal("applications", "notes_sealed", a.ID, a.UserID, e.Notes)
		}
	case kindResume:
		a.ResumeID, a.ResumeVersion = e.Resume, e.Version
	case kindApproved:
		a.Approved = true
	}
	return err
}

// place of an event's body: its row is known by application and number.
type eventRow struct {
	id  uuid.UUID
	seq int32
}

func (r eventRow) String() string { return r.id.String() + "/" + strconv.Itoa(int(r.seq)) }

// record writes an event and what it makes of the application.
func (t *tx) record(ctx context.Context, a *db.Application, e event) error {
	e.At = t.now
	if err := t.s.apply(a, e); err != nil {
		return err
	}
	body, err := t.s.seal("application_history", "body_sealed", eventRow{a.ID, a.Seq}, a.UserID, e)
	if err != nil {
		return err
	}
	if err := t.HistoryInsert(ctx, db.HistoryInsertParams{ApplicationID: a.ID, UserID: a.UserID, Seq: a.Seq, At: t.now, Kind: e.Kind, BodySealed: body}); err != nil {
		return err
	}
	if e.Kind == kindCreated {
		return nil // the row is inserted by who calls
	}
	return t.save(ctx, a)
}

func (t *tx) save(ctx context.Context, a *db.Application) error {
	return t.ApplicationSet(ctx, db.ApplicationSetParams{
		ID: a.ID, ResumeID: a.ResumeID, ResumeVersion: a.ResumeVersion, State: a.State, Reason: a.Reason, Approved: a.Approved, Attempt: a.Attempt, Seq: a.Seq,
		SubmittedAt: a.SubmittedAt, Now: t.now, NotesSealed: a.NotesSealed, Dispatched: a.Dispatched, Held: a.Held,
	})
}

// move changes the state, and tells everybody.
func (t *tx) move(ctx context.Context, a *db.Application, to State, by, reason string) error {
	from := a.State
	if err := t.record(ctx, a, event{Kind: kindMoved, From: from, To: to, By: by, Reason: reason}); err != nil {
		return err
	}
	changed := ApplicationChanged{
		ApplicationID: a.ID, UserID: a.UserID, JobID: a.JobID, CompanyName: a.CompanyName, JobTitle: a.JobTitle, Platform: a.Platform, From: from, To: to, Reason: reason, At: t.now,
	}
	if a.ResumeID != nil {
		changed.ResumeID = *a.ResumeID
	}
	if a.ResumeVersion != nil {
		changed.ResumeVersion = int64(*a.ResumeVersion)
	}
	if err := t.emit(ctx, TypeApplicationChanged, a.ID, changed); err != nil {
		return err
	}
	if a.RunID != nil && !slices.Contains(working, to) && to != Queued {
		return t.finishRun(ctx, *a.RunID)
	}
	return nil
}

// enqueue has a browser take the application.
func (t *tx) enqueue(ctx context.Context, a *db.Application) error {
	a.Dispatched, a.Held = true, false
	if err := t.save(ctx, a); err != nil {
		return err
	}
	return outbox.Append(ctx, t.x, outbox.Message{
		Type: TypeApplicationApply, Queue: QueueApplications, Source: source, Subject: a.ID.String(), Time: t.now, Urgent: a.RunID == nil,
		Data: ApplicationApply{ApplicationID: a.ID, UserID: a.UserID},
	})
}

// history reads the events of an application.
func (s *Service) history(ctx context.Context, q *db.Queries, id uuid.UUID) ([]event, error) {
	rows, err := q.HistoryOf(ctx, id)
	if err != nil {
		return nil, storeError(err)
	}
	out := make([]event, len(rows))
	for i, r := range rows {
		if err := s.open("application_history", "body_sealed", eventRow{id, r.Seq}, r.UserID, r.BodySealed, &out[i]); err != nil {
			return nil, err
		}
		out[i].Kind, out[i].At = r.Kind, r.At.UTC()
	}
	return out, nil
}

// Rebuild makes an application's row again from its history.
func (s *Service) Rebuild(ctx context.Context, id uuid.UUID) error {
	return s.inTx(ctx, func(t *tx) error {
		old, err := t.ApplicationLock(ctx, id)
		if err != nil {
			return missing(err, errNotFound)
		}
		events, err := s.history(ctx, t.Queries, id)
		if err != nil {
			return err
		}
		a := db.Application{ID: id, UserID: old.UserID, Attempt: old.Attempt, Dispatched: old.Dispatched, Held: old.Held}
		for _, e := range events {
			if err := s.apply(&a, e); err != nil {
				return err
			}
		}
		if a.Seq == 0 {
			return fmt.Errorf("auto-apply: application %s has no history", id)
		}
		t.now = a.UpdatedAt
		return t.save(ctx, &a)
	})
}

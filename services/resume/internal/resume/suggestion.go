package resume

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

// Suggestion is an improvement to accept or reject.
type Suggestion struct {
	ID             uuid.UUID
	JobID          *uuid.UUID
	Kind           string
	Pointer        string // RFC 6901, into Version
	Version        int32
	Status         string // pending, accepted or rejected
	AppliedVersion *int32
	CreatedAt      time.Time
	advice
}

// advice is the part of a suggestion that tells of the resume, which is sealed.
type advice struct {
	Operation     string // replace, add, remove or advise
	Severity      string // major, minor or hint
	Before, After *string
	Reason        string
}

// Job is what a resume is to be suited to: a job here, or the text of a posting.
type Job struct {
	ID                              *uuid.UUID
	Title, CompanyName, Description string
}

var (
	errSuggestionNotFound = errs.New(errs.NotFound, "suggestion_not_found", "There is no such suggestion for this resume.")
	errSuggestionDecided  = errs.New(errs.Conflict, "suggestion_decided", "This suggestion was accepted or rejected already.")
	errSuggestionConflict = errs.New(errs.Conflict, "suggestion_conflict",
		"The resume was changed where the suggestion applies. Ask for new suggestions, or make the change by hand.")
	errSuggestionAdvice = errs.New(errs.Conflict, "suggestion_needs_text", "This is an advice without a text of its own. Send the new text with it.")
	errAdviser          = errs.New(errs.Unavailable, "adviser_unavailable", "Suggestions cannot be made at the moment. Try again in a few minutes.").WithRetryAfter(time.Minute)
	errAdviceRefused    = errs.New(errs.Conflict, "suggestions_refused", "No suggestions can be made for this resume and job. Choose another job, or send the text of the posting.")
)

// Suggest asks ai what could be better in a resume, and stores that. Suggestions
// of before that still wait are replaced.
func (s *Service) Suggest(ctx context.Context, user, id uuid.UUID, job Job) ([]Suggestion, error) {
	r, err := s.Get(ctx, user, id)
	if err != nil {
		return nil, err
	}
	req := ai.OptimizeResumeRequest{Resume: new(ai.Resume), JobID: job.ID}
	if job.ID == nil && job.Title != "" {
		req.Job = &ai.Posting{Title: job.Title, Description: &job.Description}
		if job.CompanyName != "" {
			req.Job.CompanyName = &job.CompanyName
		}
	}
	if language := ai.TextLanguage(strings.ToLower(r.Language[:2])); language == "en" || language == "de" {
		req.Language = &language
	}
	raw, err := json.Marshal(r.Resume)
	if err == nil {
		err = json.Unmarshal(raw, req.Resume)
	}
	if err != nil {
		return nil, err
	}
	res, err := s.AI.OptimizeResume(ctx, user, req)
	switch {
	case err == nil:
	case errs.KindOf(err) == errs.NotFound, errs.KindOf(err) == errs.Unprocessable:
		return nil, errAdviceRefused.With(err)
	default:
		return nil, errAdviser.With(err)
	}
	err = s.inTx(ctx, func(t *tx) error {
		if _, err := t.ResumeLock(ctx, db.ResumeLockParams{ID: id, UserID: user}); err != nil {
			return missing(err, errNotFound)
		}
		if err := t.SuggestionsDrop(ctx, id); err != nil {
			return err
		}
		for i, x := range res.Suggestions[:min(len(res.Suggestions), 200)] {
			row := newID()
			body, err := json.Marshal(advice{string(x.Operation), string(x.Severity), x.Before, x.After, x.Reason})
			if err != nil {
				return err
			}
			if err := t.SuggestionInsert(ctx, db.SuggestionInsertParams{
				ID: row, ResumeID: id, UserID: user, JobID: job.ID, Position: int16(i), Kind: string(x.Kind), Pointer: x.Pointer,
				Version: r.Version, BodySealed: s.Keys.Seal(body, place("resume_suggestions", "body_sealed", row, user)), Now: t.now,
			}); err != nil {
				return err
			}
		}
		return t.SuggestionsTrim(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	pending := "pending"
	return s.ListSuggestions(ctx, user, id, &pending)
}

func (s *Service) suggestion(r db.ResumeSuggestion) (Suggestion, error) {
	out := Suggestion{ID: r.ID, JobID: r.JobID, Kind: r.Kind, Pointer: r.Pointer, Version: r.Version, Status: r.Status, AppliedVersion: r.AppliedVersion, CreatedAt: r.CreatedAt}
	body, err := s.opened(r.BodySealed, place("resume_suggestions", "body_sealed", r.ID, r.UserID))
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(body, &out.advice)
}

// ListSuggestions lists the latest suggestions for a resume, those of one status
// if it is given, the gravest first.
func (s *Service) ListSuggestions(ctx context.Context, user, id uuid.UUID, status *string) ([]Suggestion, error) {
	if _, err := s.own(ctx, user, id); err != nil {
		return nil, err
	}
	rows, err := s.q.SuggestionList(ctx, db.SuggestionListParams{ResumeID: id, UserID: user, Status: status})
	if err != nil {
		return nil, storeError(err)
	}
	out := make([]Suggestion, len(rows))
	for i, r := range rows {
		if out[i], err = s.suggestion(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AcceptSuggestion makes the suggested change as a new version, with the user's
// own text if one is given. It is refused when the place was changed meanwhile.
func (s *Service) AcceptSuggestion(ctx context.Context, user, id, suggestion uuid.UUID, text *string) (out Suggestion, err error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return out, err
	}
	row, err := s.q.SuggestionGet(ctx, db.SuggestionGetParams{ID: suggestion, ResumeID: id, UserID: user})
	if err != nil {
		return out, missing(err, errSuggestionNotFound)
	}
	x, err := s.suggestion(row)
	if err != nil {
		return out, err
	}
	looked, err := s.load(ctx, s.q, r, x.Version)
	if errs.Is(err, errVersionNotFound.Code) {
		err = errSuggestionConflict
	}
	if err != nil {
		return out, err
	}
	_, err = s.modify(ctx, user, id, nil, change{
		cause: causeSuggestion,
		content: func(c Content) (Content, error) {
			next, err := s.applied(x, looked.content.Resume, c.Resume, text)
			c.Resume = next
			return c, err
		},
		also: func(t *tx, r db.Resume) error {
			locked, err := t.SuggestionLock(ctx, db.SuggestionLockParams{ID: suggestion, ResumeID: id, UserID: user})
			if err != nil {
				return missing(err, errSuggestionNotFound)
			}
			if locked.Status != "pending" {
				return errSuggestionDecided
			}
			row, err := t.SuggestionDecide(ctx, db.SuggestionDecideParams{ID: suggestion, Status: "accepted", AppliedVersion: &r.Version, Now: &t.now})
			if err != nil {
				return err
			}
			out, err = s.suggestion(row)
			return err
		},
	})
	return out, err
}

// applied is the resume with a suggestion that was made for what it was then.
func (s *Service) applied(x Suggestion, then, now jsonresume.Resume, text *string) (jsonresume.Resume, error) {
	op, after := x.Operation, x.After
	if text != nil {
		after = text
	}
	before, err := then.Tree()
	if err != nil {
		return now, err
	}
	tree, err := now.Tree()
	if err != nil {
		return now, err
	}
	was, err := jsonresume.Get(before, x.Pointer)
	if op == "advise" {
		op = jsonresume.OpReplace
		if err != nil {
			op = jsonresume.OpAdd
		}
		if _, isText := was.(string); after == nil || was != nil && !isText {
			return now, errSuggestionAdvice
		}
	}
	var value any
	switch {
	case op == jsonresume.OpRemove && text == nil:
	case after == nil:
		return now, errSuggestionAdvice
	default:
		value = *after
	}
	toEnd := strings.HasSuffix(x.Pointer, "/-")
	if op == jsonresume.OpAdd && toEnd && strings.Count(x.Pointer, "/") == 2 {
		value = map[string]any{entryName(jsonresume.SectionOf(x.Pointer)): value}
	}
	if op != jsonresume.OpAdd {
		is, err := jsonresume.Get(tree, x.Pointer)
		if err != nil || !reflect.DeepEqual(is, was) {
			return now, errSuggestionConflict
		}
	} else if !toEnd {
		if _, err := jsonresume.Get(tree, x.Pointer); err == nil {
			return now, errSuggestionConflict // it was filled meanwhile
		}
	}
	next, err := jsonresume.Apply(tree, op, x.Pointer, value)
	if errors.Is(err, jsonresume.ErrPointer) {
		return now, errSuggestionConflict
	}
	if err != nil {
		return now, err
	}
	return s.checked(next, "#")
}

// entryName is the field that names an entry of a section.
func entryName(section string) string {
	switch section {
	case "awards":
		return "title"
	case "languages":
		return "language"
	case "education":
		return "institution"
	case "volunteer":
		return "organization"
	}
	return "name"
}

// RejectSuggestion puts a suggestion aside.
func (s *Service) RejectSuggestion(ctx context.Context, user, id, suggestion uuid.UUID) (out Suggestion, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		row, err := t.SuggestionLock(ctx, db.SuggestionLockParams{ID: suggestion, ResumeID: id, UserID: user})
		switch {
		case err != nil:
			return missing(err, errSuggestionNotFound)
		case row.Status == "accepted":
			return errSuggestionDecided
		}
		row, err = t.SuggestionDecide(ctx, db.SuggestionDecideParams{ID: suggestion, Status: "rejected", Now: &t.now})
		if err != nil {
			return err
		}
		out, err = s.suggestion(row)
		return err
	})
	return out, err
}

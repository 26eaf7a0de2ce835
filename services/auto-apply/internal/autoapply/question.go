package autoapply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// Question is what a form asks that only the user can answer.
type Question struct {
	ID         uuid.UUID  `json:"-"`
	Field      string     `json:"-"`
	Key        string     `json:"-"`
	Reason     string     `json:"-"`
	AskedAt    time.Time  `json:"-"`
	AnsweredAt *time.Time `json:"-"`
	Question   string     `json:"question"`
	Kind       form.Kind  `json:"kind"`
	Options    []string   `json:"options,omitempty"`
	Hint       string     `json:"hint,omitempty"`
	Values     []string   `json:"values,omitempty"`
}

var (
	errQuestionNotFound = errs.New(errs.NotFound, "question_not_found", "The application asks no such question.")
	errAnswered         = errs.New(errs.Conflict, "already_answered", "The question was answered already.")
	errNotAsking        = errs.New(errs.Conflict, "not_waiting_for_answers", "The application does not wait for answers any more.")
	errNotSaved         = errs.New(errs.Unavailable, "answer_not_saved", "The answer could not be kept in the answer bank. Try again, or answer without save.")
)

// maxText is the longest answer that a form is given, in characters.
const maxText = 20000

// ask parks questions; one that is open already is not asked twice.
func (t *tx) ask(ctx context.Context, a *db.Application, list []Question) error {
	for _, q := range list {
		q.ID = newID()
		body, err := t.s.seal("application_questions", "body_sealed", q.ID, a.UserID, q)
		if err != nil {
			return err
		}
		n, err := t.QuestionInsert(ctx, db.QuestionInsertParams{ID: q.ID, ApplicationID: a.ID, UserID: a.UserID, Field: q.Field, Key: q.Key, Reason: q.Reason, BodySealed: body, Now: t.now})
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		err = t.emit(ctx, TypeQuestionAsked, a.ID, QuestionAsked{QuestionID: q.ID, ApplicationID: a.ID, UserID: a.UserID, Key: q.Key, CompanyName: a.CompanyName, JobTitle: a.JobTitle, At: t.now})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) questions(ctx context.Context, q *db.Queries, id uuid.UUID) ([]Question, error) {
	rows, err := q.QuestionsOf(ctx, id)
	if err != nil {
		return nil, storeError(err)
	}
	out := make([]Question, len(rows))
	for i, r := range rows {
		if err := s.open("application_questions", "body_sealed", r.ID, r.UserID, r.BodySealed, &out[i]); err != nil {
			return nil, err
		}
		out[i].ID, out[i].Field, out[i].Key, out[i].Reason, out[i].AskedAt, out[i].AnsweredAt = r.ID, r.Field, r.Key, r.Reason, r.AskedAt.UTC(), r.AnsweredAt
	}
	return out, nil
}

// ListQuestions lists the questions of an application, open ones first.
func (s *Service) ListQuestions(ctx context.Context, userID, id uuid.UUID) ([]Question, error) {
	if _, err := s.own(ctx, userID, id); err != nil {
		return nil, err
	}
	return s.questions(ctx, s.q, id)
}

// Given is an answer to a question.
type Given struct {
	QuestionID uuid.UUID
	Values     []string
	Save       bool
}

// Credential shows the user service on whose behalf an answer is kept there.
type Credential = user.RequestEditorFn

// AnswerQuestions takes answers. When none is open any more, the application goes
// on. Answers to be kept are kept first, so that an error leaves all as it was.
func (s *Service) AnswerQuestions(ctx context.Context, userID, id uuid.UUID, given []Given, as Credential) ([]Question, error) {
	a, err := s.own(ctx, userID, id)
	if err != nil {
		return nil, err
	}
	asked, err := s.questions(ctx, s.q, id)
	if err != nil {
		return nil, err
	}
	for i, g := range given {
		at := slices.IndexFunc(asked, func(q Question) bool { return q.ID == g.QuestionID })
		if at < 0 {
			return nil, errQuestionNotFound
		}
		if fault := asked[at].check(g.Values); fault != "" {
			pointer := "#/answers/" + strconv.Itoa(i) + "/values"
			return nil, errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.").WithFields(errs.Field{Pointer: pointer, Code: "not_allowed", Message: fault})
		}
		if g.Save && asked[at].Kind != form.Code {
			if err := s.keep(ctx, asked[at], g.Values, a.CompanyName, as); err != nil {
				return nil, err
			}
		}
	}
	err = s.inTx(ctx, func(t *tx) error {
		a, err := t.lockOwn(ctx, userID, id)
		if err != nil {
			return err
		}
		if a.State != NeedsAnswers {
			return errNotAsking
		}
		for _, g := range given {
			q := asked[slices.IndexFunc(asked, func(q Question) bool { return q.ID == g.QuestionID })]
			q.Values = g.Values
			body, err := s.seal("application_questions", "body_sealed", q.ID, userID, q)
			if err != nil {
				return err
			}
			n, err := t.QuestionAnswer(ctx, db.QuestionAnswerParams{ID: q.ID, BodySealed: body, Now: &t.now})
			if err != nil {
				return err
			}
			if n == 0 {
				return errAnswered
			}
			if err := t.emit(ctx, TypeQuestionAnswered, id, QuestionAnswered{QuestionID: q.ID, ApplicationID: id, UserID: userID, Key: q.Key, At: t.now}); err != nil {
				return err
			}
		}
		open, err := t.QuestionsOpen(ctx, id)
		if err != nil || open > 0 {
			return err
		}
		if err := t.move(ctx, &a, Queued, ByUser, ""); err != nil {
			return err
		}
		return t.enqueue(ctx, &a)
	})
	if err != nil {
		return nil, err
	}
	return s.questions(ctx, s.q, id)
}

// check says what is wrong with an answer; empty: nothing.
func (q Question) check(values []string) string {
	switch {
	case q.Kind == form.Checkbox && (len(values) != 1 || values[0] != "true" && values[0] != "false"):
		return `must be "true" or "false"`
	case q.Kind != form.Multi && len(values) > 1:
		return "must be one answer"
	case q.Kind == form.Number:
		if _, err := strconv.ParseFloat(values[0], 64); err != nil {
			return "must be a number"
		}
	case q.Kind == form.Date:
		if _, err := time.Parse(time.DateOnly, values[0]); err != nil {
			return "must be a date such as 2026-03-02"
		}
	}
	for _, v := range values {
		switch {
		case strings.TrimSpace(v) == "":
			return "must not be empty"
		case len(q.Options) > 0 && q.Kind != form.Checkbox && !slices.Contains(q.Options, v):
			return "must be one of the options, word for word"
		}
	}
	return ""
}

// yesNoKeys are the keys of the answer bank whose answers are true or false.
var yesNoKeys = []string{"authorized_to_work", "requires_sponsorship", "over_18", "willing_to_relocate", "willing_to_work_shifts", "willing_to_travel", "willing_to_commute",
	"drivers_license", "worked_here_before", "privacy_consent", "future_contact_consent",
	"willing_to_work_weekends", "willing_to_be_on_call", "own_car", "related_to_employee", "non_compete", "criminal_record", "background_check_consent", "drug_test_consent", "sms_consent", form.TruthKey}

// truthQuestion stands in the answer bank for all wordings of [form.TruthKey].
const truthQuestion = "Is everything that you state in applications true?"

// keep writes an answer to the answer bank, as its user: under the catalogue's key
// if that takes yes or no, else word for word for the next who asks the same.
func (s *Service) keep(ctx context.Context, q Question, values []string, company string, as Credential) error {
	key, question, value := ownKey(q.Question, company), &q.Question, any(values)
	if len(values) == 1 {
		value = values[0]
	}
	if slices.Contains(yesNoKeys, q.Key) {
		for _, answer := range []string{"true", "false"} {
			if values[0] == answer || form.Match(q.Options, "", answer) == values[0] {
				key, question, value = q.Key, nil, answer == "true"
				if key == form.TruthKey {
					same := truthQuestion
					question = &same
				}
			}
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	r, err := s.Users.SaveAnswerWithResponse(ctx, "me", key, user.SaveAnswerRequest{Question: question, Value: raw}, as)
	if err != nil {
		return errNotSaved.With(err)
	}
	if r.JSON200 == nil {
		return errNotSaved.With(fmt.Errorf("user answered %s", r.Status()))
	}
	return nil
}

// ownKey is the key of the answer bank for a question that the catalogue does not
// have.
func ownKey(question, company string) string {
	sum := sha256.Sum256([]byte(form.QuestionKey(question, company)))
	return "custom.q_" + hex.EncodeToString(sum[:10])
}

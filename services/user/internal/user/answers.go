package user

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

const maxAnswers = 300 // of a user

// Answer is what a user always answers to a question.
type Answer struct {
	Key         string          `json:"key"`
	Question    string          `json:"question,omitempty"` // of a key of one's own
	Type        string          `json:"type"`
	Sensitive   bool            `json:"sensitive"`
	Value       json.RawMessage `json:"value"`
	Source      string          `json:"source"` // user, resume or profile
	ConfirmedAt *time.Time      `json:"confirmedAt,omitempty"`
	UpdatedAt   time.Time       `json:"updatedAt"`
}

var (
	errAnswerNotFound = errs.New(errs.NotFound, "answer_not_found", "There is no answer to this question yet.")
	errAnswersMany    = errs.New(errs.Conflict, "too_many_answers", fmt.Sprintf("An answer bank holds at most %d answers. Remove some, then add others.", maxAnswers))
	errAnswerKey      = errs.New(errs.NotFound, "answer_key_not_found", "The catalogue has no such question. Name one of your own custom.<name>.")
)

const customPrefix = "custom."

// answerKey finds what is asked; a key of one's own is text, and anything may be
// in it.
func answerKey(key string) (AnswerKey, error) {
	if i := slices.IndexFunc(AnswerKeys, func(k AnswerKey) bool { return k.Key == key }); i >= 0 {
		return AnswerKeys[i], nil
	}
	if strings.HasPrefix(key, customPrefix) {
		return AnswerKey{Key: key, Sensitive: true}, nil
	}
	return AnswerKey{}, errAnswerKey
}

// check holds a value against the type of the key, and returns the type it has.
func (k AnswerKey) check(value json.RawMessage) (string, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	kind := "text"
	switch v := v.(type) {
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
	case []any:
		kind = "choices"
	case map[string]any:
		kind = "pay"
	case string:
		_, err := time.Parse(time.DateOnly, v)
		switch {
		case strings.TrimSpace(v) == "":
			return "", invalid("#/value", "too_short", "must not be empty")
		case k.Type == "date" && err == nil, k.Type == "choice":
			kind = k.Type
		}
	}
	if k.Type == "" { // of one's own
		return kind, nil
	}
	if kind != k.Type {
		return "", invalid("#/value", "type", "must be "+answerForms[k.Type])
	}
	chosen := []any{v}
	if kind == "choices" {
		chosen = v.([]any)
	}
	if len(k.Choices) > 0 {
		for _, c := range chosen {
			if text, ok := c.(string); !ok || !slices.Contains(k.Choices, text) {
				return "", invalid("#/value", "not_allowed", "must be one of "+strings.Join(k.Choices, ", "))
			}
		}
	}
	if n, ok := v.(float64); ok && (math.Abs(n) > 1e12) {
		return "", invalid("#/value", "too_large", "must be less than 1,000,000,000,000")
	}
	return kind, nil
}

var answerForms = map[string]string{
	"text": "text", "boolean": "true or false", "number": "a number", "date": "a date such as 2026-03-02",
	"pay": "an amount with currency and period", "choice": "one of the choices", "choices": "a list of choices",
}

func (s *Service) readAnswers(ctx context.Context, q *db.Queries, snap *snapshot) error {
	rows, err := q.AnswersOf(ctx, snap.UserID)
	if err != nil {
		return err
	}
	snap.Answers = make([]Answer, 0, len(rows))
	for _, r := range rows {
		a, err := s.answer(r)
		if err != nil {
			return err
		}
		snap.Answers = append(snap.Answers, a)
	}
	return nil
}

func (s *Service) answer(r db.Answer) (Answer, error) {
	a := Answer{Key: r.Key, Source: r.Source, ConfirmedAt: r.ConfirmedAt, UpdatedAt: r.UpdatedAt.UTC()}
	if r.Question != nil {
		a.Question = *r.Question
	}
	if err := s.open("answers", "value_sealed", r.Key, r.UserID, r.ValueSealed, &a.Value); err != nil {
		return a, err
	}
	k, err := answerKey(r.Key)
	if err != nil { // it has left the catalogue
		k = AnswerKey{Key: r.Key, Sensitive: true}
	}
	a.Sensitive, a.Type = k.Sensitive, k.Type
	if a.Type == "" {
		a.Type, err = k.check(a.Value)
	}
	return a, err
}

// ListAnswers returns all answers of a user, by key.
func (s *Service) ListAnswers(ctx context.Context, user uuid.UUID) ([]Answer, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return nil, err
	}
	return snap.Answers, nil
}

// SaveAnswer stores what the user answers, which confirms it.
func (s *Service) SaveAnswer(ctx context.Context, user uuid.UUID, key, question, from string, value json.RawMessage) (Answer, error) {
	k, err := answerKey(key)
	if err != nil {
		return Answer{}, err
	}
	if _, err := k.check(value); err != nil {
		return Answer{}, err
	}
	custom := strings.HasPrefix(key, customPrefix)
	switch {
	case custom && strings.TrimSpace(question) == "":
		return Answer{}, invalid("#/question", "required", "is required for a key of your own")
	case !custom && question != "":
		return Answer{}, invalid("#/question", "not_allowed", "is given by the catalogue")
	}
	err = s.change(ctx, user, func(t *tx) error {
		sealed, err := s.sealed("answers", "value_sealed", key, user, value)
		if err != nil {
			return err
		}
		p := db.AnswerUpsertParams{UserID: user, Key: key, ValueSealed: sealed, Source: from, ConfirmedAt: &t.now, Now: t.now}
		if custom {
			p.Question = &question
		}
		if err := t.AnswerUpsert(ctx, p); err != nil {
			return err
		}
		rows, err := t.AnswersOf(ctx, user)
		if err != nil {
			return err
		}
		if len(rows) > maxAnswers {
			return errAnswersMany
		}
		return t.emit(ctx, TypeAnswersUpdated, AnswersUpdated{UserID: user, Keys: []string{key}, UpdatedAt: t.now})
	})
	if err != nil {
		return Answer{}, err
	}
	answers, err := s.ListAnswers(ctx, user)
	if i := slices.IndexFunc(answers, func(a Answer) bool { return a.Key == key }); err == nil && i >= 0 {
		return answers[i], nil
	}
	if err == nil {
		err = errAnswerNotFound // it was removed meanwhile
	}
	return Answer{}, err
}

// RemoveAnswer forgets an answer.
func (s *Service) RemoveAnswer(ctx context.Context, user uuid.UUID, key string) error {
	return s.change(ctx, user, func(t *tx) error {
		if err := found(t.AnswerDelete(ctx, db.AnswerDeleteParams{UserID: user, Key: key}))(errAnswerNotFound); err != nil {
			return err
		}
		return t.emit(ctx, TypeAnswersUpdated, AnswersUpdated{UserID: user, Keys: []string{key}, UpdatedAt: t.now})
	})
}

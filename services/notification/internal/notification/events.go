package notification

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// happened is what the events that people are told of have in their payloads. Each
// has some of it; that it has what it needs is its publisher's catalogue to say.
type happened struct {
	UserID uuid.UUID `json:"userId"`

	Email       string `json:"email"`
	DisplayName string `json:"displayName"`
	Locale      string `json:"locale"`

	ResumeID      string   `json:"resumeId"`
	ProposalID    string   `json:"proposalId"`
	ApplicationID string   `json:"applicationId"`
	QuestionID    string   `json:"questionId"`
	JobID         string   `json:"jobId"`
	AlertID       string   `json:"alertId"`
	JobIDs        []string `json:"jobIds"`
	Titles        []string `json:"titles"` // of the first jobs, with their companies
	Total         int      `json:"total"`

	FileName    string `json:"fileName"`
	Message     string `json:"message"`
	CompanyName string `json:"companyName"`
	JobTitle    string `json:"jobTitle"`
	Question    string `json:"question"`
	AlertName   string `json:"name"`
	To          string `json:"to"`
	Reason      string `json:"reason"`
}

// data is what templates fill in and clients are given: what is there.
func (h happened) data(extra ...string) map[string]string {
	all := map[string]string{
		"resumeId": h.ResumeID, "proposalId": h.ProposalID, "applicationId": h.ApplicationID, "questionId": h.QuestionID,
		"jobId": h.JobID, "alertId": h.AlertID, "fileName": h.FileName, "message": h.Message, "companyName": h.CompanyName,
		"jobTitle": h.JobTitle, "question": h.Question, "alertName": h.AlertName, "reason": h.Reason,
	}
	for i := 0; i+1 < len(extra); i += 2 {
		all[extra[i]] = extra[i+1]
	}
	for k, v := range all {
		if v == "" {
			delete(all, k)
		}
	}
	return all
}

// applicationKinds are the states of an application that its owner is told of.
// needs_answers is told with the question itself.
var applicationKinds = map[string]MessageSendKind{
	"needs_review": MessageSendKindApplicationReview, "needs_captcha": MessageSendKindApplicationCaptcha,
	"submitted": MessageSendKindApplicationSubmitted, "unconfirmed": MessageSendKindApplicationUnconfirmed,
	"failed": MessageSendKindApplicationFailed, "closed": MessageSendKindApplicationClosed,
	"interview": MessageSendKindApplicationInterview, "offer": MessageSendKindApplicationOffer, "rejected": MessageSendKindApplicationRejected,
}

// tells is the message that an event is told with; empty for none. The welcome is a
// step of the orchestrator's onboarding.
func (h happened) tells(typ string) (kind MessageSendKind, data map[string]string) {
	switch typ {
	case "user.proposal.created":
		return MessageSendKindUserProposal, h.data()
	case "resume.document.parsed":
		return MessageSendKindResumeParsed, h.data()
	case "resume.document.failed":
		return MessageSendKindResumeFailed, h.data()
	case "auto-apply.question.asked":
		return MessageSendKindApplicationQuestion, h.data()
	case "auto-apply.application.changed":
		return applicationKinds[h.To], h.data()
	case "job.alert.matched":
		title := ""
		if len(h.Titles) > 0 {
			title = h.Titles[0]
		}
		switch n := max(h.Total, len(h.JobIDs)); {
		case len(h.JobIDs) == 0:
			return "", nil
		case n == 1:
			return MessageSendKindJobAlert, h.data("jobId", h.JobIDs[0], "jobTitle", title)
		default:
			return MessageSendKindJobAlertDigest, h.data("count", strconv.Itoa(n), "titles", strings.Join(h.Titles, "\n"))
		}
	}
	return "", nil
}

// Apply takes an event from the queue "notification-events": keeps what it says of
// the user's address, shows it on the user's stream, and tells the user what is to
// be told.
func (s *Service) Apply(ctx context.Context, x pgx.Tx, e rabbit.Event) error {
	var h happened
	if err := e.Decode(&h); err != nil {
		return err
	}
	if h.UserID == uuid.Nil {
		return nil // about nobody in particular
	}
	t := s.tx(x)
	if e.Type == TypeAuthUserDeleted {
		return t.deleteUser(ctx, h.UserID)
	}
	if gone, err := t.UserDeleted(ctx, h.UserID); err != nil || gone {
		return err
	}
	if err := t.learn(ctx, e.Type, h); err != nil {
		return err
	}
	if e.Type == TypeAuthUserRegistered {
		return nil // nobody can be watching yet
	}
	if err := t.stream(ctx, h.UserID, e.Type, e.Time, e.Data); err != nil {
		return err
	}
	kind, data := h.tells(e.Type)
	if kind == "" {
		return nil
	}
	return t.send(ctx, newID(), false, MessageSend{Kind: kind, UserID: h.UserID, DedupeKey: e.ID.String(), Data: data})
}

// learn keeps what an event says of how a user is reached.
func (t *tx) learn(ctx context.Context, typ string, h happened) error {
	c := contact{user: h.UserID, email: h.Email, name: h.DisplayName, locale: h.Locale}
	switch typ {
	case TypeAuthUserRegistered:
		return t.putContact(ctx, c)
	case TypeAuthUserVerified, TypeAuthUserEmailChanged:
		// Its owner has just read a mail there, so the address is alive.
		if err := t.SuppressionDelete(ctx, t.s.mailTarget(h.Email)); err != nil {
			return err
		}
		c.verified = true
		return t.putContact(ctx, c)
	case "user.profile.updated", "user.preferences.updated":
		return t.ContactStale(ctx, h.UserID)
	}
	return nil
}

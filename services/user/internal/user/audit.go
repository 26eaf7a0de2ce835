package user

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// Client is where a request comes from, for the audit trail.
type Client struct{ RequestID string }

// audit appends to the audit trail, in the transaction of what it tells. Call it
// last: writers of the trail wait for each other until they commit.
func audit(ctx context.Context, q *db.Queries, kind, actor, action string, user uuid.UUID, c Client) error {
	return q.AuditAppend(ctx, db.AuditAppendParams{
		ActorKind: kind, ActorID: actor, Action: action, UserID: &user, RequestID: c.RequestID, Detail: json.RawMessage("{}"),
	})
}

// InspectProfile shows a user's profile to an administrator, without the answers,
// and notes that it did.
func (s *Service) InspectProfile(ctx context.Context, admin, user uuid.UUID, c Client) (Full, error) {
	full, err := s.GetFullProfile(ctx, user)
	if err != nil {
		return Full{}, err
	}
	full.Answers = []Answer{}
	return full, storeError(audit(ctx, s.q, "user", admin.String(), "profile.inspected", user, c))
}

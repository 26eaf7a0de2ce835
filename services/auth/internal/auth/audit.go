package auth

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// actor is who did what the audit trail tells.
type actor struct{ kind, id string }

var system = actor{kind: "system"}

func userActor(id uuid.UUID) actor { return actor{"user", id.String()} }

// actorOf names a caller in the audit trail.
func actorOf(p authn.Principal) actor {
	switch p.Kind {
	case authn.KindUser, authn.KindAPIKey:
		return userActor(p.UserID)
	case authn.KindService:
		return actor{"service", p.Service}
	case authn.KindAnonymous:
	}
	return actor{kind: "anonymous"}
}

// audit appends to the audit trail, in the transaction of what it tells. Call it
// last: writers of the trail wait for each other until they commit. detail holds
// no secrets and no personal data beyond ids, since the trail outlives accounts.
func (t *tx) audit(ctx context.Context, by actor, action string, user *uuid.UUID, c Client, detail map[string]string) error {
	if detail == nil {
		detail = map[string]string{}
	}
	if c.IP.IsValid() {
		if country := CountryOf(c.IP); country != "" {
			detail["country"] = country
		}
	}
	raw, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("auth: encode audit detail: %w", err)
	}
	return t.AuditAppend(ctx, db.AuditAppendParams{
		ActorKind: by.kind, ActorID: by.id, Action: action, UserID: user, RequestID: c.RequestID, Detail: raw,
	})
}

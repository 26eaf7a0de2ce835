package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// AuditEntry is a line of the audit trail.
type AuditEntry struct {
	ID        int64
	At        time.Time
	ActorKind string // user, service, system or anonymous
	ActorID   string // user's id, service's name or empty
	Action    string
	UserID    *uuid.UUID // the account it was done to
	RequestID string
	Detail    json.RawMessage // an object
}

// AuditFilter chooses entries; what is zero does not filter.
type AuditFilter struct {
	UserID, ActorID *uuid.UUID
	Action          string
	After           *time.Time // at or after
	Before          *time.Time
}

// ListAuditLog reads the audit trail, newest first, from the entry before
// beforeID on, 0 for the newest. more says that there are some after the page.
func (s *Service) ListAuditLog(ctx context.Context, f AuditFilter, beforeID int64, limit int) (list []AuditEntry, more bool, err error) {
	p := db.AuditListParams{UserID: f.UserID, Action: f.Action, After: f.After, Before: f.Before, BeforeID: beforeID, MaxRows: int32(limit + 1)}
	if f.ActorID != nil {
		p.ActorID = f.ActorID.String()
	}
	rows, err := s.q.AuditList(ctx, p)
	if err != nil {
		return nil, false, storeError(err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, r := range rows {
		list = append(list, AuditEntry(r))
	}
	return list, more, nil
}

// auditBatch is how many entries one statement checks; it takes some 30 ms.
const auditBatch = 5000

// AuditVerification is the outcome of checking the audit trail.
type AuditVerification struct {
	Entries       int64 // that hold, from the first on
	FirstBrokenID int64 // 0: all hold
}

// Intact reports whether every entry follows from the one before it.
func (v AuditVerification) Intact() bool { return v.FirstBrokenID == 0 }

// VerifyAuditLog checks the hash chain of the audit trail from its first entry
// to the end that the head names: an entry changed, taken out, put in or cut off
// at the end shows. Entries appended meanwhile are left for the next time.
//
// Who can write to the table and to the head alike can write a new chain; then
// only a copy of an earlier head, kept elsewhere, tells.
func (s *Service) VerifyAuditLog(ctx context.Context) (AuditVerification, error) {
	end, err := s.q.AuditEnd(ctx)
	if err != nil {
		return AuditVerification{}, storeError(err)
	}
	at, hash := int64(0), end.Genesis
	for at < end.ID {
		upTo := min(at+auditBatch, end.ID)
		row, err := s.q.AuditVerify(ctx, db.AuditVerifyParams{AfterID: at, AfterHash: hash, UpTo: upTo})
		switch {
		case err != nil:
			return AuditVerification{}, storeError(err)
		case row.BrokenID != 0:
			return AuditVerification{row.BrokenID - 1, row.BrokenID}, nil
		case row.LastID < upTo:
			return AuditVerification{row.LastID, row.LastID + 1}, nil
		}
		at, hash = row.LastID, row.LastHash
	}
	switch {
	case !bytes.Equal(hash, end.Hash): // the last entry is not the one that the head was written with
		return AuditVerification{max(0, end.ID-1), max(1, end.ID)}, nil
	case end.LastID > end.ID:
		return AuditVerification{end.ID, end.ID + 1}, nil
	}
	return AuditVerification{Entries: end.ID}, nil
}

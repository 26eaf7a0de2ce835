package user

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// Proposal is what a version of a resume would change in a profile.
type Proposal struct {
	ID            uuid.UUID  `json:"id"`
	UserID        uuid.UUID  `json:"userId"`
	ResumeID      uuid.UUID  `json:"resumeId"`
	ResumeVersion int32      `json:"resumeVersion"`
	Status        string     `json:"status"` // open or closed
	Changes       []Proposed `json:"changes"`
	CreatedAt     time.Time  `json:"createdAt"`
	ClosedAt      *time.Time `json:"closedAt,omitempty"`
}

// Proposed is one change of a proposal.
type Proposed struct {
	ID         string          `json:"id"`
	Pointer    string          `json:"pointer"` // into Full (RFC 6901); "-" adds to a list
	Old        json.RawMessage `json:"old,omitempty"`
	New        json.RawMessage `json:"new"`
	Confidence *float64        `json:"confidence,omitempty"`
	Source     *ProposedSource `json:"source,omitempty"`
	Status     string          `json:"status"` // pending, accepted or rejected
}

// ProposedSource is where in the resume's document a value was read.
type ProposedSource struct {
	Page int32  `json:"page,omitempty"`
	Text string `json:"text,omitempty"`
}

const (
	statusOpen, statusClosed                      = "open", "closed"
	statusPending, statusAccepted, statusRejected = "pending", "accepted", "rejected"
)

var (
	errProposalNotFound = errs.New(errs.NotFound, "proposal_not_found", "There is no such proposal.")
	errProposalConflict = errs.New(errs.Conflict, "proposal_conflict",
		"The profile has changed since this was proposed; nothing was applied. Reject the changes in errors, or repeat with overwrite.")
	errDecided = errs.New(errs.Conflict, "already_decided", "Some of these changes have been decided before; see errors. Nothing was applied.")
)

// proposal opens a row.
func (s *Service) proposal(r db.Proposal) (Proposal, error) {
	p := Proposal{ID: r.ID, UserID: r.UserID, ResumeID: r.ResumeID, ResumeVersion: r.ResumeVersion, Status: r.Status, CreatedAt: r.CreatedAt.UTC(), ClosedAt: r.ClosedAt}
	return p, s.open("proposals", "changes_sealed", r.ID.String(), r.UserID, r.ChangesSealed, &p.Changes)
}

// CreateProposal compares a resume with the profile and proposes what differs. A
// version of a resume has one proposal: it is returned if it is there.
func (s *Service) CreateProposal(ctx context.Context, user, resume uuid.UUID, version int32, content Resume, parsed []ParsedField) (p Proposal, err error) {
	err = s.change(ctx, user, func(t *tx) error {
		snap, err := s.read(ctx, t.Queries, user)
		if err != nil {
			return err
		}
		tongues, err := t.tongues(ctx, content)
		if err != nil {
			return err
		}
		if err := t.onlyKnownCountry(ctx, &content); err != nil {
			return err
		}
		d := differ{have: &snap.Full, parsed: parsed, tongues: tongues}
		d.compare(content)
		id, status, closed := newID(), statusOpen, (*time.Time)(nil)
		if len(d.changes) == 0 {
			status, closed = statusClosed, &t.now
		}
		sealed, err := s.sealed("proposals", "changes_sealed", id.String(), user, d.changes)
		if err != nil {
			return err
		}
		rows, err := t.ProposalInsert(ctx, db.ProposalInsertParams{
			ID: id, UserID: user, ResumeID: resume, ResumeVersion: version, ChangesSealed: sealed, Status: status, ClosedAt: closed, Now: t.now,
		})
		if err != nil {
			return err
		}
		row, err := t.ProposalOfResume(ctx, db.ProposalOfResumeParams{UserID: user, ResumeID: resume, ResumeVersion: version})
		if err != nil {
			return err
		}
		if p, err = s.proposal(row); err != nil || rows == 0 {
			return err
		}
		return t.emit(ctx, TypeProposalCreated, ProposalCreated{ProposalID: id, UserID: user, ResumeID: resume, Changes: int64(len(d.changes)), CreatedAt: t.now})
	})
	return p, err
}

// GetProposal returns a proposal.
func (s *Service) GetProposal(ctx context.Context, user, id uuid.UUID) (Proposal, error) {
	row, err := s.q.ProposalGet(ctx, db.ProposalGetParams{UserID: user, ID: id})
	if pg.IsNotFound(err) {
		return Proposal{}, errProposalNotFound
	}
	if err != nil {
		return Proposal{}, storeError(err)
	}
	return s.proposal(row)
}

// Page is a part of a list, newest first.
type Page struct {
	Limit    int
	Before   *time.Time // of the last entry of the page before; nil for the first
	BeforeID uuid.UUID
}

// ListProposals returns a page of a user's proposals, of one status unless that is
// empty; more says that there are some after it.
func (s *Service) ListProposals(ctx context.Context, user uuid.UUID, status string, page Page) (list []Proposal, more bool, err error) {
	rows, err := s.q.ProposalsOf(ctx, db.ProposalsOfParams{
		UserID: user, Status: status, Before: page.Before, BeforeID: page.BeforeID, MaxRows: int32(page.Limit + 1),
	})
	if err != nil {
		return nil, false, storeError(err)
	}
	if more = len(rows) > page.Limit; more {
		rows = rows[:page.Limit]
	}
	for _, r := range rows {
		p, err := s.proposal(r)
		if err != nil {
			return nil, false, err
		}
		list = append(list, p)
	}
	return list, more, nil
}

// Decision says what becomes of the changes of a proposal.
type Decision struct {
	Accept, Reject []string // ids of changes
	Rest           string   // accept or reject all others; empty leaves them pending
	Overwrite      bool     // apply even where the profile has another value than the old one
}

// DecideProposal applies what is accepted, all or nothing.
func (s *Service) DecideProposal(ctx context.Context, user, id uuid.UUID, d Decision) (p Proposal, err error) {
	err = s.change(ctx, user, func(t *tx) error {
		row, err := t.ProposalGet(ctx, db.ProposalGetParams{UserID: user, ID: id})
		if pg.IsNotFound(err) {
			return errProposalNotFound
		}
		if err != nil {
			return err
		}
		if p, err = s.proposal(row); err != nil {
			return err
		}
		accepted, err := d.apply(p.Changes)
		if err != nil {
			return err
		}
		fields, err := t.accept(ctx, p.Changes, accepted, d.Overwrite)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(p.Changes, func(c Proposed) bool { return c.Status == statusPending }) && p.Status == statusOpen {
			p.Status, p.ClosedAt = statusClosed, &t.now
		}
		sealed, err := s.sealed("proposals", "changes_sealed", id.String(), user, p.Changes)
		if err != nil {
			return err
		}
		if err := t.ProposalDecide(ctx, db.ProposalDecideParams{ID: id, ChangesSealed: sealed, Status: p.Status, ClosedAt: p.ClosedAt}); err != nil {
			return err
		}
		if len(fields) == 0 {
			return nil
		}
		return t.emit(ctx, TypeProposalAccepted, ProposalAccepted{ProposalID: id, UserID: user, ResumeID: p.ResumeID, Fields: fields, AcceptedAt: t.now})
	})
	return p, err
}

// apply gives the changes their new status and returns the indexes of those that
// are accepted.
func (d Decision) apply(changes []Proposed) (accepted []int, err error) {
	var faults []errs.Field
	named := map[string]string{}
	for list, ids := range map[string][]string{"accept": d.Accept, "reject": d.Reject} {
		for i, id := range ids {
			at := at(list, i)
			switch n := slices.IndexFunc(changes, func(c Proposed) bool { return c.ID == id }); {
			case n < 0:
				return nil, invalid(at, "unknown", "is not a change of this proposal")
			case named[id] != "":
				return nil, invalid(at, "duplicate", "is both accepted and rejected")
			case changes[n].Status != statusPending:
				faults = append(faults, errs.Field{Pointer: at, Code: "decided", Message: "has been " + changes[n].Status})
			}
			named[id] = list
		}
	}
	if len(faults) > 0 {
		return nil, errDecided.WithFields(faults...)
	}
	for i := range changes {
		c := &changes[i]
		if c.Status != statusPending {
			continue
		}
		verdict := named[c.ID]
		if verdict == "" {
			verdict = d.Rest
		}
		switch verdict {
		case "accept":
			c.Status = statusAccepted
			accepted = append(accepted, i)
		case "reject":
			c.Status = statusRejected
		}
	}
	return accepted, nil
}

// accept applies changes to the profile and returns the fields that they changed.
func (t *tx) accept(ctx context.Context, changes []Proposed, accepted []int, overwrite bool) (fields []string, err error) {
	if len(accepted) == 0 {
		return nil, nil
	}
	snap, err := t.s.read(ctx, t.Queries, t.user)
	if err != nil {
		return nil, err
	}
	now, err := tree(snap.Full)
	if err != nil {
		return nil, err
	}
	var conflicts []errs.Field
	patch := map[string]json.RawMessage{}
	for _, i := range accepted {
		c := changes[i]
		part, rest, _ := strings.Cut(strings.TrimPrefix(c.Pointer, "/"), "/")
		if !overwrite && !strings.HasSuffix(c.Pointer, "/-") && !same(now, c) {
			conflicts = append(conflicts, errs.Field{Pointer: "#" + c.Pointer, Code: c.ID, Message: "has another value than when this was proposed"})
			continue
		}
		switch part {
		case "profile":
			field, add := strings.CutSuffix(rest, "/-")
			if add {
				err = appendTo(&snap.Profile, field, c.New)
			} else {
				patch[field] = c.New
			}
			t.touch(field)
		case "skills":
			var f SkillFields
			if err = json.Unmarshal(c.New, &f); err == nil {
				_, err = t.addSkill(ctx, f, "resume", "#"+c.Pointer)
			}
			t.touch("skills")
		case "experiences":
			err = applyEntry(ctx, t, &experiences, rest, c.New)
		case "educations":
			err = applyEntry(ctx, t, &educations, rest, c.New)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(conflicts) > 0 {
		return nil, errProposalConflict.WithFields(conflicts...)
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	p, err := merge(snap.Profile, raw)
	if err != nil {
		return nil, err
	}
	if err := t.validate(ctx, &p, snap.Profile.Place); err != nil {
		return nil, err
	}
	if err := t.limitSkills(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(t.changed), t.store(ctx, p)
}

// applyEntry adds an entry, or replaces the one of an id.
func applyEntry[F any](ctx context.Context, t *tx, c *collection[F], id string, value json.RawMessage) error {
	var f F
	if err := json.Unmarshal(value, &f); err != nil {
		return err
	}
	if id == "-" {
		_, err := c.add(ctx, t, f)
		return err
	}
	entry, err := uuid.Parse(id)
	if err != nil {
		return err
	}
	return c.edit(ctx, t, entry, nil, func(F) (F, error) { return f, nil })
}

// appendTo adds to a list of the profile what it has not yet.
func appendTo(p *Profile, field string, value json.RawMessage) error {
	switch field {
	case "links":
		var l Link
		if err := json.Unmarshal(value, &l); err != nil {
			return err
		}
		if !slices.ContainsFunc(p.Links, func(have Link) bool { return sameURL(have.URL, l.URL) }) {
			p.Links = append(p.Links, l)
		}
	case "languages":
		var l SpokenLanguage
		if err := json.Unmarshal(value, &l); err != nil {
			return err
		}
		if !slices.ContainsFunc(p.Languages, func(have SpokenLanguage) bool { return have.Code == l.Code }) {
			p.Languages = append(p.Languages, l)
		}
	}
	return nil
}

// tree is a document as JSON has it.
func tree(document any) (v map[string]any, err error) {
	raw, err := json.Marshal(document)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}

// same reports whether the document still has the old value of a change.
func same(document map[string]any, c Proposed) bool {
	var present any = document
	for step := range strings.SplitSeq(strings.TrimPrefix(c.Pointer, "/"), "/") {
		switch here := present.(type) {
		case map[string]any:
			present = here[step]
		case []any: // entries are named by their ids
			i := slices.IndexFunc(here, func(e any) bool { m, ok := e.(map[string]any); return ok && m["id"] == step })
			if i < 0 {
				return false
			}
			present = here[i]
		default:
			present = nil
		}
	}
	if entry, ok := present.(map[string]any); ok {
		for _, own := range []string{"id", "createdAt", "updatedAt"} {
			delete(entry, own)
		}
	}
	var old any
	if len(c.Old) > 0 && json.Unmarshal(c.Old, &old) != nil {
		return false
	}
	return reflect.DeepEqual(present, old)
}

// onlyKnownCountry takes out a country that is none.
func (t *tx) onlyKnownCountry(ctx context.Context, r *Resume) error {
	if r.Basics == nil || r.Basics.Location == nil {
		return nil
	}
	l := r.Basics.Location
	var known bool
	err := t.x.QueryRow(ctx, "SELECT EXISTS (SELECT FROM common.countries WHERE code = $1)", l.CountryCode).Scan(&known)
	if !known {
		l.CountryCode = ""
	}
	return err
}

// tongues finds the codes of the languages that a resume names, in any of the
// languages of the reference data.
func (t *tx) tongues(ctx context.Context, r Resume) (map[string]string, error) {
	var named []string
	for _, l := range r.Languages {
		named = append(named, l.Language)
	}
	rows, err := t.x.Query(ctx, `
		SELECT DISTINCT ON (asked) asked, l.code FROM unnest($1::text[]) AS asked, common.languages l, jsonb_each_text(l.names) AS n (lang, name)
		WHERE common.fold(n.name) = common.fold(asked) OR l.code = lower(asked) OR common.fold(l.native) = common.fold(asked)
		ORDER BY asked, length(l.code), l.code`, named)
	if err != nil {
		return nil, err
	}
	codes := map[string]string{}
	var name, code string
	_, err = pgx.ForEachRow(rows, []any{&name, &code}, func() error { codes[name] = code; return nil })
	return codes, err
}

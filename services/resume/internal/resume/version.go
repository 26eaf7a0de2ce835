package resume

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

// Version is a state that a resume was in.
type Version struct {
	Version      int32
	Name         string // the user's; empty for none
	Cause        string
	RestoredFrom *int32
	Changed      []string // sections that differ from the version before
	CreatedAt    time.Time
}

var errVersionNotFound = errs.New(errs.NotFound, "version_not_found", "This resume has no such version.")

func version(r db.ResumeVersion) Version {
	return Version{r.Version, or(r.Name, ""), r.Cause, r.RestoredFrom, r.Changed, r.CreatedAt}
}

// ListVersions lists versions, newest first, those before the given one if it is
// not 0, and whether there are more.
func (s *Service) ListVersions(ctx context.Context, user, id uuid.UUID, before int32, limit int) ([]Version, bool, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return nil, false, err
	}
	var below *int32
	if before > 0 {
		below = &before
	}
	rows, err := s.q.VersionList(ctx, db.VersionListParams{ResumeID: r.ID, Before: below, MaxRows: int32(limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	out := make([]Version, min(len(rows), limit))
	for i := range out {
		out[i] = version(rows[i])
	}
	return out, len(rows) > limit, nil
}

// GetVersion reads a version with its content.
func (s *Service) GetVersion(ctx context.Context, user, id uuid.UUID, number int32) (Version, Content, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return Version{}, Content{}, err
	}
	v, err := s.load(ctx, s.q, r, number)
	if err != nil {
		return Version{}, Content{}, err
	}
	return version(v.row), v.content, nil
}

// NameVersion names a version, or takes its name away if name is nil.
func (s *Service) NameVersion(ctx context.Context, user, id uuid.UUID, number int32, name *string) (Version, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return Version{}, err
	}
	row, err := s.q.VersionName(ctx, db.VersionNameParams{ResumeID: r.ID, Version: number, Name: name})
	return version(row), missing(err, errVersionNotFound)
}

// Restore makes the content of a version the current one again, as a new version.
func (s *Service) Restore(ctx context.Context, user, id uuid.UUID, guard Guard, number int32) (Stored, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return Stored{}, err
	}
	v, err := s.load(ctx, s.q, r, number)
	if err != nil {
		return Stored{}, err
	}
	return s.modify(ctx, user, id, guard, change{cause: causeRestored, restored: v, content: func(Content) (Content, error) { return v.content, nil }})
}

// Diff lists what changed from one version to another, 0 being the current one,
// and which that is.
func (s *Service) Diff(ctx context.Context, user, id uuid.UUID, from, to int32) ([]jsonresume.Change, int32, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return nil, 0, err
	}
	to = cmp.Or(to, r.Version)
	a, err := s.load(ctx, s.q, r, from)
	if err != nil {
		return nil, 0, err
	}
	b, err := s.load(ctx, s.q, r, to)
	if err != nil {
		return nil, 0, err
	}
	changes, err := jsonresume.Diff(a.content.Resume, b.content.Resume)
	return changes, to, err
}

// pointerTo is the place of a fault in a list of the body.
func pointerTo(list string, i int, field string) string {
	return fmt.Sprintf("#/%s/%d/%s", list, i, field)
}

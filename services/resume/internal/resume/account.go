package resume

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/resume/internal/db"
)

// DeleteUser deletes all that is held of a user, files first, and keeps late
// messages from bringing them back. Doing it again changes nothing.
func (s *Service) DeleteUser(ctx context.Context, user uuid.UUID) error {
	// The tombstone comes first: from then on nothing is added.
	err := s.inTx(ctx, func(t *tx) error {
		if err := t.UserLock(ctx, user); err != nil {
			return err
		}
		return t.TombstoneSet(ctx, db.TombstoneSetParams{UserID: user, Now: t.now})
	})
	if err != nil {
		return err
	}
	files, err := s.q.FilesOfUser(ctx, user)
	if err != nil {
		return storeError(err)
	}
	for _, key := range files {
		if err := s.Files.Delete(ctx, key); err != nil {
			return errStorage.With(err)
		}
	}
	renders, err := s.q.RendersOfUser(ctx, user)
	if err != nil {
		return storeError(err)
	}
	if err := s.dropRenders(ctx, renders); err != nil {
		return errStorage.With(err)
	}
	return s.inTx(ctx, func(t *tx) error { return t.UserPurge(ctx, user) })
}

// Place is where something of a user is held, and how much.
type Place struct {
	Name  string
	Count int64
}

// Footprint counts what is held of a user. Each file has a row.
func (s *Service) Footprint(ctx context.Context, user uuid.UUID) ([]Place, error) {
	n, err := s.q.Footprint(ctx, user)
	if err != nil {
		return nil, storeError(err)
	}
	return []Place{
		{"table resumes", n.Resumes}, {"table resume_versions", n.Versions}, {"table resume_sections", n.Sections},
		{"table resume_suggestions", n.Suggestions}, {"table documents, bucket resumes", n.Documents}, {"table renders, bucket exports", n.Renders},
	}, nil
}

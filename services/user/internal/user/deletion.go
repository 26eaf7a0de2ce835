package user

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// RequestDeletion begins the deletion of an account, once; it returns when that
// was.
func (s *Service) RequestDeletion(ctx context.Context, user uuid.UUID, c Client) (requested time.Time, err error) {
	err = pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		t, err := s.begin(ctx, x, user)
		if err != nil {
			return err
		}
		if t.row.DeletionRequestedAt != nil {
			requested = t.row.DeletionRequestedAt.UTC()
			return nil
		}
		requested = t.now
		if err := t.ProfileRequestDeletion(ctx, db.ProfileRequestDeletionParams{UserID: user, Now: t.now}); err != nil {
			return err
		}
		if err := t.emit(ctx, TypeDeletionRequested, DeletionRequested{UserID: user, RequestedAt: t.now}); err != nil {
			return err
		}
		return audit(ctx, t.Queries, "user", user.String(), "deletion.requested", user, c)
	})
	if err == nil {
		s.forget(ctx, user)
	}
	return requested, storeError(err)
}

// DeleteUserProfile deletes everything of a user, files included. It does nothing
// the second time.
func (s *Service) DeleteUserProfile(ctx context.Context, user uuid.UUID) error {
	if err := pg.InTx(ctx, s.Pool, func(x pgx.Tx) error { return s.erase(ctx, x, user) }); err != nil {
		return storeError(err)
	}
	s.forget(ctx, user)
	return s.sweep(ctx, &user)
}

// erase deletes a user's rows and leaves a tombstone. Files are noted, to be
// deleted by sweep.
func (s *Service) erase(ctx context.Context, x pgx.Tx, user uuid.UUID) error {
	// The tombstone comes first: it and the creation of a profile exclude each
	// other by the profile's row.
	q, now := db.New(x), s.now()
	if err := q.TombstoneInsert(ctx, db.TombstoneInsertParams{UserID: user, Now: now}); err != nil {
		return err
	}
	t, err := s.begin(ctx, x, user)
	if errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.dropPhoto(ctx); err != nil {
		return err
	}
	return t.ProfileDelete(ctx, user)
}

// FootprintItem is how many things of a user there are in a place.
type FootprintItem struct {
	Place string
	Count int64
}

// Footprint returns what is still held of a user.
func (s *Service) Footprint(ctx context.Context, user uuid.UUID) ([]FootprintItem, error) {
	rows, err := s.q.Footprint(ctx, user)
	if err != nil {
		return nil, storeError(err)
	}
	var items []FootprintItem
	for _, r := range rows {
		items = append(items, FootprintItem{r.Place, r.Rows})
	}
	return items, nil
}

const sweepBatch = 500 // files that one sweep deletes

// sweep deletes the files that nothing refers to any more, of a user or of all.
// What fails is left for the next time.
func (s *Service) sweep(ctx context.Context, user *uuid.UUID) error {
	keys, err := s.q.FilesDropped(ctx, db.FilesDroppedParams{UserID: user, MaxRows: sweepBatch})
	if err != nil {
		return storeError(err)
	}
	var failed []error
	for _, key := range keys {
		err := s.Files.Delete(ctx, key)
		if err == nil {
			err = s.q.FileForget(ctx, key)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		s.Log.WarnContext(ctx, "files are still to be deleted; it is tried again", slog.Any("error", err), slog.Int("count", len(failed)))
		return fmt.Errorf("user: delete files: %w", err)
	}
	return nil
}

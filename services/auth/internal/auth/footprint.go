package auth

import (
	"context"

	"github.com/google/uuid"
)

// FootprintItem is how many things of a user there are in a place.
type FootprintItem struct {
	Place string
	Count int64
}

// Footprint returns what is still held of a user, but for the audit trail, which
// stays.
func (s *Service) Footprint(ctx context.Context, user uuid.UUID) ([]FootprintItem, error) {
	rows, err := s.q.AccountFootprint(ctx, user)
	if err != nil {
		return nil, storeError(err)
	}
	items := make([]FootprintItem, len(rows))
	for i, r := range rows {
		items[i] = FootprintItem{r.Place, r.Rows}
	}
	return items, nil
}

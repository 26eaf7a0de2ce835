package api

import (
	"fmt"

	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
)

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// present is the inverse: nil for the zero value, which leaves a field out.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// filterName tells lists of different filters apart, so that a cursor of one does
// not fit the other.
func filterName(f notification.Filter) string {
	return fmt.Sprintf(" kinds %q unread %t since %d", f.Kinds, f.Unread, f.Since.UnixMicro())
}

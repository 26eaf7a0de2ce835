package resume

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

var errArrangement = errs.New(errs.Unprocessable, "invalid_arrangement", "The sections cannot be arranged so; see errors.")

// Arrangement is where a section goes; Hidden nil leaves that as it is.
type Arrangement struct {
	Name   string
	Hidden *bool
}

// Arrange puts sections in the given order, the others behind them, and hides or
// shows them. Basics stay first and shown.
func (s *Service) Arrange(ctx context.Context, user, id uuid.UUID, guard Guard, order []Arrangement) (Stored, error) {
	seen := map[string]bool{}
	for i, a := range order {
		at := pointerTo("items", i, "name")
		switch {
		case seen[a.Name]:
			return Stored{}, errArrangement.WithFields(errs.Field{Pointer: at, Code: "duplicate", Message: "is named twice"})
		case a.Name == "basics" && a.Hidden != nil && *a.Hidden:
			return Stored{}, errArrangement.WithFields(errs.Field{Pointer: pointerTo("items", i, "hidden"), Code: "not_allowed", Message: "basics are always shown"})
		}
		seen[a.Name] = true
	}
	return s.modify(ctx, user, id, guard, change{cause: causeArranged, content: func(c Content) (Content, error) {
		was := map[string]Section{}
		for _, x := range c.Sections {
			was[x.Name] = x
		}
		next := []Section{was["basics"]}
		for _, a := range order {
			if a.Name == "basics" {
				continue
			}
			x := was[a.Name]
			x.Hidden = or(a.Hidden, x.Hidden)
			next = append(next, x)
		}
		for _, x := range c.Sections {
			if !slices.ContainsFunc(next, func(n Section) bool { return n.Name == x.Name }) {
				next = append(next, x)
			}
		}
		before := slices.Collect(names(c.Sections))
		c.Arranged = c.Arranged || !slices.Equal(before, slices.Collect(names(next)))
		c.Sections = next
		return c, nil
	}})
}

func names(list []Section) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, x := range list {
			if !yield(x.Name) {
				return
			}
		}
	}
}

var errOtherSection = errs.New(errs.Unprocessable, "other_section", "Send only the section that the address names.")

// only refuses a resume that has another section than the named one.
func only(has func(section string) bool, section string) error {
	for _, name := range jsonresume.Sections {
		if name != section && has(name) {
			return errOtherSection.WithFields(errs.Field{Pointer: "#/" + name, Code: "not_allowed", Message: "is not the section " + section})
		}
	}
	return nil
}

// ReplaceSection makes a section what it is in r, which has no other.
func (s *Service) ReplaceSection(ctx context.Context, user, id uuid.UUID, guard Guard, section string, r jsonresume.Resume) (Stored, error) {
	if err := only(func(name string) bool { return r.Entries(name) > 0 }, section); err != nil {
		return Stored{}, err
	}
	return s.modify(ctx, user, id, guard, change{cause: causeEdited, content: func(c Content) (Content, error) {
		c.Resume.Set(section, &r)
		return c, nil
	}})
}

// UpdateSection applies a merge patch of a resume that has no other section.
func (s *Service) UpdateSection(ctx context.Context, user, id uuid.UUID, guard Guard, section string, patch map[string]any) (Stored, error) {
	if err := only(func(name string) bool { _, there := patch[name]; return there }, section); err != nil {
		return Stored{}, err
	}
	return s.modify(ctx, user, id, guard, change{cause: causeEdited, content: func(c Content) (Content, error) {
		return s.merge(c, patch, "#")
	}})
}

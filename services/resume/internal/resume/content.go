package resume

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
	"github.com/jobpilot/jobpilot/services/resume/internal/render"
)

// Section is a section as its resume shows it.
type Section struct {
	Name    string
	Hidden  bool // left out of every document
	Entries int  // of basics 1 or 0
}

// Content is what a version holds.
type Content struct {
	Resume   jsonresume.Resume
	Sections []Section // all there are, in their order
	Arranged bool      // the order is the user's
}

// Shown is the resume without its hidden sections.
func (c Content) Shown() jsonresume.Resume {
	r := c.Resume
	for _, s := range c.Sections {
		if s.Hidden {
			r.Clear(s.Name)
		}
	}
	return r
}

// empty reports whether nothing is in any section.
func (c Content) empty() bool {
	return !slices.ContainsFunc(jsonresume.Sections, func(name string) bool { return c.Resume.Entries(name) > 0 })
}

// document is what is rendered.
func (c Content) document(o render.Options) render.Document {
	d := render.Document{Resume: c.Shown(), Options: o}
	if c.Arranged {
		for _, s := range c.Sections {
			d.Order = append(d.Order, s.Name)
		}
	}
	return d
}

func newContent(r jsonresume.Resume) Content {
	c := Content{Resume: r}
	for _, name := range jsonresume.Sections {
		c.Sections = append(c.Sections, Section{Name: name})
	}
	return c
}

// slot is an entry of resume_versions.layout.
type slot struct {
	Name    string     `json:"name"`
	ID      *uuid.UUID `json:"id,omitempty"` // of the row with the content; absent for an empty section
	Hidden  bool       `json:"hidden,omitempty"`
	Entries int        `json:"entries,omitempty"`
}

// stored is a version as it is in the database.
type stored struct {
	row     db.ResumeVersion
	slots   []slot
	parts   map[string]json.RawMessage
	content Content
}

// holds is the row with the content of a section, nil for an empty one and where
// there is no version.
func (v *stored) holds(section string) *uuid.UUID {
	if v != nil {
		for _, x := range v.slots {
			if x.Name == section {
				return x.ID
			}
		}
	}
	return nil
}

// load reads a version.
func (s *Service) load(ctx context.Context, q *db.Queries, r db.Resume, version int32) (*stored, error) {
	row, err := q.VersionGet(ctx, db.VersionGetParams{ResumeID: r.ID, Version: version})
	if err != nil {
		return nil, missing(err, errVersionNotFound)
	}
	v := &stored{row: row, parts: map[string]json.RawMessage{}}
	if err := json.Unmarshal(row.Layout, &v.slots); err != nil {
		return nil, fmt.Errorf("resume: layout of %s/%d: %w", r.ID, version, err)
	}
	var ids []uuid.UUID
	for _, x := range v.slots {
		if x.ID != nil {
			ids = append(ids, *x.ID)
		}
		v.content.Sections = append(v.content.Sections, Section{x.Name, x.Hidden, x.Entries})
	}
	rows, err := q.SectionsGet(ctx, db.SectionsGetParams{ResumeID: r.ID, Ids: ids})
	if err != nil {
		return nil, storeError(err)
	}
	for _, x := range rows {
		if v.parts[x.Name], err = s.openSection(x.ContentSealed, x.ID, r.UserID); err != nil {
			return nil, err
		}
	}
	v.content.Arranged = row.Arranged
	v.content.Resume, err = jsonresume.Join(v.parts)
	return v, err
}

func (s *Service) sealSection(content []byte, id, owner uuid.UUID) []byte {
	return s.Keys.Seal(deflated(content), place("resume_sections", "content_sealed", id, owner))
}

func (s *Service) openSection(sealed []byte, id, owner uuid.UUID) ([]byte, error) {
	small, err := s.opened(sealed, place("resume_sections", "content_sealed", id, owner))
	if err != nil {
		return nil, err
	}
	content, err := inflated(small)
	if err != nil {
		return nil, fmt.Errorf("resume: section %s: %w", id, err)
	}
	return content, nil
}

var errTooLarge = errs.New(errs.Unprocessable, "resume_too_large", "The resume is larger than 256 KiB. Shorten its texts.")

// store writes content as a version of the resume, beside the sections that base
// has already. It reports the sections that differ from base; if nothing does,
// nothing is written.
//
// restored is the version that is made current again, nil for none; its sections
// are had again too.
func (t *tx) store(ctx context.Context, r db.Resume, version int32, base *stored, c Content, cause string, restored *stored) (changed []string, err error) {
	parts, err := jsonresume.Split(c.Resume)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, p := range parts {
		total += len(p)
	}
	if total > maxContent {
		return nil, errTooLarge
	}
	var from *int32
	if restored != nil {
		from = &restored.row.Version
	}
	slots := make([]slot, 0, len(c.Sections))
	same := base != nil && c.Arranged == base.content.Arranged
	for i, section := range c.Sections {
		x := slot{Name: section.Name, Hidden: section.Hidden, Entries: c.Resume.Entries(section.Name)}
		part, was := parts[x.Name], base.holds(x.Name)
		switch {
		case part == nil:
			x.Entries = 0
		case was != nil && bytes.Equal(part, base.parts[x.Name]):
			x.ID = was
		case restored.holds(x.Name) != nil && bytes.Equal(part, restored.parts[x.Name]):
			x.ID = restored.holds(x.Name)
		default:
			id := newID()
			x.ID = &id
			if err := t.SectionInsert(ctx, db.SectionInsertParams{
				ID: id, ResumeID: r.ID, Name: x.Name, ContentSealed: t.s.sealSection(part, id, r.UserID), Entries: int32(x.Entries),
			}); err != nil {
				return nil, err
			}
		}
		if (x.ID == nil) != (was == nil) || was != nil && *x.ID != *was {
			changed = append(changed, x.Name)
		}
		same = same && base.slots[i].Name == x.Name && base.slots[i].Hidden == x.Hidden
		slots = append(slots, x)
	}
	if same && len(changed) == 0 {
		return nil, nil
	}
	layout, err := json.Marshal(slots)
	if err != nil {
		return nil, err
	}
	if changed == nil {
		changed = []string{}
	}
	slices.Sort(changed)
	return changed, t.VersionInsert(ctx, db.VersionInsertParams{
		ResumeID: r.ID, Version: version, Cause: cause, RestoredFrom: from, Layout: layout, Arranged: c.Arranged, Changed: changed, Now: t.now,
	})
}

// checked is the tree as a resume, if it keeps the contract. Faults point below
// base, such as "#/resume".
func (s *Service) checked(tree any, base string) (jsonresume.Resume, error) {
	object, ok := tree.(map[string]any)
	if !ok {
		return jsonresume.Resume{}, errInvalid.WithFields(errs.Field{Pointer: base, Code: "type", Message: "must be an object"})
	}
	if fields := s.Check(object); len(fields) > 0 {
		for i, f := range fields {
			fields[i].Pointer = base + f.Pointer[1:]
		}
		return jsonresume.Resume{}, errInvalid.WithFields(fields...)
	}
	return jsonresume.FromTree(object)
}

var errInvalid = errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.")

package user

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

const maxEntries = 100 // experiences, and educations, of a profile

// ExperienceFields is a position held. Dates are as exact as they are known:
// 2021, 2021-09 or 2021-09-01; without an end it goes on.
type ExperienceFields struct {
	Employer       string   `json:"employer"`
	Title          string   `json:"title"`
	EmploymentType string   `json:"employmentType,omitempty"`
	Location       string   `json:"location,omitempty"`
	Remote         string   `json:"remote,omitempty"`
	StartDate      string   `json:"startDate,omitempty"`
	EndDate        string   `json:"endDate,omitempty"`
	Summary        string   `json:"summary,omitempty"`
	Highlights     []string `json:"highlights,omitempty"`
	URL            string   `json:"url,omitempty"`
}

// EducationFields is a course of study.
type EducationFields struct {
	Institution string   `json:"institution"`
	Degree      string   `json:"degree,omitempty"`
	DegreeLevel string   `json:"degreeLevel,omitempty"`
	Field       string   `json:"field,omitempty"`
	StartDate   string   `json:"startDate,omitempty"`
	EndDate     string   `json:"endDate,omitempty"`
	Grade       string   `json:"grade,omitempty"`
	Courses     []string `json:"courses,omitempty"`
	URL         string   `json:"url,omitempty"`
}

// Experience is an entry of a profile.
type Experience struct {
	ID uuid.UUID `json:"id"`
	ExperienceFields
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Education is an entry of a profile.
type Education struct {
	ID uuid.UUID `json:"id"`
	EducationFields
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

var (
	errExperienceNotFound = errs.New(errs.NotFound, "experience_not_found", "There is no such experience in this profile.")
	errEducationNotFound  = errs.New(errs.NotFound, "education_not_found", "There is no such education in this profile.")
	errEntriesMany        = errs.New(errs.Conflict, "too_many_entries", fmt.Sprintf("A profile holds at most %d of these. Remove some, then add others.", maxEntries))
)

// period checks that an end is not before its start, as far as both are exact.
func period(start, end string) error {
	switch n := min(len(start), len(end)); {
	case end != "" && start != "" && end[:n] < start[:n]:
		return invalid("#/endDate", "before_start", "must not be before the start")
	case !isDate(start):
		return invalid("#/startDate", "format", "is a day that does not exist")
	case !isDate(end):
		return invalid("#/endDate", "format", "is a day that does not exist")
	}
	return nil
}

// isDate tells days that exist; the form is the contract's.
func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return len(s) != len(time.DateOnly) || err == nil
}

// collection is one of the two kinds of entries: where they are and what holds of
// them.
type collection[F any] struct {
	name     string // of the field of the profile
	missing  error
	validate func(F) error
	get      func(context.Context, *tx, uuid.UUID) (entry, error)
	insert   func(context.Context, *tx, uuid.UUID, json.RawMessage) error
	update   func(context.Context, *tx, uuid.UUID, json.RawMessage) error
	remove   func(context.Context, *tx, uuid.UUID) (int64, error)
	count    func(context.Context, *tx) (int, error)
}

type entry struct {
	data    json.RawMessage
	version int64
}

var experiences = collection[ExperienceFields]{
	name: "experiences", missing: errExperienceNotFound,
	validate: func(f ExperienceFields) error { return period(f.StartDate, f.EndDate) },
	get: func(ctx context.Context, t *tx, id uuid.UUID) (entry, error) {
		r, err := t.ExperienceGet(ctx, db.ExperienceGetParams{UserID: t.user, ID: id})
		return entry{r.Data, r.Version}, err
	},
	insert: func(ctx context.Context, t *tx, id uuid.UUID, data json.RawMessage) error {
		return t.ExperienceInsert(ctx, db.ExperienceInsertParams{ID: id, UserID: t.user, Data: data, Now: t.now})
	},
	update: func(ctx context.Context, t *tx, id uuid.UUID, data json.RawMessage) error {
		return t.ExperienceUpdate(ctx, db.ExperienceUpdateParams{ID: id, Data: data, Now: t.now})
	},
	remove: func(ctx context.Context, t *tx, id uuid.UUID) (int64, error) {
		return t.ExperienceDelete(ctx, db.ExperienceDeleteParams{UserID: t.user, ID: id})
	},
	count: func(ctx context.Context, t *tx) (int, error) {
		rows, err := t.ExperiencesOf(ctx, t.user)
		return len(rows), err
	},
}

var educations = collection[EducationFields]{
	name: "educations", missing: errEducationNotFound,
	validate: func(f EducationFields) error { return period(f.StartDate, f.EndDate) },
	get: func(ctx context.Context, t *tx, id uuid.UUID) (entry, error) {
		r, err := t.EducationGet(ctx, db.EducationGetParams{UserID: t.user, ID: id})
		return entry{r.Data, r.Version}, err
	},
	insert: func(ctx context.Context, t *tx, id uuid.UUID, data json.RawMessage) error {
		return t.EducationInsert(ctx, db.EducationInsertParams{ID: id, UserID: t.user, Data: data, Now: t.now})
	},
	update: func(ctx context.Context, t *tx, id uuid.UUID, data json.RawMessage) error {
		return t.EducationUpdate(ctx, db.EducationUpdateParams{ID: id, Data: data, Now: t.now})
	},
	remove: func(ctx context.Context, t *tx, id uuid.UUID) (int64, error) {
		return t.EducationDelete(ctx, db.EducationDeleteParams{UserID: t.user, ID: id})
	},
	count: func(ctx context.Context, t *tx) (int, error) {
		rows, err := t.EducationsOf(ctx, t.user)
		return len(rows), err
	},
}

// add stores a new entry and returns its id.
func (c *collection[F]) add(ctx context.Context, t *tx, f F) (uuid.UUID, error) {
	id := newID()
	if err := c.validate(f); err != nil {
		return id, err
	}
	n, err := c.count(ctx, t)
	if err != nil {
		return id, err
	}
	if n >= maxEntries {
		return id, errEntriesMany
	}
	data, err := json.Marshal(f)
	if err != nil {
		return id, err
	}
	t.touch(c.name)
	return id, c.insert(ctx, t, id, data)
}

// edit replaces an entry by what fn makes of it.
func (c *collection[F]) edit(ctx context.Context, t *tx, id uuid.UUID, check Check, fn func(F) (F, error)) error {
	e, err := c.get(ctx, t, id)
	if pg.IsNotFound(err) {
		return c.missing
	}
	if err != nil {
		return err
	}
	if err := check.ok(e.version); err != nil {
		return err
	}
	var f F
	if err := json.Unmarshal(e.data, &f); err != nil {
		return err
	}
	if f, err = fn(f); err != nil {
		return err
	}
	if err := c.validate(f); err != nil {
		return err
	}
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	t.touch(c.name)
	return c.update(ctx, t, id, data)
}

// touch notes a changed field of the profile.
func (t *tx) touch(field string) {
	if !slices.Contains(t.changed, field) {
		t.changed = append(t.changed, field)
	}
}

func readExperiences(ctx context.Context, q *db.Queries, snap *snapshot) error {
	rows, err := q.ExperiencesOf(ctx, snap.UserID)
	if err != nil {
		return err
	}
	snap.Experiences = make([]Experience, len(rows))
	for i, r := range rows {
		e := Experience{ID: r.ID, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}
		if err := json.Unmarshal(r.Data, &e.ExperienceFields); err != nil {
			return err
		}
		snap.Experiences[i], snap.Entries[r.ID] = e, r.Version
	}
	return nil
}

func readEducations(ctx context.Context, q *db.Queries, snap *snapshot) error {
	rows, err := q.EducationsOf(ctx, snap.UserID)
	if err != nil {
		return err
	}
	snap.Educations = make([]Education, len(rows))
	for i, r := range rows {
		e := Education{ID: r.ID, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}
		if err := json.Unmarshal(r.Data, &e.EducationFields); err != nil {
			return err
		}
		snap.Educations[i], snap.Entries[r.ID] = e, r.Version
	}
	return nil
}

// GetExperience returns an experience and its version.
func (s *Service) GetExperience(ctx context.Context, user, id uuid.UUID) (Experience, int64, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Experience{}, 0, err
	}
	i := slices.IndexFunc(snap.Experiences, func(e Experience) bool { return e.ID == id })
	if i < 0 {
		return Experience{}, 0, errExperienceNotFound
	}
	return snap.Experiences[i], snap.Entries[id], nil
}

// AddExperience adds an experience.
func (s *Service) AddExperience(ctx context.Context, user uuid.UUID, f ExperienceFields) (Experience, int64, error) {
	var id uuid.UUID
	err := s.change(ctx, user, func(t *tx) (err error) {
		id, err = experiences.add(ctx, t, f)
		return err
	})
	if err != nil {
		return Experience{}, 0, err
	}
	return s.GetExperience(ctx, user, id)
}

// UpdateExperience applies a merge patch to an experience.
func (s *Service) UpdateExperience(ctx context.Context, user, id uuid.UUID, patch json.RawMessage, check Check) (Experience, int64, error) {
	err := s.change(ctx, user, func(t *tx) error {
		return experiences.edit(ctx, t, id, check, func(f ExperienceFields) (ExperienceFields, error) { return merge(f, patch) })
	})
	if err != nil {
		return Experience{}, 0, err
	}
	return s.GetExperience(ctx, user, id)
}

// RemoveExperience removes an experience.
func (s *Service) RemoveExperience(ctx context.Context, user, id uuid.UUID) error {
	return s.change(ctx, user, func(t *tx) error {
		t.touch(experiences.name)
		return found(experiences.remove(ctx, t, id))(errExperienceNotFound)
	})
}

// GetEducation returns an education and its version.
func (s *Service) GetEducation(ctx context.Context, user, id uuid.UUID) (Education, int64, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Education{}, 0, err
	}
	i := slices.IndexFunc(snap.Educations, func(e Education) bool { return e.ID == id })
	if i < 0 {
		return Education{}, 0, errEducationNotFound
	}
	return snap.Educations[i], snap.Entries[id], nil
}

// AddEducation adds an education.
func (s *Service) AddEducation(ctx context.Context, user uuid.UUID, f EducationFields) (Education, int64, error) {
	var id uuid.UUID
	err := s.change(ctx, user, func(t *tx) (err error) {
		id, err = educations.add(ctx, t, f)
		return err
	})
	if err != nil {
		return Education{}, 0, err
	}
	return s.GetEducation(ctx, user, id)
}

// UpdateEducation applies a merge patch to an education.
func (s *Service) UpdateEducation(ctx context.Context, user, id uuid.UUID, patch json.RawMessage, check Check) (Education, int64, error) {
	err := s.change(ctx, user, func(t *tx) error {
		return educations.edit(ctx, t, id, check, func(f EducationFields) (EducationFields, error) { return merge(f, patch) })
	})
	if err != nil {
		return Education{}, 0, err
	}
	return s.GetEducation(ctx, user, id)
}

// RemoveEducation removes an education.
func (s *Service) RemoveEducation(ctx context.Context, user, id uuid.UUID) error {
	return s.change(ctx, user, func(t *tx) error {
		t.touch(educations.name)
		return found(educations.remove(ctx, t, id))(errEducationNotFound)
	})
}

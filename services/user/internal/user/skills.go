package user

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

const maxSkills = 200 // of a profile

// Skill is something a user can do.
type Skill struct {
	ID        uuid.UUID  `json:"id"`
	Name      string     `json:"name"`
	EscoID    *uuid.UUID `json:"escoId,omitempty"` // its entry in common.skills
	Level     *string    `json:"level,omitempty"`
	Years     *float64   `json:"years,omitempty"`    // of practice
	LastUsed  *int32     `json:"lastUsed,omitempty"` // the year
	Source    string     `json:"source"`             // user or resume
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
}

// SkillFields is what is said of a skill when it is added.
type SkillFields struct {
	Name     string     `json:"name,omitempty"`
	EscoID   *uuid.UUID `json:"escoId,omitempty"`
	Level    *string    `json:"level,omitempty"`
	Years    *float64   `json:"years,omitempty"`
	LastUsed *int32     `json:"lastUsed,omitempty"`
}

var (
	errSkillNotFound = errs.New(errs.NotFound, "skill_not_found", "There is no such skill in this profile.")
	errSkillsMany    = errs.New(errs.Conflict, "too_many_skills", fmt.Sprintf("A profile holds at most %d skills. Remove some, then add others.", maxSkills))
)

func skill(r db.Skill) Skill {
	return Skill{r.ID, r.Name, r.EscoID, r.Level, r.Years, r.LastUsed, r.Source, r.CreatedAt.UTC(), r.UpdatedAt.UTC()}
}

func (s *Service) readSkills(ctx context.Context, q *db.Queries, snap *snapshot) error {
	rows, err := q.SkillsOf(ctx, snap.UserID)
	snap.Skills = make([]Skill, len(rows))
	for i, r := range rows {
		snap.Skills[i] = skill(r)
	}
	return err
}

// AddSkills adds skills, or changes those that are there, all or none.
func (s *Service) AddSkills(ctx context.Context, user uuid.UUID, list []SkillFields) (added []Skill, err error) {
	err = s.change(ctx, user, func(t *tx) error {
		added = nil
		for i, f := range list {
			sk, err := t.addSkill(ctx, f, "user", at("skills", i))
			if err != nil {
				return err
			}
			added = append(added, sk)
		}
		t.changed = []string{"skills"}
		return t.limitSkills(ctx)
	})
	return added, err
}

func (t *tx) limitSkills(ctx context.Context) error {
	n, err := t.SkillCount(ctx, t.user)
	if err == nil && n > maxSkills {
		return errSkillsMany
	}
	return err
}

// addSkill ties a skill to the taxonomy, by its id or by its name, and stores it.
func (t *tx) addSkill(ctx context.Context, f SkillFields, source, pointer string) (Skill, error) {
	f.Name = strings.Join(strings.Fields(f.Name), " ")
	if f.Name == "" && f.EscoID == nil {
		return Skill{}, invalid(pointer, "required", "needs a name or an entry of the taxonomy")
	}
	var known struct {
		id         *uuid.UUID
		name, fold string
	}
	// A name of its own comes before an alternative one.
	err := t.x.QueryRow(ctx, `
		SELECT k.id, coalesce(k.name, ''), common.fold($1) FROM (SELECT 1) one LEFT JOIN LATERAL (
			SELECT s.id, s.name FROM common.skills s WHERE s.id = $2
			UNION ALL
			(SELECT s.id, s.name FROM common.skill_names n JOIN common.skills s ON s.id = n.skill_id
				WHERE $2 IS NULL AND n.folded = common.fold($1) ORDER BY common.fold(s.name) = n.folded DESC, n.weight DESC LIMIT 1)
		) k ON true`, f.Name, f.EscoID).Scan(&known.id, &known.name, &known.fold)
	if err != nil {
		return Skill{}, err
	}
	if f.EscoID != nil && known.id == nil {
		return Skill{}, invalid(pointer+"/escoId", "unknown", "is not a skill of the taxonomy")
	}
	if f.Name == "" {
		f.Name = known.name
	}
	p := db.SkillUpsertParams{
		ID: newID(), UserID: t.user, Key: known.fold, Name: f.Name, EscoID: known.id,
		Level: f.Level, Years: f.Years, LastUsed: f.LastUsed, Source: source, Now: t.now,
	}
	switch {
	case known.id != nil:
		p.Key = known.id.String()
	case p.Key == "": // nothing but signs
		return Skill{}, invalid(pointer+"/name", "format", "must have letters or digits")
	}
	row, err := t.SkillUpsert(ctx, p)
	return skill(row), err
}

// UpdateSkill applies a merge patch to a skill.
func (s *Service) UpdateSkill(ctx context.Context, user, id uuid.UUID, patch json.RawMessage) (sk Skill, err error) {
	err = s.change(ctx, user, func(t *tx) error {
		row, err := t.SkillGet(ctx, db.SkillGetParams{UserID: user, ID: id})
		if pg.IsNotFound(err) {
			return errSkillNotFound
		}
		if err != nil {
			return err
		}
		f, err := merge(SkillFields{Level: row.Level, Years: row.Years, LastUsed: row.LastUsed}, patch)
		if err != nil {
			return err
		}
		t.changed = []string{"skills"}
		row, err = t.SkillUpdate(ctx, db.SkillUpdateParams{UserID: user, ID: id, Level: f.Level, Years: f.Years, LastUsed: f.LastUsed, Now: t.now})
		sk = skill(row)
		return err
	})
	return sk, err
}

// RemoveSkill removes a skill.
func (s *Service) RemoveSkill(ctx context.Context, user, id uuid.UUID) error {
	return s.change(ctx, user, func(t *tx) error {
		t.changed = []string{"skills"}
		return found(t.SkillDelete(ctx, db.SkillDeleteParams{UserID: user, ID: id}))(errSkillNotFound)
	})
}

// found turns a statement that changed no row into the error for what is not there.
func found(rows int64, err error) func(missing error) error {
	return func(missing error) error {
		if err == nil && rows == 0 {
			return missing
		}
		return err
	}
}

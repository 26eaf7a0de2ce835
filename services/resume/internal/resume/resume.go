package resume

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

// Summary is what is known about a resume without its content.
type Summary struct {
	ID, UserID           uuid.UUID
	Title                string
	Language             string // BCP 47
	Template             string
	IsDefault            bool
	Source               string // written, uploaded or copied
	Version              int32
	Revision             int64 // counts every change; the ETag
	CreatedAt, UpdatedAt time.Time
}

// Stored is a resume with the content of its current version.
type Stored struct {
	Summary
	Content
}

// What made a version.
const (
	causeCreated    = "created"
	causeUploaded   = "uploaded"
	causeCopied     = "copied"
	causeEdited     = "edited"
	causeArranged   = "arranged"
	causeRestored   = "restored"
	causeSuggestion = "suggestion"
)

const (
	defaultLanguage = "en"
	defaultTemplate = "classic"
)

var (
	errNotFound = errs.New(errs.NotFound, "resume_not_found", "There is no such resume of this account.")
	errTooMany  = errs.New(errs.Conflict, "too_many_resumes", "There are 50 resumes. Delete one that is not used any more, then try again.")
)

func summary(r db.Resume) Summary {
	return Summary{r.ID, r.UserID, r.Title, r.Language, r.Template, r.IsDefault, r.Source, r.Version, r.Revision, r.CreatedAt, r.UpdatedAt}
}

// draft is a new resume.
type draft struct {
	id                        uuid.UUID
	user                      uuid.UUID
	title, language, template string
	source, cause             string
	content                   Content
}

// create stores a new resume. The caller has called alive.
func (t *tx) create(ctx context.Context, d draft) (Stored, error) {
	n, err := t.ResumeCount(ctx, d.user)
	if err != nil {
		return Stored{}, err
	}
	if n >= maxResumes {
		return Stored{}, errTooMany
	}
	if err := t.ResumeInsert(ctx, db.ResumeInsertParams{
		ID: d.id, UserID: d.user, Title: d.title, Language: cmp.Or(d.language, defaultLanguage), Template: cmp.Or(d.template, defaultTemplate),
		Source: d.source, Now: t.now,
	}); err != nil {
		return Stored{}, err
	}
	row, err := t.ResumeGet(ctx, db.ResumeGetParams{ID: d.id, UserID: d.user})
	if err != nil {
		return Stored{}, err
	}
	if _, err := t.store(ctx, row, 1, nil, d.content, d.cause, nil); err != nil {
		return Stored{}, err
	}
	v, err := t.s.load(ctx, t.Queries, row, 1)
	if err != nil {
		return Stored{}, err
	}
	return Stored{summary(row), v.content}, t.emit(ctx, TypeResumeCreated, d.id, ResumeCreated{
		ResumeID: d.id, UserID: d.user, Version: 1, Source: ResumeCreatedSource(d.source), CreatedAt: t.now,
	})
}

// Create makes a resume that a user writes. The first one is the default one.
func (s *Service) Create(ctx context.Context, user uuid.UUID, title, language, template string, r jsonresume.Resume) (out Stored, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, user); err != nil {
			return err
		}
		out, err = t.create(ctx, draft{newID(), user, title, language, template, "written", causeCreated, newContent(r)})
		return err
	})
	return out, err
}

// List lists a user's resumes, newest first, and whether there are more.
func (s *Service) List(ctx context.Context, user uuid.UUID, p Page) ([]Summary, bool, error) {
	at, id := p.before()
	rows, err := s.q.ResumeList(ctx, db.ResumeListParams{UserID: user, BeforeCreatedAt: at, BeforeID: id, MaxRows: int32(p.Limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	more := len(rows) > p.Limit
	out := make([]Summary, min(len(rows), p.Limit))
	for i := range out {
		out[i] = summary(rows[i])
	}
	return out, more, nil
}

// own is the caller's resume.
func (s *Service) own(ctx context.Context, user, id uuid.UUID) (db.Resume, error) {
	r, err := s.q.ResumeGet(ctx, db.ResumeGetParams{ID: id, UserID: user})
	return r, missing(err, errNotFound)
}

// Get reads a resume in its current version.
func (s *Service) Get(ctx context.Context, user, id uuid.UUID) (Stored, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return Stored{}, err
	}
	v, err := s.load(ctx, s.q, r, r.Version)
	if err != nil {
		return Stored{}, err
	}
	return Stored{summary(r), v.content}, nil
}

// GetVersioned reads the content that a resume had in a version, 0 for the
// current one; for other services any user's.
func (s *Service) GetVersioned(ctx context.Context, id uuid.UUID, version int32) (Stored, error) {
	r, err := s.q.ResumeGetByID(ctx, id)
	if err != nil {
		return Stored{}, missing(err, errNotFound)
	}
	return s.at(ctx, r, version)
}

// Default is the default resume of a user.
func (s *Service) Default(ctx context.Context, user uuid.UUID) (Stored, error) {
	r, err := s.q.ResumeDefault(ctx, user)
	if err != nil {
		return Stored{}, missing(err, errNotFound)
	}
	return s.at(ctx, r, 0)
}

func (s *Service) at(ctx context.Context, r db.Resume, version int32) (Stored, error) {
	v, err := s.load(ctx, s.q, r, cmp.Or(version, r.Version))
	if err != nil {
		return Stored{}, err
	}
	out := Stored{summary(r), v.content}
	out.Version = v.row.Version
	return out, nil
}

// Guard refuses a change of a resume that is in another revision than its client
// knows; nil lets all pass.
type Guard func(revision int64) error

func (g Guard) allows(revision int64) error {
	if g == nil {
		return nil
	}
	return g(revision)
}

// change is what one request does to a resume; what is nil stays.
type change struct {
	title, language, template *string
	// content changes the content; its cause names why.
	content  func(Content) (Content, error)
	cause    string
	restored *stored
	// also runs in the same transaction, with the resume as it is then.
	also func(t *tx, r db.Resume) error
}

// modify changes a resume in a revision that guard lets pass. Where the
// content changes, it makes a version; where nothing does, nothing happens.
func (s *Service) modify(ctx context.Context, user, id uuid.UUID, guard Guard, c change) (out Stored, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		r, err := t.ResumeLock(ctx, db.ResumeLockParams{ID: id, UserID: user})
		if err != nil {
			return missing(err, errNotFound)
		}
		if err := guard.allows(r.Revision); err != nil {
			return err
		}
		base, err := s.load(ctx, t.Queries, r, r.Version)
		if err != nil {
			return err
		}
		next := base.content
		if c.content != nil {
			if next, err = c.content(base.content); err != nil {
				return err
			}
		}
		changed, err := t.store(ctx, r, r.Version+1, base, next, c.cause, c.restored)
		if err != nil {
			return err
		}
		p := db.ResumeUpdateParams{ID: id, Title: or(c.title, r.Title), Language: or(c.language, r.Language), Template: or(c.template, r.Template), Version: r.Version, Now: t.now}
		if changed != nil {
			p.Version++
			if err := t.changed(ctx, r, p.Version, changed); err != nil {
				return err
			}
		}
		if changed != nil || p.Title != r.Title || p.Language != r.Language || p.Template != r.Template {
			if r, err = t.ResumeUpdate(ctx, p); err != nil {
				return err
			}
		}
		v, err := s.load(ctx, t.Queries, r, r.Version)
		if err != nil {
			return err
		}
		out = Stored{summary(r), v.content}
		if c.also != nil {
			return c.also(t, r)
		}
		return nil
	})
	return out, err
}

// changed tells of a new version, and drops the oldest from time to time.
func (t *tx) changed(ctx context.Context, r db.Resume, version int32, sections []string) error {
	if version > keepVersions && version%16 == 0 {
		if _, err := t.VersionsTrim(ctx, db.VersionsTrimParams{ResumeID: r.ID, Below: version - keepVersions}); err != nil {
			return err
		}
		if err := t.SectionsTrim(ctx, r.ID); err != nil {
			return err
		}
	}
	return t.emit(ctx, TypeResumeUpdated, r.ID, ResumeUpdated{ResumeID: r.ID, UserID: r.UserID, Version: int64(version), Sections: sections, UpdatedAt: t.now})
}

func or[T any](p *T, v T) T {
	if p != nil {
		return *p
	}
	return v
}

// Update applies a merge patch (RFC 7396): title, language and template where
// they are given, and a patch of the content.
func (s *Service) Update(ctx context.Context, user, id uuid.UUID, guard Guard, title, language, template *string, patch map[string]any) (Stored, error) {
	c := change{title: title, language: language, template: template, cause: causeEdited}
	if len(patch) > 0 {
		c.content = func(old Content) (Content, error) { return s.merge(old, patch, "#/resume") }
	}
	return s.modify(ctx, user, id, guard, c)
}

func (s *Service) merge(c Content, patch map[string]any, base string) (Content, error) {
	tree, err := c.Resume.Tree()
	if err != nil {
		return c, err
	}
	c.Resume, err = s.checked(jsonresume.Merge(tree, patch), base)
	return c, err
}

// Delete deletes a resume with its versions, suggestions and rendered documents.
// When it was the default one, the newest of the others becomes that.
func (s *Service) Delete(ctx context.Context, user, id uuid.UUID, guard Guard) error {
	var keys []string
	err := s.inTx(ctx, func(t *tx) error {
		if err := t.UserLock(ctx, user); err != nil {
			return err
		}
		r, err := t.ResumeLock(ctx, db.ResumeLockParams{ID: id, UserID: user})
		if err != nil {
			return missing(err, errNotFound)
		}
		if err := guard.allows(r.Revision); err != nil {
			return err
		}
		if keys, err = t.RendersOfResume(ctx, id); err != nil {
			return err
		}
		if err := t.ResumeDelete(ctx, id); err != nil {
			return err
		}
		if r.IsDefault {
			if err := t.DefaultNewest(ctx, user); err != nil {
				return err
			}
		}
		return t.emit(ctx, TypeResumeDeleted, id, ResumeDeleted{ResumeID: id, UserID: user, Version: int64(r.Version), DeletedAt: t.now})
	})
	if err != nil {
		return err
	}
	if err := s.dropRenders(ctx, keys); err != nil { // their rows stay, so that "purge" finds them
		s.Log.WarnContext(ctx, "rendered documents of a deleted resume stay until they are purged", "error", err)
	}
	return nil
}

// SetDefault makes a resume the one that is used when none is named.
func (s *Service) SetDefault(ctx context.Context, user, id uuid.UUID) (Stored, error) {
	err := s.inTx(ctx, func(t *tx) error {
		if err := t.UserLock(ctx, user); err != nil {
			return err
		}
		r, err := t.ResumeLock(ctx, db.ResumeLockParams{ID: id, UserID: user})
		if err != nil || r.IsDefault {
			return missing(err, errNotFound)
		}
		if err := t.DefaultClear(ctx, user); err != nil {
			return err
		}
		_, err = t.DefaultSet(ctx, id)
		return err
	})
	if err != nil {
		return Stored{}, err
	}
	return s.Get(ctx, user, id)
}

// Duplicate copies a version of a resume, 0 for the current one. An empty title
// is that of the original.
func (s *Service) Duplicate(ctx context.Context, user, id uuid.UUID, version int32, title string) (out Stored, err error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return Stored{}, err
	}
	v, err := s.load(ctx, s.q, r, cmp.Or(version, r.Version))
	if err != nil {
		return Stored{}, err
	}
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, user); err != nil {
			return err
		}
		out, err = t.create(ctx, draft{newID(), user, cmp.Or(title, r.Title), r.Language, r.Template, "copied", causeCopied, v.content})
		return err
	})
	return out, err
}

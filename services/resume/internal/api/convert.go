package api

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
	"github.com/jobpilot/jobpilot/services/resume/internal/render"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
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

// text turns an optional value of a generated string type into a plain one.
func text[T ~string](p *T) *string {
	if p == nil {
		return nil
	}
	s := string(*p)
	return &s
}

// through converts between the contract's resume and the domain's, which have one
// JSON form.
func through[To any](from any) (to To, err error) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, &to)
	}
	if err != nil {
		err = fmt.Errorf("api: convert resume: %w", err)
	}
	return to, err
}

func contract(r jsonresume.Resume) (Resume, error)     { return through[Resume](r) }
func domain(r Resume) (out jsonresume.Resume, _ error) { return through[jsonresume.Resume](r) }

// position is what a cursor of a list newest first carries.
type position struct {
	At int64     `json:"t"` // microseconds, as Postgres keeps them
	ID uuid.UUID `json:"i"`
}

// page reads limit and cursor of a list, to which list binds the cursor.
func (s *Server) page(list string, limit *int32, cursor *string) (resume.Page, error) {
	p := resume.Page{Limit: limitOf(limit)}
	if cursor == nil {
		return p, nil
	}
	var at position
	if err := s.Cursors.Decode(list, *cursor, &at); err != nil {
		return p, err
	}
	p.Before, p.BeforeID = time.UnixMicro(at.At).UTC(), at.ID
	return p, nil
}

func limitOf(limit *int32) int {
	if limit == nil {
		return 20
	}
	return int(*limit)
}

// next is the cursor for the page after one that ended with last.
func (s *Server) next(list string, more bool, last position) (*string, error) {
	if !more {
		return nil, nil
	}
	cursor, err := s.Cursors.Encode(list, last)
	return &cursor, err
}

func summary(r resume.Summary) ResumeSummary {
	return ResumeSummary{
		ID: r.ID, Title: r.Title, Language: r.Language, Template: TemplateID(r.Template), IsDefault: r.IsDefault, Version: r.Version,
		Source: ResumeSource(r.Source), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// stored converts a resume, with its entity tag.
func stored(r resume.Stored) (StoredResume, *string, error) {
	content, err := contract(r.Resume)
	etag := httpx.ETag(r.Revision)
	return StoredResume{
		ID: r.ID, Title: r.Title, Language: r.Language, Template: TemplateID(r.Template), IsDefault: r.IsDefault, Version: r.Version,
		Source: ResumeSource(r.Source), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Sections: sections(r.Sections), Resume: content,
	}, &etag, err
}

// guard is what If-Match asks for.
func guard(ifMatch *string) resume.Guard {
	return func(revision int64) error { return httpx.CheckIfMatch(ifMatch, revision) }
}

func sections(list []resume.Section) []Section {
	out := make([]Section, len(list))
	for i, x := range list {
		out[i] = Section{Name: SectionName(x.Name), Hidden: x.Hidden, Entries: int32(x.Entries)}
	}
	return out
}

func sectionNames(list []string) []SectionName {
	out := make([]SectionName, len(list))
	for i, x := range list {
		out[i] = SectionName(x)
	}
	return out
}

func version(v resume.Version) Version {
	return Version{
		Version: v.Version, Name: present(v.Name), Cause: VersionCause(v.Cause), RestoredFrom: v.RestoredFrom, Sections: sectionNames(v.Changed), CreatedAt: v.CreatedAt,
	}
}

func uploadedFile(d resume.Document) ResumeDocument {
	out := ResumeDocument{
		ID: d.ID, ResumeID: d.ResumeID, Status: ResumeDocumentStatus(d.Status), Stage: ResumeDocumentStage(d.Stage), Percent: int32(d.Percent),
		Filename: d.Filename, ContentType: d.ContentType, Size: d.Size, Warnings: d.Warnings, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if d.Failure != nil {
		out.Failure = &struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		}{d.Failure.Code, d.Failure.Message}
	}
	return out
}

func suggestion(x resume.Suggestion) Suggestion {
	return Suggestion{
		ID: x.ID, JobID: x.JobID, Kind: x.Kind, Severity: SuggestionSeverity(x.Severity), Operation: SuggestionOperation(x.Operation), Pointer: x.Pointer,
		Section: present(SectionName(jsonresume.SectionOf(x.Pointer))), Status: SuggestionStatus(x.Status), Before: x.Before, After: x.After,
		Reason: x.Reason, Version: x.Version, AppliedVersion: x.AppliedVersion, CreatedAt: x.CreatedAt,
	}
}

func suggestions(list []resume.Suggestion) SuggestionList {
	out := SuggestionList{Items: make([]Suggestion, len(list))}
	for i, x := range list {
		out.Items[i] = suggestion(x)
	}
	return out
}

// content converts what other services get, hidden sections left out.
func content(r resume.Stored) (ResumeContent, *string, error) {
	shown := r.Shown()
	out, err := contract(shown)
	etag := fmt.Sprintf(`"%s-%d-%d"`, r.ID, r.Version, r.Revision)
	return ResumeContent{
		ResumeID: r.ID, UserID: r.UserID, Version: r.Version, Title: r.Title, Language: r.Language, Resume: out,
		Text: render.Text(render.Document{Resume: shown, Options: render.Options{Template: r.Template, Language: r.Language}}),
	}, &etag, err
}

package e2e

import (
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// ownResume is an empty resume of the owner, as far as the tables say: what one
// holds is sealed. It is made once, as an owner can have fifty.
func ownResume(t *testing.T, p *people, owner *harness.User) map[string]string {
	t.Helper()
	var id string
	if err := harness.Database(t).QueryRow(t.Context(), `SELECT coalesce((SELECT id::text FROM resume.resumes WHERE user_id = $1 AND title = 'Matrix' LIMIT 1), '')`, owner.ID).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if id == "" {
		id = insertResume(t, owner, "Matrix")
	}
	return map[string]string{"resumeId": id, "version": "1", "section": "work"}
}

// spentResume is one for a call that deletes it.
func spentResume(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	return map[string]string{"resumeId": insertResume(t, owner, "Spent")}
}

func insertResume(t *testing.T, owner *harness.User, title string) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO resume.resumes (id, user_id, title, language, template, is_default, source, version, created_at, updated_at)
		VALUES ($1, $2, $3, 'en', 'classic', false, 'written', 1, now(), now())`, id, owner.ID, title)
	harness.SQL(t, `INSERT INTO resume.resume_versions (resume_id, version, cause, layout, arranged, changed, created_at)
		SELECT $1, 1, 'created', jsonb_agg(jsonb_build_object('name', name)), false, '{}', now()
		FROM unnest('{basics,work,education,skills,projects,certificates,publications,awards,languages,volunteer,interests,references}'::text[]) name`, id)
	return id
}

// noSuggestion is a suggestion that nobody was made.
func noSuggestion(t *testing.T, p *people, owner *harness.User) map[string]string {
	t.Helper()
	path := ownResume(t, p, owner)
	path["suggestionId"] = uuid.Must(uuid.NewV7()).String()
	return path
}

// noDocument is a file that nobody uploaded.
func noDocument(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"documentId": uuid.Must(uuid.NewV7()).String()}
}

func classic(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"templateId": "classic"}
}

var resumeFixtures = map[string]fixture{
	"listResumes":      {status: 200},
	"createResume":     {status: 201, body: body("title", "Made", "resume", fieldsOf())},
	"getResume":        {status: 200, path: ownResume},
	"updateResume":     {status: 200, path: ownResume, body: body("language", "en")},
	"deleteResume":     {status: 204, path: spentResume},
	"setDefaultResume": {status: 200, path: ownResume},
	"duplicateResume":  {status: 201, path: ownResume, body: body("title", "Copy")},

	"listSections":    {status: 200, path: ownResume},
	"arrangeSections": {status: 200, path: ownResume, body: body("items", []any{fieldsOf("name", "basics")})},
	"getSection":      {status: 200, path: ownResume},
	"replaceSection":  {status: 200, path: ownResume, body: body()},
	"updateSection":   {status: 200, path: ownResume, body: body()},

	"listResumeVersions":   {status: 200, path: ownResume},
	"getResumeVersion":     {status: 200, path: ownResume},
	"nameResumeVersion":    {status: 200, path: ownResume, body: body("name", "Matrix")},
	"restoreResumeVersion": {status: 200, path: ownResume},
	"diffResumeVersions":   {status: 200, path: ownResume, query: url.Values{"from": {"1"}}},

	"uploadResume":           {status: 422, body: func(*testing.T, *harness.User) any { return []byte("no form") }},
	"listResumeDocuments":    {status: 200},
	"getResumeDocument":      {status: 404, path: noDocument},
	"downloadResumeDocument": {status: 404, path: noDocument},
	"deleteResumeDocument":   {status: 404, path: noDocument},

	"suggestImprovements": {status: 201, path: ownResume, body: body()},
	"listSuggestions":     {status: 200, path: ownResume},
	"acceptSuggestion":    {status: 404, path: noSuggestion, body: body()},
	"rejectSuggestion":    {status: 404, path: noSuggestion},

	"exportResume":          {status: 200, path: ownResume, query: url.Values{"format": {"txt"}}},
	"listResumeTemplates":   {status: 200},
	"previewResumeTemplate": {status: 200, path: classic},

	"getResumeContent":     {status: 200, path: ownResume},
	"renderResumeDocument": {status: 200, path: ownResume, body: body("format", "txt")},
	"getDefaultResume":     {status: 404, path: nobody},
	"deleteUserResumes":    {status: 204, path: nobody},
	"getResumesFootprint":  {status: 200, path: nobody},
}

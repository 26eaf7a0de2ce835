package walk

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// samples are a resume of an invented person, made by the resume service of this
// project; samples/README.md says how.
//
//go:embed samples
var samples embed.FS

// resume is the one that the user has.
type resume struct {
	id, document string
	name         string // of the person, as it was read
}

func (w *Walk) resumeSteps() []Step {
	steps := []Step{
		{"upload a resume", w.uploadResume},
		{"watch it being read", w.watchParsing},
		{"see what was read", w.readResume},
		{"accept the proposal, field by field", w.acceptProposal},
	}
	if w.Resume == "" {
		steps = append(steps, Step{"upload the same as DOCX", w.uploadDocx})
	}
	return append(steps, Step{"export it as PDF in two templates", w.exportResume})
}

// uploaded is the answer to an upload.
type uploaded struct {
	Document struct {
		ID, ResumeID, Status, Filename, ContentType string
		Warnings                                    []string
	}
}

func (w *Walk) uploadResume(ctx context.Context) (string, error) {
	name := "two-columns.pdf"
	content, err := samples.ReadFile("samples/" + name)
	if w.Resume != "" {
		name = filepath.Base(w.Resume)
		content, err = os.ReadFile(w.Resume)
	}
	if err != nil {
		return "", err
	}
	var u uploaded
	if _, err := w.user.upload(ctx, "/api/v1/resumes/parse", name, content, &u); err != nil {
		return "", err
	}
	w.resume.document = u.Document.ID
	return fmt.Sprintf("%s, %.0f KiB, %s", name, float64(len(content))/1024, u.Document.Status), w.save("uploaded-"+name, content)
}

func (w *Walk) watchParsing(ctx context.Context) (string, error) {
	var p struct{ DocumentID, ResumeID, Stage string }
	if _, err := w.stream.await(ctx, "resume.document.parsed", &p, func() bool { return p.DocumentID == w.resume.document }); err != nil {
		return "", err
	}
	w.resume.id = p.ResumeID
	frames, _, _ := w.stream.seen()
	var stages []string
	for _, f := range frames {
		if f.Type != "resume.document.progressed" {
			continue
		}
		if err := json.Unmarshal(f.Data, &p); err != nil {
			return "", err
		}
		if p.DocumentID == w.resume.document && !slices.Contains(stages, p.Stage) {
			stages = append(stages, p.Stage)
		}
	}
	if len(stages) == 0 {
		return "", errors.New("no progress was seen over the WebSocket")
	}
	return strings.Join(append(stages, "parsed"), " → "), nil
}

func (w *Walk) readResume(ctx context.Context) (string, error) {
	stored, err := w.stored(ctx, w.resume.id)
	if err != nil {
		return "", err
	}
	r := stored.Resume
	if w.resume.name = r.Basics.Name; r.Basics.Name == "" || len(r.Work) == 0 {
		return "", fmt.Errorf("a resume without name or work was read: %+v", r)
	}
	keywords := 0
	for _, s := range r.Skills {
		keywords += max(1, len(s.Keywords))
	}
	said := fmt.Sprintf("%s: %d jobs, %d schools, %d skills, %d languages", r.Basics.Name, len(r.Work), len(r.Education), keywords, len(r.Languages))
	for _, x := range r.Work {
		said += fmt.Sprintf("\n%s at %s, %s to %s", x.Position, x.Name, x.StartDate, orNow(x.EndDate))
	}
	return said, nil
}

func orNow(date string) string {
	if date == "" {
		return "now"
	}
	return date
}

// storedResume is a resume as far as the walk looks at it.
type storedResume struct {
	ID      string
	Version int
	Resume  struct {
		Basics    struct{ Name, Label, Email, Phone string }
		Work      []struct{ Name, Position, StartDate, EndDate string }
		Education []struct{ Institution, StudyType string }
		Skills    []struct {
			Name     string
			Keywords []string
		}
		Languages []struct{ Language string }
	}
}

func (w *Walk) stored(ctx context.Context, id string) (r storedResume, err error) {
	return r, w.user.get(ctx, "/api/v1/resumes/"+id, &r)
}

// change is one field of a proposal.
type change struct {
	ID, Pointer, Status string
	New                 json.RawMessage
}

func (w *Walk) acceptProposal(ctx context.Context) (string, error) {
	var e struct{ ProposalID, ResumeID string }
	if _, err := w.stream.await(ctx, "user.proposal.created", &e, func() bool { return e.ResumeID == w.resume.id }); err != nil {
		return "", err
	}
	path := "/api/v1/users/me/proposals/" + e.ProposalID
	var p struct {
		Status  string
		Changes []change
	}
	if err := w.user.get(ctx, path, &p); err != nil {
		return "", err
	}
	said, n := "", len(p.Changes)
	for _, c := range slices.Clone(p.Changes) {
		said += fmt.Sprintf("\n%-18s %s", c.Pointer, brief(c.New))
		if err := done(w.user.call(ctx, http.MethodPost, path+"/decisions", 200, map[string]any{"accept": []string{c.ID}}, nil)); err != nil {
			return "", err
		}
	}
	if err := w.user.get(ctx, path, &p); err != nil {
		return "", err
	}
	if n == 0 || p.Status != "closed" {
		return "", fmt.Errorf("a proposal of %d changes is %s after all were decided", n, p.Status)
	}
	var done struct{ Percent int }
	if err := w.user.get(ctx, "/api/v1/users/me/completeness", &done); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d fields, each by itself; the profile is %d %% complete", n, done.Percent) + said, nil
}

// brief is a JSON value in a few words.
func brief(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	return cut(words(v), 90)
}

func words(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, name := range []string{"name", "title", "position", "company", "companyName", "institution", "degree", "field", "city", "countryCode", "code", "level", "startDate", "endDate", "kind", "url"} {
			if x, ok := v[name]; ok && x != nil {
				parts = append(parts, words(x))
			}
		}
		return strings.Join(parts, ", ")
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, words(x))
		}
		return strings.Join(parts, "; ")
	}
	return fmt.Sprint(v)
}

// cut shortens a text to at most n runes.
func cut(s string, n int) string {
	if r := []rune(strings.Join(strings.Fields(s), " ")); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return strings.Join(strings.Fields(s), " ")
}

func (w *Walk) uploadDocx(ctx context.Context) (string, error) {
	content, err := samples.ReadFile("samples/one-column.docx")
	if err != nil {
		return "", err
	}
	var u uploaded
	if _, err := w.user.upload(ctx, "/api/v1/resumes/parse", "one-column.docx", content, &u); err != nil {
		return "", err
	}
	var p struct{ DocumentID, ResumeID string }
	if _, err := w.stream.await(ctx, "resume.document.parsed", &p, func() bool { return p.DocumentID == u.Document.ID }); err != nil {
		return "", err
	}
	pdf, err1 := w.stored(ctx, w.resume.id)
	docx, err2 := w.stored(ctx, p.ResumeID)
	if err := errors.Join(err1, err2, w.save("uploaded-one-column.docx", content)); err != nil {
		return "", err
	}
	facts := func(r storedResume) string {
		b := r.Resume.Basics
		return fmt.Sprint(b.Name, b.Email, b.Phone, r.Resume.Work, r.Resume.Education, r.Resume.Languages)
	}
	if a, b := facts(pdf), facts(docx); a != b {
		return "", fmt.Errorf("the two files of one resume were read differently:\n%s\n%s", a, b)
	}
	return "contacts, jobs, schools and languages are the same as in the PDF", nil
}

func (w *Walk) exportResume(ctx context.Context) (string, error) {
	said := ""
	for _, template := range []string{"classic", "modern"} {
		pdf, err := w.user.file(ctx, "/api/v1/resumes/"+w.resume.id+"/export"+query("format", "pdf", "template", template))
		if err != nil {
			return "", err
		}
		if !strings.HasPrefix(string(pdf), "%PDF-") {
			return "", fmt.Errorf("the export is no PDF: %.40q", pdf)
		}
		name := "resume-" + template
		if err := w.save(name+".pdf", pdf); err != nil {
			return "", err
		}
		said += fmt.Sprintf(", %s.pdf (%.0f KiB)", name, float64(len(pdf))/1024)
		// A picture of the first page, where the program that makes it is at hand.
		_ = exec.CommandContext(ctx, "pdftoppm", "-png", "-singlefile", "-r", "80", filepath.Join(w.Folder, name+".pdf"), filepath.Join(w.Folder, name)).Run()
	}
	return said[2:], nil
}

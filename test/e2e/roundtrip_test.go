package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// exports are the documents that are made of a resume and read again: the format
// and, where there are some, the template.
var exports = [][2]string{
	{"pdf", "classic"}, {"pdf", "modern"}, {"pdf", "compact"}, {"pdf", "academic"},
	{"docx", "classic"}, {"docx", "modern"}, {"docx", "compact"}, {"docx", "academic"},
	{"txt", ""},
}

// TestRoundTrip writes a resume, exports it in every format and template, uploads
// each document as a new resume and compares every field.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile("testdata/resume-" + language + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var written members
			if err := json.Unmarshal(raw, &written); err != nil {
				t.Fatal(err)
			}
			u := harness.NewUser(t)
			create := func(resume members) (id string) {
				t.Helper()
				var made struct{ ID string }
				u.Do(t, harness.Call{Op: "createResume", Body: members{"title": "Round trip", "language": language, "resume": resume}}).Want(t, 201).JSON(t, &made)
				return made.ID
			}
			read := func(id string) members {
				t.Helper()
				var got struct{ Resume members }
				u.Do(t, harness.Call{Op: "getResume", Path: map[string]string{"resumeId": id}}).Want(t, 200).JSON(t, &got)
				return got.Resume
			}
			original := create(written)
			export := func(format, template string) []byte {
				t.Helper()
				query := url.Values{"format": {format}}
				if template != "" {
					query.Set("template", template)
				}
				return u.Do(t, harness.Call{Op: "exportResume", Path: map[string]string{"resumeId": original}, Query: query}).Want(t, 200).Body
			}
			for _, x := range exports {
				format, template := x[0], x[1]
				t.Run(format+" "+template, func(t *testing.T) {
					file := export(format, template)
					wantSame(t, written, read(uploadAndRead(t, u, "resume."+format, file)))
				})
			}
			t.Run("json", func(t *testing.T) { // comes back as it is, without being parsed
				var exported members
				if err := json.Unmarshal(export("json", ""), &exported); err != nil {
					t.Fatal(err)
				}
				wantSame(t, written, exported)
				wantSame(t, written, read(create(exported)))
			})
		})
	}
}

// uploadAndRead uploads a document and returns the resume that was made of it.
func uploadAndRead(t *testing.T, u *harness.User, filename string, file []byte) (resumeID string) {
	t.Helper()
	var up struct {
		Document struct{ ID, ResumeID, Status string }
	}
	u.Do(t, harness.Call{Op: "uploadResume", Query: url.Values{"filename": {filename}}, Body: file, Type: "application/octet-stream"}).Want(t, 201, 202).JSON(t, &up)
	testkit.Eventually(t, "the document is read", func() bool {
		if up.Document.Status == "failed" {
			t.Fatalf("%s could not be read: %+v", filename, up.Document)
		}
		if up.Document.Status != "parsed" {
			u.Do(t, harness.Call{Op: "getResumeDocument", Path: map[string]string{"documentId": up.Document.ID}}).Want(t, 200).JSON(t, &up.Document)
		}
		return up.Document.Status == "parsed"
	})
	return up.Document.ResumeID
}

// wantSame compares two resumes field by field; there may be no further ones.
func wantSame(t *testing.T, want, got members) {
	t.Helper()
	w, g := fields("", want), fields("", got)
	all := maps.Clone(w)
	maps.Copy(all, g)
	for _, pointer := range slices.Sorted(maps.Keys(all)) {
		if w[pointer] != g[pointer] {
			t.Errorf("%s: %q came back as %q", pointer, w[pointer], g[pointer])
		}
	}
}

// fields are the texts in a JSON value by their pointers. Addresses are as a
// document shows them: without scheme and "www.".
func fields(at string, v any) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			maps.Copy(out, fields(at+"/"+name, x))
		}
	case []any:
		for i, x := range v {
			maps.Copy(out, fields(fmt.Sprint(at, "/", i), x))
		}
	default:
		text := fmt.Sprint(v)
		if strings.HasSuffix(at, "/url") {
			text = strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "www.")
		}
		out[at] = text
	}
	return out
}

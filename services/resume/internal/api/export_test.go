package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/services/resume/internal/render"
)

func TestAResumeIsExportedInEveryFormatAndTemplate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	for format, want := range render.ContentTypes {
		for _, template := range render.Templates {
			reply := who.Do(t, http.MethodGet, at(r.ID, "export?paper=letter&lang=de&format="+format+"&template="+template), nil).Want(http.StatusOK)
			h := reply.Header()
			if h.Get("Content-Type") != want || h.Get("X-Version") != "1" || h.Get("ETag") == "" || h.Get("Content-Disposition") != `attachment; filename="Ada Lovelace.`+format+`"` {
				t.Errorf("%s, %s: headers %v", format, template, h)
			}
			begins := map[string]string{"pdf": "%PDF-1", "docx": "PK\x03\x04", "txt": "Ada Lovelace\nEngineer\n", "md": "# Ada Lovelace\n", "json": "{"}[format]
			if !strings.HasPrefix(reply.Body.String(), begins) {
				t.Errorf("%s, %s begins %.40q", format, template, reply.Body.String())
			}
		}
	}
	who.Do(t, http.MethodGet, at(r.ID, "export?format=txt&version=9"), nil).WantProblem(http.StatusNotFound, "version_not_found")
	who.Do(t, http.MethodGet, at(r.ID, "export?format=exe"), nil).WantProblem(http.StatusBadRequest, "invalid_parameter")
}

func TestAnExportIsHadAgainUntilTheResumeChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	path := at(r.ID, "export?format=pdf")
	first := who.Do(t, http.MethodGet, path, nil).Want(http.StatusOK)
	etag := first.Header().Get("ETag")
	who.Do(t, http.MethodGet, path, nil, "If-None-Match", etag).Want(http.StatusNotModified)
	// What is in the bucket is what is answered.
	var key string
	must(t, f.pool.QueryRow(t.Context(), "SELECT key FROM renders").Scan(&key))
	_, err := f.exports.Put(t.Context(), key, strings.NewReader("%PDF-kept"), blob.PutOptions{ContentType: "application/pdf"})
	must(t, err)
	if got := who.Do(t, http.MethodGet, path, nil).Want(http.StatusOK).Body.String(); got != "%PDF-kept" {
		t.Fatalf("rendered again: %.20q", got)
	}
	// A file that was lost is made again.
	must(t, f.exports.Delete(t.Context(), key))
	if got := who.Do(t, http.MethodGet, path, nil).Want(http.StatusOK).Body.Bytes(); !bytes.HasPrefix(got, []byte("%PDF-1")) {
		t.Fatalf("not made again: %.20q", got)
	}
	f.patch(who, r.ID, `{"resume":{"basics":{"label":"Other"}}}`).Want(http.StatusOK)
	if now := who.Do(t, http.MethodGet, path, nil).Want(http.StatusOK).Header().Get("ETag"); now == etag {
		t.Fatal("another content has the same ETag")
	}
	who.Do(t, http.MethodDelete, at(r.ID), nil).Want(http.StatusNoContent)
	if f.count("SELECT count(*) FROM renders") != 0 {
		t.Fatal("documents of a deleted resume stay")
	}
}

func TestServicesGetDocuments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.create(f.user(), ada)
	path := "/internal/v1/resumes/" + r.ID.String() + "/documents"
	reply := f.api.Service("auto-apply").Do(t, http.MethodPost, path, json.RawMessage(`{"format":"pdf","template":"compact","version":1}`)).Want(http.StatusOK)
	if reply.Header().Get("X-Version") != "1" || reply.Header().Get("ETag") == "" || !strings.HasPrefix(reply.Body.String(), "%PDF-1") {
		t.Fatalf("document with %v", reply.Header())
	}
	f.user().Do(t, http.MethodPost, path, json.RawMessage(`{"format":"pdf"}`)).Want(http.StatusForbidden)
}

func TestTemplatesHavePictures(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var list TemplateList
	f.api.Nobody().Do(t, http.MethodGet, "/api/v1/resumes/templates", nil).Want(http.StatusOK).JSON(&list)
	if len(list.Items) != len(render.Templates) {
		t.Fatalf("templates %+v", list.Items)
	}
	for i, x := range list.Items {
		if string(x.ID) != render.Templates[i] {
			t.Errorf("template %d is %s", i, x.ID)
		}
		picture := f.api.Nobody().Do(t, http.MethodGet, x.PreviewURL, nil).Want(http.StatusOK)
		if !strings.HasPrefix(picture.Body.String(), "\x89PNG") || picture.Header().Get("Cache-Control") == "no-store" {
			t.Errorf("%s: a picture %.8q with %v", x.ID, picture.Body.String(), picture.Header())
		}
	}
}

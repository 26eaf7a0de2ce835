package api

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

const pdf = "%PDF-1.7\nthe file of a resume\n%%EOF\n"

func (f *fixture) upload(who *testkit.Caller, content, query string) *testkit.Reply {
	f.t.Helper()
	return who.Do(f.t, http.MethodPost, "/api/v1/resumes/parse"+query, []byte(content), "Content-Type", "application/octet-stream")
}

// big is a file too large to be read at once.
func big() string { return pdf + strings.Repeat("x", 1<<20) }

func stages(events []map[string]any) (list []string) {
	for _, e := range events {
		list = append(list, e["stage"].(string))
	}
	return list
}

func TestASmallFileIsReadAtOnceAndOnlyOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada, "The second page is a picture.")
	who := f.user()
	var up UploadedResume
	f.upload(who, pdf, "?filename=..%2FAda%20CV.PDF").Want(http.StatusCreated).JSON(&up)
	if up.Document.Status != DocumentParsed || up.Document.Filename != "Ada CV.pdf" || up.Document.Percent != 100 || up.Resume.Title != "Ada CV" ||
		up.Resume.Source != "uploaded" || up.Resume.Language != "de" || up.Resume.ID != up.Document.ResumeID ||
		!slices.Equal(up.Document.Warnings, []string{"The second page is a picture."}) {
		t.Fatalf("uploaded %+v", up)
	}
	if string(f.ai.asked[0]) != pdf {
		t.Fatal("ai was given something else")
	}
	var again UploadedResume
	f.upload(f.user(), pdf, "").Want(http.StatusCreated) // another user's same file is another document
	f.upload(who, pdf, "").Want(http.StatusOK).JSON(&again)
	if again.Document.ID != up.Document.ID || again.Resume.ID != up.Resume.ID || len(f.ai.asked) != 2 {
		t.Fatal("the same file was read twice")
	}
	if got := stages(f.events("resume.document.progressed")[:4]); !slices.Equal(got, []string{"reading", "parsing", "storing", "done"}) {
		t.Fatalf("stages %v", got)
	}
	if e := f.events("resume.document.parsed"); len(e) != 2 || e[0]["version"] != 1.0 || len(f.events("resume.resume.created")) != 2 || len(f.events("resume.document.uploaded")) != 2 {
		t.Fatalf("events %v", e)
	}
	got := who.Do(t, http.MethodGet, "/api/v1/resumes/documents/"+up.Document.ID.String()+"/file", nil).Want(http.StatusOK)
	if h := got.Header(); got.Body.String() != pdf || h.Get("Content-Type") != resume.TypePDF || h.Get("Content-Disposition") != `attachment; filename="Ada CV.pdf"` || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("downloaded with %v", h)
	}
	// When its resume is gone, the file can be read anew.
	who.Do(t, http.MethodDelete, at(up.Resume.ID), nil).Want(http.StatusNoContent)
	f.upload(who, pdf, "").Want(http.StatusCreated)
}

func TestAFormCarriesAFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada)
	who := f.user()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	must(t, form.WriteField("note", "x"))
	part, err := form.CreateFormFile("file", "Lebenslauf.txt")
	must(t, err)
	_, _ = part.Write([]byte("Ada Lovelace\nEngineer\n"))
	must(t, form.Close())
	var up UploadedResume
	who.Do(t, http.MethodPost, "/api/v1/resumes/parse?title=Mine", body.Bytes(), "Content-Type", form.FormDataContentType()).Want(http.StatusCreated).JSON(&up)
	if up.Document.ContentType != resume.TypeText || up.Document.Filename != "Lebenslauf.txt" || up.Resume.Title != "Mine" {
		t.Fatalf("uploaded %+v", up.Document)
	}
	who.Do(t, http.MethodPost, "/api/v1/resumes/parse", []byte("--x--\r\n"), "Content-Type", "multipart/form-data; boundary=x").WantProblem(http.StatusBadRequest, "malformed_multipart")
}

func docx(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	must(t, err)
	_, _ = w.Write([]byte("<x/>"))
	must(t, z.Close())
	return b.String()
}

func TestWhatAFileIsItsContentDecides(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada)
	who := f.user()
	var up UploadedResume
	f.upload(who, docx(t, "word/document.xml"), "?filename=cv.pdf").Want(http.StatusCreated).JSON(&up)
	if up.Document.ContentType != resume.TypeDOCX || up.Document.Filename != "cv.pdf.docx" {
		t.Fatalf("a DOCX called cv.pdf is %+v", up.Document)
	}
	for _, c := range []struct {
		content, code string
		status        int
	}{
		{docx(t, "xl/workbook.xml"), "unsupported_file", http.StatusUnsupportedMediaType},
		{"\x89PNG\r\n\x1a\n\x00", "unsupported_file", http.StatusUnsupportedMediaType},
		{"MZ\x90\x00", "unsupported_file", http.StatusUnsupportedMediaType},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "unsupported_file", http.StatusUnsupportedMediaType},
		{"PK\x03\x04 broken", "file_broken", http.StatusUnprocessableEntity},
		{pdf + strings.Repeat("x", 10<<20), "file_too_large", http.StatusRequestEntityTooLarge},
	} {
		f.upload(who, c.content, "").WantProblem(c.status, c.code)
	}
	if n := f.count("SELECT count(*) FROM documents"); n != 1 {
		t.Fatalf("%d documents", n)
	}
}

func TestAFileThatCannotBeReadHasFailedAndCanBeSentAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	f.ai.refuses(http.StatusUnprocessableEntity, "file_encrypted")
	f.upload(who, pdf, "").WantProblem(http.StatusUnprocessableEntity, "file_encrypted")
	var list DocumentList
	who.Do(t, http.MethodGet, "/api/v1/resumes/documents", nil).Want(http.StatusOK).JSON(&list)
	if len(list.Items) != 1 || list.Items[0].Status != DocumentFailed || list.Items[0].Failure.Code != "file_encrypted" {
		t.Fatalf("documents %+v", list.Items)
	}
	if e := f.events("resume.document.failed"); len(e) != 1 || e[0]["code"] != "file_encrypted" {
		t.Fatalf("events %v", e)
	}
	f.ai.parses(`{}`)
	f.upload(who, pdf+"2", "").WantProblem(http.StatusUnprocessableEntity, "file_unreadable")
	f.ai.parses(ada)
	f.upload(who, pdf, "").Want(http.StatusCreated)
}

func TestWhatAIReadKeepsTheContract(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(`{"basics":{"name":"Ada","phone":"` + strings.Repeat("1", 100) + `"},"work":[{"name":"A","startDate":"2020"},{"name":"B","startDate":"last year"}]}`)
	who := f.user()
	var up UploadedResume
	f.upload(who, pdf, "").Want(http.StatusCreated).JSON(&up)
	r := up.Resume.Resume
	if *r.Basics.Name != "Ada" || r.Basics.Phone != nil || len(*r.Work) != 2 || (*r.Work)[1].StartDate != nil || len(up.Document.Warnings) != 2 {
		t.Fatalf("read %+v, warnings %q", r, up.Document.Warnings)
	}
}

// How sure the parser was, and what it read where, goes with the version that was
// read, follows what was left out, and goes with the file.
func TestWhatWasReadWhereIsKeptWithTheFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	field := func(pointer string) map[string]any {
		return map[string]any{"pointer": pointer, "confidence": 0.8, "page": 1, "text": strings.Repeat("ä", 600)}
	}
	f.ai.answers(http.StatusOK, map[string]any{
		"resume": map[string]any{
			"basics": map[string]any{"name": "Ada"},
			"work":   []any{map[string]any{"name": "A", "highlights": []any{"one", strings.Repeat("x", 2001), "three"}}},
		},
		"format": "pdf", "pages": 1, "text": "x", "warnings": []any{}, "engine": map[string]any{"name": "builtin", "model": "m", "cached": false},
		"fields": []any{
			field("/basics/name"), field("/work/0/name"), field("/work/0/highlights/0"), field("/work/0/highlights/1"), field("/work/0/highlights/2"),
			field("/" + strings.Repeat("x", 400)), map[string]any{"pointer": "/work/0", "confidence": 0.5, "text": ""},
		},
	})
	who, peer := f.user(), f.api.Service("orchestrator")
	var up UploadedResume
	f.upload(who, pdf, "").Want(http.StatusCreated).JSON(&up)
	path := "/internal/v1/resumes/" + up.Resume.ID.String()
	read := func(query string) *[]ReadField {
		t.Helper()
		var c ResumeContent
		peer.Do(t, http.MethodGet, path+query, nil).Want(http.StatusOK).JSON(&c)
		return c.Fields
	}
	fields := read("?version=1&fields=true")
	var pointers []string
	for _, x := range *fields {
		pointers = append(pointers, x.Pointer)
	}
	if !slices.Equal(pointers, []string{"/basics/name", "/work/0/name", "/work/0/highlights/0", "/work/0/highlights/1", "/work/0"}) {
		t.Errorf("read %q", pointers)
	}
	if x := (*fields)[0]; x.Confidence != 0.8 || *x.Page != 1 || len([]rune(*x.Text)) != 500 || (*fields)[4].Page != nil || (*fields)[4].Text != nil {
		t.Errorf("read %+v", x)
	}
	if read("?version=1") != nil {
		t.Error("it comes without being asked for")
	}
	if n := f.count("SELECT count(*) FROM document_fields WHERE position('Ada' IN encode(fields_sealed, 'escape')) > 0"); n != 0 {
		t.Error("it is not sealed")
	}
	f.patch(who, up.Resume.ID, `{"resume":{"basics":{"name":"Grace"}}}`).Want(http.StatusOK)
	if read("?fields=true") != nil || read("?version=1&fields=true") == nil {
		t.Error("it is not of the version that was read")
	}
	who.Do(t, http.MethodDelete, "/api/v1/resumes/documents/"+up.Document.ID.String(), nil).Want(http.StatusNoContent)
	if read("?version=1&fields=true") != nil || f.count("SELECT count(*) FROM document_fields") != 0 {
		t.Error("it outlives the file")
	}
}

func TestOthersDoNotSeeFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada)
	var up UploadedResume
	f.upload(f.user(), pdf, "").Want(http.StatusCreated).JSON(&up)
	eve, path := f.user(), "/api/v1/resumes/documents/"+up.Document.ID.String()
	eve.Do(t, http.MethodGet, path, nil).WantProblem(http.StatusNotFound, "document_not_found")
	eve.Do(t, http.MethodGet, path+"/file", nil).WantProblem(http.StatusNotFound, "document_not_found")
	eve.Do(t, http.MethodDelete, path, nil).WantProblem(http.StatusNotFound, "document_not_found")
}

// worker runs the queue and the outbox on a real broker until the test ends.
func (f *fixture) worker() {
	f.t.Helper()
	raw, err := os.ReadFile(testkit.Root(f.t) + "/services/resume/topology.gen.json")
	must(f.t, err)
	topology, err := rabbit.ParseTopology(raw)
	must(f.t, err)
	for i, q := range topology.Queues {
		for j := range q.Delays {
			topology.Queues[i].Delays[j] = rabbit.Duration(10 * time.Millisecond)
		}
	}
	conn, err := rabbit.Open(testkit.Rabbit(f.t), rabbit.Options{Name: "resume", Topology: topology})
	must(f.t, err)
	relay, err := outbox.NewRelay(f.pool, conn, outbox.RelayOptions{Log: slog.New(slog.DiscardHandler)})
	must(f.t, err)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = relay.Run(ctx) })
	wg.Go(func() {
		_ = conn.Consume(ctx, rabbit.Consumer{Queue: resume.QueueResumeProcessing, Concurrency: 2, Timeout: time.Minute, Handler: rabbit.Each(f.ReadQueued)})
	})
	f.t.Cleanup(func() {
		stop()
		wg.Wait()
		_ = conn.Close()
	})
}

// settled waits until a document is done, and returns it.
func (f *fixture) settled(who *testkit.Caller, id uuid.UUID) (d ResumeDocument) {
	f.t.Helper()
	testkit.Eventually(f.t, "document "+id.String()+" is done", func() bool {
		who.Do(f.t, http.MethodGet, "/api/v1/resumes/documents/"+id.String(), nil).Want(http.StatusOK).JSON(&d)
		return d.Status == DocumentParsed || d.Status == DocumentFailed
	})
	return d
}

func TestALargeFileIsReadByAWorker(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada)
	who := f.user()
	var up UploadedResume
	f.upload(who, big(), "").Want(http.StatusAccepted).JSON(&up)
	if up.Document.Status != DocumentQueued || up.Resume != nil || f.count("SELECT count(*) FROM outbox WHERE queue = 'resume-processing'") != 1 {
		t.Fatalf("uploaded %+v", up)
	}
	f.upload(who, big(), "").Want(http.StatusAccepted) // the same again waits with it
	f.worker()
	if d := f.settled(who, up.Document.ID); d.Status != DocumentParsed {
		t.Fatalf("document %+v", d)
	}
	who.Do(t, http.MethodGet, at(up.Document.ResumeID), nil).Want(http.StatusOK)
	if f.count("SELECT count(*) FROM resumes") != 1 {
		t.Fatal("one file became two resumes")
	}
}

func TestAWorkerTriesAgainAndGivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.refuses(http.StatusServiceUnavailable, "unavailable")
	who := f.user()
	var up UploadedResume
	f.upload(who, pdf, "").Want(http.StatusAccepted).JSON(&up) // small, but ai is away
	f.worker()
	d := f.settled(who, up.Document.ID)
	if d.Status != DocumentFailed || d.Failure.Code != "parser_unavailable" {
		t.Fatalf("document %+v", d)
	}
	f.ai.mu.Lock()
	tries := len(f.ai.asked)
	f.ai.mu.Unlock()
	if tries != 1+5 {
		t.Fatalf("ai was asked %d times", tries)
	}
}

func TestASlowReadingIsLeftToTheWorkers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada)
	f.ai.block = make(chan struct{})
	who := f.user()
	var up UploadedResume
	f.upload(who, pdf, "").Want(http.StatusAccepted).JSON(&up)
	close(f.ai.block)
	f.worker()
	if d := f.settled(who, up.Document.ID); d.Status != DocumentParsed {
		t.Fatalf("document %+v", d)
	}
}

func TestAUserIsDeletedWithAllFilesAndStaysDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.parses(ada)
	who, other := f.user(), f.user()
	f.create(other, ada)
	var up, waiting UploadedResume
	f.upload(who, pdf, "").Want(http.StatusCreated).JSON(&up)
	f.upload(who, big(), "").Want(http.StatusAccepted).JSON(&waiting)
	who.Do(t, http.MethodGet, at(up.Resume.ID, "export?format=pdf"), nil).Want(http.StatusOK)
	key, render := "", ""
	must(t, f.pool.QueryRow(t.Context(), "SELECT key FROM documents WHERE id = $1", up.Document.ID).Scan(&key))
	must(t, f.pool.QueryRow(t.Context(), "SELECT key FROM renders").Scan(&render))

	orchestrator, base := f.api.Service("orchestrator"), "/internal/v1/users/"+who.ID.String()+"/resumes"
	var held Footprint
	orchestrator.Do(t, http.MethodGet, base+"/footprint", nil).Want(http.StatusOK).JSON(&held)
	if held.Total != 1+1+3+2+1 {
		t.Fatalf("footprint %+v", held)
	}
	orchestrator.Do(t, http.MethodDelete, base, nil).Want(http.StatusNoContent)
	orchestrator.Do(t, http.MethodDelete, base, nil).Want(http.StatusNoContent)
	orchestrator.Do(t, http.MethodGet, base+"/footprint", nil).Want(http.StatusOK).JSON(&held)
	if held.Total != 0 || f.count("SELECT count(*) FROM resumes") != 1 {
		t.Fatalf("left: %+v", held)
	}
	for store, key := range map[*blob.Store]string{f.files: key, f.exports: render} {
		if _, err := store.Stat(t.Context(), key); err == nil {
			t.Errorf("the file %s is still there", key)
		}
	}
	f.worker() // what was queued finds nothing
	testkit.Eventually(t, "the queue is empty", func() bool { return f.count("SELECT count(*) FROM outbox") == 0 })
	who.Do(t, http.MethodPost, "/api/v1/resumes", json.RawMessage(`{"title":"x","resume":{}}`)).WantProblem(http.StatusConflict, "account_deleted")
	f.upload(who, pdf+"3", "").WantProblem(http.StatusConflict, "account_deleted")
	if n := f.count("SELECT count(*) FROM documents") + f.count("SELECT count(*) FROM resumes WHERE user_id = $1", who.ID); n != 0 {
		t.Fatal("the user came back")
	}
}

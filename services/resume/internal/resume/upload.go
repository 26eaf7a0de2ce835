package resume

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
)

// Media types of the files that are read.
const (
	TypePDF  = "application/pdf"
	TypeDOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	TypeText = "text/plain"
)

const (
	maxFile     = 10 << 20
	atOnce      = 1 << 20         // bytes of a file that is read while its sender waits
	atOnceWait  = 2 * time.Second // for how long
	maxFilename = 255
	maxTitle    = 120
)

// Document is an uploaded file.
type Document struct {
	ID, UserID           uuid.UUID
	ResumeID             uuid.UUID // what it becomes
	Filename, Title      string
	ContentType          string
	Size                 int64
	Status, Stage        string
	Percent              int16
	Warnings             []string
	Failure              *Failure
	CreatedAt, UpdatedAt time.Time

	key string
}

// Failure is why a file could not be read.
type Failure struct{ Code, Message string }

var (
	errDocumentNotFound = errs.New(errs.NotFound, "document_not_found", "There is no such document of this account.")
	errDocumentsMany    = errs.New(errs.Conflict, "too_many_documents", "There are 200 uploaded files. Delete one that is not needed any more, then try again.")
	errDocumentBusy     = errs.New(errs.Conflict, "document_busy", "The file is being read by another request. Wait until that is done, then try again.").WithRetryAfter(5 * time.Second)
	errFileEmpty        = errs.New(errs.Unprocessable, "file_empty", "The file is empty. Choose the file of the resume.")
	errFileTooLarge     = errs.New(errs.TooLarge, "file_too_large", "The file is larger than 10 MiB. Export it with smaller pictures, then try again.")
	errFileType         = errs.New(errs.UnsupportedMedia, "unsupported_file", "The file is neither a PDF nor a DOCX nor plain text. Save it as one of them, then try again.")
	errFileOldWord      = errs.New(errs.UnsupportedMedia, "unsupported_file", "The file is an old Word document. Save it as DOCX or PDF, then try again.")
	errFileBroken       = errs.New(errs.Unprocessable, "file_broken", "The file is damaged and cannot be opened. Save it again, then try again.")
	errStorage          = errs.New(errs.Unavailable, "storage_unavailable", "Files cannot be stored at the moment. Try again in a few seconds.").WithRetryAfter(5 * time.Second)
)

func (s *Service) document(r db.Document) (Document, error) {
	d := Document{
		ID: r.ID, UserID: r.UserID, ResumeID: r.ResumeID, ContentType: r.ContentType, Size: r.Size, Status: r.Status, Stage: r.Stage,
		Percent: r.Percent, Warnings: r.Warnings, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, key: r.Key,
	}
	if r.FailureCode != nil {
		d.Failure = &Failure{*r.FailureCode, or(r.FailureMessage, "")}
	}
	name, err := s.opened(r.FilenameSealed, place("documents", "filename_sealed", r.ID, r.UserID))
	if err != nil {
		return d, err
	}
	title, err := s.opened(r.TitleSealed, place("documents", "title_sealed", r.ID, r.UserID))
	d.Filename, d.Title = string(name), string(title)
	return d, err
}

// Uploaded is what became of an upload.
type Uploaded struct {
	Document Document
	Resume   *Stored // if the file was read at once, or before
	Known    bool    // this file was uploaded before
}

// Upload stores a file and has it read: at once if it is small, else by a worker.
// An empty title is that of the file. The same file again gives the document
// that it was before, and is read again if that failed or the resume is gone.
func (s *Service) Upload(ctx context.Context, user uuid.UUID, filename, title string, file io.Reader) (Uploaded, error) {
	spool, err := os.CreateTemp("", "resume-*")
	if err != nil {
		return Uploaded{}, fmt.Errorf("resume: spool: %w", err)
	}
	defer func() {
		_ = spool.Close()
		_ = os.Remove(spool.Name())
	}()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(spool, hash), io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return Uploaded{}, err
	case size > maxFile:
		return Uploaded{}, errFileTooLarge
	case size == 0:
		return Uploaded{}, errFileEmpty
	}
	kind, err := judge(spool, size)
	if err != nil {
		return Uploaded{}, err
	}
	d := Document{
		ID: newID(), UserID: user, ResumeID: newID(), Filename: cleanName(filename, kind), ContentType: kind, Size: size,
		Status: "processing", Stage: "reading", Percent: 10, Warnings: []string{},
	}
	d.key = user.String() + "/" + d.ID.String()
	d.Title = cmp.Or(strings.TrimSpace(title), clip(strings.TrimSuffix(d.Filename, path.Ext(d.Filename)), maxTitle))
	if size > atOnce {
		d.Status, d.Stage, d.Percent = "queued", "queued", 0
	}
	sum := hash.Sum(nil)
	if out, known, err := s.known(ctx, user, sum); err != nil || known {
		return out, err
	}
	if _, err := s.Files.Put(ctx, d.key, io.NewSectionReader(spool, 0, size), blob.PutOptions{ContentType: kind, MaxBytes: maxFile, SHA256: sum}); err != nil {
		return Uploaded{}, errStorage.With(err)
	}
	inserted, err := s.register(ctx, d, sum)
	if err != nil || !inserted {
		s.dropFile(ctx, d.key)
		if err != nil {
			return Uploaded{}, err
		}
		out, known, err := s.known(ctx, user, sum) // another request with the same file was faster
		if err == nil && !known {
			err = errDocumentBusy
		}
		return out, err
	}
	if d.Status == "processing" {
		try, cancel := context.WithTimeout(ctx, atOnceWait)
		err = s.read(try, d, io.NewSectionReader(spool, 0, size))
		cancel()
		if errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil {
			err = s.requeue(ctx, d)
		}
		if err != nil && errs.KindOf(err) != errs.Unprocessable { // which is the file's fault, and recorded with it
			return Uploaded{}, err
		}
	}
	out, err := s.uploaded(ctx, user, d.ID)
	if err == nil && out.Document.Failure != nil {
		return Uploaded{}, errs.New(errs.Unprocessable, out.Document.Failure.Code, out.Document.Failure.Message)
	}
	return out, err
}

// known finds the document that a file was before. One that failed, or whose
// resume is gone, is forgotten, so that the file is read anew.
func (s *Service) known(ctx context.Context, user uuid.UUID, sum []byte) (Uploaded, bool, error) {
	row, err := s.q.DocumentByContent(ctx, db.DocumentByContentParams{UserID: user, Sha256: sum})
	if err != nil {
		if pg.IsNotFound(err) {
			return Uploaded{}, false, nil
		}
		return Uploaded{}, false, storeError(err)
	}
	out, err := s.uploaded(ctx, user, row.ID)
	if err != nil {
		return Uploaded{}, false, err
	}
	out.Known = true
	if row.Status == "queued" || row.Status == "processing" || out.Resume != nil {
		return out, true, nil
	}
	if err := s.q.DocumentDelete(ctx, row.ID); err != nil {
		return Uploaded{}, false, storeError(err)
	}
	s.dropFile(ctx, row.Key)
	return Uploaded{}, false, nil
}

// uploaded is a document with its resume, where there is one.
func (s *Service) uploaded(ctx context.Context, user, id uuid.UUID) (Uploaded, error) {
	d, err := s.GetDocument(ctx, user, id)
	if err != nil || d.Status != "parsed" {
		return Uploaded{Document: d}, err
	}
	r, err := s.Get(ctx, user, d.ResumeID)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return Uploaded{Document: d}, nil
	case err != nil:
		return Uploaded{}, err
	}
	return Uploaded{Document: d, Resume: &r}, nil
}

// register stores the row of a file that is in the bucket. It reports false if
// there is one of the same content.
func (s *Service) register(ctx context.Context, d Document, sum []byte) (inserted bool, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, d.UserID); err != nil {
			return err
		}
		n, err := t.DocumentCount(ctx, d.UserID)
		if err != nil {
			return err
		}
		if n >= maxDocuments {
			return errDocumentsMany
		}
		n, err = t.DocumentInsert(ctx, db.DocumentInsertParams{
			ID: d.ID, UserID: d.UserID, ResumeID: d.ResumeID, Key: d.key, ContentType: d.ContentType, Size: d.Size, Sha256: sum,
			FilenameSealed: s.Keys.Seal([]byte(d.Filename), place("documents", "filename_sealed", d.ID, d.UserID)),
			TitleSealed:    s.Keys.Seal([]byte(d.Title), place("documents", "title_sealed", d.ID, d.UserID)),
			Status:         d.Status, Stage: d.Stage, Percent: d.Percent, Now: t.now,
		})
		inserted = n == 1
		if err != nil || !inserted {
			return err
		}
		if err := t.emit(ctx, TypeDocumentUploaded, d.ID, DocumentUploaded{DocumentID: d.ID, ResumeID: d.ResumeID, UserID: d.UserID, UploadedAt: t.now}); err != nil {
			return err
		}
		if err := t.progressed(ctx, d); err != nil || d.Status != "queued" {
			return err
		}
		return t.enqueue(ctx, d)
	})
	return inserted, err
}

// judge tells what a file is by its content.
func judge(file io.ReaderAt, size int64) (string, error) {
	head := make([]byte, min(size, 4096))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("resume: spool: %w", err)
	}
	switch {
	case bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")): // readers allow for junk before it
		return TypePDF, nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		z, err := zip.NewReader(file, size)
		if err != nil {
			return "", errFileBroken.With(err)
		}
		for _, f := range z.File {
			if f.Name == "word/document.xml" {
				return TypeDOCX, nil
			}
		}
		return "", errFileType
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return "", errFileOldWord
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")): // UTF-16
		return TypeText, nil
	}
	in := bufio.NewReader(io.NewSectionReader(file, 0, size))
	for {
		b, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return TypeText, nil
		case err != nil:
			return "", fmt.Errorf("resume: spool: %w", err)
		case b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != '\v' && b != 0x1b:
			return "", errFileType
		}
	}
}

// cleanName is a file's name that can be shown and saved under anywhere, with
// the extension of what it is.
func cleanName(name, kind string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return -1
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		name = "resume"
	}
	ext := map[string]string{TypePDF: ".pdf", TypeDOCX: ".docx", TypeText: ".txt"}[kind]
	if strings.EqualFold(path.Ext(name), ext) {
		name = name[:len(name)-len(ext)]
	}
	return clip(name, 200) + ext
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n]))
	}
	return s
}

// GetDocument reads a document.
func (s *Service) GetDocument(ctx context.Context, user, id uuid.UUID) (Document, error) {
	row, err := s.q.DocumentGet(ctx, db.DocumentGetParams{ID: id, UserID: user})
	if err != nil {
		return Document{}, missing(err, errDocumentNotFound)
	}
	return s.document(row)
}

// ListDocuments lists documents, newest first, and whether there are more.
func (s *Service) ListDocuments(ctx context.Context, user uuid.UUID, p Page) ([]Document, bool, error) {
	at, id := p.before()
	rows, err := s.q.DocumentList(ctx, db.DocumentListParams{UserID: user, BeforeCreatedAt: at, BeforeID: id, MaxRows: int32(p.Limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	out := make([]Document, min(len(rows), p.Limit))
	for i := range out {
		if out[i], err = s.document(rows[i]); err != nil {
			return nil, false, err
		}
	}
	return out, len(rows) > p.Limit, nil
}

// OpenDocument opens the file of a document. The caller closes it.
func (s *Service) OpenDocument(ctx context.Context, user, id uuid.UUID) (Document, io.ReadCloser, error) {
	d, err := s.GetDocument(ctx, user, id)
	if err != nil {
		return d, nil, err
	}
	body, _, err := s.Files.Get(ctx, d.key, blob.Range{})
	if err != nil {
		return d, nil, errStorage.With(err)
	}
	return d, body, nil
}

// DeleteDocument deletes a document with its file; the resume stays.
func (s *Service) DeleteDocument(ctx context.Context, user, id uuid.UUID) error {
	var key string
	err := s.inTx(ctx, func(t *tx) error {
		row, err := t.DocumentLock(ctx, id)
		switch {
		case err == nil && row.UserID != user:
			return errDocumentNotFound
		case err != nil:
			return missing(err, errDocumentNotFound)
		case row.Status == "processing" && t.now.Sub(row.UpdatedAt) < time.Minute:
			return errDocumentBusy
		}
		key = row.Key
		return t.DocumentDelete(ctx, id)
	})
	if err != nil {
		return err
	}
	s.dropFile(ctx, key)
	return nil
}

// dropFile deletes a file that no row refers to any more.
func (s *Service) dropFile(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.Files.Delete(ctx, key); err != nil {
		s.Log.ErrorContext(ctx, "a file without a document stays in the bucket; delete it by hand", "error", err, "file", key)
	}
}

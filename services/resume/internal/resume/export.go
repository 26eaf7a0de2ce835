package resume

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/browser"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
	"github.com/jobpilot/jobpilot/services/resume/internal/render"
)

// renderKeep is how long a rendered document can be had again without rendering.
const renderKeep = 7 * 24 * time.Hour

// Export says which document to make of a resume; what is empty is the resume's own.
type Export struct {
	Format   string // pdf, docx, txt, md or json
	Template string
	Version  int32
	Paper    string // a4 or letter
	Language string // BCP 47, of headings and dates
}

// File is a document that was made of a resume.
type File struct {
	Content     []byte
	ContentType string
	Filename    string
	ETag        string // strong: of the content and of how it was made
	Version     int32
}

var errPrinter = errs.New(errs.Unavailable, "printer_unavailable", "PDF documents cannot be made at the moment. Try again in a few seconds, or take another format.").
	WithRetryAfter(5 * time.Second)

// ExportOwn makes a document of the caller's resume.
func (s *Service) ExportOwn(ctx context.Context, user, id uuid.UUID, e Export) (File, error) {
	r, err := s.own(ctx, user, id)
	if err != nil {
		return File{}, err
	}
	return s.export(ctx, r, e)
}

// ExportAny makes a document of any user's resume, for other services.
func (s *Service) ExportAny(ctx context.Context, id uuid.UUID, e Export) (File, error) {
	r, err := s.q.ResumeGetByID(ctx, id)
	if err != nil {
		return File{}, missing(err, errNotFound)
	}
	return s.export(ctx, r, e)
}

func (s *Service) export(ctx context.Context, r db.Resume, e Export) (File, error) {
	v, err := s.at(ctx, r, e.Version)
	if err != nil {
		return File{}, err
	}
	doc := v.document(render.Options{
		Template: cmp.Or(e.Template, r.Template), Paper: cmp.Or(e.Paper, "a4"), Language: cmp.Or(e.Language, r.Language),
	})
	f := File{Version: v.Version, Filename: doc.Filename(e.Format), ContentType: render.ContentTypes[e.Format]}
	key, err := renderKey(r, doc, e.Format)
	if err != nil {
		return File{}, err
	}
	f.ETag = `"` + key + `"`
	switch e.Format {
	case "json":
		f.Content, err = json.MarshalIndent(doc.Resume, "", "  ")
	case "txt":
		f.Content = []byte(render.Text(doc))
	case "md":
		f.Content = []byte(render.Markdown(doc))
	case "docx":
		f.Content, err = render.DOCX(doc)
	default:
		f.Content, err = s.printed(ctx, r, doc, r.UserID.String()+"/renders/"+key+".pdf")
	}
	return f, err
}

// renderKey names what a document is made from: the content, how it is shown,
// and the program that does it.
func renderKey(r db.Resume, doc render.Document, format string) (string, error) {
	raw, err := json.Marshal([]any{r.ID, doc, format, render.Revision})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:24]), nil
}

// printed is the PDF of a document: the one of before, or a new one. Without the
// bucket it is only slower.
func (s *Service) printed(ctx context.Context, r db.Resume, doc render.Document, key string) ([]byte, error) {
	if there, err := s.q.RenderExists(ctx, key); err == nil && there {
		if content, err := s.fetchRender(ctx, key); err == nil {
			return content, nil
		} else if !errors.Is(err, blob.ErrNotFound) {
			s.Log.WarnContext(ctx, "a rendered document could not be had again", "error", err)
		}
	}
	html, err := render.HTML(doc)
	if err != nil {
		return nil, err
	}
	content, err := s.Browser.PDF(ctx, html)
	switch {
	case errors.Is(err, browser.ErrUnavailable):
		return nil, errPrinter.With(err)
	case err != nil:
		return nil, err
	}
	if err := s.keepRender(ctx, r, key, content); err != nil {
		s.Log.WarnContext(ctx, "a rendered document is not kept", "error", err)
	}
	return content, nil
}

func (s *Service) fetchRender(ctx context.Context, key string) ([]byte, error) {
	body, _, err := s.Exports.Get(ctx, key, blob.Range{})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// keepRender notes the file before it is stored, so that none is forgotten.
func (s *Service) keepRender(ctx context.Context, r db.Resume, key string, content []byte) error {
	n, err := s.q.RenderInsert(ctx, db.RenderInsertParams{Key: key, ResumeID: r.ID, Now: s.now()})
	if err != nil || n == 0 {
		return err
	}
	_, err = s.Exports.Put(ctx, key, bytes.NewReader(content), blob.PutOptions{ContentType: TypePDF})
	return err
}

// dropRenders deletes rendered documents, and then their rows.
func (s *Service) dropRenders(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if err := s.Exports.Delete(ctx, key); err != nil {
			return err
		}
	}
	return storeError(s.q.RendersDelete(ctx, keys))
}

// Templates lists how documents can look.
func (s *Service) Templates(ctx context.Context) ([]db.ResumeTemplate, error) {
	list, err := s.q.TemplateList(ctx)
	return list, storeError(err)
}

// PreviewTag is the entity tag of a template's picture.
func PreviewTag(picture []byte) string {
	sum := sha256.Sum256(picture)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

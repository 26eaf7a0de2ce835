// Package api is the HTTP edge of resume: the generated server of
// api/openapi/resume.yaml and its handlers, each of which converts, makes one call
// to the domain package and converts back. What every request passes before a
// handler sees it (credential, rule, limits, validation) is pkg/httpx.
package api

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Resumes *resume.Service
	Cursors *httpx.Cursors
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

func caller(ctx context.Context) uuid.UUID { return authn.FromContext(ctx).UserID }

// file answers an operation with a file.
type file struct {
	body        io.Reader
	contentType string
	name        string // to be saved under; empty: shown
	size        int64  // 0: not known
	etag        string
	version     int32
	public      bool // the same for everybody
}

func (f file) send(w http.ResponseWriter) error {
	if c, ok := f.body.(io.Closer); ok {
		defer c.Close()
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	// What users uploaded is never shown by a browser as a page of this site.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	if f.name != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	}
	if f.size > 0 {
		h.Set("Content-Length", strconv.FormatInt(f.size, 10))
	}
	if f.etag != "" {
		h.Set("ETag", f.etag)
	}
	if f.version > 0 {
		h.Set("X-Version", strconv.Itoa(int(f.version)))
	}
	if f.public {
		h.Set("Cache-Control", "public, max-age=3600")
	}
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, f.body); err != nil {
		return fmt.Errorf("api: send file: %w", err)
	}
	return nil
}

// VisitExportResumeResponse answers exportResume.
func (f file) VisitExportResumeResponse(w http.ResponseWriter) error { return f.send(w) }

// VisitRenderResumeDocumentResponse answers renderResumeDocument.
func (f file) VisitRenderResumeDocumentResponse(w http.ResponseWriter) error { return f.send(w) }

// VisitDownloadResumeDocumentResponse answers downloadResumeDocument.
func (f file) VisitDownloadResumeDocumentResponse(w http.ResponseWriter) error { return f.send(w) }

// VisitPreviewResumeTemplateResponse answers previewResumeTemplate.
func (f file) VisitPreviewResumeTemplateResponse(w http.ResponseWriter) error { return f.send(w) }

func document(f resume.File) file {
	return file{body: bytes.NewReader(f.Content), contentType: f.ContentType, name: f.Filename, size: int64(len(f.Content)), etag: f.ETag, version: f.Version}
}

package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
	"unicode"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// What can be wrong with a file. Each message says what to do next.
var (
	ErrUnsupported = errs.New(errs.UnsupportedMedia, "unsupported_document",
		"This is not a PDF, DOCX or text file. Save your resume as PDF or DOCX and send that.")
	ErrTooLarge = errs.New(errs.TooLarge, "document_too_large",
		"The document is larger than what is read. Send a resume of fewer pages, or one without large pictures.")
	ErrEncrypted = errs.New(errs.Unprocessable, "document_encrypted",
		"The document is protected by a password. Save a copy without one and send that.")
	ErrUnreadable = errs.New(errs.Unprocessable, "document_unreadable",
		"The document is damaged. Open it in the program it was made with, save it again as PDF or DOCX, and send that.")
	ErrEmpty = errs.New(errs.Unprocessable, "document_empty",
		"The document holds no text. If it is a picture of a resume, send the original PDF or DOCX.")
	ErrTooComplex = errs.New(errs.Unprocessable, "document_too_complex",
		"Reading the document takes too long. Print it to a new PDF and send that.")
	ErrReader = errs.New(errs.Unavailable, "document_reader_unavailable",
		"The document cannot be read at the moment. Try again in a minute.")
)

// Limits bound what one document may cost. Zero values stand for the defaults.
type Limits struct {
	Bytes      int           // of the file; 10 MiB
	Pages      int           // read; those after it are left out with a warning; 30
	Characters int           // of text; 400,000
	Inflated   int           // bytes that the archive of a DOCX may unpack to; 64 MiB
	OCRPages   int           // read by tesseract; 5
	Time       time.Duration // for the whole document; 60 s
}

func (l Limits) orDefault() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Bytes, 10<<20)
	def(&l.Pages, 30)
	def(&l.Characters, 400_000)
	def(&l.Inflated, 64<<20)
	def(&l.OCRPages, 5)
	if l.Time <= 0 {
		l.Time = time.Minute
	}
	return l
}

// Config says how documents are read.
type Config struct {
	Limits Limits
	// Workers is how many PDFs are read at once, each in a process of 140 MB; 2.
	Workers int
	// Idle is how long a worker waits for another PDF before it ends; 3 min.
	Idle time.Duration
	// CacheDir keeps PDFium compiled between starts (8 s the first time, 0.1 s
	// after that); empty compiles anew in each process.
	CacheDir string
	// Command starts a worker: a program that calls Worker first in its main.
	// Empty starts the running program again.
	Command []string
	// Tesseract is the program that reads pictures of text; "tesseract".
	Tesseract string
	// Languages are those that tesseract is asked to read, as it names them
	// ("eng", "deu"); those that are not installed are left out. Empty means all
	// installed of the parser's seven.
	Languages []string
}

// Reader reads documents. It is safe for concurrent use.
type Reader struct {
	limits Limits
	pool   *pool
	ocr    *ocr
}

// New returns a reader. It starts nothing: the first PDF does. Close it.
func New(cfg Config) *Reader {
	return &Reader{limits: cfg.Limits.orDefault(), pool: newPool(&cfg), ocr: newOCR(&cfg)}
}

// Close ends the workers; documents still being read fail.
func (r *Reader) Close() { r.pool.close() }

// Running is how many workers run: one for each PDF being read, and those that
// wait for the next.
func (r *Reader) Running() int {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	return r.pool.running
}

// Read returns what a file says. Errors are the Err… of this package, or the
// context's own when it was cancelled.
func (r *Reader) Read(ctx context.Context, data []byte) (*Document, error) {
	if len(data) > r.limits.Bytes {
		return nil, ErrTooLarge
	}
	limited, cancel := context.WithTimeout(ctx, r.limits.Time)
	defer cancel()
	var doc *Document
	var err error
	switch format, known := detect(data); {
	case bytes.HasPrefix(data, compoundFile) && bytes.Contains(data, encryptedPackage):
		return nil, ErrEncrypted
	case !known && len(bytes.TrimSpace(data)) == 0:
		return nil, ErrEmpty
	case !known:
		return nil, ErrUnsupported
	case format == PDF:
		doc, err = r.readPDF(limited, data)
	case format == DOCX:
		doc, err = readDOCX(limited, data, r.limits)
	default:
		doc, err = readText(data, r.limits)
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("reading a document: %w", ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, ErrTooComplex.With(err)
	case err != nil:
		return nil, err
	}
	for _, p := range doc.Pages {
		if len(p.Lines) > 0 {
			return doc, nil
		}
	}
	if len(doc.Warnings) > 0 {
		return nil, ErrEmpty.With(errors.New(doc.Warnings[0].Message))
	}
	return nil, ErrEmpty
}

// A DOCX with a password is not an archive but a compound file with a stream of
// this name, in UTF-16 ([MS-OFFCRYPTO] 2.3.4.4); so is a DOC, which is not read.
var (
	compoundFile     = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	encryptedPackage = []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")
)

// detect tells the format from the content. ISO 32000-1 allows bytes before a
// PDF's header; readers look for it in the first kilobyte.
func detect(data []byte) (Format, bool) {
	head := data[:min(len(data), 1024)]
	switch {
	case bytes.Contains(head, []byte("%PDF-")):
		return PDF, true
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return DOCX, true
	}
	if _, ok := decodeText(head, true); ok {
		return Text, true
	}
	return "", false
}

// readPDF has a worker read the pages and tesseract those without text.
func (r *Reader) readPDF(ctx context.Context, data []byte) (*Document, error) {
	req := request{Data: data, Pages: r.limits.Pages, Characters: r.limits.Characters}
	if r.ocr.available() {
		req.OCRPages = r.limits.OCRPages
	}
	res, err := r.pool.do(ctx, &req)
	if err != nil {
		return nil, err
	}
	doc := &Document{Format: PDF, Pages: res.Pages}
	warn := func(page int, code, message string) {
		doc.Warnings = append(doc.Warnings, Warning{Code: code, Page: page, Message: message})
	}
	if res.Total > len(res.Pages) {
		warn(0, "pages_left_out", fmt.Sprintf("Only the first %d of %d pages were read.", len(res.Pages), res.Total))
	}
	for i := range doc.Pages {
		p := &doc.Pages[i]
		state := res.States[i]
		if state == pageText {
			continue
		}
		picture := res.Pictures[p.Number]
		switch {
		case picture == nil && state == pageGarbled:
			warn(p.Number, "garbled_text", fmt.Sprintf("The text of page %d has no readable characters.", p.Number))
		case picture == nil && !r.ocr.available():
			warn(p.Number, "ocr_missing", fmt.Sprintf("Page %d is a picture, and text recognition is not installed here.", p.Number))
		case picture == nil:
			warn(p.Number, "pages_left_out", fmt.Sprintf("Page %d is a picture and was left out.", p.Number))
		default:
			words, err := r.ocr.read(ctx, picture, p.Width, p.Height)
			if err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				warn(p.Number, "ocr_failed", fmt.Sprintf("Page %d is a picture whose text could not be recognised.", p.Number))
				continue
			}
			p.Lines, p.OCR = arrange(words, p.Width, p.Links), true
			warn(p.Number, "read_by_ocr", fmt.Sprintf("Page %d is a picture; its text was recognised and may have mistakes.", p.Number))
		}
	}
	dropRunning(doc.Pages)
	return doc, nil
}

// garbled tells whether text is not what a person would read: fonts without a
// Unicode map (often Type 3) come out as control, private-use or replacement
// characters.
func garbled(text string) bool {
	bad, all := 0, 0
	for _, c := range text {
		if unicode.IsSpace(c) {
			continue
		}
		all++
		if c == unicode.ReplacementChar || unicode.Is(unicode.Co, c) || unicode.IsControl(c) {
			bad++
		}
	}
	return all > 0 && bad*4 > all
}

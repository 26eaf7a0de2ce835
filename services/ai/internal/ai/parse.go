package ai

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/document"
	"github.com/jobpilot/jobpilot/services/ai/internal/parser"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

const modelParser = "jobpilot-parser-1"

// MaxDocument is the most bytes that a resume may have.
const MaxDocument = 10 << 20

var errReadersBusy = errs.New(errs.Unavailable, "busy",
	"Too many documents are being read. Try again in a few seconds.").WithRetryAfter(3 * time.Second)

// ParsedField is where a value of a resume was read.
type ParsedField struct {
	Pointer    string  `json:"pointer"`
	Confidence float64 `json:"confidence"`
	Page       int     `json:"page,omitempty"`
	Text       string  `json:"text"`
}

// ParsedResume is a resume read from a file.
type ParsedResume struct {
	Resume   *Resume       `json:"resume"`
	Format   string        `json:"format"` // pdf, docx, text
	Pages    int           `json:"pages"`
	Language string        `json:"language,omitempty"`
	Text     string        `json:"text"`
	Fields   []ParsedField `json:"fields"`
	Warnings []Warning     `json:"warnings"`
	Engine   EngineUse     `json:"engine"`
}

// Documents reads resumes, a bounded number at once.
type Documents struct {
	reader *document.Reader
	slots  chan struct{}
	wait   time.Duration
}

// NewDocuments reads with reader, at most parallel documents at once; a further
// one waits for at most wait and is then refused as busy.
func NewDocuments(reader *document.Reader, parallel int, wait time.Duration) *Documents {
	return &Documents{reader: reader, slots: make(chan struct{}, parallel), wait: wait}
}

// ParseResume reads a resume from a file. Its bytes are taken from r only when
// there is room to read it, so that those who wait hold no memory.
func (d *Documents) ParseResume(ctx context.Context, r io.Reader) (*ParsedResume, error) {
	timer := time.NewTimer(d.wait)
	defer timer.Stop()
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-timer.C:
		return nil, errReadersBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxDocument {
		return nil, document.ErrTooLarge
	}
	doc, err := d.reader.Read(ctx, data)
	if err != nil {
		return nil, err
	}
	result, err := parser.Parse(ctx, doc, skillNames)
	if err != nil {
		return nil, err
	}
	out := &ParsedResume{
		Resume: &result.Resume, Format: string(doc.Format), Pages: max(1, len(doc.Pages)), Text: clip(visibleText(doc.Text()), 400_000), Fields: []ParsedField{}, Warnings: []Warning{},
		Engine: EngineUse{Name: "builtin", Model: modelParser},
	}
	out.Language = languageOf(out.Text)
	bound(out.Resume)
	for _, pointer := range slices.Sorted(maps.Keys(result.Sources)) {
		s := result.Sources[pointer]
		if len(out.Fields) < 5000 {
			out.Fields = append(out.Fields, ParsedField{pointer, min(max(s.Confidence, 0), 1), s.Page, clip(s.Text, 10_000)})
		}
	}
	for _, w := range doc.Warnings {
		out.Warnings = append(out.Warnings, Warning{Code: w.Code, Message: w.Message, Page: w.Page})
	}
	for _, w := range result.Warnings {
		out.Warnings = append(out.Warnings, Warning{Code: w.Code, Message: w.Message, Page: w.Page})
	}
	out.Warnings = append(out.Warnings, hints(resumePassages(out.Resume))...)
	out.Warnings = out.Warnings[:min(len(out.Warnings), 100)]
	return out, nil
}

// skillNames finds the names of technical skills in running text, as it spells
// them.
func skillNames(text string) []string {
	t := taxonomy.Load()
	var out []string
	for _, h := range t.Find(text) {
		if t.Group(h.Skill).Technical() {
			out = append(out, text[h.Start:h.End])
		}
	}
	return out
}

// visibleText drops what JSON or Postgres cannot hold.
func visibleText(text string) string {
	if utf8.ValidString(text) && !slices.Contains([]byte(text), 0) {
		return text
	}
	out := make([]rune, 0, len(text))
	for _, r := range text {
		if r != 0 && r != utf8.RuneError {
			out = append(out, r)
		}
	}
	return string(out)
}

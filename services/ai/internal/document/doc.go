// Package document reads the files people send as resumes — PDF, DOCX and plain
// text — into lines in reading order, with the typography that tells a heading
// from a sentence. What a file is, its content decides, never its name.
//
// Every input is hostile until read: bytes, pages, characters, nesting and time
// are limited (Limits), a file that breaks a limit or its own format gives an
// errs.Error that says what to do, and nothing of it stays behind.
//
// PDF is read by PDFium, compiled to WebAssembly, in a process of its own: it
// holds 140 MB while it lives, so it starts at the first PDF and ends after some
// idle minutes; it has none of the service's environment; and a file that makes
// it run for ever ends with the process (interrupting WebAssembly from within
// would cost three times the reading itself). A program that uses this package
// calls Worker first in main.
//
// Pages that hold no usable text go to tesseract when that is installed.
package document

import "strings"

// Format is what a file turned out to be.
type Format string

// The formats that are read.
const (
	PDF  Format = "pdf"
	DOCX Format = "docx"
	Text Format = "text"
)

// Document is a file's text in reading order.
type Document struct {
	Format   Format
	Pages    []Page
	Warnings []Warning
}

// Warning tells what could not be read as well as it should.
type Warning struct {
	Code    string // stable, snake_case: read_by_ocr, ocr_missing, ocr_failed, pages_left_out, garbled_text
	Page    int    // from 1; 0 for the whole document
	Message string // for people
}

// Page is one page; DOCX and text have a single one without a size.
type Page struct {
	Number        int     // from 1
	Width, Height float64 // in points, 1/72 inch
	Lines         []Line  // in reading order
	Links         []Link
	OCR           bool // read from the picture of the page
}

// Link is a place on a page that leads to an address.
type Link struct {
	URL  string
	Text string // what the page shows there; empty for a picture or an icon
	Box  Box
}

// Box is a rectangle in points from the page's top left corner.
type Box struct{ X0, Y0, X1, Y1 float64 }

func (b Box) union(c Box) Box {
	if b == (Box{}) {
		return c
	}
	return Box{min(b.X0, c.X0), min(b.Y0, c.Y0), max(b.X1, c.X1), max(b.Y1, c.Y1)}
}

// Line is what stands side by side: in a PDF one printed line of one column, in
// a DOCX or text file a paragraph.
type Line struct {
	Spans []Span
	Box   Box // zero where the format has no positions
	// Block numbers the column or cell the line belongs to, within its page.
	Block int
	// Wrapped lines go on with the sentence of the line before.
	Wrapped bool
	// Broken lines end within a word that the next one completes.
	Broken bool
	// Bullet lines began with a list mark, which is removed.
	Bullet bool
	// Heading is the outline level that a DOCX style gives; 0 for none.
	Heading int
	// Space is the white above the line, in line heights; 0 for the first of a block.
	Space float64
}

// Span is text of one typographic style.
type Span struct {
	Text         string // begins with a space where one separates it from the span before
	Box          Box
	Size         float64 // of the font, in points; 0 if not known
	Bold, Italic bool
	URL          string // the address it leads to, if any
	Tab          bool   // a tab stop, a cell border or a wide gap separates it from the span before
}

// Text is the line's text; a tab stands where a Tab span begins.
func (l *Line) Text() string {
	var b strings.Builder
	for i, s := range l.Spans {
		if s.Tab && i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(s.Text)
	}
	return b.String()
}

// Text is the page's text, a line each.
func (p *Page) Text() string {
	var b strings.Builder
	for i := range p.Lines {
		b.WriteString(p.Lines[i].Text())
		b.WriteByte('\n')
	}
	return b.String()
}

// Text is the document's text in reading order, a line each, pages separated by
// form feeds.
func (d *Document) Text() string {
	pages := make([]string, len(d.Pages))
	for i := range d.Pages {
		pages[i] = d.Pages[i].Text()
	}
	return strings.Join(pages, "\f")
}

package parser

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/jobpilot/jobpilot/services/ai/internal/document"
)

// row is a sentence or a heading: a line with those that it wraps onto.
type row struct {
	text  string // cells separated by tabs
	spans []document.Span
	page  int // from 1
	line  int // of the page, from 0
	block int // of the document

	look         look // of most of the text
	bullet       bool
	heading      int
	space        float64
	wrapped      int // lines it goes over, without the first
	x            float64
	firstOfBlock bool
	dates        dates // the first in the text
	dated        bool
}

// look is a typographic style, rounded so that equal ones compare equal.
type look struct {
	size         float64
	bold, italic bool
	caps         bool
}

// rowsOf joins the lines of a document into rows.
func rowsOf(doc *document.Document) []row {
	var rows []row
	blocks := 0
	for _, p := range doc.Pages {
		last := -1
		for i, l := range p.Lines {
			first := l.Block != last
			if first {
				blocks++
				last = l.Block
			}
			if n := len(rows); l.Wrapped && n > 0 && !first && i > 0 {
				rows[n-1].join(l, p.Lines[i-1].Broken)
				continue
			}
			rows = append(rows, row{spans: slices.Clone(l.Spans), page: p.Number, line: i, block: blocks, bullet: l.Bullet,
				heading: l.Heading, space: l.Space, x: l.Box.X0, firstOfBlock: first})
		}
	}
	out := rows[:0]
	for _, r := range rows {
		r.finish()
		if strings.TrimSpace(r.text) != "" {
			out = append(out, r)
		}
	}
	return mergeSplitDates(out)
}

// join appends a line that goes on with the row.
func (r *row) join(l document.Line, broken bool) {
	spans := slices.Clone(l.Spans)
	last := &r.spans[len(r.spans)-1]
	if !broken && !strings.HasSuffix(last.Text, "-") {
		spans[0].Text = " " + spans[0].Text
	}
	if spans[0].Bold == last.Bold && spans[0].Italic == last.Italic && spans[0].URL == last.URL && !spans[0].Tab {
		last.Text += spans[0].Text
		spans = spans[1:]
	}
	r.spans = append(r.spans, spans...)
	r.wrapped++
}

// finish works out the row's text and look.
func (r *row) finish() {
	weight := map[look]int{}
	for i := range r.spans {
		s := &r.spans[i]
		s.Text = norm.NFC.String(s.Text)
		n := utf8.RuneCountInString(strings.TrimSpace(s.Text))
		weight[look{size: math.Round(s.Size*2) / 2, bold: s.Bold, italic: s.Italic}] += n
	}
	l := document.Line{Spans: r.spans}
	r.text = strings.TrimSpace(l.Text())
	best := -1
	for k, n := range weight {
		if n > best || n == best && (k.size > r.look.size || k.size == r.look.size && k.bold) {
			r.look, best = k, n
		}
	}
	r.look.caps = isCaps(r.text)
	text := r.text
	if r.isLong() && len(text) > longDates {
		// In a sentence only what it begins with dates the entry.
		text = strings.ToValidUTF8(text[:longDates], "")
	}
	r.dates, r.dated = findDates(text)
}

// longDates is how far into a long row dates are sought, in bytes.
const longDates = 64

func isCaps(s string) bool {
	letters := 0
	for _, c := range s {
		if unicode.IsLower(c) {
			return false
		}
		if unicode.IsUpper(c) {
			letters++
		}
	}
	return letters >= 3
}

// mergeSplitDates joins a row that is a month with the one after it that begins
// with a year: programs that import PDF cut there.
func mergeSplitDates(rows []row) []row {
	out := rows[:0]
	for _, r := range rows {
		if n := len(out); n > 0 && onlyMon.MatchString(out[n-1].text) && len(r.text) >= 4 && yearRE.MatchString(r.text[:4]) {
			out[n-1].text += " " + r.text
			out[n-1].spans = append(out[n-1].spans, document.Span{Text: " " + r.text, Size: r.look.size})
			out[n-1].dates, out[n-1].dated = findDates(out[n-1].text)
			continue
		}
		out = append(out, r)
	}
	return out
}

// cells are the parts of a row between its tabs.
func (r *row) cells() []string { return strings.Split(r.text, "\t") }

// isLong tells whether a row is a sentence or more: part of a description.
func (r *row) isLong() bool {
	n := utf8.RuneCountInString(r.text)
	words := len(strings.Fields(r.text))
	return n > 110 || r.wrapped > 0 && n > 90 || words > 9 && strings.HasSuffix(r.text, ".") || words > 14
}

// bodyLook is the look that most of the text has.
func bodyLook(rows []row) look {
	weight := map[look]int{}
	var best look
	for _, r := range rows {
		k := r.look
		k.caps, k.italic = false, false
		weight[k] += utf8.RuneCountInString(r.text)
		if weight[k] > weight[best] {
			best = k
		}
	}
	return best
}

// plain is text for comparing: lower case, without accents and signs but for
// those within words, single blanks.
func plain(s string) string {
	var b strings.Builder
	blank := true
	for _, c := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, c):
		case unicode.IsLetter(c) || unicode.IsDigit(c) || c == '+' || c == '#':
			b.WriteRune(c)
			blank = false
		case c == '\'' || c == '’':
		default:
			if !blank {
				b.WriteByte(' ')
				blank = true
			}
		}
	}
	return strings.TrimSpace(b.String())
}

package document

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a DOCX beside those of Limits.
const (
	maxEntries   = 2000 // parts in the archive
	maxDepth     = 200  // nested elements
	maxExpansion = 200  // times the size of the file that it may unpack to
)

// readDOCX reads the body of a DOCX: paragraphs as lines, tables and text boxes
// where they stand.
func readDOCX(ctx context.Context, data []byte, limits Limits) (*Document, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, ErrUnreadable.With(err)
	}
	if len(archive.File) > maxEntries {
		return nil, ErrTooLarge.With(fmt.Errorf("%d entries", len(archive.File)))
	}
	parts := make(map[string]*zip.File, len(archive.File))
	for _, f := range archive.File {
		parts[strings.TrimPrefix(f.Name, "/")] = f
	}
	main := mainPart(parts)
	if main == "" {
		return nil, ErrUnsupported
	}
	d := &docx{ctx: ctx, parts: parts, left: int64(min(limits.Inflated, max(1<<20, len(data)*maxExpansion))), characters: limits.Characters}
	if d.links, err = d.relationships(main); err != nil {
		return nil, err
	}
	if d.styles, err = d.readStyles(path.Join(path.Dir(main), "styles.xml")); err != nil {
		return nil, err
	}
	page := Page{Number: 1}
	// Contact details are often in the header; it comes first, as on the page.
	for _, name := range append(d.headers, main) {
		if err := d.body(name); err != nil {
			return nil, err
		}
	}
	page.Lines, page.Links = d.lines, d.found
	return &Document{Format: DOCX, Pages: []Page{page}}, nil
}

// mainPart finds the document by its usual name, or the only one alike.
func mainPart(parts map[string]*zip.File) string {
	if parts["word/document.xml"] != nil {
		return "word/document.xml"
	}
	for name := range parts {
		if strings.HasPrefix(name, "word/document") && strings.HasSuffix(name, ".xml") {
			return name
		}
	}
	return ""
}

// docx is a document while it is read.
type docx struct {
	ctx        context.Context
	parts      map[string]*zip.File
	left       int64 // bytes that may still be unpacked
	characters int   // that may still be read
	links      map[string]string
	headers    []string
	styles     map[string]style
	lines      []Line
	found      []Link
	cells      int        // blocks so far
	rows       []tableRow // that are open, outermost first
}

// style is what a paragraph or a run looks like.
type style struct {
	size         float64
	bold, italic bool
	caps         bool
	heading      int
	list         bool
	based        string
}

// open unpacks a part; a missing one is empty.
func (d *docx) open(name string) (*xml.Decoder, io.Closer, error) {
	f := d.parts[name]
	if f == nil {
		return xml.NewDecoder(strings.NewReader("<none/>")), io.NopCloser(nil), nil
	}
	if f.Flags&1 != 0 {
		return nil, nil, ErrEncrypted
	}
	r, err := f.Open()
	if err != nil {
		return nil, nil, ErrUnreadable.With(err)
	}
	dec := xml.NewDecoder(&budget{d, r})
	dec.Strict = true
	dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("charset %q", charset)
	}
	return dec, r, nil
}

// budget counts what is unpacked, over all parts.
type budget struct {
	d *docx
	r io.Reader
}

func (b *budget) Read(p []byte) (int, error) {
	if err := b.d.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if b.d.left -= int64(n); b.d.left < 0 {
		return 0, ErrTooLarge.With(errors.New("unpacks to too much"))
	}
	return n, err
}

// walk calls visit for each token with the depth it is at. visit returns true to
// skip an element it was shown the start of.
func (d *docx) walk(name string, visit func(t xml.Token) (skip bool, err error)) error {
	dec, closer, err := d.open(name)
	if err != nil {
		return err
	}
	defer closer.Close()
	depth, skipping := 0, 0
	for {
		t, err := dec.RawToken()
		switch {
		case errors.Is(err, io.EOF) && depth == 0:
			return nil
		case err != nil:
			if errors.Is(err, ErrTooLarge) || d.ctx.Err() != nil {
				return err
			}
			return ErrUnreadable.With(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return ErrUnreadable.With(fmt.Errorf("nested more than %d deep", maxDepth))
			}
			if skipping == 0 {
				skip, err := visit(t)
				if err != nil {
					return err
				}
				if skip {
					skipping = depth
				}
			}
		case xml.EndElement:
			if skipping == 0 {
				if _, err := visit(t); err != nil {
					return err
				}
			}
			if skipping == depth {
				skipping = 0
			}
			if depth--; depth < 0 {
				return ErrUnreadable.With(errors.New("unbalanced elements"))
			}
		case xml.CharData:
			if skipping == 0 {
				if _, err := visit(t); err != nil {
					return err
				}
			}
		}
	}
}

// local is the name that RawToken gives, "w:p": prefixes are as the writer chose,
// and every writer chooses the usual ones.
func local(n xml.Name) string { return n.Space + ":" + n.Local }

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// on is the value of a toggle property, which is true when it is only named.
func on(e xml.StartElement) bool {
	v := attr(e, "val")
	return v != "0" && v != "false" && v != "off" && v != "none"
}

// tableRow holds, for each cell of a row, the number of its first line.
type tableRow []int

// joinRow makes one line of the first lines of a row's cells where all cells but
// the last hold a single short one: they are labels and dates beside what they
// label. Other cells stay apart and are read one after the other.
func (d *docx) joinRow(cells tableRow) {
	if len(cells) < 2 {
		return
	}
	var starts []int // of the cells that are not empty
	for i, from := range cells {
		to := len(d.lines)
		if i+1 < len(cells) {
			to = cells[i+1]
		}
		if from < to {
			starts = append(starts, from)
		}
	}
	if len(starts) < 2 || len(starts) > 4 {
		return
	}
	first, last := starts[0], starts[len(starts)-1]
	for i, from := range starts[:len(starts)-1] {
		if starts[i+1]-from != 1 || utf8.RuneCountInString(d.lines[from].Text()) > 60 || d.lines[from].Bullet {
			return
		}
	}
	joined := d.lines[first]
	for _, l := range d.lines[first+1 : last+1] {
		l.Spans[0].Tab = true
		joined.Spans = append(joined.Spans, l.Spans...)
	}
	d.lines = append(append(d.lines[:first], joined), d.lines[last+1:]...)
}

// paragraph is one while its runs are read.
type paragraph struct {
	line  Line
	look  style // of the paragraph
	run   style
	tab   bool
	url   string
	field string // instruction of a field, for HYPERLINK "…"
	inRun bool
}

// body reads the paragraphs of a part. Text boxes stand within a paragraph: their
// paragraphs come before it.
func (d *docx) body(name string) error {
	var stack []*paragraph
	var links []string
	inText, inInstr := false, false
	blank := 0.0
	top := func() *paragraph {
		if len(stack) == 0 {
			return nil
		}
		return stack[len(stack)-1]
	}
	start := func(e xml.StartElement) bool {
		p := top()
		switch n := local(e.Name); n {
		case "mc:Fallback", "w:del", "w:moveFrom", "w:txbxContentFallback", "w:footnoteReference", "w:annotationRef":
			return true
		case "w:p":
			stack = append(stack, &paragraph{look: d.styles[""]})
		case "w:tc":
			d.cells++
			if n := len(d.rows); n > 0 {
				d.rows[n-1] = append(d.rows[n-1], len(d.lines))
			}
		case "w:tr":
			d.rows = append(d.rows, nil)
		case "w:hyperlink":
			url := ""
			for _, a := range e.Attr {
				if a.Name.Local == "id" {
					url = d.links[a.Value]
				}
			}
			links = append(links, url)
			if p != nil {
				p.url = url
			}
		case "w:r":
			if p != nil {
				p.run, p.inRun = p.look, true
			}
		case "w:t", "a:t":
			inText = true
		case "w:instrText":
			inInstr = true
		case "w:fldChar":
			if p != nil {
				switch attr(e, "fldCharType") {
				case "separate":
					p.url = fieldURL(p.field)
				case "end":
					p.url, p.field = "", ""
				}
			}
		case "w:tab", "w:ptab":
			if p != nil && p.inRun {
				p.tab = true
			}
		case "w:br", "w:cr":
			if p != nil {
				d.flush(p, &blank)
			}
		case "w:pStyle":
			if p != nil {
				if s, ok := d.styles[attr(e, "val")]; ok {
					p.look = s
				}
			}
		case "w:rStyle":
			if s, ok := d.styles[attr(e, "val")]; ok && p != nil {
				p.run.bold, p.run.italic = p.run.bold || s.bold, p.run.italic || s.italic
			}
		default:
			if p == nil {
				break
			}
			if p.inRun {
				p.run.apply(e)
			} else {
				p.look.apply(e)
			}
		}
		return false
	}
	end := func(e xml.EndElement) {
		p := top()
		switch local(e.Name) {
		case "w:p":
			if p != nil {
				d.flush(p, &blank)
				stack = stack[:len(stack)-1]
			}
		case "w:tr":
			if n := len(d.rows); n > 0 {
				d.joinRow(d.rows[n-1])
				d.rows = d.rows[:n-1]
			}
		case "w:r":
			if p != nil {
				p.inRun = false
			}
		case "w:rPr":
			// The properties of the paragraph's mark are not its text's.
		case "w:hyperlink":
			if len(links) > 0 {
				links = links[:len(links)-1]
			}
			if p != nil {
				p.url = ""
			}
		case "w:t", "a:t":
			inText = false
		case "w:instrText":
			inInstr = false
		}
	}
	return d.walk(name, func(t xml.Token) (bool, error) {
		switch t := t.(type) {
		case xml.StartElement:
			// Run properties outside a run are those of the paragraph's mark.
			if p := top(); local(t.Name) == "w:rPr" && p != nil && !p.inRun {
				return true, nil
			}
			return start(t), nil
		case xml.EndElement:
			end(t)
		case xml.CharData:
			p := top()
			switch {
			case p != nil && inInstr:
				if len(p.field) < 4000 {
					p.field += string(t)
				}
			case p != nil && inText:
				if d.characters -= len(t); d.characters < 0 {
					return false, ErrTooLarge.With(errors.New("too much text"))
				}
				p.add(string(t))
			}
		}
		return false, nil
	})
}

// fieldURL reads the address of a HYPERLINK field (ECMA-376 part 1, 17.16.5.25).
func fieldURL(instruction string) string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(instruction), "HYPERLINK")
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest, `"`)
	url, _, _ := strings.Cut(rest, `"`)
	return url
}

// add appends text in the run's style.
func (p *paragraph) add(text string) {
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '\u00ad' || c == '\ufeff' || c == '\u200b':
			return -1
		case unicode.IsSpace(c) || unicode.IsControl(c):
			return ' '
		}
		return c
	}, text)
	if text == "" {
		return
	}
	if p.run.caps {
		text = strings.ToUpper(text)
	}
	spans := p.line.Spans
	if n := len(spans); n > 0 && !p.tab {
		last := &spans[n-1]
		if last.Bold == p.run.bold && last.Italic == p.run.italic && last.Size == p.run.size && last.URL == p.url {
			last.Text += text
			return
		}
	}
	p.line.Spans = append(spans, Span{Text: text, Size: p.run.size, Bold: p.run.bold, Italic: p.run.italic, URL: p.url, Tab: p.tab && len(spans) > 0})
	p.tab = false
}

// flush makes the paragraph's text so far a line.
func (d *docx) flush(p *paragraph, blank *float64) {
	line := p.line
	p.line, p.tab = Line{}, false
	line.tidy()
	if len(line.Spans) == 0 {
		*blank++
		return
	}
	line.Heading, line.Bullet = p.look.heading, p.look.list && p.look.heading == 0
	if !line.Bullet {
		line.trimBullet()
	}
	line.Space, *blank = *blank, 0
	line.Block = d.cells
	if len(line.Spans) == 0 {
		return
	}
	for _, s := range line.Spans {
		if s.URL != "" {
			d.found = append(d.found, Link{URL: s.URL, Text: strings.TrimSpace(s.Text)})
		}
	}
	d.lines = append(d.lines, line)
}

// tidy makes single blanks of several, cuts those at the ends and at tabs, and
// splits at runs of blanks that stand for a tab.
func (l *Line) tidy() {
	var out []Span
	for _, s := range l.Spans {
		for i, part := range strings.Split(s.Text, "    ") {
			t := s
			t.Text = part
			t.Tab = (s.Tab && i == 0 || i > 0) && len(out) > 0
			lead := strings.HasPrefix(part, " ") && !t.Tab && len(out) > 0
			if n := len(out); n > 0 && strings.HasSuffix(out[n-1].Text, " ") {
				lead = !t.Tab
			}
			t.Text = strings.Join(strings.Fields(part), " ")
			if t.Text == "" {
				if n := len(out); n > 0 && lead {
					out[n-1].Text += " "
				}
				if i > 0 || s.Tab {
					// The tab goes to what comes next.
					out = append(out, Span{Tab: true})
				}
				continue
			}
			if n := len(out); n > 0 && out[n-1].Text == "" {
				out, t.Tab = out[:n-1], len(out) > 1
				lead = false
			}
			if lead {
				out[len(out)-1].Text = strings.TrimSuffix(out[len(out)-1].Text, " ")
				t.Text = " " + t.Text
			}
			if strings.HasSuffix(part, " ") {
				t.Text += " "
			}
			out = append(out, t)
		}
	}
	for n := len(out); n > 0; n-- {
		if out[n-1].Text = strings.TrimRight(out[n-1].Text, " "); out[n-1].Text != "" {
			break
		}
		out = out[:n-1]
	}
	for i := 0; i+1 < len(out); i++ {
		if out[i+1].Tab {
			out[i].Text = strings.TrimRight(out[i].Text, " ")
		}
	}
	l.Spans = out
}

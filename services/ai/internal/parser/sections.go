package parser

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// kind is what a section is about.
type kind int

const (
	header kind = iota // what stands before the first heading
	contact
	summary
	work
	education
	skills
	languages
	projects
	volunteer
	awards
	certificates
	publications
	interests
	references
	other
)

// section is the rows under one heading.
type section struct {
	kind kind
	rows []row
}

// headingWords tell the kind of a heading by the beginnings of its words, in
// plain text; the first that fits counts, so the narrower ones come first.
var headingWords = []struct {
	kind kind
	re   *regexp.Regexp
}{
	{volunteer, words(lex("heading volunteer"))},
	{publications, words(lex("heading publications"))},
	{languages, regexp.MustCompile(`^(?:` + lex("heading languages") + `)$`)},
	{certificates, words(lex("heading certificates"))},
	{awards, words(lex("heading awards"))},
	{references, words(lex("heading references"))},
	{interests, words(lex("heading interests"))},
	{projects, words(lex("heading projects"))},
	{education, words(lex("heading education"))},
	{work, words(lex("heading work"))},
	{skills, words(lex("heading skills"))},
	{summary, words(lex("heading summary"))},
	{contact, words(lex("heading contact"))},
	{other, words(lex("heading other"))},
}

// exactHeadings are headings that are nothing else when they stand alone.
var exactHeadings = regexp.MustCompile(`^(?:` + lex("exact headings") + `)$`)

// words matches beginnings of words.
func words(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|\s)(?:` + alternatives + `)`)
}

// counter is how many entries a heading has: "Experience (3)".
var counter = regexp.MustCompile(`\s*\(\d+\)$`)

// headingKind tells what a text is the heading of, and how surely: 1 when it is
// one of the usual headings, less when it only has a word of one.
func headingKind(text string) (kind, float64) {
	text = strings.Trim(counter.ReplaceAllString(strings.TrimSpace(text), ""), ":. ")
	if n := utf8.RuneCountInString(text); n < 2 || n > 48 || strings.ContainsAny(text, "@.;?!|0123456789") || strings.Count(text, ",") > 1 {
		return other, 0
	}
	p := plain(text)
	count := len(strings.Fields(p))
	if count == 0 || count > 6 {
		return other, 0
	}
	for _, h := range headingWords {
		loc := h.re.FindStringIndex(p)
		if loc == nil {
			continue
		}
		switch {
		case exactHeadings.MatchString(p):
			return h.kind, 1
		case count == 1:
			return h.kind, .8
		case count <= 4:
			return h.kind, .65
		}
		return h.kind, .45
	}
	return other, 0
}

// candidate is a row that may be a heading.
type candidate struct {
	row   int
	kind  kind
	sure  float64
	label bool // it is only the first cell of the row
	look  look
	level int
}

// sectionsOf divides rows by their headings.
func sectionsOf(rows []row, name int) []section {
	heads := findHeadings(rows, name)
	if name >= 0 && len(heads) > 0 && heads[0].row < name && rows[name].look.size > bodyLook(rows).size*1.15 {
		// A name that is set large ends the side bar that is read before it.
		heads = append(heads, candidate{row: name, kind: header})
		slices.SortFunc(heads, func(a, b candidate) int { return a.row - b.row })
	}
	sections := []section{{kind: header}}
	at := 0
	for _, h := range heads {
		cur := &sections[len(sections)-1]
		cur.rows = append(cur.rows, rows[at:h.row]...)
		sections = append(sections, section{kind: h.kind})
		at = h.row + 1
		if h.kind == header {
			at = h.row
		}
		if h.label {
			rest := withoutFirstCell(rows[h.row])
			sections[len(sections)-1].rows = append(sections[len(sections)-1].rows, rest)
		}
	}
	cur := &sections[len(sections)-1]
	cur.rows = append(cur.rows, rows[at:]...)
	return sections
}

// withoutFirstCell is a row without its label.
func withoutFirstCell(r row) row {
	for i, s := range r.spans {
		if i > 0 && s.Tab {
			r.spans = append(r.spans[:0:0], r.spans[i:]...)
			r.spans[0].Tab = false
			r.x = r.spans[0].Box.X0
			break
		}
	}
	r.heading = 0
	r.finish()
	return r
}

// findHeadings decides which rows are headings. A row that reads like one counts
// by how surely it does and how much it stands out; then those set unlike most
// of the others have to be surer, and rows set exactly like them are headings
// too, of sections with names of their own.
func findHeadings(rows []row, name int) []candidate {
	body := bodyLook(rows)
	var found []candidate
	for i := range rows {
		r := &rows[i]
		if i == name || r.bullet && !isCaps(r.text) {
			continue
		}
		text, label := r.text, false
		lk := r.look
		if cut := strings.IndexByte(text, '\t'); cut >= 0 {
			text, label = text[:cut], true
			lk = look{size: roundHalf(r.spans[0].Size), bold: r.spans[0].Bold, italic: r.spans[0].Italic, caps: isCaps(text)}
		}
		if !label && strings.HasSuffix(strings.TrimSpace(text), ":") && len(r.text) > 60 {
			continue
		}
		k, sure := headingKind(text)
		if sure == 0 || sure < 1 && (k == skills || k == projects || k == education || k == certificates || k == other) && titleScore(text) > 0 {
			continue
		}
		score := sure * .7
		if lk.size > body.size*1.06 || r.heading > 0 {
			score += .3
		}
		if lk.bold && !body.bold {
			score += .25
		}
		if lk.caps {
			score += .2
		}
		if r.space >= 1 || r.firstOfBlock {
			score += .1
		}
		if lk.size < body.size*.93 {
			score -= .3
		}
		if label {
			score -= .15
		}
		if score >= .65 {
			found = append(found, candidate{row: i, kind: k, sure: score, label: label, look: lk, level: r.heading})
		}
	}
	if !slices.ContainsFunc(found, func(c candidate) bool { return !c.label }) {
		// Labels alone make sections only when they are surely those of sections.
		found = slices.DeleteFunc(found, func(c candidate) bool { return c.sure < 1 })
	}
	usual, level := usualLook(found)
	out := found[:0]
	for _, c := range found {
		same := c.look.size == usual.size && c.look.bold == usual.bold && c.look.caps == usual.caps || c.level > 0 && c.level == level
		bigger := c.look.size > usual.size || c.level > 0 && c.level < level
		switch {
		case same, bigger && c.sure >= .9:
		case c.label, c.sure < .95:
			continue // a label within a section
		case c.look.size < usual.size*.93 || usual.bold && !c.look.bold || level > 0 && c.level > level:
			continue // weaker than headings are here
		}
		out = append(out, c)
	}
	out = append(out, unnamed(rows, out, usual, level, name)...)
	slices.SortFunc(out, func(a, b candidate) int { return a.row - b.row })
	return out
}

// usualLook is the look, and the outline level, of the surest headings.
func usualLook(found []candidate) (look, int) {
	weight, levels := map[look]float64{}, map[int]float64{}
	var best look
	level := 0
	for _, c := range found {
		k := c.look
		k.italic = false
		weight[k] += c.sure * c.sure * c.sure
		if weight[k] > weight[best] {
			best = k
		}
		if c.level > 0 {
			levels[c.level] += c.sure * c.sure * c.sure
			if levels[c.level] > levels[level] {
				level = c.level
			}
		}
	}
	return best, level
}

// unnamed finds headings by their look alone, where that look is not used for
// anything else: most rows that have it are known headings.
func unnamed(rows []row, known []candidate, usual look, level, name int) []candidate {
	if len(known) < 2 {
		return nil
	}
	isKnown := map[int]bool{}
	for _, c := range known {
		isKnown[c.row] = true
	}
	space := 9.0 // that all headings have above them
	for _, c := range known {
		if r := &rows[c.row]; c.row > 0 && !r.firstOfBlock {
			space = min(space, r.space)
		}
	}
	var others []candidate
	ordinary := 0
	for i := range rows {
		r := &rows[i]
		k := r.look
		alike := k.size == usual.size && k.bold == usual.bold && k.caps == usual.caps
		if level > 0 {
			alike = r.heading == level
		}
		if !alike || isKnown[i] || i == name || i == name+1 && name >= 0 || r.bullet {
			continue
		}
		if n := utf8.RuneCountInString(r.text); n > 40 || strings.ContainsAny(r.text, "\t@") {
			return nil // the look is that of ordinary lines
		}
		if r.space < .6*space && space < 9 && !r.firstOfBlock {
			ordinary++
			continue // such as a name in capitals
		}
		others = append(others, candidate{row: i, kind: other, sure: .5, look: k})
	}
	if len(others)+ordinary > len(known) {
		return nil
	}
	return others
}

func roundHalf(v float64) float64 { return float64(int(v*2+.5)) / 2 }

package document

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// emit appends the lines of a region that is one column.
func (a *arranger) emit(rows []row, right float64) {
	first := len(a.lines)
	right = filled(rows, raise(rows, right))
	for i, r := range rows {
		line, ok := lineOf(r)
		if !ok {
			continue
		}
		line.Block = a.block
		if len(a.lines) > first {
			before := &a.lines[len(a.lines)-1]
			height := max(1, dominantSize(before), dominantSize(&line))
			line.Space = max(0, (rows[i][0].base-rows[i-1][0].base)/height-1)
			before.Broken = before.Broken || line.Space <= .75 && brokenAddress(before, &line)
			line.Wrapped = !line.Bullet && wraps(before, &line, right, line.Space)
		}
		a.lines = append(a.lines, line)
	}
	a.block++
}

// raise moves what stands in a narrow column at the right edge up to the line it
// belongs to: where place and dates are set one below the other beside an entry,
// the lower ones stand beside the entry's list. It returns how far the text on
// the left may reach.
func raise(rows []row, right float64) float64 {
	edge := 0.0
	for _, r := range rows {
		edge = max(edge, r[len(r)-1].box.X1)
	}
	beside := func(i int) bool {
		r := rows[i]
		n := len(r) - 1
		return n > 0 && math.Abs(r[n].box.X1-edge) < 3 && len(r[n].text) < 40 && r[n].box.X0-r[n-1].box.X1 > 1.5*r[n].size
	}
	head := -1
	limit := right
	for i := range rows {
		r := rows[i]
		if len(r) == 1 && i > 0 && head >= 0 && math.Abs(r[0].box.X1-edge) < 3 && r[0].box.X0 > rows[head][0].box.X1 {
			continue // alone at the right edge: lineOf gives it a line of its own
		}
		if !beside(i) {
			head = -1
			continue
		}
		listed := strings.ContainsAny(r[0].words[0].text, bullets) && utf8.RuneCountInString(r[0].words[0].text) == 1
		if head < 0 || !listed && r[0].box.X0 <= rows[head][0].box.X0+3 {
			head = i
			continue
		}
		n := len(r) - 1
		limit = min(limit, r[n].box.X0-r[n].size)
		rows[head], rows[i] = append(rows[head][:len(rows[head]):len(rows[head])], r[n]), r[:n:n]
	}
	return limit
}

// filled is how far the lines of a column are written, where the lines themselves
// tell: in a narrow column with a wide margin most lines that stand close together
// end where the next word had no place, so the longest line shows the margin. In a
// list of short lines they end anywhere, and right stays.
func filled(rows []row, right float64) float64 {
	edge, tight := 0.0, math.Inf(1)
	type pair struct{ end, pitch float64 }
	var pairs []pair
	for i, r := range rows {
		last := &r[len(r)-1]
		edge = max(edge, last.box.X1)
		if i+1 == len(rows) || len(r) > 1 || len(rows[i+1]) > 1 {
			continue
		}
		w, next := &last.words[len(last.words)-1], &rows[i+1][0].words[0]
		if math.Abs(w.size-next.size) > .02*w.size || w.bold != next.bold || w.url != next.url || len(last.words) == 1 ||
			next.box.X0 < last.box.X0-2 || next.box.X0 > last.box.X0+2*w.size {
			continue // not one paragraph, surely; or set to the right
		}
		p := pair{w.box.X1 + next.box.X1 - next.box.X0 + .2*next.size, (next.base - w.base) / w.size}
		tight = min(tight, p.pitch)
		pairs = append(pairs, p)
	}
	full, short := 0, 0
	for _, p := range pairs {
		switch {
		case p.pitch > 1.08*tight:
		case p.end > edge:
			full++
		default:
			short++
		}
	}
	if full < 2 || full <= 2*short {
		return right
	}
	return min(right, edge)
}

// brokenAddress tells whether one link goes over two lines and is broken within a
// word, as addresses are.
func brokenAddress(before, l *Line) bool {
	last, next := before.Spans[len(before.Spans)-1], l.Spans[0]
	word, _, _ := strings.Cut(next.Text, " ")
	return last.URL != "" && last.URL == next.URL && strings.Contains(last.URL, last.Text[strings.LastIndexByte(last.Text, ' ')+1:]+word)
}

func dominantSize(l *Line) float64 {
	best, n := 0.0, -1
	for i := range l.Spans {
		if len(l.Spans[i].Text) > n {
			best, n = l.Spans[i].Size, len(l.Spans[i].Text)
		}
	}
	return best
}

// address is an address of e-mail or the web and nothing else.
var address = regexp.MustCompile(`^(?:\S+@\S+|(?:https?://|www\.)\S+|[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+(?:/\S*)?)$`)

// wraps tells whether a line goes on with the one before: that one is full, so
// that the next word had no place on it, and both look alike and stand close.
func wraps(before, l *Line, right, space float64) bool {
	last, next := before.Spans[len(before.Spans)-1], l.Spans[0]
	if before.Broken {
		return true
	}
	if space > .75 || len(l.Spans) > 1 && l.Spans[len(l.Spans)-1].Tab ||
		math.Abs(last.Size-next.Size) > .03*next.Size || last.Bold != next.Bold && dominantBold(before) != dominantBold(l) {
		return false
	}
	if next.Bold && !last.Bold {
		return false // begins with a label
	}
	if next.Box.X0 < startOf(before)-2 && !(before.Bullet && math.Abs(next.Box.X0-before.Box.X0) < 2) {
		return false
	}
	if address.MatchString(l.Text()) || address.MatchString(before.Text()) || !strings.ContainsFunc(before.Text(), unicode.IsLetter) {
		return false // one of a list of them; a telephone number, dates
	}
	if c, _ := utf8.DecodeRuneInString(next.Text); last.URL == next.URL && (strings.HasSuffix(last.Text, ",") || unicode.IsLower(c) && strings.ContainsAny(last.Text, ",·•|")) {
		return true // a list goes on, within an item or after it
	}
	word, _, _ := strings.Cut(strings.TrimSpace(next.Text), " ")
	width := float64(utf8.RuneCountInString(word)+1) * (next.Box.X1 - next.Box.X0) / float64(max(1, utf8.RuneCountInString(next.Text)))
	return last.Box.X1+width > right-.5*next.Size
}

func dominantBold(l *Line) bool {
	n := 0
	for _, s := range l.Spans {
		if s.Bold {
			n += len(s.Text)
		} else {
			n -= len(s.Text)
		}
	}
	return n > 0
}

// startOf is where the text of the last cell of a line begins.
func startOf(l *Line) float64 {
	x := l.Spans[0].Box.X0
	for _, s := range l.Spans {
		if s.Tab {
			x = s.Box.X0
		}
	}
	return x
}

// lineOf makes a line of a row.
func lineOf(r row) (Line, bool) {
	var l Line
	rtl := false
	for _, f := range r {
		rtl = rtl || mostlyRTL(f.words)
	}
	if rtl {
		slices.Reverse(r)
	}
	for i := range r {
		words := r[i].words
		if rtl || hasRTL(words) {
			words = logical(words, rtl)
		}
		for k := range words {
			w := &words[k]
			last := len(l.Spans) - 1
			style := last >= 0 && k > 0 && l.Spans[last].Bold == w.bold && l.Spans[last].Italic == w.italic &&
				l.Spans[last].URL == w.url && math.Abs(l.Spans[last].Size-w.size) < .08*w.size
			text := w.text
			if k > 0 {
				// Words that only a change of style or a kerned pair separates stand together.
				if gap := w.box.X0 - words[k-1].box.X1; rtl || w.spaced || gap > .12*min(w.size, words[k-1].size) {
					text = " " + text
				}
			}
			if style {
				l.Spans[last].Text += text
				l.Spans[last].Box = l.Spans[last].Box.union(w.box)
			} else {
				l.Spans = append(l.Spans, Span{Text: text, Box: w.box, Size: math.Round(w.size*10) / 10, Bold: w.bold, Italic: w.italic, URL: w.url, Tab: k == 0 && i > 0})
			}
			l.Broken = w.broken
			l.Box = l.Box.union(w.box)
		}
	}
	l.trimBullet()
	return l, len(l.Spans) > 0
}

// trimBullet removes a list mark, which may be a span, or a cell, of its own.
func (l *Line) trimBullet() {
	for len(l.Spans) > 0 {
		s := &l.Spans[0]
		if utf8.RuneCountInString(s.Text) == 1 && len(l.Spans) > 1 && strings.ContainsAny(s.Text, bullets) {
			l.Spans = l.Spans[1:]
			l.Spans[0].Tab = false
			l.Spans[0].Text = strings.TrimLeft(l.Spans[0].Text, " ")
			l.Bullet = true
			continue
		}
		if rest, ok := cutBullet(s.Text); ok {
			s.Text, l.Bullet = rest, true
		} else if utf8.RuneCountInString(s.Text) == 1 && strings.ContainsAny(s.Text, bullets) {
			l.Spans = nil // a mark alone
			return
		}
		return
	}
}

var digits = regexp.MustCompile(`\d+`)

// pageNumber is a line that counts pages, in the languages of the parser.
var pageNumber = regexp.MustCompile(`(?i)^[^\p{L}\d#]*(?:(?:page|seite|página|pagina|p\.)\s*)?#(?:\s*(?:/|of|von|de|di|sur|van)\s*#)?[^\p{L}\d#]*$`)

// dropRunning removes running heads and feet: lines at the edge of a page that
// another page has too but for its number, and page numbers. The head of the
// first page stays: it may be the name.
func dropRunning(pages []Page) {
	type place struct {
		text string
		foot bool
	}
	key := func(p *Page, l *Line) (place, bool) {
		text := digits.ReplaceAllString(strings.Join(strings.Fields(l.Text()), " "), "#")
		return place{text, l.Box.Y0 > p.Height/2}, p.Height > 0 && (l.Box.Y1 < .08*p.Height || l.Box.Y0 > .9*p.Height)
	}
	count := map[place]int{}
	for i := range pages {
		seen := map[place]bool{}
		for j := range pages[i].Lines {
			if k, ok := key(&pages[i], &pages[i].Lines[j]); ok && !seen[k] {
				seen[k] = true
				count[k]++
			}
		}
	}
	for i := range pages {
		p := &pages[i]
		last := len(p.Lines) - 1
		if last > 0 && p.Lines[last].Space > 3 && pageNumber.MatchString(digits.ReplaceAllString(p.Lines[last].Text(), "#")) {
			p.Lines = p.Lines[:last]
		}
		p.Lines = slices.DeleteFunc(p.Lines, func(l Line) bool {
			k, ok := key(p, &l)
			return ok && (count[k] > 1 && (i > 0 || k.foot) || pageNumber.MatchString(k.text))
		})
	}
}

package document

import (
	"cmp"
	"math"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fragment is a run of words of one baseline without a wide gap: the atom of the
// page's division into columns.
type fragment struct {
	words []word
	box   Box
	base  float64
	size  float64
}

// bold tells whether most of the fragment is.
func (f *fragment) bold() bool {
	n := 0
	for i := range f.words {
		if f.words[i].bold {
			n += len(f.words[i].text)
		} else {
			n -= len(f.words[i].text)
		}
	}
	return n > 0
}

func (f *fragment) text() string {
	parts := make([]string, len(f.words))
	for i := range f.words {
		parts[i] = f.words[i].text
	}
	return strings.Join(parts, " ")
}

// row is the fragments of one baseline within a region, from left to right.
type row []fragment

// wideGap, in em, separates fragments: more than a justified line's widest blank
// and a full stop's, less than a tab stop or a gutter.
const wideGap = 1.0

// widest is the largest gap within a sentence; a change of style narrows it.
func widest(f *fragment, w *word) float64 {
	em := wideGap
	if n := len(f.words); n > 0 && math.Abs(f.words[n-1].size-w.size) > .1*w.size {
		em = .65
	}
	return em * min(max(w.size, f.size), 2*w.size)
}

// arrange puts the words of a page into lines in reading order.
func arrange(words []word, width float64, links []Link) []Line {
	attach(words, links)
	rows := rowsOf(words)
	if len(rows) == 0 {
		return nil
	}
	a := &arranger{bin: max(width, 1) / binCount}
	for _, r := range rows {
		for i := range r {
			a.bin = max(a.bin, r[i].box.X1/(binCount-1))
		}
	}
	right := 0.0
	for _, r := range rows {
		right = max(right, r[len(r)-1].box.X1)
	}
	a.region(rows, right, 0)
	return a.lines
}

// attach gives words the address of the annotation that covers their middle,
// and the links their text.
func attach(words []word, links []Link) {
	for i := range links {
		l := &links[i]
		var text []string
		for j := range words {
			w := &words[j]
			x, y := (w.box.X0+w.box.X1)/2, (w.box.Y0+w.box.Y1)/2
			if x >= l.Box.X0 && x <= l.Box.X1 && y >= l.Box.Y0-1 && y <= l.Box.Y1+1 {
				w.url = l.URL
				if !w.icon {
					text = append(text, w.text)
				}
			}
		}
		l.Text = strings.Join(text, " ")
	}
}

// rowsOf groups words by baseline, and within it by gaps.
func rowsOf(words []word) []row {
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(a.base, b.base) })
	var rows []row
	for i := 0; i < len(words); {
		j := i + 1
		for j < len(words) && words[j].base-words[i].base <= .3*min(words[i].size, words[j].size)+.3 {
			j++
		}
		line := slices.Clone(words[i:j])
		slices.SortStableFunc(line, func(a, b word) int { return cmp.Compare(a.box.X0, b.box.X0) })
		if r := fragments(dedupe(line)); len(r) > 0 {
			rows = append(rows, r)
		}
		i = j
	}
	return rows
}

// dedupe removes text that is printed twice at one place to look bold.
func dedupe(line []word) []word {
	return slices.CompactFunc(line, func(a, b word) bool {
		return a.text == b.text && math.Abs(a.box.X0-b.box.X0) < .1*a.size && math.Abs(a.base-b.base) < .1*a.size
	})
}

func fragments(line []word) row {
	line = joinSpaced(line)
	var r row
	for _, w := range line {
		last := len(r) - 1
		if last >= 0 && w.box.X0-r[last].box.X1 <= widest(&r[last], &w) && !w.icon {
			f := &r[last]
			f.words, f.box, f.size = append(f.words, w), f.box.union(w.box), max(f.size, w.size)
			continue
		}
		if w.icon {
			// A pictogram separates as a tab stop does. What follows it begins a fragment.
			r = append(r, fragment{words: nil, box: w.box, base: w.base, size: w.size})
			continue
		}
		r = append(r, fragment{words: []word{w}, box: w.box, base: w.base, size: w.size})
	}
	return slices.DeleteFunc(r, func(f fragment) bool { return len(f.words) == 0 })
}

// joinSpaced undoes letter-spacing: "S U M M A R Y".
func joinSpaced(line []word) []word {
	letters, short := 0, 0
	for i := range line {
		n := utf8.RuneCountInString(line[i].text)
		letters += n
		if n <= 2 {
			short++
		}
	}
	if len(line) < 4 || short*10 < len(line)*7 || letters > 2*len(line) || strings.ContainsFunc(line[0].text, unicode.IsDigit) {
		return line
	}
	gaps := make([]float64, 0, len(line))
	for i := 1; i < len(line); i++ {
		gaps = append(gaps, line[i].box.X0-line[i-1].box.X1)
	}
	slices.Sort(gaps)
	usual := gaps[len(gaps)/2]
	out := line[:1:1]
	for _, w := range line[1:] {
		last := &out[len(out)-1]
		if gap := w.box.X0 - last.box.X1; gap <= max(usual*1.6, usual+.15*w.size) && w.bold == last.bold {
			last.text, last.box = last.text+w.text, last.box.union(w.box)
			continue
		}
		out = append(out, w)
	}
	return out
}

// binCount is the number of vertical strips in which white gutters are sought.
const binCount = 384

type strips [binCount / 64]uint64

func (s *strips) fill(from, to int) {
	for i := max(from, 0); i <= min(to, binCount-1); i++ {
		s[i/64] |= 1 << (i % 64)
	}
}

func (s *strips) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// arranger collects the lines of a page while it is divided: an XY cut (Nagy and
// Seth 1984) whose vertical cuts must pass a test, since in a resume dates and
// labels stand in white-framed columns too, and those belong to their rows.
type arranger struct {
	lines []Line
	bin   float64
	block int
}

// region emits the lines of rows, which may reach to right: where a gutter divides
// some of them into columns, what is above, the left, the right and what is below.
func (a *arranger) region(rows []row, right float64, depth int) {
	if len(rows) == 0 {
		return
	}
	if depth < 12 && len(rows) > 1 {
		if b, ok := a.gutter(rows); ok {
			a.region(rows[:b.from], right, depth+1)
			l, r := split(rows[b.from:b.to], b.x)
			gutter := right
			for i := range r {
				gutter = min(gutter, r[i][0].box.X0-r[i][0].size)
			}
			a.region(l, gutter, depth+1)
			a.region(r, right, depth+1)
			a.region(rows[b.to:], right, depth+1)
			return
		}
	}
	a.emit(rows, right)
}

// band is a run of rows that a white gutter at x divides.
type band struct {
	from, to int
	x        float64
}

// gutter finds the best division, if any.
func (a *arranger) gutter(rows []row) (band, bool) {
	shade := make([]strips, len(rows))
	var size float64
	for i, r := range rows {
		for j := range r {
			shade[i].fill(int(r[j].box.X0/a.bin), int(r[j].box.X1/a.bin))
			size = max(size, 0) + r[j].size
		}
	}
	n := 0
	for _, r := range rows {
		n += len(r)
	}
	need := max(2, int(.8*size/float64(n)/a.bin))
	best, bestScore := band{}, 0.0
	type run struct{ from, to int }
	seen := map[run]bool{}
	for x := 1; x < binCount-1; x++ {
		for i := 0; i < len(rows); {
			if shade[i].has(x) {
				i++
				continue
			}
			j := i
			for j < len(rows) && !shade[j].has(x) {
				j++
			}
			r := run{i, j}
			i = j
			if r.to-r.from < 2 || seen[r] {
				continue
			}
			seen[r] = true
			for _, g := range gaps(shade[r.from:r.to], need) {
				if b, score := judge(rows, r.from, r.to, (float64(g[0])+float64(g[1])+1)/2*a.bin); score > bestScore {
					best, bestScore = b, score
				}
			}
		}
	}
	return best, bestScore >= 1.5
}

// gaps are the white strips of at least the needed width, with ink on both sides.
func gaps(shade []strips, need int) [][2]int {
	var all strips
	for i := range shade {
		for k := range all {
			all[k] |= shade[i][k]
		}
	}
	var out [][2]int
	last := -1
	for k, v := range all {
		for v != 0 {
			b := bits.TrailingZeros64(v)
			x := k*64 + b
			if last >= 0 && x-last-1 >= need {
				out = append(out, [2]int{last + 1, x - 1})
			}
			last = x
			v &^= 1 << b
		}
	}
	return out
}

// split divides rows at x.
func split(rows []row, x float64) (left, right []row) {
	for _, r := range rows {
		k := 0
		for k < len(r) && r[k].box.X0 < x {
			k++
		}
		if k > 0 {
			left = append(left, r[:k])
		}
		if k < len(r) {
			right = append(right, r[k:])
		}
	}
	return left, right
}

// dateLike is a rough test for what stands beside an entry as its date.
var dateLike = regexp.MustCompile(`(?i)\b(?:1[89]|20)\d\d\b|\b\d{1,2}/\d{2,4}\b|\bpresent\b|\bcurrent\b|\bheute\b|\baujourd|\bactual|\bpresente\b|\boggi\b|\bheden\b`)

// cardRow is the weight of a row whose two sides look alike: two of them make columns.
const cardRow = .8

// judge weighs, for the gutter at x and each stretch of rows, whether the two
// sides are columns that are read one after the other (positive) or parts of
// rows, and returns the run of stretches with the largest sum. Stretches end
// where white crosses both sides.
func judge(rows []row, from, to int, x float64) (band, float64) {
	left, right := split(rows[from:to], x)
	if len(left) == 0 || len(right) == 0 {
		return band{}, 0
	}
	sparseLeft := len(left) < len(right)
	leftStart, rightStart := usualEdge(left, func(r row) float64 { return r[0].box.X0 }), usualEdge(right, func(r row) float64 { return r[0].box.X0 })
	leftEnd := usualEdge(left, func(r row) float64 { return r[len(r)-1].box.X1 })
	rightEnd := usualEdge(right, func(r row) float64 { return r[len(r)-1].box.X1 })
	farthest := 0.0
	for _, r := range right {
		farthest = max(farthest, r[len(r)-1].box.X1)
	}
	// Lines of two columns have their own distances, so their baselines meet by
	// chance only; parts of rows share every baseline.
	weigh := func(r row) float64 {
		k := 0
		for k < len(r) && r[k].box.X0 < x {
			k++
		}
		switch {
		case k < len(r) && r[k].box.X0 < rightStart.first-4:
			return -1.5 // begins before the column does: centred, or across both
		case (k == 0 || k == len(r)) && len(r[0].text()) < 35 && dateLike.MatchString(r[0].text()):
			return -.7 // set a little higher or lower than what it dates
		case k == 0:
			if sparseLeft {
				return 0
			}
			return 1
		case k == len(r):
			if sparseLeft {
				return 1
			}
			return 0
		}
		l, m := &r[k-1], &r[k]
		if math.Abs(l.base-m.base) > .8 {
			if len(m.text()) < 35 && dateLike.MatchString(m.text()) || len(l.text()) < 30 && dateLike.MatchString(l.text()) {
				return -.7
			}
			return 1
		}
		cell := r[0].box.X0 // of the left side; a label may stand before it
		for i := range r[:k] {
			if math.Abs(r[i].box.X0-leftStart.at) < 3 {
				cell = r[i].box.X0
			}
		}
		pitch := math.Abs(m.box.X0-cell-(rightStart.at-leftStart.at)) < 3 || math.Abs(cell-leftStart.first) < 3 && math.Abs(m.box.X0-rightStart.first) < 3
		switch lt, mt := l.text(), m.text(); {
		case pitch && dateLike.MatchString(mt) && dateLike.MatchString(lt):
			return cardRow // each side has its own
		case len(mt) < 45 && dateLike.MatchString(mt) || len(lt) < 30 && dateLike.MatchString(lt):
			return -1.5
		case strings.HasSuffix(lt, ":"):
			return -1
		}
		flushRight := math.Abs(r[len(r)-1].box.X1-rightEnd.at) < 2 && rightEnd.share > .6 && math.Abs(m.box.X0-rightStart.at) > 4
		labels := math.Abs(l.box.X1-leftEnd.at) < 2 && leftEnd.share > .6 && leftStart.share < .5
		switch {
		case flushRight, labels:
			return -1
		case l.bold() != m.bold(), math.Abs(l.size-m.size) > .1*m.size:
			return -1
		case pitch && rightStart.share >= .25:
			// Alike on both sides, as cards in a grid are; a narrow left side is a label.
			if (m.box.X0-cell)*3 < farthest-leftStart.at {
				return -.5
			}
			return cardRow
		}
		return -.5
	}
	var best band
	var bestSum, sum float64
	start := from
	for i := from; i < to; {
		stretch, both := 0.0, 0
		j := i
		for ; j < to; j++ {
			if j > i && crossing(rows, j, from) {
				break
			}
			stretch += weigh(rows[j])
			if rows[j][0].box.X0 < x && rows[j][len(rows[j])-1].box.X0 > x {
				both++
			}
		}
		if l, r := split(rows[i:j], x); len(l) == 0 || len(r) == 0 {
			// Text on one side alone goes with either, but a heading begins something.
			if stretch = min(stretch, 0); sum <= 0 || j == i+1 && len(l) > 0 && headingLike(rows[i]) {
				sum, start, i = 0, j, j
				continue
			}
		}
		// What hangs out to the left is a label that begins a section of its own.
		hangs := leftStart.share > .5 && rows[i][0].box.X0 < leftStart.at-4 && len(rows[i]) > 1 && rows[i][1].box.X0 < x
		if sum <= 0 || hangs {
			sum, start = 0, i
		}
		sum += stretch
		if sum > bestSum {
			bestSum, best = sum, band{start, j, x}
		}
		i = j
	}
	if best.to-best.from < 2 {
		return band{}, 0
	}
	l, r := split(rows[best.from:best.to], x)
	if len(l) < 2 || len(r) < 2 {
		// A single line beside a paragraph is its label.
		return band{}, 0
	}
	return best, bestSum
}

// headingLike tells whether a row of one fragment is set as headings are.
func headingLike(r row) bool {
	text := r[0].text()
	return len(r) == 1 && len(text) < 40 && (r[0].bold() || strings.ToUpper(text) == text)
}

// crossing tells whether white crosses the whole region above row i.
func crossing(rows []row, i, from int) bool {
	bottom := 0.0
	for k := max(from, i-6); k < i; k++ {
		for f := range rows[k] {
			bottom = max(bottom, rows[k][f].base)
		}
	}
	top, size := math.Inf(1), 0.0
	for k := i; k < min(len(rows), i+6); k++ {
		for f := range rows[k] {
			top, size = min(top, rows[k][f].base-rows[k][f].size), max(size, rows[k][f].size)
		}
	}
	return top-bottom > .75*min(size, rows[i][0].size*1.5)
}

// edge is the most usual position of an edge, its share of the rows, and the
// leftmost position that several rows have.
type edge struct{ at, share, first float64 }

func usualEdge(rows []row, of func(row) float64) edge {
	xs := make([]float64, len(rows))
	for i, r := range rows {
		xs[i] = of(r)
	}
	slices.Sort(xs)
	best := edge{first: math.Inf(1)}
	for i, j := 0, 0; i < len(xs); i++ {
		for xs[i]-xs[j] > 3 {
			j++
		}
		if n := i - j + 1; math.IsInf(best.first, 1) && (n >= 3 || n == 2 && len(xs) <= 8 || len(xs) < 3) {
			best.first = xs[j]
		}
		if share := float64(i-j+1) / float64(len(xs)); share > best.share {
			best.at, best.share = (xs[i]+xs[j])/2, share
		}
	}
	return best
}

// emit appends the lines of a region that is one column.
func (a *arranger) emit(rows []row, right float64) {
	first := len(a.lines)
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
			line.Wrapped = !line.Bullet && wraps(before, &line, right, line.Space)
		}
		a.lines = append(a.lines, line)
	}
	a.block++
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

// wraps tells whether a line goes on with the one before: that one is full, so
// that the next word had no place on it, and both look alike and stand close.
func wraps(before, l *Line, right, space float64) bool {
	last, next := before.Spans[len(before.Spans)-1], l.Spans[0]
	if before.Broken {
		return true
	}
	if space > .75 || len(l.Spans) > 1 && l.Spans[len(l.Spans)-1].Tab ||
		math.Abs(last.Size-next.Size) > .06*next.Size || last.Bold != next.Bold && dominantBold(before) != dominantBold(l) {
		return false
	}
	if next.Box.X0 < startOf(before)-2 && !(before.Bullet && math.Abs(next.Box.X0-before.Box.X0) < 2) {
		return false
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
var pageNumber = regexp.MustCompile(`(?i)^\W*(?:(?:page|seite|página|pagina|p\.)\s*)?#(?:\s*(?:/|of|von|de|di|sur|van)\s*#)?\W*$`)

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

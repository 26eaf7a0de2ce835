package document

import (
	"math"
	"math/bits"
	"regexp"
	"slices"
	"strings"
)

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
	// A page whose lines are all short may be written on as far as its margins.
	left, right := math.Inf(1), 0.0
	for _, r := range rows {
		left, right = min(left, r[0].box.X0), max(right, r[len(r)-1].box.X1)
	}
	a.region(rows, max(right, width-left-9), 0)
	return a.lines
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
			return -4 // begins before the column does: centred, or across both
		case (k == 0 || k == len(r)) && r[0].dated && len(r[0].text) < 35:
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
			if m.dated && len(m.text) < 35 || l.dated && len(l.text) < 30 {
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
		switch {
		case pitch && m.dated && l.dated:
			return cardRow // each side has its own
		case m.dated || l.dated && len(l.text) < 30:
			return -1.5
		case strings.HasSuffix(l.text, ":"):
			return -1
		}
		flushRight := math.Abs(r[len(r)-1].box.X1-rightEnd.at) < 2 && rightEnd.share > .6 && math.Abs(m.box.X0-rightStart.at) > 4
		labels := math.Abs(l.box.X1-leftEnd.at) < 2 && leftEnd.share > .6 && leftStart.share < .5
		switch {
		case flushRight, labels:
			return -1
		case l.bold != m.bold, math.Abs(l.size-m.size) > .1*m.size:
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
	text := r[0].text
	return len(r) == 1 && len(text) < 40 && (r[0].bold || strings.ToUpper(text) == text)
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

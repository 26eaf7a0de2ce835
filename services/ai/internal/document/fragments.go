package document

import (
	"cmp"
	"math"
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
	text  string
	bold  bool // most of it
	dated bool // like the dates beside an entry
}

// describe works out what the words say together.
func (f *fragment) describe() {
	n := 0
	parts := make([]string, len(f.words))
	for i := range f.words {
		parts[i] = f.words[i].text
		if f.words[i].bold {
			n += len(f.words[i].text)
		} else {
			n -= len(f.words[i].text)
		}
	}
	f.text, f.bold = strings.Join(parts, " "), n > 0
	f.dated = len(f.text) < 45 && dateLike.MatchString(f.text)
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
	for i := range words {
		// A hyphen at which an address is broken is the address's own.
		if w := &words[i]; w.broken && (strings.Contains(w.url, w.text+"-") || strings.ContainsAny(w.text, "/@")) {
			w.text += "-"
		}
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
		j = wholeLines(words, i, j)
		line := slices.Clone(words[i:j])
		slices.SortStableFunc(line, func(a, b word) int { return cmp.Compare(a.box.X0, b.box.X0) })
		if r := fragments(dedupe(line)); len(r) > 0 {
			rows = append(rows, r)
		}
		i = j
	}
	return rows
}

// wholeLines moves the end of the row from i to j, where it would divide words of
// one baseline: a row may begin with a line of another column that stands a
// little higher.
func wholeLines(words []word, i, j int) int {
	const same = .3 // points; round letters reach below the line
	k := j
	for k > i && k < len(words) && words[k].base-words[k-1].base <= same {
		k--
	}
	if k > i {
		return k
	}
	for j < len(words) && words[j].base-words[j-1].base <= same {
		j++
	}
	return j
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
	r = slices.DeleteFunc(r, func(f fragment) bool { return len(f.words) == 0 })
	for i := range r {
		r[i].describe()
	}
	return r
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

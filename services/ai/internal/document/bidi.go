package document

import (
	"slices"

	"golang.org/x/text/unicode/bidi"
)

// direction of a word: 1 right to left, -1 left to right, 0 neutral (digits and
// signs, which go with their surroundings).
func direction(s string) int {
	for _, c := range s {
		p, _ := bidi.LookupRune(c)
		switch p.Class() {
		case bidi.R, bidi.AL:
			return 1
		case bidi.L:
			return -1
		}
	}
	return 0
}

func hasRTL(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool { return direction(w.text) > 0 })
}

func mostlyRTL(words []word) bool {
	n := 0
	for i := range words {
		n += direction(words[i].text) * len(words[i].text)
	}
	return n > 0
}

// logical puts words, which stand as printed from left to right, into the order
// in which they are read: the reverse of rule L2 of the Unicode bidirectional
// algorithm (UAX 9), for one level of embedding. PDFium already gives the
// letters of a right-to-left word in the order they are read.
func logical(words []word, rtl bool) []word {
	out := slices.Clone(words)
	dirs := make([]int, len(out))
	base := -1
	if rtl {
		base = 1
	}
	for i := range out {
		dirs[i] = direction(out[i].text)
	}
	// A neutral word between two of one direction takes it, else the line's.
	for i := range dirs {
		if dirs[i] != 0 {
			continue
		}
		before, after := base, base
		for k := i - 1; k >= 0; k-- {
			if dirs[k] != 0 {
				before = dirs[k]
				break
			}
		}
		for k := i + 1; k < len(dirs); k++ {
			if d := direction(out[k].text); d != 0 {
				after = d
				break
			}
		}
		dirs[i] = base
		if before == after {
			dirs[i] = before
		}
	}
	reverseRuns := func(dir int) {
		for i := 0; i < len(out); {
			j := i
			for j < len(out) && dirs[j] == dir {
				j++
			}
			slices.Reverse(out[i:j])
			i = max(j, i+1)
		}
	}
	if rtl {
		// Reversing all puts right-to-left words in order and left-to-right ones out
		// of it; reversing those runs again puts them right.
		slices.Reverse(out)
		slices.Reverse(dirs)
		reverseRuns(-1)
	} else {
		reverseRuns(1)
	}
	return out
}

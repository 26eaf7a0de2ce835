package taxonomy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a word of a text, in lower case, with its place in it.
type word struct {
	text       string
	start, end int
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// split cuts a text into words: runs of letters and digits, in which apostrophes
// are passed over; C++, C# and .NET keep their signs, since these make the name.
// tools/data/esco has the same rule.
func split(text string) []word {
	words := make([]word, 0, len(text)/6+1)
	before := rune(0)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == '.' && !isWord(before) && len(text) >= i+4 && strings.EqualFold(text[i+1:i+4], "net") && !isWord(next(text, i+4)) {
			words = append(words, word{".net", i, i + 4})
			i, before = i+4, 't'
			continue
		}
		if !isWord(r) {
			i, before = i+size, r
			continue
		}
		w := word{start: i}
		skipped, count := false, 0
		for i < len(text) {
			r, size = utf8.DecodeRuneInString(text[i:])
			switch after := next(text, i+size); {
			case isWord(r):
				count++
			case (r == '\'' || r == '’') && isWord(before) && isWord(after):
				skipped = true
			case r == '+' && (after == '+' || before == '+'), r == '#' && count == 1 && !isWord(after):
				count++
			default:
				size = 0
			}
			if size == 0 {
				break
			}
			i, before = i+size, r
		}
		w.end = i
		w.text = lower(text[w.start:w.end])
		if skipped {
			w.text = strings.NewReplacer("'", "", "’", "").Replace(w.text)
		}
		words = append(words, w)
	}
	return words
}

// next is the character at byte i, or 0 at the end.
func next(text string, i int) rune {
	if i >= len(text) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	return r
}

// lower is rune by rune, as the builder of the file does it.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return strings.Map(unicode.ToLower, s)
		}
	}
	return s
}

// forms appends the numbers of the words that a word of a text may stand for:
// itself, then its other number, its verb, its British spelling.
func (t *Taxonomy) forms(numbers []uint16, w string) []uint16 {
	try := func(w string) {
		if n, ok := t.words[w]; ok {
			numbers = append(numbers, n)
		}
	}
	try(w)
	if len(w) < 4 {
		return numbers
	}
	if s, ok := strings.CutSuffix(w, "ies"); ok {
		try(s + "y")
	} else if s, ok := strings.CutSuffix(w, "s"); ok && !strings.HasSuffix(s, "s") {
		try(s)
	} else if s, ok := strings.CutSuffix(w, "y"); ok {
		try(s + "ies")
	} else {
		try(w + "s")
	}
	if s, ok := strings.CutSuffix(w, "ing"); ok && len(s) > 2 {
		try(s)
		try(s + "e")
		if n := len(s); s[n-1] == s[n-2] {
			try(s[:n-1])
		}
	}
	if i := strings.LastIndexAny(w, "z"); i > 0 && (w[i-1] == 'i' || w[i-1] == 'y') {
		try(w[:i] + "s" + w[i+1:])
	}
	return numbers
}

// passed tells articles and the like, which a label may have or not.
func passed(w string) bool {
	switch w {
	case "a", "an", "the", "our", "your", "their", "its":
		return true
	}
	return false
}

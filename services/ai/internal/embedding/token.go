package embedding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is how many characters a word may have; a longer one has no tokens.
const maxWord = 100

// Tokens returns the ids of the WordPiece tokens of a text as BERT's uncased
// tokeniser finds them (Devlin et al. 2019, https://arxiv.org/abs/1810.04805;
// WordPiece: Wu et al. 2016, https://arxiv.org/abs/1609.08144), without special
// tokens and without a limit of length. A word that the vocabulary cannot cover
// completely has none.
func (m *Model) Tokens(text string) []int32 {
	ids := make([]int32, 0, len(text)/4+1)
	for word := range words(text) {
		ids = m.wordPieces(ids, word)
	}
	return ids
}

// words yields the words of a text in normal form: without accents and
// control characters, in lower case, each punctuation mark and each CJK
// ideograph a word of its own.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		text = clean(text)
		start := -1
		for i, r := range text {
			alone := isPunctuation(r)
			if alone || r == ' ' {
				if start >= 0 && !yield(text[start:i]) {
					return
				}
				start = -1
				if alone && !yield(text[i:i+utf8.RuneLen(r)]) {
					return
				}
			} else if start < 0 {
				start = i
			}
		}
		if start >= 0 {
			yield(text[start:])
		}
	}
}

// clean brings a text to normal form; only the splitting is left.
func clean(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	ascii := true
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		case r < utf8.RuneSelf:
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			b.WriteByte(byte(r))
		case isIdeograph(r):
			ascii = false
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		default:
			ascii = false
			b.WriteRune(r)
		}
	}
	if ascii {
		return b.String()
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r) // rune by rune: no rule for the final sigma
	}, norm.NFD.String(b.String()))
}

// isPunctuation tells the characters that are words of their own: those of ASCII
// that are no letters, digits or spaces (also $ + < = > ^ ` | ~, which Unicode
// counts as symbols), and category P.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 33 && r <= 47 || r >= 58 && r <= 64 || r >= 91 && r <= 96 || r >= 123 && r <= 126
	}
	return unicode.Is(unicode.P, r)
}

// isIdeograph tells CJK ideographs, but not kana and Hangul, whose words are
// longer than a character.
func isIdeograph(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2CEAF || r >= 0x2F800 && r <= 0x2FA1F
}

// wordPieces appends the tokens of a word, longest match first, or nothing.
func (m *Model) wordPieces(ids []int32, word string) []int32 {
	if len(word) > maxWord && utf8.RuneCountInString(word) > maxWord {
		return ids
	}
	known, before := m.first, len(ids)
	for word != "" {
		end := min(len(word), m.longest)
		id, ok := known[word[:end]]
		for !ok {
			end--
			for end > 0 && !utf8.RuneStart(word[end]) {
				end--
			}
			if end == 0 {
				return ids[:before]
			}
			id, ok = known[word[:end]]
		}
		ids, word, known = append(ids, id), word[end:], m.next
	}
	return ids
}

package auth

import (
	_ "embed"
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode"
)

// wordTable holds common passwords, English words and names. It is built by
// tools/data and searched where it lies, so it costs no heap: sorted big-endian
// entries of 64 bits, the upper 58 the hash of a word, then whether it is a
// common password, then ceil(log2(rank)) in five bits. That a lookup of anything
// else hits has a probability of 96,100 / 2^58 < 10^-12.
//
//go:embed data/words.bin
var wordTable []byte

// Words in the table have these lengths, in characters.
const minWord, maxWord = 3, 24

// guessesLength is how many characters are looked at for an estimate.
const guessesLength = 64

// wordHash is that of tools/data: FNV-1a over code points, which can be extended
// by one character, with a final mix.
type wordHash uint64

const noWord wordHash = 14695981039346656037

func (h wordHash) add(r rune) wordHash { return (h ^ wordHash(r)) * 1099511628211 }

// lookup returns log10 of the rank of the word in lower case that was hashed.
func (h wordHash) lookup() (log10Rank float64, common, ok bool) {
	const flags = 0x3f
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	key := uint64(h^h>>33) &^ flags
	entry := func(i int) uint64 { return binary.BigEndian.Uint64(wordTable[8*i:]) }
	n := len(wordTable) / 8
	i := sort.Search(n, func(i int) bool { return entry(i) >= key })
	if i == n || entry(i)&^flags != key {
		return 0, false, false
	}
	return float64(entry(i)&0x1f) * math.Log10(2), entry(i)&0x20 != 0, true
}

func isCommonPassword(s string) bool {
	h := noWord
	for _, r := range s {
		h = h.add(r)
	}
	_, common, ok := h.lookup()
	return ok && common
}

// disguises are the ways to write one character for another: letters as digits
// or signs, where 1, ! and 7 are read both ways, and digits with shift held.
var disguises = [3]map[rune]rune{
	newDisguise("4@8(<3€691!0$57+2", "aabcceeggiiossttz"),
	newDisguise("4@8(<3€691!|0$57+2", "aabcceegglllossltz"),
	newDisguise("!@#$%^&*()", "1234567890"),
}

func newDisguise(typed, meant string) map[rune]rune {
	d, letters := map[rune]rune{}, []rune(meant)
	for i, r := range []rune(typed) {
		d[r] = letters[i]
	}
	return d
}

// spellings returns s in lower case, then with each disguise undone.
func spellings(s []rune) [1 + len(disguises)][]rune {
	var out [1 + len(disguises)][]rune
	for i := range out {
		out[i] = make([]rune, len(s))
	}
	for i, r := range s {
		r = unicode.ToLower(r)
		out[0][i] = r
		for way, meant := range disguises {
			out[way+1][i] = r
			if m, ok := meant[r]; ok {
				out[way+1][i] = m
			}
		}
	}
	return out
}

// guesser finds the cheapest way to put a password together from parts that
// people, and so attackers, use.
type guesser struct {
	typed     []rune
	spellings [1 + len(disguises)][]rune
	context   [][]rune
	best      []float64 // log10 of the guesses for the first i characters
	personal  []bool    // the cheapest way for those uses a word of the context
}

// passwordGuesses estimates how many guesses an attacker needs who knows how
// people make passwords, as log10, and says whether words of context (in lower
// case) are in what they would try. It is the method of zxcvbn (Wheeler: zxcvbn:
// Low-Budget Password Strength Estimation, USENIX Security 2016) with the same
// matchers, except that the order of parts is taken to be known, that a
// repetition is matched as a copy of what is before it, and that dates are not
// parsed: digits are cheap wherever they are. All of these estimate lower.
//
// The Go port ccojocar/zxcvbn-go 1.0.4 holds its dictionaries in 6 MiB of heap
// from the start and tries all leet spellings, of which there can be
// exponentially many: 100 characters took it 3.6 s. This one looks at the first
// 64 characters, in less than a millisecond.
func passwordGuesses(password []rune, context []string) (log10 float64, personal bool) {
	password = password[:min(len(password), guessesLength)]
	n := len(password)
	g := guesser{typed: password, spellings: spellings(password), best: make([]float64, n+1), personal: make([]bool, n+1)}
	for _, w := range context {
		g.context = append(g.context, []rune(w))
	}
	for i := 1; i <= n; i++ {
		g.best[i] = math.Inf(1)
	}
	for i := range n {
		// best[i] is final here but for words spelt backwards, which are hashed
		// from their end.
		g.backwards(i)
		g.part(i, i+1, unmatchedCost(password[i]), false)
		g.words(i)
		g.contextWords(i)
		g.copies(i)
		g.sequences(i)
		for _, keys := range keyboards {
			g.walks(i, keys)
		}
	}
	g.backwards(n)
	return g.best[n], g.personal[n]
}

// part offers the characters from i to j for so many guesses.
func (g *guesser) part(i, j int, cost float64, personal bool) {
	if total := g.best[i] + cost; total < g.best[j] {
		g.best[j], g.personal[j] = total, g.personal[i] || personal
	}
}

// unmatchedCost is for a character that is in no pattern. zxcvbn counts 10 for
// each; here digits and separators count less, because what people type of them
// is years, dates and telephone numbers, and rarer characters more.
func unmatchedCost(r rune) float64 {
	switch {
	case unicode.IsDigit(r), strings.ContainsRune(" .,:/-_", r):
		return math.Log10(5)
	case unicode.IsLower(r):
		return 1
	default:
		return math.Log10(20)
	}
}

// words offers the words of the table that begin at i.
func (g *guesser) words(i int) {
	for way, s := range g.spellings {
		h, changed := noWord, 0
		for j := i; j < min(len(s), i+maxWord); j++ {
			h = h.add(s[j])
			if s[j] != g.spellings[0][j] {
				changed++
			}
			if j+1-i < minWord || way > 0 && changed == 0 {
				continue
			}
			if rank, _, ok := h.lookup(); ok {
				g.part(i, j+1, rank+g.spellingCost(i, j+1, changed), false)
			}
		}
	}
}

// backwards offers the words that end at j when read from there to the left.
func (g *guesser) backwards(j int) {
	h := noWord
	for i := j - 1; i >= max(0, j-maxWord); i-- {
		h = h.add(g.spellings[0][i])
		if j-i < minWord {
			continue
		}
		if rank, _, ok := h.lookup(); ok {
			g.part(i, j, rank+g.spellingCost(i, j, 1), false)
		}
	}
}

// contextWords offers the words of the context at i, as the first to be tried.
func (g *guesser) contextWords(i int) {
	for _, w := range g.context {
		j := i + len(w)
		if j > len(g.typed) {
			continue
		}
		for _, s := range g.spellings {
			if slices.Equal(s[i:j], w) {
				changed := 0
				for k := i; k < j; k++ {
					if s[k] != g.spellings[0][k] {
						changed++
					}
				}
				g.part(i, j, g.spellingCost(i, j, changed), true)
			}
		}
	}
}

// copies offers what repeats the p characters before i, for every p, to its end.
func (g *guesser) copies(i int) {
	s := g.spellings[0]
	for p := 1; p <= i; p++ {
		j, same := i, true
		for ; j < len(s) && s[j] == s[j-p]; j++ {
			same = same && g.typed[j] == g.typed[j-p]
		}
		if j-i < max(p, 2) {
			continue
		}
		cost := math.Log10(float64((j-i)/p + 1))
		if !same {
			cost += g.spellingCost(i, j, 0)
		}
		g.part(i, j, cost, false)
	}
}

// sequences offers what counts up or down from i in equal steps: abc, 97531.
func (g *guesser) sequences(i int) {
	s := g.spellings[0]
	if i+1 >= len(s) {
		return
	}
	step := s[i+1] - s[i]
	if step == 0 || step < -5 || step > 5 {
		return
	}
	start := 26.0
	switch {
	case strings.ContainsRune("az019", s[i]):
		start = 4
	case unicode.IsDigit(s[i]):
		start = 10
	}
	if step != 1 {
		start *= 2
	}
	for j := i + 2; j < len(s) && s[j]-s[j-1] == step; j++ {
		g.part(i, j+1, math.Log10(start*float64(j+1-i))+g.spellingCost(i, j+1, 0), false)
	}
}

// spellingCost is for the ways to set capitals in the part from i to j, and to
// write changed of its letters otherwise.
func (g *guesser) spellingCost(i, j, changed int) float64 {
	upper, lower := 0, 0
	for k := i; k < j; k++ {
		switch {
		case g.typed[k] != g.spellings[0][k]:
			upper++
		case unicode.IsLetter(g.typed[k]):
			lower++
		}
	}
	edge := g.typed[i] != g.spellings[0][i] || g.typed[j-1] != g.spellings[0][j-1]
	ways := 1.0
	switch {
	case upper == 0:
	case lower == 0, upper == 1 && edge:
		ways = 2
	default:
		ways = 0
		for k := 1; k <= min(upper, lower); k++ {
			ways += binomial(upper+lower, k)
		}
	}
	return math.Log10(ways) + float64(changed)*math.Log10(2)
}

// keyboard has the place of every key, by what it types.
type keyboard map[rune]struct{ row, col int }

// Each row is half a key to the right of the one above, so a key's neighbours
// above are in its column and the next. Rows after the fourth are with shift.
var keyboards = []keyboard{
	newKeyboard("`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./", "~!@#$%^&*()_+", " QWERTYUIOP{}|", ` ASDFGHJKL:"`, " ZXCVBNM<>?"),
	newKeyboard("", " qwertzuiopü+", " asdfghjklöä#", " yxcvbnm,.-"),
	newKeyboard("²&é\"'(-è_çà)=", " azertyuiop^$", " qsdfghjklmù*", " wxcvbn,;:!"),
	newKeyboard("ё1234567890-=", " йцукенгшщзхъ", " фывапролджэ", " ячсмитьбю."),
}

func newKeyboard(rows ...string) keyboard {
	keys := keyboard{}
	for i, row := range rows {
		for col, r := range []rune(row) {
			if r != ' ' {
				keys[unicode.ToLower(r)] = struct{ row, col int }{i % 4, col}
			}
		}
	}
	return keys
}

// walks offers what is typed from i by going from key to neighbouring key.
func (g *guesser) walks(i int, keys keyboard) {
	const keyCount, neighbours = 94, 4.6 // zxcvbn's, for QWERTY
	s := g.spellings[0]
	at, ok := keys[s[i]]
	if !ok {
		return
	}
	turns, lastRow, lastCol := 0, 0, 0
	for j := i + 1; j < len(s); j++ {
		next, ok := keys[s[j]]
		row, col := next.row-at.row, next.col-at.col
		switch {
		case !ok, row == 0 && col != 1 && col != -1, row == -1 && col != 0 && col != 1,
			row == 1 && col != 0 && col != -1, row < -1, row > 1:
			return
		}
		if row != lastRow || col != lastCol {
			turns++
		}
		at, lastRow, lastCol = next, row, col
		if length := j + 1 - i; length >= 3 {
			guesses := 0.0
			for l := 2; l <= length; l++ {
				for t := 1; t <= min(turns, l-1); t++ {
					guesses += binomial(l-1, t-1) * keyCount * math.Pow(neighbours, float64(t))
				}
			}
			g.part(i, j+1, math.Log10(guesses)+g.spellingCost(i, j+1, 0), false)
		}
	}
}

func binomial(n, k int) float64 {
	ways := 1.0
	for i := 1; i <= k; i++ {
		ways = ways * float64(n-k+i) / float64(i)
	}
	return ways
}

package ai

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// facts is what may be said: of the applicant what the resume says (and what they
// told elsewhere), of the job what the posting says.
type facts struct {
	mine, theirs vocabulary
	// named are words of the posting's title, company and place, which a letter
	// may name in any sentence: "I apply for … at …".
	named map[string]bool
}

// vocabulary is a text taken apart for comparison.
type vocabulary struct {
	words   map[string]bool // stems
	numbers map[string]bool
	skills  map[taxonomy.Ref]bool // named, or implied by one that is
}

func newVocabulary() vocabulary {
	return vocabulary{words: map[string]bool{}, numbers: map[string]bool{}, skills: map[taxonomy.Ref]bool{}}
}

func (v *vocabulary) add(text string) {
	for _, w := range words(text) {
		v.words[stem(w.text)] = true
		for part := range strings.SplitSeq(w.text, "-") {
			v.words[stem(part)] = true
		}
	}
	for _, n := range numbers(text) {
		v.numbers[n] = true
	}
	t := taxonomy.Load()
	for _, h := range t.Find(text) {
		v.skill(h.Skill)
	}
	if s, ok := t.Lookup(text); ok { // a list item such as "Go", which in a sentence would need evidence
		v.skill(s.Ref)
	}
}

func (v *vocabulary) skill(ref taxonomy.Ref) {
	if v.skills[ref] {
		return
	}
	v.skills[ref] = true
	t := taxonomy.Load()
	for _, implied := range append(t.Implied(ref), ref) {
		v.skills[implied] = true
		for _, w := range words(t.Skill(implied).Label) {
			v.words[stem(w.text)] = true
		}
	}
}

// newFacts reads what a request says; told is what the applicant said outside
// the resume.
func newFacts(r *Resume, j *Posting, told ...Fact) *facts {
	f := &facts{mine: newVocabulary(), theirs: newVocabulary(), named: map[string]bool{}}
	for _, p := range resumePassages(r) {
		switch {
		case strings.HasSuffix(p.pointer, "Date"), strings.HasSuffix(p.pointer, "/date"):
			f.mine.numbers[p.text[:min(len(p.text), 4)]] = true // a month is no number of years
		case p.pointer == "/basics/phone", strings.HasSuffix(p.pointer, "/postalCode"), strings.HasSuffix(p.pointer, "/url"):
		default:
			f.mine.add(p.text)
		}
	}
	for _, t := range told {
		f.mine.add(t.Value)
	}
	if r != nil {
		if years := experienceYears(r, time.Now()); years >= 1 {
			f.mine.numbers[strconv.Itoa(int(years))] = true
		}
	}
	for _, p := range jobPassages(j) {
		if instructs(p.text) {
			continue
		}
		f.theirs.add(p.text)
		if p.pointer != "/description" && !strings.HasPrefix(p.pointer, "/skills") {
			for _, w := range words(p.text) {
				f.named[stem(w.text)] = true
			}
		}
	}
	return f
}

var (
	firstPerson  = regexp.MustCompile(`(?i)\b(i|i'm|i've|i’m|i’ve|my|me|mine|myself|ich|mein|meine|meinen|meinem|meiner|meines|mir|mich)\b`)
	secondPerson = regexp.MustCompile(`(?i)\b(you|your|yours|ihr|ihre|ihren|ihrem|ihrer|ihres|sie|ihnen|posting|advertised|stelle|ausschreibung|stellenanzeige)\b`)
	// addresses are never part of a letter, a suggestion or a question.
	addresses = regexp.MustCompile(`(?i)(https?:|www\.|//|[\w.+-]+@[\w-]+\.\w|<[a-z/!]|javascript:|data:)`)
)

// unsupported returns what a sentence claims and the texts do not say, in the
// order found; none for one that stands.
func (f *facts) unsupported(sentence string) (out []string) {
	about, named := &f.mine, f.named
	if !firstPerson.MatchString(sentence) && secondPerson.MatchString(sentence) {
		about = &f.theirs
	}
	if a := addresses.FindString(sentence); a != "" {
		out = append(out, a)
	}
	for _, n := range numbers(sentence) {
		if !about.numbers[n] && (!f.theirs.numbers[n] || !f.onlyNamed(n)) {
			out = append(out, n)
		}
	}
	t := taxonomy.Load()
	for _, h := range t.Find(sentence) {
		s := t.Skill(h.Skill)
		if s.Group.Technical() && !about.skills[h.Skill] && !f.allNamed(sentence[h.Start:h.End]) {
			out = append(out, s.Label)
		}
	}
	content, unknown := 0, 0
	list := words(sentence)
	for i, w := range list {
		key := stem(w.text)
		if generic[key] || stopword[w.text] || about.words[key] || named[key] {
			if !stopword[w.text] {
				content++
			}
			continue
		}
		if whole := true; strings.Contains(w.text, "-") {
			for part := range strings.SplitSeq(w.text, "-") {
				k := stem(part)
				whole = whole && (generic[k] || stopword[part] || about.words[k] || named[k])
			}
			if whole {
				content++
				continue
			}
		}
		content++
		unknown++
		if weighty[key] || w.upper && i > 0 && !german(list) {
			out = append(out, w.text)
		}
	}
	if unknown*4 > content {
		out = append(out, "wording")
	}
	return out
}

// onlyNamed tells a number that is part of the posting's title or company.
func (f *facts) onlyNamed(n string) bool { return f.named[stem(n)] }

func (f *facts) allNamed(text string) bool {
	for _, w := range words(text) {
		if !f.named[stem(w.text)] {
			return false
		}
	}
	return true
}

// word is a word of a text, in lower case.
type word struct {
	text  string
	upper bool // began with a capital
}

// words are the words of a text: letters and digits, with what joins them within
// (C++, C#, Node.js, full-stack).
func words(text string) (out []word) {
	runes := []rune(text)
	for i := 0; i < len(runes); {
		if !unicode.IsLetter(runes[i]) && !unicode.IsDigit(runes[i]) {
			i++
			continue
		}
		begin := i
		letter := false
		for i < len(runes) {
			c := runes[i]
			inner := strings.ContainsRune("-.&'’", c) && i+1 < len(runes) && (unicode.IsLetter(runes[i+1]) || unicode.IsDigit(runes[i+1]))
			if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !inner && c != '+' && c != '#' {
				break
			}
			letter = letter || unicode.IsLetter(c)
			i++
		}
		if letter {
			w := strings.ToLower(string(runes[begin:i]))
			w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
			out = append(out, word{w, unicode.IsUpper(runes[begin])})
		}
	}
	return out
}

// stem makes forms of a word alike, roughly: endings of English and German that
// carry no meaning of their own go.
func stem(w string) string {
	for _, end := range []string{"ungen", "ings", "ing", "ed", "ies", "es", "en", "er", "em", "e", "s", "n", "d", "y"} {
		if len(w)-len(end) >= 3 && strings.HasSuffix(w, end) {
			w = w[:len(w)-len(end)]
			break
		}
	}
	if n := len(w); n > 3 && w[n-1] == w[n-2] && w[n-1] != 's' && w[n-1] != 'l' {
		w = w[:n-1]
	}
	return w
}

var (
	digits      = regexp.MustCompile(`\d[\d.,'’  ]*\d|\d`)
	numberWords = map[string]string{
		"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
		"eleven": "11", "twelve": "12", "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100",
		"hundreds": "100", "thousand": "1000", "thousands": "1000", "million": "1000000", "millions": "1000000", "billion": "1000000000",
		"decade": "10", "decades": "20", "dozen": "12", "dozens": "24", "half": "50", "twice": "2", "doubled": "2", "tripled": "3", "thrice": "3",
		"zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "sechs": "6", "sieben": "7", "acht": "8", "neun": "9", "zehn": "10", "elf": "11",
		"zwölf": "12", "zwanzig": "20", "dreißig": "30", "hundert": "100", "hunderte": "100", "tausend": "1000", "tausende": "1000",
		"millionen": "1000000", "jahrzehnt": "10", "jahrzehnte": "20", "halbiert": "50", "halbierte": "50", "verdoppelt": "2", "verdoppelte": "2",
	}
)

// numbers are the numbers that a text states, in figures or words, in one form:
// "1,200" and "1.200" are 1200.
func numbers(text string) (out []string) {
	for _, n := range digits.FindAllString(text, -1) {
		out = append(out, canonical(n))
	}
	for _, w := range words(text) {
		if n, ok := numberWords[w.text]; ok {
			out = append(out, n)
		}
	}
	return out
}

var grouped = regexp.MustCompile(`^\d{1,3}([.,'’  ]\d{3})+$`)

func canonical(n string) string {
	if grouped.MatchString(n) {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, n)
	}
	n = strings.TrimRight(strings.Map(func(r rune) rune {
		switch {
		case r == ',':
			return '.'
		case unicode.IsDigit(r), r == '.':
			return r
		}
		return -1
	}, n), ".")
	if strings.Contains(n, ".") && strings.Count(n, ".") == 1 {
		n = strings.TrimRight(strings.TrimRight(n, "0"), ".")
	}
	if t := strings.TrimLeft(n, "0"); t != "" && !strings.HasPrefix(t, ".") {
		n = t
	}
	return n
}

// german tells a text whose nouns begin with capitals.
func german(list []word) bool {
	for _, w := range list {
		switch w.text {
		case "ich", "und", "der", "die", "das", "mit", "für", "ist", "bei", "als", "zu", "eine", "ein", "sie", "habe", "von", "auf", "dem", "den":
			return true
		}
	}
	return false
}

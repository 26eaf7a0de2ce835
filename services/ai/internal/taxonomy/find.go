package taxonomy

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestLabel is how many words a label that is looked for in a text has at
// most; longer ones are sentences.
const longestLabel = 9

// narrow cuts the labels lo to hi, which agree on their first depth words, to
// those that have a word there.
func (d *dictionary) narrow(lo, hi uint32, depth int, number uint16) (uint32, uint32) {
	if depth == 0 {
		return d.first[number], d.first[number+1]
	}
	at := func(i uint32) int { // −1: the label ends here, so it comes first
		if p := d.begin[i] + uint32(depth); p < d.begin[i+1] {
			return int(d.sequence[p])
		}
		return -1
	}
	n := int(hi - lo)
	from := sort.Search(n, func(i int) bool { return at(lo+uint32(i)) >= int(number) })
	to := from + sort.Search(n-from, func(i int) bool { return at(lo+uint32(from+i)) > int(number) })
	return lo + uint32(from), lo + uint32(to)
}

// walk calls found for each label that begins at words[i], with the number of
// words it takes.
func (t *Taxonomy) walk(d *dictionary, text string, words []word, i int, found func(label int32, exact bool, n int)) {
	var step func(lo, hi uint32, depth, n int, exact bool)
	step = func(lo, hi uint32, depth, n int, exact bool) {
		if depth > 0 && d.begin[lo]+uint32(depth) == d.begin[lo+1] {
			found(int32(lo), exact, n)
		}
		if i+n >= len(words) || depth == longestLabel {
			return
		}
		if n > 0 && !joined(text[words[i+n-1].end:words[i+n].start]) {
			return
		}
		var room [8]uint16
		for _, number := range t.forms(room[:0], words[i+n].text) {
			if from, to := d.narrow(lo, hi, depth, number); from < to {
				step(from, to, depth+1, n+1, exact && t.spelling[number] == words[i+n].text)
			}
		}
		if n > 0 && passed(words[i+n].text) {
			step2 := i + n + 1
			if step2 < len(words) && joined(text[words[i+n].end:words[step2].start]) {
				n++
				for _, number := range t.forms(room[:0], words[step2].text) {
					if from, to := d.narrow(lo, hi, depth, number); from < to {
						step(from, to, depth+1, n+1, false)
					}
				}
			}
		}
	}
	step(0, 0, 0, 0, true)
}

// joined tells whether words with this between them can be of one label.
func joined(gap string) bool {
	marks, lines := 0, 0
	for i, r := range gap {
		switch {
		case r == '\n':
			lines++
		case unicode.IsSpace(r):
		case strings.ContainsRune("-‐‑–/.&()'’\u00ad", r):
			if r == '.' && (i+1 < len(gap)) { // a full stop
				return false
			}
			marks++
		default:
			return false
		}
	}
	return marks <= 2 && lines <= 1
}

// candidate is a label in a text that may turn out to be a skill.
type candidate struct {
	Hit
	first, count int // words
	how          byte
	exactCase    bool
	group        Group
}

// Find returns the skills that a text names, in order of place and without
// overlap. The longest label at a place wins. A name in its own case counts in
// the middle of a sentence, at the beginning only with evidence; an ordinary
// word that is a name too always needs evidence, which is one of
//
//   - a list or pair with a technical skill: "Java, Go and Rust";
//   - a word that speaks of such things next to it: "experience in R", "Go
//     developer", "Microsoft Excel";
//   - another technical skill close by in the sentence;
//   - a line or text of its own, as lists of skills have.
func (t *Taxonomy) Find(text string) []Hit {
	words := split(text)
	var found []candidate
	for i := 0; i < len(words); {
		best := candidate{}
		t.walk(&t.skills, text, words, i, func(label int32, exact bool, n int) {
			how := t.skills.how[label] & 3
			if n < best.count || n == best.count && best.count > 0 && !exact || how == weak {
				return
			}
			if n == 1 && !exact && (how != plain || t.skills.how[label]>>2 == alternative) {
				return // another form of a single word is another word
			}
			ref := t.skills.target[label]
			c := candidate{
				Hit:   Hit{ref, words[i].start, words[i+n-1].end},
				first: i, count: n, how: how,
				group: Group(t.skills.group[ref]),
			}
			c.exactCase = how == plain || t.skills.surface[label] == text[c.Start:c.End]
			if how == cased && !c.exactCase {
				return
			}
			best = c
		})
		if best.count == 0 {
			i++
			continue
		}
		found = append(found, best)
		i += best.count
	}
	hits := make([]Hit, 0, len(found))
	for i := range found {
		if accepted(text, words, found, i) {
			hits = append(hits, found[i].Hit)
		}
	}
	return slices.Clip(hits)
}

// accepted judges the candidate at i among the others.
func accepted(text string, words []word, all []candidate, i int) bool {
	c := &all[i]
	switch {
	case c.how == plain:
		return true
	case c.how == cased && (!sentenceStart(text, c.Start) || isUpper(text[c.Start:c.End])):
		return true
	case vetoed(text, words, c):
		return false
	case listed(text, all, i, !c.exactCase):
		return true
	case !c.exactCase:
		return false
	}
	return cued(text, words, c) || alone(text, c) || near(text, all, i)
}

// vetoed tells uses that are never the skill: R&D, C-level, "Go to market",
// "Spring 2024", the initials of a name.
func vetoed(text string, words []word, c *candidate) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:c.Start])
	after, size := utf8.DecodeRuneInString(text[c.End:])
	if before == '&' || after == '&' || before == '@' || before == '$' {
		return true
	}
	if c.End-c.Start == 1 {
		if (after == '-' || after == '.' || after == '\'') && isWord(next(text, c.End+size)) || before == '-' || before == '.' {
			return true
		}
		if after == '.' && c.first+1 < len(words) && unicode.IsUpper(next(text, words[c.first+1].start)) &&
			words[c.first+1].start-c.End <= 2 { // "R. Smith"
			return true
		}
	}
	if following := c.first + c.count; following < len(words) {
		w := words[following]
		gap := text[c.End:w.start]
		if gap == " " && (notSkill[w.text] || len(w.text) == 4 && (w.text[:2] == "19" || w.text[:2] == "20")) {
			return true
		}
	}
	return c.first > 0 && text[words[c.first-1].end:c.Start] == " " && notAfter[words[c.first-1].text]
}

// notSkill follows the ordinary word: "go to", "excel at"; notAfter goes before
// it: "vitamin C", "to excel".
var (
	notSkill = set("to at beyond ahead live through above further home back out green forward right away season semester term break")
	notAfter = set("vitamin hepatitis type class grade series section appendix category plan option exhibit last next this to must will")
)

// cues speak of technical skills.
var cues = set(`programming language languages developer developers engineer engineers development engineering experience
	experienced proficient proficiency knowledge skills skill code coding coded written write writing using use used uses
	with backend frontend stack script scripts scripting microservice microservices services service microsoft ms office
	word powerpoint outlook spreadsheets framework boot library libraries statistical software expertise expert familiarity
	familiar tools tool technologies technology technical tech platform application applications app apps api apis in
	advanced basic strong solid good fluent intermediate deploy deployed built build administrator consultant specialist
	certified core entwickler kenntnisse erfahrung mit entwicklung lerne learning learned tests testing test
	compiler runtime version module modules package packages team database databases engine`)

func set(list string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		out[w] = true
	}
	return out
}

// cued looks at the two words before and after, in the same sentence.
func cued(text string, words []word, c *candidate) bool {
	for k := c.first - 1; k >= max(0, c.first-2); k-- {
		if stop(text[words[k].end:c.Start]) {
			break
		}
		if cues[words[k].text] {
			return true
		}
	}
	for k := c.first + c.count; k < min(len(words), c.first+c.count+2); k++ {
		if stop(text[c.End:words[k].start]) {
			break
		}
		if w := words[k].text; cues[w] && w != "in" && w != "with" {
			return true
		}
	}
	return false
}

// listed looks for a technical skill beside it, with only marks or a conjunction
// between. When strong is set, that neighbour must be certain in itself.
func listed(text string, all []candidate, i int, strong bool) bool {
	beside := func(k int, gap string) bool {
		n := &all[k]
		if !n.group.Technical() || strong && n.how != plain || !strong && !n.exactCase || len(gap) > 8 {
			return false
		}
		gap = strings.TrimSpace(gap)
		switch strings.TrimSpace(strings.Trim(gap, ",;")) {
		case "", "and", "or", "und", "oder", "et", "/", "|", "•", "·", "+", "(", ")", "-", "&":
			return gap != "" || strings.Contains(text, "\n")
		}
		return false
	}
	return i > 0 && beside(i-1, text[all[i-1].End:all[i].Start]) ||
		i+1 < len(all) && beside(i+1, text[all[i].End:all[i+1].Start])
}

// near looks for a technical skill that needs no evidence itself within some ten
// words of the same sentence.
func near(text string, all []candidate, i int) bool {
	const reach = 60 // bytes
	certain := func(k int) bool { return all[k].group.Technical() && all[k].how <= cased }
	for k := i - 1; k >= 0 && all[i].Start-all[k].End <= reach; k-- {
		if certain(k) && !stop(text[all[k].End:all[i].Start]) {
			return true
		}
	}
	for k := i + 1; k < len(all) && all[k].Start-all[i].End <= reach; k++ {
		if certain(k) && !stop(text[all[i].End:all[k].Start]) {
			return true
		}
	}
	return false
}

// stop tells whether a sentence or line ends in a gap.
func stop(gap string) bool {
	return strings.ContainsAny(gap, "\n!?") || strings.Contains(gap, ". ")
}

// alone tells whether nothing else stands on the line, but for bullets.
func alone(text string, c *candidate) bool {
	const reach = 40 // bytes; with so many marks around it is no list
	before, after := text[max(0, c.Start-reach):c.Start], text[c.End:min(len(text), c.End+reach)]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	if to := strings.IndexByte(after, '\n'); to >= 0 {
		after = after[:to]
	}
	return strings.IndexFunc(before, isWord) < 0 && strings.IndexFunc(after, isWord) < 0
}

// sentenceStart tells whether the word at byte i begins a sentence or a line, so
// that its capital says nothing.
func sentenceStart(text string, i int) bool {
	const reach = 40 // bytes
	before := strings.TrimRightFunc(text[max(0, i-reach):i], func(r rune) bool { return r != '\n' && !isWord(r) && !strings.ContainsRune(".!?,;:/|(", r) })
	if before == "" {
		return i <= reach
	}
	return strings.ContainsRune("\n.!?", rune(before[len(before)-1]))
}

func isUpper(s string) bool { return s == strings.ToUpper(s) && len(s) > 1 }

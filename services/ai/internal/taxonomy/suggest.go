package taxonomy

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// suggestions are the labels that are offered to somebody who types: the names
// of all skills and the aliases of the project's list.
type suggestions struct {
	text   []string // in lower case
	ref    []Ref
	weight []uint8  // how widely it is used; the project's list first
	chars  []uint32 // which characters the beginning has
	heads  []uint32 // and which its first five
}

const typoReach = 12 // characters of a label that a mistyped beginning is compared with

func (t *Taxonomy) suggestable() suggestions {
	type line struct {
		text   string
		ref    Ref
		weight uint8
	}
	var lines []line
	weigh := func(ref Ref, own bool) uint8 {
		w := uint8(2 * bits.Len(uint(len(t.usedBy[ref]))))
		if own {
			w += 20
		}
		return w
	}
	for i, name := range t.skills.names {
		ref := Ref(i)
		lines = append(lines, line{lower(name), ref, weigh(ref, Group(t.skills.group[i]) > GroupKnowledge)})
	}
	for label, surface := range t.skills.surface {
		if t.skills.how[label]>>2 == ownAlias {
			ref := t.skills.target[label]
			lines = append(lines, line{lower(surface), ref, weigh(ref, true) - 1})
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(a.ref, b.ref))
	})
	var s suggestions
	for _, l := range lines {
		s.text = append(s.text, l.text)
		s.ref = append(s.ref, l.ref)
		s.weight = append(s.weight, l.weight)
		s.heads = append(s.heads, characters(l.text[:min(len(l.text), 5)]))
		s.chars = append(s.chars, characters(l.text[:min(len(l.text), typoReach)]))
	}
	return s
}

// characters is a set: a bit for each letter, one for digits, one for the rest.
func characters(s string) uint32 {
	var set uint32
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			set |= 1 << (c - 'a')
		case c >= '0' && c <= '9':
			set |= 1 << 26
		default:
			set |= 1 << 27
		}
	}
	return set
}

// Suggest returns at most limit skills for what somebody has typed so far: those
// whose label begins with it, widely used ones first; then those in which a
// later word does; then, from four letters on, those that would begin with it
// but for one mistake, or two in eight letters (one letter more, less, wrong or
// two exchanged: Damerau, CACM 7(3), 1964). Each skill comes once.
func (t *Taxonomy) Suggest(prefix string, limit int) []Skill {
	prefix = lower(strings.Join(strings.Fields(prefix), " "))
	if prefix == "" || limit <= 0 {
		return nil
	}
	prefix = prefix[:min(len(prefix), 64)]
	s := &t.suggestions
	type hit struct {
		line int
		rank int
	}
	best := map[Ref]hit{}
	add := func(line, rank int) {
		if len(s.text[line]) == len(prefix) {
			rank -= 1000 // it is typed out
		}
		if old, ok := best[s.ref[line]]; !ok || rank < old.rank {
			best[s.ref[line]] = hit{line, rank}
		}
	}
	const perMistake, inside = 4000, 2000
	from, _ := slices.BinarySearch(s.text, prefix)
	for i := from; i < len(s.text) && strings.HasPrefix(s.text[i], prefix); i++ {
		add(i, -int(s.weight[i])*10+len(s.text[i]))
	}
	if len(best) < limit && len(prefix) >= 2 {
		for i, text := range s.text {
			if at := strings.Index(text, prefix); at > 0 && !isWord(rune(text[at-1])) {
				add(i, inside-int(s.weight[i])*10+len(text))
			}
		}
	}
	if len(best) < limit && len(prefix) >= 4 {
		allowed := 1
		if len(prefix) >= 8 {
			allowed = 2
		}
		typed := prefix[:min(len(prefix), typoReach-1)]
		chars, head := characters(typed), characters(prefix[:3])
		for i, text := range s.text {
			if head&s.heads[i] == 0 { // two mistakes leave one of the first three
				continue
			}
			if bits.OnesCount32(chars&^s.chars[i]) > allowed {
				continue
			}
			if n := mistakes(prefix, text, allowed); n <= allowed {
				add(i, n*perMistake-int(s.weight[i])*10+len(text))
			}
		}
	}
	hits := make([]hit, 0, len(best))
	for _, h := range best {
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.line, b.line)) })
	out := make([]Skill, 0, min(limit, len(hits)))
	for _, h := range hits[:min(limit, len(hits))] {
		out = append(out, t.Skill(s.ref[h.line]))
	}
	return out
}

// mistakes is the least number of mistakes that make typed the beginning of
// label, or more than allowed: the restricted Damerau–Levenshtein distance, in
// the band that allowed leaves.
func mistakes(typed, label string, allowed int) int {
	n := len(typed)
	label = label[:min(len(label), n+allowed)]
	var rows [3][68]uint8
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(label) + 1 {
		last[j] = uint8(j)
	}
	for i := 1; i <= n; i++ {
		row[0] = uint8(i)
		least := row[0]
		from, to := max(1, i-allowed), min(len(label), i+allowed)
		if from > 1 {
			row[from-1] = 99
		}
		for j := from; j <= to; j++ {
			cost := last[j-1]
			if typed[i-1] != label[j-1] {
				cost++
				cost = min(cost, row[j-1]+1)
				if j < i+allowed {
					cost = min(cost, last[j]+1)
				}
				if i > 1 && j > 1 && typed[i-1] == label[j-2] && typed[i-2] == label[j-1] {
					cost = min(cost, before[j-2]+1)
				}
			}
			row[j] = cost
			least = min(least, cost)
		}
		if int(least) > allowed {
			return allowed + 1
		}
		before, last, row = last, row, before
	}
	least := uint8(99)
	for j := max(0, n-allowed); j <= len(label); j++ {
		least = min(least, last[j])
	}
	return int(least)
}

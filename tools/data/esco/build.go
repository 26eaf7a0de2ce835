package main

import (
	"cmp"
	_ "embed" // the project's own lists
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

//go:embed technical.txt
var technicalList string

//go:embed titles.txt
var titleList string

// How a label is recognised in a text.
const (
	plain      = iota // whatever its case
	cased             // in exactly this case
	contextual        // in this case, and among words that speak of such things
	weak              // never: it is an ordinary word; it is only looked up
)

// Which skill a label means, when several have it: the lowest.
const (
	ownName = iota
	ownAlias
	preferred
	alternative
)

// The groups of skills; a skill of ESCO that the project's list has not is a
// skill or knowledge.
var groups = map[string]byte{
	"skill": 0, "knowledge": 1, "language": 2, "framework": 3, "database": 4, "cloud": 5, "tool": 6, "method": 7, "soft": 8,
}

// Kinds of links between skills.
const implies, relates = 0, 1

type entry struct {
	name  string
	id    [16]byte // zero: of the project, named by its name
	group byte
	isco  uint16
	uses  int // occupations that need the skill
}

type label struct {
	surface  string
	target   int
	priority int
	how      byte
}

// kind is one of the two: skills or occupations.
type kind struct {
	entries []entry
	labels  map[string]label // by key
	byID    map[string]int
}

type builder struct {
	common              map[string]bool // words of ordinary English
	skills, occupations kind
	relations           [][]uint16  // by occupation: skill, upper bit: essential
	links               [][3]uint16 // from, to, kind
}

func newBuilder(vocabulary []string) *builder {
	b := &builder{common: map[string]bool{}}
	for _, w := range vocabulary {
		b.common[w] = true
	}
	b.skills.labels, b.skills.byID = map[string]label{}, map[string]int{}
	b.occupations.labels, b.occupations.byID = map[string]label{}, map[string]int{}
	return b
}

// key is what a label is found by: its words, in lower case. The ai service
// splits texts with the same rule (internal/taxonomy/words.go), and a test there
// looks all labels up.
func key(s string) string {
	var words []string
	runes := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return 0
		}
		return runes[i]
	}
	isWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
	for i := 0; i < len(runes); {
		start := i
		if at(i) == '.' && strings.EqualFold(string(runes[i+1:min(i+4, len(runes))]), "net") && !isWord(at(i-1)) && !isWord(at(i+4)) {
			words = append(words, ".net")
			i += 4
			continue
		}
		var word []rune
		for ; ; i++ {
			r := at(i)
			switch {
			case isWord(r):
				word = append(word, unicode.ToLower(r))
				continue
			case (r == '\'' || r == '’') && i > start && isWord(at(i-1)) && isWord(at(i+1)):
				continue
			case r == '+' && i > start && (at(i+1) == '+' || at(i-1) == '+'),
				r == '#' && len(word) == 1 && !isWord(at(i+1)):
				word = append(word, r)
				continue
			}
			break
		}
		if len(word) > 0 {
			words = append(words, string(word))
		} else {
			i++
		}
	}
	return strings.Join(words, " ")
}

// add gives a label to an entry unless a better one has it.
func (k *kind) add(l label) {
	at := key(l.surface)
	if at == "" {
		return
	}
	old, taken := k.labels[at]
	if !taken || cmp.Or(cmp.Compare(l.priority, old.priority), cmp.Compare(k.entries[old.target].uses, k.entries[l.target].uses)) < 0 {
		k.labels[at] = l
	}
}

func (b *builder) classification(skills, occupations, relations [][]string) error {
	ids := func(k *kind, rows [][]string) error {
		slices.SortFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
		for _, row := range rows {
			id, err := uuid(row[0])
			if err != nil {
				return err
			}
			k.byID[row[0]] = len(k.entries)
			k.entries = append(k.entries, entry{id: id})
		}
		return nil
	}
	if err := ids(&b.skills, skills); err != nil {
		return err
	}
	if err := ids(&b.occupations, occupations); err != nil {
		return err
	}
	b.relations = make([][]uint16, len(occupations))
	for _, row := range relations {
		occupation, known := b.occupations.byID[row[0]]
		skill, also := b.skills.byID[row[2]]
		if !known || !also {
			continue // of a concept that is no longer in the classification
		}
		b.skills.entries[skill].uses++
		n := uint16(skill)
		if row[1] == "essential" {
			n |= 1 << 15
		}
		b.relations[occupation] = append(b.relations[occupation], n)
	}
	for i, row := range skills {
		e := &b.skills.entries[i]
		e.name = strings.TrimSpace(row[3])
		if row[1] == "knowledge" {
			e.group = groups["knowledge"]
		}
		b.skills.add(label{e.name, i, preferred, b.howFound(e.name, false)})
		if bare, _, ok := strings.Cut(e.name, " ("); ok {
			b.skills.add(label{bare, i, preferred, contextual})
		}
		for alt := range strings.SplitSeq(row[4], "|") {
			alt = strings.TrimSpace(alt)
			b.skills.add(label{alt, i, alternative, b.howFound(alt, true)})
		}
	}
	for i, row := range occupations {
		e := &b.occupations.entries[i]
		e.name = strings.TrimSpace(row[2])
		isco, err := strconv.ParseUint(row[1], 10, 16)
		if err != nil {
			return fmt.Errorf("occupation %s: ISCO group: %w", e.name, err)
		}
		e.isco = uint16(isco)
		b.occupations.add(label{surface: e.name, target: i, priority: preferred})
		for alt := range strings.SplitSeq(row[3], "|") {
			b.occupations.add(label{surface: strings.TrimSpace(alt), target: i, priority: alternative})
		}
	}
	return nil
}

// howFound judges a label of ESCO: names and short forms need their case, and an
// alternative label that is an ordinary word ("balance", "light") says nothing.
func (b *builder) howFound(s string, alt bool) byte {
	if strings.Contains(key(s), " ") {
		return plain
	}
	switch lower := strings.ToLower(s); {
	case s == strings.ToUpper(s) && len(s) <= 5:
		if alt && b.common[lower] && len(s) <= 3 {
			return contextual
		}
		return cased
	case alt && b.common[lower] && s == lower:
		return weak
	case b.common[lower] && s != lower:
		if alt {
			return contextual
		}
		return cased
	case alt && len(s) <= 3:
		return weak
	}
	return plain
}

// mark takes the sign off a name or alias that says how it is found.
func mark(s string) (string, byte) {
	if bare, ok := strings.CutSuffix(s, "!"); ok {
		return bare, contextual
	}
	if bare, ok := strings.CutSuffix(s, "*"); ok {
		return bare, cased
	}
	return s, plain
}

// split cuts a list at commas.
func split(s string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// technical reads the project's own skills.
func (b *builder) technical() error {
	type link struct {
		from int
		to   string
		kind uint16
	}
	var later []link
	var group string
	for n, line := range strings.Split(technicalList, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			group = strings.TrimSuffix(name, "]")
			continue
		}
		if group == "weak" {
			for _, name := range split(line) {
				l, ok := b.skills.labels[key(name)]
				if !ok {
					return fmt.Errorf("line %d: %q is no label", n+1, name)
				}
				l.how = weak
				b.skills.labels[key(name)] = l
			}
			continue
		}
		if _, ok := groups[group]; !ok {
			return fmt.Errorf("line %d: no group %q", n+1, group)
		}
		columns := append(strings.Split(line, "|"), "", "", "")
		var aliases []string
		var siblings [][]string // each: name, aliases…
		for _, a := range split(columns[1]) {
			if s, ok := strings.CutPrefix(a, "+"); ok {
				siblings = append(siblings, strings.Split(s, "="))
			} else {
				aliases = append(aliases, a)
			}
		}
		first := b.own(groups[group], strings.TrimSpace(columns[0]), aliases)
		members := []int{first}
		for _, s := range siblings {
			sibling := b.own(groups[group], s[0], s[1:])
			members = append(members, sibling)
			later = append(later, link{first, b.skills.entries[sibling].name, relates})
		}
		for _, from := range members {
			for _, to := range split(columns[2]) {
				later = append(later, link{from, to, implies})
			}
			for _, to := range split(columns[3]) {
				later = append(later, link{from, to, relates})
			}
		}
	}
	var faults []error
	for _, l := range later {
		to, ok := b.skills.labels[key(l.to)]
		if !ok {
			faults = append(faults, fmt.Errorf("%s is linked to %q, which is no skill", b.skills.entries[l.from].name, l.to))
			continue
		}
		if to.target != l.from {
			b.links = append(b.links, [3]uint16{uint16(l.from), uint16(to.target), l.kind})
		}
	}
	slices.SortFunc(b.links, func(a, c [3]uint16) int { return slices.Compare(a[:], c[:]) })
	b.links = slices.Compact(b.links)
	return errors.Join(faults...)
}

// own enters a skill of the project's list, on the entry of ESCO that it is.
func (b *builder) own(group byte, name string, aliases []string) int {
	name, how := mark(name)
	at := -1
	for _, s := range append([]string{name}, aliases...) {
		bare, _ := mark(s)
		if l, ok := b.skills.labels[key(bare)]; ok && (l.priority == preferred || l.priority == ownName) {
			at = l.target
			break
		}
	}
	if at < 0 {
		at = len(b.skills.entries)
		b.skills.entries = append(b.skills.entries, entry{})
	}
	e := &b.skills.entries[at]
	if e.name != name && e.name != "" { // its name in ESCO stays a label
		b.skills.add(label{e.name, at, ownAlias, plain})
	}
	e.name, e.group = name, group
	b.skills.labels[key(name)] = label{name, at, ownName, how}
	for _, a := range aliases {
		bare, how := mark(a)
		if how != plain && bare == strings.ToLower(bare) { // listed in lower case: usually capitals or a capital
			bare = strings.ToUpper(bare[:1]) + bare[1:]
			if len(bare) <= 4 {
				bare = strings.ToUpper(bare)
			}
		}
		b.skills.add(label{bare, at, ownAlias, how})
	}
	return at
}

// titles reads the project's own job titles.
func (b *builder) titles() error {
	for n, line := range strings.Split(titleList, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := append(strings.Split(line, "|"), "", "")
		name := strings.TrimSpace(columns[0])
		l, known := b.occupations.labels[key(name)]
		at := l.target
		if !known || l.priority == alternative && len(split(columns[2])) > 0 {
			at = len(b.occupations.entries)
			b.occupations.entries = append(b.occupations.entries, entry{name: name})
			b.relations = append(b.relations, nil)
			if len(split(columns[2])) == 0 {
				return fmt.Errorf("line %d: %q is no occupation of ESCO and has no skills", n+1, name)
			}
		}
		b.occupations.add(label{surface: name, target: at, priority: ownName})
		for _, title := range split(columns[1]) {
			b.occupations.add(label{surface: title, target: at, priority: ownAlias})
		}
		for _, s := range split(columns[2]) {
			skill, ok := b.skills.labels[key(s)]
			if !ok {
				return fmt.Errorf("line %d: %q is no skill", n+1, s)
			}
			b.relations[at] = append(b.relations[at], uint16(skill.target)|1<<15)
		}
	}
	return nil
}

// file writes everything.
func (b *builder) file() ([]byte, error) {
	distinct := map[string]bool{}
	for _, k := range []*kind{&b.skills, &b.occupations} {
		for words := range k.labels {
			for w := range strings.SplitSeq(words, " ") {
				distinct[w] = true
			}
		}
	}
	words := slices.Sorted(maps.Keys(distinct))
	number := make(map[string]uint16, len(words))
	for i, w := range words {
		number[w] = uint16(i)
	}
	if len(words) > 1<<16 || len(b.skills.entries) > 1<<15 {
		return nil, fmt.Errorf("%d words or %d skills do not fit", len(words), len(b.skills.entries))
	}
	var s sections
	s.WriteString("jptax1\n\x00")
	s.lines(words)
	for _, k := range []*kind{&b.skills, &b.occupations} {
		k.write(&s, number)
	}
	var counts, relations, links []uint16
	for _, r := range b.relations {
		slices.Sort(r)
		r = slices.Compact(r)
		counts = append(counts, uint16(len(r)))
		relations = append(relations, r...)
	}
	for _, l := range b.links {
		links = append(links, l[:]...)
	}
	s.numbers(counts)
	s.numbers(relations)
	s.numbers(links)
	return s.Bytes(), nil
}

// write writes the entries and the labels, these in the order of the numbers of
// their words.
func (k *kind) write(s *sections, number map[string]uint16) {
	var names []string
	var ids, groups, lengths, how []byte
	var isco, sequence, targets []uint16
	var surfaces []string
	for _, e := range k.entries {
		names = append(names, e.name)
		ids = append(ids, e.id[:]...)
		groups = append(groups, e.group)
		isco = append(isco, e.isco)
	}
	type numbered struct {
		words []uint16
		label label
	}
	var labels []numbered
	for words, l := range k.labels {
		n := numbered{label: l}
		for w := range strings.SplitSeq(words, " ") {
			n.words = append(n.words, number[w])
		}
		labels = append(labels, n)
	}
	slices.SortFunc(labels, func(a, b numbered) int { return slices.Compare(a.words, b.words) })
	for _, l := range labels {
		lengths = append(lengths, byte(len(l.words)))
		sequence = append(sequence, l.words...)
		targets = append(targets, uint16(l.label.target))
		rank := byte(l.label.priority) // best labels first in suggestions
		how = append(how, l.label.how|rank<<2)
		if l.label.how == cased || l.label.how == contextual || l.label.priority <= ownAlias {
			surfaces = append(surfaces, l.label.surface)
		}
	}
	s.lines(names)
	s.add(ids)
	s.add(groups)
	s.numbers(isco)
	s.add(lengths)
	s.numbers(sequence)
	s.numbers(targets)
	s.add(how)
	s.lines(surfaces)
}

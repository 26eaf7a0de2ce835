package taxonomy

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Len is the number of skills; their Refs are below it.
func (t *Taxonomy) Len() int { return len(t.skills.names) }

// Skill returns the skill of a Ref that this process got from this package.
func (t *Taxonomy) Skill(ref Ref) Skill {
	return Skill{ref, t.skills.id(ref), t.skills.names[ref], Group(t.skills.group[ref])}
}

// Group returns the group of a skill.
func (t *Taxonomy) Group(ref Ref) Group { return Group(t.skills.group[ref]) }

// ByID returns the skill with a stored id; false when this release has none.
func (t *Taxonomy) ByID(id string) (Skill, bool) {
	ref, ok := t.byID[id]
	if !ok {
		return Skill{}, false
	}
	return t.Skill(ref), true
}

// Lookup returns the skill that a label or alias names, whatever its case and
// punctuation; another number or verb form of the words is taken when no label
// has the words as they are, and a remark in brackets is passed over or, failing
// that, looked up itself: "Decentralised finance (DeFi)".
func (t *Taxonomy) Lookup(label string) (Skill, bool) {
	ref, ok := t.lookup(&t.skills, label)
	if bare, remark, bracket := strings.Cut(label, "("); !ok && bracket {
		if ref, ok = t.lookup(&t.skills, bare); !ok {
			ref, ok = t.lookup(&t.skills, remark)
		}
	}
	if !ok {
		return Skill{}, false
	}
	return t.Skill(ref), true
}

func (t *Taxonomy) lookup(d *dictionary, text string) (Ref, bool) {
	words := split(text)
	if len(words) == 0 {
		return 0, false
	}
	if ref, ok := t.exact(d, words); ok {
		return ref, true
	}
	// Marks between words do not matter here, so they are taken away.
	var plainText strings.Builder
	for i := range words {
		if i > 0 {
			plainText.WriteByte(' ')
		}
		words[i].start = plainText.Len()
		plainText.WriteString(words[i].text)
		words[i].end = plainText.Len()
	}
	ref, found := Ref(0), false
	best := alternative + 1
	t.walk(d, plainText.String(), words, 0, func(label int32, _ bool, n int) {
		if from := d.how[label] >> 2; n == len(words) && from < best {
			ref, found, best = d.target[label], true, from
		}
	})
	return ref, found
}

func (t *Taxonomy) exact(d *dictionary, words []word) (Ref, bool) {
	var lo, hi uint32
	for depth, w := range words {
		number, ok := t.words[w.text]
		if !ok {
			return 0, false
		}
		if lo, hi = d.narrow(lo, hi, depth, number); lo == hi {
			return 0, false
		}
	}
	if int(d.begin[lo+1]-d.begin[lo]) != len(words) {
		return 0, false
	}
	return d.target[lo], true
}

// RelationKind is how one skill has to do with another.
type RelationKind byte

// The kinds of relations.
const (
	Implies   RelationKind = iota + 1 // who has it has the other: Spring Boot, Java
	ImpliedBy                         // the reverse
	GoesWith                          // the project's list says so: React, Redux
	UsedWith                          // the same occupations of ESCO need both
)

// Relation leads from one skill to another. Weight is 0 to 1.
type Relation struct {
	Skill  Ref
	Kind   RelationKind
	Weight float32
}

// Related returns at most limit skills that have to do with a skill: those the
// project's list links first, then those that the same occupations need, by the
// cosine of their sets of occupations.
func (t *Taxonomy) Related(ref Ref, limit int) []Relation {
	out := slices.Clone(t.links[ref])
	slices.SortStableFunc(out, func(a, b Relation) int { return cmp.Or(cmp.Compare(a.Skill, b.Skill), cmp.Compare(a.Kind, b.Kind)) })
	out = slices.CompactFunc(out, func(a, b Relation) bool { return a.Skill == b.Skill })
	slices.SortStableFunc(out, func(a, b Relation) int { return cmp.Compare(a.Kind, b.Kind) })
	if len(out) >= limit {
		return out[:max(0, limit)]
	}
	known := map[Ref]bool{ref: true}
	for _, r := range out {
		known[r.Skill] = true
	}
	shared := map[Ref]int{}
	for _, occupation := range t.usedBy[ref] {
		for _, skill := range t.needs[occupation] {
			shared[Ref(skill&^essential)]++
		}
	}
	var more []Relation
	for other, n := range shared {
		if n < 2 || known[other] {
			continue
		}
		cosine := float64(n) / math.Sqrt(float64(len(t.usedBy[ref])*len(t.usedBy[other])))
		more = append(more, Relation{other, UsedWith, float32(cosine)})
	}
	slices.SortFunc(more, func(a, b Relation) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Skill, b.Skill))
	})
	return append(out, more[:min(len(more), limit-len(out))]...)
}

// Implied returns the skills that whoever has ref has too, however far the chain
// goes: Next.js implies React, and React JavaScript. Nearest first, without ref.
func (t *Taxonomy) Implied(ref Ref) []Ref {
	out := []Ref{ref}
	for i := 0; i < len(out); i++ {
		for _, r := range t.links[out[i]] {
			if r.Kind == Implies && !slices.Contains(out, r.Skill) {
				out = append(out, r.Skill)
			}
		}
	}
	return out[1:]
}

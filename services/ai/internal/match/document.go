package match

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// need is how much a posting wants a skill.
type need byte

const (
	optional need = iota
	mentioned
	required
)

var needWeight = [...]float64{optional: .4, mentioned: .7, required: 1}

// groupWeight is what a skill of a group counts against a technical one.
func groupWeight(g taxonomy.Group) float64 {
	switch {
	case g.Technical():
		return 1
	case g == taxonomy.GroupSoft:
		return .3
	case g == taxonomy.GroupSkill:
		return .6
	}
	return .8
}

// wantedSkill is a skill of a posting.
type wantedSkill struct {
	Skill taxonomy.Ref
	Need  need
}

// document is what is kept of a posting; exported fields are in snapshots.
type document struct {
	ID         string
	Core       string // title without level
	Occupation taxonomy.Ref
	Known      bool // the occupation is
	Seniority  taxonomy.Seniority
	Skills     []wantedSkill
	Total      float64 // weight of all skills
	Terms      []term
	Length     uint16 // words of the text
	Facts      facts
}

// How much of a text, and of a title or the name of a skill, is read, in bytes.
// Postings have some 4,000; what is longer than this is a mistake or an attack.
const (
	textLimit = 60_000
	nameLimit = 300
)

// compile reads a posting.
func compile(tax *taxonomy.Taxonomy, p *Posting) (document, found) {
	short := *p
	short.Title = clip(p.Title, nameLimit)
	p = &short
	title := tax.Occupation(p.Title)
	d := document{
		ID: p.ID, Core: title.Core, Occupation: title.Occupation, Known: title.Known,
		Seniority: cmp.Or(p.Seniority, title.Seniority),
	}
	text := clip(p.Description, textLimit)
	f := find(tax, p, text)
	for _, s := range f.order {
		d.Skills = append(d.Skills, wantedSkill{s, f.need[s]})
		d.Total += skillWeight(tax, s, f.need[s])
	}
	slices.SortFunc(d.Skills, func(a, b wantedSkill) int { return cmp.Compare(a.Skill, b.Skill) })
	all, length := terms(p.Title+"\n"+text, maxTerms)
	d.Terms, d.Length = all, uint16(min(length, 1<<16-1))
	d.Facts = factsOf(p, text)
	return d, f
}

func skillWeight(tax *taxonomy.Taxonomy, s taxonomy.Ref, n need) float64 {
	return groupWeight(tax.Group(s)) * needWeight[n]
}

func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// found are the skills that a posting names, with where it does.
type found struct {
	order []taxonomy.Ref
	need  map[taxonomy.Ref]need
	quote map[taxonomy.Ref]Quote
}

func (f *found) add(s taxonomy.Ref, n need, q Quote) {
	old, known := f.need[s]
	if !known {
		f.order = append(f.order, s)
	}
	if !known || n > old {
		f.need[s], f.quote[s] = n, q
	}
}

func find(tax *taxonomy.Taxonomy, p *Posting, text string) found {
	f := found{need: map[taxonomy.Ref]need{}, quote: map[taxonomy.Ref]Quote{}}
	list := func(field string, names []string, n need) {
		for i, name := range names {
			name = clip(name, nameLimit)
			at := Quote{Field: index(field, i), End: len(name), Text: name, Context: name}
			if s, ok := tax.Lookup(name); ok {
				f.add(s.Ref, n, at)
				continue
			}
			for _, h := range tax.Find(name) {
				f.add(h.Skill, n, quote(at.Field, name, h.Start, h.End))
			}
		}
	}
	list("required", p.Required, required)
	list("optional", p.Optional, optional)
	for _, h := range tax.Find(p.Title) {
		f.add(h.Skill, required, quote("title", p.Title, h.Start, h.End))
	}
	wishes := niceToHave(text)
	for _, h := range tax.Find(text) {
		n := mentioned
		if slices.ContainsFunc(wishes, func(s [2]int) bool { return h.Start >= s[0] && h.Start < s[1] }) {
			n = optional
		}
		f.add(h.Skill, n, quote("description", text, h.Start, h.End))
	}
	return f
}

// nice are the words by which postings say that something is not a must.
var nice = []string{"nice to have", "nice-to-have", "bonus", "preferred", "a plus", "optional", "good to have", "advantageous",
	"desirable", "von vorteil", "wünschenswert", "idealerweise", "serait un plus", "un plus", "would be great"}

// niceToHave returns the parts of a posting that are wishes: lines with such a
// word, and what follows a short one, its heading, up to an empty line or the
// next heading.
func niceToHave(text string) [][2]int {
	var out [][2]int
	at, under := 0, false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		heading := len(trimmed) > 0 && len(trimmed) <= 50 && !strings.HasPrefix(trimmed, "-") && !strings.HasPrefix(trimmed, "•") &&
			!strings.HasPrefix(trimmed, "*") && !strings.HasSuffix(trimmed, ".")
		low := strings.ToLower(trimmed)
		says := slices.ContainsFunc(nice, func(w string) bool { return strings.Contains(low, w) })
		switch {
		case says && heading:
			under = true
		case trimmed == "" || heading && strings.HasSuffix(trimmed, ":"):
			under = false
		}
		if says || under {
			out = append(out, [2]int{at, at + len(line)})
		}
		at += len(line)
	}
	return out
}

// has is a skill of a resume with where it says so.
type has struct {
	years float64
	quote Quote
}

// person is a resume made ready.
type person struct {
	resume    *Resume
	skills    map[taxonomy.Ref]has
	implied   map[taxonomy.Ref]taxonomy.Ref // skill → what implies it
	near      map[taxonomy.Ref]taxonomy.Ref // skill → a close one that the resume has
	worth     []float64                     // by skill: how much of it the resume has, 0 to 1
	titles    []taxonomy.Title
	vectors   []embedding.Vector // of the titles
	seniority taxonomy.Seniority
	terms     []term
	vector    embedding.Vector // of the text
	blocked   []string         // companies, simplified
}

// titlesRead is how many titles of a resume count, the newest.
const titlesRead = 3

func read(tax *taxonomy.Taxonomy, r *Resume) *person {
	m := embedding.Load()
	p := &person{
		resume: r, skills: map[taxonomy.Ref]has{}, implied: map[taxonomy.Ref]taxonomy.Ref{},
		near: map[taxonomy.Ref]taxonomy.Ref{}, seniority: r.Seniority,
	}
	add := func(s taxonomy.Ref, h has) {
		if _, known := p.skills[s]; !known {
			p.skills[s] = h
		}
	}
	var all strings.Builder
	for i, s := range r.Skills {
		s.Name = clip(s.Name, nameLimit)
		field := index("skills", i)
		if known, ok := tax.Lookup(s.Name); ok {
			add(known.Ref, has{s.Years, Quote{Field: field, End: len(s.Name), Text: s.Name, Context: s.Name}})
		} else {
			for _, h := range tax.Find(s.Name) {
				add(h.Skill, has{s.Years, quote(field, s.Name, h.Start, h.End)})
			}
		}
		all.WriteString(s.Name + "\n")
	}
	text := clip(r.Text, textLimit)
	for _, h := range tax.Find(text) {
		add(h.Skill, has{0, quote("text", text, h.Start, h.End)})
	}
	for i, title := range r.Titles {
		title = clip(title, nameLimit)
		for _, h := range tax.Find(title) {
			add(h.Skill, has{0, quote(index("titles", i), title, h.Start, h.End)})
		}
		all.WriteString(title + "\n")
		if i < titlesRead {
			t := tax.Occupation(title)
			p.titles = append(p.titles, t)
			p.vectors = append(p.vectors, m.Embed(t.Core))
		}
	}
	p.relate(tax)
	if p.seniority == taxonomy.Unstated && len(p.titles) > 0 {
		p.seniority = p.titles[0].Seniority
	}
	if p.seniority == taxonomy.Unstated && r.Years > 0 {
		p.seniority = map[bool]taxonomy.Seniority{true: taxonomy.Middle, false: taxonomy.Senior}[r.Years < 6]
		if r.Years < 2 {
			p.seniority = taxonomy.Junior
		}
	}
	all.WriteString(text)
	p.terms, _ = terms(all.String(), 4*queryTerms)
	p.vector = m.Embed(all.String())
	for _, c := range r.Wishes.Blocked {
		p.blocked = append(p.blocked, companyName(c))
	}
	return p
}

// relate fills in what the skills of a resume imply and come close to.
func (p *person) relate(tax *taxonomy.Taxonomy) {
	for _, s := range p.sorted() {
		for _, i := range tax.Implied(s) {
			if _, known := p.implied[i]; !known {
				p.implied[i] = s
			}
		}
	}
	const links = 12
	for _, s := range p.sorted() {
		for _, r := range tax.Related(s, links) {
			alike := r.Kind == taxonomy.GoesWith || r.Kind == taxonomy.UsedWith && r.Weight > .5
			if _, known := p.near[r.Skill]; !known && alike {
				p.near[r.Skill] = s
			}
		}
	}
	p.worth = make([]float64, tax.Len())
	for s := range p.near {
		p.worth[s] = nearWorth
	}
	for s := range p.implied {
		p.worth[s] = impliedWorth
	}
	for s := range p.skills {
		p.worth[s] = 1
	}
}

func (p *person) sorted() []taxonomy.Ref {
	out := make([]taxonomy.Ref, 0, len(p.skills))
	for s := range p.skills {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// What a skill is worth that the resume does not name itself.
const (
	impliedWorth = .8
	nearWorth    = .3
)

package taxonomy

import (
	"strings"
)

// Seniority is the level that a title states.
type Seniority byte

// The levels, in order; Unstated is below all.
const (
	Unstated Seniority = iota
	Intern
	Junior
	Middle
	Senior
	Lead
	Principal
	Manager
	Director
	Executive
)

var seniorityNames = [...]string{
	"", "intern", "junior", "middle", "senior", "lead", "principal", "manager", "director", "executive",
}

// String is the level's name, in lower case, empty for Unstated.
func (s Seniority) String() string { return seniorityNames[s] }

// seniorities are the words that state a level and are no part of an occupation.
// A word that may be part of one ("sales manager", "managing director") is in
// inOccupation instead.
var seniorities = levels(map[Seniority]string{
	Intern: `intern internship trainee apprentice praktikant praktikantin praktikum werkstudent werkstudentin auszubildender
		auszubildende azubi stagiaire alternant alternante stage student studentin`,
	Junior: `junior jr graduate entry entrylevel beginner nachwuchs einsteiger berufseinsteiger berufseinsteigerin associate
		débutant débutante`,
	Middle:    `mid middle midlevel intermediate regular confirmé confirmée professional`,
	Senior:    `senior sr snr experienced sen erfahrener erfahrene expérimenté expérimentée expert`,
	Lead:      `lead leading teamlead leitender leitende teamleiter teamleiterin teamleitung`,
	Principal: `principal staff distinguished fellow chief`,
})

// onlyInFront are those that say something else behind: "chief of staff", "sales
// associate".
var onlyInFront = set("staff chief associate stage expert fellow student professional")

// inOccupation are words that state a level and may be part of an occupation.
var inOccupation = levels(map[Seniority]string{
	Manager:   `manager managerin leiter leiterin gérant gérante`,
	Director:  `director head vp direktor direktorin abteilungsleiter abteilungsleiterin bereichsleiter directeur directrice president`,
	Executive: `ceo cto cfo coo cio cmo cpo ciso geschäftsführer geschäftsführerin founder cofounder président owner inhaber`,
})

func levels(words map[Seniority]string) map[string]Seniority {
	out := map[string]Seniority{}
	for level, list := range words {
		for w := range strings.FieldsSeq(list) {
			out[w] = level
		}
	}
	return out
}

// Title is what a job title says.
type Title struct {
	Core      string    // the title without level, gender and place: "Software Engineer"
	Seniority Seniority // Unstated when the title does not say
	// Occupation is the entry for the title, when Known.
	Occupation Ref
	Known      bool
	// Cosine is 1 for a title of the dictionary, else how near the meaning is.
	Cosine float32
}

// leastTitle is the cosine from which a title that the dictionary lacks is taken
// for an occupation.
const leastTitle = .6

// Occupation understands a job title. The level is split off first (Senior, Lead
// and Junior, also in German and French, Roman numerals I to IV behind), with what
// stands in brackets (m/f/d) and behind a bar, a comma or a dash. What is left is
// looked up, then its longest part that is a title, then the nearest meaning.
func (t *Taxonomy) Occupation(title string) Title {
	out := Title{}
	whole := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, title)
	whole = withoutBrackets(whole)
	parts := strings.FieldsFunc(whole, func(r rune) bool { return strings.ContainsRune("|,;@–—:•·", r) })
	if len(parts) == 0 {
		return out
	}
	for i := range parts {
		for j, piece := range strings.Split(parts[i], " - ") {
			if j == 0 {
				parts[i] = piece
			} else {
				parts = append(parts, piece)
			}
		}
	}
	if ref, ok := t.lookup(&t.occupations, parts[0]); ok { // "chief technology officer", "lead developer"
		out.Occupation, out.Known, out.Cosine = ref, true, 1
	}
	cores := make([]string, 0, len(parts))
	for _, part := range parts {
		core, level := splitLevel(part)
		if out.Seniority == Unstated {
			out.Seniority = level
		}
		if core != "" {
			cores = append(cores, core)
		}
	}
	if len(cores) == 0 {
		return out
	}
	out.Core = cores[0]
	if out.Known {
		return out
	}
	for _, core := range cores {
		if ref, ok := t.lookup(&t.occupations, core); ok {
			out.Core, out.Occupation, out.Known, out.Cosine = core, ref, true, 1
			return out
		}
	}
	for _, core := range cores {
		if ref, ok := t.inTitle(core); ok {
			out.Core, out.Occupation, out.Known, out.Cosine = core, ref, true, 1
			return out
		}
	}
	_, occupations := t.nearest()
	if m := matches(occupations, cores[0], 1, leastTitle); len(m) > 0 {
		out.Occupation, out.Known, out.Cosine = m[0].Ref, true, m[0].Cosine
	}
	return out
}

// inTitle finds the longest title of two words and more inside another, the last
// of equals, or a last word that is one: "Payments Backend Engineer".
func (t *Taxonomy) inTitle(core string) (Ref, bool) {
	words := split(core)
	var best Ref
	count := 0
	for i := range words {
		t.walk(&t.occupations, core, words, i, func(label int32, _ bool, n int) {
			from := t.occupations.how[label] >> 2
			if n >= 2 && n >= count || n == 1 && count <= 1 && i == len(words)-1 && from <= preferred {
				best, count = t.occupations.target[label], n
			}
		})
	}
	return best, count > 0
}

// splitLevel takes the words that state a level off a title.
func splitLevel(title string) (string, Seniority) {
	words := split(title)
	level, held := Unstated, Unstated
	var kept []string
	for i, w := range words {
		if l, ok := seniorities[w.text]; ok && (i == 0 && len(words) > 1 || !onlyInFront[w.text]) {
			level = max(level, l)
			continue
		}
		if l, ok := inOccupation[w.text]; ok {
			held = max(held, l)
		}
		if i > 0 && i == len(words)-1 {
			switch w.text {
			case "i", "1":
				level = max(level, Junior)
				continue
			case "ii", "2":
				level = max(level, Middle)
				continue
			case "iii", "3", "iv", "4":
				level = max(level, Senior)
				continue
			}
		}
		kept = append(kept, title[w.start:w.end])
	}
	if held > level {
		level = held
	}
	return strings.Join(kept, " "), level
}

// withoutBrackets removes (m/f/d), (Remote) and [Berlin], and the ending of
// Entwickler:in.
func withoutBrackets(title string) string {
	var b strings.Builder
	depth := 0
	for _, r := range title {
		switch r {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(0, depth-1)
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return genders.Replace(b.String())
}

var genders = strings.NewReplacer(":in ", " ", "*in ", " ", "/in ", " ", "/-in ", " ", "·e ", " ",
	" m/w/d", "", " m/f/d", "", " w/m/d", "", " f/m/d", "", " h/f", "", " F/H", "", " H/F", "", " all genders", "")

// OccupationName is the name of an occupation, its id (as of skills) and its
// ISCO-08 unit group, 0 for the project's own.
func (t *Taxonomy) OccupationName(ref Ref) (name, id string, isco int) {
	return t.occupations.names[ref], t.occupations.id(ref), int(t.occupations.isco[ref])
}

// OccupationSkills returns the skills of an occupation, those it cannot do
// without first.
func (t *Taxonomy) OccupationSkills(ref Ref) (required, optional []Ref) {
	for _, skill := range t.needs[ref] {
		if skill&essential != 0 {
			required = append(required, Ref(skill&^essential))
		} else {
			optional = append(optional, Ref(skill))
		}
	}
	return required, optional
}

// Occupations is the number of occupations; their Refs are below it.
func (t *Taxonomy) Occupations() int { return len(t.occupations.names) }

// NearestOccupations returns at most limit occupations whose meaning is like
// that of a title, with at least the given cosine, nearest first.
func (t *Taxonomy) NearestOccupations(title string, limit int, least float32) []Match {
	_, occupations := t.nearest()
	return matches(occupations, title, limit, least)
}

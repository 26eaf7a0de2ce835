package parser

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// listSeparators divide a list within a row.
var listSeparators = regexp.MustCompile(`\t|\s*[|•·∙●▪■;]\s*|\s+[–—]\s+|\s+/\s+`)

// splitList divides a list at the separator it uses: commas, if it has any
// outside brackets, and whatever else stands between items.
func splitList(s string) []string {
	var out []string
	for _, part := range listSeparators.Split(s, -1) {
		for _, item := range splitCommas(part) {
			item = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(item), "."))
			item = strings.TrimPrefix(strings.TrimPrefix(item, "and "), "& ")
			if n := utf8.RuneCountInString(item); n > 0 && n <= 80 {
				out = append(out, item)
			}
		}
	}
	// "Word, Excel & Outlook"
	if n := len(out); n > 1 {
		for _, and := range []string{" & ", " and ", " und ", " et ", " y ", " e ", " en "} {
			if a, b, ok := strings.Cut(out[n-1], and); ok && !strings.Contains(a, " ") && !strings.Contains(b, " ") {
				return append(out[:n-1], a, b)
			}
		}
	}
	return out
}

// skillGroup is what stands before a colon or a tab: "Languages: Go, Rust".
func skillGroup(text string) (name, rest string, ok bool) {
	for _, sep := range []string{":", "\t"} {
		if a, b, found := strings.Cut(text, sep); found {
			a, b = strings.TrimSpace(a), strings.TrimSpace(b)
			if a != "" && b != "" && utf8.RuneCountInString(a) <= 45 && len(strings.Fields(a)) <= 5 && !strings.Contains(a, ",") {
				return a, b, true
			}
		}
	}
	return "", text, false
}

// isSentence tells prose from a list item.
func isSentence(s string) bool {
	words := len(strings.Fields(s))
	return words > 8 || words > 5 && strings.HasSuffix(s, ".")
}

// skills reads a section of skills: groups with a name before a colon or in a
// line of its own, lists by any separator, and single items.
func (p *parse) skills(rows []row) {
	var group *Skill
	var groupRow row
	flush := func() {
		if group != nil && (group.Name != "" || len(group.Keywords) > 0) {
			p.addSkill(*group, groupRow, .9)
		}
		group = nil
	}
	body := bodyLook(rows)
	for i := range rows {
		r := &rows[i]
		text := strings.TrimSpace(r.text)
		if gridRE.MatchString(plain(text)) {
			continue
		}
		if name, rest, ok := skillGroup(text); ok {
			flush()
			if tongueOf(name) == name && fluencyWords.MatchString(plain(rest)) {
				p.addLanguage(name, rest, *r)
				continue
			}
			if languageGroup(name, rest) {
				p.languageList(rest, *r)
				continue
			}
			if isSentence(rest) && !strings.Contains(rest, ",") {
				continue
			}
			cells := strings.Split(text, "\t")
			if len(cells) >= 3 && !strings.Contains(cells[0], ",") && allItems(cells) {
				// A row of cells without a label.
				for _, item := range splitList(text) {
					p.addSkill(Skill{Name: item}, *r, .8)
				}
				continue
			}
			level := ""
			if levelWords.MatchString(rest) {
				p.addSkill(Skill{Name: name, Level: rest}, *r, .85)
				continue
			}
			p.addSkill(Skill{Name: name, Level: level, Keywords: splitList(rest)}, *r, .92)
			continue
		}
		if levelWords.MatchString(text) {
			if group != nil && group.Level == "" {
				group.Level = strings.Trim(text, "()")
			}
			continue
		}
		items := splitList(text)
		switch {
		case len(items) == 0:
		case len(items) == 1 && !r.bullet && i+1 < len(rows) && stands(r, body) && !stands(&rows[i+1], body) || len(items) == 1 && i+1 < len(rows) && levelWords.MatchString(strings.TrimSpace(rows[i+1].text)) && !r.bullet:
			flush()
			group, groupRow = &Skill{Name: strings.TrimSuffix(items[0], ":")}, *r
		case group != nil && !stands(r, body):
			group.Keywords = append(group.Keywords, shortItems(items, r)...)
		case isSentence(text) && len(items) < 3:
			flush()
		default:
			flush()
			for _, item := range shortItems(items, r) {
				p.addSkill(Skill{Name: item}, *r, .85)
			}
		}
	}
	flush()
}

// gridRE are the heads and the key of the Europass grid of languages and digital
// competences.
var gridRE = regexp.MustCompile(`^(?:` + lex("grid labels") + `)?(?:` + lex("grid heads") + `)\b`)

// stands tells whether a row is set as a heading within its section.
func stands(r *row, body look) bool {
	return r.heading > 0 || r.look.bold && !body.bold || r.look.size > body.size*1.04
}

// shortItems leaves out what is prose. A row of single words by blanks alone, as
// tags are printed, is a list too.
func shortItems(items []string, r *row) []string {
	if len(items) == 1 && !r.bullet {
		if f := strings.Fields(items[0]); len(f) >= 3 && len(f) <= 12 && capitalised(f) {
			return f
		}
	}
	var out []string
	for _, it := range items {
		if !isSentence(it) {
			out = append(out, it)
		}
	}
	return out
}

func capitalised(words []string) bool {
	for _, w := range words {
		if c := w[0]; c >= 'a' && c <= 'z' {
			return false
		}
	}
	return true
}

func allItems(cells []string) bool {
	for _, c := range cells {
		if len(strings.Fields(c)) > 3 || strings.Contains(c, ",") {
			return false
		}
	}
	return true
}

func (p *parse) addSkill(s Skill, r row, sure float64) {
	if s.Name == "" && len(s.Keywords) == 0 {
		return
	}
	// "Python (advanced)"
	if name, level, ok := strings.Cut(strings.TrimSuffix(s.Name, ")"), " ("); ok && s.Level == "" && levelWords.MatchString(level) {
		s.Name, s.Level = name, level
	}
	p.from(pointer("skills", len(p.resume.Skills)), r, "", sure)
	p.resume.Skills = append(p.resume.Skills, s)
}

// languageGroup tells whether a group within the skills holds spoken languages.
func languageGroup(name, rest string) bool {
	if k, _ := headingKind(name); k != languages && !fluencyWords.MatchString(plain(name)) {
		return false
	}
	n := 0
	items := splitList(rest)
	for _, it := range items {
		if tongueOf(it) != "" {
			n++
		}
	}
	return n*2 > len(items)
}

// tongueOf finds the language that a text begins with, as the text spells it.
func tongueOf(s string) string {
	fields := strings.Fields(s)
	for n := min(3, len(fields)); n > 0; n-- {
		name := strings.Trim(strings.Join(fields[:n], " "), " ,:;()-–*•")
		if tongues()[plain(name)] {
			return name
		}
	}
	return ""
}

func (p *parse) languageList(text string, r row) {
	for _, item := range splitList(text) {
		if name := tongueOf(item); name != "" {
			p.addLanguage(name, strings.TrimPrefix(item, name), r)
		}
	}
}

func (p *parse) addLanguage(name, fluency string, r row) {
	for _, l := range p.resume.Languages {
		if plain(l.Language) == plain(name) {
			return
		}
	}
	p.from(pointer("languages", len(p.resume.Languages), "language"), r, name, .95)
	p.resume.Languages = append(p.resume.Languages, Language{Language: name, Fluency: strings.Trim(fluency, " ()–-:,\t|·•")})
}

// languages reads a section of languages: each with its fluency behind it, in
// brackets, in the next cell or in the next row.
func (p *parse) languages(rows []row) {
	for i := range rows {
		r := &rows[i]
		cells := r.cells()
		added := false
		if name := tongueOf(cells[0]); name != "" && len(cells) > 1 && tongueOf(cells[1]) == "" {
			p.addLanguage(name, strings.TrimPrefix(cells[0], name)+" "+cells[1], *r)
			continue
		}
		for _, cell := range cells {
			if label, rest, ok := strings.Cut(cell, ":"); ok && tongueOf(label) == "" {
				// "Native: English, German"
				for _, item := range splitList(rest) {
					if name := tongueOf(item); name != "" {
						p.addLanguage(name, label, *r)
						added = true
					}
				}
				continue
			}
			for _, item := range splitList(strings.ReplaceAll(cell, ") ", "), ")) {
				if name := tongueOf(item); name != "" && len(strings.Fields(item)) <= 8 {
					p.addLanguage(name, strings.TrimPrefix(item, name), *r)
					added = true
				} else if n := len(p.resume.Languages); added && n > 0 && p.resume.Languages[n-1].Fluency == "" && fluencyWords.MatchString(plain(item)) {
					p.resume.Languages[n-1].Fluency = item
				}
			}
		}
		if n := len(p.resume.Languages); !added && n > 0 && p.resume.Languages[n-1].Fluency == "" && fluencyWords.MatchString(plain(r.text)) {
			p.resume.Languages[n-1].Fluency = strings.Trim(r.text, "() ")
		}
	}
}

func (p *parse) interests(rows []row) {
	for i := range rows {
		r := &rows[i]
		if name, rest, ok := skillGroup(r.text); ok && !isSentence(name) {
			p.from(pointer("interests", len(p.resume.Interests)), *r, "", .8)
			p.resume.Interests = append(p.resume.Interests, Interest{Name: name, Keywords: splitList(rest)})
			continue
		}
		for _, item := range splitList(r.text) {
			p.from(pointer("interests", len(p.resume.Interests)), *r, item, .8)
			p.resume.Interests = append(p.resume.Interests, Interest{Name: item})
		}
	}
}

package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// Explain scores one pair and quotes what the score rests on. The posting need
// not be in the index, which only tells how common terms are; with the same
// index the score is that of [Index.Match], but for the rounding of vectors.
func (x *Index) Explain(r *Resume, p *Posting) Explanation {
	person := read(x.tax, r)
	d, found := compile(x.tax, p)
	out := Explanation{Rejected: person.rejected(&d.Facts)}
	x.mu.RLock()
	q := x.frequencies.query(person.terms)
	x.mu.RUnlock()
	out.Parts = person.pair(x.tax, &d, &q, documentText(p))
	if len(out.Rejected) == 0 {
		out.Score = out.Parts.score()
	}
	for _, w := range d.Skills {
		share := skillShare * skillWeight(x.tax, w.Skill, w.Need) / d.Total
		reason := Reason{Skill: w.Skill, Has: w.Skill, Kind: SameSkill, Posting: found.quote[w.Skill], Weight: share}
		if h, ok := person.skills[w.Skill]; ok {
			reason.Years, reason.Resume = h.years, h.quote
		} else if from, ok := person.implied[w.Skill]; ok {
			reason.Kind, reason.Has, reason.Weight = ImpliedSkill, from, share*impliedWorth
			reason.Years, reason.Resume = person.skills[from].years, person.skills[from].quote
		} else {
			gap := Gap{Skill: w.Skill, Required: w.Need >= mentioned, Posting: found.quote[w.Skill]}
			from, ok := person.near[w.Skill]
			if !ok {
				out.Missing = append(out.Missing, gap)
				continue
			}
			gap.Close = []taxonomy.Ref{from}
			out.Missing = append(out.Missing, gap)
			reason.Kind, reason.Has, reason.Weight = CloseSkill, from, share*nearWorth
			reason.Years, reason.Resume = person.skills[from].years, person.skills[from].quote
		}
		out.Reasons = append(out.Reasons, reason)
	}
	out.Reasons = append(out.Reasons, person.titleReasons(&d, p, out.Parts)...)
	slices.SortStableFunc(out.Reasons, func(a, b Reason) int { return cmp.Compare(b.Weight, a.Weight) })
	slices.SortStableFunc(out.Missing, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(found.need[b.Skill], found.need[a.Skill]), cmp.Compare(a.Posting.Start, b.Posting.Start))
	})
	out.Notes = notes(r, p, &d.Facts)
	return out
}

// titleReasons quotes the titles and levels that agree.
func (p *person) titleReasons(d *document, posting *Posting, parts Parts) []Reason {
	const worthSaying = .5
	if len(p.titles) == 0 || posting.Title == "" {
		return nil
	}
	there := Quote{Field: "title", End: len(posting.Title), Text: posting.Title, Context: posting.Title}
	best := 0
	for i, t := range p.titles {
		if t.Known && d.Known && t.Occupation == d.Occupation {
			best = i
			break
		}
	}
	title := p.resume.Titles[best]
	here := Quote{Field: index("titles", best), End: len(title), Text: title, Context: title}
	var out []Reason
	if parts.Title >= worthSaying {
		out = append(out, Reason{Kind: SameTitle, Resume: here, Posting: there, Weight: parts.Title * titleShare})
	}
	if parts.Level == 1 && p.titles[0].Seniority == d.Seniority {
		first := p.resume.Titles[0]
		here = Quote{Field: "titles[0]", End: len(first), Text: first, Context: first}
		out = append(out, Reason{Kind: SameLevel, Resume: here, Posting: there})
	}
	return out
}

// notes are what no score can tell.
func notes(r *Resume, p *Posting, f *facts) []string {
	var out []string
	w := &r.Wishes
	switch {
	case w.Pay.Amount > 0 && f.Pay.Amount == 0:
		out = append(out, "The posting does not state its pay.")
	case w.Pay.Amount > 0 && !strings.EqualFold(w.Pay.Currency, f.Pay.Currency):
		out = append(out, fmt.Sprintf("Pay is in %s, your wish in %s; the two were not compared.", f.Pay.Currency, w.Pay.Currency))
	}
	if len(w.Permits) > 0 && f.Sponsors == Unknown && len(f.Places) > 0 && f.Places[0].Country != "" && !contains(w.Permits, f.Places[0].Country) {
		out = append(out, fmt.Sprintf("You need a visa for %s; the posting does not say whether the company sponsors one.", f.Places[0].Country))
	}
	for _, l := range p.Languages {
		if len(r.Languages) > 0 && !slices.ContainsFunc(r.Languages, func(own string) bool { return base(own) == base(l) }) {
			out = append(out, fmt.Sprintf("The posting asks for the language %q, which your resume does not name.", l))
		}
	}
	if r.Education > 0 && p.Education > r.Education {
		out = append(out, "The posting asks for a higher degree than your resume names.")
	}
	return out
}

// base is the language of a BCP 47 tag: "en" of "en-GB".
func base(tag string) string {
	tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
	return tag
}

// index names an element of a list.
func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// contextReach is how far the context of a quote goes to either side, in bytes.
const contextReach = 120

// quote cuts a span out of a field, with the sentence or line around it.
func quote(field, text string, start, end int) Quote {
	from, to := start, end
	for from > 0 && start-from < contextReach && text[from-1] != '\n' && (!strings.ContainsRune(".!?", rune(text[from-1])) || text[from] != ' ') {
		from--
	}
	for to < len(text) && to-end < contextReach && text[to] != '\n' {
		to++
		if strings.ContainsRune(".!?", rune(text[to-1])) && (to == len(text) || text[to] == ' ' || text[to] == '\n') {
			break
		}
	}
	for from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return Quote{Field: field, Start: start, End: end, Text: text[start:end], Context: strings.TrimFunc(text[from:to], unicode.IsSpace)}
}

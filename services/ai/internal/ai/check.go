package ai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// What is checked of every answer, whoever gave it.

// quoted tells whether a source is a passage of the request: its quote stands,
// word for word, in the value at its pointer.
func quoted(s Source, documents map[string][]passage) bool {
	if s.Quote == "" {
		return false
	}
	for _, p := range documents[s.Document] {
		if p.pointer == s.Pointer && strings.Contains(p.text, s.Quote) {
			return true
		}
	}
	return false
}

func documents(r *Resume, j *Posting, profile, answers []Fact) map[string][]passage {
	return map[string][]passage{
		"resume": resumePassages(r), "job": jobPassages(j),
		"profile": factPassages("profile", profile), "answers": factPassages("answers", answers),
	}
}

func allQuoted(list []Source, documents map[string][]passage) bool {
	return !slices.ContainsFunc(list, func(s Source) bool { return !quoted(s, documents) })
}

// tooMany refuses an answer of which a third or more had to be dropped: what is
// left of it is not what the engine meant to say.
func tooMany(dropped, all int) error {
	if dropped > 0 && dropped*3 >= all {
		return fmt.Errorf("%w: %d of %d statements are not supported", ErrRefused, dropped, all)
	}
	return nil
}

// checkLetter drops sentences that claim what the texts do not say. The greeting
// may name the recipient, the last lines the applicant.
func checkLetter(q *LetterRequest, l *Letter) (int, error) {
	f := newFacts(q.Resume, q.Job)
	docs := documents(q.Resume, q.Job, nil, nil)
	for _, w := range words(label(q.Recipient, 100)) {
		f.named[stem(w.text)] = true
	}
	stated := 0 // beside the name under the letter, which is ours
	for i := range l.Paragraphs {
		kept := l.Paragraphs[i].Sentences[:0]
		for _, s := range l.Paragraphs[i].Sentences {
			s.Text = strings.TrimSpace(s.Text)
			if s.Text == "" || utf8.RuneCountInString(s.Text) > 1000 || strings.ContainsAny(s.Text, "\n\r<>") || instructs(s.Text) ||
				!allQuoted(s.Sources, docs) || len(f.unsupported(s.Text)) > 0 {
				l.Dropped++
				continue
			}
			if len(s.Sources) > 0 && s.Sources[0].Pointer != "/basics/name" {
				stated++
			}
			kept = append(kept, s)
		}
		l.Paragraphs[i].Sentences = kept
	}
	l.Paragraphs = slices.DeleteFunc(l.Paragraphs, func(p Paragraph) bool { return len(p.Sentences) == 0 })
	if stated == 0 {
		return l.Dropped, fmt.Errorf("%w: a letter without a statement", ErrRefused)
	}
	return l.Dropped, tooMany(l.Dropped, stated+l.Dropped)
}

// checkSuggestions drops suggestions at no place of the resume, or whose new text
// claims what the resume does not say: for those the posting supports nothing.
func checkSuggestions(q *OptimizeRequest, list *[]Suggestion) (int, error) {
	f := newFacts(q.Resume, nil)
	docs := documents(q.Resume, q.Job, nil, nil)
	at := map[string]string{}
	for _, p := range docs["resume"] {
		at[p.pointer] = p.text
	}
	all := len(*list)
	*list = slices.DeleteFunc(*list, func(s Suggestion) bool {
		before, exists := at[s.Pointer]
		switch {
		case !allQuoted(s.Sources, docs), instructs(s.After), instructs(s.Reason), addresses.MatchString(s.Reason), strings.ContainsAny(s.After+s.Reason, "<>"):
			return true
		case s.Before != "" && (!exists || !strings.Contains(before, s.Before)):
			return true
		}
		switch s.Operation {
		case "replace":
			return !exists || s.After == "" || s.After == before || len(f.unsupported("I: "+s.After)) > 0
		case "add":
			skill, known := taxonomy.Load().Lookup(s.After)
			return s.Pointer != "/skills/-" || s.After == "" || known && !f.mine.skills[skill.Ref] || !known && len(f.unsupported("I: "+s.After)) > 0
		case "remove":
			return !exists || s.After != ""
		}
		return s.After != ""
	})
	return all - len(*list), tooMany(all-len(*list), max(all, 1))
}

// checkQuestions drops questions that rest on nothing: their skill must be one
// that the posting or the resume names.
func checkQuestions(q *QuestionsRequest, list *[]Question) (int, error) {
	docs := documents(q.Resume, q.Job, nil, nil)
	f := newFacts(q.Resume, q.Job)
	t := taxonomy.Load()
	all := len(*list)
	seen := map[string]bool{}
	*list = slices.DeleteFunc(*list, func(x Question) bool {
		text := x.Question + " " + x.Why + " " + strings.Join(x.GoodAnswer, " ")
		if strings.TrimSpace(x.Question) == "" || seen[x.Question] || !allQuoted(x.Sources, docs) || instructs(text) || addresses.MatchString(text) || strings.ContainsAny(text, "<>") {
			return true
		}
		seen[x.Question] = true
		for _, h := range t.Find(x.Question) {
			if t.Skill(h.Skill).Group.Technical() && !f.theirs.skills[h.Skill] && !f.mine.skills[h.Skill] {
				return true
			}
		}
		if s, ok := t.Lookup(x.Skill); ok && !f.theirs.skills[s.Ref] && !f.mine.skills[s.Ref] {
			return true
		}
		for _, n := range numbers(x.Question) { // a figure that is quoted has to be right
			if x.Kind == "resume" && !f.mine.numbers[n] {
				return true
			}
		}
		return false
	})
	if q.Count > 0 && len(*list) > q.Count {
		*list = (*list)[:q.Count]
	}
	dropped := all - len(*list)
	if all > q.Count {
		dropped = max(0, dropped-(all-q.Count))
	}
	return dropped, tooMany(dropped, max(all, 1))
}

// checkExtracted drops fields whose passage the text does not have, and values
// that their passages do not bear out.
func checkExtracted(j *ExtractedJob, text string) (dropped int, err error) {
	if j.Text != text {
		return 0, fmt.Errorf("%w: another text", ErrRefused)
	}
	runes := []rune(text)
	stands := func(s *Source) bool {
		return s != nil && s.Document == "job" && s.Pointer == "/text" && s.Start != nil && s.End != nil && *s.Start >= 0 && *s.Start < *s.End &&
			*s.End <= len(runes) && string(runes[*s.Start:*s.End]) == s.Quote && !instructs(s.Quote)
	}
	all := 0
	keep := func(present, ok bool) bool {
		if present {
			all++
			if !ok {
				dropped++
			}
		}
		return present && ok
	}
	if !keep(j.Title != nil, j.Title != nil && (j.Title.Source == nil || stands(j.Title.Source) && strings.Contains(normal(j.Title.Source.Quote), normal(j.Title.Value)))) {
		j.Title = nil
	}
	if !keep(j.CompanyName != nil, j.CompanyName != nil && (j.CompanyName.Source == nil || stands(j.CompanyName.Source) && strings.Contains(normal(j.CompanyName.Source.Quote), normal(j.CompanyName.Value)))) {
		j.CompanyName = nil
	}
	for _, field := range []**Extracted[string]{&j.Seniority, &j.EmploymentType, &j.Remote, &j.Education} {
		known := *field != nil && (*field).Source == nil && (field == &j.Seniority || field == &j.Remote) // of a title that the caller knew
		if !keep(*field != nil, *field != nil && (known || stands((*field).Source))) {
			*field = nil
		}
	}
	if !keep(j.VisaSponsorship != nil, j.VisaSponsorship != nil && stands(j.VisaSponsorship.Source)) {
		j.VisaSponsorship = nil
	}
	if !keep(j.Salary != nil, j.Salary != nil && stands(j.Salary.Source) && bearsOut(j.Salary.Source.Quote, j.Salary.Value.Min, j.Salary.Value.Max)) {
		j.Salary = nil
	}
	if !keep(j.ExperienceYears != nil, j.ExperienceYears != nil && stands(&j.ExperienceYears.Source) &&
		bearsOut(j.ExperienceYears.Source.Quote, j.ExperienceYears.Min, j.ExperienceYears.Max)) {
		j.ExperienceYears = nil
	}
	t := taxonomy.Load()
	j.Skills = slices.DeleteFunc(j.Skills, func(s ExtractedSkill) bool {
		ok := stands(&s.Source)
		if quote, known := t.Lookup(s.Source.Quote); ok && known {
			name, same := t.Lookup(s.Name)
			ok = same && name.Ref == quote.Ref
		} else if ok {
			ok = strings.Contains(normal(s.Source.Quote), normal(s.Name))
		}
		return !keep(true, ok)
	})
	j.Languages = slices.DeleteFunc(j.Languages, func(l ExtractedLanguage) bool {
		re := languagePatterns[l.Language]
		return !keep(true, stands(&l.Source) && re != nil && re.MatchString(l.Source.Quote))
	})
	j.Benefits = slices.DeleteFunc(j.Benefits, func(b Extracted[string]) bool {
		return !keep(true, stands(b.Source) && strings.Contains(normal(b.Source.Quote), normal(b.Value)))
	})
	return dropped, tooMany(dropped, max(all, 1))
}

// bearsOut tells whether a passage has the amounts, in full or in thousands.
func bearsOut(quote string, amounts ...float64) bool {
	have := numbers(quote)
	for _, a := range amounts {
		full, thousands := strconv.FormatFloat(a, 'f', -1, 64), strconv.FormatFloat(a/1000, 'f', -1, 64)
		if a != 0 && !slices.Contains(have, full) && !slices.Contains(have, thousands) {
			return false
		}
	}
	return true
}

// checkAnswer refuses answers that guess: without a source, to a sensitive
// question without the applicant's own words, or of no option.
func checkAnswer(q *AnswerRequest, a *FormAnswer) (int, error) {
	refuse := func(why string) (int, error) { return 1, fmt.Errorf("%w: %s", ErrRefused, why) }
	a.Kind = kindOf(q) // ours, whatever the engine thinks
	if a.Answer == nil {
		a.Confidence, a.Sources, a.Selected = 0, []Source{}, nil
		if a.Reason == "answered" {
			a.Reason = "unknown"
		}
		return 0, nil
	}
	docs := documents(q.Resume, q.Job, q.Profile, q.Answers)
	if len(a.Sources) == 0 || !allQuoted(a.Sources, docs) {
		return refuse("an answer without a source")
	}
	own := given(q, true)
	if sensitive[a.Kind] {
		if own == nil || !slices.ContainsFunc(a.Sources, func(s Source) bool {
			return s.Pointer == own.sources[0].Pointer && s.Document == own.sources[0].Document
		}) {
			return refuse("a sensitive question, and the applicant did not answer it")
		}
		expected := &FormAnswer{}
		fit(expected, q, own)
		if expected.Answer == nil || *expected.Answer != *a.Answer || !slices.Equal(expected.Selected, a.Selected) {
			return refuse("not the applicant's own answer")
		}
	}
	if q.MaxLength > 0 && utf8.RuneCountInString(*a.Answer) > q.MaxLength {
		return refuse("too long")
	}
	if len(q.Options) > 0 {
		if !slices.Contains(q.Options, *a.Answer) || slices.ContainsFunc(a.Selected, func(s string) bool { return !slices.Contains(q.Options, s) }) || len(a.Selected) > 0 && !q.Multiple {
			return refuse("not one of the options")
		}
		return 0, nil
	}
	whole := slices.ContainsFunc(a.Sources, func(s Source) bool { return s.Quote == *a.Answer })
	if !whole {
		if instructs(*a.Answer) {
			return refuse("words to a machine")
		}
		f := newFacts(q.Resume, q.Job, append(slices.Clone(q.Profile), q.Answers...)...)
		for _, n := range derivedYears(q) {
			f.mine.numbers[n] = true
		}
		own := slices.ContainsFunc(a.Sources, func(s Source) bool { return strings.Contains(*a.Answer, s.Quote) && s.Document != "job" })
		for line := range strings.FieldsFuncSeq(*a.Answer, func(r rune) bool { return r == '\n' }) {
			for _, sentence := range sentences(line) {
				if bad := f.unsupported("I: " + sentence); len(bad) > 0 && (!own || !containsAny(docs, sentence)) {
					return refuse("claims " + strconv.Itoa(len(bad)) + " things that nothing says")
				}
			}
		}
	}
	return 0, nil
}

// derivedYears are the years of work that can be counted from the resume's dates:
// of each job, and of all together (which newFacts has).
func derivedYears(q *AnswerRequest) (out []string) {
	if q.Resume == nil || kindOf(q) != "experience_years" {
		return nil
	}
	b := &Builtin{}
	if f := yearsAnswer(q, b); f != nil {
		out = append(out, f.value)
	}
	return out
}

func containsAny(docs map[string][]passage, text string) bool {
	for _, document := range []string{"resume", "profile", "answers"} {
		for _, p := range docs[document] {
			if strings.Contains(p.text, text) {
				return true
			}
		}
	}
	return false
}

// sentences splits a text at the ends of sentences, roughly: after a full stop, a
// question or an exclamation mark with a space and a capital behind it.
func sentences(text string) (out []string) {
	runes, begin := []rune(text), 0
	for i := 0; i+2 < len(runes); i++ {
		if strings.ContainsRune(".!?", runes[i]) && runes[i+1] == ' ' && strings.ToUpper(string(runes[i+2])) == string(runes[i+2]) {
			out = append(out, strings.TrimSpace(string(runes[begin:i+1])))
			begin = i + 1
		}
	}
	if rest := strings.TrimSpace(string(runes[begin:])); rest != "" {
		out = append(out, rest)
	}
	return out
}

// checkVectors refuses vectors of the wrong number or shape.
func checkVectors(n int, vectors [][]float32) (int, error) {
	if len(vectors) != n {
		return 0, fmt.Errorf("%w: %d vectors for %d texts", ErrRefused, len(vectors), n)
	}
	for _, v := range vectors {
		if len(v) == 0 || len(v) != len(vectors[0]) || len(v) > 8192 {
			return 0, fmt.Errorf("%w: vectors of different lengths", ErrRefused)
		}
	}
	return 0, nil
}

// size is about how many characters a request sends to a provider.
func size(request any) int {
	raw, err := json.Marshal(request)
	if err != nil {
		return 0
	}
	return len(raw)
}

package ai

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

const (
	maxHighlightWords = 40
	maxSummaryWords   = 110
	gapMonths         = 6
	maxQuantify       = 5 // hints; a resume in which every line has a number is no better
)

// reasons of suggestions, by language.
var reasons = map[string]map[string]string{
	"en": { //nolint:gosec // wordings, no credentials
		"keyword": "The posting asks for %s. “%s” shows it, the list of skills does not name it.",
		"name":    "The posting writes %s; “%s” in your resume means the same and may not be found.",
		"weak":    "“%s” says what you were there for, not what you did. Begin with what you did.",
		"passive": "“%s” leaves open who did it. Say what you did.",
		"number":  "No number says how much or how many. If you know one (people, time, money, share), add it.",
		"long":    "%d words are more than is read at a glance. Keep what was achieved, in at most %d.",
		"twice":   "This line says what %s says already.",
		"gap":     "Between %s and %s the resume says nothing for %d months. A line about it answers the question before it is asked.",
		"contact": "The resume has no %s.",
		"section": "The resume has no %s.",
		"order":   "The posting asks for %s. This line shows it and stands in place %d; move it to the top of the entry.",
		"email":   "e-mail address", "phone": "telephone number", "name_": "name", "location": "place",
		"work": "work experience", "education": "education", "skills": "list of skills",
	},
	"de": { //nolint:gosec // wordings, no credentials
		"keyword": "Die Ausschreibung verlangt %s. „%s“ belegt es, die Liste der Kenntnisse nennt es nicht.",
		"name":    "Die Ausschreibung schreibt %s; „%s“ im Lebenslauf meint dasselbe und wird vielleicht nicht gefunden.",
		"weak":    "„%s“ sagt, wozu Sie da waren, nicht, was Sie getan haben. Beginnen Sie mit dem, was Sie getan haben.",
		"passive": "„%s“ lässt offen, wer es getan hat. Sagen Sie, was Sie getan haben.",
		"number":  "Keine Zahl sagt, wie viel. Wenn Sie eine kennen (Personen, Zeit, Geld, Anteil), ergänzen Sie sie.",
		"long":    "%d Wörter sind mehr, als auf einen Blick gelesen wird. Behalten Sie das Erreichte, in höchstens %d.",
		"twice":   "Diese Zeile sagt, was %s schon sagt.",
		"gap":     "Zwischen %s und %s sagt der Lebenslauf %d Monate lang nichts. Eine Zeile dazu beantwortet die Frage, bevor sie gestellt wird.",
		"contact": "Im Lebenslauf fehlt: %s.",
		"section": "Im Lebenslauf fehlt: %s.",
		"order":   "Die Ausschreibung verlangt %s. Diese Zeile belegt es und steht an Stelle %d; stellen Sie sie an den Anfang des Eintrags.",
		"email":   "E-Mail-Adresse", "phone": "Telefonnummer", "name_": "Name", "location": "Ort",
		"work": "Berufserfahrung", "education": "Ausbildung", "skills": "Liste der Kenntnisse",
	},
}

var (
	weakStart = regexp.MustCompile(`(?i)^(was |were |am |is )?(responsible for|in charge of|tasked with|charged with|duties (included?|were)|responsibilities (included?|were)|involved in|participated in|took part in|assisted (with|in)|helped( to| with)?|worked on|worked with|handled|dealt with|zuständig für|verantwortlich für|mitarbeit (an|bei)|mithilfe bei|unterstützung bei|beteiligt an|tätig in)\b\s*`)
	// sameMeaning are beginnings after which a gerund can become the verb itself
	// without claiming more.
	sameMeaning = regexp.MustCompile(`(?i)^(was |were )?(responsible for|in charge of|tasked with|charged with)\s+`)
	passive     = regexp.MustCompile(`(?i)\b(was|were|been|being) (\p{L}+ed|built|made|done|given|written|taken|chosen|led|held|cut|set|run|driven|found|brought)\b|\b(wurde|wurden) \p{L}+(?: \p{L}+){0,6}? (ge\p{L}+|\p{L}+iert)\b`)
	irregular   = map[string]string{
		"building": "Built", "leading": "Led", "writing": "Wrote", "running": "Ran", "driving": "Drove", "making": "Made", "taking": "Took", "giving": "Gave",
		"setting": "Set", "keeping": "Kept", "selling": "Sold", "teaching": "Taught", "bringing": "Brought", "cutting": "Cut", "finding": "Found", "growing": "Grew",
		"overseeing": "Oversaw", "buying": "Bought", "sending": "Sent", "choosing": "Chose", "speaking": "Spoke", "drawing": "Drew", "meeting": "Met", "holding": "Held",
		"putting": "Put", "rebuilding": "Rebuilt", "rewriting": "Rewrote", "winning": "Won", "feeding": "Fed", "dealing": "Dealt", "understanding": "Understood", "undertaking": "Undertook",
	}
)

// Optimize goes through the resume with rules; each gives a place, a reason and
// what it rests on, and a new text only where the old one has all of its words.
func (b *Builtin) Optimize(_ context.Context, q *OptimizeRequest) ([]Suggestion, Spent, error) {
	o := optimizer{r: q.Resume, text: reasons[q.Language], language: q.Language}
	o.contact()
	o.keywords(q.Job)
	all, _ := safePassages(resumePassages(q.Resume))
	var bullets []passage
	for _, p := range all {
		switch {
		case strings.Contains(p.pointer, "/highlights/"):
			bullets = append(bullets, p)
			o.line(p, maxHighlightWords)
		case strings.HasSuffix(p.pointer, "/summary"), strings.HasSuffix(p.pointer, "/description"):
			o.line(p, maxSummaryWords)
		}
	}
	o.quantify(bullets)
	o.duplicates(bullets)
	o.gaps()
	o.order(bullets, q.Job)
	slices.SortStableFunc(o.out, func(a, b Suggestion) int {
		levels := []string{"major", "minor", "hint"}
		return cmp.Compare(slices.Index(levels, a.Severity), slices.Index(levels, b.Severity))
	})
	return o.out[:min(len(o.out), 200)], Spent{}, nil
}

type optimizer struct {
	r        *Resume
	text     map[string]string
	language string
	out      []Suggestion
}

func (o *optimizer) add(s Suggestion) {
	if s.Sources == nil {
		s.Sources = []Source{}
	}
	s.ID = idOf(s.Kind, s.Pointer, s.Before, s.After)
	o.out = append(o.out, s)
}

// contact finds what a reader needs to answer, and sections that are expected.
func (o *optimizer) contact() {
	b := o.r.Basics
	for _, f := range []struct{ pointer, value, name, severity string }{
		{"/basics/name", b.Name, "name_", "major"}, {"/basics/email", b.Email, "email", "major"}, {"/basics/phone", b.Phone, "phone", "minor"},
	} {
		if strings.TrimSpace(f.value) == "" {
			o.add(Suggestion{Kind: "missing_contact", Severity: f.severity, Pointer: f.pointer, Operation: "advise", Reason: fmt.Sprintf(o.text["contact"], o.text[f.name])})
		}
	}
	if l := b.Location; l == nil || l.City == "" && l.Region == "" && l.CountryCode == "" {
		o.add(Suggestion{Kind: "missing_contact", Severity: "hint", Pointer: "/basics/location", Operation: "advise", Reason: fmt.Sprintf(o.text["contact"], o.text["location"])})
	}
	for _, s := range []struct {
		name  string
		empty bool
	}{{"work", len(o.r.Work) == 0 && len(o.r.Projects) == 0}, {"education", len(o.r.Education) == 0}, {"skills", len(o.r.Skills) == 0}} {
		if s.empty {
			o.add(Suggestion{Kind: "missing_section", Severity: "minor", Pointer: "/" + s.name, Operation: "advise", Reason: fmt.Sprintf(o.text["section"], o.text[s.name])})
		}
	}
}

// keywords finds skills that the posting asks for and the resume shows, but not
// where, or not as, a reader or a filter looks for them.
func (o *optimizer) keywords(j *Posting) {
	t := taxonomy.Load()
	have := shownSkills(o.r)
	listed := map[taxonomy.Ref]Source{}
	passages, _ := safePassages(resumePassages(o.r))
	for _, p := range passages {
		if !strings.HasPrefix(p.pointer, "/skills/") || strings.HasSuffix(p.pointer, "/level") {
			continue
		}
		if s, ok := t.Lookup(p.text); ok {
			listed[s.Ref] = p.source()
		}
		for _, h := range t.Find(p.text) {
			listed[h.Skill] = p.quote(h.Start, h.End)
		}
	}
	for _, s := range wantedSkills(j) {
		evidence := have[s.ref]
		written, inList := listed[s.ref]
		severity := map[string]string{"required": "major", "nice_to_have": "minor"}[s.requirement]
		switch {
		case len(evidence) == 0 || severity == "":
		case !inList:
			o.add(Suggestion{
				Kind: "missing_keyword", Severity: severity, Pointer: "/skills/-", Operation: "add", After: s.label,
				Reason: fmt.Sprintf(o.text["keyword"], s.label, clip(evidence[0].Quote, 120)), Sources: []Source{s.source, evidence[0]},
			})
		case !strings.EqualFold(written.Quote, s.source.Quote) && !strings.Contains(strings.ToLower(written.Quote), strings.ToLower(s.source.Quote)):
			o.add(Suggestion{
				Kind: "missing_keyword", Severity: "hint", Pointer: written.Pointer, Operation: "advise", Before: written.Quote,
				Reason: fmt.Sprintf(o.text["name"], s.source.Quote, written.Quote), Sources: []Source{s.source, written},
			})
		}
	}
}

// line looks at the wording of one line.
func (o *optimizer) line(p passage, most int) {
	s := Suggestion{Pointer: p.pointer, Before: p.text, Operation: "advise", Sources: []Source{p.source()}}
	if m := weakStart.FindStringIndex(p.text); m != nil {
		s := s
		s.Kind, s.Severity, s.Reason = "weak_verb", "minor", fmt.Sprintf(o.text["weak"], strings.TrimSpace(p.text[:m[1]]))
		if after := active(p.text); after != "" {
			s.Operation, s.After = "replace", after
		}
		o.add(s)
	} else if m := passive.FindStringIndex(p.text); m != nil {
		s := s
		s.Kind, s.Severity, s.Reason = "passive_voice", "hint", fmt.Sprintf(o.text["passive"], p.text[m[0]:m[1]])
		o.add(s)
	}
	if n := len(strings.Fields(p.text)); n > most {
		s.Kind, s.Severity, s.Reason = "too_long", "minor", fmt.Sprintf(o.text["long"], n, most)
		o.add(s)
	}
}

// active is a line that began with "responsible for …ing" with the verb instead;
// empty when it cannot be said from its own words.
func active(text string) string {
	m := sameMeaning.FindStringIndex(text)
	if m == nil {
		return ""
	}
	first, rest, _ := strings.Cut(text[m[1]:], " ")
	verb := pastOf(strings.ToLower(first))
	if verb == "" || rest == "" || strings.Contains(strings.ToLower(rest), " and ") && regexp.MustCompile(`(?i)\band \p{L}+ing\b`).MatchString(rest) {
		return "" // a second gerund would be left behind
	}
	return verb + " " + rest
}

// pastOf is the past tense of an English gerund, with a capital; empty for what
// is none, or none that is known.
func pastOf(gerund string) string {
	if past, ok := irregular[gerund]; ok {
		return past
	}
	base, ok := strings.CutSuffix(gerund, "ing")
	if !ok || utf8.RuneCountInString(base) < 3 || !regularGerunds[gerund] {
		return ""
	}
	past := base + "ed"
	first, size := utf8.DecodeRuneInString(past)
	return string(unicode.ToUpper(first)) + past[size:]
}

// regularGerunds become past by -ed for -ing, whatever their base ends in.
var regularGerunds = set(false, `managing developing designing creating maintaining implementing supporting training planning coordinating organizing organising
	monitoring testing analyzing analysing improving reviewing preparing processing handling delivering deploying automating optimizing optimising migrating
	operating administering documenting researching supervising scheduling tracking launching mentoring coaching recruiting hiring onboarding negotiating
	advising auditing editing producing installing configuring troubleshooting integrating reducing increasing expanding establishing executing evaluating
	ensuring educating directing defining coding collecting compiling conducting consulting controlling cooking cleaning caring assembling assessing assigning
	answering arranging updating validating verifying presenting programming publishing repairing reporting resolving securing serving shipping simplifying
	solving streamlining transforming translating inspecting interviewing inventing ordering packing performing promoting purchasing replacing scaling sourcing`)

// quantify hints at lines of the latest jobs that have no number.
func (o *optimizer) quantify(bullets []passage) {
	n := 0
	for _, p := range bullets {
		if n == maxQuantify || !strings.HasPrefix(p.pointer, "/work/") {
			return
		}
		if len(numbers(p.text)) > 0 || len(strings.Fields(p.text)) < 5 {
			continue
		}
		n++
		o.add(Suggestion{Kind: "quantify", Severity: "hint", Pointer: p.pointer, Operation: "advise", Before: p.text, Reason: o.text["number"], Sources: []Source{p.source()}})
	}
}

// duplicates finds lines that say again what one before says.
func (o *optimizer) duplicates(bullets []passage) {
	sets := make([]map[string]bool, len(bullets))
	for i, p := range bullets[:min(len(bullets), 300)] {
		sets[i] = map[string]bool{}
		for _, w := range words(p.text) {
			if !stopword[w.text] {
				sets[i][stem(w.text)] = true
			}
		}
		for _, n := range numbers(p.text) {
			sets[i][n] = true
		}
		for j := range i {
			if len(sets[i]) >= 3 && similarity(sets[i], sets[j]) >= .85 {
				o.add(Suggestion{
					Kind: "duplicate", Severity: "minor", Pointer: p.pointer, Operation: "remove", Before: p.text,
					Reason: fmt.Sprintf(o.text["twice"], bullets[j].pointer), Sources: []Source{bullets[j].source(), p.source()},
				})
				break
			}
		}
	}
}

// similarity of two sets is what they share of what they have together (Jaccard).
func similarity(a, b map[string]bool) float64 {
	shared := 0
	for k := range a {
		if b[k] {
			shared++
		}
	}
	if all := len(a) + len(b) - shared; all > 0 {
		return float64(shared) / float64(all)
	}
	return 0
}

// gaps finds months between two entries of work or education of which nothing is
// said.
func (o *optimizer) gaps() {
	type entry struct {
		from, until month
		open        bool
		source      Source
		end         string
	}
	var list []entry
	add := func(pointer, start, end string) {
		from := monthOf(start, false)
		if from == 0 {
			return
		}
		e := entry{from: from, until: monthOf(end, true), open: end == "", end: end, source: Source{Document: "resume", Pointer: pointer + "/startDate", Quote: start}}
		list = append(list, e)
	}
	for i, w := range o.r.Work {
		add("/work/"+strconv.Itoa(i), w.StartDate, w.EndDate)
	}
	for i, e := range o.r.Education {
		add("/education/"+strconv.Itoa(i), e.StartDate, e.EndDate)
	}
	for i, v := range o.r.Volunteer {
		add("/volunteer/"+strconv.Itoa(i), v.StartDate, v.EndDate)
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.from, b.from) })
	end := entry{}
	for i, e := range list {
		if i > 0 && !end.open && end.until > 0 && e.from-end.until-1 >= gapMonths {
			o.add(Suggestion{
				Kind: "date_gap", Severity: "minor", Pointer: e.source.Pointer, Operation: "advise",
				Reason: fmt.Sprintf(o.text["gap"], end.end, e.source.Quote, int(e.from-end.until-1)), Sources: []Source{end.source, e.source},
			})
		}
		if i == 0 || e.open || !end.open && e.until > end.until {
			end = e
		}
	}
}

// order finds lines that show what the posting asks for and stand behind others
// of their entry that do not.
func (o *optimizer) order(bullets []passage, j *Posting) {
	asked := map[taxonomy.Ref]string{}
	for _, s := range wantedSkills(j) {
		if s.requirement == "required" {
			asked[s.ref] = s.label
		}
	}
	if len(asked) == 0 {
		return
	}
	t := taxonomy.Load()
	first := map[string]bool{} // entries whose first line shows something asked for
	moved := map[string]bool{}
	for _, p := range bullets {
		entry, place, _ := strings.Cut(p.pointer, "/highlights/")
		n, _ := strconv.Atoi(place)
		name := ""
		for _, h := range t.Find(p.text) {
			if l, ok := asked[h.Skill]; ok {
				name = l
			}
		}
		switch {
		case name != "" && n == 0:
			first[entry] = true
		case name != "" && n >= 2 && !first[entry] && !moved[entry]:
			moved[entry] = true
			o.add(Suggestion{
				Kind: "section_order", Severity: "hint", Pointer: p.pointer, Operation: "advise", Before: p.text,
				Reason: fmt.Sprintf(o.text["order"], name, n+1), Sources: []Source{p.source()},
			})
		}
	}
}

package ai

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// phrases are the sentence plans of a letter. %s are filled with words of resume
// and posting, nothing else.
type phrases struct {
	hello, helloFormal, helloWarm          string
	apply, applyAt, applyNone              []string
	now, nowAt, before, beforeAt           []string
	years                                  []string
	skills                                 []string
	done, quoted, quotedAt                 []string
	studied, studiedAt, studiedPlain       []string
	speak                                  []string
	interest                               []string
	close, closeWarm, closeFormal          []string
	farewell, farewellFormal, farewellWarm string
	colleague                              string
}

// all are the sentence plans in one list.
func (p *phrases) all() []string {
	return slices.Concat([]string{p.hello, p.helloFormal, p.helloWarm, p.farewell, p.farewellFormal, p.farewellWarm, p.colleague}, p.apply, p.applyAt, p.applyNone, p.now,
		p.nowAt, p.before, p.beforeAt, p.years, p.skills, p.done, p.quoted, p.quotedAt, p.studied, p.studiedAt, p.studiedPlain, p.speak, p.interest, p.close, p.closeWarm, p.closeFormal)
}

var letterPhrases = map[string]phrases{
	"en": {
		hello: "Dear %s,", helloFormal: "Dear %s,", helloWarm: "Hello %s,", colleague: "hiring team",
		apply:     []string{"I am applying for the position of %s.", "I would like to apply for the position of %s.", "With this letter I apply for the position of %s."},
		applyAt:   []string{"I am applying for the position of %s at %s.", "I would like to apply for the position of %s at %s.", "With this letter I apply for the position of %s at %s."},
		applyNone: []string{"I am applying for the position that you have advertised."},
		now:       []string{"I currently work as %s.", "At present I work as %s."},
		nowAt:     []string{"I currently work as %s at %s.", "At present I work as %s at %s."},
		before:    []string{"Most recently I worked as %s.", "In my last position I worked as %s."},
		beforeAt:  []string{"Most recently I worked as %s at %s.", "In my last position I worked as %s at %s."},
		years:     []string{"I bring %d years of work experience.", "My resume shows %d years of work experience."},
		skills:    []string{"You ask for %s; I have worked with this and can show it.", "Your posting asks for %s, which my resume shows.", "Of what you ask for, my work includes %s."},
		done:      []string{"At %s I %s.", "In my time at %s I %s."},
		quoted:    []string{"My resume says of this: “%s”.", "One example from my resume: “%s”."},
		quotedAt:  []string{"An example from my work at %s: “%s”.", "From my time at %s: “%s”."},
		studied:   []string{"My education includes %s in %s.", "Part of my background is %s in %s."}, studiedAt: []string{"My education includes %s in %s at %s.", "Part of my background is %s in %s at %s."},
		studiedPlain: []string{"Part of my background is my education at %s.", "My education includes my time at %s."},
		speak:        []string{"You ask for %s, which I speak (%s).", "I speak %s (%s), as you ask."},
		interest:     []string{"This is why the position interests me.", "I see a good match between this work and your position.", "I would like to bring this experience to your team."},
		close:        []string{"I would be glad to tell you more in an interview.", "I look forward to hearing from you.", "I would welcome the chance to discuss this in person."},
		closeWarm:    []string{"I would love to hear from you and to tell you more.", "I am very much looking forward to meeting you."},
		closeFormal:  []string{"I would appreciate the opportunity to discuss my application in an interview.", "Thank you for considering my application; I look forward to your reply."},
		farewell:     "Kind regards,", farewellFormal: "Yours sincerely,", farewellWarm: "Best regards,",
	},
	"de": {
		hello: "Guten Tag %s,", helloFormal: "Sehr geehrte Damen und Herren,", helloWarm: "Hallo %s,", colleague: "liebes Team",
		apply:     []string{"ich bewerbe mich um die Stelle „%s“.", "gern bewerbe ich mich um die Stelle „%s“.", "mit diesem Schreiben bewerbe ich mich um die Stelle „%s“."},
		applyAt:   []string{"ich bewerbe mich um die Stelle „%s“ bei %s.", "gern bewerbe ich mich um die Stelle „%s“ bei %s.", "mit diesem Schreiben bewerbe ich mich um die Stelle „%s“ bei %s."},
		applyNone: []string{"ich bewerbe mich um die ausgeschriebene Stelle."},
		now:       []string{"Derzeit arbeite ich als %s.", "Aktuell bin ich als %s tätig."},
		nowAt:     []string{"Derzeit arbeite ich als %s bei %s.", "Aktuell bin ich als %s bei %s tätig."},
		before:    []string{"Zuletzt habe ich als %s gearbeitet.", "Zuletzt war ich als %s tätig."},
		beforeAt:  []string{"Zuletzt habe ich als %s bei %s gearbeitet.", "Zuletzt war ich als %s bei %s tätig."},
		years:     []string{"Ich bringe %d Jahre Berufserfahrung mit.", "Mein Lebenslauf zeigt %d Jahre Berufserfahrung."},
		skills:    []string{"Sie suchen jemanden mit Kenntnissen in %s; damit habe ich gearbeitet.", "Zu Ihren Anforderungen gehören Kenntnisse in %s, die mein Lebenslauf zeigt.", "Von dem, was Sie suchen, umfasst meine Arbeit %s."},
		done:      nil, // an English past tense does not become a German sentence
		quoted:    []string{"Ein Beispiel aus meinem Lebenslauf: „%s“.", "In meinem Lebenslauf steht dazu: „%s“."},
		quotedAt:  []string{"Ein Beispiel aus meiner Arbeit bei %s: „%s“.", "Aus meiner Zeit bei %s: „%s“."},
		studied:   []string{"Zu meiner Ausbildung gehört: %s, %s."}, studiedAt: []string{"Zu meiner Ausbildung gehört: %s, %s, an der Einrichtung „%s“.", "Zu meinem Werdegang gehört: %s, %s, an der Einrichtung „%s“."},
		studiedPlain: []string{"Zu meinem Werdegang gehört die Ausbildung an der Einrichtung „%s“."},
		speak:        []string{"Sie suchen jemanden mit Kenntnissen in %s; meine Angabe dazu: %s."},
		interest:     []string{"Deshalb interessiert mich die Stelle.", "Diese Erfahrung möchte ich in Ihr Team einbringen.", "Darin sehe ich eine gute Grundlage für die Arbeit bei Ihnen."},
		close:        []string{"Gern erzähle ich Ihnen in einem Gespräch mehr.", "Ich freue mich auf Ihre Rückmeldung.", "Über die Gelegenheit zu einem Gespräch freue ich mich."},
		closeWarm:    []string{"Ich freue mich sehr darauf, von Ihnen zu hören.", "Ich freue mich darauf, Sie kennenzulernen."},
		closeFormal:  []string{"Über eine Einladung zu einem persönlichen Gespräch freue ich mich.", "Für Ihr Interesse danke ich Ihnen und freue mich auf Ihre Rückmeldung."},
		farewell:     "Viele Grüße", farewellFormal: "Mit freundlichen Grüßen", farewellWarm: "Herzliche Grüße",
	},
}

var errNothingToSay = errs.New(errs.Unprocessable, "resume_too_empty",
	"The resume has neither work, education nor skills that a letter could speak of. Fill in at least one of them.")

// Letter writes a letter from what the resume says about what the posting asks
// for: an opening, the latest job, the skills that both name, the highlights that
// show them, education and languages where asked for, a close.
func (b *Builtin) Letter(_ context.Context, q *LetterRequest) (*Letter, Spent, error) {
	ph := letterPhrases[q.Language]
	pick := newChooser(q.Seed, "letter")
	w := letterWriter{q: q, ph: ph, pick: pick}
	var p1, p2, p3, p4 Paragraph

	title, company := label(q.Job.Title, 120), label(q.Job.CompanyName, 120)
	at := func(pointer, quote string) []Source {
		return []Source{{Document: "job", Pointer: pointer, Quote: quote}}
	}
	switch {
	case title == "":
		p1.add(pick.of(ph.applyNone...))
	case company == "":
		p1.add(fmt.Sprintf(pick.of(ph.apply...), title), at("/title", q.Job.Title)...)
	default:
		p1.add(fmt.Sprintf(pick.of(ph.applyAt...), title, company), append(at("/title", q.Job.Title), at("/companyName", q.Job.CompanyName)...)...)
	}
	w.job(&p1, b)
	w.evidence(&p2)
	w.education(&p3)
	w.languages(&p3)
	if len(p1.Sentences) == 1 && len(p2.Sentences) == 0 && len(p3.Sentences) == 0 {
		return nil, Spent{}, errNothingToSay
	}
	if q.Length != "short" || len(p2.Sentences) == 0 {
		p4.add(pick.of(ph.interest...))
	}
	switch q.Tone {
	case "formal":
		p4.add(pick.of(ph.closeFormal...))
	case "warm":
		p4.add(pick.of(ph.closeWarm...))
	default:
		p4.add(pick.of(ph.close...))
	}
	letter := &Letter{Paragraphs: []Paragraph{w.greeting()}}
	for _, p := range []Paragraph{p1, p2, p3, p4} {
		if len(p.Sentences) > 0 {
			letter.Paragraphs = append(letter.Paragraphs, p)
		}
	}
	letter.Paragraphs = append(letter.Paragraphs, w.farewell()...)
	return letter, Spent{}, nil
}

func (p *Paragraph) add(text string, sources ...Source) {
	if sources == nil {
		sources = []Source{}
	}
	p.Sentences = append(p.Sentences, Sentence{text, sources})
}

type letterWriter struct {
	q    *LetterRequest
	ph   phrases
	pick chooser
}

func (w *letterWriter) greeting() (p Paragraph) {
	form := w.ph.hello
	switch w.q.Tone {
	case "formal":
		form = w.ph.helloFormal
	case "warm":
		form = w.ph.helloWarm
	}
	if name := label(w.q.Recipient, 100); !strings.Contains(form, "%s") && name != "" {
		form = w.ph.hello
	}
	if strings.Contains(form, "%s") {
		name := label(w.q.Recipient, 100)
		if name == "" {
			name = w.ph.colleague
		}
		form = fmt.Sprintf(form, name)
	}
	p.add(form)
	return p
}

func (w *letterWriter) farewell() []Paragraph {
	form := w.ph.farewell
	switch w.q.Tone {
	case "formal":
		form = w.ph.farewellFormal
	case "warm":
		form = w.ph.farewellWarm
	}
	var a Paragraph
	a.add(form)
	out := []Paragraph{a}
	if name := label(w.q.Resume.Basics.Name, 120); name != "" {
		var b Paragraph
		b.add(name, Source{Document: "resume", Pointer: "/basics/name", Quote: w.q.Resume.Basics.Name})
		out = append(out, b)
	}
	return out
}

// job tells of the latest job and of how long somebody has worked.
func (w *letterWriter) job(p *Paragraph, b *Builtin) {
	list := employments(w.q.Resume)
	if len(list) > 0 && list[0].position != "" {
		e := list[0]
		work := w.q.Resume.Work[e.at]
		sources := []Source{{Document: "resume", Pointer: fmt.Sprintf("/work/%d/position", e.at), Quote: work.Position}}
		plain, named := w.ph.before, w.ph.beforeAt
		if e.current {
			plain, named = w.ph.now, w.ph.nowAt
		}
		if e.name == "" {
			p.add(fmt.Sprintf(w.pick.of(plain...), e.position), sources...)
		} else {
			p.add(fmt.Sprintf(w.pick.of(named...), e.position, e.name),
				append(sources, Source{Document: "resume", Pointer: fmt.Sprintf("/work/%d/name", e.at), Quote: work.Name})...)
		}
	}
	if years := int(math.Floor(experienceYears(w.q.Resume, b.now()))); years >= 2 {
		var sources []Source
		for i, work := range w.q.Resume.Work {
			if work.StartDate != "" && len(sources) < 5 {
				sources = append(sources, Source{Document: "resume", Pointer: fmt.Sprintf("/work/%d/startDate", i), Quote: work.StartDate})
			}
		}
		p.add(fmt.Sprintf(w.pick.of(w.ph.years...), years), sources...)
	}
}

// evidence tells which of the skills asked for the resume shows, and quotes the
// highlights that show them.
func (w *letterWriter) evidence(p *Paragraph) {
	most := map[string]int{"short": 1, "long": 5}[w.q.Length]
	if most == 0 {
		most = 3
	}
	have := shownSkills(w.q.Resume)
	var labels []string
	var sources []Source
	var told []Source
	used := map[string]bool{}
	for _, s := range wantedSkills(w.q.Job) {
		evidence := have[s.ref]
		if len(evidence) == 0 {
			continue
		}
		if len(labels) < 4 {
			labels = append(labels, s.label)
			sources = append(sources, s.source, evidence[0])
		}
		for _, e := range evidence {
			if strings.Contains(e.Pointer, "/highlights/") && !used[e.Pointer] {
				used[e.Pointer] = true
				told = append(told, e)
				break
			}
		}
	}
	if len(labels) > 0 {
		p.add(fmt.Sprintf(w.pick.of(w.ph.skills...), listing(w.q.Language, labels)), sources...)
	}
	if len(told) == 0 { // nothing of what is asked for: the latest things done
		for _, e := range employments(w.q.Resume) {
			for i, h := range w.q.Resume.Work[e.at].Highlights {
				if len(told) < most {
					told = append(told, Source{Document: "resume", Pointer: fmt.Sprintf("/work/%d/highlights/%d", e.at, i), Quote: h})
				}
			}
		}
	}
	for _, s := range told[:min(len(told), most)] {
		w.tell(p, s)
	}
}

// tell makes a sentence of a highlight.
func (w *letterWriter) tell(p *Paragraph, s Source) {
	text := strings.TrimRight(label(s.Quote, 400), ".; ")
	if text == "" {
		return
	}
	var at int
	name := ""
	if _, err := fmt.Sscanf(s.Pointer, "/work/%d/", &at); err == nil && at < len(w.q.Resume.Work) {
		name = label(w.q.Resume.Work[at].Name, 120)
	}
	sources := []Source{s}
	if name != "" {
		sources = append(sources, Source{Document: "resume", Pointer: fmt.Sprintf("/work/%d/name", at), Quote: w.q.Resume.Work[at].Name})
	}
	switch {
	case name != "" && len(w.ph.done) > 0 && pastTense(text) && !strings.ContainsAny(text, ".!?;:"):
		first, size := utf8.DecodeRuneInString(text)
		p.add(fmt.Sprintf(w.pick.of(w.ph.done...), name, string(unicode.ToLower(first))+text[size:]), sources...)
	case name != "":
		p.add(fmt.Sprintf(w.pick.of(w.ph.quotedAt...), name, text), sources...)
	default:
		p.add(fmt.Sprintf(w.pick.of(w.ph.quoted...), text), sources...)
	}
}

func (w *letterWriter) education(p *Paragraph) {
	if w.q.Length == "short" && len(w.q.Resume.Work) > 0 {
		return
	}
	for i, e := range w.q.Resume.Education {
		kind, area, school := label(e.StudyType, 100), label(e.Area, 120), label(e.Institution, 120)
		source := func(field, quote string) Source {
			return Source{Document: "resume", Pointer: fmt.Sprintf("/education/%d/%s", i, field), Quote: quote}
		}
		switch {
		case kind != "" && area != "" && school != "":
			p.add(fmt.Sprintf(w.pick.of(w.ph.studiedAt...), kind, area, school), source("studyType", e.StudyType), source("area", e.Area), source("institution", e.Institution))
		case kind != "" && area != "":
			p.add(fmt.Sprintf(w.pick.of(w.ph.studied...), kind, area), source("studyType", e.StudyType), source("area", e.Area))
		case school != "":
			p.add(fmt.Sprintf(w.pick.of(w.ph.studiedPlain...), school), source("institution", e.Institution))
		default:
			continue
		}
		return
	}
}

// languages tells of languages that the posting asks for and the resume has.
func (w *letterWriter) languages(p *Paragraph) {
	passages, _ := safePassages(jobPassages(w.q.Job))
	for i, l := range w.q.Resume.Languages {
		name, fluency := label(l.Language, 60), label(l.Fluency, 60)
		tag := languageTag(name)
		if fluency == "" || tag == "" {
			continue
		}
		for _, j := range passages {
			if m := findLanguage(j.text, tag); m != nil {
				p.add(fmt.Sprintf(w.pick.of(w.ph.speak...), name, fluency), j.source(),
					Source{Document: "resume", Pointer: fmt.Sprintf("/languages/%d/language", i), Quote: l.Language},
					Source{Document: "resume", Pointer: fmt.Sprintf("/languages/%d/fluency", i), Quote: l.Fluency})
				break
			}
		}
	}
}

// pastTense tells whether a highlight begins with an English verb in the past
// tense, so that "I" can stand before it.
func pastTense(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	w := strings.ToLower(first)
	return len(w) > 3 && strings.HasSuffix(w, "ed") && !notVerbs[w] || irregularPast[w]
}

var (
	notVerbs      = set(false, "need seed speed feed breed weed indeed red bed shed embed hundred experienced skilled based advanced certified distributed embedded automated dedicated detailed varied")
	irregularPast = set(false, `built led cut ran wrote won made drove grew took gave kept set put taught brought sold oversaw rebuilt rewrote sped shrank
		began broke chose drew fed found got held laid left met paid sent spent spoke split stood swept told undertook understood withdrew wound beat became
		dealt bought caught forecast hit lost let read rose sought shot showed shut slashed spun stuck struck`)
)

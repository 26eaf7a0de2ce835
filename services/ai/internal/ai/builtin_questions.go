package ai

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// ask is a question plan: %s is the skill, or the quote from the resume.
type ask struct {
	question, why string
	covers        []string
}

// plans of questions by language and kind of skill. The covers are what a good
// answer has, whatever the skill is.
var plans = map[string]map[string][]ask{
	"en": {
		"language": {
			{"How do you find out why a program written in %s is slow, and what did you find the last time?", "The posting asks for %s.", []string{"Begins by measuring, not by guessing", "Names the tools that were used", "Says what changed and by how much"}},
			{"Which parts of %s do you avoid, and why?", "Whoever has worked with %s knows its rough edges.", []string{"Names a concrete part and what went wrong with it", "Says what is used instead", "Knows where the rule does not hold"}},
			{"How do you organise error handling and tests in a larger code base in %s?", "The posting asks for %s; this shows work beyond single files.", []string{"Describes a convention and its reason", "Says what is tested at which level", "Has an example of a fault found that way"}},
		},
		"framework": {
			{"Describe a part of %s that surprised you in production. What did you do?", "The posting asks for %s.", []string{"Describes what was seen and what was expected", "Explains the cause in the framework's workings", "Says how a repetition is prevented"}},
			{"When would you not use %s?", "It shows whether %s was chosen or only found.", []string{"Names conditions, not tastes", "Names an alternative and its price"}},
		},
		"database": {
			{"A query in %s takes ten seconds. How do you go about it?", "The posting asks for %s.", []string{"Looks at the plan and the data before changing anything", "Names indexes, statistics and the shape of the query", "Checks the effect on writes"}},
			{"How did you change the schema of a %s database that was in use?", "Work with %s means migrations without standstill.", []string{"Steps that old and new code both bear", "Locks and long transactions", "A way back"}},
		},
		"cloud": {
			{"How do you keep costs and access rights under control in %s?", "The posting asks for %s.", []string{"Least privilege, and how it is checked", "Names what cost most and what was done", "Infrastructure described in code"}},
			{"Tell of an outage on %s: how did you notice, and what changed afterwards?", "The posting asks for %s in operation.", []string{"How it was noticed and by whom", "What was done first to limit it", "What was changed so that it does not come back"}},
		},
		"tool": {
			{"What did you set up with %s, and what would you do differently today?", "The posting asks for %s.", []string{"Says what the set-up was for", "Names a decision that turned out badly", "Says what was learned from it"}},
			{"Explain to a colleague in two minutes when %s helps and when it is in the way.", "Using %s well includes explaining it.", []string{"A use that fits, with its reason", "A limit from experience"}},
		},
		"method": {
			{"How was %s lived in your last team, and what did you change about it?", "The posting names %s.", []string{"Says what was actually done, not what the book says", "Names an effect that could be seen", "Own part in it"}},
		},
		"other": {
			{"Describe a situation in which %s decided the result. What did you do?", "The posting asks for %s.", []string{"Situation and task in a few words", "Own steps, not only those of the team", "Result, and how it was recognised"}},
			{"How do you keep your knowledge of %s up to date, and what did you last apply of it?", "The posting asks for %s.", []string{"A concrete source", "Something applied, with its result"}},
		},
		"behavioural": {
			{"Tell of a decision that you disagreed with and carried out nevertheless.", "How somebody disagrees says much about working together.", []string{"The objection and how it was raised", "What was done after the decision", "What came of it"}},
			{"Describe a mistake of yours that others noticed.", "It shows how somebody deals with own mistakes.", []string{"Names the mistake without excuses", "What was done to limit it", "What has been different since"}},
			{"When did you last have to work with too little information? How did you decide?", "Most work has gaps of this kind.", []string{"What was known and what was not", "How the risk was kept small", "When and how the decision was checked"}},
			{"Tell of feedback that was hard to hear. What did you do with it?", "It shows whether somebody learns from others.", []string{"What the feedback was", "What changed afterwards", "How it could be seen"}},
			{"How did you help a colleague to get better at something?", "Teams grow by this.", []string{"What the other needed", "What exactly was done", "What the other could do afterwards"}},
			{"Describe a time when you had to say no to somebody important.", "Priorities are kept by saying no.", []string{"Why it was no", "How it was said", "What happened to the relation"}},
		},
		"situational": {
			{"In your first month you notice that an important deadline cannot be held. What do you do?", "It shows how early and how openly somebody reports.", []string{"Checks the facts first", "Tells those concerned early, with options", "Says what can be left out"}},
			{"Two people give you tasks that are both urgent. How do you go on?", "Conflicts of priority are part of the work.", []string{"Asks for consequences, not for volume", "Brings the two together rather than choosing alone", "Makes the result visible"}},
			{"You take over work whose author has left. How do you begin?", "Few tasks begin on an empty page.", []string{"Finds users and operation before code or papers", "Small safe changes first", "Writes down what was found"}},
			{"A customer reports a fault that you cannot reproduce. What are your next steps?", "It shows method under uncertainty.", []string{"Asks for exact circumstances", "Looks at traces and logs before guessing", "Keeps the customer informed"}},
		},
		"resume": {
			{"Your resume says “%s”. How did you go about it, and what was your own part?", "It is a result that the resume names.", []string{"The state before", "Own part against that of the team", "How the result was measured"}},
			{"About “%s”: what would you do differently today?", "It shows reflection on a result that the resume names.", []string{"A decision and its alternatives", "What was learned", "Where that was applied later"}},
		},
	},
	"de": {
		"language": {
			{"Wie finden Sie heraus, warum ein Programm in %s langsam ist, und was haben Sie beim letzten Mal gefunden?", "Die Ausschreibung verlangt %s.", []string{"Misst zuerst, statt zu raten", "Nennt die benutzten Werkzeuge", "Sagt, was sich um wie viel geändert hat"}},
			{"Welche Teile von %s meiden Sie, und warum?", "Wer mit %s gearbeitet hat, kennt die rauen Stellen.", []string{"Nennt einen konkreten Teil und was damit schiefging", "Sagt, was stattdessen benutzt wird"}},
		},
		"framework": {{"Beschreiben Sie etwas an %s, das Sie im Betrieb überrascht hat. Was haben Sie getan?", "Die Ausschreibung verlangt %s.", []string{"Beschreibt Beobachtung und Erwartung", "Erklärt die Ursache", "Sagt, wie eine Wiederholung verhindert wird"}}},
		"database":  {{"Eine Abfrage in %s dauert zehn Sekunden. Wie gehen Sie vor?", "Die Ausschreibung verlangt %s.", []string{"Sieht sich Plan und Daten an, bevor etwas geändert wird", "Nennt Indizes, Statistik und Form der Abfrage", "Prüft die Wirkung auf das Schreiben"}}},
		"cloud":     {{"Wie behalten Sie in %s Kosten und Zugriffsrechte im Griff?", "Die Ausschreibung verlangt %s.", []string{"Geringste Rechte und wie sie geprüft werden", "Nennt, was am meisten kostete und was getan wurde"}}},
		"tool":      {{"Was haben Sie mit %s aufgebaut, und was würden Sie heute anders machen?", "Die Ausschreibung verlangt %s.", []string{"Sagt, wozu es diente", "Nennt eine Entscheidung, die sich als falsch erwies", "Sagt, was daraus gelernt wurde"}}},
		"method":    {{"Wie wurde %s in Ihrem letzten Team gelebt, und was haben Sie daran verändert?", "Die Ausschreibung nennt %s.", []string{"Sagt, was wirklich getan wurde", "Nennt eine sichtbare Wirkung", "Eigener Anteil"}}},
		"other": {
			{"Beschreiben Sie eine Lage, in der %s den Ausschlag gab. Was haben Sie getan?", "Die Ausschreibung verlangt %s.", []string{"Lage und Aufgabe in wenigen Worten", "Eigene Schritte", "Ergebnis und woran es erkannt wurde"}},
		},
		"behavioural": {
			{"Erzählen Sie von einer Entscheidung, mit der Sie nicht einverstanden waren und die Sie trotzdem umgesetzt haben.", "Wie jemand widerspricht, sagt viel über die Zusammenarbeit.", []string{"Der Einwand und wie er vorgebracht wurde", "Was nach der Entscheidung getan wurde", "Was daraus wurde"}},
			{"Beschreiben Sie einen eigenen Fehler, den andere bemerkt haben.", "Es zeigt den Umgang mit eigenen Fehlern.", []string{"Nennt den Fehler ohne Ausflucht", "Was getan wurde, um ihn zu begrenzen", "Was seither anders ist"}},
			{"Wann mussten Sie zuletzt mit zu wenig Information entscheiden? Wie sind Sie vorgegangen?", "Solche Lücken hat die meiste Arbeit.", []string{"Was bekannt war und was nicht", "Wie das Risiko klein gehalten wurde"}},
			{"Wie haben Sie einer Kollegin oder einem Kollegen geholfen, besser zu werden?", "Davon leben Teams.", []string{"Was gebraucht wurde", "Was genau getan wurde", "Was danach möglich war"}},
		},
		"situational": {
			{"Im ersten Monat merken Sie, dass ein wichtiger Termin nicht zu halten ist. Was tun Sie?", "Es zeigt, wie früh und offen jemand berichtet.", []string{"Prüft zuerst die Tatsachen", "Sagt es den Betroffenen früh und mit Vorschlägen"}},
			{"Zwei Personen geben Ihnen dringende Aufgaben. Wie gehen Sie vor?", "Solche Konflikte gehören zur Arbeit.", []string{"Fragt nach Folgen", "Bringt beide zusammen", "Macht das Ergebnis sichtbar"}},
			{"Sie übernehmen eine Arbeit, deren Urheber nicht mehr da ist. Wie beginnen Sie?", "Wenig beginnt auf einem leeren Blatt.", []string{"Findet zuerst Nutzer und Betrieb", "Kleine, sichere Änderungen", "Schreibt auf, was gefunden wurde"}},
		},
		"resume": {
			{"In Ihrem Lebenslauf steht „%s“. Wie sind Sie vorgegangen, und was war Ihr eigener Anteil?", "Der Lebenslauf nennt dieses Ergebnis.", []string{"Der Zustand vorher", "Eigener Anteil", "Wie das Ergebnis gemessen wurde"}},
			{"Zu „%s“: Was würden Sie heute anders machen?", "Es zeigt das Nachdenken über ein Ergebnis, das der Lebenslauf nennt.", []string{"Eine Entscheidung und ihre Alternativen", "Was gelernt wurde"}},
		},
	},
}

var allKinds = []string{"technical", "behavioural", "situational", "resume"}

// Questions asks by the skills of the posting, by highlights of the resume, and
// by what any work asks for, in turn, until there are enough.
func (b *Builtin) Questions(_ context.Context, q *QuestionsRequest) ([]Question, Spent, error) {
	plan, pick := plans[q.Language], newChooser(q.Seed, "questions")
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = allKinds
	}
	level := q.Job.Seniority
	if level == "" {
		level = seniority(q.Job.Title)
	}
	pools := map[string][]Question{}
	for _, kind := range kinds {
		switch kind {
		case "technical":
			pools[kind] = technical(q.Job, plan, level)
		case "resume":
			pools[kind] = aboutResume(q.Resume, plan, pick, level)
		default:
			for _, a := range plan[kind] {
				pools[kind] = append(pools[kind], Question{Kind: kind, Question: a.question, Why: a.why, GoodAnswer: a.covers, Level: level, Sources: []Source{}})
			}
			pick.Shuffle(len(pools[kind]), func(i, j int) { pools[kind][i], pools[kind][j] = pools[kind][j], pools[kind][i] })
		}
	}
	out := []Question{}
	for len(out) < q.Count {
		before := len(out)
		for _, kind := range kinds {
			turn := 1
			if kind == "technical" {
				turn = 2
			}
			for range turn {
				if len(pools[kind]) > 0 && len(out) < q.Count {
					next := pools[kind][0]
					pools[kind] = pools[kind][1:]
					next.ID = idOf(next.Kind, next.Question)
					out = append(out, next)
				}
			}
		}
		if len(out) == before {
			break
		}
	}
	return out, Spent{}, nil
}

// technical goes round the skills of a posting, one question each, then again.
func technical(j *Posting, plan map[string][]ask, level string) (out []Question) {
	t := taxonomy.Load()
	skills := wantedSkills(j)
	// What one programs with comes before what one is.
	slices.SortStableFunc(skills, func(a, b wanted) int {
		return order(t.Skill(a.ref).Group) - order(t.Skill(b.ref).Group)
	})
	skills = skills[:min(len(skills), 25)]
	for round := range 3 {
		for _, s := range skills {
			list := plan[planOf(t.Skill(s.ref).Group)]
			if round >= len(list) {
				continue
			}
			a := list[(round+int(s.ref))%len(list)]
			out = append(out, Question{
				Kind: "technical", Question: fmt.Sprintf(a.question, s.label), Skill: s.label, Level: level,
				Why: fill(a.why, s.label), GoodAnswer: a.covers, Sources: []Source{s.source},
			})
		}
	}
	return out
}

func order(g taxonomy.Group) int {
	if g.Technical() {
		return 0
	}
	return 1
}

func planOf(g taxonomy.Group) string {
	if name := g.String(); g.Technical() || g == taxonomy.GroupMethod {
		return name
	}
	return "other"
}

// aboutResume asks about highlights, those with a number first: they are results.
func aboutResume(r *Resume, plan map[string][]ask, pick chooser, level string) (out []Question) {
	passages, _ := safePassages(resumePassages(r))
	passages = slices.DeleteFunc(passages, func(p passage) bool {
		return !strings.Contains(p.pointer, "/highlights/") || label(p.text, 250) == "" || len(p.text) < 20
	})
	slices.SortStableFunc(passages, func(a, b passage) int { return min(1, len(numbers(b.text))) - min(1, len(numbers(a.text))) })
	for _, p := range passages[:min(len(passages), 12)] {
		a := plan["resume"][pick.IntN(len(plan["resume"]))]
		out = append(out, Question{
			Kind: "resume", Question: fmt.Sprintf(a.question, strings.TrimRight(label(p.text, 250), ".")), Level: level,
			Why: a.why, GoodAnswer: a.covers, Sources: []Source{p.source()},
		})
	}
	return out
}

// fill puts the skill where a text has a place for it.
func fill(text, skill string) string {
	if strings.Contains(text, "%s") {
		return fmt.Sprintf(text, skill)
	}
	return text
}

package form

import (
	_ "embed" // the wording
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// question is what a form asks, before a platform gives it a name and a shape.
type question struct {
	meaning, about string
	kind           Kind
	label          string
	options        []string
	required       bool
	group          Group
}

//go:embed wording.json
var wordingText []byte

// wording is what forms say, by language where it matters. {about} is what a question is about, {company} who asks.
type wording struct {
	Questions map[string]map[string]struct{ Labels, Options []string } // by meaning and language: ways to ask, answers
	Standard  map[string]map[string]string                             // of general forms: labels by language and meaning
	Names     map[string]map[string]string                             // of general forms: names of fields
	Consents  map[string]map[string]string                             // by meaning and language
	YesNo     map[string][]string
	Required  map[string]string // what is said of an empty field, with its label
	Answer    map[string]string // what the names of general questions begin with
	Country   map[string]string
}

var words = sync.OnceValue(func() wording {
	var w wording
	if err := json.Unmarshal(wordingText, &w); err != nil {
		panic(fmt.Sprintf("wording.json: %v", err)) // it is part of the program, and tested
	}
	return w
})

// yes-or-no questions; the others have the kind that ask gives them.
var closed = map[string]bool{"work_authorization": true, "sponsorship": true, "licence": true, "relocation": true,
	"onsite": true, "shifts": true, "adult": true, "employed_before": true}

var native = map[string]string{"en": "English", "de": "Deutsch", "fr": "français", "es": "español"}

// ask makes a question of the catalogue for a job.
func ask(j *posting.Job, meaning string, seed uint64, required bool) question {
	about := ""
	country := j.Places[0].Country
	if j.Lang != "en" {
		country = map[string]string{"DE": "Deutschland", "AT": "Österreich", "CH": "der Schweiz", "FR": "France", "BE": "Belgique",
			"ES": "España"}[j.Places[0].CountryCode]
	}
	kind := Text
	switch meaning {
	case "work_authorization", "sponsorship":
		about = country
	case "salary":
		about = "EUR"
		if j.Pay != nil && j.Pay.Currency != "XXX" {
			about = j.Pay.Currency
		} else if j.Places[0].CountryCode == "US" {
			about = "USD"
		}
		if seed%2 == 0 {
			kind = Number
		}
	case "start_date":
		kind = Date
	case "notice_period", "language.level", "source", "travel", "education.level":
		kind = Select
	case "skills":
		kind, about = Multi, strings.Join(j.Skills, "; ")
	case "experience.years":
		kind, about = Number, j.Skills[seed%uint64(len(j.Skills))]
	case "licence":
		about = j.Licence
	case "relocation", "onsite":
		about = j.Places[0].City
	case "motivation", "achievement":
		kind = Textarea
	case "url.linkedin", "url.github", "url.portfolio":
		kind = URL
	}
	lang := j.Lang
	if _, ok := words().Questions[meaning][lang]; !ok {
		lang = "en"
	}
	w := words().Questions[meaning][lang]
	q := question{meaning: meaning, kind: kind, required: required, group: Custom, options: w.Options}
	if meaning == "language.level" {
		about = native[j.Lang]
		if j.Lang == "en" && seed%3 == 0 {
			about = "German"
		}
	}
	if meaning == "skills" {
		q.options = j.Skills
	}
	if closed[meaning] {
		q.kind, q.options = YesNo, words().YesNo[lang]
	}
	q.about = about
	said := about
	if closed[meaning] && (about == "United States" || about == "United Kingdom" || about == "Netherlands") {
		said = "the " + about
	}
	fill := strings.NewReplacer("{about}", said, "{company}", j.Company.Name)
	q.label = fill.Replace(w.Labels[seed%uint64(len(w.Labels))])
	return q
}

// toBeWritten is the place on each board of a posting that always asks for a text about this job.
const toBeWritten = 5

// questions chooses what the employer asks for a job. The first three postings of a board require only what a person with
// a filled answer bank has told already; later ones may also require what must be written for this job, and one of each
// board does.
func questions(j *posting.Job, seed uint64) []question {
	var out []question
	add := func(meaning string, required bool) {
		out = append(out, ask(j, meaning, seed>>uint(len(out)%7), required))
	}
	add("work_authorization", true)
	if j.Platform != posting.Lever && j.Platform != posting.Ashby {
		add("url.linkedin", false)
	}
	pool := []string{"sponsorship", "salary", "start_date", "notice_period", "experience.years", "language.level", "skills",
		"education.level", "employed_before", "adult"}
	if j.Licence != "" {
		add("licence", true)
	}
	if j.Workplace != "remote" {
		pool = append(pool, "onsite", "relocation")
	}
	switch j.Profession {
	case "backend", "frontend", "devops", "data-scientist", "entwickler", "desarrollo":
		pool = append(pool, "url.github")
	case "designer", "marketing":
		if j.Platform != posting.Lever { // asks everyone
			pool = append(pool, "url.portfolio")
		}
	case "nurse", "driver", "chef", "warehouse", "pflege", "infirmier", "enfermeria", "cocina", "support":
		pool = append(pool, "shifts")
	case "sales", "project":
		pool = append(pool, "travel")
	}
	at := seed
	for range 3 + seed>>9%3 {
		i := at % uint64(len(pool))
		add(pool[i], at>>3%3 != 0)
		pool = append(pool[:i:i], pool[i+1:]...)
		at = at*6364136223846793005 + 1442695040888963407
	}
	switch open := seed >> 17 % 6; {
	case j.Nth == toBeWritten:
		add("motivation", true)
	case open == 0:
		add("motivation", j.Nth > 2)
	case open == 1:
		add("achievement", j.Nth > 2 && seed>>20%2 == 0)
	case open == 2:
		add("pronouns", false)
	}
	add("source", seed>>23%2 == 0)
	return out
}

// demographic is the voluntary part of American forms.
func demographic() []question {
	return []question{
		{meaning: "eeo.gender", kind: Select, group: EEO, label: "Gender",
			options: []string{"Male", "Female", "Non-binary", "Decline To Self Identify"}},
		{meaning: "eeo.race", kind: Select, group: EEO, label: "Race",
			options: []string{"American Indian or Alaska Native", "Asian", "Black or African American", "Hispanic or Latino", "White",
				"Native Hawaiian or Other Pacific Islander", "Two or More Races", "Decline To Self Identify"}},
		{meaning: "eeo.veteran", kind: Select, group: EEO, label: "Veteran Status",
			options: []string{"I am not a protected veteran", "I identify as one or more of the classifications of a protected veteran",
				"I don't wish to answer"}},
		{meaning: "eeo.disability", kind: Select, group: EEO, label: "Disability Status",
			options: []string{"Yes, I have a disability, or have had one in the past", "No, I do not have a disability and have not had one in the past",
				"I do not want to answer"}},
	}
}

func consent(lang, company string, meaning string) question {
	return question{meaning: meaning, kind: Checkbox, group: Consent, required: meaning != "consent.retention",
		label: strings.ReplaceAll(words().Consents[meaning][lang], "{company}", company), options: []string{"1"}}
}

package form

import (
	"strconv"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// question is what a form asks, before a platform gives it a name and a shape.
type question struct {
	meaning, about string
	kind           Kind
	labels         []string // some ways to ask it
	options        []string
	required       bool
	group          Group
}

// words is one question in one language: what to ask, and what can be answered.
type words struct {
	labels  []string
	options []string
}

// say picks the words of a language, English where a language has none.
func say(all map[string]words, lang string) words {
	if w, ok := all[lang]; ok {
		return w
	}
	return all["en"]
}

var yesNo = map[string][]string{"en": {"Yes", "No"}, "de": {"Ja", "Nein"}, "fr": {"Oui", "Non"}, "es": {"Sí", "No"}}

// The questions that employers add. {about} is what a question is about, {company} who asks.
var catalogue = map[string]map[string]words{
	"work_authorization": {
		"en": {labels: []string{"Are you legally authorized to work in {about}?", "Do you have the right to work in {about}?", "Are you currently eligible to work in {about} without restrictions?"}},
		"de": {labels: []string{"Haben Sie eine gültige Arbeitserlaubnis für {about}?", "Dürfen Sie in {about} arbeiten?"}},
		"fr": {labels: []string{"Êtes-vous autorisé(e) à travailler en {about} ?"}},
		"es": {labels: []string{"¿Tienes permiso de trabajo en {about}?"}},
	},
	"sponsorship": {
		"en": {labels: []string{"Will you now or in the future require visa sponsorship to work in {about}?", "Do you need sponsorship for a work visa in {about}?"}},
		"de": {labels: []string{"Benötigen Sie für {about} ein Visum, das wir beantragen müssten?"}},
	},
	"salary": {
		"en": {labels: []string{"What are your salary expectations ({about}, gross)?", "Desired salary in {about}", "Expected annual compensation ({about})"}},
		"de": {labels: []string{"Gehaltsvorstellung (brutto, {about})", "Welche Gehaltsvorstellung haben Sie ({about})?"}},
		"fr": {labels: []string{"Prétentions salariales (brut annuel, {about})"}},
		"es": {labels: []string{"Expectativas salariales (bruto anual, {about})"}},
	},
	"start_date": {
		"en": {labels: []string{"When could you start?", "Earliest start date", "Available from"}},
		"de": {labels: []string{"Frühestmöglicher Eintrittstermin", "Ab wann sind Sie verfügbar?"}},
		"fr": {labels: []string{"Date de disponibilité"}},
		"es": {labels: []string{"Fecha de incorporación"}},
	},
	"notice_period": {
		"en": {labels: []string{"What is your notice period?", "Current notice period"}, options: []string{"None, I can start at once", "2 weeks", "1 month", "2 months", "3 months or more"}},
		"de": {labels: []string{"Wie lang ist Ihre Kündigungsfrist?"}, options: []string{"Keine", "2 Wochen", "1 Monat", "2 Monate", "3 Monate oder länger"}},
		"fr": {labels: []string{"Quel est votre préavis ?"}, options: []string{"Aucun", "2 semaines", "1 mois", "2 mois", "3 mois ou plus"}},
		"es": {labels: []string{"¿Cuál es tu preaviso?"}, options: []string{"Ninguno", "15 días", "1 mes", "2 meses", "3 meses o más"}},
	},
	"experience.years": {
		"en": {labels: []string{"How many years of experience do you have with {about}?", "Years of experience with {about}", "Please state your years of professional experience in {about}."}},
		"de": {labels: []string{"Wie viele Jahre Erfahrung haben Sie mit {about}?", "Berufserfahrung in Jahren: {about}"}},
		"fr": {labels: []string{"Combien d'années d'expérience avez-vous en {about} ?"}},
		"es": {labels: []string{"¿Cuántos años de experiencia tienes en {about}?"}},
	},
	"language.level": {
		"en": {labels: []string{"What is your level of {about}?", "How well do you speak {about}?"}, options: []string{"Basic (A1–A2)", "Intermediate (B1–B2)", "Advanced (C1)", "Fluent (C2)", "Native speaker"}},
		"de": {labels: []string{"Wie gut sprechen Sie {about}?", "Sprachkenntnisse {about}"}, options: []string{"Grundkenntnisse (A1–A2)", "Gut (B1–B2)", "Sehr gut (C1)", "Verhandlungssicher (C2)", "Muttersprache"}},
		"fr": {labels: []string{"Quel est votre niveau en {about} ?"}, options: []string{"Débutant (A1–A2)", "Intermédiaire (B1–B2)", "Avancé (C1)", "Bilingue (C2)", "Langue maternelle"}},
		"es": {labels: []string{"¿Cuál es tu nivel de {about}?"}, options: []string{"Básico (A1–A2)", "Intermedio (B1–B2)", "Avanzado (C1)", "Bilingüe (C2)", "Nativo"}},
	},
	"licence": {
		"en": {labels: []string{"Do you hold a valid {about}?", "Do you have a current {about}?"}},
		"de": {labels: []string{"Liegt Ihnen vor: {about}?"}},
		"fr": {labels: []string{"Êtes-vous titulaire du {about} ?"}},
		"es": {labels: []string{"¿Dispones de {about}?"}},
	},
	"source": {
		"en": {labels: []string{"How did you hear about us?", "How did you hear about this job?", "Where did you find this opening?"}, options: []string{"Company website", "LinkedIn", "Job board", "A friend or colleague", "Event or fair", "Other"}},
		"de": {labels: []string{"Wie sind Sie auf uns aufmerksam geworden?", "Woher kennen Sie uns?"}, options: []string{"Website", "LinkedIn", "Stellenbörse", "Empfehlung", "Messe", "Sonstiges"}},
		"fr": {labels: []string{"Comment avez-vous connu {company} ?"}, options: []string{"Site internet", "LinkedIn", "Site d'emploi", "Cooptation", "Salon", "Autre"}},
		"es": {labels: []string{"¿Cómo nos has conocido?"}, options: []string{"Página web", "LinkedIn", "Portal de empleo", "Recomendación", "Feria", "Otro"}},
	},
	"url.linkedin":  {"en": {labels: []string{"LinkedIn Profile", "LinkedIn URL", "LinkedIn"}}},
	"url.github":    {"en": {labels: []string{"GitHub URL", "GitHub"}}},
	"url.portfolio": {"en": {labels: []string{"Portfolio", "Website", "Link to your portfolio"}}, "de": {labels: []string{"Portfolio oder Website"}}},
	"motivation": {
		"en": {labels: []string{"Why do you want to work at {company}?", "What interests you about this role?", "Why {company}, and why now?"}},
		"de": {labels: []string{"Warum möchten Sie bei {company} arbeiten?", "Was reizt Sie an dieser Stelle?"}},
		"fr": {labels: []string{"Pourquoi souhaitez-vous rejoindre {company} ?"}},
		"es": {labels: []string{"¿Por qué quieres trabajar en {company}?"}},
	},
	"achievement": {
		"en": {labels: []string{"Tell us about a piece of work you are proud of.", "Describe a difficult situation at work and how you handled it."}},
		"de": {labels: []string{"Erzählen Sie von einer Arbeit, auf die Sie stolz sind."}},
	},
	"relocation": {
		"en": {labels: []string{"Are you willing to relocate to {about}?", "Would you relocate to {about} for this role?"}},
		"de": {labels: []string{"Sind Sie bereit, nach {about} umzuziehen?"}},
		"fr": {labels: []string{"Seriez-vous prêt(e) à déménager à {about} ?"}},
		"es": {labels: []string{"¿Estarías dispuesto/a a trasladarte a {about}?"}},
	},
	"onsite": {
		"en": {labels: []string{"Are you able to work on site in {about} as described?", "This role is based in {about}. Does that work for you?"}},
		"de": {labels: []string{"Können Sie vor Ort in {about} arbeiten?"}},
	},
	"shifts": {
		"en": {labels: []string{"Are you available for shifts, including nights and weekends?", "Can you work in shifts?"}},
		"de": {labels: []string{"Sind Sie zu Schicht- und Wochenenddienst bereit?"}},
		"fr": {labels: []string{"Êtes-vous disponible en horaires décalés et le week-end ?"}},
		"es": {labels: []string{"¿Tienes disponibilidad para turnos y fines de semana?"}},
	},
	"travel": {
		"en": {labels: []string{"How much are you willing to travel?"}, options: []string{"Not at all", "Up to 10 %", "Up to 25 %", "Up to 50 %", "More than 50 %"}},
		"de": {labels: []string{"Wie viel möchten Sie reisen?"}, options: []string{"Gar nicht", "Bis 10 %", "Bis 25 %", "Bis 50 %", "Mehr als 50 %"}},
	},
	"skills": {
		"en": {labels: []string{"Which of these have you worked with? Select all that apply.", "Select your skills"}},
		"de": {labels: []string{"Womit haben Sie schon gearbeitet? Mehrfachauswahl möglich."}},
		"fr": {labels: []string{"Que maîtrisez-vous ? Plusieurs choix possibles."}},
		"es": {labels: []string{"¿Con cuáles has trabajado? Puedes marcar varias."}},
	},
	"education.level": {
		"en": {labels: []string{"What is your highest level of education?", "Highest degree obtained"}, options: []string{"Secondary school", "Vocational training", "Bachelor's degree", "Master's degree", "Doctorate"}},
		"de": {labels: []string{"Höchster Bildungsabschluss"}, options: []string{"Schulabschluss", "Berufsausbildung", "Bachelor", "Master oder Diplom", "Promotion"}},
		"fr": {labels: []string{"Niveau d'études le plus élevé"}, options: []string{"Baccalauréat", "CAP, BEP ou BTS", "Licence", "Master", "Doctorat"}},
		"es": {labels: []string{"Nivel de estudios"}, options: []string{"Secundaria", "Formación profesional", "Grado", "Máster", "Doctorado"}},
	},
	"adult":           {"en": {labels: []string{"Are you at least 18 years of age?"}}, "de": {labels: []string{"Sind Sie mindestens 18 Jahre alt?"}}},
	"employed_before": {"en": {labels: []string{"Have you ever been employed by {company}?", "Have you worked for {company} before?"}}, "de": {labels: []string{"Waren Sie schon einmal bei {company} beschäftigt?"}}},
	"pronouns":        {"en": {labels: []string{"Pronouns", "What are your pronouns?"}}},
}

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
	w := say(catalogue[meaning], j.Lang)
	q := question{meaning: meaning, kind: kind, required: required, group: Custom, options: w.options}
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
		q.kind, q.options = YesNo, yesNo[j.Lang]
		if _, ok := catalogue[meaning][j.Lang]; !ok {
			q.options = yesNo["en"]
		}
	}
	q.about = about
	fill := strings.NewReplacer("{about}", about, "{company}", j.Company.Name)
	q.labels = []string{fill.Replace(w.labels[seed%uint64(len(w.labels))])}
	return q
}

// questions chooses what the employer asks for a job: the first postings of a board ask only what a person with a filled
// answer bank has told already; later ones also ask what must be written for this job.
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
	switch seed >> 17 % 6 {
	case 0:
		add("motivation", true)
	case 1:
		add("motivation", false)
	case 2:
		add("achievement", seed>>20%2 == 0)
	case 3:
		add("pronouns", false)
	}
	add("source", seed>>23%2 == 0)
	return out
}

// demographic is the voluntary part of American forms.
func demographic() []question {
	return []question{
		{meaning: "eeo.gender", kind: Select, group: EEO, labels: []string{"Gender"},
			options: []string{"Male", "Female", "Non-binary", "Decline To Self Identify"}},
		{meaning: "eeo.race", kind: Select, group: EEO, labels: []string{"Race"},
			options: []string{"American Indian or Alaska Native", "Asian", "Black or African American", "Hispanic or Latino", "White",
				"Native Hawaiian or Other Pacific Islander", "Two or More Races", "Decline To Self Identify"}},
		{meaning: "eeo.veteran", kind: Select, group: EEO, labels: []string{"Veteran Status"},
			options: []string{"I am not a protected veteran", "I identify as one or more of the classifications of a protected veteran",
				"I don't wish to answer"}},
		{meaning: "eeo.disability", kind: Select, group: EEO, labels: []string{"Disability Status"},
			options: []string{"Yes, I have a disability, or have had one in the past", "No, I do not have a disability and have not had one in the past",
				"I do not want to answer"}},
	}
}

func consent(lang, company string, meaning string) question {
	text := map[string]map[string]string{
		"consent.privacy": {"en": "I have read the privacy notice of {company} and agree to the processing of my data for this application.",
			"de": "Ich habe die Datenschutzhinweise gelesen und bin mit der Verarbeitung meiner Daten für diese Bewerbung einverstanden.",
			"fr": "J'ai lu la politique de confidentialité et j'accepte le traitement de mes données pour cette candidature.",
			"es": "He leído el aviso de privacidad y acepto el tratamiento de mis datos para esta candidatura."},
		"consent.retention": {"en": "{company} may keep my application for twelve months and contact me about other roles.",
			"de": "{company} darf meine Bewerbung zwölf Monate lang aufbewahren.",
			"fr": "{company} peut conserver ma candidature pendant douze mois.",
			"es": "{company} puede conservar mi candidatura durante doce meses."},
		"consent.truth": {"en": "I confirm that everything I have stated is true.", "de": "Ich bestätige, dass meine Angaben wahr sind.",
			"fr": "Je certifie l'exactitude de mes réponses.", "es": "Confirmo que mis respuestas son ciertas."},
	}[meaning][lang]
	return question{meaning: meaning, kind: Checkbox, group: Consent, required: meaning != "consent.retention",
		labels: []string{strings.ReplaceAll(text, "{company}", company)}, options: []string{strconv.Itoa(1)}}
}

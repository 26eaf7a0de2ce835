package form

import "github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"

// standard gives what each platform asks of everyone, before the employer's own questions.
func standard(j *posting.Job, seed uint64) []question {
	q := func(meaning string, kind Kind, label string, required bool) question {
		return question{meaning: meaning, kind: kind, labels: []string{label}, required: required}
	}
	us := j.Places[0].CountryCode == "US"
	switch j.Platform {
	case posting.Greenhouse:
		out := []question{q("name.first", Text, "First Name", true), q("name.last", Text, "Last Name", true),
			q("email", Email, "Email", true), q("phone", Tel, "Phone", seed%3 != 0)}
		if seed>>4%3 == 0 {
			out = append(out, q("name.preferred", Text, "Preferred First Name", false))
		}
		if seed>>6%2 == 0 {
			out = append(out, q("location", Location, "Location (City)", seed>>7%2 == 0))
		}
		return append(out, q("resume", File, "Resume/CV", true), q("cover_letter", File, "Cover Letter", false))
	case posting.Lever:
		return []question{q("resume", File, "Resume/CV", true), q("name.full", Text, "Full name", true),
			q("email", Email, "Email", true), q("phone", Tel, "Phone", seed%2 == 0),
			q("location", Location, "Current location", seed>>2%2 == 0),
			q("current.company", Text, "Current company", seed>>3%3 == 0),
			q("url.linkedin", URL, "LinkedIn URL", seed>>5%3 == 0), q("url.portfolio", URL, "Portfolio URL", false)}
	case posting.Ashby:
		return []question{q("name.full", Text, "Name", true), q("email", Email, "Email", true),
			q("resume", File, "Resume", true), q("phone", Tel, "Phone Number", seed%2 == 0),
			q("location", Location, "Where are you based?", seed>>2%2 == 0), q("url.linkedin", URL, "LinkedIn", false)}
	case posting.Workable:
		return []question{q("name.first", Text, "First name", true), q("name.last", Text, "Last name", true),
			q("email", Email, "Email", true), q("phone", Tel, "Phone", true), q("address", Text, "Address", false),
			q("resume", File, "Resume", true), q("cover_letter.text", Textarea, "Cover letter", false)}
	}
	l := map[string][]string{ // first, last, full, e-mail, phone, city, résumé, cover letter, title
		"en": {"First name", "Last name", "Full name", "E-mail address", "Telephone", "City", "CV (PDF, Word or text)", "Covering letter", "Current position"},
		"de": {"Vorname", "Nachname", "Vor- und Nachname", "E-Mail-Adresse", "Telefon", "Wohnort", "Lebenslauf", "Anschreiben", "Aktuelle Position"},
		"fr": {"Prénom", "Nom", "Nom et prénom", "Adresse électronique", "Téléphone", "Ville", "CV", "Lettre de motivation", "Poste actuel"},
		"es": {"Nombre", "Apellidos", "Nombre y apellidos", "Correo electrónico", "Teléfono", "Ciudad", "Currículum", "Carta de presentación", "Puesto actual"},
	}[j.Lang]
	var out []question
	if len(j.Board)%3 == 0 {
		out = append(out, q("name.full", Text, l[2], true))
	} else {
		out = append(out, q("name.first", Text, l[0], true), q("name.last", Text, l[1], true))
	}
	out = append(out, q("email", Email, l[3], true), q("phone", Tel, l[4], seed%2 == 0))
	if seed>>1%2 == 0 {
		out = append(out, q("location", Text, l[5], false))
	}
	if seed>>2%3 == 0 {
		out = append(out, q("current.title", Text, l[8], false))
	}
	out = append(out, q("resume", File, l[6], true))
	if us || seed>>3%2 == 0 {
		out = append(out, q("cover_letter", File, l[7], false))
	} else {
		out = append(out, q("cover_letter.text", Textarea, l[7], false))
	}
	return out
}

// genericNames are the field names of general forms, by language.
var genericNames = map[string]map[string]string{
	"en": {"name.first": "applicant_first", "name.last": "applicant_last", "name.full": "your_name", "email": "mail",
		"phone": "tel", "location": "town", "current.title": "position", "resume": "cv_file", "cover_letter": "letter_file",
		"cover_letter.text": "letter", "consent.privacy": "consent", "consent.truth": "truth"},
	"de": {"name.first": "vorname", "name.last": "nachname", "name.full": "name", "email": "email_adresse", "phone": "telefon",
		"location": "wohnort", "current.title": "position", "resume": "lebenslauf", "cover_letter": "anschreiben",
		"cover_letter.text": "anschreiben_text", "consent.privacy": "datenschutz", "consent.truth": "wahrheit"},
	"fr": {"name.first": "prenom", "name.last": "nom", "name.full": "identite", "email": "courriel", "phone": "telephone",
		"location": "ville", "current.title": "poste", "resume": "cv", "cover_letter": "lettre", "cover_letter.text": "lettre_texte",
		"consent.privacy": "rgpd", "consent.truth": "exactitude"},
	"es": {"name.first": "nombre", "name.last": "apellidos", "name.full": "nombre_completo", "email": "correo", "phone": "telefono",
		"location": "ciudad", "current.title": "puesto", "resume": "curriculum", "cover_letter": "carta", "cover_letter.text": "carta_texto",
		"consent.privacy": "privacidad", "consent.truth": "veracidad"},
}

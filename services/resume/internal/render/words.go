package render

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// words are what a document says itself, in one language.
type words struct {
	tag      language.Tag
	headings map[string]string
	present  string
	months   []string // empty: dates in figures
	day      string   // a layout of year, month and day
	contact  string
	grade    string

	courses, technologies string
}

var languages = []words{
	{
		tag: language.English, present: "Present", grade: "Grade", courses: "Courses", technologies: "Technologies", contact: "Contact", day: "%[3]d %[2]s %[1]s",
		months: []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		headings: map[string]string{
			"basics": "Summary", "work": "Experience", "education": "Education", "skills": "Skills", "projects": "Projects", "certificates": "Certificates",
			"publications": "Publications", "awards": "Awards", "languages": "Languages", "volunteer": "Volunteering", "interests": "Interests", "references": "References",
		},
	},
	{
		tag: language.German, present: "heute", grade: "Note", courses: "Kurse", technologies: "Technologien", contact: "Kontakt", day: "%02[3]d.%[2]s.%[1]s",
		headings: map[string]string{
			"basics": "Profil", "work": "Berufserfahrung", "education": "Ausbildung", "skills": "Kenntnisse", "projects": "Projekte", "certificates": "Zertifikate",
			"publications": "Publikationen", "awards": "Auszeichnungen", "languages": "Sprachen", "volunteer": "Ehrenamt", "interests": "Interessen", "references": "Referenzen",
		},
	},
	{
		tag: language.French, grade: "Mention", courses: "Cours", technologies: "Technologies", present: "aujourd’hui", contact: "Contact", day: "%02[3]d/%[2]s/%[1]s",
		headings: map[string]string{
			"basics": "Profil", "work": "Expérience professionnelle", "education": "Formation", "skills": "Compétences", "projects": "Projets", "certificates": "Certifications",
			"publications": "Publications", "awards": "Distinctions", "languages": "Langues", "volunteer": "Bénévolat", "interests": "Centres d’intérêt", "references": "Références",
		},
	},
	{
		tag: language.Spanish, present: "actualidad", grade: "Nota", courses: "Cursos", technologies: "Tecnologías", contact: "Contacto", day: "%02[3]d/%[2]s/%[1]s",
		headings: map[string]string{
			"basics": "Perfil", "work": "Experiencia", "education": "Formación", "skills": "Competencias", "projects": "Proyectos", "certificates": "Certificados",
			"publications": "Publicaciones", "awards": "Premios", "languages": "Idiomas", "volunteer": "Voluntariado", "interests": "Intereses", "references": "Referencias",
		},
	},
}

var matcher = func() language.Matcher {
	var tags []language.Tag
	for _, l := range languages {
		tags = append(tags, l.tag)
	}
	return language.NewMatcher(tags)
}()

// wordsFor is the language that is nearest to a BCP 47 tag.
func wordsFor(tag string) words {
	_, i, _ := matcher.Match(language.Make(tag))
	return languages[i]
}

// date writes as much of an ISO 8601 date as is known.
func (w words) date(iso string) string {
	parts := strings.Split(iso, "-")
	var month int
	if len(parts) > 1 {
		_, _ = fmt.Sscanf(parts[1], "%d", &month)
	}
	if month < 1 || month > 12 {
		return parts[0]
	}
	if len(parts) == 3 {
		var day int
		_, _ = fmt.Sscanf(parts[2], "%d", &day)
		name := parts[1]
		if w.months != nil {
			name = w.months[month-1]
		}
		return fmt.Sprintf(w.day, parts[0], name, day)
	}
	if w.months != nil {
		return w.months[month-1] + " " + parts[0]
	}
	return parts[1] + "/" + parts[0]
}

// score says what a number is; a text says it itself.
func (w words) score(s string) string {
	if s = clean(s); s != "" && s[0] >= '0' && s[0] <= '9' {
		return w.grade + ": " + s
	}
	return s
}

// period writes a time that began and may have ended.
func (w words) period(start, end string) string {
	switch {
	case start == "" && end == "":
		return ""
	case start == "":
		return w.date(end)
	case end == "":
		return w.date(start) + " – " + w.present
	case start == end:
		return w.date(start)
	}
	return w.date(start) + " – " + w.date(end)
}

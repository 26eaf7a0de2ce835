// Package render makes documents of resumes: HTML to be printed as PDF, DOCX,
// Markdown and plain text, in the templates that resume_templates lists.
//
// A resume becomes a view first, the sections with their entries as people read
// them, which all formats write. Every text is foreign: each format escapes it.
package render

import (
	"html/template"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

// Revision changes when documents of the same content come out differently.
const Revision = 2

// Options say how a document looks.
type Options struct {
	Template string // classic, modern, compact or academic
	Paper    string // a4 or letter
	Language string // BCP 47, of headings and dates
}

// Document is what is rendered.
type Document struct {
	Resume jsonresume.Resume
	Options
	Order []string // of the sections; empty: the template's own
}

// ContentTypes are the media types of the formats.
var ContentTypes = map[string]string{
	"pdf": "application/pdf", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "json": "application/json",
}

// orders are those of the templates that have one of their own.
var orders = map[string][]string{
	"academic": {"basics", "education", "work", "publications", "awards", "projects", "certificates", "skills", "languages", "volunteer", "interests", "references"},
}

// view is a resume as people read it.
type view struct {
	Name, Label string
	Contacts    []contact
	Sections    []section
	words       words
}

type contact struct {
	Text string
	URL  template.URL // made by link and contacts alone
}

type section struct {
	Name, Title string
	Paragraphs  []string
	Entries     []entry
	Items       []item // short ones: skills, languages, interests
}

type entry struct {
	Title, Subtitle, Dates string
	Place                  string
	URL                    template.URL // of the title; made by link alone
	Shown                  string       // the address, where it is worth reading
	Paragraphs, Bullets    []string
	Note                   string // such as courses and technologies
}

type item struct {
	Label, Text string
}

func (d Document) view() view {
	w := wordsFor(d.Language)
	v := view{words: w}
	if b := d.Resume.Basics; b != nil {
		v.Name, v.Label = clean(b.Name), clean(b.Label)
		v.Contacts = contacts(b, d.Language)
	}
	order := d.Order
	if len(order) == 0 {
		order = orders[d.Template]
	}
	if len(order) == 0 {
		order = jsonresume.Sections
	}
	for _, name := range order {
		s := section{Name: name, Title: w.headings[name]}
		s.fill(d.Resume, w)
		if len(s.Paragraphs)+len(s.Entries)+len(s.Items) > 0 {
			v.Sections = append(v.Sections, s)
		}
	}
	return v
}

func contacts(b *jsonresume.Basics, lang string) []contact {
	var out []contact
	add := func(text string, href template.URL) {
		if text = clean(text); text != "" {
			out = append(out, contact{text, href})
		}
	}
	if b.Email != "" {
		add(b.Email, template.URL("mailto:"+strings.ReplaceAll(url.PathEscape(clean(b.Email)), "%40", "@"))) //nolint:gosec // escaped
	}
	if b.Phone != "" {
		add(b.Phone, template.URL("tel:"+strings.Map(func(r rune) rune { //nolint:gosec // digits alone
			if r >= '0' && r <= '9' || r == '+' {
				return r
			}
			return -1
		}, b.Phone)))
	}
	if l := b.Location; l != nil {
		city := join(" ", l.PostalCode, l.City)
		country := l.CountryCode
		if region, err := language.ParseRegion(l.CountryCode); err == nil {
			if names := display.Regions(wordsFor(lang).tag); names != nil {
				country = names.Name(region)
			}
		}
		add(join(", ", l.Address, city, l.Region, country), "")
	}
	add(bare(b.URL), link(b.URL))
	for _, p := range b.Profiles {
		text := bare(p.URL)
		if text == "" {
			text = join(": ", p.Network, p.Username)
		}
		add(text, link(p.URL))
	}
	return out
}

func (s *section) fill(r jsonresume.Resume, w words) {
	switch s.Name {
	case "basics":
		if r.Basics != nil {
			s.Paragraphs = paragraphs(r.Basics.Summary)
		}
	case "work":
		for _, x := range r.Work {
			s.add(entry{Title: x.Position, Subtitle: x.Name, Place: clean(x.Location), URL: link(x.URL), Dates: w.period(x.StartDate, x.EndDate), Paragraphs: paragraphs(x.Summary), Bullets: texts(x.Highlights)})
		}
	case "volunteer":
		for _, x := range r.Volunteer {
			s.add(entry{Title: x.Position, Subtitle: x.Organization, URL: link(x.URL), Dates: w.period(x.StartDate, x.EndDate), Paragraphs: paragraphs(x.Summary), Bullets: texts(x.Highlights)})
		}
	case "education":
		for _, x := range r.Education {
			s.add(entry{Title: join(", ", x.StudyType, x.Area), Subtitle: x.Institution, URL: link(x.URL), Dates: w.period(x.StartDate, x.EndDate), Paragraphs: paragraphs(w.score(x.Score)), Note: labelled(w.courses, x.Courses)})
		}
	case "awards":
		for _, x := range r.Awards {
			s.add(entry{Title: x.Title, Subtitle: x.Awarder, Dates: w.date(x.Date), Paragraphs: paragraphs(x.Summary)})
		}
	case "certificates":
		for _, x := range r.Certificates {
			s.add(entry{Title: x.Name, Subtitle: x.Issuer, URL: link(x.URL), Dates: w.date(x.Date)})
		}
	case "publications":
		for _, x := range r.Publications {
			s.add(entry{Title: x.Name, Subtitle: x.Publisher, URL: link(x.URL), Shown: bare(x.URL), Dates: w.date(x.ReleaseDate), Paragraphs: paragraphs(x.Summary)})
		}
	case "projects":
		for _, x := range r.Projects {
			s.add(entry{Title: x.Name, Subtitle: join(", ", append(slices.Clone(x.Roles), x.Entity)...), URL: link(x.URL), Shown: bare(x.URL), Dates: w.period(x.StartDate, x.EndDate), Paragraphs: paragraphs(x.Description), Bullets: texts(x.Highlights), Note: labelled(w.technologies, x.Keywords)})
		}
	case "skills":
		for _, x := range r.Skills {
			s.item(level(x.Name, x.Level), join(", ", x.Keywords...))
		}
	case "languages":
		for _, x := range r.Languages {
			s.item(x.Language, x.Fluency)
		}
	case "interests":
		for _, x := range r.Interests {
			s.item(x.Name, join(", ", x.Keywords...))
		}
	case "references":
		for _, x := range r.References {
			s.add(entry{Title: x.Name, Paragraphs: paragraphs(x.Reference)})
		}
	}
}

// add takes an entry that says something; one without a title is known by what
// comes next.
func (s *section) add(e entry) {
	e.Title, e.Subtitle, e.Note = clean(e.Title), clean(e.Subtitle), clean(e.Note)
	if e.Title == "" {
		e.Title, e.Subtitle = e.Subtitle, ""
	}
	if e.Subtitle == "" {
		e.Subtitle, e.Place = e.Place, ""
	}
	if e.Title != "" || e.Dates != "" || len(e.Paragraphs)+len(e.Bullets) > 0 || e.Note != "" {
		s.Entries = append(s.Entries, e)
	}
}

func (s *section) item(label, text string) {
	label, text = clean(label), clean(text)
	if label == "" {
		label, text = text, ""
	}
	if label != "" {
		s.Items = append(s.Items, item{label, text})
	}
}

func level(name, level string) string {
	if name != "" && level != "" {
		return name + " (" + level + ")"
	}
	return name
}

// join joins what is not empty.
func join(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}

// labelled says what a list is, for people and programs.
func labelled(label string, list []string) string {
	text := join(", ", list...)
	if text != "" {
		text = label + ": " + text
	}
	return text
}

// clean makes one line of a text, and drops what nobody can see: control
// characters, and those that turn the direction of the text around them.
func clean(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return -1
		}
		return r
	}, s)), " ")
}

// paragraphs splits a text at its line breaks.
func paragraphs(s string) []string { return texts(strings.Split(s, "\n")) }

func texts(list []string) []string {
	var out []string
	for _, s := range list {
		if s = clean(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// link is an address that may be followed, or empty.
func link(s string) template.URL {
	if s = clean(s); s != "" && !strings.Contains(s, "://") && !strings.Contains(s, ":") && strings.Contains(s, ".") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return template.URL(u.String()) //nolint:gosec // http or https
}

// bare is an address as people write it.
func bare(s string) string {
	s = clean(s)
	for _, prefix := range []string{"https://", "http://", "www."} {
		s = strings.TrimPrefix(s, prefix)
	}
	return strings.TrimSuffix(s, "/")
}

// Filename is the name of the document's file, such as "Ada Lovelace.pdf".
func (d Document) Filename(format string) string {
	name := "Resume"
	if d.Resume.Basics != nil && clean(d.Resume.Basics.Name) != "" {
		name = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\:*?"<>|`, r) {
				return '-'
			}
			return r
		}, clean(d.Resume.Basics.Name))
	}
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	return strings.Trim(name, ". ") + "." + format
}

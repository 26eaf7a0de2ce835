package parser

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/document"
)

// Lexicon finds the names of skills in running text, as the text spells them.
type Lexicon func(text string) []string

// parse is a document while it is parsed.
type parse struct {
	doc     *document.Document
	resume  Resume
	sources map[string]Source
}

// Parse reads a resume. lexicon may be nil; with it, skills that only the
// descriptions name are found too, less surely than those of a skills section.
// It ends early, with the context's error, when the context does.
func Parse(ctx context.Context, doc *document.Document, lexicon Lexicon) (*Result, error) {
	p := &parse{doc: doc, sources: map[string]Source{}}
	var warnings []Warning
	for _, w := range doc.Warnings {
		warnings = append(warnings, Warning{Code: w.Code, Page: w.Page, Message: w.Message})
	}
	rows := rowsOf(doc)
	name := p.name(rows)
	sections := sectionsOf(rows, name)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("parsing a resume: %w", err)
	}
	sections = p.unheaded(sections)
	p.location(sections)
	p.contacts(sections)
	p.about(sections, rows, name)
	for _, s := range sections {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("parsing a resume: %w", err)
		}
		switch s.kind {
		case work:
			p.work(s.rows)
		case education:
			p.education(s.rows)
		case volunteer:
			p.volunteer(s.rows)
		case projects:
			p.projects(s.rows)
		case awards:
			p.awards(s.rows)
		case certificates:
			p.certificates(s.rows)
		case publications:
			p.publications(s.rows)
		case skills:
			p.skills(s.rows)
		case languages:
			p.languages(s.rows)
		case interests:
			p.interests(s.rows)
		case references:
			p.references(s.rows)
		case header, contact, summary, other:
		}
	}
	p.mentioned(sections, lexicon)
	for _, missing := range []struct {
		absent bool
		code   string
		text   string
	}{
		{p.resume.Basics.Name == "", "no_name", "No name was found."},
		{p.resume.Basics.Email == "" && p.resume.Basics.Phone == "", "no_contact", "Neither an e-mail address nor a telephone number was found."},
		{len(p.resume.Work) == 0, "no_work", "No jobs were found."},
		{len(p.resume.Education) == 0, "no_education", "No schools were found."},
	} {
		if missing.absent {
			warnings = append(warnings, Warning{Code: missing.code, Message: missing.text})
		}
	}
	return &Result{Resume: p.resume, Sources: p.sources, Warnings: warnings}, nil
}

// unheaded gives a document without sections of jobs and schools some: rows from
// the first range of dates on are entries, and each is a job, a school or a
// language by the words in it.
func (p *parse) unheaded(sections []section) []section {
	if slices.ContainsFunc(sections, func(s section) bool { return s.kind == work || s.kind == education }) {
		return sections
	}
	var out []section
	for _, s := range sections {
		if s.kind != header && s.kind != other {
			out = append(out, s)
			continue
		}
		ranges := 0
		for i := range s.rows {
			if d, ok := anchor(&s.rows[i]); ok && d.isRange {
				ranges++
			}
		}
		if ranges < 2 {
			out = append(out, s)
			continue
		}
		rest := section{kind: s.kind}
		kinds := map[kind]*section{work: {kind: work}, education: {kind: education}, languages: {kind: languages}}
		var cur *section
		for i := range s.rows {
			r := &s.rows[i]
			_, dated := anchor(r)
			cells := r.cells()
			switch {
			case tongueOf(cells[0]) == cells[0] && len(cells) == 2 && fluencyWords.MatchString(plain(cells[1])):
				cur = kinds[languages]
			case dated && degreeScore(r.text)+schoolScore(r.text) > titleScore(r.text):
				cur = kinds[education]
			case dated:
				cur = kinds[work]
			case cur != nil && (len(cells) > 1 || r.firstOfBlock || r.space > 2 || p.isContact(r.text)):
				cur = nil
			}
			if cur == nil {
				rest.rows = append(rest.rows, *r)
			} else {
				cur.rows = append(cur.rows, *r)
			}
		}
		out = append(out, rest, *kinds[work], *kinds[education], *kinds[languages])
	}
	return out
}

// pointer makes a JSON Pointer (RFC 6901) of names and indices without signs.
func pointer(parts ...any) string {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "/%v", part)
	}
	return b.String()
}

// from notes where a value was read. What tesseract read is less sure.
func (p *parse) from(pointer string, r row, text string, confidence float64) {
	for i := range p.doc.Pages {
		if p.doc.Pages[i].Number == r.page && p.doc.Pages[i].OCR {
			confidence *= .85
		}
	}
	if text == "" {
		text = r.text
	}
	if utf8.RuneCountInString(text) > 300 {
		text = string([]rune(text)[:300])
	}
	p.sources[pointer] = Source{Page: r.page, Line: r.line, Text: text, Confidence: max(0, min(1, confidence))}
}

// describe divides what is said about an entry into prose and list items. Where
// the marks of the list are lost, several rows are a list.
func describe(body []row) (prose string, items []string) {
	marked := slices.ContainsFunc(body, func(r row) bool { return r.bullet })
	var paragraphs []string
	for i, r := range body {
		text := strings.TrimSpace(strings.ReplaceAll(r.text, "\t", " "))
		switch {
		case r.bullet, !marked && len(body) > 1 && i > 0:
			items = append(items, text)
		case marked && len(items) > 0 && i > 0 && body[i-1].bullet && r.x > body[i-1].x+1:
			items[len(items)-1] += " " + text
		default:
			paragraphs = append(paragraphs, text)
		}
	}
	return strings.Join(paragraphs, " "), items
}

// datesOf notes an entry's dates under a pointer. A single date of something that
// lasts is its end, or all of it, as the kind of section has it: that it still goes
// on would have to be said.
func (p *parse) datesOf(e *named, at string, singleEnds bool) (start, end string) {
	if !e.dated {
		return "", ""
	}
	start, end = e.dates.start, e.dates.end
	if !e.dates.isRange && !singleEnds {
		start = end
	}
	text := e.date.text[e.dates.from:e.dates.to]
	if start != "" {
		p.from(at+"/startDate", e.date, text, .95)
	}
	if end != "" || e.dates.present {
		p.from(at+"/endDate", e.date, text, .95)
	}
	return start, end
}

func (p *parse) work(rows []row) {
	for _, e := range workRoles.assign(entriesOf(rows)) {
		if !e.dated && (e.institution.text == "" || e.position.text == "") {
			continue // a stray line
		}
		at := pointer("work", len(p.resume.Work))
		w := Work{Name: e.institution.text, Position: e.position.text, Location: e.place, URL: webURL(e.url)}
		w.StartDate, w.EndDate = p.datesOf(&e, at, false)
		w.Summary, w.Highlights = describe(e.body)
		p.note(at+"/name", e.institution, e.sure)
		p.note(at+"/position", e.position, e.sure)
		p.resume.Work = append(p.resume.Work, w)
	}
}

// note notes the source of a part.
func (p *parse) note(at string, from piece, sure float64) {
	if from.text != "" {
		p.from(at, from.row, from.text, sure)
	}
}

func (p *parse) volunteer(rows []row) {
	for _, e := range workRoles.assign(entriesOf(rows)) {
		if e.institution.text == "" && e.position.text == "" {
			continue
		}
		at := pointer("volunteer", len(p.resume.Volunteer))
		v := Volunteer{Organization: e.institution.text, Position: e.position.text, URL: webURL(e.url)}
		v.StartDate, v.EndDate = p.datesOf(&e, at, false)
		v.Summary, v.Highlights = describe(e.body)
		p.note(at+"/organization", e.institution, e.sure)
		p.note(at+"/position", e.position, e.sure)
		p.resume.Volunteer = append(p.resume.Volunteer, v)
	}
}

var (
	scoreRE  = regexp.MustCompile(`(?i)\b(?:c?gpa|grade|note|abschlussnote|mention|nota|cijfer)\b\s*[:=]?\s*([\d.,]+(?:\s*/\s*[\d.,]+)?)`)
	coursesR = regexp.MustCompile(`(?i)^(?:(?:relevant |major |key |selected )?(?:courses?(?:work)?|modules)|schwerpunkte?|cours|kurse|cursos|corsi|vakken)\b\s*:?\s*`)
	// inRE divides a degree from its field.
	inRE = regexp.MustCompile(`\s+(?:in|of|en|em|der|in der|des|of the)\s+|\s*,\s*|\s+[–-]\s+|:\s+`)
	// typeRE is the part of a degree that names its kind.
	typeRE = regexp.MustCompile(`(?i)^(?:(?:bachelor|master|associate|doctor|licen[cs]e|licenciatura|magister|diplom[ae]?|bsc|msc|mba|ph\.?\s?d\.?|b\.\s?\w+\.?(?:\w\.)?|m\.\s?\w+\.?(?:\w\.)?|b[ase]|m[asc]|laurea(?: magistrale| triennale)?|grado|máster|mestrado|dut|bts)(?:['’]?s)?(?:\s+of\s+(?:arts|science|sciences|engineering|business administration|fine arts|laws|education|commerce|technology|philosophy|medicine|music|applied science|public health|architecture))?(?:\s*\((?:hons?|b\.?\w+\.?|m\.?\w+\.?)\))?(?:\s+degree)?)\b\.?`)
)

func (p *parse) education(rows []row) {
	for _, e := range educationRoles.assign(entriesOf(rows)) {
		if !e.dated && schoolScore(e.institution.text) == 0 && degreeScore(e.position.text) == 0 {
			continue
		}
		at := pointer("education", len(p.resume.Education))
		ed := Education{Institution: e.institution.text, URL: webURL(e.url)}
		ed.StartDate, ed.EndDate = p.datesOf(&e, at, true)
		ed.StudyType, ed.Area = splitDegree(e.position.text)
		for _, x := range e.rest {
			// Degree and field in rows of their own.
			switch {
			case degreeScore(x.text) > 0 && degreeScore(e.position.text) == 0 && ed.Area == "":
				ed.StudyType, ed.Area = x.text, e.position.text
			case ed.Area == "" && ed.StudyType != "" && len(strings.Fields(x.text)) <= 6 && schoolScore(x.text) == 0 && !scoreRE.MatchString(x.text):
				ed.Area = x.text
			}
		}
		for _, r := range append(slices.Clone(e.head), e.body...) {
			if m := scoreRE.FindStringSubmatch(r.text); m != nil && ed.Score == "" {
				ed.Score = strings.ReplaceAll(m[1], " ", "")
				p.from(at+"/score", r, m[0], .9)
			}
			if loc := coursesR.FindStringIndex(r.text); loc != nil {
				ed.Courses = append(ed.Courses, splitList(r.text[loc[1]:])...)
			}
		}
		p.note(at+"/institution", e.institution, e.sure)
		p.note(at+"/studyType", e.position, e.sure)
		p.resume.Education = append(p.resume.Education, ed)
	}
}

// splitDegree tells the kind of a degree from its field: "Bachelor of Arts in
// Computer Science" and "Information Technology, Bachelor".
func splitDegree(s string) (studyType, area string) {
	s = strings.TrimSpace(s)
	if loc := typeRE.FindStringIndex(s); loc != nil {
		rest := s[loc[1]:]
		if m := inRE.FindStringIndex(rest); m != nil && m[0] == 0 {
			return strings.TrimSpace(s[:loc[1]]), strings.TrimSpace(rest[m[1]:])
		}
		if rest = strings.TrimSpace(rest); rest != "" && unicode.IsLetter([]rune(rest)[0]) {
			return strings.TrimSpace(s[:loc[1]]), rest
		}
	}
	if parts := splitCommas(s); len(parts) == 2 && degreeScore(parts[1]) > 0 && degreeScore(parts[0]) == 0 {
		return parts[1], parts[0]
	}
	if parts := splitCommas(s); len(parts) == 2 && degreeScore(parts[0]) > 0 && degreeScore(parts[1]) == 0 {
		return parts[0], parts[1]
	}
	if before, after, ok := strings.Cut(s, " in "); ok && degreeScore(before) > 0 {
		return before, after
	}
	return s, ""
}

// toolsLabel is what a list of what a project was made with is called.
var toolsLabel = regexp.MustCompile(`^(?:` + lex("tools labels") + `)$`)

func (p *parse) projects(rows []row) {
	for _, e := range workRoles.assign(entriesOf(rows)) {
		parts := pieces(e.head)
		i := slices.IndexFunc(parts, func(x piece) bool { return !x.place && !isURL(x.text) })
		if i < 0 {
			continue
		}
		at := pointer("projects", len(p.resume.Projects))
		pr := Project{Name: parts[i].text, URL: webURL(firstURL(parts[i:]))}
		for _, x := range parts[i+1:] {
			switch {
			case isURL(x.text):
				pr.URL = webURL(x.text)
			case titleScore(x.text) > 0 && len(strings.Fields(x.text)) <= 4:
				pr.Roles = append(pr.Roles, x.text)
			case strings.Count(x.text, ",") >= 2:
				pr.Keywords = splitList(x.text)
			case pr.Description == "":
				pr.Description = x.text
				if strings.HasSuffix(x.row.text, x.text+".") {
					pr.Description += "." // a sentence, not a part of a head
				}
			}
		}
		pr.StartDate, pr.EndDate = p.datesOf(&e, at, false)
		body := make([]row, 0, len(e.body))
		for _, r := range e.body {
			if label, rest, ok := strings.Cut(r.text, ":"); ok && !r.bullet && toolsLabel.MatchString(plain(label)) {
				pr.Keywords = append(pr.Keywords, splitList(rest)...)
				continue
			}
			body = append(body, r)
		}
		prose, items := describe(body)
		pr.Description, pr.Highlights = strings.TrimSpace(pr.Description+" "+prose), items
		p.note(at+"/name", parts[i], .8)
		p.resume.Projects = append(p.resume.Projects, pr)
	}
}

// firstURL is the first address that a part of a head is linked to.
func firstURL(parts []piece) string {
	for _, x := range parts {
		if x.url != "" {
			return x.url
		}
	}
	return ""
}

// titled are sections whose entries are a title, who gave it and when.
func (p *parse) titled(rows []row, name string, add func(title, by, date, url, text string)) {
	count := 0
	for _, e := range entriesOf(listed(rows)) {
		parts := slices.DeleteFunc(pieces(e.head), func(x piece) bool { return x.place })
		if len(parts) == 0 {
			continue
		}
		by, link := "", firstURL(parts)
		for _, x := range parts[1:] {
			if isURL(x.text) {
				link = x.text
			} else if by == "" {
				by = strings.TrimPrefix(strings.TrimPrefix(x.text, "by "), "in ")
			}
		}
		prose, items := describe(e.body)
		text := strings.TrimSpace(prose + " " + strings.Join(items, " "))
		p.note(pointer(name, count), parts[0], .75)
		add(parts[0].text, by, e.dates.end+e.dates.start, webURL(link), text)
		count++
	}
}

// listed makes each item of a list that has no other rows an entry of its own.
func listed(rows []row) []row {
	if slices.ContainsFunc(rows, func(r row) bool { return !r.bullet }) {
		return rows
	}
	out := slices.Clone(rows)
	for i := range out {
		out[i].bullet, out[i].space, out[i].look.bold = false, 2, true
	}
	return out
}

func (p *parse) awards(rows []row) {
	p.titled(rows, "awards", func(title, by, date, _, text string) {
		p.resume.Awards = append(p.resume.Awards, Award{Title: title, Awarder: by, Date: date, Summary: text})
	})
}

func (p *parse) certificates(rows []row) {
	p.titled(rows, "certificates", func(title, by, date, link, _ string) {
		p.resume.Certificates = append(p.resume.Certificates, Certificate{Name: title, Issuer: by, Date: date, URL: link})
	})
}

func (p *parse) publications(rows []row) {
	p.titled(rows, "publications", func(title, by, date, link, text string) {
		p.resume.Publications = append(p.resume.Publications, Publication{Name: title, Publisher: by, ReleaseDate: date, URL: link, Summary: text})
	})
}

func (p *parse) references(rows []row) {
	list := &p.resume.References
	var first *row      // the first name
	quoteFirst := false // who says it stands below
	for i := range rows {
		r := &rows[i]
		named := nameLike(r.text) && !r.isLong() &&
			(first == nil || r.look == first.look && (quoteFirst || r.look != rows[i-1].look || r.space >= 1))
		n := len(*list)
		if named && first == nil {
			first, quoteFirst = r, n > 0
		}
		if n == 0 || (*list)[n-1].Reference != "" && (named && !quoteFirst || !named && quoteFirst && (*list)[n-1].Name != "") {
			p.from(pointer("references", n), *r, "", .6)
			*list = append(*list, Reference{})
		}
		if last := &(*list)[len(*list)-1]; named {
			last.Name = r.text
		} else {
			last.Reference = strings.TrimSpace(last.Reference + " " + strings.ReplaceAll(r.text, "\t", " "))
		}
	}
}

// mentioned adds the skills that only the text names.
func (p *parse) mentioned(sections []section, lexicon Lexicon) {
	if lexicon == nil {
		return
	}
	known := map[string]bool{}
	for _, s := range p.resume.Skills {
		known[plain(s.Name)] = true
		for _, k := range s.Keywords {
			known[plain(k)] = true
		}
	}
	for _, pr := range p.resume.Projects {
		for _, k := range pr.Keywords {
			known[plain(k)] = true
		}
	}
	found := map[string]row{}
	spelt := map[string]string{}
	for _, s := range sections {
		if s.kind != work && s.kind != projects && s.kind != summary && s.kind != education && s.kind != volunteer {
			continue
		}
		for _, r := range s.rows {
			for _, skill := range lexicon(urlRE.ReplaceAllString(r.text, " ")) {
				k := plain(skill)
				if _, seen := found[k]; !seen && !known[k] && k != "" {
					found[k], spelt[k] = r, skill
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(found)) {
		p.from(pointer("skills", len(p.resume.Skills)), found[k], spelt[k], .5)
		p.resume.Skills = append(p.resume.Skills, Skill{Name: spelt[k]})
	}
}

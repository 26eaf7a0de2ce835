package render

import (
	"strings"
	"unicode/utf8"
)

// textWidth is where lines of plain text are broken.
const textWidth = 90

// Text is a resume as plain text.
func Text(d Document) string {
	v := d.view()
	var b strings.Builder
	line := func(indent, s string) {
		for _, l := range wrap(s, textWidth-utf8.RuneCountInString(indent)) {
			b.WriteString(indent + l + "\n")
			indent = strings.Repeat(" ", utf8.RuneCountInString(indent))
		}
	}
	for _, s := range []string{v.Name, v.Label} {
		if s != "" {
			line("", s)
		}
	}
	for _, c := range v.Contacts {
		line("", c.Text)
	}
	for _, s := range v.Sections {
		b.WriteString("\n" + strings.ToUpper(s.Title) + "\n\n")
		for _, p := range s.Paragraphs {
			line("", p)
		}
		for i, e := range s.Entries {
			if i > 0 {
				b.WriteString("\n")
			}
			for _, p := range []string{e.Title, e.Subtitle, e.Place, e.Dates, bare(string(e.URL))} { // no link: the address itself
				if p != "" {
					line("", p)
				}
			}
			for _, p := range e.Paragraphs {
				line("", p)
			}
			for _, p := range e.Bullets {
				line("- ", p)
			}
			if e.Note != "" {
				line("", e.Note)
			}
		}
		for _, i := range s.Items {
			line("- ", join(": ", i.Label, i.Text))
		}
	}
	return strings.TrimLeft(b.String(), "\n")
}

// wrap breaks a text into lines of at most width characters, at spaces.
func wrap(s string, width int) []string {
	var lines []string
	var line string
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// Markdown is a resume in CommonMark.
func Markdown(d Document) string {
	v := d.view()
	var b strings.Builder
	block := func(s string) { b.WriteString(s + "\n\n") }
	if v.Name != "" {
		block("# " + escape(v.Name))
	}
	if v.Label != "" {
		block("**" + escape(v.Label) + "**")
	}
	var contacts []string
	for _, c := range v.Contacts {
		contacts = append(contacts, anchor(c.Text, string(c.URL)))
	}
	if len(contacts) > 0 {
		block(strings.Join(contacts, " · "))
	}
	for _, s := range v.Sections {
		block("## " + escape(s.Title))
		for _, p := range s.Paragraphs {
			block(escape(p))
		}
		for _, e := range s.Entries {
			if e.Title != "" {
				block("### " + anchor(e.Title, string(e.URL)))
			}
			if under := join(" · ", escape(e.Subtitle), escape(e.Place), escape(e.Dates)); under != "" {
				block("*" + under + "*")
			}
			for _, p := range e.Paragraphs {
				block(escape(p))
			}
			for _, p := range e.Bullets {
				b.WriteString("- " + escape(p) + "\n")
			}
			if len(e.Bullets) > 0 {
				b.WriteString("\n")
			}
			if e.Note != "" {
				block(escape(e.Note))
			}
		}
		for _, i := range s.Items {
			b.WriteString("- **" + escape(i.Label) + "**")
			if i.Text != "" {
				b.WriteString(": " + escape(i.Text))
			}
			b.WriteString("\n")
		}
		if len(s.Items) > 0 {
			b.WriteString("\n")
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// escape keeps a text from meaning anything in Markdown, HTML in it included.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("\\`*_[]<>|~&#", r),
			(r == '-' || r == '+' || r == '=' || r == '!') && i == 0,
			(r == '.' || r == ')') && i > 0 && i < 10 && strings.Trim(s[:i], "0123456789") == "":
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func anchor(text, href string) string {
	if href == "" {
		return escape(text)
	}
	return "[" + escape(text) + "](<" + strings.NewReplacer("<", "%3C", ">", "%3E", "\\", "%5C").Replace(href) + ">)"
}

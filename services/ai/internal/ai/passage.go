package ai

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// passage is a piece of a document of the request that can be quoted.
type passage struct {
	document, pointer, text string
	start                   int // of text in the value at pointer, in code points
}

const (
	maxQuote = 2000 // code points of a quote
	maxOpen  = 512  // elements of HTML within each other
)

// source quotes a passage whole.
func (p passage) source() Source {
	text := clip(p.text, maxQuote)
	end := p.start + utf8.RuneCountInString(text)
	return Source{Document: p.document, Pointer: p.pointer, Quote: text, Start: &p.start, End: &end}
}

// quote quotes bytes from to to of a passage.
func (p passage) quote(from, to int) Source {
	start := p.start + utf8.RuneCountInString(p.text[:from])
	text := clip(p.text[from:to], maxQuote)
	end := start + utf8.RuneCountInString(text)
	return Source{Document: p.document, Pointer: p.pointer, Quote: text, Start: &start, End: &end}
}

// resumePassages are the texts of a resume, by their JSON Pointers, in the order
// of its sections.
func resumePassages(r *Resume) []passage {
	if r == nil {
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return nil // a struct of strings always marshals
	}
	var tree map[string]any
	if json.Unmarshal(raw, &tree) != nil {
		return nil
	}
	var out []passage
	for _, section := range []string{"basics", "work", "projects", "skills", "education", "certificates", "languages",
		"volunteer", "awards", "publications", "interests", "references"} {
		out = leaves(out, "resume", "/"+section, tree[section])
	}
	return out
}

func leaves(out []passage, document, pointer string, v any) []passage {
	switch v := v.(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			out = append(out, passage{document: document, pointer: pointer, text: v})
		}
	case []any:
		for i, e := range v {
			out = leaves(out, document, pointer+"/"+strconv.Itoa(i), e)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = leaves(out, document, pointer+"/"+k, v[k])
		}
	}
	return out
}

// jobPassages are title, company, place, named skills, and the description line
// by line.
func jobPassages(j *Posting) []passage {
	if j == nil {
		return nil
	}
	out := []passage{{document: "job", pointer: "/title", text: j.Title}}
	if j.CompanyName != "" {
		out = append(out, passage{document: "job", pointer: "/companyName", text: j.CompanyName})
	}
	if j.Location != nil && j.Location.City != "" {
		out = append(out, passage{document: "job", pointer: "/location/city", text: j.Location.City})
	}
	for i, s := range j.Skills {
		out = append(out, passage{document: "job", pointer: fmt.Sprintf("/skills/%d/name", i), text: s.Name})
	}
	return append(out, lines("/description", plain(j.Description))...)
}

// lines are the lines of a posting's text that are not empty.
func lines(pointer, text string) (out []passage) {
	at := 0
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\r\n")
		left := strings.TrimLeft(body, " \t•·*-–")
		if strings.TrimSpace(left) != "" {
			skipped := utf8.RuneCountInString(body[:len(body)-len(left)])
			out = append(out, passage{"job", pointer, strings.TrimSpace(left), at + skipped})
		}
		at += utf8.RuneCountInString(line)
	}
	return out
}

// factPassages are what the applicant has said outside the resume.
func factPassages(document string, facts []Fact) (out []passage) {
	for i, f := range facts {
		out = append(out, passage{document: document, pointer: fmt.Sprintf("/%d/value", i), text: f.Value})
	}
	return out
}

// plain is the text of a description that may be HTML.
func plain(text string) string {
	if !strings.Contains(text, "<") || !strings.Contains(text, ">") {
		return html.UnescapeString(text)
	}
	return htmlText(text)
}

// htmlText is the text of HTML with a line for each block. Scripts, styles,
// comments and what is hidden are left out: hidden text is written for machines.
func htmlText(source string) string {
	z := html.NewTokenizer(strings.NewReader(source))
	z.SetMaxBuf(1 << 20)
	var b strings.Builder
	skip := 0 // depth of elements that are not read
	type element struct {
		name   string
		hidden bool
	}
	var open []element
	line := func() {
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte('\n')
		}
	}
	for {
		switch t := z.Next(); t {
		case html.ErrorToken:
			return strings.TrimSpace(b.String())
		case html.TextToken:
			if skip > 0 {
				continue
			}
			text := html.UnescapeString(string(z.Text()))
			words := strings.Fields(text)
			if len(words) == 0 {
				if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") && !strings.HasSuffix(s, " ") {
					b.WriteByte(' ')
				}
				continue
			}
			s := b.String()
			if strings.HasPrefix(text, " ") && s != "" && !strings.HasSuffix(s, "\n") && !strings.HasSuffix(s, " ") {
				b.WriteByte(' ')
			}
			b.WriteString(strings.Join(words, " "))
			if last := text[len(text)-1]; last == ' ' || last == '\n' {
				b.WriteByte(' ')
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if block(token.DataAtom) {
				line()
			}
			if t == html.SelfClosingTagToken || void(token.DataAtom) {
				continue
			}
			hidden := unread(token)
			if len(open) < maxOpen {
				open = append(open, element{token.Data, hidden})
			} else if hidden {
				return strings.TrimSpace(b.String()) // nested as no page is
			}
			if hidden {
				skip++
			}
		case html.EndTagToken:
			token := z.Token()
			if block(token.DataAtom) {
				line()
			}
			// Elements that were never closed end with the one around them.
			for i := len(open) - 1; i >= 0; i-- {
				if open[i].name != token.Data {
					continue
				}
				for _, e := range open[i:] {
					if e.hidden {
						skip--
					}
				}
				open = open[:i]
				break
			}
		}
	}
}

func block(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Div, atom.Br, atom.Li, atom.Ul, atom.Ol, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Tr,
		atom.Table, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Blockquote, atom.Hr, atom.Dt, atom.Dd, atom.Dl:
		return true
	}
	return false
}

func void(a atom.Atom) bool {
	switch a {
	case atom.Br, atom.Hr, atom.Img, atom.Input, atom.Meta, atom.Link, atom.Wbr, atom.Area, atom.Col, atom.Embed, atom.Source, atom.Track, atom.Base:
		return true
	}
	return false
}

// unread tells elements whose text nobody sees.
func unread(t html.Token) bool {
	switch t.DataAtom {
	case atom.Script, atom.Style, atom.Template, atom.Noscript, atom.Head, atom.Iframe, atom.Svg, atom.Object:
		return true
	}
	for _, a := range t.Attr {
		style := strings.ToLower(strings.ReplaceAll(a.Val, " ", ""))
		switch {
		case a.Key == "hidden", a.Key == "aria-hidden" && a.Val == "true":
			return true
		case a.Key == "style" && (strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden") ||
			strings.Contains(style, "font-size:0") || strings.Contains(style, "opacity:0;") || strings.HasSuffix(style, "opacity:0")):
			return true
		}
	}
	return false
}

// clip shortens text to at most n code points.
func clip(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

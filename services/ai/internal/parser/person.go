package parser

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameLabel is what may stand before a name.
var nameLabel = regexp.MustCompile(`(?i)^(?:(?:full |first |last )?name|nom|nombre|nome|naam|vor- und nachname|curriculum vitae|cv|resume|lebenslauf)\s*:?\s*(?:of|von|de)?\s*$`)

// inASCII spells letters as addresses do.
var inASCII = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss", "ø", "oe", "Ø", "Oe", "å", "aa", "Å", "Aa", "æ", "ae", "Æ", "Ae", "ł", "l", "Ł", "L")

// name finds the person's name and returns the row it stands in, or -1: the cell
// that reads like a name, is large, stands early and agrees with the e-mail
// address, and is no heading.
func (p *parse) name(rows []row) int {
	local := ""
	for i := range rows {
		if m, ok := p.email(rows, i); ok {
			local, _, _ = strings.Cut(m, "@")
			break
		}
	}
	if local == "" {
		for i := range rows {
			for _, s := range rows[i].spans {
				if u, ok := normalURL(s.URL); ok {
					if _, user := networkOf(u); user != "" {
						local += " " + user
					}
				}
			}
		}
	}
	local = plain(strings.Map(func(c rune) rune {
		if unicode.IsDigit(c) {
			return ' '
		}
		return c
	}, local))
	biggest := 0.0
	for _, r := range rows {
		for _, s := range r.spans {
			if utf8.RuneCountInString(s.Text) > 3 {
				biggest = max(biggest, s.Size)
			}
		}
	}
	body := bodyLook(rows)
	best, bestScore, bestRow, bestText := "", 1.0, -1, ""
	for i := range rows {
		r := &rows[i]
		if r.page > rows[0].page || i > 60 || r.isLong() || r.bullet {
			continue
		}
		labelled := false
		at := 0
		for c, cell := range r.cells() {
			size, bold := r.look.size, r.look.bold
			for at < len(r.spans) && c > 0 && !r.spans[at].Tab {
				at++
			}
			if at < len(r.spans) {
				size, bold = r.spans[at].Size, r.spans[at].Bold
			}
			at++
			texts := []string{cell}
			// The name's own span, where other text shares the cell with it.
			for k := range r.spans {
				if r.spans[k].Size > body.size*1.15 {
					texts = append(texts, strings.TrimSpace(r.spans[k].Text))
				}
			}
			for _, sep := range []string{"|", "–", " - ", ","} {
				if head, _, ok := strings.Cut(cell, sep); ok {
					texts = append(texts, head)
				}
			}
			for n, text := range texts {
				text = strings.Trim(strings.TrimSpace(text), ".,;:|")
				if label, rest, ok := strings.Cut(text, ":"); ok && nameLabel.MatchString(label) {
					labelled, text = true, strings.TrimSpace(rest)
				}
				if nameLabel.MatchString(text) {
					labelled = true
					continue
				}
				if !nameLike(text) {
					continue
				}
				p1 := plain(text)
				fields, ascii := strings.Fields(p1), strings.Fields(plain(inASCII.Replace(text)))
				score := 0.0
				if i == 0 && c == 0 && len(fields) > 1 {
					score += .45 // where nothing is set apart, the name comes first
				}
				if n > 0 && n <= len(r.spans) {
					for k := range r.spans {
						if strings.TrimSpace(r.spans[k].Text) == text {
							size, bold = r.spans[k].Size, r.spans[k].Bold
						}
					}
				}
				if biggest > 0 && size >= biggest*.98 && size > body.size*1.15 {
					score += 1.6
				} else if size > body.size*1.15 {
					score += .8
				} else if size > body.size*1.02 || bold && !body.bold || isCaps(text) && !body.caps {
					score += .3
				}
				if i < 3 {
					score += .6 - .1*float64(i)
				}
				if r.heading == 2 {
					score += .5
				}
				agrees := 0
				for k, f := range fields {
					joined := strings.ReplaceAll(local, " ", "")
					if len(f) >= 3 && (strings.Contains(joined, f) || len(ascii) == len(fields) && strings.Contains(joined, ascii[k])) {
						agrees++
					}
				}
				score += 1.0 * float64(min(agrees, 2))
				if labelled && c > 0 || labelled && len(r.cells()) == 1 {
					score += 1.2
				}
				if len(fields) == 1 {
					score -= .8
				}
				if len(fields) > 4 {
					score -= .5
				}
				if _, sure := headingKind(text); sure > 0 && agrees == 0 {
					score -= 1.5 * sure
				}
				if titleScore(text) > 0 && agrees == 0 {
					score -= 1.2
				}
				if isPlace(text) || companyScore(text) > 0 && agrees == 0 || schoolScore(text) > 0 || tongues()[p1] {
					score--
				}
				score -= .012 * float64(i)
				if score > bestScore {
					best, bestScore, bestRow, bestText = text, score, i, text
				}
			}
		}
	}
	if best == "" {
		return -1
	}
	p.resume.Basics.Name = best
	p.from("/basics/name", rows[bestRow], bestText, .55+.12*min(bestScore, 3.5))
	return bestRow
}

// about finds the headline and the summary.
func (p *parse) about(sections []section, rows []row, name int) {
	b := &p.resume.Basics
	if name >= 0 {
		p.label(sections, rows, name)
	}
	for _, s := range sections {
		if s.kind != summary || b.Summary != "" {
			continue
		}
		var parts []string
		for _, r := range s.rows {
			if p.isContact(r.text) {
				continue
			}
			parts = append(parts, strings.ReplaceAll(r.text, "\t", " "))
		}
		if len(parts) > 0 {
			b.Summary = strings.Join(parts, " ")
			p.from("/basics/summary", s.rows[0], b.Summary, .9)
		}
	}
	if b.Summary != "" {
		return
	}
	for _, r := range headers(sections) {
		if r.isLong() && !p.isContact(r.text) && len(strings.Fields(r.text)) > 10 {
			b.Summary = r.text
			p.from("/basics/summary", r, r.text, .6)
			return
		}
	}
}

// headers are the rows under no heading: the first, and those under the name.
func headers(sections []section) []row {
	var rows []row
	for _, s := range sections {
		if s.kind == header {
			rows = append(rows, s.rows...)
		}
	}
	return rows
}

// label finds the headline: a short line by the name that reads like a title or
// is set apart.
func (p *parse) label(sections []section, rows []row, name int) {
	heads := headers(sections)
	best, bestScore := row{}, .55
	text := ""
	for _, r := range heads {
		distance := r.line - rows[name].line
		if r.page != rows[name].page || r.isLong() {
			continue
		}
		for _, cell := range strings.FieldsFunc(r.text, func(c rune) bool { return c == '\t' }) {
			cell = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cell), p.resume.Basics.Name))
			cell = strings.Trim(cell, " |,–-")
			if cell == "" || plain(cell) == plain(p.resume.Basics.Name) || p.isContact(cell) || isPlace(cell) || isAddress(cell) || strings.ContainsAny(cell, "@") || len(strings.Fields(cell)) > 12 || nameLabel.MatchString(cell) {
				continue
			}
			score := titleScore(cell)*.8 - .04*float64(max(distance, -distance))
			if distance == 1 {
				score += .3
			}
			if score > bestScore {
				best, bestScore, text = r, score, cell
			}
		}
	}
	if text != "" {
		p.resume.Basics.Label = text
		p.from("/basics/label", best, text, .5+.4*min(1, bestScore))
	}
}

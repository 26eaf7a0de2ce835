package parser

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// entry is one job, school, project … of a section.
type entry struct {
	head  []row // what names it, with its dates
	body  []row // what is said about it
	dates dates
	dated bool
	date  row // where the dates stand
}

// durationRE is what some add to dates: "1 year", "(2 yrs 3 mos)".
var durationRE = regexp.MustCompile(`(?i)^[\s(·•,-]*(?:\d+\+?\s*(?:years?|yrs?|months?|mos?|days?|jahre?|monate?|ans?|mois|años?|meses|anni|mesi|jaar|maanden)[\s,.]*(?:and|und|et)?\s*)+\)?$`)

// dateLabelRE is what stands before a date: "Published on: ".
var dateLabelRE = regexp.MustCompile(`(?i)(?:awarded|published|released|issued|expires?|graduat(?:ed|ion)|date|datum|expected|class of)(?:\s+on)?\s*:?\s*$`)

// anchor finds the dates of a row, where they say when an entry was: a range
// anywhere in a short row, a single date that stands apart, and in a long row
// only what comes first.
func anchor(r *row) (dates, bool) {
	d, ok := r.dates, r.dated
	if !ok {
		return d, false
	}
	before, after := strings.TrimRight(r.text[:d.from], " "), strings.TrimLeft(r.text[d.to:], " ")
	before = strings.TrimRight(dateLabelRE.ReplaceAllString(before, ""), " ")
	starts := before == "" || strings.HasSuffix(before, "\t") || before == "("
	ends := after == "" || strings.HasPrefix(after, "\t") || strings.HasPrefix(after, ")") || durationRE.MatchString(after)
	switch {
	case d.isRange && (!r.isLong() || starts && len(before) == 0):
		return d, !r.bullet || starts || ends
	case r.isLong() && (before != "" || !strings.HasPrefix(after, "\t")):
		return d, false
	case starts && ends:
		return d, true
	case r.bullet:
		return d, false
	case ends && (strings.HasSuffix(before, "(") || strings.HasSuffix(before, ",") || strings.HasSuffix(before, "–") || strings.HasSuffix(before, "-") || strings.HasSuffix(before, "|") || len(strings.Fields(before)) <= 7):
		return d, true
	case starts && before == "" && (strings.HasPrefix(after, ":") || strings.HasPrefix(after, "–") || strings.HasPrefix(after, "-") || strings.HasPrefix(after, "|") || strings.HasPrefix(after, ",")):
		return d, true
	}
	return d, false
}

// headLike tells whether a row can name an entry: no list item, no sentence.
func headLike(r *row) bool {
	return !r.bullet && !r.isLong() && utf8.RuneCountInString(r.text) <= 110 &&
		(!strings.HasSuffix(r.text, ".") || len(strings.Fields(r.text)) <= 7)
}

// entriesOf divides the rows of a section into entries.
func entriesOf(rows []row) []entry {
	var at []int
	found := map[int]dates{}
	for i := range rows {
		if d, ok := anchor(&rows[i]); ok {
			// Two dates in neighbouring rows of one entry: the second only adds to a
			// single first ("awarded 2014" below a range).
			if n := len(at); n > 0 && !d.isRange && found[at[n-1]].isRange && i-at[n-1] <= 1 && !headLike(&rows[i]) {
				continue
			}
			at = append(at, i)
			found[i] = d
		}
	}
	if len(at) == 0 {
		return undated(rows)
	}
	above := bestOffset(rows, at)
	starts := make([]int, len(at))
	for k, a := range at {
		limit := 0
		if k > 0 {
			limit = at[k-1] + 1
		}
		s := a
		for s > limit && a-s < above && headLike(&rows[s-1]) {
			s--
		}
		// Some entries have more above their dates than most: white tells where they begin.
		for u := s; u >= limit && a-u < 4 && headLike(&rows[u]); u-- {
			if rows[u].space >= .9 {
				s = u
				break
			}
		}
		starts[k] = s
	}
	if lead := starts[0]; lead > 0 && lead <= 2 && above < 3 {
		all := true
		for i := range lead {
			all = all && headLike(&rows[i]) && (above > 0 || rows[i].look.size <= rows[at[0]].look.size*1.05)
		}
		if all {
			starts[0] = 0
		}
	}
	var entries []entry
	if starts[0] > 0 {
		entries = append(entries, undated(rows[:starts[0]])...)
	}
	for k, a := range at {
		end := len(rows)
		if k+1 < len(at) {
			end = starts[k+1]
		}
		e := entry{dates: found[a], dated: true, date: rows[a]}
		split := a + 1
		mains := 0
		for i := starts[k]; i <= a; i++ {
			mains += mainCount(&rows[i])
		}
		for split < end && headLike(&rows[split]) && mains < 2 && split-starts[k] < 5 {
			mains += mainCount(&rows[split])
			split++
		}
		// A place or an address belongs to the head; so does a line set like it.
		for split < end && split-starts[k] < 6 && headLike(&rows[split]) && (isPlace(rows[split].text) || isAddress(rows[split].text) || isURL(rows[split].text)) {
			split++
		}
		e.head, e.body = rows[starts[k]:split], rows[split:end]
		entries = append(entries, e)
	}
	return entries
}

// mainCount is how many parts of a row could name something.
func mainCount(r *row) int {
	n := 0
	var one piece
	for _, p := range pieces([]row{*r}) {
		if !p.place {
			n++
			one = p
		}
	}
	if n == 1 {
		for _, ro := range []roles{workRoles, educationRoles} {
			// Both names in one list by commas, where each half surely is one.
			if m := ro.splitOne(one); len(m) == 2 && ro.first(m[0].text)*ro.second(m[1].text)+ro.first(m[1].text)*ro.second(m[0].text) > .5 {
				return 2
			}
		}
	}
	return n
}

// bestOffset decides how many rows of an entry stand above its dates: the number
// that leaves the fewest rows over and has entries begin alike.
func bestOffset(rows []row, at []int) int {
	best, bestScore := 0, -1e9
	for o := range 4 {
		score := -.05 * float64(o)
		looks := map[look]int{}
		for k, a := range at {
			limit := 0
			if k > 0 {
				limit = at[k-1] + 1
			}
			s := a - o
			if s < limit {
				score -= 1.2
				continue
			}
			fits := true
			for i := s; i < a; i++ {
				fits = fits && headLike(&rows[i])
			}
			if !fits {
				score -= 1.2
				continue
			}
			lk := rows[s].look
			lk.caps = false
			looks[lk]++
			switch {
			case s == 0:
				score++
			case s == limit: // right below the dates before: nothing would say what those were for, unless they follow it
				if k > 0 && at[k-1] == s-1 && o > 0 && len(pieces([]row{rows[at[k-1]]})) > 0 {
					score += .2
				} else {
					score -= .3
				}
			case !headLike(&rows[s-1]):
				score++
			default:
				score -= .5
			}
			if s > 0 && setOff(&rows[s], &rows[s-1]) {
				score += .4
			}
			if rows[s].space > rows[min(s+1, len(rows)-1)].space+.15 || rows[s].firstOfBlock {
				score += .6
			}
			if s < a && rows[a].space > rows[s].space+.3 && !rows[s].firstOfBlock {
				score -= .6
			}
		}
		most := 0
		for _, n := range looks {
			most = max(most, n)
		}
		score += .5 * float64(most)
		if score > bestScore {
			best, bestScore = o, score
		}
	}
	return best
}

// setOff tells whether a row is set as the heading of what follows, unlike the row
// before it.
func setOff(r, before *row) bool {
	return r.heading > 0 && before.heading == 0 || r.look.bold && !before.look.bold
}

// undated divides rows without dates: an entry begins where the look of the first
// row comes back, or after the description of the one before.
func undated(rows []row) []entry {
	var entries []entry
	for i := range rows {
		r := &rows[i]
		n := len(entries)
		fresh := n == 0
		if n > 0 && headLike(r) {
			cur := &entries[n-1]
			first := cur.head
			switch {
			case len(first) == 0:
			case len(cur.body) > 0 && (r.look == first[0].look || r.space > 1):
				fresh = true
			case r.look == first[0].look && (r.look.bold || r.look.size > rows[len(rows)-1].look.size) && len(first) > 1 && first[1].look != r.look:
				fresh = true
			}
		}
		if fresh {
			entries = append(entries, entry{})
			n++
		}
		cur := &entries[n-1]
		if headLike(r) && len(cur.body) == 0 && len(cur.head) < 3 {
			cur.head = append(cur.head, *r)
		} else {
			cur.body = append(cur.body, *r)
		}
	}
	return entries
}

// piece is a part of an entry's head.
type piece struct {
	text  string
	row   row
	look  look
	url   string
	place bool
}

// separators divide the parts of a head within a cell.
var (
	separators  = regexp.MustCompile(`\s+[|•·∙●⋅◦]\s+|\s*[|•∙●]\s*|\s+[–—―-]\s+|\s+@\s+|\s+(?:at|bei|chez|presso|bij)\s+(?:the\s+|der\s+|dem\s+)?`)
	trailParens = regexp.MustCompile(`(?i)\s*\((?:` + lex("terms of work") + `)\)\s*$`)
)

// pieces takes the rows of a head apart: at tabs, at separators, where the
// typography changes, and around places. Dates are left out.
func pieces(head []row) []piece {
	var out []piece
	for _, r := range head {
		text := []byte(r.text)
		if d := r.dates; r.dated {
			if loc := dateLabelRE.FindStringIndex(r.text[:d.from]); loc != nil && loc[0] < loc[1] {
				d.from = loc[0]
			}
			for i := d.from; i < d.to; i++ {
				text[i] = '\t'
			}
		}
		for _, part := range byLook(r, string(text)) {
			for cell := range strings.SplitSeq(part.text, "\t") {
				for _, s := range separators.Split(cell, -1) {
					s = strings.TrimSpace(trailParens.ReplaceAllString(trimSigns(s), ""))
					if s == "" || durationRE.MatchString(s) || utf8.RuneCountInString(s) < 2 {
						continue
					}
					p := part
					p.text = s
					out = append(out, aroundPlaces(p)...)
				}
			}
		}
	}
	return out
}

// trimSigns cuts punctuation at the ends, and brackets that have no partner.
func trimSigns(s string) string {
	s = strings.Trim(s, " \t,;:|–—-·•∙/")
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && strings.Count(s, "(") == 1 {
		s = s[1 : len(s)-1]
	}
	if strings.Count(s, "(") != strings.Count(s, ")") {
		s = strings.Trim(s, "()")
	}
	if strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "..") {
		if last := s[strings.LastIndexAny(s[:len(s)-1], " .,")+1:]; len(last) > 5 {
			s = strings.TrimSuffix(s, ".")
		}
	}
	return strings.Trim(s, " \t,;:|–—-·•∙")
}

// byLook divides text, which is the row's with something blanked out, where the
// typography changes between words.
func byLook(r row, text string) []piece {
	var out []piece
	at := 0
	for i, s := range r.spans {
		n := len(s.Text)
		if i > 0 && s.Tab {
			n++
		}
		if at >= len(text) {
			break
		}
		part := text[at:min(len(text), at+n)]
		at += n
		lk := look{size: roundHalf(s.Size), bold: s.Bold, italic: s.Italic}
		if k := len(out) - 1; k >= 0 {
			before := out[k].text
			apart := strings.HasPrefix(part, " ") || strings.HasPrefix(part, "\t") || strings.HasSuffix(before, " ") || strings.ContainsAny(part[:min(1, len(part))], ",;|")
			if out[k].look == lk || !apart || len(strings.TrimSpace(part)) < 2 {
				out[k].text += part
				if out[k].url == "" && s.URL != "" && strings.TrimSpace(before) == "" {
					out[k].url = s.URL
				}
				continue
			}
		}
		out = append(out, piece{text: part, row: r, look: lk, url: s.URL})
	}
	if at < len(text) && len(out) > 0 {
		out[len(out)-1].text += text[at:]
	}
	return out
}

// aroundPlaces cuts a place out of a list by commas: "Company, City, ST, Title".
func aroundPlaces(p piece) []piece {
	if isPlace(p.text) {
		p.place = true
		return []piece{p}
	}
	if isAddress(p.text) {
		p.place = true
		return []piece{p}
	}
	parts := splitCommas(p.text)
	for i := 1; i < len(parts); i++ {
		last := i == len(parts)-1 && isCity(parts[i]) && schoolScore(p.text) == 0 // "Company, City"
		if !isRegion(parts[i]) && !isPlace(parts[i]) && !last {
			continue
		}
		from := i
		city := parts[i-1]
		if !last && cityRE.MatchString(city) && len(strings.Fields(city)) <= 3 && companyScore(city) == 0 && titleScore(city) <= 0 && schoolScore(city) == 0 && (i > 1 || statesRE.MatchString(parts[i])) {
			from = i - 1
		}
		var out []piece
		add := func(texts []string, place bool) {
			if t := trimSigns(strings.Join(texts, ", ")); t != "" {
				q := p
				q.text, q.place = t, place
				out = append(out, q)
			}
		}
		add(parts[:from], false)
		add(parts[from:i+1], true)
		if i+1 < len(parts) {
			q := p
			q.text = strings.Join(parts[i+1:], ", ")
			out = append(out, aroundPlaces(q)...)
		}
		return out
	}
	return []piece{p}
}

// splitCommas splits at commas outside brackets; "Inc." and the like stay with
// what they follow.
func splitCommas(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth <= 0 {
				parts = append(parts, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	parts = append(parts, strings.TrimSpace(s[from:]))
	out := parts[:0]
	for _, p := range parts {
		if n := len(out); n > 0 && legalForm.MatchString(p) {
			out[n-1] += ", " + p
			continue
		}
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

var legalForm = regexp.MustCompile(`(?i)^(?:inc|llc|ltd|corp|co|gmbh|s\.?a|ag|plc|llp|limited)\.?(?:,? ltd\.?)?$`)

// isAddress tells whether a text is a postal address or a part of one.
func isAddress(s string) bool {
	if utf8.RuneCountInString(s) > 90 || !strings.ContainsAny(s, "0123456789") || len(strings.Fields(s)) < 2 {
		return false
	}
	return streetRE.MatchString(s) && !strings.ContainsAny(s, "%$€") || zipCityRE.MatchString(s)
}

// zipCityRE is a postal code and a city, or the other way round.
var zipCityRE = regexp.MustCompile(`^(?:[A-Z]{1,2}-)?\d{4,6}(?: [A-Z]{2})? \p{Lu}[\p{L}' .-]+(?:,.*)?$|^\p{Lu}[\p{L}' .-]+,? [A-Z]{2} \d{5}(?:-\d{4})?(?:,? .*)?$`)

// roles are the two names of an entry: of whom and as what.
type roles struct {
	first, second func(string) float64 // how much a text reads like the institution, and like the position
}

var (
	workRoles      = roles{companyScore, titleScore}
	educationRoles = roles{schoolScore, degreeScore}
)

// named is an entry with its parts told apart.
type named struct {
	entry
	institution, position piece
	rest                  []piece // further parts that are neither
	place                 string
	url                   string
	sure                  float64
}

// assign tells, for all entries of a section at once, which of the two main
// parts is the institution and which the position: entries of one document keep
// to one order, and where a single entry says little the others decide.
func (ro roles) assign(entries []entry) []named {
	out := make([]named, 0, len(entries))
	mains := make([][]piece, len(entries))
	forward := 0.0 // the institution comes first
	for k, e := range entries {
		n := named{entry: e}
		parts := pieces(e.head)
		names := 0
		for _, p := range parts {
			if !p.place && !isURL(p.text) {
				names++
			}
		}
		for _, p := range parts {
			if names > 1 && !p.place && n.place == "" && isCity(p.text) {
				p.place = true // nobody is called by a city alone where there are other names
				names--
			}
			switch {
			case p.place:
				if n.place == "" {
					n.place = p.text
				} else if isCity(n.place) && isRegion(p.text) {
					n.place += ", " + p.text
				}
			case isURL(p.text):
				n.url = p.text
			default:
				mains[k] = append(mains[k], p)
			}
		}
		if place := splitCommas(n.place); len(mains[k]) == 1 && ro.second(mains[k][0].text) > 0 && ro.first(mains[k][0].text) == 0 && len(place) == 3 && !isCity(place[0]) && isCity(place[1]) {
			// "Company, City, State" is no place where the company is missing.
			company := mains[k][0]
			company.text, n.place = place[0], strings.Join(place[1:], ", ")
			mains[k] = append(mains[k], company)
		}
		if len(mains[k]) == 1 {
			mains[k] = ro.splitOne(mains[k][0])
		}
		mains[k] = ro.mend(mains[k])
		if m := mains[k]; len(m) >= 2 {
			forward += ro.first(m[0].text) - ro.second(m[0].text) + ro.second(m[1].text) - ro.first(m[1].text)
		}
		out = append(out, n)
	}
	for k := range out {
		n, m := &out[k], mains[k]
		switch {
		case len(m) == 0:
		case len(m) == 1:
			n.sure = .6
			if ro.first(m[0].text) > ro.second(m[0].text) {
				n.institution = m[0]
			} else {
				n.position = m[0]
			}
		default:
			own := ro.first(m[0].text) - ro.second(m[0].text) + ro.second(m[1].text) - ro.first(m[1].text)
			n.sure = .75
			if own*forward > 0 {
				n.sure = .92
			}
			if forward > 0 && own > -1.5 || forward == 0 && own >= 0 || own >= 1.5 {
				n.institution, n.position = m[0], m[1]
			} else {
				n.institution, n.position = m[1], m[0]
			}
			n.rest = m[2:]
		}
		if n.url == "" {
			n.url = n.institution.url
		}
	}
	inherit(out)
	return out
}

// mend joins the first two parts where a separator stood within the position,
// and the institution is the third: "PhD - Thesis: …" above the school.
func (ro roles) mend(m []piece) []piece {
	if len(m) < 3 || ro.first(m[0].text)+ro.first(m[1].text) > 0 || ro.first(m[2].text) <= 0 || m[0].row.line != m[1].row.line || m[0].look != m[1].look || strings.Contains(m[0].row.text, "\t"+m[1].text) {
		return m
	}
	from := strings.Index(m[0].row.text, m[0].text)
	to := strings.LastIndex(m[0].row.text, m[1].text)
	if from < 0 || to < from {
		return m
	}
	joined := m[0]
	joined.text = m[0].row.text[from : to+len(m[1].text)]
	return append([]piece{joined}, m[2:]...)
}

// inherit gives positions without a company that of the entry above, where that
// is a company with several positions below it.
func inherit(entries []named) {
	for k := 1; k < len(entries); k++ {
		before, cur := &entries[k-1], &entries[k]
		if cur.institution.text == "" && cur.position.text != "" && before.institution.text != "" &&
			(before.position.text == "" && len(before.body) == 0 || before.position.look == cur.position.look && before.institution.look.size > before.position.look.size && before.institution.row.line < before.position.row.line) {
			cur.institution = before.institution
			cur.sure = .6
		}
	}
}

// splitOne divides the only part of an entry in two, where its halves read like
// one of each: "Teacher, Lowood School, Lowood".
func (ro roles) splitOne(p piece) []piece {
	parts := splitCommas(p.text)
	best, bestScore, at, turned := []piece{p}, .5, 0, false
	for i := 1; i < len(parts); i++ {
		a, b := strings.Join(parts[:i], ", "), strings.Join(parts[i:], ", ")
		score := func(inst, pos string) float64 {
			return ro.first(inst) + ro.second(pos) - .6*ro.second(inst) - .4*ro.first(pos)
		}
		if v := score(a, b); v > bestScore {
			bestScore, at, turned = v, i, false
		}
		if v := score(b, a); v > bestScore {
			bestScore, at, turned = v, i, true
		}
	}
	if at == 0 {
		return best
	}
	x, y := p, p
	x.text = strings.Join(parts[:at], ", ")
	tail := parts[at:]
	if n := len(tail); turned && n > 1 && ro.first(tail[n-1]) == 0 && len(strings.Fields(tail[n-1])) <= 4 {
		tail = tail[:n-1] // the place after the institution
	}
	y.text = strings.Join(tail, ", ")
	return []piece{x, y}
}

package parser

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

var (
	emailRE = regexp.MustCompile(`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}`)
	urlRE   = regexp.MustCompile(`(?i)\b(?:https?://|www\.)[^\s<>"'()|·•,]+[^\s<>"'()|·•,.;:]|\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|me|ai|app|co|edu|gov|info|biz|tech|site|page|xyz|blog|cv|de|at|ch|fr|es|it|nl|be|pt|br|uk|eu|us|ca|au|in|se|no|dk|fi|pl|cz|jp|kr|cn|ru|localhost)(?:/[^\s<>"'()|·•,]*[^\s<>"'()|·•,.;:])?(?:$|[\s|·•,;)])`)
	phoneRE = regexp.MustCompile(`(?:\(\+\d{1,3}\)|\+\d{1,3}|\(\d{2,5}\)|\d)[\d \x{a0}().\-/–]{5,22}\d|\b\d{3}-[A-Z]{4,7}\b`)
	faxRE   = regexp.MustCompile(`(?i)\bfax\b|telefax`)
	telRE   = regexp.MustCompile(`(?i)\b(?:tel|phone|mobile?|cell|telefon|téléphone|teléfono|telefone|telefono|handy|portable|móvil|mobil|gsm)\b`)
)

func isURL(s string) bool {
	m := urlRE.FindString(s)
	return m != "" && utf8.RuneCountInString(strings.TrimSpace(m)) >= utf8.RuneCountInString(strings.TrimSpace(s))-1
}

// networks are the sites on which a person has a profile, by host.
var networks = map[string]string{
	"linkedin.com": "LinkedIn", "github.com": "GitHub", "gitlab.com": "GitLab", "bitbucket.org": "Bitbucket", "twitter.com": "Twitter", "x.com": "X",
	"stackoverflow.com": "Stack Overflow", "facebook.com": "Facebook", "instagram.com": "Instagram", "xing.com": "XING", "medium.com": "Medium",
	"dev.to": "DEV", "kaggle.com": "Kaggle", "behance.net": "Behance", "dribbble.com": "Dribbble", "youtube.com": "YouTube", "orcid.org": "ORCID",
	"scholar.google.com": "Google Scholar", "researchgate.net": "ResearchGate", "soundcloud.com": "SoundCloud", "leetcode.com": "LeetCode",
	"hackerrank.com": "HackerRank", "codepen.io": "CodePen", "mastodon.social": "Mastodon", "bsky.app": "Bluesky", "t.me": "Telegram", "tiktok.com": "TikTok",
	"pinterest.com": "Pinterest", "vimeo.com": "Vimeo", "reddit.com": "Reddit", "keybase.io": "Keybase", "angel.co": "AngelList", "wellfound.com": "Wellfound",
}

// normalURL gives an address a scheme to parse it and refuses what is no web address.
func normalURL(s string) (*url.URL, bool) {
	s = strings.TrimRight(strings.TrimSpace(s), ".,;|·•)")
	if !strings.Contains(s, "://") {
		if strings.HasPrefix(s, "mailto:") || strings.HasPrefix(s, "tel:") {
			return nil, false
		}
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || !strings.Contains(u.Host, ".") {
		return nil, false
	}
	return u, true
}

// webURL completes an address on the web to a URI, and refuses what is none.
func webURL(s string) string {
	u, ok := normalURL(s)
	if !ok {
		return ""
	}
	s = strings.TrimRight(strings.TrimSpace(s), ".,;|·•)")
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	if u.Path == "/" && u.RawQuery == "" && u.Fragment == "" {
		s = strings.TrimSuffix(s, "/")
	}
	return s
}

// networkOf names the network of a profile's address, if it is one.
func networkOf(u *url.URL) (network, user string) {
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	name := networks[host]
	for name == "" && strings.Count(host, ".") > 1 {
		_, host, _ = strings.Cut(host, ".")
		name = networks[host]
	}
	if name == "" {
		return "", ""
	}
	path := strings.FieldsFunc(u.Path, func(c rune) bool { return c == '/' })
	if len(path) > 0 {
		user = strings.TrimPrefix(path[len(path)-1], "@")
	}
	return name, user
}

// samePlace compares addresses without scheme, www and last slash.
func samePlace(a, b string) bool {
	short := func(s string) string {
		if u, ok := normalURL(s); ok {
			return strings.TrimPrefix(strings.ToLower(u.Host), "www.") + strings.TrimRight(strings.ToLower(u.Path), "/")
		}
		return s
	}
	return short(a) == short(b)
}

// phone is a telephone number found in a row.
func (p *parse) phone(text string) (string, float64) {
	for _, loc := range phoneRE.FindAllStringIndex(text, -1) {
		s := strings.Trim(text[loc[0]:loc[1]], " .,-–/")
		if strings.HasSuffix(s, "(") {
			s = strings.Trim(s[:len(s)-1], " ")
		}
		before := text[:loc[0]]
		if i := strings.LastIndexAny(before, "\t|•·,;"); i >= 0 {
			before = before[i:]
		}
		if faxRE.MatchString(before) || strings.HasSuffix(before, "@") || strings.HasSuffix(before, "/") {
			continue
		}
		n := 0
		for _, c := range s {
			if unicode.IsDigit(c) {
				n++
			}
		}
		labelled := telRE.MatchString(before)
		if strings.ContainsFunc(s, unicode.IsUpper) {
			if labelled {
				return s, .7
			}
			continue
		}
		if d, ok := findDates(s); ok && d.to-d.from > len(s)/2 || n < 7 || n > 15 || strings.Contains(s, "  ") && n < 9 {
			continue
		}
		if num, err := phonenumbers.Parse(s, p.region()); err == nil && phonenumbers.IsValidNumber(num) {
			return s, .98
		}
		if num, err := phonenumbers.Parse(s, p.region()); err == nil && phonenumbers.IsPossibleNumber(num) || labelled || n >= 9 {
			return s, .85
		}
		if !zipRE.MatchString(s) && n >= 8 && strings.ContainsAny(s, "-./ (") {
			return s, .6
		}
	}
	return "", 0
}

// region is the country that numbers without a country code are read in.
func (p *parse) region() string {
	if l := p.resume.Basics.Location; l != nil && l.CountryCode != "" {
		return l.CountryCode
	}
	return "US"
}

// personal sections are those about the person, not what the person did. Some
// put the address below "About me".
func personal(k kind) bool { return k == header || k == contact || k == summary }

// contacts finds e-mail, telephone and addresses on the web among the rows that
// are about the person: those above and beside the sections, and all but the
// references' where those say nothing.
func (p *parse) contacts(sections []section) {
	b := &p.resume.Basics
	about := func(k kind) bool { return k == header || k == contact }
	passes := []func(kind) bool{about, func(k kind) bool {
		return !about(k) && k != references && k != work && k != education && k != projects && k != publications
	}, func(k kind) bool { return k == work || k == education || k == projects }}
	for i, pass := range passes {
		weight := 1 - .15*float64(i)
		for _, s := range sections {
			if !pass(s.kind) {
				continue
			}
			for k := range s.rows {
				r := &s.rows[k]
				if b.Email == "" {
					if m, ok := p.email(s.rows, k); ok {
						b.Email = m
						p.from("/basics/email", *r, m, .99*weight)
					}
				}
				if b.Phone == "" && i < 2 && (s.kind != summary || !r.isLong()) {
					if n, sure := p.phone(r.text); n != "" {
						b.Phone = n
						p.from("/basics/phone", *r, n, sure*weight)
					}
				}
			}
		}
	}
	p.links(sections)
}

// email reads an e-mail address of a row, from its text or its link; one that is
// broken over two lines is whole in the link.
func (p *parse) email(rows []row, k int) (string, bool) {
	if m := emailRE.FindString(rows[k].text); m != "" {
		return m, true
	}
	for _, s := range rows[k].spans {
		if m, ok := strings.CutPrefix(s.URL, "mailto:"); ok {
			m, _, _ = strings.Cut(m, "?")
			if m, err := url.PathUnescape(m); err == nil && emailRE.FindString(m) == m {
				return m, true
			}
		}
	}
	return "", false
}

// maxProfiles is more than anyone prints; a list of addresses is no resume.
const maxProfiles = 20

// links finds the person's addresses on the web.
func (p *parse) links(sections []section) {
	b := &p.resume.Basics
	domain := ""
	if _, d, ok := strings.Cut(b.Email, "@"); ok {
		domain = strings.ToLower(d)
	}
	add := func(r row, raw string, sure float64) {
		if len(b.Profiles) >= maxProfiles {
			return
		}
		u, ok := normalURL(raw)
		printed := raw
		if raw = webURL(raw); !ok || strings.Contains(raw, "@") && !strings.Contains(raw, "/@") || u.Path == "" && strings.ToLower(u.Host) == domain && !strings.Contains(printed, "://") && !strings.HasPrefix(printed, "www.") {
			return
		}
		if samePlace(b.URL, raw) || slices.ContainsFunc(b.Profiles, func(f Profile) bool { return samePlace(f.URL, raw) }) {
			return
		}
		if network, user := networkOf(u); network != "" {
			b.Profiles = append(b.Profiles, Profile{Network: network, Username: user, URL: raw})
			p.from(pointer("basics", "profiles", len(b.Profiles)-1, "url"), r, printed, sure)
			return
		}
		if b.URL == "" {
			b.URL = raw
			p.from("/basics/url", r, printed, sure)
			return
		}
		b.Profiles = append(b.Profiles, Profile{Network: strings.TrimPrefix(u.Hostname(), "www."), URL: raw})
		p.from(pointer("basics", "profiles", len(b.Profiles)-1, "url"), r, printed, sure*.8)
	}
	for _, s := range sections {
		if !personal(s.kind) {
			continue
		}
		for i, r := range s.rows {
			if r.isLong() && strings.Count(r.text, "\t")+strings.Count(r.text, "|")+strings.Count(r.text, "·") < 2 {
				continue
			}
			linked := map[string]bool{}
			for _, span := range r.spans {
				if span.URL != "" && !linked[span.URL] {
					linked[span.URL] = true
					// An address that is printed is kept as printed, but the link knows its scheme.
					if m := cleanURL(span.Text); m != "" && !samePlace(m, span.URL) {
						add(r, m, .97)
					} else {
						add(r, span.URL, .95)
					}
				}
			}
			text := emailRE.ReplaceAllString(r.text, " ")
			// A path that is broken after its slash goes on in the next row.
			if u, ok := normalURL(lastField(text)); ok && u.Path == "/" && i+1 < len(s.rows) && !strings.ContainsAny(s.rows[i+1].text, " \t@") {
				if network, _ := networkOf(u); network != "" {
					text += s.rows[i+1].text
				}
			}
			for _, m := range urlRE.FindAllString(text, -1) {
				if m = strings.TrimSpace(strings.TrimRight(m, "|·•,;) ")); m != "" && !alreadyLinked(linked, m) {
					add(r, m, .95)
				}
			}
		}
	}
	p.iconLinks(add)
}

func lastField(s string) string { return s[strings.LastIndexAny(s, " \t")+1:] }

func cleanURL(s string) string {
	return strings.TrimSpace(strings.TrimRight(urlRE.FindString(s), "|·•,;) "))
}

func alreadyLinked(linked map[string]bool, m string) bool {
	for u := range linked {
		if samePlace(u, m) || strings.Contains(u, m) {
			return true
		}
	}
	return false
}

// iconLinks adds addresses behind pictures in the upper part of the first page,
// which show no text.
func (p *parse) iconLinks(add func(row, string, float64)) {
	for _, page := range p.doc.Pages[:min(1, len(p.doc.Pages))] {
		for _, l := range page.Links {
			if strings.TrimSpace(l.Text) == "" && page.Height > 0 && l.Box.Y0 < page.Height/2 {
				add(row{page: page.Number}, l.URL, .7)
			}
		}
	}
}

// location reads where the person lives from the header and contact sections.
func (p *parse) location(sections []section) {
	for _, s := range sections {
		if !personal(s.kind) {
			continue
		}
		for i := range s.rows {
			text, rows := p.addressAt(s.rows, i)
			if text == "" {
				continue
			}
			l := splitAddress(text)
			p.resume.Basics.Location = &l
			p.from("/basics/location", s.rows[i], text, .85-.05*float64(rows-1))
			return
		}
	}
}

// addressLabel is what stands before an address.
var addressLabel = regexp.MustCompile(`(?i)^(?:` + lex("address labels") + `)\s*:?\s*$`)

// addressAt reads an address that begins in row i, over as many rows as it goes on.
func (p *parse) addressAt(rows []row, i int) (string, int) {
	var parts []string
	labelled := false
	k := i
	for ; k < len(rows) && k-i < 4; k++ {
		got := ""
		for _, cell := range strings.FieldsFunc(rows[k].text, func(c rune) bool { return c == '\t' || c == '|' || c == '•' || c == '·' }) {
			cell = strings.TrimSpace(cell)
			if label, rest, ok := strings.Cut(cell, ":"); ok && addressLabel.MatchString(label) {
				labelled, cell = true, strings.TrimSpace(rest)
			}
			if addressLabel.MatchString(cell) {
				labelled = true
				continue
			}
			if p.isContact(cell) {
				continue
			}
			if labelled || isPlace(cell) || isCity(cell) || isAddress(cell) || k > i && addressGoesOn(cell) {
				got = cell
				break
			}
			// Street and town in two rows, without a word that says street: the town does.
			if k == i && strings.ContainsAny(cell, "0123456789") && cityLine(cell) && i+1 < len(rows) && (isAddress(rows[i+1].text) || isPlace(rows[i+1].text)) {
				got = cell
				break
			}
		}
		if got == "" {
			if labelled && k == i {
				continue // the label stands in a row of its own
			}
			break
		}
		parts = append(parts, got)
	}
	if len(parts) == 0 {
		return "", 0
	}
	return strings.Join(parts, ", "), len(parts)
}

// cityLine is a short line of words and numbers, as the lines of an address are.
func cityLine(s string) bool {
	n := len(strings.Fields(s))
	return n >= 1 && n <= 7 && !strings.ContainsAny(s, "@:%+()") && !hasDates(s)
}

func hasDates(s string) bool {
	_, ok := findDates(s)
	return ok
}

// addressGoesOn tells whether a cell can be a further line of an address.
func addressGoesOn(s string) bool {
	if !cityLine(s) || titleScore(s) > 0 {
		return false
	}
	_, country := lands()[plain(s)]
	return country || zipRE.MatchString(s) || cityRE.MatchString(s) && strings.Contains(s, "-")
}

// isContact tells whether a cell is another way of reaching someone.
func (p *parse) isContact(s string) bool {
	if emailRE.MatchString(s) || isURL(s) || telRE.MatchString(s) || faxRE.MatchString(s) {
		return true
	}
	n, _ := p.phone(s)
	return n != "" && utf8.RuneCountInString(n) > utf8.RuneCountInString(s)/2
}

// splitAddress tells the parts of an address apart. What it cannot tell stays
// together in City.
func splitAddress(s string) Location {
	var l Location
	s = strings.NewReplacer("(", ", ", ")", "").Replace(s)
	var rest []string
	parts := splitCommas(s)
	for i, part := range parts {
		part = strings.Trim(part, " .")
		if m := zipRE.FindStringSubmatch(part); m != nil && l.PostalCode == "" && (!streetRE.MatchString(part) || !strings.HasPrefix(part, m[1])) {
			l.PostalCode = m[1]
			before, after, _ := strings.Cut(part, m[1])
			part = strings.TrimSpace(strings.TrimSpace(before) + " " + strings.TrimSpace(after))
		}
		if part == "" {
			continue
		}
		name := plain(part)
		code, country := lands()[name]
		state := (statesRE.MatchString(part) || usStates[name]) && len(rest) > 0
		switch {
		case country && code != "" && (!state || len(rest) > 1) && (!isCity(part) || i+1 == len(parts)):
			if l.CountryCode == "" {
				l.CountryCode = code
			}
			if nations[name] {
				l.Region = strings.TrimPrefix(l.Region+", "+part, ", ") // countries within one
			}
		case state:
			l.Region = strings.TrimPrefix(l.Region+", "+part, ", ")
		default:
			rest = append(rest, part)
		}
	}
	streets := len(rest)
	for streets > 0 && !streetRE.MatchString(rest[streets-1]) && !strings.ContainsAny(rest[streets-1], "0123456789") {
		streets--
	}
	if streets == len(rest) && streets > 1 {
		streets-- // a town whose name reads like a street's
	}
	l.Address = strings.Join(rest[:streets], ", ")
	if towns := rest[streets:]; len(towns) == 2 && isCity(towns[0]) && l.Region == "" {
		l.City, l.Region = towns[0], towns[1]
	} else {
		l.City = strings.Join(towns, ", ")
	}
	return l
}

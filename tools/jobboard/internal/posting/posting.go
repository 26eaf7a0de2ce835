// Package posting makes the companies and postings of the job board from a seed: the same seed and day give the same
// board, byte for byte. Names and texts are the project's own.
package posting

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// Platforms whose shapes the board speaks. The first five have an application form of their own kind; the next three use
// the general one; the last three only repeat postings of the others.
const (
	Greenhouse      = "greenhouse"
	Lever           = "lever"
	Ashby           = "ashby"
	Workable        = "workable"
	Careers         = "careers"
	SmartRecruiters = "smartrecruiters"
	Recruitee       = "recruitee"
	Personio        = "personio"
	RemoteOK        = "remoteok"
	Remotive        = "remotive"
	Arbeitnow       = "arbeitnow"
)

// Modes that a job may carry. The README says what each does.
const (
	ModeCaptcha           = "captcha"
	ModeCaptchaRecaptcha  = "captcha-recaptcha"
	ModeCaptchaTurnstile  = "captcha-turnstile"
	ModeCaptchaInvisible  = "captcha-invisible"
	ModeSlow              = "slow"
	ModeError500          = "error500"
	ModeConfirmationLost  = "confirmation-lost"
	ModeConfirmationBlank = "confirmation-blank"
	ModeClosed            = "closed"
	ModeClosedRedirect    = "closed-redirect"
	ModeDelisted          = "delisted"
	ModeDuplicate         = "duplicate"
	ModeChangedMarkup     = "changed-markup"
	ModeAPIOnlyRequired   = "api-only-required"
	ModeHoneypot          = "honeypot"
	ModeMultiPage         = "multi-page"
	ModeLateFields        = "late-fields"
	ModeReRender          = "re-render"
	ModeEmailCode         = "email-code"
)

// Modes lists all modes; the last one only Greenhouse has.
var Modes = []string{ModeCaptcha, ModeHoneypot, ModeMultiPage, ModeAPIOnlyRequired, ModeClosed, ModeDuplicate,
	ModeConfirmationLost, ModeError500, ModeLateFields, ModeReRender, ModeChangedMarkup, ModeSlow, ModeCaptchaRecaptcha,
	ModeCaptchaTurnstile, ModeCaptchaInvisible, ModeConfirmationBlank, ModeClosedRedirect, ModeDelisted, ModeEmailCode}

// Place is a real city.
type Place struct {
	City, Region, CountryCode, Country string
	Lat, Lon                           float64
	Spellings                          []string // other ways to write it
}

// Name is the usual spelling: "Boston, MA" in North America and Australia, "Leipzig, Germany" elsewhere.
func (p Place) Name() string {
	switch p.CountryCode {
	case "US", "CA", "AU":
		return p.City + ", " + p.Region
	}
	return p.City + ", " + p.Country
}

// Company is a fictitious employer with one board.
type Company struct {
	Token, Name, Platform string
	Variant               string // classic or react for Greenhouse, eu for Lever, the labels' kind for career pages
	Lang                  string // of most of its postings
	About                 string
	Places                []Place
	Jobs                  []*Job
	professions           []*profession
}

// Pay is a range of money. Hidden pay is said in the text only.
type Pay struct {
	Min, Max         int
	Currency, Period string // ISO 4217; year, month, day or hour
	Hidden           bool
}

func (p Pay) String() string {
	per := map[string]string{"year": "per year", "month": "per month", "day": "per day", "hour": "per hour"}[p.Period]
	return fmt.Sprintf("%s %s to %s %s", p.Currency, thousands(p.Min), thousands(p.Max), per)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Job is one posting on one board.
type Job struct {
	Key                     string // platform/board/id, unique
	Platform                string
	Board                   string
	Nth                     int    // its place on its board, from 0
	ID, Slug                string // ID as the platform writes its ids: a number, a UUID, a short code
	Company                 *Company
	Title, Department, Lang string
	Profession, Level       string
	Places                  []Place
	Location                string // as this board spells the first place
	Workplace               string // onsite, hybrid or remote
	Employment              string // full, part, contract or intern
	Pay                     *Pay   // nil when nothing is said
	Skills                  []string
	Licence                 string
	Years                   int
	Intro                   string
	Do, Need, Offer         []string
	Closing                 []string
	Published, Updated      time.Time
	Traps, Modes            []string
	DuplicateOf             string // key of the job that this one repeats
	OriginalURL             string // path of the original's page, for those that only repeat
	headings                map[string]string
	cut                     int // description cut at so many bytes
	extra                   string
	escapedTwice            bool
}

// Has reports whether the posting carries a trap.
func (j *Job) Has(trap string) bool { return slices.Contains(j.Traps, trap) }

// Section is a part of a posting's text.
type Section struct {
	Kind  string // about, role, do, need, offer or closing
	Title string
	Text  []string // paragraphs, or the list's items where List
	List  bool
}

// Sections gives the text in order.
func (j *Job) Sections() []Section {
	closing := j.Closing
	if j.extra != "" {
		closing = append(slices.Clone(closing), j.extra)
	}
	return []Section{
		{Kind: "about", Text: []string{j.Company.About}},
		{Kind: "role", Title: j.headings["heading.role"], Text: []string{j.Intro}},
		{Kind: "do", Title: j.headings["heading.do"], Text: j.Do, List: true},
		{Kind: "need", Title: j.headings["heading.need"], Text: j.Need, List: true},
		{Kind: "offer", Title: j.headings["heading.offer"], Text: j.Offer, List: true},
		{Kind: "closing", Text: closing},
	}
}

// HTML renders a section without its title.
func (j *Job) HTML(s Section) string {
	var b strings.Builder
	if s.List {
		b.WriteString("<ul>")
	}
	for _, t := range s.Text {
		t = html.EscapeString(t)
		if j.escapedTwice {
			t = html.EscapeString(t)
		}
		if s.List {
			b.WriteString("<li>" + t + "</li>\n")
		} else {
			b.WriteString("<p>" + t + "</p>\n")
		}
	}
	if s.List {
		b.WriteString("</ul>\n")
	}
	return b.String()
}

// Description is the whole text as HTML.
func (j *Job) Description() string {
	return j.Render("about", "role", "do", "need", "offer", "closing")
}

// Render gives the named sections with their titles as HTML.
func (j *Job) Render(kinds ...string) string {
	var b strings.Builder
	for _, s := range j.Sections() {
		if !slices.Contains(kinds, s.Kind) {
			continue
		}
		if s.Title != "" {
			b.WriteString("<h3>" + html.EscapeString(s.Title) + "</h3>\n")
		}
		b.WriteString(j.HTML(s))
	}
	out := b.String()
	if j.cut > 0 && len(out) > j.cut {
		out = strings.ToValidUTF8(out[:j.cut], "")
	}
	return out
}

// Plain is the whole text, or the named sections, without markup.
func (j *Job) Plain(kinds ...string) string {
	var b strings.Builder
	for _, s := range j.Sections() {
		if len(kinds) > 0 && !slices.Contains(kinds, s.Kind) {
			continue
		}
		if s.Title != "" {
			b.WriteString(strings.ToUpper(s.Title) + "\n\n")
		}
		for _, t := range s.Text {
			if s.List {
				b.WriteString("• ")
			}
			b.WriteString(t + "\n")
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

// Slug makes the path form of a text.
func Slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case strings.ContainsRune("äàáâã", r):
			b.WriteByte('a')
		case strings.ContainsRune("éèêë", r):
			b.WriteByte('e')
		case strings.ContainsRune("öóôõø", r):
			b.WriteByte('o')
		case strings.ContainsRune("üùúû", r):
			b.WriteByte('u')
		case strings.ContainsRune("íîï", r):
			b.WriteByte('i')
		case r == 'ñ':
			b.WriteByte('n')
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

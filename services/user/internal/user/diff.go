package user

import (
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Resume is what is read of a resume (JSON Resume 1.0.0).
type Resume struct {
	Basics *struct {
		Name, Label, Phone, URL, Summary string
		Location                         *struct{ Address, PostalCode, City, CountryCode, Region string }
		Profiles                         []struct{ Network, Username, URL string }
	}
	Work []struct {
		Name, Position, Location, URL, StartDate, EndDate, Summary string
		Highlights                                                 []string
	}
	Education []struct {
		Institution, URL, Area, StudyType, StartDate, EndDate, Score string
		Courses                                                      []string
	}
	Skills []struct {
		Name, Level string
		Keywords    []string
	}
	Languages []struct{ Language, Fluency string }
}

// ParsedField is how sure the parser is of a field of the resume, and where it
// read it.
type ParsedField struct {
	Pointer    string  `json:"pointer"` // into the resume (RFC 6901)
	Confidence float64 `json:"confidence"`
	Page       int32   `json:"page,omitempty"`
	Text       string  `json:"text,omitempty"`
}

// differ proposes what a resume says and a profile has not.
type differ struct {
	have    *Full
	parsed  []ParsedField
	tongues map[string]string // code by name of a language
	changes []Proposed
}

const (
	maxChanges = 500 // of a proposal
	maxStreet  = 300 // characters; a resume may have more
)

// propose adds a change; from is where in the resume its value comes from.
func (d *differ) propose(pointer, from string, old, value any) {
	if len(d.changes) == maxChanges {
		return
	}
	c := Proposed{ID: "c" + strconv.Itoa(len(d.changes)+1), Pointer: pointer, Status: statusPending}
	c.New, _ = json.Marshal(value) // strings and what the profile has: never fails
	if old != nil && !reflect.ValueOf(old).IsZero() {
		c.Old, _ = json.Marshal(old)
	}
	for _, f := range d.parsed {
		if f.Pointer != from && !strings.HasPrefix(f.Pointer, from+"/") {
			continue
		}
		if c.Confidence == nil || f.Confidence < *c.Confidence { // as sure as of its weakest part
			c.Confidence = &f.Confidence
		}
		// The longest text of the value itself tells most of where it is from.
		if near := strings.Count(f.Pointer[len(from):], "/") < 2; near && (f.Page != 0 || f.Text != "") && (c.Source == nil || len(f.Text) > len(c.Source.Text)) {
			c.Source = &ProposedSource{f.Page, f.Text}
		}
	}
	d.changes = append(d.changes, c)
}

// text proposes a field of the profile.
func (d *differ) text(field, from, old, value string, longest int) {
	value = strings.TrimSpace(value)
	if value != "" && value != old && len([]rune(value)) <= longest {
		d.propose("/profile/"+field, from, old, value)
	}
}

// phone numbers as the contract takes them.
var phone = regexp.MustCompile(`^\+?[0-9 ()./-]{3,40}( ?(x|ext\.?) ?[0-9]{1,8})?$`)

func (d *differ) compare(r Resume) {
	if r.Basics != nil {
		d.basics(r)
	}
	d.work(r)
	d.education(r)
	d.skills(r)
	for i, l := range r.Languages {
		code := d.tongues[l.Language]
		known := code == ""
		for _, have := range d.have.Profile.Languages {
			known = known || have.Code == code
		}
		if !known {
			d.propose("/profile/languages/-", "/languages/"+strconv.Itoa(i), nil, SpokenLanguage{code, fluency(l.Fluency)})
		}
	}
}

func (d *differ) basics(r Resume) {
	b, p := r.Basics, d.have.Profile
	if given, family := splitName(b.Name); fold(given+" "+family) != fold(p.GivenName+" "+p.FamilyName) {
		d.text("givenName", "/basics/name", p.GivenName, given, 100)
		d.text("familyName", "/basics/name", p.FamilyName, family, 100)
	}
	d.text("headline", "/basics/label", p.Headline, b.Label, 200)
	d.text("summary", "/basics/summary", p.Summary, b.Summary, 10000)
	if number := strings.TrimSpace(b.Phone); phone.MatchString(number) && digits(number) != digits(p.Phone) {
		d.text("phone", "/basics/phone", p.Phone, number, 64)
	}
	if l := b.Location; l != nil && (l.City != "" || l.CountryCode != "") {
		old := Place{}
		if p.Place != nil {
			old = *p.Place
		}
		if fold(l.City) != fold(old.City) || l.CountryCode != "" && l.CountryCode != old.CountryCode {
			street := l.Address
			if len([]rune(street)) > maxStreet {
				street = ""
			}
			d.propose("/profile/place", "/basics/location", p.Place,
				Place{Street: street, PostalCode: l.PostalCode, City: l.City, Region: l.Region, CountryCode: l.CountryCode})
		}
	}
	link := func(address, from string) {
		if address == "" {
			return
		}
		if !strings.Contains(address, "://") {
			address = "https://" + address
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.Contains(u.Host, ".") || len(address) > 2048 {
			return
		}
		for _, have := range p.Links {
			if sameURL(have.URL, address) {
				return
			}
		}
		for _, c := range d.changes {
			var l Link
			if c.Pointer == "/profile/links/-" && json.Unmarshal(c.New, &l) == nil && sameURL(l.URL, address) {
				return
			}
		}
		d.propose("/profile/links/-", from, nil, Link{Kind: linkKind(u.Hostname()), URL: address})
	}
	for i, profile := range b.Profiles {
		link(profile.URL, "/basics/profiles/"+strconv.Itoa(i))
	}
	link(b.URL, "/basics/url")
}

func (d *differ) work(r Resume) {
	for i, w := range r.Work {
		f := ExperienceFields{Employer: strings.TrimSpace(w.Name), Title: strings.TrimSpace(w.Position), Location: w.Location, StartDate: w.StartDate, EndDate: w.EndDate,
			Summary: w.Summary, Highlights: worded(w.Highlights), URL: webAddress(w.URL)}
		if f.Employer == "" || f.Title == "" || period(f.StartDate, f.EndDate) != nil {
			continue
		}
		pointer, old, value := "/experiences/-", any(nil), f
		for _, have := range d.have.Experiences {
			if fold(have.Employer) == fold(f.Employer) && fold(have.Title) == fold(f.Title) && sameDate(have.StartDate, f.StartDate) {
				pointer, old, value = "/experiences/"+have.ID.String(), have.ExperienceFields, overlay(have.ExperienceFields, f)
			}
		}
		if value.StartDate != "" && !reflect.DeepEqual(old, any(value)) { // which a profile must have
			d.propose(pointer, "/work/"+strconv.Itoa(i), old, value)
		}
	}
}

func (d *differ) education(r Resume) {
	for i, e := range r.Education {
		f := EducationFields{Institution: strings.TrimSpace(e.Institution), Degree: e.StudyType, Field: e.Area, StartDate: e.StartDate, EndDate: e.EndDate,
			Grade: e.Score, Courses: worded(e.Courses), URL: webAddress(e.URL)}
		if f.Institution == "" || period(f.StartDate, f.EndDate) != nil {
			continue
		}
		pointer, old, value := "/educations/-", any(nil), f
		for _, have := range d.have.Educations {
			if fold(have.Institution) == fold(f.Institution) && fold(have.Degree) == fold(f.Degree) && fold(have.Field) == fold(f.Field) {
				pointer, old, value = "/educations/"+have.ID.String(), have.EducationFields, overlay(have.EducationFields, f)
			}
		}
		if !reflect.DeepEqual(old, any(value)) {
			d.propose(pointer, "/education/"+strconv.Itoa(i), old, value)
		}
	}
}

// skills proposes names; where one heads a list of keywords, these are the skills.
func (d *differ) skills(r Resume) {
	known := map[string]bool{"": true}
	for _, s := range d.have.Skills {
		known[fold(s.Name)] = true
	}
	room := maxSkills - len(d.have.Skills)
	for i, s := range r.Skills {
		names, from := s.Keywords, "/skills/"+strconv.Itoa(i)
		if len(names) == 0 {
			names = []string{s.Name}
		}
		for _, name := range names {
			name = strings.Join(strings.Fields(name), " ")
			if known[fold(name)] || len([]rune(name)) > 120 || room == 0 {
				continue
			}
			known[fold(name)] = true
			room--
			f := SkillFields{Name: name}
			if level := skillLevels[strings.ToLower(s.Level)]; level != "" {
				f.Level = &level
			}
			d.propose("/skills/-", from, nil, f)
		}
	}
}

// overlay is what is there, with what the resume says in its place.
func overlay[T any](have, said T) T {
	h, s := reflect.ValueOf(&have).Elem(), reflect.ValueOf(said)
	for i := range h.NumField() {
		if f := s.Field(i); !f.IsZero() && f.Len() > 0 {
			h.Field(i).Set(f)
		}
	}
	return have
}

// splitName takes the last word as the family name, with the particles before it
// ("Ludwig van Beethoven").
func splitName(name string) (given, family string) {
	words := strings.Fields(name)
	if len(words) < 2 {
		return "", ""
	}
	i := len(words) - 1
	for i > 1 && particles[strings.ToLower(words[i-1])] {
		i--
	}
	return strings.Join(words[:i], " "), strings.Join(words[i:], " ")
}

var particles = map[string]bool{"van": true, "von": true, "der": true, "den": true, "de": true, "da": true, "di": true, "del": true, "dos": true,
	"la": true, "le": true, "el": true, "al": true, "bin": true, "ibn": true, "ter": true, "zu": true, "zur": true}

var skillLevels = map[string]string{
	"beginner": "beginner", "basic": "beginner", "novice": "beginner", "intermediate": "intermediate", "proficient": "intermediate",
	"advanced": "advanced", "expert": "expert", "master": "expert",
}

// fluency reads a level of the Common European Framework, or words that mean one.
func fluency(s string) string {
	s = strings.ToLower(s)
	for _, level := range []string{"a1", "a2", "b1", "b2", "c1", "c2"} {
		if strings.Contains(s, level) {
			return strings.ToUpper(level)
		}
	}
	for _, known := range []struct{ word, level string }{
		{"native", "native"}, {"mother tongue", "native"}, {"bilingual", "native"}, {"muttersprach", "native"},
		{"full professional", "C2"}, {"fluent", "C1"}, {"fließend", "C1"}, {"professional", "B2"}, {"advanced", "C1"},
		{"intermediate", "B1"}, {"conversational", "B1"}, {"limited working", "B1"}, {"elementary", "A2"}, {"basic", "A2"}, {"beginner", "A1"},
	} {
		if strings.Contains(s, known.word) {
			return known.level
		}
	}
	return ""
}

// worded is a list without what says nothing.
func worded(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.TrimSpace(s) == "" })
}

func linkKind(host string) string {
	for _, kind := range []string{"linkedin", "github", "gitlab", "stackoverflow", "xing"} {
		if host == kind+".com" || strings.HasSuffix(host, "."+kind+".com") {
			return kind
		}
	}
	return "website"
}

func webAddress(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return s
}

func sameURL(a, b string) bool {
	plain := func(s string) string {
		_, s, _ = strings.Cut(strings.ToLower(s), "://")
		return strings.TrimSuffix(strings.TrimPrefix(s, "www."), "/")
	}
	return plain(a) == plain(b)
}

// sameDate compares as far as both dates are exact.
func sameDate(a, b string) bool {
	n := min(len(a), len(b))
	return a[:n] == b[:n]
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// fold makes names comparable without regard to case, accents and signs, but for
// those that tell skills apart (C, C++, C#).
func fold(s string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
	return strings.Join(strings.FieldsFunc(plain, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' && r != '#'
	}), " ")
}

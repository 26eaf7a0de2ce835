// Package form makes the application form of each posting, in the names and kinds of its platform, and judges what is
// sent to it. The same posting always has the same form.
package form

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// Kind is what a field takes.
type Kind string

// The kinds of fields.
const (
	Text     Kind = "text"
	Email    Kind = "email"
	Tel      Kind = "tel"
	URL      Kind = "url"
	Number   Kind = "number"
	Date     Kind = "date" // YYYY-MM-DD
	Textarea Kind = "textarea"
	Select   Kind = "select"
	Multi    Kind = "multi" // any number of its options
	YesNo    Kind = "boolean"
	Checkbox Kind = "checkbox" // one box: consent
	File     Kind = "file"
	Location Kind = "location" // text with autocompletion
)

// Group is the part of a form that a field belongs to.
type Group string

// The groups, in their order on the page; Standard is the empty one.
const (
	Standard Group = ""
	Custom   Group = "custom"
	EEO      Group = "eeo"
	Consent  Group = "consent"
	Trap     Group = "trap"
)

// Option is one of the answers that a choice offers: Value is sent, Label is seen.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Field is one question of a form.
type Field struct {
	Name     string   `json:"name"`     // under which the answer is sent
	Selector string   `json:"selector"` // of the control that a browser fills
	Label    string   `json:"label"`
	Kind     Kind     `json:"type"`
	Required bool     `json:"required"` // the server refuses without it
	Marked   bool     `json:"marked"`   // and the page says so
	Options  []Option `json:"options,omitempty"`
	Meaning  string   `json:"meaning"`
	About    string   `json:"about,omitempty"`
	Page     int      `json:"page"` // 0 unless the form has several
	Late     string   `json:"late,omitempty"`
	Group    Group    `json:"-"`
	ID       string   `json:"-"` // of the element; empty where the platform has none
	UI       string   `json:"-"` // data-ui, data-field-path: empty in changed markup
	Card     string   `json:"-"` // Lever: id of the card
	Hidden   string   `json:"-"` // trap: how it is hidden
	Number   int      `json:"-"` // id of the question, as a number
}

// Form is the application form of a posting.
type Form struct {
	Job     *posting.Job
	Fields  []Field
	Pages   int
	Changed bool // other ids, classes and order than usual
}

// Build makes the form of a posting with the modes that are on for it.
func Build(j *posting.Job, modes []string) *Form {
	seed := hash(j.Key)
	f := &Form{Job: j, Pages: 1, Changed: slices.Contains(modes, posting.ModeChangedMarkup)}
	all := append(standard(j, seed), questions(j, seed)...)
	if slices.Contains(modes, posting.ModeAPIOnlyRequired) {
		all = append(all, f.apiOnly(j))
	}
	american := j.Places[0].CountryCode == "US"
	switch j.Platform {
	case posting.Greenhouse, posting.Lever:
		if american {
			all = append(all, demographic()[:3]...)
		}
	}
	if j.Platform == posting.Greenhouse && american {
		all = append(all, demographic()[3])
	}
	if j.Platform != posting.Greenhouse && j.Platform != posting.Lever || !american {
		all = append(all, consent(j.Lang, j.Company.Name, "consent.privacy"))
	}
	if seed>>11%4 == 0 && j.Platform != posting.Greenhouse && j.Platform != posting.Lever && j.Platform != posting.Workable {
		all = append(all, consent(j.Lang, j.Company.Name, "consent.truth"))
	}
	taken, card := map[string]bool{}, 0
	for i, q := range all {
		n := i
		if q.group == Custom { // Lever numbers the fields of a card
			n = card
			card++
		}
		f.Fields = append(f.Fields, f.field(q, i, n, seed, taken))
	}
	if slices.Contains(modes, posting.ModeAPIOnlyRequired) {
		for i := range f.Fields {
			if f.Fields[i].Meaning == "country" {
				f.Fields[i].Marked = false
			}
		}
	}
	if slices.Contains(modes, posting.ModeLateFields) {
		f.late()
	}
	if slices.Contains(modes, posting.ModeHoneypot) {
		f.traps()
	}
	if f.Changed {
		f.change()
	}
	if slices.Contains(modes, posting.ModeMultiPage) {
		f.paginate()
	}
	return f
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	v := h.Sum64()
	v ^= v >> 33 // FNV's high bits differ little for keys that differ at their end
	v *= 0xff51afd7ed558ccd
	return v ^ v>>33
}

// apiOnly is the field that only the platform's API calls required.
func (f *Form) apiOnly(j *posting.Job) question {
	q := question{meaning: "country", kind: Select, label: words().Country[j.Lang], required: true,
		options: []string{"Germany", "Austria", "Switzerland", "France", "Spain", "Netherlands", "United Kingdom", "Ireland",
			"United States", "Canada", "Australia", "Denmark", "Sweden", "Poland", "Portugal", "Other"}}
	if j.Platform != posting.Greenhouse {
		q.group = Custom
	}
	return q
}

// field gives a question its name, its place in the page and its options in the platform's way.
func (f *Form) field(q question, i, nth int, seed uint64, taken map[string]bool) Field {
	j := f.Job
	n := 4000000 + int((seed>>8+uint64(i)*7919)%5000000)
	d := Field{Label: q.label, Kind: q.kind, Required: q.required, Marked: q.required, Meaning: q.meaning,
		About: q.about, Group: q.group, Number: n}
	switch j.Platform {
	case posting.Greenhouse:
		greenhouse(&d, j)
	case posting.Lever:
		lever(&d, q, nth, seed)
	case posting.Ashby:
		ashby(&d, i, seed)
	case posting.Workable:
		workable(&d)
	default:
		generic(&d, j, taken)
	}
	for k, label := range q.options {
		o := Option{Value: label, Label: label}
		switch {
		case j.Platform == posting.Greenhouse && q.kind == YesNo:
			o.Value = fmt.Sprint(1 - k)
		case j.Platform == posting.Greenhouse && q.group == EEO && j.Company.Variant != "react":
			o.Value = fmt.Sprint(k + 1)
		case j.Platform == posting.Greenhouse && q.kind != Checkbox && q.meaning != "country":
			o.Value = fmt.Sprint(n*10 + k)
		case (j.Platform == posting.Workable || j.Platform == posting.Ashby) && q.kind == YesNo:
			o.Value = []string{"true", "false"}[k]
		case j.Platform == posting.Workable && q.kind != Checkbox:
			o.Value = fmt.Sprint(n + k)
		case q.kind == Checkbox:
			o.Value = "1"
		case j.Platform != posting.Lever && j.Platform != posting.Ashby && (seed>>3)%2 == 0:
			o.Value = posting.Slug(label)
		}
		d.Options = append(d.Options, o)
	}
	return d
}

func uuid(seed uint64) string {
	a, b := hash(fmt.Sprint(seed)), hash(fmt.Sprint(seed, "b"))
	return fmt.Sprintf("%08x-%04x-4%03x-b%03x-%012x", uint32(a), uint16(a>>32), a>>48&0xfff, b>>48&0xfff, b&(1<<48-1))
}

func greenhouse(d *Field, j *posting.Job) {
	if d.Group == EEO && j.Company.Variant == "react" { // the platform's own survey, known by numbers
		d.ID = fmt.Sprint(d.Number)
		d.Name = "demographic_answers[" + d.ID + "]"
		d.Selector = fmt.Sprintf("[id=%q]", d.ID)
		return
	}
	names := map[string]string{"name.first": "first_name", "name.last": "last_name", "name.preferred": "preferred_name",
		"email": "email", "phone": "phone", "location": "location", "resume": "resume", "cover_letter": "cover_letter",
		"country": "country", "consent.privacy": "data_compliance[gdpr_consent_given]", "eeo.gender": "gender",
		"eeo.race": "race", "eeo.veteran": "veteran_status", "eeo.disability": "disability_status"}
	name, ok := names[d.Meaning]
	if !ok {
		name = fmt.Sprintf("question_%d", d.Number)
		if d.Kind == Multi {
			name += "[]"
		}
	}
	d.Name, d.ID = name, strings.NewReplacer("[]", "", "[", "_", "]", "").Replace(name)
	if d.Meaning == "location" {
		d.ID = "candidate-location"
	}
	d.Selector = "#" + d.ID
}

func lever(d *Field, q question, nth int, seed uint64) {
	names := map[string]string{"name.full": "name", "email": "email", "phone": "phone", "location": "location",
		"current.company": "org", "url.linkedin": "urls[LinkedIn]", "url.portfolio": "urls[Portfolio]", "resume": "resume",
		"eeo.gender": "eeo[gender]", "eeo.race": "eeo[race]", "eeo.veteran": "eeo[veteran]",
		"consent.privacy": "consent[store]"}
	name, ok := names[d.Meaning]
	if !ok || q.group == Custom {
		d.Card = uuid(seed + 1)
		name = fmt.Sprintf("cards[%s][field%d]", d.Card, nth)
	}
	d.Name = name
	d.Selector = fmt.Sprintf("[name=%q]", name)
}

func ashby(d *Field, i int, seed uint64) {
	names := map[string]string{"name.full": "_systemfield_name", "email": "_systemfield_email", "resume": "_systemfield_resume",
		"location": "_systemfield_location"}
	name, ok := names[d.Meaning]
	if !ok {
		name = uuid(seed + uint64(i))
	}
	d.Name, d.UI = name, name
	d.ID = name
	d.Selector = fmt.Sprintf("[data-field-path=%q] input", name)
	switch d.Kind {
	case Textarea:
		d.Selector = fmt.Sprintf("[data-field-path=%q] textarea", name)
	case File:
		d.Selector = "#" + name
	case YesNo, Multi:
		d.Selector = fmt.Sprintf("[data-field-path=%q]", name)
	}
}

func workable(d *Field) {
	names := map[string]string{"name.first": "firstname", "name.last": "lastname", "email": "email", "phone": "phone",
		"address": "address", "resume": "resume", "cover_letter.text": "cover_letter", "consent.privacy": "gdpr"}
	name, ok := names[d.Meaning]
	if !ok {
		name = fmt.Sprintf("QA_%d", d.Number)
		if strings.HasPrefix(d.Meaning, "url.") {
			name = fmt.Sprintf("CA_%d", d.Number%100000)
		}
	}
	d.Name, d.UI, d.ID = name, name, name
	d.Selector = fmt.Sprintf("[data-ui=%q]", name)
}

// generic names fields in the language of the posting. Recruitee puts them under "candidate".
func generic(d *Field, j *posting.Job, taken map[string]bool) {
	name, ok := words().Names[j.Lang][d.Meaning]
	if !ok {
		name = fmt.Sprint(words().Answer[j.Lang], d.Number%1000)
		for taken[name] {
			name += "b"
		}
		taken[name] = true
	}
	if j.Platform == posting.Recruitee {
		name = "candidate[" + name + "]"
	}
	d.Name = name
	d.ID = "f-" + posting.Slug(name)
	d.Selector = fmt.Sprintf("[name=%q]", name)
}

// late has the employer's questions appear after the page, and the last of them only after the résumé was chosen.
func (f *Form) late() {
	last := -1
	for i := range f.Fields {
		if f.Fields[i].Group == Custom {
			f.Fields[i].Late = "time"
			last = i
		}
	}
	if last >= 0 {
		f.Fields[last].Late = "resume"
	}
}

// traps adds fields that only machines see.
func (f *Form) traps() {
	for i, t := range []struct{ name, label, hidden string }{
		{"website_url", "Website", "display"}, {"fax_number", "Fax", "offscreen"}, {"email_confirm", "Confirm e-mail", "opacity"},
		{"company_name_2", "Company", "clip"}, {"nickname", "Leave this field empty", "zero"},
	} {
		d := Field{Name: t.name, ID: t.name, Label: t.label, Kind: Text, Meaning: "trap", Group: Trap, Hidden: t.hidden,
			Selector: fmt.Sprintf("[name=%q]", t.name)}
		f.Fields = slices.Insert(f.Fields, min(2*i+1, len(f.Fields)), d)
	}
}

// change gives every field another id, drops the platform's own attributes and reverses the employer's questions.
func (f *Form) change() {
	var custom []int
	for i := range f.Fields {
		d := &f.Fields[i]
		if d.Group == Trap {
			continue
		}
		d.ID, d.UI = Mangle(f.Job.Key+d.Name), ""
		d.Selector = "#" + d.ID
		if d.Group == Custom {
			custom = append(custom, i)
		}
	}
	for a, b := 0, len(custom)-1; a < b; a, b = a+1, b-1 {
		f.Fields[custom[a]], f.Fields[custom[b]] = f.Fields[custom[b]], f.Fields[custom[a]]
	}
}

// Mangle makes the kind of id or class that a build tool writes.
func Mangle(s string) string { return fmt.Sprintf("x%07x", hash(s)&0xfffffff) }

// paginate puts the standard fields on the first page, the employer's questions on the second, and the rest on the third.
func (f *Form) paginate() {
	f.Pages = 3
	for i := range f.Fields {
		switch f.Fields[i].Group {
		case Custom:
			f.Fields[i].Page = 1
		case EEO, Consent:
			f.Fields[i].Page = 2
		}
	}
	if !slices.ContainsFunc(f.Fields, func(d Field) bool { return d.Page == 2 }) {
		f.Pages = 2
	}
}

// Field finds a field by its name, or nil.
func (f *Form) Field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	return nil
}

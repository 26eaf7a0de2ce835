package form

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

// Sources of answers.
const (
	FromProfile = "profile"
	FromAnswers = "answers" // the answer bank
	FromResume  = "resume"
	FromAI      = "ai"
	FromUser    = "user" // for this application
	FromNobody  = "none"
)

// Reasons for which a field has no answer.
const (
	Unknown      = "unknown"
	IsSensitive  = "sensitive"
	NoOptionFits = "no_option_fits"
	Refused      = "refused"
	NeedsCode    = "code"
)

// Answer is what is put into a field: a text, or labels of options. Without values
// it says why there are none.
type Answer struct {
	Values []string
	Source string
	Reason string
}

// Pay is an amount before tax.
type Pay struct {
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Period   string  `json:"period"`
}

// Facts are what the user has said, and about which job.
type Facts struct {
	GivenName, FamilyName, Email, Phone string
	Street, PostalCode, City, Region    string
	CountryCode                         string
	Links                               map[string]string  // linkedin, github, portfolio, website
	Authorizations                      map[string]string  // by country: citizen, permanent_resident, …
	Languages                           map[string]string  // level by code
	Skills                              map[string]float64 // years by name; -1 not said
	CurrentCompany, CurrentTitle        string
	Employers                           []string
	Answers                             map[string]json.RawMessage // the answer bank
	Questions                           map[string]string          // of the user's own keys: key by folded question
	CoverLetter                         string
	JobCompany, JobCountry              string
}

// Resolve finds the answer to a field.
func Resolve(f Field, m Meaning, x Facts) Answer {
	if key, ok := x.Questions[x.question(f.Label)]; ok { // asked before, word for word
		if a := x.fromBank(f, key); len(a.Values) > 0 || m.Key == "" {
			return a
		}
	}
	if m.Key == "" || m.Confidence < Sure {
		return none(f, m)
	}
	if a, ok := x.known(f, m); ok {
		return a
	}
	return x.fromBank(f, m.Key).or(f, m)
}

func none(f Field, m Meaning) Answer {
	if Sensitive(f, m) {
		return Answer{Reason: IsSensitive, Source: FromNobody}
	}
	return Answer{Reason: Unknown, Source: FromNobody}
}

func (a Answer) or(f Field, m Meaning) Answer {
	if len(a.Values) == 0 && a.Reason == Unknown {
		return none(f, m)
	}
	return a
}

// question is a label as a key for questions that were answered before.
func (x Facts) question(label string) string { return QuestionKey(label, x.JobCompany) }

// QuestionKey makes the same question of two companies one: their names are left out.
func QuestionKey(label, company string) string {
	q := " " + Fold(label) + " "
	if c := Fold(company); c != "" {
		q = strings.ReplaceAll(q, " "+c+" ", " ")
	}
	return strings.TrimSpace(q)
}

// known answers what the profile says; false: the answer bank is asked.
func (x Facts) known(f Field, m Meaning) (Answer, bool) {
	text := func(value, source string) (Answer, bool) {
		if value == "" {
			return Answer{}, false
		}
		return put(f, m.Key, value, source), true
	}
	switch m.Key {
	case "first_name":
		return text(x.GivenName, FromProfile)
	case "last_name":
		return text(x.FamilyName, FromProfile)
	case "full_name":
		if x.GivenName == "" || x.FamilyName == "" {
			return Answer{}, false
		}
		return text(x.GivenName+" "+x.FamilyName, FromProfile)
	case "email":
		return text(x.Email, FromProfile)
	case "phone":
		return text(x.Phone, FromProfile)
	case "location":
		return text(x.City, FromProfile)
	case "postal_code":
		return text(x.PostalCode, FromProfile)
	case "address":
		if x.Street == "" {
			return text(x.City, FromProfile)
		}
		if re(`street|strasse`).MatchString(Fold(f.Label)) { // the rest is asked beside it
			return text(x.Street, FromProfile)
		}
		return text(x.Street+", "+strings.TrimSpace(x.PostalCode+" "+x.City), FromProfile)
	case "country":
		for i, name := range CountryNames(x.CountryCode) {
			if a := put(f, m.Key, name, FromProfile); len(a.Values) > 0 && (i == 0 || len(f.Options) > 0) {
				return a, true
			}
		}
		if x.CountryCode != "" {
			return Answer{Reason: NoOptionFits, Source: FromNobody}, true
		}
	case "linkedin_url", "github_url":
		return text(x.Links[strings.TrimSuffix(m.Key, "_url")], FromProfile)
	case "portfolio_url":
		for _, kind := range []string{"portfolio", "website"} {
			if x.Links[kind] != "" {
				return text(x.Links[kind], FromProfile)
			}
		}
	case "current_company":
		return text(x.CurrentCompany, FromProfile)
	case "current_title":
		return text(x.CurrentTitle, FromProfile)
	case "cover_letter", "comments":
		return text(x.CoverLetter, FromUser)
	case "authorized_to_work", "requires_sponsorship":
		return x.permission(f, m)
	case "language_level":
		if level := x.Languages[m.About]; level != "" {
			return put(f, m.Key, level, FromProfile), true
		}
		if m.About == "en" {
			return x.fromBank(f, "english_level"), true
		}
		return Answer{Reason: Unknown, Source: FromNobody}, true
	case "years_of_experience":
		if m.About == "" {
			return Answer{}, false
		}
		for name, years := range x.Skills {
			if Fold(name) == Fold(m.About) && years >= 0 {
				return text(strconv.FormatFloat(years, 'f', -1, 64), FromProfile)
			}
		}
		return Answer{Reason: Unknown, Source: FromNobody}, true
	case "skills":
		var own []string
		for _, o := range f.Options {
			for name := range x.Skills {
				if Fold(name) == Fold(o) {
					own = append(own, o)
				}
			}
		}
		if len(own) == 0 {
			return Answer{Reason: NoOptionFits, Source: FromNobody}, true
		}
		return Answer{Values: own, Source: FromProfile}, true
	case "worked_here_before":
		if !x.company(m.About) { // somewhere else
			return Answer{Reason: Unknown, Source: FromNobody}, true
		}
		if slices.ContainsFunc(x.Employers, func(e string) bool { return Fold(e) == Fold(x.JobCompany) }) {
			return put(f, m.Key, "true", FromProfile), true
		}
	case "willing_to_commute":
		// Where one can commute to depends on where one lives.
		if m.About != "" && Fold(m.About) != Fold(x.City) && x.flag("willing_to_relocate") != "true" {
			return Answer{Reason: Unknown, Source: FromNobody}, true
		}
	case "willing_to_travel":
		if share, err := strconv.ParseFloat(m.About, 64); err == nil { // how much counts
			most, err := strconv.ParseFloat(x.flag("travel_percent"), 64)
			if err != nil {
				return Answer{Reason: Unknown, Source: FromNobody}, true
			}
			return put(f, m.Key, strconv.FormatBool(most >= share), FromAnswers), true
		}
	case "willing_to_work_shifts":
		weekends := re(`weekend|wochenend|fines de semana`).MatchString(Fold(f.Label))
		if weekends && x.flag(m.Key) == "true" && x.flag("willing_to_work_weekends") != "true" {
			return Answer{Reason: Unknown, Source: FromNobody}, true
		}
	}
	return Answer{}, false
}

var here = re(`^(us|here|uns|this|our|the)\b`)

// company reports whether words mean the company of the job; nothing said does.
func (x Facts) company(words string) bool {
	said, name := Fold(words), Fold(x.JobCompany)
	return said == "" || here.MatchString(said) || name != "" && (strings.Contains(said, name) || strings.HasPrefix(name, said+" "))
}

// permission answers questions about the right to work: from what the user said of
// the country that is named, else of the country of the job.
func (x Facts) permission(f Field, m Meaning) (Answer, bool) {
	country := m.About
	if country == "" {
		country = x.JobCountry
	}
	status := x.Authorizations[country]
	restricted := re(`without restriction|any employer|unrestricted`).MatchString(Fold(f.Label))
	switch {
	case status == "citizen" || status == "permanent_resident":
		return put(f, m.Key, strconv.FormatBool(m.Key == "authorized_to_work"), FromProfile), true
	case status == "needs_sponsorship":
		return put(f, m.Key, strconv.FormatBool(m.Key == "requires_sponsorship"), FromProfile), true
	case status == "work_permit" && m.Key == "authorized_to_work" && !restricted:
		return put(f, m.Key, "true", FromProfile), true
	case m.About != "" && m.About != x.JobCountry, status == "work_permit" && restricted: // the answer bank speaks of the country of the job
		return Answer{Reason: IsSensitive, Source: FromNobody}, true
	}
	return Answer{}, false
}

// flag is an answer of the bank as text.
func (x Facts) flag(key string) string { return string(x.Answers[key]) }

// fromBank answers from the answer bank.
func (x Facts) fromBank(f Field, key string) Answer {
	raw, ok := x.Answers[key]
	if !ok {
		return Answer{Reason: Unknown, Source: FromNobody}
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return Answer{Reason: Unknown, Source: FromNobody}
	}
	switch v := v.(type) {
	case bool:
		return put(f, key, strconv.FormatBool(v), FromAnswers)
	case float64:
		return put(f, key, strconv.FormatFloat(v, 'f', -1, 64), FromAnswers)
	case string:
		return put(f, key, v, FromAnswers)
	case []any:
		var all []string
		for _, one := range v {
			text, _ := one.(string)
			a := put(f, key, text, FromAnswers)
			if len(a.Values) == 0 {
				return a
			}
			all = append(all, a.Values...)
		}
		if len(all) > 1 && f.Kind != Multi {
			return Answer{Reason: NoOptionFits, Source: FromNobody}
		}
		return Answer{Values: all, Source: FromAnswers}
	case map[string]any:
		var p Pay
		if json.Unmarshal(raw, &p) == nil {
			return x.pay(f, p)
		}
	}
	return Answer{Reason: Unknown, Source: FromNobody}
}

var monthly = re(`month|monat|mensuel|mensual`)
var hourly = re(`hour|stunde|heure|hora\b`)

var symbols = map[string]string{"€": "EUR", "£": "GBP", "₹": "INR", "zł": "PLN", "¥": "JPY CNY", "$": "USD CAD AUD NZD SGD MXN"}

// currencies are those that a label names; a sign may be of several.
func currencies(label string) (out []string) {
	for _, found := range re(`\b[A-Z]{3}\b`).FindAllString(label, -1) {
		if isCurrency(found) {
			out = append(out, found)
		}
	}
	for sign, codes := range symbols {
		if strings.Contains(label, sign) {
			out = append(out, codes)
		}
	}
	return out
}

// pay writes pay as the form wants it, if it asks in the same currency and for the
// same period: nothing is converted. A number is in the currency of the job's
// country, unless the label names one.
func (x Facts) pay(f Field, p Pay) Answer {
	named := currencies(f.Label)
	if region, err := language.ParseRegion(x.JobCountry); err == nil && len(named) == 0 && f.Kind == Number {
		if unit, ok := currency.FromRegion(region); ok {
			named = []string{unit.String()}
		}
	}
	for _, n := range named {
		if !strings.Contains(n, p.Currency) {
			return Answer{Reason: IsSensitive, Source: FromNobody}
		}
	}
	period, label := "year", Fold(f.Label)
	switch {
	case monthly.MatchString(label):
		period = "month"
	case hourly.MatchString(label):
		period = "hour"
	}
	if p.Period != period {
		return Answer{Reason: IsSensitive, Source: FromNobody}
	}
	amount := strconv.FormatFloat(p.Amount, 'f', -1, 64)
	if f.Kind == Number {
		return Answer{Values: []string{amount}, Source: FromAnswers}
	}
	return Answer{Values: []string{amount + " " + p.Currency + " per " + period}, Source: FromAnswers}
}

func isCurrency(code string) bool {
	return strings.Contains(" EUR USD GBP CHF PLN SEK DKK NOK CZK HUF RON CAD AUD NZD INR JPY CNY SGD BRL MXN ZAR AED TRY ", " "+code+" ")
}

// put makes the answer of a value, in the form that the field takes.
func put(f Field, key, value, source string) Answer {
	fail := Answer{Reason: NoOptionFits, Source: FromNobody}
	switch f.Kind {
	case Select, Multi, Boolean:
		if o := Match(f.Options, key, value); o != "" {
			return Answer{Values: []string{o}, Source: source}
		}
		return fail
	case Checkbox:
		if value == "true" {
			return Answer{Values: []string{"true"}, Source: source}
		}
		if value == "false" && !f.Required {
			return Answer{Values: []string{}, Source: source}
		}
		return fail
	case Number:
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return fail
		}
	case Date:
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return fail
		}
	case File:
		return fail
	default:
		if value == "true" || value == "false" { // a text box for yes or no
			value = map[string]string{"true": "Yes", "false": "No"}[value]
		}
	}
	return Answer{Values: []string{value}, Source: source}
}

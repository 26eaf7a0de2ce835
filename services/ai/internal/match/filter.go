package match

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// facts are what hard wishes are checked against.
type facts struct {
	Company   string // simplified
	Places    []Place
	Workplace Workplace
	RemoteIn  []string
	Pay       Money // the upper end, else the lower one
	Sponsors  Answer
}

func factsOf(p *Posting, text string) facts {
	f := facts{
		Company: companyName(p.Company), Places: p.Places, Workplace: p.Workplace,
		RemoteIn: p.RemoteIn, Pay: p.High, Sponsors: p.Sponsors,
	}
	if f.Pay.Amount == 0 {
		f.Pay = p.Low
	}
	if f.Sponsors == Unknown {
		f.Sponsors = sponsors(text)
	}
	return f
}

// sponsors looks for what a posting says about visas.
func sponsors(text string) Answer {
	low := strings.ToLower(text)
	for _, no := range []string{"no visa sponsorship", "not sponsor", "unable to sponsor", "cannot sponsor", "can't sponsor",
		"without sponsorship", "not offer visa", "not provide visa", "not able to sponsor", "no sponsorship", "not offer sponsorship",
		"not provide sponsorship", "sponsorship is not available", "sponsorship not available", "kein visum", "not available for sponsorship"} {
		if strings.Contains(low, no) {
			return No
		}
	}
	for _, yes := range []string{"visa sponsorship", "we sponsor", "sponsor visas", "sponsor your visa", "relocation and visa"} {
		if strings.Contains(low, yes) {
			return Yes
		}
	}
	return Unknown
}

// legalForms end the names of companies and say nothing.
var legalForms = []string{"gmbh", "inc", "ltd", "llc", "ag", "se", "corp", "corporation", "co", "kg", "plc", "sa", "sas", "sarl", "bv",
	"nv", "oy", "ab", "as", "limited", "spa", "srl", "pty", "kgaa", "ug", "company", "&"}

// companyName is a company's name without case, marks and legal form.
func companyName(s string) string {
	words := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(s, ".", "")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '&'
	})
	for len(words) > 1 && slices.Contains(legalForms, words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// rejected returns the hard wishes that a posting breaks. What a posting does not
// say breaks nothing.
func (p *person) rejected(f *facts) []Rejection {
	w := &p.resume.Wishes
	var out []Rejection
	if f.Company != "" && slices.Contains(p.blocked, f.Company) {
		out = append(out, Rejection{RuleCompany, fmt.Sprintf("%s is on your list of blocked companies.", f.Company)})
	}
	if pays, ok := enough(w.Pay, f.Pay); !ok {
		out = append(out, Rejection{RulePay, fmt.Sprintf("It pays at most %.0f %s a year, and you ask for %.0f.", pays, f.Pay.Currency, w.Pay.year())})
	}
	if !p.placed(f) {
		detail := "It is not in one of your places."
		if w.RemoteOnly {
			detail = "It is not remote, and you ask for remote work only."
		} else if len(f.Places) > 0 {
			detail = fmt.Sprintf("It is in %s, which is not one of your places.", f.Places[0].name())
		}
		out = append(out, Rejection{RulePlace, detail})
	}
	if country, ok := p.permitted(f); !ok {
		out = append(out, Rejection{RuleVisa, fmt.Sprintf("It is in %s, where you need a visa, and the company does not sponsor one.", country)})
	}
	return out
}

// holds is rejected without the words, for searches.
func (p *person) holds(f *facts) bool {
	if f.Company != "" && slices.Contains(p.blocked, f.Company) {
		return false
	}
	if _, ok := enough(p.resume.Wishes.Pay, f.Pay); !ok {
		return false
	}
	if _, ok := p.permitted(f); !ok {
		return false
	}
	return p.placed(f)
}

// enough compares pay for a year; amounts in different currencies are not
// compared, since no rate is at hand.
func enough(least, pay Money) (float64, bool) {
	if least.Amount == 0 || pay.Amount == 0 || !strings.EqualFold(least.Currency, pay.Currency) {
		return 0, true
	}
	return pay.year(), pay.year() >= least.year()
}

func (p Place) name() string {
	if p.City == "" {
		return p.Country
	}
	return p.City + " (" + p.Country + ")"
}

// placed tells whether the place is acceptable.
func (p *person) placed(f *facts) bool {
	w := &p.resume.Wishes
	home := f.Workplace == Remote && (len(f.RemoteIn) == 0 || p.resume.Country == "" || contains(f.RemoteIn, p.resume.Country))
	switch {
	case w.RemoteOnly:
		return home || f.Workplace == WorkplaceUnknown
	case len(w.Areas) == 0, home && w.Remote, len(f.Places) == 0 && f.Workplace != Remote:
		return true
	}
	for i := range f.Places {
		for j := range w.Areas {
			if w.Areas[j].holds(&f.Places[i]) {
				return true
			}
		}
	}
	return false
}

func contains(countries []string, country string) bool {
	return slices.ContainsFunc(countries, func(c string) bool { return strings.EqualFold(c, country) })
}

// holds tells whether a place is in the area. A place of which too little is
// known is.
func (a *Area) holds(p *Place) bool {
	if a.Radius > 0 && (p.Lat != 0 || p.Lon != 0) {
		return distance(a.Lat, a.Lon, p.Lat, p.Lon, a.Radius) <= a.Radius
	}
	if a.Country != "" && p.Country != "" && !strings.EqualFold(a.Country, p.Country) {
		return false
	}
	return a.City == "" || p.City == "" || strings.EqualFold(a.City, p.City)
}

// distance is in kilometres on a sphere (haversine); beyond limit it need not be
// exact.
func distance(lat1, lon1, lat2, lon2, limit float64) float64 {
	const radius, degree = 6371., math.Pi / 180
	if north := math.Abs(lat1-lat2) * degree * radius; north > limit {
		return north
	}
	a := math.Pow(math.Sin((lat2-lat1)*degree/2), 2) +
		math.Cos(lat1*degree)*math.Cos(lat2*degree)*math.Pow(math.Sin((lon2-lon1)*degree/2), 2)
	return 2 * radius * math.Asin(min(1, math.Sqrt(a)))
}

// permitted tells whether the person may work where the posting is, or the
// company may get a visa.
func (p *person) permitted(f *facts) (string, bool) {
	permits := p.resume.Wishes.Permits
	if len(permits) == 0 || f.Sponsors != No {
		return "", true
	}
	country := ""
	for i := range f.Places {
		if f.Places[i].Country == "" || contains(permits, f.Places[i].Country) {
			return "", true
		}
		country = f.Places[i].Country
	}
	return country, country == ""
}

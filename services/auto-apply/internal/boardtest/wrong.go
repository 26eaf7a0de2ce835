package boardtest

import (
	"slices"
	"strings"
)

// truth is what Ada would answer, in the words that forms offer, by meaning; an
// answer is right if it is one of these.
var truth = map[string][]string{
	"name.first": {"Ada"}, "name.last": {"Byron"}, "name.full": {"Ada Byron"}, "phone": {"+49 30 901820"}, "pronouns": {"she/her"},
	"location": {"Berlin", "Berlin, Berlin, Germany"}, "address": {"Unter den Linden 5, 10117 Berlin"}, "country": {"Germany", "Deutschland", "Allemagne", "Alemania"},
	"url.linkedin": {"https://www.linkedin.com/in/ada-byron"}, "url.github": {"https://github.com/ada"}, "url.portfolio": {"https://ada.example.org"},
	"current.company": {"Analytical Engines"}, "current.title": {"Programmer"}, "salary": {"75000", "75000 EUR per year"}, "start_date": {"2027-03-01"},
	"notice_period": {"1 month", "1 Monat", "1 mois", "1 mes"}, "relocation": {"Yes", "Ja", "Oui", "Sí"}, "onsite": {"Yes", "Ja", "Oui", "Sí"}, "shifts": {"Yes", "Ja", "Oui", "Sí"},
	"travel": {"Up to 25 %", "Bis 25 %"}, "education.level": {"Master's degree", "Master oder Diplom", "Master", "Máster"}, "source": {"LinkedIn"},
	"adult": {"Yes", "Ja", "Oui", "Sí"}, "employed_before": {"No", "Nein", "Non"}, "consent.privacy": {"1"}, "consent.truth": {"1"}, "consent.retention": {},
	"eeo.gender": {"Decline To Self Identify"}, "eeo.race": {"Decline To Self Identify"}, "eeo.veteran": {"I am not a protected veteran"}, "eeo.disability": {"I do not want to answer"},
	"trap": {}, "achievement": {}, "free": {}, "motivation": {}, "name.preferred": {},
}

var countries = map[string]string{"Germany": "DE", "Deutschland": "DE", "Allemagne": "DE", "Alemania": "DE", "France": "FR", "Frankreich": "FR", "España": "ES", "Spain": "ES", "Österreich": "AT",
	"Austria": "AT", "Netherlands": "NL", "Belgique": "BE", "Belgium": "BE", "United States": "US", "United Kingdom": "GB", "der Schweiz": "CH", "Switzerland": "CH"}

// Wrong says what is wrong with the answer that arrived for a field; nothing that
// arrived is never wrong.
func Wrong(f Field, given []string) string {
	if len(given) == 0 {
		return ""
	}
	says := func(yes bool) string {
		if slices.Contains([]string{"Yes", "Ja", "Oui", "Sí"}, given[0]) != yes {
			return given[0] + " for " + f.About
		}
		return ""
	}
	right := Rights[countries[f.About]]
	switch f.Meaning {
	case "work_authorization":
		return says(right != "needs_sponsorship")
	case "sponsorship":
		return says(right == "needs_sponsorship")
	case "salary":
		if f.About != "EUR" {
			return "pay in another currency: " + given[0]
		}
	case "experience.years":
		if _, ok := Skills[f.About]; !ok {
			return given[0] + " years of " + f.About
		}
		return ""
	case "skills":
		for _, s := range given {
			if _, ok := Skills[s]; !ok {
				return s
			}
		}
		return ""
	case "language.level":
		for language, level := range map[string]string{"English": "(C1)", "German": "Native", "Deutsch": "Muttersprache", "français": "B1–B2", "español": "A1–A2"} {
			if f.About == language && !strings.Contains(given[0], level) {
				return given[0] + " for " + f.About
			}
		}
		return ""
	}
	want, known := truth[f.Meaning]
	if known && !slices.Contains(want, given[0]) {
		return given[0]
	}
	return ""
}

// Truth is what Ada would answer to a field, in the words that it offers; false
// where there is nothing to say.
func Truth(f Field) (string, bool) {
	if f.Meaning == "skills" {
		for _, o := range f.Options {
			if _, ok := Skills[o.Label]; ok {
				return o.Label, true
			}
		}
		return "", false
	}
	if len(f.Options) > 0 && f.Type != "checkbox" {
		for _, o := range f.Options {
			if _, known := truth[f.Meaning]; (known || f.Meaning == "work_authorization" || f.Meaning == "sponsorship" || f.Meaning == "language.level") && Wrong(f, []string{o.Label}) == "" {
				return o.Label, true
			}
		}
		return "", false
	}
	if want := truth[f.Meaning]; len(want) > 0 && Wrong(f, want[:1]) == "" {
		return want[0], true
	}
	return "", false
}

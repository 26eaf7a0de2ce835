package form

import (
	"regexp"
	"strconv"
	"strings"
)

// synonyms are the folded beginnings of options for values of the answer bank, by
// key; "" is for every key.
var synonyms = map[string]map[string][]string{
	"": {
		"true": {"yes", "ja", "oui", "si", "true"}, "false": {"no", "nein", "non", "false"},
		"prefer_not_to_say": {"decline", "prefer not", "i don t wish", "i do not wish", "i do not want", "i don t want", "keine angabe", "mochte ich nicht", "je prefere ne pas", "prefiero no"},
	},
	"gender": {
		"female": {"female", "woman", "weiblich", "frau", "femme", "mujer"}, "male": {"male", "man", "mannlich", "mann", "homme", "hombre"},
		"non_binary": {"non binary", "nonbinary", "divers", "non binaire", "no binario"}, "other": {"other", "another", "autre", "otro"},
	},
	"race": {
		"american_indian_or_alaska_native": {"american indian"}, "asian": {"asian"}, "black_or_african_american": {"black"}, "hispanic_or_latino": {"hispanic"},
		"native_hawaiian_or_pacific_islander": {"native hawaiian"}, "white": {"white"}, "two_or_more": {"two or more"}, "other": {"other", "some other"},
	},
	"hispanic_or_latino": {"yes": {"yes"}, "no": {"no"}},
	"veteran_status": {
		"protected_veteran": {"i identify as one", "i am a protected veteran", "yes"}, "not_a_veteran": {"i am not a", "no"},
	},
	"disability_status": {"yes": {"yes"}, "no": {"no"}},
	"remote_preference": {"onsite": {"on site", "onsite", "in office", "office", "vor ort"}, "hybrid": {"hybrid"}, "remote": {"remote", "fully remote", "home office"}},
	"highest_degree": {
		"none": {"none", "keiner", "aucun", "ninguno"}, "secondary": {"secondary", "high school", "schulabschluss", "abitur", "baccalaureat", "secundaria", "bachillerato"},
		"vocational": {"vocational", "berufsausbildung", "cap", "formacion profesional", "apprenticeship"}, "bachelor": {"bachelor", "licence", "grado"},
		"master": {"master", "diplom", "maestria"}, "doctorate": {"doctor", "phd", "ph d", "promotion", "doctorat", "doctorado"},
	},
	"how_did_you_hear": {
		"linkedin": {"linkedin"}, "job board": {"job board", "stellenborse", "jobborse", "site d emploi", "portal de empleo"},
		"company website":     {"company website", "website", "site internet", "pagina web", "career page"},
		"friend or colleague": {"a friend", "friend", "referral", "empfehlung", "cooptation", "recomendacion"},
		"event":               {"event", "messe", "salon", "feria"}, "other": {"other", "sonstiges", "autre", "otro"},
	},
}

// Match finds the option that says value, a value of the answer bank for key. It is
// empty where none does, or more than one.
func Match(options []string, key, value string) string {
	want := Fold(value)
	for _, o := range options {
		if o == value || Fold(o) == want {
			return o
		}
	}
	switch key {
	case "language_level", "english_level":
		return only(options, func(o string) bool { return saysLevel(o, value) })
	case "notice_period":
		return byDuration(options, value)
	case "travel_percent":
		return byPercent(options, value)
	}
	starts := append(append([]string(nil), synonyms[key][value]...), synonyms[key][want]...)
	starts = append(starts, synonyms[""][value]...)
	return only(options, func(o string) bool {
		folded := Fold(o) + " "
		for _, s := range starts {
			if strings.HasPrefix(folded, s+" ") || len(s) > 5 && strings.HasPrefix(folded, s) {
				return true
			}
		}
		return false
	})
}

func only(options []string, fits func(string) bool) string {
	found := ""
	for _, o := range options {
		if !fits(o) {
			continue
		}
		if found != "" {
			return ""
		}
		found = o
	}
	return found
}

var levels = regexp.MustCompile(`\b[ABC][12]\b`)
var nativeSpeaker = re(`native|muttersprache|langue maternelle|nativo|mother tongue|bilingual or native`)

// saysLevel reports whether an option covers a level of the Common European
// Framework, such as "B1–B2", or the mother tongue.
func saysLevel(option, level string) bool {
	if level == "native" {
		return nativeSpeaker.MatchString(Fold(option))
	}
	named := levels.FindAllString(option, -1)
	return len(named) > 0 && named[0] <= level && level <= named[len(named)-1]
}

var durations = regexp.MustCompile(`(\d+) ?(day|tag|jour|dia|week|woche|semaine|semana|month|monat|mois|mes)`)
var noTime = re(`^(none|keine|aucun|ninguno|immediately|sofort|no notice)`)
var orMore = re(`or more|oder langer|ou plus|o mas`)

// days reads a duration; a month has 30 days.
func days(s string) (int, bool) {
	folded := Fold(s)
	if noTime.MatchString(folded) {
		return 0, true
	}
	m := durations.FindStringSubmatch(folded)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, false
	}
	switch m[2][0] {
	case 'w':
		n *= 7
	case 's':
		n *= 7
	case 'm':
		n *= 30
	}
	return n, true
}

// byDuration finds the option of the same length, give or take two days: four weeks
// are a month.
func byDuration(options []string, value string) string {
	want, ok := days(value)
	if !ok {
		return ""
	}
	return only(options, func(o string) bool {
		n, ok := days(o)
		if ok && orMore.MatchString(Fold(o)) {
			return want >= n-2
		}
		return ok && n-2 <= want && want <= n+2
	})
}

var percent = regexp.MustCompile(`(\d+) ?%`)

// byPercent finds the narrowest "up to n %" that holds the value.
func byPercent(options []string, value string) string {
	want, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return ""
	}
	best, most, above := "", 101.0, ""
	for _, o := range options {
		folded := Fold(o)
		m := percent.FindStringSubmatch(o)
		switch {
		case m == nil && want == 0 && re(`^(not at all|gar nicht|none)`).MatchString(folded):
			return o
		case m == nil:
		case re(`^(more|mehr|plus|mas)`).MatchString(folded):
			above = o
		default:
			if n, _ := strconv.ParseFloat(m[1], 64); want <= n && n < most {
				best, most = o, n
			}
		}
	}
	if best == "" {
		best = above
	}
	return best
}

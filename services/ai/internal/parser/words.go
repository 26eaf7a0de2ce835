package parser

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Words that jobs are called by, in plain text, as beginnings of words.
var titleWords = words(lex("titles"))

// Words that employers are called by.
var companyWords = regexp.MustCompile(`(?i)(?:^|[\s(,.])(?:` + lex("companies") + `)(?:$|[\s),.])`)

// Words that schools are called by.
var schoolWords = words(lex("schools"))

// Words that degrees are called by.
var degreeWords = regexp.MustCompile(`(?i)(?:^|[\s(,/])(?:` + lex("degrees") + `)(?:$|[\s),.:/-])`)

// fluency levels of languages, and levels of skills.
var (
	fluencyWords = words(lex("fluency"))
	levelWords   = regexp.MustCompile(`(?i)^\(?(?:` + lex("levels") + `)\)?$`)
)

// statesRE are the codes of states and provinces that follow a city after a comma.
var statesRE = regexp.MustCompile(`^(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]|AB|BC|MB|NB|NL|NS|NT|NU|ON|PE|QC|SK|YT|NSW|QLD|VIC|TAS|ACT)$`)

// uiLanguages are those the names of countries and languages are known in.
var uiLanguages = []language.Tag{language.English, language.German, language.French, language.Spanish, language.Portuguese, language.Italian, language.Dutch}

// spoken are the languages people name in resumes (ISO 639-1 and some more).
const spoken = "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fil fr ga gl gu ha he hi hr hu hy id ig is it ja ka kk km kn ko ku ky la lb lo lt lv mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru sd si sk sl so sq sr sv sw ta te tg th tk tl tr uk ur uz vi xh yi yo zh yue zu"

// lands are the plain names of countries with their codes; tongues those of
// languages. They are made at the first use.
var (
	lands   = sync.OnceValue(func() map[string]string { l, _ := names(); return l })
	tongues = sync.OnceValue(func() map[string]bool { _, t := names(); return t })
)

func names() (map[string]string, map[string]bool) {
	lands, tongues := map[string]string{}, map[string]bool{}
	for _, ui := range uiLanguages {
		regions, langs := display.Regions(ui), display.Languages(ui)
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				r, err := language.ParseRegion(string([]rune{a, b}))
				if err != nil || !r.IsCountry() {
					continue
				}
				if n := plain(regions.Name(r)); n != "" {
					lands[n] = r.Canonicalize().String() // some have two codes, as UK and GB
				}
			}
		}
		for code := range strings.FieldsSeq(spoken) {
			if n := plain(langs.Name(language.Make(code))); n != "" {
				tongues[n] = true
			}
		}
	}
	for name, code := range map[string]string{"usa": "US", "us": "US", "u s": "US", "u s a": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
		"the netherlands": "NL", "holland": "NL", "republic of korea": "KR", "korea": "KR", "s korea": "KR", "czech republic": "CZ", "turkiye": "TR", "russia": "RU", "uae": "AE", "vietnam": "VN", "taiwan": "TW", "eire": "IE", "eire ireland": "IE", "northern ireland": "GB", "hong kong": "HK", "macau": "MO", "brd": "DE", "remote": ""} {
		lands[name] = code
	}
	for n := range strings.SplitSeq(lex("more languages"), "|") {
		tongues[n] = true
	}
	return lands, tongues
}

// nations are the countries within one, which are kept beside its code.
var nations = map[string]bool{"england": true, "scotland": true, "wales": true, "northern ireland": true}

//go:generate go run ./cities ../../../../migrations/common/data/places.csv.gz cities.gz
//go:embed cities.gz
var citiesFile []byte

// cities are the plain names of the larger ones. They are read at the first use.
var cities = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	z, err := gzip.NewReader(bytes.NewReader(citiesFile))
	if err == nil {
		lines := bufio.NewScanner(z)
		for lines.Scan() {
			m[plain(lines.Text())] = true
		}
		err = lines.Err()
	}
	if err != nil {
		panic(err) // it is embedded
	}
	for name := range strings.SplitSeq(lex("cities"), "|") {
		m[name] = true
	}
	for name := range strings.SplitSeq(lex("no cities"), "|") {
		delete(m, name)
	}
	return m
})

// isCity tells whether a text is the name of a larger city and of nothing else
// that stands in resumes.
func isCity(s string) bool { return cityRE.MatchString(s) && cities()[plain(s)] }

// asScore turns a match into a score.
func asScore(ok bool, v float64) float64 {
	if ok {
		return v
	}
	return 0
}

// titleScore tells how much a text reads like a job title.
func titleScore(s string) float64 {
	p := plain(s)
	v := asScore(titleWords.MatchString(p), 1)
	if n := len(strings.Fields(p)); n > 9 || n == 0 {
		v -= .6
	}
	return v
}

// companyScore tells how much a text reads like an employer. A company has a name
// beside what it is.
func companyScore(s string) float64 {
	v := asScore(companyWords.MatchString(s) && len(strings.Fields(s)) > 1, .8)
	if n := len(strings.Fields(s)); n > 10 || n == 0 {
		v -= .5
	}
	return v
}

// schoolScore tells how much a text reads like a school.
func schoolScore(s string) float64 { return asScore(schoolWords.MatchString(plain(s)), 1) }

// degreeScore tells how much a text reads like a degree.
func degreeScore(s string) float64 { return asScore(degreeWords.MatchString(s), 1) }

var (
	zipRE    = regexp.MustCompile(`(?:^|[\s,])((?:[A-Z]{1,2}-)?\d{4,6}(?:[ -][A-Z]{2})?|\d{5}-\d{4}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)(?:$|[\s,])`)
	streetRE = regexp.MustCompile(`(?i)(?:^|\s|\d)(?:[\p{L}-]*(?:straße|strasse|str\.|gasse|platz|allee|straat|laan|weg|ring|kade|plein)|street|st\.?|avenue|ave\.?|road|rd\.?|boulevard|blvd\.?|lane|ln\.?|drive|dr\.?|court|ct\.?|square|place|way|hill|broadway|parkway|suite|apt\.?|apartment|p\.?o\.? ?box|house|residence|résidence|rue|chemin|allée|quai|calle|avenida|av\.|plaza|paseo|rua|travessa|praça|via|viale|corso|piazza)(?:$|[\s,.\d])`)
	cityRE   = regexp.MustCompile(`^\p{Lu}[\p{L}.'’-]*(?:[ -](?:\p{Lu}[\p{L}.'’-]*|de|la|le|del|di|da|do|am|an|der|im|upon|sur|les|of|on))*$`)
)

// isPlace tells whether a text is a place of the form City, Region or Country,
// or a country, or works from home.
func isPlace(s string) bool {
	s = strings.Trim(strings.TrimSpace(s), "().,;")
	if s == "" || utf8.RuneCountInString(s) > 60 {
		return false
	}
	s = strings.NewReplacer(" (", ", ", ")", "").Replace(s)
	parts := strings.Split(s, ",")
	if len(parts) == 1 {
		p := plain(s)
		_, ok := lands()[p]
		return ok || p == "remote" || p == "hybrid" || p == "homeoffice"
	}
	if len(parts) > 4 || !isRegion(parts[len(parts)-1]) && !isRegion(parts[max(1, len(parts)-2)]) {
		return false
	}
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if companyScore(part) > 0 || schoolScore(part) > 0 || titleScore(part) > 0 {
			return false
		}
		if i == 0 && (!cityRE.MatchString(part) || len(strings.Fields(part)) > 4) || i > 0 && !isRegion(part) && !cityRE.MatchString(part) {
			return false
		}
	}
	return true
}

// isRegion tells whether a text is a state or a country, with or without a postal code.
func isRegion(s string) bool {
	s = strings.TrimSpace(zipRE.ReplaceAllString(" "+s+" ", " "))
	if s == "" {
		return false
	}
	if statesRE.MatchString(s) || usStates[plain(s)] {
		return true
	}
	_, ok := lands()[plain(s)]
	return ok
}

// usStates are the states' names, which stand where a country would.
var usStates = func() map[string]bool {
	m := map[string]bool{}
	for s := range strings.SplitSeq(lex("regions"), "|") {
		m[s] = true
	}
	return m
}()

// nameLike tells whether a text could be a person's name: two to five words of
// letters that begin in upper case, or a single script without cases.
func nameLike(s string) bool {
	s = strings.TrimSpace(s)
	fields := strings.Fields(s)
	if len(fields) < 1 || len(fields) > 6 || utf8.RuneCountInString(s) > 48 {
		return false
	}
	upper := 0
	for i, f := range fields {
		f = strings.Trim(f, ",.()\"“”'’")
		for _, c := range f {
			if !unicode.IsLetter(c) && c != '-' && c != '\'' && c != '’' && c != '.' {
				return false
			}
		}
		first, _ := utf8.DecodeRuneInString(f)
		switch {
		case unicode.IsUpper(first) || unicode.IsLetter(first) && !unicode.IsLower(first):
			upper++
		case i == 0 || !particles[strings.ToLower(f)]:
			return false
		}
	}
	return upper >= 1
}

// particles are the small words within names.
var particles = map[string]bool{"de": true, "da": true, "di": true, "del": true, "della": true, "der": true, "den": true, "van": true, "von": true, "zu": true, "zur": true, "la": true, "le": true, "dos": true, "das": true, "do": true, "el": true, "al": true, "bin": true, "ibn": true, "y": true, "e": true, "ter": true, "ten": true, "af": true, "av": true, "st": true}

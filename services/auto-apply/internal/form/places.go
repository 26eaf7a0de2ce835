package form

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// spoken are the languages that questions are understood in.
var spoken = []language.Tag{language.English, language.German, language.French, language.Spanish}

// countries by folded name, in the languages that are understood.
var countries = sync.OnceValue(func() map[string]string {
	byName := map[string]string{"usa": "US", "u s": "US", "us": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "vereinigtes konigreich": "GB"}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			region, err := language.ParseRegion(code)
			if err != nil || !region.IsCountry() || region.Canonicalize().String() != code {
				continue
			}
			for _, name := range CountryNames(code) {
				byName[Fold(name)] = code
			}
		}
	}
	return byName
})

// CountryNames are the names of a country (ISO 3166-1 alpha-2), English first.
func CountryNames(code string) []string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return nil
	}
	var out []string
	for _, tag := range spoken {
		if name := display.Regions(tag).Name(region); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// countryIn finds the country that a text names; two different ones are none.
func countryIn(text string) string {
	words := strings.Fields(Fold(text))
	upper := strings.Fields(strings.NewReplacer("?", " ", ",", " ", ".", "", "(", " ", ")", " ").Replace(text))
	found := ""
	for i := range words {
		for n := min(5, len(words)-i); n > 0; n-- {
			name := strings.Join(words[i:i+n], " ")
			code := countries()[name]
			if code == "" || name == "us" && !has(upper, "US") {
				continue
			}
			if found != "" && found != code {
				return "several"
			}
			found = code
			break
		}
	}
	return found
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// languages by folded name, in the languages that are understood and their own.
var languages = sync.OnceValue(func() map[string]string {
	byName := map[string]string{}
	for code := range strings.FieldsSeq("en de fr es it nl pl pt sv da nb fi cs sk hu ro bg el tr ru uk ar he zh ja ko hi vi th id") {
		tag := language.MustParse(code)
		for _, in := range spoken {
			byName[Fold(display.Languages(in).Name(tag))] = code
		}
		byName[Fold(display.Self.Name(tag))] = code
	}
	return byName
})

// languageIn finds the language that a folded text names; of two there is none.
func languageIn(folded string) string {
	found := ""
	for word := range strings.FieldsSeq(folded) {
		code := languages()[strings.TrimSuffix(word, "kenntnisse")]
		if code != "" && found != "" && code != found {
			return ""
		}
		if code != "" {
			found = code
		}
	}
	return found
}

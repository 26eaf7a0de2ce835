package job

import (
	"regexp"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// Place is where a job is.
type Place struct {
	Text      string   `json:"text"`    // as the posting says it
	Country   string   `json:"country"` // ISO 3166-1 alpha-2; may be empty, as all below
	Region    string   `json:"region"`
	City      string   `json:"city"`
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
}

// countries by their folded names in the languages that postings are written in
// (CLDR, by golang.org/x/text), and by what people write for them.
var countries = sync.OnceValue(func() map[string]string {
	names := map[string]string{
		"usa": "US", "us": "US", "u s": "US", "u s a": "US", "united states of america": "US", "america": "US", "uk": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
		"northern ireland": "GB", "great britain": "GB", "uae": "AE", "holland": "NL", "the netherlands": "NL", "czech republic": "CZ", "turkey": "TR", "turkiye": "TR",
		"brd": "DE", "de": "DE", "south korea": "KR", "russia": "RU", "vietnam": "VN", "gb": "GB", "fr": "FR", "nl": "NL", "es": "ES", "at": "AT", "ch": "CH", "hong kong": "HK",
	}
	for _, tag := range []string{"en", "de", "fr", "es", "it", "nl", "pt"} {
		namer := display.Regions(language.MustParse(tag))
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				code := string(a) + string(b)
				region, err := language.ParseRegion(code)
				if err != nil || !region.IsCountry() || region.Canonicalize().String() != code { // not those of the past
					continue
				}
				if name := fold(namer.Name(region)); name != "" && name != strings.ToLower(code) {
					if _, taken := names[name]; !taken {
						names[name] = code
					}
				}
			}
		}
	}
	return names
})

func countryCode(s string) string {
	s = strings.TrimSpace(s)
	if code, ok := countries()[fold(s)]; ok {
		return code
	}
	if len(s) == 2 || len(s) == 3 {
		if r, err := language.ParseRegion(strings.ToUpper(s)); err == nil && r.IsCountry() {
			return r.Canonicalize().String()
		}
	}
	return ""
}

// usStates and caProvinces are written after cities, mostly without their country.
var (
	usStates = " AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC "

	caProvinces = " ON QC BC AB MB SK NS NB NL PE "
)

var (
	placeBreak = regexp.MustCompile(`\s*[,;/|()\[\]•·>]\s*|\s+[-–—]\s+`)
	placeNoise = word(`remote|hybrid|onsite|on site|in office|office|anywhere|worldwide|global|distributed|home office|flexible|multiple locations|various locations|remote first|fully remote|` +
		`emea|apac|latam|dach|europe|european union|eu|north america|only|or|based|headquarters|hq|greater|area|region|metro`)
	wholeNoise = regexp.MustCompile(`^(?:greater|metro|central|downtown) | (?:area|region|metro|metropolitan area|office|hq|headquarters|hybrid|remote)$`)
)

// parsePlaces takes the first place apart and keeps the text of all.
func parsePlaces(places []source.Place) (out Place) {
	var texts []string
	for i, p := range places {
		if len(texts) == 20 {
			break
		}
		one := parsePlace(p)
		if one.Text != "" && !contains(texts, one.Text) {
			texts = append(texts, one.Text)
		}
		if i == 0 || (out.City == "" && out.Country == "") {
			out = one
		}
	}
	out.Text = cut(strings.Join(texts, "; "), 300)
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}

func parsePlace(p source.Place) Place {
	out := Place{Text: line(p.Text, 150), City: line(p.City, 100), Region: line(p.Region, 100), Country: countryCode(line(p.Country, 60))}
	if out.Text == "" {
		var parts []string
		country := line(p.Country, 60)
		if len(country) == 2 && out.Country != "" {
			country = display.English.Regions().Name(language.MustParseRegion(out.Country))
		}
		for _, s := range []string{out.City, out.Region, country} {
			if s != "" && !contains(parts, s) {
				parts = append(parts, s)
			}
		}
		out.Text = strings.Join(parts, ", ")
	}
	if out.City != "" && out.Country != "" {
		return out
	}
	var rest []string
	segments := placeBreak.Split(out.Text, 12)
	for i, s := range segments {
		s = strings.TrimSpace(s)
		upper := strings.ToUpper(s)
		switch {
		case s == "":
		case i > 0 && len(s) == 2 && strings.Contains(usStates, " "+upper+" ") && s == upper && (out.Country == "" || out.Country == "US"):
			out.Country = "US"
			out.Region = firstOf(out.Region, upper)
		case i > 0 && len(s) == 2 && strings.Contains(caProvinces, " "+upper+" ") && s == upper && (out.Country == "" || out.Country == "CA"):
			out.Country = "CA"
			out.Region = firstOf(out.Region, upper)
		case countryCode(s) != "" && (len(s) > 2 || s == upper):
			out.Country = firstOf(out.Country, countryCode(s))
		default:
			if t := strings.TrimSpace(stripNoise(s)); t != "" {
				rest = append(rest, t)
			}
		}
	}
	if out.City == "" && len(rest) > 0 {
		out.City = rest[0]
		if len(rest) > 1 && out.Region == "" && rest[1] != rest[0] {
			out.Region = rest[1]
		}
	}
	return out
}

// stripNoise leaves the name of a place, or nothing if the words are no place.
func stripNoise(s string) string {
	folded := fold(s)
	if trimmed := wholeNoise.ReplaceAllString(folded, ""); trimmed != folded && trimmed != "" {
		words := strings.Fields(s)
		for len(words) > 1 && placeNoise.MatchString(fold(words[0])) {
			words = words[1:]
		}
		for len(words) > 1 && placeNoise.MatchString(fold(words[len(words)-1])) {
			words = words[:len(words)-1]
		}
		s = strings.Join(words, " ")
		folded = fold(s)
	}
	if placeNoise.MatchString(folded) || strings.Trim(folded, "0123456789 ") == "" || len(folded) < 2 {
		return ""
	}
	return s
}

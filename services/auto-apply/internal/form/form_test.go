package form

import "testing"

func TestCountriesAreFoundInQuestions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Do you have the right to work in the United Kingdom?":                "GB",
		"Are you legally authorized to work in Germany?":                      "DE",
		"Haben Sie eine gültige Arbeitserlaubnis für Deutschland?":            "DE",
		"Dürfen Sie in der Schweiz arbeiten?":                                 "CH",
		"¿Tienes permiso de trabajo en España?":                               "ES",
		"Êtes-vous autorisé(e) à travailler en France ?":                      "FR",
		"Are you authorized to work in the US?":                               "US",
		"Will you work with us?":                                              "",
		"Are you authorized to work in the Netherlands or in Germany?":        "several",
		"Are you currently eligible to work in Austria without restrictions?": "AT",
	} {
		if got := countryIn(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

package form

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

var ada = Facts{
	GivenName: "Ada", FamilyName: "Byron", Email: "ada@example.org", Phone: "+49 30 901820", Street: "Unter den Linden 5", PostalCode: "10117", City: "Berlin", CountryCode: "DE",
	Links: map[string]string{"linkedin": "https://www.linkedin.com/in/ada-byron"}, Authorizations: map[string]string{"DE": "citizen", "US": "work_permit", "GB": "needs_sponsorship"},
	Languages: map[string]string{"en": "C1", "de": "native"}, Skills: map[string]float64{"Go": 6, "Python": -1}, Employers: []string{"Kite"}, JobCompany: "Kite", JobCountry: "DE",
	Answers: map[string]json.RawMessage{
		"authorized_to_work": json.RawMessage(`true`), "expected_salary": json.RawMessage(`{"amount":75000,"currency":"EUR","period":"year"}`), "years_of_experience": json.RawMessage(`8`),
		"willing_to_travel": json.RawMessage(`true`), "travel_percent": json.RawMessage(`20`), "willing_to_commute": json.RawMessage(`true`), "worked_here_before": json.RawMessage(`false`),
		"privacy_consent": json.RawMessage(`true`), "future_contact_consent": json.RawMessage(`false`), "gender": json.RawMessage(`"prefer_not_to_say"`), "how_did_you_hear": json.RawMessage(`"LinkedIn"`),
	},
}

var yesNoOptions = []string{"Yes", "No"}

// The answer to a field, from what its user has said; "" is none, and the reason
// says why.
func TestResolve(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field  Field
		want   string
		reason string
	}{
		// By label, name and autocomplete.
		{Field{Label: "First name", Kind: Text}, "Ada", ""},
		{Field{Name: "first_name", Kind: Text}, "Ada", ""},
		{Field{Autocomplete: "family-name", Kind: Text}, "Byron", ""},
		{Field{Label: "Vollständiger Name", Kind: Text}, "Ada Byron", ""},
		{Field{Label: "Telefonnummer", Kind: Tel}, "+49 30 901820", ""},
		{Field{Label: "Straße und Hausnummer", Kind: Text}, "Unter den Linden 5", ""},
		{Field{Label: "Address", Kind: Text}, "Unter den Linden 5, 10117 Berlin", ""},
		{Field{Label: "Land", Kind: Select, Options: []string{"Österreich", "Deutschland"}}, "Deutschland", ""},
		{Field{Label: "Country", Kind: Select, Options: []string{"France", "Spain"}}, "", NoOptionFits},
		// About somebody or something else, whatever the name of the field.
		{Field{Name: "name", Autocomplete: "name", Label: "Emergency contact name", Kind: Text}, "", Unknown},
		{Field{Name: "phone", Label: "Emergency contact's phone", Kind: Tel}, "", Unknown},
		{Field{Name: "email", Label: "E-mail of your reference", Kind: Email}, "", Unknown},
		{Field{Label: "LinkedIn of your referrer", Kind: URL}, "", Unknown},
		{Field{Name: "name", Label: "What is the name of the project that you are most proud of?", Kind: Text}, "", Unknown},
		{Field{Name: "location", Label: "In which of our offices would you like to work?", Kind: Text}, "", Unknown},
		{Field{Label: "Reference code", Kind: Text}, "", Unknown},
		{Field{Label: "How did you hear about us?", Kind: Text}, "LinkedIn", ""},
		// The right to work: of the country that is named, and never turned around.
		{Field{Label: "Are you legally authorized to work in Germany?", Kind: Boolean, Options: yesNoOptions}, "Yes", ""},
		{Field{Label: "Are you NOT authorized to work in Germany?", Kind: Boolean, Options: yesNoOptions}, "", IsSensitive},
		{Field{Label: "Are you authorized to work in Germany without sponsorship?", Kind: Boolean, Options: yesNoOptions}, "", IsSensitive},
		{Field{Label: "Dürfen Sie in Deutschland arbeiten?", Kind: Boolean, Options: []string{"Ja", "Nein"}}, "Ja", ""},
		{Field{Label: "Do you have the right to work in the United Kingdom?", Kind: Boolean, Options: yesNoOptions}, "No", ""},
		{Field{Label: "Will you require visa sponsorship to work in the UK?", Kind: Boolean, Options: yesNoOptions}, "Yes", ""},
		{Field{Label: "Are you authorized to work in France?", Kind: Boolean, Options: yesNoOptions}, "", IsSensitive},
		{Field{Label: "Are you authorized to work in the US for any employer?", Kind: Boolean, Options: yesNoOptions}, "", IsSensitive},
		// Pay in the user's own currency and period, or not at all.
		{Field{Label: "Salary expectation (EUR per year)", Kind: Number}, "75000", ""},
		{Field{Label: "Gehaltsvorstellung", Kind: Text}, "75000 EUR per year", ""},
		{Field{Label: "Desired salary in USD", Kind: Text}, "", IsSensitive},
		{Field{Label: "Desired salary ($)", Kind: Number}, "", IsSensitive},
		{Field{Label: "Desired monthly salary", Kind: Number}, "", IsSensitive},
		// Years of what is asked, not of all.
		{Field{Label: "How many years of experience do you have with Go?", Kind: Number}, "6", ""},
		{Field{Label: "Wie viele Jahre Berufserfahrung haben Sie mit Go?", Kind: Number}, "6", ""},
		{Field{Label: "How many years of experience do you have with Rust?", Kind: Number}, "", Unknown},
		{Field{Label: "Years of sales experience", Kind: Number}, "", Unknown},
		{Field{Label: "How many years of relevant experience do you have?", Kind: Number}, "", Unknown},
		{Field{Label: "Years of professional experience", Kind: Number}, "8", ""},
		// Here, as far, as often.
		{Field{Label: "Have you ever worked for Kite?", Kind: Boolean, Options: yesNoOptions}, "Yes", ""},
		{Field{Label: "Have you ever worked for a bank?", Kind: Boolean, Options: yesNoOptions}, "", Unknown},
		{Field{Label: "Are you able to commute to our office in Berlin?", Kind: Boolean, Options: yesNoOptions}, "Yes", ""},
		{Field{Label: "Are you able to commute to our office in Hamburg?", Kind: Boolean, Options: yesNoOptions}, "", Unknown},
		{Field{Label: "Are you willing to travel up to 10% of the time?", Kind: Boolean, Options: yesNoOptions}, "Yes", ""},
		{Field{Label: "Are you willing to travel up to 50% of the time?", Kind: Boolean, Options: yesNoOptions}, "No", ""},
		{Field{Label: "What is your level of proficiency in English?", Kind: Select, Options: []string{"A1–A2", "B1–B2", "C1–C2"}}, "C1–C2", ""},
		// Demographic questions as the user answered them.
		{Field{Label: "Gender", Kind: Select, Options: []string{"Female", "Male", "Decline to self-identify"}}, "Decline to self-identify", ""},
		{Field{Label: "Race", Kind: Select, Options: []string{"Asian", "White"}}, "", IsSensitive},
		// Consents that were given, with nothing added; the truth is the user's to state.
		{Field{Label: "I have read the privacy policy", Kind: Checkbox, Required: true}, "true", ""},
		{Field{Label: "I have read the privacy policy and want your newsletter", Kind: Checkbox, Required: true}, "", IsSensitive},
		{Field{Label: "I do not agree to the privacy policy", Kind: Checkbox, Required: true}, "", IsSensitive},
		{Field{Label: "You may keep my data for other roles", Kind: Checkbox}, "", ""},
		{Field{Label: "I certify that everything stated is true", Kind: Checkbox, Required: true}, "", IsSensitive},
		{Field{Label: "Ich versichere, dass meine Angaben der Wahrheit entsprechen", Kind: Checkbox, Required: true}, "", IsSensitive},
		{Field{Name: "email", Label: "Leave this field blank", Kind: Email}, "", Unknown},
	} {
		a := Resolve(c.field, Understand(c.field), ada)
		got := ""
		if len(a.Values) > 0 {
			got = a.Values[0]
		}
		if got != c.want || a.Reason != c.reason {
			t.Errorf("%s %q: %q (%s), want %q (%s)", c.field.Name, c.field.Label, got, a.Reason, c.want, c.reason)
		}
	}
}

// Once confirmed, the truth is confirmed in other words too, but with nothing more.
func TestTruthIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	sure := ada
	sure.Answers = maps.Clone(ada.Answers)
	sure.Answers[TruthKey] = json.RawMessage(`true`)
	for label, want := range map[string]bool{
		"I certify that the information provided is true and complete.":                    true,
		"Ich versichere, dass meine Angaben der Wahrheit entsprechen":                      true,
		"I certify that my answers are true and authorize you to contact my employers":     false,
		"The information is true and I accept the privacy policy and the terms of service": false,
	} {
		f := Field{Label: label, Kind: Checkbox, Required: true}
		if got := slices.Equal(Resolve(f, Understand(f), sure).Values, []string{"true"}); got != want {
			t.Errorf("%q: ticked %v", label, got)
		}
	}
}

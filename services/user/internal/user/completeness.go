package user

import (
	"cmp"
	"slices"
)

// Completeness says how much of a profile is there.
type Completeness struct {
	Percent int32              `json:"percent"`
	Parts   []CompletenessPart `json:"parts"`
}

// CompletenessPart is a part of a profile.
type CompletenessPart struct {
	Key    string `json:"key"`
	Weight int32  `json:"weight"` // percent
	Done   bool   `json:"done"`
	Why    string `json:"why"`
}

// complete judges a profile. The weights follow what application forms ask for
// and what matching works with; they add up to 100.
func complete(f *Full) Completeness {
	p := f.Profile
	c := Completeness{Parts: []CompletenessPart{
		{"name", 10, p.GivenName != "" && p.FamilyName != "", "Every application form asks for your first and last name."},
		{"phone", 10, p.Phone != "", "Most application forms ask for a phone number."},
		{"place", 10, p.Place != nil && p.Place.CountryCode != "", "Employers ask where you live, and nearby jobs are found from there."},
		{"headline", 5, p.Headline != "", "It is what is read first."},
		{"summary", 5, p.Summary != "", "Letters and answers to open questions draw on it."},
		{"experiences", 20, len(f.Experiences) > 0, "Matching weighs what you have done more than anything else."},
		{"educations", 10, len(f.Educations) > 0, "Many forms ask for your highest degree."},
		{"skills", 10, len(f.Skills) >= 5, "Matching compares at least five skills with what a job asks for."},
		{"languages", 5, len(p.Languages) > 0, "Jobs that ask for languages are matched by it."},
		{"workAuthorizations", 5, len(p.WorkAuthorizations) > 0, "Forms ask whether you may work in the country; only you can say."},
		{"preferences", 5, len(f.Preferences.Wishes.Titles) > 0, "Recommendations begin with the titles that you look for."},
		{"answers", 5, len(f.Answers) > 0, "Questions that you have answered once do not stop an application again."},
	}}
	for _, part := range c.Parts {
		if part.Done {
			c.Percent += part.Weight
		}
	}
	slices.SortStableFunc(c.Parts, func(a, b CompletenessPart) int {
		switch {
		case a.Done == b.Done:
			return cmp.Compare(b.Weight, a.Weight)
		case a.Done:
			return 1
		}
		return -1
	})
	return c
}

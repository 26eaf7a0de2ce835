package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/services/ai/internal/document/doctest"
	"github.com/jobpilot/jobpilot/services/ai/internal/parser"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]parser.Location{
		"Bristol, United Kingdom":                       {City: "Bristol", CountryCode: "GB"},
		"10997 Berlin, Deutschland":                     {PostalCode: "10997", City: "Berlin", CountryCode: "DE"},
		"Schloßstraße 12, 70173 Stuttgart, Deutschland": {Address: "Schloßstraße 12", PostalCode: "70173", City: "Stuttgart", CountryCode: "DE"},
		"Dublin, Leinster, Ireland":                     {City: "Dublin", Region: "Leinster", CountryCode: "IE"},
		"Edinburgh, Scotland":                           {City: "Edinburgh", Region: "Scotland", CountryCode: "GB"},
		"Austin, TX":                                    {City: "Austin", Region: "TX"},
		"Atlanta, Georgia":                              {City: "Atlanta", Region: "Georgia"}, // the state or the country
		"Singapore, Singapore":                          {City: "Singapore", CountryCode: "SG"},
		"Unterdorf, Oberland, Austria":                  {City: "Unterdorf, Oberland", CountryCode: "AT"}, // which is the town nobody says
		"Leipzig":                                       {City: "Leipzig"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got := parse(t, []byte("Ada Example\nada@mail.example\n"+text+"\n")).Resume.Basics.Location
			if got == nil || *got != want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// jobs are the jobs of a text file with the section given.
func jobs(t *testing.T, section string) string {
	t.Helper()
	var out []string
	for _, w := range parse(t, []byte("Ada Example\nada@mail.example\n\nExperience\n\n"+section+"\n")).Resume.Work {
		out = append(out, fmt.Sprintf("%s @ %s in %s %s–%s", w.Position, w.Name, w.Location, w.StartDate, w.EndDate))
	}
	return strings.Join(out, "; ")
}

func TestPlacesOfWork(t *testing.T) {
	t.Parallel()
	for section, want := range map[string]string{
		"Clerk\nContoso, Hamburg\n2019 - 2021":                "Clerk @ Contoso in Hamburg 2019–2021",
		"Clerk\nContoso\nMünchen\n2019 - 2021":                "Clerk @ Contoso in München 2019–2021",
		"Clerk\t2019 - 2021\nContoso\tCork":                   "Clerk @ Contoso in Cork 2019–2021",
		"2019 - 2021\tClerk\nCork\tContoso":                   "Clerk @ Contoso in Cork 2019–2021",
		"Clerk\nContoso, Kleinhausen\n2019 - 2021":            "Clerk @ Contoso, Kleinhausen in  2019–2021", // a town or a part of the company
		"Working Student, Systems\nUniversity of Leeds\n2019": "Working Student, Systems @ University of Leeds in  2019–2019",
		"Picker\nContoso\nMadrid\nMay 2017 - Dec 2018\n\nClerk\nFabrikam, Oslo\n2015 - 2016\n\nDriver, Northwind Ltd\n2011 - 2014": "Picker @ Contoso in Madrid 2017-05–2018-12; Clerk @ Fabrikam in Oslo 2015–2016; Driver @ Northwind Ltd in  2011–2014",
		"Clerk\nContoso, Austin, TX\n2019 - 2021":                  "Clerk @ Contoso in Austin, TX 2019–2021",
		"Clerk\nContoso\n2012\n\nHead Clerk\nFabrikam\nMay 2013 –": "Clerk @ Contoso in  2012–2012; Head Clerk @ Fabrikam in  2013-05–",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if got := jobs(t, section); got != want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestNamesInOtherSpellings(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"Jürgen Großmann": "juergen.grossmann@mail.example", "Дарья Соколова": "darya@mail.example"} {
		got := parse(t, []byte(name+"\nData Scientist\n"+address+"\n")).Resume.Basics
		if got.Name != name || got.Label != "Data Scientist" {
			t.Errorf("got %q, %q", got.Name, got.Label)
		}
	}
}

// A name set large beside a side bar begins a part of its own.
func TestNameAfterSideBar(t *testing.T) {
	t.Parallel()
	got := parse(t, doctest.PDF(page(
		column(40, 60, 12, true, "Contact"), column(40, 80, 9, false, "mia.muster@mail.example"),
		column(40, 110, 12, true, "Interests"), column(40, 130, 9, false, "Rowing", "Chess"),
		column(240, 62, 24, true, "Mia Muster"), column(240, 86, 11, false, "Head of Welding"),
		column(240, 120, 12, true, "Experience"), column(240, 140, 10, true, "Welder"), column(460, 140, 10, false, "2012 - 2019"), column(240, 154, 10, false, "Stahlbau Nord GmbH"),
	))).Resume
	if got.Basics.Name != "Mia Muster" || got.Basics.Label != "Head of Welding" || len(got.Interests) != 2 {
		t.Errorf("got %+v, interests %v", got.Basics, got.Interests)
	}
}

func TestOtherSections(t *testing.T) {
	t.Parallel()
	got := parse(t, []byte(`Ada Example
ada@mail.example

PROJECTS

Tidecount
2020 - 2021
Counts events in a window.
Technologies: Go, Redis

Timetable Diff
2022
Shows what changed between two timetables.

CERTIFICATES

Forklift licence
AENOR
2018

Safety Manager Level 4	Oct 2019
Red Cross

SKILLS

Leadership (advanced): Hiring, Budgets

REFERENCES

Maeve Brennan
She is the reason we renewed.

Tom Keane
The best manager I have worked for.
`)).Resume
	for what, pair := range map[string][2]string{
		"projects":     {fmt.Sprint(got.Projects), "[{Tidecount Counts events in a window. [] [Go Redis] 2020 2021  [] } {Timetable Diff Shows what changed between two timetables. [] [] 2022 2022  [] }]"},
		"certificates": {fmt.Sprint(got.Certificates), "[{Forklift licence 2018 AENOR } {Safety Manager Level 4 2019-10 Red Cross }]"},
		"skills":       {fmt.Sprint(got.Skills), "[{Leadership advanced [Hiring Budgets]}]"},
		"references":   {fmt.Sprint(got.References), "[{Maeve Brennan She is the reason we renewed.} {Tom Keane The best manager I have worked for.}]"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s:\ngot  %s\nwant %s", what, pair[0], pair[1])
		}
	}
}

// An address that does not fit a narrow column goes on in its next line, hyphen
// and all.
func TestBrokenAddresses(t *testing.T) {
	t.Parallel()
	p := page(column(40, 60, 20, true, "Rosa Lind"), column(40, 90, 10, false, "rosa.lind@mail.exam", "ple", "linkedin.com/in/rosa-", "lind"))
	p.Links = []doctest.Link{
		{X0: 40, Y0: 80, X1: 200, Y1: 92, URL: "mailto:rosa.lind@mail.example"}, {X0: 40, Y0: 95, X1: 100, Y1: 106, URL: "mailto:rosa.lind@mail.example"},
		{X0: 40, Y0: 109, X1: 200, Y1: 120, URL: "https://www.linkedin.com/in/rosa-lind"}, {X0: 40, Y0: 123, X1: 100, Y1: 134, URL: "https://www.linkedin.com/in/rosa-lind"},
	}
	got := parse(t, doctest.PDF(p)).Resume.Basics
	if got.Email != "rosa.lind@mail.example" || len(got.Profiles) != 1 || got.Profiles[0] != (parser.Profile{Network: "LinkedIn", Username: "rosa-lind", URL: "https://www.linkedin.com/in/rosa-lind"}) {
		t.Errorf("got %+v", got)
	}
}

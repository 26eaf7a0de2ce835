package job

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  Senior \t Engineer\n":                       "Senior Engineer",
		"R&amp;amp;D Engineer &#x2013; Berlin":         "R&D Engineer – Berlin",
		"Evil\u202egnp.exe\u200b\u2066 title\ufeff":    "Evilgnp.exe title",
		"<b>Bold</b> <script>alert(1)</script>":        "Bold alert(1)",
		"FÃ¼r KÃ¶ln":                                   "Für Köln",
		"Z\u0300\u0301\u0302\u0303\u0304\u0305algo":    "Z\u0300\u0301\u0302algo",
		"می\u200cخواهم":                                "می\u200cخواهم",
		"a\u200cb \U000e0041\U000e0042":                "ab",
		"Support \u00e2\u0080\u0093 Z\u00c3\u00bcrich": "Support – Zürich",
		"C++ < 5 years":                                "C++ < 5 years",
		"\x00nul\x1b[31m":                              "nul [31m",
	} {
		if got := line(in, 200); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	if got := line(strings.Repeat("word ", 1_000_000), 50); len(got) > 60 {
		t.Error(len(got))
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		`<p onclick="x()">Hi <a href="javascript:alert(1)">there</a></p>`:                    {"<p>Hi there</p>", "Hi there"},
		`&lt;p&gt;Twice &amp;amp; again&lt;/p&gt;`:                                           {"<p>Twice &amp; again</p>", "Twice & again"},
		`&amp;lt;ul&amp;gt;&amp;lt;li&amp;gt;One&amp;lt;/li&amp;gt;&amp;lt;/ul&amp;gt;`:      {"<ul><li>One</li></ul>", "• One"},
		`<div><iframe src="http://x"></iframe><style>p{}</style><p>Text</p></div></div><ul>`: {"<div>    <p>Text</p></div><ul></ul>", "Text"},
		`Line one\u202e`: {"Line one\\u202e", "Line one\\u202e"},
	} {
		clean, plain := description(in)
		if plain != want[1] || strings.Join(strings.Fields(clean), "") != strings.Join(strings.Fields(want[0]), "") {
			t.Errorf("%s:\n%q\n%q", in, clean, plain)
		}
		if strings.Contains(clean, "javascript") || strings.Contains(clean, "onclick") {
			t.Errorf("%q is dangerous", clean)
		}
	}
	clean, plain := description(strings.Repeat("<div>", 100_000) + "deep")
	if len(clean) > maxHTML || len(plain) > maxText {
		t.Error(len(clean), len(plain))
	}
	if clean, _ := description(strings.Repeat("<p>huge text</p>", 1_000_000)); len(clean) > maxHTML {
		t.Error(len(clean))
	}
	if clean, _ := description(`<a href="https://example.com/x">x</a>`); !strings.Contains(clean, "nofollow") || !strings.Contains(clean, "noreferrer") {
		t.Error(clean)
	}
}

func TestTitles(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Senior Engineer (m/w/d)": "Senior Engineer", "Koch (m/f/x) - Berlin": "Koch - Berlin", "Developer [all genders]": "Developer",
		"Nurse (Req #12345)": "Nurse", "🔥🔥 Sales Hero!!! ": "Sales Hero", "(m/w/d)": "(m/w/d)", "C++ Developer (f/m/d), Remote": "C++ Developer, Remote", "Buyer – w/m/d": "Buyer",
	} {
		if got := cleanTitle(line(in, 200)); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string][2]string{ // seniority, type
		"Senior Go Engineer": {"senior", ""}, "Praktikum Marketing": {"intern", "internship"}, "Head of People": {"director", ""}, "Werkstudent IT": {"intern", "internship"},
		"Staff Software Engineer": {"principal", ""}, "Jr. Accountant (part-time)": {"junior", "part_time"}, "VP Sales": {"executive", ""}, "Electrician": {"", ""},
		"Engineering Manager": {"manager", ""}, "Ausbildung zum Koch": {"intern", "apprenticeship"}, "Team Lead Support": {"lead", ""},
	} {
		l := Normalize(source.Posting{ExternalID: "1", Title: in, URL: "https://x.example"}, "X", time.Now())
		if l.Seniority != want[0] || l.Employment != want[1] {
			t.Errorf("%q is %q, %q", in, l.Seniority, l.Employment)
		}
	}
	for in, want := range map[string]string{"FullTime": "full_time", "FULL_TIME": "full_time", "fulltime_permanent": "full_time", "part-time": "part_time", "Vollzeit": "full_time",
		"Contract": "contract", "CDD": "temporary", "Freelance": "contract", "permanent": "full_time", "Intern": "internship", "": "", "Other": ""} {
		if got := employmentType(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
	for in, want := range map[string]string{"Hybrid": "hybrid", "Fully Remote": "remote", "On-site": "onsite", "OnSite": "onsite", "remote": "remote", "Berlin": "", "Home Office": "remote"} {
		if got := remoteKind(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][3]string{ // city, region, country
		"London, UK": {"London", "", "GB"}, "Berlin, Germany": {"Berlin", "", "DE"}, "Chicago, IL": {"Chicago", "IL", "US"}, "New York, NY, United States": {"New York", "NY", "US"},
		"Remote - US": {"", "", "US"}, "Remote": {"", "", ""}, "Germany (Remote)": {"", "", "DE"}, "München": {"München", "", ""}, "Toronto, ON": {"Toronto", "ON", "CA"},
		"Berlin, Berlin, Germany": {"Berlin", "", "DE"}, "Deutschland": {"", "", "DE"}, "Hybrid": {"", "", ""}, "San Francisco Bay Area": {"San Francisco Bay", "", ""},
		"Paris; Lyon": {"Paris", "Lyon", ""}, "Anywhere": {"", "", ""}, "Europe": {"", "", ""}, "Wien, Österreich": {"Wien", "", "AT"}, "": {"", "", ""},
	} {
		p := parsePlace(source.Place{Text: in})
		if p.City != want[0] || p.Region != want[1] || p.Country != want[2] {
			t.Errorf("%q is %q, %q, %q", in, p.City, p.Region, p.Country)
		}
	}
	p := parsePlace(source.Place{City: "St. Louis", Region: "MO", Country: "us"})
	if p.City != "St. Louis" || p.Country != "US" || p.Text != "St. Louis, MO, United States" {
		t.Errorf("%+v", p)
	}
}

func TestPay(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Pay{
		"The salary is €70,000 – €90,000 per year.": {70000, 90000, "EUR", "year"},
		"Salary: $120k-$150k":                       {120000, 150000, "USD", "year"},
		"Gehalt: 70.000 bis 90.000 EUR brutto/Jahr": {70000, 90000, "EUR", "year"},
		"Pay: £45 per hour":                         {45, 45, "GBP", "hour"},
		"compensation range of $120–150k annually":  {120000, 150000, "USD", "year"},
		"Hourly pay of $18.50 - $22.75":             {18.5, 22.75, "USD", "hour"},
		"Salaire : 40 000 € à 45 000 € par an":      {40000, 45000, "EUR", "year"},
		"base salary CHF 95'000 - 110'000 p.a.":     {95000, 110000, "CHF", "year"},
		"Monatsgehalt 3.200 € brutto":               {3200, 3200, "EUR", "month"},
	} {
		p := payInText("About us. "+in+" More text.", "")
		if p == nil || *p != want {
			t.Errorf("%q is %+v", in, p)
		}
	}
	for _, in := range []string{
		"We raised $5M in funding.", "We pay attention to 20 customers.", "Revenue of $100,000,000 a year", "$500 sign-on bonus", "Salary 42", "pay $1 per year", "€99,999,999,999 salary per hour",
		"a budget of €80.000 per year", "competitive salary",
	} {
		if p := payInText(in, ""); p != nil {
			t.Errorf("%q is %+v", in, p)
		}
	}
	if p := payOf(90000, 70000, "eur", "YEAR", ""); p == nil || p.Min != 70000 || p.Max != 90000 || p.Period != "year" {
		t.Errorf("%+v", p)
	}
	if p := payOf(1, 99999999, "USD", "hour", ""); p != nil {
		t.Errorf("absurd pay: %+v", p)
	}
	if p := payOf(60, 70, "USD", "1 HOUR", ""); p == nil || p.YearMax() != 70*2080 {
		t.Errorf("%+v", p)
	}
}

// nextMoney says what this expression does.
func TestNextMoney(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(`[$€£₹¥]|\b(?:USD|EUR|GBP|CHF|CAD|AUD|NZD|SGD|SEK|NOK|DKK|PLN|INR|BRL|MXN|JPY|CZK|HUF|RON|ZAR|[Ee]uro)\b|zł`)
	pieces := []string{"USD", "EUR", "EURO", "euro", "Euro", "Europe", "neuro", "eur", "CADS", "xCAD", "zł", "zl", "z", "€", "£", "₹", "¥", "Â", "\xc2", "$", "1", "_", " ", ".", "ß", "PLN", "ZAR", "e", "E"}
	r := testkit.Rand(t)
	for range 20_000 {
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		s := b.String()
		var got [][]int
		for begin, end := nextMoney(s, 0); end > 0; begin, end = nextMoney(s, end) {
			got = append(got, []int{begin, end})
		}
		if want := pattern.FindAllStringIndex(s, -1); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for in, want := range map[time.Time]time.Time{
		now.AddDate(0, 0, -5): now.AddDate(0, 0, -5), now.AddDate(50, 0, 0): now, now.AddDate(-100, 0, 0): now, {}: now,
	} {
		if got := Normalize(source.Posting{Posted: in}, "", now).Posted; !got.Equal(want) {
			t.Errorf("%s is %s", in, got)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("Senior Engineer (m/w/d)", "<p>Pay: €70,000</p>", "Berlin, Germany", "Full-time")
	f.Add("&amp;lt;b", "<ul><li>\u202e", "Remote - US; Paris", "1099")
	f.Fuzz(func(t *testing.T, title, html, place, kind string) {
		p := prepare(Normalize(source.Posting{ExternalID: "1", Title: title, HTML: html, Places: []source.Place{{Text: place}}, Employment: kind, PayText: html}, "X", time.Now()))
		for _, s := range []string{p.Title, p.Text, p.HTML, p.Place.Text} {
			if strings.ContainsAny(s, "\x00\u202e\u200b\u2066") {
				t.Fatalf("%q", s)
			}
		}
		if strings.Contains(strings.ToLower(p.HTML), "<script") || len(p.HTML) > maxHTML || len(p.Text) > maxText+1000 {
			t.Fatalf("%q", p.HTML)
		}
		if p.Pay != nil && (p.Pay.YearMax() <= 0 || perYear[p.Pay.Period] == 0) {
			t.Fatalf("%+v", p.Pay)
		}
	})
}

package salary_test

import (
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/services/ai/internal/salary"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

func estimate(t *testing.T, q salary.Question) salary.Estimate {
	t.Helper()
	e, err := salary.Load().Estimate(q, nil)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return e
}

// The numbers that the model has to hold were measured when it was trained, on
// rows it had not seen.
func TestMeasuredNumbersHold(t *testing.T) {
	t.Parallel()
	all, abroad := salary.Load().Measured.All, salary.Load().Measured.Abroad
	if all.Rows < 5000 || abroad.Rows < 500 {
		t.Errorf("measured on %d rows, %d abroad", all.Rows, abroad.Rows)
	}
	if all.Error > .97*all.Baseline {
		t.Errorf("error %.0f against %.0f is not 3 %% lower", all.Error, all.Baseline)
	}
	if abroad.Error > .65*abroad.Baseline {
		t.Errorf("outside the United States, error %.0f against %.0f is not 35 %% lower", abroad.Error, abroad.Baseline)
	}
	if all.Covered < .78 || all.Covered > .84 {
		t.Errorf("the interval held %.3f of the rows", all.Covered)
	}
}

func TestEstimatesAreInOrder(t *testing.T) {
	t.Parallel()
	ask := func(title, country string, s taxonomy.Seniority) float64 {
		e := estimate(t, salary.Question{Title: title, Company: country, Seniority: s})
		if !(e.USD.Low < e.USD.Median && e.USD.Median < e.USD.High) || e.USD.Currency != "USD" || e.Interval != .8 || e.Local != nil {
			t.Errorf("%s in %s: %+v", title, country, e)
		}
		return e.USD.Median
	}
	rising := [][2]float64{
		{ask("Data Engineer", "US", taxonomy.Junior), ask("Data Engineer", "US", taxonomy.Senior)},
		{ask("Data Engineer", "DE", taxonomy.Junior), ask("Data Engineer", "DE", taxonomy.Senior)},
		{ask("Data Scientist", "DE", taxonomy.Senior), ask("Data Scientist", "US", taxonomy.Senior)},
		{ask("Data Scientist", "IN", taxonomy.Senior), ask("Data Scientist", "GB", taxonomy.Senior)},
		{ask("Data Analyst", "US", taxonomy.Middle), ask("Machine Learning Engineer", "US", taxonomy.Middle)},
	}
	for i, pair := range rising {
		if pair[0] >= pair[1] {
			t.Errorf("pair %d: %v is not below %v", i, pair[0], pair[1])
		}
	}
}

func TestTitles(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]struct{ title, level string }{
		"Data Scientist":                       {"Data Scientist", "middle"},
		"  senior DATA   scientist (m/f/d) ":   {"Data Scientist", "senior"},
		"Softwareentwickler":                   {"Software Engineer", "middle"},
		"Junior Software Developer":            {"Software Developer", "entry"},
		"Big Data Engineer, Payments":          {"", "middle"},
		"Director of Data Science":             {"", "executive"},
		"Senior Machine Learning Engineer (x)": {"Machine Learning Engineer", "senior"},
	} {
		e := estimate(t, salary.Question{Title: asked, Company: "us "})
		if want.title != "" && e.Title != want.title || e.Level != want.level || e.Support.Title == 0 || e.Support.Country < 20_000 {
			t.Errorf("%q: %q at %q, %+v", asked, e.Title, e.Level, e.Support)
		}
	}
	if e := estimate(t, salary.Question{Title: "Junior Data Scientist", Company: "US", Seniority: taxonomy.Lead}); e.Level != "senior" {
		t.Errorf("the seniority asked for is not taken: %q", e.Level)
	}
	for _, asked := range []string{"", "Registered Nurse", "Truck Driver", "Head Chef", "(m/f/d)", "\xff\xfe", "東京"} {
		if e, err := salary.Load().Estimate(salary.Question{Title: asked, Company: "US"}, nil); !errors.Is(err, salary.ErrTitle) {
			t.Errorf("%q: %q, %v", asked, e.Title, err)
		}
	}
}

func TestSupportTellsWhatIsKnown(t *testing.T) {
	t.Parallel()
	q := salary.Question{Title: "Data Scientist", Company: "US"}
	us := estimate(t, q)
	q.Company = "ZZ"
	nowhere := estimate(t, q)
	if us.Support.Exact < 100 || nowhere.Support.Exact != 0 || nowhere.Support.Country != 0 || nowhere.Support.Title < us.Support.Exact {
		t.Errorf("support %+v and %+v", us.Support, nowhere.Support)
	}
	if us.Measured.Rows < 5000 || nowhere.Measured.Rows > 1000 || nowhere.USD.Median >= us.USD.Median {
		t.Errorf("a country without data: %+v", nowhere)
	}
}

func TestLocalCurrencyOnlyAtAGivenRate(t *testing.T) {
	t.Parallel()
	q := salary.Question{Title: "Data Engineer", Company: "DE"}
	e, err := salary.Load().Estimate(q, &salary.Rate{Currency: "eur", PerUSD: .5})
	if err != nil || e.Local == nil || e.Local.Currency != "EUR" || math.Abs(e.Local.Median/e.USD.Median-.5) > .01 {
		t.Errorf("%+v, %v", e.Local, err)
	}
	for _, rate := range []salary.Rate{{}, {Currency: "EUR"}, {Currency: "EUR", PerUSD: -1}, {Currency: "EUR", PerUSD: math.NaN()},
		{Currency: "EUR", PerUSD: math.Inf(1)}, {Currency: "EURO", PerUSD: 1}} {
		if _, err := salary.Load().Estimate(q, &rate); !errors.Is(err, salary.ErrRate) {
			t.Errorf("%+v: %v", rate, err)
		}
	}
	if _, err := salary.Load().Estimate(salary.Question{Title: "Data Engineer"}, nil); !errors.Is(err, salary.ErrCountry) {
		t.Errorf("no country: %v", err)
	}
}

func TestOddQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, q := range []salary.Question{
		{Year: 1990}, {Year: 3000}, {Remote: -5}, {Remote: 50}, {Remote: 1000}, {Employment: salary.Freelance}, {Employment: 200},
		{Size: salary.Small}, {Size: 99}, {Residence: "?"}, {Seniority: taxonomy.Executive},
	} {
		all.Go(func() {
			q.Title, q.Company = "Data Analyst", "FR"
			if e, err := salary.Load().Estimate(q, nil); err != nil || e.USD.Low < 1000 || e.USD.High > 2e6 {
				t.Errorf("%+v: %+v, %v", q, e.USD, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkEstimate(b *testing.B) {
	m := salary.Load()
	for b.Loop() {
		if _, err := m.Estimate(salary.Question{Title: "Senior Data Engineer", Company: "DE"}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

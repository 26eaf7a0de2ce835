package main

import (
	"math"
	"reflect"
	"testing"
)

// survey makes answers whose pay is known: a title and a country each have their
// factor, with a little noise that depends on the row.
func survey(n int) []row {
	titles := map[string]float64{"Data Analyst": 1, "Data Scientist": 1.5, "Head of Data": 2.5}
	countries := map[string]float64{"US": 1, "DE": .6, "IN": .2}
	var rows []row
	for i := range n {
		h := mix(uint64(i) + 1)
		r := row{kind: "FT", size: "M", year: 2024, level: levels[h%4], hash: h}
		r.title = []string{"Data Analyst", "Data Scientist", "Head of Data"}[h>>8%3]
		r.company = []string{"US", "DE", "IN"}[h>>16%3]
		r.residence = r.company
		noise := float64(h>>24%1000)/1000 - .5
		r.usd = 80_000 * titles[r.title] * countries[r.company] * (1 + .2*float64(h%4)) * math.Exp(.4*noise)
		rows = append(rows, r)
	}
	return rows
}

func TestForestLearnsQuantiles(t *testing.T) {
	t.Parallel()
	fit, unseen := byHash(survey(4000), 1, 0, 4)
	m := learn(fit, false)
	base := baseline(fit)
	model, plain, held := 0., 0., 0.
	for i := range unseen {
		r := &unseen[i]
		from, mid, to := m.interval(r)
		model += math.Abs(mid - r.usd)
		plain += math.Abs(base(r) - r.usd)
		if from <= r.usd && r.usd <= to {
			held++
		}
	}
	if model > .3*plain {
		t.Errorf("off by %.0f, the median by title and level by %.0f", model, plain)
	}
	if share := held / float64(len(unseen)); share < .7 || share > .9 {
		t.Errorf("the interval holds %.3f", share)
	}
	if again := learn(fit, false); !reflect.DeepEqual(m, again) {
		t.Error("the same rows give another model")
	}
}

func TestByHashKeepsDuplicatesTogether(t *testing.T) {
	t.Parallel()
	rows := survey(200)
	rows = append(rows, rows...)
	rest, taken := byHash(rows, 3, 0, 5)
	in := map[uint64]bool{}
	for _, r := range taken {
		in[r.hash] = true
	}
	for _, r := range rest {
		if in[r.hash] {
			t.Fatal("a row is on both sides")
		}
	}
	if n := len(taken); len(rest)+n != 400 || n%2 != 0 || n < 40 || n > 130 {
		t.Errorf("%d of 400 taken", n)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values  []float64
		q, want float64
	}{{nil, .5, 0}, {[]float64{7}, .9, 7}, {[]float64{3, 1, 2}, .5, 2}, {[]float64{1, 2}, .5, 1.5}, {[]float64{0, 10}, .1, 1}, {[]float64{4, 9}, 1, 9}} {
		if got := quantile(c.values, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.values, got, c.want)
		}
	}
}

func TestUnknownTitlesAndCountries(t *testing.T) {
	t.Parallel()
	e := encode(survey(1000))
	if v := e.title("Head of Something"); v != e.byWords("head of") {
		t.Errorf("a title by its words: %v", v)
	}
	if e.title("Nothing Known") != 0 || of(e.Country, "FR") != elsewhere || of(e.Country, "IN") >= of(e.Country, "US") {
		t.Error("unknown titles add nothing, unknown countries what most do")
	}
}

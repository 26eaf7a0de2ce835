// Command salary trains the salary model that the ai service embeds:
//
//	go run ./tools/data/salary -data train.csv.gz
//	go run ./tools/data/salary -measure -data train.csv.gz    # writes nothing
//
// The file has the columns work_year, experience_level, employment_type,
// job_title, salary, salary_currency, salary_in_usd, employee_residence,
// remote_ratio, company_location and company_size, as ai-jobs.net publishes its
// survey (CC0). It prints how far the model is off on rows it has not seen,
// against the median by title and level, and writes the model. The same file
// gives the same model to the byte.
//
// A fifth of the rows, by their hash so that equal rows stay together, is kept
// for that measurement. Of the rest, five models each leave out a fifth, and what
// they are off by there widens or narrows the interval until it holds 80 % of
// them (conformalised quantile regression: Romano, Patterson & Candès, NeurIPS
// 2019, https://arxiv.org/abs/1905.03222), apart for the United States.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// output is where the model goes, relative to the root of the checkout.
const output = "services/ai/internal/salary/data/model.json.gz"

// The interval, and the share of rows it is to hold.
const low, high, cover = .1, .9, .8

// model is the file. The ai service reads it.
type model struct {
	Encoding         encoding
	Low, Mid, High   forest
	Widen            [2]float64     // outside and inside the United States, in logarithm
	Support          map[string]int // rows by "title|level|country"
	FirstYear, Years int
	Measured         measured
}

// measured is what the model was found to be off by on rows it has not seen.
type measured struct{ All, Home, Abroad group } // Home is the United States

// group is a part of those rows; Error and Baseline are mean absolute errors in
// USD, of the model and of the median by title and level.
type group struct {
	Rows                     int
	Error, Baseline, Covered float64
}

func main() {
	data := flag.String("data", "", "train.csv.gz")
	split := flag.Uint64("split", 0, "another choice of the rows to measure on; then no model is written")
	only := flag.Bool("measure", false, "write no model")
	flag.Parse()
	if err := run(*data, *split, *only || *split != 0); err != nil {
		fmt.Fprintln(os.Stderr, "salary:", err)
		os.Exit(1)
	}
}

func run(path string, split uint64, only bool) error {
	if path == "" {
		return fmt.Errorf("usage: go run ./tools/data/salary -data train.csv.gz")
	}
	rows, err := read(path)
	if err != nil {
		return err
	}
	const test, folds = 0x7465, 0x666f
	fit, unseen := byHash(rows, test+split, 0, 5)
	m := model{Support: map[string]int{}}
	m.FirstYear = slices.MinFunc(rows, func(a, b row) int { return a.year - b.year }).year
	m.Years = slices.MaxFunc(rows, func(a, b row) int { return a.year - b.year }).year - m.FirstYear + 1
	for _, r := range fit {
		m.Support[r.title+"|"+r.level+"|"+r.company]++
	}
	var off [2][]float64
	for fold := range uint64(5) {
		some, left := byHash(fit, folds, fold, 5)
		part := learn(some, true)
		for i := range left {
			x := part.Encoding.vector(&left[i])
			y := math.Log(left[i].usd)
			off[inUS(&left[i])] = append(off[inUS(&left[i])], max(part.Low.predict(x)-y, y-part.High.predict(x)))
		}
	}
	whole := learn(fit, false)
	m.Encoding, m.Low, m.Mid, m.High = whole.Encoding, whole.Low, whole.Mid, whole.High
	for i := range off {
		n := float64(len(off[i]))
		m.Widen[i] = quantile(off[i], min(1, cover*(n+1)/n))
	}
	m.measure(fit, unseen)
	if only {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	return m.write()
}

// learn trains the three forests, or without the middle one.
func learn(rows []row, edges bool) model {
	m := model{Encoding: encode(rows)}
	x, y := make([][]float32, len(rows)), make([]float64, len(rows))
	for i := range rows {
		x[i], y[i] = m.Encoding.vector(&rows[i]), math.Log(rows[i].usd)
	}
	var all sync.WaitGroup
	for _, part := range []struct {
		into *forest
		q    float64
	}{{&m.Low, low}, {&m.Mid, .5}, {&m.High, high}} {
		if edges && part.q == .5 {
			continue
		}
		// Small trees: with 24 leaves the error in the United States was 1 % higher.
		s := settings{quantile: part.q, trees: 150, leaves: 6, least: 20, rate: .1, share: .7}
		if part.q == .5 {
			s.trees = 300
		}
		all.Go(func() { *part.into = train(x, y, s) })
	}
	all.Wait()
	return m
}

func inUS(r *row) int {
	if r.company == "US" {
		return 1
	}
	return 0
}

// interval is what the model says of a row, in USD.
func (m *model) interval(r *row) (from, mid, to float64) {
	x := m.Encoding.vector(r)
	middle, widen := m.Mid.predict(x), m.Widen[inUS(r)]
	return math.Exp(min(middle, m.Low.predict(x)-widen)), math.Exp(middle), math.Exp(max(middle, m.High.predict(x)+widen))
}

// measure fills in Measured and prints it.
func (m *model) measure(fit, unseen []row) {
	base := baseline(fit)
	type sums struct{ rows, model, base, held float64 }
	groups := map[string]*sums{}
	for i := range unseen {
		r := &unseen[i]
		from, mid, to := m.interval(r)
		where := "outside the United States"
		if inUS(r) == 1 {
			where = "in the United States"
		}
		for _, g := range []string{"all", where, "level " + r.level} {
			s := groups[g]
			if s == nil {
				s = new(sums)
				groups[g] = s
			}
			s.rows++
			s.model += math.Abs(mid - r.usd)
			s.base += math.Abs(base(r) - r.usd)
			if from <= r.usd && r.usd <= to {
				s.held++
			}
		}
	}
	fmt.Printf("%-28s %6s %12s %12s %8s %8s\n", "rows not seen", "rows", "model USD", "median USD", "lower", "covered")
	for _, g := range []string{"all", "in the United States", "outside the United States", "level EN", "level MI", "level SE", "level EX"} {
		if s := groups[g]; s != nil {
			fmt.Printf("%-28s %6.0f %12.0f %12.0f %7.1f%% %7.1f%%\n", g, s.rows, s.model/s.rows, s.base/s.rows,
				100*(1-s.model/s.base), 100*s.held/s.rows)
		}
	}
	take := func(g string) group {
		s := groups[g]
		return group{int(s.rows), math.Round(s.model / s.rows), math.Round(s.base / s.rows), round(s.held / s.rows)}
	}
	m.Measured = measured{take("all"), take("in the United States"), take("outside the United States")}
	all, abroad := groups["all"], groups["outside the United States"]
	fmt.Printf("BenchmarkSalary %.0f %.2f %%lower %.0f median-USD %.2f %%held %.2f %%lower-abroad %.0f median-USD-abroad\n", all.rows,
		100*(1-all.model/all.base), all.base/all.rows, 100*all.held/all.rows, 100*(1-abroad.model/abroad.base), abroad.base/abroad.rows)
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }

func (m *model) write() error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	z, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", output, file.Len())
	return os.WriteFile(output, file.Bytes(), 0o644)
}

func read(path string) ([]row, error) {
	packed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in := csv.NewReader(z)
	in.FieldsPerRecord = 11
	lines, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(lines) < 100 || strings.Join(lines[0], ",") != "work_year,experience_level,employment_type,job_title,salary,salary_currency,"+
		"salary_in_usd,employee_residence,remote_ratio,company_location,company_size" {
		return nil, fmt.Errorf("%s: not the columns of the survey", path)
	}
	var rows []row
	for n, l := range lines[1:] {
		r := row{title: l[3], level: l[1], kind: l[2], residence: l[7], company: l[9], size: l[10]}
		var errs [3]error
		r.year, errs[0] = strconv.Atoi(l[0])
		r.usd, errs[1] = strconv.ParseFloat(l[6], 64)
		r.remote, errs[2] = strconv.Atoi(l[8])
		if errs != [3]error{} || !slices.Contains(levels, r.level) || !slices.Contains(kinds, r.kind) || !slices.Contains(sizes, r.size) || r.usd <= 0 {
			return nil, fmt.Errorf("%s: line %d is not understood", path, n+2)
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(strings.Join(l, "\x00")))
		r.hash = h.Sum64()
		rows = append(rows, r)
	}
	return rows, nil
}

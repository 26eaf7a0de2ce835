package document

import (
	"strings"
	"testing"
)

// set is words of one size with their left edges and baselines, 5 points a letter.
func set(size float64, at ...any) []word {
	var words []word
	for i := 0; i < len(at); i += 3 {
		text, x, base := at[i].(string), at[i+1].(float64), at[i+2].(float64)
		words = append(words, word{text: text, size: size, base: base, grounded: !strings.ContainsAny(text, bullets),
			box: Box{X0: x, Y0: base - .7*size, X1: x + 5*float64(len(text)), Y1: base}})
	}
	return words
}

// Two columns have baselines of their own. That of the side bar may stand just so
// high that a row which begins with it would end within the line beside it.
func TestRowsKeepLinesWhole(t *testing.T) {
	t.Parallel()
	rows := rowsOf(set(9, "CNCF", 26.0, 414.91, "Replaced", 230.0, 417.82, "batches", 273.0, 417.91, "with", 311.0, 417.82, "events", 334.0, 417.91))
	var got []string
	for _, r := range rows {
		for _, f := range r {
			got = append(got, f.text)
		}
	}
	if strings.Join(got, "|") != "CNCF|Replaced batches with events" {
		t.Errorf("got %q", got)
	}
}

// List marks may be drawn after everything else.
func TestSignsStandOnTheirLine(t *testing.T) {
	t.Parallel()
	words := set(10, "Opened", 60.0, 100.0, "doors", 95.0, 100.0, "Closed", 60.0, 114.0, "them", 95.0, 114.0, "-", 50.0, 0.0, "-", 50.0, 0.0)
	for i, base := range []float64{100, 114} {
		words[4+i].box.Y0, words[4+i].box.Y1 = base-4, base-2
		words[4+i].base = base - 2
	}
	ground(words)
	if a, b := words[4].base, words[5].base; a != 100 || b != 114 {
		t.Errorf("baselines %v and %v", a, b)
	}
}

func TestFilledColumns(t *testing.T) {
	t.Parallel()
	column := func(pitch float64, lines ...string) []row {
		var rows []row
		for i, l := range lines {
			var at []any
			x := 20.0
			for w := range strings.FieldsSeq(l) {
				at = append(at, w, x, 100+pitch*float64(i))
				x += 5*float64(len(w)) + 2
			}
			rows = append(rows, rowsOf(set(9, at...))...)
		}
		return rows
	}
	paragraph := column(12, "Platforms: Kubernetes and", "Terraform with PostgreSQL", "and RabbitMQ for messages", "of all teams")
	if got := filled(paragraph, 400); got > 150 {
		t.Errorf("a paragraph is written as far as %v", got)
	}
	list := column(12, "Technical drawing of parts", "Milling", "Turning on a lathe", "Welding", "First aid")
	if got := filled(list, 400); got != 400 {
		t.Errorf("a list is written as far as %v", got)
	}
}

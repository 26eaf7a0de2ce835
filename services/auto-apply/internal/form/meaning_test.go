package form

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// leastMapped is the share of questions with a meaning that must be understood.
const leastMapped = 0.95

// Questions as employers word them, labelled by hand apart from the rules and from
// the job board's forms: most are understood, and none is misunderstood.
func TestQuestionsOfEmployers(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/questions.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	asked, mapped, none, wrong := 0, 0, 0, 0
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		column := strings.Split(lines.Text(), "\t")
		if len(column) != 3 {
			t.Fatalf("not three columns: %q", lines.Text())
		}
		kind, want, label := Kind(column[0]), strings.TrimPrefix(column[1], "-"), column[2]
		m := Understand(Field{Label: label, Kind: kind})
		got := m.Key
		if m.Confidence < Sure {
			got = ""
		}
		if want == "" {
			none++
		} else {
			asked++
		}
		switch {
		case got == want && want != "":
			mapped++
		case got == want:
		case got != "":
			wrong++
			t.Errorf("misunderstood: %q is %q, not %q", label, got, want)
		default:
			t.Logf("not understood: %q (%s)", label, want)
		}
	}
	share := float64(mapped) / float64(asked)
	t.Logf("understood %d of %d (%.1f %%), misunderstood %d of %d", mapped, asked, 100*share, wrong, asked+none)
	if share < leastMapped {
		t.Errorf("understood %.1f %%, want %.0f %%", 100*share, 100*leastMapped)
	}
}

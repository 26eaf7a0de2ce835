package posting

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)

func generate(t *testing.T, seed uint64, n int) *Board {
	t.Helper()
	b, err := Generate(seed, n, day)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGenerateIsDeterministic(t *testing.T) {
	a, b := generate(t, 1, MinJobs), generate(t, 1, MinJobs)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed and day made two different boards")
	}
	if c := generate(t, 2, MinJobs); c.Jobs[0].Key == a.Jobs[0].Key {
		t.Error("another seed made the same first posting")
	}
}

func TestMorePostingsKeepTheFirst(t *testing.T) {
	few, many := generate(t, 1, MinJobs), generate(t, 1, 3*MinJobs)
	for i, c := range few.Companies {
		for n := range MinJobs {
			if c.Jobs[n].Key != many.Companies[i].Jobs[n].Key {
				t.Fatalf("%s: posting %d changed its key with the number of postings", c.Token, n)
			}
		}
	}
	generate(t, 1, 50*MinJobs) // ids do not run out
	if _, err := Generate(1, MinJobs-1, day); err == nil {
		t.Error("fewer postings than modes were accepted")
	}
}

// TestVariety holds the board to what the README promises of it, whatever the seed.
func TestVariety(t *testing.T) {
	for seed := range uint64(5) {
		testVariety(t, generate(t, seed, MinJobs))
	}
}

func testVariety(t *testing.T, b *Board) {
	t.Helper()
	if len(b.Companies) != 30 {
		t.Errorf("%d companies, want 30", len(b.Companies))
	}
	seen := map[string]map[string]int{}
	count := func(what, value string) {
		if seen[what] == nil {
			seen[what] = map[string]int{}
		}
		seen[what][value]++
	}
	for _, j := range b.Jobs {
		count("platform", j.Platform)
		count("workplace", j.Workplace)
		count("employment", j.Employment)
		count("level", j.Level)
		count("lang", j.Lang)
		count("profession", j.Profession)
		if j.Pay != nil {
			count("currency", j.Pay.Currency)
			count("period", j.Pay.Period)
		} else {
			count("pay", "none")
		}
		for _, trap := range j.Traps {
			count("trap", trap)
		}
		for _, mode := range j.Modes {
			count("mode of "+j.Platform, mode)
		}
		if words := len(strings.Fields(j.Plain())); words < 110 || words > 420 {
			t.Errorf("%s: %d words", j.Key, words)
		}
		if strings.Contains(j.Plain(), "{") {
			t.Errorf("%s: a gap in the text was not filled: %s", j.Key, j.Plain())
		}
		if j.DuplicateOf != "" && b.Job(j.DuplicateOf) == nil {
			t.Errorf("%s repeats %s, which is not there", j.Key, j.DuplicateOf)
		}
	}
	for what, atLeast := range map[string]int{"platform": 11, "workplace": 3, "employment": 4, "level": 5, "lang": 4,
		"profession": 30, "currency": 10, "period": 3, "trap": len(traps), "mode of greenhouse": len(Modes),
		"mode of lever": len(Modes) - 1, "mode of ashby": len(Modes) - 1, "mode of workable": len(Modes) - 1,
		"mode of careers": len(Modes) - 1, "pay": 1} {
		if len(seen[what]) < atLeast {
			t.Errorf("%s: %d kinds, want at least %d: %v", what, len(seen[what]), atLeast, seen[what])
		}
	}
	for _, platform := range []string{RemoteOK, Remotive, Arbeitnow} {
		if n := len(b.Of(platform)); n < 8 {
			t.Errorf("%s repeats only %d postings", platform, n)
		}
	}
}

func TestTraps(t *testing.T) {
	b := generate(t, 1, MinJobs)
	for _, j := range b.Jobs {
		for _, trap := range j.Traps {
			var ok bool
			switch trap {
			case TrapDoubleEscaped:
				ok = strings.Contains(j.Description(), "&amp;amp;")
			case TrapBidi:
				ok = strings.Contains(j.Plain(), "\u202e")
			case TrapZeroWidth:
				ok = strings.Contains(j.Title, "\u200b")
			case TrapPromptInjection:
				ok = strings.Contains(j.Plain(), "ignore all previous instructions")
			case TrapHybridOnly:
				ok = j.Location == "Hybrid"
			case TrapPayInText:
				ok = j.Pay.Hidden && strings.Contains(j.Plain(), j.Pay.Currency)
			case TrapAbsurdPay:
				ok = j.Pay.Min < 2 || j.Pay.Min > j.Pay.Max || j.Pay.Period == "hour"
			case TrapAbsurdDates:
				ok = j.Published.Year() < 1980 || j.Published.Year() > 2050
			case TrapStale:
				ok = day.Sub(j.Published) > 400*24*time.Hour
			case TrapMojibake:
				ok = strings.Contains(j.Title, "ZÃ¼rich")
			case TrapHTMLInTitle:
				ok = strings.Contains(j.Title, "<script>")
			}
			if !ok {
				t.Errorf("%s does not have the trap %s: %q", j.Key, trap, j.Title)
			}
		}
	}
}

func TestPaths(t *testing.T) {
	b := generate(t, 1, MinJobs)
	seen := map[string]string{}
	for _, j := range b.Jobs {
		path := j.PagePath()
		if other := seen[path]; other != "" {
			t.Errorf("%s and %s share the page %s", j.Key, other, path)
		}
		seen[path] = j.Key
		if j.ApplyPath() == "" {
			t.Errorf("%s cannot be applied to", j.Key)
		}
	}
	if !slices.ContainsFunc(b.Jobs, func(j *Job) bool { return strings.HasPrefix(j.PagePath(), "/lever-eu/") }) {
		t.Error("no posting lives in Lever's EU region")
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"Senior Go Developer, Köln": "senior-go-developer-koln", " --A  b-- ": "a-b", "Où, forêt (H/F)": "ou-foret-h-f",
	} {
		if got := Slug(in); got != want {
			t.Errorf("Slug(%q) = %q, want %q", in, got, want)
		}
	}
}

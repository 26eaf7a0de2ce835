package job

import (
	"embed"
	"encoding/json"
	"testing"
)

//go:embed testdata/pairs.json
var pairsFile embed.FS

// TestNearDuplicates measures the rule on labelled pairs. Merging what is not one
// job hides a job from people, so precision must be full; a pair that is missed
// only shows a job twice.
func TestNearDuplicates(t *testing.T) {
	t.Parallel()
	raw, err := pairsFile.ReadFile("testdata/pairs.json")
	must(t, err)
	var pairs []struct {
		Name string
		Same bool
		A, B struct{ Company, Title, City, Country, Text string }
	}
	must(t, json.Unmarshal(raw, &pairs))
	var hit, miss, wrong, right int
	for _, p := range pairs {
		a := candidateOf(&Listing{Company: p.A.Company, Title: cleanTitle(p.A.Title), Text: p.A.Text, Place: Place{Text: p.A.City, City: p.A.City, Country: p.A.Country}})
		b := candidateOf(&Listing{Company: p.B.Company, Title: cleanTitle(p.B.Title), Text: p.B.Text, Place: Place{Text: p.B.City, City: p.B.City, Country: p.B.Country}})
		got := a.same(&b)
		switch {
		case got && p.Same:
			hit++
		case got:
			wrong++
			t.Errorf("merged: %s", p.Name)
		case p.Same:
			miss++
			t.Logf("missed: %s", p.Name)
		default:
			right++
		}
		if got != b.same(&a) {
			t.Errorf("%s: differs when turned", p.Name)
		}
	}
	recall := float64(hit) / float64(hit+miss)
	t.Logf("%d pairs: precision %.3f, recall %.3f", len(pairs), float64(hit)/float64(hit+wrong), recall)
	if recall < 0.9 {
		t.Errorf("recall is %.3f", recall)
	}
}

func TestCompanyKeys(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Brightwater GmbH & Co. KG": "brightwater", "ACME, Inc.": "acme", "Müller & Söhne AG": "muller sohne", "Acme B.V.": "acme", "The Boring Company": "boring",
		"Nestlé S.A.": "nestle", "AG": "ag", "Deutsche Bahn AG": "deutsche bahn",
	} {
		if got := companyKey(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestSketchComesBack(t *testing.T) {
	t.Parallel()
	s := newSketch("one two three four five six seven eight nine ten")
	got, ok := readSketch(s.bytes())
	if !ok || got != s {
		t.Fatal(got)
	}
	if _, ok := readSketch(nil); ok {
		t.Fatal("nothing is a sketch")
	}
}

// Postings that name nobody are not of one company, however alike they are.
func TestNobodyIsNoCompany(t *testing.T) {
	t.Parallel()
	listing := func(company, url string) candidate {
		return candidateOf(&Listing{Company: company, Title: "Welder", Text: text("You weld."), URL: url})
	}
	for _, name := range []string{"", " – "} {
		a, b := listing(name, "https://a.example/1"), listing(name, "https://b.example/1")
		if a.same(&b) {
			t.Errorf("two jobs of %q are one", name)
		}
	}
	a, b := listing("Acme", "https://a.example/1"), listing("ACME Ltd.", "https://b.example/1")
	if !a.same(&b) {
		t.Error("one job is two")
	}
}

package match_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/services/ai/internal/match"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

const wanted = `Northlight builds payment software for small shops.

You design and run services in Go, keep PostgreSQL fast and deploy to Kubernetes. You know Java and have worked with MySQL.
We expect experience in RabbitMQ and good communication skills.

Nice to have:
- React
- Terraform
`

func label(t *testing.T, name string) taxonomy.Ref {
	t.Helper()
	s, ok := taxonomy.Load().Lookup(name)
	if !ok {
		t.Fatalf("no skill %q", name)
	}
	return s.Ref
}

func TestBetterFitsScoreHigher(t *testing.T) {
	t.Parallel()
	x := match.NewIndex(taxonomy.Load())
	score := func(title, text string) int {
		return x.Explain(resume(), &match.Posting{ID: "1", Title: title, Description: text}).Score
	}
	ladder := []int{
		score("Senior Backend Engineer", wanted),
		score("Principal Backend Engineer", wanted),
		score("Frontend Developer", "You build pages in React, TypeScript and CSS, with Figma and GraphQL. Docker helps."),
		score("Registered Nurse", "You look after patients at night, give medication and talk with families. Patient care and first aid."),
	}
	for i := 1; i < len(ladder); i++ {
		if ladder[i] >= ladder[i-1] {
			t.Errorf("scores %v do not fall", ladder)
		}
	}
	if ladder[0] < 65 || ladder[len(ladder)-1] > 25 {
		t.Errorf("scores %v: a good fit should be above 65, none below 25", ladder)
	}
}

func TestReasonsQuoteBothTexts(t *testing.T) {
	t.Parallel()
	r := resume()
	p := &match.Posting{ID: "1", Title: "Senior Backend Engineer", Description: wanted, Required: []string{"Golang"}}
	e := match.NewIndex(taxonomy.Load()).Explain(r, p)
	kinds := map[taxonomy.Ref]match.ReasonKind{}
	fields := map[string]string{"text": r.Text, "titles[0]": r.Titles[0], "titles[1]": r.Titles[1], "title": p.Title, "description": p.Description, "required[0]": p.Required[0]}
	for i, s := range r.Skills {
		fields["skills["+string(rune('0'+i))+"]"] = s.Name
	}
	for _, reason := range e.Reasons {
		for _, q := range []match.Quote{reason.Resume, reason.Posting} {
			text, known := fields[q.Field]
			if !known || q.Text == "" || text[q.Start:q.End] != q.Text || !strings.Contains(text, q.Context) || !strings.Contains(q.Context, q.Text) {
				t.Errorf("%s: quote %+v", reason.Kind, q)
			}
		}
		if reason.Skill != 0 {
			kinds[reason.Skill] = reason.Kind
		}
		if reason.Skill == label(t, "Go") && (reason.Years != 6 || reason.Resume.Text != "Go" || reason.Posting.Text != "Golang") {
			t.Errorf("Go: %+v", reason)
		}
	}
	for name, kind := range map[string]match.ReasonKind{
		"Go": match.SameSkill, "Kubernetes": match.SameSkill, "Terraform": match.SameSkill, "Java": match.ImpliedSkill,
		"MySQL": match.CloseSkill, "RabbitMQ": "", "React": "",
	} {
		if kinds[label(t, name)] != kind {
			t.Errorf("%s is %q, want %q", name, kinds[label(t, name)], kind)
		}
	}
	if !slices.ContainsFunc(e.Reasons, func(r match.Reason) bool { return r.Kind == match.SameTitle }) ||
		!slices.ContainsFunc(e.Reasons, func(r match.Reason) bool { return r.Kind == match.SameLevel }) {
		t.Errorf("title or level is no reason: %+v", e.Reasons)
	}
	var missing []string
	for _, gap := range e.Missing {
		missing = append(missing, taxonomy.Load().Skill(gap.Skill).Label)
		if p.Description[gap.Posting.Start:gap.Posting.End] != gap.Posting.Text {
			t.Errorf("gap %+v", gap)
		}
		if gap.Required == (gap.Skill == label(t, "React")) {
			t.Errorf("required is wrong: %+v", gap)
		}
	}
	if want := []string{"MySQL", "RabbitMQ", "Communication", "React"}; !slices.Equal(missing, want) {
		t.Errorf("missing %q, want %q", missing, want)
	}
}

func TestHardWishes(t *testing.T) {
	t.Parallel()
	berlin := match.Place{Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.41}
	eur := func(amount float64) match.Money { return match.Money{Amount: amount, Currency: "EUR"} }
	for name, c := range map[string]struct {
		wishes  match.Wishes
		posting match.Posting
		broken  []match.Rule
	}{
		"none":                   {match.Wishes{}, match.Posting{Company: "X", Places: []match.Place{berlin}}, nil},
		"blocked":                {match.Wishes{Blocked: []string{"Acme, Inc."}}, match.Posting{Company: "ACME GmbH"}, []match.Rule{match.RuleCompany}},
		"other company":          {match.Wishes{Blocked: []string{"Acme"}}, match.Posting{Company: "Acme Foods"}, nil},
		"no company":             {match.Wishes{Blocked: []string{""}}, match.Posting{}, nil},
		"pays too little":        {match.Wishes{Pay: eur(70_000)}, match.Posting{High: eur(65_000)}, []match.Rule{match.RulePay}},
		"pays by the month":      {match.Wishes{Pay: eur(70_000)}, match.Posting{Low: match.Money{Amount: 6000, Currency: "eur", Period: match.Month}}, nil},
		"hourly wish":            {match.Wishes{Pay: match.Money{Amount: 40, Currency: "EUR", Period: match.Hour}}, match.Posting{High: eur(80_000)}, []match.Rule{match.RulePay}},
		"pay unknown":            {match.Wishes{Pay: eur(70_000)}, match.Posting{}, nil},
		"other currency":         {match.Wishes{Pay: eur(70_000)}, match.Posting{High: match.Money{Amount: 100, Currency: "USD"}}, nil},
		"near enough":            {match.Wishes{Areas: []match.Area{{Lat: 52.4, Lon: 13.06, Radius: 40}}}, match.Posting{Places: []match.Place{berlin}}, nil},
		"too far":                {match.Wishes{Areas: []match.Area{{Lat: 48.1, Lon: 11.6, Radius: 50}}}, match.Posting{Places: []match.Place{berlin}}, []match.Rule{match.RulePlace}},
		"far to the east":        {match.Wishes{Areas: []match.Area{{Lat: 52.5, Lon: 9.7, Radius: 50}}}, match.Posting{Places: []match.Place{berlin}}, []match.Rule{match.RulePlace}},
		"city":                   {match.Wishes{Areas: []match.Area{{Country: "de", City: "berlin"}}}, match.Posting{Places: []match.Place{berlin}}, nil},
		"other city":             {match.Wishes{Areas: []match.Area{{Country: "DE", City: "Kiel"}}}, match.Posting{Places: []match.Place{berlin}}, []match.Rule{match.RulePlace}},
		"one of two":             {match.Wishes{Areas: []match.Area{{Country: "DE"}}}, match.Posting{Places: []match.Place{{Country: "FR"}, berlin}}, nil},
		"place unknown":          {match.Wishes{Areas: []match.Area{{Country: "DE"}}}, match.Posting{}, nil},
		"remote does":            {match.Wishes{Areas: []match.Area{{Country: "FR"}}, Remote: true}, match.Posting{Places: []match.Place{berlin}, Workplace: match.Remote}, nil},
		"remote elsewhere":       {match.Wishes{Areas: []match.Area{{Country: "FR"}}, Remote: true}, match.Posting{Workplace: match.Remote, RemoteIn: []string{"US"}}, []match.Rule{match.RulePlace}},
		"remote only":            {match.Wishes{RemoteOnly: true}, match.Posting{Places: []match.Place{berlin}, Workplace: match.Hybrid}, []match.Rule{match.RulePlace}},
		"visa needed, not given": {match.Wishes{Permits: []string{"DE"}}, match.Posting{Places: []match.Place{{Country: "US"}}, Sponsors: match.No}, []match.Rule{match.RuleVisa}},
		"visa in the text":       {match.Wishes{Permits: []string{"DE"}}, match.Posting{Places: []match.Place{{Country: "US"}}, Description: "We are unable to sponsor visas."}, []match.Rule{match.RuleVisa}},
		"visa given":             {match.Wishes{Permits: []string{"DE"}}, match.Posting{Places: []match.Place{{Country: "US"}}, Description: "We offer visa sponsorship."}, nil},
		"permitted":              {match.Wishes{Permits: []string{"DE"}}, match.Posting{Places: []match.Place{berlin}, Sponsors: match.No}, nil},
		"two at once": {match.Wishes{Blocked: []string{"X"}, Pay: eur(9)}, match.Posting{Company: "X", High: eur(8)},
			[]match.Rule{match.RuleCompany, match.RulePay}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := resume()
			r.Wishes = c.wishes
			c.posting.ID, c.posting.Title = "1", "Backend Engineer"
			x := match.NewIndex(taxonomy.Load())
			x.Put(&c.posting)
			e := x.Explain(r, &c.posting)
			var broken []match.Rule
			for _, rejection := range e.Rejected {
				broken = append(broken, rejection.Rule)
				if !strings.HasSuffix(rejection.Detail, ".") {
					t.Errorf("detail %q is no sentence", rejection.Detail)
				}
			}
			if !slices.Equal(broken, c.broken) {
				t.Errorf("broken %v, want %v", broken, c.broken)
			}
			if (e.Score > 0) != (len(c.broken) == 0) || (len(x.Match(r, 5)) == 1) != (len(c.broken) == 0) {
				t.Errorf("score %d, found %v", e.Score, x.Match(r, 5))
			}
		})
	}
}

func TestNotesSayWhatNoScoreTells(t *testing.T) {
	t.Parallel()
	r := resume()
	r.Education = match.Bachelor
	r.Wishes = match.Wishes{Pay: match.Money{Amount: 1, Currency: "EUR"}, Permits: []string{"DE"}}
	e := match.NewIndex(taxonomy.Load()).Explain(r, &match.Posting{
		Title: "Engineer", Places: []match.Place{{Country: "US"}}, Languages: []string{"en-US", "fr"}, Education: match.Master,
	})
	if all := strings.Join(e.Notes, " "); len(e.Notes) != 4 || !strings.Contains(all, "state its pay") || !strings.Contains(all, "visa for US") ||
		!strings.Contains(all, `"fr"`) || !strings.Contains(all, "degree") {
		t.Errorf("notes %q", e.Notes)
	}
}

// fill builds an index of generated postings from the numbers from to to.
func fill(x *match.Index, from, to int) {
	var all sync.WaitGroup
	const workers = 2
	for w := range workers {
		all.Go(func() {
			for n := from + w; n < to; n += workers {
				x.Put(posting(n))
			}
		})
	}
	all.Wait()
}

func TestIndexAgreesWithPairs(t *testing.T) {
	t.Parallel()
	x := match.NewIndex(taxonomy.Load())
	const n = 5000 // more than are scored exactly
	fill(x, 0, n)
	r := resume()
	type pair struct {
		id    string
		score int
	}
	var exact []pair
	for i := range n {
		exact = append(exact, pair{posting(i).ID, 0})
		if i < 200 { // a sample, since a pair takes a millisecond
			exact[i].score = x.Explain(r, posting(i)).Score
		}
	}
	found := map[string]match.Result{}
	results := x.Match(r, n)
	for i, result := range results {
		found[result.ID] = result
		if i > 0 && result.Parts != results[i-1].Parts && result.Score > results[i-1].Score {
			t.Errorf("%s with %d comes after %d", result.ID, result.Score, results[i-1].Score)
		}
	}
	if len(found) != n {
		t.Fatalf("%d found of %d", len(found), n)
	}
	for _, p := range exact[:200] {
		if d := found[p.id].Score - p.score; d < -1 || d > 1 {
			t.Errorf("%s: %d in the index, %d as a pair", p.id, found[p.id].Score, p.score)
		}
	}
	// The first of a search that scores only the best candidates are the first of
	// one that scores all.
	for i, result := range x.Match(r, 50) {
		if result.ID != results[i].ID {
			t.Errorf("place %d: %s, exhaustively %s", i, result.ID, results[i].ID)
		}
	}
}

func TestIndexChanges(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	changed, fresh := match.NewIndex(tax), match.NewIndex(tax)
	fill(changed, 0, 300)
	for n := range 300 {
		p := posting(n)
		switch n % 3 {
		case 0:
			if !changed.Remove(p.ID) {
				t.Errorf("%s was not there", p.ID)
			}
		case 1: // takes the text of another
			p.Title, p.Description = posting(n+1000).Title, posting(n+1000).Description
			changed.Put(p)
			fresh.Put(p)
		default:
			fresh.Put(p)
		}
	}
	if changed.Remove("nothing") || changed.Len() != 200 || fresh.Len() != 200 {
		t.Fatalf("%d and %d postings", changed.Len(), fresh.Len())
	}
	r := resume()
	want := fresh.Match(r, 200)
	same(t, "changed", changed.Match(r, 200), want)
	for n := range 300 { // and what is left can be taken out to the last
		changed.Remove(posting(n).ID)
	}
	if got := changed.Match(r, 5); changed.Len() != 0 || len(got) != 0 {
		t.Errorf("an emptied index finds %v", got)
	}

	var file bytes.Buffer
	size, err := fresh.WriteTo(&file)
	if err != nil || size != int64(file.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", size, file.Len(), err)
	}
	whole := bytes.Clone(file.Bytes())
	again, err := match.ReadIndex(tax, &file)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "read", again.Match(r, 200), want)
	again.Put(posting(0))
	if !again.Remove(posting(0).ID) || again.Len() != 200 {
		t.Error("a read index cannot be changed")
	}

	if _, err := match.ReadIndex(tax, bytes.NewReader(whole[:len(whole)-5])); err == nil || errors.Is(err, match.ErrStale) {
		t.Errorf("a cut snapshot: %v", err)
	}
	stale := bytes.Replace(whole, []byte(tax.Version()), []byte("0123456789abcdef"), 1)
	if _, err := match.ReadIndex(tax, bytes.NewReader(stale)); !errors.Is(err, match.ErrStale) {
		t.Errorf("a snapshot of another taxonomy: %v", err)
	}
	if _, err := match.ReadIndex(tax, strings.NewReader("no snapshot")); err == nil {
		t.Error("anything is a snapshot")
	}
}

// same compares results but for the order of equals after rounding.
func same(t *testing.T, what string, got, want []match.Result) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d results, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID || got[i].Score != want[i].Score || !slices.Equal(got[i].Lacks, want[i].Lacks) {
			t.Errorf("%s: place %d: %+v, want %+v", what, i, got[i], want[i])
		}
	}
}

func TestIndexIsSafeForManyAtOnce(t *testing.T) {
	t.Parallel()
	x := match.NewIndex(taxonomy.Load())
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := range 30 {
				x.Put(posting(n))
				x.Match(resume(), 3)
				if n%4 == worker {
					x.Remove(posting(n).ID)
				}
				if n == 20 {
					if _, err := x.WriteTo(new(bytes.Buffer)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestEmptySides(t *testing.T) {
	t.Parallel()
	x := match.NewIndex(taxonomy.Load())
	if got := x.Match(resume(), 10); len(got) != 0 {
		t.Errorf("an empty index finds %v", got)
	}
	x.Put(&match.Posting{ID: "empty"})
	x.Put(posting(1))
	if got := x.Match(&match.Resume{}, 10); len(got) != 2 || got[0].Score > 30 {
		t.Errorf("an empty resume finds %v", got)
	}
	if got := x.Match(resume(), 0); len(got) != 0 {
		t.Errorf("none asked, %v", got)
	}
	for _, text := range []string{"\xff\xfe", strings.Repeat("Go ", 100_000), "\x00", strings.Repeat("ü", 50_000)} {
		if e := x.Explain(&match.Resume{Text: text}, &match.Posting{Title: text, Description: text}); e.Score < 0 || e.Score > 100 {
			t.Errorf("score %d", e.Score)
		}
	}
}

package embedding_test

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
)

// reference was computed with the tokenizers library and float32 arithmetic of
// the model's own authors.
//
//go:embed testdata/vectors.json
var reference []byte

type vectors struct {
	Strings []struct {
		Text  string
		IDs   []int32
		Unit8 []float32
	}
	Pairs []struct {
		A, B   string
		Cosine float32
	}
}

const tolerance = 2e-5

func TestAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	var want vectors
	if err := json.Unmarshal(reference, &want); err != nil {
		t.Fatal(err)
	}
	m := embedding.Load()
	if len(want.Strings) < 40 || len(want.Pairs) < 20 {
		t.Fatalf("only %d texts and %d pairs", len(want.Strings), len(want.Pairs))
	}
	for _, s := range want.Strings {
		if got := m.Tokens(s.Text); !slices.Equal(got, s.IDs) {
			t.Errorf("%q: tokens\n got %v\nwant %v", s.Text, got, s.IDs)
		}
		v := m.Embed(s.Text)
		for i, c := range s.Unit8 {
			if math.Abs(float64(v[i]-c)) > tolerance {
				t.Errorf("%q: component %d is %v, want %v", s.Text, i, v[i], c)
			}
		}
	}
	for _, p := range want.Pairs {
		a, b := m.Embed(p.A), m.Embed(p.B)
		if got := a.Dot(&b); math.Abs(float64(got-p.Cosine)) > tolerance {
			t.Errorf("%q, %q: cosine %v, want %v", p.A, p.B, got, p.Cosine)
		}
	}
}

func TestTextsThatMeanTheSame(t *testing.T) {
	t.Parallel()
	m := embedding.Load()
	for _, texts := range [][2]string{
		{"Résumé", "resume"}, {"DATA\tscientist", "data scientist"}, {"Zürich", "Zu\u0308rich"},
		{"soft\u00adware", "software"}, {" padded\r\n", "padded"}, {"a\x00b", "ab"},
	} {
		if a, b := m.Embed(texts[0]), m.Embed(texts[1]); a != b || a.IsZero() {
			t.Errorf("%q and %q differ", texts[0], texts[1])
		}
	}
	for _, text := range []string{"", "\ufffd", "🚀", strings.Repeat("x", 101)} {
		if v := m.Embed(text); !v.IsZero() {
			t.Errorf("%q has a vector", text)
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"Senior Go developer", "C++ / .NET", "naïve 東京 데이터", "\xff\xfe", "'\u0301a", "[UNK] ##s"} {
		f.Add(s, "and more")
	}
	m := embedding.Load()
	f.Fuzz(func(t *testing.T, a, b string) {
		both := m.Tokens(a + " " + b)
		if apart := slices.Concat(m.Tokens(a), m.Tokens(b)); !slices.Equal(both, apart) {
			t.Errorf("%q: %v together, %v apart", a+" "+b, both, apart)
		}
		v := m.Embed(a)
		if norm := v.Dot(&v); !v.IsZero() && math.Abs(float64(norm)-1) > 1e-4 {
			t.Errorf("%q: squared length %v", a, norm)
		}
	})
}

func BenchmarkEmbed(b *testing.B) {
	m := embedding.Load()
	for name, text := range map[string]string{
		"phrase":  "site reliability engineer",
		"posting": strings.Repeat("We are looking for a site reliability engineer to join our platform team. ", 30),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Embed(text)
			}
		})
	}
}

package taxonomy_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

func names(t *taxonomy.Taxonomy, text string) []string {
	out := []string{}
	for _, h := range t.Find(text) {
		out = append(out, t.Skill(h.Skill).Label)
	}
	return out
}

func TestFind(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	for text, want := range map[string][]string{
		"": {},
		"We run Go services on k8s and Postgres.":  {"Go", "Kubernetes", "PostgreSQL"},
		"Languages: Java, Go, R, C and C++":        {"Java", "Go", "R", "C", "C++"},
		"Go to our website and spring into action": {},
		"Go":                                     {"Go"},
		"You will go the extra mile. Go for it!": {},
		"Experience in R or Python":              {"R", "Python"},
		"Our R&D team takes vitamin C with C-level people":        {},
		"Contact: R. Smith, J. C. Miller":                         {},
		"You excel at what you do. Excel at sports.":              {},
		"Excel, Word and PowerPoint":                              {"Microsoft Excel", "Microsoft PowerPoint"},
		"Proficient in Microsoft Excel":                           {"Microsoft Excel"},
		"internship in Spring 2024, a cold spring":                {},
		"Java with Spring and Hibernate":                          {"Java", "Spring", "Hibernate"},
		"ASP.NET Core, .NET 8, C#, node.js/React.js":              {"ASP.NET", ".NET", "C#", "Node.js", "React"},
		"managing the teams; time-management":                     {"manage a team", "Time management"},
		"We value organizational skills and data visualization":   {"Organisational skills", "Data visualisation"},
		"CI/CD with GitHub Actions":                               {"CI/CD", "GitHub Actions"},
		"A balance of light and form, a scale of data, the lead.": {},
		"People react well.":                                      {},
		"react, redux":                                            {"React", "Redux"},
		"Der Umgang mit Teamfähigkeit und Projektmanagement":      {"Teamwork", "Project management"},
		"machine\nlearning and deep learning":                     {"Machine learning", "Deep learning"},
		"machine. Learning":                                       {},
	} {
		if got := names(tax, text); !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestFindTellsThePlace(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	text := "Größe: 5 years of “Machine  Learning”, C++17 and .NET"
	var got []string
	for _, h := range tax.Find(text) {
		got = append(got, text[h.Start:h.End])
	}
	if want := []string{"Machine  Learning", "C++17", ".NET"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	for label, want := range map[string]string{
		"k8s": "Kubernetes", "KUBERNETES": "Kubernetes", "golang": "Go", "go": "Go", "r": "R", "c": "C", "c++": "C++",
		"Postgres": "PostgreSQL", "react.js": "React", "ReactJS": "React", " Node JS ": "Node.js", "git": "Git",
		"Java (computer programming)": "Java", "Python": "Python", "unit-tests": "Unit testing", "agile": "Agile methodology",
		"manage musical staff": "manage musical staff", "Managing musical staff": "manage musical staff",
		"Communication Skills": "Communication", "scss": "Sass", "CSS": "CSS", "C#": "C#", "SQL (Oracle dialect)": "SQL",
		"Decentralized Finance (DeFi)": "DeFi",
	} {
		got, ok := tax.Lookup(label)
		if !ok || got.Label != want {
			t.Errorf("%q: %q, %v, want %q", label, got.Label, ok, want)
		}
		if again, ok := tax.ByID(got.ID); !ok || again != got {
			t.Errorf("id %q of %q leads to %v", got.ID, label, again)
		}
	}
	for _, label := range []string{"", " ", "?!", "xyzzy", "machine", strings.Repeat("data ", 5000)} {
		if got, ok := tax.Lookup(label); ok {
			t.Errorf("%q is %q", label, got.Label)
		}
	}
	if _, ok := tax.ByID("jp:nothing"); ok {
		t.Error("an unknown id is known")
	}
}

// The builder of the file and this package split words with the same rule only
// if every name leads back to its entry; and ids have to be unique.
func TestEveryNameIsFound(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	ids, strays := map[string]string{}, 0
	for ref := range taxonomy.Ref(tax.Len()) {
		s := tax.Skill(ref)
		if other, taken := ids[s.ID]; taken {
			t.Errorf("%q and %q have the id %s", s.Label, other, s.ID)
		}
		ids[s.ID] = s.Label
		got, ok := tax.Lookup(s.Label)
		if !ok {
			t.Errorf("%q is not found", s.Label)
		}
		if got.Ref != ref {
			strays++ // two skills with one name, of which the wider used has it
		}
	}
	if strays > 20 {
		t.Errorf("%d names lead to another skill", strays)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	for typed, want := range map[string]string{
		"kube": "Kubernetes", "kuber": "Kubernetes", "kubernets": "Kubernetes", "kuberentes": "Kubernetes", "pyth": "Python",
		"pyhton": "Python", "postgers": "PostgreSQL", "javascirpt": "JavaScript", "go": "Go", "learn": "Machine learning",
		"golang": "Go", "Machine Le": "Machine learning", "exel": "Microsoft Excel", "typescrpt": "TypeScript",
	} {
		got := tax.Suggest(typed, 8)
		if !slices.ContainsFunc(got, func(s taxonomy.Skill) bool { return s.Label == want }) {
			t.Errorf("%q: %v without %s", typed, got, want)
		}
		if len(got) > 8 {
			t.Errorf("%q: %d suggestions", typed, len(got))
		}
	}
	if got := tax.Suggest("go", 1); len(got) != 1 || got[0].Label != "Go" {
		t.Errorf("typed out: %v", got)
	}
	for _, typed := range []string{"", "   ", "qqqqqqqq", "\xff\xfe\xfd\xfc", strings.Repeat("y", 500)} {
		if got := tax.Suggest(typed, 5); len(got) != 0 {
			t.Errorf("%q: %v", typed, got)
		}
	}
}

func TestRelated(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	ref := func(label string) taxonomy.Ref {
		s, ok := tax.Lookup(label)
		if !ok {
			t.Fatalf("no skill %q", label)
		}
		return s.Ref
	}
	next := ref("Next.js")
	if got := tax.Implied(next); !slices.Equal(got, []taxonomy.Ref{ref("React"), ref("JavaScript")}) {
		t.Errorf("Next.js implies %v", got)
	}
	related := tax.Related(ref("React"), 20)
	kinds := map[taxonomy.Ref]taxonomy.RelationKind{}
	for _, r := range related {
		kinds[r.Skill] = r.Kind
	}
	if kinds[ref("JavaScript")] != taxonomy.Implies || kinds[next] != taxonomy.ImpliedBy || kinds[ref("Redux")] == 0 {
		t.Errorf("React: %v", related)
	}
	used := tax.Related(ref("SQL"), 60)
	if len(used) != 60 || !slices.ContainsFunc(used, func(r taxonomy.Relation) bool { return r.Kind == taxonomy.UsedWith }) {
		t.Errorf("SQL: %v", used)
	}
	if got := tax.Related(next, 0); len(got) != 0 {
		t.Errorf("none asked, %v", got)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	got := tax.Nearest("directing the staff of an orchestra", 5, .3)
	if len(got) == 0 || got[0].Cosine > 1.01 || !slices.IsSortedFunc(got, func(a, b taxonomy.Match) int { return int(1e6 * (b.Cosine - a.Cosine)) }) {
		t.Errorf("found %v", got)
	}
	if got := tax.Nearest("zzzz qqqq", 5, .9); len(got) != 0 {
		t.Errorf("nonsense is near %v", got)
	}
}

func TestOccupation(t *testing.T) {
	t.Parallel()
	tax := taxonomy.Load()
	for title, want := range map[string]struct {
		core, occupation string
		level            taxonomy.Seniority
	}{
		"Senior Software Engineer":                {"Software Engineer", "software developer", taxonomy.Senior},
		"Software Engineer III":                   {"Software Engineer", "software developer", taxonomy.Senior},
		"Jr. Backend Engineer":                    {"Backend Engineer", "backend developer", taxonomy.Junior},
		"Leitender Softwareentwickler (m/w/d)":    {"Softwareentwickler", "software developer", taxonomy.Lead},
		"Werkstudent Data Science":                {"Data Science", "data scientist", taxonomy.Intern},
		"Lead Developer":                          {"Developer", "technical lead", taxonomy.Lead},
		"Product Manager, Payments":               {"Product Manager", "product manager", taxonomy.Manager},
		"Staff Engineer – Site Reliability, Lyon": {"Engineer", "", taxonomy.Principal},
		"Senior DevOps Engineer | Remote":         {"DevOps Engineer", "devops engineer", taxonomy.Senior},
		"CTO":                                     {"CTO", "chief technology officer", taxonomy.Executive},
		"Registered Nurse":                        {"Registered Nurse", "nurse responsible for general care", taxonomy.Unstated},
		"Payments Backend Engineer":               {"Payments Backend Engineer", "backend developer", taxonomy.Unstated},
		"Sales Associate":                         {"Sales Associate", "sales representative", taxonomy.Unstated},
		"":                                        {"", "", taxonomy.Unstated},
		"(m/w/d)":                                 {"", "", taxonomy.Unstated},
		"Senior":                                  {"", "", taxonomy.Senior},
	} {
		got := tax.Occupation(title)
		name := ""
		if got.Known {
			name, _, _ = tax.OccupationName(got.Occupation)
		}
		if got.Core != want.core || want.occupation != "" && name != want.occupation || got.Seniority != want.level {
			t.Errorf("%q: core %q, occupation %q, level %q", title, got.Core, name, got.Seniority)
		}
	}
	required, optional := tax.OccupationSkills(tax.Occupation("software engineer").Occupation)
	if len(required) == 0 || len(optional) == 0 {
		t.Errorf("%d and %d skills", len(required), len(optional))
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"Go, R & C++", ".NET/.net", "a'b'c", "the the manage the the staff", "\xff\xfeJava,", "C+++ #C# R.", "ﬀ İ ǅ"} {
		f.Add(s)
	}
	tax := taxonomy.Load()
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for _, h := range tax.Find(text) {
			if h.Start < end || h.End <= h.Start || h.End > len(text) || int(h.Skill) >= tax.Len() {
				t.Fatalf("%q: %v after %d", text, h, end)
			}
			end = h.End
			if utf8.ValidString(text) && !utf8.ValidString(text[h.Start:h.End]) {
				t.Fatalf("%q: %q cuts a character", text, text[h.Start:h.End])
			}
		}
		tax.Suggest(text, 3)
		tax.Occupation(text)
	})
}

const posting = `We are hiring a Senior Backend Engineer (m/f/d) in Berlin. You design and build microservices in Go and Python, run
them on Kubernetes in AWS, and keep PostgreSQL and Kafka happy. You manage your own time, communicate well with stakeholders,
mentor junior engineers and care about unit testing, code review and continuous delivery. Nice to have: React, Terraform. `

func BenchmarkFind(b *testing.B) {
	tax := taxonomy.Load()
	text := strings.Repeat(posting, 6)
	b.ReportAllocs()
	for b.Loop() {
		tax.Find(text)
	}
	b.SetBytes(int64(len(text)))
}

func BenchmarkSuggest(b *testing.B) {
	tax := taxonomy.Load()
	for _, typed := range []string{"k", "kuber", "kuberentes", "manage", "zzzzzzzz"} {
		b.Run(typed, func(b *testing.B) {
			for b.Loop() {
				tax.Suggest(typed, 10)
			}
		})
	}
}

func BenchmarkOccupation(b *testing.B) {
	tax := taxonomy.Load()
	tax.Nearest("warm", 1, 0)
	for b.Loop() {
		tax.Occupation("Senior Growth Wizard, EMEA")
	}
}

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		"C++": "c++", "C#": "c#", ".NET Core": ".net core", "ASP.NET": "asp net", "vb.net": "vb net", "Node.js": "node js", "C/C++": "c c++",
		"employees' rights": "employees rights", "O'Reilly": "oreilly", "CI/CD": "ci cd", " e-learning ": "e learning", "5+ years": "5 years",
		"Java (computer programming)": "java computer programming", "?!": "", "Größe": "größe", "network": "network", ".networks": "networks",
	} {
		if got := key(label); got != want {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
}

const id = "00000000-0000-0000-0000-00000000000"

// small is a classification of a few concepts.
func small(t *testing.T) *builder {
	t.Helper()
	b := newBuilder([]string{"java", "balance", "light", "r"})
	err := b.classification(
		[][]string{
			{id + "1", "knowledge", "cross-sector", "Java (computer programming)", "J language|Java"},
			{id + "2", "skill/competence", "sector-specific", "design principles", "balance|light|principles of design"},
			{id + "3", "skill/competence", "sector-specific", "manage staff", "lead staff|principles of design"},
		},
		[][]string{{id + "8", "2512", "software developer", "programmer"}},
		[][]string{{id + "8", "essential", id + "1"}, {id + "8", "optional", id + "3"}, {id + "8", "essential", "gone"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestClassification(t *testing.T) {
	t.Parallel()
	b := small(t)
	for label, want := range map[string]struct {
		target int
		how    byte
	}{
		"java": {0, contextual}, "java computer programming": {0, plain}, "balance": {1, weak}, "manage staff": {2, plain},
		"principles of design": {2, plain}, // of two skills the one that more occupations need
	} {
		if got := b.skills.labels[label]; got.target != want.target || got.how != want.how {
			t.Errorf("%q: skill %d, how %d", label, got.target, got.how)
		}
	}
	if want := []uint16{0 | 1<<15, 2}; !slices.Equal(b.relations[0], want) {
		t.Errorf("relations %v", b.relations[0])
	}
}

func TestOwnSkillsJoinThoseOfTheClassification(t *testing.T) {
	t.Parallel()
	b := small(t)
	if at := b.own(groups["language"], "Java!", []string{"jdk*", "Java (computer programming)"}); at != 0 {
		t.Errorf("Java became skill %d", at)
	}
	if e := b.skills.entries[0]; e.name != "Java" || e.group != groups["language"] || e.id[15] != 1 {
		t.Errorf("entry %+v", e)
	}
	if l := b.skills.labels["jdk"]; l.surface != "JDK" || l.how != cased {
		t.Errorf("alias %+v", l)
	}
	if at := b.own(groups["tool"], "Kubernetes", []string{"k8s"}); at != 3 || b.skills.labels["k8s"].target != 3 {
		t.Errorf("Kubernetes became skill %d", at)
	}
}

// The lists that ship are checked against the classification when it is built;
// here, that nothing is listed twice, which would hide one of the two.
func TestListsHaveNoNameTwice(t *testing.T) {
	t.Parallel()
	for file, text := range map[string]string{"technical.txt": technicalList, "titles.txt": titleList} {
		seen := map[string]bool{}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "[") || strings.TrimSpace(line) == "" {
				continue
			}
			name, _, listed := strings.Cut(line, "|")
			name, _ = mark(strings.TrimSpace(name))
			if listed && seen[key(name)] {
				t.Errorf("%s: %q stands there twice", file, name)
			}
			seen[key(name)] = true
		}
	}
}

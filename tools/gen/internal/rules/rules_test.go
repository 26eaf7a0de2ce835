// Package rules holds the rules of the repository that no other tool checks.
package rules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/tools/gen/internal/contract"
	"github.com/jobpilot/jobpilot/tools/gen/internal/reference"
)

const (
	root   = "../../../.."
	module = "github.com/jobpilot/jobpilot/"
)

// goPackage is one folder's Go files, without those of tests unless it has no others.
type goPackage struct {
	dir       string
	name      string
	doc       string
	generated bool // every file is
	imports   map[string]string
}

// packages reads every Go package of the repository, by folder.
func packages(t *testing.T, root string) map[string]*goPackage {
	t.Helper()
	all := map[string]*goPackage{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		p := all[dir]
		if p == nil {
			p = &goPackage{dir: dir, name: file.Name.Name, generated: true, imports: map[string]string{}}
			all[dir] = p
		}
		if text := strings.TrimSpace(file.Doc.Text()); text != "" && !ast.IsGenerated(file) {
			p.doc = text
		}
		p.generated = p.generated && ast.IsGenerated(file)
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			p.imports[imported] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// broken lists where packages break a rule.
func broken(all map[string]*goPackage, rule func(p *goPackage) []string) []string {
	var faults []string
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		faults = append(faults, rule(all[dir])...)
	}
	return faults
}

// undocumented: a package's comment begins as go doc wants it. What is all generated needs none.
func undocumented(p *goPackage) []string {
	want := "Package " + p.name
	if p.name == "main" {
		want = "Command "
	}
	if p.generated || strings.HasPrefix(p.doc, want) {
		return nil
	}
	return []string{fmt.Sprintf("%s: its doc comment does not begin with %q", p.dir, want)}
}

var servicePath = regexp.MustCompile(`^services/([a-z-]+)(/|$)`)

// crossing: services know each other by contract only, and pkg and tools know no service.
func crossing(p *goPackage) []string {
	own := servicePath.FindStringSubmatch(p.dir)
	var faults []string
	for _, imported := range slices.Sorted(maps.Keys(p.imports)) {
		other := servicePath.FindStringSubmatch(strings.TrimPrefix(imported, module))
		if other != nil && (own == nil || own[1] != other[1]) {
			faults = append(faults, fmt.Sprintf("%s/%s imports %s; services meet over HTTP and messages only", p.dir, p.imports[imported], imported))
		}
	}
	return faults
}

// leaking: the domain package, services/<s>/internal/<s>, knows nothing of HTTP or the API.
func leaking(p *goPackage) []string {
	parts := strings.Split(p.dir, "/")
	if len(parts) != 4 || parts[0] != "services" || parts[3] != strings.ReplaceAll(parts[1], "-", "") {
		return nil
	}
	var faults []string
	for _, forbidden := range []string{"net/http", module + strings.Join(parts[:3], "/") + "/api", module + "pkg/httpx"} {
		if file, ok := p.imports[forbidden]; ok {
			faults = append(faults, fmt.Sprintf("%s/%s imports %s; the domain does not know how it is called", p.dir, file, forbidden))
		}
	}
	return faults
}

func TestEveryPackageHasADocComment(t *testing.T) {
	report(t, broken(packages(t, root), undocumented))
}

func TestNoServiceImportsAnother(t *testing.T) {
	report(t, broken(packages(t, root), crossing))
}

func TestDomainPackagesDoNotKnowHTTP(t *testing.T) {
	report(t, broken(packages(t, root), leaking))
}

func TestEveryOperationHasAnIDAndProblemAnswers(t *testing.T) {
	all, err := contract.LoadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		for _, o := range c.Operations {
			if o.ID == "" {
				t.Errorf("%s %s has no operationId", o.Method, o.Path)
			}
			for _, status := range []string{"400", "429", "500", "503"} {
				r := o.Spec.Responses.Value(status)
				if r == nil || r.Value.Content["application/problem+json"] == nil {
					t.Errorf("%s has no problem answer %s", o.ID, status)
				}
			}
		}
	}
}

func TestEveryConfigFieldIsInTheExampleEnvironment(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, reference.ExampleFile))
	if err != nil {
		t.Fatal(err)
	}
	configs, err := filepath.Glob(filepath.Join(root, "services/*/config.go"))
	if err != nil || len(configs) == 0 {
		t.Fatalf("no config.go of a service: %v", err)
	}
	for _, path := range configs {
		variables, err := reference.Variables(root, filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range variables {
			if !regexp.MustCompile(`(?m)^(# )?` + regexp.QuoteMeta(v.Name) + `=`).Match(data) {
				t.Errorf("%s: %s is not in .env.example; run make generate", v.Field, v.Name)
			}
			if v.Meaning == "" {
				t.Errorf("%s: %s has no comment", v.Field, v.Name)
			}
		}
	}
}

// A rule that finds nothing in a house that breaks it is no rule.
func TestRulesFindWhatBreaksThem(t *testing.T) {
	house := t.TempDir()
	for path, text := range map[string]string{
		"pkg/quiet/quiet.go":                        "package quiet\n",
		"pkg/told/told.go":                          "// Package told is documented.\npackage told\n",
		"services/auth/main.go":                     "// Command auth runs.\npackage main\n",
		"services/auth/internal/auth/auth.go":       "// Package auth is a domain.\npackage auth\n\nimport _ \"net/http\"\n",
		"services/auth/internal/api/api.go":         "// Package api may.\npackage api\n\nimport _ \"net/http\"\n",
		"services/auto-apply/internal/db/db.gen.go": "// Code generated by x. DO NOT EDIT.\n\npackage db\n",
		"services/auto-apply/internal/autoapply/a.go": "// Package autoapply knows too much.\npackage autoapply\n\nimport (\n\t_ \"" + module + "services/auth/internal/auth\"\n\t_ \"" +
			module + "services/auto-apply/internal/api\"\n)\n",
	} {
		path = filepath.Join(house, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := packages(t, house)
	for _, c := range []struct {
		rule func(*goPackage) []string
		want []string
	}{
		{undocumented, []string{"pkg/quiet:"}},
		{crossing, []string{"services/auto-apply/internal/autoapply/a.go imports " + module + "services/auth"}},
		{leaking, []string{"services/auth/internal/auth/auth.go imports net/http", "services/auto-apply/internal/autoapply/a.go imports " + module + "services/auto-apply/internal/api"}},
	} {
		got := broken(all, c.rule)
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}

package render

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/resume/internal/browser"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

var update = flag.Bool("update", false, "make the pictures of the templates anew (needs pdftoppm, of poppler-utils)")

func sample(t *testing.T) (r jsonresume.Resume) {
	t.Helper()
	raw, err := os.ReadFile("testdata/sample.json")
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// marked is a resume in which every text is the markup given.
func marked(t *testing.T, text string) (r jsonresume.Resume) {
	t.Helper()
	tree, err := sample(t).Tree()
	if err != nil {
		t.Fatal(err)
	}
	var mark func(v any, name string) any
	mark = func(v any, name string) any {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				v[k] = mark(x, k)
			}
		case []any:
			for i, x := range v {
				v[i] = mark(x, name)
			}
		case string:
			if strings.HasSuffix(name, "Date") || name == "date" || name == "countryCode" {
				return v
			}
			return text
		}
		return v
	}
	if r, err = jsonresume.FromTree(mark(tree, "").(map[string]any)); err != nil {
		t.Fatal(err)
	}
	return r
}

func document(r jsonresume.Resume, template string) Document {
	return Document{Resume: r, Options: Options{Template: template, Paper: "a4", Language: "en"}}
}

func printer(t *testing.T) *browser.Pool {
	t.Helper()
	p := browser.New(browser.Options{
		DriverDir: testkit.Env(t, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(t, "CHROMIUM_PATH"), Workers: 1, Idle: time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(p.Close)
	return p
}

// parts are the files in a DOCX, each well-formed.
func parts(t *testing.T, docx []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(docx), int64(len(docx)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(raw)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		out[f.Name] = string(raw)
	}
	return out
}

var tags = regexp.MustCompile(`<[^>]*>`)

func TestEveryFormatSaysAllThatTheResumeSays(t *testing.T) {
	t.Parallel()
	r := sample(t)
	words := []string{"Mara Lindqvist", "mara.lindqvist@example.com", "+49 30 5550 1423", "10997 Berlin, Germany", "github.com/maralind", "Nordlicht Payments", "Hamburg",
		"Mar 2021 – Present", "Sep 2015 – Jun 2017", "Uppsala University", "Grade: 4.8/5", "Courses: Distributed Systems", "OpenTelemetry", "tidewater", "1,900 stars", "Technologies: Go, Storage", "doi.example.org/10.1000/ledger",
		"Certified Kubernetes Administrator", "Best Paper", "Swedish", "Native", "Code your Future Berlin", "Letterpress printing"}
	for _, template := range Templates {
		d := document(r, template)
		html, err := HTML(d)
		if err != nil {
			t.Fatal(err)
		}
		docx, err := DOCX(d)
		if err != nil {
			t.Fatal(err)
		}
		for format, text := range map[string]string{
			"html": tags.ReplaceAllString(strings.ReplaceAll(html, "&#43;", "+"), ""), "docx": tags.ReplaceAllString(parts(t, docx)["word/document.xml"], ""),
			"txt": Text(d), "md": strings.ReplaceAll(Markdown(d), `\`, ""),
		} {
			flat := strings.Join(strings.Fields(text), " ")
			for _, w := range words {
				if !strings.Contains(flat, w) {
					t.Errorf("%s as %s lacks %q", template, format, w)
				}
			}
		}
	}
}

func TestForeignTextMeansNothing(t *testing.T) {
	t.Parallel()
	const bad = `</style></p><script>alert(1)</script><img src=x onerror=alert(1)>]]>&lt;{{.}}`
	for _, template := range Templates {
		d := document(marked(t, bad), template)
		html, err := HTML(d)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(html, "<script") || strings.Contains(html, "<img") || strings.Count(html, "</style>") != 1 {
			t.Errorf("%s: markup in a text became markup", template)
		}
		docx, err := DOCX(d)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(parts(t, docx)["word/document.xml"], "<script") {
			t.Errorf("%s: markup in a text became markup of the DOCX", template)
		}
		if md := Markdown(d); strings.Contains(md, "<script") && !strings.Contains(md, `\<script`) {
			t.Errorf("markup in Markdown: %.200s", md)
		}
	}
	for _, address := range []string{"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil", "http://", "\x01javascript:x"} {
		r := jsonresume.Resume{Basics: &jsonresume.Basics{URL: address}, Projects: []jsonresume.Project{{Name: "x", URL: address}}}
		html, err := HTML(document(r, "classic"))
		if err != nil || strings.Contains(html, "href=") {
			t.Errorf("%q became a link", address)
		}
	}
	if got := clean("a\u202eb\u0000c\u2066d\ufeff\te"); got != "abcd e" {
		t.Errorf("cleaned to %q", got)
	}
}

func TestHeadingsAndDatesAreOfTheLanguage(t *testing.T) {
	t.Parallel()
	r := jsonresume.Resume{Work: []jsonresume.Work{{Position: "x", StartDate: "2021-09-15"}, {Position: "y", StartDate: "2019", EndDate: "2020-02"}}}
	for lang, want := range map[string][]string{
		"en-GB": {"EXPERIENCE", "15 Sep 2021 – Present", "2019 – Feb 2020"}, "de": {"BERUFSERFAHRUNG", "15.09.2021 – heute", "2019 – 02/2020"},
		"fr-CA": {"EXPÉRIENCE PROFESSIONNELLE", "15/09/2021 – aujourd’hui"}, "es": {"EXPERIENCIA", "15/09/2021 – actualidad"}, "ja": {"EXPERIENCE"},
	} {
		text := Text(Document{Resume: r, Options: Options{Template: "classic", Language: lang}})
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", lang, w, text)
			}
		}
	}
}

func TestTheOrderIsTheUsersOrTheTemplates(t *testing.T) {
	t.Parallel()
	titles := func(d Document) (list []string) {
		for _, s := range d.view().Sections {
			list = append(list, s.Name)
		}
		return list
	}
	d := document(sample(t), "academic")
	if got := titles(d); slices.Index(got, "education") > slices.Index(got, "work") {
		t.Errorf("academic begins with %v", got)
	}
	d.Order = []string{"basics", "skills", "work"}
	if got := titles(d); !slices.Equal(got, d.Order) {
		t.Errorf("order %v", got)
	}
}

func TestOneResumeIsAlwaysTheSameDOCX(t *testing.T) {
	t.Parallel()
	d := document(sample(t), "modern")
	a, err := DOCX(d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := DOCX(d)
	if err != nil || !bytes.Equal(a, b) {
		t.Error("it differs")
	}
}

// A PDF is tagged, has its fonts in it, breaks no heading from what follows, and
// shows every script and word.
func TestPDF(t *testing.T) {
	t.Parallel()
	p := printer(t)
	long := strings.Repeat("Donaudampfschifffahrtselektrizitäten", 6)
	r := sample(t)
	r.Basics.Summary = "履歴書 简历\n" + long
	for range 12 {
		r.Work = append(r.Work, r.Work[1])
	}
	for _, template := range Templates {
		html, err := HTML(document(r, template))
		if err != nil {
			t.Fatal(err)
		}
		pdf, err := p.PDF(t.Context(), html)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "x.pdf")
		if err := os.WriteFile(file, pdf, 0o600); err != nil {
			t.Fatal(err)
		}
		if *update {
			html, _ = HTML(document(sample(t), template))
			if pdf, err = p.PDF(t.Context(), html); err == nil {
				err = os.WriteFile(file, pdf, 0o600)
			}
			if err == nil {
				err = exec.CommandContext(t.Context(), "pdftoppm", "-r", "75", "-singlefile", "-png", file, "previews/"+template).Run()
			}
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !bytes.Contains(pdf, []byte("/MarkInfo <</Type /MarkInfo\n/Marked true>>")) || !bytes.Contains(pdf, []byte("/StructTreeRoot")) {
			t.Errorf("%s is not tagged", template)
		}
		if pages := bytes.Count(pdf, []byte("/Type /Page\n")); pages < 3 {
			t.Errorf("%s has %d pages", template, pages)
		}
		// Type 3 fonts are pictures of glyphs, which programs read badly.
		if fonts, embedded := bytes.Count(pdf, []byte("/Type /FontDescriptor")), bytes.Count(pdf, []byte("/FontFile")); fonts == 0 || embedded < fonts || bytes.Contains(pdf, []byte("/Type3")) {
			t.Errorf("%s: %d fonts of %d are embedded", template, embedded, fonts)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add("*a* [b](c) <d>")
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []string{"<", "[", "*"} {
			if e := escape(s); strings.Count(e, c) != strings.Count(e, `\`+c) {
				t.Errorf("%q became %q", s, e)
			}
		}
	})
}

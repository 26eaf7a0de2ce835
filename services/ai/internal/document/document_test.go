package document_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/document"
	"github.com/jobpilot/jobpilot/services/ai/internal/document/doctest"
)

// cacheDir keeps PDFium compiled between runs of the tests.
var cacheDir = filepath.Join(os.TempDir(), "jobpilot-pdfium")

func TestMain(m *testing.M) {
	document.Worker()
	temp, err := os.MkdirTemp("", "jobpilot-document-")
	if err == nil {
		err = os.Setenv("TMPDIR", temp)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	// Whatever was read, hostile or not: nothing of it may stay behind.
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left in the temporary folder:", left, err)
		code = 1
	}
	_ = os.RemoveAll(temp)
	os.Exit(code)
}

func newReader(t testing.TB, limits document.Limits) *document.Reader {
	t.Helper()
	r := document.New(document.Config{CacheDir: cacheDir, Workers: 1, Limits: limits})
	t.Cleanup(r.Close)
	return r
}

func read(t *testing.T, data []byte) *document.Document {
	t.Helper()
	doc, err := newReader(t, document.Limits{}).Read(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// lines are the texts of all lines, tabs as bars.
func lines(doc *document.Document) []string {
	var out []string
	for _, p := range doc.Pages {
		for _, l := range p.Lines {
			out = append(out, strings.ReplaceAll(l.Text(), "\t", " | "))
		}
	}
	return out
}

func column(x, y float64, size float64, texts ...string) []doctest.Text {
	var out []doctest.Text
	for i, s := range texts {
		out = append(out, doctest.Text{X: x, Y: y + float64(i)*size*1.3, Size: size, S: s})
	}
	return out
}

func join(parts ...[]doctest.Text) []doctest.Text {
	var all []doctest.Text
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func TestReadingOrder(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text []doctest.Text
		want []string
	}{
		"dates at the right edge stay in their rows": {
			join(column(50, 60, 11, "Northwind Traders", "Clerk", "Counted what came in every day of the week and wrote it down."),
				[]doctest.Text{{X: 455, Y: 60, Size: 11, S: "2019 - 2021"}, {X: 482, Y: 74.3, Size: 11, S: "Hamburg"}}),
			[]string{"Northwind Traders | 2019 - 2021", "Clerk | Hamburg", "Counted what came in every day of the week and wrote it down."},
		},
		"a side bar is read before what stands beside it": {
			join(column(40, 100, 10, "CONTACT", "mia@example.org", "Leipzig", "SKILLS", "Welding", "Milling", "Drawing"),
				column(220, 104, 12, "EXPERIENCE", "Fitter at Stahlbau Nord", "Built frames for bridges and halls", "and measured them on site", "EDUCATION", "Trade school Leipzig")),
			[]string{"CONTACT", "mia@example.org", "Leipzig", "SKILLS", "Welding", "Milling", "Drawing",
				"EXPERIENCE", "Fitter at Stahlbau Nord", "Built frames for bridges and halls", "and measured them on site", "EDUCATION", "Trade school Leipzig"},
		},
		"cards side by side are read one after the other": {
			join(column(50, 60, 11, "Reading room", "Keeper", "January 2010 to May 2012"),
				column(320, 60, 11, "Map archive", "Assistant", "June 2012 to March 2014")),
			[]string{"Reading room", "Keeper", "January 2010 to May 2012", "Map archive", "Assistant", "June 2012 to March 2014"},
		},
		"labels stay beside what they label": {
			join([]doctest.Text{{X: 50, Y: 60, Size: 10, Bold: true, S: "Tools"}, {X: 50, Y: 74, Size: 10, Bold: true, S: "Trades"}},
				[]doctest.Text{{X: 160, Y: 60, Size: 10, S: "lathe, saw, press"}, {X: 160, Y: 74, Size: 10, S: "turning, sawing"}}),
			[]string{"Tools | lathe, saw, press", "Trades | turning, sawing"},
		},
		"letter-spaced headings are words": {
			[]doctest.Text{{X: 50, Y: 60, Size: 12, S: "S"}, {X: 66, Y: 60, Size: 12, S: "K"}, {X: 82, Y: 60, Size: 12, S: "I"}, {X: 93, Y: 60, Size: 12, S: "L"}, {X: 107, Y: 60, Size: 12, S: "L"}, {X: 121, Y: 60, Size: 12, S: "S"}},
			[]string{"SKILLS"},
		},
		"list marks are removed": {
			[]doctest.Text{{X: 50, Y: 60, Size: 10, S: "\u0095 Sorted the post"}, {X: 50, Y: 74, Size: 10, S: "- Answered calls"}},
			[]string{"Sorted the post", "Answered calls"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := lines(read(t, doctest.PDF(doctest.Page{Text: c.text})))
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestTypography(t *testing.T) {
	t.Parallel()
	doc := read(t, doctest.PDF(doctest.Page{
		Text:  []doctest.Text{{X: 50, Y: 60, Size: 20, Bold: true, S: "Ada Example"}, {X: 50, Y: 90, Size: 10, S: "profile"}, {X: 200, Y: 90, Size: 10, S: "Bremen"}},
		Links: []doctest.Link{{X0: 48, Y0: 80, X1: 90, Y1: 93, URL: "https://github.com/ada-example"}, {X0: 400, Y0: 80, X1: 420, Y1: 93, URL: "https://ada.example.org"}},
	}))
	p := doc.Pages[0]
	if s := p.Lines[0].Spans[0]; !s.Bold || s.Size != 20 {
		t.Errorf("heading: %+v", s)
	}
	if s := p.Lines[1].Spans[0]; s.Bold || s.Size != 10 || s.URL != "https://github.com/ada-example" {
		t.Errorf("link: %+v", s)
	}
	if len(p.Links) != 2 || p.Links[0].Text != "profile" || p.Links[1].Text != "" || p.Links[1].URL != "https://ada.example.org" {
		t.Errorf("links: %+v", p.Links)
	}
}

func TestWrappedLines(t *testing.T) {
	t.Parallel()
	doc := read(t, doctest.PDF(doctest.Page{Text: column(50, 60, 10,
		"Kept the accounts of three branches and of the head office, and prepared the yearly balance together with the tax",
		"adviser and the two owners.", "Short line", "Another short line")}))
	var got []bool
	for _, l := range doc.Pages[0].Lines {
		got = append(got, l.Wrapped)
	}
	if fmt.Sprint(got) != "[false true false false]" {
		t.Errorf("wrapped: %v", got)
	}
}

// Fonts without an italic are slanted by the program that prints.
func TestSlantedTextIsRead(t *testing.T) {
	t.Parallel()
	got := lines(read(t, doctest.PDF(doctest.Page{Content: "BT /F1 12 Tf 1 0 0.25 1 50 700 Tm (Reading room) Tj ET"})))
	if len(got) != 1 || got[0] != "Reading room" {
		t.Errorf("got %q", got)
	}
}

func TestJSONIsNoDocument(t *testing.T) {
	t.Parallel()
	if _, err := newReader(t, document.Limits{}).Read(t.Context(), []byte(`{"basics": {"name": "Ada Example"}}`)); !errors.Is(err, document.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestRunningHeadsAreDropped(t *testing.T) {
	t.Parallel()
	var pages []doctest.Page
	for i := range 3 {
		pages = append(pages, doctest.Page{Text: []doctest.Text{{X: 50, Y: 30, Size: 9, S: "CV of Ada Example"}, {X: 50, Y: 400, Size: 10, S: fmt.Sprintf("Body %c", 'a'+i)}, {X: 280, Y: 820, Size: 9, S: fmt.Sprintf("Page %d of 3", i+1)}}})
	}
	got := strings.Join(lines(read(t, doctest.PDF(pages...))), ";")
	if got != "CV of Ada Example;Body a;Body b;Body c" {
		t.Error(got)
	}
}

func TestRightToLeft(t *testing.T) {
	t.Parallel()
	// "שלום עולם 2020" as printed: the words from right to left, the letters of
	// each mirrored, the number not.
	doc := read(t, doctest.PDF(doctest.Page{Text: []doctest.Text{{X: 400, Y: 60, Size: 12, S: "םולש"}, {X: 370, Y: 60, Size: 12, S: "םלוע"}, {X: 340, Y: 60, Size: 12, S: "2020"}}}))
	if got := lines(doc)[0]; got != "שלום עולם 2020" {
		t.Errorf("got %q", got)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	encode := func(s string, big bool, mark bool) []byte {
		var b []byte
		units := utf16.Encode([]rune(s))
		if mark {
			units = append([]uint16{0xfeff}, units...)
		}
		for _, u := range units {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return b
	}
	want := "Jürgen Groß | 2019\nBäcker"
	plain := "Jürgen Groß\t2019\r\n\r\n- Bäcker\n"
	for name, data := range map[string][]byte{
		"UTF-8": []byte(plain), "UTF-8 with mark": []byte("\xef\xbb\xbf" + plain), "Latin-1": []byte("J\xfcrgen Gro\xdf\t2019\r\n\r\n- B\xe4cker\n"),
		"UTF-16LE": encode(plain, false, true), "UTF-16BE": encode(plain, true, true), "UTF-16LE without mark": encode(plain, false, false),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := read(t, data)
			if got := strings.Join(lines(doc), "\n"); got != want || doc.Format != document.Text {
				t.Errorf("%s: got %q", doc.Format, got)
			}
			if !doc.Pages[0].Lines[1].Bullet {
				t.Error("the list mark is lost")
			}
		})
	}
}

func p(text string) string {
	return `<w:p><w:r><w:t xml:space="preserve">` + text + `</w:t></w:r></w:p>`
}

func TestDOCX(t *testing.T) {
	t.Parallel()
	cell := func(ps ...string) string { return "<w:tc>" + strings.Join(ps, "") + "</w:tc>" }
	cases := map[string]struct {
		body  string
		parts map[string]string
		want  string
	}{
		"runs, tabs and breaks":          {`<w:p><w:r><w:t>Jo</w:t></w:r><w:r><w:t>iner</w:t><w:tab/><w:t>2019</w:t></w:r></w:p><w:p><w:r><w:t>one</w:t><w:br/><w:t>two</w:t></w:r></w:p>`, nil, "Joiner | 2019\none\ntwo"},
		"what was deleted or moved away": {`<w:p><w:del><w:r><w:t>gone</w:t></w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:ins><w:r><w:t>here</w:t></w:r></w:ins></w:p>`, nil, "here"},
		"a text box once":                {`<w:p><w:r><mc:AlternateContent><mc:Choice Requires="wps"><wps:txbx><w:txbxContent>` + p("boxed") + `</w:txbxContent></wps:txbx></mc:Choice><mc:Fallback>` + p("boxed") + `</mc:Fallback></mc:AlternateContent></w:r></w:p>`, nil, "boxed"},
		"field instructions":             {`<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>HYPERLINK "https://ada.example.org"</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>my page</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`, nil, "my page"},
		"rows of a table":                {`<w:tbl><w:tr>` + cell(p("2019 - 2021")) + cell(p("Joiner"), p("Built stairs")) + `</w:tr><w:tr>` + cell(p("Phone")) + cell(p("040 123")) + `</w:tr></w:tbl>`, nil, "2019 - 2021 | Joiner\nBuilt stairs\nPhone | 040 123"},
		"columns of a layout table":      {`<w:tbl><w:tr>` + cell(p("left one"), p("left two")) + cell(p("right one"), p("right two")) + `</w:tr></w:tbl>`, nil, "left one\nleft two\nright one\nright two"},
		"the page header first":          {p("body"), map[string]string{"word/_rels/document.xml.rels": `<Relationships><Relationship Id="r1" Type="x/header" Target="header1.xml"/></Relationships>`, "word/header1.xml": `<w:hdr>` + p("Ada Example") + `</w:hdr>`}, "Ada Example\nbody"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := read(t, doctest.DOCX(c.body, c.parts))
			if got := strings.Join(lines(doc), "\n"); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestDOCXStylesAndLinks(t *testing.T) {
	t.Parallel()
	doc := read(t, doctest.DOCX(
		`<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr><w:r><w:t>Experience</w:t></w:r></w:p>`+
			`<w:p><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr><w:r><w:rPr><w:b/><w:sz w:val="30"/></w:rPr><w:t>Bold</w:t></w:r><w:r><w:rPr><w:b w:val="0"/></w:rPr><w:t xml:space="preserve"> plain</w:t></w:r></w:p>`+
			`<w:p><w:hyperlink r:id="r7"><w:r><w:t>profile</w:t></w:r></w:hyperlink></w:p>`,
		map[string]string{
			"word/styles.xml":              `<w:styles><w:style w:styleId="H1"><w:name w:val="heading 1"/><w:rPr><w:b/><w:sz w:val="28"/></w:rPr></w:style></w:styles>`,
			"word/_rels/document.xml.rels": `<Relationships><Relationship Id="r7" Type="x/hyperlink" Target="https://github.com/ada-example"/></Relationships>`,
		}))
	l := doc.Pages[0].Lines
	if l[0].Heading != 2 || !l[0].Spans[0].Bold || l[0].Spans[0].Size != 14 {
		t.Errorf("heading: %+v", l[0])
	}
	if !l[1].Bullet || !l[1].Spans[0].Bold || l[1].Spans[0].Size != 15 || l[1].Spans[1].Bold {
		t.Errorf("runs: %+v", l[1])
	}
	if l[2].Spans[0].URL != "https://github.com/ada-example" || len(doc.Pages[0].Links) != 1 {
		t.Errorf("link: %+v", l[2])
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newReader(t, document.Limits{}).Read(ctx, doctest.PDF(doctest.Page{})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWorkersEndWhenIdle(t *testing.T) {
	t.Parallel()
	r := document.New(document.Config{CacheDir: cacheDir, Idle: time.Millisecond})
	t.Cleanup(r.Close)
	for range 3 {
		if _, err := r.Read(t.Context(), doctest.PDF(doctest.Page{Text: column(50, 60, 10, "again")})); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for r.Running() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d workers still run", r.Running())
		}
	}
}

func code(err error) string {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

package document_test

import (
	"bytes"
	"fmt"
	"image"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/document"
	"github.com/jobpilot/jobpilot/services/ai/internal/document/doctest"
)

// encrypted is a PDF that no empty password opens.
func encrypted() []byte {
	b := &doctest.Builder{}
	b.Add("<< /Type /Catalog /Pages 2 0 R >>")
	b.Add("<< /Type /Pages /Count 0 /Kids [] >>")
	key := strings.Repeat("ab", 32)
	n := b.Add(fmt.Sprintf("<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>", key, key))
	return b.Bytes(fmt.Sprintf("/Encrypt %d 0 R /ID [<00> <00>]", n))
}

// cyclic is a PDF whose page tree contains itself.
func cyclic() []byte {
	b := &doctest.Builder{}
	b.Add("<< /Type /Catalog /Pages 2 0 R >>")
	b.Add("<< /Type /Pages /Count 1000000000 /Kids [2 0 R 2 0 R] /Parent 2 0 R >>")
	return b.Bytes("")
}

// laughs is a PDF whose content draws forms that draw forms: 8 to the 9th times.
func laughs() []byte {
	b := &doctest.Builder{}
	b.Add("<< /Type /Catalog /Pages 2 0 R >>")
	b.Add("<< /Type /Pages /Count 1 /Kids [3 0 R] >>")
	b.Add("")
	font := b.Add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	form := b.Add(doctest.Stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 600 900] /Resources << /Font << /F %d 0 R >> >>", font),
		[]byte("BT /F 9 Tf 10 10 Td (ha) Tj ET")))
	for range 9 {
		form = b.Add(doctest.Stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 600 900] /Resources << /XObject << /X %d 0 R >> >>", form),
			[]byte(strings.Repeat("/X Do ", 8))))
	}
	content := b.Add(doctest.Stream("", []byte("/X Do")))
	b.Set(3, fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 900] /Contents %d 0 R /Resources << /XObject << /X %d 0 R >> >> >>", content, form))
	return b.Bytes("")
}

func TestHostile(t *testing.T) {
	t.Parallel()
	good := doctest.PDF(doctest.Page{Text: column(50, 60, 10, "Ada Example", "Joiner")})
	many := doctest.PDF(make([]doctest.Page, 2000)...)
	word := doctest.DOCX(p("Ada Example"), nil)
	deep := strings.Repeat("<w:tbl><w:tr><w:tc>", 2000)
	entries := map[string]string{"word/document.xml": "<w:document/>"}
	for i := range 3000 {
		entries[fmt.Sprintf("word/media/%d", i)] = ""
	}
	small := document.Limits{Bytes: 1 << 20, Characters: 2000, Inflated: 8 << 20, Time: 3 * time.Minute} // of a busy machine, under the race detector
	cases := map[string]struct {
		data []byte
		want string // code; empty when it is read
	}{
		"empty":                   {nil, "document_empty"},
		"blank":                   {[]byte(" \n\t\n"), "document_empty"},
		"a picture":               {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"), "unsupported_document"},
		"bytes without a meaning": {bytes.Repeat([]byte{0, 1, 2, 0xff, 0xfe, 7}, 400), "unsupported_document"},
		"an archive of anything":  {doctest.Zip(map[string]string{"a.txt": "hello"}), "unsupported_document"},
		"too many bytes":          {bytes.Repeat([]byte("text "), 1<<19), "document_too_large"},
		"a text without an end":   {bytes.Repeat([]byte("text "), 1000), "document_too_large"},

		"PDF by name only":       {[]byte("%PDF-1.7\nnothing of the kind"), "document_unreadable"},
		"PDF cut off":            {good[:len(good)/4], "document_unreadable"},
		"PDF with a password":    {encrypted(), "document_encrypted"},
		"PDF within itself":      {cyclic(), "document_empty"},
		"PDF that draws forever": {laughs(), "document_too_complex"},
		"PDF of no text":         {doctest.PDF(doctest.Page{}), "document_empty"},
		"PDF of endless text":    {doctest.PDF(doctest.Page{Text: column(10, 10, 1, strings.Repeat("word ", 1000))}), "document_too_large"},
		"PDF of a huge picture":  {doctest.PDF(doctest.Page{Width: 14000, Height: 14000, Content: "0 0 14000 14000 re f"}), "document_empty"},
		"PDF of 2,000 pages":     {many, "document_empty"},

		"DOCX cut off":                 {word[:len(word)/2], "document_unreadable"},
		"DOCX with a password":         {append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")...), "document_encrypted"},
		"DOCX that unpacks to a lot":   {doctest.DOCX(strings.Repeat(" ", 20<<20), nil), "document_too_large"},
		"DOCX of styles without end":   {doctest.DOCX(p("x"), map[string]string{"word/styles.xml": "<w:styles>" + strings.Repeat("<w:style/>", 1<<20)}), "document_too_large"},
		"DOCX nested without end":      {doctest.DOCX(deep, nil), "document_unreadable"},
		"DOCX of too many parts":       {doctest.Zip(entries), "document_too_large"},
		"DOCX of endless text":         {doctest.DOCX(p(strings.Repeat("word ", 1000)), nil), "document_too_large"},
		"DOCX that is not XML":         {doctest.DOCX("<w:p><w:r></w:p>", map[string]string{"word/document.xml": "<w:document><w:p"}), "document_unreadable"},
		"DOCX with entities":           {doctest.DOCX("", map[string]string{"word/document.xml": `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><w:document><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:document>`}), "document_unreadable"},
		"DOCX with links to itself":    {doctest.DOCX(p("x"), map[string]string{"word/_rels/document.xml.rels": `<Relationships><Relationship Id="a" Type="/header" Target="../../../../etc/passwd"/></Relationships>`}), ""},
		"DOCX of styles in a circle":   {doctest.DOCX(p("x"), map[string]string{"word/styles.xml": `<w:styles><w:style w:styleId="a"><w:basedOn w:val="b"/></w:style><w:style w:styleId="b"><w:basedOn w:val="a"/></w:style></w:styles>`}), ""},
		"DOCX without an end of cells": {doctest.DOCX("<w:tc></w:tc><w:tr></w:tr>"+p("x"), nil), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := small
			if c.want == "document_too_complex" {
				limits.Time = 5 * time.Second
			}
			_, err := newReader(t, limits).Read(t.Context(), c.data)
			if c.want == "" && err != nil || c.want != "" && code(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A file that kills its worker does not take others with it.
func TestReaderGoesOnAfterHostileFiles(t *testing.T) {
	t.Parallel()
	r := newReader(t, document.Limits{Time: 3 * time.Second})
	if _, err := r.Read(t.Context(), laughs()); code(err) != "document_too_complex" {
		t.Fatalf("got %v", err)
	}
	doc, err := r.Read(t.Context(), doctest.PDF(doctest.Page{Text: column(50, 60, 10, "Ada Example")}))
	if err != nil || lines(doc)[0] != "Ada Example" {
		t.Errorf("got %v, %v", doc, err)
	}
	if n := r.Running(); n != 1 {
		t.Errorf("%d workers run", n)
	}
}

func TestPagesLeftOut(t *testing.T) {
	t.Parallel()
	pages := make([]doctest.Page, 5)
	for i := range pages {
		pages[i].Text = column(50, 200, 10, fmt.Sprintf("Page of letter %c", 'a'+i))
	}
	doc, err := newReader(t, document.Limits{Pages: 2}).Read(t.Context(), doctest.PDF(pages...))
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Pages) != 2 || len(doc.Warnings) != 1 || doc.Warnings[0].Code != "pages_left_out" {
		t.Errorf("%d pages, %v", len(doc.Pages), doc.Warnings)
	}
}

// scan is a page that is a picture of its text.

func scan(t *testing.T) []byte {
	t.Helper()
	picture, err := document.Render(cacheDir, doctest.PDF(doctest.Page{Text: join(
		[]doctest.Text{{X: 60, Y: 80, Size: 26, S: "Ada Example"}}, column(60, 140, 14, "Joiner and carpenter", "ada@example.org"))}))
	if err != nil {
		t.Fatal(err)
	}
	return doctest.PDF(doctest.Page{Image: picture})
}

func TestScansAreRecognised(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tesseract"); err != nil {
		t.Fatal("tesseract is missing; install it: apt-get install tesseract-ocr")
	}
	doc := read(t, scan(t))
	text := doc.Text()
	if !strings.Contains(text, "Ada Example") || !strings.Contains(text, "Joiner and carpenter") || !strings.Contains(text, "ada@example.org") {
		t.Errorf("read %q", text)
	}
	if !doc.Pages[0].OCR || len(doc.Warnings) != 1 || doc.Warnings[0].Code != "read_by_ocr" {
		t.Errorf("warnings: %v", doc.Warnings)
	}
	if l := doc.Pages[0].Lines; l[0].Spans[0].Size < 1.4*l[1].Spans[0].Size {
		t.Errorf("the heading is %.1f, the text %.1f points", l[0].Spans[0].Size, l[1].Spans[0].Size)
	}
}

func TestScansWithoutTesseract(t *testing.T) {
	t.Parallel()
	r := document.New(document.Config{CacheDir: cacheDir, Tesseract: "tesseract-that-is-not-there"})
	t.Cleanup(r.Close)
	_, err := r.Read(t.Context(), scan(t))
	if code(err) != "document_empty" || !strings.Contains(err.Error(), "recognition is not installed") {
		t.Errorf("got %v", err)
	}
	doc, err := r.Read(t.Context(), doctest.PDF(doctest.Page{Text: column(50, 60, 10, "Ada Example")}, doctest.Page{Image: image.NewGray(image.Rect(0, 0, 20, 20))}))
	if err != nil || len(doc.Warnings) != 1 || doc.Warnings[0].Code != "ocr_missing" || doc.Warnings[0].Page != 2 {
		t.Errorf("got %+v, %v", doc, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("Ada Example\n\n- Joiner\t2019"))
	f.Add([]byte("\xff\xfeA\x00"))
	f.Add(doctest.DOCX(p("Ada")+`<w:tbl><w:tr><w:tc>`+p("a")+`</w:tc><w:tc>`+p("b")+`</w:tc></w:tr></w:tbl>`, nil))
	r := document.New(document.Config{Limits: document.Limits{Bytes: 1 << 16}})
	f.Cleanup(r.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
			t.Skip("PDFium has fuzzers of its own")
		}
		doc, err := r.Read(t.Context(), data)
		if err == nil && doc.Text() == "" {
			t.Error("nothing, and no error")
		}
		if err != nil && code(err) == "" {
			t.Error(err)
		}
	})
}

func FuzzDocumentXML(f *testing.F) {
	f.Add(p("Ada") + `<w:p><w:r><w:tab/><w:br/><w:fldChar w:fldCharType="end"/></w:r></w:p><w:tr><w:tc></w:tr>`)
	r := document.New(document.Config{Limits: document.Limits{Bytes: 1 << 16}})
	f.Cleanup(r.Close)
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := r.Read(t.Context(), doctest.DOCX(body, nil)); err != nil && code(err) == err.Error() {
			t.Error(err)
		}
	})
}

// BenchmarkRead reads a PDF of a full page, and extracts its text alone for the
// ratio.
func BenchmarkRead(b *testing.B) {
	var text []doctest.Text
	for i := range 50 {
		text = append(text, doctest.Text{X: 50, Y: 50 + float64(i)*15, Size: 10, S: "Kept the accounts of three branches and of the head office, and balanced them."})
	}
	data := doctest.PDF(doctest.Page{Text: text})
	r := newReader(b, document.Limits{})
	plain, err := document.NewPlain(cacheDir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(plain.Close)
	var whole, alone time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := r.Read(b.Context(), data); err != nil {
			b.Fatal(err)
		}
		whole += time.Since(start)
		start = time.Now()
		if err := plain.Text(data); err != nil {
			b.Fatal(err)
		}
		alone += time.Since(start)
	}
	b.ReportMetric(float64(whole)/float64(alone), "×text")
}

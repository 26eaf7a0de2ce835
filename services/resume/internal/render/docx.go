package render

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// look is what differs between the templates in Word. Sizes are half points,
// lengths twentieths of a point (ECMA-376 part 1 §17.18).
type look struct {
	font, headings string
	size           int
	color          string // of headings
	caps, centered bool
	rule           bool // under headings
	nameSize       int
	margin, gap    int // of the page; before a section
	side           string
}

var looks = map[string]look{
	"classic":  {font: "Cambria", headings: "Cambria", size: 21, color: "2B3A55", caps: true, centered: true, rule: true, nameSize: 46, margin: 1080, gap: 260},
	"modern":   {font: "Calibri", headings: "Calibri", size: 20, color: "14303F", rule: true, nameSize: 48, margin: 850, gap: 280, side: "E6EEF1"},
	"compact":  {font: "Arial", headings: "Arial", size: 19, color: "000000", rule: true, nameSize: 34, margin: 850, gap: 160},
	"academic": {font: "Times New Roman", headings: "Times New Roman", size: 22, color: "7A1F1F", nameSize: 42, margin: 1300, gap: 300},
}

// papers are the sizes of pages, in twentieths of a point.
var papers = map[string][2]int{"a4": {11906, 16838}, "letter": {12240, 15840}}

// DOCX is a resume as a Word document (ECMA-376): with real headings, lists and
// links, so that it can be edited, and read by machines.
func DOCX(d Document) ([]byte, error) {
	l, ok := looks[d.Template]
	if !ok {
		return nil, fmt.Errorf("render: no template %q", d.Template)
	}
	size, ok := papers[d.Paper]
	if !ok {
		size = papers["a4"]
	}
	v := d.view()
	w := &docx{look: l, width: size[0] - 2*l.margin}
	w.document(v)
	section := fmt.Sprintf(`<w:sectPr><w:pgSz w:w="%d" w:h="%d"/><w:pgMar w:top="%[3]d" w:right="%[3]d" w:bottom="%[3]d" w:left="%[3]d" w:header="500" w:footer="500" w:gutter="0"/></w:sectPr>`,
		size[0], size[1], l.margin)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, part := range []struct{ name, content string }{
		{"[Content_Types].xml", contentTypes},
		{"_rels/.rels", packageRels},
		{"docProps/core.xml", fmt.Sprintf(coreProperties, escapeXML(join(" – ", v.Name, v.Label)), escapeXML(v.Name), escapeXML(d.Language))},
		{"word/document.xml", documentHead + w.b.String() + section + `</w:body></w:document>`},
		{"word/styles.xml", l.styles(d.Language)},
		{"word/numbering.xml", numbering},
		{"word/settings.xml", settings},
		{"word/_rels/document.xml.rels", w.relations()},
	} {
		// The same resume gives the same bytes: no time of writing.
		f, err := z.CreateHeader(&zip.FileHeader{Name: part.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err == nil {
			_, err = f.Write([]byte(part.content))
		}
		if err != nil {
			return nil, fmt.Errorf("render: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	return out.Bytes(), nil
}

// docx writes the body of a document.
type docx struct {
	look
	b     strings.Builder
	width int // of the text
	tab   int // where the right-aligned dates end
	links []string
}

func (w *docx) document(v view) {
	if w.side == "" {
		w.tab = w.width
		w.top(v)
		w.contacts(v, false)
		for _, s := range v.Sections {
			w.section(s)
		}
		return
	}
	// Two columns are a table of one row, the side bar its shaded second cell.
	side := w.width * 32 / 100
	w.tab = w.width - side - 340
	cell := func(width int, shade string) {
		fill := ""
		if shade != "" {
			fill = `<w:shd w:val="clear" w:color="auto" w:fill="` + shade + `"/>`
		}
		fmt.Fprintf(&w.b, `<w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/>%s</w:tcPr>`, width, fill)
	}
	fmt.Fprintf(&w.b, `<w:tbl><w:tblPr><w:tblW w:w="%d" w:type="dxa"/><w:tblLayout w:type="fixed"/><w:tblCellMar><w:top w:w="120" w:type="dxa"/><w:left w:w="170" w:type="dxa"/><w:bottom w:w="120" w:type="dxa"/><w:right w:w="170" w:type="dxa"/></w:tblCellMar></w:tblPr><w:tblGrid><w:gridCol w:w="%d"/><w:gridCol w:w="%d"/></w:tblGrid><w:tr>`,
		w.width, w.width-side, side)
	// The name comes first, for who reads the cells in their order.
	cell(w.width-side, "")
	w.top(v)
	for _, s := range v.Sections {
		if !slices.Contains(aside, s.Name) {
			w.section(s)
		}
	}
	w.b.WriteString(`</w:tc>`)
	cell(side, w.side)
	w.paragraph("Heading1", w.run(v.words.contact, ""))
	w.contacts(v, true)
	for _, s := range v.Sections {
		if slices.Contains(aside, s.Name) {
			w.section(s)
		}
	}
	w.b.WriteString(`</w:tc></w:tr></w:tbl>`)
	w.paragraph("Normal", "") // Word wants one after a table
}

func (w *docx) top(v view) {
	if v.Name != "" {
		w.paragraph("Title", w.run(v.Name, ""))
	}
	if v.Label != "" {
		w.paragraph("Subtitle", w.run(v.Label, ""))
	}
}

func (w *docx) contacts(v view, lines bool) {
	var runs []string
	for _, c := range v.Contacts {
		runs = append(runs, w.anchor(c.Text, string(c.URL), ""))
	}
	if !lines && len(runs) > 0 {
		runs = []string{strings.Join(runs, w.run(" | ", ""))}
	}
	for _, r := range runs {
		w.paragraph("Contact", r)
	}
}

func (w *docx) section(s section) {
	w.paragraph("Heading1", w.run(s.Title, ""))
	for _, p := range s.Paragraphs {
		w.paragraph("Normal", w.run(p, ""))
	}
	for _, e := range s.Entries {
		w.entry(s, e)
	}
	for _, i := range s.Items {
		text := w.run(i.Label, `<w:b/>`)
		if i.Text != "" {
			text += w.run(": "+i.Text, "")
		}
		w.paragraph("ListBullet", text)
	}
}

func (w *docx) entry(s section, e entry) {
	head := w.run(e.Title, "")
	if e.Dates != "" && (w.side == "" || !slices.Contains(aside, s.Name)) {
		head += `<w:r><w:tab/></w:r>` + w.run(e.Dates, `<w:b w:val="0"/>`)
	}
	if e.Title != "" || e.Dates != "" {
		w.paragraph("Heading2", head)
	}
	if e.Subtitle != "" {
		href := string(e.URL)
		if e.Shown != "" {
			href = ""
		}
		where := w.anchor(e.Subtitle, href, "")
		if e.Place != "" {
			where += `<w:r><w:tab/></w:r>` + w.run(e.Place, "")
		}
		w.paragraph("Where", where)
	}
	if e.Shown != "" {
		w.paragraph("Normal", w.anchor(e.Shown, string(e.URL), ""))
	}
	if w.side != "" && slices.Contains(aside, s.Name) && e.Dates != "" {
		w.paragraph("Normal", w.run(e.Dates, ""))
	}
	for _, p := range e.Paragraphs {
		w.paragraph("Normal", w.run(p, ""))
	}
	for _, p := range e.Bullets {
		w.paragraph("ListBullet", w.run(p, ""))
	}
	if e.Note != "" {
		w.paragraph("Normal", w.run(e.Note, `<w:i/>`))
	}
}

func (w *docx) paragraph(style, runs string) {
	properties := `<w:pStyle w:val="` + style + `"/>`
	if style == "Heading2" || style == "Where" {
		properties += fmt.Sprintf(`<w:tabs><w:tab w:val="right" w:pos="%d"/></w:tabs>`, w.tab)
	}
	if strings.Contains(runs, `<w:rtl/>`) {
		properties += `<w:bidi/>`
	}
	w.b.WriteString(`<w:p><w:pPr>` + properties + `</w:pPr>` + runs + `</w:p>`)
}

func (w *docx) run(text, properties string) string {
	if text == "" {
		return ""
	}
	if rightToLeft(text) {
		properties += `<w:rtl/>`
	}
	if properties != "" {
		properties = `<w:rPr>` + properties + `</w:rPr>`
	}
	return `<w:r>` + properties + `<w:t xml:space="preserve">` + escapeXML(text) + `</w:t></w:r>`
}

func (w *docx) anchor(text, href, properties string) string {
	if href == "" {
		return w.run(text, properties)
	}
	w.links = append(w.links, href)
	return fmt.Sprintf(`<w:hyperlink r:id="link%d" w:history="1">%s</w:hyperlink>`, len(w.links), w.run(text, properties))
}

func (w *docx) relations() string {
	var b strings.Builder
	b.WriteString(xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="styles" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>` +
		`<Relationship Id="numbering" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/numbering" Target="numbering.xml"/>` +
		`<Relationship Id="settings" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/settings" Target="settings.xml"/>`)
	for i, href := range w.links {
		fmt.Fprintf(&b, `<Relationship Id="link%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink" Target="%s" TargetMode="External"/>`, i+1, escapeXML(href))
	}
	b.WriteString(`</Relationships>`)
	return b.String()
}

// rightToLeft reports whether the first letter is of a script written so.
func rightToLeft(s string) bool {
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana):
			return true
		case unicode.IsLetter(r) && r > 127:
			return false
		}
	}
	return false
}

// escapeXML escapes a text, and replaces what XML 1.0 cannot hold.
func escapeXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

// styles are the document's styles, under the names that Word gives them.
func (l look) styles(lang string) string {
	align, caps, rule := "", "", ""
	if l.centered {
		align = `<w:jc w:val="center"/>`
	}
	if l.caps {
		caps = `<w:caps/><w:spacing w:val="16"/>`
	}
	if l.rule {
		rule = `<w:pBdr><w:bottom w:val="single" w:sz="6" w:space="1" w:color="` + l.color + `"/></w:pBdr>`
	}
	fonts := func(name string) string {
		return fmt.Sprintf(`<w:rFonts w:ascii="%[1]s" w:hAnsi="%[1]s" w:cs="%[1]s" w:eastAsia="Noto Sans CJK SC"/>`, name)
	}
	size := func(n int) string { return fmt.Sprintf(`<w:sz w:val="%[1]d"/><w:szCs w:val="%[1]d"/>`, n) }
	var b strings.Builder
	b.WriteString(xml.Header + `<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:docDefaults><w:rPrDefault><w:rPr>` +
		fonts(l.font) + size(l.size) + `<w:lang w:val="` + escapeXML(lang) + `"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after="40" w:line="264" w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults>`)
	style := func(id, name, base, paragraph, run string) {
		more := `<w:basedOn w:val="` + base + `"/><w:next w:val="Normal"/>`
		if base == "" {
			more = ""
		}
		def := ""
		if id == "Normal" {
			def = ` w:default="1"`
		}
		fmt.Fprintf(&b, `<w:style w:type="paragraph"%s w:styleId="%s"><w:name w:val="%s"/>%s<w:qFormat/><w:pPr>%s</w:pPr><w:rPr>%s</w:rPr></w:style>`, def, id, name, more, paragraph, run)
	}
	style("Normal", "Normal", "", `<w:widowControl/>`, "")
	style("Title", "Title", "Normal", `<w:keepNext/><w:spacing w:after="20" w:line="240" w:lineRule="auto"/>`+align, fonts(l.headings)+`<w:b/><w:color w:val="`+l.color+`"/>`+size(l.nameSize))
	style("Subtitle", "Subtitle", "Normal", `<w:keepNext/><w:spacing w:after="60"/>`+align, `<w:color w:val="555555"/>`+size(l.size+3))
	style("Contact", "Contact", "Normal", `<w:spacing w:after="20"/>`+align, size(l.size-1))
	style("Heading1", "heading 1", "Normal", fmt.Sprintf(`<w:keepNext/><w:keepLines/>%s<w:spacing w:before="%d" w:after="90"/><w:outlineLvl w:val="0"/>`, rule, l.gap), fonts(l.headings)+`<w:b/>`+caps+`<w:color w:val="`+l.color+`"/>`+size(l.size+3))
	style("Heading2", "heading 2", "Normal", `<w:keepNext/><w:keepLines/><w:spacing w:before="110" w:after="0"/><w:outlineLvl w:val="1"/>`, fonts(l.headings)+`<w:b/>`)
	style("Where", "Where", "Normal", `<w:keepNext/><w:spacing w:after="20"/>`, `<w:i/><w:color w:val="444444"/>`)
	style("ListBullet", "List Bullet", "Normal", `<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr><w:spacing w:after="20"/><w:contextualSpacing/>`, "")
	b.WriteString(`</w:styles>`)
	return b.String()
}

const (
	contentTypes = xml.Header + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/><Override PartName="/word/numbering.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"/><Override PartName="/word/settings.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`

	packageRels = xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="document" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/><Relationship Id="core" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`

	coreProperties = xml.Header + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>%s</dc:title><dc:creator>%s</dc:creator><dc:language>%s</dc:language></cp:coreProperties>`

	documentHead = xml.Header + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:body>`

	numbering = xml.Header + `<w:numbering xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:abstractNum w:abstractNumId="0"><w:multiLevelType w:val="hybridMultilevel"/><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/><w:lvlJc w:val="left"/><w:pPr><w:ind w:left="284" w:hanging="227"/></w:pPr></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>`

	settings = xml.Header + `<w:settings xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:defaultTabStop w:val="708"/><w:compat><w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat></w:settings>`
)

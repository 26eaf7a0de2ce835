// Package doctest makes small documents for tests: PDFs with text at given places
// and DOCX files of given parts.
package doctest

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"sort"
	"strings"
	"unicode/utf16"
)

// Text is a string drawn with its baseline at X, Y: points from the top left.
type Text struct {
	X, Y, Size float64
	Bold       bool
	S          string
}

// Link is an annotation over a rectangle.
type Link struct {
	X0, Y0, X1, Y1 float64
	URL            string
}

// Page is A4 unless it has a size.
type Page struct {
	Width, Height float64
	Text          []Text
	Links         []Link
	Image         *image.Gray // over the whole page
	Content       string      // further operators
}

// Builder collects the objects of a PDF; object 1 is the catalog, 2 the pages.
type Builder struct{ objects []string }

// Add appends an object and returns its number.
func (b *Builder) Add(body string) int {
	b.objects = append(b.objects, body)
	return len(b.objects)
}

// Set replaces an object.
func (b *Builder) Set(n int, body string) { b.objects[n-1] = body }

// Stream is the body of a compressed stream object with further entries.
func Stream(entries string, data []byte) string {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(data)
	_ = w.Close()
	return fmt.Sprintf("<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", entries, z.Len(), z.String())
}

// Bytes writes the file; trailer has further entries of the trailer.
func (b *Builder) Bytes(trailer string) []byte {
	var f bytes.Buffer
	f.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	at := make([]int, len(b.objects))
	for i, o := range b.objects {
		at[i] = f.Len()
		fmt.Fprintf(&f, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := f.Len()
	fmt.Fprintf(&f, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&f, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&f, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, trailer, start)
	return f.Bytes()
}

// PDF makes a file of pages in Helvetica. Characters outside Latin-1 get a font
// of their own that maps its codes to them.
func PDF(pages ...Page) []byte {
	b := &Builder{}
	b.Add("<< /Type /Catalog /Pages 2 0 R >>")
	b.Add("")
	codes := map[rune]byte{}
	for _, p := range pages {
		for _, t := range p.Text {
			for _, c := range t.S {
				if c > 255 && codes[c] == 0 {
					codes[c] = byte(len(codes) + 33)
				}
			}
		}
	}
	plain := b.Add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	bold := b.Add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>")
	mapped := mappedFont(b, codes)
	var kids []string
	for _, p := range pages {
		if p.Width == 0 {
			p.Width, p.Height = 595, 842
		}
		var c strings.Builder
		xobject := ""
		if p.Image != nil {
			size := p.Image.Bounds().Size()
			img := b.Add(Stream(fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8", size.X, size.Y), p.Image.Pix))
			xobject = fmt.Sprintf("/XObject << /Im %d 0 R >>", img)
			fmt.Fprintf(&c, "q %g 0 0 %g 0 0 cm /Im Do Q\n", p.Width, p.Height)
		}
		for _, t := range p.Text {
			font, text := "F1", t.S
			if t.Bold {
				font = "F2"
			}
			var codesOf []byte
			for _, r := range text {
				if r > 255 {
					font = "F3"
				}
			}
			for _, r := range text {
				switch {
				case font == "F3" && codes[r] != 0:
					codesOf = append(codesOf, codes[r])
				case r == '(' || r == ')' || r == '\\':
					codesOf = append(codesOf, '\\', byte(r))
				default:
					codesOf = append(codesOf, byte(r))
				}
			}
			if font == "F3" {
				fmt.Fprintf(&c, "BT /%s %g Tf 1 0 0 1 %g %g Tm <%x> Tj ET\n", font, t.Size, t.X, p.Height-t.Y, codesOf)
			} else {
				fmt.Fprintf(&c, "BT /%s %g Tf 1 0 0 1 %g %g Tm (%s) Tj ET\n", font, t.Size, t.X, p.Height-t.Y, codesOf)
			}
		}
		c.WriteString(p.Content)
		content := b.Add(Stream("", []byte(c.String())))
		var annots []string
		for _, l := range p.Links {
			annots = append(annots, fmt.Sprintf("<< /Type /Annot /Subtype /Link /Rect [%g %g %g %g] /A << /S /URI /URI (%s) >> >>", l.X0, p.Height-l.Y1, l.X1, p.Height-l.Y0, l.URL))
		}
		page := b.Add(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents %d 0 R /Annots [%s] /Resources << /Font << /F1 %d 0 R /F2 %d 0 R /F3 %d 0 R >> %s >> >>",
			p.Width, p.Height, content, strings.Join(annots, " "), plain, bold, mapped, xobject))
		kids = append(kids, fmt.Sprintf("%d 0 R", page))
	}
	b.Set(2, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(kids), strings.Join(kids, " ")))
	return b.Bytes("")
}

// mappedFont has a ToUnicode map (ISO 32000-1, 9.10.3) and half an em for each character.
func mappedFont(b *Builder, codes map[rune]byte) int {
	runes := make([]rune, 0, len(codes))
	for r := range codes {
		runes = append(runes, r)
	}
	sort.Slice(runes, func(i, j int) bool { return codes[runes[i]] < codes[runes[j]] })
	var m strings.Builder
	m.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def\n1 begincodespacerange <00> <ff> endcodespacerange\n")
	for _, r := range runes {
		m.WriteString("1 beginbfchar <" + fmt.Sprintf("%02x", codes[r]) + "> <")
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&m, "%04x", u)
		}
		m.WriteString("> endbfchar\n")
	}
	m.WriteString("endcmap end end\n")
	cmap := b.Add(Stream("", []byte(m.String())))
	return b.Add(fmt.Sprintf("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /FirstChar 32 /LastChar 255 /Widths [%s] /ToUnicode %d 0 R >>",
		strings.Repeat("500 ", 224), cmap))
}

// Namespaces declares the prefixes that Word uses.
const Namespaces = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"`

// DOCX makes a file with this body and further parts by name.
func DOCX(body string, parts map[string]string) []byte {
	all := map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
		"word/document.xml":   `<?xml version="1.0" encoding="UTF-8"?><w:document ` + Namespaces + `><w:body>` + body + `</w:body></w:document>`,
	}
	for name, content := range parts {
		all[name] = content
	}
	return Zip(all)
}

// Zip makes an archive.
func Zip(parts map[string]string) []byte {
	var f bytes.Buffer
	z := zip.NewWriter(&f)
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(parts[name]))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return f.Bytes()
}

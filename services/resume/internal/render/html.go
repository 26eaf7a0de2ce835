package render

import (
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

//go:embed templates/*.tmpl templates/*.css
var files embed.FS

var pages = template.Must(template.New("").ParseFS(files, "templates/*.tmpl"))

// styles are the style sheets of the templates; they are the program's own.
var styles = func() map[string]string {
	m := map[string]string{}
	base := file("base.css")
	for _, name := range Templates {
		m[name] = base + file(name+".css")
	}
	return m
}()

func file(name string) string {
	b, err := files.ReadFile("templates/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// Templates are the names of the templates.
var Templates = []string{"classic", "modern", "compact", "academic"}

// aside are the sections of the side bar of a document of two columns.
var aside = []string{"skills", "languages", "certificates", "interests"}

// HTML is a resume as a page to be printed. All foreign text in it is escaped,
// and it refers to nothing outside itself.
func HTML(d Document) (string, error) {
	style, ok := styles[d.Template]
	if !ok {
		return "", fmt.Errorf("render: no template %q", d.Template)
	}
	paper := "A4"
	if d.Paper == "letter" {
		paper = "letter"
	}
	v := d.view()
	data := struct {
		view
		Lang, Title, Template, ContactTitle string
		CSS                                 template.CSS
		Main, Side                          []section
	}{
		view: v, Lang: d.Language, Title: join(" – ", v.Name, v.Label), Template: d.Template, ContactTitle: v.words.contact,
		CSS: template.CSS("@page { size: " + paper + "; }\n" + style), //nolint:gosec // the program's own
	}
	for _, s := range v.Sections {
		if slices.Contains(aside, s.Name) {
			data.Side = append(data.Side, s)
		} else {
			data.Main = append(data.Main, s)
		}
	}
	var b strings.Builder
	if err := pages.ExecuteTemplate(&b, "page", data); err != nil {
		return "", fmt.Errorf("render: %w", err)
	}
	return b.String(), nil
}

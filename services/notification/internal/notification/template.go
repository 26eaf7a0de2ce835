package notification

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

//go:embed templates
var files embed.FS

// languages that everything is written in; the first is for all others.
var languages = []string{"en", "de"}

// Template is how messages of a kind are written in a language.
type Template struct {
	Kind, Language            string
	Version                   int
	Subject, Body, Text, HTML string
	CreatedAt                 time.Time
}

// Written is a message in words.
type Written struct {
	Subject string // one line
	Body    string // paragraphs of plain text, without link and footer
	Text    string // of a mail
	HTML    string // of a mail
}

// catalogue is the form of templates/<language>.yaml.
type catalogue struct {
	Layout struct{ Why, Unsubscribe string }
	Kinds  map[string]struct{ Subject, Body, Action string }
}

// shipped are the templates that this version of the service comes with.
var shipped = sync.OnceValues(func() ([]Template, error) {
	layouts := map[string]*template.Template{}
	for _, name := range []string{"layout.txt", "layout.html"} {
		raw, err := files.ReadFile("templates/" + name)
		if err != nil {
			return nil, err
		}
		if layouts[name], err = template.New(name).Delims("[[", "]]").Parse(string(raw)); err != nil {
			return nil, err
		}
	}
	var list []Template
	for _, language := range languages {
		raw, err := files.ReadFile("templates/" + language + ".yaml")
		if err != nil {
			return nil, err
		}
		var c catalogue
		if err := yaml.Unmarshal(raw, &c); err != nil {
			return nil, fmt.Errorf("templates/%s.yaml: %w", language, err)
		}
		for kind, k := range c.Kinds {
			t := Template{Kind: kind, Language: language, Version: 1, Subject: k.Subject, Body: strings.TrimSpace(k.Body)}
			words := struct{ Language, Action, Why, UnsubscribeLabel string }{language, k.Action, c.Layout.Why, c.Layout.Unsubscribe}
			for name, to := range map[string]*string{"layout.txt": &t.Text, "layout.html": &t.HTML} {
				var out strings.Builder
				if err := layouts[name].Execute(&out, words); err != nil {
					return nil, err
				}
				*to = out.String()
			}
			list = append(list, t)
		}
	}
	return list, nil
})

// templates are those in use, parsed; read from the database when first needed.
type templates struct {
	mu     sync.Mutex
	parsed map[[2]string]*parsed
}

type parsed struct {
	Template
	subject, body, text *template.Template
	html                *htmltemplate.Template
}

// load seeds the table with what this version ships and reads what is in use.
func (s *Service) load(ctx context.Context) (map[[2]string]*parsed, error) {
	s.templates.mu.Lock()
	defer s.templates.mu.Unlock()
	if s.templates.parsed != nil {
		return s.templates.parsed, nil
	}
	list, err := shipped()
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		sum := sha256.Sum256([]byte(strings.Join([]string{t.Subject, t.Body, t.Text, t.HTML}, "\x00")))
		if err := s.q.TemplateSeed(ctx, db.TemplateSeedParams{
			Kind: t.Kind, Language: t.Language, Subject: t.Subject, Body: t.Body, Text: t.Text, Html: t.HTML, Hash: sum[:],
		}); err != nil {
			return nil, storeError(err)
		}
	}
	rows, err := s.q.TemplatesNewest(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	all := make(map[[2]string]*parsed, len(rows))
	for _, r := range rows {
		p, err := parse(Template{r.Kind, r.Language, int(r.Version), r.Subject, r.Body, r.Text, r.Html, r.CreatedAt})
		if err != nil {
			return nil, fmt.Errorf("template %s in %s: %w", r.Kind, r.Language, err)
		}
		all[[2]string{r.Kind, r.Language}] = p
	}
	s.templates.parsed = all
	return all, nil
}

func parse(t Template) (p *parsed, err error) {
	p = &parsed{Template: t}
	for source, to := range map[string]**template.Template{t.Subject: &p.subject, t.Body: &p.body, t.Text: &p.text} {
		if *to, err = template.New("").Option("missingkey=zero").Parse(source); err != nil {
			return nil, err
		}
	}
	p.html, err = htmltemplate.New("").Option("missingkey=zero").Parse(t.HTML)
	return p, err
}

// language is the one of ours nearest to a language tag (BCP 47).
func language(locale string) string {
	primary, _, _ := strings.Cut(strings.ToLower(locale), "-")
	if slices.Contains(languages, primary) {
		return primary
	}
	return languages[0]
}

// Limits of what a message is written of and into.
const (
	maxSubject = 200  // characters
	maxValue   = 4000 // characters of one value of the data
)

// write fills a template. Values are anybody's: in HTML they are escaped, in a
// subject line breaks and control characters vanish, and a link that does not lead
// to a web page is left out.
func (s *Service) write(ctx context.Context, kind, lang, link, unsubscribe string, data map[string]string) (Written, error) {
	all, err := s.load(ctx)
	if err != nil {
		return Written{}, err
	}
	p := all[[2]string{kind, lang}]
	if p == nil {
		return Written{}, errNotFound
	}
	clean := make(map[string]string, len(data))
	for k, v := range data {
		clean[k] = cut(printable(v, true), maxValue)
	}
	var w Written
	var out bytes.Buffer
	run := func(execute func() error) (string, error) {
		out.Reset()
		err := execute()
		return out.String(), err
	}
	if w.Subject, err = run(func() error { return p.subject.Execute(&out, clean) }); err != nil {
		return Written{}, err
	}
	w.Subject = cut(strings.Join(strings.Fields(printable(w.Subject, false)), " "), maxSubject)
	if w.Body, err = run(func() error { return p.body.Execute(&out, clean) }); err != nil {
		return Written{}, err
	}
	w.Body = strings.TrimSpace(w.Body)
	page := struct {
		Subject           string
		Paragraphs        []string
		Link, Unsubscribe string
	}{w.Subject, strings.Split(w.Body, "\n\n"), webLink(link), unsubscribe}
	if w.Text, err = run(func() error { return p.text.Execute(&out, page) }); err != nil {
		return Written{}, err
	}
	w.HTML, err = run(func() error { return p.html.Execute(&out, page) })
	return w, err
}

// webLink is link if it leads to a web page.
func webLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsFunc(link, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return ""
	}
	return link
}

// printable drops control and formatting characters, which could turn a text
// around or add a header; line breaks stay where asked for.
func printable(s string, breaks bool) string {
	s = strings.ToValidUTF8(s, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && breaks:
			return r
		case r == '\n', r == '\t', r == '\r' && !breaks:
			return ' '
		case unicode.Is(unicode.Bidi_Control, r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

// ListTemplates lists the templates in use, by kind and language.
func (s *Service) ListTemplates(ctx context.Context) ([]Template, error) {
	all, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Template, 0, len(all))
	for _, p := range all {
		list = append(list, p.Template)
	}
	slices.SortFunc(list, func(a, b Template) int {
		return strings.Compare(a.Kind+" "+a.Language, b.Kind+" "+b.Language)
	})
	return list, nil
}

// GetTemplate gives the versions of a template, newest first.
func (s *Service) GetTemplate(ctx context.Context, kind, lang string) ([]Template, error) {
	if _, err := s.load(ctx); err != nil {
		return nil, err
	}
	rows, err := s.q.TemplateVersions(ctx, db.TemplateVersionsParams{Kind: kind, Language: lang})
	if err != nil {
		return nil, storeError(err)
	}
	if len(rows) == 0 {
		return nil, errNotFound
	}
	list := make([]Template, len(rows))
	for i, r := range rows {
		list[i] = Template{r.Kind, r.Language, int(r.Version), r.Subject, r.Body, r.Text, r.Html, r.CreatedAt}
	}
	return list, nil
}

// PreviewTemplate writes a message of a kind with the given data.
func (s *Service) PreviewTemplate(ctx context.Context, kind, lang string, data map[string]string) (Written, error) {
	return s.write(ctx, kind, lang, data["link"], "", data)
}

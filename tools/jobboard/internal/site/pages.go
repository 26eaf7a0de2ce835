package site

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

//go:embed templates static
var files embed.FS

type pages struct{ t *template.Template }

func readPages() (*pages, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"join": strings.Join, "boardPath": boardPath, "add": func(a, b int) int { return a + b }, "list": func(n int) []int {
			out := make([]int, n)
			for i := range out {
				out[i] = i
			}
			return out
		},
	}).ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	return &pages{t}, nil
}

// message is a page with one thing to say.
type message struct {
	Company *posting.Company
	Kind    string // closed, duplicate or done
	Title   string
	Text    string
}

// page answers with a page that is made for this request only.
func (s *Site) page(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	body, err := s.render(name, data)
	if err != nil {
		s.Log.Error("render", "template", name, "path", r.URL.Path, "error", err)
		http.Error(w, "cannot render", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Site) render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := s.pages.t.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

// boardPath is the path of the page on which a company lists its postings.
func boardPath(c *posting.Company) string {
	j := c.Jobs[0]
	switch c.Platform {
	case posting.Workable, posting.Recruitee, posting.Personio, posting.Careers:
		return "/" + c.Platform + "/" + c.Token + "/"
	case posting.Greenhouse:
		return strings.TrimSuffix(j.PagePath(), "/jobs/"+j.ID)
	}
	return strings.TrimSuffix(j.PagePath(), "/"+j.ID)
}

func (s *Site) routesPages() {
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r, http.StatusOK, "index.html", s.index())
	})
	s.mux.Handle("GET /_static/", http.StripPrefix("/_", http.FileServerFS(files)))
	s.mux.HandleFunc("GET /_places", s.places)
	s.mux.HandleFunc("POST /{path...}", func(w http.ResponseWriter, r *http.Request) {
		j := s.board().forms[strings.TrimSuffix(r.URL.Path, "/")]
		if j == nil {
			s.missing(w, r)
			return
		}
		s.count(j.Platform+"/"+j.Board, "submit")
		s.receive(w, r, j)
	})
	s.mux.HandleFunc("GET /{path...}", func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.Path, "/")
		if c := s.board().boards[path]; c != nil {
			s.count(c.Platform+"/"+c.Token, "board page")
			s.document(w, r, "board.html", obj{"Company": c, "Jobs": s.listed(c.Jobs), "Closed": r.URL.Query().Has("error") || r.URL.Query().Has("not_found")}, c.Jobs...)
			return
		}
		if j := s.board().forms[path]; j != nil {
			s.count(j.Platform+"/"+j.Board, "form page")
			s.showForm(w, r, j)
			return
		}
		if j := s.board().byPath[path]; j != nil {
			s.count(j.Platform+"/"+j.Board, "job page")
			s.showPosting(w, r, j)
			return
		}
		if i := strings.LastIndexByte(path, '/'); i > 0 {
			if j := s.board().byPath[path[:i]]; j != nil && donePath(j) == path {
				s.done(w, r, j)
				return
			}
		}
		s.missing(w, r)
	})
}

// document answers with a page that clients may ask for again under a condition.
func (s *Site) document(w http.ResponseWriter, r *http.Request, name string, data any, jobs ...*posting.Job) {
	body, err := s.render(name, data)
	if err != nil {
		s.Log.Error("render", "template", name, "path", r.URL.Path, "error", err)
		http.Error(w, "cannot render", http.StatusInternalServerError)
		return
	}
	s.content(w, r, "text/html; charset=utf-8", s.newest(jobs...), body)
}

func (s *Site) missing(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, http.StatusNotFound, "message.html", message{Title: "Page not found",
		Text: "Nothing is here, or not any more. The list of boards is at /."})
}

func (s *Site) showPosting(w http.ResponseWriter, r *http.Request, j *posting.Job) {
	if s.closed(j) {
		s.closedPage(w, r, j)
		return
	}
	s.delay(r.Context(), j)
	data := obj{"Job": j, "Company": j.Company, "Description": template.HTML(j.Description())} //nolint:gosec // own texts, escaped by Render
	if j.Platform == posting.Careers {
		data["JSONLD"] = jobPosting(r, j)
	}
	s.document(w, r, "posting.html", data, j)
}

// closedPage says that a posting is closed, as its platform does.
func (s *Site) closedPage(w http.ResponseWriter, r *http.Request, j *posting.Job) {
	board := boardPath(j.Company)
	switch {
	case s.modes.has(j, posting.ModeDelisted):
		s.missing(w, r)
	case s.modes.has(j, posting.ModeClosedRedirect) && j.Platform == posting.Workable:
		http.Redirect(w, r, board+"?not_found=true", http.StatusFound)
	case s.modes.has(j, posting.ModeClosedRedirect):
		http.Redirect(w, r, board+"?error=true", http.StatusFound)
	default:
		status := map[string]int{posting.Lever: http.StatusNotFound, posting.Careers: http.StatusGone}[j.Platform]
		if status == 0 {
			status = http.StatusOK
		}
		text := map[string]string{"de": "Diese Stelle ist nicht mehr verfügbar.", "fr": "Ce poste n'est plus à pourvoir.",
			"es": "Esta oferta ya no está disponible.", "en": "This job is no longer accepting applications."}[j.Lang]
		if j.Platform == posting.Greenhouse {
			text = "The job you are looking for is no longer open."
		}
		s.page(w, r, status, "message.html", message{Company: j.Company, Kind: "closed", Title: "Job not available", Text: text})
	}
}

// done is the page that confirms an application.
func (s *Site) done(w http.ResponseWriter, r *http.Request, j *posting.Job) {
	s.page(w, r, http.StatusOK, "done.html", obj{"Job": j, "Company": j.Company})
}

func (s *Site) showForm(w http.ResponseWriter, r *http.Request, j *posting.Job) {
	if s.closed(j) {
		s.closedPage(w, r, j)
		return
	}
	s.delay(r.Context(), j)
	modes := s.modes.of(j)
	v := s.view(r, j, form.Build(j, modes), modes)
	v.fill(nil, nil)
	s.formPage(w, r, http.StatusOK, v)
}

// formView is a form as its template shows it.
type formView struct {
	*form.Form
	Company     *posting.Company
	Description template.HTML
	Action      string
	Page        int
	Draft       string
	Summary     string
	CodeEmail   string // set: ask for the code that was sent there
	Captcha     string // widget, if any
	CaptchaName string // of its answer
	JSONLD      template.JS
	ReRender    bool
	Visible     []fieldView
	Late        []fieldView
	Errors      map[string]string
}

// fieldView is a field with what was entered and what was wrong with it.
type fieldView struct {
	form.Field
	V      *formView
	Values []string
	Error  string
}

func (s *Site) view(_ *http.Request, j *posting.Job, f *form.Form, modes []string) *formView {
	v := &formView{Form: f, Company: j.Company, Action: j.ApplyPath(), ReRender: slices.Contains(modes, posting.ModeReRender),
		Description: template.HTML(j.Description())} //nolint:gosec // own texts, escaped by Render
	v.Captcha, v.CaptchaName = captchaKind(modes)
	return v
}

// fill puts answers and faults into the fields of the page.
func (v *formView) fill(values url.Values, faults map[string]string) {
	v.Errors = faults
	if len(faults) > 0 && v.Summary == "" {
		v.Summary = "Please correct the fields below."
	}
	for _, d := range v.Fields {
		if d.Page != v.Page {
			continue
		}
		d := fieldView{Field: d, V: v, Values: values[d.Name], Error: faults[d.Name]}
		if d.Late != "" && len(values) == 0 {
			v.Late = append(v.Late, d)
		} else {
			v.Visible = append(v.Visible, d)
		}
	}
}

func (s *Site) formPage(w http.ResponseWriter, r *http.Request, status int, v *formView) {
	name := "general.html"
	switch v.Job.Platform {
	case posting.Greenhouse:
		name = "greenhouse.html"
		if v.Job.Company.Variant == "react" {
			name = "greenhouse_react.html"
		}
	case posting.Lever, posting.Ashby, posting.Workable:
		name = v.Job.Platform + ".html"
	}
	s.page(w, r, status, name, v)
}

// Last reports whether this is the page with the submit button.
func (v *formView) Last() bool { return v.Page+1 >= v.Pages }

// C is a class as the page writes it: other words in changed markup.
func (v *formView) C(classes string) string {
	if !v.Changed {
		return classes
	}
	var out []string
	for c := range strings.FieldsSeq(classes) {
		out = append(out, form.Mangle(c))
	}
	return strings.Join(out, " ")
}

// Of lists the visible fields of a group.
func (v *formView) Of(group form.Group) []fieldView {
	var out []fieldView
	for _, d := range v.Visible {
		if d.Group == group {
			out = append(out, d)
		}
	}
	return out
}

// Main lists the visible fields that are neither consent nor demographic, with the traps among them.
func (v *formView) Main() []fieldView {
	return slices.DeleteFunc(slices.Clone(v.Visible), func(d fieldView) bool { return d.Group == form.EEO || d.Group == form.Consent })
}

// Value is the first answer.
func (d fieldView) Value() string {
	if len(d.Values) == 0 {
		return ""
	}
	return d.Values[0]
}

// Chosen reports whether an option is among the answers.
func (d fieldView) Chosen(value string) bool { return slices.Contains(d.Values, value) }

// ChosenLabel is the label of the first chosen option.
func (d fieldView) ChosenLabel() string {
	for _, o := range d.Options {
		if d.Chosen(o.Value) {
			return o.Label
		}
	}
	return ""
}

// Input is the type of a plain input.
func (d fieldView) Input() string {
	switch d.Kind {
	case form.Email, form.Tel, form.URL, form.Number, form.Date:
		return string(d.Kind)
	}
	return "text"
}

// Labelled reports how the page ties label and control: for, around, aria or placeholder.
func (d fieldView) Labelled() string {
	switch variant := d.V.Job.Company.Variant; {
	case d.V.Changed:
		return "aria"
	case variant == "label-around", variant == "placeholder", variant == "aria":
		return strings.TrimPrefix(variant, "label-")
	}
	return "for"
}

// Attributes are those that all controls share.
func (d fieldView) Attributes() template.HTMLAttr {
	var b strings.Builder
	attr := func(name, value string) { fmt.Fprintf(&b, ` %s="%s"`, name, template.HTMLEscapeString(value)) }
	if d.ID != "" && d.Kind != form.YesNo && d.Kind != form.Multi {
		attr("id", d.ID)
	}
	if d.UI != "" && d.V.Job.Platform == posting.Workable {
		attr("data-ui", d.UI)
	}
	switch d.Labelled() {
	case "aria":
		attr("aria-labelledby", "l-"+form.Mangle(d.Name))
	case "placeholder":
		if d.Kind != form.Checkbox && d.Kind != form.YesNo && d.Kind != form.Multi {
			attr("placeholder", d.Text())
		}
	}
	if d.Marked {
		attr("aria-required", "true")
	}
	if d.Error != "" {
		attr("aria-invalid", "true")
	}
	return template.HTMLAttr(b.String()) //nolint:gosec // names are fixed and values escaped
}

// Text is the label as general forms write it: with a mark where an answer is required.
func (d fieldView) Text() string {
	if !d.Marked {
		return d.Label
	}
	return d.Label + " *"
}

// LabelID is the id of the element with the label.
func (d fieldView) LabelID() string { return "l-" + form.Mangle(d.Name) }

func (s *Site) places(w http.ResponseWriter, r *http.Request) {
	wait(r.Context(), s.Place)
	q := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("q")))
	q, _, _ = strings.Cut(q, ",")
	out := []obj{}
	for _, p := range s.board().Places {
		name := p.City + ", " + p.Region + ", " + p.Country
		if q != "" && len(out) < 6 && slices.ContainsFunc(append([]string{name}, p.Spellings...), func(n string) bool { return strings.HasPrefix(strings.ToLower(n), q) }) {
			out = append(out, obj{"name": name, "latitude": p.Lat, "longitude": p.Lon})
		}
	}
	s.reply(w, http.StatusOK, out)
}

// index is what the page for people shows.
func (s *Site) index() obj {
	type row struct {
		Mode string
		Jobs []*posting.Job
	}
	var modes []row
	for _, m := range posting.Modes {
		x := row{Mode: m}
		for _, j := range s.board().Jobs {
			if s.modes.has(j, m) && len(x.Jobs) < 8 {
				x.Jobs = append(x.Jobs, j)
			}
		}
		modes = append(modes, x)
	}
	recent := s.store.find(func(x *Submission) bool { return true })
	recent = recent[max(0, len(recent)-12):]
	slices.Reverse(recent)
	return obj{"Companies": s.board().Companies, "Jobs": len(s.board().Jobs), "Modes": modes, "Recent": recent,
		"Feeds": []string{"/remoteok/api", "/remotive/api/remote-jobs", "/arbeitnow/api/job-board-api"}}
}

// BaseTemplate describes a card of Lever's questions, as the page carries it in a hidden field.
func (v *formView) BaseTemplate(card string) (string, error) {
	kinds := map[form.Kind]string{form.Textarea: "textarea", form.Select: "dropdown", form.Multi: "multiple-select", form.YesNo: "multiple-choice"}
	fields := []obj{}
	for _, d := range v.Fields {
		if d.Card != card {
			continue
		}
		kind := kinds[d.Kind]
		if kind == "" {
			kind = "text"
		}
		options := []obj{}
		for _, o := range d.Options {
			options = append(options, obj{"text": o.Label, "optionId": form.Mangle(d.Name + o.Label)})
		}
		fields = append(fields, obj{"type": kind, "text": d.Label, "description": "", "required": d.Required, "id": form.Mangle(d.Name), "options": options})
	}
	out, err := json.Marshal(obj{"id": card, "text": "Questions", "instructions": "", "fields": fields})
	return string(out), err
}

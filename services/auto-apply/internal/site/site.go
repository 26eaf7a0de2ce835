// Package site knows the application pages of job platforms: where the form is,
// what its programming interface says of it, how to read and fill it in a browser,
// and by what one sees that an application has arrived.
package site

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/playwright-community/playwright-go"

	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// Target is a posting that is to be applied to.
type Target struct {
	Platform, Board, ExternalID string
	URL                         string // of the form, or of a page that leads to it
	BaseURL                     string // where all platforms are, when not at their public addresses
}

// Errors of Open and of reading.
var (
	// ErrNoForm means that the page has no form for applications.
	ErrNoForm = errors.New("site: the page has no application form")
	// ErrElsewhere means that the page led to a host that is not the posting's.
	ErrElsewhere = errors.New("site: the page leads to another host")
	// ErrStuck means that the page did not answer any more, and was closed.
	ErrStuck = errors.New("site: the page does not answer")
)

// ClosedError says that a posting takes no applications any more.
type ClosedError struct{ Reason string }

func (c *ClosedError) Error() string { return "site: closed: " + c.Reason }

// adapter is what differs from platform to platform.
type adapter struct {
	forms   []string // selectors of the form
	ignore  []string // parts of it that are not for us
	submit  []string
	success []string       // what is seen after an application arrived
	done    *regexp.Regexp // address to which it leads
	hosts   []string       // where its forms are, beside the posting's own host
	schema  func(ctx context.Context, s *Sites, t Target) (schema, error)
}

var adapters = map[string]adapter{
	"greenhouse": {
		forms: []string{"form#application-form", "form#application_form"}, submit: []string{"#submit_app", ".application--submit button"},
		success: []string{"#application_confirmation", ".confirmation"}, done: regexp.MustCompile(`/confirmation(\?|$)`),
		hosts: []string{"boards.greenhouse.io", "job-boards.greenhouse.io", "boards.eu.greenhouse.io", "job-boards.eu.greenhouse.io"}, schema: greenhouse,
	},
	"lever": {
		forms: []string{"form#application-form"}, submit: []string{"#btn-submit", "[data-qa=btn-submit]"}, success: []string{"[data-qa=msg-submit-success]"},
		done: regexp.MustCompile(`/thanks(\?|$)`), hosts: []string{"jobs.lever.co", "jobs.eu.lever.co"},
	},
	"ashby": {
		forms: []string{"form.ashby-application-form", ".ashby-application-form-container form"}, ignore: []string{".ashby-application-form-autofill-input-root"},
		submit: []string{".ashby-application-form-submit-button"}, success: []string{".ashby-application-form-success-container"}, hosts: []string{"jobs.ashbyhq.com"}, schema: ashby,
	},
	"workable": {
		forms: []string{"form[data-ui=application-form]"}, submit: []string{"[data-ui=apply-button]"}, success: []string{"[data-ui=success]"},
		hosts: []string{"apply.workable.com"}, schema: workable,
	},
}

// generic is for every other page: by what forms have in common.
var generic = adapter{done: regexp.MustCompile(`/(thank-you|thank_you|thanks|danke|merci|gracias|confirmation|success)/?(\?|$)`)}

// of finds the adapter for a platform, or for a page that a company leads to.
func of(t Target) adapter {
	if a, ok := adapters[strings.TrimSuffix(t.Platform, "-eu")]; ok {
		return a
	}
	if u, err := url.Parse(t.URL); err == nil {
		for _, a := range adapters {
			if slices.Contains(a.hosts, u.Host) {
				return a
			}
		}
	}
	return generic
}

//go:embed page.js
var pageJS string

// Sites opens application pages.
type Sites struct {
	Browsers *browser.Pool
	Client   *http.Client // for what platforms tell of their forms; refuses private addresses
	// Patience is how long a page may take to load, and to answer one call into it; 0:
	// 30 seconds.
	Patience time.Duration
}

// Session is an application page in a browser.
type Session struct {
	adapter
	tab    *browser.Tab
	schema schema
	opened time.Time
	posts  posts

	patience time.Duration
	lost     bool // the connection broke after something was sent
}

// schema is what a platform's interface says of a form: fields by name.
type schema map[string]wanted

type wanted struct {
	label           string // folded
	required, multi bool
	options         []string
}

// Open goes to the form. The error is a *ClosedError where the posting says so.
func (s *Sites) Open(ctx context.Context, t Target) (*Session, error) {
	a := of(t)
	at, err := url.Parse(t.URL)
	if err != nil || at.Host == "" {
		return nil, ErrNoForm
	}
	var known schema
	if a.schema != nil {
		if known, err = a.schema(ctx, s, t); err != nil {
			if closed := (*ClosedError)(nil); errors.As(err, &closed) {
				return nil, err
			} // without it the page has to do
		}
	}
	tab, err := s.Browsers.Open(ctx, append([]string{at.Host}, a.hosts...)...)
	if err != nil {
		return nil, err
	}
	x := &Session{adapter: a, tab: tab, schema: known, patience: cmp.Or(s.Patience, patience)}
	x.posts.listen(tab)
	if err := tab.AddInitScript(playwright.Script{Content: playwright.String(pageJS)}); err == nil {
		err = x.reach(t.URL)
		if err == nil {
			return x, nil
		}
		tab.Close()
		return nil, err
	}
	tab.Close()
	return nil, fmt.Errorf("%w: %w", browser.ErrUnavailable, err)
}

// applyLink is the text of links that lead to a form.
var applyLink = regexp.MustCompile(`(?i)^(apply|jetzt bewerben|bewerben|zur bewerbung|postuler|inscribirme|solicitar)`)

// reach loads the page and, if the form is one link further, follows it.
func (x *Session) reach(address string) error {
	for range 2 {
		answer, err := x.tab.Goto(address, playwright.PageGotoOptions{WaitUntil: playwright.WaitUntilStateDomcontentloaded, Timeout: playwright.Float(float64(x.patience.Milliseconds()))})
		if err != nil {
			return fmt.Errorf("site: the page does not load: %w", err)
		}
		x.opened = time.Now()
		if !x.tab.Allowed(x.tab.URL()) {
			return ErrElsewhere
		}
		st, err := x.state()
		if err != nil {
			return err
		}
		if st.Form {
			return nil
		}
		if reason := closedReason(answer, st.Text, address, x.tab.URL()); reason != "" {
			return &ClosedError{reason}
		}
		if address = x.applyLink(); address == "" {
			break
		}
	}
	return ErrNoForm
}

func (x *Session) applyLink() string {
	links, err := evaluate[[]struct{ Text, Href string }](x, "links", nil)
	if err != nil {
		return ""
	}
	for _, l := range links {
		if applyLink.MatchString(l.Text) && x.tab.Allowed(l.Href) {
			return l.Href
		}
	}
	return ""
}

var closedText = regexp.MustCompile(`no longer (open|available|accepting|active)|position has been filled|job (was )?not found|page not found|nicht mehr verfugbar|stelle .*besetzt|n est plus (a pourvoir|disponible)|ya no esta disponible`)

// closedReason tells a posting that is gone from a page without a form.
func closedReason(answer playwright.Response, text, asked, got string) string {
	if answer != nil && (answer.Status() == http.StatusNotFound || answer.Status() == http.StatusGone) {
		return "The posting is not there any more."
	}
	if closedText.MatchString(form.Fold(text)) {
		return "The page says that the job is closed."
	}
	if a, err := url.Parse(asked); err == nil {
		if g, err := url.Parse(got); err == nil && g.Path != a.Path && strings.HasPrefix(a.Path, strings.TrimRight(g.Path, "/")+"/") {
			return "The posting leads back to the list of jobs."
		}
	}
	return ""
}

// Page is a form, or one page of it, as it is now.
type Page struct {
	Fields []Field
	URL    string
	// Last is whether its button sends the application, and does not lead to a
	// further page.
	Last    bool
	Captcha bool // a puzzle is shown
}

// Field is a field with what is in it.
type Field struct {
	form.Field
	Value []string `json:"value"`
	Error string   `json:"error"` // what the page says is wrong with it
}

type reading struct {
	Found      bool    `json:"found"`
	Fields     []Field `json:"fields"`
	Submit     string  `json:"submit"`
	SubmitText string  `json:"submitText"`
	Progress   string  `json:"page"`
	Captcha    bool    `json:"captcha"`
}

var nextPage = regexp.MustCompile(`(?i)^(next|continue|weiter|suivant|continuer|siguiente|continuar)`)

// lateLimit is how long fields are waited for that the platform's interface names
// and the page does not show yet.
const lateLimit = 1500 * time.Millisecond

// Read reads the form.
func (x *Session) Read(ctx context.Context) (Page, error) {
	for {
		r, err := x.read()
		if err != nil {
			return Page{}, err
		}
		if !r.Found || r.Submit == "" {
			return Page{}, ErrNoForm
		}
		last := !nextPage.MatchString(r.SubmitText)
		if last && r.Progress == "" && x.missing(r.Fields) && time.Since(x.opened) < lateLimit {
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return Page{}, err
			}
			continue
		}
		for i := range r.Fields {
			f := &r.Fields[i]
			if name, w, ok := x.schema.of(f.Field); ok {
				f.Name = name
				f.Required = f.Required || w.required
				if w.multi {
					f.Kind = form.Multi
				}
				if len(f.Options) == 0 {
					f.Options = w.options
				}
			}
			if f.Kind == form.Select && f.Custom && severalChoices.MatchString(form.Fold(f.Label)) {
				f.Kind = form.Multi
			}
			if f.Kind == form.Select && len(f.Options) == 2 && yesNo(f.Options) {
				f.Kind = form.Boolean
			}
		}
		return Page{Fields: r.Fields, URL: x.tab.URL(), Last: last, Captcha: r.Captcha}, nil
	}
}

var severalChoices = regexp.MustCompile(`select all that apply|mehrfachauswahl|plusieurs choix|puedes marcar varias`)

func yesNo(options []string) bool {
	return form.Match(options, "", "true") != "" && form.Match(options, "", "false") != ""
}

// of finds a field of the page: by name, or by its label where the page does not
// tell the name.
func (s schema) of(f form.Field) (string, wanted, bool) {
	if w, ok := s[strings.TrimSuffix(f.Name, "[]")]; ok {
		return f.Name, w, true
	}
	label, found := form.Fold(f.Label), ""
	for name, w := range s {
		if w.label == label && label != "" {
			if found != "" {
				return "", wanted{}, false
			}
			found = name
		}
	}
	return found, s[found], found != ""
}

// missing reports whether the interface names a field that is not there yet.
func (x *Session) missing(fields []Field) bool {
	for name, w := range x.schema {
		if w.required && !slices.ContainsFunc(fields, func(f Field) bool {
			known, _, ok := x.schema.of(f.Field)
			return ok && strings.TrimSuffix(known, "[]") == name
		}) {
			return true
		}
	}
	return false
}

func (x *Session) config() map[string]any {
	known := map[string][]string{}
	for name, w := range x.schema {
		if len(w.options) > 0 {
			known[name] = w.options
		}
	}
	list := func(s []string) []string { return append([]string{}, s...) }
	return map[string]any{"forms": list(x.forms), "ignore": list(x.ignore), "submit": list(x.submit), "success": list(x.success), "known": known}
}

func (x *Session) read() (r reading, err error) {
	return evaluate[reading](x, "read", x.config())
}

func (x *Session) state() (st state, err error) {
	return evaluate[state](x, "state", x.config())
}

const (
	patience   = 30 * time.Second
	replyLimit = 8 << 20 // bytes
	// Pictures end here, in pixels: pages can be endless.
	pictureWidth, pictureHeight = 1280, 10_000
)

// evaluate calls one of the functions of page.js. Argument and answer go as JSON.
func evaluate[T any](x *Session, function string, arg any) (out T, err error) {
	raw, err := json.Marshal(arg)
	if err != nil {
		return out, err
	}
	type reply struct {
		value any
		err   error
	}
	replies := make(chan reply, 1)
	go func() {
		v, err := x.tab.Evaluate("async (arg) => JSON.stringify(await window.__jobpilot."+function+"(JSON.parse(arg)) ?? null)", string(raw))
		replies <- reply{v, err}
	}()
	var got reply
	select {
	case got = <-replies:
	case <-time.After(x.patience):
		go x.tab.Close()
		return out, ErrStuck
	}
	if got.err != nil {
		return out, x.broken(got.err)
	}
	text, _ := got.value.(string)
	if len(text) > replyLimit {
		return out, ErrNoForm
	}
	return out, json.Unmarshal([]byte(text), &out)
}

// broken tells a browser that died from a page that went wrong.
func (x *Session) broken(err error) error {
	if x.tab.IsClosed() || errors.Is(err, playwright.ErrTargetClosed) {
		return fmt.Errorf("%w: %w", browser.ErrUnavailable, err)
	}
	return fmt.Errorf("site: %w", err)
}

// Fill puts values into a field, which is found again first. It reports whether
// they are in it now.
func (x *Session) Fill(f form.Field, values []string) (bool, error) {
	return evaluate[bool](x, "fill", map[string]any{"ref": f.Ref, "kind": string(f.Kind), "custom": f.Custom, "values": append([]string{}, values...)})
}

// FillPlace types a city and takes the suggestion that is in the country; without
// one that fits the field stays empty.
func (x *Session) FillPlace(f form.Field, city, region string, countryNames []string) (chosen string, err error) {
	chosen, err = evaluate[string](x, "place", map[string]any{"ref": f.Ref, "city": city, "region": region, "country": countryNames})
	if err == nil && chosen == "" {
		_, err = evaluate[any](x, "clear", f.Ref)
	}
	return chosen, err
}

// Upload puts a file into a field.
func (x *Session) Upload(f form.Field, name, contentType string, content []byte) error {
	err := x.tab.Locator(f.Ref).First().SetInputFiles([]playwright.InputFile{{Name: name, MimeType: contentType, Buffer: content}})
	if err != nil {
		return x.broken(err)
	}
	return nil
}

// Screenshot is a picture of the whole page, JPEG. A page that broke off may never have one, and is not waited for long.
func (x *Session) Screenshot() ([]byte, error) {
	limit := 10 * time.Second
	if x.lost {
		limit = time.Second
	}
	return x.tab.Screenshot(playwright.PageScreenshotOptions{FullPage: playwright.Bool(true), Type: playwright.ScreenshotTypeJpeg, Quality: playwright.Int(60),
		Clip:       &playwright.Rect{Width: pictureWidth, Height: pictureHeight}, // of what there is
		Animations: playwright.ScreenshotAnimationsDisabled, Timeout: playwright.Float(float64(limit.Milliseconds()))})
}

// Settle waits until the page had time to bring what comes late.
func (x *Session) Settle(ctx context.Context) error {
	return pause(ctx, time.Until(x.opened.Add(settleTime)))
}

const settleTime = 900 * time.Millisecond

// Close gives the browser's place back.
func (x *Session) Close() { x.tab.Close() }

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package site

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/playwright-community/playwright-go"

	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// Result is what became of pressing a button.
type Result string

// Results.
const (
	Submitted   Result = "submitted"   // a confirmation was seen
	Invalid     Result = "invalid"     // the form is still there and says what is wrong
	NextPage    Result = "next"        // a further page of the form
	Captcha     Result = "captcha"     // a puzzle is shown
	CodeWanted  Result = "code"        // a code was sent by e-mail
	Duplicate   Result = "duplicate"   // the company has an application already
	ClosedNow   Result = "closed"      // the job was closed meanwhile
	Unconfirmed Result = "unconfirmed" // nothing is certain
)

// Outcome is a result with what was seen.
type Outcome struct {
	Result Result
	URL    string
	Text   string // of the page, at most 2,000 characters
	Why    string
}

type state struct {
	URL     string   `json:"url"`
	Text    string   `json:"text"`
	Captcha bool     `json:"captcha"`
	Ready   bool     `json:"ready"`
	Marked  bool     `json:"marked"` // the form that was sent is still in the page
	Success bool     `json:"success"`
	Form    bool     `json:"form"`
	Code    int      `json:"code"`
	Invalid int      `json:"invalid"`
	Errors  []string `json:"errors"`
}

// posts watches what the page sends.
type posts struct {
	mu                     sync.Mutex
	sent, finished, failed int
	status                 int // of the last answer
}

func (p *posts) listen(tab *browser.Tab) {
	mine := func(q playwright.Request) bool {
		return q.Method() == http.MethodPost && tab.Allowed(q.URL()) && browser.Main(q)
	}
	count := func(n *int) func(playwright.Request) {
		return func(q playwright.Request) {
			if mine(q) {
				p.mu.Lock()
				*n++
				p.mu.Unlock()
			}
		}
	}
	tab.OnRequest(count(&p.sent))
	tab.OnRequestFinished(count(&p.finished))
	tab.OnRequestFailed(count(&p.failed))
	tab.OnResponse(func(r playwright.Response) {
		if q := r.Request(); mine(q) {
			p.mu.Lock()
			p.status = r.Status()
			p.mu.Unlock()
		}
	})
}

// reset forgets what was sent before.
func (p *posts) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.finished, p.failed, p.status = 0, 0, 0, 0
}

func (p *posts) now() (sent, finished, failed, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.finished, p.failed, p.status
}

const (
	outcomeLimit = 20 * time.Second
	// quietLimit is how long a page without a form and without a confirmation is
	// looked at.
	quietLimit = 2 * time.Second
)

var (
	thanks = regexp.MustCompile(`thank you for (applying|your application|your interest|submitting)|application (has been |was )?(successfully )?(submitted|received|sent)|(received|submitted) your application|vielen dank fur (ihre|deine) bewerbung|bewerbung (wurde |ist )?(erfolgreich|eingegangen)|merci (pour|de) votre candidature|candidature (a ete )?(envoyee|recue)|gracias por (tu|su) (candidatura|solicitud|postulacion)|(candidatura|solicitud) (ha sido )?(enviada|recibida)`)
	again  = regexp.MustCompile(`already (applied|submitted an application)|bereits (auf diese stelle )?beworben|deja postule|ya (te has|se ha) (inscrito|postulado)`)
)

// Press presses the form's button once and tells what became of it. Where last is
// false the button leads to a further page.
func (x *Session) Press(ctx context.Context, last bool) (Outcome, error) {
	r, err := x.read()
	if err != nil {
		return Outcome{}, err
	}
	if !r.Found || r.Submit == "" {
		return Outcome{}, ErrNoForm
	}
	if !x.tab.Allowed(x.tab.URL()) {
		return Outcome{}, ErrElsewhere
	}
	if _, err := evaluate[any](x, "mark", x.config()["forms"]); err != nil {
		return Outcome{}, err
	}
	x.posts.reset()
	x.tab.SendOnce(true)
	defer x.tab.SendOnce(false)
	clicked := time.Now()
	if err := x.tab.Locator(r.Submit).First().Click(playwright.LocatorClickOptions{NoWaitAfter: playwright.Bool(true), Timeout: playwright.Float(5000)}); err != nil { //nolint:staticcheck // what follows the press is watched here
		// The press may have gone through although Playwright did not see it end.
		return Outcome{Result: Unconfirmed, URL: x.tab.URL(), Why: "The button could not be pressed for certain."}, nil
	}
	return x.watch(ctx, last, clicked), nil
}

func (x *Session) watch(ctx context.Context, last bool, clicked time.Time) Outcome {
	var seen state
	blankSince := time.Time{}
	out := func(r Result, why string) Outcome {
		return Outcome{Result: r, URL: seen.URL, Text: cut(seen.Text, 2000), Why: why}
	}
	for time.Since(clicked) < outcomeLimit {
		if pause(ctx, 25*time.Millisecond) != nil {
			break
		}
		sent, finished, failed, status := x.posts.now()
		if failed > 0 && last {
			x.lost = true
			return out(Unconfirmed, "The connection broke after the application was sent.")
		}
		st, err := x.state()
		if err != nil {
			if x.tab.IsClosed() {
				break
			}
			continue // between two pages
		}
		seen = st
		folded := form.Fold(st.Text)
		switch answered := sent > 0 && finished >= sent; {
		case last && sent > 0 && status >= http.StatusInternalServerError:
			return out(Unconfirmed, "The site answered with an error after the application was sent.")
		case last && (st.Success || !st.Form && st.Ready && (x.confirms(st.URL) || thanks.MatchString(folded))):
			return out(Submitted, "")
		case st.Code > 0:
			return out(CodeWanted, "")
		case st.Captcha:
			return out(Captcha, "")
		case !st.Form && again.MatchString(folded):
			return out(Duplicate, "")
		case !st.Form && st.Ready && closedText.MatchString(folded):
			return out(ClosedNow, "The page says that the job is closed.")
		case st.Form && (st.Invalid > 0 || len(st.Errors) > 0) && (answered || sent == 0 && time.Since(clicked) > 700*time.Millisecond):
			return out(Invalid, first(st.Errors))
		case !last && st.Form && !st.Marked && (answered || sent == 0):
			x.opened = time.Now()
			return out(NextPage, "")
		case !st.Form && st.Ready && !st.Marked:
			if blankSince.IsZero() {
				blankSince = time.Now()
			}
			if time.Since(blankSince) > quietLimit {
				return out(Unconfirmed, "The site did not confirm that the application arrived.")
			}
		}
	}
	return out(Unconfirmed, "Nothing was seen that confirms the application.")
}

// confirms reports whether an address is the one that a platform leads to.
func (x *Session) confirms(address string) bool {
	u, err := url.Parse(address)
	return err == nil && x.done != nil && x.done.MatchString(u.Path)
}

// EnterCode types a code that was sent by e-mail into its boxes.
func (x *Session) EnterCode(code string) error {
	boxes, err := x.tab.Locator("[id^=security-input-]").All()
	if err != nil {
		return x.broken(err)
	}
	for i, r := range []rune(code) {
		if i >= len(boxes) {
			break
		}
		if err := boxes[i].Fill(string(r)); err != nil {
			return x.broken(err)
		}
	}
	return nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return cut(list[0], 400)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

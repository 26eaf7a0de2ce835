package autoapply

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/boardtest"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

// good is a form that is filled and sent; what stands before and after it poisons it.
const good = `<form method=post action="?sent" enctype="multipart/form-data">
<p><label>First name * <input name=first required></label><p><label>Last name <input name=last></label>
<p><label>Email * <input name=email type=email required></label><p><label>Resume <input type=file name=resume></label>
<p><button>Submit application</button></form>`

// Whatever a page does, the application comes to a clear end, is sent at most once,
// and leaves no context behind.
func TestPoisonedPages(t *testing.T) {
	t.Parallel()
	frame := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, good) }))
	t.Cleanup(frame.Close)
	type poisoned struct {
		html  string
		serve http.HandlerFunc // in its place
		state State
		sent  int
	}
	cases := map[string]poisoned{
		"good":                           {html: good, state: Submitted, sent: 1},
		"more fields than anybody fills": {html: `<form method=post>` + strings.Repeat(`<input name=x>`, 4000) + `<button>Send</button></form>`, state: Failed},
		"endless page":                   {html: good + strings.Repeat(`<div><p>Text<p>Text</div>`, 20_000), state: Submitted, sent: 1},
		"redirects without end": {serve: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("%s?%d", r.URL.EscapedPath(), time.Now().UnixNano()), http.StatusFound)
		}, state: Failed},
		"script leads on without end":   {html: `<script>location = '?' + Math.random()</script>` + good, state: Failed},
		"windows":                       {html: `<script>for (let i = 0; i < 10; i++) window.open(i % 2 ? location.href + '&w' : 'about:blank')</script>` + good, state: Submitted, sent: 1},
		"dialogs":                       {html: `<script>alert(1); onbeforeunload = () => 'stay'; onfocusin = () => { onfocusin = null; confirm('really?') }</script>` + good, state: Submitted, sent: 1},
		"dialogs without end":           {html: good + `<script>setTimeout(() => { for (;;) alert('again') })</script>`, state: Failed},
		"loop without end when sending": {html: good + `<script>document.forms[0].onsubmit = () => { for (;;) ; }</script>`, state: Unconfirmed},
		"download": {serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Disposition", "attachment; filename=x.exe")
			_, _ = io.WriteString(w, "MZ")
		}, state: Failed},
		"leads away when typed into":    {html: good + `<script>oninput = () => { location = '/gone' }</script>`, state: Failed},
		"leads to another host":         {html: good + `<script>oninput = () => { location = 'https://example.org/' }</script>`, state: Failed},
		"form in a closed shadow tree":  {html: `<div id=h></div><script>h.attachShadow({mode: 'closed'}).innerHTML = ` + "`" + good + "`" + `</script>`, state: Failed},
		"form in another host's frame":  {html: `<iframe src="ELSEWHERE" width=800 height=600></iframe>`, state: Failed},
		"broken language":               {html: `<script>JSON.stringify = () => { throw 1 }; Array.prototype.filter = () => null</script>` + good, state: Failed},
		"the form is gone when sending": {html: good + `<script>document.querySelector('button').onpointerenter = () => document.forms[0].remove()</script>`, state: Unconfirmed},
	}
	var mu sync.Mutex
	sent := map[string]int{}
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, known := cases[strings.Trim(r.URL.Path, "/")]
		w.Header().Set("Content-Type", "text/html")
		switch {
		case !known:
			_, _ = io.WriteString(w, `Nothing here.`)
		case r.Method == http.MethodPost:
			mu.Lock()
			sent[strings.Trim(r.URL.Path, "/")]++
			mu.Unlock()
			_, _ = io.WriteString(w, `<h1>Thank you for your application</h1>`)
		case page.serve != nil:
			page.serve(w, r)
		default:
			_, _ = io.WriteString(w, strings.ReplaceAll(page.html, "ELSEWHERE", frame.URL))
		}
	}))
	t.Cleanup(pages.Close)
	metrics := prometheus.NewRegistry()
	sites := strangers(t, metrics, pages, frame)
	t.Run("pages", func(t *testing.T) { // which ends when all are done
		for name, page := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.Sites = sites
				app := f.submit(f.peers.Add(boardtest.Job{Platform: "careers", Title: "Engineer", Company: "Kite", CountryCode: "DE", ApplyURL: pages.URL + "/" + url.PathEscape(name) + "?apply"}), false)
				raw, err := json.Marshal(ApplicationApply{ApplicationID: app, UserID: f.user})
				must(t, err)
				m := &rabbit.Message{Attempt: lastTry}
				m.Type, m.Data = TypeApplicationApply, raw
				must(t, f.Apply(t.Context(), m))
				f.state(app, page.state)
				mu.Lock()
				defer mu.Unlock()
				if sent[name] != page.sent {
					t.Errorf("sent %d times, want %d", sent[name], page.sent)
				}
			})
		}
	})
	must(t, testutil.GatherAndCompare(metrics, strings.NewReader("# HELP browser_contexts Contexts that are open.\n# TYPE browser_contexts gauge\nbrowser_contexts 0\n"), "browser_contexts"))
}

// strangers opens pages of servers that are not the board.
func strangers(t *testing.T, metrics prometheus.Registerer, servers ...*httptest.Server) *site.Sites {
	t.Helper()
	o := browser.Options{DriverDir: testkit.Env(t, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(t, "CHROMIUM_PATH"), Contexts: contexts, Idle: time.Minute, Metrics: metrics, Log: slog.New(slog.DiscardHandler)}
	for _, s := range servers {
		o.Allow = append(o.Allow, s.Listener.Addr().String())
	}
	browsers := browser.New(o)
	t.Cleanup(browsers.Close)
	return &site.Sites{Browsers: browsers, Client: browser.NewClient(nil, 10*time.Second), Patience: 4 * time.Second}
}

// What a page says stands in a receipt as text that people can read.
func TestLabelsAreText(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	label := "First name <img src=x onerror=alert(1)>\u202egnp\u202c\u200b ' OR 1=1 --"
	page := strings.Replace(good, "First name *", strings.ReplaceAll(label, "<", "&lt;")+" *", 1)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.Method == http.MethodPost {
			page = `<h1>Thank you for your application &lt;script&gt;` + "\u202e" + `</h1>`
		}
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(pages.Close)
	f.Sites = strangers(t, nil, pages)
	app := f.submit(f.peers.Add(boardtest.Job{Platform: "careers", Title: "Engineer", Company: "Kite", CountryCode: "DE", ApplyURL: pages.URL}), false)
	must(t, f.work(f.Service, app))
	f.state(app, Submitted)
	r, err := f.GetReceipt(t.Context(), f.user, app)
	must(t, err)
	if !slices.ContainsFunc(r.Form.Fields, func(x FilledField) bool { return x.Label == "First name <img src=x onerror=alert(1)>gnp ' OR 1=1 --" }) {
		t.Errorf("labels: %+v", r.Form.Fields)
	}
	for _, text := range []string{r.Form.Fields[0].Label, r.Form.Fields[1].Label, r.Form.Fields[2].Label, r.ConfirmationText} {
		if i := strings.IndexFunc(text, func(c rune) bool { return unicode.Is(unicode.Cf, c) || unicode.IsControl(c) }); i >= 0 {
			t.Errorf("%q has what cannot be seen", text)
		}
	}
}

// Fields that people do not see, or are told to leave alone, stay empty.
func TestTrapsStayEmpty(t *testing.T) {
	t.Parallel()
	ways := []string{
		`style="display:none"`, `style="visibility:hidden"`, `style="opacity:0"`, `hidden`, `inert`, `aria-hidden=true`, `style="position:absolute;left:-9999px"`,
		`style="position:absolute;top:-9999px"`, `style="width:0;height:0;overflow:hidden"`, `style="max-height:0;overflow:hidden"`, `style="position:absolute;clip:rect(0,0,0,0)"`,
		`style="clip-path:inset(100%)"`, `style="clip-path:circle(0)"`, `style="transform:scale(0)"`, `style="position:absolute;width:1px;height:1px;overflow:hidden"`,
	}
	traps := ""
	for i, way := range ways {
		traps += fmt.Sprintf(`<div %s><label>E-mail <input name="email%d" autocomplete=email></label></div>`, way, i)
	}
	traps += `<p><label>E-mail <input name=tab tabindex=-1></label><p><label>Leave this field blank if you are human <input name=email></label><p><label>Bitte nicht ausfüllen <input name=phone></label>`
	got := make(chan url.Values, 1)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.Method == http.MethodPost {
			if err := r.ParseMultipartForm(1 << 20); err == nil {
				got <- url.Values(r.MultipartForm.Value)
			}
			_, _ = io.WriteString(w, `<h1>Thank you for your application</h1>`)
			return
		}
		_, _ = io.WriteString(w, strings.Replace(strings.Replace(good, "name=email", "name=mail", 1), "<p><button>", traps+"<p><button>", 1))
	}))
	t.Cleanup(pages.Close)
	f := newFixture(t)
	f.Sites = strangers(t, nil, pages)
	app := f.submit(f.peers.Add(boardtest.Job{Platform: "careers", Title: "Engineer", Company: "Kite", CountryCode: "DE", ApplyURL: pages.URL}), false)
	must(t, f.work(f.Service, app))
	f.state(app, Submitted)
	for name, values := range <-got {
		wanted := name == "first" || name == "last" || name == "mail"
		if (values[0] != "") != wanted {
			t.Errorf("%s: %q", name, values)
		}
	}
}

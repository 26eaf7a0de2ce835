package notification

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile is what somebody may call a job, a company or a file, with a mark to find
// it by.
const hostile = "MARK\r\nBcc: eve@example.com\r\n<script>alert(1)</script><img src=x onerror=alert(1)>\"'&</p></body>{{.link}}[[.Action]]\u202etxt\x00\u2028\x1b[31m"

var (
	actions = regexp.MustCompile(`\{\{.*?\}\}`)
	values  = regexp.MustCompile(`\.([a-zA-Z][a-zA-Z0-9]*)`)
)

// fields are the values that a template says.
func (t Template) fields() []string {
	names := map[string]bool{}
	for _, action := range actions.FindAllString(t.Subject+"\n"+t.Body, -1) {
		for _, m := range values.FindAllStringSubmatch(action, -1) {
			names[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Every template in every language, every value that it says: what is foreign is
// text, on the line it is on, and the page is the one that it was.
func TestEveryValueOfEveryTemplateIsOnlyText(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all, err := shipped()
	must(t, err)
	said := 0
	for _, tpl := range all {
		benign := map[string]string{}
		for _, name := range tpl.fields() {
			benign[name] = "words"
		}
		plain, err := f.write(t.Context(), tpl.Kind, tpl.Language, "https://jobpilot.test/x", "https://jobpilot.test/u", benign)
		must(t, err)
		for name := range benign {
			said++
			data := maps.Clone(benign)
			data[name] = hostile
			w, err := f.write(t.Context(), tpl.Kind, tpl.Language, "https://jobpilot.test/x", "https://jobpilot.test/u", data)
			must(t, err)
			at := tpl.Kind + " in " + tpl.Language + ", " + name
			if !strings.Contains(w.Subject+w.Text, "MARK") {
				t.Errorf("%s is not said", at)
			}
			if strings.Count(w.HTML, "<") != strings.Count(plain.HTML, "<") || strings.Count(w.HTML, `"`) != strings.Count(plain.HTML, `"`) {
				t.Errorf("%s changes the page: %s", at, w.HTML)
			}
			if strings.ContainsFunc(w.Subject, unicode.IsControl) || strings.ContainsAny(w.Subject, "\u202e\u2028") || utf8.RuneCountInString(w.Subject) > maxSubject {
				t.Errorf("%s: the subject is %q", at, w.Subject)
			}
			for _, text := range []string{w.Body, w.Text, w.HTML} {
				if strings.ContainsAny(text, "\x00\r\x1b\u202e\u2028") || strings.Contains(text, "jobpilot.test/x[[") {
					t.Errorf("%s: the text is %q", at, text)
				}
			}
			if strings.Count(w.Text, "https://jobpilot.test/") != strings.Count(plain.Text, "https://jobpilot.test/") {
				t.Errorf("%s is taken for a template: %q", at, w.Text)
			}
		}
	}
	if said == 0 {
		t.Error("no template says anything")
	}
}

// The whole way, to what is handed to the mail server: every kind, with all its data
// and its reader's name hostile.
func TestEveryKindIsHandedOverWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, k := range Kinds {
		if !k.Default.Email {
			continue
		}
		for _, lang := range languages {
			user, email := f.user(lang)
			before := len(f.mails.all())
			must(t, f.handle(MessageSend{
				Kind: MessageSendKind(k.Name), UserID: user, Email: email, DisplayName: hostile, Locale: lang, DedupeKey: newID().String(), Data: everything(hostile),
			}))
			sent := f.mails.all()[before:]
			if len(sent) != 1 || sent[0].To.Address != email {
				t.Fatalf("%s in %s: sent %+v", k.Name, lang, sent)
			}
			header := []string{sent[0].Subject, sent[0].To.Name, sent[0].To.String(), sent[0].ID}
			for name, value := range sent[0].Header {
				header = append(header, name, value)
			}
			for _, line := range header {
				if strings.ContainsFunc(line, unicode.IsControl) {
					t.Errorf("%s in %s: a header says %q", k.Name, lang, line)
				}
			}
			if strings.Contains(sent[0].HTML, "<script") || strings.Contains(sent[0].HTML, "<img") {
				t.Errorf("%s in %s: %s", k.Name, lang, sent[0].HTML)
			}
		}
	}
	// Ids that are none lead to no other page than ours.
	for _, k := range Kinds {
		if link := f.link(&k, everything("../../evil?x=//")); link != "" && !strings.HasPrefix(link, f.PublicURL+"/") || strings.Contains(link, "evil") {
			t.Errorf("%s leads to %s", k.Name, link)
		}
	}
}

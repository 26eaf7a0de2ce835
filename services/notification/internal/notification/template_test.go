package notification

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// everything has a value for each thing that a template can say.
func everything(value string) map[string]string {
	h := happened{
		ResumeID: value, ProposalID: value, ApplicationID: value, QuestionID: value, JobID: value, AlertID: value, FileName: value,
		Message: value, CompanyName: value, JobTitle: value, Question: value, AlertName: value, Reason: value,
	}
	return h.data("count", value, "subject", value, "text", value)
}

func TestEveryKindIsWrittenInEveryLanguage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	names := []string{digestKind}
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	for _, kind := range names {
		for _, lang := range languages {
			for _, data := range []map[string]string{nil, everything("words")} {
				w, err := f.write(t.Context(), kind, lang, "https://jobpilot.test/x", "https://jobpilot.test/u", data)
				if err != nil {
					t.Errorf("%s in %s: %v", kind, lang, err)
					continue
				}
				if data != nil && (w.Subject == "" || w.Body == "") || strings.Contains(w.Subject+w.Text+w.HTML, "no value") {
					t.Errorf("%s in %s: %+v", kind, lang, w)
				}
				if !strings.Contains(w.Text, "https://jobpilot.test/x") || !strings.Contains(w.HTML, `href="https://jobpilot.test/x"`) || !strings.Contains(w.HTML, `href="https://jobpilot.test/u"`) {
					t.Errorf("%s in %s lacks a link: %s", kind, lang, w.HTML)
				}
			}
		}
	}
	all, err := shipped()
	must(t, err)
	if len(all) != len(names)*len(languages) {
		t.Errorf("%d templates for %d kinds in %d languages", len(all), len(names), len(languages))
	}
}

// What people type comes out as what they typed, and as nothing else.
func TestForeignTextIsOnlyText(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	hostile := `<script>alert(1)</script><a href="javascript:x">"'&` + "\r\nBcc: eve@example.com\n\n\u202etxt\x00\u2028{{.link}}"
	for _, k := range Kinds {
		w, err := f.write(t.Context(), k.Name, "en", "javascript:alert(1)", "", everything(hostile))
		must(t, err)
		if strings.Contains(w.HTML, "<script>") || strings.Contains(w.HTML, `href="javascript`) || strings.Contains(w.Text, "\njavascript:") {
			t.Errorf("%s: %s", k.Name, w.HTML)
		}
		if strings.ContainsFunc(w.Subject, unicode.IsControl) || strings.ContainsAny(w.Subject, "\u202e\u2028") || len([]rune(w.Subject)) > maxSubject {
			t.Errorf("%s: subject %q", k.Name, w.Subject)
		}
		if strings.ContainsAny(w.Text, "\x00\u202e\r") {
			t.Errorf("%s: text %q", k.Name, w.Text)
		}
	}
	w, err := f.write(t.Context(), "announcement", "en", "", "", map[string]string{"subject": strings.Repeat("ä", 5000), "text": strings.Repeat("x", 1<<20)})
	must(t, err)
	if len(w.HTML) > 64<<10 {
		t.Errorf("%d bytes", len(w.HTML))
	}
}

// A new version of the service brings a new version of a template; an old one that
// still runs does not bring its own back.
func TestTemplatesHaveVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, err := f.GetTemplate(t.Context(), "job.alert", "en")
	must(t, err)
	f.exec(`INSERT INTO email_templates SELECT kind, language, 2, 'Newer', body, text, html, '\x00' FROM email_templates WHERE kind = 'job.alert' AND language = 'en'`)
	again := New(f.Deps)
	list, err := again.GetTemplate(t.Context(), "job.alert", "en")
	must(t, err)
	if len(first) != 1 || len(list) != 2 || list[0].Version != 2 || list[0].Subject != "Newer" {
		t.Fatalf("versions %+v", list)
	}
	w, err := again.PreviewTemplate(t.Context(), "job.alert", "en", nil)
	must(t, err)
	if w.Subject != "Newer" {
		t.Errorf("subject %q", w.Subject)
	}
	_, err = again.GetTemplate(t.Context(), "job.alert", "xx")
	wantCode(t, err, "not_found")
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]string{"": "en", "de": "de", "de-AT": "de", "DE": "de", "fr-FR": "en", "en-GB": "en", "deu": "en"} {
		if got := language(locale); got != want {
			t.Errorf("%q: %s", locale, got)
		}
	}
}

func TestDataIsWhatThereIs(t *testing.T) {
	t.Parallel()
	var h happened
	must(t, json.Unmarshal([]byte(`{"applicationId":"a","to":"offer"}`), &h))
	if data := h.data(); len(data) != 1 || data["applicationId"] != "a" {
		t.Errorf("%v", data)
	}
}

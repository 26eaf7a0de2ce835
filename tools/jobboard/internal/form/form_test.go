package form

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

func TestWording(t *testing.T) {
	w := words()
	for meaning, langs := range w.Questions {
		if len(langs["en"].Labels) == 0 {
			t.Errorf("%s cannot be asked in English", meaning)
		}
		for lang, q := range langs {
			if len(q.Options) != len(langs["en"].Options) {
				t.Errorf("%s has other answers in %s than in English", meaning, lang)
			}
		}
	}
	for _, lang := range []string{"en", "de", "fr", "es"} {
		for name, all := range map[string]int{"standard": len(w.Standard[lang]), "names": len(w.Names[lang]), "yesNo": len(w.YesNo[lang]),
			"required": strings.Count(w.Required[lang], "%s"), "answer": len(w.Answer[lang]), "country": len(w.Country[lang])} {
			if all == 0 {
				t.Errorf("%s: nothing in %s", name, lang)
			}
		}
		for meaning := range w.Standard["en"] {
			if w.Standard[lang][meaning] == "" || w.Names[lang][meaning] == "" {
				t.Errorf("%s has no label or no name in %s", meaning, lang)
			}
		}
	}
}

func jobs(t *testing.T) []*posting.Job {
	t.Helper()
	b, err := posting.Generate(1, posting.MinJobs, time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return b.Jobs
}

// TestForms holds every form to its description: nothing unfilled in a label, every kind and every meaning somewhere.
func TestForms(t *testing.T) {
	kinds, meanings := map[Kind]bool{}, map[string]bool{}
	for _, j := range jobs(t) {
		f := Build(j, j.Modes)
		if !reflect.DeepEqual(f, Build(j, j.Modes)) {
			t.Fatalf("%s: two forms of one posting differ", j.Key)
		}
		for _, d := range f.Fields {
			kinds[d.Kind], meanings[d.Meaning] = true, true
			if strings.ContainsAny(d.Label, "{}") || strings.Contains(d.Label, "  ") {
				t.Errorf("%s: label %q", j.Key, d.Label)
			}
		}
	}
	for _, k := range []Kind{Text, Email, Tel, URL, Number, Date, Textarea, Select, Multi, YesNo, Checkbox, File, Location} {
		if !kinds[k] {
			t.Errorf("no form has a field of the kind %s", k)
		}
	}
	for meaning := range words().Questions {
		if !meanings[meaning] {
			t.Errorf("no form asks for %s", meaning)
		}
	}
}

func TestUploads(t *testing.T) {
	for fault, u := range map[string]Upload{
		"":                       {Name: "cv.PDF", Size: 9, Head: []byte("%PDF-1.4")},
		"The file is empty.":     {Name: "cv.pdf"},
		"File type not support":  {Name: "cv.exe", Size: 2, Head: []byte("MZ")},
		"The file is too large.": {Name: "cv.pdf", Size: MaxFile + 1, Head: []byte("%PDF-1.4")},
		"The content of the fil": {Name: "cv.docx", Size: 4, Head: []byte("%PDF-1.4")},
	} {
		if got := u.fault(); !strings.HasPrefix(got, fault) || fault == "" && got != "" {
			t.Errorf("%s: %q, want %q", u.Name, got, fault)
		}
	}
}

func TestPlaceWithoutCoordinatesIsIgnored(t *testing.T) {
	for _, j := range jobs(t) {
		f := Build(j, nil)
		if j.Platform != posting.Greenhouse || f.Field("location") == nil {
			continue
		}
		values := url.Values{"location": {"Berlin"}}
		if r := f.Read(values, nil); len(r.Ignored) != 1 || r.Meanings["location"] != nil {
			t.Errorf("without coordinates: %+v", r)
		}
		values.Set("latitude", "52.5")
		values.Set("longitude", "13.4")
		if r := f.Read(values, []Upload{{Field: "autofill", Name: "cv.pdf"}}); len(r.Ignored) != 1 || r.Meanings["location"] == nil {
			t.Errorf("with coordinates, and a file in autofill: %+v", r)
		}
		return
	}
	t.Fatal("no form asks for a place")
}

// TestWhatMustBeWritten keeps the README's promise to those who look for a form that goes straight through, or that stops.
func TestWhatMustBeWritten(t *testing.T) {
	for _, j := range jobs(t) {
		required := 0
		for _, d := range Build(j, nil).Fields {
			if d.Required && (d.Meaning == "motivation" || d.Meaning == "achievement") {
				required++
			}
		}
		if j.Nth < 3 && required > 0 || j.Nth == toBeWritten && required != 1 {
			t.Errorf("%s: posting %d of its board requires %d texts", j.Key, j.Nth, required)
		}
	}
}

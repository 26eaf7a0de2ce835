// Package form knows what application forms ask: it maps their fields to the keys
// of the answer bank, finds the answers in what the user has said, and says what
// only the user can answer. It is pure: no page, no network.
//
// Nothing is guessed. A field whose meaning is not sure enough, or whose answer is
// not known, has no value; a choice is always one of the options offered;
// demographic, residency, work authorisation and pay come only from answers that
// the user gave.
package form

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Kind is what a field takes.
type Kind string

// Kinds of fields.
const (
	Text     Kind = "text"
	Textarea Kind = "textarea"
	Email    Kind = "email"
	Tel      Kind = "tel"
	URL      Kind = "url"
	Number   Kind = "number"
	Date     Kind = "date"
	Select   Kind = "select"
	Multi    Kind = "multi"
	Boolean  Kind = "boolean"
	Checkbox Kind = "checkbox"
	Location Kind = "location" // text that wants one of its suggestions
	File     Kind = "file"
	Code     Kind = "code" // sent to the user by e-mail
)

// Field is a question of a form.
type Field struct {
	Name         string   `json:"name"` // under which its answer is sent, where the page tells
	Label        string   `json:"label"`
	Kind         Kind     `json:"kind"`
	Required     bool     `json:"required"`
	Options      []string `json:"options"` // labels, as offered
	Autocomplete string   `json:"autocomplete,omitempty"`
	Group        string   `json:"group,omitempty"`  // heading that it stands under
	Custom       bool     `json:"custom,omitempty"` // made of scripts: a box with options, or buttons
	Ref          string   `json:"ref"`              // selector that finds it again
}

// Fold makes texts comparable: lower case, without accents and punctuation, words
// separated by one space.
func Fold(s string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\u00ad', r == '\u200b':
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			if r == 'ß' {
				b.WriteString("ss")
			} else {
				b.WriteRune(r)
			}
		default:
			space = true
		}
	}
	return b.String()
}

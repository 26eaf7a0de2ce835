package form

import (
	"bytes"
	"fmt"
	"net/mail"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxFile is the largest file that a form takes, in bytes.
const MaxFile = 5 << 20

// Upload is a file that was sent. Its content is not kept.
type Upload struct {
	Field       string `json:"field"`
	Name        string `json:"name"`
	Size        int64  `json:"size"` // bytes
	SHA256      string `json:"sha256"`
	ContentType string `json:"contentType"` // as the sender called it
	Head        []byte `json:"-"`           // the first bytes
}

var extensions = []string{".pdf", ".doc", ".docx", ".txt", ".rtf"}

// fault says what is wrong with a file, or nothing.
func (u Upload) fault() string {
	switch ext := strings.ToLower(path.Ext(u.Name)); {
	case u.Size == 0:
		return "The file is empty."
	case u.Size > MaxFile:
		return "The file is too large. The limit is 5 MB."
	case !slices.Contains(extensions, ext):
		return "File type not supported. Use PDF, DOC, DOCX, TXT or RTF."
	case ext == ".pdf" && !bytes.Contains(u.Head, []byte("%PDF-")),
		ext == ".docx" && !bytes.HasPrefix(u.Head, []byte("PK\x03\x04")),
		ext == ".doc" && !bytes.HasPrefix(u.Head, []byte("\xd0\xcf\x11\xe0")),
		ext == ".rtf" && !bytes.HasPrefix(u.Head, []byte("{\\rtf")):
		return "The content of the file is not what its name says."
	}
	return ""
}

// Check judges the answers to the fields of the given page, or of all pages for -1. It returns a message by field name.
func (f *Form) Check(values url.Values, files []Upload, page int) map[string]string {
	faults := map[string]string{}
	for i := range f.Fields {
		d := &f.Fields[i]
		if d.Group == Trap || page >= 0 && d.Page != page {
			continue
		}
		if fault := f.checkField(d, values, files); fault != "" {
			faults[d.Name] = fault
		}
	}
	return faults
}

func (f *Form) checkField(d *Field, values url.Values, files []Upload) string {
	given := clean(values[d.Name])
	if d.Kind == File {
		i := slices.IndexFunc(files, func(u Upload) bool { return u.Field == d.Name })
		switch {
		case i >= 0:
			return files[i].fault()
		case d.Required && len(clean(values[d.Name+"_text"])) == 0:
			return fmt.Sprintf(words().Required[f.Job.Lang], d.Label)
		}
		return ""
	}
	if len(given) == 0 {
		if d.Required {
			return fmt.Sprintf(words().Required[f.Job.Lang], d.Label)
		}
		return ""
	}
	if len(given) > 1 && d.Kind != Multi {
		return "Give one answer only."
	}
	switch d.Kind {
	case Email:
		if a, err := mail.ParseAddress(given[0]); err != nil || a.Address != given[0] || !strings.Contains(given[0], ".") {
			return "Please enter a valid email address"
		}
	case Tel:
		if digits := strings.Count(strings.Map(digit, given[0]), "0"); digits < 6 || digits > 16 {
			return "Please enter a valid phone number"
		}
	case URL:
		u, err := url.Parse(given[0])
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "Please enter a valid URL that starts with https://"
		}
		if d.Meaning == "url.linkedin" && !strings.HasSuffix(u.Hostname(), "linkedin.com") {
			return "Please enter a LinkedIn URL"
		}
	case Number:
		if _, err := strconv.ParseFloat(given[0], 64); err != nil {
			return "Please enter a number"
		}
	case Date:
		if _, err := time.Parse(time.DateOnly, given[0]); err != nil {
			return "Please enter a date"
		}
	case Select, Multi, YesNo, Checkbox:
		for _, v := range given {
			if !slices.ContainsFunc(d.Options, func(o Option) bool { return o.Value == v }) {
				return "Please choose one of the options"
			}
		}
	}
	return ""
}

// digit keeps digits, as zeros, and drops the rest.
func digit(r rune) rune {
	if r >= '0' && r <= '9' {
		return '0'
	}
	return -1
}

func clean(values []string) []string {
	var out []string
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// Reading is what the answers mean.
type Reading struct {
	Meanings  map[string][]string // labels of choices, by meaning; by meaning:about where a meaning is asked twice
	Labels    map[string][]string // labels of the chosen options, by name
	Honeypots []string            // traps that were filled
	Ignored   []string            // what the platform throws away
}

// Read tells the meaning of answers.
func (f *Form) Read(values url.Values, files []Upload) Reading {
	r := Reading{Meanings: map[string][]string{}, Labels: map[string][]string{}, Honeypots: []string{}, Ignored: []string{}}
	times := map[string]int{}
	for _, d := range f.Fields {
		times[d.Meaning]++
	}
	for _, d := range f.Fields {
		given := clean(values[d.Name])
		for _, u := range files {
			if u.Field == d.Name {
				given = append(given, u.Name)
			}
		}
		if len(given) == 0 {
			continue
		}
		if d.Group == Trap {
			r.Honeypots = append(r.Honeypots, d.Name)
			continue
		}
		if len(d.Options) > 0 {
			for i, v := range given {
				for _, o := range d.Options {
					if o.Value == v {
						given[i] = o.Label
					}
				}
			}
			r.Labels[d.Name] = given
		}
		if d.Kind == Location && f.Job.Platform == "greenhouse" &&
			(values.Get("latitude") == "" || values.Get("longitude") == "") {
			r.Ignored = append(r.Ignored, d.Name)
			continue
		}
		key := d.Meaning
		if times[key] > 1 {
			key += ":" + d.About
		}
		r.Meanings[key] = given
	}
	for _, u := range files {
		if d := f.Field(u.Field); d == nil || d.Kind != File {
			r.Ignored = append(r.Ignored, u.Field)
		}
	}
	return r
}

package site

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// receive takes the post of a form, records it and answers as the platform would.
func (s *Site) receive(w http.ResponseWriter, r *http.Request, j *posting.Job) {
	s.delay(r.Context(), j)
	modes := s.modes.of(j)
	values, files, err := readForm(r)
	if err != nil {
		status := http.StatusBadRequest
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || errors.Is(err, errTooMuch) {
			status = http.StatusRequestEntityTooLarge
		}
		s.page(w, r, status, "message.html", message{Company: j.Company, Title: http.StatusText(status), Text: "The form could not be read: " + err.Error()})
		return
	}
	d := s.store.draft(values.Get("_draft"), j.Key)
	d.files = append(d.files, files...)
	d.values = maps.Clone(d.values)
	for name, v := range values {
		if name != "_draft" {
			d.values[name] = v
		}
	}
	f := form.Build(j, modes)
	v := s.view(r, j, f, modes)
	v.Draft, v.Page = values.Get("_draft"), d.page
	x := s.submission(r, f, d)

	page := d.page
	if d.code != "" { // everything else was judged before
		page = f.Pages
	}
	switch {
	case s.closed(j):
		x.Outcome = closed
		s.store.add(x)
		s.closedPage(w, r, j)
		return
	case s.modes.has(j, posting.ModeError500):
		x.Outcome = failed
		s.store.add(x)
		s.page(w, r, http.StatusInternalServerError, "message.html", message{Company: j.Company, Title: "Something went wrong",
			Text: "We could not process your application. Please try again later."})
		return
	}
	if x.Errors = f.Check(d.values, d.files, page); len(x.Errors) > 0 {
		x.Outcome = invalid
		s.store.add(x)
		v.fill(d.values, x.Errors)
		s.formPage(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if page+1 < f.Pages {
		d.page++
		v.Page, v.Draft = d.page, s.store.saveDraft(d)
		v.fill(d.values, nil)
		s.formPage(w, r, http.StatusOK, v)
		return
	}
	if d.code == "" && !s.human(j, modes, d.values) {
		x.Outcome = captcha
		x.Errors["captcha"] = "Please complete the captcha."
		s.store.add(x)
		v.Summary = x.Errors["captcha"]
		v.fill(d.values, x.Errors)
		s.formPage(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if s.modes.has(j, posting.ModeDuplicate) {
		x.Outcome = duplicate
		s.store.add(x)
		s.page(w, r, http.StatusConflict, "message.html", message{Company: j.Company, Kind: "duplicate", Title: "You have already applied",
			Text: "An application for this job was already received from " + x.Email + "."})
		return
	}
	if s.modes.has(j, posting.ModeEmailCode) && !s.verified(r, v, x, d) {
		s.store.add(x)
		v.fill(d.values, x.Errors)
		s.formPage(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	x.Outcome = accepted
	s.store.add(x)
	s.Log.Info("application received", "job", j.Key, "submission", x.ID)
	switch {
	case s.modes.has(j, posting.ModeConfirmationLost):
		// Cut after the head of an answer: without any, browsers send the form again by themselves.
		w.Header().Set("Content-Length", "4096")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case s.modes.has(j, posting.ModeConfirmationBlank):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		return
	}
	if done := donePath(j); done != "" {
		http.Redirect(w, r, done, http.StatusSeeOther)
		return
	}
	s.done(w, r, j)
}

// donePath is where a platform leads to after a submission; empty where it stays.
func donePath(j *posting.Job) string {
	switch j.Platform {
	case posting.Greenhouse:
		return j.PagePath() + "/confirmation"
	case posting.Lever:
		return j.PagePath() + "/thanks"
	case posting.Ashby, posting.Workable:
		return ""
	}
	return j.PagePath() + "/thank-you"
}

func (s *Site) submission(r *http.Request, f *form.Form, d *draft) *Submission {
	read := f.Read(d.values, d.files)
	x := &Submission{Job: f.Job.Key, Platform: f.Job.Platform, Board: f.Job.Board, Title: f.Job.Title, UserAgent: cut(r.UserAgent(), 300),
		ContentType: cut(r.Header.Get("Content-Type"), 200), Fields: d.values, Meanings: read.Meanings, Labels: read.Labels, Files: d.files,
		Honeypots: read.Honeypots, Ignored: read.Ignored, Errors: map[string]string{}}
	if x.Files == nil {
		x.Files = []form.Upload{}
	}
	if email := read.Meanings["email"]; len(email) > 0 {
		x.Email = cut(email[0], 300)
	}
	return x
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// human judges the captcha's answer. Lever's pages have one that passes by itself when their button is used.
func (s *Site) human(j *posting.Job, modes []string, values url.Values) bool {
	if _, field := captchaKind(modes); field != "" {
		return s.store.redeem(values.Get(field), true)
	}
	return j.Platform != posting.Lever || s.store.redeem(values.Get("h-captcha-response"), false)
}

// codeBoxes is the number of letters in a verification code.
const codeBoxes = 8

// verified compares the code that was typed with the one that was sent; without one, it sends it.
func (s *Site) verified(r *http.Request, v *formView, x *Submission, d *draft) bool {
	typed := ""
	for i := range codeBoxes {
		name := fmt.Sprintf("security-input-%d", i)
		typed += strings.TrimSpace(d.values.Get(name))
	}
	if d.code != "" && strings.EqualFold(typed, d.code) {
		return true
	}
	x.Outcome = code
	v.CodeEmail = x.Email
	if d.code != "" {
		x.Errors["security_code"] = "The code is not correct."
		v.Summary = x.Errors["security_code"]
		return false
	}
	d.code = strings.ToUpper(rand.Text()[:codeBoxes])
	v.Draft = s.store.saveDraft(d)
	s.store.addCode(sentCode{Email: x.Email, Job: x.Job, Code: d.code})
	if s.SMTPURL != "" {
		m := mail{From: "no-reply@" + strings.ToLower(x.Board) + ".example", FromName: v.Company.Name, To: x.Email,
			Subject: "Security code for your application to " + v.Company.Name,
			Text:    "Copy and paste this code into the security code field on your application:\n\n" + d.code + "\n"}
		if err := m.send(r.Context(), s.SMTPURL, s.Now()); err != nil {
			s.Log.Warn("code was not mailed", "error", err)
		}
	}
	return false
}

var errTooMuch = errors.New("the answers are longer than a form holds")

// readForm reads a form. Of files it keeps their hash and their first bytes.
func readForm(r *http.Request) (url.Values, []form.Upload, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, fmt.Errorf("content type: %w", err)
	}
	values, files := url.Values{}, []form.Upload{}
	if kind == "application/x-www-form-urlencoded" {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxFieldBytes+1))
		if err != nil {
			return nil, nil, err
		}
		if len(body) > maxFieldBytes {
			return nil, nil, errTooMuch
		}
		values, err = url.ParseQuery(string(body))
		return values, files, err
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, err
	}
	total := 0
	for n := 0; ; n++ {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return values, files, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if n >= maxParts {
			return nil, nil, errTooMuch
		}
		name := cut(p.FormName(), 300)
		total += len(name)
		if _, params, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition")); params["filename"] != "" {
			u := form.Upload{Field: name, Name: cut(path.Base(p.FileName()), 300), ContentType: cut(p.Header.Get("Content-Type"), 100)}
			if err := readUpload(&u, p); err != nil {
				return nil, nil, err
			}
			files = append(files, u)
			continue
		} else if _, isFile := params["filename"]; isFile {
			continue // a file input that was left empty
		}
		text, err := io.ReadAll(io.LimitReader(p, int64(maxFieldBytes-total)+1))
		if err != nil {
			return nil, nil, err
		}
		if total += len(text); total > maxFieldBytes {
			return nil, nil, errTooMuch
		}
		values.Add(name, string(text))
	}
}

// headBytes is how much of a file is looked at to tell its type.
const headBytes = 1024

func readUpload(u *form.Upload, r io.Reader) error {
	head, err := io.ReadAll(io.LimitReader(r, headBytes))
	if err != nil {
		return err
	}
	h := sha256.New()
	h.Write(head)
	n, err := io.Copy(h, r)
	if err != nil {
		return err
	}
	u.Head, u.Size, u.SHA256 = head, int64(len(head))+n, hex.EncodeToString(h.Sum(nil))
	return nil
}

package autoapply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

const (
	maxPages   = 10
	maxRounds  = 4   // of reading a page again since fields came or lost their answers
	aiSure     = 0.7 // least confidence of an answer of ai
	aiLongText = 1500
)

// errCode ends an attempt whose page is held until its user has the code.
var errCode = errors.New("auto-apply: waiting for a code")

// fillAll fills the form page by page and sends it, unless somebody has to be asked.
func (x *attempt) fillAll(ctx context.Context) error {
	for range maxPages {
		last, questions, err := x.fillPage(ctx)
		if err != nil {
			return err
		}
		if last == captchaSeen {
			x.shoot(ctx, ShowsCaptcha)
			return x.move(ctx, NeedsCaptcha, captchaReason)
		}
		if len(questions) > 0 {
			return x.park(ctx, questions)
		}
		if last == lastPage {
			return x.finish(ctx)
		}
		out, err := x.page.Press(ctx, false)
		if err != nil {
			return err
		}
		switch out.Result {
		case site.NextPage:
		case site.Invalid:
			again, err := x.correct(ctx, out, 1)
			if err != nil || !again {
				return err
			}
			if out, err = x.page.Press(ctx, false); err != nil {
				return err
			}
			if out.Result != site.NextPage {
				return x.move(ctx, Failed, "The form does not take its answers: "+out.Why)
			}
		case site.Captcha:
			x.shoot(ctx, ShowsCaptcha)
			return x.move(ctx, NeedsCaptcha, captchaReason)
		case site.Submitted: // the button said otherwise
			return x.settle(ctx, Submitted, "", out)
		default:
			return x.move(ctx, Failed, cutText("The form does not go on to its next page. "+out.Why, 500))
		}
	}
	return x.move(ctx, Failed, "The form has more pages than can be filled.")
}

// finish stops before sending for whoever asked to, and sends otherwise.
func (x *attempt) finish(ctx context.Context) error {
	x.form.FilledAt = x.now()
	x.shoot(ctx, ShowsFilled)
	if x.app.Review && !x.app.Approved {
		return x.change(ctx, func(t *tx, a *db.Application) error {
			if err := t.writePaper(ctx, a, paperReview, x.form); err != nil {
				return err
			}
			return t.move(ctx, a, NeedsReview, ByMachine, "")
		})
	}
	return x.send(ctx)
}

type pageKind int

const (
	furtherPage pageKind = iota
	lastPage
	captchaSeen
)

// fillPage fills what is on the page, as often as fields come late or lose their
// answers, and returns the questions that must be asked.
func (x *attempt) fillPage(ctx context.Context) (pageKind, []Question, error) {
	answered := map[string][]string{}
	for round := 0; ; round++ {
		p, err := x.page.Read(ctx)
		if err != nil {
			return 0, nil, err
		}
		if p.Captcha {
			return captchaSeen, nil, nil
		}
		x.form.URL = p.URL
		var questions []Question
		changed := false
		// Files first: some fields only come with them.
		slices.SortStableFunc(p.Fields, func(a, b site.Field) int { return order(a) - order(b) })
		for _, f := range p.Fields {
			before, known := answered[f.Name+"\x00"+f.Label]
			if known && (slices.Equal(before, f.Value) || round >= maxRounds || f.Custom || f.Kind == form.File) {
				continue
			}
			values, source, q, err := x.answer(ctx, f)
			if err != nil {
				return 0, nil, err
			}
			if q != nil {
				questions = append(questions, *q)
				continue
			}
			changed = true
			answered[f.Name+"\x00"+f.Label] = values
			x.form.add(FilledField{Name: f.Name, Label: f.Label, Kind: f.Kind, Required: f.Required, Values: values, Source: source})
		}
		if len(questions) > 0 {
			return 0, questions, nil
		}
		if !changed || round > maxRounds {
			if !p.Last {
				return furtherPage, nil, nil
			}
			return lastPage, nil, nil
		}
		if p.Last && round == 0 {
			if err := x.page.Settle(ctx); err != nil {
				return 0, nil, err
			}
		}
	}
}

func order(f site.Field) int {
	if f.Kind == form.File {
		return 0
	}
	return 1
}

// answer puts the answer to a field into it. It returns what is in it then, or the
// question that has to be asked.
func (x *attempt) answer(ctx context.Context, f site.Field) (values []string, source string, ask *Question, err error) {
	m := form.Understand(f.Field)
	if f.Kind == form.File {
		return x.upload(ctx, f, m)
	}
	a := x.resolve(ctx, f, m)
	if len(a.Values) == 0 {
		if f.Required && a.Reason != "" {
			return nil, "", x.question(f, m, a.Reason, ""), nil
		}
		if f.Required { // answered with nothing, where something is needed
			return nil, "", x.question(f, m, form.Unknown, ""), nil
		}
		return []string{}, form.FromNobody, nil, nil
	}
	if f.Kind == form.Location {
		chosen, err := x.page.FillPlace(f.Field, a.Values[0], x.facts.Region, x.countries(a.Source))
		if err != nil {
			return nil, "", nil, err
		}
		if chosen == "" && f.Required {
			return nil, "", x.question(f, m, form.NoOptionFits, "The form knows no place that is certainly yours; write it as the form would."), nil
		}
		if chosen == "" {
			return []string{}, form.FromNobody, nil, nil
		}
		return []string{chosen}, a.Source, nil, nil
	}
	for range 2 { // a page that replaces its fields may do so just now
		ok, err := x.page.Fill(f.Field, a.Values)
		if err != nil {
			return nil, "", nil, err
		}
		if ok {
			return a.Values, a.Source, nil, nil
		}
	}
	if f.Required {
		return nil, "", x.question(f, m, form.Refused, "The form does not take this answer."), nil
	}
	return []string{}, form.FromNobody, nil, nil
}

// countries are the names that a suggested place must have; a place that the user
// wrote for this form needs none.
func (x *attempt) countries(source string) []string {
	if source == form.FromUser {
		return []string{}
	}
	return form.CountryNames(x.facts.CountryCode)
}

// resolve finds the answer: given for this application or approved, known, or found
// by ai in what the user has said.
func (x *attempt) resolve(ctx context.Context, f site.Field, m form.Meaning) form.Answer {
	if o, ok := x.overrides[f.Name]; ok {
		offered := len(f.Options) == 0 || !slices.ContainsFunc(o.Values, func(v string) bool { return !slices.Contains(f.Options, v) })
		if offered {
			return form.Answer{Values: o.Values, Source: o.Source}
		}
	}
	if m.Key == "cover_letter" {
		return form.Answer{Values: x.coverLetter(ctx, f.Required), Source: x.letterSource(), Reason: form.Unknown}
	}
	a := form.Resolve(f.Field, m, x.facts)
	if len(a.Values) > 0 || !f.Required || form.Sensitive(f.Field, m) || m.Key == "email" || m.Key == "phone" {
		return a
	}
	if found, ok := x.askAI(ctx, f); ok {
		return found
	}
	return a
}

// askAI has ai answer from resume, profile and answer bank. An answer without a
// source, or that is not one of the options, is none.
func (x *attempt) askAI(ctx context.Context, f site.Field) (form.Answer, bool) {
	q := ai.AnswerQuestionRequest{Question: f.Label, JobID: nil, Job: x.posting()}
	if f.Label == "" || len([]rune(f.Label)) > 2000 {
		return form.Answer{}, false
	}
	if len(f.Options) > 0 {
		q.Options = &f.Options
		multiple := f.Kind == form.Multi
		q.Multiple = &multiple
	} else if f.Kind == form.Textarea {
		most := int32(aiLongText)
		q.MaxLength = &most
	}
	if content, err := through[ai.Resume](x.resume.Resume); err == nil {
		q.Resume = &content
	}
	bank := []ai.Fact{}
	for _, a := range x.profile.Answers {
		if text, ok := plain(a.Value); ok && !a.Sensitive {
			bank = append(bank, ai.Fact{Key: a.Key, Question: a.Question, Value: text})
		}
	}
	q.Answers = &bank
	r, err := x.AI.AnswerQuestionInternallyWithResponse(ctx, &ai.AnswerQuestionInternallyParams{UserID: &x.app.UserID}, q)
	if err != nil || r.JSON200 == nil || r.JSON200.Answer == nil || r.JSON200.Confidence < aiSure || len(r.JSON200.Sources) == 0 {
		return form.Answer{}, false // who cannot be asked knows nothing
	}
	values := []string{*r.JSON200.Answer}
	if f.Kind == form.Multi && r.JSON200.Selected != nil {
		values = *r.JSON200.Selected
	}
	for _, v := range values {
		if strings.TrimSpace(v) == "" || len([]rune(v)) > maxText || len(f.Options) > 0 && !slices.Contains(f.Options, v) {
			return form.Answer{}, false
		}
	}
	if (Question{Kind: f.Kind}).check(values) != "" {
		return form.Answer{}, false
	}
	return form.Answer{Values: values, Source: form.FromAI}, true
}

func (x *attempt) posting() *ai.Posting {
	text := x.job.Job.Description
	return &ai.Posting{Title: x.job.Job.Title, CompanyName: &x.job.Job.Company.Name, Description: &text}
}

func plain(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, text != ""
	}
	return string(raw), len(raw) > 0 && raw[0] != '{'
}

// coverLetter is the user's own, or one that ai writes from the resume when the
// settings want that.
func (x *attempt) coverLetter(ctx context.Context, required bool) []string {
	if x.letter == "" && (x.settings.CoverLetter == LetterAlways || x.settings.CoverLetter == LetterWhenRequired && required) {
		q := ai.CoverLetterRequest{Job: x.posting()}
		if language := ai.TextLanguage(value(x.job.Job.Language)); language == "en" || language == "de" {
			q.Language = &language
		}
		if content, err := through[ai.Resume](x.resume.Resume); err == nil {
			q.Resume = &content
			r, err := x.AI.GenerateCoverLetterInternallyWithResponse(ctx, &ai.GenerateCoverLetterInternallyParams{UserID: &x.app.UserID}, q)
			if err == nil && r.JSON200 != nil {
				x.letter = r.JSON200.Text
			}
		}
	}
	if x.letter == "" {
		return nil
	}
	return []string{x.letter}
}

func (x *attempt) letterSource() string {
	if x.app.LetterSealed != nil {
		return form.FromUser
	}
	return form.FromAI
}

// upload puts the resume or the cover letter into a field for files.
func (x *attempt) upload(ctx context.Context, f site.Field, m form.Meaning) ([]string, string, *Question, error) {
	var name, kind string
	var content []byte
	switch m.Key {
	case "resume":
		var err error
		if content, err = x.document(ctx); err != nil {
			return nil, "", nil, err
		}
		name, kind = fileName(x.facts)+".pdf", "application/pdf"
	case "cover_letter":
		if letter := x.coverLetter(ctx, f.Required); letter != nil {
			content, name, kind = []byte(letter[0]), fileName(x.facts)+"-cover-letter.txt", "text/plain"
		}
	}
	if content == nil {
		if f.Required {
			return nil, "", nil, x.fail(ctx, "The form asks for a file that JobPilot has not: "+f.Label+". Apply by hand.")
		}
		return []string{}, form.FromNobody, nil, nil
	}
	if err := x.page.Upload(f.Field, name, kind, content); err != nil {
		return nil, "", nil, err
	}
	sum := sha256.Sum256(content)
	x.form.Files = slices.DeleteFunc(x.form.Files, func(o SentFile) bool { return o.Field == f.Name })
	x.form.Files = append(x.form.Files, SentFile{Field: f.Name, Name: name, ContentType: kind, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
	source := form.FromResume
	if m.Key == "cover_letter" {
		source = x.letterSource()
	}
	return []string{name}, source, nil, nil
}

// fail ends the application; the attempt ends with it.
func (x *attempt) fail(ctx context.Context, reason string) error {
	if err := x.move(ctx, Failed, reason); err != nil {
		return err
	}
	return errFenced
}

func fileName(f form.Facts) string {
	name := strings.Join(strings.Fields(form.Fold(f.GivenName+" "+f.FamilyName)), "-")
	if name == "" {
		return "resume"
	}
	return name
}

// document is the resume as PDF.
func (x *attempt) document(ctx context.Context) ([]byte, error) {
	version := x.resume.Version
	r, err := x.Resumes.RenderResumeDocumentWithResponse(ctx, x.resume.ResumeID, resume.RenderRequest{Format: "pdf", Version: &version})
	if err != nil {
		return nil, errPeer.With(err)
	}
	if r.StatusCode()/100 != 2 {
		return nil, errPeer.With(fmt.Errorf("resume answered %s", r.Status()))
	}
	return r.Body, nil
}

// question is what the user is asked about a field.
func (x *attempt) question(f site.Field, m form.Meaning, reason, hint string) *Question {
	key := m.Key
	if key == "" || m.Confidence < form.Sure {
		key = ownKey(f.Label, x.job.Job.Company.Name)
	}
	label := f.Label
	if label == "" {
		label = f.Name
	}
	return &Question{Field: f.Name, Key: key, Reason: reason, Question: cutText(label, 2000), Kind: f.Kind, Options: f.Options, Hint: cutText(hint, 500)}
}

// correct deals with a form that did not take its answers: what was left empty and
// is known is filled, once, and it may be sent again; everything else is asked.
func (x *attempt) correct(ctx context.Context, out site.Outcome, try int) (again bool, err error) {
	p, err := x.page.Read(ctx)
	if err != nil {
		return false, err
	}
	var questions []Question
	for _, f := range p.Fields {
		// A page that was loaded again has lost its files.
		lost := f.Kind == form.File && len(f.Value) == 0 && slices.ContainsFunc(x.form.Files, func(o SentFile) bool { return o.Field == f.Name })
		if f.Error == "" && !lost {
			continue
		}
		f.Required = true
		m := form.Understand(f.Field)
		if f.Kind != form.File && len(f.Value) > 0 && f.Value[0] != "" && try == 1 && !f.Custom {
			questions = append(questions, *x.question(f, m, form.Refused, f.Error))
			continue
		}
		if try > 1 && !lost {
			questions = append(questions, *x.question(f, m, form.Refused, f.Error))
			continue
		}
		values, source, q, err := x.answer(ctx, f)
		if err != nil {
			return false, err
		}
		if q != nil {
			q.Hint = cutText(f.Error, 500)
			questions = append(questions, *q)
			continue
		}
		x.form.add(FilledField{Name: f.Name, Label: f.Label, Kind: f.Kind, Required: true, Values: values, Source: source})
		again = true
	}
	if len(questions) > 0 {
		return false, x.park(ctx, questions)
	}
	if !again {
		return false, x.move(ctx, Failed, cutText("The form does not take its answers: "+out.Why, 500))
	}
	return true, nil
}

// askCode asks for the code that the site has sent to the user.
func (x *attempt) askCode(ctx context.Context, out site.Outcome) error {
	err := x.park(ctx, []Question{{
		Field: "security_code", Key: "custom.security_code", Reason: form.NeedsCode, Kind: form.Code, Question: "The site has sent you a code by e-mail. What is it?", Hint: cutText(out.Why, 500),
	}})
	if err != nil {
		return err
	}
	return errCode
}

func cutText(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// through converts between the shapes that two contracts give one thing.
func through[To any](from any) (to To, err error) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, &to)
	}
	return to, err
}

// codes holds pages that wait for a code which their user gets by e-mail: with
// another page the site would send another code. They are this process's own; an
// application whose page is gone begins anew.
type codes struct {
	mu    sync.Mutex
	pages map[uuid.UUID]*session
}

// session is a held page.
type session struct {
	page  *site.Session
	form  FilledForm
	end   func()
	once  sync.Once
	timer *time.Timer
}

const (
	codePatience = 10 * time.Minute
	maxHeld      = 2
)

func (s *session) close() { s.once.Do(func() { s.timer.Stop(); s.end() }) }

// keep holds a page for a while; the oldest makes room.
func (c *codes) keep(id uuid.UUID, s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil {
		c.pages = map[uuid.UUID]*session{}
	}
	for other, o := range c.pages {
		if len(c.pages) >= maxHeld || other == id {
			delete(c.pages, other)
			go o.close()
		}
	}
	c.pages[id] = s
	s.timer = time.AfterFunc(codePatience, func() {
		if late := c.take(id); late != nil {
			late.close()
		}
	})
}

// take gives a page to who goes on with it; nil if there is none.
func (c *codes) take(id uuid.UUID) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.pages[id]
	delete(c.pages, id)
	return s
}

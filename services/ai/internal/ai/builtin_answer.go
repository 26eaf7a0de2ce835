package ai

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// The kinds of questions that forms ask. Order decides: what must not be guessed
// comes first, so that "Do you now or in future require visa sponsorship?" is
// never taken for something milder.
var questionKinds = []struct {
	kind string
	re   *regexp.Regexp
}{
	{"demographic", regexp.MustCompile(`(?i)\b(gender|sex|pronouns?|race|racial|ethnic\p{L}*|hispanic|latin[oax]\p{L}?|veteran|disabilit\p{L}+|disabled|sexual orientation|transgender|lgbt\p{L}*|religio\p{L}+|marital|married|pregnan\p{L}+|children|age|date of birth|birth ?(date|day|place)|born|nationality|ethnie|geschlecht|anrede|herkunft|behinderung|schwerbehindert\p{L}*|geburtsdatum|geboren|familienstand|staatsangehörigkeit|konfession|communities|identify as|self.identif\p{L}+)\b`)},
	{"work_authorization", regexp.MustCompile(`(?i)\b(authori[sz]\p{L}+ to work|work authori[sz]ation|right to work|legally|eligible to work|visa|sponsor\p{L}*|work permit|immigration|citizen\p{L}*|green card|residen(ce|cy) (permit|status)|security clearance|export control|arbeitserlaubnis|aufenthalts\p{L}+|arbeitsgenehmigung|arbeitsberechtig\p{L}+)\b`)},
	{"salary", regexp.MustCompile(`(?i)\b(salar\p{L}+|compensation|pay (expectation|range|rate)|desired pay|hourly rate|wage|remuneration|gehalts?\p{L}*|vergütung|lohn\p{L}*)\b`)},
	{"consent", regexp.MustCompile(`(?i)\b(consent|i agree|agree to|acknowledg\p{L}+|certify|i confirm|by (checking|submitting|ticking|clicking)|privacy (policy|notice)|terms (of|and)|gdpr|background check|drug (test|screen)|criminal|convict\p{L}+|felony|retain my|keep my (data|details|application)|einwillig\p{L}*|stimme zu|einverstanden|datenschutz\p{L}*|bestätige|vorstrafe\p{L}*|non.?compete|signature|unterschrift|talent (pool|community)|marketing|newsletter|sms|text messages)\b`)},
	{"experience_years", regexp.MustCompile(`(?i)\b(how many years|years of|number of years|wie viele jahre|jahre (berufs)?erfahrung)\b`)},
	{"availability", regexp.MustCompile(`(?i)\b(start date|when (can|could|would) you (start|begin|join)|available (to start|from)|availability|earliest|notice period|kündigungsfrist|eintrittstermin|verfügbar|relocat\p{L}+|willing to|travel|umzug\p{L}*|reisebereitschaft)\b`)},
	{"contact", regexp.MustCompile(`(?i)^\W*(your |ihr\p{L}* |dein\p{L}* )?((full|legal|first|last|given|family|preferred) )?(name|e-?mail( address)?|phone( number)?|mobile( number)?|telephone|linkedin( profile)?( url)?|github( profile)?( url)?|website|portfolio( url)?|(current )?(location|city|country|address|postal code|zip code)|(current|present|most recent) (company|employer|title|position|job title)|vorname|nachname|telefon(nummer)?|wohnort|stadt|land|adresse|postleitzahl|aktueller arbeitgeber|where (are you|do you) (currently )?(located|based|live)\p{L}*( located| based)?)\W*$`)},
	{"language", regexp.MustCompile(`(?i)\b(language|fluent|fluency|speak|proficiency|sprach\p{L}+|sprechen|sprichst)\b`)},
	{"education", regexp.MustCompile(`(?i)\b(degree|education|university|college|school|graduat\p{L}+|gpa|major|field of study|studi\p{L}+|abschluss|hochschule|ausbildung)\b`)},
	{"motivation", regexp.MustCompile(`(?i)\b(why (do|are|would) you|why (this|our|us)|motivat\p{L}+|what (interests|excites|attracts)|cover letter|tell us (about|why)|warum|was reizt)\b`)},
	{"skill", regexp.MustCompile(`(?i)\b(experience (with|in|using)|familiar with|do you (have|know|use)|have you (used|worked|built)|proficient|knowledge of|erfahrung mit|kenntnisse|kennen sie|kennst du|describe your)\b`)},
}

// sensitive kinds are answered only from an answer to that very question.
var sensitive = map[string]bool{"demographic": true, "work_authorization": true, "salary": true, "consent": true}

// kindOf classifies a question by its own words and by those of its options,
// which may show what a harmless label hides.
func kindOf(q *AnswerRequest) string {
	for _, text := range []string{q.Question, q.Question + " " + strings.Join(q.Options[:min(len(q.Options), 20)], " · ")} {
		for i, k := range questionKinds {
			if k.re.MatchString(visible(text)) && (text == q.Question || i < 4) {
				return k.kind
			}
		}
	}
	return "other"
}

// found is an answer before it is fitted to the form.
type found struct {
	value      string
	confidence float64
	sources    []Source
}

// Answer looks first for an answer that the applicant gave to such a question,
// then for a field of the profile or the resume that is what is asked.
func (b *Builtin) Answer(_ context.Context, q *AnswerRequest) (*FormAnswer, Spent, error) {
	kind := kindOf(q)
	out := &FormAnswer{Kind: kind, Reason: "unknown", Sources: []Source{}}
	f := given(q, sensitive[kind])
	if f == nil && sensitive[kind] {
		out.Reason = "sensitive"
		return out, Spent{}, nil
	}
	if f == nil && !instructs(q.Question) {
		switch kind {
		case "contact":
			f = contactAnswer(q)
		case "experience_years":
			f = yearsAnswer(q, b)
		case "skill":
			f = skillAnswer(q)
		case "language":
			f = languageAnswer(q)
		case "education":
			f = educationAnswer(q)
		}
	}
	if f == nil {
		return out, Spent{}, nil
	}
	fit(out, q, f)
	return out, Spent{}, nil
}

// given finds an answer of the bank or the profile to this question. exact
// demands the very question: for what must not be guessed, near is not enough.
func given(q *AnswerRequest, exact bool) *found {
	asked := contentWords(q.Question)
	best, where := 0.0, (*found)(nil)
	for document, facts := range map[string][]Fact{"answers": q.Answers, "profile": q.Profile} {
		for i, f := range facts {
			if instructs(f.Question) {
				continue
			}
			own := contentWords(f.Question)
			score := similarity(asked, own)
			if exact || negates(asked) != negates(own) {
				score = 0
			}
			if normal(f.Question) != "" && normal(f.Question) == normal(q.Question) {
				score = 1
			}
			if key := contentWords(strings.ReplaceAll(f.Key, "_", " ")); !exact && f.Question == "" && len(key) > 0 {
				score = max(score, similarity(asked, key))
			}
			least := .75
			if exact {
				least = 1
			}
			// Answers come before the profile where both fit alike.
			if score >= least && (score > best || score == best && document == "answers") {
				best = score
				where = &found{f.Value, .6 + .4*score, []Source{{Document: document, Pointer: fmt.Sprintf("/%d/value", i), Quote: clip(f.Value, maxQuote)}}}
			}
		}
	}
	return where
}

// negates tells a question that a "not" turns round.
func negates(words map[string]bool) bool {
	return words["not"] || words["no"] || words["nicht"] || words["kein"]
}

// normal is a question without case, marks and spacing, for the same question
// asked again.
func normal(text string) string {
	var list []string
	for _, w := range words(visible(text)) {
		list = append(list, w.text)
	}
	return strings.Join(append(list, numbers(text)...), " ")
}

func contentWords(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range words(text) {
		switch {
		case w.text == "not" || w.text == "no" || w.text == "nicht" || w.text == "kein": // turns a question round
			out[w.text] = true
		case !stopword[w.text]:
			out[stem(w.text)] = true
		}
	}
	return out
}

var contactFields = []struct {
	re       *regexp.Regexp
	keys     []string // of the profile
	pointers []string // of the resume
}{
	{regexp.MustCompile(`(?i)\b(first|given|preferred) name|vorname\b`), []string{"firstName", "first_name", "givenName"}, nil},
	{regexp.MustCompile(`(?i)\b(last|family) name|nachname|surname\b`), []string{"lastName", "last_name", "familyName"}, nil},
	{regexp.MustCompile(`(?i)\b(company|employer|arbeitgeber)\b`), []string{"currentCompany", "current_company"}, []string{"/work/current/name"}},
	{regexp.MustCompile(`(?i)\b(title|position)\b`), []string{"currentTitle", "headline"}, []string{"/work/current/position"}},
	{regexp.MustCompile(`(?i)\bname\b`), []string{"fullName", "full_name", "name", "displayName"}, []string{"/basics/name"}},
	{regexp.MustCompile(`(?i)e-?mail`), []string{"email"}, []string{"/basics/email"}},
	{regexp.MustCompile(`(?i)\b(phone|mobile|tele\p{L}+)`), []string{"phone", "mobile"}, []string{"/basics/phone"}},
	{regexp.MustCompile(`(?i)linkedin`), []string{"linkedin", "linkedIn", "linkedinUrl"}, []string{"/basics/profiles/linkedin"}},
	{regexp.MustCompile(`(?i)github`), []string{"github", "gitHub", "githubUrl"}, []string{"/basics/profiles/github"}},
	{regexp.MustCompile(`(?i)\b(website|portfolio)`), []string{"website", "portfolio", "url"}, []string{"/basics/url"}},
	{regexp.MustCompile(`(?i)\b(postal|zip|postleitzahl)`), []string{"postalCode", "postal_code"}, []string{"/basics/location/postalCode"}},
	{regexp.MustCompile(`(?i)\b(country|land)\b`), []string{"country"}, nil},
	{regexp.MustCompile(`(?i)\b(address|adresse)\b`), []string{"address"}, []string{"/basics/location/address"}},
	{regexp.MustCompile(`(?i)\b(city|location|located|based|live|stadt|wohnort)\b`), []string{"city", "location"}, []string{"/basics/location/city"}},
}

func contactAnswer(q *AnswerRequest) *found {
	for _, f := range contactFields {
		if !f.re.MatchString(q.Question) {
			continue
		}
		for i, p := range q.Profile {
			if slices.Contains(f.keys, p.Key) {
				return &found{p.Value, .97, []Source{{Document: "profile", Pointer: fmt.Sprintf("/%d/value", i), Quote: clip(p.Value, maxQuote)}}}
			}
		}
		for _, pointer := range f.pointers {
			if v, at := resumeValue(q.Resume, pointer); v != "" {
				return &found{v, .93, []Source{{Document: "resume", Pointer: at, Quote: clip(v, maxQuote)}}}
			}
		}
		return nil
	}
	return nil
}

// resumeValue is a value of the resume; "current" is the latest job that goes on,
// and a profile is found by its network.
func resumeValue(r *Resume, pointer string) (value, at string) {
	if r == nil {
		return "", ""
	}
	if name, ok := strings.CutPrefix(pointer, "/work/current/"); ok {
		for _, e := range employments(r) {
			if e.current {
				return map[string]string{"name": r.Work[e.at].Name, "position": r.Work[e.at].Position}[name], fmt.Sprintf("/work/%d/%s", e.at, name)
			}
		}
		return "", ""
	}
	if network, ok := strings.CutPrefix(pointer, "/basics/profiles/"); ok {
		for i, p := range r.Basics.Profiles {
			if strings.EqualFold(p.Network, network) || strings.Contains(strings.ToLower(p.URL), network+".com/") {
				return p.URL, fmt.Sprintf("/basics/profiles/%d/url", i)
			}
		}
		return "", ""
	}
	for _, p := range resumePassages(r) {
		if p.pointer == pointer {
			return p.text, pointer
		}
	}
	return "", ""
}

// yearsAnswer counts years of all work, or of the jobs that tell of the skill
// asked for. A skill that no dated job tells of has no answer.
func yearsAnswer(q *AnswerRequest, b *Builtin) *found {
	if q.Resume == nil {
		return nil
	}
	t := taxonomy.Load()
	asked := t.Find(q.Question)
	asked = slices.DeleteFunc(asked, func(h taxonomy.Hit) bool { return t.Skill(h.Skill).Group == taxonomy.GroupSoft })
	if len(asked) > 1 {
		return nil // of which?
	}
	part := *q.Resume
	var sources []Source
	if len(asked) == 1 {
		part.Work = nil
		have := shownSkills(q.Resume)[asked[0].Skill]
		used := map[int]bool{}
		for _, s := range have {
			var at int
			if _, err := fmt.Sscanf(s.Pointer, "/work/%d/", &at); err == nil && !used[at] {
				used[at] = true
				part.Work = append(part.Work, q.Resume.Work[at])
				sources = append(sources, s)
			}
		}
	} else {
		if !general.MatchString(q.Question) {
			return nil // of something that is not known here
		}
		for i, w := range q.Resume.Work {
			if w.StartDate != "" && len(sources) < 10 {
				sources = append(sources, Source{Document: "resume", Pointer: fmt.Sprintf("/work/%d/startDate", i), Quote: w.StartDate})
			}
		}
	}
	years := experienceYears(&part, b.now())
	if years <= 0 {
		return nil
	}
	confidence := .8
	if len(asked) == 1 {
		confidence = .7 // the job may have begun before the skill
	}
	return &found{strconv.Itoa(int(math.Floor(years))), confidence, sources[:min(len(sources), 10)]}
}

var general = regexp.MustCompile(`(?i)(years of (professional |relevant |total |full.?time |work(ing)? |overall )*(work )?experience (do you have|have you)?\W*$|(total|overall|professional|work) (work )?experience\W*(do you have)?\W*$|jahre (berufs)?erfahrung (haben|hast|bringen|bringst)[\p{L} ]*\W*$)`)

// skillAnswer says yes to a skill that the resume shows. It never says no: that a
// resume does not name a thing does not say that somebody cannot do it.
func skillAnswer(q *AnswerRequest) *found {
	t := taxonomy.Load()
	asked := t.Find(q.Question)
	if len(asked) == 0 || q.Resume == nil {
		return nil
	}
	have := shownSkills(q.Resume)
	var sources []Source
	for _, h := range asked {
		if len(have[h.Skill]) == 0 {
			return nil
		}
		sources = append(sources, have[h.Skill][0])
	}
	if yesNo(q.Options) || strings.HasPrefix(strings.ToLower(strings.TrimSpace(q.Question)), "do you") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(q.Question)), "have you") {
		if len(q.Options) > 0 {
			return &found{"yes", .85, sources}
		}
	}
	if len(q.Options) > 0 {
		return nil
	}
	var quotes []string
	for _, s := range sources {
		if text := label(s.Quote, 400); text != "" && !slices.Contains(quotes, text) && !strings.HasPrefix(s.Pointer, "/skills") {
			quotes = append(quotes, text)
		}
	}
	if len(quotes) == 0 {
		return nil
	}
	return &found{strings.Join(quotes, "\n"), .6, sources}
}

func languageAnswer(q *AnswerRequest) *found {
	if q.Resume == nil {
		return nil
	}
	for _, tag := range languageTags {
		if !languagePatterns[tag].MatchString(q.Question) {
			continue
		}
		for i, l := range q.Resume.Languages {
			if languageTag(l.Language) != tag {
				continue
			}
			sources := []Source{{Document: "resume", Pointer: fmt.Sprintf("/languages/%d/language", i), Quote: l.Language}}
			if l.Fluency != "" {
				sources = append(sources, Source{Document: "resume", Pointer: fmt.Sprintf("/languages/%d/fluency", i), Quote: l.Fluency})
			}
			if yesNo(q.Options) {
				if strings.Contains(strings.ToLower(q.Question), "speak") || strings.Contains(strings.ToLower(q.Question), "sprech") {
					return &found{"yes", .85, sources}
				}
				return nil // fluent enough for what is asked? that the applicant has to say
			}
			return &found{cmp.Or(l.Fluency, l.Language), .8, sources}
		}
	}
	return nil
}

var educationFields = []struct {
	re    *regexp.Regexp
	field string
}{
	{regexp.MustCompile(`(?i)\b(university|college|school|institution|hochschule)\b`), "institution"},
	{regexp.MustCompile(`(?i)\b(major|field of study|discipline|studi\p{L}*(gang|fach))\b`), "area"},
	{regexp.MustCompile(`(?i)\b(gpa|grade|note)\b`), "score"},
	{regexp.MustCompile(`(?i)\b(graduat\p{L}+ (date|year)|year of graduation|when did you graduate)\b`), "endDate"},
	{regexp.MustCompile(`(?i)\b(degree|level of education|highest education|abschluss|education level)\b`), "studyType"},
}

// educationAnswer takes the latest education.
func educationAnswer(q *AnswerRequest) *found {
	if q.Resume == nil || len(q.Resume.Education) == 0 || yesNo(q.Options) {
		return nil
	}
	at := 0
	for i, e := range q.Resume.Education {
		if max(monthOf(e.StartDate, false), monthOf(e.EndDate, true)) > max(monthOf(q.Resume.Education[at].StartDate, false), monthOf(q.Resume.Education[at].EndDate, true)) {
			at = i
		}
	}
	for _, f := range educationFields {
		if f.re.MatchString(q.Question) {
			pointer := fmt.Sprintf("/education/%d/%s", at, f.field)
			if v, _ := resumeValue(q.Resume, pointer); v != "" {
				return &found{v, .85, []Source{{Document: "resume", Pointer: pointer, Quote: clip(v, maxQuote)}}}
			}
			return nil
		}
	}
	return nil
}

func yesNo(options []string) bool {
	yes := slices.ContainsFunc(options, func(o string) bool { return affirmative(o) == 1 })
	no := slices.ContainsFunc(options, func(o string) bool { return affirmative(o) == -1 })
	return yes && no && len(options) <= 4
}

// affirmative is 1 for yes, -1 for no, 0 for neither.
func affirmative(text string) int {
	list := words(text)
	if len(list) == 0 {
		return 0
	}
	switch list[0].text {
	case "yes", "ja", "oui", "sí", "true":
		return 1
	case "no", "nein", "non", "false":
		return -1
	}
	return 0
}

// fit makes an answer one that the form takes: one of the options, word for word,
// no longer than allowed.
func fit(out *FormAnswer, q *AnswerRequest, f *found) {
	out.Sources = f.sources
	if len(q.Options) == 0 {
		if q.MaxLength > 0 && utf8.RuneCountInString(f.value) > q.MaxLength {
			out.Reason, out.Sources = "too_long", []Source{}
			return
		}
		value := f.value
		out.Answer, out.Confidence, out.Reason = &value, f.confidence, "answered"
		return
	}
	var chosen []string
	values := []string{f.value}
	if q.Multiple {
		values = strings.FieldsFunc(f.value, func(r rune) bool { return r == ',' || r == ';' || r == '\n' })
	}
	for _, v := range values {
		if o := option(v, q.Options); o != "" && !slices.Contains(chosen, o) {
			chosen = append(chosen, o)
		}
	}
	if len(chosen) == 0 || len(chosen) < len(values) {
		out.Reason, out.Sources = "no_option_fits", []Source{}
		return
	}
	out.Answer, out.Confidence, out.Reason = &chosen[0], f.confidence, "answered"
	if q.Multiple {
		out.Selected = chosen
	}
}

// option is the option that says what value says: the same words, the same yes or
// no, the range that a number is in, or the only one that begins with the value.
func option(value string, options []string) string {
	for _, o := range options {
		if o == value {
			return o
		}
	}
	same := func(fits func(string) bool) string {
		match := ""
		for _, o := range options {
			if fits(o) {
				if match != "" {
					return "" // which?
				}
				match = o
			}
		}
		return match
	}
	key := normal(value)
	if o := same(func(o string) bool { return normal(o) == key }); o != "" {
		return o
	}
	if n, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
		return same(func(o string) bool { return inRange(o, n) })
	}
	if yes := affirmative(value); yes != 0 && len(words(value)) == 1 {
		return same(func(o string) bool { return affirmative(o) == yes })
	}
	if len(key) < 4 {
		return ""
	}
	return same(func(o string) bool { return strings.HasPrefix(normal(o), key+" ") })
}

var rangeOption = regexp.MustCompile(`(?i)^\D{0,30}?(\d+(?:\.\d+)?)\s*(?:(\+|or more|and more|oder mehr)|(?:-|–|—|to|bis)\s*(\d+(?:\.\d+)?))?`)

// inRange tells whether an option such as "3-5 years", "10+" or "less than 1"
// holds a number.
func inRange(option string, n float64) bool {
	m := rangeOption.FindStringSubmatch(option)
	if m == nil {
		return false
	}
	from, _ := strconv.ParseFloat(m[1], 64)
	lower := strings.ToLower(option)
	switch {
	case strings.Contains(lower, "less than") || strings.Contains(lower, "under") || strings.Contains(lower, "weniger als") || strings.HasPrefix(lower, "<"):
		return n < from
	case strings.Contains(lower, "more than") || strings.Contains(lower, "over") || strings.Contains(lower, "mehr als") || strings.HasPrefix(lower, ">"):
		return n > from
	case m[2] != "":
		return n >= from
	case m[3] != "":
		to, _ := strconv.ParseFloat(m[3], 64)
		return n >= from && n <= to
	}
	return n == from
}

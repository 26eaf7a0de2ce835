package ai

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// Headings of postings decide what a skill below them is: asked for, welcome, or
// only mentioned.
var (
	requiredHeading = regexp.MustCompile(`(?i)^\W*(minimum |basic |key |your |our )?(requirements?|qualifications?|what (you('ll)? (need|bring|have)|we('re| are)? (look(ing)? for|expect|need))|must.haves?|who you are|you have|about you|your (profile|skills|background|experience)|skills( (and|&) experience)?|anforderungen|dein profil|ihr profil|das bringst du mit|das bringen sie mit|was du mitbringst|was sie mitbringen|qualifikationen?|voraussetzungen)\b.{0,30}$`)
	niceHeading     = regexp.MustCompile(`(?i)^\W*(nice.to.haves?|bonus( points)?|preferred( qualifications| skills)?|desirable|plus(es)?|good to have|would be (a plus|great|nice)|extra credit|it.s a plus|von vorteil|wünschenswert|idealerweise|pluspunkte|nice to know)\b.{0,40}$`)
	otherHeading    = regexp.MustCompile(`(?i)^\W*(about (us|the (company|team|role|job))|what we offer|benefits?|perks?|we offer|our (stack|offer|values|mission|benefits)|the (role|team|company)|responsibilities|what you.ll do|your (tasks|role|mission|responsibilities)|how to apply|equal opportunity|wir bieten|was wir bieten|über uns|deine aufgaben|ihre aufgaben|aufgaben|unser angebot|das bieten wir|kontakt)\b.{0,40}$`)
	benefitHeading  = regexp.MustCompile(`(?i)^\W*(what we offer|benefits?|perks?( (and|&) benefits)?|we offer|our benefits|why (join )?us|wir bieten|was wir bieten|unser angebot|das bieten wir|deine benefits|ihre benefits|what you.ll get)\b.{0,40}$`)
	niceLine        = regexp.MustCompile(`(?i)\b(nice.to.have|bonus|a plus|preferred|preferably|ideally|desirable|advantageous|advantage|optional(ly)?|is welcome|would be great|von vorteil|wünschenswert|idealerweise|gerne auch|ist ein plus|optional|familiarity with .{0,60} (helps|is helpful))\b`)
	requiredLine    = regexp.MustCompile(`(?i)\b(must|required|requires?|essential|mandatory|need|needs|minimum|at least|strong|proven|solid|expert|proficien(t|cy)|experience (with|in|of)|years|look(ing)? for|you have|you bring|knowledge of|zwingend|erforderlich|vorausgesetzt|mindestens|du hast|sie haben|sehr gute|fundierte|erfahrung|kenntnisse|wir suchen)\b`)
)

// sectionAfter is the section of a posting that a line stands in.
func sectionAfter(section, line string) string {
	if utf8.RuneCountInString(line) > 70 {
		return section
	}
	switch {
	case niceHeading.MatchString(line):
		return "nice_to_have"
	case requiredHeading.MatchString(line):
		return "required"
	case benefitHeading.MatchString(line), otherHeading.MatchString(line):
		return "mentioned"
	}
	return section
}

func requirementIn(section, line string) string {
	switch {
	case niceLine.MatchString(line):
		return "nice_to_have"
	case section == "mentioned" && requiredLine.MatchString(line):
		return "required"
	}
	return section
}

const number = `(\d{1,3}(?:[.,’' ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?)\s*(k|tsd\.?|t)?`

var (
	payRange = regexp.MustCompile(`(?i)(usd|eur|gbp|chf|cad|aud|inr|pln|us\$|ca\$|a\$|[$€£₹])?\s*` + number + `\s*(usd|eur|gbp|chf|cad|aud|inr|pln|[$€£₹])?\s*(?:-|–|—|to|bis|and|und)\s*(usd|eur|gbp|chf|cad|aud|inr|pln|us\$|ca\$|a\$|[$€£₹])?\s*` + number + `\s*(usd|eur|gbp|chf|cad|aud|inr|pln|euro|[$€£₹])?`)
	payOne   = regexp.MustCompile(`(?i)(?:(usd|eur|gbp|chf|cad|aud|inr|pln|us\$|ca\$|a\$|[$€£₹])\s*` + number + `|` + number + `\s*(usd|eur|gbp|chf|cad|aud|inr|pln|euro|[$€£₹]))`)
	payWords = regexp.MustCompile(`(?i)\b(salary|pay|compensation|base|gehalt|vergütung|jahresgehalt|rate|wage|stundenlohn|ote|per (year|annum|hour|month|day)|a year|annually|annual|p\.?a\.?|brutto|/ ?(yr|year|hr|hour|h|month))\b`)
	notPay   = regexp.MustCompile(`(?i)\b(million|billion|mrd|mio|funding|raised|series [a-f]|revenue|customers|users|valuation|bonus of|referral|401|stipend|budget)\b`)
	period   = regexp.MustCompile(`(?i)(per|an?|/|pro|je|p\.)\s?(hour|hr|h|stunde|day|tag|week|woche|month|monat|mo|year|yr|jahr|annum|a\.)\b|\b(hourly|daily|weekly|monthly|yearly|annual(?:ly)?|jährlich|monatlich|stündlich|stundenlohn|jahresgehalt|monatsgehalt)\b`)
	symbols  = map[string]string{"$": "USD", "us$": "USD", "ca$": "CAD", "a$": "AUD", "€": "EUR", "euro": "EUR", "£": "GBP", "₹": "INR"}

	yearsOf = regexp.MustCompile(`(?i)(?:(?:at least|minimum(?: of)?|min\.?|mindestens|over|more than|mehr als)\s*)?(\d{1,2})\s*(?:(\+)|(?:-|–|to|bis)\s*(\d{1,2}))?\s*\+?\s*(?:years?|yrs?|jahren?|jahre)['’]?\s*(?:(?:of|at|in|with|als|an|mit)?\s*)(?:[\p{L}\s/,-]{0,40}?)(experience|erfahrung|berufserfahrung|expertise|work)`)

	remoteLine  = regexp.MustCompile(`(?i)\b(fully remote|100 ?% remote|remote[- ]first|remote[- ]only|work from anywhere|(?:this (?:role|position|job) is|work(?:ing)?|position:?|location:?)\s+(?:fully )?remote(?:ly)?|remote (?:within|in|from|across|anywhere|position|role|job|\()|vollständig remote|ortsunabhängig)`)
	hybridLine  = regexp.MustCompile(`(?i)\b(hybrid(e|es|en)?|(\d|one|two|three|zwei|drei) days? (a|per|in the|pro)? ?(week )?(in|from|at)? ?(the )?(office|home)|teilweise (remote|homeoffice|home office)|mobiles arbeiten|home ?office möglich|homeoffice-möglichkeit)\b`)
	onsiteLine  = regexp.MustCompile(`(?i)\b(on-?site( only| position| role)?|in[- ]office|in[- ]person|no remote|not remote|vor ort|präsenz)\b`)
	notRemote   = regexp.MustCompile(`(?i)\b(no|not|never|kein(e|en)?|nicht)\b.{0,15}\b(remote|home ?office)\b`)
	remoteTitle = regexp.MustCompile(`(?i)\bremote\b`)

	employment2type = []struct {
		kind string
		re   *regexp.Regexp
	}{
		{"internship", regexp.MustCompile(`(?i)\b(internship|praktikum|werkstudent(?:in)?|intern position)\b`)},
		{"apprenticeship", regexp.MustCompile(`(?i)\b(apprenticeship|ausbildung zum|ausbildung zur|duales studium|azubi)\b`)},
		{"volunteer", regexp.MustCompile(`(?i)\b(volunteer (position|role)|ehrenamtlich)\b`)},
		{"contract", regexp.MustCompile(`(?i)\b(contract (position|role|to hire)|contractor|freelance(?:r)?|b2b contract|fixed[- ]term contract|c2c|w2 contract|freiberuflich|type: contract)\b`)},
		{"temporary", regexp.MustCompile(`(?i)\b(temporary|temp position|seasonal|befristet|zeitarbeit|aushilfe)\b`)},
		{"part_time", regexp.MustCompile(`(?i)\b(part[- ]time|teilzeit)\b`)},
		{"full_time", regexp.MustCompile(`(?i)\b(full[- ]time|vollzeit|permanent (position|role|contract)|festanstellung|unbefristet)\b`)},
	}
	visaNo  = regexp.MustCompile(`(?i)\b((no|not|cannot|can't|can’t|unable to|don't|don’t|do not|does not|without)\b.{0,40}\b(visa )?sponsor(ship|ing)?|must (already )?(be (legally )?authori[sz]ed|have (the )?(legal )?(right|authori[sz]ation)) to work.{0,80}without.{0,20}sponsor|kein(e)? visum|keine visa)`)
	visaYes = regexp.MustCompile(`(?i)\b(visa sponsorship( is)? (available|offered|provided|possible)|we (do )?(offer|provide|sponsor|support)\b.{0,30}\b(visas?|work permits?|sponsorship)|sponsor (your )?visas?|visa support|relocation (and|&) visa|unterstützung beim visum|visum wird unterstützt)`)
	degrees = []struct {
		level string
		re    *regexp.Regexp
	}{
		{"doctorate", regexp.MustCompile(`(?i)\b(ph\.? ?d\.?|doctorate|doctoral degree|promotion in|promoviert|doktorgrad)`)},
		{"bachelor", regexp.MustCompile(`(?i)\b(bachelor('s|’s|s)?( degree)?|b\.?sc\.?|b\.?a\.? in|undergraduate degree|university degree|college degree|abgeschlossenes (hochschul)?studium|hochschulabschluss|degree in)`)},
		{"master", regexp.MustCompile(`(?i)\b(master('s|’s|s)? (degree|of)|m\.?sc\.?|mba|masterabschluss|diplom-?(ingenieur|informatik)?)`)},
		{"vocational", regexp.MustCompile(`(?i)\b(vocational|apprenticeship completed|abgeschlossene (berufs)?ausbildung|associate('s|’s)? degree|trade certificate|berufsausbildung)`)},
		{"secondary", regexp.MustCompile(`(?i)\b(high school (diploma|degree)|ged\b|abitur|schulabschluss|secondary school)`)},
	}
	benefitWords = regexp.MustCompile(`(?i)\b(health (insurance|care)|dental|vision insurance|401\(?k\)?|pension|paid (time off|vacation|holidays|leave)|pto\b|vacation days|parental leave|stock options|equity|esop|flexible (hours|working hours|schedule)|learning budget|training budget|gym|home office (budget|allowance)|bonus|urlaubstage|tage urlaub|altersvorsorge|jobticket|deutschlandticket|weiterbildung|flexible arbeitszeiten|gleitzeit|firmenwagen|jobrad|sabbatical|childcare|relocation (support|assistance|package)|commuter)\b`)
	humanLevel   = regexp.MustCompile(`\b([ABC][12])\b`)
	fluentWord   = regexp.MustCompile(`(?i)\b(native|mother tongue|fluent(ly)?|business fluent|professional|proficient|proficiency|verhandlungssicher|fließend(e|es)?|muttersprach\p{L}*|conversational|basic|intermediate|good|very good|excellent|gute?|sehr gute?)\b`)
)

// languageNames are the human languages that postings and resumes name.
var languageNames = map[string]string{
	"en": `english|englisch|anglais|inglés`, "de": `german|deutsch|allemand|alemán`, "fr": `french|französisch|français`, "es": `spanish|spanisch|español|espagnol`,
	"it": `italian|italienisch|italiano`, "pt": `portuguese|portugiesisch|português`, "nl": `dutch|niederländisch|nederlands`, "pl": `polish|polnisch|polski`,
	"ru": `russian|russisch`, "uk": `ukrainian|ukrainisch`, "tr": `turkish|türkisch`, "ar": `arabic|arabisch`, "zh": `chinese|mandarin|chinesisch`, "ja": `japanese|japanisch`,
	"ko": `korean|koreanisch`, "hi": `hindi`, "sv": `swedish|schwedisch`, "da": `danish|dänisch`, "nb": `norwegian|norwegisch`, "fi": `finnish|finnisch`,
	"cs": `czech|tschechisch`, "hu": `hungarian|ungarisch`, "ro": `romanian|rumänisch`, "el": `greek|griechisch`, "he": `hebrew|hebräisch`, "vi": `vietnamese|vietnamesisch`,
}

var languagePatterns = func() map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{}
	for tag, names := range languageNames {
		out[tag] = regexp.MustCompile(`(?i)(?:^|[^\p{L}])(` + names + `)(?:kenntnisse\p{L}*|sprachig\p{L}*)?(?:[^\p{L}]|$)`)
	}
	return out
}()

// languageTags are those of languageNames, in order.
var languageTags = slices.Sorted(maps.Keys(languageNames))

// languageTag is the BCP 47 tag of a language named in English or German.
func languageTag(name string) string {
	for _, tag := range languageTags {
		if languagePatterns[tag].MatchString(name) {
			return tag
		}
	}
	return ""
}

// findLanguage finds a language in a line that speaks of speaking it.
func findLanguage(line, tag string) []int {
	m := languagePatterns[tag].FindStringSubmatchIndex(line)
	if m == nil || !fluentWord.MatchString(line) && !humanLevel.MatchString(line) && !speaks.MatchString(line) {
		return nil
	}
	return m[2:4]
}

var speaks = regexp.MustCompile(`(?i)\b(speak\p{L}*|spoken|written|language|communicat\p{L}*|skills|kenntnisse|sprache\p{L}*|sprechen|wort und schrift)\b|kenntnisse|sprachig`)

// Extract reads a posting line by line with patterns of English and German.
func (b *Builtin) Extract(_ context.Context, q *ExtractRequest) (*ExtractedJob, Spent, error) {
	text := q.Text
	if q.Format != "text" {
		text = plain(text)
	}
	out := &ExtractedJob{Text: clip(text, 400_000), Skills: []ExtractedSkill{}, Languages: []ExtractedLanguage{}, Benefits: []Extracted[string]{}}
	all := lines("/text", out.Text)
	list, _ := safePassages(all)
	out.Language = languageOf(out.Text)
	out.Title, out.CompanyName = titleOf(q, list), companyOf(q, list)

	t := taxonomy.Load()
	section, benefits := "required", false
	seen := map[taxonomy.Ref]int{}
	for _, p := range list {
		if next := sectionAfter(section, p.text); utf8.RuneCountInString(p.text) <= 70 && (next != section || requiredHeading.MatchString(p.text) || otherHeading.MatchString(p.text) || benefitHeading.MatchString(p.text)) {
			section, benefits = next, benefitHeading.MatchString(p.text)
			if benefits || section != "required" || requiredHeading.MatchString(p.text) {
				continue
			}
		}
		for _, h := range t.Find(p.text) {
			if languageTag(p.text[h.Start:h.End]) != "" {
				continue // Languages has it
			}
			r := requirementIn(section, p.text)
			if at, ok := seen[h.Skill]; ok {
				if rank(r) < rank(out.Skills[at].Requirement) {
					out.Skills[at].Requirement, out.Skills[at].Source = r, p.quote(h.Start, h.End)
				}
				continue
			}
			if len(out.Skills) < 200 {
				seen[h.Skill] = len(out.Skills)
				out.Skills = append(out.Skills, ExtractedSkill{t.Skill(h.Skill).Label, r, p.quote(h.Start, h.End)})
			}
		}
		out.line(p)
		at := 0
		for _, sentence := range sentences(p.text) {
			from := at + strings.Index(p.text[at:], sentence)
			at = from + len(sentence)
			if len(out.Benefits) < 50 && utf8.RuneCountInString(sentence) <= 200 && (benefits || benefitWords.MatchString(sentence)) {
				s := p.quote(from, at)
				out.Benefits = append(out.Benefits, Extracted[string]{sentence, &s})
			}
		}
	}
	if out.Seniority == nil && out.Title != nil {
		if level := seniority(out.Title.Value); level != "" {
			out.Seniority = &Extracted[string]{level, out.Title.Source}
		}
	}
	if out.Remote == nil && out.Title != nil && remoteTitle.MatchString(out.Title.Value) {
		out.Remote = &Extracted[string]{"remote", out.Title.Source}
	}
	return out, Spent{}, nil
}

// line reads what one line says; the first line that says something counts.
func (out *ExtractedJob) line(p passage) {
	found := func(re *regexp.Regexp) *Source {
		if m := re.FindStringIndex(p.text); m != nil {
			s := p.quote(m[0], m[1])
			return &s
		}
		return nil
	}
	if out.Remote == nil {
		if s := found(hybridLine); s != nil {
			out.Remote = &Extracted[string]{"hybrid", s}
		} else if s := found(notRemote); s != nil {
			out.Remote = &Extracted[string]{"onsite", s}
		} else if s := found(remoteLine); s != nil {
			out.Remote = &Extracted[string]{"remote", s}
		} else if s := found(onsiteLine); s != nil {
			out.Remote = &Extracted[string]{"onsite", s}
		}
	}
	for _, e := range employment2type {
		if s := found(e.re); out.EmploymentType == nil && s != nil {
			out.EmploymentType = &Extracted[string]{e.kind, s}
		}
	}
	if out.VisaSponsorship == nil {
		if s := found(visaNo); s != nil {
			out.VisaSponsorship = &Extracted[bool]{false, s}
		} else if s := found(visaYes); s != nil {
			out.VisaSponsorship = &Extracted[bool]{true, s}
		}
	}
	for _, d := range degrees {
		if s := found(d.re); out.Education == nil && s != nil {
			out.Education = &Extracted[string]{d.level, s}
		}
	}
	if m := yearsOf.FindStringSubmatchIndex(p.text); out.ExperienceYears == nil && m != nil {
		least, _ := strconv.ParseFloat(p.text[m[2]:m[3]], 64)
		most := 0.0
		if m[6] >= 0 {
			most, _ = strconv.ParseFloat(p.text[m[6]:m[7]], 64)
		}
		if least <= 40 && (most == 0 || most >= least) {
			out.ExperienceYears = &ExtractedYears{least, most, p.quote(m[0], m[1])}
		}
	}
	if out.Salary == nil {
		out.Salary = salaryIn(p)
	}
	for _, tag := range languageTags {
		known := slices.ContainsFunc(out.Languages, func(l ExtractedLanguage) bool { return l.Language == tag })
		if m := findLanguage(p.text, tag); m != nil && !known && len(out.Languages) < 30 {
			l := ExtractedLanguage{Language: tag, Requirement: "required", Source: p.quote(m[0], m[1])}
			if niceLine.MatchString(p.text) {
				l.Requirement = "nice_to_have"
			}
			around := p.text[max(0, m[0]-30):]
			if level := humanLevel.FindString(strings.ToValidUTF8(around[:min(len(around), 80)], "")); level != "" {
				l.Level = level
			} else {
				l.Level = strings.ToLower(fluentWord.FindString(p.text))
			}
			out.Languages = append(out.Languages, l)
		}
	}
	slices.SortStableFunc(out.Languages, func(a, b ExtractedLanguage) int { return *a.Source.Start - *b.Source.Start })
}

// salaryIn finds the pay that a line offers.
func salaryIn(p passage) *Extracted[PayRange] {
	if notPay.MatchString(p.text) && !payWords.MatchString(p.text) {
		return nil
	}
	if m := payRange.FindStringSubmatchIndex(p.text); m != nil {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return strings.ToLower(p.text[m[2*i]:m[2*i+1]])
		}
		low, high := amount(part(2), part(3)), amount(part(6), part(7))
		if part(7) != "" && part(3) == "" && low < 1000 { // 80-95k
			low *= 1000
		}
		currency := part(1) + "|" + part(4) + "|" + part(5) + "|" + part(8)
		if out := pay(p, m[0], m[1], low, high, currency); out != nil {
			return out
		}
	}
	if !payWords.MatchString(p.text) {
		return nil
	}
	if m := payOne.FindStringSubmatchIndex(p.text); m != nil {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return strings.ToLower(p.text[m[2*i]:m[2*i+1]])
		}
		value := amount(part(2), part(3))
		if value == 0 {
			value = amount(part(4), part(5))
		}
		return pay(p, m[0], m[1], value, value, part(1)+"|"+part(6))
	}
	return nil
}

func pay(p passage, from, to int, low, high float64, currencies string) *Extracted[PayRange] {
	currency := ""
	for c := range strings.SplitSeq(currencies, "|") {
		if c != "" && currency == "" {
			currency = strings.ToUpper(c)
			if known, ok := symbols[c]; ok {
				currency = known
			}
		}
	}
	if currency == "" || low <= 0 || high < low || high > low*10 {
		return nil
	}
	kind := ""
	after := p.text[from:]
	if m := period.FindString(strings.ToLower(clip(after, to-from+40))); m != "" {
		kind = periodOf(m)
	} else if m := period.FindString(strings.ToLower(p.text)); m != "" {
		kind = periodOf(m)
	}
	if kind == "" {
		switch {
		case high >= 12000:
			kind = "year"
		case high >= 1000:
			kind = "month"
		default:
			kind = "hour"
		}
	}
	if kind == "year" && high < 1000 {
		return nil
	}
	return &Extracted[PayRange]{PayRange{Min: low, Max: high, Currency: currency, Period: kind}, trimmed(p, from, to)}
}

// trimmed quotes without the white space around.
func trimmed(p passage, from, to int) *Source {
	for from < to && strings.ContainsRune(" \t", rune(p.text[from])) {
		from++
	}
	for to > from && strings.ContainsRune(" \t", rune(p.text[to-1])) {
		to--
	}
	s := p.quote(from, to)
	return &s
}

func periodOf(m string) string {
	for _, k := range []struct{ period, words string }{
		{"hour", "hour hr stunde stündlich stundenlohn /h"}, {"day", "day tag daily"}, {"week", "week woche"}, {"month", "month monat mo"}, {"year", "year yr jahr annum annual jährlich a."},
	} {
		for w := range strings.FieldsSeq(k.words) {
			if strings.Contains(m, w) {
				return k.period
			}
		}
	}
	if strings.HasSuffix(m, "h") {
		return "hour"
	}
	return "year"
}

// amount reads 80k, 80,000, 80.000,00 and 85.50.
func amount(text, thousands string) float64 {
	if text == "" {
		return 0
	}
	text = strings.NewReplacer("’", "", "'", "", " ", "").Replace(text)
	if i := strings.LastIndexAny(text, ".,"); i >= 0 && len(text)-i-1 == 3 {
		text = strings.NewReplacer(".", "", ",", "").Replace(text)
	} else if i >= 0 {
		text = strings.NewReplacer(".", "", ",", "").Replace(text[:i]) + "." + text[i+1:]
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	if thousands != "" {
		v *= 1000
	}
	return v
}

// titleOf is the posting's title: what the caller knows, else the first line that
// the taxonomy takes for a job title.
func titleOf(q *ExtractRequest, list []passage) *Extracted[string] {
	if title := label(q.Title, 300); title != "" {
		return &Extracted[string]{Value: title}
	}
	t := taxonomy.Load()
	for _, p := range list[:min(len(list), 8)] {
		text := label(p.text, 100)
		if text == "" || strings.ContainsAny(text, ".!?;") && !strings.Contains(text, "m/") {
			continue
		}
		if got := t.Occupation(text); got.Known && got.Cosine >= .75 {
			s := p.source()
			return &Extracted[string]{text, &s}
		}
	}
	return nil
}

var companyLine = regexp.MustCompile(`^(?i:about|join|at|über|company:|firma:|unternehmen:)\s+(\p{Lu}[\p{L}\d&.'-]*(?:\s+(?:\p{Lu}[\p{L}\d&.'-]*|&|GmbH|AG|Inc\.?|Ltd\.?|SE))*)\b`)

func companyOf(q *ExtractRequest, list []passage) *Extracted[string] {
	if name := label(q.CompanyName, 300); name != "" {
		return &Extracted[string]{Value: name}
	}
	for _, p := range list {
		if m := companyLine.FindStringSubmatchIndex(p.text); m != nil {
			name := label(p.text[m[2]:m[3]], 100)
			if first, _, _ := strings.Cut(strings.ToLower(name), " "); name != "" && !stopword[first] && first != "uns" && first != "us" {
				s := p.quote(m[2], m[3])
				return &Extracted[string]{name, &s}
			}
		}
	}
	return nil
}

// seniority is the level that a title states, as the contract names it.
func seniority(title string) string {
	switch s := taxonomy.Load().Occupation(title).Seniority.String(); s {
	case "middle":
		return "mid"
	default:
		return s
	}
}

// languageOf tells English from German by their commonest words; empty for
// neither.
func languageOf(text string) string {
	en, de := 0, 0
	for _, w := range words(clip(text, 5000)) {
		switch w.text {
		case "the", "and", "of", "to", "with", "you", "we", "for", "your", "our", "is", "are", "have", "will", "this", "at", "i", "my", "do":
			en++
		case "und", "der", "die", "das", "mit", "für", "wir", "du", "sie", "ihr", "ihre", "deine", "dein", "von", "auf", "ist", "eine", "einen", "bei", "ich", "wie", "haben":
			de++
		}
	}
	switch {
	case en == 0 && de == 0:
		return ""
	case de > en:
		return "de"
	}
	return "en"
}

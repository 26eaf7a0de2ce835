package job

import (
	"regexp"
	"strings"
	"time"

	"github.com/abadojack/whatlanggo"

	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// Listing is a posting in the form of this house. It is kept with the job that it
// is a listing of, so that a merge can be undone.
type Listing struct {
	ExternalID string     `json:"externalId"`
	Title      string     `json:"title"`
	Company    string     `json:"company"`
	URL        string     `json:"url"`
	ApplyURL   string     `json:"applyUrl"`
	HTML       string     `json:"html"`
	Text       string     `json:"text"`
	Language   string     `json:"language"` // ISO 639-1; may be empty
	Place      Place      `json:"place"`
	Remote     string     `json:"remote"`     // onsite, hybrid, remote or empty
	Employment string     `json:"employment"` // see the contract's EmploymentType; may be empty
	Seniority  string     `json:"seniority"`  // see the contract's Seniority; may be empty
	Pay        *Pay       `json:"pay,omitempty"`
	Posted     time.Time  `json:"posted"`
	Until      *time.Time `json:"until,omitempty"`
	Page       string     `json:"-"`
}

// Normalize brings a posting into the form of this house. company is its name
// where the posting has none; now bounds dates, which strangers make up.
func Normalize(p source.Posting, company string, now time.Time) Listing {
	l := Listing{
		ExternalID: line(p.ExternalID, 500), Company: line(p.Company, maxName), URL: p.URL, ApplyURL: p.ApplyURL, Page: p.Page,
	}
	if l.Company == "" {
		l.Company = line(company, maxName)
	}
	if l.HTML, l.Text = description(p.HTML); l.Text == "" && p.Text != "" {
		l.Text = cut(paragraphs(harmless(repair(p.Text[:min(len(p.Text), 4*maxText)]), true)), maxText)
		l.HTML = fromText(l.Text)
	}
	title := line(p.Title, maxTitle*2)
	l.Title = cut(cleanTitle(title), maxTitle)
	l.Place = parsePlaces(p.Places)
	l.Remote = firstOf(remoteKind(p.Remote), remoteKind(l.Place.Text), remoteKind(title))
	l.Employment = firstOf(employmentType(p.Employment), employmentType(title))
	l.Seniority = firstOf(seniority(title), seniority(p.Seniority))
	if l.Employment == "internship" || l.Employment == "apprenticeship" {
		l.Seniority = "intern"
	}
	if p.Pay != nil {
		l.Pay = payOf(p.Pay.Min, p.Pay.Max, p.Pay.Currency, p.Pay.Period, l.Place.Country)
	}
	if l.Pay == nil && p.PayText != "" {
		l.Pay = payInText("salary: "+line(p.PayText, 300), l.Place.Country)
	}
	if l.Pay == nil {
		l.Pay = payInText(l.Text, l.Place.Country)
	}
	l.Language = languageOf(p.Language, l.Text)
	l.Posted = p.Posted.UTC()
	if l.Posted.IsZero() || l.Posted.After(now) || l.Posted.Before(now.AddDate(-15, 0, 0)) {
		l.Posted = now
	}
	if u := p.Until.UTC(); u.After(now.AddDate(-1, 0, 0)) && u.Before(now.AddDate(5, 0, 0)) {
		l.Until = &u
	}
	return l
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

var (
	genders  = `[mwfdxhiagnb*]{1,3}`
	gender   = regexp.MustCompile(`(?i)\s*[(\[]\s*(?:` + genders + `(?:\s*[/|,·]\s*` + genders + `){1,4}|all genders?|gn|any gender|alle geschlechter)\s*[)\]]|\s+[-–|]?\s*\b` + `[mwf]/[mwfd](?:/[dxi])?\b|\s+h/f\b`)
	postMark = regexp.MustCompile(`(?i)\s*[(\[#]\s*(?:req(?:uisition)?|ref(?:erence)?|job)?[ .#:-]*(?:id)?[ .#:-]*[A-Z]{0,4}[-_]?\d{3,}\s*[)\]]?\s*$`)
	shouting = regexp.MustCompile(`[!?*_~|•★✨🔥🚀]{2,}|[★✨🔥🚀⭐]`)
)

// cleanTitle takes from a title what is not its: gender marks, requisition
// numbers, ornaments.
func cleanTitle(s string) string {
	t := gender.ReplaceAllString(s, " ")
	t = postMark.ReplaceAllString(t, "")
	t = shouting.ReplaceAllString(t, " ")
	t = strings.ReplaceAll(strings.Join(strings.Fields(t), " "), " ,", ",")
	t = strings.Trim(t, " -–—|,;:/•*")
	if t == "" {
		return s
	}
	return t
}

// word makes a pattern of alternatives that stand as words in folded text.
func word(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^| )(?:` + alternatives + `)(?: |$)`)
}

type rule struct {
	pattern *regexp.Regexp
	value   string
}

func match(rules []rule, s string) string {
	s = fold(s)
	if s == "" {
		return ""
	}
	for _, r := range rules {
		if r.pattern.MatchString(s) {
			return r.value
		}
	}
	return ""
}

var remoteRules = []rule{
	{word(`hybrid\w*|hybride?|partly remote|partially remote|teilweise remote`), "hybrid"},
	{word(`remote\w*|telecommut\w*|distributed|work from home|home ?office|homeoffice|anywhere|worldwide|teletravail|teletrabajo|remoto|a distance`), "remote"},
	{word(`on ?site|onsite|in office|in person|vor ort|sur site|presencial|no remote`), "onsite"},
}

func remoteKind(s string) string { return match(remoteRules, s) }

var employmentRules = []rule{
	{word(`intern|interns|internship|praktik\w*|stage|stagiaire|becari\w*|practicas|tirocinio|estagio|working student|werkstudent\w*|trainee\w*|work study`), "internship"},
	{word(`apprentice\w*|ausbildung\w*|auszubildende\w*|azubi\w*|alternance|alternant\w*|lehre|lehrling|duales studium`), "apprenticeship"},
	{word(`volunteer\w*|voluntary|ehrenamt\w*|benevol\w*`), "volunteer"},
	{word(`contract|contractor|freelance\w*|independent contractor|1099|self employed|freiberuf\w*|autonomo|zzp`), "contract"},
	{word(`temporary|temp|seasonal|fixed term\w*|fulltime fixed term|befristet\w*|interim\w*|cdd|per diem|zeitarbeit|temporal`), "temporary"},
	{word(`part time|parttime\w*|teilzeit\w*|temps partiel|tiempo parcial|deeltijd|minijob\w*|mini job`), "part_time"},
	{word(`full time|fulltime\w*|vollzeit\w*|temps plein|tiempo completo|voltijd|permanent|regular|cdi|unbefristet|employee|festanstellung|full part time|fulltime permanent`), "full_time"},
}

func employmentType(s string) string {
	// FullTime, FULL_TIME and fulltime_permanent are words too.
	return match(employmentRules, camel.ReplaceAllString(s, "$1 $2"))
}

var camel = regexp.MustCompile(`([a-z])([A-Z])`)

var seniorityRules = []rule{
	{word(`intern|interns|internship|praktik\w*|werkstudent\w*|working student|trainee|apprentice|azubi|ausbildung|stagiaire|student`), "intern"},
	{word(`chief|ceo|cto|cfo|coo|cmo|cio|chro|vp|svp|evp|vice president|executive director|geschaftsfuhr\w*|president`), "executive"},
	{word(`director|directrice|directeur|head|bereichsleit\w*|abteilungsleit\w*|leiter\w*`), "director"},
	{word(`principal|distinguished|staff|fellow`), "principal"},
	{word(`lead|leader|team ?leit\w*|team ?lead|teamlead\w*|chef de projet|architect lead|tech lead`), "lead"},
	{word(`senior|sr|snr|sen|experienced professional|iii|iv`), "senior"},
	{word(`manager|managerin|responsable|gerente`), "manager"},
	{word(`junior|jr|entry|entry level|graduate|absolvent\w*|berufseinsteiger\w*|debutant|associate|no experience|beginner|new grad`), "junior"},
	{word(`mid|mid level|intermediate|mid senior level|experienced|ii`), "mid"},
}

func seniority(s string) string { return match(seniorityRules, s) }

// languageOf trusts the source, if it names a language, and else the text.
func languageOf(said, text string) string {
	if base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(said, "_", "-")), "-"); len(base) == 2 && strings.Trim(base, "abcdefghijklmnopqrstuvwxyz") == "" {
		return base
	}
	if len(text) < 40 {
		return ""
	}
	// Where the beginning leaves no doubt, which is mostly, no more is read: this is
	// what normalising takes the most time for.
	info := whatlanggo.Detect(cutBytes(text, 500))
	if info.Confidence < 1 && len(text) > 500 {
		info = whatlanggo.Detect(cutBytes(text, 1500))
	}
	if !info.IsReliable() {
		return ""
	}
	return info.Lang.Iso6391()
}

func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

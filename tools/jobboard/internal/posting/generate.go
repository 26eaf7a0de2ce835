package posting

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// MinJobs is the smallest number of postings for a company: every mode needs a posting on every platform that has it.
const MinJobs = 12

// Board is everything that is on offer.
type Board struct {
	Companies []*Company // those with a board of their own, in the order of the README
	Jobs      []*Job     // theirs, then those that RemoteOK, Remotive and Arbeitnow repeat
	Places    []Place
	byKey     map[string]*Job
}

// Job finds a posting by its key, or nil.
func (b *Board) Job(key string) *Job { return b.byKey[key] }

// Find gives the company with a token on a platform, or nil.
func (b *Board) Find(platform, token string) *Company {
	i := slices.IndexFunc(b.Companies, func(c *Company) bool {
		return c.Platform == platform && strings.EqualFold(c.Token, token)
	})
	if i < 0 {
		return nil
	}
	return b.Companies[i]
}

// Of lists the postings of a platform that repeats others.
func (b *Board) Of(platform string) []*Job {
	var out []*Job
	for _, j := range b.Jobs {
		if j.Platform == platform {
			out = append(out, j)
		}
	}
	return out
}

// Generate makes a board with perCompany postings for each company, at least MinJobs. Dates are whole days before today.
func Generate(seed uint64, perCompany int, today time.Time) (*Board, error) {
	if perCompany < MinJobs {
		return nil, fmt.Errorf("%d postings a company are too few; ask for at least %d", perCompany, MinJobs)
	}
	professions, err := readProfessions(professionsEnglish)
	if err != nil {
		return nil, err
	}
	other, err := readProfessions(professionsOther)
	if err != nil {
		return nil, err
	}
	maps.Copy(professions, other)
	places, err := readPlaces(placesText)
	if err != nil {
		return nil, err
	}
	texts, err := readPhrases(phrasesText)
	if err != nil {
		return nil, err
	}
	companies, err := readCompanies(companiesText, places, professions)
	if err != nil {
		return nil, err
	}
	b := &Board{Companies: companies, Places: places, byKey: map[string]*Job{}}
	day := today.UTC().Truncate(24 * time.Hour)
	nth := map[string]int{} // of a platform's companies, by kind of page
	for i, c := range companies {
		g := generator{r: random(seed, c.Token), texts: texts, day: day, company: c}
		kind := c.Platform
		if c.Variant == "react" {
			kind += c.Variant
		}
		taken := map[string]bool{}
		for n := range perCompany {
			j := g.job(n)
			for taken[j.ID] || taken[j.Slug] {
				g.name(j)
			}
			taken[j.ID], taken[j.Slug] = true, true
			if n == 3 || n == 4 {
				g.trap(j, traps[(2*i+n)%len(traps)])
			}
			j.Modes = builtIn(c, nth[kind], n)
			c.Jobs = append(c.Jobs, j)
		}
		nth[kind]++
	}
	b.repeatOnCareers("fernhill", "ironbridge", 4)
	for _, c := range companies {
		b.Jobs = append(b.Jobs, c.Jobs...)
	}
	b.repeatElsewhere(seed)
	for _, j := range b.Jobs {
		if b.byKey[j.Key] != nil {
			return nil, fmt.Errorf("two postings are called %s; use another seed", j.Key)
		}
		b.byKey[j.Key] = j
	}
	return b, nil
}

// random is a stream of its own for each name, so that one company's postings do not depend on another's.
func random(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // made-up postings, to be repeated from a seed
}

// builtIn gives the modes that the n-th posting of a company carries from the start: from the seventh to the twelfth, one
// mode each, over all companies of the platform in turn. Greenhouse's two kinds of pages have theirs each; only the
// React-like one asks for a code, and it has the most important of the others.
func builtIn(c *Company, nth, n int) []string {
	all := Modes[:len(Modes)-1]
	switch c.Platform {
	case Lever, Ashby, Workable, Careers:
	case Greenhouse:
		if c.Variant == "react" {
			all = slices.Concat(Modes[len(Modes)-1:], all)
		}
	default:
		return nil
	}
	i := nth*6 + n - 6
	if n < 6 || n >= 12 || i >= len(all) || c.Token == "stillwater" {
		return nil
	}
	return []string{all[i]}
}

type generator struct {
	r       *rand.Rand
	texts   phrases
	day     time.Time
	company *Company
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// some picks n different elements and keeps their order.
func some[T any](r *rand.Rand, from []T, n int) []T {
	index := r.Perm(len(from))[:min(n, len(from))]
	slices.Sort(index)
	var out []T
	for _, i := range index {
		out = append(out, from[i])
	}
	return out
}

func (g *generator) job(n int) *Job {
	r, c := g.r, g.company
	p := c.professions[n%len(c.professions)]
	j := &Job{Platform: c.Platform, Board: c.Token, Company: c, Department: p.department, Profession: p.key, Lang: p.lang, Nth: n,
		Skills: p.skills, Licence: p.licence, headings: map[string]string{}}
	j.Places = []Place{c.Places[r.IntN(len(c.Places))]}
	if len(c.Places) > 1 && r.IntN(6) == 0 {
		other := pick(r, c.Places)
		if other.City != j.Places[0].City {
			j.Places = append(j.Places, other)
		}
	}
	j.Location = j.Places[0].Name()
	if country := j.Places[0].CountryCode; country == "US" || country == "CA" {
		j.Licence = strings.NewReplacer("category B driving licence", "driver's license", "category C driving licence",
			"commercial driver's license", "licence", "license").Replace(j.Licence)
	}
	j.Workplace = "onsite"
	if p.is("remote") {
		j.Workplace = []string{"remote", "hybrid", "hybrid", "onsite"}[r.IntN(4)]
	}
	j.Employment = []string{"full", "full", "full", "full", "part", "contract"}[r.IntN(6)]
	j.Level, j.Years = "mid", 2+r.IntN(3)
	j.Title = pick(r, p.titles)
	if p.is("remote") {
		switch r.IntN(6) {
		case 0:
			j.Level, j.Years = "junior", 1
			j.Title = "Junior " + j.Title
		case 1, 2:
			j.Level, j.Years = "senior", 5+r.IntN(3)
			j.Title = "Senior " + j.Title
		case 3:
			if p.lang == "en" {
				j.Level, j.Years = "lead", 7+r.IntN(4)
				j.Title = "Lead " + j.Title
			}
		case 4:
			if p.lang == "en" && r.IntN(3) == 0 {
				j.Level, j.Years, j.Employment = "intern", 0, "intern"
				j.Title += " Intern"
			}
		}
	}
	if j.Employment == "part" {
		j.Title += g.texts[p.lang]["title.part"][0]
	}
	g.pay(j, p)
	g.text(j, p)
	j.Published = g.day.AddDate(0, 0, -r.IntN(45)).Add(time.Duration(r.IntN(86400)) * time.Second)
	j.Published = earlier(j.Published, g.day)
	j.Updated = earlier(j.Published.AddDate(0, 0, r.IntN(5)), g.day)
	g.name(j)
	return j
}

// earlier keeps a time out of the future, as far as the board's day goes.
func earlier(t, day time.Time) time.Time {
	if t.After(day) {
		return day
	}
	return t
}

// name gives the posting its id in the form of its platform, and its key.
func (g *generator) name(j *Job) {
	r := g.r
	j.Slug = Slug(j.Title + " " + j.Places[0].City + " " + fmt.Sprint(1000+r.IntN(9000)))
	switch j.Platform {
	case Lever, Ashby:
		j.ID = fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12),
			r.Uint64()&(1<<48-1))
	case Workable:
		j.ID = fmt.Sprintf("%010X", r.Uint64()&(1<<40-1))
	case SmartRecruiters:
		j.ID = fmt.Sprint(743999000000000 + r.Int64N(900000000))
	case Careers:
		j.ID = j.Slug
	case Greenhouse:
		j.ID = fmt.Sprint(4000000000 + r.Int64N(4000000000))
	default:
		j.ID = fmt.Sprint(1000000 + r.IntN(2000000))
	}
	j.Key = j.Platform + "/" + j.Board + "/" + j.ID
}

// market says what is paid where: a factor on the American yearly pay in US dollars, the currency's rate, and how people
// quote it.
var market = map[string]struct {
	currency string
	factor   float64 // of the American pay, in the local currency
	period   string
}{
	"US": {"USD", 1, "year"}, "CA": {"CAD", 1.05, "year"}, "GB": {"GBP", .55, "year"}, "IE": {"EUR", .68, "year"},
	"DE": {"EUR", .75, "year"}, "AT": {"EUR", .72, "month"}, "CH": {"CHF", 1.2, "year"}, "FR": {"EUR", .85, "year"},
	"BE": {"EUR", .7, "month"}, "ES": {"EUR", .85, "year"}, "PT": {"EUR", .4, "month"}, "NL": {"EUR", .68, "month"},
	"DK": {"DKK", 5.6, "month"}, "SE": {"SEK", 6, "month"}, "NO": {"NOK", 7.6, "year"}, "PL": {"PLN", 1.9, "month"},
	"CZ": {"CZK", 11, "month"}, "IT": {"EUR", .55, "year"}, "AU": {"AUD", 1.35, "year"}, "SG": {"SGD", 1.1, "month"},
	"IN": {"INR", 22, "year"}, "BR": {"BRL", 1.6, "month"}, "JP": {"JPY", 75, "year"},
}

func (g *generator) pay(j *Job, p *profession) {
	r := g.r
	kind := r.IntN(10)
	if kind < 3 {
		return // nothing is said
	}
	m := market[j.Places[0].CountryCode]
	level := map[string]float64{"intern": .35, "junior": .75, "mid": 1, "senior": 1.3, "lead": 1.5}[j.Level]
	yearly := float64(p.pay) * m.factor * level * (0.92 + .16*r.Float64())
	if p.lang != "en" { // these are quoted for their own country already
		yearly = float64(p.pay) * .92 * level * (0.95 + .1*r.Float64())
	}
	pay := Pay{Currency: m.currency, Period: m.period, Hidden: kind >= 8}
	if p.is("shifts") && j.Places[0].CountryCode == "US" || j.Employment == "contract" && r.IntN(2) == 0 {
		pay.Period = "hour"
	}
	low := yearly / map[string]float64{"year": 1, "month": 12, "hour": 1880}[pay.Period]
	step := 1.0
	for low > 800*step {
		step *= 10
	}
	pay.Min = int(low/step) * int(step)
	pay.Max = int(low*(1.12+.2*r.Float64())/step+1) * int(step)
	j.Pay = &pay
}

func (g *generator) text(j *Job, p *profession) {
	r, t := g.r, g.texts[p.lang]
	skills := r.Perm(len(p.skills))
	fill := strings.NewReplacer("{company}", j.Company.Name, "{title}", j.Title, "{city}", j.Places[0].City,
		"{department}", p.department, "{skill}", p.skills[skills[0]], "{years}", fmt.Sprint(max(1, j.Years)))
	for kind, values := range t {
		if strings.HasPrefix(kind, "heading.") {
			j.headings[kind] = values[0]
		}
	}
	if p.lang == "en" && r.IntN(2) == 0 {
		j.headings["heading.need"] = pick(r, []string{"Requirements", "Who you are", "Your profile", "Qualifications"})
		j.headings["heading.offer"] = pick(r, []string{"Benefits", "What you get", "Why join us"})
	}
	j.Intro = fill.Replace(pick(r, t["role"]))
	j.Intro += " " + fill.Replace(t[j.Workplace][0])
	if j.Employment != "full" {
		j.Intro += " " + fill.Replace(t[j.Employment][0])
	}
	j.Do = some(r, p.do, 4+r.IntN(2))
	j.Need = some(r, p.nee, 4+r.IntN(2))
	if j.Years > 1 {
		j.Need = slices.Insert(j.Need, 1, fill.Replace(pick(r, t["years"])))
	}
	other := strings.NewReplacer("{skill}", p.skills[skills[1]])
	j.Need = append(j.Need, other.Replace(pick(r, t["nice"])))
	j.Offer = some(r, t["offer"], 3+r.IntN(3))
	if j.Pay != nil && j.Pay.Hidden {
		j.Closing = append(j.Closing, strings.ReplaceAll(pick(r, t["pay"]), "{pay}", j.Pay.String()))
	}
	j.Closing = append(j.Closing, pick(r, t["closing"]))
}

package parser

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// dates is one date or a range found in text.
type dates struct {
	start, end string // ISO 8601, as precise as the text; empty if not given
	present    bool   // goes on
	isRange    bool   // of two ends, or "since"
	from, to   int    // bytes of the text
}

// months, unaccented, by prefix, in English, German, French, Spanish,
// Portuguese, Italian and Dutch.
var months = []struct {
	prefixes string
	number   int
}{
	{"jan|gen|ene", 1}, {"feb|fev|fév", 2}, {"mar|mär|maerz|mrz|maart|mrt", 3}, {"apr|avr|abr", 4}, {"mai|may|mag|mei|mayo", 5},
	{"juin|jun|giu", 6}, {"juil|jul|lug", 7}, {"aug|aou|aoû|ago", 8}, {"sep|set", 9}, {"oct|okt|ott|out", 10}, {"nov", 11}, {"dec|dez|déc|dic", 12},
}

var (
	monthName = `(?:` + lex("months") + `)`
	season    = `(?:` + lex("seasons") + `)`
	year      = `(?:1[5-9]|20)\d\d`
	datePat   = `(?:` +
		year + `-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?` + // 2013-12-01
		`|(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|1[0-2])[./]` + year + // 31.12.2013
		`|(?:0?[1-9]|1[0-2])\s?[./]\s?` + year + // 12/2013
		`|` + year + `[./](?:0[1-9]|1[0-2])` + // 2013/12
		`|(?:(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|er|º|\.)?[ \x{a0}]+(?:de\s+|of\s+)?)?` + monthName + `\b\.?,?\s*(?:(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?,\s*)?(?:del?\s+)?(?:` + year + `|['’]\d\d)` + // [1] March[ 2,] 2013
		`|` + season + `\s+` + year +
		`|` + year + `)`
	presentPat = `(?:` + lex("present") + `)`
	joinPat    = `\s*(?:` + lex("until") + `)\s*`
	sincePat   = `(?:` + lex("since") + `)\s+`
)

var (
	rangeRE = regexp.MustCompile(`(?i)(?:^|[^\p{L}\d/.])((` + datePat + `|` + monthName + `\.?)` + joinPat + `(?:exp(?:ected|\.)?:?\s*)?(` + datePat + `|` + presentPat + `|\d\d))(?:$|[^\p{L}\d/])`)
	sinceRE = regexp.MustCompile(`(?i)(?:^|[^\p{L}])((?:` + sincePat + `(` + datePat + `))|(?:(` + datePat + `)\s*(?:ff?\.|-|–|—)))(?:$|[\s,;)])`)
	dateRE  = regexp.MustCompile(`(?i)(?:^|[^\p{L}\d/.,-])(` + datePat + `)(?:$|[^\p{L}\d/-])`)
	nowRE   = regexp.MustCompile(`(?i)^` + presentPat + `$`)
	onlyMon = regexp.MustCompile(`(?i)^` + monthName + `\.?$`)
	yearRE  = regexp.MustCompile(year)
	numbers = regexp.MustCompile(`\d+`)
)

// hasYear is a quick look for what every date has: four digits from 1500 to 2099,
// or two after an apostrophe.
func hasYear(text string) bool {
	run := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < '0' || c > '9' {
			run = 0
			continue
		}
		if run++; run == 4 && (text[i-3] == '1' && text[i-2] >= '5' || text[i-3] == '2' && text[i-2] == '0') {
			return true
		}
	}
	return strings.ContainsAny(text, "'’") && shortYear.MatchString(text)
}

var shortYear = regexp.MustCompile(`['’]\d\d`)

// findDates finds the first range in text, else the first single date.
func findDates(text string) (dates, bool) {
	if !hasYear(text) {
		return dates{}, false
	}
	if m := rangeRE.FindStringSubmatchIndex(text); m != nil {
		a, b := text[m[4]:m[5]], text[m[6]:m[7]]
		d := dates{isRange: true, from: m[2], to: m[3]}
		switch {
		case nowRE.MatchString(b):
			d.start, d.present = isoDate(a), true
		case len(b) == 2: // 1577–78
			d.start = isoDate(a)
			if len(d.start) < 4 || onlyMon.MatchString(a) || len(d.start) == 7 && !strings.ContainsAny(a, "/") {
				break
			}
			d.end = d.start[:2] + b
		case onlyMon.MatchString(a): // April to May 1581
			d.end = isoDate(b)
			if y := yearRE.FindString(b); y != "" {
				d.start = isoDate(a + " " + y)
			}
		default:
			d.start, d.end = isoDate(a), isoDate(b)
		}
		if d.start != "" && (d.end == "" || d.end[:4] >= d.start[:4]) {
			return d, true
		}
	}
	if m := sinceRE.FindStringSubmatchIndex(text); m != nil {
		k := 4
		if m[4] < 0 {
			k = 6
		}
		if start := isoDate(text[m[k]:m[k+1]]); start != "" {
			return dates{start: start, present: true, isRange: true, from: m[2], to: m[3]}, true
		}
	}
	if m := dateRE.FindStringSubmatchIndex(text); m != nil {
		if iso := isoDate(text[m[2]:m[3]]); iso != "" {
			return dates{end: iso, from: m[2], to: m[3]}, true
		}
	}
	return dates{}, false
}

// isoDate reads one date.
func isoDate(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	y := yearRE.FindString(s)
	if y == "" {
		if i := strings.IndexAny(s, "'’"); i >= 0 {
			two := strings.Trim(s[i:], "'’")
			if n, err := strconv.Atoi(two); err == nil {
				y = strconv.Itoa(1900 + n)
				if n < 60 {
					y = strconv.Itoa(2000 + n)
				}
			}
		}
		if y == "" {
			return ""
		}
	}
	var rest []int // numbers other than the year
	for _, n := range numbers.FindAllString(strings.Replace(s, y, " ", 1), -1) {
		v, _ := strconv.Atoi(n)
		rest = append(rest, v)
	}
	if m := monthOf(s); m > 0 {
		if len(rest) > 0 && rest[0] >= 1 && rest[0] <= 31 && !strings.ContainsAny(s, "'’") {
			return fmt.Sprintf("%s-%02d-%02d", y, m, rest[0])
		}
		return fmt.Sprintf("%s-%02d", y, m)
	}
	switch {
	case strings.HasPrefix(s, y) && len(rest) == 2:
		return fmt.Sprintf("%s-%02d-%02d", y, rest[0], rest[1])
	case len(rest) == 2: // day first, as everywhere but in the United States; no month is over 12
		day, month := rest[0], rest[1]
		if month > 12 {
			day, month = month, day
		}
		return fmt.Sprintf("%s-%02d-%02d", y, month, day)
	case len(rest) == 1 && rest[0] >= 1 && rest[0] <= 12:
		return fmt.Sprintf("%s-%02d", y, rest[0])
	}
	return y
}

// monthOf finds a month's name at the beginning of a word.
func monthOf(s string) int {
	for word := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == ' ' || c == '.' || c == ',' || c == '\'' || c == '’' }) {
		best, length := 0, 0
		for _, m := range months {
			for p := range strings.SplitSeq(m.prefixes, "|") {
				if len(p) > length && strings.HasPrefix(word, p) {
					best, length = m.number, len(p)
				}
			}
		}
		if best > 0 {
			return best
		}
	}
	return 0
}

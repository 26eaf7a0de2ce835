package job

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/currency"
)

// Pay is a range of pay before taxes. An end that is not known is zero.
type Pay struct {
	Min      float64 `json:"min,omitempty"`
	Max      float64 `json:"max,omitempty"`
	Currency string  `json:"currency"` // ISO 4217
	Period   string  `json:"period"`   // hour, day, week, month or year
}

// perYear is how many periods of full-time work a year has.
var perYear = map[string]float64{"hour": 2080, "day": 260, "week": 52, "month": 12, "year": 1}

// YearMax is the upper end of the pay for a year of full-time work.
func (p *Pay) YearMax() float64 { return max(p.Min, p.Max) * perYear[p.Period] }

var periodRules = []rule{
	{word(`hour|hourly|hr|std|stunde|pro stunde|heure|hora|uur|per hour wage|hours|1 hour`), "hour"},
	{word(`day|daily|tag|jour|dia|dag|1 day`), "day"},
	{word(`week|weekly|woche|semaine|semana|1 week`), "week"},
	{word(`month|monthly|monat|monatlich|mois|mes|maand|1 month|per month salary`), "month"},
	{word(`year|yearly|annual|annually|annum|jahr|jahrlich|an|ano|jaar|pa|p a|1 year|per year salary`), "year"},
}

// payOf makes a range of what a source says; nil if that cannot be pay. Amounts
// that no work is paid with are left out rather than shown.
func payOf(lo, hi float64, money, period, country string) *Pay {
	if lo < 0 || hi < 0 || math.IsNaN(lo+hi) || lo+hi == 0 {
		return nil
	}
	unit, err := currency.ParseISO(strings.ToUpper(strings.TrimSpace(money)))
	if err != nil {
		var ok bool
		if unit, ok = symbolCurrency(strings.TrimSpace(money), country); !ok {
			return nil
		}
	}
	if lo > 0 && hi > 0 && lo > hi {
		lo, hi = hi, lo
	}
	p := &Pay{Min: lo, Max: hi, Currency: unit.String(), Period: match(periodRules, strings.ReplaceAll(period, "-", " "))}
	if p.Period == "" {
		switch top := max(lo, hi); {
		case top >= 12_000:
			p.Period = "year"
		case top >= 900:
			p.Period = "month"
		case top <= 400:
			p.Period = "hour"
		default:
			return nil
		}
	}
	// In currencies of small units a year's pay has more digits; none is paid less
	// than some hundreds a year or more than what the richest get.
	factor := perYear[p.Period]
	if top := p.YearMax(); top < 500 || top > 20_000_000_000 || (majorUnit(p.Currency) && top > 10_000_000) {
		return nil
	}
	if lo > 0 && hi > 0 && (hi > 20*lo || lo*factor < 200) {
		p.Min = 0
	}
	return p
}

func majorUnit(code string) bool {
	switch code {
	case "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "NZD", "SGD":
		return true
	}
	return false
}

// symbolCurrency reads a currency sign, by country where several share it.
func symbolCurrency(s, country string) (currency.Unit, bool) {
	code := map[string]string{"€": "EUR", "£": "GBP", "US$": "USD", "CA$": "CAD", "C$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "S$": "SGD",
		"¥": "JPY", "₹": "INR", "zł": "PLN", "Fr.": "CHF", "kr": "SEK", "R$": "BRL"}[s]
	if s == "$" {
		code = map[string]string{"CA": "CAD", "AU": "AUD", "NZ": "NZD", "SG": "SGD", "MX": "MXN", "HK": "HKD"}[country]
		if code == "" {
			code = "USD"
		}
	}
	if s == "kr" {
		code = map[string]string{"NO": "NOK", "DK": "DKK", "SE": "SEK"}[country]
	}
	if code == "" {
		return currency.Unit{}, false
	}
	u, err := currency.ParseISO(code)
	return u, err == nil
}

const (
	moneyPattern  = `(?:US\$|CA\$|AU\$|NZ\$|C\$|A\$|S\$|R\$|[$€£₹¥]|\b(?:USD|EUR|GBP|CHF|CAD|AUD|NZD|SGD|SEK|NOK|DKK|PLN|INR|BRL|MXN|JPY|CZK|HUF|RON|ZAR)\b|(?i:\beuro\b)|zł)`
	amountPattern = `(\d{1,3}(?:[.,'’ \x{a0}\x{202f}]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?)\s?([kK]\b)?`
)

var (
	payPattern = regexp.MustCompile(`(` + moneyPattern + `)?\s?` + amountPattern + `\s?(` + moneyPattern + `)?` +
		`(?:\s?(?:-|–|—|to|bis|à|a|and|und|through)\s?(` + moneyPattern + `)?\s?` + amountPattern + `\s?(` + moneyPattern + `)?)?`)
	payWords    = regexp.MustCompile(`(?i)salar|\bpay\b|compensation|\bpaid\b|gehalt|vergütung|lohn|verdienst|brutto|remunera|rémunér|salaire|sueldo|salario|stipend|wage|\bOTE\b|base range|annual base|hourly|per (hour|year|annum|month|day|week)|/ ?(hr|hour|year|yr|month|h)\b|(pro|im|je) (jahr|monat|stunde)|p\.a\.`)
	notPay      = regexp.MustCompile(`(?i)revenue|fund|raised|series [a-e]\b|valuation|budget|\barr\b|million|billion|\bmrd|turnover|umsatz|bonus|401|donat|grant|reimburs|stipendi?um for|allowance|per employee`)
	afterAmount = regexp.MustCompile(`(?i)^[^.\n]{0,25}?(?:per|an?|/|pro|je|im|par|al|por|p\.?\s?)\s?(hour|hr|h\b|day|week|month|mo\b|year|yr|annum|a\.|jahr|monat|stunde|std|tag|mois|an\b|heure|año|mes|hora)`)
)

// payInText finds pay in a description: an amount with a currency, in the
// neighbourhood of a word for pay and of none for other money. nil if there is
// none.
func payInText(text, country string) *Pay {
	text = cutBytes(text, 30_000)
	// The pattern is costly: it is looked for around currencies alone.
	for end, n := 0, 0; n < 50; n++ {
		var begin int
		if begin, end = nextMoney(text, end); end == 0 {
			break
		}
		if p := payNear(text[max(0, begin-110):min(len(text), end+110)], country); p != nil {
			return p
		}
	}
	return nil
}

// moneyNames are the names of currencies that stand as words of their own.
const moneyNames = " USD EUR GBP CHF CAD AUD NZD SGD SEK NOK DKK PLN INR BRL MXN JPY CZK HUF RON ZAR "

// nextMoney finds the first sign or name of a currency at or after from; end is
// zero if there is none. It is what a regular expression would say, ten times
// sooner: most of gathering's time went into looking at texts for currencies.
func nextMoney(s string, from int) (begin, end int) {
	for i := from; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '$':
			return i, i + 1
		case c >= utf8.RuneSelf || c == 'z':
			for _, sign := range [...]string{"€", "£", "₹", "¥", "zł"} {
				if strings.HasPrefix(s[i:], sign) {
					return i, i + len(sign)
				}
			}
		case (c < 'A' || c > 'Z') && c != 'e', i > 0 && wordByte(s[i-1]):
		case i+3 <= len(s) && (i+3 == len(s) || !wordByte(s[i+3])) && wordByte(s[i+1]) && wordByte(s[i+2]) && strings.Contains(moneyNames, s[i:i+3]):
			return i, i + 3
		case strings.HasPrefix(s[i+1:], "uro") && (c == 'E' || c == 'e') && (i+4 == len(s) || !wordByte(s[i+4])):
			return i, i + 4
		}
	}
	return 0, 0
}

// wordByte reports whether a byte is of a word as \b of regular expressions sees it.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// payNear finds pay in a piece of text, whose ends may cut characters.
func payNear(text, country string) *Pay {
	text = strings.ToValidUTF8(text, " ")
	for _, m := range payPattern.FindAllStringSubmatchIndex(text, 30) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		money := firstOf(group(1), group(4), group(5), group(8))
		if money == "" {
			continue
		}
		before, after := text[max(0, m[0]-80):m[0]], text[m[1]:min(len(text), m[1]+60)]
		near := before + " " + after
		if !payWords.MatchString(near) || notPay.MatchString(before[max(0, len(before)-40):]+" "+after[:min(len(after), 25)]) {
			continue
		}
		lo, hi := amount(group(2), group(3)), amount(group(6), group(7))
		if hi > 0 && group(3) == "" && group(7) != "" && lo < 1000 {
			lo *= 1000 // $120–150k
		}
		period := ""
		if found := afterAmount.FindStringSubmatch(after); found != nil {
			period = payPeriod(found[1])
		} else if found := beforeAmount.FindString(before); found != "" {
			period = payPeriod(found)
		}
		if strings.EqualFold(money, "euro") {
			money = "EUR"
		}
		if hi == 0 {
			hi = lo
		}
		if p := payOf(lo, hi, money, period, country); p != nil {
			return p
		}
	}
	return nil
}

var beforeAmount = regexp.MustCompile(`(?i)hourly|annual|yearly|monthly|weekly|daily|stundenlohn|jahresgehalt|monatsgehalt`)

func payPeriod(s string) string {
	switch s = strings.ToLower(s); {
	case s == "h", s == "hr", strings.HasPrefix(s, "hour"), strings.HasPrefix(s, "st"), strings.HasPrefix(s, "heure"), s == "hora":
		return "hour"
	case strings.HasPrefix(s, "mo"), s == "mes":
		return "month"
	case strings.HasPrefix(s, "we"):
		return "week"
	case strings.HasPrefix(s, "da"), s == "tag":
		return "day"
	}
	return "year"
}

// amount reads a number in any of the ways that thousands and decimals are set
// apart, and a k for thousands.
func amount(s, k string) float64 {
	if s == "" {
		return 0
	}
	if i := strings.LastIndexAny(s, ".,"); i >= 0 && len(s)-i-1 != 3 {
		s = keepDigits(s[:i]) + "." + s[i+1:]
	} else {
		s = keepDigits(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	if k != "" {
		f *= 1000
	}
	return f
}

func keepDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, s)
}

package job

import (
	"html"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

const (
	maxTitle = 200 // characters
	maxName  = 200
	maxHTML  = 120_000 // bytes of a description
	maxText  = 60_000
	maxMarks = 3 // combining marks on one letter
)

// harmless drops what strangers hide in text: control characters, bidirectional
// overrides, zero-width and other format characters, unassigned and private ones,
// piles of combining marks. Joiners stay between letters of scripts that need
// them. The result is valid UTF-8 in NFC.
func harmless(s string, keepLines bool) string {
	if printable(s, keepLines) { // as most texts are
		return s
	}
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	var last rune
	for i, c := range s {
		switch {
		case ' ' <= c && c <= '~':
		case c == '\n' && keepLines, c == '\t' && keepLines:
		case unicode.IsControl(c), c == '\u2028', c == '\u2029':
			c = ' '
		case c == '\u200c' || c == '\u200d':
			next, _ := utf8.DecodeRuneInString(s[i+3:])
			if !joins(last) || !joins(next) {
				continue
			}
		case unicode.Is(unicode.Cf, c), unicode.Is(unicode.Co, c), unicode.Is(unicode.Cs, c), c == '\ufffd', c == '\u034f', c == '\u115f', c == '\u1160', c == '\u3164', c == '\uffa0':
			continue
		case unicode.Is(unicode.Mn, c) || unicode.Is(unicode.Me, c):
			if marks++; marks > maxMarks {
				continue
			}
			b.WriteRune(c)
			continue
		}
		marks = 0
		last = c
		b.WriteRune(c)
	}
	return b.String()
}

// printable reports whether s is of printable ASCII alone.
func printable(s string, keepLines bool) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && (!keepLines || c != '\n' && c != '\t') {
			return false
		}
	}
	return true
}

// joins reports whether a letter is of a script that is written with joiners.
func joins(c rune) bool {
	return unicode.IsLetter(c) && !unicode.In(c, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Han, unicode.Hangul)
}

var (
	tagLike    = regexp.MustCompile(`<[a-zA-Z/!][^<>]{0,500}>`)
	mojibake   = regexp.MustCompile(`[ÂÃâÅÄ][\x{80}-\x{BF}€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œŸžŽ]`)
	entityLike = regexp.MustCompile(`&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});`)
)

// repair undoes UTF-8 that was read as Windows-1252 or Latin-1 on its way here, if
// all of the text is so.
func repair(s string) string {
	if !strings.ContainsAny(s, "ÂÃâÅÄ") || !mojibake.MatchString(s) {
		return s
	}
	raw := make([]byte, 0, len(s))
	for _, c := range s {
		b, ok := charmap.Windows1252.EncodeRune(c)
		if !ok {
			if c > 0xff { // real text beside it
				return s
			}
			b = byte(c) // read as Latin-1, which has controls where Windows-1252 has marks
		}
		raw = append(raw, b)
	}
	if !utf8.Valid(raw) {
		return s
	}
	return string(raw)
}

// line makes one line of text of at most n characters: without markup, entities
// (also escaped twice) and what harmless drops.
func line(s string, n int) string {
	if len(s) > 40*n { // nothing that is worth reading is
		s = s[:40*n]
	}
	for range 3 {
		if !entityLike.MatchString(s) {
			break
		}
		s = html.UnescapeString(s)
	}
	s = repair(s)
	s = tagLike.ReplaceAllString(s, " ")
	s = strings.Join(strings.Fields(harmless(s, false)), " ")
	return cut(s, n)
}

// cut shortens text to n characters, at a word if there is one near.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)[:n]
	for i := n - 1; i > n*3/4; i-- {
		if r[i] == ' ' {
			r = r[:i]
			break
		}
	}
	return strings.TrimRight(string(r), " ,;-–") + "…"
}

// policy is what a posting may be made of: text with structure, and links that
// neither pass on rank nor who follows them.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "ul", "ol", "li", "h2", "h3", "h4", "strong", "b", "em", "i", "u", "blockquote", "code", "pre", "hr",
		"table", "thead", "tbody", "tr", "th", "td", "div", "span")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	p.AddSpaceWhenStrippingTag(true)
	return p
})

// description makes of a posting's HTML a sanitised, well-formed piece of HTML and
// its plain text.
func description(s string) (clean, plain string) {
	if len(s) > 4*maxHTML {
		s = s[:4*maxHTML]
	}
	for range 2 { // escaped once or twice too often
		if strings.Contains(s, "<") || !strings.Contains(s, "&lt;") && !strings.Contains(s, "&amp;lt;") {
			break
		}
		s = html.UnescapeString(s)
	}
	s = policy().Sanitize(harmless(repair(s), true))
	body := &xhtml.Node{Type: xhtml.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := xhtml.ParseFragment(strings.NewReader(s), body)
	if err != nil {
		return "", ""
	}
	var out, text strings.Builder
	for _, n := range nodes {
		before := out.Len()
		if xhtml.Render(&out, n) != nil || out.Len() > maxHTML {
			kept := out.String()[:before]
			out.Reset()
			out.WriteString(kept)
			break
		}
		writeText(&text, n, 0)
	}
	clean = strings.TrimSpace(out.String())
	plain = paragraphs(text.String())
	if clean == "" && plain != "" {
		clean = fromText(plain)
	}
	return clean, plain
}

// fromText makes HTML of plain text.
func fromText(s string) string {
	var b strings.Builder
	for _, p := range strings.Split(s, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(p), "\n", "<br/>") + "</p>")
		}
	}
	return b.String()
}

var blocks = map[atom.Atom]string{
	atom.P: "\n\n", atom.Div: "\n", atom.Li: "\n", atom.Ul: "\n", atom.Ol: "\n", atom.H2: "\n\n", atom.H3: "\n\n", atom.H4: "\n\n",
	atom.Blockquote: "\n\n", atom.Pre: "\n\n", atom.Tr: "\n", atom.Td: " ", atom.Th: " ", atom.Hr: "\n\n", atom.Br: "\n",
}

func writeText(b *strings.Builder, n *xhtml.Node, depth int) {
	if n.Type == xhtml.TextNode {
		b.WriteString(n.Data)
		return
	}
	space := blocks[n.DataAtom]
	b.WriteString(space)
	if n.DataAtom == atom.Li {
		b.WriteString("• ")
	}
	for c := n.FirstChild; c != nil && depth < 200; c = c.NextSibling {
		writeText(b, c, depth+1)
	}
	b.WriteString(space)
}

// paragraphs tidies white space: one blank line at most between paragraphs.
func paragraphs(s string) string {
	var b strings.Builder
	blank := 0
	for _, l := range strings.Split(s, "\n") {
		l = strings.Join(strings.Fields(l), " ")
		if l == "" || l == "•" {
			blank++
			continue
		}
		switch {
		case b.Len() == 0:
		case blank > 0:
			b.WriteString("\n\n")
		default:
			b.WriteByte('\n')
		}
		blank = 0
		if b.Len()+len(l) > maxText {
			break
		}
		b.WriteString(l)
	}
	return b.String()
}

// fold is the form that names are compared in: lower case, without accents, words
// of letters, digits, + and # with one space between.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, c := range norm.NFKD.String(s) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '#':
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			b.WriteByte(byte(c))
		case c < utf8.RuneSelf:
			space = true
		case unicode.Is(unicode.Mn, c):
		case c == 'ß':
			b.WriteString("ss")
		case c == 'ø' || c == 'Ø':
			b.WriteByte('o')
		case c == 'ł' || c == 'Ł':
			b.WriteByte('l')
		case unicode.IsLetter(c) || unicode.IsDigit(c):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(unicode.ToLower(c))
		default:
			space = true
		}
	}
	return b.String()
}

// likeText makes text the beginning of a LIKE pattern, in lower case.
func likeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(s))
}

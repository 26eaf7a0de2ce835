package document

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// bullets are the marks that begin a list item.
const bullets = "•◦▪▫●○■□◆◇‣⁃∙·*➢➤►▶✓✔✦❖→»–—-"

// readText reads a plain text file: a line is a line, more than one blank or a
// tab within it is a tab stop.
func readText(data []byte, limits Limits) (*Document, error) {
	text, ok := decodeText(data, false)
	if !ok || strings.HasPrefix(text, "{") && json.Valid([]byte(text)) {
		return nil, ErrUnsupported // no text, or a machine's
	}
	if utf8.RuneCountInString(text) > limits.Characters {
		return nil, ErrTooLarge
	}
	page := Page{Number: 1}
	blank, block := 0, 0
	for raw := range strings.SplitSeq(text, "\n") {
		// A form feed is a page break, which says nothing about the lines.
		raw = strings.TrimRightFunc(strings.ReplaceAll(raw, "\f", ""), unicode.IsSpace)
		trimmed := strings.TrimLeftFunc(raw, unicode.IsSpace)
		if trimmed == "" {
			blank++
			continue
		}
		if isRule(trimmed) {
			continue
		}
		line := Line{Space: float64(blank), Block: block}
		if blank == 0 && len(page.Lines) > 0 {
			line.Wrapped = wrapsText(page.Lines[len(page.Lines)-1], raw)
		}
		blank = 0
		if rest, ok := cutBullet(trimmed); ok {
			line.Bullet, line.Wrapped, trimmed = true, false, rest
		}
		for i, part := range splitTabs(trimmed) {
			line.Spans = append(line.Spans, Span{Text: part, Tab: i > 0})
		}
		if len(line.Spans) > 0 {
			page.Lines = append(page.Lines, line)
		}
	}
	return &Document{Format: Text, Pages: []Page{page}}, nil
}

// wrapsText tells whether a line of a text file goes on with the one before:
// that one is long (mail and old editors break at 65 to 80) and this one begins
// in lower case.
func wrapsText(before Line, raw string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimSpace(raw))
	return utf8.RuneCountInString(before.Text()) >= 55 && unicode.IsLower(first)
}

// isRule tells whether a line is only drawn: -----, =====, _____.
func isRule(s string) bool {
	return len(s) >= 3 && strings.Trim(s, "-=_*~#─━═—–. ") == ""
}

// cutBullet removes a list mark; a mark is followed by a blank.
func cutBullet(s string) (string, bool) {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 || !strings.ContainsRune(bullets, first) && !unicode.Is(unicode.Co, first) {
		return s, false
	}
	rest := strings.TrimLeftFunc(s[n:], unicode.IsSpace)
	if rest == "" || len(rest) == len(s)-n && !strings.ContainsRune("•◦▪●■◆‣➢➤►▶✓✔❖", first) && !unicode.Is(unicode.Co, first) {
		return s, false
	}
	return rest, true
}

// splitTabs splits at tabs and at three blanks or more.
func splitTabs(s string) []string {
	var parts []string
	for tab := range strings.SplitSeq(s, "\t") {
		for part := range strings.SplitSeq(tab, "   ") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// decodeText decodes UTF-8, UTF-16 (by its byte order mark, or by the zero bytes
// that Latin text has in it) and Windows-1252, of which Latin-1 is a part. It
// refuses what holds control characters, as no text does. A prefix may end
// within a character.
func decodeText(data []byte, prefix bool) (string, bool) {
	var text string
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		text = decodeUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		text = decodeUTF16(data[2:], binary.BigEndian)
	case looksUTF16(data, 1):
		text = decodeUTF16(data, binary.LittleEndian)
	case looksUTF16(data, 0):
		text = decodeUTF16(data, binary.BigEndian)
	default:
		data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		whole := data
		for cut := 0; prefix && cut < utf8.UTFMax && len(whole) > 0 && !utf8.Valid(whole); cut++ {
			whole = whole[:len(whole)-1]
		}
		if utf8.Valid(whole) {
			text = string(whole)
			break
		}
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(data)
		if err != nil {
			return "", false
		}
		text = string(decoded)
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u00a0", " ", "\u00ad", "", "\ufeff", "").Replace(text)
	strange, letters := 0, 0
	for _, c := range text {
		switch {
		case unicode.IsControl(c) && !unicode.IsSpace(c), c == unicode.ReplacementChar:
			strange++
		case unicode.IsLetter(c):
			letters++
		}
	}
	// A stray control character (an old editor's) is no reason to refuse.
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && !unicode.IsSpace(c) {
			return -1
		}
		return c
	}, text), letters > 0 && strange*200 <= letters
}

func looksUTF16(data []byte, zeroAt int) bool {
	zeros, n := 0, min(len(data), 512)/2
	for i := range n {
		if data[2*i+zeroAt] == 0 && data[2*i+1-zeroAt] != 0 {
			zeros++
		}
	}
	return n >= 4 && zeros*10 >= n*8
}

func decodeUTF16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	pdferr "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// wasmPages limits PDFium's memory: 512 MiB in pages of 64 KiB.
const wasmPages = 512 << 20 >> 16

// Pictures for OCR: 200 dots an inch, fewer where that is more than 9 million.
const (
	ocrDPI    = 200
	ocrPixels = 9e6
)

// engine is PDFium in this process.
type engine struct {
	pool     pdfium.Pool
	instance pdfium.Pdfium
}

func startEngine(cacheDir string) (*engine, error) {
	cfg := wazero.NewRuntimeConfig().WithMemoryLimitPages(wasmPages).
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	if cacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return nil, fmt.Errorf("compilation cache: %w", err)
		}
		cfg = cfg.WithCompilationCache(cache)
	}
	pool, err := webassembly.Init(webassembly.Config{MaxIdle: 1, MaxTotal: 1, ReuseWorkers: true, RuntimeConfig: cfg,
		FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard}) // PDFium sees no file
	if err != nil {
		return nil, fmt.Errorf("PDFium: %w", err)
	}
	instance, err := pool.GetInstance(time.Minute)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &engine{pool: pool, instance: instance}, nil
}

func (e *engine) close() {
	_ = e.instance.Close()
	_ = e.pool.Close()
}

// damaged blames the file for what PDFium says of it. A trap of WebAssembly (out of
// memory, an assertion) is passed on as it is: PDFium is in an unknown state.
func damaged(err error) error {
	if strings.Contains(err.Error(), "wasm error") { // wazero exports no type of it
		return err
	}
	return ErrUnreadable.With(err)
}

// read answers one request. An error that is no errs.Error leaves PDFium in an
// unknown state.
func (e *engine) read(req *request) (*response, error) {
	opened, err := e.instance.OpenDocument(&requests.OpenDocument{File: &req.Data})
	switch {
	case errors.Is(err, pdferr.ErrPassword), errors.Is(err, pdferr.ErrSecurity):
		return nil, ErrEncrypted.With(err)
	case err != nil:
		return nil, damaged(err)
	}
	doc := opened.Document
	defer func() { _, _ = e.instance.FPDF_CloseDocument(&requests.FPDF_CloseDocument{Document: doc}) }()
	count, err := e.instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
	if err != nil {
		return nil, damaged(err)
	}
	res := &response{Total: count.PageCount, Pictures: map[int][]byte{}}
	left := req.Characters
	for i := range min(count.PageCount, req.Pages) {
		loaded, err := e.instance.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: doc, Index: i})
		if err != nil {
			if err = damaged(err); len(res.Pages) == 0 || !errors.Is(err, ErrUnreadable) {
				return nil, err
			}
			break // the pages before it can be read: Total tells what is missing
		}
		page, state, n, err := e.page(doc, loaded.Page, i, left)
		if err == nil && state != pageText && len(res.Pictures) < req.OCRPages {
			var picture []byte
			if picture, err = e.picture(loaded.Page, page.Width, page.Height); picture != nil {
				res.Pictures[i+1] = picture
			}
		}
		_, _ = e.instance.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: loaded.Page})
		if err != nil {
			return nil, err
		}
		left -= n
		res.Pages, res.States = append(res.Pages, *page), append(res.States, state)
	}
	return res, nil
}

// page reads one page and the number of its characters.
func (e *engine) page(doc references.FPDF_DOCUMENT, ref references.FPDF_PAGE, index, limit int) (*Page, pageState, int, error) {
	sel := requests.Page{ByReference: &ref}
	size, err := e.instance.GetPageSize(&requests.GetPageSize{Page: sel})
	if err != nil {
		return nil, 0, 0, damaged(err)
	}
	p := &Page{Number: index + 1, Width: size.Width, Height: size.Height}
	text, err := e.instance.GetPageTextStructured(&requests.GetPageTextStructured{
		Page: sel, Mode: requests.GetPageTextStructuredModeChars, CollectFontInformation: true})
	if err != nil {
		return nil, 0, 0, damaged(err)
	}
	if len(text.Chars) > limit {
		return nil, 0, 0, ErrTooLarge.With(fmt.Errorf("page %d has %d characters", index+1, len(text.Chars)))
	}
	p.Links = e.links(doc, sel, p.Height)
	words := wordsOf(text.Chars, p)
	p.Lines = arrange(words, p.Width, p.Links)
	state := pageText
	switch plain := p.Text(); {
	case strings.TrimSpace(plain) == "":
		state = pagePicture
	case garbled(plain):
		state, p.Lines = pageGarbled, nil
	}
	return p, state, len(text.Chars), nil
}

// links reads the addresses behind the page's link annotations.
func (e *engine) links(doc references.FPDF_DOCUMENT, sel requests.Page, height float64) []Link {
	var links []Link
	for pos := 0; len(links) < 500; {
		next, err := e.instance.FPDFLink_Enumerate(&requests.FPDFLink_Enumerate{Page: sel, StartPos: pos})
		if err != nil || next.Link == nil {
			return links
		}
		if next.NextStartPos == nil || *next.NextStartPos <= pos {
			return links
		}
		pos = *next.NextStartPos
		action, err := e.instance.FPDFLink_GetAction(&requests.FPDFLink_GetAction{Link: *next.Link})
		if err != nil || action.Action == nil {
			continue
		}
		rect, err := e.instance.FPDFLink_GetAnnotRect(&requests.FPDFLink_GetAnnotRect{Link: *next.Link})
		if err != nil || rect.Rect == nil {
			continue
		}
		uri, err := e.instance.FPDFAction_GetURIPath(&requests.FPDFAction_GetURIPath{Document: doc, Action: *action.Action})
		if err != nil || uri.URIPath == nil || len(*uri.URIPath) > 2000 {
			continue
		}
		r := rect.Rect
		links = append(links, Link{URL: *uri.URIPath, Box: Box{X0: float64(min(r.Left, r.Right)), X1: float64(max(r.Left, r.Right)),
			Y0: height - float64(max(r.Top, r.Bottom)), Y1: height - float64(min(r.Top, r.Bottom))}})
	}
	return links
}

// picture renders a page for OCR as a PNG in grey.
func (e *engine) picture(ref references.FPDF_PAGE, width, height float64) ([]byte, error) {
	dpi := math.Min(ocrDPI, math.Sqrt(ocrPixels/max(1, width*height))*72)
	if dpi < 20 {
		return nil, nil // a poster of metres; no resume
	}
	img, err := e.instance.RenderPageInDPI(&requests.RenderPageInDPI{Page: requests.Page{ByReference: &ref}, DPI: int(dpi),
		ImageFormat: requests.RenderImageFormatGrayscale})
	if err != nil {
		return nil, damaged(err)
	}
	defer img.Cleanup()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img.Result.RenderedImage); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// word is what stands between two blanks.
type word struct {
	text         string
	box          Box
	base         float64 // baseline
	grounded     bool    // by a character that stands on it
	size         float64
	bold, italic bool
	spaced       bool // a blank is drawn before it
	icon         bool // a pictogram: separates, and says nothing
	broken       bool // its hyphen at the line's end was a break
	url          string
}

// Fonts name their weight and slope in many ways (CTAN's, Adobe's, Google's).
var (
	plainFont  = regexp.MustCompile(`(?i)regular|light|book|roman|thin`)
	boldFont   = regexp.MustCompile(`(?i)bold|black|heavy|medium|demi|-bd|^(?:[a-z]{6}\+)?(?:cmbx|cmssbx|sfbx|lmbx|ecbx)|-medi$`)
	italicFont = regexp.MustCompile(`(?i)italic|oblique|slanted|-ita|^(?:[a-z]{6}\+)?(?:cmti|cmsl|sfti|ecti|cmssi)`)
	markFont   = regexp.MustCompile(`(?i)symbol|wingdings`)
	iconFont   = regexp.MustCompile(`(?i)awesome|icon|marvosym|dingbat|wingdings|fontello|ifsym|academicons|phosphor|octicons|glyphs|symbols?(?:mt|neu)?$`)
)

// font is what a font's name says of its characters.
type font struct{ bold, plain, italic, icons, marks bool }

func fontOf(name string) font {
	return font{bold: boldFont.MatchString(name), plain: plainFont.MatchString(name), italic: italicFont.MatchString(name),
		icons: iconFont.MatchString(name), marks: markFont.MatchString(name)}
}

// PDF 32000-1 table 123.
const (
	flagItalic    = 1 << 6
	flagForceBold = 1 << 18
)

// descends are the characters that reach below the baseline.
const descends = "fgjpqyJQ,;()[]{}|_@/$§ç"

// floating are those that do not stand on it.
const floating = "'\"’‘“”«»‹›^*°`´-–—·•~=+<>"

// wordsOf joins PDFium's characters, which come in the order they are drawn,
// into words. Text set at another angle than the page's is left out: it is a
// watermark or a decoration.
func wordsOf(chars []*responses.GetPageTextStructuredChar, p *Page) []word {
	turn := turned(chars)
	if turn == 1 || turn == 3 {
		p.Width, p.Height = p.Height, p.Width
	}
	fonts := map[string]font{}
	var words []word
	var cur word
	var text strings.Builder
	spaced, grounded, widestGap, last := false, false, 0.0, rune(0)
	flush := func() {
		if text.Len() > 0 {
			cur.text, cur.grounded = text.String(), grounded
			words = append(words, cur)
		}
		text.Reset()
		cur = word{}
	}
	for _, c := range chars {
		r, f := firstRune(c.Text), c.FontInformation
		switch {
		case r == 2 || r == '\u00ad' || r == '\ufffe': // PDFium's mark of a hyphen at a line's end; a soft hyphen
			if r != '\u00ad' {
				cur.broken = text.Len() > 0
				continue
			}
			r = '-'
		case r == 0 || unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff':
			flush()
			spaced = r != '\r' && r != '\n' // PDFium's line ends: what follows may be the rest of a word
			continue
		case unicode.IsControl(r):
			// A TeX font without a Unicode map: its code is that of the Cork encoding.
			if r = cork[r]; r == 0 {
				r = unicode.ReplacementChar
			}
		}
		if f == nil || quadrant(c.Angle) != turn {
			continue
		}
		box := rotate(c.PointPosition, turn, p)
		size := f.RenderedSize
		if size <= 0.5 {
			size = max(f.Size, box.Y1-box.Y0)
		}
		face, known := fonts[f.Name]
		if !known {
			face = fontOf(f.Name)
			fonts[f.Name] = face
		}
		icon := face.icons || unicode.Is(unicode.Co, r)
		switch {
		case icon && face.marks:
			r, icon = '•', false // Word's list marks
		case icon && r < unicode.MaxASCII && box.X1-box.X0 < .08*size:
			icon = false // a pictogram's ActualText, spread over it
		}
		bold := face.bold || !face.plain && (f.Weight >= 600 && f.Weight <= 1000 || f.Flags&flagForceBold != 0)
		italic := face.italic || f.Flags&flagItalic != 0
		if text.Len() > 0 {
			gap, fall := box.X0-cur.box.X1, math.Abs(box.Y1-cur.box.Y1)
			if direction(string(r)) > 0 {
				gap = cur.box.X0 - box.X1 // drawn in the order they are read
			}
			jumped := gap > max(size, cur.size)*.6 || gap < -max(size, cur.size)*2 || fall > max(size, cur.size)*.9
			// Names set with wide letters: the blank is only a wider gap before a capital.
			named := unicode.IsUpper(r) && unicode.IsLower(last) && gap > .2*size && gap > 1.2*widestGap
			if jumped || named || icon != cur.icon || bold != cur.bold && gap > .1*size {
				flush()
				spaced = spaced || named
			}
			widestGap = max(widestGap, gap)
		}
		last = r
		if text.Len() == 0 {
			cur = word{size: size, bold: bold, italic: italic, icon: icon, spaced: spaced}
			spaced, grounded, widestGap = false, false, 0
		}
		cur.box = cur.box.union(box)
		cur.size = max(cur.size, size)
		switch hangs := strings.ContainsRune(floating, r) || strings.ContainsRune(descends, r); {
		case hangs && !grounded:
			cur.base = box.Y1
		case !hangs && !grounded:
			cur.base, grounded = box.Y1, true
		}
		if lig, ok := ligatures[r]; ok {
			text.WriteString(lig)
		} else {
			text.WriteRune(r)
		}
	}
	flush()
	ground(words)
	return words
}

// ground gives words of signs alone (a dash, a bullet, a quotation mark) the
// baseline of the word that they stand beside: that drawn before or after them,
// else the nearest of their line.
func ground(words []word) {
	var lines []*word // grounded, by baseline
	for i := range words {
		w := &words[i]
		if w.grounded {
			continue
		}
		middle, nearest := (w.box.Y0+w.box.Y1)/2, .5*w.size
		for _, k := range [2]int{i + 1, i - 1} {
			if k < 0 || k >= len(words) || !words[k].grounded {
				continue
			}
			if d := math.Abs(middle - words[k].middle()); d < nearest && apart(w, &words[k]) < 3*w.size {
				w.base, nearest = words[k].base, d
			}
		}
		if nearest < .5*w.size {
			continue
		}
		if lines == nil {
			for k := range words {
				if words[k].grounded {
					lines = append(lines, &words[k])
				}
			}
			slices.SortFunc(lines, func(a, b *word) int { return cmp.Compare(a.middle(), b.middle()) })
		}
		from, _ := slices.BinarySearchFunc(lines, middle-.5*w.size, func(k *word, at float64) int { return cmp.Compare(k.middle(), at) })
		closest := math.Inf(1)
		for _, k := range lines[from:min(len(lines), from+maxNeighbours)] {
			if k.middle() > middle+.5*w.size {
				break
			}
			if d := apart(w, k); d < closest {
				w.base, closest = k.base, d
			}
		}
	}
}

// maxNeighbours bounds the words that are looked at for one that is a sign alone.
const maxNeighbours = 200

// middle is how high the small letters of a word stand: where signs are set.
func (w *word) middle() float64 { return w.base - .3*w.size }

// apart is the white between two words of a line.
func apart(a, b *word) float64 { return max(0, b.box.X0-a.box.X1, a.box.X0-b.box.X1) }

// cork are the codes of TeX's T1 encoding that are control characters elsewhere
// (Knappen, "The DC fonts", TUGboat 17).
var cork = map[rune]rune{0x0e: 'ﬃ', 0x0f: 'ﬄ', 0x10: '“', 0x11: '”', 0x12: '„', 0x13: '«', 0x14: '»', 0x15: '–', 0x16: '—',
	0x1b: 'ﬀ', 0x1c: 'ﬁ', 0x1d: 'ﬂ', 0x1e: 'ﬃ', 0x1f: 'ﬄ'}

// ligatures are the presentation forms of Latin letters, spelt out.
var ligatures = map[rune]string{'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl", 'ﬅ': "st", 'ﬆ': "st"}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// quadrant is the nearest quarter turn of an angle in radians, 9 for none.
func quadrant(angle float64) int {
	q := math.Round(angle / (math.Pi / 2))
	if math.Abs(angle-q*math.Pi/2) > .3 { // a font slanted by the program leans a quarter
		return 9
	}
	return (int(q)%4 + 4) % 4
}

// turned is the quarter turn that most of the text is set at.
func turned(chars []*responses.GetPageTextStructuredChar) int {
	var count [10]int
	for _, c := range chars {
		if c.FontInformation != nil && firstRune(c.Text) > ' ' {
			count[quadrant(c.Angle)]++
		}
	}
	best := 0
	for q := range 4 {
		if count[q] > count[best] {
			best = q
		}
	}
	return best
}

// rotate gives a character's place as read: from the top left corner, turned
// upright. p has the size as read.
func rotate(pos responses.CharPosition, turn int, p *Page) Box {
	x0, x1 := min(pos.Left, pos.Right), max(pos.Left, pos.Right)
	y0, y1 := min(pos.Bottom, pos.Top), max(pos.Bottom, pos.Top)
	switch turn {
	case 1:
		return Box{p.Width - y1, p.Height - x1, p.Width - y0, p.Height - x0}
	case 2:
		return Box{p.Width - x1, y0, p.Width - x0, y1}
	case 3:
		return Box{y0, x0, y1, x1}
	}
	return Box{x0, p.Height - y1, x1, p.Height - y0}
}

// Plain extracts text without positions, in this process: what reading is
// measured against.
type Plain struct{ engine *engine }

// NewPlain starts PDFium. Close it.
func NewPlain(cacheDir string) (*Plain, error) {
	e, err := startEngine(cacheDir)
	if err != nil {
		return nil, err
	}
	return &Plain{e}, nil
}

// Text extracts and forgets the text of a PDF.
func (p *Plain) Text(data []byte) error {
	opened, err := p.engine.instance.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		return err
	}
	doc := opened.Document
	defer func() { _, _ = p.engine.instance.FPDF_CloseDocument(&requests.FPDF_CloseDocument{Document: doc}) }()
	count, err := p.engine.instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
	if err != nil {
		return err
	}
	for i := range count.PageCount {
		page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: i}}
		if _, err := p.engine.instance.GetPageText(&requests.GetPageText{Page: page}); err != nil {
			return err
		}
	}
	return nil
}

// Close ends PDFium.
func (p *Plain) Close() { p.engine.close() }

package document

import (
	"bytes"
	"context"
	"image/png"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// parserLanguages are those the parser knows, as tesseract names them.
var parserLanguages = []string{"eng", "deu", "fra", "spa", "por", "ita", "nld"}

// ocrOutput limits what tesseract may print for one page.
const ocrOutput = 4 << 20

// ocr runs tesseract: a process a page, pictures through its input.
type ocr struct {
	program string
	wanted  []string
	find    func() string // "eng+deu"; empty when tesseract is missing
	slots   chan struct{}
}

func newOCR(cfg *Config) *ocr {
	o := &ocr{program: cfg.Tesseract, wanted: cfg.Languages, slots: make(chan struct{}, 2)}
	if o.program == "" {
		o.program = "tesseract"
	}
	if len(o.wanted) == 0 {
		o.wanted = parserLanguages
	}
	o.find = sync.OnceValue(o.languages)
	return o
}

func (o *ocr) available() bool { return o.find() != "" }

// languages asks tesseract which of the wanted it has.
func (o *ocr) languages() string {
	out, err := exec.Command(o.program, "--list-langs").Output()
	if err != nil {
		return ""
	}
	installed := strings.Fields(string(out))
	return strings.Join(slices.DeleteFunc(slices.Clone(o.wanted), func(l string) bool { return !slices.Contains(installed, l) }), "+")
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}

// read recognises the text of a PNG and gives its words on a page of this size.
func (o *ocr) read(ctx context.Context, picture []byte, width, height float64) ([]word, error) {
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	size, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, o.program, "stdin", "stdout", "-l", o.find(), "tsv")
	cmd.Env = []string{"OMP_THREAD_LIMIT=1"}
	cmd.Stdin = bytes.NewReader(picture)
	out := &limitedBuffer{limit: ocrOutput}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return parseTSV(out.String(), width/float64(max(1, size.Width)), height/float64(max(1, size.Height))), nil
}

// parseTSV reads tesseract's table: level, page, block, paragraph, line, word,
// left, top, width, height, confidence, text. Lines (level 4) come before their
// words and give the size; words of low confidence are specks.
func parseTSV(tsv string, sx, sy float64) []word {
	var words []word
	var lineHeight, lineBottom float64
	for row := range strings.SplitSeq(tsv, "\n") {
		f := strings.Split(row, "\t")
		if len(f) < 12 {
			continue
		}
		var n [4]float64
		for i := range n {
			n[i], _ = strconv.ParseFloat(f[6+i], 64)
		}
		box := Box{n[0] * sx, n[1] * sy, (n[0] + n[2]) * sx, (n[1] + n[3]) * sy}
		switch confidence, _ := strconv.ParseFloat(f[10], 64); {
		case f[0] == "4":
			lineHeight, lineBottom = box.Y1-box.Y0, box.Y1
		case f[0] == "5" && confidence >= 30 && strings.TrimSpace(f[11]) != "":
			text := strings.TrimSpace(f[11])
			if n := len(words); n > 0 && words[n-1].base == lineBottom && (strings.HasPrefix(text, "@") || strings.HasSuffix(words[n-1].text, "@")) && box.X0-words[n-1].box.X1 < .5*lineHeight {
				// Tesseract sees a blank before the sign that no address has.
				words[n-1].text, words[n-1].box = words[n-1].text+text, words[n-1].box.union(box)
				continue
			}
			// A line's box reaches from ascenders to descenders: about one em.
			words = append(words, word{text: text, box: box, base: lineBottom, size: lineHeight})
		}
	}
	return words
}

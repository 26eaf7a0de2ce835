package job

import (
	"encoding/binary"
	"math"
	"math/bits"
	"regexp"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Two listings of different sources are one job when company, title and place
// agree and so does the text. Aggregators shorten texts, so of a text that is cut
// only the beginning is compared. The thresholds are measured on the labelled
// pairs of testdata/pairs.json (TestNearDuplicates prints precision and recall).
const (
	wholeBins = 64 // of the sketch of the whole text
	headBins  = 48 // of the sketch of its first headWords words
	headWords = 60
	shingle   = 3 // words

	titleAlike = 0.80
	wholeAlike = 0.55
	headAlike  = 0.50
	cutShare   = 0.80 // a text shorter than this share of the other's is cut
)

// sketch is a MinHash of a text by one permutation (Li, Owen, Zhang, "One
// Permutation Hashing", NIPS 2012): for each bin the smallest hash of the
// shingles that fall into it.
type sketch struct {
	words uint32
	whole [wholeBins]uint32
	head  [headBins]uint32
}

const noHash = math.MaxUint32

func newSketch(text string) (s sketch) {
	for i := range s.whole {
		s.whole[i] = noHash
	}
	for i := range s.head {
		s.head[i] = noHash
	}
	words := strings.Fields(fold(cutBytes(text, maxText)))
	s.words = uint32(len(words))
	var buf []byte
	for i := range words {
		if i+shingle > len(words) {
			break
		}
		buf = buf[:0]
		for _, w := range words[i : i+shingle] {
			buf = append(append(buf, w...), ' ')
		}
		h := xxhash.Sum64(buf)
		put(s.whole[:], h)
		if i+shingle <= headWords {
			put(s.head[:], h)
		}
	}
	return s
}

func put(bins []uint32, h uint64) {
	bin, _ := bits.Mul64(h, uint64(len(bins)))
	if v := uint32(h); v < bins[bin] {
		bins[bin] = v
	}
}

// jaccard estimates the share of shingles in common.
func jaccard(a, b []uint32) float64 {
	same, filled := 0, 0
	for i := range a {
		switch {
		case a[i] == noHash && b[i] == noHash:
		case a[i] == b[i]:
			same++
			filled++
		default:
			filled++
		}
	}
	if filled == 0 {
		return 0
	}
	return float64(same) / float64(filled)
}

// bytes is the form that is stored.
func (s *sketch) bytes() []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 4*(1+wholeBins+headBins)), s.words)
	for _, v := range s.whole {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range s.head {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func readSketch(b []byte) (s sketch, ok bool) {
	if len(b) != 4*(1+wholeBins+headBins) {
		return s, false
	}
	s.words = binary.LittleEndian.Uint32(b)
	for i := range s.whole {
		s.whole[i] = binary.LittleEndian.Uint32(b[4*(1+i):])
	}
	for i := range s.head {
		s.head[i] = binary.LittleEndian.Uint32(b[4*(1+wholeBins+i):])
	}
	return s, true
}

// alike reports whether two texts are of one posting.
func (s *sketch) alike(o *sketch) bool {
	if s.words < 8 || o.words < 8 {
		return s.words < 8 && o.words < 8 // nothing to tell them apart by
	}
	if jaccard(s.whole[:], o.whole[:]) >= wholeAlike {
		return true
	}
	short, long := min(s.words, o.words), max(s.words, o.words)
	return float64(short) < cutShare*float64(long) && jaccard(s.head[:], o.head[:]) >= headAlike
}

var legalForms = regexp.MustCompile(`(?:^| )(?:gmbh|mbh|ag|se|kg|kgaa|ohg|ug|ev|gbr|inc|incorporated|llc|llp|lp|ltd|limited|plc|corp|corporation|co|company|bv|nv|sa|sas|sarl|spa|srl|sl|ab|oy|as|aps|pty|pte|pvt|group|holding|holdings|the|und|and)(?: |$)`)

// companyKey is the name of a company without case, accents, punctuation and
// legal form.
func companyKey(name string) string {
	key := fold(strings.ReplaceAll(name, "&", " "))
	key = strings.NewReplacer("g m b h", "gmbh", " b v", " bv", " s a", " sa").Replace(key)
	for {
		shorter := strings.Join(strings.Fields(legalForms.ReplaceAllString(key, " ")), " ")
		if shorter == key || shorter == "" {
			break
		}
		key = shorter
	}
	return cutBytes(key, 300)
}

// wordSet is the set of what stands between bars.
func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.SplitSeq(list, "|") {
		set[w] = true
	}
	return set
}

var (
	bracketed  = regexp.MustCompile(`[(\[][^)\]]*[)\]]`)
	titleNoise = wordSet(`remote|hybrid|onsite|home office|homeoffice|full time|fulltime|part time|vollzeit|teilzeit|new|urgent|job|position|role|opening|hiring|mwd|fmd|the|a|an|and|und|of|for|fur|in|at|im|or`)
	sameWord   = strings.NewReplacer(" sr ", " senior ", " jr ", " junior ", " eng ", " engineer ", " mgr ", " manager ", " dev ", " developer ", " swe ", " software engineer ", " fullstack ", " full stack ", " frontend ", " front end ", " backend ", " back end ", " entwicklerin ", " entwickler ", " ingenieurin ", " ingenieur ")
)

// titleWords are the words that tell one title from another, without the place.
func titleWords(title string, p Place) []string {
	t := fold(bracketed.ReplaceAllString(title, " "))
	if t == "" {
		t = fold(title)
	}
	t = sameWord.Replace(" " + strings.ReplaceAll(t, " ", "  ") + " ")
	place := " " + fold(p.Text+" "+p.City+" "+p.Region) + " "
	var words []string
	for _, w := range strings.Fields(t) {
		if titleNoise[w] || strings.Contains(place, " "+w+" ") || contains(words, w) {
			continue
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return strings.Fields(fold(title))
	}
	return words
}

// level words are of the title what two jobs of one company differ in.
var levelWord = wordSet(`senior|junior|lead|principal|staff|head|director|intern|i|ii|iii|iv|1|2|3|4|5|manager|chief|associate|working|student|werkstudent|praktikum|ausbildung`)

func titlesAlike(a, b []string) bool {
	common := 0
	for _, w := range a {
		if contains(b, w) {
			common++
		} else if levelWord[w] {
			return false
		}
	}
	for _, w := range b {
		if levelWord[w] && !contains(a, w) {
			return false
		}
	}
	return common > 0 && 2*float64(common)/float64(len(a)+len(b)) >= titleAlike
}

// placesAlike reports whether two places can be one: what both know agrees.
func placesAlike(a, b Place) bool {
	if a.Country != "" && b.Country != "" && a.Country != b.Country {
		return false
	}
	if a.Latitude != nil && b.Latitude != nil && a.Longitude != nil && b.Longitude != nil {
		return kilometres(*a.Latitude, *a.Longitude, *b.Latitude, *b.Longitude) < 30
	}
	x, y := fold(a.City), fold(b.City)
	if x == "" || y == "" || x == y {
		return true
	}
	// One source writes the region where the other writes the city.
	return strings.Contains(" "+fold(b.Text)+" ", " "+x+" ") || strings.Contains(" "+fold(a.Text)+" ", " "+y+" ")
}

// kilometres between two points, by the haversine formula on a sphere.
func kilometres(lat1, lon1, lat2, lon2 float64) float64 {
	const radius, degree = 6371, math.Pi / 180
	dLat, dLon := (lat2-lat1)*degree/2, (lon2-lon1)*degree/2
	h := math.Sin(dLat)*math.Sin(dLat) + math.Cos(lat1*degree)*math.Cos(lat2*degree)*math.Sin(dLon)*math.Sin(dLon)
	return 2 * radius * math.Asin(math.Sqrt(min(h, 1)))
}

// candidate is a listing as far as duplicates are told by it.
type candidate struct {
	company string
	title   []string
	place   Place
	sketch  sketch
}

func candidateOf(l *Listing) candidate {
	company := companyKey(l.Company)
	if company == "" { // two that name nobody are not of one company
		company = cutBytes("not named: "+l.URL, 300)
	}
	return candidate{company, titleWords(l.Title, l.Place), l.Place, newSketch(l.Text)}
}

// same reports whether two listings of different sources are of one job.
func (c *candidate) same(o *candidate) bool {
	return c.company == o.company && titlesAlike(c.title, o.title) && placesAlike(c.place, o.place) && c.sketch.alike(&o.sketch)
}

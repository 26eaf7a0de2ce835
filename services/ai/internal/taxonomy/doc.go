// Package taxonomy knows skills and occupations: those of ESCO 1.1.1, the
// European classification (https://esco.ec.europa.eu), with their alternative
// labels, and some 700 technical skills, methods and job titles of the project's
// own that ESCO lacks or names as nobody does.
//
//	Lookup      a label, whatever its case, punctuation and number → the skill
//	Find        a text → the skills that it names, each with its place
//	Suggest     what somebody begins to type → skills, with a typo forgiven
//	Nearest     a phrase that nobody listed → skills of like meaning
//	Related     a skill → what it implies, and what goes with it
//	Occupation  a job title → occupation and seniority
//
// A label is found by its words, in lower case. In running text words may also
// stand in the plural, as a gerund or in American spelling, and articles are
// passed over, so "managing the teams" is "manage teams". The longest label at a
// place wins. Labels that are ordinary words too (Go, R, C, Excel, Spring) count
// only in their own case and where the words around them speak of such things;
// find.go has the rules.
//
// The data is one file that tools/data/esco builds, 2.8 MB, of which texts stay
// in the program file and numbers take about 2.5 MB of heap. Everything is
// read-only after [Load] and safe for concurrent use.
package taxonomy

// Ref names a skill or an occupation within this process; what is stored or sent
// is the ID, which stays the same from one release to the next.
type Ref uint16

// Group is the kind of a skill.
type Group byte

// The groups. Skill and Knowledge are those of ESCO (something one does,
// something one knows); the others are of the project's own list.
const (
	GroupSkill Group = iota
	GroupKnowledge
	GroupLanguage
	GroupFramework
	GroupDatabase
	GroupCloud
	GroupTool
	GroupMethod
	GroupSoft
)

var groupNames = [...]string{
	"skill", "knowledge", "language", "framework", "database", "cloud", "tool", "method", "soft",
}

// String is the group's name, in lower case.
func (g Group) String() string { return groupNames[g] }

// Technical tells programming languages, frameworks, databases, clouds and tools.
func (g Group) Technical() bool { return g >= GroupLanguage && g <= GroupTool }

// Skill is an entry of the taxonomy.
type Skill struct {
	Ref   Ref
	ID    string // UUID of ESCO, or "jp:" and a slug of the project's own
	Label string // as people write it: "PostgreSQL", "manage staff"
	Group Group
}

// Hit is a skill that a text names in its bytes Start to End.
type Hit struct {
	Skill      Ref
	Start, End int
}

// Match is a skill or an occupation like a phrase, with the cosine of the two.
type Match struct {
	Ref    Ref
	Cosine float32
}

package form

import (
	"regexp"
	"strings"
)

// Meaning is what a field asks for.
type Meaning struct {
	// Key of the answer bank, or of what is known otherwise (first_name, resume, …);
	// empty: not recognised.
	Key string
	// About is what the question names: a country, language, skill, or currency.
	About string
	// Confidence from 0 to 1. Below Sure a value is not used.
	Confidence float64
}

// Sure is the least confidence with which an answer is sent.
const Sure = 0.8

// rule recognises a key by the folded label.
type rule struct {
	key   string
	label *regexp.Regexp
	kinds string // that it can have, separated by spaces; empty: all but files
	about *regexp.Regexp
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

const (
	texts   = "text textarea"
	choices = "boolean select text checkbox multi"
	boxes   = "checkbox boolean select multi"
)

// afterWith finds what years of experience are asked in.
var afterWith = re(`(?i)(?:experience (?:do you have )?(?:with|in|as|using)|erfahrung(?: haben sie)? (?:mit|in|als)|jahren:|exp[ée]rience(?: avez-vous)? (?:en|avec|sur)|experiencia(?: tienes)? (?:en|con))\s+(.+?)\s*[?.:*]*$`)

// TruthKey is the user's own confirmation that what is stated is true. Forms word it
// in many ways; the user confirms it once.
const TruthKey = "custom.statement_is_true"

var (
	privacy = re(`privacy|personal data being processed|datenschutz|verarbeitung meiner daten|confidentialite|privacidad|processing of my (personal )?data|data protection|\bgdpr\b|\brgpd\b`)
	truth   = re(`(everything|information|answers|statements|all) .*(is|are) (true|accurate|correct)|angaben .*(wahr|richtig|vollstandig)|exactitude de mes|mis respuestas son ciertas`)

	// bundled is what a consent must not bring with it unsaid.
	bundled = re(`newsletter|marketing|\bterms\b|arbitration|authori[sz]e|former employers|third part|background|\bagb\b|nutzungsbedingungen|text messages|\bsms\b`)
	// others are people whose names and numbers forms ask for as well.
	others = re(`emergency|next of kin|\breferr(er|ed|al|ing)|referee|\breferences?\b|referenz|notfall|supervisor|manager s\b|mother|father|vorgesetzt|recruiter|hiring manager|spouse|guardian|\bparents?\b|friend|colleague|extension|signature|unterschrift`)
	// denied turns a question around.
	denied = re(`\b(not|unable|ineligible|never|nicht|keine|unless|except)\b`)
)

// own are the keys of what is told of the user's own person.
var own = map[string]bool{
	"first_name": true, "last_name": true, "full_name": true, "preferred_name": true, "email": true, "phone": true, "linkedin_url": true, "github_url": true, "portfolio_url": true,
	"current_company": true, "current_title": true, "country": true, "location": true, "postal_code": true, "address": true, "birth_date": true,
}

// turned reports whether a label, though it names a key's subject, asks for
// something else: about another person, the other way round, or with more to it.
func turned(key, label string, k Kind) bool {
	switch {
	case own[key]:
		return others.MatchString(label)
	case key == "privacy_consent" || key == "future_contact_consent" || key == TruthKey:
		return denied.MatchString(label) || bundled.MatchString(label) || privacy.MatchString(label) && truth.MatchString(label)
	case k == Boolean, k == Checkbox, key == "authorized_to_work", key == "requires_sponsorship":
		return denied.MatchString(label) && !demographic[key]
	}
	return false
}

// demographic questions explain at length who one is, and who not.
var demographic = map[string]bool{"gender": true, "race": true, "veteran_status": true, "disability_status": true, "hispanic_or_latino": true, "transgender": true}

// rules in the order in which they are tried: the more special first. Labels are
// folded, in English, German, French and Spanish.
var rules = []rule{
	{"", re(`(leave|keep) (this|it)( field)? (blank|empty)|do not (fill|complete)|nicht ausfullen|freilassen|ne pas remplir|no rellenar`), "", nil}, // a trap for machines
	{"resume", re(`\b(resume|cv|lebenslauf|curriculum)\b`), "file", nil},
	{"cover_letter", re(`\bcover(ing)? letter|anschreiben|motivationsschreiben|lettre de motivation|carta de presentacion`), "file textarea text", nil},

	{"first_name", re(`^(what is your |legal |your )?(first|given)( and middle)? name|^forename|^vorname|^prenom$|^nombre( de pila)?$`), texts, nil},
	{"preferred_name", re(`preferred( first)? name|name you (would |d )?prefer|what should we call you|name do you go by|^rufname|^prenom usuel`), texts, nil},
	{"last_name", re(`^(what is your |legal |your )?(last|family) name|^surname|^nachname|^familienname|^nom( de famille)?$|^apellidos?`), texts, nil},
	{"full_name", re(`^(please (enter|provide|state) )?(your |full |legal |candidate s? ?|applicant s? ?)*name$|^vor und nachname|^vollstandiger name|^nom et prenom|^prenom et nom|^nom complet|^nombre completo|^nombre y apellidos`), texts, nil},
	{"pronouns", re(`pronoun|pronomen|pronoms|pronombres`), "text select", nil},
	{"email", re(`\be ?mail\b|courriel|correo electronico|adresse electronique`), "email text", nil},
	{"phone", re(`\b(tele)?phone( number)?\b|^(mobile|contact) number|^mobile|telefon|^rufnummer|^handy|^numero de tel|^movil`), "tel text number", nil},
	{"linkedin_url", re(`linkedin`), "url text", nil},
	{"github_url", re(`github`), "url text", nil},
	{"portfolio_url", re(`portfolio|^(your )?(personal )?website( url)?$|personal website|^webseite|^sitio web|^site (web|internet)$`), "url text", nil},

	{"", re(`\bwithout\b.*(sponsor|visa)|\bohne\b.*(sponsor|visum)|\bsans\b.*visa|\bsin\b.*visado`), "", nil},   // two questions in one, or turned around
	{"", re(`(permission|permitted|allowed|authori[sz]ed) to work (remote\w*|from|over|in shifts)\b`), "", nil}, // of an employer's
	{"requires_sponsorship", re(`(require|need|benotigen|besoin|necesit).*(sponsor|visa|visum|visado)|(sponsor|visado).*(require|need|tramit)|sponsorship`), choices, nil},
	{"authorized_to_work", re(`(authori[sz]ed|authori[sz]ation|eligible|right|permitted|permission) to work|work (authori[sz]ation|permit|eligibility)|arbeitserlaubnis|durfen sie .*arbeiten|berechtigt .*arbeiten|autorise.* a travailler|permiso de trabajo`), choices, nil},
	{"visa_status", re(`(visa|immigration|residence) status|aufenthalts(titel|status)`), "text select textarea", nil},
	{"security_clearance", re(`security clearance|sicherheitsuberprufung`), "text select textarea", nil},
	{"over_18", re(`(at least|over|mindestens|mayor de|plus de|older than) 18|18 (years (of age|old|or older)|jahre|ans|anos)`), choices, nil},
	{"current_salary", re(`(current|aktuell\w*|actuel\w*|actual) .*(salar|gehalt|compensation|remuneration)|^current ctc`), "text number textarea", nil},
	{"expected_salary", re(`salar|gehalt|compensation|remuneration|desired pay|pay expectation`), "text number textarea", re(`\b([A-Z]{3})\b`)},
	{"", re(`start date (month|year)`), "", nil}, // of a school or an employer
	{"earliest_start_date", re(`when (could|can|would|will|are) you .*start|start date|date you (can|could) start|startdatum|availability date|available from|eintritts(termin|datum)|ab wann|verfugbar ab|date (de disponibilite|d entree|de debut)|fecha de incorporacion|disponible (a partir|desde)`), "date text", nil},
	{"notice_period", re(`notice period|how much notice|kundigungsfrist|preavis|preaviso`), "text select textarea", nil},
	{"years_of_experience", re(`years of .*experience|years experience|experience .*in years|jahre .*erfahrung|berufserfahrung in jahren|annees d experience|anos de experiencia`), "number text select", afterWith},
	{"language_level", re(`^(what is your )?(level|proficiency|fluency) (of|in)|level of (proficiency|fluency)|\bproficiency\b|language skills|rate your|^your level of|how well do you speak|wie gut sprechen sie|kenntnisse|niveau (en|d|de)\b|nivel de\b`), "select text", nil},
	{"highest_degree", re(`highest (level of )?(education|degree)|level of education|hochster (bildungs)?abschluss|niveau d etudes|nivel de estudios`), "select text", nil},
	{"skills", re(`which of (these|the following) have you worked with|^select your skills|^skills|womit haben sie .*gearbeitet|que maitrisez vous|con cuales has trabajado`), "multi", nil},
	{"how_did_you_hear", re(`how did you (first )?(hear|find|learn)|where did you (first )?(find|hear|see|learn)|auf (uns|diese stelle|die stelle) aufmerksam|woher kennen sie|^source of application|(von uns|von der stelle|von dieser stelle) erfahren|comment avez vous (connu|entendu)|como nos has conocido`), "", nil},
	{"worked_here_before", re(`have you (ever |previously )*(been employed|worked) (by|for|at|here)|(former|previous|past) employee of|schon (einmal )?bei .*(beschaftigt|gearbeitet)|deja travaille (chez|pour)|trabajado antes (en|para)`), choices,
		re(`(?i)(?:employed|worked|employee) (?:by|for|at|of) (.+?)(?: before| in the past)?\s*[?.]*$`)},
	{"related_to_employee", re(`(related to|relatives|family members?) .*(employ|work|compan)|verwandt`), choices, nil},
	{"non_compete", re(`non ?compete|non ?solicit|post employment restriction|restrictive covenant|wettbewerbsverbot`), choices, nil},
	{"", re(`relocation (assistance|package|support|budget)|relocated|\bor (are you )?(willing|open|able) to relocate|(based|live|located) in .*relocat`), "", nil},
	{"willing_to_relocate", re(`relocat|umzuziehen|umzug|demenager|trasladarte`), choices, nil},
	{"willing_to_work_shifts", re(`\bshifts?\b|schicht|horaires decales|turnos`), choices, nil},
	{"willing_to_work_weekends", re(`weekend|wochenend|fines de semana`), choices, nil},
	{"willing_to_be_on_call", re(`\bon call\b|rufbereitschaft|bereitschaftsdienst`), choices, nil},
	{"hours_per_week", re(`hours (per|a|each) week|weekly hours|wochenstunden|stunden (pro|in der) woche`), "text number", nil},
	{"travel_percent", re(`how much .*travel|wie viel .*reisen|reisebereitschaft`), "select text number", nil},
	{"willing_to_travel", re(`(willing|able|prepared|open) to travel|bereit zu reisen`), choices, re(`(\d+) ?%`)},
	{"remote_preference", re(`preferred work(ing|place)? (arrangement|model|mode|style|setup)|(prefer|work).*\bremote\b.*\bhybrid\b`), "select multi text", nil},
	{"willing_to_commute", re(`\bon ?site\b|\bcommute\b|come (in)?to (our|the) office|this role is based in|vor ort|le poste est base|presencial`), choices,
		re(`(?:commute to(?: our| the)?(?: offices? in)?|on ?-?site in|based in|offices? in|[Vv]or Ort in|basé à|presencial en)\s+(?:(?:our|the) )?([^?.,:(]+?)(?: office\b.*|\s+as described|\s+arbeiten)?\s*[?.,:(]`)},
	{"", re(`(category|class|klasse|categorie|permis|clase) (c|ce|d|be)\b|commercial (driver|vehicle)|\bcdl\b|gabelstapler|forklift`), "", nil}, // licences that are not the usual one
	{"drivers_license", re(`driver s licen[cs]e|driving licen[cs]e|fuhrerschein|permis (de conduire|b)\b|(carnet|permiso) de conducir`), choices, nil},
	{"own_car", re(`(own|reliable) (car|vehicle)|eigene[nrs]? (pkw|auto|fahrzeug)`), choices, nil},
	{"managed_people", re(`how many (people|direct reports|employees) have you managed|wie viele (mitarbeiter\w*|personen) haben sie gefuhrt`), "number text", nil},
	{"current_company", re(`^(name of )?(your )?(current|present|most recent)( or (most recent|last|previous))? (company|employer)|^employer current|^who is your current employer|aktueller arbeitgeber|^employeur actuel|^empresa actual`), texts, nil},
	{"current_title", re(`^(what is your |your )?(current|present|most recent) (position|title|role|job title)|aktuelle (position|stelle)|^poste actuel|^puesto actual`), texts, nil},
	{"country", re(`^country( of residence)?$|(which|what) country (do|are) you|country (in which|where) you (are|live|reside|currently)|in welchem land (leben|wohnen)|^land$|^pays$|^pais$`), "select text location", nil},
	{"location", re(`^(current )?location|^(current )?city|(what|which) city (do|are) you|where (are|do) you (currently )?(based|located|live|reside)|^wohnort|^ville|^ciudad|(city|place) of residence`), "location text", nil},
	{"postal_code", re(`^(zip|postal) code|^zip$|^postleitzahl|^plz$|^code postal|^codigo postal`), texts, nil},
	{"address", re(`^(home |street |mailing |postal )?address$|^street$|^strasse( und hausnummer)?$|^adresse$|^anschrift|^direccion$`), texts, nil},

	{"", re(`accommodat|adjustments`), "", nil}, // what is needed, not what one is
	{"transgender", re(`transgender`), "select boolean", nil},
	{"sexual_orientation", re(`sexual orientation|sexuelle orientierung`), "select text multi", nil},
	{"gender", re(`^gender|gender identity|identify .*\bgender|gender .*identify|geschlecht|^sexe$|^genero$`), "select boolean", nil},
	{"veteran_status", re(`veteran`), "select boolean", nil},
	{"disability_status", re(`disabilit|behinderung|handicap|discapacidad`), "select boolean", nil},
	{"hispanic_or_latino", re(`are you hispanic`), "select boolean", nil},
	{"race", re(`^race|ethnicity|racial|ethnic (group|background|origin)`), "select multi", nil},
	{"birth_date", re(`date of birth|birth ?date|^dob$|geburtsdatum|date de naissance|fecha de nacimiento`), "date text", nil},

	{"", re(`misdemeanou?r|domestic violence|dishonest|traffic`), "", nil}, // of some crimes only
	{"criminal_record", re(`convicted|criminal (record|conviction|history)|vorbestraft|vorstrafen`), choices, nil},
	{"background_check_consent", re(`background (check|screening|investigation)`), boxes, nil},
	{"drug_test_consent", re(`drug (test|screen)`), boxes, nil},
	{"sms_consent", re(`(agree|consent|receive|opt in).*(text messages?|\bsms\b)`), boxes, nil},
	{"future_contact_consent", re(`(keep|retain|store) my (application|data)|aufbewahr|conserver|conservar|talent ?pool|contact me .*future|(other|future) (job )?(roles|opportunities|positions|openings)`), boxes, nil},
	{"privacy_consent", privacy, boxes, nil},
	{TruthKey, truth, boxes, nil},

	{"motivation", re(`why do you want|why are you (interested|applying)|what interests you|why .*why now|^why [a-z]+$|^motivation|was motiviert sie|warum mochten sie|was reizt sie|pourquoi souhaitez|por que quieres`), "textarea text", nil},
	{"comments", re(`^additional (information|comments)|anything else|^weitere (informationen|angaben)|^bemerkungen`), "textarea", nil},
	{"strengths", re(`(your|ihre|tus) (strengths|starken|puntos fuertes)|vos points forts`), "textarea text", nil},
}

// names are what well-known platforms and browsers call fields.
var names = map[string]string{
	"first_name": "first_name", "firstname": "first_name", "given-name": "first_name", "last_name": "last_name", "lastname": "last_name", "family-name": "last_name",
	"name": "full_name", "_systemfield_name": "full_name", "email": "email", "_systemfield_email": "email", "phone": "phone", "tel": "phone", "tel-national": "phone",
	"resume": "resume", "_systemfield_resume": "resume", "cover_letter": "cover_letter", "candidate-location": "location", "location": "location", "address-level2": "location",
	"_systemfield_location": "location", "country": "country", "country-name": "country", "org": "current_company", "organization": "current_company",
	"organization-title": "current_title", "urls[LinkedIn]": "linkedin_url", "urls[GitHub]": "github_url", "urls[Portfolio]": "portfolio_url",
	"postal-code": "postal_code", "street-address": "address", "eeo[gender]": "gender", "eeo[race]": "race", "eeo[veteran]": "veteran_status",
	"gender": "gender", "race": "race", "veteran_status": "veteran_status", "disability_status": "disability_status", "hispanic_ethnicity": "hispanic_or_latino",
	"comments": "comments", "data_compliance[gdpr_consent_given]": "privacy_consent", "data_compliance[gdpr_processing_consent_given]": "privacy_consent",
	"data_compliance[gdpr_retention_consent_given]": "future_contact_consent",
}

// Understand says what a field asks for.
func Understand(f Field) Meaning {
	label := Fold(f.Label)
	byName := names[f.Name]
	if byName == "" {
		byName = names[f.Autocomplete]
	}
	for _, r := range rules {
		if !r.label.MatchString(label) || !r.takes(f.Kind) {
			continue
		}
		if r.key == "" || turned(r.key, label, f.Kind) {
			return Meaning{}
		}
		m := Meaning{Key: r.key, Confidence: 0.95, About: r.subject(f.Label)}
		if m.Key == "years_of_experience" && m.About == "" {
			m.About = whichExperience(label)
		}
		if m.Key == "language_level" {
			if m.About = languageIn(label); m.About == "" {
				continue
			}
		}
		if m.Key == "authorized_to_work" || m.Key == "requires_sponsorship" {
			m.About = countryIn(f.Label)
		}
		switch {
		case byName == m.Key:
			m.Confidence = 1
		case byName != "" && len(label) > 60: // a long text that mentions it
			m.Confidence = 0.7
		}
		return m
	}
	// A name alone is believed where the label says no more than names do.
	if byName != "" && plausible(byName, f.Kind) && len(strings.Fields(label)) <= 4 && !strings.Contains(f.Label, "?") && !turned(byName, label, f.Kind) {
		return Meaning{Key: byName, Confidence: 0.9}
	}
	return Meaning{}
}

var (
	qualified = re(`(?:years of|jahre(?:n)?|annees d|anos de) ?(.*?) ?(?:experience|berufserfahrung|erfahrung|experiencia)`)
	total     = re(`\b(professional|work|working|full time|overall|total|job|employment|gesamte?|professionnelle|laboral|an)\b`)
)

// whichExperience finds what years are asked in when it stands before the word:
// years of sales experience are not all the years.
func whichExperience(label string) string {
	found := qualified.FindStringSubmatch(label)
	if found == nil {
		return ""
	}
	return strings.TrimSpace(total.ReplaceAllString(found[1], ""))
}

func (r rule) takes(k Kind) bool {
	if r.kinds == "" {
		return k != File
	}
	for kind := range strings.FieldsSeq(r.kinds) {
		if kind == string(k) {
			return true
		}
	}
	return false
}

func (r rule) subject(label string) string {
	if r.about == nil {
		return ""
	}
	if found := r.about.FindStringSubmatch(label); found != nil {
		return strings.TrimSpace(found[1])
	}
	return ""
}

// plausible keeps a name from giving a field a meaning that its kind cannot have.
func plausible(key string, k Kind) bool {
	for _, r := range rules {
		if r.key == key {
			return r.takes(k)
		}
	}
	return k == Textarea || k == Text
}

// sensitive keys are answered from the user's own answers only, never by ai.
var sensitive = map[string]bool{
	"authorized_to_work": true, "requires_sponsorship": true, "visa_status": true, "security_clearance": true, "over_18": true, "expected_salary": true,
	"current_salary": true, "gender": true, "race": true, "veteran_status": true, "disability_status": true, "hispanic_or_latino": true, "pronouns": true,
	"birth_date": true, "criminal_record": true, "country": true, "transgender": true, "sexual_orientation": true, "non_compete": true, "background_check_consent": true,
	"drug_test_consent": true, "sms_consent": true, "privacy_consent": true, "future_contact_consent": true, TruthKey: true,
}

// Sensitive reports whether only the user may answer a field: by its key, or since
// it is a consent or stands among demographic questions.
func Sensitive(f Field, m Meaning) bool {
	return sensitive[m.Key] || f.Kind == Checkbox || strings.Contains(Fold(f.Group), "equal opportunity") || strings.Contains(Fold(f.Group), "self identification") ||
		delicate.MatchString(Fold(f.Label))
}

var delicate = re(`\b(gender|transgender|lgbt|race|racial|ethnic|hispanic|latin[oax]|health|pregnan|vaccin|marital|political|authori[sz]|eligib|right to work|permit|clearance|background|drug|compensation|remuneration|religio|disab|veteran|sexual|orientation|age|birth|geburt|nationalit|citizen|staatsangehor|criminal|convict|vorstraf|salary|gehalt|visa|sponsor|sponsorship|arbeitserlaubnis|agree|consent|einverstanden|accept|acknowledge|certify|declare|versicher)`)

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

// rules in the order in which they are tried: the more special first. Labels are
// folded, in English, German, French and Spanish.
var rules = []rule{
	{"resume", re(`\b(resume|cv|lebenslauf|curriculum)\b`), "file", nil},
	{"cover_letter", re(`\bcover(ing)? letter|anschreiben|motivationsschreiben|lettre de motivation|carta de presentacion`), "file textarea text", nil},

	{"first_name", re(`^(legal |your )?(first|given)( and middle)? name|^forename|^vorname|^prenom$|^nombre( de pila)?$`), texts, nil},
	{"preferred_name", re(`preferred( first)? name|what should we call you|^rufname|^prenom usuel`), texts, nil},
	{"last_name", re(`^(legal |your )?(last|family) name|^surname|^nachname|^familienname|^nom( de famille)?$|^apellidos?`), texts, nil},
	{"full_name", re(`^(your |full |legal |candidate )*name$|^vor und nachname|^vollstandiger name|^nom et prenom|^prenom et nom|^nom complet|^nombre completo|^nombre y apellidos`), texts, nil},
	{"pronouns", re(`pronoun|pronomen|pronoms|pronombres`), "text select", nil},
	{"email", re(`\be ?mail\b|courriel|correo electronico|adresse electronique`), "email text", nil},
	{"phone", re(`\b(tele)?phone( number)?\b|^mobile|telefon|^handy|^numero de tel|^movil`), "tel text number", nil},
	{"linkedin_url", re(`linkedin`), "url text", nil},
	{"github_url", re(`github`), "url text", nil},
	{"portfolio_url", re(`portfolio|^(personal )?website( url)?$|^webseite|^sitio web|^site (web|internet)$`), "url text", nil},

	{"", re(`(authori[sz]ed|eligible|right) .*without.*(sponsor|visa)`), "", nil}, // two questions in one
	{"requires_sponsorship", re(`(require|need|benotigen|besoin|necesit).*(sponsor|visa|visum|visado)|(sponsor|visado).*(require|need|tramit)|sponsorship`), choices, nil},
	{"authorized_to_work", re(`(authori[sz]ed|eligible|right|permitted|permission) to work|work (authori[sz]ation|permit|eligibility)|arbeitserlaubnis|durfen sie .*arbeiten|autorise.* a travailler|permiso de trabajo`), choices, nil},
	{"over_18", re(`(at least|over|mindestens|mayor de|plus de|older than) 18|18 (years|jahre|ans|anos)`), choices, nil},
	{"current_salary", re(`(current|aktuell\w*|actuel\w*|actual) .*(salar|gehalt|compensation|remuneration)`), "text number textarea", nil},
	{"expected_salary", re(`salar|gehalt|compensation|remuneration|desired pay|pay expectation`), "text number textarea", re(`\b([A-Z]{3})\b`)},
	{"earliest_start_date", re(`when (could|can|would) you .*start|start date|available from|eintritts(termin|datum)|ab wann|verfugbar ab|date (de disponibilite|d entree|de debut)|fecha de incorporacion|disponible (a partir|desde)`), "date text", nil},
	{"notice_period", re(`notice period|kundigungsfrist|preavis|preaviso`), "text select textarea", nil},
	{"years_of_experience", re(`years of .*experience|years experience|jahre .*erfahrung|berufserfahrung in jahren|annees d experience|anos de experiencia`), "number text select", afterWith},
	{"language_level", re(`^(what is your )?(level|proficiency|fluency) (of|in)|how well do you speak|wie gut sprechen sie|sprachkenntnisse|niveau (en|d|de)\b|nivel de\b`), "select text", nil},
	{"highest_degree", re(`highest (level of )?(education|degree)|level of education|hochster (bildungs)?abschluss|niveau d etudes|nivel de estudios`), "select text", nil},
	{"skills", re(`which of (these|the following) have you worked with|^select your skills|^skills|womit haben sie .*gearbeitet|que maitrisez vous|con cuales has trabajado`), "multi", nil},
	{"how_did_you_hear", re(`how did you (hear|find|learn)|where did you (find|hear|see)|auf uns aufmerksam|woher kennen sie|comment avez vous (connu|entendu)|como nos has conocido`), "", nil},
	{"worked_here_before", re(`have you (ever |previously )?(been employed|worked) (by|for|at)|schon (einmal )?bei .*(beschaftigt|gearbeitet)|deja travaille (chez|pour)|trabajado antes (en|para)`), choices, nil},
	{"willing_to_relocate", re(`relocat|umzuziehen|umzug|demenager|trasladarte`), choices, nil},
	{"willing_to_work_shifts", re(`\bshifts?\b|schicht|horaires decales|turnos`), choices, nil},
	{"travel_percent", re(`how much .*travel|wie viel .*reisen|reisebereitschaft`), "select text number", nil},
	{"willing_to_travel", re(`willing to travel|bereit zu reisen`), choices, nil},
	{"willing_to_commute", re(`\bon ?site\b|\bcommute\b|this role is based in|vor ort|le poste est base|presencial`), choices, re(`(?:on site in|based in|[Vv]or Ort in|basé à|presencial en)\s+([^?.,:]+?)(?:\s+as described|\s+arbeiten)?\s*[?.,:]`)},
	{"", re(`(category|class|klasse|categorie|permis|clase) (c|ce|d|be)\b|commercial driver|gabelstapler|forklift`), "", nil}, // licences that are not the usual one
	{"drivers_license", re(`driver s licen[cs]e|driving licen[cs]e|fuhrerschein|permis (de conduire|b)\b|(carnet|permiso) de conducir`), choices, nil},
	{"current_company", re(`^current (company|employer)|aktueller arbeitgeber|^employeur actuel|^empresa actual`), texts, nil},
	{"current_title", re(`^current (position|title|role|job title)|aktuelle (position|stelle)|^poste actuel|^puesto actual`), texts, nil},
	{"country", re(`^country( of residence)?$|^land$|^pays$|^pais$`), "select text location", nil},
	{"location", re(`^(current )?location|^(current )?city|where are you (based|located)|^wohnort|^ville|^ciudad|(city|place) of residence`), "location text", nil},
	{"postal_code", re(`^(zip|postal) code|^postleitzahl|^plz$|^code postal|^codigo postal`), texts, nil},
	{"address", re(`^(home |street |mailing |postal )?address$|^adresse$|^anschrift|^direccion$`), texts, nil},

	{"gender", re(`^gender|geschlecht|^sexe$|^genero$`), "select boolean", nil},
	{"veteran_status", re(`veteran`), "select boolean", nil},
	{"disability_status", re(`disabilit|behinderung|handicap|discapacidad`), "select boolean", nil},
	{"hispanic_or_latino", re(`are you hispanic`), "select boolean", nil},
	{"race", re(`^race|ethnicity`), "select multi", nil},

	{"future_contact_consent", re(`(keep|retain|store) my (application|data)|aufbewahren|conserver|conservar|talent pool|(other|future) (roles|opportunities|positions)`), boxes, nil},
	{"privacy_consent", re(`privacy|datenschutz|verarbeitung meiner daten|confidentialite|privacidad|processing of my (personal )?data|data protection|\bgdpr\b|\brgpd\b`), boxes, nil},
	{"custom.statement_is_true", re(`(everything|information|answers|all) .*(is|are) (true|accurate|correct)|angaben wahr sind|exactitude de mes|mis respuestas son ciertas`), boxes, nil},

	{"motivation", re(`why do you want|what interests you|why .*why now|^motivation|warum mochten sie|was reizt sie|pourquoi souhaitez|por que quieres`), "textarea text", nil},
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
		if r.key == "" {
			return Meaning{}
		}
		m := Meaning{Key: r.key, Confidence: 0.95, About: r.subject(f.Label)}
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
	if byName != "" && plausible(byName, f.Kind) {
		return Meaning{Key: byName, Confidence: 0.9}
	}
	return Meaning{}
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
	"birth_date": true, "criminal_record": true, "country": true, "privacy_consent": true, "future_contact_consent": true, "custom.statement_is_true": true,
}

// Sensitive reports whether only the user may answer a field: by its key, or since
// it is a consent or stands among demographic questions.
func Sensitive(f Field, m Meaning) bool {
	return sensitive[m.Key] || f.Kind == Checkbox || strings.Contains(Fold(f.Group), "equal opportunity") || strings.Contains(Fold(f.Group), "self identification") ||
		delicate.MatchString(Fold(f.Label))
}

var delicate = re(`\b(gender|race|ethnic|religio|disab|veteran|sexual|orientation|age|birth|geburt|nationalit|citizen|staatsangehor|criminal|convict|vorstraf|salary|gehalt|visa|sponsor|sponsorship|arbeitserlaubnis|agree|consent|einverstanden|accept|acknowledge)`)

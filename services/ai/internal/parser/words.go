package parser

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Words that jobs are called by, in plain text, as beginnings of words.
var titleWords = words(`(?:[a-z]*(?:engineer|developer|entwickler|ingenieur|leiter|berater|verwalter|assisten|kaufmann|kauffrau|mitarbeiter|arbeiter|lehrer|pfleger|techniker|meister|fuhrer|schwester|ontwikkelaar|medewerker|beheerder))` +
	`|manager|director|analyst|architect|administrator|consultant|designer|scientist|researcher|specialist|coordinator|supervisor|officer|lead$|lead |leader|head of|chief|c[efitmpo]o\b|vp\b|vice president|president|founder|co founder|cofounder|owner|partner|principal|associate|assistant|intern\b|internship|trainee|apprentice|student assistant|working student|teacher|tutor|lecturer|professor|instructor|trainer|coach|mentor|nurse|doctor|physician|surgeon|therapist|pharmacist|accountant|auditor|bookkeeper|controller|banker|broker|trader|lawyer|attorney|paralegal|judge|clerk|secretary|receptionist|cashier|salesman|salesperson|sales rep|representative|account executive|executive|marketer|recruiter|copywriter|writer|editor|journalist|reporter|reporting|translator|photographer|artist|producer|chef|cook|waiter|waitress|barista|bartender|driver|pilot|mechanic|electrician|plumber|carpenter|welder|operator|technician|programmer|tester|devops|sre\b|webmaster|freelance|contractor|volunteer|fellow|postdoc|research assistant|teaching assistant|member|chair|advisor|adviser|buyer|planner|scrum|product owner|strategist|guard|soldier|sergeant|governess|librarian|curator|economist|statistician|chemist|biologist|physicist|mathematician|superintendent|foreman|stylist|cleaner|caretaker|superviseur|agent|inspector|dispatcher|merchandiser|stocker|server\b|crew|staff|` +
	`entwickler|ingenieur|leiter|berater|verkaufer|sachbearbeiter|projektleit|praktikant|praktikum|werkstudent|geschaftsfuhr|referent|lehrkraft|lehrer|arzt|arztin|krankenpfleg|techniker|meister|auszubildende|freiberuf|inhaber|gesellschafter|assistent|redakteur|buchhalter|kaufmann|kauffrau|monteur|fahrer|` +
	`ingenieur|developpeu|chef de|chef d |responsable|directeur|directrice|charge de|chargee|gerant|consultant|enseignant|professeur|formateur|vendeu|comptable|technicien|assistant|stagiaire|stage|alternan|apprenti|infirmier|medecin|redacteur|animateur|conseiller|secretaire|ouvrier|conducteur|` +
	`ingenier|desarrollador|director|gerente|jefe|jefa|responsable|encargad|coordinador|analista|consultor|profesor|maestr|docente|becari|practicas|contable|administrativ|vendedor|comercial|dependient|camarer|enfermer|medic|tecnic|asistente|auxiliar|abogad|arquitect|disenador|` +
	`engenheir|desenvolvedor|programador|gestor|diretor|coordenador|analista|estagiari|professora?|assistente|auxiliar|enfermeir|advogad|arquitet|` +
	`sviluppator|ingegner|responsabile|direttor|impiegat|consulente|tirocin|stagista|insegnante|docente|commess|camerier|infermier|avvocat|contabile|addett|operai|tecnico|progettista|` +
	`ontwikkelaar|directeur|medewerker|adviseur|docent|leraar|stagiair|verkoper|verpleeg|beheerder|monteur|bedrijfsleider`)

// Words that employers are called by.
var companyWords = regexp.MustCompile(`(?i)(?:^|[\s(,.])(?:inc|incorporated|llc|llp|ltd|limited|plc|corp|corporation|co|company|companies|gmbh|ag|kg|ohg|gbr|e\.?v|se|s\.?a\.?s|sarl|s\.?l|s\.?l\.?u|s\.?p\.?a|s\.?r\.?l|b\.?v|n\.?v|ab|oy|a/?s|aps|pty|pvt|holdings?|group|gruppe|groupe|grupo|gruppo|groep|partners|associates|technologies|technology|tech|solutions|systems|software|labs?|laborator(?:y|ies)|studios?|consulting|consultants|industries|enterprises?|ventures|capital|bank|banque|banco|banca|insurance|versicherung|financial|management|services|logistics|media|digital|networks?|pharma(?:ceuticals)?|foods?|hotels?|restaurants?|café|cafe|hospital|klinik|clinic|h[oô]pital|krankenhaus|foundation|stiftung|fondation|association|verein|verband|society|institut[eo]?|council|commission|committee|ministry|ministerium|minist[eè]re|ministerio|government|department|agency|agentur|agence|army|navy|air force|airlines?|motors?|energy|electric|university|universit[äéàa]t?|universidade|universidad|college|school|schule|academy|academia|museum|theat(?:er|re)|news|times|post|press|store|stores|shop|supermarket|market|healthcare|health|medical|law|research|international|global|nationale?|center|centre|zentrum)(?:$|[\s),.])`)

// Words that schools are called by.
var schoolWords = words(`[a-z]*(?:universit|hochschul|akademie|gymnasium|realschule|gesamtschule|berufsschule|schule|college|instituut)|universidad|universidade|universita|uni |uni$|school|college|academy|academia|academie|institute?|istituto|instituto|polytechni|politecni|politecnico|ecole|lycee|iut\b|iufm|liceo|colegio|escuela|escola|faculty|faculdad|facultad|faculte|facolta|seminary|conservator|bootcamp|eth\b|mit$|mit |epfl|rwth|tu |fh |postech|caltech|ucla|insead|hec\b|coursera|udacity|udemy`)

// Words that degrees are called by.
var degreeWords = regexp.MustCompile(`(?i)(?:^|[\s(,/])(?:bachelor(?:['’]?s)?|master(?:['’]?s)?|magister|ph\.?\s?d|dphil|doctor(?:ate|al)?|promotion|doktor|dr\.|m\.?b\.?a|b\.?\s?(?:a|s|sc|eng|tech|ed|com|b\.?a)\.?|m\.?\s?(?:a|s|sc|eng|tech|ed|phil|res)\.?|bsc|msc|beng|meng|btech|mtech|ba|bs|ms|ma|ll\.?[bm]|j\.?d|m\.?d|associate(?:['’]?s)?|diplom[ae]?|diploma|dipl\.?(?:-ing)?|staatsexamen|abitur|fachabitur|matura|mittlere reife|ausbildung|lehre|licence|licenciatura|licenciad[oa]|licentiate|grado|m[aá]ster|mestrado|doutorado|doctorado|doctorat|bac(?:calaur[eé]at)?|dut|bts|deug|capes|agr[eé]gation|maîtrise|laurea|dottorato|maturit[aà]|undergraduate|graduate|postgraduate|certificate|certificat|ged|high school|a-?levels?|gcse|honou?rs|minor|major|vwo|havo|mbo|hbo|propedeuse|grades?|studies|student|studium|technikum)(?:$|[\s),.:/-])`)

// fluency levels of languages, and levels of skills.
var (
	fluencyWords = words(`native|mother tongue|muttersprach|langue maternelle|lengua materna|lingua materna|madrelingua|nativ|moedertaal|bilingu|fluent|flie(?:ss|ß)end|verhandlungssicher|courant|fluido|fluente|vloeiend|fluency|professional|advanced|fortgeschritten|avance|avanzad|avancado|avanzat|gevorderd|intermediate|mittel|intermediaire|intermedi|gute?|good|working|conversational|konversation|limited|elementary|basic|beginner|grund|notions|debutant|scolaire|basico|base|basis|niveau|proficien|near native|fair|bits of|schulkenntnisse|sehr gut|[abc][12]\b|delf|dalf|toefl|ielts|jlpt|hsk|oral|written|spoken|upper|full|very`)
	levelWords   = regexp.MustCompile(`(?i)^\(?(?:expert|experte|advanced|intermediate|beginner|basic|novice|proficient|proficiency|master|senior|junior|professional|competent|fluent|familiar|strong|good|excellent|fortgeschritten|grundkenntnisse|anfänger|sehr gut|gut|avancé|intermédiaire|débutant|avanzado|intermedio|básico|avançado|intermediário|avanzato|base|gevorderd|skilled|mid|mid-level)\)?$`)
)

// statesRE are the codes of states and provinces that follow a city after a comma.
var statesRE = regexp.MustCompile(`^(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]|AB|BC|MB|NB|NL|NS|NT|NU|ON|PE|QC|SK|YT|NSW|QLD|VIC|TAS|ACT)$`)

// uiLanguages are those the names of countries and languages are known in.
var uiLanguages = []language.Tag{language.English, language.German, language.French, language.Spanish, language.Portuguese, language.Italian, language.Dutch}

// spoken are the languages people name in resumes (ISO 639-1 and some more).
const spoken = "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fil fr ga gl gu ha he hi hr hu hy id ig is it ja ka kk km kn ko ku ky la lb lo lt lv mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru sd si sk sl so sq sr sv sw ta te tg th tk tl tr uk ur uz vi xh yi yo zh yue zu"

// lands are the plain names of countries with their codes; tongues those of
// languages. They are made at the first use.
var (
	lands   = sync.OnceValue(func() map[string]string { l, _ := names(); return l })
	tongues = sync.OnceValue(func() map[string]bool { _, t := names(); return t })
)

func names() (map[string]string, map[string]bool) {
	lands, tongues := map[string]string{}, map[string]bool{}
	for _, ui := range uiLanguages {
		regions, langs := display.Regions(ui), display.Languages(ui)
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				r, err := language.ParseRegion(string([]rune{a, b}))
				if err != nil || !r.IsCountry() {
					continue
				}
				if n := plain(regions.Name(r)); n != "" {
					lands[n] = r.String()
				}
			}
		}
		for code := range strings.FieldsSeq(spoken) {
			if n := plain(langs.Name(language.Make(code))); n != "" {
				tongues[n] = true
			}
		}
	}
	for name, code := range map[string]string{"usa": "US", "us": "US", "u s": "US", "u s a": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
		"the netherlands": "NL", "holland": "NL", "republic of korea": "KR", "korea": "KR", "s korea": "KR", "czech republic": "CZ", "turkiye": "TR", "russia": "RU", "uae": "AE", "vietnam": "VN", "taiwan": "TW", "eire": "IE", "eire ireland": "IE", "northern ireland": "GB", "hong kong": "HK", "macau": "MO", "brd": "DE", "remote": ""} {
		lands[name] = code
	}
	for _, n := range []string{"mandarin", "cantonese", "hindustani", "farsi", "flemish", "castilian", "castellano", "hochdeutsch", "schweizerdeutsch", "sign language", "american sign language", "gebardensprache", "latein", "altgriechisch", "brazilian portuguese", "simplified chinese", "traditional chinese", "norsk", "svenska", "dansk", "suomi", "deutsch", "francais", "espanol", "portugues", "italiano", "nederlands", "polski", "turkce", "russkij", "tagalog", "filipino", "creole", "haitian creole", "swiss german", "austrian german"} {
		tongues[n] = true
	}
	return lands, tongues
}

// asScore turns a match into a score.
func asScore(ok bool, v float64) float64 {
	if ok {
		return v
	}
	return 0
}

// titleScore tells how much a text reads like a job title.
func titleScore(s string) float64 {
	p := plain(s)
	v := asScore(titleWords.MatchString(p), 1)
	if n := len(strings.Fields(p)); n > 9 || n == 0 {
		v -= .6
	}
	return v
}

// companyScore tells how much a text reads like an employer.
func companyScore(s string) float64 {
	v := asScore(companyWords.MatchString(s), .8)
	if n := len(strings.Fields(s)); n > 10 || n == 0 {
		v -= .5
	}
	return v
}

// schoolScore tells how much a text reads like a school.
func schoolScore(s string) float64 { return asScore(schoolWords.MatchString(plain(s)), 1) }

// degreeScore tells how much a text reads like a degree.
func degreeScore(s string) float64 { return asScore(degreeWords.MatchString(s), 1) }

var (
	zipRE    = regexp.MustCompile(`(?:^|[\s,])((?:[A-Z]{1,2}-)?\d{4,6}(?:[ -][A-Z]{2})?|\d{5}-\d{4}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)(?:$|[\s,])`)
	streetRE = regexp.MustCompile(`(?i)(?:^|\s|\d)(?:[\p{L}-]*(?:straße|strasse|str\.|gasse|platz|allee|straat|laan|weg|ring|kade|plein)|street|st\.?|avenue|ave\.?|road|rd\.?|boulevard|blvd\.?|lane|ln\.?|drive|dr\.?|court|ct\.?|square|place|way|hill|broadway|parkway|suite|apt\.?|apartment|p\.?o\.? ?box|house|residence|résidence|rue|chemin|allée|quai|calle|avenida|av\.|plaza|paseo|rua|travessa|praça|via|viale|corso|piazza)(?:$|[\s,.\d])`)
	cityRE   = regexp.MustCompile(`^\p{Lu}[\p{L}.'’-]*(?:[ -](?:\p{Lu}[\p{L}.'’-]*|de|la|le|del|di|da|do|am|an|der|im|upon|sur|les|of|on))*$`)
)

// isPlace tells whether a text is a place of the form City, Region or Country,
// or a country, or works from home.
func isPlace(s string) bool {
	s = strings.Trim(strings.TrimSpace(s), "().,;")
	if s == "" || utf8.RuneCountInString(s) > 60 {
		return false
	}
	s = strings.NewReplacer(" (", ", ", ")", "").Replace(s)
	parts := strings.Split(s, ",")
	if len(parts) == 1 {
		p := plain(s)
		_, ok := lands()[p]
		return ok || p == "remote" || p == "hybrid" || p == "homeoffice"
	}
	if len(parts) > 4 {
		return false
	}
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if i == 0 && (!cityRE.MatchString(part) || len(strings.Fields(part)) > 4) {
			return false
		}
		if i > 0 && isRegion(part) {
			return true
		}
	}
	return false
}

// isRegion tells whether a text is a state or a country, with or without a postal code.
func isRegion(s string) bool {
	s = strings.TrimSpace(zipRE.ReplaceAllString(" "+s+" ", " "))
	if s == "" {
		return false
	}
	if statesRE.MatchString(s) || usStates[plain(s)] {
		return true
	}
	_, ok := lands()[plain(s)]
	return ok
}

// usStates are the states' names, which stand where a country would.
var usStates = func() map[string]bool {
	m := map[string]bool{}
	for s := range strings.SplitSeq("alabama,alaska,arizona,arkansas,california,colorado,connecticut,delaware,florida,georgia,hawaii,idaho,illinois,indiana,iowa,kansas,kentucky,louisiana,maine,maryland,massachusetts,michigan,minnesota,mississippi,missouri,montana,nebraska,nevada,new hampshire,new jersey,new mexico,new york,north carolina,north dakota,ohio,oklahoma,oregon,pennsylvania,rhode island,south carolina,south dakota,tennessee,texas,utah,vermont,virginia,washington,west virginia,wisconsin,wyoming,ontario,quebec,british columbia,alberta,bavaria,bayern,hessen,nrw,baden wurttemberg,sachsen,ile de france,catalunya,cataluna,andalucia,madrid,lombardia,lazio", ",") {
		m[s] = true
	}
	return m
}()

// nameLike tells whether a text could be a person's name: two to five words of
// letters that begin in upper case, or a single script without cases.
func nameLike(s string) bool {
	s = strings.TrimSpace(s)
	fields := strings.Fields(s)
	if len(fields) < 1 || len(fields) > 6 || utf8.RuneCountInString(s) > 48 {
		return false
	}
	upper := 0
	for i, f := range fields {
		f = strings.Trim(f, ",.()\"“”'’")
		for _, c := range f {
			if !unicode.IsLetter(c) && c != '-' && c != '\'' && c != '’' && c != '.' {
				return false
			}
		}
		first, _ := utf8.DecodeRuneInString(f)
		switch {
		case unicode.IsUpper(first) || unicode.IsLetter(first) && !unicode.IsLower(first):
			upper++
		case i == 0 || !particles[strings.ToLower(f)]:
			return false
		}
	}
	return upper >= 1
}

// particles are the small words within names.
var particles = map[string]bool{"de": true, "da": true, "di": true, "del": true, "della": true, "der": true, "den": true, "van": true, "von": true, "zu": true, "zur": true, "la": true, "le": true, "dos": true, "das": true, "do": true, "el": true, "al": true, "bin": true, "ibn": true, "y": true, "e": true, "ter": true, "ten": true, "af": true, "av": true, "st": true}

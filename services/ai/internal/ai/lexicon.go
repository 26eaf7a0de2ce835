package ai

import "strings"

func set(stemmed bool, lists ...string) map[string]bool {
	out := map[string]bool{}
	for _, list := range lists {
		for w := range strings.FieldsSeq(list) {
			if stemmed {
				w = stem(w)
			}
			out[w] = true
		}
	}
	return out
}

// stopword are words that state nothing.
var stopword = set(false, `a an and are as at be been being both but by can could did do does each else for from had has have he her his how i i'm
	i've if in into is it its itself just may me might mine more most much my myself no nor not of off on once one only or other our out over own s
	same she should so some such t than that the their them then there these they this those through to too under until up upon very was we were
	what when where whether which while who whom whose why will with within without would you your yours yet i’m i’ve`,
	`ab aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis bist da dabei dadurch daher damit dann daran darauf daraus
	darin das dass dazu dem den denn der des dessen die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines
	er es etwas für gegen hab habe haben hat hatte hier ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im in ist ja jede jedem jeden jeder
	jedes kann können man mehr mein meine meinem meinen meiner meines mich mir mit nach nicht noch nun nur ob oder ohne sehr sein seine seit sich
	sie sind so sowie über um und uns unser unsere unter vom von vor war waren was weil welche wenn wer werde werden wie wieder wir wird wo wurde
	wurden zu zum zur zwischen würde möchte zudem dafür hierbei wobei`)

// generic are words of letters and suggestions that claim no fact of their own,
// by their stems: those below and those of the sentence plans.
var generic = func() map[string]bool {
	out := set(true, letterWords, brief)
	for _, p := range letterPhrases {
		for _, plan := range p.all() {
			for _, w := range words(plan) {
				if key := stem(w.text); !weighty[key] {
					out[key] = true
				}
			}
		}
	}
	return out
}()

const letterWords = `able add again allow also always among appeal applicant application apply appreciate ask aspect attach attention attract
	background bad become before begin behind believe below benefit best better beyond bring build candidate care career carry challenge change
	chance check choose clear close colleague combine come company complete concrete connect consider contact contain content context contribute
	contribution convince course current cv daily day dear demand describe description detail develop different direct discuss discussion do
	document draw each eager early easy effect effort end engage enjoy enthusiasm enthusiastic even every exact exactly example excite excited
	expect experience explain express fact faithfully familiar far feel field find fit focus follow forward found full further future gain gather
	get give glad go goal good grateful great greeting grow happy help here highlight hire hiring hold hope idea immediate important improve
	include information interest interested interview introduce invite job join keen keep key kind know knowledge large last late later lead-in
	learn let letter level like line list little long look make many match material matter mean meet meeting mention mind moment month motivate
	motivation move name near need new next note now offer often open opening opportunity order others overview page part particular past
	people person place play please pleased point position possible post posting practical practice present previous problem proud provide
	put question quick rather reach read ready real reason recent regard regards relate relevant reply require requirement responsibility rest
	result resume right role say second section see seek seem sentence set several share shorter show similar simple since sincerely skill small
	soon special start state statement stay step strength strong suggest suit suitable support sure take talk task team tell term text thank
	thanks thing think thorough time today together top topic toward towards try turn understand understanding use useful valuable value various
	verb view want way week welcome well while whole wish word work working world write written year years yet hand solid directly both
	responsible used worked opportunity's excited perfectly especially currently recently throughout across using including during most
	shape shaped apart matches asks values appeals appealing speaks closely aligned align reflect reflects demonstrate demonstrates`

const brief = `anforderung angabe angebot anlage anschreiben ansprechen anspricht anwenden arbeit arbeite arbeiten arbeitete aufgabe aufgaben ausschreibung
	ausgeschrieben austausch bereich bereits beruf berufserfahrung besonders beitrag beitragen beherrsche bewerbe bewerben bewerbung bringe bringen
	dame damen danke dank derzeit einbringen einsetzen eingesetzt erfahren erfahrung erfahrungen erfüllen ergebnis freue freuen freundlich
	freundlichen frau gearbeitet geehrte geehrter geehrten gelegenheit gern gerne gespräch gesucht gesuchte gruß grüße grüßen guten hallo herr
	herren herzlich interesse jahr jahre jahren kenne kenntnis kenntnisse kennenlernen könnte konkret lebenslauf liebe lieber lese mitbringen
	monat motivation nennen nennt neu persönlich passen passend passt position praxis profil rolle schreiben schwerpunkt sehe stelle stellen
	stärke suche suchen tätig tätigkeit team teil thema themen überzeugt unterlagen unternehmen verantwortung verantwortlich verbinde verfügung
	verstärken vorstellen weitere werdegang wichtig wünsche ziel zeit zeige zeigen zuletzt zugleich heute aktuell unterstützen dazu gehört gehören
	umfasst außerdem darüber hinaus ebenso insbesondere meinerseits aufmerksamkeit rückmeldung kennen lernen ausführlich`

// weighty are words that claim a rank, a degree or an honour: one that the texts
// do not have is never let through.
var weighty = set(true, `bachelor bachelor's master master's mba phd ph.d doctorate doctor dr degree diploma certified certificate certification licensed
	license licence chartered graduate graduated graduation cum laude professor university college harvard stanford oxford cambridge mit
	founder founded cofounder co-founder ceo cto cfo coo cio director head chief president vp executive manager managed managing supervisor
	supervised lead led leading leader principal staff senior architect owner partner fellow expert specialist consultant award awarded awards
	winner won patent patents patented published publication publications author keynote speaker promoted promotion fluent native bilingual
	military veteran clearance security cleared visa citizen citizenship surgeon lawyer attorney physician nurse pilot scientist engineer
	developer analyst designer administrator programmer technician teacher accountant`,
	`abschluss diplom promotion promoviert doktor doktorin magister staatsexamen zertifikat zertifiziert zertifizierung meister meisterin
	leiter leiterin leitung leitete geleitet geschäftsführer geschäftsführerin gründer gründerin gegründet vorstand direktor direktorin
	chef chefin abteilungsleiter teamleiter teamleiterin ausgezeichnet auszeichnung preis preisträger patent veröffentlicht befördert fließend
	muttersprache verhandlungssicher universität hochschule studium studiert absolvent experte expertin professor ingenieur ingenieurin
	entwickler entwicklerin arzt ärztin anwalt anwältin`)

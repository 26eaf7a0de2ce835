package match_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jobpilot/jobpilot/services/ai/internal/match"
)

// trade is a kind of job of the generator.
type trade struct {
	titles, skills, duties []string
}

var trades = []trade{
	{
		[]string{"Backend Engineer", "Software Engineer", "Go Developer", "Java Developer", "Platform Engineer"},
		[]string{"Go", "Java", "PostgreSQL", "Kubernetes", "Docker", "Apache Kafka", "gRPC", "Redis", "REST APIs", "Microservices", "Linux", "Terraform", "Amazon Web Services", "CI/CD", "Python"},
		[]string{"design services that stay up", "own data models and migrations", "measure latency and remove its causes", "review the code of colleagues", "run what was built"},
	},
	{
		[]string{"Frontend Engineer", "React Developer", "Web Developer", "Full Stack Developer"},
		[]string{"JavaScript", "TypeScript", "React", "CSS", "HTML", "Next.js", "Vue.js", "GraphQL", "Jest", "Figma", "Node.js", "Web accessibility"},
		[]string{"build pages that load at once", "turn designs into components", "care for people who use a keyboard only", "test in old browsers"},
	},
	{
		[]string{"Data Scientist", "Machine Learning Engineer", "Data Analyst", "Data Engineer"},
		[]string{"Python", "SQL", "Machine learning", "PyTorch", "scikit-learn", "Statistics", "Apache Spark", "Apache Airflow", "Tableau", "Data visualisation", "NumPy", "A/B testing"},
		[]string{"ask data the right questions", "train models and keep them honest", "explain results to people in a hurry", "move data from many places to one"},
	},
	{
		[]string{"Registered Nurse", "Staff Nurse", "Physiotherapist"},
		[]string{"Patient care", "First aid", "Communication", "Teamwork", "Health and safety", "Work under pressure"},
		[]string{"look after patients day and night", "write down what was given and when", "talk with families", "prepare people for surgery"},
	},
	{
		[]string{"Accountant", "Financial Controller", "Payroll Specialist"},
		[]string{"Accounting", "Microsoft Excel", "SAP", "Budgeting", "Taxation", "IFRS", "Auditing", "Attention to detail"},
		[]string{"close the month on time", "reconcile accounts", "answer the questions of auditors", "prepare tax returns"},
	},
	{
		[]string{"Sales Manager", "Account Manager", "Marketing Manager", "Customer Success Manager"},
		[]string{"Sales", "Negotiation", "CRM software", "Salesforce", "Digital marketing", "Account management", "Market research", "Communication"},
		[]string{"find customers and keep them", "plan campaigns and count what they bring", "present to boards", "agree on prices"},
	},
}

var (
	levels  = []string{"", "", "Junior ", "Senior ", "Senior ", "Lead ", "Principal "}
	teams   = []string{"", ", Payments", ", Growth", " - Remote", " (m/f/d)", ", Core", ", EMEA", " (Contract)", " | Berlin"}
	filler  = strings.Fields("customers value quality trust speed growth culture office benefits budget holidays equipment learning mission market product region partner process report standard support change future impact people time world energy travel health finance retail school public")
	endings = []string{"every day", "with care", "across three offices", "for two million people", "in a small group", "from the first week"}
	places  = []match.Place{{Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.41}, {Country: "FR", City: "Lyon", Lat: 45.76, Lon: 4.84}, {Country: "US", City: "Austin", Lat: 30.27, Lon: -97.74}, {Country: "GB", City: "Leeds", Lat: 53.8, Lon: -1.55}}
)

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// posting makes the nth of endless postings, always the same for one n: some 300
// words, with skills of its trade in lists and sentences.
func posting(n int) *match.Posting {
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	t := pick(rng, trades)
	p := &match.Posting{
		ID: fmt.Sprintf("job-%06d", n), Title: pick(rng, levels) + pick(rng, t.titles) + pick(rng, teams),
		Company: fmt.Sprintf("Company %d GmbH", rng.IntN(5000)), Places: []match.Place{pick(rng, places)},
		Workplace: match.Workplace(rng.IntN(4)), High: match.Money{Amount: float64(40+rng.IntN(120)) * 1000, Currency: "EUR"}, Language: "en",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "We are %s. ", p.Company)
	for range 6 + rng.IntN(14) {
		fmt.Fprintf(&b, "You %s and %s %s; ", pick(rng, t.duties), pick(rng, t.duties), pick(rng, endings))
		for range 6 + rng.IntN(8) {
			b.WriteString(pick(rng, filler) + " ")
		}
		b.WriteString(".\n")
	}
	b.WriteString("Requirements:\n")
	for range 3 + rng.IntN(6) {
		fmt.Fprintf(&b, "- experience with %s and %s\n", pick(rng, t.skills), pick(rng, t.skills))
	}
	fmt.Fprintf(&b, "\nNice to have:\n- %s\n", pick(rng, t.skills))
	p.Description = b.String()
	return p
}

func resume() *match.Resume {
	return &match.Resume{
		Titles: []string{"Senior Backend Engineer", "Software Developer"},
		Skills: []match.Skill{{Name: "Go", Years: 6}, {Name: "PostgreSQL", Years: 8}, {Name: "k8s", Years: 4}, {Name: "Docker"},
			{Name: "Kafka", Years: 3}, {Name: "Redis"}, {Name: "Spring Boot", Years: 2}},
		Text: "Backend engineer with nine years of experience.\n" +
			"Built payment services in Go on Kubernetes that handle 4,000 requests a second.\n" +
			"Moved a monolith to microservices, with Terraform and CI/CD; mentored three colleagues.\n" +
			"Designed data models in PostgreSQL and event streams in Kafka; reduced latency by half.",
		Years: 9, Country: "DE", Languages: []string{"en", "de"},
	}
}

package ai

import "github.com/jobpilot/jobpilot/services/ai/internal/parser"

type (
	work      = parser.Work
	education = parser.Education
	skill     = parser.Skill
	spoken    = parser.Language
)

func basics(name, email string) parser.Basics {
	return parser.Basics{Name: name, Email: email, Label: "Backend Engineer", Phone: "+49 30 1234567", Location: &parser.Location{City: "Berlin", CountryCode: "DE"}}
}

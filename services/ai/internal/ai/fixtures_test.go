package ai

import (
	"encoding/json"

	"github.com/jobpilot/jobpilot/services/ai/internal/parser"
)

type (
	work      = parser.Work
	education = parser.Education
	skill     = parser.Skill
	spoken    = parser.Language
)

func basics(name, email string) parser.Basics {
	return parser.Basics{Name: name, Email: email, Label: "Backend Engineer", Phone: "+49 30 1234567", Location: &parser.Location{City: "Berlin", CountryCode: "DE"}}
}

// show is an answer as its caller gets it.
func show(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

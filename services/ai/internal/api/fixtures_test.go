package api_test

import "github.com/jobpilot/jobpilot/services/ai/internal/parser"

func skill(name string) parser.Skill { return parser.Skill{Name: name} }

package boardtest

import "slices"

// Plain reports whether Ada knows the answers to all that a form requires.
func (j Job) Plain() bool {
	for _, f := range j.Fields {
		if !f.Required {
			continue
		}
		switch f.Meaning {
		case "licence", "motivation", "achievement", "free", "experience.years":
			return false
		case "salary":
			if f.About != "EUR" {
				return false
			}
		case "skills":
			if !slices.ContainsFunc(f.Options, func(o struct{ Value, Label string }) bool { _, ok := Skills[o.Label]; return ok }) {
				return false
			}
		}
	}
	return true
}

package form

import "github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"

// standard gives what each platform asks of everyone, before the employer's own questions.
func standard(j *posting.Job, seed uint64) []question {
	q := func(meaning string, kind Kind, label string, required bool) question {
		return question{meaning: meaning, kind: kind, label: label, required: required}
	}
	us := j.Places[0].CountryCode == "US"
	switch j.Platform {
	case posting.Greenhouse:
		out := []question{q("name.first", Text, "First Name", true), q("name.last", Text, "Last Name", true),
			q("email", Email, "Email", true), q("phone", Tel, "Phone", seed%3 != 0)}
		if seed>>4%3 == 0 {
			out = append(out, q("name.preferred", Text, "Preferred First Name", false))
		}
		if seed>>6%2 == 0 {
			out = append(out, q("location", Location, "Location (City)", seed>>7%2 == 0))
		}
		return append(out, q("resume", File, "Resume/CV", true), q("cover_letter", File, "Cover Letter", false))
	case posting.Lever:
		return []question{q("resume", File, "Resume/CV", true), q("name.full", Text, "Full name", true),
			q("email", Email, "Email", true), q("phone", Tel, "Phone", seed%2 == 0),
			q("location", Location, "Current location", seed>>2%2 == 0),
			q("current.company", Text, "Current company", seed>>3%3 == 0),
			q("url.linkedin", URL, "LinkedIn URL", seed>>5%3 == 0), q("url.portfolio", URL, "Portfolio URL", false)}
	case posting.Ashby:
		return []question{q("name.full", Text, "Name", true), q("email", Email, "Email", true),
			q("resume", File, "Resume", true), q("phone", Tel, "Phone Number", seed%2 == 0),
			q("location", Location, "Where are you based?", seed>>2%2 == 0), q("url.linkedin", URL, "LinkedIn", false)}
	case posting.Workable:
		return []question{q("name.first", Text, "First name", true), q("name.last", Text, "Last name", true),
			q("email", Email, "Email", true), q("phone", Tel, "Phone", true), q("address", Text, "Address", false),
			q("resume", File, "Resume", true), q("cover_letter.text", Textarea, "Cover letter", false)}
	}
	l := words().Standard[j.Lang]
	var out []question
	if len(j.Board)%3 == 0 {
		out = append(out, q("name.full", Text, l["name.full"], true))
	} else {
		out = append(out, q("name.first", Text, l["name.first"], true), q("name.last", Text, l["name.last"], true))
	}
	out = append(out, q("email", Email, l["email"], true), q("phone", Tel, l["phone"], seed%2 == 0))
	if seed>>1%2 == 0 {
		out = append(out, q("location", Text, l["location"], false))
	}
	if seed>>2%3 == 0 {
		out = append(out, q("current.title", Text, l["current.title"], false))
	}
	out = append(out, q("resume", File, l["resume"], true))
	if us || seed>>3%2 == 0 {
		out = append(out, q("cover_letter", File, l["cover_letter"], false))
	} else {
		out = append(out, q("cover_letter.text", Textarea, l["cover_letter"], false))
	}
	return out
}

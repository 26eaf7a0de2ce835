package user

// AnswerKey is a question that application forms ask.
type AnswerKey struct {
	Key       string   `json:"key"`
	Type      string   `json:"type"`
	Group     string   `json:"group"`
	Sensitive bool     `json:"sensitive"`
	Question  string   `json:"question"`
	Choices   []string `json:"choices,omitempty"`
}

const declined = "prefer_not_to_say"

var yesNoDeclined = []string{"yes", "no", declined}

// AnswerKeys is the catalogue, in the order in which a form would ask. A key, once
// published, keeps its meaning. The demographic choices follow the self-identification
// forms of the United States (EEO-1; Form CC-305; VETS-4212), which most platforms use.
var AnswerKeys = []AnswerKey{
	{"preferred_name", "text", "about", false, "What should we call you?", nil},
	{"pronouns", "text", "about", true, "What are your pronouns?", nil},
	{"how_did_you_hear", "text", "about", false, "How did you hear about this job?", nil},
	{"linkedin_url", "text", "about", false, "What is your LinkedIn profile?", nil},
	{"github_url", "text", "about", false, "What is your GitHub profile?", nil},
	{"portfolio_url", "text", "about", false, "Where can we see your work?", nil},
	{"website_url", "text", "about", false, "What is your website?", nil},
	{"motivation", "text", "about", false, "Why do you want to work with us?", nil},
	{"strengths", "text", "about", false, "What are your strengths?", nil},
	{"references_available", "boolean", "about", false, "Can you give references?", nil},

	{"earliest_start_date", "date", "availability", false, "When can you start at the earliest?", nil},
	{"notice_period", "text", "availability", false, "What is your notice period?", nil},
	{"hours_per_week", "number", "availability", false, "How many hours a week do you want to work?", nil},
	{"willing_to_work_weekends", "boolean", "availability", false, "Are you willing to work on weekends?", nil},
	{"willing_to_work_shifts", "boolean", "availability", false, "Are you willing to work in shifts?", nil},
	{"willing_to_be_on_call", "boolean", "availability", false, "Are you willing to be on call?", nil},

	{"authorized_to_work", "boolean", "work_authorization", true, "Are you legally authorised to work in the country of this job?", nil},
	{"requires_sponsorship", "boolean", "work_authorization", true, "Will you now or in the future need sponsorship for a visa?", nil},
	{"visa_status", "text", "work_authorization", true, "What is your visa or residence status?", nil},
	{"security_clearance", "text", "work_authorization", true, "Which security clearance do you hold?", nil},
	{"over_18", "boolean", "work_authorization", true, "Are you at least 18 years old?", nil},

	{"expected_salary", "pay", "pay", true, "What salary do you expect?", nil},
	{"current_salary", "pay", "pay", true, "What is your current salary?", nil},

	{"willing_to_relocate", "boolean", "location", false, "Are you willing to relocate?", nil},
	{"willing_to_commute", "boolean", "location", false, "Can you commute to the office?", nil},
	{"willing_to_travel", "boolean", "location", false, "Are you willing to travel for work?", nil},
	{"travel_percent", "number", "location", false, "How much of your time are you willing to travel, in percent?", nil},
	{"remote_preference", "choices", "location", false, "Where do you want to work?", []string{"onsite", "hybrid", "remote"}},
	{"drivers_license", "boolean", "location", false, "Do you have a driver's licence?", nil},
	{"own_car", "boolean", "location", false, "Do you have a car of your own?", nil},

	{"years_of_experience", "number", "experience", false, "How many years of professional experience do you have?", nil},
	{"highest_degree", "choice", "experience", false, "What is your highest degree?",
		[]string{"none", "secondary", "vocational", "bachelor", "master", "doctorate"}},
	{"currently_employed", "boolean", "experience", false, "Are you employed at the moment?", nil},
	{"managed_people", "number", "experience", false, "How many people have you managed?", nil},
	{"worked_here_before", "boolean", "experience", false, "Have you worked for this company before?", nil},
	{"related_to_employee", "boolean", "experience", false, "Are you related to somebody who works here?", nil},
	{"non_compete", "boolean", "experience", false, "Are you bound by a non-compete agreement?", nil},
	{"english_level", "choice", "experience", false, "How well do you speak English?", []string{"A1", "A2", "B1", "B2", "C1", "C2", "native"}},

	{"gender", "choice", "demographic", true, "What is your gender?", []string{"female", "male", "non_binary", "other", declined}},
	{"transgender", "choice", "demographic", true, "Do you identify as transgender?", yesNoDeclined},
	{"sexual_orientation", "text", "demographic", true, "What is your sexual orientation?", nil},
	{"hispanic_or_latino", "choice", "demographic", true, "Are you Hispanic or Latino?", yesNoDeclined},
	{"race", "choices", "demographic", true, "Which race or ethnicity do you identify with?", []string{
		"american_indian_or_alaska_native", "asian", "black_or_african_american", "hispanic_or_latino",
		"native_hawaiian_or_pacific_islander", "white", "two_or_more", "other", declined}},
	{"veteran_status", "choice", "demographic", true, "Are you a protected veteran?", []string{"protected_veteran", "not_a_veteran", declined}},
	{"disability_status", "choice", "demographic", true, "Do you have a disability?", yesNoDeclined},
	{"birth_date", "date", "demographic", true, "When were you born?", nil},

	{"criminal_record", "boolean", "consent", true, "Have you been convicted of a crime?", nil},
	{"background_check_consent", "boolean", "consent", false, "Do you agree to a background check?", nil},
	{"drug_test_consent", "boolean", "consent", false, "Do you agree to a drug test?", nil},
	{"privacy_consent", "boolean", "consent", false, "Do you agree that your data is processed for this application?", nil},
	{"future_contact_consent", "boolean", "consent", false, "May your data be kept for other jobs?", nil},
	{"sms_consent", "boolean", "consent", false, "May you be contacted by text message?", nil},
}

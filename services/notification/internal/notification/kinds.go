package notification

// Kind is what a message is about.
type Kind struct {
	Name string
	// Mandatory kinds concern the safety of the account: they go out whatever the
	// user chose, at once.
	Mandatory bool
	// Default is where the kind comes when the user chose nothing; for a mandatory
	// kind, where it comes.
	Default Channels
	// Digest kinds can wait for the daily digest.
	Digest bool
	// path of the page, below the public URL, that the message leads to; %s is the
	// value of the key idKey.
	path, idKey string
}

// Channels are where a message comes.
type Channels struct {
	Email bool `json:"email"`
	Push  bool `json:"push"`
	InApp bool `json:"inApp"`
}

var (
	mailOnly   = Channels{Email: true}
	everywhere = Channels{Email: true, Push: true, InApp: true}
	quietly    = Channels{InApp: true}
	onScreen   = Channels{Push: true, InApp: true}
	noticed    = Channels{Email: true, InApp: true}
)

// Kinds are all that is sent, in the order that preferences show them.
var Kinds = []Kind{
	{Name: "auth.verify_email", Mandatory: true, Default: mailOnly},
	{Name: "auth.already_registered", Mandatory: true, Default: mailOnly},
	{Name: "auth.reset_password", Mandatory: true, Default: mailOnly},
	{Name: "auth.confirm_new_email", Mandatory: true, Default: mailOnly},
	{Name: "auth.account_deleted", Mandatory: true, Default: mailOnly},
	{Name: "auth.password_changed", Mandatory: true, Default: everywhere, path: "/settings/security"},
	{Name: "auth.email_changing", Mandatory: true, Default: everywhere, path: "/settings/security"},
	{Name: "auth.email_changed", Mandatory: true, Default: everywhere, path: "/settings/security"},
	{Name: "auth.mfa_changed", Mandatory: true, Default: everywhere, path: "/settings/security"},

	{Name: "user.welcome", Default: noticed, path: "/resumes"},
	{Name: "user.proposal", Default: onScreen, path: "/profile/proposals/%s", idKey: "proposalId"},
	{Name: "resume.parsed", Default: quietly, path: "/resumes/%s", idKey: "resumeId"},
	{Name: "resume.failed", Default: noticed, path: "/resumes"},
	{Name: "application.question", Default: everywhere, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.review", Default: everywhere, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.captcha", Default: everywhere, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.submitted", Default: noticed, Digest: true, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.unconfirmed", Default: noticed, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.failed", Default: noticed, Digest: true, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.closed", Default: quietly, Digest: true, path: "/jobs"},
	{Name: "application.interview", Default: everywhere, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.offer", Default: everywhere, path: "/applications/%s", idKey: "applicationId"},
	{Name: "application.rejected", Default: noticed, Digest: true, path: "/applications/%s", idKey: "applicationId"},
	{Name: "job.alert", Default: everywhere, Digest: true, path: "/jobs/%s", idKey: "jobId"},
	{Name: "job.alert_digest", Default: noticed, Digest: true, path: "/alerts/%s", idKey: "alertId"},
	{Name: "announcement", Default: noticed, path: "/"},
}

// digestKind is the template of the daily digest; no message has this kind.
const digestKind = "digest"

var kindByName = func() map[string]*Kind {
	m := make(map[string]*Kind, len(Kinds))
	for i := range Kinds {
		m[Kinds[i].Name] = &Kinds[i]
	}
	return m
}()

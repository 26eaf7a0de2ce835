package main

import (
	"errors"
	"net/mail"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
)

// Config is the environment of notification. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// AllowedOrigins are the web clients whose pages may open streams, beside those of PUBLIC_URL.
	AllowedOrigins []string `env:"CORS_ORIGINS" example:"https://app.jobpilot.example"`
	// LookupKey hashes addresses and tokens and signs unsubscribe links. Changing it voids the links of mails sent before.
	LookupKey config.Secret `env:"LOOKUP_KEY,required,notEmpty" example:"<openssl rand -base64 32>"`

	// UserURL is where the service asks for a user's language and time zone.
	UserURL string `env:"USER_URL,required" check:"url=http|https" example:"http://127.0.0.1:8002"`

	// MailFrom is the sender of mails.
	MailFrom string `env:"MAIL_FROM,required,notEmpty" example:"JobPilot <no-reply@jobpilot.example>"`
	// SMTPURL is the mail server: smtp://, smtp+starttls:// or smtps://, with user and password if it wants them.
	SMTPURL config.Secret `env:"SMTP_URL" check:"url=smtp|smtp+starttls|smtps" example:"smtp+starttls://user:password@mail.example:587"`
	// SendGridKey has mails sent by SendGrid instead of SMTP_URL.
	SendGridKey config.Secret `env:"SENDGRID_API_KEY"`
	// SendGridURL is where SendGrid is.
	SendGridURL string `env:"SENDGRID_URL" envDefault:"https://api.sendgrid.com" check:"url=http|https"`
	// SendGridWebhookKey verifies what SendGrid reports: the public key of its signed event webhook, which is to point
	// to PUBLIC_URL/api/v1/notifications/webhooks/sendgrid.
	SendGridWebhookKey string `env:"SENDGRID_WEBHOOK_KEY"`

	// VAPIDKey is the private key that push messages to browsers are signed with: 32 bytes in base64. Without it there
	// are none; changing it ends all subscriptions.
	VAPIDKey config.Secret `env:"VAPID_PRIVATE_KEY" example:"<openssl rand -base64 32>"`
	// FCMCredentials is the JSON of a service account's key, for push messages to telephones; without it there are none.
	FCMCredentials config.Secret `env:"FCM_CREDENTIALS"`
	// FCMURL is where Firebase Cloud Messaging is.
	FCMURL string `env:"FCM_URL" envDefault:"https://fcm.googleapis.com" check:"url=http|https"`

	// NotificationMonths is how long notifications are kept.
	NotificationMonths int `env:"NOTIFICATION_MONTHS" envDefault:"12" check:"min=1,max=120"`
}

// Validate checks what tags cannot.
func (c *Config) Validate() error {
	faults := []error{c.Config.Validate()}
	if _, err := mail.ParseAddress(c.MailFrom); err != nil && c.MailFrom != "" {
		faults = append(faults, config.Fault{Key: "MAIL_FROM", Text: "write it as NAME <ADDRESS>"})
	}
	if c.SMTPURL == "" && c.SendGridKey == "" {
		faults = append(faults, config.Fault{Key: "SMTP_URL", Text: "missing; set it to smtp://HOST:PORT, or set SENDGRID_API_KEY"})
	}
	return errors.Join(faults...)
}

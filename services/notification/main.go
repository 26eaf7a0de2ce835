// Command notification is the service that tells people things; see README.md.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/notification/internal/api"
	mailer "github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/push"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
	"github.com/jobpilot/jobpilot/services/notification/internal/streams"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

//go:embed topology.gen.json
var topology []byte

// sending is how many messages are handed over at once, each on a connection to the
// mail server.
const sending = 16

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "notification:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "serve" {
		return fmt.Errorf("usage: notification serve")
	}
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	cfg.Service, cfg.Version = "notification", version
	s, err := app.Open(ctx, cfg.Config)
	if err != nil {
		return err
	}
	s.Log.Info("configuration", "config", config.Dump(cfg))
	client := s.UseAuth(cfg.AuthConfig)
	if _, err := s.Connect(topology); err != nil {
		return err
	}
	deps, err := channels(cfg)
	if err != nil {
		return err
	}
	if deps.Profile, err = profiles(cfg.UserURL, client); err != nil {
		return fmt.Errorf("USER_URL: %w", err)
	}
	live := streams.New(s.Redis, s.Registry, s.Log)
	deps.Pool, deps.Keys, deps.Metrics, deps.Log, deps.Woken = s.Pool, s.Keys, s.Registry, s.Log, live.Wake
	service := notification.New(deps)
	live.Use(service)
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return fmt.Errorf("PUBLIC_URL: %w", err)
	}
	server := &api.Server{
		Service: service, Streams: live, Cursors: s.Cursors, Origins: append(cfg.AllowedOrigins, public.Scheme+"://"+public.Host),
	}
	handler, err := s.Handler(app.API{Spec: api.Spec, Access: api.Access, Routes: server.Routes})
	if err != nil {
		return err
	}
	maintenance, err := notification.NewMaintenance(service, cfg.NotificationMonths)
	if err != nil {
		return err
	}
	return s.Run(ctx, handler, map[string]func(context.Context) error{
		"messages": s.ConsumeWith(rabbit.Consumer{
			Queue: notification.QueueNotifications, Handler: rabbit.Each(service.Handle), Concurrency: sending, Timeout: time.Minute,
		}),
		"events":      s.Consume(notification.QueueNotificationEvents, service.Apply),
		"streams":     live.Run,
		"maintenance": maintenance.Run,
	}, nil)
}

// profiles asks the user service.
func profiles(base string, client *http.Client) (func(context.Context, uuid.UUID) (notification.Profile, error), error) {
	users, err := user.NewClientWithResponses(base, user.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, id uuid.UUID) (notification.Profile, error) {
		r, err := users.GetFullProfileWithResponse(ctx, id)
		if err != nil {
			return notification.Profile{}, err
		}
		if err := httpx.ResponseError(r.StatusCode(), r.HTTPResponse.Header.Get("Content-Type"), r.Body); err != nil || r.JSON200 == nil {
			return notification.Profile{}, err
		}
		return notification.Profile{Locale: r.JSON200.Settings.Locale, TimeZone: r.JSON200.Settings.TimeZone}, nil
	}, nil
}

// channels prepares what messages go out by.
func channels(cfg Config) (d notification.Deps, err error) {
	d.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/")
	if d.Lookup, err = seal.NewLookup(cfg.LookupKey.Reveal()); err != nil {
		return d, fmt.Errorf("LOOKUP_KEY: %w", err)
	}
	from, err := mail.ParseAddress(cfg.MailFrom)
	if err != nil {
		return d, fmt.Errorf("MAIL_FROM: %w", err)
	}
	_, d.MailHost, _ = strings.Cut(from.Address, "@")
	if cfg.SendGridKey != "" {
		d.Mailer = mailer.NewSendGrid(cfg.SendGridURL, cfg.SendGridKey, from)
	} else if d.Mailer, err = mailer.NewSMTP(cfg.SMTPURL.Reveal(), from); err != nil {
		return d, fmt.Errorf("SMTP_URL: %w", err)
	}
	if cfg.SendGridWebhookKey != "" {
		if d.Webhook, err = mailer.ParseWebhookKey(cfg.SendGridWebhookKey); err != nil {
			return d, fmt.Errorf("SENDGRID_WEBHOOK_KEY: %w", err)
		}
	}
	if cfg.VAPIDKey != "" {
		if d.WebPush, err = push.NewWebPush(cfg.VAPIDKey.Reveal(), "mailto:"+from.Address, push.PublicClient()); err != nil {
			return d, fmt.Errorf("VAPID_PRIVATE_KEY: %w", err)
		}
	}
	if cfg.FCMCredentials != "" {
		if d.FCM, err = push.NewFCM([]byte(cfg.FCMCredentials.Reveal()), cfg.FCMURL); err != nil {
			return d, fmt.Errorf("FCM_CREDENTIALS: %w", err)
		}
	}
	return d, nil
}

package api

import (
	"bytes"
	"context"
	"html/template"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/push"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
)

// SendNotification puts messages on the queue.
func (s *Server) SendNotification(ctx context.Context, r SendNotificationRequestObject) (SendNotificationResponseObject, error) {
	list := make([]notification.Outgoing, len(r.Body.Messages))
	for i, m := range r.Body.Messages {
		list[i] = notification.Outgoing{
			Users: value(m.UserIds), Email: value(m.Email), Kind: value(m.Kind), Data: value(m.Data), Subject: value(m.Subject),
			Text: value(m.Text), Link: value(m.Link), Locale: value(m.Locale), DedupeKey: value(m.DedupeKey),
		}
	}
	ids, err := s.Service.SendNotification(ctx, list)
	return SendNotification202JSONResponse{Accepted: int32(len(ids)), MessageIds: ids}, err
}

// position is what a cursor of notifications carries.
type position struct {
	At int64     `json:"t"` // microseconds, as Postgres keeps them
	ID uuid.UUID `json:"i"`
}

// ListNotifications lists what the caller was told.
func (s *Server) ListNotifications(ctx context.Context, r ListNotificationsRequestObject) (ListNotificationsResponseObject, error) {
	user, p := caller(ctx).UserID, r.Params
	f := notification.Filter{Kinds: value(p.Kind), Unread: value(p.Unread), Since: value(p.Since), Limit: 20}
	if p.Limit != nil {
		f.Limit = int(*p.Limit)
	}
	list := "notifications of " + user.String() + filterName(f)
	if p.Cursor != nil {
		var at position
		if err := s.Cursors.Decode(list, *p.Cursor, &at); err != nil {
			return nil, err
		}
		f.Before, f.BeforeID = time.UnixMicro(at.At).UTC(), at.ID
	}
	items, more, err := s.Service.ListNotifications(ctx, user, f)
	if err != nil {
		return nil, err
	}
	out := ListNotifications200JSONResponse{Items: make([]Notification, len(items))}
	for i, n := range items {
		out.Items[i] = shown(n)
	}
	if more {
		last := items[len(items)-1]
		next, err := s.Cursors.Encode(list, position{last.CreatedAt.UnixMicro(), last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

func shown(n notification.Notification) Notification {
	return Notification{
		ID: n.ID, Kind: n.Kind, Title: n.Title, Body: n.Body, Link: present(n.Link), Data: n.Data, CreatedAt: n.CreatedAt, ReadAt: n.ReadAt,
	}
}

// CountUnreadNotifications counts what the caller has not read.
func (s *Server) CountUnreadNotifications(ctx context.Context, _ CountUnreadNotificationsRequestObject) (CountUnreadNotificationsResponseObject, error) {
	n, err := s.Service.CountUnread(ctx, caller(ctx).UserID)
	return CountUnreadNotifications200JSONResponse{Count: int32(n)}, err
}

// MarkNotificationRead marks one of the caller's notifications as read.
func (s *Server) MarkNotificationRead(ctx context.Context, r MarkNotificationReadRequestObject) (MarkNotificationReadResponseObject, error) {
	n, err := s.Service.MarkRead(ctx, caller(ctx).UserID, r.NotificationID)
	return MarkNotificationRead200JSONResponse(shown(n)), err
}

// MarkAllNotificationsRead marks all of the caller's notifications as read.
func (s *Server) MarkAllNotificationsRead(ctx context.Context, _ MarkAllNotificationsReadRequestObject) (MarkAllNotificationsReadResponseObject, error) {
	n, err := s.Service.MarkAllRead(ctx, caller(ctx).UserID)
	return MarkAllNotificationsRead200JSONResponse{Marked: int32(n)}, err
}

// DeleteNotification deletes one of the caller's notifications.
func (s *Server) DeleteNotification(ctx context.Context, r DeleteNotificationRequestObject) (DeleteNotificationResponseObject, error) {
	return DeleteNotification204Response{}, s.Service.DeleteNotification(ctx, caller(ctx).UserID, r.NotificationID)
}

// GetNotificationPreferences gives what is in force for the caller.
func (s *Server) GetNotificationPreferences(ctx context.Context, _ GetNotificationPreferencesRequestObject) (GetNotificationPreferencesResponseObject, error) {
	p, err := s.Service.GetPreferences(ctx, caller(ctx).UserID)
	etag := httpx.ETag(p.Version)
	return GetNotificationPreferences200JSONResponse{Body: preferences(p), Headers: GetNotificationPreferences200ResponseHeaders{ETag: &etag}}, err
}

// UpdateNotificationPreferences changes the caller's preferences.
func (s *Server) UpdateNotificationPreferences(ctx context.Context, r UpdateNotificationPreferencesRequestObject) (UpdateNotificationPreferencesResponseObject, error) {
	patch := notification.PreferencesPatch{TimeZone: r.Body.TimeZone, Digest: (*string)(r.Body.Digest), Kinds: map[string]notification.ChannelsPatch{}}
	if q := r.Body.QuietHours; q != nil {
		patch.QuietEnabled, patch.QuietStart, patch.QuietEnd = q.Enabled, q.Start, q.End
	}
	for kind, c := range value(r.Body.Kinds) {
		patch.Kinds[kind] = notification.ChannelsPatch{Email: c.Email, Push: c.Push, InApp: c.InApp}
	}
	p, err := s.Service.UpdatePreferences(ctx, caller(ctx).UserID, patch, func(version int64) error { return httpx.CheckIfMatch(r.Params.IfMatch, version) })
	etag := httpx.ETag(p.Version)
	return UpdateNotificationPreferences200JSONResponse{Body: preferences(p), Headers: UpdateNotificationPreferences200ResponseHeaders{ETag: &etag}}, err
}

func preferences(p notification.Preferences) Preferences {
	out := Preferences{
		TimeZone: p.TimeZone, Digest: Digest(p.Digest), Kinds: make(map[string]Channels, len(p.Kinds)),
		QuietHours: QuietHours{Enabled: p.QuietHours.Enabled, Start: p.QuietHours.Start, End: p.QuietHours.End},
	}
	for kind, c := range p.Kinds {
		out.Kinds[kind] = Channels{Email: c.Email, Push: c.Push, InApp: c.InApp}
	}
	return out
}

// SubscribePush registers a device of the caller.
func (s *Server) SubscribePush(ctx context.Context, r SubscribePushRequestObject) (SubscribePushResponseObject, error) {
	sub := notification.Subscription{Name: value(r.Body.Name)}
	if r.Body.Type == Fcm {
		sub.Token = value(r.Body.Token)
	} else {
		w := value(r.Body.Subscription)
		sub.WebPush = &push.Subscription{Endpoint: w.Endpoint, P256dh: w.Keys.P256Dh, Auth: w.Keys.Auth}
	}
	d, err := s.Service.Subscribe(ctx, caller(ctx).UserID, sub)
	return SubscribePush201JSONResponse(device(d)), err
}

func device(d notification.Device) Device {
	return Device{ID: d.ID, Type: DeviceType(d.Type), Name: present(d.Name), CreatedAt: d.CreatedAt, LastUsedAt: d.LastUsedAt}
}

// ListPushDevices lists the caller's devices.
func (s *Server) ListPushDevices(ctx context.Context, _ ListPushDevicesRequestObject) (ListPushDevicesResponseObject, error) {
	list, err := s.Service.ListDevices(ctx, caller(ctx).UserID)
	out := ListPushDevices200JSONResponse{Items: make([]Device, len(list))}
	for i, d := range list {
		out.Items[i] = device(d)
	}
	return out, err
}

// RemovePushDevice forgets one of the caller's devices.
func (s *Server) RemovePushDevice(ctx context.Context, r RemovePushDeviceRequestObject) (RemovePushDeviceResponseObject, error) {
	return RemovePushDevice204Response{}, s.Service.RemoveDevice(ctx, caller(ctx).UserID, r.DeviceID)
}

// GetPushPublicKey gives the key that browsers subscribe with.
func (s *Server) GetPushPublicKey(context.Context, GetPushPublicKeyRequestObject) (GetPushPublicKeyResponseObject, error) {
	key, err := s.Service.PublicKey()
	return GetPushPublicKey200JSONResponse{PublicKey: key}, err
}

// CreateStreamTicket makes a ticket for the caller's stream.
func (s *Server) CreateStreamTicket(ctx context.Context, _ CreateStreamTicketRequestObject) (CreateStreamTicketResponseObject, error) {
	ticket, expires, err := s.Service.CreateTicket(ctx, caller(ctx))
	return CreateStreamTicket201JSONResponse{Ticket: ticket, ExpiresAt: expires}, err
}

// unsubscribePages are what a browser shows, by language: before and after.
var unsubscribePages = template.Must(template.New("").Parse(`
{{define "page"}}<!DOCTYPE html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>JobPilot</title></head>
<body style="font-family:system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;line-height:1.5"><h1>JobPilot</h1>
{{if eq .Language "de"}}{{if .Done}}<p>Sie erhalten keine E-Mails dieser Art mehr.</p>{{else}}<form method="post"><p>Keine E-Mails dieser Art mehr erhalten?</p><button name="List-Unsubscribe" value="One-Click">Abbestellen</button></form>{{end}}
{{else}}{{if .Done}}<p>You get no more mails of this kind.</p>{{else}}<form method="post"><p>Get no more mails of this kind?</p><button name="List-Unsubscribe" value="One-Click">Unsubscribe</button></form>{{end}}{{end}}
</body></html>{{end}}`))

func unsubscribePage(language string, done bool) (*bytes.Reader, int64, error) {
	var page bytes.Buffer
	err := unsubscribePages.ExecuteTemplate(&page, "page", struct {
		Language string
		Done     bool
	}{language, done})
	return bytes.NewReader(page.Bytes()), int64(page.Len()), err
}

// GetUnsubscribePage shows a button.
func (s *Server) GetUnsubscribePage(ctx context.Context, r GetUnsubscribePageRequestObject) (GetUnsubscribePageResponseObject, error) {
	language, err := s.Service.CheckUnsubscribe(ctx, r.Params.Token)
	if err != nil {
		return nil, err
	}
	page, size, err := unsubscribePage(language, false)
	return GetUnsubscribePage200TextHTMLResponse{Body: page, ContentLength: size}, err
}

// Unsubscribe ends mails of the kind that the token names.
func (s *Server) Unsubscribe(ctx context.Context, r UnsubscribeRequestObject) (UnsubscribeResponseObject, error) {
	language, err := s.Service.Unsubscribe(ctx, r.Params.Token)
	if err != nil {
		return nil, err
	}
	page, size, err := unsubscribePage(language, true)
	return Unsubscribe200TextHTMLResponse{Body: page, ContentLength: size}, err
}

// ReceiveSendgridEvents takes what SendGrid reports.
func (s *Server) ReceiveSendgridEvents(ctx context.Context, r ReceiveSendgridEventsRequestObject) (ReceiveSendgridEventsResponseObject, error) {
	list := make([]notification.Report, len(*r.Body))
	for i, e := range *r.Body {
		list[i] = notification.Report{Address: value(e.Email), Event: e.Event, Type: value(e.Type), Reason: value(e.Reason)}
	}
	return ReceiveSendgridEvents204Response{}, s.Service.ReceiveReports(ctx, r.Params.Signature, r.Params.Timestamp, requestOf(ctx).body, list)
}

// ListTemplates lists the templates in use.
func (s *Server) ListTemplates(ctx context.Context, _ ListTemplatesRequestObject) (ListTemplatesResponseObject, error) {
	list, err := s.Service.ListTemplates(ctx)
	out := ListTemplates200JSONResponse{Items: make([]TemplateSummary, len(list))}
	for i, t := range list {
		out.Items[i] = TemplateSummary{Kind: t.Kind, Language: t.Language, Version: int32(t.Version), Subject: t.Subject, CreatedAt: t.CreatedAt}
	}
	return out, err
}

// GetTemplate gives the versions of a template.
func (s *Server) GetTemplate(ctx context.Context, r GetTemplateRequestObject) (GetTemplateResponseObject, error) {
	list, err := s.Service.GetTemplate(ctx, r.Kind, r.Language)
	out := GetTemplate200JSONResponse{Items: make([]Template, len(list))}
	for i, t := range list {
		out.Items[i] = Template{
			Kind: t.Kind, Language: t.Language, Version: int32(t.Version), Subject: t.Subject, Text: t.Text, HTML: t.HTML, CreatedAt: t.CreatedAt,
		}
	}
	return out, err
}

// PreviewTemplate writes a message without sending it.
func (s *Server) PreviewTemplate(ctx context.Context, r PreviewTemplateRequestObject) (PreviewTemplateResponseObject, error) {
	w, err := s.Service.PreviewTemplate(ctx, r.Kind, r.Language, value(r.Body.Data))
	return PreviewTemplate200JSONResponse{Subject: w.Subject, Text: w.Text, HTML: w.HTML}, err
}

// DeleteUserNotifications deletes all that is held of a user.
func (s *Server) DeleteUserNotifications(ctx context.Context, r DeleteUserNotificationsRequestObject) (DeleteUserNotificationsResponseObject, error) {
	return DeleteUserNotifications204Response{}, s.Service.DeleteUser(ctx, r.UserID)
}

// GetNotificationsFootprint counts what is held of a user.
func (s *Server) GetNotificationsFootprint(ctx context.Context, r GetNotificationsFootprintRequestObject) (GetNotificationsFootprintResponseObject, error) {
	list, total, err := s.Service.GetFootprint(ctx, r.UserID)
	out := GetNotificationsFootprint200JSONResponse{Total: total, Items: make([]FootprintItem, len(list))}
	for i, f := range list {
		out.Items[i] = FootprintItem{Place: "table " + f.Table, Count: f.Count}
	}
	return out, err
}

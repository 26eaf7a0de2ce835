package e2e

import (
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// ownNotification is a notification of the owner, as far as the tables say.
func ownNotification(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO notification.notifications (id, user_id, kind, in_app, title, body, created_at)
		VALUES ($1, $2, 'announcement', true, 'Title', 'Body', now())`, id, owner.ID)
	return map[string]string{"notificationId": id}
}

func ownDevice(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO notification.device_tokens (id, user_id, type, target_hash, target_sealed, created_at, registered_at)
		VALUES ($1, $2, 'fcm', convert_to($3, 'UTF8'), '\x00', now(), now())`, id, owner.ID, id)
	return map[string]string{"deviceId": id}
}

func template(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"kind": "job.alert", "language": "en"}
}

var notificationFixtures = map[string]fixture{
	"sendNotification": {status: 202, body: func(_ *testing.T, owner *harness.User) any {
		return fieldsOf("messages", []any{fieldsOf("userIds", []string{owner.ID}, "subject", "Matrix", "text", "Text")})
	}},
	"listNotifications":        {status: 200},
	"countUnreadNotifications": {status: 200},
	"markNotificationRead":     {status: 200, path: ownNotification},
	"markAllNotificationsRead": {status: 200},
	"deleteNotification":       {status: 204, path: ownNotification},

	"getNotificationPreferences":    {status: 200},
	"updateNotificationPreferences": {status: 200, body: body("digest", "off")},

	"subscribePush":    {status: 422, body: body("type", "web_push", "subscription", fieldsOf("endpoint", "https://push.example/1", "keys", fieldsOf("p256dh", "BA", "auth", "AA")))},
	"listPushDevices":  {status: 200},
	"removePushDevice": {status: 204, path: ownDevice},
	"getPushPublicKey": {status: 200},

	"createStreamTicket":  {status: 201},
	"streamNotifications": {status: 400, query: url.Values{"ticket": {"jpt_unknown_ticket"}}},

	"getUnsubscribePage":    {status: 404, query: url.Values{"token": {"not-a-token-of-ours"}}},
	"unsubscribe":           {status: 404, query: url.Values{"token": {"not-a-token-of-ours"}}, body: body("List-Unsubscribe", "One-Click")},
	"receiveSendgridEvents": {status: 400, body: func(*testing.T, *harness.User) any { return []any{} }},

	"listTemplates":   {status: 200},
	"getTemplate":     {status: 200, path: template},
	"previewTemplate": {status: 200, path: template, body: body("data", fieldsOf("jobTitle", "Go Developer"))},

	"deleteUserNotifications":   {status: 204, path: nobody},
	"getNotificationsFootprint": {status: 200, path: nobody},
}

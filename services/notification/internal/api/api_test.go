package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/mail"
	"github.com/jobpilot/jobpilot/services/notification/internal/clients/push"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
	"github.com/jobpilot/jobpilot/services/notification/internal/streams"
)

// edge is the service behind its API, on a schema of its own.
type edge struct {
	*testkit.API
	t       testing.TB
	service *notification.Service
	streams *streams.Streams
	server  *Server
	pool    *pgxpool.Pool
	mails   chan mail.Message
	webhook *ecdsa.PrivateKey
}

func (e *edge) Send(_ context.Context, m mail.Message) error { e.mails <- m; return nil }

func newEdge(t testing.TB) *edge {
	t.Helper()
	e := &edge{t: t, pool: testkit.DB(t, "migrations/notification"), mails: make(chan mail.Message, 100)}
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("l", 32)))
	lookup, err := seal.NewLookup(key)
	must(t, err)
	webPush, err := push.NewWebPush(key, "mailto:a@jobpilot.test", push.PublicClient())
	must(t, err)
	e.webhook, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(&e.webhook.PublicKey)
	must(t, err)
	webhook, err := mail.ParseWebhookKey(base64.StdEncoding.EncodeToString(der))
	must(t, err)
	redis, _ := testkit.Redis(t)
	log := slog.New(slog.DiscardHandler)
	e.streams = streams.New(redis, prometheus.NewRegistry(), log)
	e.service = notification.New(notification.Deps{
		Pool: e.pool, Keys: testkit.SealKeys(t), Lookup: lookup, Mailer: e, WebPush: webPush, Webhook: webhook, PublicURL: "https://jobpilot.test",
		MailHost: "jobpilot.test", Log: log, Woken: e.streams.Wake,
	})
	e.streams.Use(e.service)
	cursors, err := httpx.NewCursors([]byte(strings.Repeat("c", 32)))
	must(t, err)
	e.server = &Server{Service: e.service, Streams: e.streams, Cursors: cursors, Origins: []string{"https://jobpilot.test"}}
	e.API = testkit.NewAPI(t, httpx.Options{
		Spec: Spec, Access: Access, Routes: e.server.Routes, Idempotency: httpx.NewIdempotency(e.pool, testkit.SealKeys(t)),
	})
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tell has the service tell a user something.
func (e *edge) tell(user uuid.UUID, kind string, data map[string]string) {
	e.t.Helper()
	raw, err := json.Marshal(notification.MessageSend{Kind: notification.MessageSendKind(kind), UserID: user, DedupeKey: uuid.NewString(), Data: data})
	must(e.t, err)
	ev := rabbit.Event{ID: uuid.Must(uuid.NewV7()), Type: notification.TypeMessageSend, Time: time.Now(), Data: raw}
	must(e.t, e.service.Handle(e.t.Context(), &rabbit.Message{Event: ev, Attempt: 1}))
}

const root = "/api/v1/notifications"

type page struct {
	Items      []Notification
	NextCursor string
}

func TestTheListOfAUser(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	ada, eve := e.User(t, uuid.Nil), e.User(t, uuid.Nil)
	for i := range 5 {
		e.tell(ada.ID, "announcement", map[string]string{"subject": fmt.Sprintf("No. %d", i), "text": "x"})
	}
	e.tell(ada.ID, "application.offer", map[string]string{"applicationId": uuid.NewString(), "companyName": "Example"})
	var seen []string
	query := "?limit=4"
	for {
		var p page
		ada.Do(t, "GET", root+query, nil).Want(200).JSON(&p)
		for _, n := range p.Items {
			seen = append(seen, n.Title)
		}
		if p.NextCursor == "" {
			break
		}
		e.tell(ada.ID, "announcement", map[string]string{"subject": "meanwhile", "text": "x"}) // pages stay as they are
		query = "?limit=4&cursor=" + url.QueryEscape(p.NextCursor)
	}
	if strings.Join(seen, "|") != "Example makes you an offer|No. 4|No. 3|No. 2|No. 1|No. 0" {
		t.Errorf("seen %q", seen)
	}
	ada.Do(t, "GET", root+"?limit=4&unread=true&cursor="+strings.TrimPrefix(query, "?limit=4&cursor="), nil).WantProblem(400, "invalid_cursor")
	var offers page
	ada.Do(t, "GET", root+"?kind=application.offer,application.closed&since=2020-01-01T00:00:00Z", nil).Want(200).JSON(&offers)
	if len(offers.Items) != 1 || offers.Items[0].Link == nil || !strings.HasPrefix(*offers.Items[0].Link, "https://jobpilot.test/applications/") {
		t.Fatalf("offers %+v", offers)
	}
	var none page
	if eve.Do(t, "GET", root, nil).Want(200).JSON(&none); len(none.Items) != 0 {
		t.Error("Eve sees what is Ada's")
	}
	if ada.Do(t, "GET", root+"?since=2100-01-01T00:00:00Z", nil).Want(200).JSON(&none); len(none.Items) != 0 {
		t.Error("the future is known")
	}

	id := offers.Items[0].ID.String()
	for _, path := range []string{"PATCH " + root + "/" + id + "/read", "DELETE " + root + "/" + id} {
		method, path, _ := strings.Cut(path, " ")
		eve.Do(t, method, path, nil).WantProblem(404, "not_found")
	}
	var first, again Notification
	ada.Do(t, "PATCH", root+"/"+id+"/read", nil).Want(200).JSON(&first)
	ada.Do(t, "PATCH", root+"/"+id+"/read", nil).Want(200).JSON(&again)
	if first.ReadAt == nil || !first.ReadAt.Equal(*again.ReadAt) {
		t.Errorf("read at %v, then %v", first.ReadAt, again.ReadAt)
	}
	var count struct{ Count, Marked int }
	if ada.Do(t, "GET", root+"/unread-count", nil).Want(200).JSON(&count); count.Count != 6 {
		t.Errorf("%d unread", count.Count)
	}
	e.APIKey(ada.ID, "notifications:read").Do(t, "GET", root+"/unread-count", nil).Want(200)
	if ada.Do(t, "POST", root+"/read-all", nil).Want(200).JSON(&count); count.Marked != 6 {
		t.Errorf("%d marked", count.Marked)
	}
	ada.Do(t, "DELETE", root+"/"+id, nil).Want(204)
	ada.Do(t, "DELETE", root+"/"+id, nil).WantProblem(404, "not_found")
}

func TestPreferencesOverTheAPI(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	ada := e.User(t, uuid.Nil)
	patch := func(body map[string]any, headers ...string) *testkit.Reply {
		return ada.Do(t, "PATCH", root+"/preferences", body, append(headers, "Content-Type", "application/merge-patch+json")...)
	}
	etag := ada.Do(t, "GET", root+"/preferences", nil).Want(200).Header().Get("ETag")
	var p Preferences
	r := patch(map[string]any{"quietHours": map[string]any{"enabled": true, "end": "06:30"}, "kinds": map[string]any{"job.alert": map[string]any{"push": false}}}, "If-Match", etag).Want(200)
	if r.JSON(&p); !p.QuietHours.Enabled || p.QuietHours.Start != "22:00" || p.QuietHours.End != "06:30" || p.Kinds["job.alert"].Push || !p.Kinds["job.alert"].Email {
		t.Errorf("%+v", p)
	}
	patch(map[string]any{"digest": "daily"}, "If-Match", etag).WantProblem(412, "precondition_failed")
	patch(map[string]any{"digest": "daily"}, "If-Match", r.Header().Get("ETag")).Want(200)
	for body, pointer := range map[string]string{
		`{"kinds":{"no.such":{}}}`: "#/kinds/no.such", `{"timeZone":"Mars/Olympus"}`: "#/timeZone", `{"digest":"hourly"}`: "#/digest",
		`{"quietHours":{"start":"25:00"}}`: "#/quietHours/start", `{"colour":"red"}`: "#/colour",
	} {
		var problem struct{ Errors []struct{ Pointer string } }
		ada.Do(t, "PATCH", root+"/preferences", []byte(body), "Content-Type", "application/merge-patch+json").Want(422).JSON(&problem)
		if len(problem.Errors) != 1 || problem.Errors[0].Pointer != pointer {
			t.Errorf("%s: %+v", body, problem)
		}
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	ada, eve := e.User(t, uuid.Nil), e.User(t, uuid.Nil)
	var key struct{ PublicKey string }
	e.Nobody().Do(t, "GET", root+"/push/public-key", nil).Want(200).JSON(&key)
	subscription := func(endpoint string) map[string]any {
		return map[string]any{"type": "web_push", "name": "Laptop", "subscription": map[string]any{"endpoint": endpoint, "expirationTime": nil, "keys": map[string]any{"p256dh": key.PublicKey, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}}
	}
	var d, same, moved Device
	ada.Do(t, "POST", root+"/subscribe", subscription("https://push.example/1")).Want(201).JSON(&d)
	ada.Do(t, "POST", root+"/subscribe", subscription("https://push.example/1")).Want(201).JSON(&same)
	eve.Do(t, "DELETE", root+"/devices/"+same.ID.String(), nil).WantProblem(404, "not_found")
	ada.Do(t, "POST", root+"/subscribe", subscription("http://push.example/2")).WantProblem(422, "invalid_subscription")
	ada.Do(t, "POST", root+"/subscribe", map[string]any{"type": "web_push"}).WantProblem(422, "invalid_subscription")
	ada.Do(t, "POST", root+"/subscribe", map[string]any{"type": "fcm", "token": strings.Repeat("t", 30)}).WantProblem(409, "push_not_configured")
	var list struct{ Items []Device }
	if ada.Do(t, "GET", root+"/devices", nil).Want(200).JSON(&list); len(list.Items) != 1 || !list.Items[0].CreatedAt.Equal(d.CreatedAt) {
		t.Errorf("devices %+v", list)
	}
	eve.Do(t, "POST", root+"/subscribe", subscription("https://push.example/1")).Want(201).JSON(&moved)
	if ada.Do(t, "GET", root+"/devices", nil).Want(200).JSON(&list); len(list.Items) != 0 {
		t.Error("a browser belongs to two users")
	}
	for i := range 25 {
		eve.Do(t, "POST", root+"/subscribe", subscription(fmt.Sprintf("https://push.example/many/%d", i))).Want(201)
	}
	if eve.Do(t, "GET", root+"/devices", nil).Want(200).JSON(&list); len(list.Items) != 20 {
		t.Errorf("%d devices", len(list.Items))
	}
	eve.Do(t, "DELETE", root+"/devices/"+list.Items[0].ID.String(), nil).Want(204)
}

func TestSending(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	admin, ada := e.User(t, uuid.Nil, authn.RoleAdmin), e.User(t, uuid.Nil)
	one := map[string]any{"messages": []any{
		map[string]any{"userIds": []string{ada.ID.String(), uuid.NewString()}, "subject": "S", "text": "T", "link": "https://jobpilot.test/x"},
		map[string]any{"email": "bob@example.com", "kind": "announcement", "data": map[string]string{"subject": "S", "text": "T"}},
	}}
	ada.Do(t, "POST", root+"/send", one).Want(403)
	var out SendResult
	admin.Do(t, "POST", root+"/send", one).Want(202).JSON(&out)
	var n int
	must(t, e.pool.QueryRow(t.Context(), "SELECT count(*) FROM outbox WHERE type = $1 AND queue = 'notifications'", notification.TypeMessageSend).Scan(&n))
	if out.Accepted != 3 || len(out.MessageIds) != 3 || n != 3 {
		t.Errorf("%+v, %d in the outbox", out, n)
	}
	user := []string{ada.ID.String()}
	for pointer, m := range map[string]map[string]any{
		"#/messages/0":           {"subject": "S", "text": "T"},
		"#/messages/0/kind":      {"userIds": user, "kind": "no.such"},
		"#/messages/0/link":      {"userIds": user, "subject": "S", "text": "T", "link": "https://jobpilot.test.evil.example"},
		"#/messages/0/data/link": {"userIds": user, "kind": "announcement", "data": map[string]string{"link": "https://evil.example"}},
	} {
		var problem struct{ Errors []struct{ Pointer string } }
		admin.Do(t, "POST", root+"/send", map[string]any{"messages": []any{m}}).Want(422).JSON(&problem)
		if len(problem.Errors) != 1 || problem.Errors[0].Pointer != pointer {
			t.Errorf("%s: %+v", pointer, problem)
		}
	}
	forged := map[string]any{"userIds": user, "kind": "auth.reset_password", "data": map[string]string{"link": "https://jobpilot.test/x"}}
	admin.Do(t, "POST", root+"/send", map[string]any{"messages": []any{forged}}).WantProblem(422, "invalid_message")
	many := make([]string, 1000)
	for i := range many {
		many[i] = uuid.NewString()
	}
	var batch []any
	for range 6 {
		batch = append(batch, map[string]any{"userIds": many, "subject": "S", "text": "T"})
	}
	admin.Do(t, "POST", root+"/send", map[string]any{"messages": batch}).WantProblem(422, "invalid_message")
}

func TestUnsubscribingNeedsNoLogin(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	ada := e.User(t, uuid.Nil)
	raw, err := json.Marshal(notification.MessageSend{Kind: "announcement", UserID: ada.ID, Email: "ada@example.com", Locale: "de", DedupeKey: "1", Data: map[string]string{"subject": "S", "text": "T"}})
	must(t, err)
	ev := rabbit.Event{ID: uuid.Must(uuid.NewV7()), Time: time.Now(), Data: raw}
	must(t, e.service.Handle(t.Context(), &rabbit.Message{Event: ev, Attempt: 1}))
	m := <-e.mails
	if m.Header["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click" {
		t.Errorf("header %v", m.Header)
	}
	path := strings.TrimPrefix(strings.Trim(m.Header["List-Unsubscribe"], "<>"), "https://jobpilot.test")
	announcements := func() (on bool) {
		var p Preferences
		ada.Do(t, "GET", root+"/preferences", nil).Want(200).JSON(&p)
		return p.Kinds["announcement"].Email
	}
	e.Nobody().Do(t, "GET", path, nil).Want(200)
	if !announcements() {
		t.Fatal("looking at the page unsubscribed")
	}
	for range 2 {
		e.Nobody().Do(t, "POST", path, []byte("List-Unsubscribe=One-Click"), "Content-Type", "application/x-www-form-urlencoded").Want(200)
	}
	if announcements() {
		t.Error("still subscribed")
	}
	token, _ := url.QueryUnescape(strings.TrimPrefix(path, root+"/unsubscribe?token="))
	forged, err := base64.RawURLEncoding.DecodeString(token)
	must(t, err)
	forged[len(forged)-1] ^= 1
	for _, bad := range []string{base64.RawURLEncoding.EncodeToString(forged), "AAAAAAAAAAAA", strings.Repeat("A", 100)} {
		e.Nobody().Do(t, "POST", root+"/unsubscribe?token="+bad, []byte("List-Unsubscribe=One-Click"), "Content-Type", "application/x-www-form-urlencoded").WantProblem(404, "invalid_unsubscribe_link")
	}
}

func TestReportsOfSendGrid(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	body := []byte(`[{"email":"Dead@example.com","event":"bounce","type":"bounce","sg_event_id":"x","tls":1},{"email":"angry@example.com","event":"spamreport"},{"email":"fine@example.com","event":"delivered"},{"email":"full@example.com","event":"bounce","type":"blocked"}]`)
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha256.Sum256(append([]byte(timestamp), body...))
	sig, err := ecdsa.SignASN1(rand.Reader, e.webhook, sum[:])
	must(t, err)
	post := func(body []byte) *testkit.Reply {
		return e.Nobody().Do(t, "POST", root+"/webhooks/sendgrid", body, "X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(sig), "X-Twilio-Email-Event-Webhook-Timestamp", timestamp)
	}
	post([]byte(`[]`)).WantProblem(401, "invalid_signature")
	post(body).Want(204)
	post(body).Want(204)
	var n int
	must(t, e.pool.QueryRow(t.Context(), "SELECT count(*) FROM suppressions").Scan(&n))
	if n != 2 {
		t.Errorf("%d addresses are suppressed", n)
	}
	e.tell(uuid.New(), "announcement", nil)
	for address, want := range map[string]int{"dead@example.com": 0, "fine@example.com": 1} {
		raw, err := json.Marshal(notification.MessageSend{Kind: "auth.verify_email", Email: address, DedupeKey: address})
		must(t, err)
		ev := rabbit.Event{ID: uuid.Must(uuid.NewV7()), Time: time.Now(), Data: raw}
		must(t, e.service.Handle(t.Context(), &rabbit.Message{Event: ev, Attempt: 1}))
		if len(e.mails) != want {
			t.Errorf("%s: %d mails", address, len(e.mails))
		}
		for len(e.mails) > 0 {
			<-e.mails
		}
	}
}

func TestTemplatesForAdministrators(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	admin := e.User(t, uuid.Nil, authn.RoleAdmin)
	var list struct{ Items []TemplateSummary }
	if admin.Do(t, "GET", root+"/templates", nil).Want(200).JSON(&list); len(list.Items) != 2*(len(notification.Kinds)+1) {
		t.Errorf("%d templates", len(list.Items))
	}
	admin.Do(t, "GET", root+"/templates/job.alert/de", nil).Want(200)
	admin.Do(t, "GET", root+"/templates/job.alert/fr", nil).WantProblem(404, "not_found")
	var w struct{ Subject, Text, HTML string }
	admin.Do(t, "POST", root+"/templates/job.alert/en/preview", map[string]any{"data": map[string]string{"jobTitle": "<b>Go</b>"}}).Want(200).JSON(&w)
	if w.Subject != "New job: <b>Go</b>" || strings.Contains(w.HTML, "<b>Go") {
		t.Errorf("%+v", w)
	}
	e.User(t, uuid.Nil).Do(t, "GET", root+"/templates", nil).Want(403)
}

func TestADeletedUserLeavesNothing(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	ada, orchestrator := e.User(t, uuid.Nil), e.Service("orchestrator")
	e.tell(ada.ID, "announcement", map[string]string{"subject": "S", "text": "T"})
	ada.Do(t, "PATCH", root+"/preferences", []byte(`{"digest":"daily"}`), "Content-Type", "application/merge-patch+json").Want(200)
	ada.Do(t, "POST", root+"/stream/tickets", nil).Want(201)
	path := "/internal/v1/users/" + ada.ID.String()
	var f Footprint
	if orchestrator.Do(t, "GET", path+"/footprint", nil).Want(200).JSON(&f); f.Total < 4 {
		t.Errorf("footprint %+v", f)
	}
	e.Service("job").Do(t, "DELETE", path, nil).Want(403)
	for range 2 {
		orchestrator.Do(t, "DELETE", path, nil).Want(204)
	}
	e.tell(ada.ID, "announcement", map[string]string{"subject": "late", "text": "T"})
	if orchestrator.Do(t, "GET", path+"/footprint", nil).Want(200).JSON(&f); f.Total != 0 {
		t.Errorf("footprint %+v", f)
	}
	// The mail that says so still goes out, once.
	raw, err := json.Marshal(notification.MessageSend{Kind: "auth.account_deleted", UserID: ada.ID, Email: "ada@example.com", DedupeKey: "gone"})
	must(t, err)
	ev := rabbit.Event{ID: uuid.Must(uuid.NewV7()), Time: time.Now(), Data: raw}
	for range 2 {
		must(t, e.service.Handle(t.Context(), &rabbit.Message{Event: ev, Attempt: 1}))
	}
	if len(e.mails) != 1 {
		t.Errorf("%d mails", len(e.mails))
	}
	if orchestrator.Do(t, "GET", path+"/footprint", nil).Want(200).JSON(&f); f.Total != 0 {
		t.Errorf("footprint %+v", f)
	}
}

// Package outage takes servers away from the running system that it can do
// without. Other tests share these servers, so it runs when they are through.
package outage

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

type members = map[string]any

// TestWithoutRedis: everything goes on, slower; what is withdrawn meanwhile is
// refused at once on every service, and stays so when Redis comes back with
// nothing in it.
func TestWithoutRedis(t *testing.T) {
	stays, leaves, reused, changed := harness.NewUser(t), harness.NewUser(t), harness.NewUser(t), harness.NewUser(t)
	gone := harness.NewUser(t)
	super := harness.SuperAdmin(t)
	for _, u := range []*harness.User{stays, leaves, reused, changed, gone} {
		want(t, "a session before the outage", u, true)
	}
	gone.Do(t, harness.Call{Op: "logout"}).Want(t, 204)

	start := harness.StopServer(t, "redis", harness.Env(t, "REDIS_URL"))
	want(t, "a session from before", stays, true)
	want(t, "a session that ended before", gone, false)
	later := harness.NewUser(t) // registers, verifies by mail, signs in
	want(t, "a session begun without Redis", later, true)
	want(t, "a session refreshed without Redis", later.Refreshed(t), true)

	leaves.Do(t, harness.Call{Op: "logout"}).Want(t, 204)
	want(t, "a session that ended without Redis", leaves, false)
	successor := reused.Refreshed(t)
	reused.As(harness.Credential{}).Do(t, harness.Call{Op: "refresh", Body: members{"refreshToken": reused.Refresh}}).WantProblem(t, 401, "invalid_refresh_token")
	want(t, "a session whose refresh token was reused", successor, false)
	super.Do(t, harness.Call{Op: "setUserRoles", Path: map[string]string{"userId": changed.ID}, Body: members{"roles": []string{"user", "premium"}}}).Want(t, 200)
	want(t, "a token from before a change of roles", changed, false)
	want(t, "a token from after it", changed.Refreshed(t), true)

	// Lockouts are kept in Postgres, limits in the process.
	stranger := harness.NewClient(t)
	for range 8 {
		logIn(t, stranger, stays.Email, "not the password at all").WantProblem(t, 401, "invalid_credentials")
	}
	stays.Delayed(t)
	logIn(t, stranger, stays.Email, harness.Password).WantProblem(t, 401, "invalid_credentials")
	refused := 0
	for range 40 {
		if a := later.Do(t, harness.Call{Op: "confirmOauthLink", Body: members{"linkToken": "jpl_" + strings.Repeat("A", 43)}}); a.Status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("without Redis nothing is limited")
	}
	ready(t)

	start()
	for until := time.Now().Add(4 * time.Second); time.Now().Before(until); {
		want(t, "a session from before, with Redis back", stays, true)
		for what, u := range map[string]*harness.User{"before": gone, "by logout": leaves, "by reuse": successor, "by change of roles": changed} {
			want(t, "a session that ended "+what+", with Redis back", u, false)
		}
		if t.Failed() {
			return
		}
	}
}

// want asks auth and other services, at once.
func want(t *testing.T, what string, u *harness.User, alive bool) {
	t.Helper()
	for _, op := range append([]string{"getAccount"}, harness.Elsewhere...) {
		if a := u.Do(t, harness.Call{Op: op}); alive && a.Status != 200 || !alive && a.Status != 401 {
			t.Errorf("%s: %s answers %d: %s", what, op, a.Status, a.Body)
		}
	}
}

func logIn(t *testing.T, c *harness.Client, email, password string) *harness.Answer {
	t.Helper()
	return c.Do(t, harness.Call{Op: "login", Body: members{"email": email, "password": password}})
}

// ready checks that auth takes requests as far as whoever asks its readiness is
// concerned: a replica must not be taken out for what it can do without.
func ready(t *testing.T) {
	t.Helper()
	resp, err := http.Get("http://" + harness.ServiceEnv(t, "auth")["ADMIN_ADDR"] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("readiness: %s", resp.Status)
	}
}

// TestWithoutRabbitMQ: accounts are made and used; their events and mails follow
// when the broker is back.
func TestWithoutRabbitMQ(t *testing.T) {
	queue := "e2e." + strings.ToLower(harness.NewEmail()[4:14])
	broker := func(do func(*amqp.Channel) error) {
		t.Helper()
		conn, err := amqp.Dial(harness.Env(t, "RABBITMQ_URL"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ch, err := conn.Channel()
		if err == nil {
			err = do(ch)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	broker(func(ch *amqp.Channel) error {
		if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
			return err
		}
		return ch.QueueBind(queue, "auth.user.registered", "jobpilot.events", false, nil)
	})
	start := harness.StopServer(t, "rabbitmq", harness.Env(t, "RABBITMQ_URL"))
	t.Cleanup(func() {
		start()
		broker(func(ch *amqp.Channel) error { _, err := ch.QueueDelete(queue, false, false, false); return err })
	})

	users := map[string]bool{}
	for range 10 {
		u := harness.Register(t)
		users[u.Email] = true
		logIn(t, u.Client, u.Email, harness.Password).WantProblem(t, 403, "email_not_verified")
	}
	ready(t)
	for email := range users {
		if n := len(harness.Mails(t, email)); n > 0 {
			t.Errorf("%d mails to %s without a broker", n, email)
		}
	}

	start()
	for email := range users {
		u := &harness.User{Client: harness.NewClient(t), Email: email}
		token := u.MailedToken(t, "jpv_")
		u.Do(t, harness.Call{Op: "verifyEmail", Body: members{"token": token}}).Want(t, 204)
		u.LogIn(t)
	}
	times := map[string]int{}
	testkit.Eventually(t, "the event of each registration", func() bool {
		broker(func(ch *amqp.Channel) error {
			for {
				m, ok, err := ch.Get(queue, true)
				if err != nil || !ok {
					return err
				}
				var e struct{ Data struct{ Email string } }
				if err := json.Unmarshal(m.Body, &e); err != nil {
					return err
				}
				times[e.Data.Email]++
			}
		})
		for email := range users {
			if times[email] == 0 {
				return false
			}
		}
		return true
	})
}

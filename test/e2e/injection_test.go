package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// hostile are texts that mean something to a database, a shell, a template, a
// browser, a header or a log, and are to come back as the text that they are.
var hostile = []string{
	`'; DROP TABLE users; --`,
	`" OR ""="`,
	`x') UNION SELECT password_hash FROM users--`,
	`$1; SELECT pg_sleep(10)`,
	`\'; SELECT 1; --`,
	"a\r\nSet-Cookie: admin=1\r\nX-Injected: 1\r\n\r\n<html>",
	"a\n{\"level\":\"ERROR\",\"msg\":\"forged by a client\"}",
	`<script>alert(1)</script><img src=x onerror=alert(1)>`,
	`{{7*7}}${7*7}#{7*7}<%= 7*7 %>${jndi:ldap://127.0.0.1:1/x}`,
	"$(touch /tmp/x) `id` | cat /etc/passwd && ../../../../etc/passwd",
	"%00%0d%0a%2e%2e%2f%s%n%x%p",
	"\u202eright to left\u202c \u200b zero width \ufeff",
	"𝒰𝓃𝒾𝒸ℴ𝒹ℯ 👩🏽‍💻 ﷽ Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
	`=cmd|' /C calc'!A0`,
	"\x1b[31mred\x1b[0m\x07\x08",
}

// TestHostileText puts every hostile text into every text field of every body,
// and into every text parameter: it is taken as text or refused as not valid, and
// whatever it says stays out of headers and the log.
func TestHostileText(t *testing.T) {
	t.Parallel()
	logs := map[string]*harness.Log{}
	for _, op := range harness.Operations(t) {
		if logs[op.Service] == nil {
			logs[op.Service] = harness.NewLog(t, op.Service)
		}
	}
	t.Run("everywhere", func(t *testing.T) {
		for _, op := range harness.Operations(t) {
			t.Run(op.ID, func(t *testing.T) {
				t.Parallel()
				s, n := newSender(t, op), 0
				var which, place int
				ask := func(call harness.Call) {
					// A third of the texts in each place: every service meets each of them, many times.
					if place++; (place+which)%3 > 0 {
						return
					}
					n++
					call.Op = op.ID
					if call.Path == nil {
						call.Path = s.path
					}
					query := maps.Clone(s.query)
					maps.Copy(query, call.Query)
					call.Query = query
					c := s.client(t)
					req := c.Request(t, call)
					a, err := c.Send(req)
					if err != nil {
						t.Errorf("%+v: %v", call, err)
						return
					}
					id := op.ID
					if a.Status == 404 && !op.Public() { // an address that the gateway does not know
						id = ""
					}
					if err := c.Check(t, id, req, a); err != nil {
						t.Errorf("%+v: %v", call, err)
					}
					if a.Header.Get("X-Injected") != "" || strings.Contains(fmt.Sprint(a.Header["Set-Cookie"]), "admin") {
						t.Errorf("%+v: the text became a header: %v", call, a.Header)
					}
				}
				for i, text := range hostile {
					which, place = i, 0
					if good := exampleOf(t, op); good != nil {
						_, schema := op.Body()
						textFields(schema, good, func(m members) any { return m }, func(put func(string) any) { ask(harness.Call{Body: put(text)}) })
					}
					for _, p := range op.Parameters {
						switch p.Value.In {
						case openapi3.ParameterInQuery:
							ask(harness.Call{Query: url.Values{p.Value.Name: {text}}})
						case openapi3.ParameterInPath:
							ask(harness.Call{Path: with2(s.path, p.Value.Name, text), Body: bodyOf(t, op)})
						case openapi3.ParameterInHeader, openapi3.ParameterInCookie:
							if strings.ContainsAny(text, "\r\n\x1b") { // cannot be sent; see TestHostileHeaders
								continue
							}
							name, value := p.Value.Name, text
							if p.Value.In == openapi3.ParameterInCookie {
								name, value = "Cookie", p.Value.Name+"="+text
							}
							ask(harness.Call{Header: http.Header{name: {value}}, Body: bodyOf(t, op)})
						}
					}
				}
				t.Logf("%d requests", n)
			})
		}
	})
	for service, log := range logs {
		for _, line := range log.Lines(t) { // each of which is one JSON object
			if line["msg"] == "forged by a client" {
				t.Errorf("a client wrote a line of the log of %s: %v", service, line)
			}
		}
	}
}

// exampleOf is the contract's example of a body that is an object, else nil.
func exampleOf(t *testing.T, op *harness.Operation) members {
	t.Helper()
	if op.RequestBody == nil {
		return nil
	}
	return op.Example(t)
}

// bodyOf is a body that the operation takes or refuses for what it says alone.
func bodyOf(t *testing.T, op *harness.Operation) any {
	t.Helper()
	if good := exampleOf(t, op); good != nil {
		return good
	}
	if op.RequestBody == nil {
		return nil
	}
	return []byte("[]")
}

func with2(m map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// textFields calls do for each text field of an object, with what makes a body in
// which the field holds a given text.
func textFields(schema *openapi3.Schema, good members, around func(members) any, do func(put func(string) any)) {
	for name, ref := range schema.Properties {
		s := flat(ref.Value)
		switch {
		case s.Type.Is("string"):
			do(func(text string) any { return around(with(good, name, text)) })
		case s.Type.Is("array") && s.Items != nil && flat(s.Items.Value).Type.Is("string"):
			do(func(text string) any { return around(with(good, name, []string{text})) })
		case s.Type.Is("object"):
			if inner, ok := good[name].(map[string]any); ok {
				textFields(s, inner, func(m members) any { return around(with(good, name, m)) }, do)
				for field := range inner { // free-form
					do(func(text string) any { return around(with(good, name, with(inner, field, text))) })
				}
			}
		}
	}
}

// TestHostileTextComesBack stores the hostile texts wherever text is kept and
// reads them again.
func TestHostileTextComesBack(t *testing.T) {
	t.Parallel()
	log := harness.NewLog(t, "auth")
	super := harness.SuperAdmin(t)
	for i, text := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			u := &harness.User{Client: harness.NewClient(t), Email: harness.NewEmail()}
			u.Do(t, harness.Call{Op: "register", Body: members{"email": u.Email, "password": harness.Password, "displayName": text}}).Want(t, 201)
			token := u.MailedToken(t, "jpv_")
			u.Do(t, harness.Call{Op: "verifyEmail", Body: members{"token": token}}).Want(t, 204)
			agent := strings.NewReplacer("\r", " ", "\n", " ", "\x1b", " ", "\x07", " ", "\x08", " ").Replace(text) // what a header can hold
			a := u.Do(t, harness.Call{Op: "login", Body: members{"email": u.Email, "password": harness.Password, "deviceName": clip(text, 100)},
				Header: http.Header{"User-Agent": {agent}}}).Want(t, 200)
			var r harness.LoginResult
			a.JSON(t, &r)
			u.Client = u.As(harness.Credential{Bearer: r.Tokens.AccessToken})

			var account struct{ ID, DisplayName string }
			u.Do(t, harness.Call{Op: "getAccount"}).Want(t, 200).JSON(t, &account)
			same(t, "the display name", account.DisplayName, text)
			var sessions struct {
				Items []struct{ DeviceName, UserAgent string }
			}
			u.Do(t, harness.Call{Op: "listSessions"}).Want(t, 200).JSON(t, &sessions)
			same(t, "the device's name", sessions.Items[0].DeviceName, clip(text, 100))
			same(t, "the user agent", sessions.Items[0].UserAgent, strings.TrimSpace(agent))

			name := strings.TrimSpace(clip(text, 100))
			u.Do(t, harness.Call{Op: "createApiKey", Body: members{"name": name, "scopes": []string{"account:read"}}}).Want(t, 201)
			var keys struct{ Items []struct{ Name string } }
			u.Do(t, harness.Call{Op: "listApiKeys"}).Want(t, 200).JSON(t, &keys)
			same(t, "the API key's name", keys.Items[0].Name, name)

			id := u.Passkey(t).ID
			u.Do(t, harness.Call{Op: "renamePasskey", Path: map[string]string{"passkeyId": id}, Body: members{"name": name}}).Want(t, 200)
			var passkeys struct{ Items []struct{ Name string } }
			u.Do(t, harness.Call{Op: "listPasskeys"}).Want(t, 200).JSON(t, &passkeys)
			same(t, "the passkey's name", passkeys.Items[0].Name, name)

			var user struct{ DisplayName, DisabledReason string }
			super.Do(t, harness.Call{Op: "disableUser", Path: map[string]string{"userId": account.ID}, Body: members{"reason": text}}).Want(t, 200)
			super.Do(t, harness.Call{Op: "getUser", Path: map[string]string{"userId": account.ID}}).Want(t, 200).JSON(t, &user)
			same(t, "the reason", user.DisabledReason, strings.TrimSpace(text))
			same(t, "the display name", user.DisplayName, text)

			for _, mail := range harness.Mails(t, u.Email) {
				if strings.Contains(mail.HTML, "<script>alert") || strings.Contains(mail.HTML, "<img src=x") {
					t.Errorf("the name is markup in the mail %q: %s", mail.Subject, mail.HTML)
				}
				if mail.Headers["x-injected"] != nil || mail.Headers["set-cookie"] != nil {
					t.Errorf("the name is a header of the mail %q", mail.Subject)
				}
			}
			log.Of(t, a.Header.Get("X-Request-ID"))
		})
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s came back as %q, not %q", what, got, want)
	}
}

func clip(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes])
	}
	return s
}

// TestHostileHeaders sends, byte by byte, what an HTTP library would not send.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	log := harness.NewLog(t, "auth")
	gateway, err := url.Parse(harness.Env(t, "GATEWAY_URL"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"User-Agent", "X-Request-ID", "traceparent", "Idempotency-Key", "Accept-Language", "Cookie", "Origin", "If-None-Match", "X-Forwarded-For", "X-Real-IP", "Host"} {
		for i, text := range append([]string{strings.Repeat("A", 8000), "a\x00b", "\xff\xfe", "a\rb", "a\n b"}, hostile...) {
			t.Run(fmt.Sprintf("%s %d", name, i), func(t *testing.T) {
				host := gateway.Host
				header := fmt.Sprintf("%s: %s\r\n", name, text)
				if name == "Host" {
					host, header = text, ""
				}
				conn, err := tls.DialWithDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: harness.NewIP()}}, "tcp", gateway.Host, harness.TLS(t))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n", host, header)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != http.StatusOK && resp.StatusCode/100 != 4 {
					t.Errorf("%s %s", resp.Status, body)
				}
				if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("X-Injected") != "" || !strings.HasPrefix(string(body), "{") {
					t.Errorf("the text became part of the answer: %v %s", resp.Header, body)
				}
			})
		}
	}
	for _, line := range log.Lines(t) {
		if line["msg"] == "forged by a client" {
			t.Errorf("a client wrote a line of the log: %v", line)
		}
	}
}

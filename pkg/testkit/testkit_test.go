package testkit_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func Example() {
	tb, end := testkit.Example()
	defer end()
	db := testkit.Schema(tb, `CREATE TABLE greetings (text text)`)
	_, err := db.Exec(tb.Context(), `INSERT INTO greetings VALUES ('hello')`)
	if err != nil {
		tb.Fatal(err)
	}
	var text string
	testkit.Eventually(tb, "the greeting is there", func() bool {
		return db.QueryRow(tb.Context(), `SELECT text FROM greetings`).Scan(&text) == nil
	})
	fmt.Println(text)
	// Output: hello
}

// watched is a test whose failures are looked at instead of reported.
type watched struct {
	testing.TB
	failures []string
}

func (w *watched) Helper() {}
func (w *watched) Errorf(format string, args ...any) {
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

const contract = `
openapi: 3.0.3
info: {title: Things, version: 1.0.0}
paths:
  /things/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema: {type: object, required: [n], additionalProperties: false, properties: {n: {type: integer}}}
`

func TestContractNoticesWhatItDoesNotSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, contentType, body, want string
		status                        int
	}{
		"as it says":         {"/things/1", "application/json", `{"n":1}`, "", 200},
		"another type":       {"/things/1", "application/json", `{"n":"x"}`, "breaks the contract", 200},
		"missing":            {"/things/1", "application/json", `{}`, "breaks the contract", 200},
		"unknown property":   {"/things/1", "application/json", `{"n":1,"m":2}`, "breaks the contract", 200},
		"other content type": {"/things/1", "text/html", `{"n":1}`, "breaks the contract", 200},
		"other status":       {"/things/1", "application/json", `{"n":1}`, "breaks the contract", 404},
		"other path":         {"/other", "application/json", `{"n":1}`, "not in the contract", 200},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.contentType)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		w := &watched{TB: t}
		res, err := testkit.NewContract(w, []byte(contract)).Client().Get(server.URL + c.path)
		server.Close()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(body) != c.body || err != nil {
			t.Errorf("%s: the caller reads %q, %v", name, body, err)
		}
		if got := strings.Join(w.failures, "\n"); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: failures %q, want %q", name, got, c.want)
		}
	}
}

func TestSeedIsTakenFromTheEnvironment(t *testing.T) {
	t.Setenv("TEST_SEED", "7")
	if a, b := testkit.Rand(t).Uint64(), testkit.Rand(t).Uint64(); a != b {
		t.Error("the same seed gives different numbers")
	}
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	to := fmt.Sprintf("ada-%d@example.com", testkit.Seed(t))
	catcher, err := url.Parse(testkit.Env(t, "SMTP_URL"))
	if err != nil {
		t.Fatal(err)
	}
	text := "From: noreply@example.com\r\nTo: " + to + "\r\nSubject: Verify your address\r\n\r\nFollow this link.\r\n"
	if err := smtp.SendMail(catcher.Host, nil, "noreply@example.com", []string{to}, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if m := testkit.WaitMail(t, to, "Verify"); !strings.Contains(m.Text, "Follow this link.") || m.From[0].Address != "noreply@example.com" {
		t.Errorf("%+v", m)
	}
}

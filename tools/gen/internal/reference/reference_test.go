package reference

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/tools/gen/internal/contract"
)

func write(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// house is a repository with a service whose Config embeds one of pkg/.
func house(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "pkg/obs/obs.go", "package obs\n\ntype Config struct {\n\t// LogLevel is how much is written.\n\tLogLevel string `env:\"LOG_LEVEL\" envDefault:\"info\"`\n}\n")
	write(t, root, "services/job/config.go", `package main

import "github.com/jobpilot/jobpilot/pkg/obs"

type Config struct {
	obs.Config

	// BaseURL is a|b, and BaseURL again.
	BaseURL string `+"`env:\"BASE_URL,required\" example:\"https://a\"`"+`
	Cache   Cache  `+"`envPrefix:\"CACHE_\"`"+`
	// Few and Many bound a page.
	Few  int `+"`env:\"FEW\" envDefault:\"1\"`"+`
	Many int `+"`env:\"MANY\"`"+`

	derived string
}

type Cache struct {
	TTL string `+"`env:\"TTL\" envDefault:\"1m\"`"+` // TTL is how long.
}
`)
	write(t, root, "deploy/nginx/gateway.env", "# Where it listens.\n# And more.\nGATEWAY_HTTP=:80\nGATEWAY_HTTPS=\n")
	return root
}

func TestConfigListsEveryVariable(t *testing.T) {
	data, err := Config(house(t), []string{"job"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `LOG_LEVEL` | `info` | `LOG_LEVEL` is how much is written. |  |",
		"| `BASE_URL` | **required** | `BASE_URL` is a\\|b, and `BASE_URL` again. | `https://a` |",
		"| `CACHE_TTL` | `1m` | `CACHE_TTL` is how long. |  |",
		"| `FEW` | `1` | `FEW` and `MANY` bound a page. |  |",
		"| `MANY` | none | `FEW` and `MANY` bound a page. |  |",
		"| `GATEWAY_HTTP` | `:80` | Where it listens. And more. |",
		"| `GATEWAY_HTTPS` |  | as above |",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is missing in\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "derived") {
		t.Error("a field that is no variable is listed")
	}
}

func TestExampleHasEachVariableOnce(t *testing.T) {
	root := house(t)
	write(t, root, "services/ai/config.go", "package main\n\ntype Config struct {\n\t// BaseURL is elsewhere.\n\tBaseURL string `env:\"BASE_URL\"`\n}\n")
	data, err := Example(root, []string{"ai", "job"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(data), "BASE_URL=") != 1 || !strings.Contains(string(data), "(ai, job)") {
		t.Errorf("%s", data)
	}
}

func TestAPIShowsEachPublicOperation(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"user.yaml", "notification.yaml"} {
		data, err := os.ReadFile("../../testdata/api/openapi/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, root, filepath.Join(contract.Dir, name), string(data))
	}
	common, err := os.ReadFile("../../../../api/openapi/common.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, filepath.Join(contract.Dir, "common.yaml"), string(common))
	all, err := contract.LoadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	data, err := API(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### createThing", "`POST /api/v1/things` — Make a thing.", "Who: users, step-up. Rate class: write. Body: at most 128 KiB.",
		"| [listThings](#listthings) | `GET /api/v1/things` | users, API keys with `things:read` | read |",
		"| introspectThing | `GET /internal/v1/things/{thingId}` | services: notification | internal |",
		"| `limit` | query | integer", "\"name\": \"Lamp\"", "**409** There is one of that name.",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(string(data), "### introspectThing") {
		t.Error("an internal operation is described to integrators")
	}
}

func TestSchemaFollowsTheMigrations(t *testing.T) {
	root := t.TempDir()
	write(t, root, "migrations/shop/00001_a.sql", `-- +goose Up

-- Orders, one each.
-- They stay.
CREATE TABLE orders (
    id     uuid PRIMARY KEY,
    state  text NOT NULL DEFAULT '--new' -- where it is
        CHECK (state IN ('a', 'b')),
    note   text,                         -- what the buyer said
                                         -- and meant
    UNIQUE (id, state),
    CHECK (state <> 'a'
        OR note IS NULL)
) WITH (fillfactor = 80);
CREATE INDEX orders_state ON orders (state)
    WHERE note IS NULL;
CREATE INDEX orders_note ON orders (note);
CREATE TABLE gone (
    id uuid
);

-- +goose StatementBegin
CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
CREATE TABLE inner_table (
    id uuid
);
END $$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE orders;
`)
	write(t, root, "migrations/shop/00002_b.sql", `-- +goose Up
ALTER TABLE orders ADD COLUMN weight integer NOT NULL DEFAULT 0; -- in grams
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
DROP INDEX orders_note;
DROP TABLE gone;
`)
	data, err := Schema(root)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(data), "\n## ")
	want := `shop

### orders

Orders, one each. They stay.

| column | definition | meaning |
|---|---|---|
| ` + "`id` | `uuid PRIMARY KEY`" + ` |  |
| ` + "`state` | `text NOT NULL DEFAULT '--new' CHECK (state IN ('a', 'b'))`" + ` | where it is |
| ` + "`weight` | `integer NOT NULL DEFAULT 0`" + ` | in grams |

- ` + "`UNIQUE (id, state)`" + `
- ` + "`CHECK (state <> 'a' OR note IS NULL)`" + `

- ` + "`CREATE INDEX orders_state ON orders (state) WHERE note IS NULL`" + `

- ` + "`ALTER TABLE orders ALTER COLUMN state DROP DEFAULT`" + `
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

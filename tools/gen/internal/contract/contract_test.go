package contract

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository lays out a repository with the real common.yaml and the given contract of the service user.
func repository(t *testing.T, contract string) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, Dir), 0o755))
	common, err := os.ReadFile("../../../../api/openapi/common.yaml")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, Dir, commonFile), common, 0o644))
	must(t, os.WriteFile(filepath.Join(root, Dir, "user.yaml"), []byte(contract), 0o644))
	return root
}

func sample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/api/openapi/user.yaml")
	must(t, err)
	return string(data)
}

func loadOne(t *testing.T, contract string) *Contract {
	t.Helper()
	all, err := LoadAll(repository(t, contract))
	must(t, err)
	return all[0]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestContractsOfTheRepositoryAreClean(t *testing.T) {
	all, err := LoadAll("../../../..")
	must(t, err)
	for _, f := range Lint(all) {
		t.Error(f)
	}
}

// Each fault is the clean sample with one change.
func TestLintNamesEachFault(t *testing.T) {
	if faults := Lint([]*Contract{loadOne(t, sample(t))}); len(faults) > 0 {
		t.Fatalf("the sample is not clean: %v", faults)
	}
	const things = "/paths/~1api~1v1~1things"
	for _, c := range []struct{ name, from, to, pointer, message string }{
		{"no id", "      operationId: listThings\n", "", things + "/get/operationId", `operationId ""`},
		{"id not camelCase", "operationId: listThings", "operationId: list_things", things + "/get/operationId", "camelCase"},
		{"no summary", "      summary: List things\n", "", things + "/get/summary", "summary is missing"},
		{"unknown extension", "x-rate-class: read", "x-rate-class: read\n      x-rate: 3", things + "/get/x-rate", "not known"},
		{"no rate class", "      x-rate-class: read\n", "", things + "/get/x-rate-class", "choose one of"},
		{"rate class of insiders", "x-rate-class: read", "x-rate-class: internal", things + "/get/x-rate-class", "goes with x-internal"},
		{"no permission", "      x-permission: {role: user, stepUp: true}\n", "", things + "/post/x-permission", "x-permission is missing"},
		{"unknown role", "{role: user, stepUp: true}", "{role: root, stepUp: true}", things + "/post/x-permission/role", "choose one of"},
		{"unknown word", "{role: user, stepUp: true}", "{role: user, stepup: true}", things + "/post/x-permission/stepup", "not \"stepup\""},
		{"step-up of a key", `scope: "things:read"}`, `scope: "things:read", stepUp: true}`, things + "/get/x-permission", "cannot step up"},
		{"scope without key", "security: [{bearerAuth: []}, {apiKeyAuth: []}]", "security: [{bearerAuth: []}]", things + "/get/security", "a scope goes with"},
		{"public with token", "security: []\n      x-permission: {role: none}\n      x-rate-class: search", "security: [{bearerAuth: []}]\n      x-permission: {role: none}\n      x-rate-class: search", things + "~1search/get/security", "role none"},
		{"token without security", "security: [{bearerAuth: []}]\n      x-permission: {role: user", "security: []\n      x-permission: {role: user", things + "/post/security", "takes an access token"},
		{"owner of nothing", "{role: user, stepUp: true}", "{role: user, owner: true}", things + "/post/x-permission/owner", "does not have"},
		{"services from outside", "{role: user, stepUp: true}", "{role: user, services: [ai]}", things + "/post/x-permission", "only internal"},
		{"internal for users", "{role: none, services: [notification]}", "{role: user}", "/paths/~1internal~1v1~1things~1{thingId}/get/x-permission", "for services"},
		{"internal unmarked", "      x-internal: true\n", "", "/paths/~1internal~1v1~1things~1{thingId}/get/x-internal", "disagree"},
		{"path elsewhere", "  /api/v1/entry:", "  /v2/entry:", "/paths/~1v2~1entry", "begin with"},
		{"path in capitals", "  /api/v1/entry:", "  /api/v1/Entry/:", "/paths/~1api~1v1~1Entry~1", "kebab-case"},
		{"no idempotency key", "      parameters:\n        - $ref: common.yaml#/components/parameters/IdempotencyKey\n        - name", "      parameters:\n        - name", things + "/post/parameters", "Idempotency-Key"},
		{"no example", "            example: &new {name: Lamp}\n", "            x-new: &new {name: Lamp}\n", things + "/post/requestBody/content/application~1json", "example is missing"},
		{"example of another kind", "&new {name: Lamp}", "&new {name: 3}", things + "/post/requestBody/content/application~1json/example", "/name"},
		{"example with a broken id", "example: {items: [{id: 0198c0de-7a11-7cc3-98c4-dc0c0c07398f", "example: {items: [{id: zero", things + "/get/responses/200/content/application~1json/example", "/items/0/id"},
		{"endless string", "q, in: query, required: true, schema: {type: string, minLength: 1, maxLength: 100}", "q, in: query, required: true, schema: {type: string}", things + "~1search/get/parameters/0/schema", "maxLength"},
		{"endless list", "          maxItems: 100\n", "", "/components/schemas/ThingPage/properties/items", "maxItems"},
		{"open request", "    NewThing:\n      type: object\n      additionalProperties: false\n", "    NewThing:\n      type: object\n", "/components/schemas/NewThing", "additionalProperties"},
		{"default answer", `"201":`, "default:", things + "/post/responses/default", "name each status"},
		{"patch of another kind", "    put:\n", "    patch:\n", things + "~1{thingId}/patch/requestBody", "merge patch"},
		{"only refusals", "        \"204\": {description: Changed.}", "        \"404\": {$ref: common.yaml#/components/responses/NotFound}", things + "~1{thingId}/put/responses", "no answer"},
		{"problem of another kind", "            application/problem+json:\n", "            application/json:\n", things + "/post/responses/409", "application/problem+json"},
		{"two of one id", "operationId: enter", "operationId: getThing", "/paths/~1api~1v1~1entry/post/operationId", "unique"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := sample(t)
			if strings.Count(text, c.from) == 0 {
				t.Fatalf("the sample does not hold %q", c.from)
			}
			faulty := strings.Replace(text, c.from, c.to, 1)
			all, err := LoadAll(repository(t, faulty))
			if c.name == "two of one id" || c.name == "no id" { // kin-openapi may notice first
				if err != nil {
					return
				}
			}
			must(t, err)
			faults := Lint(all)
			i := slices.IndexFunc(faults, func(f FaultError) bool { return f.Pointer == c.pointer && strings.Contains(f.Message, c.message) })
			if i < 0 {
				t.Fatalf("want %s: …%s…; got %v", c.pointer, c.message, faults)
			}
			if f := faults[i]; f.File != Dir+"/user.yaml" || f.Line == 0 {
				t.Errorf("%s: no place", f.Error())
			}
		})
	}
}

func TestBundleAddsTheAnswersThatFollow(t *testing.T) {
	c := loadOne(t, sample(t))
	for id, want := range map[string]string{
		"listThings":      "200 400 401 403 414 422 429 500 503",
		"createThing":     "201 400 401 403 409 413 415 422 429 500 503",
		"getThing":        "200 400 404 414 422 429 500 503",
		"replaceThing":    "204 400 401 403 404 412 413 414 415 422 429 500 503",
		"describeThings":  "200 400 429 500 503",
		"introspectThing": "200 400 401 403 404 414 422 429 500 503",
	} {
		i := slices.IndexFunc(c.Operations, func(o *Operation) bool { return o.ID == id })
		var got []string
		for status := range c.Operations[i].Spec.Responses.Map() {
			got = append(got, status)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s answers %s, want %s", id, got, want)
		}
	}
	// Its own answer stays.
	i := slices.IndexFunc(c.Operations, func(o *Operation) bool { return o.ID == "createThing" })
	if d := *c.Operations[i].Spec.Responses.Value("409").Value.Description; d != "There is one of that name." {
		t.Errorf("409: %s", d)
	}
}

func TestBundleIsSelfContainedAndRepeatable(t *testing.T) {
	root := repository(t, sample(t))
	var first []byte
	for range 5 {
		all, err := LoadAll(root)
		must(t, err)
		data, err := all[0].YAML()
		must(t, err)
		if strings.Contains(string(data), commonFile+"#") {
			t.Fatal("the bundle refers to common.yaml")
		}
		if first != nil && string(first) != string(data) {
			t.Fatal("two runs differ")
		}
		first = data
	}
}

func TestBundleRefusesReferencesThatGoNowhere(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"common.yaml#/components/schemas/Cursor", "common.yaml#/components/schemas/Curser", "has no components/schemas/Curser"},
		{"common.yaml#/components/schemas/Cursor", "other.yaml#/Cursor", "refer to #/components/"},
		{"    Inside:\n", "    Problem: {type: string, maxLength: 1}\n    Inside:\n", "is defined here and in common.yaml"},
		{"x-body-limit: 128KiB", "x-body-limit: lots", "write a number of KiB or MiB"},
	} {
		_, err := LoadAll(repository(t, strings.Replace(sample(t), c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}

func TestPublicFormHidesInternalOperations(t *testing.T) {
	data, err := loadOne(t, sample(t)).PublicYAML()
	must(t, err)
	for _, secret := range []string{"/internal/", "introspectThing", "Inside", "serviceKeyAuth", "X-Service-Key"} {
		if strings.Contains(string(data), secret) {
			t.Errorf("%s is in the public document", secret)
		}
	}
	if !strings.Contains(string(data), "createThing") {
		t.Error("createThing is missing")
	}
}

func TestCodegenFormHasOnlyWhatHandlersDecide(t *testing.T) {
	data, err := loadOne(t, sample(t)).CodegenYAML()
	must(t, err)
	for _, noise := range []string{problemMedia, "Idempotency-Key", "components/parameters"} {
		if strings.Contains(string(data), noise) {
			t.Errorf("%s is in the document for code generation", noise)
		}
	}
}

func TestAccessHasARuleForEachOperation(t *testing.T) {
	c := loadOne(t, sample(t))
	data, err := c.Access()
	must(t, err)
	for _, want := range []string{
		`"listThings":      {Role: authn.RoleUser, Scope: "things:read"},`,
		`"createThing":     {Role: authn.RoleUser, StepUp: true},`,
		`"getThing":        {Role: authn.RoleNone},`,
		`"replaceThing":    {Role: authn.RoleAdmin, Owner: true},`,
		`"introspectThing": {Services: []string{"notification"}},`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is missing in\n%s", want, data)
		}
	}
	for _, o := range c.Operations {
		if !strings.Contains(string(data), `"`+o.ID+`":`) {
			t.Errorf("%s has no rule", o.ID)
		}
	}
}

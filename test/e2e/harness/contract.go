package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// Operation is one operation of a contract.
type Operation struct {
	*openapi3.Operation
	ID, Method, Path string
	Service          string // that answers it
	Internal         bool   // under /internal: not routed by the gateway
	RateClass        string
	Role             string // the lowest role; "none" is public, unless Services is set
	Scope            string // an API key with it may call
	Owner, StepUp    bool
	Services         []string // internal operations: who may call

	spec *openapi3.T
}

// Takes reports whether the operation's security names a scheme, such as "apiKeyAuth".
func (o *Operation) Takes(scheme string) bool {
	for _, requirement := range *o.Security {
		if _, ok := requirement[scheme]; ok {
			return true
		}
	}
	return false
}

// Public reports whether anyone may call.
func (o *Operation) Public() bool { return o.Role == "none" && len(o.Services) == 0 }

// Body is the media type and the schema of the operation's body; "" for none. Of
// several types it is the first of the alphabet, which is JSON where there is JSON.
func (o *Operation) Body() (mediaType string, schema *openapi3.Schema) {
	if o.RequestBody == nil {
		return "", nil
	}
	content := o.RequestBody.Value.Content
	mediaType = slices.Min(slices.Collect(maps.Keys(content)))
	return mediaType, content[mediaType].Schema.Value
}

// JSON reports whether the operation takes a JSON body.
func (o *Operation) JSON() bool {
	media, _ := o.Body()
	return strings.HasSuffix(media, "json")
}

// BodyLimit is the size in bytes that a body may have.
func (o *Operation) BodyLimit(t testing.TB) int {
	t.Helper()
	text, ok := o.Extensions["x-body-limit"].(string)
	if !ok {
		return 64 << 10
	}
	number, unit := strings.TrimRight(text, "KMiB"), strings.TrimLeft(text, "0123456789")
	n, err := strconv.Atoi(number)
	shift := map[string]int{"KiB": 10, "MiB": 20}[unit]
	if err != nil || shift == 0 {
		t.Fatalf("%s: x-body-limit %q", o.ID, text)
	}
	return n << shift
}

// Example is a copy of the contract's example of the body; nil where that is no object.
func (o *Operation) Example(t testing.TB) map[string]any {
	t.Helper()
	media, _ := o.Body()
	raw, err := json.Marshal(o.RequestBody.Value.Content[media].Example)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if json.Unmarshal(raw, &body) != nil {
		return nil
	}
	return body
}

var contracts struct {
	sync.Mutex
	operations []*Operation
}

// Operations are those of all services' contracts, by id.
func Operations(t testing.TB) []*Operation {
	t.Helper()
	contracts.Lock()
	defer contracts.Unlock()
	if contracts.operations == nil {
		files, err := filepath.Glob(filepath.Join(testkit.Root(t), "services/*/internal/api/openapi.gen.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no bundled contract (%v); run make generate", err)
		}
		for _, file := range files {
			service := strings.Split(strings.TrimPrefix(file, testkit.Root(t)+"/"), "/")[1]
			contracts.operations = append(contracts.operations, readContract(t, file, service)...)
		}
		slices.SortFunc(contracts.operations, func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
	}
	return contracts.operations
}

// Services are those that have a contract, by name.
func Services(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, o := range Operations(t) {
		names = append(names, o.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Op finds an operation by its id.
func Op(t testing.TB, id string) *Operation {
	t.Helper()
	for _, o := range Operations(t) {
		if o.ID == id {
			return o
		}
	}
	t.Fatalf("no contract has an operation %s", id)
	return nil
}

func readContract(t testing.TB, file, service string) []*Operation {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	forbidUnknown(spec)
	var list []*Operation
	for path, item := range spec.Paths.Map() {
		for method, o := range item.Operations() {
			o.Parameters = append(slices.Clone(item.Parameters), o.Parameters...)
			op := &Operation{Operation: o, ID: o.OperationID, Method: method, Path: path, Service: service,
				Internal: strings.HasPrefix(path, "/internal/"), spec: spec}
			if o.Security == nil {
				t.Fatalf("%s names no security", op.ID)
			}
			op.RateClass, _ = o.Extensions["x-rate-class"].(string)
			raw, err := json.Marshal(o.Extensions["x-permission"])
			if err != nil {
				t.Fatal(err)
			}
			var rule struct {
				Role, Scope   string
				Owner, StepUp bool
				Services      []string
			}
			if err := json.Unmarshal(raw, &rule); err != nil || rule.Role == "" {
				t.Fatalf("%s: x-permission %s: %v", op.ID, raw, err)
			}
			op.Role, op.Scope, op.Owner, op.StepUp, op.Services = rule.Role, rule.Scope, rule.Owner, rule.StepUp, rule.Services
			list = append(list, op)
		}
	}
	return list
}

// forbidUnknown makes answers with fields that the contract does not name
// faults: they are how data leaks.
func forbidUnknown(spec *openapi3.T) {
	no := false
	for _, ref := range spec.Components.Schemas {
		s := ref.Value
		if len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = &no
		}
	}
}

var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,128}$`)

// check holds an answer against the operation's contract and against what all
// answers have in common.
func (o *Operation) check(req *http.Request, a *Answer) error {
	faults := []error{a.common()}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, Route: &routers.Route{Spec: o.spec, Path: o.Path, Method: o.Method, Operation: o.Operation},
		},
		Status: a.Status, Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.Body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, SchemaValidationOptions: formats},
	}
	if a.Status == http.StatusNotModified { // of every GET with an ETag (RFC 9110 §15.4.5)
		return errors.Join(append(faults, emptyBody(a))...)
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		faults = append(faults, err)
	}
	if documented := o.Responses.Status(a.Status); documented != nil && len(documented.Value.Content) == 0 {
		faults = append(faults, emptyBody(a))
	}
	return errors.Join(faults...)
}

func emptyBody(a *Answer) error {
	if len(a.Body) > 0 {
		return fmt.Errorf("a body where there should be none: %s", a.Body)
	}
	return nil
}

// common checks what every answer has, whoever gave it.
func (a *Answer) common() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	id := a.Header.Get("X-Request-ID")
	if len(a.Header.Values("X-Request-ID")) != 1 || !requestID.MatchString(id) {
		fault("X-Request-ID is %q", a.Header.Values("X-Request-ID"))
	}
	if a.Status >= 400 {
		var p Problem
		media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
		dec := json.NewDecoder(bytes.NewReader(a.Body))
		dec.DisallowUnknownFields()
		switch err := dec.Decode(&p); {
		case media != "application/problem+json" || err != nil:
			fault("not a problem document (%v): %s %s", err, a.Header.Get("Content-Type"), a.Body)
		case p.RequestID != id && a.Header.Get("Idempotency-Replayed") == "": // else it names the request that did the work
			fault("request %s is called %s in its problem document", id, p.RequestID)
		case p.Status != a.Status || p.RequestID == "" || p.Code == "" || p.Title == "" || p.Detail == "":
			fault("problem document of request %s with status %d says %s", id, a.Status, a.Body)
		}
	}
	if len(a.Header.Values("Cache-Control")) != 1 {
		fault("Cache-Control is %q", a.Header.Values("Cache-Control"))
	}
	for _, name := range []string{"Server", "X-Powered-By"} {
		if v := a.Header.Get(name); strings.ContainsAny(v, "0123456789/") {
			fault("%s tells a version: %q", name, v)
		}
	}
	return errors.Join(faults...)
}

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"requestId"`
	Errors    []struct {
		Pointer string `json:"pointer"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
}

var formats = []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
	"uuid": openapi3.NewCallbackValidator(func(s string) error {
		if len(s) != 36 {
			return errors.New("not 36 characters")
		}
		_, err := uuid.Parse(s)
		return err
	}),
	"email": openapi3.NewRegexpFormatValidator(`^[^@\s]+@[^@\s]+\.[^@\s]+$`),
	// In UTC, as DESIGN §2 has it.
	"date-time": openapi3.NewRegexpFormatValidator(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`),
})}

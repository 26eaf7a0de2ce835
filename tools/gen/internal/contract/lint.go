package contract

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

var (
	camelCase = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	// Literal segments are in kebab-case, parameters in camelCase.
	pathSegment = regexp.MustCompile(`^([a-z0-9.-]+|\{[a-z][a-zA-Z0-9]*\})$`)
	prefixes    = []string{"/api/v1/", "/internal/v1/", "/.well-known/"}
	extensions  = []string{"x-permission", "x-rate-class", "x-body-limit", "x-internal", "x-websocket"}
)

// Lint checks the contracts against this project's rules (docs/adr/0010-contracts.md) and returns every
// fault, in the order of the files.
func Lint(all []*Contract) []FaultError {
	var faults []FaultError
	owner := map[string]*Operation{}
	routes := map[string]string{}
	for _, c := range all {
		l := &linter{c: c, seen: map[string]bool{}}
		for _, o := range c.Operations {
			if other := owner[o.ID]; other != nil && o.ID != "" {
				l.fault(o.Pointer+"/operationId", "operationId %q is also %s %s; ids are unique across all services", o.ID, other.Method, other.Path)
			}
			owner[o.ID] = o
			// Each service has internal paths of its own: their callers name it. The gateway's are one space.
			if route := o.Method + " " + o.Path; !o.Internal {
				if routes[route] != "" {
					l.fault(o.Pointer, "%s is also in the contract of %s", route, routes[route])
				}
				routes[route] = c.Service
			}
			l.operation(o)
		}
		for name, s := range c.Doc.Components.Schemas {
			l.schema(s, Pointer("components", "schemas", name), false)
		}
		slices.SortStableFunc(l.faults, func(a, b FaultError) int {
			if d := strings.Compare(a.File, b.File); d != 0 {
				return d
			}
			if d := a.Line - b.Line; d != 0 {
				return d
			}
			return strings.Compare(a.Message, b.Message)
		})
		faults = append(faults, l.faults...)
	}
	return faults
}

type linter struct {
	c      *Contract
	faults []FaultError
	seen   map[string]bool
}

func (l *linter) fault(pointer, format string, args ...any) {
	f := l.c.fault(pointer, format, args...)
	if _, here := at(l.c.source, pointer); !here {
		if n, shared := at(l.c.common, pointer); shared {
			f.File, f.Line = Dir+"/"+commonFile, n.Line
		}
	}
	if !slices.Contains(l.faults, f) {
		l.faults = append(l.faults, f)
	}
}

func (l *linter) operation(o *Operation) {
	p, spec := o.Pointer, o.Spec
	if !camelCase.MatchString(o.ID) {
		l.fault(p+"/operationId", "operationId %q: name the operation in camelCase, as in addSkill", o.ID)
	}
	if strings.TrimSpace(spec.Summary) == "" {
		l.fault(p+"/summary", "summary is missing: say in a line what the operation does")
	}
	for name := range spec.Extensions {
		if strings.HasPrefix(name, "x-") && !slices.Contains(extensions, name) {
			l.fault(p+Pointer(name), "%s is not known; operations have %s", name, strings.Join(extensions, ", "))
		}
	}
	if !slices.Contains(RateClasses, o.RateClass) {
		l.fault(p+"/x-rate-class", "x-rate-class is %q; choose one of %s", o.RateClass, strings.Join(RateClasses, ", "))
	}
	l.path(o)
	l.permission(o)
	l.parameters(o)
	l.body(o)
	l.answers(o)
}

func (l *linter) path(o *Operation) {
	known := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(o.Path, prefix) })
	if !known {
		l.fault(Pointer("paths", o.Path), "paths begin with one of %s", strings.Join(prefixes, " "))
		return
	}
	for _, s := range strings.Split(o.Path, "/")[1:] {
		if !pathSegment.MatchString(s) {
			l.fault(Pointer("paths", o.Path), "segment %q: write words in kebab-case and parameters as {camelCase}, without a final slash", s)
		}
	}
	if internal := strings.HasPrefix(o.Path, "/internal/"); internal != o.Internal {
		l.fault(o.Pointer+"/x-internal", "x-internal is for /internal/v1, and everything below it has it: here the path and x-internal disagree")
	}
	if internal := o.RateClass == "internal"; internal != o.Internal {
		l.fault(o.Pointer+"/x-rate-class", "x-rate-class internal goes with x-internal, and the other way round")
	}
}

func (l *linter) permission(o *Operation) {
	p, perm := o.Pointer+"/x-permission", o.Permission
	raw, _ := o.Spec.Extensions["x-permission"].(map[string]any)
	if raw == nil {
		l.fault(p, "x-permission is missing: say who may call, such as {role: user}")
		return
	}
	for key := range raw {
		if !slices.Contains([]string{"role", "scope", "owner", "stepUp", "services"}, key) {
			l.fault(p+Pointer(key), "x-permission has role, scope, owner, stepUp and services, not %q", key)
		}
	}
	uses := func(scheme string) bool {
		return slices.ContainsFunc(o.Security, func(s []string) bool { return slices.Contains(s, scheme) })
	}
	security := o.Pointer + "/security"
	if o.Internal {
		if len(perm.Services) == 0 || perm.Role != "none" || perm.Scope != "" || perm.StepUp {
			l.fault(p, "internal operations are for services: write {role: none, services: […]}")
		}
		if len(o.Security) != 1 || !uses("serviceKeyAuth") {
			l.fault(security, "internal operations have security [{serviceKeyAuth: []}]")
		}
		return
	}
	if !slices.Contains(Roles, perm.Role) {
		l.fault(p+"/role", "role is %q; choose one of %s", perm.Role, strings.Join(Roles, ", "))
	}
	if len(perm.Services) > 0 || uses("serviceKeyAuth") {
		l.fault(p, "only internal operations are for services")
	}
	if o.Spec.Security == nil {
		l.fault(security, "security is missing: write [] for a public operation")
	}
	switch public := perm.Role == "none"; {
	case public && (uses("bearerAuth") || uses("apiKeyAuth") || perm.Scope != "" || perm.Owner || perm.StepUp):
		l.fault(security, "an operation with role none asks for no token: its security is [], and it has no scope, owner or stepUp")
	case !public && !uses("bearerAuth"):
		l.fault(security, "an operation with role %s takes an access token: add {bearerAuth: []} to its security", perm.Role)
	}
	if keys := uses("apiKeyAuth"); keys != (perm.Scope != "") {
		l.fault(security, "a scope goes with {apiKeyAuth: []} in security, and the other way round")
	}
	if perm.StepUp && perm.Scope != "" {
		l.fault(p, "API keys cannot step up: an operation has stepUp or a scope")
	}
	if perm.Owner && !strings.Contains(o.Path, "{") {
		l.fault(p+"/owner", "owner speaks of a path parameter, which this path does not have")
	}
}

func (l *linter) parameters(o *Operation) {
	idempotent := false
	index := 0
	for _, ref := range slices.Concat(o.Item.Parameters, o.Spec.Parameters) {
		param := ref.Value
		idempotent = idempotent || param.In == openapi3.ParameterInHeader && param.Name == "Idempotency-Key"
		pointer := o.Pointer + Pointer("parameters", strconv.Itoa(index))
		if ref.Ref != "" {
			pointer = strings.TrimPrefix(ref.Ref, "#")
		}
		index++
		if param.Schema == nil {
			l.fault(pointer, "parameter %s has no schema", param.Name)
			continue
		}
		l.schema(param.Schema, pointer+"/schema", true)
		if param.Example != nil {
			l.example(param.Schema, param.Example, pointer+"/example", openapi3.VisitAsRequest())
		}
	}
	if o.Method == http.MethodPost && !idempotent {
		l.fault(o.Pointer+"/parameters", "POST honours Idempotency-Key: add $ref: '%s#/components/parameters/IdempotencyKey'", commonFile)
	}
}

func (l *linter) body(o *Operation) {
	if o.Spec.RequestBody == nil {
		return
	}
	p := o.Pointer + "/requestBody"
	if o.Method == http.MethodGet || o.Method == http.MethodHead {
		l.fault(p, "%s has no body (RFC 9110 §9.3.1); use parameters or POST", o.Method)
	}
	if o.Method == http.MethodPatch && o.Spec.RequestBody.Value.Content[mergePatchMedia] == nil {
		l.fault(p, "PATCH takes a merge patch (RFC 7396): give the body as %s", mergePatchMedia)
	}
	for media, content := range o.Spec.RequestBody.Value.Content {
		l.media(content, p+Pointer("content", media), media, true)
	}
}

func (l *linter) answers(o *Operation) {
	if len(o.Succeeds()) == 0 {
		l.fault(o.Pointer+"/responses", "no answer of status 1xx to 3xx")
	}
	for status, ref := range o.Spec.Responses.Map() {
		pointer := o.Pointer + Pointer("responses", status)
		if ref.Ref != "" {
			pointer = strings.TrimPrefix(ref.Ref, "#")
		}
		if status == "default" {
			l.fault(pointer, "name each status: default would let any answer pass")
			continue
		}
		if status >= "4" {
			if len(ref.Value.Content) != 1 || ref.Value.Content[problemMedia] == nil {
				l.fault(pointer, "answers from 400 on are %s: refer to %s#/components/responses/…", problemMedia, commonFile)
			}
		}
		for media, content := range ref.Value.Content {
			l.media(content, pointer+Pointer("content", media), media, false)
		}
	}
}

func (l *linter) media(content *openapi3.MediaType, pointer, media string, request bool) {
	if content.Schema == nil {
		l.fault(pointer, "%s has no schema", media)
		return
	}
	l.schema(content.Schema, pointer+"/schema", request)
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return
	}
	as := openapi3.VisitAsResponse()
	if request {
		as = openapi3.VisitAsRequest()
	}
	found := content.Example != nil || content.Schema.Value.Example != nil || len(content.Examples) > 0
	if content.Example != nil {
		l.example(content.Schema, content.Example, pointer+"/example", as)
	}
	for name, e := range content.Examples {
		l.example(content.Schema, e.Value.Value, pointer+Pointer("examples", name, "value"), as)
	}
	if !found {
		l.fault(pointer, "an example is missing: add example: beside the schema")
	}
}

// schema checks what a schema lets through: bounded strings and lists everywhere, known fields only in
// requests.
func (l *linter) schema(ref *openapi3.SchemaRef, pointer string, request bool) {
	if ref.Ref != "" {
		pointer = strings.TrimPrefix(ref.Ref, "#")
	}
	key := pointer + strconv.FormatBool(request)
	if l.seen[key] {
		return
	}
	l.seen[key] = true
	s := ref.Value
	composed := len(s.AllOf)+len(s.OneOf)+len(s.AnyOf) > 0
	switch {
	case s.Type == nil && !composed && len(s.Enum) == 0 && !strings.HasSuffix(pointer, "/not"):
		l.fault(pointer, "the schema has no type")
	case s.Type.Is("string") && s.MaxLength == nil && s.Format == "" && len(s.Enum) == 0:
		l.fault(pointer, "a string needs maxLength, format or enum")
	case s.Type.Is("array") && s.MaxItems == nil:
		l.fault(pointer, "an array needs maxItems")
	case request && s.Type.Is("object"):
		said := s.AdditionalProperties.Schema != nil || s.AdditionalProperties.Has != nil
		closed := s.AdditionalProperties.Has != nil && !*s.AdditionalProperties.Has
		if !said || !closed && s.MaxProps == nil {
			l.fault(pointer, "an object in a request needs additionalProperties: false, or others on purpose and maxProperties")
		}
	}
	if request && len(s.AllOf) > 1 {
		l.fault(pointer+"/allOf", "allOf cannot refuse unknown fields; write the fields out in requests")
	}
	if s.Example != nil {
		l.example(ref, s.Example, pointer+"/example")
	}
	for name, child := range s.Properties {
		l.schema(child, pointer+Pointer("properties", name), request)
	}
	for word, list := range map[string]openapi3.SchemaRefs{"allOf": s.AllOf, "oneOf": s.OneOf, "anyOf": s.AnyOf} {
		for i, child := range list {
			l.schema(child, pointer+Pointer(word, strconv.Itoa(i)), request)
		}
	}
	if s.Items != nil {
		l.schema(s.Items, pointer+"/items", request)
	}
	if s.AdditionalProperties.Schema != nil {
		l.schema(s.AdditionalProperties.Schema, pointer+"/additionalProperties", request)
	}
}

var formats = map[string]openapi3.StringFormatValidator{
	"uuid": openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`),
	"email": openapi3.NewCallbackValidator(func(s string) error {
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			return errors.New("not an e-mail address")
		}
		return nil
	}),
	"uri": openapi3.NewCallbackValidator(func(s string) error {
		if u, err := url.Parse(s); err != nil || !u.IsAbs() {
			return errors.New("not an absolute URI")
		}
		return nil
	}),
}

func (l *linter) example(ref *openapi3.SchemaRef, value any, pointer string, as ...openapi3.SchemaValidationOption) {
	options := append(as, openapi3.MultiErrors(), openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidators(formats))
	err := ref.Value.VisitJSON(value, options...)
	for _, e := range leaves(err) {
		l.fault(pointer, "the example breaks its schema: %s", e)
	}
}

// leaves lists the single faults of a validation error as "at /pointer: reason".
func leaves(err error) []string {
	var multi openapi3.MultiError
	var one *openapi3.SchemaError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &one) && !errors.As(err, &multi):
		return []string{fmt.Sprintf("at %q: %s", Pointer(one.JSONPointer()...), one.Reason)}
	case errors.As(err, &multi):
		var all []string
		for _, e := range multi {
			all = append(all, leaves(e)...)
		}
		return all
	}
	return []string{err.Error()}
}

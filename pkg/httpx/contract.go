package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/jobpilot/jobpilot/pkg/authn"
)

const defaultBodyLimit = 64 << 10

// operation is what the edge knows of an operation, read once at start.
type operation struct {
	id        string
	rule      authn.Rule
	class     string // x-rate-class
	limit     Limit
	policy    string // RateLimit-Policy of limit
	bodyLimit int64
	body      *bodyRules // nil: takes no body
	params    []param
	hasQuery  bool // takes query parameters
	meter     *meter
}

// bodyRules are the media types that an operation reads. A type that is not JSON
// has no schema here: its handler reads the stream.
type bodyRules struct {
	required bool
	media    map[string]*openapi3.Schema
	accepted string // for people
}

// param is one parameter of an operation.
type param struct {
	in, name string
	required bool
	explode  bool // of a list: repeated; else separated by commas
	schema   *openapi3.Schema
	item     string // type of the value, or of a list's items
	list     bool
}

// readContract reads the operations of a document.
func readContract(spec []byte) (map[route]*operation, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, fmt.Errorf("httpx: read contract: %w", err)
	}
	ops, ids := map[route]*operation{}, map[string]bool{}
	var faults []error
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			op, err := readOperation(o, slices.Concat(item.Parameters, o.Parameters))
			if err == nil && ids[op.id] {
				err = errors.New("operationId is not unique")
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("httpx: contract: %s %s %s: %w", o.OperationID, method, path, err))
				continue
			}
			ids[op.id] = true
			ops[route{method, path}] = op
		}
	}
	return ops, errors.Join(faults...)
}

func readOperation(o *openapi3.Operation, params openapi3.Parameters) (*operation, error) {
	if o.OperationID == "" {
		return nil, errors.New("no operationId")
	}
	op := &operation{id: o.OperationID, bodyLimit: defaultBodyLimit}
	op.class, _ = o.Extensions["x-rate-class"].(string)
	if limit, ok := o.Extensions["x-body-limit"]; ok {
		n, err := parseSize(fmt.Sprint(limit))
		if err != nil {
			return nil, fmt.Errorf("x-body-limit: %w", err)
		}
		op.bodyLimit = n
	}
	for _, ref := range params {
		p, err := readParam(ref.Value)
		if err != nil {
			return nil, err
		}
		op.params = append(op.params, p)
		op.hasQuery = op.hasQuery || p.in == openapi3.ParameterInQuery
	}
	if o.RequestBody != nil {
		body := o.RequestBody.Value
		op.body = &bodyRules{required: body.Required, media: map[string]*openapi3.Schema{}}
		var names []string
		for name, media := range body.Content {
			names = append(names, name)
			op.body.media[name] = nil
			if isJSON(name) {
				if media.Schema == nil || media.Schema.Value == nil {
					return nil, fmt.Errorf("body %s has no schema", name)
				}
				op.body.media[name] = media.Schema.Value
			}
		}
		slices.Sort(names)
		op.body.accepted = strings.Join(names, " or ")
	}
	return op, nil
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

func readParam(p *openapi3.Parameter) (param, error) {
	if p.Schema == nil || p.Schema.Value == nil {
		return param{}, fmt.Errorf("parameter %s has no schema", p.Name)
	}
	out := param{in: p.In, name: p.Name, required: p.Required, schema: p.Schema.Value, item: typeOf(p.Schema.Value)}
	if p.In == openapi3.ParameterInHeader {
		out.name = http.CanonicalHeaderKey(p.Name)
	}
	style, err := p.SerializationMethod()
	if err != nil {
		return param{}, fmt.Errorf("parameter %s: %w", p.Name, err)
	}
	plain := true
	if out.item == openapi3.TypeArray {
		out.list, out.explode = true, style.Explode && p.In == openapi3.ParameterInQuery
		plain = style.Style == "form" || style.Style == "simple"
		if items := p.Schema.Value.Items; items != nil && items.Value != nil {
			out.item = typeOf(items.Value)
		}
	}
	if !plain || out.item == openapi3.TypeObject || out.item == openapi3.TypeArray {
		return param{}, fmt.Errorf("parameter %s: only single values and plain lists can be parameters", p.Name)
	}
	return out, nil
}

// typeOf is the schema's type, looking into allOf, which is how a contract adds a
// description to a shared schema; a schema without a type is a string.
func typeOf(s *openapi3.Schema) string {
	if types := s.Type.Slice(); len(types) > 0 {
		return types[0]
	}
	for _, part := range s.AllOf {
		if part.Value != nil && len(part.Value.Type.Slice()) > 0 {
			return part.Value.Type.Slice()[0]
		}
	}
	return openapi3.TypeString
}

// parseSize reads "64KiB", "10MiB" or a number of bytes.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = digits, n
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a size such as 64KiB", s)
	}
	return n * unit, nil
}

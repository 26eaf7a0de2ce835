package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// NewCheck makes the check of resumes that did not come through the edge as such
// (results of merge patches, what ai read): the contract's own schema. Places are
// JSON Pointers as URI fragments.
func NewCheck() (func(tree map[string]any) []errs.Field, error) {
	doc, err := openapi3.NewLoader().LoadFromData(Spec)
	if err != nil {
		return nil, fmt.Errorf("api: contract: %w", err)
	}
	schema := doc.Components.Schemas["Resume"]
	if schema == nil {
		return nil, errors.New("api: the contract has no schema Resume")
	}
	return func(tree map[string]any) []errs.Field {
		return faults(schema.Value.VisitJSON(tree, openapi3.MultiErrors()))
	}, nil
}

// wordings say what is wrong, by the keyword that was broken: code and text.
var wordings = map[string][2]string{
	"maxLength": {"too_long", "has too many characters"}, "maxItems": {"too_many", "has too many items"}, "type": {"type", "is of the wrong type"},
	"nullable": {"type", "must not be null"}, "pattern": {"format", "does not have the form that is asked for"}, "properties": {"unknown_key", "is not a field of a resume"},
}

func faults(err error) []errs.Field {
	var list openapi3.MultiError
	if errors.As(err, &list) {
		var out []errs.Field
		for _, one := range list {
			out = append(out, faults(one)...)
		}
		return out
	}
	var one *openapi3.SchemaError
	if !errors.As(err, &one) {
		if err == nil {
			return nil
		}
		return []errs.Field{{Pointer: "#", Code: "invalid", Message: "is not valid"}}
	}
	steps := one.JSONPointer()
	if one.SchemaField == "properties" { // the place is the object's; the text names the key
		if _, rest, ok := strings.Cut(one.Reason, `"`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			steps = append(steps, name)
		}
	}
	w, ok := wordings[one.SchemaField]
	if !ok {
		w = [2]string{"invalid", "is not valid"}
	}
	pointer := "#"
	for _, s := range steps {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	}
	return []errs.Field{{Pointer: pointer, Code: w[0], Message: w[1]}}
}

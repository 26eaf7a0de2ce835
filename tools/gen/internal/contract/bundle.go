package contract

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	commonFile      = "common.yaml"
	problemMedia    = "application/problem+json"
	mergePatchMedia = "application/merge-patch+json"
)

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// bundle makes one self-contained document of a contract: parts of common.yaml that it refers to are
// copied in, and each operation gets the problem answers that it can give and does not list itself.
func bundle(source, common *yaml.Node) (*yaml.Node, error) {
	doc := clone(source)
	own := map[string]bool{}
	pairs(get(doc, "components"), func(kind string, m *yaml.Node) {
		pairs(m, func(name string, _ *yaml.Node) { own[kind+"/"+name] = true })
	})

	eachOperation(doc, func(path, method string, item, op *yaml.Node) {
		addProblems(path, item, op)
	})

	used := map[string]bool{}
	var fault error
	var adopt func(n *yaml.Node, inCommon bool)
	adopt = func(n *yaml.Node, inCommon bool) {
		refs(n, func(v *yaml.Node) {
			name, found := strings.CutPrefix(v.Value, commonFile+"#/components/")
			if !found && inCommon {
				name, found = strings.CutPrefix(v.Value, "#/components/")
			}
			if !found {
				if !strings.HasPrefix(v.Value, "#/components/") && fault == nil {
					fault = fmt.Errorf("line %d: $ref %q: refer to #/components/… or %s#/components/…", v.Line, v.Value, commonFile)
				}
				return
			}
			v.Value = "#/components/" + name
			if used[name] {
				return
			}
			used[name] = true
			kind, part, _ := strings.Cut(name, "/")
			target := get(get(get(common, "components"), kind), part)
			switch {
			case target == nil && fault == nil:
				fault = fmt.Errorf("line %d: %s has no components/%s", v.Line, commonFile, name)
			case own[name] && fault == nil:
				fault = fmt.Errorf("line %d: components/%s is defined here and in %s; rename it here", v.Line, name, commonFile)
			case target != nil:
				target = clone(target)
				adopt(target, true)
				set(child(child(doc, "components"), kind), part, target)
			}
		})
	}
	adopt(doc, false)
	if fault != nil {
		return nil, fault
	}

	eachOperation(doc, func(_, _ string, _, op *yaml.Node) {
		for _, requirement := range contentOf(get(op, "security")) {
			pairs(requirement, func(scheme string, _ *yaml.Node) { useScheme(doc, common, scheme) })
		}
	})
	for _, requirement := range contentOf(get(doc, "security")) {
		pairs(requirement, func(scheme string, _ *yaml.Node) { useScheme(doc, common, scheme) })
	}
	order(get(doc, "components"), common)
	return doc, nil
}

// addProblems adds the problem answers that follow from what an operation takes (docs/adr/0010-contracts.md).
func addProblems(path string, item, op *yaml.Node) {
	body := get(op, "requestBody") != nil
	secured := len(contentOf(get(op, "security"))) > 0
	params := slices.Concat(contentOf(get(item, "parameters")), contentOf(get(op, "parameters")))
	takes := func(common, header string) bool {
		return slices.ContainsFunc(params, func(p *yaml.Node) bool {
			if r := get(p, "$ref"); r != nil && strings.HasSuffix(r.Value, "/parameters/"+common) {
				return true
			}
			n := get(p, "name")
			return n != nil && strings.EqualFold(n.Value, header)
		})
	}
	query := takes("Limit", "") || takes("Cursor", "") || slices.ContainsFunc(params, func(p *yaml.Node) bool {
		in := get(p, "in")
		return in != nil && in.Value == "query"
	})
	responses := child(op, "responses")
	for _, p := range []struct {
		status, name string
		applies      bool
	}{
		{"400", "BadRequest", true},
		{"401", "Unauthorized", secured},
		{"403", "Forbidden", secured},
		{"404", "NotFound", strings.Contains(path, "{")},
		{"409", "Conflict", takes("IdempotencyKey", "Idempotency-Key")},
		{"412", "PreconditionFailed", takes("IfMatch", "If-Match")},
		{"413", "PayloadTooLarge", body},
		{"414", "URITooLong", query || strings.Contains(path, "{")},
		{"415", "UnsupportedMediaType", body},
		{"422", "Unprocessable", body || len(params) > 0},
		{"429", "TooManyRequests", true},
		{"500", "InternalError", true},
		{"503", "Unavailable", true},
	} {
		if p.applies && get(responses, p.status) == nil {
			set(responses, p.status, ref(commonFile+"#/components/responses/"+p.name))
		}
	}
	type answer struct{ key, value *yaml.Node }
	var list []answer
	for i := 0; i+1 < len(responses.Content); i += 2 {
		// Statuses are quoted throughout: an unquoted 200 is a number, which JSON has no keys of.
		responses.Content[i].Style = yaml.DoubleQuotedStyle
		responses.Content[i].Tag = "!!str"
		list = append(list, answer{responses.Content[i], responses.Content[i+1]})
	}
	slices.SortStableFunc(list, func(a, b answer) int { return strings.Compare(a.key.Value, b.key.Value) })
	responses.Content = responses.Content[:0]
	for _, a := range list {
		responses.Content = append(responses.Content, a.key, a.value)
	}
}

func useScheme(doc, common *yaml.Node, name string) {
	schemes := child(child(doc, "components"), "securitySchemes")
	if get(schemes, name) == nil {
		if s := get(get(get(common, "components"), "securitySchemes"), name); s != nil {
			set(schemes, name, clone(s))
		}
	}
}

// order puts the kinds of components in one order, and within each what the service wrote first.
func order(components, common *yaml.Node) {
	if components == nil {
		return
	}
	kinds := []string{"schemas", "parameters", "headers", "requestBodies", "responses", "securitySchemes"}
	var out []*yaml.Node
	for _, kind := range kinds {
		m := get(components, kind)
		if m == nil {
			continue
		}
		shared := get(get(common, "components"), kind)
		rank := map[string]int{}
		i := 0
		pairs(shared, func(name string, _ *yaml.Node) { i++; rank[name] = i })
		type entry struct {
			key, value *yaml.Node
			rank       int
		}
		var entries []entry
		for i := 0; i+1 < len(m.Content); i += 2 {
			entries = append(entries, entry{m.Content[i], m.Content[i+1], rank[m.Content[i].Value]})
		}
		slices.SortStableFunc(entries, func(a, b entry) int { return a.rank - b.rank })
		m.Content = m.Content[:0]
		for _, e := range entries {
			m.Content = append(m.Content, e.key, e.value)
		}
		out = append(out, scalar(kind), m)
	}
	components.Content = out
}

// forCodegen is the form that generated servers and clients are made from. It has no problem answers:
// handlers return errors, which pkg/httpx turns into problems, so a Go type for each operation × problem
// would be noise. It has no Idempotency-Key, which pkg/httpx handles for every operation. Parameters are
// written out where they are used, because the names of shared ones clash with those of schemas in Go.
func forCodegen(bundled *yaml.Node) *yaml.Node {
	doc := clone(bundled)
	eachOperation(doc, func(_, _ string, item, op *yaml.Node) {
		for _, holder := range []*yaml.Node{item, op} {
			list := get(holder, "parameters")
			if list == nil {
				continue
			}
			var keep []*yaml.Node
			for _, p := range list.Content {
				if p = resolve(doc, p); get(p, "name").Value != "Idempotency-Key" {
					keep = append(keep, p)
				}
			}
			if list.Content = keep; len(keep) == 0 {
				remove(holder, "parameters")
			}
		}
		responses := get(op, "responses")
		var drop []string
		pairs(responses, func(status string, r *yaml.Node) {
			content := get(resolve(doc, r), "content")
			if content != nil && len(content.Content) == 2 && content.Content[0].Value == problemMedia {
				drop = append(drop, status)
			}
		})
		for _, status := range drop {
			remove(responses, status)
		}
	})
	prune(doc)
	return doc
}

// public drops internal operations, what only they refer to, and what only generators read.
func public(bundled *yaml.Node) *yaml.Node {
	doc := clone(bundled)
	paths := get(doc, "paths")
	var empty []string
	pairs(paths, func(path string, item *yaml.Node) {
		rest := 0
		for _, m := range methods {
			op := get(item, m)
			switch {
			case op == nil:
			case isTrue(get(op, "x-internal")) || isTrue(get(item, "x-internal")):
				remove(item, m)
			default:
				rest++
			}
		}
		if rest == 0 {
			empty = append(empty, path)
		}
	})
	for _, path := range empty {
		remove(paths, path)
	}
	if tags := get(doc, "tags"); tags != nil {
		tags.Content = slices.DeleteFunc(tags.Content, func(t *yaml.Node) bool { return get(t, "name").Value == "internal" })
	}
	prune(doc)
	dropGoNames(doc)
	return doc
}

// dropGoNames removes what only oapi-codegen reads.
func dropGoNames(n *yaml.Node) {
	var drop []string
	pairs(n, func(key string, _ *yaml.Node) {
		if strings.HasPrefix(key, "x-go-") || strings.HasPrefix(key, "x-oapi-") || strings.HasPrefix(key, "x-enum-") {
			drop = append(drop, key)
		}
	})
	for _, key := range drop {
		remove(n, key)
	}
	for _, c := range n.Content {
		dropGoNames(c)
	}
}

// prune removes components that nothing refers to.
func prune(doc *yaml.Node) {
	components := get(doc, "components")
	if components == nil {
		return
	}
	keep := map[string]bool{}
	var mark func(n *yaml.Node)
	mark = func(n *yaml.Node) {
		refs(n, func(v *yaml.Node) {
			name := strings.TrimPrefix(v.Value, "#/components/")
			if !keep[name] {
				keep[name] = true
				kind, part, _ := strings.Cut(name, "/")
				if target := get(get(components, kind), part); target != nil {
					mark(target)
				}
			}
		})
	}
	mark(get(doc, "paths"))
	schemes := map[string]bool{}
	markSchemes := func(security *yaml.Node) {
		for _, requirement := range contentOf(security) {
			pairs(requirement, func(scheme string, _ *yaml.Node) { schemes[scheme] = true })
		}
	}
	markSchemes(get(doc, "security"))
	eachOperation(doc, func(_, _ string, _, op *yaml.Node) { markSchemes(get(op, "security")) })

	var emptied []string
	pairs(components, func(kind string, m *yaml.Node) {
		var drop []string
		pairs(m, func(name string, _ *yaml.Node) {
			if kind == "securitySchemes" && !schemes[name] || kind != "securitySchemes" && !keep[kind+"/"+name] {
				drop = append(drop, name)
			}
		})
		for _, name := range drop {
			remove(m, name)
		}
		if len(m.Content) == 0 {
			emptied = append(emptied, kind)
		}
	})
	for _, kind := range emptied {
		remove(components, kind)
	}
}

// resolve returns what a node refers to, or the node itself.
func resolve(doc, n *yaml.Node) *yaml.Node {
	v := get(n, "$ref")
	if v == nil {
		return n
	}
	if target, ok := at(doc, strings.TrimPrefix(v.Value, "#")); ok {
		return clone(target)
	}
	return n
}

func eachOperation(doc *yaml.Node, f func(path, method string, item, op *yaml.Node)) {
	pairs(get(doc, "paths"), func(path string, item *yaml.Node) {
		pairs(item, func(method string, op *yaml.Node) {
			if slices.Contains(methods, method) {
				f(path, method, item, op)
			}
		})
	})
}

func contentOf(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func isTrue(n *yaml.Node) bool { return n != nil && n.Value == "true" }

func encode(doc *yaml.Node, header string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

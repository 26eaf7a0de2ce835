package jsonresume

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Merge applies a merge patch (RFC 7396) to target and returns the result.
// Neither is changed.
func Merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if t, ok := target.(map[string]any); ok {
		for k, v := range t {
			out[k] = v
		}
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = Merge(out[k], v)
	}
	return out
}

// ErrPointer is a JSON Pointer that leads nowhere.
var ErrPointer = errors.New("jsonresume: the pointer leads nowhere")

// steps takes a JSON Pointer (RFC 6901) apart.
func steps(pointer string) ([]string, error) {
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, ErrPointer
	}
	list := strings.Split(rest, "/")
	for i, s := range list {
		list[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return list, nil
}

// SectionOf is the section that a JSON Pointer leads into, empty for none.
func SectionOf(pointer string) string {
	if list, err := steps(pointer); err == nil && IsSection(list[0]) {
		return list[0]
	}
	return ""
}

// Get is the value that a JSON Pointer names.
func Get(tree any, pointer string) (any, error) {
	list, err := steps(pointer)
	if err != nil {
		return nil, err
	}
	for _, step := range list {
		switch at := tree.(type) {
		case map[string]any:
			v, ok := at[step]
			if !ok {
				return nil, ErrPointer
			}
			tree = v
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, ErrPointer
			}
			tree = at[i]
		default:
			return nil, ErrPointer
		}
	}
	return tree, nil
}

// Operations of Apply, as in JSON Patch (RFC 6902).
const (
	OpReplace = "replace"
	OpAdd     = "add"
	OpRemove  = "remove"
)

// Apply changes one place of the tree and returns the new tree; the old one
// stays as it is. Add makes the objects and lists on the way where they are
// missing; `-` is the place after a list's last element.
func Apply(tree any, op, pointer string, value any) (any, error) {
	list, err := steps(pointer)
	if err != nil {
		return nil, err
	}
	return apply(tree, op, list, value)
}

func apply(tree any, op string, path []string, value any) (any, error) {
	step, last := path[0], len(path) == 1
	if tree == nil && op == OpAdd {
		tree = map[string]any{}
		if step == "-" || step == "0" {
			tree = []any{}
		}
	}
	switch at := tree.(type) {
	case map[string]any:
		old, there := at[step]
		if !there && op != OpAdd {
			return nil, ErrPointer
		}
		out := map[string]any{}
		for k, v := range at {
			out[k] = v
		}
		switch {
		case !last:
			v, err := apply(old, op, path[1:], value)
			if err != nil {
				return nil, err
			}
			out[step] = v
		case op == OpRemove:
			delete(out, step)
		default:
			out[step] = value
		}
		return out, nil
	case []any:
		i, err := strconv.Atoi(step)
		if step == "-" && op == OpAdd {
			i, err = len(at), nil
		}
		if err != nil || i < 0 || i > len(at) || i == len(at) && op != OpAdd {
			return nil, ErrPointer
		}
		out := slices.Clone(at)
		switch {
		case !last:
			var old any
			if i < len(at) {
				old = at[i]
			} else {
				out = append(out, nil)
			}
			if out[i], err = apply(old, op, path[1:], value); err != nil {
				return nil, err
			}
			return out, nil
		case op == OpRemove:
			return slices.Delete(out, i, i+1), nil
		case op == OpAdd:
			return slices.Insert(out, i, value), nil
		}
		out[i] = value
		return out, nil
	}
	return nil, ErrPointer
}

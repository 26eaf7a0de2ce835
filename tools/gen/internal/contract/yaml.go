package contract

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The bundle is made on YAML nodes rather than on a decoded document, so that it keeps the order in
// which people wrote paths and fields, and is the same on every run.

// get returns the value of key in a mapping, or nil.
func get(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// set puts value under key, replacing what is there.
func set(m *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content[i+1] = value
			return
		}
	}
	m.Content = append(m.Content, scalar(key), value)
}

// remove takes key out of a mapping.
func remove(m *yaml.Node, key string) {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = append(m.Content[:i], m.Content[i+2:]...)
			return
		}
	}
}

// child returns the mapping under key, made when it is not there.
func child(m *yaml.Node, key string) *yaml.Node {
	if c := get(m, key); c != nil {
		return c
	}
	c := mapping()
	set(m, key, c)
	return c
}

// pairs calls f for each key and value of a mapping, in order.
func pairs(m *yaml.Node, f func(key string, value *yaml.Node)) {
	if m == nil || m.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		f(m.Content[i].Value, m.Content[i+1])
	}
}

func scalar(v string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(v)
	return n
}

func mapping(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: content}
}

func ref(to string) *yaml.Node { return mapping(scalar("$ref"), scalar(to)) }

// clone copies a node with its aliases written out, and without its comments, which belong to the file
// that they were written in.
func clone(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return clone(n.Alias)
	}
	c := *n
	c.Anchor = ""
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = clone(child)
	}
	return &c
}

// refs calls f for the value node of every $ref below n.
func refs(n *yaml.Node, f func(value *yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		if v := get(n, "$ref"); v != nil && v.Kind == yaml.ScalarNode {
			f(v)
		}
	}
	for _, c := range n.Content {
		refs(c, f)
	}
}

// Pointer makes a JSON Pointer (RFC 6901) of path segments.
func Pointer(segments ...string) string {
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, s := range segments {
		b.WriteByte('/')
		_, _ = escape.WriteString(&b, s)
	}
	return b.String()
}

// at follows a JSON Pointer as far as the document goes and returns the last node on the way, so that
// a fault in something absent is shown at the line of what should hold it. full reports whether all of
// the pointer was followed.
func at(root *yaml.Node, pointer string) (n *yaml.Node, full bool) {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	n = root
	for _, segment := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if segment == "" {
			continue
		}
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			next = get(n, unescape.Replace(segment))
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
			}
		}
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

func parse(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("not a YAML mapping")
	}
	return doc.Content[0], nil
}

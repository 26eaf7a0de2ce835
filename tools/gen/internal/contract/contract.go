// Package contract reads the OpenAPI documents of api/openapi: the source of truth from which the
// servers, their access rules, the gateway's routes and the documentation are made.
package contract

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// Dir is where contracts are, below the repository's root.
const Dir = "api/openapi"

// DefaultBodyLimit is the most bytes that an operation without x-body-limit takes.
const DefaultBodyLimit = 64 << 10

// RateClasses of operations. The gateway keeps one limit per client and class; internal operations
// do not pass it.
var RateClasses = []string{"login", "write", "read", "search", "public", "internal"}

// Roles that an operation can ask for, lowest first; none is everyone.
var Roles = []string{"none", "user", "premium", "admin", "super_admin"}

// Contract is one service's API.
type Contract struct {
	// Service is the service's name, which is the file's.
	Service string
	// File is the contract's path below the repository's root.
	File string
	// Doc is the bundled document.
	Doc *openapi3.T
	// Operations are in the order of the file.
	Operations []*Operation

	source, common, bundled *yaml.Node
}

// Operation is one method on one path.
type Operation struct {
	ID      string
	Method  string // upper case
	Path    string // with {parameters}
	Pointer string // JSON Pointer into the contract

	Permission Permission
	RateClass  string
	BodyLimit  int64 // bytes
	Internal   bool  // serves other services only
	WebSocket  bool  // upgrades the connection

	// Security lists, for each way to call the operation, the schemes that it needs; none is public.
	Security [][]string

	Spec *openapi3.Operation
	Item *openapi3.PathItem
}

// Permission is x-permission: who may call an operation.
type Permission struct {
	Role     string   `yaml:"role"`
	Scope    string   `yaml:"scope"`
	Owner    bool     `yaml:"owner"`
	StepUp   bool     `yaml:"stepUp"`
	Services []string `yaml:"services"`
}

// FaultError is something wrong in a contract.
type FaultError struct {
	File    string
	Line    int // 0 when unknown
	Pointer string
	Message string
}

// Error is the fault in one line: file:line: pointer: message.
func (f FaultError) Error() string {
	place := f.File
	if f.Line > 0 {
		place += ":" + strconv.Itoa(f.Line)
	}
	if f.Pointer != "" {
		place += ": " + f.Pointer
	}
	return place + ": " + f.Message
}

// LoadAll reads the contracts of all services below root, by name.
func LoadAll(root string) ([]*Contract, error) {
	files, err := filepath.Glob(filepath.Join(root, Dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	common, err := read(root, filepath.Join(Dir, commonFile))
	if err != nil {
		return nil, err
	}
	var all []*Contract
	for _, f := range files {
		if filepath.Base(f) == commonFile {
			continue
		}
		c, err := load(root, filepath.Join(Dir, filepath.Base(f)), common)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no contract of any service", Dir)
	}
	return all, nil
}

func read(root, file string) (*yaml.Node, error) {
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	n, err := parse(data)
	if err != nil {
		return nil, FaultError{File: file, Message: err.Error()}
	}
	return n, nil
}

func load(root, file string, common *yaml.Node) (*Contract, error) {
	source, err := read(root, file)
	if err != nil {
		return nil, err
	}
	c := &Contract{
		Service: strings.TrimSuffix(filepath.Base(file), ".yaml"),
		File:    file,
		source:  source,
		common:  common,
	}
	if c.bundled, err = bundle(source, common); err != nil {
		return nil, FaultError{File: file, Message: err.Error()}
	}
	data, err := c.YAML()
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	if c.Doc, err = loader.LoadFromData(data); err != nil {
		return nil, FaultError{File: file, Message: err.Error()}
	}
	if err := c.Doc.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		return nil, FaultError{File: file, Message: strings.ReplaceAll(err.Error(), "\n", " ")}
	}
	return c, c.readOperations()
}

func (c *Contract) readOperations() error {
	var fault error
	eachOperation(c.bundled, func(path, method string, item, op *yaml.Node) {
		pi := c.Doc.Paths.Value(path)
		spec := pi.GetOperation(strings.ToUpper(method))
		o := &Operation{
			ID:        spec.OperationID,
			Method:    strings.ToUpper(method),
			Path:      path,
			Pointer:   Pointer("paths", path, method),
			BodyLimit: DefaultBodyLimit,
			Internal:  isTrue(get(op, "x-internal")) || isTrue(get(item, "x-internal")),
			WebSocket: isTrue(get(op, "x-websocket")),
			Spec:      spec,
			Item:      pi,
		}
		if n := get(op, "x-rate-class"); n != nil {
			o.RateClass = n.Value
		}
		if n := get(op, "x-permission"); n != nil {
			if err := n.Decode(&o.Permission); err != nil && fault == nil {
				fault = c.fault(o.Pointer+"/x-permission", "%v", err)
			}
		}
		if n := get(op, "x-body-limit"); n != nil {
			limit, err := parseSize(n.Value)
			if err != nil && fault == nil {
				fault = c.fault(o.Pointer+"/x-body-limit", "%v", err)
			}
			o.BodyLimit = limit
		}
		security := c.Doc.Security
		if spec.Security != nil {
			security = *spec.Security
		}
		for _, requirement := range security {
			var schemes []string
			for name := range requirement {
				schemes = append(schemes, name)
			}
			slices.Sort(schemes)
			o.Security = append(o.Security, schemes)
		}
		c.Operations = append(c.Operations, o)
	})
	return fault
}

// fault makes a FaultError at a pointer, shown at the line where the pointer's part is, or where it is missing.
func (c *Contract) fault(pointer, format string, args ...any) FaultError {
	n, _ := at(c.source, pointer)
	return FaultError{File: c.File, Line: n.Line, Pointer: pointer, Message: fmt.Sprintf(format, args...)}
}

// parseSize reads a size such as 64KiB, in bytes.
func parseSize(s string) (int64, error) {
	for suffix, unit := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			if n, err := strconv.ParseInt(digits, 10, 32); err == nil && n > 0 {
				return n * unit, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a size; write a number of KiB or MiB, such as 64KiB", s)
}

// Succeeds returns the operation's answers of status 1xx to 3xx, by status.
func (o *Operation) Succeeds() []string {
	var list []string
	for status := range o.Spec.Responses.Map() {
		if status < "4" {
			list = append(list, status)
		}
	}
	slices.Sort(list)
	return list
}

// Parameters are the path's and the operation's own.
func (o *Operation) Parameters() []*openapi3.Parameter {
	var list []*openapi3.Parameter
	for _, p := range slices.Concat(o.Item.Parameters, o.Spec.Parameters) {
		list = append(list, p.Value)
	}
	return list
}

const header = "# Code generated by tools/gen from %s. DO NOT EDIT.\n"

// YAML is the bundled document: what services embed, validate requests by, and are tested against.
func (c *Contract) YAML() ([]byte, error) {
	return encode(c.bundled, fmt.Sprintf(header, c.File))
}

// CodegenYAML is the bundled document reduced to what generated servers and clients need.
func (c *Contract) CodegenYAML() ([]byte, error) {
	return encode(forCodegen(c.bundled), fmt.Sprintf(header, c.File))
}

// PublicYAML is the bundled document without internal operations, for the readers of /docs.
func (c *Contract) PublicYAML() ([]byte, error) {
	return encode(public(c.bundled), fmt.Sprintf(header, c.File))
}

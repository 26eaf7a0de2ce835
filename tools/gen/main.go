// Command gen makes what follows from the contracts: each service's OpenAPI document and access rules,
// the gateway's routes, event types and queues, and the reference documents.
//
//	gen [-root DIR] COMMAND…
//
//	bundle     services/*/internal/api/openapi.gen.yaml, and the public form for /docs
//	codegen    OUT/<service>.yaml, what servers and clients are generated from
//	lint       print every fault in the contracts
//	access     services/*/internal/api/access.gen.go
//	gateway    deploy/nginx/templates/*.gen.conf.template
//	events     services/*/internal/*/events.gen.go, and topology.gen.json of services and deploy/rabbitmq
//	reference  docs/api-reference.md
//	config     docs/configuration.md and .env.example
//	schema     docs/database-schema.md
//
// It is run by generate.sh; verify.sh fails when anything in the repository differs from what it makes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jobpilot/jobpilot/tools/gen/internal/contract"
	"github.com/jobpilot/jobpilot/tools/gen/internal/events"
	"github.com/jobpilot/jobpilot/tools/gen/internal/gateway"
	"github.com/jobpilot/jobpilot/tools/gen/internal/reference"
)

func main() {
	root := flag.String("root", ".", "the repository's `directory`")
	out := flag.String("out", "", "`directory` for codegen")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "gen: name what to make: bundle, codegen, lint, access, gateway, events, reference, config, schema")
		os.Exit(2)
	}
	if err := run(*root, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run carries out the commands on the repository below root.
func run(root, out string, commands []string) error {
	contracts, err := contract.LoadAll(root)
	if err != nil {
		return err
	}
	g := generator{root: root, out: out, contracts: contracts}
	for _, name := range commands {
		command := map[string]func() error{
			"bundle":    g.bundle,
			"codegen":   g.codegen,
			"lint":      g.lint,
			"access":    g.access,
			"gateway":   g.gateway,
			"events":    g.events,
			"reference": g.reference,
			"config":    g.config,
			"schema":    g.schema,
		}[name]
		if command == nil {
			return fmt.Errorf("gen: there is no command %q", name)
		}
		if err := command(); err != nil {
			return err
		}
	}
	return nil
}

type generator struct {
	root, out string
	contracts []*contract.Contract
}

func (g generator) bundle() error {
	for _, c := range g.contracts {
		if err := g.write(c.YAML, "services", c.Service, "internal/api/openapi.gen.yaml"); err != nil {
			return err
		}
		if err := g.write(c.PublicYAML, "deploy/nginx/docs/openapi", c.Service+".yaml"); err != nil {
			return err
		}
	}
	return g.write(g.docsIndex, "deploy/nginx/docs/openapi/index.json")
}

// docsIndex lists the public contracts for the page at /docs/.
func (g generator) docsIndex() ([]byte, error) {
	type entry struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	var list []entry
	for _, c := range g.contracts {
		list = append(list, entry{c.Service, "openapi/" + c.Service + ".yaml"})
	}
	data, err := json.MarshalIndent(list, "", "  ")
	return append(data, '\n'), err
}

func (g generator) codegen() error {
	for _, c := range g.contracts {
		data, err := c.CodegenYAML()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(g.out, c.Service+".yaml"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (g generator) lint() error {
	faults := contract.Lint(g.contracts)
	for _, f := range faults {
		fmt.Println(f.Error())
	}
	if len(faults) > 0 {
		return fmt.Errorf("gen lint: %d faults in the contracts", len(faults))
	}
	return nil
}

func (g generator) access() error {
	for _, c := range g.contracts {
		if err := g.write(c.Access, "services", c.Service, "internal/api/access.gen.go"); err != nil {
			return err
		}
	}
	return nil
}

func (g generator) gateway() error {
	for name, render := range map[string]func([]*contract.Contract) ([]byte, error){
		"operations": gateway.Operations,
		"routes":     gateway.Locations,
	} {
		err := g.write(func() ([]byte, error) { return render(g.contracts) }, gateway.Dir, name+".gen.conf.template")
		if err != nil {
			return err
		}
	}
	return nil
}

func (g generator) events() error {
	catalogue, err := events.Load(g.root)
	if err != nil {
		return err
	}
	for _, c := range g.contracts {
		data, err := catalogue.Go(c.Service)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		same := func() ([]byte, error) { return data, nil }
		if err := g.write(same, "services", c.Service, "internal", events.Package(c.Service), "events.gen.go"); err != nil {
			return err
		}
		// Each service declares the whole topology when it connects, so it carries a copy.
		if err := g.write(catalogue.Topology, "services", c.Service, "topology.gen.json"); err != nil {
			return err
		}
	}
	return g.write(catalogue.Topology, "deploy/rabbitmq/topology.gen.json")
}

func (g generator) reference() error {
	return g.write(func() ([]byte, error) { return reference.API(g.contracts) }, reference.APIFile)
}

// config describes the services that have been written; a contract may come before its service.
func (g generator) config() error {
	var services []string
	for _, c := range g.contracts {
		if _, err := os.Stat(filepath.Join(g.root, "services", c.Service, "config.go")); err == nil {
			services = append(services, c.Service)
		}
	}
	if err := g.write(func() ([]byte, error) { return reference.Example(g.root, services) }, reference.ExampleFile); err != nil {
		return err
	}
	return g.write(func() ([]byte, error) { return reference.Config(g.root, services) }, reference.ConfigFile)
}

func (g generator) schema() error {
	return g.write(func() ([]byte, error) { return reference.Schema(g.root) }, reference.SchemaFile)
}

// write puts content into a file below the root, with the directories it needs.
func (g generator) write(content func() ([]byte, error), path ...string) error {
	name := filepath.Join(append([]string{g.root}, path...)...)
	data, err := content()
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(path...), err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

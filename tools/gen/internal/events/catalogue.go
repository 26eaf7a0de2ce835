// Package events reads api/asyncapi/events.yaml, the catalogue of every message, and makes of it each
// service's Go types and the broker's topology.
package events

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// File is the catalogue's path below the repository's root.
const File = "api/asyncapi/events.yaml"

// Catalogue is every message and queue, in the order of the file.
type Catalogue struct {
	Exchange string
	Queues   []Queue
	Messages []Message
}

// Queue is a queue for work or for a subscription to events. The broker gets NAME, NAME.urgent, a delay
// queue for each wait and NAME.dlq.
type Queue struct {
	Name        string   `json:"name" yaml:"-"`
	Description string   `json:"description" yaml:"description"`
	Consumer    string   `json:"consumer" yaml:"consumer"`
	Work        []string `json:"work,omitempty" yaml:"work"` // types sent to it by name
	// Bindings subscribe the queue to events.
	Bindings []Binding `json:"bindings,omitempty" yaml:"bindings"`
	// Tries is how often a message is delivered before it goes to the dead-letter queue.
	Tries int `json:"tries" yaml:"tries"`
	// Delays are the waits between tries; the last one repeats.
	Delays []string `json:"delays" yaml:"delays"`
}

// Binding subscribes a queue to events by type or topic pattern, such as auth.user.*.
type Binding struct {
	Key    string `json:"key" yaml:"key"`
	Urgent bool   `json:"urgent,omitempty" yaml:"urgent"`
}

// matches reports whether the binding takes an event of the type (AMQP 0-9-1, topic exchange: * is one word,
// # any number, here only at the end).
func (b Binding) matches(eventType string) bool {
	key, words := strings.Split(b.Key, "."), strings.Split(eventType, ".")
	for i, k := range key {
		switch {
		case k == "#":
			return true
		case i >= len(words) || k != "*" && k != words[i]:
			return false
		}
	}
	return len(key) == len(words)
}

// Message is one type of message.
type Message struct {
	Type       string
	Summary    string
	Publishers []string
	Consumers  []string
	Payload    *schema
}

// schema is the part of JSON Schema that payloads are written in.
type schema struct {
	Type                 string    `yaml:"type"`
	Format               string    `yaml:"format"`
	Description          string    `yaml:"description"`
	Enum                 []string  `yaml:"enum"`
	Required             []string  `yaml:"required"`
	Items                *schema   `yaml:"items"`
	AdditionalProperties *schema   `yaml:"additionalProperties"`
	Properties           yaml.Node `yaml:"properties"` // a node, to keep the order
}

var messageType = regexp.MustCompile(`^[a-z]+(-[a-z]+)*(\.[a-z]+(_[a-z]+)*){2}$`)

// Load reads and checks the catalogue below root.
func Load(root string) (*Catalogue, error) {
	data, err := os.ReadFile(filepath.Join(root, File))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Exchange   string    `yaml:"x-exchange"`
		Queues     yaml.Node `yaml:"x-queues"`
		Channels   yaml.Node `yaml:"channels"`
		Components struct {
			Messages yaml.Node `yaml:"messages"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", File, err)
	}
	c := &Catalogue{Exchange: doc.Exchange}
	var faults []string
	fault := func(line int, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s:%d: %s", File, line, fmt.Sprintf(format, args...)))
	}

	each(&doc.Components.Messages, func(name string, n *yaml.Node) {
		var m struct {
			Summary    string   `yaml:"summary"`
			Publisher  string   `yaml:"x-publisher"`
			Publishers []string `yaml:"x-publishers"`
			Consumers  []string `yaml:"x-consumers"`
			Payload    *schema  `yaml:"payload"`
		}
		if err := n.Decode(&m); err != nil {
			fault(n.Line, "%s: %v", name, err)
			return
		}
		if m.Publisher != "" {
			m.Publishers = append(m.Publishers, m.Publisher)
		}
		switch {
		case !messageType.MatchString(name):
			fault(n.Line, "%s: name a message <service>.<entity>.<verb>", name)
		case m.Summary == "":
			fault(n.Line, "%s: summary is missing", name)
		case len(m.Publishers) == 0:
			fault(n.Line, "%s: x-publisher is missing", name)
		case m.Payload == nil || m.Payload.Type != "object":
			fault(n.Line, "%s: payload is not an object", name)
		}
		c.Messages = append(c.Messages, Message{name, m.Summary, m.Publishers, m.Consumers, m.Payload})
	})

	each(&doc.Queues, func(name string, n *yaml.Node) {
		q := Queue{Name: name}
		if err := n.Decode(&q); err != nil {
			fault(n.Line, "queue %s: %v", name, err)
			return
		}
		for _, d := range q.Delays {
			if _, err := time.ParseDuration(d); err != nil {
				fault(n.Line, "queue %s: delay %q: write a duration such as 15s", name, d)
			}
		}
		switch {
		case q.Consumer == "":
			fault(n.Line, "queue %s: consumer is missing", name)
		case q.Tries < 1 || len(q.Delays) == 0:
			fault(n.Line, "queue %s: give tries and delays", name)
		case len(q.Work)+len(q.Bindings) == 0:
			fault(n.Line, "queue %s: give work or bindings", name)
		}
		consume := func(what string, matches func(eventType string) bool) {
			found := false
			for i := range c.Messages {
				m := &c.Messages[i]
				if !matches(m.Type) {
					continue
				}
				if found = true; !slices.Contains(m.Consumers, q.Consumer) {
					m.Consumers = append(m.Consumers, q.Consumer)
				}
			}
			if !found {
				fault(n.Line, "queue %s: there is no message %s", name, what)
			}
		}
		for _, t := range q.Work {
			consume(t, func(eventType string) bool { return eventType == t })
		}
		for _, b := range q.Bindings {
			consume(b.Key, b.matches)
		}
		c.Queues = append(c.Queues, q)
	})

	// Each message has a channel: its own for an event, its queue's for work.
	sent := map[string]bool{}
	each(&doc.Channels, func(channel string, n *yaml.Node) {
		var ch struct {
			Address  string `yaml:"address"`
			Messages map[string]struct {
				Ref string `yaml:"$ref"`
			} `yaml:"messages"`
		}
		if err := n.Decode(&ch); err != nil {
			fault(n.Line, "channel %s: %v", channel, err)
			return
		}
		queue := slices.IndexFunc(c.Queues, func(q Queue) bool { return q.Name == ch.Address })
		for _, m := range ch.Messages {
			t := strings.TrimPrefix(m.Ref, "#/components/messages/")
			work := queue >= 0 && slices.Contains(c.Queues[queue].Work, t)
			if !work && t != ch.Address || !slices.ContainsFunc(c.Messages, func(m Message) bool { return m.Type == t }) {
				fault(n.Line, "channel %s: %s is neither an event of this address nor work of a queue of this name", channel, t)
			}
			sent[t] = true
		}
	})
	for _, m := range c.Messages {
		if !sent[m.Type] {
			fault(doc.Channels.Line, "message %s has no channel", m.Type)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(faults, "\n"))
	}
	return c, nil
}

// isWork reports whether a type is sent to a queue rather than told to whoever subscribed.
func (c *Catalogue) isWork(t string) bool {
	return slices.ContainsFunc(c.Queues, func(q Queue) bool { return slices.Contains(q.Work, t) })
}

// Topology is the broker's exchanges, queues and bindings as JSON, for pkg/rabbit and operators.
func (c *Catalogue) Topology() ([]byte, error) {
	type event struct {
		Type       string   `json:"type"`
		Publishers []string `json:"publishers"`
	}
	t := struct {
		Comment  string  `json:"_"`
		Exchange string  `json:"exchange"`
		Events   []event `json:"events"`
		Queues   []Queue `json:"queues"`
	}{Comment: "Code generated by tools/gen from " + File + ". DO NOT EDIT.", Exchange: c.Exchange, Queues: c.Queues}
	for _, m := range c.Messages {
		if !c.isWork(m.Type) {
			t.Events = append(t.Events, event{m.Type, m.Publishers})
		}
	}
	data, err := json.MarshalIndent(t, "", "  ")
	return append(data, '\n'), err
}

func each(m *yaml.Node, f func(name string, n *yaml.Node)) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		f(m.Content[i].Value, m.Content[i+1])
	}
}

package events

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sample = `asyncapi: 3.0.0
x-exchange: test.events
x-queues:
  parcels:
    description: What to deliver.
    consumer: post
    work: [post.parcel.deliver]
    bindings: [{key: 'shop.#', urgent: true}, {key: shop.order.placed}]
    tries: 3
    delays: [1s, 1m]
channels:
  shop.order.placed:
    address: shop.order.placed
    messages: {event: {$ref: '#/components/messages/shop.order.placed'}}
  parcels:
    address: parcels
    messages: {send: {$ref: '#/components/messages/post.parcel.deliver'}}
components:
  messages:
    shop.order.placed:
      summary: Somebody bought something.
      x-publisher: shop
      payload:
        type: object
        required: [orderId, state, placedAt, lines]
        properties:
          orderId: {type: string, format: uuid}
          state: {type: string, enum: [new, paid_up]}
          placedAt: {type: string, format: date-time}
          giftFor: {type: string, description: Absent for oneself.}
          total: {type: integer}
          weight: {type: number}
          urgent: {type: boolean}
          labels: {type: object, additionalProperties: {type: string}}
          lines:
            type: array
            items:
              type: object
              required: [sku]
              properties: {sku: {type: string}}
    post.parcel.deliver:
      summary: Bring it.
      x-publishers: [shop]
      payload:
        type: object
        required: [orderId]
        properties: {orderId: {type: string, format: uuid}}
`

func load(t *testing.T, text string) (*Catalogue, error) {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(File)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, File), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load(root)
}

func TestGoOfThePublisher(t *testing.T) {
	c, err := load(t, sample)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Go("shop")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	for _, want := range []string{
		"package shop",
		`TypeOrderPlaced = "shop.order.placed"`,
		`TypePostParcelDeliver = "post.parcel.deliver"`,
		`QueueParcels = "parcels"`,
		"OrderID uuid.UUID `json:\"orderId\"`",
		"State OrderPlacedState `json:\"state\"`",
		"GiftFor string `json:\"giftFor,omitzero\"` // Absent for oneself.",
		"Total int64 `json:\"total,omitzero\"`",
		"Weight float64 `json:\"weight,omitzero\"`",
		"Urgent bool `json:\"urgent,omitzero\"`",
		"Labels map[string]string `json:\"labels,omitzero\"`",
		"Lines []OrderPlacedLine `json:\"lines\"`",
		`OrderPlacedStatePaidUp OrderPlacedState = "paid_up"`,
		"type OrderPlacedLine struct { Sku string",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, data)
		}
	}
}

func TestGoOfOthers(t *testing.T) {
	c, err := load(t, sample)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Go("post")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TypeParcelDeliver", "TypeShopOrderPlaced", "QueueParcels"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is missing for the consumer", want)
		}
	}
	if data, err := c.Go("bank"); data != nil || err != nil {
		t.Errorf("a service without messages got %s, %v", data, err)
	}
}

func TestTopology(t *testing.T) {
	c, err := load(t, sample)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Topology()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Exchange string
		Events   []struct{ Type string }
		Queues   []struct {
			Name     string
			Tries    int
			Delays   []string
			Bindings []Binding
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Exchange != "test.events" || len(got.Events) != 1 || got.Events[0].Type != "shop.order.placed" || len(got.Queues) != 1 {
		t.Fatalf("%s", data)
	}
	q := got.Queues[0]
	if q.Name != "parcels" || q.Tries != 3 || !slices.Equal(q.Delays, []string{"1s", "1m"}) ||
		!slices.Equal(q.Bindings, []Binding{{"shop.#", true}, {"shop.order.placed", false}}) {
		t.Errorf("%+v", q)
	}
}

func TestLoadNamesEachFault(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"    consumer: post\n", "", "consumer is missing"},
		{"tries: 3", "tries: 0", "give tries"},
		{"delays: [1s, 1m]", "delays: [soon]", `delay "soon"`},
		{"work: [post.parcel.deliver]", "work: [post.parcel.lose]", "there is no message post.parcel.lose"},
		{"key: 'shop.#'", "key: 'shop.*'", "there is no message shop.*"},
		{"      x-publisher: shop\n", "", "x-publisher is missing"},
		{"      summary: Bring it.\n", "", "summary is missing"},
		{"    address: shop.order.placed", "    address: shop.order.sold", "neither an event of this address"},
		{"  parcels:\n    address: parcels\n    messages: {send: {$ref: '#/components/messages/post.parcel.deliver'}}\n", "", "post.parcel.deliver has no channel"},
		{"    post.parcel.deliver:\n      summary", "    parcel:\n      summary", "name a message <service>.<entity>.<verb>"},
	} {
		_, err := load(t, strings.Replace(sample, c.from, c.to, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), File+":") {
			t.Errorf("%q: got %v, want %s", c.to, err, c.want)
		}
	}
	c, err := load(t, strings.Replace(sample, "total: {type: integer}", "total: {type: decimal}", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Go("shop"); err == nil || !strings.Contains(err.Error(), "decimal") {
		t.Errorf("unknown type: %v", err)
	}
}

func TestBindingsMatchAsTopicsDo(t *testing.T) {
	for key, want := range map[string]bool{
		"a.b.c": true, "a.*.c": true, "a.#": true, "#": true, "a.b.*": true, "a.*": false, "a.b": false, "a.b.c.d": false, "*.x.*": false,
	} {
		if got := (Binding{Key: key}).matches("a.b.c"); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}

package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// Rabbit gives the test a vhost of its own, deleted when the test ends, and
// returns its URL.
func Rabbit(tb testing.TB) string {
	tb.Helper()
	admin, err := url.Parse(Env(tb, "RABBITMQ_ADMIN_URL"))
	if err != nil {
		tb.Fatalf("RABBITMQ_ADMIN_URL: %v", err)
	}
	broker, err := url.Parse(Env(tb, "RABBITMQ_URL"))
	if err != nil {
		tb.Fatalf("RABBITMQ_URL: %v", err)
	}
	vhost, user := unique(), admin.User.Username()
	rabbitAPI(tb, admin, http.MethodPut, "vhosts/"+vhost, map[string]string{"description": tb.Name()})
	tb.Cleanup(func() { rabbitAPI(tb, admin, http.MethodDelete, "vhosts/"+vhost, nil) })
	rabbitAPI(tb, admin, http.MethodPut, "permissions/"+vhost+"/"+user,
		map[string]string{"configure": ".*", "write": ".*", "read": ".*"})
	broker.User, broker.Path = admin.User, "/"+vhost
	return broker.String()
}

func rabbitAPI(tb testing.TB, base *url.URL, method, path string, body any) {
	tb.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base.JoinPath("api", path).String(), bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatalf("RabbitMQ's management API does not answer: %v; %s", err, startServers)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		tb.Fatalf("RabbitMQ: %s %s: %s %s", method, path, res.Status, answer)
	}
}

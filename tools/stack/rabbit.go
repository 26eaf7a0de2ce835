package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbitAPI calls RabbitMQ's management API and decodes the answer into out,
// if it is not nil.
func (b backend) rabbitAPI(ctx context.Context, method, path string, in, out any) error {
	return callRabbit(ctx, b.rabbitAdminURL(), method, path, in, out)
}

func callRabbit(ctx context.Context, base, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+"/api/"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("RabbitMQ answers %s %s: %s %s", method, path, res.Status, strings.TrimSpace(string(answer)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// prepareVhost makes the instance's vhost and its user. The user may declare,
// write and read there and nowhere else. A user that can log in was made before.
func (b backend) prepareVhost(ctx context.Context, in instance, password string) error {
	if conn, err := amqp.Dial(b.rabbitURL(in.vhost, in.vhost, password)); err == nil {
		return conn.Close()
	}
	calls := []struct {
		path string
		body any
	}{
		{"vhosts/" + in.vhost, map[string]string{"description": "JobPilot, instance " + in.name}},
		{"permissions/" + in.vhost + "/admin", map[string]string{"configure": ".*", "write": ".*", "read": ".*"}},
		{"users/" + in.vhost, map[string]string{"password": password, "tags": ""}},
		{"permissions/" + in.vhost + "/" + in.vhost, map[string]string{"configure": ".*", "write": ".*", "read": ".*"}},
	}
	for _, call := range calls {
		if err := b.rabbitAPI(ctx, http.MethodPut, call.path, call.body, nil); err != nil {
			return err
		}
	}
	return nil
}

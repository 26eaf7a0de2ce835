package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// client is one connection that sends one request after the other. net/http's
// client is not used because it costs as much as some of what is measured, on
// the same cores: pgbench, which one side is compared with, is a C program.
type client struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

// newClients makes n clients, which connect with their first request, and which
// closeAll ends.
func newClients(addr string, n int) (clients []*client, closeAll func()) {
	for range n {
		clients = append(clients, &client{addr: addr})
	}
	return clients, func() {
		for _, c := range clients {
			if c.conn != nil {
				_ = c.conn.Close()
			}
		}
	}
}

// call sends a request and returns the answer's body, which is an error unless
// the status is want. token and body may be empty.
func (c *client) call(method, path, token string, body []byte, want int) ([]byte, error) {
	b := append(c.out[:0], method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.addr...)
	b = append(b, "\r\nUser-Agent: jobpilot-load\r\n"...)
	if token != "" {
		b = append(b, "Authorization: Bearer "...)
		b = append(b, token...)
		b = append(b, "\r\n"...)
	}
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b = append(append(b, "\r\n"...), body...)
	c.out = b
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, 10*time.Second)
		if err != nil {
			return nil, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(b); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s answered %s instead of %d: %s", method, path, resp.Status, want, answer)
	}
	return answer, nil
}

// post is call with a body to encode and an answer to decode; out may be nil.
func (c *client) post(path string, want int, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := c.call(http.MethodPost, path, "", body, want)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

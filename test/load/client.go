package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
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
	body []byte
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
	status, answer, err := c.read()
	if err == nil && status != want {
		err = fmt.Errorf("%s %s answered %d instead of %d: %s", method, path, status, want, answer)
	}
	return answer, err
}

// read reads an answer, of whose header only status and length matter here. The
// body is good until the next call.
func (c *client) read() (status int, body []byte, err error) {
	length := -1
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case first && len(line) > 12: // HTTP/1.1 200 OK
			if status, err = strconv.Atoi(string(line[9:12])); status == http.StatusNoContent {
				length = 0
			}
		case len(line) == 0 && length < 0:
			return 0, nil, fmt.Errorf("an answer %d without Content-Length", status)
		case len(line) == 0:
			c.body = slices.Grow(c.body[:0], length)[:length]
			_, err = io.ReadFull(c.in, c.body)
			return status, c.body, err
		case len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if err != nil {
			return 0, nil, err
		}
	}
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

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

// checks ask a server for what it is there to do; an open port is not enough.
type checks struct{ secrets map[string]string }

// connects is the check of a server that has no question to ask.
func connects(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr(port))
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// adminURL is the superuser's connection to a database, past PgBouncer.
func (c checks) adminURL(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s/%s?sslmode=disable", c.secrets["POSTGRES_PASSWORD"], addr(portPostgres), database)
}

func (c checks) postgres(ctx context.Context) error {
	return selectOne(ctx, c.adminURL("postgres"))
}

// selectOne runs SQL that every PostgreSQL answers, in PgBouncer's transaction mode too.
func selectOne(ctx context.Context, url string) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var one int
	return conn.QueryRow(ctx, "SELECT 1").Scan(&one)
}

// pgbouncer looks roles up in PostgreSQL, so the function that it does this
// with is put there first.
func (c checks) pgbouncer(ctx context.Context) error {
	if err := c.preparePgBouncer(ctx); err != nil {
		return err
	}
	return selectOne(ctx, strings.Replace(c.adminURL("postgres"), addr(portPostgres), addr(portPgBouncer), 1))
}

func (c checks) redis(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr(portRedis))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", c.secrets["REDIS_PASSWORD"]); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"+OK", "+PONG"} {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(line); got != want {
			return fmt.Errorf("Redis answers %q", got)
		}
	}
	return nil
}

func (c checks) rabbitURL(vhost, user, password string) string {
	return fmt.Sprintf("amqp://%s:%s@%s/%s", user, password, addr(portRabbit), vhost)
}

// rabbitAdmin is the base of RabbitMQ's management API.
func (c checks) rabbitAdmin() string {
	return fmt.Sprintf("http://admin:%s@%s", c.secrets["RABBITMQ_ADMIN_PASSWORD"], addr(portRabbitAdmin))
}

func (c checks) rabbit(ctx context.Context) error {
	conn, err := amqp.Dial(c.rabbitURL("", "admin", c.secrets["RABBITMQ_ADMIN_PASSWORD"]))
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	return getOK(ctx, c.rabbitAdmin()+"/api/health/checks/alarms")
}

func (c checks) search(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr(portSearch)+"/_cluster/health", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var health struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&health); err != nil {
		return err
	}
	if health.Status != "green" && health.Status != "yellow" {
		return fmt.Errorf("cluster health is %q", health.Status)
	}
	return nil
}

func (c checks) s3(ctx context.Context) error {
	_, err := c.s3Client().do(ctx, http.MethodGet, "/", nil)
	return err
}

func (c checks) mail(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr(portSMTP))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "220 ") {
		return fmt.Errorf("the SMTP server greets with %q", strings.TrimSpace(line))
	}
	return getOK(ctx, "http://"+addr(portMailWeb)+"/healthz")
}

// getOK asks for a URL and wants any 2xx answer.
func getOK(ctx context.Context, url string) error { return getOKWith(ctx, http.DefaultClient, url) }

// getTLS is getOK for the gateway, whose certificate must be of our own authority.
func (l *layout) getTLS(ctx context.Context, url string) error {
	ca, err := os.ReadFile(l.path("tls", "ca.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	defer transport.CloseIdleConnections()
	return getOKWith(ctx, &http.Client{Transport: transport}, url)
}

func getOKWith(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("%s answers %s %s", req.URL.Redacted(), res.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

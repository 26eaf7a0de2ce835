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

// backend is the data servers as a client sees them: host:port of each, and
// the administrators' secrets. Its checks ask a server for what it is there to
// do; an open port is not enough.
type backend struct {
	postgres, pgbouncer, redis, rabbit, rabbitAdmin, search, s3, smtp, mailWeb string

	secrets map[string]string
}

// localBackend is the servers that supervisord keeps.
func localBackend(secrets map[string]string) backend {
	return backend{
		postgres: addr(portPostgres), pgbouncer: addr(portPgBouncer), redis: addr(portRedis),
		rabbit: addr(portRabbit), rabbitAdmin: addr(portRabbitAdmin), search: addr(portSearch),
		s3: addr(portS3), smtp: addr(portSMTP), mailWeb: addr(portMailWeb), secrets: secrets,
	}
}

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
func (b backend) adminURL(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s/%s?sslmode=disable", b.secrets["POSTGRES_PASSWORD"], b.postgres, database)
}

func (b backend) checkPostgres(ctx context.Context) error {
	return selectOne(ctx, b.adminURL("postgres"))
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

// checkPgBouncer: PgBouncer looks roles up in PostgreSQL, so the function that it does this
// with is put there first.
func (b backend) checkPgBouncer(ctx context.Context) error {
	if err := b.preparePgBouncer(ctx); err != nil {
		return err
	}
	return selectOne(ctx, strings.Replace(b.adminURL("postgres"), b.postgres, b.pgbouncer, 1))
}

func (b backend) checkRedis(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", b.redis)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", b.secrets["REDIS_PASSWORD"]); err != nil {
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

func (b backend) rabbitURL(vhost, user, password string) string {
	return fmt.Sprintf("amqp://%s:%s@%s/%s", user, password, b.rabbit, vhost)
}

// rabbitAdminURL is the base of RabbitMQ's management API.
func (b backend) rabbitAdminURL() string {
	return fmt.Sprintf("http://admin:%s@%s", b.secrets["RABBITMQ_ADMIN_PASSWORD"], b.rabbitAdmin)
}

func (b backend) checkRabbit(ctx context.Context) error {
	conn, err := amqp.Dial(b.rabbitURL("", "admin", b.secrets["RABBITMQ_ADMIN_PASSWORD"]))
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	return getOK(ctx, b.rabbitAdminURL()+"/api/health/checks/alarms")
}

func (b backend) checkSearch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.search+"/_cluster/health", nil)
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

func (b backend) checkS3(ctx context.Context) error {
	_, err := b.s3Client().do(ctx, http.MethodGet, "/", nil)
	return err
}

func (b backend) checkMail(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", b.smtp)
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
	return getOK(ctx, "http://"+b.mailWeb+"/healthz")
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

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// refreshClients is how many clients both sides have.
const refreshClients = 16

// refreshes compares the rotation of refresh tokens with pgbench running the
// statements of a rotation, taken from the service's own queries, as the same
// role through the same PgBouncer.
//
// pgbench speaks the extended protocol, which the service speaks too and which
// costs the server parsing and planning each time: this PgBouncer keeps no
// prepared statements. It spends and stores tokens of sessions and users like the
// service's, in the same tables; its hashes are of numbers, made by the server
// in less than a microsecond.
func (b *bench) refreshes(ctx context.Context) (err error) {
	p, err := b.startService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	clients, closeAll := newClients(p.addr, refreshClients)
	defer closeAll()
	accounts, remove, err := b.register(ctx, clients[0], 2*refreshClients)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	held := make([]string, refreshClients)
	for i, a := range accounts { // of the second half, pgbench uses the sessions
		t, err := clients[0].login(a)
		if err != nil {
			return err
		}
		if i < refreshClients {
			held[i] = t.RefreshToken
		}
	}
	reference, err := b.newRotation(ctx, accounts[refreshClients:])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reference.close(ctx)) }()

	service := func(ctx context.Context, _ int) (float64, error) {
		return rate(ctx, b.round, refreshClients, func(_ context.Context, i int) error {
			var t tokens
			answer, err := clients[i].call("POST", prefix+"/refresh", "", []byte(`{"refreshToken":"`+held[i]+`"}`), 200)
			if err == nil {
				err = json.Unmarshal(answer, &t)
			}
			held[i] = t.RefreshToken
			return err
		})
	}
	if _, err := service(ctx, 0); err != nil { // connections are made, pages are warm
		return err
	}
	return b.compare(ctx, "token refreshes with rotation", "pgbench, same statements", 0.60, service, reference.run)
}

// rotation is the reference: a script of pgbench.
type rotation struct {
	db      *pgx.Conn
	bench   *bench
	hashes  [][]byte // of the accounts whose sessions it uses
	dir     string
	started int
}

// script is one rotation. Token n of a client is the SHA-256 of its number, and
// its successor that of the next.
const script = `\set token :client_id * 1000000000 + :n
\set next :token + 1
\set n :n + 1
BEGIN;
%s
\gset
%s;
COMMIT;
`

var (
	queryName = regexp.MustCompile(`(?m)^-- name: (\w+) :\w+\n`)
	comment   = regexp.MustCompile(`(?m)^--.*\n`)
)

// statement finds a query of the service and puts values for its parameters.
func statement(name string, values map[string]string) (string, error) {
	raw, err := os.ReadFile("services/auth/internal/db/queries/sessions.sql")
	if err != nil {
		return "", err
	}
	text := string(raw)
	at := queryName.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		if text[m[2]:m[3]] != name {
			continue
		}
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		sql, _, _ := strings.Cut(comment.ReplaceAllString(text[m[1]:end], ""), ";") // \gset and ; end it
		for param, value := range values {
			sql = regexp.MustCompile("@"+param+`\b`).ReplaceAllLiteralString(sql, value)
		}
		if strings.Contains(sql, "@") || strings.Contains(sql, "sqlc.") {
			return "", fmt.Errorf("query %s has a parameter that the reference does not know: %s", name, sql)
		}
		return sql, nil
	}
	return "", fmt.Errorf("there is no query %s", name)
}

func (b *bench) newRotation(ctx context.Context, accounts []account) (*rotation, error) {
	text, err := rotationScript()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jobpilot-pgbench-")
	if err != nil {
		return nil, err
	}
	r := &rotation{bench: b, dir: dir}
	for _, a := range accounts {
		r.hashes = append(r.hashes, a.hash)
	}
	if err := os.WriteFile(filepath.Join(dir, "rotate.sql"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	if r.db, err = pgx.Connect(ctx, b.env["POSTGRES_ADMIN_URL"]); err != nil {
		return nil, fmt.Errorf("POSTGRES_ADMIN_URL: %w", err)
	}
	return r, nil
}

// rotationScript is what pgbench runs.
func rotationScript() (string, error) {
	spend, err := statement("TokenSpend", map[string]string{"now": "now()", "hash": "sha256(int8send(:token))"})
	if err != nil {
		return "", err
	}
	succeed, err := statement("TokenSucceed", map[string]string{
		"now": "now()", "hash": "sha256(int8send(:next))", "expires_at": "now() + interval '7 days'", "session_id": ":id",
	})
	return fmt.Sprintf(script, spend, succeed), err
}

func (r *rotation) close(ctx context.Context) error {
	return errors.Join(r.db.Close(context.WithoutCancel(ctx)), os.RemoveAll(r.dir))
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// run gives each client a fresh token and lets pgbench rotate.
func (r *rotation) run(ctx context.Context, _ int) (float64, error) {
	r.started++
	n := r.started * 10_000_000
	tag, err := r.db.Exec(ctx, `
		INSERT INTO auth.tokens (hash, session_id, created_at, expires_at)
		SELECT sha256(int8send((row_number() OVER (ORDER BY s.id) - 1) * 1000000000 + $2::bigint)), s.id, now(), now() + interval '7 days'
		FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email_hash = ANY ($1)`, r.hashes, n)
	if err != nil || tag.RowsAffected() != refreshClients {
		return 0, fmt.Errorf("prepare tokens: %d of %d, %w", tag.RowsAffected(), refreshClients, err)
	}
	u, err := url.Parse(r.bench.env["DATABASE_URL"])
	if err != nil {
		return 0, fmt.Errorf("DATABASE_URL: %w", err)
	}
	password, _ := u.User.Password()
	cmd := exec.CommandContext(ctx, "pgbench", "--no-vacuum", "--protocol=extended", "--client", strconv.Itoa(refreshClients), "--jobs=2",
		"--time", strconv.Itoa(int(r.bench.round.Seconds())), "--define", fmt.Sprintf("n=%d", n), "--file", filepath.Join(r.dir, "rotate.sql"))
	cmd.Env = append(os.Environ(), "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER="+u.User.Username(), "PGPASSWORD="+password,
		"PGDATABASE="+strings.TrimPrefix(u.Path, "/"))
	out, err := output(cmd)
	if err != nil {
		return 0, err
	}
	m := tps.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench printed no tps: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// scratch makes a database with an owner and the role of a service "books",
// and returns the URLs of both.
func scratch(t *testing.T) (owner, service string) {
	t.Helper()
	admin := testkit.Env(t, "POSTGRES_ADMIN_URL")
	name := "migrate_test_" + strings.ToLower(rand.Text()[:10])
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{
		"CREATE ROLE %[1]s_owner LOGIN PASSWORD 'x'", "CREATE ROLE %[1]s_books LOGIN PASSWORD 'x'", "CREATE DATABASE %[1]s OWNER %[1]s_owner",
	} {
		if _, err := conn.Exec(ctx, fmt.Sprintf(stmt, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		defer conn.Close(ctx)
		for _, stmt := range []string{"DROP DATABASE %[1]s WITH (FORCE)", "DROP ROLE %[1]s_owner", "DROP ROLE %[1]s_books"} {
			if _, err := conn.Exec(ctx, fmt.Sprintf(stmt, name)); err != nil {
				t.Error(err)
			}
		}
	})
	as := func(role string) string {
		u, err := url.Parse(admin)
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.Path = url.UserPassword(name+"_"+role, "x"), "/"+name
		return u.String()
	}
	return as("owner"), as("books")
}

func writeMigrations(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	owner, service := scratch(t)
	ctx := t.Context()
	dir := writeMigrations(t, map[string]string{
		"common/00001_countries.sql": "-- +goose Up\nCREATE TABLE countries (code text PRIMARY KEY);\nINSERT INTO countries VALUES ('CH');\n",
		"books/00001_books.sql":      "-- +goose Up\nCREATE TABLE books (id bigserial PRIMARY KEY, title text);\n-- +goose Down\nDROP TABLE books;\n",
	})
	migrate := func(args ...string) {
		t.Helper()
		if err := run(ctx, append([]string{"-dir", dir}, args...), owner); err != nil {
			t.Fatal(err)
		}
	}
	migrate("up", "common", "books")
	migrate("up", "common", "books") // changes nothing

	conn, err := pgx.Connect(ctx, service)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, tt := range []struct {
		sql     string
		allowed bool
	}{
		{"INSERT INTO books.books (title) VALUES ('x')", true},
		{"UPDATE books.books SET title = 'y'", true},
		{"SELECT code FROM common.countries", true},
		{"DELETE FROM books.books", true},
		{"INSERT INTO common.countries VALUES ('XX')", false},
		{"ALTER TABLE books.books ADD COLUMN more text", false},
		{"CREATE TABLE books.other (id int)", false},
		{"SELECT * FROM books.goose_db_version", false},
	} {
		if _, err := conn.Exec(ctx, tt.sql); (err == nil) != tt.allowed {
			t.Errorf("%s: %v; allowed should be %v", tt.sql, err, tt.allowed)
		}
	}

	migrate("down-one", "books")
	if _, err := conn.Exec(ctx, "SELECT 1 FROM books.books"); err == nil {
		t.Error("the migration was not taken back")
	}
	migrate("up", "books")
	migrate("status", "common", "books")
}

// Two deployments that start at once must not apply a migration twice.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	owner, _ := scratch(t)
	dir := writeMigrations(t, map[string]string{"books/00001_books.sql": "-- +goose Up\nCREATE TABLE books (id int);\n"})
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- run(t.Context(), []string{"-dir", dir, "up", "books"}, owner) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestMigrateFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		url  string
		want string
	}{
		{nil, "x", "usage"},
		{[]string{"up"}, "x", "usage"},
		{[]string{"up", "auth"}, "", "MIGRATE_URL: missing"},
		{[]string{"up", "auth"}, "nonsense", "MIGRATE_URL"},
		{[]string{"sideways", "auth"}, "postgres://h/d", `no command "sideways"`},
		{[]string{"-dir", "/nowhere", "up", "auth"}, "postgres://h/d", "auth: there is no folder /nowhere/auth"},
	} {
		if err := run(t.Context(), tt.args, tt.url); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Rows follow their file, and stay as they are while it stays or when it is broken.
func TestReferenceDataFollowsItsFile(t *testing.T) {
	owner, _ := scratch(t)
	ctx := context.Background()
	files := map[string]string{"common/00001_words.sql": `-- +goose Up
		CREATE TABLE data_files (name text PRIMARY KEY, sha256 bytea NOT NULL, rows bigint NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now());
		CREATE TABLE words (id int PRIMARY KEY, word text);`}
	words := func(csv string) (list []string, err error) {
		files["common/data/words.csv.gz"] = packed(t, csv)
		m, err := open(owner, writeMigrations(t, files))
		if err != nil {
			t.Fatal(err)
		}
		failed := m.up(ctx, shared)
		conn, err := pgx.Connect(ctx, owner)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		rows, err := conn.Query(ctx, "SELECT word || ' ' || xmin FROM common.words ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list, failed
	}
	first, err := words("id,word\n1,one\n2,\"two, too\"\n")
	if err != nil || len(first) != 2 {
		t.Fatalf("loaded %q, %v", first, err)
	}
	again, err := words("id,word\n1,one\n2,\"two, too\"\n")
	if err != nil || again[0] != first[0] {
		t.Errorf("the same file was loaded again: %q, %v", again, err)
	}
	broken, err := words("id,word\n1,uno\n1,twice\n")
	if err == nil || len(broken) != 2 || broken[0] != first[0] {
		t.Errorf("a broken file left %q, %v", broken, err)
	}
	next, err := words("word,id\neins,1\n")
	if err != nil || len(next) != 1 || next[0] == first[0] {
		t.Errorf("of another file came %q, %v", next, err)
	}
}

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// load fills tables of schema common from data/<table>.csv.gz beside its
// migrations: those whose file is another than the one that was loaded, all in
// one transaction, so that readers see the old rows or the new ones. The first
// line of a file names the columns. A migration that makes a table anew deletes
// its row of data_files.
func (m *migrator) load(ctx context.Context, db *sql.DB) error {
	files, err := filepath.Glob(filepath.Join(m.dir, shared, "data", "*.csv.gz"))
	if err != nil || len(files) == 0 {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, file := range files {
				if err := loadFile(ctx, tx, file); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			return nil
		})
	})
}

func loadFile(ctx context.Context, tx pgx.Tx, file string) error {
	packed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(file), ".csv.gz")
	sum := sha256.Sum256(packed)
	var loaded []byte
	err = tx.QueryRow(ctx, "SELECT sha256 FROM data_files WHERE name = $1", name).Scan(&loaded)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if bytes.Equal(loaded, sum[:]) {
		return nil
	}
	start := time.Now()
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	content, err := io.ReadAll(text)
	if err != nil {
		return err
	}
	columns, err := csv.NewReader(bytes.NewReader(content)).Read()
	if err != nil {
		return err
	}
	for i, c := range columns {
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	table := pgx.Identifier{shared, name}.Sanitize()
	if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil {
		return err
	}
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(content),
		fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT csv, HEADER)", table, strings.Join(columns, ", ")))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO data_files (name, sha256, rows) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET sha256 = $2, rows = $3, loaded_at = now()",
		name, sum[:], tag.RowsAffected())
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "ANALYZE "+table); err != nil {
		return err
	}
	fmt.Printf("%s: loaded %d rows of %s in %d ms\n", shared, tag.RowsAffected(), name, time.Since(start).Milliseconds())
	return nil
}

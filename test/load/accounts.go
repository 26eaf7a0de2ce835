package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/seal"
)

const prefix = "/api/v1/auth"

// account is one that was made for a measurement.
type account struct {
	email, password string
	hash            []byte // what its row is found by
}

type tokens struct{ AccessToken, RefreshToken string }

// register makes n accounts through the service and confirms their addresses in
// the database. remove deletes them as their users would, so that every service
// forgets them; it needs c as long.
func (b *bench) register(ctx context.Context, c *client, n int) (accounts []account, remove func() error, err error) {
	db, err := pgx.Connect(ctx, b.env["POSTGRES_ADMIN_URL"])
	if err != nil {
		return nil, nil, fmt.Errorf("POSTGRES_ADMIN_URL: %w", err)
	}
	lookup, err := seal.NewLookup(b.env["LOOKUP_KEY"])
	if err != nil {
		return nil, nil, errors.Join(err, db.Close(ctx))
	}
	var hashes [][]byte
	remove = func() error {
		var faults []error
		for _, a := range accounts {
			t, err := c.login(a)
			if err == nil {
				_, err = c.call("DELETE", prefix+"/me", t.AccessToken, nil, 204)
			}
			faults = append(faults, err)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, err := db.Exec(ctx, `DELETE FROM auth.users WHERE email_hash = ANY ($1)`, hashes)
		return errors.Join(append(faults, err, db.Close(ctx))...)
	}
	for range n {
		a := account{email: "load." + strings.ToLower(rand.Text()) + "@example.com", password: "a passphrase of " + rand.Text()}
		a.hash = lookup.Hash("users.email", a.email)
		hashes = append(hashes, a.hash)
		if err := c.post(prefix+"/register", 201, map[string]string{"email": a.email, "password": a.password}, nil); err != nil {
			return nil, nil, errors.Join(err, remove())
		}
		accounts = append(accounts, a)
	}
	tag, err := db.Exec(ctx, `UPDATE auth.users SET email_verified_at = now() WHERE email_hash = ANY ($1)`, hashes)
	if err == nil && int(tag.RowsAffected()) != n {
		err = fmt.Errorf("%d of %d accounts are in the database", tag.RowsAffected(), n)
	}
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return accounts, remove, nil
}

func (c *client) login(a account) (tokens, error) {
	var r struct{ Tokens tokens }
	err := c.post(prefix+"/login", 200, map[string]string{"email": a.email, "password": a.password}, &r)
	return r.Tokens, err
}

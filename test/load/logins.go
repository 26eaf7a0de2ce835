package main

import (
	"context"
	"encoding/base64"
	"errors"
	"runtime"

	"golang.org/x/crypto/bcrypt"
)

const (
	loginAccounts = 48 // no account reaches its limit of 50 sessions: a login then ends the oldest
	loginClients  = 8  // keep every core hashing while others wait for the database
)

// logins compares sign-ins with a password through the service with bcrypt
// alone, of the same cost and over as many bytes.
func (b *bench) logins(ctx context.Context) (err error) {
	p, err := b.startService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	clients, closeAll := newClients(p.addr, loginClients)
	defer closeAll()
	accounts, remove, err := b.register(ctx, clients[0], loginAccounts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()

	password := base64.StdEncoding.AppendEncode(nil, make([]byte, 48)) // as long as what the service hashes
	hash, err := bcrypt.GenerateFromPassword(password, 10)
	if err != nil {
		return err
	}
	next := make([]int, loginClients)
	return b.compare(ctx, "password logins through the service", "bcrypt alone", 0.90,
		func(ctx context.Context, _ int) (float64, error) {
			return rate(ctx, b.round, loginClients, func(_ context.Context, i int) error {
				// Each client has accounts of its own: two at once would wait for each other.
				own := loginAccounts / loginClients
				_, err := clients[i].login(accounts[i*own+next[i]%own])
				next[i]++
				return err
			})
		},
		func(ctx context.Context, _ int) (float64, error) {
			return rate(ctx, b.round, runtime.GOMAXPROCS(0), func(context.Context, int) error {
				return bcrypt.CompareHashAndPassword(hash, password)
			})
		})
}

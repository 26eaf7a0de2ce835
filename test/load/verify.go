package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
)

// verification times the check of access tokens that the verifier has not seen
// before, which is the slow case, with the keys at hand: there is nothing that
// could call out.
func (b *bench) verification(ctx context.Context) error {
	const tokens, issuer = 4000, "https://jobpilot.example"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signer := authn.SigningKey{ID: "k1", Key: key}
	now := time.Now()
	list := make([]string, tokens)
	for i := range list {
		if list[i], err = signer.Sign(authn.Claims{
			Issuer: issuer, UserID: uuid.New(), SessionID: uuid.New(), TokenID: uuid.New(), Roles: []string{"user"},
			AuthTime: now, IssuedAt: now, ExpiresAt: now.Add(authn.AccessTokenTTL),
		}); err != nil {
			return err
		}
	}
	verifier := authn.NewVerifier(issuer, authn.Keyset{"k1": &key.PublicKey}, nil)
	check := func(tokens []string) (time.Duration, error) {
		began := time.Now()
		for _, t := range tokens {
			if _, err := verifier.Verify(ctx, t); err != nil {
				return 0, err
			}
		}
		return time.Since(began) / time.Duration(len(tokens)), nil
	}
	var fresh []float64
	for i := range 10 {
		took, err := check(list[i*tokens/10 : (i+1)*tokens/10])
		if err != nil {
			return err
		}
		fresh = append(fresh, float64(took.Nanoseconds())/1000)
	}
	again, err := check(list[tokens-100:])
	if err != nil {
		return err
	}
	us := median(fresh)
	b.rows = append(b.rows, row{"access token verification, no network", fmt.Sprintf("%.0f µs", us),
		fmt.Sprintf("seen before: %.1f µs", float64(again.Nanoseconds())/1000), "", "< 100 µs", us < 100})
	return nil
}

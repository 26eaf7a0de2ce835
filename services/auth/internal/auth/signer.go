package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

const (
	// A new key is published this long before it signs, so that verifiers which
	// keep the key set for a minute know it by then.
	keyLeadTime = 2 * time.Minute
	// An old key stays published until the last token it signed has expired.
	keyAfterlife = authn.AccessTokenTTL + 5*time.Minute
	keyReload    = 30 * time.Second
)

// Signer holds the keys that sign access tokens. They live in Postgres, sealed,
// and are common to all replicas.
type Signer struct {
	pool   *pgxpool.Pool
	keys   *seal.Keys
	issuer string
	now    func() time.Time
	held   atomic.Pointer[heldKeys]
}

type heldKeys struct {
	signing []signingKey // newest first
	public  authn.Keyset
}

type signingKey struct {
	authn.SigningKey
	from time.Time
}

// NewSigner loads the keys, making the first one when there is none.
func NewSigner(ctx context.Context, pool *pgxpool.Pool, keys *seal.Keys, issuer string, now func() time.Time) (*Signer, error) {
	s := &Signer{pool: pool, keys: keys, issuer: issuer, now: now}
	err := pg.InTx(ctx, pool, func(x pgx.Tx) error {
		q := db.New(x)
		if err := q.SigningKeysLock(ctx); err != nil {
			return err
		}
		have, err := q.SigningKeysPublished(ctx, s.now())
		if err != nil || len(have) > 0 {
			return err
		}
		_, err = s.insert(ctx, q, s.now())
		return err
	})
	if err == nil {
		err = s.reload(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("auth: signing keys: %w", err)
	}
	return s, nil
}

// Rotate makes a new key, which signs once verifiers have had the time to learn
// it, and lets the others end when the last token they sign has expired. It
// returns the new key's id and when it begins to sign.
func (s *Signer) Rotate(ctx context.Context) (kid string, from time.Time, err error) {
	from = s.now().Add(keyLeadTime)
	err = pg.InTx(ctx, s.pool, func(x pgx.Tx) error {
		q := db.New(x)
		if err := q.SigningKeysLock(ctx); err != nil {
			return err
		}
		if kid, err = s.insert(ctx, q, from); err != nil {
			return err
		}
		if err := q.SigningKeysRetire(ctx, db.SigningKeysRetireParams{RetiresAt: from.Add(keyAfterlife), ExceptKid: kid}); err != nil {
			return err
		}
		return q.AuditAppend(ctx, db.AuditAppendParams{
			ActorKind: system.kind, Action: "signing_key.rotated", Detail: json.RawMessage(fmt.Sprintf(`{"kid":%q}`, kid)),
		})
	})
	if err == nil {
		err = s.reload(ctx)
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("auth: rotate signing key: %w", err)
	}
	return kid, from, nil
}

func (s *Signer) insert(ctx context.Context, q *db.Queries, from time.Time) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	kid, err := authn.KeyID(&key.PublicKey)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	public, err := json.Marshal(authn.Keyset{kid: &key.PublicKey})
	if err != nil {
		return "", err
	}
	return kid, q.SigningKeyInsert(ctx, db.SigningKeyInsertParams{
		Kid: kid, PrivateSealed: s.keys.Seal(private, keyPlace(kid)), PublicJwk: public, Now: s.now(), SignsFrom: from,
	})
}

func keyPlace(kid string) seal.Place {
	return seal.Place{Table: "signing_keys", Column: "private_sealed", Row: kid}
}

// Keep follows rotations by other replicas and the command line until ctx ends.
// While Postgres is away the keys at hand go on signing.
func (s *Signer) Keep(ctx context.Context) error {
	tick := time.NewTicker(keyReload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.reload(ctx); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "signing keys not reloaded; the known ones go on", slog.Any("error", err))
			}
		}
	}
}

func (s *Signer) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rows, err := db.New(s.pool).SigningKeysPublished(ctx, s.now())
	if err != nil {
		return err
	}
	h := &heldKeys{public: authn.Keyset{}}
	for _, r := range rows {
		private, err := s.keys.Open(r.PrivateSealed, keyPlace(r.Kid))
		if err != nil {
			return fmt.Errorf("key %s: %w (is the right key in SEAL_KEYS?)", r.Kid, err)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(private)
		if err != nil {
			return fmt.Errorf("key %s: %w", r.Kid, err)
		}
		key, ok := parsed.(*ecdsa.PrivateKey)
		if !ok {
			return fmt.Errorf("key %s is no ECDSA key", r.Kid)
		}
		h.signing = append(h.signing, signingKey{authn.SigningKey{ID: r.Kid, Key: key}, r.SignsFrom})
		h.public[r.Kid] = &key.PublicKey
	}
	if len(h.signing) == 0 {
		return errors.New("there is none")
	}
	s.held.Store(h)
	return nil
}

// Public is the key set that verifies our tokens, keys that are yet to sign
// included.
func (s *Signer) Public() authn.Keyset { return s.held.Load().public }

// Key finds a public key, so that auth verifies its own tokens without a call.
func (s *Signer) Key(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	return s.Public().Key(ctx, kid)
}

// sign makes an access token with the newest key whose time has come.
func (s *Signer) sign(c authn.Claims) (string, error) {
	h := s.held.Load()
	key := h.signing[len(h.signing)-1]
	for _, k := range h.signing {
		if !k.from.After(c.IssuedAt) {
			key = k
			break
		}
	}
	c.Issuer = s.issuer
	return key.Sign(c)
}

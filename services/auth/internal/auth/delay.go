package auth

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// Failed sign-ins delay the next one, at three scopes at once:
//
//   - pair, one account from one network: doubles from 1 s after the fifth
//     failure up to 15 minutes. This is what stops guessing.
//   - account, from all networks together: doubles from 1 s after the 20th
//     failure up to 30 s. It slows an attack from many networks, and since
//     attempts during a delay do not prolong it, its owner still gets in.
//   - network, by the number of different accounts it failed on within the hour:
//     from the tenth, 1 s doubling up to 60 s. This is what slows spraying.
//
// From a network where the account signed in within the last 30 days only the
// pair counts, so that no stranger elsewhere can delay its owner at home or at
// work. An hour without failure starts anew; a success, a password reset and an
// administrator's unlock clear the account's delays.
//
// An attempt during a delay is checked like any other and answered like a wrong
// password, but not counted.
const (
	delayQuiet   = time.Hour
	knownNetwork = 30 * 24 * time.Hour
)

type scope struct {
	name string
	free int // failures without delay
	most time.Duration
}

var (
	scopePair    = scope{"pair", 5, 15 * time.Minute}
	scopeAccount = scope{"account", 20, 30 * time.Second}
	scopeNetwork = scope{"network", 10, time.Minute}
)

// delay is how long to wait after so many failures.
func (s scope) delay(failures int) time.Duration {
	over := failures - s.free
	if over < 0 {
		return 0
	}
	return min(time.Second<<min(over, 20), s.most)
}

// attempt is who tries to sign in, as the delays know them: by keyed hashes, the
// same for accounts that exist and for those that do not.
type attempt struct {
	account, network, pair []byte
}

func (s *Service) attempt(emailHash []byte, ip netip.Addr) attempt {
	network := s.network(ip)
	return attempt{emailHash, network, append(emailHash[:len(emailHash):len(emailHash)], network...)}
}

// network is the keyed hash of the address's network: /24 for IPv4, /64 for
// IPv6, which is what one subscriber usually has.
func (s *Service) network(ip netip.Addr) []byte {
	ip = ip.Unmap()
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return s.Lookup.Hash("network", "")
	}
	return s.Lookup.Hash("network", prefix.String())
}

// delayed reports whether the attempt has to wait. user is nil for an unknown
// account.
func (s *Service) delayed(ctx context.Context, a attempt, user *uuid.UUID) (bool, error) {
	now := s.now()
	rows, err := s.q.DelaysGet(ctx, db.DelaysGetParams{Account: a.account, Pair: a.pair, Network: a.network})
	if err != nil {
		return false, storeError(err)
	}
	var id uuid.UUID // of nobody, for an unknown account: the same query, the same time
	if user != nil {
		id = *user
	}
	known, err := s.q.KnownNetwork(ctx, db.KnownNetworkParams{UserID: id, Network: a.network, Since: now.Add(-knownNetwork)})
	if err != nil {
		return false, storeError(err)
	}
	for _, r := range rows {
		if r.BlockedUntil.After(now) && (r.Scope == scopePair.name || !known) {
			return true, nil
		}
	}
	return false, nil
}

// countFailure makes the next attempt wait.
func (t *tx) countFailure(ctx context.Context, a attempt) error {
	// Always in this order, so that concurrent failures do not deadlock.
	for _, c := range []struct {
		scope
		key []byte
	}{{scopeAccount, a.account}, {scopePair, a.pair}} {
		n, err := t.DelayCount(ctx, db.DelayCountParams{Scope: c.name, Key: c.key, Now: t.now, QuietSince: t.now.Add(-delayQuiet)})
		if err != nil {
			return err
		}
		if err := t.setDelay(ctx, c.scope, c.key, int(n)); err != nil {
			return err
		}
	}
	others, err := t.SprayAdd(ctx, db.SprayAddParams{Network: a.network, Account: a.account, Now: t.now, Since: t.now.Add(-delayQuiet)})
	if err != nil || scopeNetwork.delay(int(others)+1) == 0 {
		return err
	}
	if _, err := t.DelayCount(ctx, db.DelayCountParams{Scope: scopeNetwork.name, Key: a.network, Now: t.now, QuietSince: t.now.Add(-delayQuiet)}); err != nil {
		return err
	}
	return t.setDelay(ctx, scopeNetwork, a.network, int(others)+1)
}

func (t *tx) setDelay(ctx context.Context, s scope, key []byte, failures int) error {
	d := s.delay(failures)
	if d == 0 {
		return nil
	}
	return t.DelaySet(ctx, db.DelaySetParams{Scope: s.name, Key: key, BlockedUntil: t.now.Add(d)})
}

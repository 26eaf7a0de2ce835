package auth

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

// ServiceKeyGrace is how long the key before the newest goes on, unless told
// otherwise: the time to give its service the new one.
const ServiceKeyGrace = 24 * time.Hour

// Services are those that exist; no other gets a key.
var Services = []string{"auth", "user", "resume", "job", "auto-apply", "analytics", "notification", "ai", "orchestrator"}

var (
	errServiceKeyForm = errs.New(errs.Invalid, "invalid_service_key",
		"This is no key of a service. It is jps_<service>_ and then at least 32 random letters, digits, - or _.")
	errServiceKeyEnded = errs.New(errs.Conflict, "service_key_ended", "This key has ended; make another one.")
)

var errService = errs.New(errs.Invalid, "unknown_service", "There is no such service. Name one of "+strings.Join(Services, ", ")+".")

// ServiceKey is a live key of a service, without its secret.
type ServiceKey struct {
	ID        uuid.UUID
	Service   string
	CreatedAt time.Time
	ExpiresAt *time.Time // nil: until a newer one takes its place
}

// IssueServiceKey makes a key for a service and returns it; it is shown this
// once. Of the keys before, the newest goes on for the grace period and the
// others end now, so two are valid at most.
func (s *Service) IssueServiceKey(ctx context.Context, service string, grace time.Duration) (string, error) {
	if !slices.Contains(Services, service) {
		return "", errService
	}
	key := newSecret(prefixService + service + "_")
	return key, s.addServiceKey(ctx, service, key, grace, "service_key.issued")
}

// AdoptServiceKey takes over a key that was made elsewhere, such as by what
// deploys the platform: jps_<service>_ and at least 32 random letters, digits, -
// or _. Otherwise it is IssueServiceKey; a key that is valid already stays as it
// is.
func (s *Service) AdoptServiceKey(ctx context.Context, key string, grace time.Duration) (service string, err error) {
	m := adoptable.FindStringSubmatch(key)
	if m == nil {
		return "", errServiceKeyForm
	}
	if service = m[1]; !slices.Contains(Services, service) {
		return "", errService
	}
	if _, err := s.IntrospectServiceKey(ctx, key); !errors.Is(err, authn.ErrUnauthenticated) {
		return service, err
	}
	err = s.addServiceKey(ctx, service, key, grace, "service_key.adopted")
	if pg.IsUniqueViolation(err, "") {
		return service, errServiceKeyEnded
	}
	return service, err
}

var adoptable = regexp.MustCompile(`^` + prefixService + `([a-z-]+)_([A-Za-z0-9_-]{32,100})$`)

// addServiceKey makes a key the newest of its service.
func (s *Service) addServiceKey(ctx context.Context, service, key string, grace time.Duration, action string) error {
	id := newID()
	return s.inTx(ctx, func(t *tx) error {
		if err := t.ServiceKeysLock(ctx, service); err != nil {
			return err
		}
		t.now = s.now() // after whom it waited for
		if err := t.ServiceKeyInsert(ctx, db.ServiceKeyInsertParams{ID: id, Service: service, Hash: hashSecret(key), Now: t.now}); err != nil {
			return err
		}
		if err := t.endServiceKeys(ctx, service, 2, t.now); err != nil {
			return err
		}
		if err := t.endServiceKeys(ctx, service, 1, t.now.Add(max(0, grace))); err != nil {
			return err
		}
		return t.audit(ctx, system, action, nil, Client{}, map[string]string{"service": service, "keyId": id.String(), "grace": grace.String()})
	})
}

// RevokeServiceKeys ends all keys of a service now.
func (s *Service) RevokeServiceKeys(ctx context.Context, service string) error {
	if !slices.Contains(Services, service) {
		return errService
	}
	return s.inTx(ctx, func(t *tx) error {
		if err := t.ServiceKeysLock(ctx, service); err != nil {
			return err
		}
		t.now = s.now()
		if err := t.endServiceKeys(ctx, service, 0, t.now); err != nil {
			return err
		}
		return t.audit(ctx, system, "service_key.revoked", nil, Client{}, map[string]string{"service": service})
	})
}

// endServiceKeys lets all but the newest keys of a service end at a time.
func (t *tx) endServiceKeys(ctx context.Context, service string, keep int32, at time.Time) error {
	ids, err := t.ServiceKeysEnd(ctx, db.ServiceKeysEndParams{EndsAt: at, Service: service, Now: t.now, Keep: keep})
	if err != nil || at.After(t.now) || len(ids) == 0 {
		return err
	}
	return t.revoke(ctx, revokeKey, ids...)
}

// ListServiceKeys lists the live keys of all services, each service's newest
// first.
func (s *Service) ListServiceKeys(ctx context.Context) ([]ServiceKey, error) {
	rows, err := s.q.ServiceKeyList(ctx, s.now())
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]ServiceKey, len(rows))
	for i, r := range rows {
		list[i] = ServiceKey{r.ID, r.Service, r.CreatedAt, r.ExpiresAt}
	}
	return list, nil
}

// IntrospectServiceKey is Introspect for service keys alone.
func (s *Service) IntrospectServiceKey(ctx context.Context, key string) (authn.Principal, error) {
	if !hasPrefix(key, prefixService) {
		return authn.Principal{}, authn.ErrUnauthenticated
	}
	row, err := s.q.ServiceKeyIntrospect(ctx, db.ServiceKeyIntrospectParams{Hash: hashSecret(key), Now: s.now()})
	switch {
	case pg.IsNotFound(err):
		return authn.Principal{}, authn.ErrUnauthenticated
	case err != nil:
		return authn.Principal{}, storeError(err)
	}
	return authn.Principal{Kind: authn.KindService, Service: row.Service, KeyID: row.ID}, nil
}

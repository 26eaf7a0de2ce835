package e2e

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// caller is a kind of credential in the matrix.
type caller struct {
	name  string
	role  string // of an access token
	stale bool   // proved presence too long ago for a step-up
	key   string // "with", "without": an API key with all scopes, or with all but the operation's
	svc   string // "right", "wrong": a key of a service that the operation names, or of another
}

var callers = []caller{
	{name: "nobody"},
	{name: "forged token"},
	{name: "user", role: "user"},
	{name: "user, login of long ago", role: "user", stale: true},
	{name: "premium", role: "premium"},
	{name: "admin", role: "admin"},
	{name: "super admin", role: "super_admin"},
	{name: "super admin, login of long ago", role: "super_admin", stale: true},
	{name: "API key with the scope", key: "with"},
	{name: "API key without the scope", key: "without"},
	{name: "service that may", svc: "right"},
	{name: "service that may not", svc: "wrong"},
}

var ranks = []string{"none", "user", "premium", "admin", "super_admin"}

// Codes of the refusals that follow from an operation's rule; a handler that
// refuses what was asked for uses others.
var ruleCodes = []string{"unauthenticated", "forbidden", "scope_missing", "step_up_required"}

// outcome is what the rule says: 0 and "" if the call is allowed, else a refusal.
type outcome struct {
	status int
	code   string
}

var (
	allowed         = outcome{}
	unauthenticated = outcome{401, "unauthenticated"}
	forbidden       = outcome{403, "forbidden"}
	scopeMissing    = outcome{403, "scope_missing"}
	stepUpRequired  = outcome{403, "step_up_required"}
	unreachable     = outcome{404, "not_found"}
)

// expect derives from the contract alone what a caller must meet. The gateway
// does not know internal operations, drops service keys, and asks for a kind of
// credential that the operation takes; services decide by the rule.
func expect(op *harness.Operation, c caller, throughGateway bool) outcome {
	switch {
	case throughGateway && op.Internal:
		return unreachable
	case op.Public():
		return allowed
	case throughGateway && c.svc != "", c.role == "" && c.key == "" && c.svc == "":
		return unauthenticated
	case throughGateway && c.key != "" && !op.Takes("apiKeyAuth"):
		return unauthenticated
	case op.Internal && c.svc == "right":
		return allowed
	case op.Internal || c.svc != "":
		return forbidden
	case c.key != "" && (op.Scope == "" || op.StepUp || c.key == "without"):
		return scopeMissing
	case c.key != "":
		return allowed // the key's owner has every role
	case slices.Index(ranks, c.role) < slices.Index(ranks, op.Role):
		return forbidden
	case op.StepUp && c.stale:
		return stepUpRequired
	}
	return allowed
}

// TestMatrix calls every operation of every contract as every kind of caller,
// with what is theirs and with what is another's, at the gateway and at the
// service itself.
func TestMatrix(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for _, op := range harness.Operations(t) {
		f, ok := fixtures[op.ID]
		if !ok {
			t.Errorf("operation %s has no fixture; say in matrix_fixtures_test.go how it is called", op.ID)
			continue
		}
		if _, schema := op.Body(); (schema != nil) != (f.body != nil) {
			t.Errorf("the fixture of %s does not have a body as the contract has one", op.ID)
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			t.Parallel()
			for _, door := range []string{"gateway", "service"} {
				for _, c := range callers {
					if c.svc == "wrong" && stranger(op) == "" {
						continue // every service may
					}
					want := expect(op, c, door == "gateway")
					t.Run(fmt.Sprintf("%s/%s", door, c.name), func(t *testing.T) {
						spends := f.spends
						if want != allowed {
							spends = nothing
						}
						who := p.as(t, op, c, spends)
						p.call(t, op, f, who, who, door, want)
					})
					if op.Owner && want == allowed && (!f.admins || slices.Index(ranks, p.role(c)) < slices.Index(ranks, "admin")) {
						t.Run(fmt.Sprintf("%s/%s, another's", door, c.name), func(t *testing.T) {
							p.call(t, op, f, p.as(t, op, c, nothing), p.other, door, outcome{404, ""})
						})
					}
				}
			}
		})
	}
	for id := range fixtures {
		harness.Op(t, id) // which fails for one that is in no contract any more
	}
}

// call calls the operation with what belongs to owner and checks the outcome.
func (p *people) call(t *testing.T, op *harness.Operation, f fixture, who, owner *harness.User, door string, want outcome) {
	t.Helper()
	call := harness.Call{Op: op.ID, Query: f.query}
	if f.path != nil {
		call.Path = p.path(t, op, f, owner, want == allowed)
	}
	if f.body != nil {
		call.Body = f.body(t, owner)
	}
	client := who.Client
	if door == "service" {
		client = client.Direct()
	}
	if want == unreachable { // not an operation, as far as the gateway is concerned
		req := client.Request(t, call)
		client.Exchange(t, "", req).WantProblem(t, want.status, want.code)
		return
	}
	a := client.Do(t, call)
	switch {
	case want == allowed:
		if a.Status != f.status {
			t.Fatalf("an allowed call gave %d, not %d: %s", a.Status, f.status, a.Body)
		}
		if a.Status >= 400 {
			if code := a.Problem(t).Code; slices.Contains(ruleCodes, code) {
				t.Fatalf("an allowed call was refused: %s", a.Body)
			}
		}
	case want.code == "": // another's: it must look as if it did not exist
		if p := a.Want(t, want.status).Problem(t); p.Code == "forbidden" {
			t.Fatalf("the answer tells that it exists: %s", a.Body)
		}
	default:
		a.WantProblem(t, want.status, want.code)
	}
	if want.status == 401 && a.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate (RFC 9110 §15.5.2)")
	}
}

// role is that of the account that the caller calls for.
func (p *people) role(c caller) string {
	if c.key != "" {
		return "super_admin"
	}
	return c.role
}

// people are the accounts that take part.
type people struct {
	byRole        map[string]*harness.User
	stale         map[string]*harness.User
	other, victim *harness.User
	scopes        []string // all that operations name
	mu            sync.Mutex
	keys          map[string]string            // API key by the scope that it lacks
	paths         map[string]map[string]string // what a refused call is to leave as it is
}

// path is something of the owner's: of its own for a call that may use it up.
func (p *people) path(t *testing.T, op *harness.Operation, f fixture, owner *harness.User, used bool) map[string]string {
	t.Helper()
	if used {
		return f.path(t, p, owner)
	}
	key := op.ID + " " + owner.ID
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paths[key] == nil {
		p.paths[key] = f.path(t, p, owner)
	}
	return p.paths[key]
}

// session is one of the owner's account, whatever the owner shows in this call.
func (p *people) session(owner *harness.User) *harness.User {
	for _, u := range append(slices.Collect(maps.Values(p.byRole)), p.other, p.victim) {
		if u.ID == owner.ID {
			return u
		}
	}
	return owner
}

func newPeople(t *testing.T) *people {
	t.Helper()
	p := &people{byRole: map[string]*harness.User{}, stale: map[string]*harness.User{}, keys: map[string]string{}, paths: map[string]map[string]string{}}
	for _, op := range harness.Operations(t) {
		if op.Scope != "" && !slices.Contains(p.scopes, op.Scope) {
			p.scopes = append(p.scopes, op.Scope)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, role := range append(ranks[1:], "other", "victim") {
		wg.Go(func() {
			u := newUserOf(t, role)
			mu.Lock()
			defer mu.Unlock()
			switch role {
			case "other":
				p.other = u
			case "victim":
				p.victim = u
			case "user", "super_admin":
				p.stale[role] = u.LogIn(t).Stale(t)
				fallthrough
			default:
				p.byRole[role] = u
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return p
}

func newUserOf(t *testing.T, role string) *harness.User {
	t.Helper()
	if slices.Contains(ranks[2:], role) {
		return harness.NewUserWith(t, role)
	}
	return harness.NewUser(t)
}

// as is a caller of the kind. What the call will use up is made anew.
func (p *people) as(t *testing.T, op *harness.Operation, c caller, spends spending) *harness.User {
	t.Helper()
	if c.role != "" && spends != nothing {
		u := p.byRole[c.role]
		if spends == theAccount {
			u = newUserOf(t, c.role)
		} else {
			u = u.LogIn(t)
		}
		if c.stale {
			u = u.Stale(t)
		}
		return u
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	with := func(owner *harness.User, cred harness.Credential) *harness.User {
		u := *owner
		u.Client = owner.As(cred)
		return &u
	}
	switch {
	case c.stale:
		return p.stale[c.role]
	case c.role != "":
		return p.byRole[c.role]
	case c.key != "":
		lacks := ""
		if c.key == "without" {
			lacks = op.Scope
		}
		owner := p.byRole["super_admin"]
		if _, ok := p.keys[lacks]; !ok {
			scopes := slices.DeleteFunc(slices.Clone(p.scopes), func(s string) bool { return s == lacks })
			p.keys[lacks], _ = owner.APIKey(t, scopes...)
		}
		return with(owner, harness.Credential{APIKey: p.keys[lacks]})
	case c.svc != "":
		name := stranger(op)
		if c.svc == "right" && len(op.Services) > 0 {
			name = op.Services[0]
		}
		return with(p.other, harness.Credential{ServiceKey: harness.ServiceKey(t, name)})
	case c.name == "forged token":
		return with(p.other, harness.Credential{Bearer: forgedToken})
	}
	return with(p.other, harness.Credential{})
}

// stranger is a service that may not call; "" for none.
func stranger(op *harness.Operation) string {
	for _, name := range []string{"user", "notification"} {
		if !slices.Contains(op.Services, name) {
			return name
		}
	}
	return ""
}

// forgedToken is well formed, so the gateway passes it on, and signed by nobody.
const forgedToken = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vbmUiLCJ0eXAiOiJhdCtqd3QifQ." +
	"eyJpc3MiOiJodHRwczovL2xvY2FsaG9zdCIsInN1YiI6Im5vYm9keSJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

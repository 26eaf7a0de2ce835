package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// shell runs commands on a service of its own.
type shell struct {
	*auth.Service
	t *testing.T
}

func newShell(t *testing.T) shell {
	t.Helper()
	pool := testkit.DB(t, "migrations/auth")
	key := func(letter string) string {
		return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
	}
	keys, err1 := seal.ParseKeys("1:" + key("s"))
	lookup, err2 := seal.NewLookup(key("l"))
	hasher, err3 := auth.NewHasher([]byte(strings.Repeat("p", 32)), 1)
	policy, err4 := auth.NewPasswordPolicy("")
	signer, err5 := auth.NewSigner(t.Context(), pool, keys, "https://jobpilot.test", time.Now)
	options, err6 := redis.ParseURL(testkit.Env(t, "REDIS_URL"))
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return shell{auth.New(auth.Deps{
		Pool: pool, Keys: keys, Lookup: lookup, Hasher: hasher, Policy: policy, Signer: signer,
		Revocations: authn.NewRevocations(client, nil), PublicURL: "https://jobpilot.test", Log: slog.New(slog.DiscardHandler),
	}), t}
}

func (s shell) run(stdin string, args ...string) (string, error) {
	s.t.Helper()
	var stdout bytes.Buffer
	closed := false
	err := runCommand(s.t.Context(), args, strings.NewReader(stdin), &stdout, func(context.Context) (*auth.Service, func(), error) {
		return s.Service, func() { closed = true }, nil
	})
	if err == nil && !closed {
		s.t.Error("the service was not closed")
	}
	return stdout.String(), err
}

// must runs a command that has to succeed.
func (s shell) must(stdin string, args ...string) string {
	s.t.Helper()
	out, err := s.run(stdin, args...)
	if err != nil {
		s.t.Fatalf("auth %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func TestFaultsInTheCommandLineAreOneLineThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                                 "auth help",
		"admin":                            "auth help",
		"admin make":                       "auth help",
		"serve-all now":                    "auth help",
		"admin create":                     "--email is missing; give the account's address",
		"admin create --mail a@b.c":        "auth help",
		"admin create --email a@b.c again": `what is "again"?`,
		"service-key issue":                "--service is missing; give one of auth, user,",
		"service-key issue --service user --grace day": "auth help",
		"signing-key rotate now":                       `what is "now"?`,
	} {
		var stdout bytes.Buffer
		err := runCommand(t.Context(), strings.Fields(line), strings.NewReader(""), &stdout, func(context.Context) (*auth.Service, func(), error) {
			t.Errorf("auth %s: opens the service", line)
			return nil, nil, errors.New("no")
		})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || stdout.Len() > 0 {
			t.Errorf("auth %s: %v, want %s", line, err, want)
		}
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := command(t.Context(), []string{"help"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	for name := range commands {
		if !strings.Contains(out.String(), "auth "+name) {
			t.Errorf("help does not name %s", name)
		}
	}
}

func TestTheFirstSuperAdminIsMadeOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for stdin, want := range map[string]string{"": "there is no password", "\n": "there is no password", "password\n": "passw"} {
		if _, err := s.run(stdin, "admin", "create", "--email", "root@example.com"); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("with %q on standard input: %v", stdin, err)
		}
	}
	if _, err := s.run("", "admin", "create", "--email", "root"); err == nil || strings.Contains(err.Error(), "invalid_email") {
		t.Fatalf("a fault is told as %v, with a code that is for programs", err)
	}
	const password = "correct horse battery staple"
	if out := s.must(password+"\r\nmore\n", "admin", "create", "--email", "root@example.com"); !strings.Contains(out, "root@example.com is a super admin; its password is set") {
		t.Fatalf("it says %q", out)
	}
	if out := s.must("", "admin", "create", "--email=root@example.com"); !strings.Contains(out, "keeps its password") {
		t.Fatalf("it says %q", out)
	}
	res, err := s.Login(t.Context(), "root@example.com", password, auth.Client{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := authn.NewVerifier("https://jobpilot.test", s.Signer, nil).Verify(t.Context(), res.Tokens.Access)
	if err != nil || !p.HasRole(authn.RoleSuperAdmin) {
		t.Fatalf("principal is %+v, %v", p, err)
	}
}

func TestServiceKeysOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	first := s.must("", "service-key", "issue", "--service", "orchestrator")
	if !regexp.MustCompile(`^jps_orchestrator_[A-Za-z0-9_-]{43}\n$`).MatchString(first) {
		t.Fatalf("it prints %q, want the key alone", first)
	}
	second := s.must("", "service-key", "issue", "--service", "orchestrator", "--grace", "1h")
	for _, key := range []string{first, second} {
		if p, err := s.Introspect(t.Context(), strings.TrimSpace(key)); err != nil || p.Service != "orchestrator" {
			t.Fatalf("principal is %+v, %v", p, err)
		}
	}
	if out := s.must("", "service-key", "list"); strings.Count(out, "\norchestrator ") != 2 || strings.Count(out, "when replaced") != 1 {
		t.Fatalf("listed are\n%s", out)
	}
	s.must("", "service-key", "revoke", "--service", "orchestrator")
	if _, err := s.Introspect(t.Context(), strings.TrimSpace(second)); err == nil {
		t.Fatal("a revoked key is active")
	}
	if _, err := s.run("", "service-key", "issue", "--service", "users"); err == nil || !strings.Contains(err.Error(), "Name one of auth, user") {
		t.Fatalf("an unknown service: %v", err)
	}
}

func TestTheSigningKeyIsRotatedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	before := len(s.Signer.Public())
	if out := s.must("", "signing-key", "rotate"); !strings.Contains(out, " signs from ") {
		t.Fatalf("it says %q", out)
	}
	if n := len(s.Signer.Public()); n != before+1 {
		t.Fatalf("%d keys are published", n)
	}
}

func TestServiceKeysMadeElsewhere(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	first, second := "jps_auto-apply_"+strings.Repeat("a", 36), "jps_job_"+strings.Repeat("b", 36)
	for range 2 { // each deployment shows them again
		if out := s.must(first+"\n"+second+"\n", "service-key", "adopt"); out != "auto-apply has its key\njob has its key\n" {
			t.Errorf("adopting: %q", out)
		}
	}
	p, err := s.IntrospectServiceKey(t.Context(), first)
	if err != nil || p.Service != "auto-apply" {
		t.Errorf("an adopted key belongs to %q, %v", p.Service, err)
	}
	next := "jps_job_" + strings.Repeat("c", 36)
	s.must(next, "service-key", "adopt", "--grace", "0s")
	if _, err := s.IntrospectServiceKey(t.Context(), second); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("the key before: %v", err)
	}
	for key, want := range map[string]string{
		second:                 "has ended",
		"jps_job_short":        "at least 32",
		"jps_users:" + next:    "at least 32",
		"jps_cron_" + next[8:]: "Name one of",
	} {
		if _, err := s.run(key, "service-key", "adopt"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("adopting %s: %v", key, err)
		}
	}
}

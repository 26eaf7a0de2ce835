package httpx_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

//go:embed testdata/things.yaml
var thingsSpec []byte

var thingsAccess = map[string]authn.Rule{
	"listThings":     {Role: authn.RoleUser, Scope: "things:read"},
	"createThing":    {Role: authn.RoleUser},
	"getThing":       {Role: authn.RoleUser, Owner: true},
	"updateThing":    {Role: authn.RolePremium},
	"deleteThing":    {Role: authn.RoleAdmin, StepUp: true},
	"findThing":      {Role: authn.RoleNone},
	"uploadFile":     {Role: authn.RoleNone},
	"echo":           {Role: authn.RoleNone},
	"ping":           {Role: authn.RoleNone},
	"internalThings": {Services: []string{"user"}},
}

var thingsRoutes = map[string][2]string{
	"listThings":     {http.MethodGet, "/api/v1/things"},
	"createThing":    {http.MethodPost, "/api/v1/things"},
	"getThing":       {http.MethodGet, "/api/v1/things/{thingId}"},
	"updateThing":    {http.MethodPatch, "/api/v1/things/{thingId}"},
	"deleteThing":    {http.MethodDelete, "/api/v1/things/{thingId}"},
	"findThing":      {http.MethodGet, "/api/v1/things/by-name/{name}"},
	"uploadFile":     {http.MethodPost, "/api/v1/files"},
	"echo":           {http.MethodPost, "/api/v1/echo"},
	"ping":           {http.MethodPost, "/api/v1/ping"},
	"internalThings": {http.MethodGet, "/internal/v1/things"},
}

const issuer = "https://auth.example"

// service is a service made of handlers that a test gives it.
type service struct {
	http.Handler
	log     *logBuffer
	obs     *obs.Obs
	signer  authn.SigningKey
	reached sync.Map // operations whose handler ran
}

// logBuffer takes log lines from many goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newObs(tb testing.TB, out io.Writer) *obs.Obs {
	tb.Helper()
	o, err := obs.Start(context.Background(), obs.Config{Service: "things", Version: "test", Output: out})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// newService starts a service whose handlers answer 204, but those given.
func newService(tb testing.TB, handlers map[string]http.HandlerFunc, change ...func(*httpx.Options)) *service {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s := &service{log: &logBuffer{}, signer: authn.SigningKey{ID: "k1", Key: key}}
	s.obs = newObs(tb, s.log)
	// Without Redis every session is looked up; here all of them are live.
	revocations := authn.NewRevocations(downRedis(tb), func(context.Context, authn.Principal) error { return nil })
	introspect := func(_ context.Context, key string) (authn.Principal, error) {
		switch key {
		case "jpk_reader":
			return authn.Principal{Kind: authn.KindAPIKey, UserID: uuid.New(), KeyID: uuid.New(), Roles: []authn.Role{authn.RoleUser}, Scopes: []string{"things:read"}}, nil
		case "jps_user_1":
			return authn.Principal{Kind: authn.KindService, Service: "user", KeyID: uuid.New()}, nil
		}
		return authn.Principal{}, authn.ErrUnauthenticated
	}
	o := httpx.Options{
		Obs: s.obs, Spec: thingsSpec, Access: thingsAccess,
		Auth:           authn.New(authn.NewVerifier(issuer, authn.Keyset{"k1": &key.PublicKey}, nil), revocations, introspect),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // as httptest's requests have
		Routes: func(r chi.Router) {
			for id, at := range thingsRoutes {
				handle, ok := handlers[id]
				if !ok {
					handle = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
				}
				r.Group(func(r chi.Router) { // as generated code does
					r.MethodFunc(at[0], at[1], func(w http.ResponseWriter, r *http.Request) {
						s.reached.Store(id, true)
						handle(w, r)
					})
				})
			}
		},
	}
	for _, f := range change {
		f(&o)
	}
	if s.Handler, err = httpx.New(o); err != nil {
		tb.Fatal(err)
	}
	return s
}

func downRedis(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: "/nonexistent", MaxRetries: -1, DialerRetries: 1})
	if err := c.Close(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// as signs a caller with these roles in.
func (s *service) as(tb testing.TB, roles ...string) string {
	tb.Helper()
	return s.token(tb, time.Now(), roles...)
}

func (s *service) token(tb testing.TB, authTime time.Time, roles ...string) string {
	tb.Helper()
	now := time.Now()
	token, err := s.signer.Sign(authn.Claims{Issuer: issuer, UserID: uuid.New(), SessionID: uuid.New(), TokenID: uuid.New(),
		Roles: roles, AuthTime: authTime, IssuedAt: now, ExpiresAt: now.Add(time.Minute)})
	if err != nil {
		tb.Fatal(err)
	}
	return "Bearer " + token
}

// call sends a request. Pairs of headers may follow the body.
func (s *service) call(tb testing.TB, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	tb.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, target, in)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type problem struct {
	Type, Title, Detail, Code, RequestID string
	Status                               int
	Errors                               []errs.Field
}

// wantProblem checks the answer's form as well as its status and code.
func wantProblem(tb testing.TB, w *httptest.ResponseRecorder, status int, code string) problem {
	tb.Helper()
	var p problem
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		tb.Fatalf("not a problem document: %v; status %d", err, w.Code)
	}
	if w.Code != status || p.Code != code {
		tb.Fatalf("got %d %s (%s) %v, want %d %s", w.Code, p.Code, p.Detail, p.Errors, status, code)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		tb.Fatalf("Content-Type %q", ct)
	}
	if p.Status != status || p.Type != "about:blank" || p.Title != http.StatusText(status) || p.Detail == "" || p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		tb.Fatalf("problem lacks something: %+v", p)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		tb.Fatal("problems must not be kept")
	}
	return p
}

func TestStartRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	all := func(r chi.Router) {
		for _, at := range thingsRoutes {
			r.MethodFunc(at[0], at[1], func(http.ResponseWriter, *http.Request) {})
		}
	}
	without := func(m map[string]authn.Rule, id string) map[string]authn.Rule {
		c := maps.Clone(m)
		delete(c, id)
		return c
	}
	with := func(m map[string]authn.Rule, id string, rule authn.Rule) map[string]authn.Rule {
		c := maps.Clone(m)
		c[id] = rule
		return c
	}
	auth := authn.New(authn.NewVerifier(issuer, authn.Keyset{}, nil), nil, nil)
	for name, c := range map[string]struct {
		spec   []byte
		access map[string]authn.Rule
		routes func(chi.Router)
		auth   *authn.Authenticator
		want   string
	}{
		"rule missing":   {thingsSpec, without(thingsAccess, "getThing"), all, auth, "operation getThing (GET /api/v1/things/{thingId}) has no access rule"},
		"rule empty":     {thingsSpec, with(thingsAccess, "getThing", authn.Rule{}), all, auth, "operation getThing (GET /api/v1/things/{thingId}) has no access rule"},
		"rule of none":   {thingsSpec, with(thingsAccess, "dropTables", authn.Rule{Role: authn.RoleAdmin}), all, auth, "access rule of dropTables belongs to no operation"},
		"route missing":  {thingsSpec, thingsAccess, func(chi.Router) {}, auth, "operation echo (POST /api/v1/echo) has no route"},
		"route too many": {thingsSpec, thingsAccess, func(r chi.Router) { all(r); r.Get("/debug", func(http.ResponseWriter, *http.Request) {}) }, auth, "route GET /debug is in no contract"},
		"no auth":        {thingsSpec, thingsAccess, all, nil, "operation getThing needs Options.Auth"},
		"no contract":    {[]byte("{"), thingsAccess, all, auth, "read contract"},
		"no operationId": {bytes.Replace(thingsSpec, []byte("operationId: echo\n"), []byte("deprecated: true\n"), 1), thingsAccess, all, auth, "no operationId"},
		"id twice":       {bytes.Replace(thingsSpec, []byte("operationId: echo\n"), []byte("operationId: ping\n"), 1), thingsAccess, all, auth, "operationId is not unique"},
		"bad size":       {bytes.Replace(thingsSpec, []byte("1KiB"), []byte("lots"), 1), thingsAccess, all, auth, "is not a size"},
		"object as parameter": {bytes.Replace(thingsSpec, []byte("{name: active, in: query, schema: {type: boolean}}"),
			[]byte("{name: active, in: query, style: deepObject, schema: {type: object}}"), 1), thingsAccess, all, auth, "only single values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := httpx.New(httpx.Options{Obs: newObs(t, io.Discard), Spec: c.spec, Access: c.access, Routes: c.routes, Auth: c.auth})
			if h != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	user, premium, admin := s.as(t, "user"), s.as(t, "premium"), s.as(t, "admin")
	stale := s.token(t, time.Now().Add(-11*time.Minute), "super_admin")
	id := "/api/v1/things/" + uuid.NewString()
	for name, c := range map[string]struct {
		method, target string
		header         []string
		status         int
		code           string
	}{
		"public":                    {"POST", "/api/v1/ping", nil, 204, ""},
		"public with a bad token":   {"POST", "/api/v1/ping", []string{"Authorization", "Bearer x"}, 204, ""},
		"user, none":                {"GET", "/api/v1/things", nil, 401, "unauthenticated"},
		"user, bad":                 {"GET", "/api/v1/things", []string{"Authorization", "Bearer x.y.z"}, 401, "unauthenticated"},
		"user":                      {"GET", "/api/v1/things", []string{"Authorization", user}, 204, ""},
		"API key with scope":        {"GET", "/api/v1/things", []string{"X-API-Key", "jpk_reader"}, 204, ""},
		"API key, none allowed":     {"GET", id, []string{"X-API-Key", "jpk_reader"}, 403, "scope_missing"},
		"premium by user":           {"PATCH", id, []string{"Authorization", user}, 403, "forbidden"},
		"premium":                   {"PATCH", id, []string{"Authorization", premium, "If-Match", `"1"`}, 204, ""},
		"step up, fresh":            {"DELETE", id, []string{"Authorization", admin}, 204, ""},
		"step up, stale":            {"DELETE", id, []string{"Authorization", stale}, 403, "step_up_required"},
		"internal by service":       {"GET", "/internal/v1/things", []string{"X-Service-Key", "jps_user_1"}, 204, ""},
		"internal by user":          {"GET", "/internal/v1/things", []string{"Authorization", admin}, 403, "forbidden"},
		"internal by nobody":        {"GET", "/internal/v1/things", nil, 401, "unauthenticated"},
		"nothing here":              {"GET", "/api/v1/nothing", nil, 404, "not_found"},
		"trailing slash":            {"GET", "/api/v1/things/", []string{"Authorization", user}, 404, "not_found"},
		"dots":                      {"GET", "/api/v1/x/../things", []string{"Authorization", user}, 404, "not_found"},
		"method":                    {"PUT", "/api/v1/things", []string{"Authorization", user}, 405, "method_not_allowed"},
		"strange method":            {"BREW", "/api/v1/things", []string{"Authorization", user}, 405, "method_not_allowed"},
		"before the body is read":   {"POST", "/api/v1/things", []string{"Content-Type", "text/html"}, 401, "unauthenticated"},
		"before the path is judged": {"GET", "/api/v1/things/nonsense", nil, 401, "unauthenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.call(t, c.method, c.target, "", c.header...)
			if c.code == "" {
				if w.Code != c.status {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				return
			}
			wantProblem(t, w, c.status, c.code)
			switch c.status {
			case 401:
				if w.Header().Get("WWW-Authenticate") != `Bearer realm="jobpilot"` {
					t.Error(w.Header())
				}
			case 405:
				if w.Header().Get("Allow") != "GET, POST" {
					t.Error(w.Header())
				}
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	w := s.call(t, "POST", "/api/v1/ping", "", "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	if id := w.Header().Get("X-Request-Id"); id != trace {
		t.Errorf("without an id it is the trace's: %q", id)
	}
	for id, kept := range map[string]bool{"req-1_A.b": true, "": false, "a b": false, "<script>": false, strings.Repeat("a", 129): false, "a\x1b[31m": false} {
		if got := s.call(t, "POST", "/api/v1/ping", "", "X-Request-ID", id).Header().Get("X-Request-Id"); (got == id) != kept || got == "" {
			t.Errorf("sent %q, got %q", id, got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]http.HandlerFunc{"echo": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"hunter2":"out"}`))
	}})
	token := s.as(t, "user")
	s.call(t, "POST", "/api/v1/echo?code=hunter2", `{"password":"hunter2"}`, "Content-Type", "application/json",
		"Authorization", token, "Cookie", "session=hunter2", "User-Agent", "x\n{\"level\":\"ERROR\"}", "X-Real-IP", "203.0.113.7",
		"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Request-ID", "req-1")
	s.call(t, "GET", "/api/v1/things/%0A%7B%22level%22%3A%22ERROR%22%7D", "", "Authorization", token)
	s.call(t, "GET", "/api/v1/things", "")

	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("want a line for each request: %s", s.log)
	}
	var first, second, third map[string]any
	for i, into := range []*map[string]any{&first, &second, &third} {
		if err := json.Unmarshal([]byte(lines[i]), into); err != nil {
			t.Fatalf("%v: %s", err, lines[i])
		}
		if (*into)["level"] != "INFO" {
			t.Errorf("forged: %s", lines[i])
		}
	}
	for key, want := range map[string]any{"operation": "echo", "status": 200.0, "ip": "203.0.113.7", "request_id": "req-1",
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "method": "POST", "path": "/api/v1/echo", "bytes": 17.0, "service": "things"} {
		if first[key] != want {
			t.Errorf("%s: %v, want %v", key, first[key], want)
		}
	}
	if caller, _ := second["caller"].(string); !strings.HasPrefix(caller, "user:") || second["problem"] != "invalid_parameter" {
		t.Errorf("%v", second)
	}
	if third["problem"] != "unauthenticated" {
		t.Errorf("%v", third)
	}
	if strings.Contains(s.log.String(), "hunter2") {
		t.Errorf("a body, query or cookie is in the log: %s", s.log)
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	var got netip.Addr
	s := newService(t, map[string]http.HandlerFunc{"ping": func(w http.ResponseWriter, r *http.Request) {
		got = httpx.ClientIP(r.Context())
	}})
	for _, c := range []struct{ peer, said, want string }{
		{"192.0.2.9:1234", "", "192.0.2.9"},
		{"192.0.2.9:1234", "203.0.113.7", "203.0.113.7"},
		{"192.0.2.9:1234", "::ffff:203.0.113.7", "203.0.113.7"},
		{"192.0.2.9:1234", "203.0.113.7, 1.2.3.4", "192.0.2.9"},
		{"192.0.2.9:1234", "<script>", "192.0.2.9"},
		{"198.51.100.1:1234", "203.0.113.7", "198.51.100.1"}, // not a proxy of ours
		{"[2001:db8::1]:80", "203.0.113.7", "2001:db8::1"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/ping", nil)
		r.RemoteAddr = c.peer
		if c.said != "" {
			r.Header.Set("X-Real-IP", c.said)
		}
		s.ServeHTTP(httptest.NewRecorder(), r)
		if got != netip.MustParseAddr(c.want) {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	if httpx.ClientIP(t.Context()).IsValid() || httpx.UserAgent(t.Context()) != "" || httpx.Header(t.Context()) == nil {
		t.Error("outside of a request")
	}
}

func TestConditionalGet(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]http.HandlerFunc{"getThing": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", httpx.ETag(3))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"a":1}`))
	}})
	token := s.as(t, "user")
	for header, status := range map[string]int{`"3"`: 304, `W/"3"`: 304, `"1", "3"`: 304, `*`: 304, `"4"`: 200, ``: 200, `3`: 200} {
		w := s.call(t, "GET", "/api/v1/things/"+uuid.NewString(), "", "Authorization", token, "If-None-Match", header)
		if w.Code != status || (status == 304) != (w.Body.Len() == 0) || w.Header().Get("ETag") != `"3"` || w.Header().Get("Cache-Control") != "private, no-cache" {
			t.Errorf("If-None-Match %s: %d %q %v", header, w.Code, w.Body, w.Header())
		}
	}
	match := func(s string) *string { return &s }
	for _, c := range []struct {
		header *string
		ok     bool
	}{{nil, true}, {match(`"3"`), true}, {match(`"2", "3"`), true}, {match(`*`), true}, {match(`W/"3"`), false}, {match(`"2"`), false}, {match(``), false}} {
		if err := httpx.CheckIfMatch(c.header, 3); (err == nil) != c.ok || err != nil && errs.KindOf(err) != errs.Precondition {
			t.Errorf("%v: %v", c.header, err)
		}
	}
}

// Every way a handler can fail, and what the client and the log get to know of it.
func TestFailures(t *testing.T) {
	t.Parallel()
	secret := "dial tcp 10.0.0.3: password=hunter2"
	domain := errs.New(errs.Conflict, "name_taken", "Another thing has this name.").With(io.ErrUnexpectedEOF).
		WithFields(errs.Field{Pointer: "#/name", Code: "taken", Message: "is taken"})
	var fail func(w http.ResponseWriter, r *http.Request)
	s := newService(t, map[string]http.HandlerFunc{"ping": func(w http.ResponseWriter, r *http.Request) { fail(w, r) }})
	with := func(err error) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { httpx.Fail(w, r, err) }
	}
	for name, c := range map[string]struct {
		fail   func(http.ResponseWriter, *http.Request)
		status int
		code   string
		logged string // part of a line beside the access log; "" for none
	}{
		"domain":            {with(domain), 409, "name_taken", ""},
		"wrapped":           {with(&wrapped{domain}), 409, "name_taken", ""},
		"unknown":           {with(&wrapped{io.ErrClosedPipe}), 500, "internal", `"level":"ERROR","msg":"request failed"`},
		"internal kind":     {with(errs.New(errs.Internal, "db_broken", secret)), 500, "internal", `"level":"ERROR","msg":"request failed"`},
		"unavailable":       {with(errs.New(errs.Unavailable, "search_down", "Search is away.").With(io.EOF).WithRetryAfter(1500 * time.Millisecond)), 503, "search_down", `"level":"WARN"`},
		"timeout":           {with(&wrapped{context.DeadlineExceeded}), 503, "timeout", `"level":"WARN"`},
		"panic":             {func(http.ResponseWriter, *http.Request) { panic(secret) }, 500, "internal", `"stack":"goroutine`},
		"panic of an error": {func(http.ResponseWriter, *http.Request) { panic(io.EOF) }, 500, "internal", "panic: EOF"},
		"panic of a value":  {func(http.ResponseWriter, *http.Request) { panic(42) }, 500, "internal", "panic: int"},
		"nil pointer":       {func(http.ResponseWriter, *http.Request) { _ = none().Code }, 500, "internal", "nil pointer"},
		"body too large":    {with(&http.MaxBytesError{Limit: 1}), 413, "body_too_large", ""},
		"body hook, type": {func(w http.ResponseWriter, r *http.Request) {
			httpx.BodyError(w, r, &wrapped{&json.UnmarshalTypeError{Field: "a.b", Value: "number 1.0"}})
		}, 422, "validation_failed", ""},
		"body hook, other": {func(w http.ResponseWriter, r *http.Request) { httpx.BodyError(w, r, io.ErrNoProgress) }, 422, "validation_failed", ""},
		"body hook, size":  {func(w http.ResponseWriter, r *http.Request) { httpx.BodyError(w, r, &http.MaxBytesError{}) }, 413, "body_too_large", ""},
		"parameter hook":   {func(w http.ResponseWriter, r *http.Request) { httpx.ParamError(w, r, &paramError{"limit"}) }, 400, "invalid_parameter", ""},
	} {
		before := len(s.log.String())
		fail = c.fail
		w := s.call(t, "POST", "/api/v1/ping", "")
		body := w.Body.String()
		p := wantProblem(t, w, c.status, c.code)
		logged := s.log.String()[before:]
		if strings.Contains(body, "hunter2") || strings.Contains(body, "EOF") || strings.Contains(body, "goroutine") || strings.Contains(body, "pipe") || strings.Contains(body, "1.0") {
			t.Errorf("%s: the cause leaks: %s", name, body)
		}
		if lines := strings.Count(logged, "\n"); c.logged == "" && lines != 1 || c.logged != "" && (lines != 2 || !strings.Contains(logged, c.logged)) {
			t.Errorf("%s: want one more line with %q: %s", name, c.logged, logged)
		}
		switch name {
		case "domain":
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "#/name" {
				t.Errorf("%v", p)
			}
		case "unavailable":
			if w.Header().Get("Retry-After") != "2" {
				t.Error(w.Header())
			}
		case "body hook, type":
			if p.Errors[0].Pointer != "#/a/b" {
				t.Errorf("%v", p)
			}
		case "parameter hook":
			if p.Errors[0].Pointer != "#/query/limit" {
				t.Errorf("%v", p)
			}
		}
	}
}

func none() *problem { return nil }

type wrapped struct{ err error }

func (w *wrapped) Error() string { return "handler: " + w.err.Error() }
func (w *wrapped) Unwrap() error { return w.err }

// paramError is like the errors that oapi-codegen generates into each service.
type paramError struct{ ParamName string }

func (p *paramError) Error() string {
	return "Invalid format for parameter " + p.ParamName + ": strconv"
}

// An answer that has begun cannot become a problem; it must be cut off, so that
// the client notices.
func TestFailureAfterTheAnswerBegan(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]http.HandlerFunc{
		"ping": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("half of"))
			_ = http.NewResponseController(w).Flush()
			httpx.Fail(w, r, io.ErrUnexpectedEOF)
		},
		"echo": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half of"))
			_ = http.NewResponseController(w).Flush()
			panic("halfway")
		},
	})
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	for _, path := range []string{"/api/v1/ping", "/api/v1/echo"} {
		resp, err := http.Post(server.URL+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			t.Errorf("%s: the client took half an answer for the whole", path)
		}
	}
	testkit.Eventually(t, "both are logged", func() bool {
		return strings.Count(s.log.String(), `"msg":"answer cut off"`) == 2 && strings.Count(s.log.String(), `"msg":"request"`) == 2
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]http.HandlerFunc{"ping": func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		httpx.Fail(w, r, r.Context().Err())
	}}, func(o *httpx.Options) { o.Timeout = 10 * time.Millisecond })
	wantProblem(t, s.call(t, "POST", "/api/v1/ping", ""), 503, "timeout")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	for range 3 {
		s.call(t, "POST", "/api/v1/ping", "")
	}
	s.call(t, "GET", "/api/v1/things", "")
	s.call(t, "GET", "/"+rand.Text(), "")
	families, err := s.obs.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, f := range families {
		if f.GetName() != "http_request_duration_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			name := ""
			for _, l := range m.GetLabel() {
				name += l.GetValue() + " "
			}
			got[strings.TrimSpace(name)] = m.GetHistogram().GetSampleCount()
		}
	}
	if got["ping 2xx"] != 3 || got["listThings 4xx"] != 1 || got["none 4xx"] != 1 {
		t.Errorf("%v", got)
	}
	if want := (len(thingsAccess) + 1) * 6; len(got) != want {
		t.Errorf("%d series, want %d: their number must not depend on requests", len(got), want)
	}
}

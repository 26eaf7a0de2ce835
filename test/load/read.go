package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/pg"
)

const (
	readClients  = 128 // keep both sides at their limit: each gathers work when it has much
	readAccounts = 16
)

// reads compares an authenticated read, which verifies a token, asks Redis for
// revocations, counts against a limit, decrypts, measures and logs, with a bare
// chi handler that runs the same query through the same PgBouncer and writes
// the row: another process of this program.
func (b *bench) reads(ctx context.Context) (err error) {
	p, err := b.startService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare, err := start(ctx, exec.Command(self, "bare"), []string{"DATABASE_URL=" + b.env["DATABASE_URL"]}, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()

	clients, closeAll := newClients(p.addr, readClients)
	defer closeAll()
	others, closeOthers := newClients(bare.addr, readClients)
	defer closeOthers()
	accounts, remove, err := b.register(ctx, clients[0], readAccounts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	access, paths := make([]string, readAccounts), make([]string, readAccounts)
	for i, a := range accounts {
		t, err := clients[0].login(a)
		if err != nil {
			return err
		}
		answer, err := clients[0].call("GET", prefix+"/me", t.AccessToken, nil, 200)
		if err != nil {
			return err
		}
		var me struct{ ID string }
		if err := json.Unmarshal(answer, &me); err != nil {
			return err
		}
		access[i], paths[i] = t.AccessToken, "/users/"+me.ID
	}
	service := func(ctx context.Context, _ int) (float64, error) {
		return rate(ctx, b.round, readClients, func(_ context.Context, i int) error {
			_, err := clients[i].call("GET", prefix+"/me", access[i%readAccounts], nil, 200)
			return err
		})
	}
	reference := func(ctx context.Context, _ int) (float64, error) {
		return rate(ctx, b.round, readClients, func(_ context.Context, i int) error {
			_, err := others[i].call("GET", paths[i%readAccounts], "", nil, 200)
			return err
		})
	}
	for _, side := range []side{service, reference} { // connections are made, pages are warm
		if _, err := side(ctx, 0); err != nil {
			return err
		}
	}
	return b.compare(ctx, "authenticated read, GET /api/v1/auth/me", "bare chi handler", 0.70, service, reference)
}

// user is a row as the bare handler writes it.
type user struct {
	ID           uuid.UUID  `json:"id"`
	Email        []byte     `json:"email"`
	DisplayName  []byte     `json:"displayName,omitempty"`
	Locale       string     `json:"locale"`
	Roles        []string   `json:"roles"`
	VerifiedAt   *time.Time `json:"verifiedAt"`
	CreatedAt    time.Time  `json:"createdAt"`
	UpdatedAt    time.Time  `json:"-"`
	EmailHash    []byte     `json:"-"`
	PasswordHash *string    `json:"-"`
	DisabledAt   *time.Time `json:"-"`
	Reason       *string    `json:"-"`
	NotBefore    *time.Time `json:"-"`
}

// serveBare is what the read is compared with: chi, pgx, encoding/json.
func serveBare(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	pool, err := pg.Open(ctx, os.Getenv("DATABASE_URL"), pg.Options{MaxConns: 16})
	if err != nil {
		return err
	}
	defer pool.Close()
	r := chi.NewRouter()
	r.Get("/", func(http.ResponseWriter, *http.Request) {})
	r.Get("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		var u user
		// The query UserByID of auth.
		err := pool.QueryRow(r.Context(), `SELECT id, email_sealed, email_hash, display_name_sealed, locale, password_hash, roles,
			email_verified_at, disabled_at, disabled_reason, tokens_not_before, created_at, updated_at FROM users WHERE id = $1`, chi.URLParam(r, "id")).
			Scan(&u.ID, &u.Email, &u.EmailHash, &u.DisplayName, &u.Locale, &u.PasswordHash, &u.Roles,
				&u.VerifiedAt, &u.DisabledAt, &u.Reason, &u.NotBefore, &u.CreatedAt, &u.UpdatedAt)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(u)
	})
	server := &http.Server{Addr: os.Getenv("HTTP_ADDR"), Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("bare handler: %w", err)
	}
	return nil
}

package httpx

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
)

// IdempotencySchema is the DDL of the table idempotency_keys, to be copied into
// the migrations of a service.
//
//go:embed idempotency.sql
var IdempotencySchema string

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
	maxKeyLen            = 255
	maxStored            = 1 << 20
	idempotencyTTL       = 24 * time.Hour
	idempotencyLock      = time.Minute // over any request's timeout
	releaseTry           = time.Second // for one try to give a key back; also the longest pause between two
	releasePause         = 50 * time.Millisecond
)

var (
	errKeyReused = errs.New(errs.Unprocessable, "idempotency_key_reused",
		"This Idempotency-Key was used for another request. Make a new key for each new request.").
		WithFields(errs.Field{Pointer: "#/header/Idempotency-Key", Code: "reused", Message: "was used with another address or body"})
	errKeyInFlight = errs.New(errs.Conflict, "idempotency_in_flight",
		"The first request with this Idempotency-Key is still at work. Try again in a moment.").WithRetryAfter(time.Second)
	errKeyForm = errParameter.WithFields(errs.Field{Pointer: "#/header/Idempotency-Key", Code: "format", Message: "must be 1 to 255 visible ASCII characters, best a UUID"})
)

// Idempotency makes a POST safe to repeat (draft-ietf-httpapi-idempotency-key-header-07):
// the answer to a request is kept in the service's table idempotency_keys, sealed,
// and given again for the same caller, operation, key, address and body.
//
// Only answers that a repetition would not change are kept: not 429 and not 5xx,
// after which the same key works anew. A server that dies between the handler's
// commit and the keeping leaves a lock that ends after a minute; the handler's
// own uniqueness rules decide what a repetition then finds.
type Idempotency struct {
	pool *pgxpool.Pool
	keys *seal.Keys
}

// NewIdempotency keeps answers with pool, sealed with keys.
func NewIdempotency(pool *pgxpool.Pool, keys *seal.Keys) *Idempotency {
	return &Idempotency{pool, keys}
}

// stored is an answer as it is kept.
type stored struct {
	Header http.Header
	Body   []byte
}

func (i *Idempotency) serve(w http.ResponseWriter, r *http.Request, operation, caller, key string, body []byte, next http.Handler) {
	if len(r.Header[headerIdempotencyKey]) > 1 || !wellFormedKey(key) {
		Fail(w, r, errKeyForm)
		return
	}
	id := digest(caller, operation, key)
	if caller == "" {
		// A stranger may still show who they are, by a cookie that the handler
		// reads: whoever chose the same key must not get the other's answer.
		id = digest(append([]string{"", operation, key}, r.Header["Cookie"]...)...)
	}
	fingerprint := digest(r.URL.RequestURI(), r.Header.Get("Content-Type"), string(body))
	place := seal.Place{Table: "idempotency_keys", Column: "response", Row: hex.EncodeToString(id), Owner: caller}

	attempt, status, sealed, err := i.claim(r.Context(), id, fingerprint)
	if err != nil {
		Fail(w, r, err)
		return
	}
	if attempt == 0 {
		i.replay(w, r, status, sealed, place)
		return
	}
	// The answer must be kept before it is sent, even if the client has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), idempotencyLock)
	defer cancel()
	rec := &recorder{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil { // let the next try work; the edge reports it
			i.release(ctx, r, id, attempt)
			panic(v)
		}
	}()
	inner := *exchangeOf(r.Context()) // so that Fail and 304 work on the recording
	inner.ResponseWriter, inner.r = rec, r
	next.ServeHTTP(&inner, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, &inner)))
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	exchangeOf(r.Context()).problem = inner.problem
	if rec.status >= 500 || rec.status == http.StatusTooManyRequests || rec.body.Len() > maxStored {
		i.release(ctx, r, id, attempt)
	} else if err := i.keep(ctx, id, attempt, rec, place); err != nil {
		exchangeOf(r.Context()).log.ErrorContext(ctx, "answer not kept for its idempotency key", "error", err, "operation", operation)
	}
	rec.send(w)
}

// claim takes the key for this request, and returns the number of its attempt;
// or, when it was answered before, 0 and the answer.
func (i *Idempotency) claim(ctx context.Context, id, fingerprint []byte) (attempt int, status int, sealed []byte, err error) {
	for range 2 { // the second when the row went away between the two statements
		err = i.pool.QueryRow(ctx, `
			INSERT INTO idempotency_keys AS k (id, fingerprint, locked_until, expires_at)
			VALUES ($1, $2, now() + make_interval(secs => $3), now() + make_interval(secs => $4))
			ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, attempt = k.attempt + 1, status = NULL, response = NULL,
				locked_until = excluded.locked_until, expires_at = excluded.expires_at
			WHERE k.expires_at < now() OR k.status IS NULL AND k.locked_until < now() AND k.fingerprint = excluded.fingerprint
			RETURNING attempt`, id, fingerprint, idempotencyLock.Seconds(), idempotencyTTL.Seconds()).Scan(&attempt)
		if !errors.Is(err, pgx.ErrNoRows) {
			if err != nil {
				err = fmt.Errorf("httpx: claim idempotency key: %w", err)
			}
			return attempt, 0, nil, err
		}
		var was []byte
		var done *int
		err = i.pool.QueryRow(ctx, `SELECT fingerprint, status, response FROM idempotency_keys WHERE id = $1`, id).Scan(&was, &done, &sealed)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			continue
		case err != nil:
			return 0, 0, nil, fmt.Errorf("httpx: read idempotency key: %w", err)
		case !bytes.Equal(was, fingerprint):
			return 0, 0, nil, errKeyReused
		case done == nil:
			return 0, 0, nil, errKeyInFlight
		}
		return 0, *done, sealed, nil
	}
	return 0, 0, nil, errKeyInFlight
}

func (i *Idempotency) keep(ctx context.Context, id []byte, attempt int, rec *recorder, place seal.Place) error {
	raw, err := json.Marshal(stored{rec.header, rec.body.Bytes()})
	if err != nil {
		return err
	}
	_, err = i.pool.Exec(ctx, `UPDATE idempotency_keys SET status = $3, response = $4 WHERE id = $1 AND attempt = $2`,
		id, attempt, rec.status, i.keys.Seal(raw, place))
	return err
}

// release lets a repetition work at once. The row stays, so that of two releases
// of one attempt neither touches the next. What took the database away may be why
// the request failed; then the key is given back when the database returns.
func (i *Idempotency) release(ctx context.Context, r *http.Request, id []byte, attempt int) {
	free := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, releaseTry)
		defer cancel()
		_, err := i.pool.Exec(ctx, `UPDATE idempotency_keys SET locked_until = '-infinity' WHERE id = $1 AND attempt = $2 AND status IS NULL`, id, attempt)
		return err
	}
	err := free(ctx)
	if err == nil {
		return
	}
	log := exchangeOf(r.Context()).log
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), idempotencyLock)
	go func() {
		defer cancel()
		for pause := releasePause; pg.IsUnavailable(err) && ctx.Err() == nil; pause = min(2*pause, releaseTry) {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
				if err = free(ctx); err == nil {
					return
				}
			}
		}
		log.WarnContext(ctx, "idempotency key stays locked for a minute", "error", err)
	}()
}

func (i *Idempotency) replay(w http.ResponseWriter, r *http.Request, status int, sealed []byte, place seal.Place) {
	raw, err := i.keys.Open(sealed, place)
	var answer stored
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		Fail(w, r, fmt.Errorf("httpx: open the kept answer: %w", err))
		return
	}
	rec := recorder{header: answer.Header, status: status}
	rec.body.Write(answer.Body)
	rec.header.Set(headerReplayed, "true")
	rec.send(w)
}

// recorder takes an answer instead of the client.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *recorder) Header() http.Header { return c.header }

func (c *recorder) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *recorder) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(b)
}

func (c *recorder) send(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range c.header {
		h[name] = values
	}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.body.Bytes()) // a client that has gone asks again with its key
}

// digest hashes parts so that no other parts give the same.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

func wellFormedKey(key string) bool {
	if key == "" || len(key) > maxKeyLen {
		return false
	}
	for _, c := range []byte(key) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return true
}

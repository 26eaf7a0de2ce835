package pg

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATE codes, https://www.postgresql.org/docs/15/errcodes-appendix.html
const (
	codeUnique        = "23505"
	codeForeignKey    = "23503"
	codeCheck         = "23514"
	codeExclusion     = "23P01"
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeLockTimeout   = "55P03"
)

// IsNotFound reports that a query for one row found none.
func IsNotFound(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// IsUniqueViolation reports that a row with the same key exists. An empty
// constraint means any.
func IsUniqueViolation(err error, constraint string) bool {
	return violates(err, codeUnique, constraint)
}

// IsForeignKeyViolation reports a reference to a row that does not exist, or the
// deletion of one that is referred to. An empty constraint means any.
func IsForeignKeyViolation(err error, constraint string) bool {
	return violates(err, codeForeignKey, constraint)
}

// IsCheckViolation reports a value that a CHECK or EXCLUDE constraint refuses.
// An empty constraint means any.
func IsCheckViolation(err error, constraint string) bool {
	return violates(err, codeCheck, constraint) || violates(err, codeExclusion, constraint)
}

// IsConflict reports that Postgres ended a transaction because of another one
// (serialization failure, deadlock): running it again may succeed. [InTx] does.
func IsConflict(err error) bool {
	switch code(err) {
	case codeSerialization, codeDeadlock:
		return true
	}
	return false
}

// IsUnavailable reports that Postgres (or PgBouncer) could not be reached, went
// away, is out of resources, or took too long: the request is not at fault and
// may be tried again later.
func IsUnavailable(err error) bool {
	c := code(err)
	switch {
	case c == "":
		return connectionLost(err) || errors.Is(err, context.DeadlineExceeded)
	case c == codeLockTimeout:
		return true
	case strings.HasPrefix(c, "08"), // connection exception; PgBouncer's own errors
		strings.HasPrefix(c, "53"), // insufficient resources
		strings.HasPrefix(c, "57"), // shutdown, statement timeout, cannot connect now
		strings.HasPrefix(c, "58"): // system error
		return true
	}
	return false
}

func connectionLost(err error) bool {
	var netErr net.Error
	var connectErr *pgconn.ConnectError
	return errors.As(err, &connectErr) || errors.As(err, &netErr) && !errors.Is(err, context.Canceled) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || err != nil && strings.Contains(err.Error(), "conn closed")
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func violates(err error, code, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == code && (constraint == "" || e.ConstraintName == constraint)
}

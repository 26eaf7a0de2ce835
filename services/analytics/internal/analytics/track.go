package analytics

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/analytics/internal/db"
)

const (
	clientPrefix  = "client."
	maxLate       = 7 * 24 * time.Hour // how old a tracked event may be
	maxEarly      = 5 * time.Minute    // clocks of clients differ
	maxTypes      = 100                // different types that a user's clients may use in a day
	maxProperties = 32
	maxName       = 64  // bytes of a property's name
	maxText       = 512 // characters of a property's text
)

var errTooManyTypes = errs.New(errs.Unprocessable, "too_many_event_types",
	fmt.Sprintf("Clients of one account may use %d different event types a day. Put what varies into properties.", maxTypes))

// Tracked is something that a user did in a client.
type Tracked struct {
	ID         uuid.UUID // zero: a new one
	Type       string    // as the contract's pattern says
	OccurredAt time.Time // zero: now
	Properties map[string]any
}

// TrackEvents stores events of a user's clients, all or none, and returns how many
// of them were new. What is wrong in an event is told by a pointer below at.
func (s *Service) TrackEvents(ctx context.Context, user uuid.UUID, at func(i int) string, events []Tracked) (added int, err error) {
	now := s.now()
	rows := make([]event, len(events))
	var faults []errs.Field
	for i, e := range events {
		row := event{id: e.ID, at: e.OccurredAt.UTC().Truncate(time.Microsecond), typ: clientPrefix + e.Type, user: user}
		if row.id == uuid.Nil {
			row.id = uuid.Must(uuid.NewV7())
		}
		if e.OccurredAt.IsZero() {
			row.at = now
		} else if now.Sub(row.at) > maxLate || row.at.Sub(now) > maxEarly {
			faults = append(faults, errs.Field{Pointer: at(i) + "/occurredAt", Code: "out_of_range", Message: "must be within the last 7 days"})
		}
		var fields []errs.Field
		row.properties, fields = properties(e.Properties, at(i)+"/properties/")
		faults = append(faults, fields...)
		rows[i] = row
	}
	if len(faults) > 0 {
		return 0, errs.New(errs.Unprocessable, "validation_failed", "Some events are not valid; see errors.").WithFields(faults...)
	}
	err = s.inTx(ctx, func(tx pgx.Tx, q *db.Queries) error {
		gone, err := q.UserDeleted(ctx, user)
		if err != nil || gone {
			return err
		}
		if err := limitTypes(ctx, q, user, now, rows); err != nil {
			return err
		}
		added, err = s.insert(ctx, tx, q, "client", rows)
		return err
	})
	return added, err
}

// properties encodes what a client may tell: texts, numbers and booleans.
func properties(in map[string]any, pointer string) ([]byte, []errs.Field) {
	var faults []errs.Field
	for name, v := range in {
		fault := ""
		switch v := v.(type) {
		case bool:
		case float64:
			if math.Abs(v) > 1e15 {
				fault = "must be between -10^15 and 10^15"
			}
		case string:
			if utf8.RuneCountInString(v) > maxText {
				fault = fmt.Sprintf("must have at most %d characters", maxText)
			}
		default:
			fault = "must be a text, a number or a boolean"
		}
		if name == "" || len(name) > maxName {
			fault = fmt.Sprintf("must have a name of 1 to %d bytes", maxName)
		}
		if fault != "" {
			faults = append(faults, errs.Field{Pointer: pointer + token(name), Code: "invalid", Message: fault})
		}
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b errs.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
		return nil, faults[:min(len(faults), maxProperties)]
	}
	if in == nil {
		in = map[string]any{}
	}
	out, err := json.Marshal(in)
	if err != nil {
		return nil, []errs.Field{{Pointer: pointer, Code: "invalid", Message: "cannot be stored"}}
	}
	return out, nil
}

// token is a name in a JSON Pointer as a URI fragment (RFC 6901 §6).
func token(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// limitTypes keeps a client from making a type of each thing, which would make the
// counts useless and without bound.
func limitTypes(ctx context.Context, q *db.Queries, user uuid.UUID, now time.Time, rows []event) error {
	var types []string
	for _, r := range rows {
		if !slices.Contains(types, r.typ) {
			types = append(types, r.typ)
		}
	}
	slices.Sort(types) // one order everywhere: two batches do not deadlock
	if err := q.TrackedTypesAdd(ctx, db.TrackedTypesAddParams{UserID: user, Day: day(now), Types: types}); err != nil {
		return err
	}
	n, err := q.TrackedTypesCount(ctx, db.TrackedTypesCountParams{UserID: user, Day: day(now)})
	if err == nil && n > maxTypes {
		return errTooManyTypes
	}
	return err
}

// event is a row of events.
type event struct {
	id         uuid.UUID
	at         time.Time
	typ        string
	user       uuid.UUID // zero: of nobody
	properties []byte    // JSON object
}

// insert stores events that are not there yet and, once that is committed, counts
// them for the running hour.
func (s *Service) insert(ctx context.Context, tx pgx.Tx, q *db.Queries, source string, rows []event) (int, error) {
	p := db.EventsInsertParams{Now: s.now()}
	byID := make(map[uuid.UUID]event, len(rows))
	for _, r := range rows {
		if _, ok := byID[r.id]; ok {
			continue
		}
		byID[r.id] = r
		p.Ids, p.Times, p.Types = append(p.Ids, r.id), append(p.Times, r.at), append(p.Types, r.typ)
		p.Users, p.Properties = append(p.Users, r.user), append(p.Properties, string(r.properties))
	}
	fresh, err := q.EventsInsert(ctx, p)
	if err != nil {
		return 0, err
	}
	stored := make([]event, len(fresh))
	for i, id := range fresh {
		stored[i] = byID[id]
	}
	pg.AfterCommit(tx, func() {
		s.stored.WithLabelValues(source).Add(float64(len(stored)))
		s.countLive(context.WithoutCancel(ctx), stored)
	})
	return len(stored), nil
}

func day(t time.Time) pgtype.Date { return pgtype.Date{Time: t, Valid: true} }

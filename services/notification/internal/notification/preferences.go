package notification

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	_ "time/tzdata" // zones of users, on machines that lack them

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/notification/internal/db"
)

// Preferences are where, and when, a user is told things.
type Preferences struct {
	TimeZone   string // IANA name
	QuietHours QuietHours
	Digest     string // off or daily
	// Kinds has every kind that can be chosen.
	Kinds   map[string]Channels
	Version int64
}

// QuietHours are when mails and push messages wait. Start and End are local times,
// "22:00"; an End before Start is on the next day.
type QuietHours struct {
	Enabled    bool
	Start, End string
}

// ChannelsPatch changes what is not nil.
type ChannelsPatch struct {
	Email *bool `json:"email,omitempty"`
	Push  *bool `json:"push,omitempty"`
	InApp *bool `json:"inApp,omitempty"`
}

// PreferencesPatch changes what is not nil.
type PreferencesPatch struct {
	TimeZone             *string
	QuietEnabled         *bool
	QuietStart, QuietEnd *string
	Digest               *string
	Kinds                map[string]ChannelsPatch
}

// digestHour is when the daily digest comes, local time.
const digestHour = 8

var errPreferences = errs.New(errs.Unprocessable, "invalid_preferences", "Some preferences are not possible; see errors.")

func (c Channels) patched(p ChannelsPatch) Channels {
	for _, f := range []struct {
		to   *bool
		from *bool
	}{{&c.Email, p.Email}, {&c.Push, p.Push}, {&c.InApp, p.InApp}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return c
}

// GetPreferences gives what is in force for the user.
func (s *Service) GetPreferences(ctx context.Context, user uuid.UUID) (Preferences, error) {
	row, err := s.q.PreferencesGet(ctx, user)
	if err != nil && !pg.IsNotFound(err) {
		return Preferences{}, storeError(err)
	}
	return s.preferences(ctx, s.q, user, row)
}

// preferences joins a row, which may be the zero one, with the defaults.
func (s *Service) preferences(ctx context.Context, q *db.Queries, user uuid.UUID, row db.NotificationPreference) (Preferences, error) {
	p := Preferences{
		TimeZone: row.TimeZone, QuietHours: QuietHours{row.QuietEnabled, row.QuietStart, row.QuietEnd}, Digest: row.Digest,
		Version: row.Version, Kinds: map[string]Channels{},
	}
	if row.Version == 0 {
		p.QuietHours, p.Digest = QuietHours{Start: "22:00", End: "07:00"}, "off"
	}
	if p.TimeZone == "" {
		c, err := q.ContactGet(ctx, user)
		if err != nil && !pg.IsNotFound(err) {
			return p, storeError(err)
		}
		if p.TimeZone = c.TimeZone; p.TimeZone == "" {
			p.TimeZone = "UTC"
		}
	}
	chosen := map[string]ChannelsPatch{}
	if len(row.Kinds) > 0 {
		if err := json.Unmarshal(row.Kinds, &chosen); err != nil {
			return p, fmt.Errorf("notification: preferences of %s: %w", user, err)
		}
	}
	for _, k := range Kinds {
		if !k.Mandatory {
			p.Kinds[k.Name] = k.Default.patched(chosen[k.Name])
		}
	}
	return p, nil
}

// UpdatePreferences changes the user's preferences. check, if not nil, refuses a
// version that the change is not based on.
func (s *Service) UpdatePreferences(ctx context.Context, user uuid.UUID, patch PreferencesPatch, check func(version int64) error) (out Preferences, err error) {
	var faults []errs.Field
	for name := range patch.Kinds {
		if k := kindByName[name]; k == nil {
			faults = append(faults, errs.Field{Pointer: "#/kinds/" + name, Code: "unknown", Message: "there is no such kind"})
		} else if k.Mandatory {
			faults = append(faults, errs.Field{Pointer: "#/kinds/" + name, Code: "mandatory", Message: "concerns the safety of the account and always comes"})
		}
	}
	if patch.TimeZone != nil {
		if _, err := zone(*patch.TimeZone); err != nil {
			faults = append(faults, errs.Field{Pointer: "#/timeZone", Code: "unknown", Message: "is no name of the IANA time zone database"})
		}
	}
	if len(faults) > 0 {
		return out, errPreferences.WithFields(faults...)
	}
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.PreferencesInsert(ctx, db.PreferencesInsertParams{UserID: user, Now: t.now}); err != nil {
			return err
		}
		row, err := t.PreferencesLock(ctx, user)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(row.Version); err != nil {
				return err
			}
		}
		if err := apply(&row, patch); err != nil {
			return err
		}
		row, err = t.PreferencesUpdate(ctx, db.PreferencesUpdateParams{
			UserID: user, TimeZone: row.TimeZone, QuietEnabled: row.QuietEnabled, QuietStart: row.QuietStart, QuietEnd: row.QuietEnd,
			Digest: row.Digest, Kinds: row.Kinds, Now: t.now,
		})
		if err != nil {
			return err
		}
		out, err = s.preferences(ctx, t.Queries, user, row)
		return err
	})
	return out, err
}

// apply changes a row as a patch says.
func apply(row *db.NotificationPreference, p PreferencesPatch) error {
	for _, f := range []struct {
		to   *string
		from *string
	}{{&row.TimeZone, p.TimeZone}, {&row.QuietStart, p.QuietStart}, {&row.QuietEnd, p.QuietEnd}, {&row.Digest, p.Digest}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if p.QuietEnabled != nil {
		row.QuietEnabled = *p.QuietEnabled
	}
	if row.QuietStart == row.QuietEnd {
		return errPreferences.WithFields(errs.Field{Pointer: "#/quietHours/end", Code: "empty", Message: "is the same as the start"})
	}
	chosen := map[string]ChannelsPatch{}
	if err := json.Unmarshal(row.Kinds, &chosen); err != nil {
		return fmt.Errorf("notification: preferences of %s: %w", row.UserID, err)
	}
	for name, change := range p.Kinds {
		c := chosen[name]
		for _, f := range []struct{ to, from **bool }{{&c.Email, &change.Email}, {&c.Push, &change.Push}, {&c.InApp, &change.InApp}} {
			if *f.from != nil {
				*f.to = *f.from
			}
		}
		chosen[name] = c
	}
	raw, err := json.Marshal(chosen)
	row.Kinds = raw
	return err
}

// zone finds a time zone; "Local" is the server's own and no answer.
func zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("no time zone %q", name)
	}
	return time.LoadLocation(name)
}

// sendAt is when a mail or push message of a kind may go out: at once, or what
// quiet hours and digest say.
func (p Preferences) sendAt(k *Kind, mail bool, now time.Time) (at time.Time, digest bool) {
	if k.Mandatory {
		return now, false
	}
	where, err := zone(p.TimeZone)
	if err != nil {
		where = time.UTC
	}
	local := now.In(where)
	if digest = mail && k.Digest && p.Digest == "daily"; digest {
		next := time.Date(local.Year(), local.Month(), local.Day(), digestHour, 0, 0, 0, where)
		if !next.After(local) {
			next = time.Date(local.Year(), local.Month(), local.Day()+1, digestHour, 0, 0, 0, where)
		}
		local = next
	}
	return p.QuietHours.after(local).UTC(), digest
}

// after is the first moment from t on, a local time, that is not quiet.
func (q QuietHours) after(t time.Time) time.Time {
	if !q.Enabled {
		return t
	}
	day := func(clock string, days int) time.Time {
		var h, m int
		_, _ = fmt.Sscanf(clock, "%d:%d", &h, &m) // checked against the contract
		return time.Date(t.Year(), t.Month(), t.Day()+days, h, m, 0, 0, t.Location())
	}
	for days := -1; days <= 0; days++ { // a night that began yesterday, or today
		start, end := day(q.Start, days), day(q.End, days)
		if q.End < q.Start {
			end = day(q.End, days+1)
		}
		if !t.Before(start) && t.Before(end) {
			return end
		}
	}
	return t
}

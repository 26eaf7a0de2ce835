package analytics

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/jobpilot/jobpilot/services/analytics/internal/db"
)

const (
	liveKept    = 2 * time.Hour
	liveTimeout = 500 * time.Millisecond
)

// count is how often something of a type happened; detail is the new state of an
// application that changed.
type count struct {
	typ, detail string
	n           int64
}

// liveKey names the counters of an hour, of one user or, for the zero id, of all.
func (s *Service) liveKey(hour time.Time, user uuid.UUID) string {
	key := s.KeyPrefix + "analytics:live:" + strconv.FormatInt(hour.Unix()/3600, 10)
	if user != uuid.Nil {
		key += ":" + user.String()
	}
	return key
}

// countLive counts events of the running hour in Redis. A count that Redis does
// not take is missing until the hour is rolled up.
func (s *Service) countLive(ctx context.Context, events []event) {
	hour := s.now().Truncate(time.Hour)
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	touched := map[string]bool{}
	_, err := s.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range events {
			if e.at.Before(hour) {
				continue
			}
			add := func(key, typ string) {
				p.HIncrBy(ctx, key, typ+" "+detail(e), 1)
				touched[key] = true
			}
			add(s.liveKey(hour, uuid.Nil), kind(e.typ))
			if e.user != uuid.Nil {
				add(s.liveKey(hour, e.user), e.typ)
			}
		}
		for key := range touched {
			p.Expire(ctx, key, liveKept)
		}
		return nil
	})
	if err != nil {
		s.Log.DebugContext(ctx, "the running hour is not counted in Redis", slog.Any("error", err))
	}
}

// kind is what a type counts as for all users together: the types of clients, which
// are anybody's words, count as one.
func kind(typ string) string {
	if strings.HasPrefix(typ, clientPrefix) {
		return strings.TrimSuffix(clientPrefix, ".")
	}
	return typ
}

// detail is what the type alone does not say.
func detail(e event) string {
	if e.typ != "auto-apply.application.changed" {
		return ""
	}
	var p struct{ To string }
	_ = json.Unmarshal(e.properties, &p) // ours, so it can be read
	return p.To
}

// live is what happened since the hour began, to one user or, for the zero id, to
// all.
func (s *Service) live(ctx context.Context, user uuid.UUID) ([]count, error) {
	hour := s.now().Truncate(time.Hour)
	fields, err := s.Redis.HGetAll(ctx, s.liveKey(hour, user)).Result()
	if err != nil {
		rows, err := s.q.HourCounts(ctx, db.HourCountsParams{Hour: hour, UserID: present(user)})
		if err != nil {
			return nil, storeError(err)
		}
		out := make([]count, len(rows))
		for i, r := range rows {
			out[i] = count{r.Type, r.Detail, r.Count}
		}
		return out, nil
	}
	var out []count
	for field, value := range fields {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue // not ours
		}
		typ, detail, _ := strings.Cut(field, " ")
		out = append(out, count{typ, detail, n})
	}
	return out, nil
}

func (s *Service) liveKeys(user uuid.UUID) []string {
	hour := s.now().Truncate(time.Hour)
	return []string{s.liveKey(hour, user), s.liveKey(hour.Add(-time.Hour), user)}
}

func (s *Service) forgetLive(ctx context.Context, user uuid.UUID) {
	if err := s.Redis.Del(ctx, s.liveKeys(user)...).Err(); err != nil {
		s.Log.WarnContext(ctx, "the counters of a deleted user stay for two hours", slog.Any("error", err))
	}
}

func (s *Service) liveFootprint(ctx context.Context, user uuid.UUID) (int64, error) {
	n, err := s.Redis.Exists(ctx, s.liveKeys(user)...).Result()
	if err != nil {
		return 0, storeError(err)
	}
	return n, nil
}

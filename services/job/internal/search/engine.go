// Package search holds jobs in OpenSearch 2 or Elasticsearch 8, whichever answers,
// through go-elasticsearch v8 and only what both do alike: multi_match with
// fuzziness, post_filter, terms and filter aggregations, geo_distance, and
// search_after over a total order.
//
// An index is built beside the one in use and put behind the alias when it is
// complete. Documents carry the version of their row, so that the newest wins in
// whichever order they arrive.
package search

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
)

var (
	// ErrAway means that the engine does not answer, or not in time.
	ErrAway = errors.New("search: the engine does not answer")
	// ErrRefused means that the index cannot run the query: it is of an older
	// definition, and not built anew yet.
	ErrRefused = errors.New("search: the engine refuses the query")
)

// Engine is a connection to the engine, for the indices of one prefix. It is safe
// for concurrent use.
type Engine struct {
	client *elasticsearch.Client
	prefix string
	// awayUntil, in Unix nanoseconds: after a failure nobody waits for the engine
	// again for a moment.
	awayUntil atomic.Int64
}

// Options of Open.
type Options struct {
	URL    string
	Flavor string // opensearch, elasticsearch, or empty: found out
	Prefix string // of the names of indices: an instance's own
}

const (
	searchTimeout = 3 * time.Second
	adminTimeout  = time.Minute
	breather      = 2 * time.Second // without asking, after a failure
	maxAnswer     = 64 << 20
)

// Open makes an Engine. Nothing has to answer yet.
func Open(o Options) (*Engine, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	cfg := elasticsearch.Config{
		Addresses: []string{u.Scheme + "://" + u.Host + u.Path}, DisableRetry: true, DisableMetaHeader: true,
		Transport: &flavored{flavor: o.Flavor, next: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		}},
	}
	if u.User != nil {
		cfg.Username = u.User.Username()
		cfg.Password, _ = u.User.Password()
	}
	client, err := elasticsearch.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return &Engine{client: client, prefix: o.Prefix}, nil
}

// flavored makes OpenSearch understand the client, and the client accept it: the
// media types of Elasticsearch 8 become plain JSON, and the header by which the
// client knows its server is added.
type flavored struct {
	flavor string
	next   http.RoundTripper
}

const (
	plainJSON  = "application/json"
	plainBulk  = "application/x-ndjson"
	vendorType = "application/vnd.elasticsearch+"
)

// RoundTrip sends a request.
func (t *flavored) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.flavor != "elasticsearch" {
		// Elasticsearch 8 takes plain JSON as well, so nothing has to be known of the
		// server to speak to it.
		r = r.Clone(r.Context())
		for _, name := range []string{"Content-Type", "Accept"} {
			if v := r.Header.Get(name); strings.HasPrefix(v, vendorType) {
				kind, _, _ := strings.Cut(strings.TrimPrefix(v, vendorType), ";")
				r.Header.Set(name, "application/"+kind)
			}
		}
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil && t.flavor != "elasticsearch" {
		resp.Header.Set("X-Elastic-Product", "Elasticsearch")
	}
	return resp, err
}

// answerError is what the engine refused.
type answerError struct {
	Status int
	Reason string
}

func (e *answerError) Error() string { return fmt.Sprintf("search: status %d: %s", e.Status, e.Reason) }

// do sends a request. Connection failures, time-outs and answers that tell of an
// overloaded or starting server are ErrAway.
func (e *Engine) do(ctx context.Context, method, path string, body []byte, timeout time.Duration, out any) error {
	if time.Now().UnixNano() < e.awayUntil.Load() && timeout == searchTimeout {
		return ErrAway
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, path, in)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", plainJSON)
		if strings.Contains(path, "_bulk") || strings.Contains(path, "_msearch") {
			r.Header.Set("Content-Type", plainBulk)
		}
	}
	resp, err := e.client.Perform(r)
	if err != nil {
		return e.away(outer, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return e.away(outer, err)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return e.away(outer, &answerError{resp.StatusCode, reason(raw)})
	case resp.StatusCode >= 300:
		return &answerError{resp.StatusCode, reason(raw)}
	}
	e.awayUntil.Store(0)
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("search: read the answer: %w", err)
	}
	return nil
}

func (e *Engine) away(ctx context.Context, err error) error {
	if ctx.Err() != nil { // the caller went away, not the engine
		return ctx.Err()
	}
	e.awayUntil.Store(time.Now().Add(breather).UnixNano())
	return fmt.Errorf("%w: %w", ErrAway, err)
}

func reason(raw []byte) string {
	var a struct {
		Error struct {
			Reason    string `json:"reason"`
			RootCause []struct {
				Reason string `json:"reason"`
			} `json:"root_cause"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &a) == nil && a.Error.Reason != "" {
		if len(a.Error.RootCause) > 0 {
			return a.Error.RootCause[0].Reason
		}
		return a.Error.Reason
	}
	return string(raw[:min(len(raw), 200)])
}

func isNotFound(err error) bool { return status(err) == http.StatusNotFound }

// status is that of the engine's answer, if err is one.
func status(err error) int {
	var a *answerError
	if errors.As(err, &a) {
		return a.Status
	}
	return 0
}

// Alias is the name that is searched.
func (e *Engine) Alias() string { return e.prefix + "jobs" }

// NewIndex makes an empty index that is not searched yet.
func (e *Engine) NewIndex(ctx context.Context) (name string, err error) {
	name = e.Alias() + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	body, err := json.Marshal(m{"settings": definition["settings"], "mappings": definition["mappings"], "aliases": m{name + "-write": m{}}})
	if err != nil {
		return "", err
	}
	return name, e.do(ctx, http.MethodPut, "/"+name, body, adminTimeout, nil)
}

// Current is the index behind the alias; empty if there is none.
func (e *Engine) Current(ctx context.Context) (string, error) {
	var a map[string]any
	err := e.do(ctx, http.MethodGet, "/_alias/"+e.Alias(), nil, adminTimeout, &a)
	if isNotFound(err) {
		return "", nil
	}
	for name := range a {
		return name, err
	}
	return "", err
}

// Outdated reports whether the index behind the alias is of an older definition
// than this [Version]. Without an index there is nothing outdated.
func (e *Engine) Outdated(ctx context.Context) (bool, error) {
	var a map[string]struct {
		Mappings struct {
			Meta struct {
				Version int `json:"version"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	err := e.do(ctx, http.MethodGet, "/"+e.Alias()+"/_mapping", nil, adminTimeout, &a)
	if isNotFound(err) {
		return false, nil
	}
	for _, index := range a {
		if index.Mappings.Meta.Version < Version {
			return true, err
		}
	}
	return false, err
}

// Swap puts an index behind the alias, at once and in place of what was there.
func (e *Engine) Swap(ctx context.Context, name string) error {
	if err := e.do(ctx, http.MethodPost, "/"+name+"/_refresh", nil, adminTimeout, nil); err != nil {
		return err
	}
	body, err := json.Marshal(m{"actions": []m{
		{"remove": m{"index": e.Alias() + "-*", "alias": e.Alias(), "must_exist": false}},
		{"add": m{"index": name, "alias": e.Alias()}},
	}})
	if err != nil {
		return err
	}
	return e.do(ctx, http.MethodPost, "/_aliases", body, adminTimeout, nil)
}

// Drop deletes an index; one that does not exist is no error.
func (e *Engine) Drop(ctx context.Context, name string) error {
	err := e.do(ctx, http.MethodDelete, "/"+name, nil, adminTimeout, nil)
	if isNotFound(err) {
		return nil
	}
	return err
}

// Exists reports whether an index is there.
func (e *Engine) Exists(ctx context.Context, name string) (bool, error) {
	err := e.do(ctx, http.MethodGet, "/"+name+"/_settings", nil, adminTimeout, nil)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// Refresh makes what was written visible now.
func (e *Engine) Refresh(ctx context.Context) error {
	return e.do(ctx, http.MethodPost, "/"+e.Alias()+"/_refresh", nil, adminTimeout, nil)
}

// Document is a job as it is indexed.
type Document struct {
	ID          string    `json:"id"`
	Version     int64     `json:"-"`
	Deleted     bool      `json:"-"` // is to be taken out
	Title       string    `json:"title"`
	Company     string    `json:"company"`
	CompanyID   string    `json:"companyId"`
	Description string    `json:"description"`
	Skills      []string  `json:"skills,omitempty"`
	Location    string    `json:"location,omitempty"`
	Country     string    `json:"country,omitempty"`
	City        string    `json:"city,omitempty"`
	Point       *Point    `json:"point,omitempty"`
	Remote      string    `json:"remote,omitempty"`
	Employment  string    `json:"employmentType,omitempty"`
	Seniority   string    `json:"seniority,omitempty"`
	Language    string    `json:"language,omitempty"`
	Platforms   []string  `json:"platform,omitempty"`
	Currency    string    `json:"payCurrency,omitempty"`
	PayYearMax  *float64  `json:"payYearMax,omitempty"`
	PostedAt    time.Time `json:"postedAt"`
}

// Point is a place on earth, in degrees.
type Point struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// Write puts documents into an index, or takes them out, unless it has a newer
// version of them. It fails as a whole: what was written is harmless to write
// again.
func (e *Engine) Write(ctx context.Context, index string, docs []Document) error {
	if len(docs) == 0 {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range docs {
		verb := "index"
		if docs[i].Deleted {
			verb = "delete"
		}
		if err := enc.Encode(m{verb: m{"_id": docs[i].ID, "version": docs[i].Version, "version_type": "external_gte"}}); err != nil {
			return err
		}
		if !docs[i].Deleted {
			if err := enc.Encode(&docs[i]); err != nil {
				return err
			}
		}
	}
	var a struct {
		Errors bool `json:"errors"`
		Items  []map[string]struct {
			ID     string `json:"_id"`
			Status int    `json:"status"`
			Error  struct {
				Reason string `json:"reason"`
			} `json:"error"`
		} `json:"items"`
	}
	// An index that is gone is not made again by writing to it.
	if err := e.do(ctx, http.MethodPost, "/"+index+"-write/_bulk?require_alias=true&filter_path=errors,items.*.status,items.*._id,items.*.error.reason", b.Bytes(), adminTimeout, &a); err != nil {
		return err
	}
	if !a.Errors {
		return nil
	}
	for _, item := range a.Items {
		for _, r := range item {
			switch {
			case r.Status < 300, r.Status == http.StatusConflict, r.Status == http.StatusNotFound && r.Error.Reason == "": // newer there, or gone already
			case r.Status == http.StatusTooManyRequests || r.Status >= 500:
				return fmt.Errorf("%w: %s", ErrAway, r.Error.Reason)
			default:
				return fmt.Errorf("search: document %s: status %d: %s", r.ID, r.Status, r.Error.Reason)
			}
		}
	}
	return nil
}

package job

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// engine sends a request to the search engine itself.
func (f *fixture) engine(method, path, body string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, testkit.Env(f.t, "SEARCH_URL")+"/"+path, bytes.NewBufferString(body))
	must(f.t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	must(f.t, err)
	must(f.t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		f.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

func TestAnIndexOfAnOlderReleaseIsRenewed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.renewIndex(t.Context())) // without an index there is nothing to do
	f.boards.set("brightwater", goJob, cook)
	f.gather(f.add("greenhouse", "brightwater"))
	f.index()
	first, err := f.Engine.Current(t.Context())
	must(t, err)
	must(t, f.renewIndex(t.Context()))
	if now, err := f.Engine.Current(t.Context()); err != nil || now != first {
		t.Fatalf("an index of this release was replaced: %s, %s, %v", first, now, err)
	}

	// An older one answers until the new one does.
	f.engine(http.MethodPut, first+"/_mapping", `{"_meta": {"version": 0}}`)
	if r := f.search(search.Query{Text: "cook"}); r.Degraded || len(r.Jobs) != 1 {
		t.Fatalf("%+v", r)
	}
	must(t, f.renewIndex(t.Context()))
	second, err := f.Engine.Current(t.Context())
	must(t, err)
	if old, err := f.Engine.Exists(t.Context(), first); err != nil || old || second == first {
		t.Fatal(first, second, old, err)
	}
	if r := f.search(search.Query{Text: "cook"}); r.Degraded || len(r.Jobs) != 1 {
		t.Fatalf("%+v", r)
	}
}

// A query that the old index cannot run is the database's until it is renewed.
func TestAQueryThatTheIndexRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.boards.set("brightwater", goJob, cook)
	f.gather(f.add("greenhouse", "brightwater"))
	old := f.Engine.Alias() + "-old"
	f.engine(http.MethodPut, old, `{"mappings": {"properties": {"title": {"type": "text"}}}, "aliases": {"`+f.Engine.Alias()+`": {}, "`+old+`-write": {}}}`)
	must(t, f.q.IndexTargetAdd(t.Context(), old))
	if r := f.search(search.Query{Text: "cook"}); !r.Degraded || len(r.Jobs) != 1 {
		t.Fatalf("%+v", r)
	}
	must(t, f.renewIndex(t.Context()))
	if r, err := f.Search(t.Context(), uuid.Nil, search.Query{Text: "cook"}, search.Page{Sort: search.ByDate, Limit: 3}); err != nil || r.Degraded || len(r.Jobs) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if n := f.count("SELECT count(*) FROM search_indices"); n != 1 {
		t.Fatalf("%d indices are written to", n)
	}
}

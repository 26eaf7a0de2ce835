package job

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// recorded are the files of recorded boards and the paths that they are the answer of.
var recorded = map[string]struct{ file, token, path string }{
	"greenhouse":      {"greenhouse.json", "acme", "/greenhouse/api/v1/boards/acme/jobs"},
	"lever":           {"lever.json", "acme", "/lever/api/v0/postings/acme"},
	"ashby":           {"ashby.json", "acme", "/ashby/api/posting-api/job-board/acme"},
	"workable":        {"workable.json", "acme", "/workable/api/v1/widget/accounts/acme"},
	"smartrecruiters": {"smartrecruiters.json", "acme", "/smartrecruiters/api/v1/companies/acme/postings"},
	"recruitee":       {"recruitee.json", "acme", "/recruitee/acme/api/offers/"},
	"personio":        {"personio.xml", "acme", "/personio/acme/xml"},
	"remoteok":        {"remoteok.json", "", "/remoteok/api"},
	"remotive":        {"remotive.json", "", "/remotive/api/remote-jobs"},
	"arbeitnow":       {"arbeitnow.json", "", "/arbeitnow/api/job-board-api"},
}

// BenchmarkRecordedBoards reads recorded answers of real boards, of which the
// project holds none: the folder boards/recorded of JOBPILOT_DATA. It reports the
// share of listings that is read, and of those the share that each property was
// resolved of. Without the variable it measures nothing.
func BenchmarkRecordedBoards(b *testing.B) {
	data := os.Getenv("JOBPILOT_DATA")
	if data == "" {
		return
	}
	for b.Loop() {
		var all []Listing
		found, failed := 0, 0
		for _, platform := range slices.Sorted(maps.Keys(recorded)) {
			c := recorded[platform]
			body, err := os.ReadFile(filepath.Join(data, "boards", "recorded", c.file))
			must(b, err)
			list, report := replay(b, source.Board{Platform: platform, Token: c.token}, c.path, body)
			found, failed = found+report.Found, failed+report.Failed
			for _, l := range list {
				pay, _ := json.Marshal(l.Pay) //nolint:errchkjson // numbers
				b.Logf("%-15s %q %q at %q = %s/%s/%s, %q, %q, %q, pay %s, %q, %d bytes", platform, l.Company, l.Title, l.Place.Text, l.Place.City, l.Place.Region, l.Place.Country, l.Remote, l.Seniority, l.Employment, pay, l.Language, len(l.Text))
			}
			b.Logf("%-15s %d found, %d failed, problems %q", platform, report.Found, report.Failed, report.Problems)
			all = append(all, list...)
		}
		if found == 0 {
			b.Fatal("nothing is read")
		}
		share := func(has func(l *Listing) bool) float64 {
			n := 0
			for i := range all {
				if has(&all[i]) {
					n++
				}
			}
			return float64(n) / float64(len(all))
		}
		b.ReportMetric(float64(len(all))/float64(found), "read")
		b.ReportMetric(share(func(l *Listing) bool { return l.Place.Country != "" || l.Place.City != "" }), "place")
		b.ReportMetric(share(func(l *Listing) bool { return l.Pay != nil }), "pay")
		b.ReportMetric(share(func(l *Listing) bool { return l.Seniority != "" }), "seniority")
		b.ReportMetric(share(func(l *Listing) bool { return l.Remote != "" }), "remote")
		b.ReportMetric(share(func(l *Listing) bool { return l.Text != "" }), "text")
	}
}

// replay has an adapter read a recorded answer.
func replay(b *testing.B, board source.Board, path string, body []byte) (list []Listing, report source.Report) {
	b.Helper()
	var detail []byte // SmartRecruiters' is the listing's entry, with its text
	var listed struct{ Content []json.RawMessage }
	if json.Unmarshal(body, &listed) == nil && len(listed.Content) > 0 {
		detail = listed.Content[0]
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == path && (r.URL.Query().Get("page") == "" || r.URL.Query().Get("page") == "1"):
			_, _ = w.Write(body)
		case r.URL.Path == path:
			_, _ = w.Write([]byte(`{"data": []}`))
		case strings.HasPrefix(r.URL.Path, path+"/") && detail != nil:
			_, _ = w.Write(detail)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	board.BaseURL, board.Name = s.URL, "Acme" // with a name, the board's page is not asked for it
	f := fetch.New(fetch.Options{UserAgent: "JobPilotBot/1.0 (test)", Allow: []string{strings.TrimPrefix(s.URL, "http://")}, Timeout: 5 * time.Second})
	report, err := source.Gather(b.Context(), f, board, nil, source.Sink{
		Posting: func(_ context.Context, p source.Posting) error {
			list = append(list, Normalize(p, board.Name, time.Now()))
			return nil
		},
		Unchanged: func(context.Context, string) error { return nil },
	})
	must(b, err)
	return list, report
}

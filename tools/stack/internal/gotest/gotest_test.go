package gotest

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                    string
		in                      string
		passed, failed, skipped int
		report                  []string // what the report must hold
		absent                  string   // what it must not hold
	}{
		{
			name: "passing is quiet",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"hello\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			passed: 2, absent: "hello",
		},
		{
			name: "failing is shown, and only that",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"fine\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"b_test.go:7: want 1\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"fine\n"}
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"SEED=7\n"}
{"Action":"fail","Package":"p"}`,
			passed: 2, failed: 1, report: []string{"--- in p", "want 1", "SEED=7"}, absent: "fine",
		},
		{
			name: "a package that does not build is one failure",
			in: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"x.go:1: undefined: y\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			failed: 1, report: []string{"undefined: y"},
		},
		{
			name: "a panic in the middle is shown",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}
{"Action":"fail","Package":"p"}`,
			failed: 1, report: []string{"panic: boom"},
		},
		{
			name: "what the go tool itself says is shown when no test ran",
			in:   "go: no such module\n", report: []string{"no such module"},
		},
		{
			name:    "a skip is neither",
			in:      `{"Action":"skip","Package":"p","Test":"TestA"}`,
			skipped: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Read(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if r.Passed != tt.passed || r.Failed != tt.failed || r.Skipped != tt.skipped {
				t.Errorf("passed %d failed %d skipped %d, want %d %d %d", r.Passed, r.Failed, r.Skipped, tt.passed, tt.failed, tt.skipped)
			}
			for _, want := range tt.report {
				if !strings.Contains(r.Failures, want) {
					t.Errorf("report lacks %q:\n%s", want, r.Failures)
				}
			}
			if tt.absent != "" && strings.Contains(r.Failures, tt.absent) {
				t.Errorf("report holds %q:\n%s", tt.absent, r.Failures)
			}
		})
	}
}

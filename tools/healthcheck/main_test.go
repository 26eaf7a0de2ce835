package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for status, healthy := range map[int]bool{200: true, 204: true, 404: false, 503: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if err := check(server.URL); (err == nil) != healthy {
			t.Errorf("status %d: %v", status, err)
		}
		server.Close()
	}
	if check("http://127.0.0.1:1") == nil {
		t.Error("nobody listens, yet it is healthy")
	}
}

package oauth

import (
	"testing"
	"time"
)

// What the providers do is tested through package auth, against servers.
func TestCallsEndInTimeUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	configs := map[string]Config{}
	for _, name := range providerNames {
		configs[name] = Config{ClientID: "id", ClientSecret: "secret"}
	}
	for told, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second} {
		providers, _, err := New("https://jobpilot.test", configs, Options{Timeout: told})
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range providers {
			var got time.Duration
			switch p := p.(type) {
			case *github:
				got = p.client.Timeout
			case *oidcProvider:
				got = p.client.Timeout
			}
			if got != want {
				t.Errorf("calls of %s may take %v, want %v", name, got, want)
			}
		}
	}
}

package browser

import (
	"net"
	"net/http"
	"time"
)

// NewClient makes an HTTP client that, like the browser, reaches no private
// addresses but those in allow. It follows redirects, each under the same rule.
func NewClient(allow []string, timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{Proxy: nil, DialContext: dialer(allow), MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second}}
}

func splitHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// Package e2e tests the platform as its users meet it: through the gateway, with
// every answer held against the contract.
package e2e

import (
	"testing"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

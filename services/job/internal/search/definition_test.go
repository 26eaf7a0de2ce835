package search

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
)

// An index is built anew only when Version says so: whoever changes the definition
// raises Version and writes down the hash that this test prints.
func TestVersionFollowsTheDefinition(t *testing.T) {
	t.Parallel()
	const version, hash = 1, "3318517972dde1b3"
	raw, err := json.Marshal(definition)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	if got := hex.EncodeToString(sum[:8]); got != hash || Version != version {
		t.Errorf("the definition is %s of Version %d, written down here is %s of %d", got, Version, hash, version)
	}
}

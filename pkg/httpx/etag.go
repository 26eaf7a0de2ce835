package httpx

import (
	"strconv"
	"strings"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// ErrPrecondition is a change based on a version that is no longer current.
var ErrPrecondition = errs.New(errs.Precondition, "precondition_failed",
	"It was changed meanwhile. Read it again, and repeat the change with its new ETag in If-Match.")

// ETag is the strong entity tag of a version (RFC 9110 §8.8.3). Set it on the
// answer of a GET; one that the client holds already is then answered with 304.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// CheckIfMatch compares the If-Match header that a change came with, nil for
// none, with the present version. The error is ErrPrecondition.
func CheckIfMatch(header *string, version int64) error {
	if header == nil || matchesETag([]string{*header}, ETag(version), false) {
		return nil
	}
	return ErrPrecondition
}

// matchesETag reports whether a list of entity tags, or "*", has etag. Weak tags
// match only where weak comparison is asked for (RFC 9110 §8.8.3.2).
func matchesETag(header []string, etag string, weak bool) bool {
	for _, line := range header {
		for tag := range strings.SplitSeq(line, ",") { // our tags hold no comma
			tag = strings.TrimSpace(tag)
			if weak {
				tag = strings.TrimPrefix(tag, "W/")
			}
			if tag == "*" || tag == etag || weak && tag == strings.TrimPrefix(etag, "W/") {
				return true
			}
		}
	}
	return false
}

package browser

import "os"

// sandbox reports whether Chromium can use its own sandbox, which it cannot as
// root; a container's takes its place there.
func sandbox() bool { return os.Geteuid() != 0 }

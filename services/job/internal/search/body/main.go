// Command body prints what the engine is asked for the searches that it reads, one
// JSON object a line, as the API asks for a first page: what a search through the
// API is measured against.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var q search.Query
		err := in.Decode(&q)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = out.Encode(search.Body(q, search.Page{Sort: search.ByRelevance, Limit: 20, Facets: true, Highlight: true}))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "body:", err)
			os.Exit(1)
		}
	}
}

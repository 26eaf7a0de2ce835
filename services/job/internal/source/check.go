package source

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

// closedPhrases are what pages say of a job that is not open any more.
var closedPhrases = regexp.MustCompile(`(?i)(no longer (accepting applications|available|open|active)|(position|job|role|vacancy|posting) (has been|is|was) (filled|closed|expired|removed)|` +
	`job (not found|you are looking for|you requested was not found)|applications (are|have) (now )?closed|` +
	`(stelle|position) (ist )?(nicht mehr (verfügbar|ausgeschrieben)|bereits besetzt|wurde besetzt)|diese stelle ist nicht mehr|` +
	`(poste|offre) (n'est plus|n’est plus|est pourvu|a été pourvu)|(oferta|puesto) ya no está disponible|vacature is (gesloten|niet meer beschikbaar))`)

// Check asks the source about one job. live is what it says, and reason why it is
// not; an error means that it could not be asked.
func Check(ctx context.Context, f *fetch.Fetcher, b Board, externalID, page string) (live bool, reason string, err error) {
	a, ok := readers[b.Platform]
	if !ok {
		return false, "", errors.New("source: no adapter for " + b.Platform)
	}
	r := &Run{Board: b, fetcher: f, odd: map[string]int{}}
	if a.one != nil {
		_, err := f.Get(ctx, a.one(r, externalID), fetch.Validators{})
		if errors.Is(err, fetch.ErrGone) {
			return false, "The board does not know it any more.", nil
		}
		if err != nil {
			return false, "", err
		}
	}
	p, err := f.Get(ctx, page, fetch.Validators{})
	switch {
	case errors.Is(err, fetch.ErrGone):
		return false, "Its page is gone.", nil
	case errors.Is(err, fetch.ErrForbidden) || (err != nil && a.one != nil):
		return true, "", nil // what may be asked says that it is open
	case err != nil:
		return false, "", err
	case movedAway(page, p.URL):
		return false, "Its page leads to another.", nil
	case closedPhrases.Match(text(p.Body)):
		return false, "Its page says that it is closed.", nil
	}
	return true, "", nil
}

var tags = regexp.MustCompile(`(?is)<script.*?</script>|<style.*?</style>|<[^>]*>`)

// text is a page without markup, as far as phrases are looked for in it.
func text(body []byte) []byte {
	body = body[:min(len(body), 1<<20)]
	return bytes.Join(bytes.Fields(tags.ReplaceAll(body, []byte(" "))), []byte(" "))
}

// movedAway reports whether a redirect left the job: the last part of the path of
// its page is nowhere in the address where it ended.
func movedAway(asked, got string) bool {
	a, errA := url.Parse(asked)
	g, errG := url.Parse(got)
	if errA != nil || errG != nil || a.Path == g.Path {
		return false
	}
	id := a.Path[strings.LastIndex(strings.TrimRight(a.Path, "/"), "/")+1:]
	return id != "" && !strings.Contains(got, strings.TrimRight(id, "/"))
}
